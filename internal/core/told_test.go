package core_test

import (
	"context"
	"encoding/json"
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

// tell is the processor's callback about the operation of a kind that succeeded
// or failed; each is another one.
func tell(t *testing.T, w *oddWorld, of pay.AttemptID, kind pay.OperationKind, out processor.Outcome) {
	t.Helper()
	ops, err := w.Store.OperationsOf(context.Background(), w.Shop.Tenant, of)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops {
		if o.Kind != kind || !o.State.Final() {
			continue
		}
		raw, err := json.Marshal(processor.Evidence{EventID: pay.NewID("ev", w.Clock.Now()), Key: o.ID, Outcome: out})
		if err == nil {
			err = w.Callback(context.Background(), "odd", w.Shop.Tenant, nil, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no %s has ended", kind)
}

// Of a hold that was released a late word is news only where it says more than
// is known: then a person looks (5.7).
func TestLateWordOfMoreIsReviewed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			out.Captured = 0
			return out, nil
		})
		for _, c := range []struct {
			minor    int64
			currency pay.Currency
			want     pay.AttemptState
		}{
			{1050, "USD", pay.AttemptVoided}, {1050, "", pay.AttemptVoided}, {1051, "USD", pay.AttemptReview}, {1050, "EUR", pay.AttemptReview},
		} {
			p, err := odds.Card(w.Link(t, manual), goodCard)
			if err == nil {
				_, err = w.Void(context.Background(), w.Shop, core.VoidPayment{Payment: p.ID})
			}
			if err != nil {
				t.Fatal(err)
			}
			tell(t, odds, p.Last().ID, pay.OpAuthorize, processor.Outcome{
				Result: processor.Succeeded, ProcessorRef: p.Last().ProcessorRef, Authorized: c.minor, Currency: c.currency,
			})
			wantAttempt(t, w, p.Link, c.want)
		}
	})
}

// That a call was called off says nothing of the money that was held all the
// same, and whose release nobody has confirmed.
func TestOldReleaseEndsNoHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx, voids := coretest.New(t, o), context.Background(), 0
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			switch out.Captured = 0; {
			case o.Kind == pay.OpVoid:
				if voids++; voids > 1 {
					return out, errors.New("no answer")
				}
			case !asked:
				return processor.Outcome{Result: processor.NeedsAction, ProcessorRef: out.ProcessorRef, Action: &pay.Action{RedirectURL: "https://bank.example/"}}, nil
			}
			return out, nil
		})
		p, err := odds.Card(w.Link(t, manual), goodCard)
		if err == nil {
			_, err = w.CancelLink(ctx, w.Shop, p.Link)
		}
		if err != nil {
			t.Fatal(err)
		}
		work(t, w)
		wantAttempt(t, w, p.Link, pay.AttemptCanceled)
		w.Clock.Add(time.Minute)
		work(t, w) // how the call ended: it holds the money
		wantAttempt(t, w, p.Link, pay.AttemptAuthorized)
		tell(t, odds, p.Last().ID, pay.OpVoid, processor.Outcome{Result: processor.Succeeded, ProcessorRef: p.Last().ProcessorRef})
		wantAttempt(t, w, p.Link, pay.AttemptAuthorized)
		tell(t, odds, p.Last().ID, pay.OpVoid, processor.Outcome{Result: processor.Succeeded, ProcessorRef: p.Last().ProcessorRef, Captured: 500})
		wantAttempt(t, w, p.Link, pay.AttemptReview) // it was taken
	})
}

// An attempt whose processor named another's payment is a person's, whether its
// call was under way or had failed before, and nothing more is asked about it (P5).
func TestMisboundIsAskedNoMore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, asked := coretest.New(t, o), 0
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, question bool) (processor.Outcome, error) {
			if question {
				asked++
			}
			if o.Amount.Minor == 777 {
				return processor.Outcome{Result: processor.Failed}, nil
			}
			return paidIn(o, "same"), nil
		})
		var payments []pay.Payment
		for _, minor := range []int64{1050, 1050, 777} {
			p, err := odds.Card(w.Link(t, func(l *pay.Link) { l.Price.Amount = minor }), goodCard)
			if err != nil {
				t.Fatal(err)
			}
			payments = append(payments, p)
		}
		wantAttempt(t, w, payments[2].Link, pay.AttemptFailed)
		tell(t, odds, payments[2].Last().ID, pay.OpSale, processor.Outcome{
			Result: processor.Succeeded, ProcessorRef: "same", Authorized: 777, Captured: 777, Currency: "USD",
		})
		for range 3 {
			w.Clock.Add(2 * time.Hour)
			work(t, w)
		}
		for i, want := range []pay.AttemptState{pay.AttemptCaptured, pay.AttemptReview, pay.AttemptReview} {
			wantAttempt(t, w, payments[i].Link, want)
		}
		if asked != 0 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// An answer that comes when a callback has told the same, and the hold was
// released since, is no news: nobody is called for it.
func TestSlowAnswerIsNoNews(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		var p pay.Payment
		var odds *oddWorld
		odds = withOdd(t, w, func(_ context.Context, o processor.Order, asked bool) (out processor.Outcome, err error) {
			if o.Kind == pay.OpAuthorize && !asked {
				return out, errors.New("no answer")
			}
			out = paidIn(o, string(o.Attempt))
			if out.Captured = 0; o.Kind == pay.OpAuthorize {
				raw, err := json.Marshal(processor.Evidence{EventID: "ev_1", Key: o.Key, Outcome: out})
				if err == nil {
					err = odds.Callback(ctx, "odd", w.Shop.Tenant, nil, raw)
				}
				if err == nil {
					_, err = w.Void(ctx, w.Shop, core.VoidPayment{Payment: p.ID})
				}
				if err != nil {
					t.Error(err)
				}
			}
			return out, nil
		})
		var err error
		if p, err = odds.Card(w.Link(t, manual), goodCard); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Minute)
		work(t, w)
		wantAttempt(t, w, p.Link, pay.AttemptVoided)
		if len(odds.alarms) > 0 {
			t.Errorf("alarms: %v", odds.alarms)
		}
	})
}

// A hold that could not be released, and was after all, is released.
func TestReleaseAfterAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			if out.Captured = 0; o.Kind == pay.OpVoid {
				out.Result = processor.Failed
			}
			return out, nil
		})
		p, err := odds.Card(w.Link(t, manual), goodCard)
		if err == nil {
			_, err = w.Void(context.Background(), w.Shop, core.VoidPayment{Payment: p.ID})
		}
		if err != nil {
			t.Fatal(err)
		}
		wantAttempt(t, w, p.Link, pay.AttemptAuthorized)
		tell(t, odds, p.Last().ID, pay.OpVoid, processor.Outcome{Result: processor.Succeeded, ProcessorRef: p.Last().ProcessorRef})
		wantAttempt(t, w, p.Link, pay.AttemptVoided)
	})
}

// A processor that contradicts itself about what is known changes nothing, and
// somebody is told (INVARIANTS 4).
func TestContradictionAlarms(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			return paidIn(o, string(o.Attempt)), nil
		})
		p, err := odds.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		tell(t, odds, p.Last().ID, pay.OpSale, processor.Outcome{Result: processor.Failed})
		wantAttempt(t, w, p.Link, pay.AttemptCaptured)
		if odds.alarms["illegal_transition"] == 0 { // a transaction that runs again tells again
			t.Errorf("alarms: %v", odds.alarms)
		}
	})
}
