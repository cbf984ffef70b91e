package core_test

import (
	"context"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func TestRefund(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) {
			l.Splits = []pay.Split{{Account: "partner", Amount: 333}, {Account: "other", Amount: 333}}
		})
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		refund := func(key string, minor int64) (pay.Refund, error) {
			_, r, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: key, Fingerprint: key, Wish: pay.RefundWish{Payment: p.ID, Amount: minor, Reason: "asked"}})
			return r, err
		}
		first, err := refund("r1", 400)
		if err != nil || first.State != pay.RefundSucceeded {
			t.Fatalf("first: %+v %v", first, err)
		}
		if again, err := refund("r1", 400); err != nil || again.ID != first.ID {
			t.Fatalf("again: %+v %v", again, err)
		}
		if _, err := refund("r2", 651); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("more than is left: %v", err)
		}
		if v, err := w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.MoneyStatus() != pay.PartiallyRefunded || v.Link.State != pay.LinkCompleted {
			t.Fatalf("link: %s %v", v.Link.MoneyStatus(), err)
		}
		if _, err := refund("r3", 0); err != nil { // all that is left
			t.Fatal(err)
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || v.Link.MoneyStatus() != pay.Refunded || v.Link.Refunded != 1050 {
			t.Fatalf("link: %s %v", v.Link.MoneyStatus(), err)
		}
		a := v.Payments[0].Last()
		for i, share := range a.Shares {
			if a.Reversed[i] != share {
				t.Errorf("share %d: %d given, %d taken back", i, share, a.Reversed[i])
			}
		}
		if _, err := refund("r4", 1); pay.KindOf(err) != pay.Invalid {
			t.Fatal(err)
		}
	})
}

// A repeated capture is answered with the facts of the first answer, whatever
// has come since (I3).
func TestReplayShowsThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		capture := core.CapturePayment{Key: "c1", Fingerprint: "f", Payment: p.ID}
		first, err := w.Capture(ctx, w.Shop, capture)
		if err != nil || first.Captured() != 1050 {
			t.Fatalf("first: %+v %v", first, err)
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r1", Fingerprint: "f", Wish: pay.RefundWish{Payment: p.ID, Amount: 100}}); err != nil {
			t.Fatal(err)
		}
		again, err := w.Capture(ctx, w.Shop, capture)
		if err != nil || len(again.Refunds) != 0 || again.Last().Refunded != 0 || again.Captured() != 1050 {
			t.Fatalf("again: %+v %v", again, err)
		}
	})
}

// Many declines on one link in a short time pause it (A15).
func TestCardTestingPausesTheLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		for name, uses := range map[string]int64{"single use": 1, "any number of uses": 0} {
			l := w.Link(t, func(l *pay.Link) { l.Use.Max = uses })
			tries := 0
			for ; tries < 40; tries++ {
				if _, err := w.Card(l, declineCard); pay.KindOf(err) == pay.Conflict {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			v, err := w.Core.Link(ctx, w.Shop, l.ID)
			if err != nil || v.Link.State != pay.LinkPaused || tries != 30 {
				t.Errorf("%s: %s after %d declines, %v", name, v.Link.State, tries, err)
			}
			if _, err := w.ResumeLink(ctx, w.Shop, l.ID); err != nil {
				t.Fatal(err)
			}
			if p, err := w.Card(l, goodCard); err != nil || p.State != pay.PaymentApplied {
				t.Errorf("%s: %+v %v", name, p, err)
			}
		}
	})
}

func TestSimulateAndSettle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		if _, err := w.SimulateSettlement(ctx, w.Shop, l.ID); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("nothing is paid: %v", err)
		}
		if v, err := w.SimulatePayment(ctx, w.Shop, l.ID); err != nil || v.Link.MoneyStatus() != pay.Paid {
			t.Fatalf("paid: %+v %v", v.Link, err)
		}
		if v, err := w.SimulateSettlement(ctx, w.Shop, l.ID); err != nil || v.Link.MoneyStatus() != pay.Settled {
			t.Fatalf("settled: %+v %v", v.Link, err)
		}
		if _, err := w.SimulateSettlement(ctx, w.Shop, l.ID); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("settled twice: %v", err)
		}
		live := w.Shop
		live.Mode = pay.Live
		if _, err := w.SimulatePayment(ctx, live, l.ID); pay.KindOf(err) != pay.Forbidden {
			t.Fatalf("in live mode: %v", err)
		}
	})
}

func TestReleaseSplit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) {
			l.Splits = []pay.Split{{Account: "partner", Amount: 300, OnHold: true}, {Account: "other", Amount: 100, OnHold: true}}
		})
		if _, err := w.ReleaseSplit(ctx, w.Shop, l.ID, 0, 0); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("before the payment: %v", err)
		}
		if _, err := w.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ReleaseSplit(ctx, w.Shop, l.ID, 0, 301); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("more than is held: %v", err)
		}
		v, err := w.ReleaseSplit(ctx, w.Shop, l.ID, 0, 100)
		if err != nil || !v.Link.Splits[0].OnHold || v.Link.Splits[0].Released != 100 {
			t.Fatalf("in part: %+v %v", v.Link.Splits, err)
		}
		if v, err = w.ReleaseSplit(ctx, w.Shop, l.ID, 0, 0); err != nil || v.Link.Splits[0].OnHold {
			t.Fatalf("the rest: %+v %v", v.Link.Splits, err)
		}
		if v, err = w.CancelSplit(ctx, w.Shop, l.ID, 1); err != nil || !v.Link.Splits[1].Canceled {
			t.Fatalf("canceled: %+v %v", v.Link.Splits, err)
		}
		if _, err := w.CancelSplit(ctx, w.Shop, l.ID, 5); pay.KindOf(err) != pay.NotFound {
			t.Fatalf("unknown: %v", err)
		}
	})
}
