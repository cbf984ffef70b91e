package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A callback that always fails is tried at longer and longer intervals, delays
// no other, alarms after minutes, and has its effect when it can (P4).
func TestPoisonousCallback(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(context.Context, processor.Order, bool) (processor.Outcome, error) {
			return processor.Outcome{Result: processor.NeedsAction, Action: &pay.Action{RedirectURL: "http://bank.test/"}}, nil
		})
		keep := func(event, result string) pay.Payment {
			t.Helper()
			p, err := odds.Card(w.Link(t, manual), goodCard)
			if err != nil {
				t.Fatal(err)
			}
			start := startOf(t, w, p).ID
			err = w.Store.InTx(ctx, func(tx *store.Tx) error {
				_, err := tx.KeepCallback(ctx, w.Shop.Tenant, "odd", event, start, []byte(`{"EventID":"`+event+`","Key":"`+string(start)+`","Outcome":{"Result":`+result+`,"Authorized":1050}}`))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		poison := keep("poison", `"none"`)
		w.Clock.Add(time.Second)
		good := keep("good", "1")
		w.Clock.Add(6 * time.Second)
		if err := w.Inbox(ctx, 1); err == nil {
			t.Error("the poison was swallowed")
		}
		if err := w.Inbox(ctx, 1); err != nil {
			t.Errorf("the next: %v", err)
		}
		wantAttempt(t, w, good.Link, pay.AttemptAuthorized)
		tries := 0
		for range 300 { // minutes
			w.Clock.Add(time.Minute)
			if w.Inbox(ctx, 100) != nil {
				tries++
			}
		}
		if tries < 8 || tries > 14 || odds.alarms["callback_stuck"] < 4 || odds.alarms["callback_stuck"] > tries {
			t.Errorf("%d tries in five hours, alarms %v", tries, odds.alarms)
		}
		storetest.Tamper(t, o, `UPDATE callbacks SET evidence = replace(evidence, '"none"', '1') WHERE event = 'poison'`)
		w.Clock.Add(time.Hour)
		if err := w.Inbox(ctx, 100); err != nil {
			t.Error(err)
		}
		wantAttempt(t, w, poison.Link, pay.AttemptAuthorized)
	})
}
