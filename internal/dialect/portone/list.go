package portone

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const maxPage = 500 // elements; a larger wish gets this many

// findAttempt reads the attempt that one of our own references names: its
// order_ref, or the merchant_order_ref we gave it.
// Errors: INVALID_REFERENCE.
func (d *portone) findAttempt(r *http.Request, c caller, ref string) (core.LinkView, core.Grant, attempt, error) {
	head, _, _ := strings.Cut(ref, "_")
	id, _, ok := refTo(head)
	if !ok {
		return core.LinkView{}, core.Grant{}, attempt{}, errAttemptRef
	}
	for _, g := range c.reach() {
		v, err := d.core.Link(r.Context(), seesAll(g, r), id)
		if errors.Is(err, pay.ErrNotFound) {
			continue
		}
		if err != nil {
			return v, g, attempt{}, err
		}
		for _, a := range attemptsOf(v.Payments) {
			if ref == a.orderRef(v.Link) || ref == a.attemptRef(v.Link) {
				return v, g, a, nil
			}
		}
	}
	return core.LinkView{}, core.Grant{}, attempt{}, errAttemptRef
}

// newestAttempt is that of a link with the merchant's order id.
func (d *portone) newestAttempt(r *http.Request, c caller, order string) (core.LinkView, attempt, error) {
	v, err := d.findOrder(r, c, order)
	if errors.Is(err, errOrderRef) || err == nil && len(attemptsOf(v.Payments)) == 0 {
		return v, attempt{}, errAttemptRef
	}
	if err != nil {
		return v, attempt{}, err
	}
	return v, attemptsOf(v.Payments)[0], nil
}

// attemptStatus answers for an attempt's reference, and for a link's order id
// with its newest attempt (sheet 5.7, call 12).
func (d *portone) attemptStatus(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	v, _, a, err := d.findAttempt(r, c, r.PathValue("ref"))
	if errors.Is(err, errAttemptRef) {
		v, a, err = d.newestAttempt(r, c, r.PathValue("ref"))
	}
	if err != nil {
		return err
	}
	type content struct {
		OrderRef        string `json:"order_ref"`
		ChannelOrderRef string `json:"channel_order_ref"`
		Status          string `json:"status"`
	}
	return envelope(w, content{a.orderRef(v.Link), a.ProcessorRef, a.verdict(v.Link).status}, "")
}

// legacyStatus is flat, as the older plugin reads it (call 17).
func (d *portone) legacyStatus(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	v, a, err := d.newestAttempt(r, c, r.PathValue("order"))
	if err != nil {
		return err
	}
	type answer struct {
		Status   string `json:"status"`
		OrderRef string `json:"order_ref"`
		Code     string `json:"status_code"`
		Reason   string `json:"status_reason"`
	}
	how := a.verdict(v.Link)
	return web.JSON(w, http.StatusOK, answer{how.status, a.orderRef(v.Link), how.code, how.reason})
}

// detailsOut is an attempt in full (call 13).
type detailsOut struct {
	paymentOut
	Date            string `json:"date"`
	ChannelLogo     string `json:"channel_logo"`
	RefundCompleted bool   `json:"refund_completed"`
	OrderID         string `json:"payment_link_merchant_order_ref"`
	CustomerName    string `json:"customer_name"`
	CustomerEmail   string `json:"customer_email_address"`
	CustomerPhone   string `json:"customer_phone_number"`
	CreatedBy       string `json:"created_by"`
	Routing         bool   `json:"routing_enabled"`
	PaymentPageRef  string `json:"payment_page_ref"`
	SubscriptionRef string `json:"subscription_order_ref"`
	Items           struct {
		Data []detailItem `json:"data"`
	} `json:"order_details"`
}

type detailItem struct {
	ID       string `json:"item_id"`
	Name     string `json:"product_name"`
	Price    number `json:"price"`
	Quantity number `json:"quantity"`
	Image    string `json:"image"`
	Details  any    `json:"additional_details"`
}

func (d *portone) newDetailsOut(l pay.Link, a attempt) detailsOut {
	in := kept(l)
	who := in.buyer()
	out := detailsOut{
		paymentOut: d.newPaymentOut(d.publicURL, l, a), Date: wireTime(a.CreatedAt), RefundCompleted: refundsOf(a).done, OrderID: l.Reference,
		CustomerName: who.Name, CustomerEmail: who.Email, CustomerPhone: who.Phone, CreatedBy: in.Source,
	}
	out.Items.Data = []detailItem{}
	for _, i := range itemsOut(in.Items) {
		out.Items.Data = append(out.Items.Data, detailItem{i.ID, i.Name, i.Price, i.Quantity, i.Image, i.Details})
	}
	return out
}

