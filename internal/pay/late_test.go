package pay

import (
	"slices"
	"testing"
	"time"
)

// play is a tab of an active link on which every step must succeed.
type play struct {
	t *testing.T
	*Tab
}

func newPlay(t *testing.T, with func(l *Link)) play {
	l := goodLink()
	with(&l)
	p := play{t, &Tab{Link: l, Now: noon, Actor: "test"}}
	p.Open()
	return p
}

// begin starts an attempt that waits for its payer.
func (p play) begin(b Begin) (PaymentID, AttemptID) {
	p.t.Helper()
	b.Method, b.Processor, b.GraceS = MethodCard, "sandbox", 1800
	payment, a, err := p.Begin(b)
	if err != nil {
		p.t.Fatal(err)
	}
	id := payment.ID
	p.told(a.ID, Report{State: AttemptRequiresAction, Action: &Action{RedirectURL: "https://bank.example/"}})
	return id, p.Payments[len(p.Payments)-1].Last().ID
}

func (p play) told(id AttemptID, r Report) {
	p.t.Helper()
	if err := p.Settle(id, r); err != nil {
		p.t.Fatal(err)
	}
}

func (p play) captured(id AttemptID, minor int64) {
	p.t.Helper()
	p.told(id, Report{State: AttemptCaptured, ProcessorRef: "ref_" + string(id), Currency: "USD", Authorized: minor, Captured: minor})
}

func (p play) asked(id AttemptID, kind OperationKind) bool {
	return slices.ContainsFunc(p.Operations, func(o Operation) bool { return o.Attempt == id && o.Kind == kind })
}

// TestLateSuccessOfAnOlderAttempt: the payer's first try turns out to have
// worked; the second one, still under way, is called off.
func TestLateSuccessOfAnOlderAttempt(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Max = 3 })
	id, first := p.begin(Begin{})
	p.told(first, Report{State: AttemptFailed})
	_, second := p.begin(Begin{Retry: id})
	p.captured(first, 1050)
	_, a := p.Attempt(second)
	if p.Link.UseCount != 1 || !a.Superseded || !p.asked(second, OpVoid) {
		t.Fatalf("%d uses; the second try is %+v", p.Link.UseCount, a)
	}
	p.captured(second, 1050)
	if p.Link.UseCount != 1 || p.Link.Applied != 1050 || !p.asked(second, OpRefund) || p.asked(first, OpRefund) {
		t.Fatalf("both worked: %d uses, %d applied", p.Link.UseCount, p.Link.Applied)
	}
}

// TestLateHoldIsReleasedAtTheEnd: a hold that came when its payment had failed
// has no reservation, and is released all the same when the link is paid (M4).
func TestLateHoldIsReleasedAtTheEnd(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, first := p.begin(Begin{})
	p.told(first, Report{State: AttemptFailed})
	_, second := p.begin(Begin{})
	p.told(first, Report{State: AttemptAuthorized, Authorized: 1050})
	p.captured(second, 1050)
	if p.Link.State != LinkCompleted || !p.asked(first, OpVoid) {
		t.Fatalf("the link is %s, the hold's void was asked for: %v", p.Link.State, p.asked(first, OpVoid))
	}
}

// TestMoneyBeatsReservation: money that came late counts, and who has reserved
// what it pays is called off (5.5a).
func TestMoneyBeatsReservation(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Price.Amount, l.Use = 1000, Use{Parts: true} })
	_, first := p.begin(Begin{Amount: 600})
	p.Now = noon.Add(silence)
	later, second := p.begin(Begin{Amount: 700})
	if _, a := p.Attempt(first); !a.Superseded || !p.asked(first, OpVoid) {
		t.Fatalf("silent for %s: %+v", silence, a)
	}
	p.captured(first, 600)
	if p.Link.Applied != 600 || p.payment(later).State != PaymentCanceled || !p.asked(second, OpVoid) {
		t.Fatalf("%d applied, the other is %s", p.Link.Applied, p.payment(later).State)
	}
	p.captured(second, 700)
	if p.Link.Applied != 600 || p.payment(later).State != PaymentSurplus || !p.asked(second, OpRefund) {
		t.Fatalf("then the other's: %d applied, it is %s", p.Link.Applied, p.payment(later).State)
	}
}

