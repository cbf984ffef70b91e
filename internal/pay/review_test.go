package pay

import (
	"reflect"
	"slices"
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
		if err := p.Decide(Decision{Attempt: a, Outcome: AttemptCaptured, Reason: "looked it up"}); err != nil {
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
