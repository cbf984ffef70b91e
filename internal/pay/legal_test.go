package pay

import (
	"slices"
	"strings"
	"testing"
)

// TestLegal: a change without a move is legal only where there can be one, and
// only an edit reopens a link.
func TestLegal(t *testing.T) {
	var all []string
	for _, s := range attemptStates {
		all = append(all, string(s))
	}
	for _, s := range linkStates {
		all = append(all, string(s))
	}
	all = append(all, "", "open", "applied", "surplus", "planned", "allocated", "held", "released", "transferred", "reversed")
	for _, kind := range EventKinds {
		entity, _, _ := strings.Cut(string(kind), ".")
		want := strings.Fields(map[EventKind]string{
			EventLinkUpdated: "scheduled active paused expired", EventPaymentCaptured: "applied", EventAttemptPart: "authorized",
			EventAttemptSuperseded: "created requires_action processing unknown authorized review", EventSplitHeld: "held",
			EventSplitReleased: "planned held released transferred reversed", EventSplitTransferred: "allocated held released", EventSplitCanceled: "released transferred reversed",
		}[kind])
		for _, s := range all {
			if legal := (Event{Kind: kind, Entity: entity, From: s, To: s}).Legal(); legal != slices.Contains(want, s) {
				t.Errorf("%s in state %q: %v", kind, s, legal)
			}
		}
	}
	for _, c := range []struct {
		Event
		want bool
	}{
		{Event{Kind: EventLinkUpdated, Entity: "payment_link", From: "expired", To: "active"}, true},
		{Event{Kind: EventLinkResumed, Entity: "payment_link", From: "expired", To: "active"}, false},
		{Event{Kind: EventLinkUpdated, Entity: "payment_link", From: "active", To: "completed"}, false},
		{Event{Kind: EventLinkCompleted, Entity: "payment_link", From: "active", To: "completed"}, true},
		{Event{Kind: EventAttemptCaptured, Entity: "attempt", From: "processing", To: "captured"}, true},
		{Event{Kind: EventAttemptCaptured, Entity: "attempt", From: "created", To: "captured"}, false},
		{Event{Kind: EventAttemptCaptured, Entity: "voided attempt", From: "processing", To: "captured"}, false},
		{Event{Kind: EventLineReversed, Entity: "settlement", From: "expected", To: "reversed"}, false},
		{Event{Kind: EventDisputeWon, Entity: "dispute", From: "lost", To: "won"}, false},
		{Event{Kind: EventRefundSucceeded, Entity: "refund", From: "failed", To: "succeeded"}, false},
		{Event{Kind: EventSplitReleased, Entity: "split", From: "held", To: "released"}, true},
	} {
		if c.Legal() != c.want {
			t.Errorf("%s of %s from %s to %s: %v", c.Kind, c.Entity, c.From, c.To, !c.want)
		}
	}
}
