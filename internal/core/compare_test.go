package core

import (
	"slices"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// noon is when the facts of these tests last changed.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func whats(list []pay.Discrepancy) (names []string) {
	for _, d := range list {
		names = append(names, d.What)
	}
	return names
}

// Every sum that a processor lists is compared with ours (P6).
func TestEverySumIsCompared(t *testing.T) {
	ours := store.Charged{}
	ours.State, ours.Currency, ours.Requested, ours.Authorized, ours.Captured = pay.AttemptAuthorized, "USD", 1050, 1050, 400
	ours.Refunded, ours.Disputed = 30, 20
	same := processor.Charge{Reference: "ref_1", Currency: "USD", Amount: 1050, Held: 650, Captured: 400, Refunded: 30, Disputed: 20}
	if got := differing(ours, true, same); len(got) != 0 {
		t.Errorf("the same: %v", whats(got))
	}
	for what, with := range map[string]func(*processor.Charge){
		pay.DiffCurrency: func(c *processor.Charge) { c.Currency = "EUR" },
		pay.DiffAmount:   func(c *processor.Charge) { c.Amount++ },
		pay.DiffHeld:     func(c *processor.Charge) { c.Held-- },
		pay.DiffCaptured: func(c *processor.Charge) { c.Captured++ },
		pay.DiffRefunded: func(c *processor.Charge) { c.Refunded-- },
		pay.DiffDisputed: func(c *processor.Charge) { c.Disputed = 0 },
	} {
		theirs := same
		with(&theirs)
		if got := whats(differing(ours, true, theirs)); !slices.Equal(got, []string{what}) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// What is in motion, or a person's already, is not compared (P6).
func TestMovingIsNotCompared(t *testing.T) {
	still := store.Charged{}
	still.State, still.UpdatedAt = pay.AttemptCaptured, noon
	asked, review := still, still
	asked.Asked, review.State = true, pay.AttemptReview
	if moving(still, noon) || !moving(still, noon.Add(-time.Microsecond)) || !moving(asked, noon) || !moving(review, noon) {
		t.Error("one is taken for another")
	}
}

// An attempt that nothing will end is a difference, but not while it was just
// left so (P6).
func TestStalledAttempt(t *testing.T) {
	u := store.Unsettled{}
	u.ID, u.State, u.UpdatedAt = "att_1", pay.AttemptProcessing, noon
	if got := unsettled(u, noon.Add(quiet-time.Microsecond)); len(got) != 0 {
		t.Errorf("too early: %v", whats(got))
	}
	if got := whats(unsettled(u, noon.Add(quiet))); !slices.Equal(got, []string{pay.DiffAttempt}) {
		t.Errorf("stalled: %v", got)
	}
}

// Only the return of surplus is late, only when it was asked for long ago and
// was not made, by another either (5.6).
func TestLateSurplusIsUnreturned(t *testing.T) {
	refund := func(id pay.RefundID, state pay.RefundState, surplus bool, at time.Time) pay.Refund {
		return pay.Refund{ID: id, Attempt: "att_1", State: state, Amount: 10, Surplus: surplus, CreatedAt: at}
	}
	list := lateSurplus(store.LinkName{ID: "pl_1"}, []pay.Payment{{
		Requested: pay.Money{Minor: 10, Currency: "USD"}, Attempts: []pay.Attempt{
			{ID: "att_1", Processor: "sandbox", Captures: []pay.Capture{{Amount: 30, Surplus: true}}},
			{ID: "att_2", Processor: "sandbox", Captures: []pay.Capture{{Amount: 10, Surplus: true}}},
		},
		Refunds: []pay.Refund{
			refund("made", pay.RefundSucceeded, true, noon), refund("merchant's", pay.RefundUnknown, false, noon),
			refund("young", pay.RefundUnknown, true, noon.Add(time.Second)), refund("late", pay.RefundFailed, true, noon),
			{ID: "refused", Attempt: "att_2", State: pay.RefundFailed, Amount: 10, Surplus: true, CreatedAt: noon},
			{ID: "again", Attempt: "att_2", State: pay.RefundSent, Amount: 10, Surplus: true, CreatedAt: noon.Add(time.Second)},
		},
	}}, noon)
	if len(list) != 1 || list[0].Reference != "late" || list[0].Processor != "sandbox" || list[0].Link != "pl_1" {
		t.Errorf("late are %+v", list)
	}
}

// How often the books are compared with the processors is a rule (P6).
func TestSweepsComeOften(t *testing.T) {
	every := map[string]time.Duration{}
	for _, s := range (&Core{}).Sweeps() {
		every[s.Name] = s.every
	}
	if len(every) != 2 || every["sweep"] != 15*time.Minute || every["compare"] != 24*time.Hour {
		t.Errorf("they come every %v", every)
	}
}
