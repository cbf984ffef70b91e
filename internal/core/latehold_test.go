package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A payer gives up a payment that he has just approved, the processor releases
// the hold, and its word that there is one comes after that. The processor is
// asked, and its answer counts (4, 5.5).
func TestWordOfAHoldAfterItsRelease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		for _, c := range []struct {
			answer processor.Result
			want   pay.AttemptState
		}{
			{processor.Expired, pay.AttemptCanceled}, {processor.Failed, pay.AttemptCanceled}, {processor.Succeeded, pay.AttemptAuthorized},
		} {
			ctx := context.Background()
			w := coretest.New(t, o)
			silent := []error{nil, errors.New("no answer")} // twice it does not know, or says nothing
			odds := withOdd(t, w, func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
				out := paidIn(o, string(o.Attempt))
				switch out.Captured = 0; {
				case o.Kind != pay.OpAuthorize:
				case !asked:
					out = processor.Outcome{Result: processor.NeedsAction, Action: &pay.Action{RedirectURL: "http://bank.test/"}}
				case len(silent) > 0:
					err := silent[0]
					silent = silent[1:]
					return processor.Outcome{}, err
				default:
					out.Result = c.answer
				}
				return out, nil
			})
			l := w.Link(t, manual)
			p, err := odds.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.AbandonPayment(ctx, l.Token, p.ID, ""); err != nil {
				t.Fatal(err)
			}
			wantAttempt(t, w, l.ID, pay.AttemptCanceled)
			if err := tellHeld(t, odds, p, "late"); err != nil { // nobody can tell: it waits
				t.Fatal(err)
			}
			w.Clock.Add(time.Minute)
			if err := w.Inbox(ctx, 10); err == nil {
				t.Error("nobody could tell, and the word was taken from the inbox")
			}
			wantAttempt(t, w, l.ID, pay.AttemptCanceled)
			w.Clock.Add(time.Hour)
			if err := w.Inbox(ctx, 10); err != nil {
				t.Fatal(err)
			}
			wantAttempt(t, w, l.ID, c.want)
			if err := tellHeld(t, odds, p, "late, by another name"); err != nil {
				t.Fatal(err)
			}
			wantAttempt(t, w, l.ID, c.want)
			if j, err := w.Store.Operation(ctx, w.Shop.Tenant, startOf(t, w, p).ID); err != nil || !j.State.Final() {
				t.Errorf("%v: the start is %s, %v", c.answer, j.State, err) // and asked about no more
			}
			proven(t, w)
		}
	})
}

// startOf is the operation that began a payment.
func startOf(t *testing.T, w *coretest.World, p pay.Payment) pay.Operation {
	t.Helper()
	ops, err := w.Store.OperationsOf(context.Background(), w.Shop.Tenant, p.Last().ID)
	if err != nil {
		t.Fatal(err)
	}
	return ops[slices.IndexFunc(ops, func(o pay.Operation) bool { return o.Kind == pay.OpAuthorize })]
}

// tellHeld is the processor's callback that a payment's money is held.
func tellHeld(t *testing.T, w *oddWorld, p pay.Payment, name string) error {
	t.Helper()
	raw, err := json.Marshal(processor.Evidence{EventID: name + string(p.ID), Key: startOf(t, w.World, p).ID, Outcome: processor.Outcome{
		Result: processor.Succeeded, ProcessorRef: string(p.Last().ID), Authorized: 1050, Currency: "USD",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w.Callback(context.Background(), "odd", w.Shop.Tenant, nil, raw)
}
