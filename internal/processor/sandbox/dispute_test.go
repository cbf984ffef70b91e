package sandbox

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// disputed brings a payment's one dispute to a state and tells of it.
func (b *bench) disputed(t *testing.T, ref string, state pay.DisputeState, minor int64) (http.Header, []byte) {
	t.Helper()
	ev, err := b.OpenDispute(t.Context(), tenant, processor.DisputeWish{Key: "one", PaymentRef: ref, Amount: minor, Reason: "duplicate"})
	if err == nil && state != pay.DisputeOpen {
		ev, err = b.DecideDispute(t.Context(), tenant, ref, ev.Dispute.ProcessorRef, state)
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := b.disputeNews(t.Context(), tenant, ref, ev.Dispute.ProcessorRef)
	if err == nil {
		err = b.tell(t.Context(), tenant, n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.headers[len(b.headers)-1], b.bodies[len(b.bodies)-1]
}

// The card that is disputed: once, with what was captured, and told until the
// platform has heard of it.
func TestDisputedCard(t *testing.T) {
	b := newBench(t)
	paid, err := b.Start(t.Context(), order("op_1", pay.OpAuthorize, pay.MethodCard, "card", "4000000000000259"))
	if err != nil || paid.Result != processor.Succeeded {
		t.Fatalf("%+v %v", paid, err)
	}
	due := func() {
		t.Helper()
		b.now = b.now.Add(time.Second)
		if n, err := b.Due(t.Context()); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	if due(); len(b.bodies) != 0 {
		t.Fatal("disputed before it was captured")
	}
	take := order("op_2", pay.OpCapture, pay.MethodCard)
	take.ProcessorRef, take.Amount.Minor, take.Final = paid.ProcessorRef, 700, true
	if out, err := b.Capture(t.Context(), take); err != nil || out.Result != processor.Succeeded {
		t.Fatalf("%+v %v", out, err)
	}
	hears := b.callback
	b.callback = func(_ context.Context, _ pay.Tenant, _ http.Header, _ []byte) error { return errors.New("down") }
	if _, err := b.Due(t.Context()); err == nil {
		t.Error("nobody heard, and nobody minds")
	}
	b.callback = hears
	due()
	due()
	if len(b.bodies) != 1 {
		t.Fatalf("told %d times", len(b.bodies))
	}
	if d := b.last(t).Dispute; d.PaymentRef != paid.ProcessorRef || d.Amount.Minor != 700 || d.State != pay.DisputeOpen || d.Reason != "fraudulent" || d.RespondBy.Sub(b.now) < 6*24*time.Hour {
		t.Errorf("%+v", d)
	}
}

func TestDisputeRefusals(t *testing.T) {
	b := newBench(t)
	paid, err := b.Start(t.Context(), order("op_1", pay.OpSale, pay.MethodCard, "card", "4242424242424242"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(with func(w *processor.DisputeWish)) error {
		w := processor.DisputeWish{Key: "k", PaymentRef: paid.ProcessorRef, Amount: 1000}
		with(&w)
		_, err := b.OpenDispute(t.Context(), tenant, w)
		return err
	}
	if err := open(func(*processor.DisputeWish) {}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		with func(w *processor.DisputeWish)
		want error
	}{
		"the same key for another amount": {func(w *processor.DisputeWish) { w.Amount = 999 }, pay.ErrKeyReused},
		"more than is left":               {func(w *processor.DisputeWish) { w.Key, w.Amount = "k2", 51 }, pay.ErrState("")},
		"no such payment":                 {func(w *processor.DisputeWish) { w.PaymentRef = "sbx_none" }, pay.ErrNotFound},
	} {
		if err := open(c.with); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	live := pay.Tenant{Merchant: tenant.Merchant, Mode: pay.Live}
	if _, err := b.OpenDispute(t.Context(), live, processor.DisputeWish{Key: "k", PaymentRef: paid.ProcessorRef}); !errors.Is(err, pay.ErrNotFound) {
		t.Errorf("in live mode: %v", err)
	}
	if _, err := b.DecideDispute(t.Context(), tenant, paid.ProcessorRef, "sbxd_none", pay.DisputeWon); !errors.Is(err, pay.ErrNotFound) {
		t.Errorf("no such dispute: %v", err)
	}
}
