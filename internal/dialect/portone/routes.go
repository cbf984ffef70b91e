// Package portone speaks the payment link API of PortOne global (formerly
// ChaiPort). It is pure translation: it never stores anything and never decides
// about money.
//
// The facts it is built on are in docs/dialects/portone.md; a comment such as
// "sheet 6.1" names a section there.
package portone

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const name = "portone"

// portone is the dialect; its payer URLs are those of core.
type portone struct {
	core      *core.Core
	publicURL string
}

// New is the dialect over c. publicURL is where payers reach this installation.
func New(c *core.Core, publicURL string) dialect.Dialect {
	return &portone{core: c, publicURL: strings.TrimRight(publicURL, "/")}
}

func (d *portone) Name() string { return name }

// Routes are the endpoints of sheet 1, and the preflights of browsers that call
// them from a merchant's page.
func (d *portone) Routes() []dialect.Route {
	routes := []dialect.Route{
		{Pattern: "POST /api/merchant/auth-token", Handle: d.authToken},
		{Pattern: "POST /api/merchant/generate-signature", Handle: d.generateSignature},
		{Pattern: "POST /api/paymentLink", Handle: d.create},
		{Pattern: "GET /api/paymentLink/{ref}", Handle: d.read},
		{Pattern: "GET /api/paymentLink/{ref}/fetch-status", Handle: d.status},
		{Pattern: "GET /api/paymentLink/{order}/status", Handle: d.statusByOrder},
		{Pattern: "GET /api/merchant/{key}/paymentLink/{order}/status", Handle: d.statusByOrder},
		{Pattern: "PUT /api/update-paylink/{ref}", Handle: d.update},
		{Pattern: "PUT /api/paymentLink/{ref}/status/{status}", Handle: d.cancel},
		{Pattern: "POST /api/merchant/{key}/webhook", Handle: d.addEndpoint},
		{Pattern: "GET /api/merchant/{key}/webhook", Handle: d.endpoints},
		{Pattern: "GET /api/transaction/{ref}/status", Handle: d.attemptStatus},
		{Pattern: "POST /api/{key}/transaction-details", Handle: d.attemptDetails, After: true},
		{Pattern: "POST /api/merchant/{key}/fetch-all-payments", Handle: d.listAttempts},
		{Pattern: "POST /api/master-merchant/{key}/merchants/payment-links", Handle: d.listLinks},
		{Pattern: "POST /api/refund/{ref}", Handle: d.refund},
		{Pattern: "GET /api/getTransactionStatus/{order}", Handle: d.legacyStatus},
	}
	asked := map[string]bool{}
	for _, route := range slices.Clone(routes) {
		_, path, _ := strings.Cut(route.Pattern, " ")
		if !asked[path] {
			asked[path] = true
			routes = append(routes, dialect.Route{Pattern: "OPTIONS " + path, Handle: preflight, After: route.After})
		}
	}
	for i, route := range routes {
		routes[i].Handle = func(w http.ResponseWriter, r *http.Request) error {
			allowOrigin(w)
			return route.Handle(w, r)
		}
	}
	return routes
}

// allowOrigin lets a merchant's page read the answer. Nothing here goes by
// cookies, so any origin may.
func allowOrigin(w http.ResponseWriter) { w.Header().Set("Access-Control-Allow-Origin", "*") }

// allowedHeaders are those that browser and mobile SDKs send.
const allowedHeaders = "Authorization, Content-Type, X-Portone-Client-Key, X-Portone-SubMerchant-Key, " +
	"X-Chaipay-Client-Key, X-Chaipay-SubMerchant-Key, device-details"

