package pay

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// hold begins a payment of 1050 and holds its money for an hour.
func (p play) hold() (PaymentID, AttemptID) {
	p.t.Helper()
	payment, id := p.begin(Begin{})
	p.told(id, Report{State: AttemptAuthorized, Operation: "op_hold", ProcessorRef: "ref_1", Authorized: 1050, HoldUntil: noon.Add(time.Hour)})
	return payment, id
}

// take captures a part of it, as the processor reports it.
func (p play) take(id AttemptID, operation OperationID, minor int64, final bool) {
	p.t.Helper()
	_, a := p.Attempt(id)
	r := Report{State: AttemptAuthorized, Operation: operation, ProcessorRef: "ref_1", Authorized: 1050, Captured: a.Captured + minor, Taken: minor}
	if final {
		r.State = AttemptCaptured
	}
	p.told(id, r)
}

func (p play) want(what string, state LinkState, applied, released int64, uses int64) {
	p.t.Helper()
	if l := p.Link; l.State != state || l.Applied != applied || l.Released != released || l.UseCount != uses {
		p.t.Fatalf("%s: the link is %s, %d applied, %d released, %d uses", what, l.State, l.Applied, l.Released, l.UseCount)
	}
}

// Each capture of one authorization counts when it comes, once; the link is
// completed by the last one.
func TestSeveralCaptures(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual, l.Splits = true, []Split{{Account: "a", Percent: 5000}} })
	payment, id := p.hold()
	p.take(id, "op_1", 333, false)
	p.take(id, "op_1", 333, false) // told twice
	p.want("one", LinkActive, 333, 0, 1)
	if _, _, err := p.Begin(Begin{Method: MethodCard, Processor: "sandbox"}); err == nil {
		t.Error("another payer found a place beside a payment that counts")
	}
	if _, err := p.Refund(RefundWish{Payment: payment, Amount: 334}); err == nil {
		t.Error("more was to be given back than was captured")
	}
	if _, err := p.Refund(RefundWish{Payment: payment, Amount: 100}); err != nil {
		t.Error(err)
	}
	p.take(id, "op_2", 500, false)
	p.want("two", LinkActive, 833, 0, 1)
	p.take(id, "op_3", 100, true)
	p.want("the last", LinkCompleted, 933, 117, 1)
	_, a := p.Attempt(id)
	if want := []int64{466, 467}; a.State != AttemptCaptured || len(a.Captures) != 3 || !slices.Equal(a.Shares, want) && !slices.Equal(a.Shares, []int64{467, 466}) {
		t.Errorf("the attempt is %+v", a)
	}
	kinds := []EventKind{}
	for _, e := range p.Events {
		if e.Entity == "attempt" || e.Entity == "payment" {
			kinds = append(kinds, e.Kind)
		}
	}
	want := []EventKind{
		EventPaymentCreated, EventAttemptCreated, EventAttemptAction, EventAttemptProcessing, EventAttemptAuthorized,
		EventAttemptPart, EventPaymentSucceeded, EventAttemptPart, EventPaymentCaptured, EventAttemptCaptured, EventPaymentCaptured,
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the events are %v", kinds)
	}
	if last := p.Events[len(p.Events)-1].Snapshot.Link; last.Applied != 933 || last.Released != 117 {
		t.Errorf("the last event has %d applied, %d released", last.Applied, last.Released)
	}
}

// What is left of a hold may be voided or run out; what was captured stays.
func TestRestOfAHold(t *testing.T) {
	for _, end := range []AttemptState{AttemptVoided, AttemptAuthExpired} {
		p := newPlay(t, func(l *Link) { l.Use.Manual = true })
		_, id := p.hold()
		p.take(id, "op_1", 400, false)
		p.told(id, Report{State: end, Authorized: 1050, Captured: 400})
		p.told(id, Report{State: end, Authorized: 1050, Captured: 400})
		p.want(string(end), LinkCompleted, 400, 650, 1)
		if _, a := p.Attempt(id); a.State != AttemptCaptured || len(a.Captures) != 1 {
			t.Errorf("%s: %+v", end, a)
		}
	}
}