// TestSilenceIsWaitedFor: a reservation is not taken over a moment too early.
func TestSilenceIsWaitedFor(t *testing.T) {
	p := newPlay(t, func(*Link) {})
	p.begin(Begin{})
	p.Now = noon.Add(silence - time.Microsecond)
	if _, _, err := p.Begin(Begin{Method: MethodCard, Processor: "sandbox"}); KindOf(err) != Conflict {
		t.Fatalf("too early: %v", err)
	}
	p.Now = noon.Add(silence)
	p.begin(Begin{})
}

// TestAcceptLate: past grace, money counts only where the merchant has said so.
func TestAcceptLate(t *testing.T) {
	for _, accept := range []bool{true, false} {
		p := newPlay(t, func(l *Link) { l.AcceptLate = accept })
		_, id := p.begin(Begin{})
		p.Now = p.Link.ExpiresAt.Add(100 * time.Hour)
		p.captured(id, 1050)
		if counts := p.Link.State == LinkCompleted && p.Link.Applied == 1050; counts != accept || p.asked(id, OpRefund) == accept {
			t.Errorf("accept late %v: the link is %s with %d applied", accept, p.Link.State, p.Link.Applied)
		}
	}
}

// TestMismatchIsReviewed: evidence that differs from our record moves no money
// either way, and nothing but a person ends that (5.7).
func TestMismatchIsReviewed(t *testing.T) {
	good := Report{State: AttemptCaptured, ProcessorRef: "ref_1", Currency: "USD", Authorized: 1050, Captured: 1050}
	for name, with := range map[string]func(r *Report){
		"currency":           func(r *Report) { r.Currency = "EUR" },
		"bound payment":      func(r *Report) { r.ProcessorRef = "ref_2" },
		"captured more":      func(r *Report) { r.Captured = 1051 },
		"authorized more":    func(r *Report) { r.Authorized = 1051 },
		"captured nothing":   func(r *Report) { r.Captured = 0 },
		"authorized nothing": func(r *Report) { r.State, r.Authorized = AttemptAuthorized, 0 },
	} {
		p := newPlay(t, func(*Link) {})
		_, id := p.begin(Begin{})
		p.told(id, Report{State: AttemptProcessing, ProcessorRef: "ref_1"})
		r := good
		with(&r)
		for _, r := range []Report{r, r, good} {
			p.told(id, r)
			_, a := p.Attempt(id)
			if a.State != AttemptReview || a.Captured != 0 || p.Link.Applied != 0 || len(p.Entries) != 0 || p.asked(id, OpRefund) || p.asked(id, OpVoid) {
				t.Errorf("%s: %+v, %d applied", name, a, p.Link.Applied)
			}
		}
	}
}

// TestPartialApproval: less than asked for goes back, unless parts are welcome (5.9).
func TestPartialApproval(t *testing.T) {
	p := newPlay(t, func(*Link) {})
	_, id := p.begin(Begin{})
	p.told(id, Report{State: AttemptCaptured, Authorized: 1000, Captured: 1000, Partial: true})
	if p.Link.Applied != 0 || !p.asked(id, OpRefund) {
		t.Errorf("a part was taken: %d applied", p.Link.Applied)
	}
	p = newPlay(t, func(l *Link) { l.Use.Manual = true })
	_, id = p.begin(Begin{})
	p.told(id, Report{State: AttemptAuthorized, Authorized: 1000, Partial: true})
	if !p.asked(id, OpVoid) {
		t.Error("a part is held")
	}
	p = newPlay(t, func(l *Link) { l.Use = Use{Parts: true} })
	_, id = p.begin(Begin{})
	p.told(id, Report{State: AttemptCaptured, Authorized: 1000, Captured: 1000, Partial: true})
	if p.Link.Applied != 1000 || p.Link.State != LinkActive || p.asked(id, OpRefund) {
		t.Errorf("parts are welcome: %d applied, %s", p.Link.Applied, p.Link.State)
	}
}
