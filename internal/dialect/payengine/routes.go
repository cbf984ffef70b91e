// Package payengine speaks the payment link API of PayEngine. It is pure
// translation: it never stores anything and never decides about money.
//
// The facts it is built on are in docs/dialects/payengine.md; a comment such as
// "sheet 4.1" names a section there.
package payengine

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const name = "payengine"

// payengine is the dialect; its payer URLs are those of core.
type payengine struct {
	core      *core.Core
	publicURL string
}

// New is the dialect over c. publicURL is where payers reach this installation.
func New(c *core.Core, publicURL string) dialect.Dialect {
	return &payengine{core: c, publicURL: strings.TrimRight(publicURL, "/")}
}

func (d *payengine) Name() string { return name }

// Routes are the endpoints of sheet 4.
func (d *payengine) Routes() []dialect.Route {
	return []dialect.Route{
		{Pattern: "POST /api/payment-link", Handle: d.create},
		{Pattern: "GET /api/payment-link/{id}", Handle: d.read},
		{Pattern: "PUT /api/payment-link/{id}", Handle: d.update},
		{Pattern: "PATCH /api/payment-link/{id}", Handle: d.update},
		{Pattern: "POST /api/payment-link/{id}/cancel", Handle: d.cancel},
		{Pattern: "GET /api/merchant/{merchant_id}/payment-link", Handle: d.list},
	}
}

// bodyIn is the body of create and update.
type bodyIn struct {
	MerchantID *string `json:"merchant_id"`
	Data       *dataIn `json:"data"`
}

// create makes a link; two equal calls make two (sheet 4).
func (d *payengine) create(w http.ResponseWriter, r *http.Request) error {
	grants, err := d.grants(r)
	if err != nil {
		return err
	}
	var in bodyIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	var bad pay.Faults
	if text(in.MerchantID) == "" {
		bad.Add("merchant_id", "required", "is required")
	}
	if in.Data == nil {
		bad.Add("data", "required", "is required")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	who, err := actsFor(grants, *in.MerchantID, r)
	if err != nil {
		return err
	}
	zone, err := d.zone(r, who)
	if err != nil {
		return err
	}
	var link pay.Link
	if err := in.Data.fill(&link, zone, d.core.Now()); err != nil {
		return err
	}
	made, err := d.core.CreateLink(r.Context(), who, core.CreateLink{Link: link, WireID: d.NewWireID, Claims: claims(who, link.Slug)})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(made.Link))
}

func (d *payengine) read(w http.ResponseWriter, r *http.Request) error {
	_, view, err := d.find(r)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(view.Link))
}

// update changes what the body names and leaves the rest (sheet 4.5).
func (d *payengine) update(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.find(r)
	if err != nil {
		return err
	}
	if err := open(view.Link, "updated"); err != nil {
		return err
	}
	var in bodyIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	var bad pay.Faults
	if in.MerchantID != nil && *in.MerchantID != view.Link.Account {
		bad.Add("merchant_id", "immutable", "cannot be changed")
	}
	if in.Data == nil {
		bad.Add("data", "required", "is required")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	zone, err := d.zone(r, who)
	if err != nil {
		return err
	}
	cmd := core.EditLink{Link: view.Link.ID, Change: func(l *pay.Link, _ []pay.Payment) error {
		return in.Data.over(dataOf(*l)).fill(l, zone, d.core.Now())
	}}
	if slug := text(in.Data.Slug); slug != view.Link.WireID {
		cmd.Claims = claims(who, slug)
	}
	if view, err = d.core.EditLink(r.Context(), who, cmd); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, d.word(view.Link))
}

// cancelOut is the answer of cancel (sheet 4.4).
type cancelOut struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// cancel closes a link for ever; a body is never read.
func (d *payengine) cancel(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.find(r)
	if err != nil {
		return err
	}
	if err := open(view.Link, "cancelled"); err != nil {
		return err
	}
	if _, err := d.core.CancelLink(r.Context(), who, view.Link.ID); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, cancelOut{true, "Payment link was cancelled successfully"})
}

// open refuses, in this API's words, what has come to its end. Core refuses it
// as well where another request comes between.
func open(l pay.Link, what string) error {
	if s := linkStatus[l.State]; s == statusCompleted || s == statusCancelled {
		return pay.ErrState("a payment link that is %s cannot be %s", s, what)
	}
	return nil
}