// A hold that runs out with nothing taken gives its place back, and is asked
// about when its time is over, not before.
func TestHoldRunsOut(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	payment, id := p.hold()
	i := slices.IndexFunc(p.Operations, func(o Operation) bool { return o.Kind == OpQuery })
	if i < 0 || p.Operations[i].About != "op_hold" || !p.Operations[i].DueAt.Equal(noon.Add(time.Hour)) {
		t.Fatalf("the operations are %+v", p.Operations)
	}
	p.told(id, Report{State: AttemptAuthExpired, Authorized: 1050})
	p.want("run out", LinkActive, 0, 0, 0)
	if got := p.payment(payment); got.State != PaymentCanceled || got.Slot != "" {
		t.Errorf("the payment is %+v", got)
	}
	p.hold() // another payer
}

// A capture that was on its way when the merchant canceled the link does not
// count (5.5c); what counted before stays, and what is left is released.
func TestCancelBetweenCaptures(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	payment, id := p.hold()
	p.take(id, "op_1", 400, false)
	if err := p.Cancel(); err != nil || !p.asked(id, OpVoid) {
		t.Fatalf("canceling: %v", err)
	}
	p.take(id, "op_2", 300, false)
	p.want("canceled", LinkCanceled, 400, 0, 1)
	got, a := p.Attempt(id)
	if len(got.Refunds) != 1 || got.Refunds[0].Amount != 300 || !got.Refunds[0].Surplus || got.State != PaymentApplied || sumOf(a.Shares) != 400 {
		t.Fatalf("the second capture: %+v", got)
	}
	if err := p.Refunded(got.Refunds[0].ID, RefundSucceeded); err != nil || p.Link.Refunded != 0 {
		t.Errorf("the surplus went back: %v, %d refunded", err, p.Link.Refunded)
	}
	if _, err := p.Refund(RefundWish{Payment: payment, Amount: 401}); err == nil {
		t.Error("more was to be given back than counts")
	}
	p.told(id, Report{State: AttemptVoided, Authorized: 1050, Captured: 700})
	p.want("released", LinkCanceled, 400, 0, 1)
}

// On a link of several uses the last use completes it only when no payment has
// more to come.
func TestUsesWaitForCaptures(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual, l.Use.Max = true, 2 })
	_, first := p.hold()
	p.take(first, "op_1", 400, false)
	_, second := p.begin(Begin{})
	p.told(second, Report{State: AttemptAuthorized, ProcessorRef: "ref_2", Authorized: 1050})
	p.told(second, Report{State: AttemptCaptured, Operation: "op_2", ProcessorRef: "ref_2", Authorized: 1050, Captured: 1050, Taken: 1050})
	p.want("two uses", LinkActive, 1450, 0, 2)
	p.take(first, "op_3", 650, true)
	p.want("the last capture", LinkCompleted, 2100, 0, 2)
}

