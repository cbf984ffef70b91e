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
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// watched is what waits now, after everything that is late was looked for.
func watched(t *testing.T, c *core.Core) core.Waiting {
	t.Helper()
	w, err := c.Watch(context.Background())
	if err == nil {
		err = c.WatchSurplus(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A refund that a caller asked for and that has no end after five minutes is
// told of for as long as it has none; what waits for its payer or for its time
// is not (I5).
func TestLateOperationAlarms(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		box := coretest.New(t, o)
		if _, err := box.StartPayment(ctx, core.StartPayment{Token: box.Link(t, nil).Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"}); err != nil {
			t.Fatal(err)
		}
		if _, err := box.Card(box.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard); err != nil {
			t.Fatal(err)
		}
		answers := false
		w := withOdd(t, box, func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			if o.Kind == pay.OpRefund && !answers {
				return processor.Outcome{}, errors.New("no answer")
			}
			return paidIn(o, "ref-"+string(o.Attempt)), nil
		})
		paid, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Hour)
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: paid.ID, Amount: 50}}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(4 * time.Minute)
		if got := watched(t, w.Core); got.Operations != 0 || w.alarms["operation_late"] != 0 {
			t.Errorf("after four minutes: %+v, %d alarms", got, w.alarms["operation_late"])
		}
		w.Clock.Add(2 * time.Minute)
		if got := watched(t, w.Core); got.Operations != 1 || w.alarms["operation_late"] != 1 {
			t.Errorf("after six minutes: %+v, %d alarms", got, w.alarms["operation_late"])
		}
		answers = true
		w.Clock.Add(time.Hour)
		storetest.Tamper(t, o, `UPDATE operations SET due_at = 1, lease_until = 0 WHERE kind = 'refund'`)
		jobs, err := w.ClaimOperations(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			if j.Kind == pay.OpRefund {
				if err := w.RunOperation(ctx, j); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := watched(t, w.Core); got.Operations != 0 || w.alarms["operation_late"] != 1 {
			t.Errorf("answered: %+v, %d alarms", got, w.alarms["operation_late"])
		}
	})
}

// Surplus that was not given back within 24 hours alarms once, and is a
// difference until it was (5.6).
func TestLateSurplusAlarms(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		answers := false
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
			if o.Kind == pay.OpRefund && !answers || o.Kind == pay.OpSale && o.Amount.Minor == 1050 && !asked {
				return processor.Outcome{}, errors.New("no answer")
			}
			return paidIn(o, "ref-"+string(o.Attempt)), nil
		})
		l := w.Link(t, nil)
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.CancelLink(context.Background(), w.Shop, l.ID); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Minute)
		work(t, w.World)
		if p, err = w.Payment(context.Background(), w.Shop, p.ID); err != nil || p.State != pay.PaymentSurplus {
			t.Fatalf("%+v %v", p, err)
		}
		if _, err := w.Card(w.Link(t, func(l *pay.Link) { l.Price.Amount = 700 }), goodCard); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(23 * time.Hour)
		watched(t, w.Core)
		wantOpen(t, w.Core, w.Shop)
		w.Clock.Add(2 * time.Hour)
		watched(t, w.Core)
		watched(t, w.Core)
		if list := wantOpen(t, w.Core, w.Shop, "surplus|surplus of 10.50 USD whose refund is unknown|"); list[0].Link != l.ID || w.alarms["surplus_late"] != 1 {
			t.Errorf("%+v, %d alarms", list, w.alarms["surplus_late"])
		}
		answers = true
		w.Clock.Add(time.Hour)
		work(t, w.World)
		watched(t, w.Core)
		wantOpen(t, w.Core, w.Shop)
	})
}

// An attempt that goes to review alarms at once, and is counted by every node
// until a person has decided it (5.7).
func TestReviewIsCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), liar)
		a := lied(t, w, w.Link(t, nil))
		if got := watched(t, w.Core); w.alarms["review"] != 1 || got.Reviews != 1 {
			t.Errorf("%+v, %d alarms", got, w.alarms["review"])
		}
		if _, err := w.DecideReview(context.Background(), w.Shop, decision(a, pay.AttemptFailed, 0)); err != nil {
			t.Fatal(err)
		}
		if got := watched(t, w.Core); got.Reviews != 0 {
			t.Errorf("decided: %+v", got)
		}
	})
}
