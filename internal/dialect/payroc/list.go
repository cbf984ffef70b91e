package payroc

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const (
	defaultLimit = 10
	maxLimit     = 100
)

// pageOut is one page of a list (sheet 7). Links and data are never null:
// clients fail without them.
type pageOut struct {
	Limit   int       `json:"limit"`
	Count   int       `json:"count"` // on this page
	HasMore bool      `json:"hasMore"`
	Links   []pageRef `json:"links"`
	Data    []any     `json:"data"`
}

// pageRef leads to a neighbouring page; clients follow it as it stands.
type pageRef struct {
	Rel    string `json:"rel"`
	Method string `json:"method"`
	Href   string `json:"href"`
}

// window is the part of a list that is asked for: what follows after, or comes
// just before before. Both are ids of items.
type window struct {
	limit         int
	before, after string
}

// page is what a window shows, with the ids of its items.
type page struct {
	ids        []string
	data       []any
	prev, next bool
}

func (p *page) add(id string, item any) { p.ids, p.data = append(p.ids, id), append(p.data, item) }

// show answers a page. Its addresses repeat every filter and the limit.
func (d *payroc) show(w http.ResponseWriter, r *http.Request, in window, p page) error {
	out := pageOut{Limit: in.limit, Count: len(p.ids), Links: []pageRef{}, Data: p.data}
	if out.Data == nil {
		out.Data = []any{}
	}
	ref := func(rel, cursor, id string) {
		q := r.URL.Query()
		q.Del("before")
		q.Del("after")
		q.Set("limit", strconv.Itoa(in.limit))
		q.Set(cursor, id)
		out.Links = append(out.Links, pageRef{rel, "get", d.base(r) + r.URL.EscapedPath() + "?" + q.Encode()})
	}
	if out.HasMore = p.next && len(p.ids) > 0; out.HasMore {
		ref("next", "after", p.ids[len(p.ids)-1])
	}
	if p.prev && len(p.ids) > 0 {
		ref("previous", "before", p.ids[0])
	}
	return web.JSON(w, http.StatusOK, out)
}

// query reads the parameters of a list and gathers what is wrong with them.
type query struct {
	of  url.Values
	bad *pay.Faults
}

func (q query) text(name string, least, most int) string {
	if !q.of.Has(name) {
		return ""
	}
	s := q.of.Get(name)
	if n := utf8.RuneCountInString(s); n < least || n > most {
		q.bad.Add(name, codeLength, "must have "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+" characters")
	}
	return s
}

func (q query) one(name string, words ...string) string {
	s := q.of.Get(name)
	if q.of.Has(name) && !slices.Contains(words, s) {
		q.bad.Add(name, codeValue, "must be "+orList(words))
	}
	return s
}

// some are the values of a parameter that may be repeated.
func (q query) some(name string, words ...string) []string {
	for _, s := range q.of[name] {
		if !slices.Contains(words, s) {
			q.bad.Add(name, codeValue, "must be "+orList(words))
			break
		}
	}
	return q.of[name]
}

func (q query) date(name string) string {
	s := q.of.Get(name)
	if q.of.Has(name) && !validDate(s) {
		q.bad.Add(name, codeFormat, "must be a date in the form YYYY-MM-DD")
		return ""
	}
	return s
}

// window reads cursor and size of the page.
func (q query) window() (w window) {
	w = window{limit: defaultLimit, before: q.text("before", 1, 100), after: q.text("after", 1, 100)}
	if w.before != "" && w.after != "" {
		q.bad.Add("before", codeValue, "must not be given together with after")
	}
	if q.of.Has("limit") {
		n, err := strconv.Atoi(q.of.Get("limit"))
		if err != nil || n < 1 || n > maxLimit {
			q.bad.Add("limit", codeRange, "must be a whole number from 1 to 100")
			return w
		}
		w.limit = n
	}
	return w
}

func (q query) recipient() core.Recipient {
	return core.Recipient{Name: q.text("recipientName", 1, maxReference), Email: q.text("recipientEmail", minEmail, maxEmail)}
}

// linkFilter is what a list of links asks for: scan is what never changes.
type linkFilter struct {
	scan                      core.LinkScan
	status, charge, expiresOn string
}

func (c call) linkFilter(q query) (f linkFilter) {
	f.scan = core.LinkScan{Reference: q.text("merchantReference", minReference, maxReference), Sent: q.recipient()}
	if kind := q.one("linkType", typeMulti, typeSingle); kind != "" {
		one := kind == typeSingle
		f.scan.Single = &one
	}
	f.charge = q.one("chargeType", chargePrompt, chargePreset)
	if f.status = q.one("status", append(statuses, "deactived")...); f.status == "deactived" { // as the provider's prose spells it
		f.status = statusDeactivated
	}
	if day := q.date("createdOn"); day != "" {
		f.scan.From, f.scan.To = startOf(day, c.zone), endOf(day, c.zone)
	}
	f.expiresOn = q.date("expiresOn")
	return f
}

