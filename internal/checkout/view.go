package checkout

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/core"
	"paylink/internal/page"
	"paylink/internal/pay"
)

// screen is what the page shows.
type screen string

const (
	asking      screen = "asking" // the form
	action      screen = "action" // the payer has a step to take
	processing  screen = "processing"
	checking    screen = "checking" // nobody knows yet: do not pay again
	paid        screen = "paid"
	authorized  screen = "authorized"
	surplus     screen = "surplus" // taken, but not owed: it goes back
	completed   screen = "completed"
	paused      screen = "paused"
	scheduled   screen = "scheduled"
	expired     screen = "expired"
	canceled    screen = "canceled"
	unavailable screen = "unavailable" // no method can take this
)

// view is a page in words; the templates decide nothing.
type view struct {
	screen      screen
	here        string // the page's own address
	merchant    string
	mark        string // first letter of the merchant
	description string
	reference   string
	label       string // above the amount
	amount      string
	lines       []line
	shipTo      []string // where it is sent to
	expires     string
	starts      string
	notice      string
	noticeBad   bool
	refreshS    int
	form        *formView
	action      *actionView
	receipt     []line
	again       string // words of the link that begins another payment; empty: none
	back        *wayBack
	autoReturn  bool
	backURL     string // to the merchant, when back is nil; empty: none
}

type line struct {
	label, detail, value string
	total                bool
}

// actionView is the step the payer has to take.
type actionView struct {
	url     string // empty: instructions
	host    string // named when it is not ours
	lines   []line
	links   []line // instructions that are pages of ours
	abandon string // where the form that gives up goes to
}

// wayBack leads to the merchant: a link, or a form when it has fields.
type wayBack struct {
	url    string
	fields []pay.Line
}

// host is where the way leads to, for the payer's eyes.
func (b *wayBack) host() string { return hostOf(b.url) }

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// words has what wording a link needs.
type words struct {
	link   pay.Link
	zone   string
	locale page.Locale
}

func (w words) money(minor int64) string {
	return w.locale.Money(pay.Money{Minor: minor, Currency: w.link.Price.Currency})
}

func (w words) time(t time.Time) string { return page.Time(t, w.zone) }

// view words the page of a link about payment p, which may be nil.
func (s *Checkout) view(pv core.PayView, p *pay.Payment, own bool, locale page.Locale, say remarks) *view {
	l := pv.Link
	w := words{link: l, zone: pv.Merchant.Settings.TimeZone, locale: locale}
	v := &view{
		screen: screenOf(l, p, own, len(pv.Methods)), here: base(l.Token), merchant: pv.Merchant.Name,
		description: l.Description, reference: l.Reference, notice: say.notice, noticeBad: say.notice != "",
	}
	if l.Page.DisplayName != "" {
		v.merchant = l.Page.DisplayName
	}
	if first, _ := utf8.DecodeRuneInString(v.merchant); first != utf8.RuneError {
		v.mark = strings.ToUpper(string(first))
	}
	if say.form && payable(l) && (p == nil || p.State != pay.PaymentOpen) {
		v.screen = asking
	}
	v.price(w, pv, p, say)
	v.state(w, s, p)
	switch v.screen {
	case asking:
		v.form = newForm(w, pv, p, say)
		if v.notice == "" && len(say.errors) > 0 {
			v.notice, v.noticeBad = noticeOf(&pay.Error{Kind: pay.Invalid}), true
		}
		if v.notice == "" && p != nil && p.State == pay.PaymentFailed {
			v.notice, v.noticeBad = failureText(p.Last()), true
		}
	case paid, authorized, surplus:
		v.receipt = w.receipt(*p)
		if _, one := l.Total(); payable(l) && (!one || l.Use.Parts) {
			v.again = "Make another payment"
			if l.Use.Parts {
				v.again = "Pay the rest"
			}
		}
	}
	if page.SafeURL(l.Page.BackURL) && v.screen != action {
		v.backURL = l.Page.BackURL
	}
	return v
}

// payable reports whether a new payment may be begun.
func payable(l pay.Link) bool {
	return l.State == pay.LinkActive && (l.Price.Open || l.Price.Cart.Adjustable() || l.AmountDue().Minor > 0)
}

// screenOf decides what is shown. A payment under way comes before the state
// of its link: it may still count.
func screenOf(l pay.Link, p *pay.Payment, own bool, methods int) screen {
	if p != nil {
		if at := paymentScreen(l, *p, own); at != "" {
			return at
		}
	}
	switch l.State {
	case pay.LinkScheduled:
		return scheduled
	case pay.LinkPaused:
		return paused
	case pay.LinkCompleted:
		return completed
	case pay.LinkExpired:
		return expired
	case pay.LinkCanceled:
		return canceled
	}
	switch {
	case !payable(l):
		return completed
	case methods == 0:
		return unavailable
	}
	return asking
}

// paymentScreen is the screen that p calls for; empty when the link's state decides.
func paymentScreen(l pay.Link, p pay.Payment, own bool) screen {
	a := p.Last()
	_, one := l.Total()
	switch p.State {
	case pay.PaymentApplied:
		switch {
		case !own && (payable(l) || !one):
			return ""
		case a != nil && a.State == pay.AttemptAuthorized:
			return authorized
		}
		return paid
	case pay.PaymentSurplus:
		return surplus
	case pay.PaymentOpen:
		return attemptScreen(l, a)
	}
	return ""
}

