package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/faulty"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A call that came to nothing is not one that failed: when the processor has
// never seen it, it is sent again under its own key, and the money moves once (P2).
func TestUnseenIsSentAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		for _, kind := range []pay.OperationKind{pay.OpCapture, pay.OpVoid, pay.OpRefund} {
			sent := map[pay.OperationID]int{}
			w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
				out := paidIn(o, string(o.Attempt))
				if o.Kind == pay.OpAuthorize || o.Kind == pay.OpVoid {
					out.Captured = 0
				}
				switch {
				case o.Kind == kind && asked:
					return processor.Outcome{Result: processor.Unseen}, nil
				case o.Kind == kind:
					if sent[o.Key]++; sent[o.Key] == 1 {
						return processor.Outcome{}, errors.New("it never left the house")
					}
				}
				return out, nil
			})
			l := w.Link(t, func(l *pay.Link) { l.Use.Manual = kind != pay.OpRefund })
			p, err := w.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			switch kind {
			case pay.OpCapture:
				_, err = w.Capture(ctx, w.Shop, core.CapturePayment{Payment: p.ID})
			case pay.OpVoid:
				_, err = w.Void(ctx, w.Shop, core.VoidPayment{Payment: p.ID})
			case pay.OpRefund:
				_, _, err = w.Refund(ctx, w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID}})
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Add(3 * time.Second)
			work(t, w.World)
			v, err := w.Core.Link(ctx, w.Shop, l.ID)
			if err != nil {
				t.Fatal(err)
			}
			a := v.Payments[0].Last()
			done := map[pay.OperationKind]bool{
				pay.OpCapture: a.Captured == a.Requested, pay.OpVoid: a.State == pay.AttemptVoided, pay.OpRefund: a.Refunded == a.Requested,
			}
			if !done[kind] || len(sent) != 1 {
				t.Errorf("%s: sent %v, the attempt is %+v", kind, sent, a)
			}
			for key, n := range sent {
				if n != 2 {
					t.Errorf("%s %s was sent %d times, want 2", kind, key, n)
				}
			}
		}
	})
}

// An amount that is told wrong, too much or too little, is never applied and
// never given back: it is a person's to look up (5.7).
func TestWrongAmountsAreReviewed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		liar := faulty.New(w.Sandbox, faulty.Rates{Amounts: 100}, 1)
		defer liar.Close()
		odds := withDriver(t, w, liar)
		for i := range 12 {
			l := w.Link(t, func(l *pay.Link) { l.Use.Manual = i%2 == 0 })
			p, err := odds.Card(l, goodCard)
			if err != nil || p.State != pay.PaymentOpen || p.Last().State != pay.AttemptReview || len(p.Refunds) > 0 {
				t.Fatalf("%+v, %v", p, err)
			}
			v, err := odds.Core.Link(context.Background(), w.Shop, l.ID)
			if err != nil || v.Link.Applied != 0 {
				t.Errorf("%d is applied, %v", v.Link.Applied, err)
			}
		}
		if odds.alarms["review"] != 12 {
			t.Errorf("alarms: %v", odds.alarms)
		}
	})
}

// A refund is asked about until its answer comes, however late: no person can
// say what became of it, and its money is reserved meanwhile (P3).
func TestRefundIsAskedAboutUntilItIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		silent := true
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			if o.Kind == pay.OpRefund && silent {
				return processor.Outcome{}, errors.New("no answer")
			}
			return paidIn(o, "ref-"+string(o.Attempt)), nil
		})
		l := w.Link(t, nil)
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Refund(t.Context(), w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID, Amount: 50}}); err != nil {
			t.Fatal(err)
		}
		hours := func(n int) {
			for range n {
				w.Clock.Add(time.Hour)
				work(t, w.World)
				turns(t, w.Core)
			}
		}
		hours(5 * 24)
		wantOpen(t, w.Core, w.Shop, "operation|a refund of 0.50 USD without an answer|")
		if n := w.alarms["operation_unresolved"]; n != 2 && n != 3 { // once a day
			t.Errorf("%d alarms in two days", n)
		}
		silent = false
		hours(25)
		wantOpen(t, w.Core, w.Shop, "missing|") // the odd processor's list stays empty
		if a := view(t, w.World, l).Payments[0].Last(); a.Refunded != 50 || a.Refunding != 0 {
			t.Errorf("refunded %d, refunding %d", a.Refunded, a.Refunding)
		}
	})
}
