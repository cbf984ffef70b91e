package pay

import (
	"testing"
	"time"
)

// voids are the sums whose release was asked for, in order.
func (p play) voids(id AttemptID) (minor []int64) {
	for _, o := range p.Operations {
		if o.Attempt == id && o.Kind == OpVoid {
			minor = append(minor, o.Amount.Minor)
		}
	}
	return minor
}

// No more is captured than is held and was not taken yet, and nothing of an
// attempt that holds nothing (M4). What takes the last of it is final.
func TestCaptureIsBounded(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	waits, id := p.begin(Begin{})
	if err := p.Capture(waits, 1, false); KindOf(err) != Conflict {
		t.Errorf("nothing is held: %v", err)
	}
	p.told(id, Report{State: AttemptAuthorized, ProcessorRef: "ref_1", Authorized: 1050})
	p.take(id, "op_1", 400, false)
	for minor, code := range map[int64]string{-1: "too_small", 651: "too_large"} {
		if err := p.Capture(waits, minor, true); fieldCode(err) != code {
			t.Errorf("%d of 650: %v, want %s", minor, err, code)
		}
	}
	for _, c := range []struct {
		minor, want int64
		keep, final bool
	}{{649, 649, true, false}, {649, 649, false, true}, {650, 650, true, true}, {0, 650, true, true}} {
		if err := p.Capture(waits, c.minor, c.keep); err != nil {
			t.Fatal(err)
		}
		if o := p.Operations[len(p.Operations)-1]; o.Kind != OpCapture || o.Amount.Minor != c.want || o.Final != c.final {
			t.Errorf("%d, keep %v: %+v", c.minor, c.keep, o)
		}
	}
}

// Evidence is held against what was asked for and what is known by then (5.7).
func TestEvidenceIsHeldAgainstWhatIsKnown(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use = Use{Parts: true} })
	_, id := p.begin(Begin{})
	p.told(id, Report{State: AttemptAuthorized, Authorized: 1000, Partial: true})
	p.told(id, Report{State: AttemptCaptured, Authorized: 1000, Captured: 1000})
	if _, a := p.Attempt(id); a.State != AttemptCaptured || p.Link.Applied != 1000 {
		t.Errorf("all that was approved is taken: %s, %d applied", a.State, p.Link.Applied)
	}
	p = newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, id = p.hold()
	p.take(id, "op_1", 400, false)
	p.told(id, Report{State: AttemptCaptured, Authorized: 1050, Captured: 300})
	if _, a := p.Attempt(id); a.State != AttemptReview || a.Captured != 400 {
		t.Errorf("less than was taken: %s, %d captured", a.State, a.Captured)
	}
	p = newPlay(t, func(*Link) {})
	_, id = p.begin(Begin{})
	p.told(id, Report{State: AttemptFailed, Authorized: 10, Captured: 10})
	if _, a := p.Attempt(id); a.State != AttemptReview || a.Captured != 0 {
		t.Errorf("failed, with money: %s, %d captured", a.State, a.Captured)
	}
}

// Grace is for what was begun before the end: where an edit moves the end to
// before that, money that comes counts no more (5.3, 5.4).
func TestGraceIsForWhatBeganInTime(t *testing.T) {
	p := newPlay(t, func(*Link) {})
	_, id := p.begin(Begin{})
	if err := p.Edit(func(l *Link) error { l.ExpiresAt = noon; return nil }); err != nil || p.Link.State != LinkExpired {
		t.Fatalf("%s: %v", p.Link.State, err)
	}
	p.Now = noon.Add(time.Second)
	p.captured(id, 1050)
	if p.Link.Applied != 0 || !p.asked(id, OpRefund) {
		t.Errorf("%d applied", p.Link.Applied)
	}
}

// A hold that comes when the link is closed is released, and so is the rest of
// one whose capture does not count (5.5c).
func TestLateHoldIsReleased(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, id := p.begin(Begin{})
	p.told(id, Report{State: AttemptFailed})
	if err := p.Cancel(); err != nil || len(p.voids(id)) != 0 {
		t.Fatalf("%v, released %v", err, p.voids(id))
	}
	p.told(id, Report{State: AttemptAuthorized, ProcessorRef: "ref_1", Authorized: 1050})
	if got := p.voids(id); len(got) != 1 || got[0] != 1050 {
		t.Errorf("the hold: released %v", got)
	}
	p.take(id, "op_1", 400, false)
	if got := p.voids(id); len(got) != 2 || got[1] != 650 || !p.asked(id, OpRefund) {
		t.Errorf("the rest: released %v", got)
	}
}

// A product of amounts that no longer fits 64 bits is refused, not cut off (M2).
func TestHugeProductIsRefused(t *testing.T) {
	if minor, ok := MulMinor(1<<62, 4); ok {
		t.Errorf("2^62 × 4 is %d", minor)
	}
}

