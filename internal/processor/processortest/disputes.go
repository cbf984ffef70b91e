package processortest

import (
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// disputes: a genuine callback about a dispute names the payment, the dispute
// and all its figures, and each of its states has an event of its own; what it
// takes is not refunded beside it, and is settled, as is what comes back.
func (s Subject) disputes(t *testing.T) {
	paid, out := s.begin(t, "paid", pay.OpSale)
	told := func(state pay.DisputeState, minor int64) processor.Evidence {
		t.Helper()
		header, raw := s.Dispute(t, out.ProcessorRef, state, minor)
		ev, err := s.Driver.VerifyCallback(s.Tenant, header, raw)
		if err != nil || ev.Dispute == nil || ev.Key != "" || ev.EventID == "" {
			t.Fatalf("a genuine callback: %+v, %v", ev, err)
		}
		if d := ev.Dispute; d.PaymentRef != out.ProcessorRef || d.ProcessorRef == "" || d.State != state || d.Amount != (pay.Money{Minor: minor, Currency: "EUR"}) || d.RespondBy.Before(time.Unix(1, 0)) {
			t.Fatalf("the dispute is told as %+v", d)
		}
		if _, err := s.Driver.VerifyCallback(s.Tenant, header, append(raw, ' ')); err == nil {
			t.Error("a changed body was believed")
		}
		return ev
	}
	refund := func(name string, minor int64, want processor.Result) {
		t.Helper()
		o := paid
		o.Key, o.Kind, o.ProcessorRef, o.Amount.Minor = paid.Key+pay.OperationID(name), pay.OpRefund, out.ProcessorRef, minor
		if got, err := s.Driver.Refund(t.Context(), o); err != nil || got.Result != want {
			t.Errorf("refund %s of %d: %+v, %v", name, minor, got, err)
		}
	}
	opened := told(pay.DisputeOpen, 700)
	if again := told(pay.DisputeOpen, 700); again.EventID != opened.EventID || again.Dispute.ProcessorRef != opened.Dispute.ProcessorRef {
		t.Errorf("the same again: %+v", again)
	}
	refund("r1", 301, processor.Failed)
	refund("r2", 300, processor.Succeeded)
	won := told(pay.DisputeWon, 700)
	if won.EventID == opened.EventID || won.Dispute.ProcessorRef != opened.Dispute.ProcessorRef {
		t.Errorf("won: %+v", won)
	}
	refund("r3", 700, processor.Succeeded)
	all := s.settled(t, s.Tenant)
	for _, kind := range []processor.SettledKind{processor.SettledDispute, processor.SettledDisputeReversal} {
		if got := all[string(kind)+opened.Dispute.ProcessorRef]; got.Amount != opened.Dispute.Amount {
			t.Errorf("the %s is settled as %+v", kind, got)
		}
	}
}
