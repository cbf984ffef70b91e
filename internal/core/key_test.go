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

func TestKeyLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		w.Clock.Add(time.Second) // lists are by age
		id, key, err := w.CreateKey(ctx, w.Shop)
		if err != nil {
			t.Fatal(err)
		}
		who, err := w.AuthenticateKey(ctx, key, "r")
		if err != nil || who.Tenant != w.Shop.Tenant || who.Credential != id {
			t.Fatalf("the new key: %+v %v", who, err)
		}
		list, err := w.Keys(ctx, w.Shop)
		if err != nil || len(list) != 3 || list[2].ID != id || list[2].API != "native" || list[2].Last4 != key[len(key)-4:] || !list[2].RevokedAt.IsZero() {
			t.Fatalf("keys: %+v %v", list, err)
		}
		other := pay.Caller{Tenant: pay.Tenant{Merchant: "other", Mode: pay.Test}}
		if err := w.RevokeKey(ctx, other, id); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("another merchant revokes: %v", err)
		}
		if _, _, err := w.CreateKey(ctx, other); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("a key of nobody: %v", err)
		}
		if err := w.RevokeKey(ctx, w.Shop, id); err != nil {
			t.Fatal(err)
		}
		if _, err := w.AuthenticateKey(ctx, key, "r"); !errors.Is(err, pay.ErrUnauthorized) {
			t.Errorf("after it was revoked: %v", err)
		}
		if err := w.RevokeKey(ctx, w.Shop, id); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
	})
}

func TestFeedEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		w.Link(t, nil)
		end, err := w.FeedEnd(ctx, w.Shop)
		if err != nil {
			t.Fatal(err)
		}
		if list, _, err := w.Events(ctx, w.Shop, end, 10); err != nil || len(list) != 0 {
			t.Errorf("after the end: %v %v", list, err)
		}
		l := w.Link(t, nil)
		if list, _, err := w.Events(ctx, w.Shop, end, 10); err != nil || len(list) != 1 || list[0].Link != l.ID {
			t.Errorf("then: %v %v", list, err)
		}
	})
}

// What an endpoint misses while it is switched off can be replayed (W5).
func TestDisabledEndpointCatchesUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		e, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1/hook"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.SetEndpointEnabled(ctx, w.Shop, e.ID, false); err != nil {
			t.Fatal(err)
		}
		w.Link(t, nil)
		if due, err := w.ClaimDeliveries(ctx, 10); err != nil || len(due) != 0 {
			t.Fatalf("while off: %v %v", due, err)
		}
		if _, err := w.SetEndpointEnabled(ctx, w.Shop, e.ID, true); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Replay(ctx, w.Shop, core.Replay{Endpoint: e.ID, Missing: true}); err != nil || n != 1 {
			t.Fatalf("replayed %d %v", n, err)
		}
		if due, err := w.ClaimDeliveries(ctx, 10); err != nil || len(due) != 1 {
			t.Fatalf("then: %v %v", due, err)
		}
	})
}

// A key answers for as long as it was promised, and longer while what it began
// is not over (I6).
func TestKeysAreKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		const month = 30 * 24 * time.Hour
		link := func(key string) pay.LinkID {
			t.Helper()
			l := pay.Link{Price: pay.Price{Currency: "USD", Amount: 1050}, Use: pay.Use{Max: 1}, Description: key}
			made, err := w.CreateLink(ctx, w.Shop, core.CreateLink{Key: key, Fingerprint: "f", Link: l})
			if err != nil {
				t.Fatal(err)
			}
			return made.Link.ID
		}
		over, open := link("over"), link("open")
		prepare(t, w, open, func(tab *pay.Tab) error {
			_, _, err := tab.Begin(pay.Begin{Method: pay.MethodCard, Processor: "sandbox", Fields: map[string]string{"card": goodCard}})
			return err
		})
		w.Clock.Add(month)
		if err := w.Prune(ctx, month); err != nil || link("over") != over || link("open") != open {
			t.Fatalf("after a month: %v", err)
		}
		w.Clock.Add(time.Second)
		if err := w.Prune(ctx, month); err != nil || link("over") == over || link("open") != open {
			t.Fatalf("after more: %v", err)
		}
	})
}
