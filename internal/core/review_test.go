package core_test

import (
	"context"
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

// lied pays a link through a processor whose answer names too much money, so
// that the attempt goes to review.
func lied(t *testing.T, w *oddWorld, l pay.Link) pay.Attempt {
	t.Helper()
	p, err := w.Card(l, goodCard)
	if err != nil || p.Last().State != pay.AttemptReview {
		t.Fatalf("%+v %v", p, err)
	}
	return *p.Last()
}

// liar answers each payment with more money than was asked for.
func liar(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
	out := paidIn(o, "ref-"+string(o.Attempt))
	if o.Kind == pay.OpSale {
		out.Captured, out.Authorized = out.Captured+1, out.Authorized+1
	}
	return out, nil
}

func decision(a pay.Attempt, outcome pay.AttemptState, minor int64) core.DecideReview {
	return core.DecideReview{Decision: pay.Decision{Attempt: a.ID, Outcome: outcome, Amount: minor, Reason: "looked it up"}}
}

// What a person decides of a review counts as if it had been reported.
func TestDecideReview(t *testing.T) {
	for name, c := range map[string]struct {
		outcome pay.AttemptState
		minor   int64
		payment pay.PaymentState
		applied int64
		refunds int
	}{
		"captured":         {pay.AttemptCaptured, 0, pay.PaymentApplied, 1050, 0},
		"captured, exact":  {pay.AttemptCaptured, 1050, pay.PaymentApplied, 1050, 0},
		"captured in part": {pay.AttemptCaptured, 1000, pay.PaymentSurplus, 0, 1},
		"voided":           {pay.AttemptVoided, 0, pay.PaymentCanceled, 0, 0},
		"failed":           {pay.AttemptFailed, 0, pay.PaymentFailed, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				w := withOdd(t, coretest.New(t, o), liar)
				ctx := context.Background()
				l := w.Link(t, nil)
				a := lied(t, w, l)
				if list, _, err := w.Reviews(ctx, w.Shop, "", 10); err != nil || len(list) != 1 || list[0].ID != a.ID || list[0].Link != l.ID {
					t.Fatalf("reviews: %+v %v", list, err)
				}
				p, err := w.DecideReview(ctx, w.Shop, decision(a, c.outcome, c.minor))
				if err != nil || p.State != c.payment || p.Last().State != c.outcome || len(p.Refunds) != c.refunds {
					t.Fatalf("decided: %+v %v", p, err)
				}
				v, err := w.Core.Link(ctx, w.Shop, l.ID)
				if err != nil || v.Link.Applied != c.applied {
					t.Fatalf("link: %+v %v", v.Link, err)
				}
				if list, _, err := w.Reviews(ctx, w.Shop, "", 10); err != nil || len(list) != 0 {
					t.Fatalf("left to decide: %+v %v", list, err)
				}
				told(t, w.World, l.ID, c.outcome)
				verified(t, w.World)
			})
		})
	}
}

// told: one event has the decision, who made it and why.
func told(t *testing.T, w *coretest.World, id pay.LinkID, outcome pay.AttemptState) {
	t.Helper()
	events, err := w.Store.LinkEvents(context.Background(), w.Shop.Tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	reasons := 0
	for _, e := range events {
		if e.Reason == "" {
			continue
		}
		reasons++
		if e.Reason != "looked it up" || e.Actor != w.Shop.Actor() || e.From != string(pay.AttemptReview) || e.To != string(outcome) || e.Entity != "attempt" {
			t.Errorf("%+v", e)
		}
	}
	if reasons != 1 {
		t.Errorf("%d events have a reason", reasons)
	}
}

// An illegal decision is refused and writes nothing.
func TestIllegalDecisions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), liar)
		ctx := context.Background()
		l := w.Link(t, nil)
		a := lied(t, w, l)
		seq := func() int64 {
			v, err := w.Core.Link(ctx, w.Shop, l.ID)
			if err != nil {
				t.Fatal(err)
			}
			return v.Link.Seq
		}
		before := seq()
		silent := decision(a, pay.AttemptFailed, 0)
		silent.Decision.Reason = ""
		card := decision(a, pay.AttemptFailed, 0)
		card.Decision.Reason = "paid with " + goodCard
		for name, c := range map[string]struct {
			cmd  core.DecideReview
			want string
		}{
			"another state":     {decision(a, pay.AttemptAuthorized, 0), "invalid_request"},
			"canceled":          {decision(a, pay.AttemptCanceled, 0), "invalid_request"},
			"nothing":           {decision(a, "", 0), "invalid_request"},
			"more than asked":   {decision(a, pay.AttemptCaptured, 1051), "invalid_request"},
			"less than nothing": {decision(a, pay.AttemptCaptured, -1), "invalid_request"},
			"a void of some":    {decision(a, pay.AttemptVoided, 5), "invalid_request"},
			"no reason":         {silent, "invalid_request"},
			"a card number":     {card, "card_data_not_accepted"},
			"no such attempt":   {decision(pay.Attempt{ID: "att_x"}, pay.AttemptFailed, 0), "not_found"},
		} {
			_, err := w.DecideReview(ctx, w.Shop, c.cmd)
			var e *pay.Error
			if !errors.As(err, &e) || e.Code != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.DecideReview(ctx, w.Pine, decision(a, pay.AttemptFailed, 0)); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("a dialect that did not make the link: %v", err)
		}
		if now := seq(); now != before {
			t.Fatalf("%d events were written", now-before)
		}
		if _, err := w.DecideReview(ctx, w.Shop, decision(a, pay.AttemptVoided, 0)); err != nil {
			t.Fatal(err)
		}
		before = seq()
		for _, outcome := range []pay.AttemptState{pay.AttemptCaptured, pay.AttemptVoided, pay.AttemptFailed} {
			if _, err := w.DecideReview(ctx, w.Shop, decision(a, outcome, 0)); pay.KindOf(err) != pay.Conflict {
				t.Errorf("%s after the decision: %v", outcome, err)
			}
		}
		if now := seq(); now != before {
			t.Fatalf("%d events were written after the decision", now-before)
		}
	})
}