// Sizes of a page of the list (sheet 4.3); others are moved to the nearest.
const (
	minLimit = 10
	maxLimit = 500
)

// listOut is one page of a merchant's links.
type listOut struct {
	Data       []linkOut  `json:"data"`
	Pagination pagination `json:"pagination"`
}

type pagination struct {
	Page       int64 `json:"page"`
	Limit      int64 `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"total_pages"`
}

// list is a page of a merchant's links, newest first.
func (d *payengine) list(w http.ResponseWriter, r *http.Request) error {
	grants, err := d.grants(r)
	if err != nil {
		return err
	}
	who, err := actsFor(grants, r.PathValue("merchant_id"), r)
	if err != nil {
		return err
	}
	total, err := d.core.CountLinks(r.Context(), who, core.LinkScan{})
	if err != nil {
		return err
	}
	page := max(number(r, "page", 1), 1)
	limit := min(max(number(r, "limit", minLimit), minLimit), maxLimit)
	pages := (total + limit - 1) / limit
	out := listOut{[]linkOut{}, pagination{page, limit, total, pages}}
	if page > pages {
		return web.JSON(w, http.StatusOK, out)
	}
	skip := (page - 1) * limit // page is at most pages: no overflow
	err = d.core.ScanLinks(r.Context(), who, core.LinkScan{}, func(v core.LinkView) bool {
		if skip > 0 {
			skip--
			return true
		}
		out.Data = append(out.Data, d.word(v.Link))
		return int64(len(out.Data)) < limit
	})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, out)
}

// number is a whole number of the query, or other when there is none. One that
// is too large for us is the largest.
func number(r *http.Request, name string, other int64) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return other
	}
	return n
}

// find reads the link that the path names, by its id or its slug, among those
// of the caller's merchants. Another partner's is unknown.
func (d *payengine) find(r *http.Request) (pay.Caller, core.LinkView, error) {
	grants, err := d.grants(r)
	if err != nil {
		return pay.Caller{}, core.LinkView{}, err
	}
	id := r.PathValue("id")
	if !pay.ValidSlug(id) { // an id has that form too
		return pay.Caller{}, core.LinkView{}, errLink
	}
	for _, claim := range []core.Claim{core.TokenClaim(id), core.SlugClaim(pay.Live, id), core.SlugClaim(pay.Test, id)} {
		tenant, err := d.core.ClaimTenant(r.Context(), claim)
		if pay.KindOf(err) == pay.NotFound && err != nil {
			continue
		}
		if err != nil {
			return pay.Caller{}, core.LinkView{}, err
		}
		for _, g := range grants {
			if g.Tenant != tenant {
				continue
			}
			who := g.Caller(name, web.RequestID(r))
			view, err := d.core.LinkByClaim(r.Context(), who, claim)
			if err == nil && view.Link.Account == g.External {
				return who, view, nil
			}
			if err != nil && pay.KindOf(err) != pay.NotFound {
				return pay.Caller{}, core.LinkView{}, err
			}
		}
	}
	return pay.Caller{}, core.LinkView{}, errLink
}

// claims are the names a link takes with its own slug.
func claims(who pay.Caller, slug string) []core.Claim {
	if slug == "" {
		return nil
	}
	return []core.Claim{core.SlugClaim(who.Mode, slug)}
}

// zone is where the merchant's days begin (sheet 6).
func (d *payengine) zone(r *http.Request, who pay.Caller) (*time.Location, error) {
	m, err := d.core.Merchant(r.Context(), who.Tenant)
	if err != nil {
		return nil, err
	}
	return time.LoadLocation(m.Settings.TimeZone) // "" is UTC
}

// PayURL is what the merchant hands to the payer.
func (d *payengine) PayURL(base string, l pay.Link) string { return dialect.PlainPayURL(base, l) }

// Pages are none beside /l/{token} and /p/{slug}.
func (d *payengine) Pages() []dialect.Page { return nil }

// NewWireID is the generated slug, which is the token: a link's id and the end
// of its address are one by default (sheet 10).
func (d *payengine) NewWireID(_ pay.LinkID, token string, _ time.Time) string { return token }

// Return is never: the provider documents no way back, so our own page is the
// end of the way.
func (d *payengine) Return(pay.Link, pay.Payment, string, time.Time) (dialect.Return, bool) {
	return dialect.Return{}, false
}
