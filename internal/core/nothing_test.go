package core_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// Payments that were begun and given up, however many, make no event longer. All
// that is stored is proved all the same, also when the oldest is paid in the end.
func TestManyGiveUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			if o.Kind == pay.OpSale {
				return processor.Outcome{Result: processor.NeedsAction, Action: &pay.Action{RedirectURL: "http://bank.test/"}}, nil
			}
			return processor.Outcome{Result: processor.Succeeded}, nil
		})
		ctx := t.Context()
		l := w.Link(t, nil)
		for range 30 {
			p, err := w.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.AbandonPayment(ctx, l.Token, p.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		first := *view(t, w.World, l).Payments[0].Last()
		ops, err := w.Store.OperationsOf(ctx, l.Tenant, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		sale := ops[slices.IndexFunc(ops, func(o pay.Operation) bool { return o.Kind == pay.OpSale })]
		raw, err := json.Marshal(processor.Evidence{EventID: "late", Key: sale.ID, Outcome: paidIn(processor.Order{Amount: pay.Money{Minor: 1050, Currency: "USD"}}, "late")})
		if err == nil {
			err = w.Callback(ctx, "odd", w.Shop.Tenant, nil, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := view(t, w.World, l).Payments[0]; p.State != pay.PaymentApplied {
			t.Errorf("the late payment is %s", p.State)
		}
		verified(t, w.World)
		events, err := w.Store.LinkEvents(ctx, l.Tenant, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if n := len(e.Snapshot.Payments); n > 22 { // the one that it is about, and one under way
				t.Errorf("event %d has %d payments", e.Seq, n)
			}
		}
	})
}
