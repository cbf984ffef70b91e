package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// hold makes a link whose payer's money is held.
func hold(t *testing.T, w *coretest.World, card string) pay.Payment {
	t.Helper()
	l := w.Link(t, func(l *pay.Link) {
		l.Use.Manual, l.Splits = true, []pay.Split{{Account: "a", Percent: 3333, OnHold: true}, {Account: "b", Amount: 101}}
	})
	p, err := w.Card(l, card)
	if err != nil || p.Last().State != pay.AttemptAuthorized {
		t.Fatalf("authorized: %+v %v", p, err)
	}
	return p
}

// An authorization is captured in pieces: each once per key, each a settlement
// line of its own, together never more than is held.
func TestCapturesOfOneHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		p := hold(t, w, goodCard)
		take := func(key string, minor int64, keep bool) error {
			var err error
			cmd := core.CapturePayment{Key: key, Fingerprint: fmt.Sprint(minor, keep), Payment: p.ID, Amount: minor, Keep: keep}
			for range 2 {
				if p, err = w.Capture(ctx, w.Shop, cmd); err != nil {
					return err
				}
			}
			return nil
		}
		for i, minor := range []int64{333, 200} {
			if err := take(fmt.Sprint("k", i), minor, true); err != nil || p.State != pay.PaymentApplied || p.Last().State != pay.AttemptAuthorized {
				t.Fatalf("capture %d: %+v %v", i, p, err)
			}
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: p.ID, Amount: 500}}); err != nil {
			t.Fatalf("refund between captures: %v", err)
		}
		if err := take("too much", 518, true); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("more than is held: %v", err)
		}
		if err := take("last", 117, false); err != nil || p.Captured() != 650 || p.Last().State != pay.AttemptCaptured || len(p.Last().Captures) != 3 {
			t.Fatalf("the last: %+v %v", p, err)
		}
		if err := take("after", 1, false); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("after the last: %v", err)
		}
		v, err := w.Core.Link(ctx, w.Shop, p.Link)
		if err != nil || v.Link.State != pay.LinkCompleted || v.Link.Applied != 650 || v.Link.Released != 400 || v.Link.Refunded != 500 {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
		results, err := w.FetchSettlements(ctx, w.Shop)
		if err != nil || len(results) != 4 {
			t.Fatalf("settlements: %+v %v", results, err)
		}
		for _, r := range results {
			if r.Result != core.RowSettled {
				t.Errorf("settlement: %+v", r)
			}
		}
		v, err = w.Core.Link(ctx, w.Shop, p.Link)
		if err != nil || v.Link.Settled != 650 || v.Payments[0].SettledAt.IsZero() {
			t.Errorf("settled: %+v %v", v.Link, err)
		}
		proven(t, w)
	})
}

// A hold that ran out is asked about when its time is over. What was captured
// of it counts; with nothing captured the link can be paid by another.
func TestHoldsRunOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		none, part := hold(t, w, goodCard), hold(t, w, goodCard)
		if _, err := w.Capture(ctx, w.Shop, core.CapturePayment{Key: "k", Fingerprint: "f", Payment: part.ID, Amount: 400, Keep: true}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(7*24*time.Hour - time.Minute)
		if early, err := w.ClaimOperations(ctx, 5); err != nil || len(early) != 0 {
			t.Fatalf("asked before its time: %+v %v", early, err)
		}
		if p, err := w.Payment(ctx, w.Shop, none.ID); err != nil || p.Last().State != pay.AttemptAuthorized {
			t.Fatalf("before its time: %+v %v", p, err)
		}
		w.Clock.Add(time.Minute)
		work(t, w)
		p, err := w.Payment(ctx, w.Shop, none.ID)
		if err != nil || p.Last().State != pay.AttemptAuthExpired || p.State != pay.PaymentCanceled {
			t.Fatalf("nothing captured: %+v %v", p, err)
		}
		if p, err = w.Payment(ctx, w.Shop, part.ID); err != nil || p.Last().State != pay.AttemptCaptured || p.Captured() != 400 {
			t.Fatalf("a part captured: %+v %v", p, err)
		}
		if v, err := w.Core.Link(ctx, w.Shop, part.Link); err != nil || v.Link.State != pay.LinkCompleted || v.Link.Released != 650 {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
		v, err := w.Core.Link(ctx, w.Shop, none.Link)
		if err != nil || v.Link.State != pay.LinkActive {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
		if p, err = w.Card(v.Link, goodCard); err != nil || p.Last().State != pay.AttemptAuthorized {
			t.Fatalf("another payer: %+v %v", p, err)
		}
		proven(t, w)
	})
}

