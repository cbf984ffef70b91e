package core_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	goodCard    = "4242424242424242"
	declineCard = "4000000000000002"
)

// kinds are the event kinds of a link, in order.
func kinds(t *testing.T, w *coretest.World, l pay.Link) (list []pay.EventKind) {
	t.Helper()
	events, err := w.Store.LinkEvents(context.Background(), l.Tenant, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has seq %d", i+1, e.Seq)
		}
		list = append(list, e.Kind)
	}
	return list
}

func TestPayByCard(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, nil)
		p, err := w.Card(l, declineCard)
		if err != nil {
			t.Fatal(err)
		}
		if p.State != pay.PaymentFailed || p.Last().Failure.Code != pay.FailDeclined {
			t.Fatalf("declined: %+v", p)
		}
		if p, err = w.Card(l, goodCard); err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("paid: %+v %v", p, err)
		}
		v, err := w.Core.Link(context.Background(), w.Shop, l.ID)
		if err != nil || v.Link.State != pay.LinkCompleted || v.Link.Applied != 1050 || v.Link.AmountDue().Minor != 0 {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
		want := []pay.EventKind{
			pay.EventLinkCreated,
			pay.EventPaymentCreated, pay.EventAttemptCreated, pay.EventAttemptProcessing, pay.EventAttemptFailed, pay.EventPaymentFailed,
			pay.EventPaymentCreated, pay.EventAttemptCreated, pay.EventAttemptProcessing, pay.EventAttemptCaptured, pay.EventPaymentSucceeded,
			pay.EventLinkCompleted,
		}
		if got := kinds(t, w, l); !slices.Equal(got, want) {
			t.Fatalf("events:\n%v\nwant\n%v", got, want)
		}
		if _, err := w.Card(l, goodCard); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("a second payment: %v", err)
		}
	})
}

func TestOnePayerWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, nil)
		var wg sync.WaitGroup
		won := make(chan pay.PaymentID, 16)
		for range 16 {
			wg.Go(func() {
				if p, err := w.Card(l, goodCard); err == nil && p.State == pay.PaymentApplied {
					won <- p.ID
				} else if err != nil && pay.KindOf(err) != pay.Conflict {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d payments were applied", len(won))
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		cmd := core.CreateLink{Key: "k1", Fingerprint: "a", Link: pay.Link{Price: pay.Price{Currency: "USD", Amount: 500}, Use: pay.Use{Max: 1}, ExpiresAt: w.Clock.Now().Add(time.Hour)}}
		var wg sync.WaitGroup
		firsts := make(chan pay.LinkID, 16)
		for range 16 {
			wg.Go(func() {
				made, err := w.CreateLink(ctx, w.Shop, cmd)
				if err == nil && made.First {
					firsts <- made.Link.ID
				} else if err != nil && !errors.Is(err, pay.ErrKeyBusy) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(firsts) != 1 {
			t.Fatalf("%d links were made", len(firsts))
		}
		w.Clock.Add(2 * time.Hour) // the same request is not valid any more, but it was
		again, err := w.CreateLink(ctx, w.Shop, cmd)
		if err != nil || !again.Replayed || again.Link.ID != <-firsts || again.Link.State != pay.LinkActive {
			t.Fatalf("replay: %+v %v", again, err)
		}
		cmd.Fingerprint = "b"
		if _, err := w.CreateLink(ctx, w.Shop, cmd); !errors.Is(err, pay.ErrKeyReused) {
			t.Fatalf("another request: %v", err)
		}
	})
}

// TestKeyOfRepeatedReference answers a key again whose first use found a link
// that was there already.
func TestKeyOfRepeatedReference(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		cmd := core.CreateLink{Fingerprint: "a", Link: pay.Link{Price: pay.Price{Currency: "USD", Amount: 500}, Use: pay.Use{Max: 1}, UniqueRef: "A-1"}}
		made, err := w.CreateLink(ctx, w.Shop, cmd)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Key = "k"
		for range 2 {
			if again, err := w.CreateLink(ctx, w.Shop, cmd); err != nil || again.Link.ID != made.Link.ID {
				t.Fatalf("again: %+v %v", again, err)
			}
		}
	})
}

func TestTransferConfirmsLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		p, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"})
		if err != nil || p.Last().State != pay.AttemptRequiresAction || len(p.Last().Action.Instructions) == 0 {
			t.Fatalf("start: %+v %v", p, err)
		}
		if _, err := w.Card(l, goodCard); !errors.Is(err, pay.ErrTaken) {
			t.Fatalf("while reserved: %v", err)
		}
		w.Clock.Add(2 * time.Hour)
		if n, err := w.Sandbox.Due(ctx); n != 1 || err != nil {
			t.Fatalf("due: %d %v", n, err)
		}
		if p, err = w.Payment(ctx, w.Shop, p.ID); err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("confirmed: %+v %v", p, err)
		}
	})
}

func TestLateSuccessGoesBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		first, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"})
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(16 * time.Minute) // silent: another payer may take the reservation
		second, err := w.Card(l, goodCard)
		if err != nil || second.State != pay.PaymentApplied {
			t.Fatalf("take-over: %+v %v", second, err)
		}
		first, err = w.Payment(ctx, w.Shop, first.ID)
		if err != nil || first.State == pay.PaymentApplied || first.Slot != "" {
			t.Fatalf("first: %+v %v", first, err)
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || v.Link.Applied != 1050 || v.Link.UseCount != 1 {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
	})
}

func TestPartPayments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Parts = true })
		part := func(minor int64) error {
			_, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodCard, Amount: minor, Fields: map[string]string{"card": goodCard}})
			return err
		}
		if err := part(400); err != nil {
			t.Fatal(err)
		}
		if err := part(700); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("more than is due: %v", err)
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || v.Link.AmountDue().Minor != 650 || v.Link.MoneyStatus() != pay.PartiallyPaid {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
		if err := part(650); err != nil {
			t.Fatal(err)
		}
		if v, err = w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.State != pay.LinkCompleted {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
	})
}

func TestManualCapture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		p, err := w.Card(l, goodCard)
		if err != nil || p.Last().State != pay.AttemptAuthorized || p.State != pay.PaymentOpen {
			t.Fatalf("authorized: %+v %v", p, err)
		}
		cmd := core.CapturePayment{Key: "c1", Fingerprint: "x", Payment: p.ID, Amount: 800}
		for range 2 {
			if p, err = w.Capture(ctx, w.Shop, cmd); err != nil || p.State != pay.PaymentApplied || p.Captured() != 800 {
				t.Fatalf("captured: %+v %v", p, err)
			}
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || v.Link.State != pay.LinkCompleted || v.Link.Released != 250 {
			t.Fatalf("link: %+v %v", v.Link, err)
		}
	})
}

func TestExpiry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.ExpiresAt = w.Clock.Now().Add(time.Hour) })
		w.Clock.Add(time.Hour)
		if _, err := w.Card(l, goodCard); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("at expiry: %v", err)
		}
		if v, err := w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.State != pay.LinkExpired {
			t.Fatalf("read: %+v %v", v.Link, err)
		}
		if n, err := w.DueLinks(ctx, 10); n != 1 || err != nil {
			t.Fatalf("due: %d %v", n, err)
		}
		if got := kinds(t, w, l); !slices.Equal(got, []pay.EventKind{pay.EventLinkCreated, pay.EventLinkExpired}) {
			t.Fatalf("events: %v", got)
		}
	})
}