// What may be given back is what is reserved by no other refund: a failed one
// frees what it reserved, and all of a link's payments together are the bound (M4, 5.8).
func TestFailedRefundFreesItsMoney(t *testing.T) {
	tab := captured(t, nil)
	r, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: 1050})
	must(t, err)
	if _, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: 1}); err == nil {
		t.Error("one more was reserved")
	}
	must(t, tab.Refunded(r.ID, RefundFailed))
	if err := tab.RefundLink(RefundWish{Amount: 1051}); fieldCode(err) != "too_large" {
		t.Errorf("more than all payments have: %v", err)
	}
	must(t, tab.RefundLink(RefundWish{Amount: 1050}))
	if got := tab.Payments[0].Attempts[0]; got.Refunding != 1050 {
		t.Errorf("%d are on their way", got.Refunding)
	}
}

// A split that was canceled is not put on hold again, though some of it was let
// go before (INVARIANTS 4).
func TestCanceledSplitIsNotHeldAgain(t *testing.T) {
	tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: true}})
	must(t, tab.ReleaseSplit(0, 100))
	must(t, tab.CancelSplit(0))
	if err := tab.HoldSplit(0); KindOf(err) != Conflict || tab.Link.Splits[0].Held != 0 {
		t.Errorf("%v: %+v", err, tab.Link.Splits[0])
	}
}

// A settlement is taken back as it was made: with another amount it is a
// mismatch that changes nothing (M10).
func TestReversalOfAnotherSum(t *testing.T) {
	tab := captured(t, nil)
	told := Told{Movement: "capture:att_1", Processor: "sandbox", Amount: Money{1050, "USD"}, At: noon}
	_, err := tab.SettleLine(told)
	must(t, err)
	told.Amount.Minor = 1049
	if changed, err := tab.ReverseLine(told); changed || KindOf(err) != Conflict || tab.Link.Settled != 1050 {
		t.Errorf("%v %v, %d settled", changed, err, tab.Link.Settled)
	}
}

// What is captured of a hold that counts already is in time, also when a person
// finds out about it after the link's end (5.4).
func TestMoreOfWhatCountsIsInTime(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, id := p.hold()
	p.take(id, "op_1", 400, false)
	p.told(id, Report{State: AttemptAuthorized, Operation: "op_2", Authorized: 1050, Captured: 900, Taken: 300})
	p.Now = p.Link.ExpiresAt.Add(100 * time.Hour)
	must(t, p.Decide(Decision{Attempt: id, Outcome: AttemptCaptured, Amount: 1000, Reason: "seen at the processor"}))
	if p.Link.Applied != 1000 || p.asked(id, OpRefund) {
		t.Errorf("%d applied", p.Link.Applied)
	}
}

// A payment whose money was too much stays so, also when its link is open again
// by the time that more of it comes (5.5).
func TestSurplusStaysSurplus(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	payment, id := p.begin(Begin{})
	p.told(id, Report{State: AttemptFailed})
	p.Now = p.Link.ExpiresAt.Add(100 * time.Hour)
	p.told(id, Report{State: AttemptAuthorized, Operation: "op_hold", ProcessorRef: "ref_1", Authorized: 1050})
	p.take(id, "op_1", 400, false)
	must(t, p.Edit(func(l *Link) error { l.ExpiresAt = p.Now.Add(time.Hour); return nil }))
	p.take(id, "op_2", 300, false)
	if _, a := p.Attempt(id); p.Link.State != LinkActive || p.Link.Applied != 0 || p.payment(payment).State != PaymentSurplus || a.Refunding != 700 {
		t.Errorf("the link is %s, %d applied, the payment %s, %d go back", p.Link.State, p.Link.Applied, p.payment(payment).State, a.Refunding)
	}
}

// What a hold released of a link's parts is asked of nobody again, and not taken
// from a late payer either (M5).
func TestReleasedPartIsNotTakenLate(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Price.Amount, l.Use = 1000, Use{Parts: true, Manual: true} })
	_, late := p.begin(Begin{Amount: 600})
	p.told(late, Report{State: AttemptFailed})
	_, id := p.begin(Begin{Amount: 600})
	p.told(id, Report{State: AttemptAuthorized, ProcessorRef: "ref_1", Authorized: 600})
	p.told(id, Report{State: AttemptCaptured, Operation: "op_1", ProcessorRef: "ref_1", Captured: 400, Taken: 400})
	p.want("some", LinkActive, 400, 200, 0)
	p.captured(late, 600)
	p.want("late", LinkActive, 400, 200, 0)
	if !p.asked(late, OpRefund) {
		t.Error("what is too much does not go back")
	}
}
