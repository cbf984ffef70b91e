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

// silent loses its answers about captures while it is mute; they are made all the same.
type silent struct {
	processor.Driver
	mute bool
}

func (d *silent) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.Driver.Capture(ctx, o)
	if d.mute {
		return processor.Outcome{}, errors.New("the answer got lost")
	}
	return out, err
}

func (d *silent) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if d.mute && o.Kind == pay.OpCapture {
		return processor.Outcome{}, errors.New("no answer")
	}
	return d.Driver.Query(ctx, o)
}

func (d *silent) capture(t *testing.T, w *oddWorld, p pay.Payment, minor int64) {
	t.Helper()
	_, err := w.Capture(context.Background(), w.Shop, core.CapturePayment{Payment: p.ID, Amount: minor, Keep: true})
	if err != nil {
		t.Fatal(err)
	}
}

// A link is canceled while nobody knows yet whether a capture was made. The
// rest is released when that is known, and what was captured is in the books:
// it came too late, and goes back.
func TestCancelDuringCapture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		for _, before := range []int64{0, 300} {
			ctx := context.Background()
			d := &silent{}
			w := coretest.New(t, o)
			d.Driver = w.Sandbox
			odds := withDriver(t, w, d)
			p, err := w.Card(w.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard)
			if err != nil {
				t.Fatal(err)
			}
			if before > 0 {
				d.capture(t, odds, p, before)
			}
			d.mute = true
			d.capture(t, odds, p, 200)
			if _, err := w.CancelLink(ctx, w.Shop, p.Link); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				work(t, w)
				w.Clock.Add(time.Minute)
			}
			d.mute = false
			for range 10 {
				work(t, w)
				w.Clock.Add(10 * time.Minute)
			}
			v, err := w.Core.Link(ctx, w.Shop, p.Link)
			if err != nil {
				t.Fatal(err)
			}
			if a := v.Payments[0].Last(); v.Link.Applied != before || a.Captured != before+200 || a.Refunded != 200 || a.State != pay.AttemptCaptured {
				t.Errorf("after %d: applied %d, the attempt is %+v", before, v.Link.Applied, a)
			}
			proven(t, w)
		}
	})
}

// A hold runs out while nobody knows yet whether a capture of it was made: its
// payment keeps its place until that is known.
func TestHoldRunsOutDuringCapture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		d := &silent{}
		w := coretest.New(t, o)
		d.Driver = w.Sandbox
		odds := withDriver(t, w, d)
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(7*24*time.Hour - 10*time.Second)
		d.mute = true
		d.capture(t, odds, p, 200)
		for range 4 {
			work(t, w)
			w.Clock.Add(time.Minute)
		}
		if _, err := w.Card(l, goodCard); !errors.Is(err, pay.ErrTaken) {
			t.Errorf("another payer: %v", err)
		}
		d.mute = false
		for range 10 {
			work(t, w)
			w.Clock.Add(10 * time.Minute)
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		if v.Link.State != pay.LinkCompleted || v.Link.Applied != 200 || v.Link.Released != 850 || len(v.Payments) != 1 {
			t.Errorf("%+v", v.Link)
		}
		proven(t, w)
	})
}

// The processor says that a hold is over of which it took more than we know: a
// person looks that up, and nothing is forgotten (5.7).
func TestHoldEndedWithMoreTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			if out.Captured, out.HoldUntil = 0, w.Clock.Now().Add(time.Hour); asked {
				out.Result, out.Captured = processor.Expired, 500
			}
			return out, nil
		})
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		if _, err := odds.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(2 * time.Hour)
		work(t, w)
		wantAttempt(t, w, l.ID, pay.AttemptReview)
		proven(t, w)
	})
}

// A callback about a hold, or about its release, that comes when the hold is
// long over is no news, and nobody is called for it; one that the hold ran out is.
func TestLateWordsAboutAHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			out.Captured = 0
			return out, nil
		})
		tell := func(a *pay.Attempt, kind pay.OperationKind, result processor.Result, name string) {
			t.Helper()
			ops, err := w.Store.OperationsOf(ctx, w.Shop.Tenant, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range ops {
				if o.Kind != kind {
					continue
				}
				raw, err := json.Marshal(processor.Evidence{EventID: name, Key: o.ID, Outcome: processor.Outcome{
					Result: result, ProcessorRef: a.ProcessorRef, Authorized: 1050, Currency: "USD",
				}})
				if err != nil {
					t.Fatal(err)
				}
				if err := odds.Callback(ctx, "odd", w.Shop.Tenant, nil, raw); err != nil {
					t.Fatal(err)
				}
			}
		}
		p, err := odds.Card(w.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Void(ctx, w.Shop, core.VoidPayment{Payment: p.ID}); err != nil {
			t.Fatal(err)
		}
		tell(p.Last(), pay.OpAuthorize, processor.Succeeded, "late hold")
		tell(p.Last(), pay.OpVoid, processor.Succeeded, "late void")
		wantAttempt(t, w, p.Link, pay.AttemptVoided)

		if p, err = odds.Card(w.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard); err != nil {
			t.Fatal(err)
		}
		tell(p.Last(), pay.OpAuthorize, processor.Expired, "over")
		wantAttempt(t, w, p.Link, pay.AttemptAuthExpired)
		if len(odds.alarms) > 0 {
			t.Errorf("alarms: %v", odds.alarms)
		}
		proven(t, w)
	})
}

// Nobody heard that money was held until it was held no more: the attempt is
// over, and another payer may have its place.
func TestHoldThatWasNeverHeardOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withOdd(t, w, func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
			if !asked {
				return processor.Outcome{}, errors.New("the answer got lost")
			}
			return processor.Outcome{Result: processor.Expired, ProcessorRef: string(o.Attempt), Authorized: o.Amount.Minor, Currency: o.Amount.Currency}, nil
		})
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		if _, err := odds.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Minute)
		work(t, w)
		wantAttempt(t, w, l.ID, pay.AttemptAuthExpired)
		if _, err := odds.Card(l, goodCard); err != nil {
			t.Errorf("another payer: %v", err)
		}
		if odds.alarms["illegal_transition"] > 0 {
			t.Errorf("alarms: %v", odds.alarms)
		}
		proven(t, w)
	})
}
