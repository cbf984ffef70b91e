package core_test

import (
	"context"
	"errors"
	"slices"
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

// disputing is the sandbox with a payer's bank that is quicker than a refund.
type disputing struct {
	*sandbox.Driver
	first func() error // opens a dispute; nil when it was
}

// Refund comes second.
func (d *disputing) Refund(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if first := d.first; first != nil {
		d.first = nil
		if err := first(); err != nil {
			return processor.Outcome{}, err
		}
	}
	return d.Driver.Refund(ctx, o)
}

// Money that came too late is disputed before it could be given back, so that
// its processor refuses to. When the dispute is over, what it left goes back
// once, with its record; until then a person knows of it (5.6, M4).
func TestSurplusAfterItsDispute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		for _, c := range []struct {
			minor          int64
			to             pay.DisputeState
			refunded, away int64
		}{{1050, pay.DisputeWon, 1050, 0}, {1050, pay.DisputeLost, 0, 1050}, {400, pay.DisputeWon, 1050, 0}, {400, pay.DisputeAccepted, 650, 400}} {
			ctx := context.Background()
			w := coretest.New(t, o)
			l := w.Link(t, nil)
			p, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.CancelLink(ctx, w.Shop, l.ID); err != nil {
				t.Fatal(err)
			}
			odds := withDriver(t, w, &disputing{Driver: w.Sandbox, first: func() error {
				_, err := w.SimulateDispute(ctx, w.Shop, core.SimulateDispute{Payment: p.ID, Amount: c.minor})
				return err
			}})
			w.Clock.Add(61 * time.Minute)
			if _, err := w.Sandbox.Due(ctx); err != nil { // the transfer arrives
				t.Fatal(err)
			}
			if p, err = w.Payment(ctx, w.Shop, p.ID); err != nil || len(p.Refunds) != 1 || p.Refunds[0].State != pay.RefundFailed || odds.alarms["surplus_stuck"] != 1 {
				t.Fatalf("%+v, alarms %v, %v", p, odds.alarms, err)
			}
			w.Clock.Add(25 * time.Hour)
			watched(t, w.Core)
			wantOpen(t, w.Core, w.Shop, "surplus|surplus of 10.50 USD whose refund is failed|")
			list, _, err := w.Disputes(ctx, w.Shop, core.DisputeFilter{Link: l.ID})
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v %v", list, err)
			}
			for range 2 {
				if _, err := w.SimulateDecision(ctx, w.Shop, list[0].ID, c.to); err != nil && pay.KindOf(err) != pay.Conflict {
					t.Fatal(err)
				}
				w.Clock.Add(time.Hour)
				work(t, w)
			}
			a := view(t, w, l).Payments[0].Attempts[0]
			if a.Refunded != c.refunded || a.Refunding != 0 || a.Disputed != c.away {
				t.Errorf("%d %s: %+v", c.minor, c.to, a)
			}
			events := kinds(t, w, l)
			ended := slices.IndexFunc(events, func(k pay.EventKind) bool { return k == "dispute."+pay.EventKind(c.to) })
			if c.refunded > 0 && (ended < 0 || events[ended+1] != pay.EventRefundRequested) {
				t.Errorf("%d %s: %v", c.minor, c.to, events)
			}
			watched(t, w.Core)
			wantOpen(t, w.Core, w.Shop)
			proven(t, w)
		}
	})
}

// deaf is the sandbox whose answer about a decision gets lost once.
type deaf struct {
	*sandbox.Driver
	heard bool
}

func (d *deaf) DecideDispute(ctx context.Context, t pay.Tenant, paymentRef, ref string, to pay.DisputeState) (processor.Evidence, error) {
	ev, err := d.Driver.DecideDispute(ctx, t, paymentRef, ref, to)
	if !d.heard {
		d.heard, err = true, errors.New("the answer got lost")
	}
	return ev, err
}

// A dispute that is played, and whose answer gets lost, is played by trying again.
func TestPlayedDisputeIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		withDriver(t, w, &deaf{Driver: w.Sandbox})
		ctx := context.Background()
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		d, err := w.SimulateDispute(ctx, w.Shop, core.SimulateDispute{Payment: p.ID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.SimulateDecision(ctx, w.Shop, d.ID, pay.DisputeWon); pay.KindOf(err) != pay.Unavailable {
			t.Errorf("no answer: %v", err)
		}
		if d, err = w.SimulateDecision(ctx, w.Shop, d.ID, pay.DisputeWon); err != nil || d.State != pay.DisputeWon {
			t.Errorf("again: %+v %v", d, err)
		}
	})
}
