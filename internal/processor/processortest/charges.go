package processortest

import (
	"testing"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// charges: what was begun is listed once, page by page, with the figures that
// were told and the key that began it, as it stands now, and to nobody else.
func (s Subject) charges(t *testing.T) {
	paid, out := s.begin(t, "paid", pay.OpSale)
	back := paid
	back.Key, back.Kind, back.ProcessorRef, back.Amount.Minor = paid.Key+"_back", pay.OpRefund, out.ProcessorRef, 400
	want(t, "refund", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Refund(t.Context(), back) })
	taken := processor.Charge{
		Reference: out.ProcessorRef, Key: paid.Key, Currency: "EUR", Amount: 1000, Captured: 1000, Refunded: 400, State: pay.AttemptCaptured,
	}
	wanted := map[string]processor.Charge{out.ProcessorRef: taken}
	if s.Manual {
		o, held := s.begin(t, "held", pay.OpAuthorize)
		wanted[held.ProcessorRef] = processor.Charge{
			Reference: held.ProcessorRef, Key: o.Key, Currency: "EUR", Amount: 1000, Held: 1000, State: pay.AttemptAuthorized,
		}
		v := o
		v.Key, v.Kind, v.ProcessorRef = o.Key+"_void", pay.OpVoid, held.ProcessorRef
		s.listed(t, wanted)
		want(t, "void", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Void(t.Context(), v) })
		released := wanted[held.ProcessorRef]
		released.Held, released.State = 0, pay.AttemptVoided
		wanted[held.ProcessorRef] = released
	}
	s.listed(t, wanted)
	if other := s.list(t, pay.Tenant{Merchant: s.Tenant.Merchant + "-other", Mode: s.Tenant.Mode}); len(other) != 0 {
		t.Errorf("another merchant has %v", other)
	}
}

// listed compares the processor's list with what is wanted of it.
func (s Subject) listed(t *testing.T, wanted map[string]processor.Charge) {
	t.Helper()
	all := s.list(t, s.Tenant)
	for ref, want := range wanted {
		got := all[ref]
		want.At = got.At
		if got != want {
			t.Errorf("%s is listed as %+v, want %+v", ref, got, want)
		}
	}
}

func (s Subject) list(t *testing.T, of pay.Tenant) map[string]processor.Charge {
	t.Helper()
	all := map[string]processor.Charge{}
	for after, pages := "", 0; ; pages++ {
		list, next, err := s.Driver.Charges(t.Context(), of, after)
		if err != nil || pages > 1000 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, c := range list {
			if _, twice := all[c.Reference]; twice || c.Reference == "" || c.State == "" || c.At.IsZero() {
				t.Errorf("a charge that is listed twice or says nothing: %+v", c)
			}
			all[c.Reference] = c
		}
		if next == "" {
			return all
		}
		after = next
	}
}