func attemptScreen(l pay.Link, a *pay.Attempt) screen {
	if a == nil {
		return processing
	}
	switch a.State {
	case pay.AttemptUnknown, pay.AttemptReview:
		return checking
	case pay.AttemptAuthorized:
		if a.Manual {
			return authorized
		}
	case pay.AttemptRequiresAction:
		switch {
		case l.State == pay.LinkCanceled:
			return canceled
		case a.Action != nil && (len(a.Action.Instructions) > 0 || actionURL(a.Action.RedirectURL)):
			return action
		}
		return checking
	}
	return processing
}

// actionURL reports whether a redirect may be followed: a web address, or a path of ours.
func actionURL(raw string) bool {
	return page.Origin(raw) != "" && page.SafeURL(raw) || strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//")
}

// leads reports whether the page tells of a payment's end or wait, so that a
// way back belongs on it. Who was told what to transfer need not stay.
func (v *view) leads() bool {
	switch v.screen {
	case action:
		return v.action != nil && v.action.url == ""
	case unavailable, scheduled:
		return false
	}
	return true
}

// maxAmount is how many characters of an amount fit a narrow screen in large.
const maxAmount = 11

func (v *view) longAmount() bool { return utf8.RuneCountInString(v.amount) > maxAmount }

// title is the page's, as the browser's tab shows it: no personal data.
func (v *view) title() string {
	switch v.screen {
	case asking:
		if v.noticeBad {
			return "Error: pay " + v.merchant
		}
		return "Pay " + v.merchant
	case paid, authorized, surplus:
		return "Receipt from " + v.merchant
	}
	return heading(v) + " – " + v.merchant
}

// price words what is asked, with its breakdown.
func (v *view) price(w words, pv core.PayView, p *pay.Payment, say remarks) {
	l := pv.Link
	if !l.ExpiresAt.IsZero() && v.screen == asking {
		v.expires = w.time(l.ExpiresAt)
	}
	v.breakdown(w)
	if l.Page.ShowAddress && l.Slug == "" {
		v.shipTo = l.Payer.Shipping.Lines
		for _, part := range []string{l.Payer.Shipping.Postcode, l.Payer.Shipping.City, l.Payer.Shipping.Region, l.Payer.Shipping.Country} {
			if part != "" {
				v.shipTo = append(slices.Clip(v.shipTo), part)
			}
		}
	}
	switch {
	case len(l.Price.Cart.Items) > 0:
		v.cart(w, say)
	case l.Price.Open && v.screen != asking:
	case l.Price.Open:
		v.label, v.amount = "You choose", "Any amount"
		if l.Price.Min > 0 {
			v.amount = "From " + w.money(l.Price.Min)
		}
	case l.Use.Parts && l.Applied > 0:
		v.label, v.amount = "Still to pay", w.money(l.AmountDue().Minor)
		v.lines = append(v.lines, line{label: "Paid so far", value: w.money(l.Applied)})
	default:
		v.label, v.amount = "Amount", w.asked(pv, p)
	}
}

// asked is what one payment comes to: p's own while it is under way, else the
// least that a method costs, "From" it where another costs more.
func (w words) asked(pv core.PayView, p *pay.Payment) string {
	if p != nil && p.State == pay.PaymentOpen && p.Last() != nil {
		return w.money(p.Last().Requested)
	}
	least, most := w.link.Price.Amount, w.link.Price.Amount
	for i, m := range pv.Methods {
		price := w.link.PriceFor(m.ID())
		if i == 0 {
			least, most = price, price
		}
		least, most = min(least, price), max(most, price)
	}
	if least < most {
		return "From " + w.money(least)
	}
	return w.money(least)
}

// breakdown explains the total: items, then what was added and taken off. A
// link whose lines do not begin with the items begins with what they come to.
func (v *view) breakdown(w words) {
	l, b := w.link, w.link.Price.Breakdown
	items := b.Items
	if l.Page.HideItems {
		items = nil
	}
	for _, it := range items {
		name := it.Name
		if name == "" {
			name = it.Code
		}
		v.lines = append(v.lines, line{label: name, detail: times(it.Quantity), value: w.money(it.Amount)})
	}
	extras := b.Shipping + b.Tax - b.Discount
	if len(items) == 0 && b.Shipping == 0 && b.Discount == 0 && b.Promo == "" && b.Tax > 0 {
		v.lines = append(v.lines, line{label: "Includes tax", value: w.money(b.Tax)})
		return
	}
	if len(items) == 0 && (b.Shipping != 0 || b.Discount != 0 || b.Promo != "") && l.Price.Amount > extras {
		v.lines = append(v.lines, line{label: "Subtotal", value: w.money(l.Price.Amount - extras)})
	}
	for _, extra := range []struct {
		label, detail string
		minor         int64
	}{{"Discount", b.Promo, -b.Discount}, {"Shipping", "", b.Shipping}, {"Tax", "", b.Tax}} {
		if extra.minor != 0 || extra.detail != "" {
			v.lines = append(v.lines, line{label: extra.label, detail: extra.detail, value: w.money(extra.minor)})
		}
	}
	if len(v.lines) > 0 && !l.Price.Open {
		v.lines = append(v.lines, line{label: "Total", value: w.money(l.Price.Amount), total: true})
	}
}
