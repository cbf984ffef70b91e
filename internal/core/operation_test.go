package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func manual(l *pay.Link) { l.Use.Manual = true }

// prepare commits what do asks of a link's tab and runs none of it: its worker
// died there.
func prepare(t *testing.T, w *coretest.World, id pay.LinkID, do func(*pay.Tab) error) []pay.Operation {
	t.Helper()
	var ops []pay.Operation
	err := w.Store.InTx(context.Background(), func(tx *store.Tx) error {
		held, err := tx.HoldTab(context.Background(), w.Shop.Tenant, id)
		if err != nil {
			return err
		}
		if err := do(&held.Tab); err != nil {
			return err
		}
		ops = held.Operations
		return tx.Save(context.Background(), held)
	})
	if err != nil || len(ops) == 0 {
		t.Fatalf("%d operations, %v", len(ops), err)
	}
	return ops
}

// work runs what is due, as the workers do.
func work(t *testing.T, w *coretest.World) {
	t.Helper()
	jobs, err := w.ClaimOperations(context.Background(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if err := w.RunOperation(context.Background(), j); err != nil {
			t.Error(err)
		}
	}
}

func wantAttempt(t *testing.T, w *coretest.World, id pay.LinkID, want pay.AttemptState) {
	t.Helper()
	v, err := w.Core.Link(context.Background(), w.Shop, id)
	if err != nil {
		t.Fatal(err)
	}
	if a := v.Payments[0].Last(); a.State != want {
		t.Errorf("the attempt is %s, want %s", a.State, want)
	}
}

func TestCancelReleasesHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, manual)
		if _, err := w.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		wantAttempt(t, w, l.ID, pay.AttemptAuthorized)
		if _, err := w.CancelLink(context.Background(), w.Shop, l.ID); err != nil {
			t.Fatal(err)
		}
		work(t, w) // at once: nobody holds a lease on what is left to the workers
		wantAttempt(t, w, l.ID, pay.AttemptVoided)
	})
}

// The cancel's void comes before the processor knows the payment, and fails;
// what the processor then says is called off all the same.
func TestBegunBeforeCancelIsCalledOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		for want, b := range map[pay.AttemptState]pay.Begin{
			pay.AttemptVoided:   {Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}},
			pay.AttemptCanceled: {Method: pay.MethodBankRedirect, Fields: map[string]string{"bank": "test_bank_a"}},
		} {
			l := w.Link(t, func(l *pay.Link) { l.Use.Manual = b.Method == pay.MethodCard })
			b.Processor = "sandbox"
			ops := prepare(t, w, l.ID, func(tab *pay.Tab) error {
				_, _, err := tab.Begin(b)
				return err
			})
			if _, err := w.CancelLink(context.Background(), w.Shop, l.ID); err != nil {
				t.Fatal(err)
			}
			work(t, w)
			if err := w.RunOperation(context.Background(), store.OperationJob{Tenant: w.Shop.Tenant, Operation: ops[0], Fence: 1}); err != nil {
				t.Fatal(err)
			}
			wantAttempt(t, w, l.ID, want)
		}
	})
}

// What was wanted of a processor is done although its worker died, and it is
// not taken for failed because the processor never heard of it.
func TestPreparedIsDone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		for want, do := range map[pay.AttemptState]func(*pay.Tab, pay.PaymentID) error{
			pay.AttemptCaptured: func(tab *pay.Tab, id pay.PaymentID) error { return tab.Capture(id, 0, false) },
			pay.AttemptVoided:   (*pay.Tab).Void,
		} {
			l := w.Link(t, manual)
			p, err := w.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			prepare(t, w, l.ID, func(tab *pay.Tab) error { return do(tab, p.ID) })
			work(t, w) // under the dead worker's lease: not due
			wantAttempt(t, w, l.ID, pay.AttemptAuthorized)
			w.Clock.Add(21 * time.Second)
			work(t, w)
			wantAttempt(t, w, l.ID, want)
		}
	})
}

// However often a payer gives a payment up, it is called off once.
func TestAbandonedManyTimes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		l := w.Link(t, nil)
		p, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankRedirect, Fields: map[string]string{"bank": "test_bank_a"}})
		if err != nil {
			t.Fatal(err)
		}
		prepare(t, w, l.ID, func(tab *pay.Tab) error { return tab.Abandon(p.ID) }) // its worker died
		for range 3 {
			if _, err := w.AbandonPayment(ctx, l.Token, p.ID, "req_1"); err != nil {
				t.Fatal(err)
			}
		}
		if ops, err := w.Store.OperationsOf(ctx, w.Shop.Tenant, p.Last().ID); err != nil || len(ops) != 2 {
			t.Errorf("%d operations, %v", len(ops), err)
		}
	})
}