func (f linkFilter) fits(v core.LinkView, zone *time.Location) bool {
	l := v.Link
	switch {
	case f.status != "" && f.status != linkStatus(l, v.Payments),
		f.charge != "" && (f.charge == chargePrompt) != l.Price.Open,
		f.expiresOn != "" && (l.ExpiresAt.IsZero() || f.expiresOn != lastDayOf(l.ExpiresAt, zone)):
		return false
	}
	return true
}

// list is the links of a terminal, newest first (sheet 6.2).
func (d *payroc) list(w http.ResponseWriter, r *http.Request) error {
	c, err := d.atTerminal(r)
	if err != nil {
		return err
	}
	var bad pay.Faults
	q := query{r.URL.Query(), &bad}
	f, in := c.linkFilter(q), q.window()
	if err := bad.Err(); err != nil {
		return err
	}
	p, err := d.linkPage(r, c, f, in)
	if err != nil {
		return err
	}
	return d.show(w, r, in, p)
}

// linkPage walks from the cursor, which need not fit the filter itself, and
// then looks for one more link on its other side.
func (d *payroc) linkPage(r *http.Request, c call, f linkFilter, in window) (p page, err error) {
	cursor, err := d.cursor(r, c, in)
	if err != nil {
		return p, err
	}
	back := in.before != ""
	found, more, err := d.walk(r, c, f, cursor, back, in.limit)
	if err != nil || len(found) == 0 {
		return p, err
	}
	edge, other := found[0].Link, false
	if cursor.ID != "" {
		_, other, err = d.walk(r, c, f, edge, !back, 0)
	}
	p.prev, p.next = other, more
	if back {
		slices.Reverse(found)
		p.prev, p.next = more, other
	}
	for _, v := range found {
		p.add(v.Link.WireID, d.word(c, v))
	}
	return p, err
}

// cursor is the link that a page begins after or ends before.
// Errors: Invalid, naming the parameter.
func (d *payroc) cursor(r *http.Request, c call, in window) (pay.Link, error) {
	id, parameter := in.after, "after"
	if in.before != "" {
		id, parameter = in.before, "before"
	}
	if id == "" {
		return pay.Link{}, nil
	}
	v, err := d.core.LinkByWireID(r.Context(), c.who, id)
	if err == nil && v.Link.Account != c.who.Account || pay.KindOf(err) == pay.NotFound && err != nil {
		return pay.Link{}, errCursor(parameter)
	}
	return v.Link, err
}

func errCursor(parameter string) error {
	return invalid(parameter, codeValue, "must be the id of an item of this list")
}

// walk collects up to most links that fit, from after towards the oldest or
// back towards the newest; more says that there is another one.
func (d *payroc) walk(r *http.Request, c call, f linkFilter, after pay.Link, back bool, most int) (found []core.LinkView, more bool, err error) {
	scan := f.scan
	scan.After, scan.Oldest = after, back
	err = d.core.ScanLinks(r.Context(), c.who, scan, func(v core.LinkView) bool {
		if !f.fits(v, c.zone) {
			return true
		}
		if len(found) == most {
			more = true
			return false
		}
		found = append(found, v)
		return true
	})
	return found, more, err
}

// sieve makes a page of a list that is told from its newest item on.
type sieve struct {
	window
	page
	met bool // the cursor
}

// take is told of every item; fits says whether the filter lets it pass, for a
// cursor keeps its place without. It returns false when the page is complete.
func (s *sieve) take(id string, fits bool, item func() any) bool {
	switch {
	case s.before == id && s.before != "":
		s.met = true
		s.next = fits
		return !fits
	case s.before != "" && s.met:
		s.next = fits
		return !fits
	case s.after != "" && !s.met:
		s.met = id == s.after
		s.prev = s.prev || fits
		return true
	case !fits:
		return true
	case s.before == "" && len(s.ids) == s.limit:
		s.next = true
		return false
	}
	if len(s.ids) == s.limit { // before: keep the last ones
		s.ids, s.data, s.prev = s.ids[1:], s.data[1:], true
	}
	s.add(id, item())
	return true
}

// err is an unknown cursor.
func (s *sieve) err() error {
	switch {
	case s.met:
	case s.before != "":
		return errCursor("before")
	case s.after != "":
		return errCursor("after")
	}
	return nil
}
