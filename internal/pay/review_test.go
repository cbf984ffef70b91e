package pay

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every decision from every state of an attempt and a link: only a review is
// decided, only to a listed state, and nothing else changes anything (V3).
func TestDecideMatrix(t *testing.T) {
	for _, link := range linkStates {
		for _, from := range attemptStates {
			for _, to := range attemptStates {
				name := string(link) + ": " + string(from) + " decided " + string(to)
				tab := tabIn(link, from)
				before := tab.facts()
				err := tab.Decide(Decision{Attempt: "att_1", Outcome: to, Reason: "looked it up"})
				if from == AttemptReview && slices.Contains([]AttemptState{AttemptCaptured, AttemptVoided, AttemptFailed}, to) {
					if err != nil || tab.Payments[0].Attempts[0].State != to {
						t.Errorf("%s: %v", name, err)
					}
					checkMoves(t, name, tab, from, to)
					continue
				}
				want := Conflict
				if from == AttemptReview {
					want = Invalid
				}
				if KindOf(err) != want || !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%s: %v, %v", name, err, eventKinds(tab))
				}
			}
		}
	}
}

// Money that a person found counts where the link still needs it, else it goes back whole.
func TestDecidedMoney(t *testing.T) {
	for state, want := range map[LinkState]PaymentState{
		LinkActive: PaymentApplied, LinkPaused: PaymentApplied, LinkCompleted: PaymentSurplus, LinkCanceled: PaymentSurplus,
	} {
		tab := tabIn(state, AttemptReview)
		if err := tab.Decide(Decision{Attempt: "att_1", Outcome: AttemptCaptured, Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		p := tab.Payments[0]
		back := slices.ContainsFunc(tab.Operations, func(o Operation) bool { return o.Kind == OpRefund && o.Amount.Minor == 1050 })
		if p.State != want || p.Captured() != 1050 || back != (want == PaymentSurplus) {
			t.Errorf("%s: %s, %v", state, p.State, tab.Operations)
		}
	}
}

// What was held in time counts when a person finds it captured, however late
// that is: as it does when the processor says so.
func TestDecidedInTime(t *testing.T) {
	for _, held := range []bool{true, false} {
		p := newPlay(t, func(l *Link) { l.Use.Manual, l.ExpiresAt = true, noon.Add(time.Hour) })
		payment, a := p.begin(Begin{})
		if held {
			p.told(a, Report{State: AttemptAuthorized, Authorized: 1050})
		} else {
			p.told(a, Report{State: AttemptProcessing})
		}
		if err := p.Review(a); err != nil {
			t.Fatal(err)
		}
		p.Now = noon.Add(24 * time.Hour)
		if err := p.Decide(Decision{Attempt: a, Outcome: AttemptCaptured, ProcessorRef: "ref_1", Reason: "looked it up"}); err != nil {
			t.Fatal(err)
		}
		want := map[bool]PaymentState{true: PaymentApplied, false: PaymentSurplus}[held]
		if have := p.payment(payment).State; have != want {
			t.Errorf("held %v: the payment is %s, want %s", held, have, want)
		}
	}
}

// A person's word is no decline: it never pauses a link (A15).
func TestDecisionIsNoDecline(t *testing.T) {
	tab := tabIn(LinkActive, AttemptReview)
	if err := tab.Decide(Decision{Attempt: "att_1", Outcome: AttemptFailed, Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	if tab.Link.Declines != 0 || tab.Payments[0].State != PaymentFailed || tab.Payments[0].Slot != "" {
		t.Errorf("%+v", tab)
	}
}

// Money can be given back only where the processor's name of it is known: a
// person tells it, once.
func TestDecisionNamesThePayment(t *testing.T) {
	for _, c := range []struct {
		known string
		Decision
		fault, bound string
	}{
		{"", Decision{Outcome: AttemptCaptured}, "required", ""},
		{"", Decision{Outcome: AttemptCaptured, ProcessorRef: "ref_1"}, "", "ref_1"},
		{"ref_1", Decision{Outcome: AttemptCaptured}, "", "ref_1"},
		{"ref_1", Decision{Outcome: AttemptCaptured, ProcessorRef: "ref_1"}, "", "ref_1"},
		{"ref_1", Decision{Outcome: AttemptCaptured, ProcessorRef: "ref_2"}, "not_allowed", "ref_1"},
		{"", Decision{Outcome: AttemptVoided, ProcessorRef: "ref_1"}, "", "ref_1"},
		{"", Decision{Outcome: AttemptVoided}, "", ""},
		{"", Decision{Outcome: AttemptFailed, ProcessorRef: "ref_1"}, "not_allowed", ""},
		{"", Decision{Outcome: AttemptFailed}, "", ""},
		{"", Decision{Outcome: AttemptCaptured, ProcessorRef: "ref\n1"}, "invalid_text", ""},
		{"", Decision{Outcome: AttemptCaptured, ProcessorRef: strings.Repeat("x", 201)}, "invalid_text", ""},
	} {
		p := newPlay(t, func(*Link) {})
		_, a := p.begin(Begin{})
		p.told(a, Report{State: AttemptProcessing, ProcessorRef: c.known})
		must(t, p.Review(a))
		c.Decision.Attempt, c.Reason = a, "looked it up"
		err := p.Decide(c.Decision)
		var fault string
		var e *Error
		if errors.As(err, &e) && len(e.Fields) == 1 && e.Fields[0].Path == "processor_reference" {
			fault = e.Fields[0].Code
		}
		if fault != c.fault || fault == "" && err != nil {
			t.Errorf("known %q, %+v: %v, want fault %q", c.known, c.Decision, err, c.fault)
		}
		if _, is := p.Attempt(a); is.ProcessorRef != c.bound {
			t.Errorf("known %q, %+v: bound to %q, want %q", c.known, c.Decision, is.ProcessorRef, c.bound)
		}
	}
	p := newPlay(t, func(*Link) {})
	_, a := p.begin(Begin{})
	p.told(a, Report{State: AttemptProcessing})
	must(t, p.Review(a))
	var e *Error
	if err := p.Decide(Decision{Attempt: a, Outcome: AttemptCaptured, ProcessorRef: "4242424242424242", Reason: "x"}); !errors.As(err, &e) || e.Code != ErrCard("").Code {
		t.Errorf("a card number: %v", err)
	}
}

// Word of money in an attempt that is known to be over is never left out, also
// where it tells of the same end again: it is a person's to look up (5.7).
func TestEndWithMoneyIsReviewed(t *testing.T) {
	ends := []AttemptState{AttemptFailed, AttemptCanceled, AttemptVoided, AttemptAuthExpired}
	for _, is := range ends {
		for _, told := range ends {
			for captured, want := range map[int64]AttemptState{0: is, 400: AttemptReview} {
				p := newPlay(t, func(l *Link) { l.Use.Manual = true })
				_, a := p.begin(Begin{})
				p.Payments[0].Attempts[0].State = is
				p.told(a, Report{State: told, Captured: captured})
				if _, have := p.Attempt(a); have.State != want {
					t.Errorf("%s, told %s with %d captured: %s, want %s", is, told, captured, have.State, want)
				}
			}
		}
	}
}
