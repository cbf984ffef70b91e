package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// An event that waits on one link keeps no event of another link back, and an
// endpoint that is busy is left out of a claim (W2). The feed has each link's
// events in their order (E3).
func TestOneLinkDelaysNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		e, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:9/"})
		if err != nil {
			t.Fatal(err)
		}
		stuck, other := w.Link(t, nil), w.Link(t, nil)
		due, err := w.ClaimDeliveries(ctx, 5)
		if err != nil || len(due) != 2 {
			t.Fatal(due, err)
		}
		for _, d := range due {
			if d.Delivery.Link == other.ID {
				finish(t, w, d.Delivery, core.DeliveryResult{State: pay.DeliveryDelivered, Status: 200, Succeeded: true})
			}
		}
		w.Clock.Add(time.Second)
		for _, l := range []pay.Link{stuck, other} {
			if _, err := w.CancelLink(ctx, w.Shop, l.ID); err != nil {
				t.Fatal(err)
			}
		}
		if due, err = w.ClaimDeliveries(ctx, 5, e.ID); err != nil || len(due) != 0 {
			t.Errorf("of a busy endpoint: %+v %v", due, err)
		}
		if due, err = w.ClaimDeliveries(ctx, 5); err != nil || len(due) != 1 || due[0].Delivery.Link != other.ID || due[0].Delivery.Seq != 2 {
			t.Errorf("beside the link that waits: %+v %v", due, err)
		}
		feed, _, err := w.Events(ctx, w.Shop, "", 10)
		next := map[pay.LinkID]int64{}
		for _, ev := range feed {
			if next[ev.Link]++; ev.Seq != next[ev.Link] {
				t.Errorf("link %s: event %d comes at place %d", ev.Link, ev.Seq, next[ev.Link])
			}
		}
		if err != nil || len(feed) != 4 {
			t.Errorf("%d events, %v", len(feed), err)
		}
	})
}

// A worker that lost its claim cannot renew it (W6).
func TestLostClaimIsNotRenewed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		if _, err := w.Card(w.Link(t, nil), "4000000000003220"); err != nil { // waits for its payer
			t.Fatal(err)
		}
		var claims []store.OperationJob
		for range 2 {
			w.Clock.Add(21 * time.Second)
			list, err := w.ClaimOperations(ctx, 5)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			claims = append(claims, list[0])
		}
		if err := w.RenewOperation(ctx, claims[0]); !errors.Is(err, pay.ErrLinkChanged) {
			t.Errorf("the first: %v", err)
		}
		if err := w.RenewOperation(ctx, claims[1]); err != nil {
			t.Errorf("the second: %v", err)
		}
	})
}

// A callback that comes again, whenever, is the one that was kept (P4).
func TestCallbackIsKeptOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		for i, want := range []bool{true, false, false} {
			err := w.Store.InTx(ctx, func(tx *store.Tx) error {
				fresh, err := tx.KeepCallback(ctx, w.Shop.Tenant, "sandbox", "evt_1", "op_1", []byte("{}"))
				if fresh != want {
					t.Errorf("time %d: fresh %v", i+1, fresh)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Add(time.Minute)
		}
	})
}