func preflight(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT")
	w.Header().Set("Access-Control-Allow-Headers", allowedHeaders)
	w.Header().Set("Access-Control-Max-Age", "600") // seconds
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (d *portone) create(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	var in linkIn
	if err := decode(r, &in); err != nil {
		return err
	}
	in.Key, in.OldKey = first(in.Key, in.OldKey), ""
	in.creator = creator{cut(r.UserAgent(), maxID), web.ClientIP(r)}
	grant, err := in.admit(c)
	if err != nil {
		return err
	}
	now := d.core.Now()
	link, err := in.link(now, now)
	if err != nil {
		return err
	}
	body, err := web.Body(r)
	if err != nil {
		return err
	}
	made, err := d.core.CreateLink(r.Context(), who(grant, r), core.CreateLink{
		Fingerprint: web.Fingerprint(r.Method, "/api/paymentLink", nil, body), Link: link, WireID: d.NewWireID,
		Claims: in.claims(grant.Tenant.Merchant), Shares: in.shares(now, link.ExpiresAt), Hooks: in.hooks(c.secret),
	})
	if err != nil {
		return err
	}
	if !made.First {
		return errOrderUsed // also with the same content
	}
	return web.JSON(w, http.StatusOK, createdOut{made.Link.WireID, d.PayURL(d.publicURL, made.Link), linkCreated})
}

// admit checks who asks, and that the request is theirs, in the order of sheet 4.3.
func (in *linkIn) admit(c caller) (core.Grant, error) {
	if err := in.required(); err != nil {
		return core.Grant{}, err
	}
	switch {
	case in.Signature == "":
		return core.Grant{}, errNoSignature
	case in.Key != c.key:
		return core.Grant{}, errOtherKey
	case !signed(c.secret, in.Signature, signedRequest(in.Key, string(in.Amount), in.Currency, in.FailureURL, in.OrderID, in.SuccessURL)):
		return core.Grant{}, errSignature
	}
	return c.in(in.Environment)
}

func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

// find reads the link that our own reference names, in any environment.
// Errors: INVALID_PAYMENT_LINK_REF.
func (d *portone) find(r *http.Request, c caller, ref string) (core.LinkView, core.Grant, error) {
	if linkToken(ref) == "" {
		return core.LinkView{}, core.Grant{}, errLinkRef
	}
	for _, g := range c.reach() {
		v, err := d.core.LinkByWireID(r.Context(), seesAll(g, r), ref)
		if !errors.Is(err, pay.ErrNotFound) {
			return v, g, err
		}
	}
	return core.LinkView{}, core.Grant{}, errLinkRef
}

// findOrder reads the link with the merchant's order id, or with its own name
// of the link.
// Errors: INVALID_LINK_MERCHANT_ORDER_REF.
func (d *portone) findOrder(r *http.Request, c caller, order string) (core.LinkView, error) {
	for _, claim := range []func(pay.MerchantID, string) core.Claim{orderClaim, customClaim} {
		for _, g := range c.own() {
			v, err := d.core.LinkByClaim(r.Context(), seesAll(g, r), claim(g.Tenant.Merchant, order))
			if !errors.Is(err, pay.ErrNotFound) {
				return v, err
			}
		}
	}
	return core.LinkView{}, errOrderRef
}

// read gives the link object. A mobile SDK asks without any header, and is told
// all but what is the merchant's own.
func (d *portone) read(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Content linkOut `json:"content"`
		Code    string  `json:"status_code"`
		Reason  string  `json:"status_reason"`
	}
	ref := r.PathValue("ref")
	if r.Header.Get("Authorization") == "" && clientKey(r) == "" {
		v, err := d.core.OpenPage(r.Context(), linkToken(ref), false)
		if errors.Is(err, pay.ErrNotFound) || err == nil && v.Link.WireID != ref {
			return errLinkRef
		}
		if err != nil {
			return err
		}
		return web.JSON(w, http.StatusOK, answer{d.newLinkOut(core.LinkView{Link: v.Link, Payments: v.Payments}, false), success.code, success.reason})
	}
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	v, _, err := d.find(r, c, ref)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, answer{d.newLinkOut(v, true), success.code, success.reason})
}

func (d *portone) status(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	v, _, err := d.find(r, c, r.PathValue("ref"))
	if err != nil {
		return err
	}
	return envelope(w, d.newStatusOut(v), "")
}

func (d *portone) statusByOrder(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	v, err := d.findOrder(r, c, r.PathValue("order"))
	if err != nil {
		return err
	}
	return envelope(w, d.newStatusOut(v), "")
}

// callerOf is the caller of a path that may name a key: it must be the caller's.
func (d *portone) callerOf(r *http.Request) (caller, error) {
	c, err := d.authenticate(r)
	if key := r.PathValue("key"); err == nil && key != "" && key != c.key && (c.sub == "" || key != c.sub) {
		err = errOtherKey
	}
	return c, err
}

// cancel closes a link that nobody is paying at the moment (sheet 5.5).
func (d *portone) cancel(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	if r.PathValue("status") != "cancelled" {
		return refuse("INVALID_PAYMENT_REQUEST", "Invalid status! Only cancelled status is allowed")
	}
	v, g, err := d.find(r, c, r.PathValue("ref"))
	if err != nil {
		return err
	}
	if err := open(v.Link, v.Payments); err != nil {
		return err
	}
	if _, err := d.core.CancelLink(r.Context(), seesAll(g, r), v.Link.ID); err != nil {
		return err
	}
	return envelope(w, nil, "Payment link status updated successfully to cancelled")
}

// open refuses a link that is at its end or being paid.
func open(l pay.Link, payments []pay.Payment) error {
	s := linkStatus(l, payments)
	switch {
	case s != linkCreated && s != linkProcessing:
		return refuse("INVALID_STATUS_TYPE", "The payment link is "+s)
	case underWay(payments):
		return refuse("INVALID_STATUS_TYPE", "A payment is under way on the payment link")
	}
	return nil
}

// PayURL is what the merchant hands to the payer. The reference in it is a time
// and the 128 bits of the token.
func (d *portone) PayURL(base string, l pay.Link) string { return base + "/pay?ref=" + l.WireID }

// Pages are those addresses.
func (d *portone) Pages() []dialect.Page {
	return []dialect.Page{{Pattern: "GET /pay", Token: func(r *http.Request) string { return linkToken(r.URL.Query().Get("ref")) }}}
}

// NewWireID is the KSUID of the time and the token.
func (d *portone) NewWireID(_ pay.LinkID, token string, now time.Time) string {
	return ksuid(now, pay.TokenBits(token))
}
