package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// What of our own is in motion is not missing from a list, nor found again on it
// by that (P6).
func TestMissingWaitsForWhatMoves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		c, d, _ := listed(t, w)
		paid, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		d.change = func([]processor.Charge) ([]processor.Charge, error) { return nil, nil }
		want := func(open ...string) {
			t.Helper()
			if err := compareNow(t, o, c); err != nil {
				t.Fatal(err)
			}
			wantOpen(t, c, w.Shop, open...)
		}
		want()
		w.Clock.Add(11 * time.Minute)
		want("missing|")
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: paid.ID, Amount: 50}}); err != nil {
			t.Fatal(err)
		}
		want("missing|")
	})
}

// A list that leads back to the page before is no list to compare with (P6).
func TestCompareEndsALoop(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		d := &looped{}
		w := withDriver(t, coretest.New(t, o), d)
		if err := compareNow(t, o, w.Core); err == nil || d.pages != 2 {
			t.Errorf("after %d pages: %v", d.pages, err)
		}
	})
}

// looped is a processor whose second page names itself as the next, for a while.
type looped struct {
	odd
	pages int
}

func (d *looped) Charges(context.Context, pay.Tenant, string) ([]processor.Charge, string, error) {
	if d.pages++; d.pages > 3 {
		return nil, "", nil
	}
	return nil, "same", nil
}

// What a person closes while a rule is about to stays as the person said.
func TestPersonClosesFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		c, d, _ := listed(t, w)
		if _, err := w.Card(w.Link(t, nil), goodCard); err != nil {
			t.Fatal(err)
		}
		d.change = func([]processor.Charge) ([]processor.Charge, error) { return nil, nil }
		w.Clock.Add(11 * time.Minute)
		if err := compareNow(t, o, c); err != nil {
			t.Fatal(err)
		}
		one := wantOpen(t, c, w.Shop, "missing|")[0]
		err := core.CloseByRule(c, w.Shop.Tenant, func(pay.Discrepancy) bool {
			_, err := c.CloseDifference(ctx, w.Shop, one.ID, "seen by hand")
			return err == nil
		})
		if err != nil {
			t.Error(err)
		}
		list, _, err := c.Differences(ctx, w.Shop, core.DifferenceFilter{Closed: true})
		if err != nil || len(list) != 1 || list[0].Reason != "seen by hand" {
			t.Errorf("%+v %v", list, err)
		}
	})
}