// A capture that says another sum than was asked for is a person's to look at.
func TestCaptureOfAnotherSum(t *testing.T) {
	for name, r := range map[string]Report{
		"less":      {State: AttemptAuthorized, Operation: "op_1", Authorized: 1050, Captured: 399, Taken: 400},
		"more":      {State: AttemptAuthorized, Operation: "op_1", Authorized: 1050, Captured: 401, Taken: 400},
		"all of it": {State: AttemptCaptured, Operation: "op_1", Authorized: 1050, Captured: 1050, Taken: 400},
	} {
		p := newPlay(t, func(l *Link) { l.Use.Manual = true })
		_, id := p.hold()
		p.told(id, r)
		if _, a := p.Attempt(id); a.State != AttemptReview || a.Captured != 0 || p.Link.Applied != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A person decides about the rest of an authorization some of which was captured.
func TestDecideTheRest(t *testing.T) {
	for _, c := range []struct {
		Decision
		fault             string
		applied, released int64
	}{
		{Decision{Outcome: AttemptFailed}, "outcome", 0, 0},
		{Decision{Outcome: AttemptCaptured, Amount: 399}, "amount", 0, 0},
		{Decision{Outcome: AttemptVoided}, "", 400, 650},
		{Decision{Outcome: AttemptCaptured, Amount: 400}, "", 400, 650},
		{Decision{Outcome: AttemptCaptured, Amount: 1000}, "", 1000, 50},
	} {
		p := newPlay(t, func(l *Link) { l.Use.Manual = true })
		_, id := p.hold()
		p.take(id, "op_1", 400, false)
		p.told(id, Report{State: AttemptAuthorized, Operation: "op_2", Authorized: 1050, Captured: 900, Taken: 300})
		c.Decision.Attempt, c.Decision.Reason = id, "seen at the processor"
		err := p.Decide(c.Decision)
		if c.fault != "" {
			if got := faults(err); len(got) != 1 || !strings.HasPrefix(got[0], c.fault+" ") {
				t.Errorf("%+v: %v", c.Decision, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v, %v", c.Decision, err, p.Events)
		}
		p.want(string(c.Outcome), LinkCompleted, c.applied, c.released, 1)
	}
}

// What a person has written down is no news when the processor tells of it at
// last; that there was more is.
func TestDecidedCaptureIsToldAgain(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, id := p.hold()
	p.take(id, "op_1", 400, false)
	late := Report{State: AttemptAuthorized, Operation: "op_2", Authorized: 1050, Captured: 705, Taken: 300}
	p.told(id, late)
	if err := p.Decide(Decision{Attempt: id, Outcome: AttemptCaptured, Amount: 700, Reason: "seen at the processor"}); err != nil {
		t.Fatal(err)
	}
	events := len(p.Events)
	late.Captured = 700
	p.told(id, late)
	if len(p.Events) != events {
		t.Errorf("told again: %+v", p.Events[events:])
	}
	late.Captured = 705
	if err := p.Settle(id, late); KindOf(err) != Conflict {
		t.Errorf("more than was decided: %v", err)
	}
}

// A link that is paid in parts can be paid to the end, however small they are:
// at last the next part is all that is left.
func TestManySmallParts(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use = Use{Parts: true} })
	for range maxPaidParts - 1 {
		_, id := p.begin(Begin{Amount: 1})
		p.captured(id, 1)
	}
	if _, _, err := p.Begin(Begin{Method: MethodCard, Processor: "sandbox", Amount: 1}); fieldCode(err) != "too_small" {
		t.Fatalf("one more: %v", err)
	}
	_, id := p.begin(Begin{Amount: 1050 - maxPaidParts + 1})
	p.captured(id, 1050-maxPaidParts+1)
	p.want("all parts", LinkCompleted, 1050, 0, 0)
}

// What is left of a hold is over, and more was taken of it than we know: that is
// a person's to look up (5.7).
func TestHoldEndsWithMoreTaken(t *testing.T) {
	for _, end := range []AttemptState{AttemptVoided, AttemptAuthExpired} {
		for known, want := range map[int64]AttemptState{500: AttemptCaptured, 300: AttemptReview} {
			p := newPlay(t, func(l *Link) { l.Use.Manual = true })
			_, a := p.begin(Begin{})
			p.told(a, Report{State: AttemptAuthorized, Authorized: 1050})
			p.told(a, Report{State: AttemptAuthorized, Authorized: 1050, Operation: "op_1", Taken: known, Captured: known})
			p.told(a, Report{State: end, Captured: 500})
			if _, have := p.Attempt(a); have.State != want || have.Captured != known {
				t.Errorf("%s with 500 taken, %d known: %+v", end, known, have)
			}
		}
	}
}

// A capture may be heard of after the end of the hold that it was of: nothing is
// held any more, whether more captures were to come or not.
func TestCaptureHeardAfterTheEnd(t *testing.T) {
	for _, final := range []bool{false, true} {
		p := newPlay(t, func(l *Link) { l.Use.Manual = true })
		payment, id := p.hold()
		p.told(id, Report{State: AttemptAuthExpired, Authorized: 1050})
		p.take(id, "op_1", 400, final)
		if _, a := p.Attempt(id); a.State != AttemptCaptured || a.Captured != 400 || p.payment(payment).State != PaymentApplied {
			t.Errorf("final %v: the attempt is %s with %d captured, the payment %s", final, a.State, a.Captured, p.payment(payment).State)
		}
		p.want("the end", LinkCompleted, 400, 650, 1)
	}
}
