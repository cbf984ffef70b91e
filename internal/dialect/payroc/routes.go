// Package payroc speaks the payment link API of Payroc. It is pure
// translation: it never stores anything and never decides about money.
//
// The facts it is built on are in docs/dialects/payroc.md; a comment such as
// "sheet 6.4" names a section there.
package payroc

import (
	"net/http"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const name = "payroc"

// payroc is the dialect.
type payroc struct {
	core      *core.Core
	publicURL string
}

// New is the dialect over c. publicURL is where payers reach this installation.
func New(c *core.Core, publicURL string) dialect.Dialect {
	return &payroc{core: c, publicURL: strings.TrimRight(publicURL, "/")}
}

func (d *payroc) Name() string { return name }

const (
	linksOfTerminal = " /v1/processing-terminals/{terminal}/payment-links"
	oneLink         = " /v1/payment-links/{id}"
	sharesOfLink    = oneLink + "/sharing-events"
)

// Routes are the endpoints of sheet 1.1 and 11. The token is served under both
// bases, because some clients know only one.
func (d *payroc) Routes() []dialect.Route {
	return []dialect.Route{
		{Pattern: "POST /authorize", Handle: d.authorize},
		{Pattern: "POST /v1/authorize", Handle: d.authorize},
		{Pattern: "POST" + linksOfTerminal, Handle: d.create},
		{Pattern: "GET" + linksOfTerminal, Handle: d.list},
		{Pattern: "GET" + oneLink, Handle: d.read},
		{Pattern: "PATCH" + oneLink, Handle: d.update},
		{Pattern: "POST" + oneLink + "/deactivate", Handle: d.deactivate},
		{Pattern: "POST" + sharesOfLink, Handle: d.share},
		{Pattern: "GET" + sharesOfLink, Handle: d.shares},
		{Pattern: "GET /v1/payments", Handle: d.cardPayments},
		{Pattern: "GET /v1/bank-transfer-payments", Handle: d.bankPayments},
		{Pattern: "POST /v1/payments/{id}/capture", Handle: d.capture},
	}
}

// NewWireID is the link's own id: ten of A–Z 0–9, as the provider's.
func (d *payroc) NewWireID(id pay.LinkID, _ string, _ time.Time) string { return string(id) }

// PayURL is our own address: the provider's carry an opaque token as well.
func (d *payroc) PayURL(base string, l pay.Link) string { return dialect.PlainPayURL(base, l) }

// Pages are none beside ours.
func (d *payroc) Pages() []dialect.Page { return nil }

// create makes a link under a terminal (sheet 6.1). A replay is the first
// answer again: the link as its making left it.
func (d *payroc) create(w http.ResponseWriter, r *http.Request) error {
	call, err := d.atTerminal(r)
	if err != nil {
		return err
	}
	key, print, body, err := keyed(r, "application/json")
	if err != nil {
		return err
	}
	link, refuse := call.newLink(body, d.core.Now())
	made, err := d.core.CreateLink(r.Context(), call.who, core.CreateLink{
		Key: key, Fingerprint: print, Link: link, WireID: d.NewWireID, Refuse: refuse,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", d.base(r)+"/v1/payment-links/"+made.Link.WireID)
	return web.JSON(w, http.StatusCreated, d.word(call, core.LinkView{Link: made.Link}))
}

func (d *payroc) read(w http.ResponseWriter, r *http.Request) error {
	call, view, err := d.atLink(r)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(call, view))
}

// update is a JSON Patch over the link as the client sees it (sheet 6.4).
func (d *payroc) update(w http.ResponseWriter, r *http.Request) error {
	call, view, err := d.atLink(r)
	if err != nil {
		return err
	}
	key, print, body, err := keyed(r, "application/json", "application/json-patch+json")
	if err != nil {
		return err
	}
	ops, refuse := readPatch(body)
	view, err = d.core.EditLink(r.Context(), call.who, core.EditLink{
		Key: key, Fingerprint: print, Link: view.Link.ID, NewToken: single(view.Link), Refuse: refuse,
		Change: func(l *pay.Link, payments []pay.Payment) error {
			return call.patch(l, payments, ops, d.word(call, core.LinkView{Link: *l, Payments: payments}))
		},
	})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(call, view))
}

// deactivate closes a link for good; once more changes nothing (sheet 6.5).
func (d *payroc) deactivate(w http.ResponseWriter, r *http.Request) error {
	call, view, err := d.atLink(r)
	if err != nil {
		return err
	}
	if linkStatus(view.Link, view.Payments) == statusCompleted {
		return pay.ErrState("a completed payment link cannot be deactivated")
	}
	closed, err := d.core.CancelLink(r.Context(), call.who, view.Link.ID)
	if err != nil && pay.KindOf(err) == pay.Conflict { // deactivated before, or a payer was first
		if closed, err = d.core.Link(r.Context(), call.who, view.Link.ID); err == nil && closed.Link.State != pay.LinkCanceled {
			err = pay.ErrState("a completed payment link cannot be deactivated")
		}
	}
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(call, closed))
}

// base is what the addresses of answers begin with.
func (d *payroc) base(r *http.Request) string { return web.Base(d.publicURL, r) }
