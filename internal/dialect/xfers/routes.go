// Package xfers speaks the payment link API of Xfers v4, now Fazz Business, in
// Indonesia. It is pure translation: it never stores anything and never decides
// about money.
//
// The facts it is built on are in docs/dialects/xfers.md; a comment such as
// "sheet 5" names a section there.
package xfers

import (
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const name = "xfers"

// xfers is the dialect.
type xfers struct {
	core      *core.Core
	publicURL string
}

// New is the dialect over c. publicURL is where payers reach this installation.
func New(c *core.Core, publicURL string) dialect.Dialect {
	return &xfers{core: c, publicURL: strings.TrimRight(publicURL, "/")}
}

func (d *xfers) Name() string { return name }

// Routes are the endpoints of sheet 4.
func (d *xfers) Routes() []dialect.Route {
	return []dialect.Route{
		{Pattern: "POST /api/v4/payment_links", Handle: d.create},
		{Pattern: "GET /api/v4/payment_links", Handle: d.list},
		{Pattern: "GET /api/v4/payment_links/{id}", Handle: d.read},
		{Pattern: "POST /api/v4/payment_links/{id}/tasks", Handle: d.task},
	}
}

// create makes a link and the wish to send it by e-mail, or answers with the
// link that the same request made before (sheet 5).
func (d *xfers) create(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	var in linkIn
	if err := attributes(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	m, err := d.core.Merchant(r.Context(), who.Tenant)
	if err != nil {
		return err
	}
	limits, err := boundsOf(m)
	if err != nil {
		return err
	}
	now := d.core.Now()
	print := in.fingerprint()
	refuse := in.refuse(now, limits) // what may have been right when the request came first
	if refuse == nil {
		made, err := d.core.CreateLink(r.Context(), who, core.CreateLink{
			Fingerprint: print, Link: in.link(now), WireID: d.NewWireID,
			Shares: []pay.Share{{Cause: pay.ShareCreated, Recipients: []pay.Recipient{{Name: in.Name.value, Email: in.Email.value}}}},
		})
		if err != nil {
			return err
		}
		if made.First {
			return d.answer(w, http.StatusCreated, core.LinkView{Link: made.Link})
		}
	}
	old, err := d.core.LinkByUniqueRef(r.Context(), who, in.Reference.value)
	switch {
	case refuse != nil && errors.Is(err, pay.ErrNotFound):
		return refuse
	case err != nil:
		return err
	case old.Link.RefPrint != print:
		return pay.ErrReference
	}
	return d.answer(w, http.StatusCreated, old)
}

func (d *xfers) read(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	view, err := d.find(r, who)
	if err != nil {
		return err
	}
	return d.answer(w, http.StatusOK, view)
}

// wireID is the form of a link's id; what has another is unknown.
var wireID = regexp.MustCompile(`^` + idPrefix + `[0-9a-f]{32}$`)

// find reads the link that the path names.
func (d *xfers) find(r *http.Request, who pay.Caller) (core.LinkView, error) {
	id := r.PathValue("id")
	if !wireID.MatchString(id) {
		return core.LinkView{}, pay.ErrNotFound
	}
	return d.core.LinkByWireID(r.Context(), who, id)
}

// dataOut is the envelope of every answer that is 2xx.
type dataOut struct {
	Data any `json:"data"`
}

const contentType = "application/vnd.api+json; charset=utf-8"

func (d *xfers) answer(w http.ResponseWriter, status int, v core.LinkView) error {
	return web.JSONAs(w, status, contentType, dataOut{d.newLinkOut(d.publicURL, v.Link, v.Payments)})
}

const (
	idPrefix = "paymentlink_"
	payPath  = "/x/"
)

// NewWireID is the token's 128 random bits in hexadecimal: the id stands in the
// payer's address.
func (d *xfers) NewWireID(_ pay.LinkID, token string, _ time.Time) string {
	return idPrefix + hex.EncodeToString(pay.TokenBits(token))
}

// PayURL ends in the link's id, as the provider's does.
func (d *xfers) PayURL(base string, l pay.Link) string { return base + payPath + l.WireID }

// Pages are those addresses.
func (d *xfers) Pages() []dialect.Page {
	return []dialect.Page{{Pattern: "GET " + payPath + "{id}", Token: func(r *http.Request) string { return tokenOf(r.PathValue("id")) }}}
}

// tokenOf is the token that an id carries; "" when it has not the form of one.
func tokenOf(id string) string {
	if !wireID.MatchString(id) {
		return ""
	}
	bits, err := hex.DecodeString(strings.TrimPrefix(id, idPrefix))
	if err != nil {
		return ""
	}
	return pay.TokenOf(bits)
}

// Return is never: a link has no address to go back to, our own page is its end.
func (d *xfers) Return(pay.Link, pay.Payment, string, time.Time) (dialect.Return, bool) {
	return dialect.Return{}, false
}