func (d *portone) attemptDetails(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	var in struct {
		OrderRef string `json:"order_ref"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.OrderRef == "" {
		return invalid("order_ref", "is a required field")
	}
	v, _, a, err := d.findAttempt(r, c, in.OrderRef)
	if err != nil {
		return err
	}
	return envelope(w, d.newDetailsOut(v.Link, a), "")
}

// pageOut is a page of a list. Elements are those of one page.
type pageOut[T any] struct {
	Content  []T   `json:"content"`
	Total    int64 `json:"total_elements"`
	Pages    int64 `json:"total_pages"`
	Size     int64 `json:"size"`
	Page     int64 `json:"page"`
	Elements int   `json:"number_of_elements"`
}

// window is a page that fills while a list is walked.
type window[T any] struct {
	page, size int64 // from 1
	seen       int64
	list       []T
}

func (p *window[T]) add(make func() T) {
	if at := p.seen / p.size; at == p.page-1 {
		p.list = append(p.list, make())
	}
	p.seen++
}

func (p *window[T]) out() pageOut[T] {
	return pageOut[T]{append([]T{}, p.list...), p.seen, (p.seen + p.size - 1) / p.size, p.size, p.page, len(p.list)}
}

// newWindow checks the page that is asked for.
func newWindow[T any](page, size number, sizeField string) (*window[T], error) {
	p, ok := page.whole()
	if !ok || p < 1 {
		return nil, invalid("page", "must be a whole number of at least 1")
	}
	n, ok := size.whole()
	if !ok || n < 1 {
		return nil, invalid(sizeField, "must be a whole number of at least 1")
	}
	return &window[T]{page: p, size: min(n, maxPage)}, nil
}

// listAttempts pages through the attempts begun in a time, those of the newest
// link first (call 14).
func (d *portone) listAttempts(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	var in struct {
		Page        number `json:"page"`
		Size        number `json:"size"`
		From        string `json:"from"`
		To          string `json:"to"`
		Environment string `json:"environment"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	for _, f := range []pair{{"page", string(in.Page)}, {"size", string(in.Size)}, {"from", in.From}, {"to", in.To}, {"environment", in.Environment}} {
		if f.value == "" {
			return invalid(f.key, "is a required field")
		}
	}
	list, err := newWindow[detailsOut](in.Page, in.Size, "size")
	if err != nil {
		return err
	}
	from, to, err := span(in.From, in.To)
	if err != nil {
		return err
	}
	grant, err := c.in(in.Environment)
	if err != nil {
		return err
	}
	err = d.core.ScanLinks(r.Context(), seesAll(grant, r), core.LinkScan{To: to}, func(v core.LinkView) bool {
		for _, a := range attemptsOf(v.Payments) {
			if !a.CreatedAt.Before(from) && a.CreatedAt.Before(to) {
				list.add(func() detailsOut { return d.newDetailsOut(v.Link, a) })
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, struct {
		Body   pageOut[detailsOut] `json:"body"`
		Code   string              `json:"status_code"`
		Reason string              `json:"status_reason"`
	}{list.out(), success.code, success.reason})
}

// span reads both ends of a time; the second is included to its microsecond.
// An end that is not said is open.
func span(from, to string) (begin, end time.Time, err error) {
	for _, f := range []struct {
		field, text string
		at          *time.Time
	}{{"from", from, &begin}, {"to", to, &end}} {
		if f.text == "" {
			continue
		}
		t, ok := parseTime(f.text)
		if !ok {
			if t, err = time.Parse(time.DateTime, f.text); err != nil {
				return begin, end, invalid(f.field, "must be a time such as 2026-12-01 00:00:00 or 2026-12-01T00:00:00Z")
			}
		}
		*f.at = t
	}
	if !end.IsZero() {
		end = end.Add(time.Microsecond)
	}
	return begin, end, nil
}

// linksIn is the body of the list of links (call 15).
type linksIn struct {
	Page         number   `json:"page"`
	PageSize     number   `json:"pagesize"`
	From         string   `json:"from"`
	To           string   `json:"to"`
	MerchantKeys []string `json:"merchant_keys"`
	Filters      struct {
		Status   string `json:"status"`
		Currency string `json:"currency"`
		OrderID  string `json:"merchant_order_ref"`
	} `json:"filters"`
	Environment string `json:"environment"`
}

// listLinks pages through the links of the caller and of its sub-merchants.
func (d *portone) listLinks(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	var in linksIn
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.Page == "" || in.PageSize == "" {
		in.Page, in.PageSize = number(first(string(in.Page), "1")), number(first(string(in.PageSize), "20"))
	}
	list, err := newWindow[linkEvent](in.Page, in.PageSize, "pagesize")
	if err != nil {
		return err
	}
	scan := core.LinkScan{Reference: in.Filters.OrderID}
	if scan.From, scan.To, err = span(in.From, in.To); err != nil {
		return err
	}
	grants, err := in.grants(c)
	if err != nil {
		return err
	}
	for _, g := range grants {
		err := d.core.ScanLinks(r.Context(), seesAll(g, r), scan, func(v core.LinkView) bool {
			if in.fits(v) {
				list.add(func() linkEvent { return d.newLinkEvent(d.publicURL, v) })
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return web.JSON(w, http.StatusOK, list.out())
}

func (in linksIn) fits(v core.LinkView) bool {
	f := in.Filters
	return (f.Currency == "" || f.Currency == string(v.Link.Price.Currency)) && (f.Status == "" || f.Status == linkStatus(v.Link, v.Payments))
}

// grants are those of the merchants and the environment that are asked for;
// none named: all.
func (in linksIn) grants(c caller) (list []core.Grant, err error) {
	if _, ok := modes[in.Environment]; !ok && in.Environment != "" {
		return nil, refuse("INVALID_ENVIRONMENT", "environment must be live or sandbox")
	}
	known := map[string]bool{}
	for _, g := range c.reach() {
		key := first(g.External, c.key)
		known[key] = true
		if (len(in.MerchantKeys) == 0 || slices.Contains(in.MerchantKeys, key)) && (in.Environment == "" || modes[in.Environment] == g.Tenant.Mode) {
			list = append(list, g)
		}
	}
	for _, key := range in.MerchantKeys {
		if !known[key] {
			return nil, refuse("MERCHANT_NOT_ASSOCIATED_WITH_MASTER_MERCHANT", "A merchant is not associated with this merchant")
		}
	}
	return list, nil
}