// A hold that ended before its time is not asked about any more, and one that
// nobody can tell of is asked about again.
func TestQuestionsAboutHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		p := hold(t, w, goodCard)
		if _, err := w.Void(ctx, w.Shop, core.VoidPayment{Key: "v", Fingerprint: "v", Payment: p.ID}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(8 * 24 * time.Hour)
		work(t, w)
		ops, err := w.Store.OperationsOf(ctx, w.Shop.Tenant, p.Last().ID)
		for _, o := range ops {
			if err != nil || o.State != pay.OpSucceeded {
				t.Errorf("%+v %v", o, err)
			}
		}
		if len(ops) != 3 {
			t.Errorf("the operations are %+v", ops)
		}
		proven(t, w)
	})
}

// Of many captures at once of one hold one is made at a time, and together
// they never take more than is held.
func TestCapturesAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		p := hold(t, w, goodCard)
		var all sync.WaitGroup
		var mu sync.Mutex
		sum := int64(0)
		for i := range 20 {
			all.Go(func() {
				cmd := core.CapturePayment{Key: fmt.Sprint("k", i), Fingerprint: "f", Payment: p.ID, Amount: int64(100 + i), Keep: i%3 > 0}
				if _, err := w.Capture(ctx, w.Shop, cmd); err == nil {
					mu.Lock()
					defer mu.Unlock()
					sum += cmd.Amount
				} else if k := pay.KindOf(err); k != pay.Conflict && k != pay.Invalid {
					t.Error(err)
				}
			})
		}
		all.Wait()
		p, err := w.Payment(ctx, w.Shop, p.ID)
		if err != nil || p.Captured() != sum || sum == 0 || sum > 1050 {
			t.Fatalf("%d acknowledged, the payment is %+v %v", sum, p, err)
		}
		proven(t, w)
	})
}

// A hold that its processor keeps longer than it said is asked about again,
// and one that it will not say anything of is a person's to look at, 72 hours
// after its time (P3).
func TestHoldKeptLonger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var said processor.Result
		asked := 0
		base := coretest.New(t, o)
		until := base.Clock.Now().Add(100 * time.Hour)
		w := withOdd(t, base, func(_ context.Context, o processor.Order, question bool) (processor.Outcome, error) {
			out := paidIn(o, "held")
			out.Captured, out.HoldUntil = 0, until
			if question {
				asked++
				out.Result = said
			}
			return out, nil
		})
		p, err := w.Card(w.Link(t, manual), goodCard)
		if err != nil || p.Last().State != pay.AttemptAuthorized {
			t.Fatalf("authorized: %+v %v", p, err)
		}
		said = processor.Succeeded // held still
		for i, wait := range []time.Duration{100 * time.Hour, 2 * time.Second, 5 * time.Second} {
			w.Clock.Add(wait)
			work(t, base)
			if asked != i+1 {
				t.Fatalf("asked %d times after %d waits", asked, i+1)
			}
		}
		for _, then := range []struct {
			wait   time.Duration
			said   processor.Result
			want   pay.AttemptState
			alarms int
		}{
			{15 * time.Second, processor.Unknown, pay.AttemptAuthorized, 0}, // of what is due for moments only
			{142 * time.Hour, processor.Succeeded, pay.AttemptAuthorized, 0},
			{time.Hour, processor.Unknown, pay.AttemptReview, 1},
		} {
			said = then.said
			w.Clock.Add(then.wait)
			work(t, base)
			p, err = w.Payment(context.Background(), w.Shop, p.ID)
			if err != nil || p.Last().State != then.want || w.alarms["operation_unresolved"] != then.alarms {
				t.Fatalf("%s later it is %+v %v; the alarms are %v", then.wait, p, err, w.alarms)
			}
		}
	})
}

// Where a processor allows one capture the rest cannot be kept.
func TestOneCaptureOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, "held")
			if o.Kind == pay.OpAuthorize {
				out.Captured = 0
			}
			return out, nil
		})
		ctx := context.Background()
		p, err := w.Card(w.Link(t, manual), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		cmd := core.CapturePayment{Key: "k", Fingerprint: "f", Payment: p.ID, Amount: 400, Keep: true}
		if _, err := w.Capture(ctx, w.Shop, cmd); pay.KindOf(err) != pay.Invalid {
			t.Errorf("a part to be kept: %v", err)
		}
		cmd.Keep = false
		if p, err = w.Capture(ctx, w.Shop, cmd); err != nil || p.Captured() != 400 || p.Last().State != pay.AttemptCaptured {
			t.Errorf("a part: %+v %v", p, err)
		}
	})
}