// Twenty people decide at once: one decision is made.
func TestDecisionsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), liar)
		l := w.Link(t, nil)
		a := lied(t, w, l)
		nodes := [2]*coretest.World{w.World, w.World}
		made := make(chan pay.AttemptState, 20)
		atOnce(nodes, 20, func(i int, w *coretest.World) {
			outcome := []pay.AttemptState{pay.AttemptCaptured, pay.AttemptFailed}[i%2]
			_, err := w.DecideReview(context.Background(), w.Shop, decision(a, outcome, 0))
			if err == nil {
				made <- outcome
			} else if pay.KindOf(err) != pay.Conflict {
				t.Error(err)
			}
		})
		if len(made) != 1 {
			t.Fatalf("%d decisions were made", len(made))
		}
		v, err := w.Core.Link(context.Background(), w.Shop, l.ID)
		if err != nil || v.Payments[0].Last().State != <-made {
			t.Errorf("%+v %v", v.Payments, err)
		}
		verified(t, w.World)
	})
}

// An operator at the command line needs no key.
func TestOperatorIsTheActor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		if _, err := w.EditLink(ctx, pay.Caller{Tenant: w.Shop.Tenant, Dialect: "native"}, charge(l.ID, 900)); err != nil {
			t.Fatal(err)
		}
		list, _, err := w.LinkVersions(ctx, w.Shop, l.ID, "", 0)
		if err != nil || len(list) != 2 || list[0].Actor != w.Shop.Actor() || list[1].Actor != pay.ActorOperator {
			t.Fatalf("%+v %v", list, err)
		}
	})
}

// Of a payment that no answer ever named, the person who found it tells its
// name: so it can be given back. A name belongs to one attempt for ever (P5).
func TestDecideTheUnheard(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := t.Context()
		var asked string
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			switch {
			case o.Kind == pay.OpRefund:
				asked = o.ProcessorRef
			case o.Amount.Minor == 777:
				return processor.Outcome{}, errors.New("no answer")
			}
			return paidIn(o, "ref-"+string(o.Attempt)), nil
		})
		other, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.Card(w.Link(t, func(l *pay.Link) { l.Price.Amount = 777 }), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		for range 75 {
			w.Clock.Add(time.Hour)
			work(t, w.World)
		}
		found := decision(*p.Last(), pay.AttemptCaptured, 0)
		if _, err := w.DecideReview(ctx, w.Shop, found); pay.KindOf(err) != pay.Invalid {
			t.Errorf("without its name: %v", err)
		}
		found.Decision.ProcessorRef = other.Last().ProcessorRef
		if _, err := w.DecideReview(ctx, w.Shop, found); !errors.Is(err, pay.ErrBound) {
			t.Errorf("by another's name: %v", err)
		}
		found.Decision.ProcessorRef = "ref-found"
		if p, err = w.DecideReview(ctx, w.Shop, found); err != nil || p.State != pay.PaymentApplied || p.Last().ProcessorRef != "ref-found" {
			t.Fatalf("%+v %v", p, err)
		}
		if p, _, err = w.Refund(ctx, w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID}}); err != nil || asked != "ref-found" || p.Last().Refunded != 777 {
			t.Errorf("given back by %q: %+v %v", asked, p.Last(), err)
		}
		verified(t, w.World)
	})
}
