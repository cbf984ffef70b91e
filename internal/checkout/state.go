package checkout

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"paylink/internal/pay"
)

// How often a waiting page asks again: fast at first, for that is when a
// payer looks; never after slowAfter, for bank transfers take days.
const (
	fastRefreshS = 3
	slowRefreshS = 15
	fastUntil    = time.Minute
	slowUntil    = 15 * time.Minute
)

// state words how payment p stands, and what there is to do.
func (v *view) state(w words, s *Checkout, p *pay.Payment) {
	switch v.screen {
	case scheduled:
		v.starts = w.time(w.link.StartsAt)
	case processing, checking:
		v.refreshS = fastRefreshS
		if a := p.Last(); a != nil {
			switch age := s.opts.Now().Sub(a.UpdatedAt); {
			case age > slowUntil:
				v.refreshS = 0
			case age > fastUntil:
				v.refreshS = slowRefreshS
			}
		}
	case action:
		a := p.Last()
		v.action = &actionView{abandon: v.here + "/payments/" + string(p.ID) + "/abandon"}
		v.label, v.amount = "Amount", w.money(a.Requested)
		if len(a.Action.Instructions) > 0 {
			for _, l := range a.Action.Instructions {
				if s.ours(l.Value) {
					v.action.links = append(v.action.links, line{label: l.Label, value: l.Value})
					continue
				}
				v.action.lines = append(v.action.lines, line{label: l.Label, value: l.Value})
			}
			v.reference = "" // a transfer has one reference, and it is not this
			return
		}
		v.action.url = a.Action.RedirectURL
		if !s.ours(v.action.url) {
			v.action.host = hostOf(v.action.url)
		}
	}
}

// receipt is what a payer keeps.
func (w words) receipt(p pay.Payment) []line {
	a := *p.Last()
	for _, one := range p.Attempts {
		if one.Captured > 0 {
			a = one
		}
	}
	minor := p.Captured()
	if minor == 0 {
		minor = p.Requested.Minor
	}
	lines := append(w.bought(a), line{label: "Amount", value: w.money(minor), total: true})
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, line{label: label, value: value})
		}
	}
	var refunded int64
	for _, r := range p.Refunds {
		if r.State == pay.RefundSucceeded {
			refunded += r.Amount
		}
	}
	if refunded > 0 {
		add("Refunded", w.money(refunded))
	}
	add("Date", w.time(a.UpdatedAt))
	add("Paid with", capital(a.Instrument))
	add("Reference", w.link.Reference)
	add("Payment", string(p.ID))
	return lines
}

// heading is the first thing said about a state that is no form.
func heading(v *view) string {
	switch v.screen {
	case action:
		if v.action != nil && v.action.url == "" {
			return "Make this transfer"
		}
		return "One more step"
	case processing:
		return "Your payment is on its way"
	case checking:
		return "We are checking your payment"
	case paid:
		return "Paid. Thank you!"
	case authorized:
		return "Amount reserved. Thank you!"
	case surplus:
		return "This was paid already"
	case completed:
		return "This has been paid"
	case paused:
		return "Payments are paused"
	case scheduled:
		return "Not open yet"
	case expired:
		return "This link has expired"
	case canceled:
		return "This request was canceled"
	}
	return "No way to pay here now"
}

// explanation follows the heading.
func explanation(v *view) string {
	switch v.screen {
	case action:
		if v.action != nil && v.action.url == "" {
			return "Use exactly these details, or we cannot tell that the money is yours. This page shows when it has arrived."
		}
		return "Go on to your bank or wallet to approve the payment. You come back here afterwards."
	case processing:
		return "This page shows the result by itself. You can also close it and look again later. Please do not pay a second time."
	case checking:
		return "We do not know the result yet and are asking. Please do not pay again: you would risk paying twice. Look at this page later."
	case paid:
		return "Your payment to " + v.merchant + " was received."
	case authorized:
		return "The amount is held for " + v.merchant + ", who collects it later."
	case surplus:
		return "Your payment was more than was owed. It is being returned to you by itself; you need not do anything."
	case completed:
		return "Nothing is left to pay. If you did not pay it yourself, ask " + v.merchant + "."
	case paused:
		return v.merchant + " takes no payments on this link at the moment. Please try later."
	case scheduled:
		return "You can pay from " + v.starts + "."
	case expired:
		return "It can no longer be paid. Ask " + v.merchant + " for a new one if you still want to pay."
	case canceled:
		return v.merchant + " has withdrawn it. There is nothing to pay."
	}
	return "None of the ways to pay fits this request at the moment. Please ask " + v.merchant + "."
}

// sign is the mark beside the heading, and its class.
func sign(at screen) (mark, class string) {
	switch at {
	case paid, authorized, completed:
		return "✓", "sign good"
	case canceled, expired:
		return "×", "sign bad"
	case action:
		return "→", "sign"
	}
	return "…", "sign"
}

// failureText tells a payer why a payment failed. Where an exact reason would
// help who tries stolen cards, it is general (A15).
func failureText(a *pay.Attempt) string {
	const again = " Nothing was charged. You can try again or choose another way to pay."
	if a == nil || a.Failure == nil {
		return "The payment did not go through." + again
	}
	switch a.Failure.Code {
	case pay.FailAuth:
		return "The payment was not approved in time or not confirmed by you." + again
	case pay.FailCanceled:
		return "You canceled the payment." + again
	case pay.FailTimeout:
		return "The payment took too long and was closed." + again
	case pay.FailWrongAccount:
		return "The payment must come from the account that the merchant named." + again
	}
	return "The payment did not go through." + again
}

// capital begins s with a capital letter: "Visa •••• 4242".
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// times words a quantity other than one.
func times(n int64) string {
	if n <= 1 {
		return ""
	}
	return "× " + strconv.FormatInt(n, 10)
}
