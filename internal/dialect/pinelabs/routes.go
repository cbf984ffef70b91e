// Package pinelabs speaks the payment link API of Pine Labs Online. It is pure
// translation: it never stores anything and never decides about money.
//
// The facts it is built on are in docs/dialects/pinelabs.md; a comment such as
// "sheet 6.1" names a section there.
package pinelabs

import (
	"crypto/sha256"
	"encoding/binary"
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

const name = "pinelabs"

// pinelabs is the dialect; its payer URLs are those of core.
type pinelabs struct {
	core      *core.Core
	publicURL string
	now       func() time.Time
}

// New is the dialect over c. publicURL is where payers reach this installation.
func New(c *core.Core, publicURL string) dialect.Dialect {
	return &pinelabs{core: c, publicURL: strings.TrimRight(publicURL, "/"), now: time.Now}
}

func (d *pinelabs) Name() string { return name }

// Routes are the endpoints of sheet 4 and 10.
func (d *pinelabs) Routes() []dialect.Route {
	return []dialect.Route{
		{Pattern: "POST /api/auth/v1/token", Handle: d.token},
		{Pattern: "POST /api/pay/v1/paymentlink", Handle: d.create},
		{Pattern: "GET /api/pay/v1/paymentlink/{id}", Handle: d.read},
		{Pattern: "GET /api/pay/v1/paymentlink/ref/{ref}", Handle: d.readByReference},
		{Pattern: "PUT /api/pay/v1/paymentlink/{id}/cancel", Handle: d.cancel},
		{Pattern: "PATCH /api/pay/v1/paymentlink/{id}/notify", Handle: d.resend},
		{Pattern: "GET /api/mcp/v1/payment-link/details", Handle: d.report},
		{Pattern: "GET /api/pay/v1/orders/{id}", Handle: d.readOrder},
		{Pattern: "GET /api/pay/v1/orders/reference/{ref}", Handle: d.readOrderByReference},
		{Pattern: "PUT /api/pay/v1/orders/{id}/capture", Handle: d.capture},
		{Pattern: "PUT /api/pay/v1/orders/{id}/cancel", Handle: d.cancelOrder},
		{Pattern: "PATCH /api/pay/v1/orders/{id}/settlementId/{split}/release", Handle: d.releaseSplit},
		{Pattern: "PATCH /api/pay/v1/orders/{id}/settlementId/{split}/cancel", Handle: d.cancelSplit},
		{Pattern: "POST /api/pay/v1/refunds/{id}", Handle: d.refund},
	}
}

func (d *pinelabs) create(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	var in linkIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	link, err := in.link(d.now())
	if err != nil {
		return d.strictly(r, who, err)
	}
	if in.Customer == nil {
		if on, err := d.setting(r, who, settingCustomer); err != nil {
			return err
		} else if on {
			return invalid("customer", codeCustomer, "is required")
		}
	}
	body, err := web.Body(r)
	if err != nil {
		return err
	}
	made, err := d.core.CreateLink(r.Context(), who, core.CreateLink{
		Fingerprint: web.Fingerprint(r.Method, "/api/pay/v1/paymentlink", nil, body),
		Link:        link,
		WireID:      d.NewWireID,
		ReuseRef:    true, // sheet 5.4: the Idempotency-Key header is not the key
		Shares:      sharesOf(link, pay.ShareCreated),
	})
	if err != nil {
		return err
	}
	if made.First {
		return web.JSON(w, http.StatusCreated, newLinkOut(made.Link, nil, d.PayURL(d.publicURL, made.Link)))
	}
	if on, err := d.setting(r, who, settingDuplicate); err != nil {
		return err
	} else if on {
		return errDuplicate
	}
	view, err := d.core.Link(r.Context(), who, made.Link.ID)
	if err != nil {
		return err
	}
	return d.answer(w, view)
}

func (d *pinelabs) read(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	view, err := d.find(r, who)
	if err != nil {
		return err
	}
	return d.answer(w, view)
}

func (d *pinelabs) readByReference(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	ref := r.PathValue("ref")
	if !wireName.MatchString(ref) {
		return pay.ErrNotFound
	}
	view, err := d.core.LinkByUniqueRef(r.Context(), who, ref)
	if err != nil {
		return err
	}
	return d.answer(w, view)
}

// cancel closes a link nobody has begun to pay (sheet 6.2).
func (d *pinelabs) cancel(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	view, err := d.find(r, who)
	if err != nil {
		return err
	}
	view, err = d.core.CancelLinkWhen(r.Context(), who, view.Link.ID, func(now core.LinkView) error {
		if s := linkStatus(now.Link, now.Payments); s != statusCreated && s != statusClicked {
			return pay.ErrState("a payment link that is %s cannot be cancelled", s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.answer(w, view)
}

// wireName is the form of link ids and references; what has another is unknown.
var wireName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,50}$`)

// find reads the link that the path names.
func (d *pinelabs) find(r *http.Request, who pay.Caller) (core.LinkView, error) {
	id := r.PathValue("id")
	if !wireName.MatchString(id) {
		return core.LinkView{}, pay.ErrNotFound
	}
	return d.core.LinkByWireID(r.Context(), who, id)
}

func (d *pinelabs) answer(w http.ResponseWriter, v core.LinkView) error {
	return web.JSON(w, http.StatusOK, newLinkOut(v.Link, v.Payments, d.PayURL(d.publicURL, v.Link)))
}

// payPath is where the provider's own pages are: seven characters follow it
// there, and our token here, which carries 128 random bits.
const payPath = "/PLUTUS/"

// PayURL is what the merchant hands to the payer.
func (d *pinelabs) PayURL(base string, l pay.Link) string { return base + payPath + l.Token }

// Pages are those addresses.
func (d *pinelabs) Pages() []dialect.Page {
	return []dialect.Page{{Pattern: "GET " + payPath + "{token}", Token: func(r *http.Request) string { return r.PathValue("token") }}}
}

// The merchant settings of this dialect; each is on when its value is "true".
const (
	settingCustomer  = "require_customer" // create without customer: 400, as seen at the live test system
	settingDuplicate = "refuse_duplicate" // a repeated reference: 422 instead of the existing link
	settingLimit     = "limit_as_422"     // an amount above the limit: 422 AMOUNT_LIMIT_EXCEEDED instead of 400
	settingMerchant  = "merchant_id"      // what orders call the merchant; else six digits made of our own id
)

func (d *pinelabs) setting(r *http.Request, who pay.Caller, key string) (bool, error) {
	m, err := d.core.Merchant(r.Context(), who.Tenant)
	return m.Settings.Dialects[name][key] == "true", err
}

// strictly is a refusal of a create in the words that the merchant has chosen.
func (d *pinelabs) strictly(r *http.Request, who pay.Caller, refused error) error {
	var e *pay.Error
	if !errors.As(refused, &e) || len(e.Fields) == 0 || e.Fields[0].Path != "amount.value" || e.Fields[0].Code != codeLarge {
		return refused
	}
	if on, err := d.setting(r, who, settingLimit); err != nil {
		return err
	} else if !on {
		return refused
	}
	return overLimit(e.Fields[0].Path + " " + e.Fields[0].Detail)
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewWireID is "pl-v1-", the time, and six characters made of the link's id:
// a name, made of nothing secret.
func (d *pinelabs) NewWireID(id pay.LinkID, _ string, now time.Time) string {
	return "pl-v1-" + now.UTC().Format("060102150405") + "-aa-" + sixOf(string(id))
}

// sixOf is six characters made of a name.
func sixOf(s string) string {
	sum := sha256.Sum256([]byte(name + ":" + s))
	n := binary.BigEndian.Uint64(sum[:])
	six := make([]byte, 6)
	for i := range six {
		six[i] = alphanumeric[n%62]
		n /= 62
	}
	return string(six)
}

// orderID is the id of the one order of a link: the same name without "pl-",
// so that either leads to the other.
func orderID(l pay.Link) string { return strings.TrimPrefix(l.WireID, "pl-") }
