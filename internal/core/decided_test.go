package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// moody is the sandbox that leaves out answers, or tells more than is true, as
// a test wants it.
type moody struct {
	*sandbox.Driver
	silent bool  // questions stay without an answer
	lost   bool  // releases do
	over   bool  // a question about a hold is told that it ran out
	more   int64 // minor units
}

func (d *moody) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if d.silent {
		return processor.Outcome{}, errSilence
	}
	out, err := d.Driver.Query(ctx, o)
	if d.over && o.Kind == pay.OpAuthorize {
		out.Result = processor.Expired
	}
	return out, err
}

func (d *moody) Void(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.Driver.Void(ctx, o)
	if d.lost {
		return processor.Outcome{}, errSilence
	}
	return out, err
}

func (d *moody) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.Driver.Capture(ctx, o)
	out.Captured += d.more
	return out, err
}

// A capture that a person wrote down is settled like any other, by the name of
// the operation that made it.
func TestSettleDecidedCapture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		d := &moody{Driver: w.Sandbox}
		withDriver(t, w, d)
		p, err := w.Card(w.Link(t, manual), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		for i, more := range []int64{0, 5} {
			d.more = more
			if p, err = w.Capture(ctx, w.Shop, core.CapturePayment{Payment: p.ID, Amount: int64(300 + i), Keep: i == 0}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.DecideReview(ctx, w.Shop, decision(*p.Last(), pay.AttemptCaptured, 601)); err != nil {
			t.Fatal(err)
		}
		rows, err := w.FetchSettlements(ctx, w.Shop)
		if err != nil || len(rows) != 2 || rows[0].Result != core.RowSettled || rows[1].Result != core.RowSettled || rows[0].Movement == rows[1].Movement {
			t.Errorf("%+v %v", rows, err)
		}
		verified(t, w)
	})
}

// What is called off while nobody knows what it has come to is told by the
// question about it: no answer to the call is a move that cannot be.
func TestUnknownIsCalledOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		d := &moody{Driver: w.Sandbox}
		odds := withDriver(t, w, d)
		l := w.Link(t, nil)
		if _, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankRedirect, Fields: map[string]string{"bank": "test_bank_a"}}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(10 * time.Second) // the question comes before the call
		if _, err := w.CancelLink(ctx, w.Shop, l.ID); err != nil {
			t.Fatal(err)
		}
		d.silent = true
		w.Clock.Add(time.Second)
		work(t, w)
		wantAttempt(t, w, l.ID, pay.AttemptUnknown)
		d.silent = false
		w.Clock.Add(time.Minute)
		work(t, w)
		wantAttempt(t, w, l.ID, pay.AttemptFailed)
		if odds.alarms["illegal_transition"] != 0 {
			t.Errorf("alarms: %v", odds.alarms)
		}
		verified(t, w)
	})
}

// The rest of a hold is released and runs out, and we hear of the second first:
// the release is no news any more.
func TestReleaseOfWhatRanOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		d := &moody{Driver: w.Sandbox, lost: true, over: true}
		odds := withDriver(t, w, d)
		l := w.Link(t, manual)
		p, err := w.Card(l, "4000000000000770") // held for 30 s
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Capture(ctx, w.Shop, core.CapturePayment{Payment: p.ID, Amount: 300, Keep: true}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(29 * time.Second)
		if _, err := w.Void(ctx, w.Shop, core.VoidPayment{Payment: p.ID}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Second)
		work(t, w)
		wantAttempt(t, w, l.ID, pay.AttemptCaptured)
		w.Clock.Add(time.Minute)
		work(t, w)
		if odds.alarms["illegal_transition"] != 0 {
			t.Errorf("alarms: %v", odds.alarms)
		}
		verified(t, w)
	})
}
