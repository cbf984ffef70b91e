package processortest

import (
	"reflect"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// settlements: what was captured and given back is settled with the figures
// that were told, page by page, the same when asked again, and to nobody else.
func (s Subject) settlements(t *testing.T) {
	paid, out := s.begin(t, "paid", pay.OpSale)
	back := paid
	back.Key, back.Kind, back.ProcessorRef, back.Amount.Minor = paid.Key+"_back", pay.OpRefund, out.ProcessorRef, 400
	want(t, "refund", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Refund(t.Context(), back) })
	all := s.settled(t, s.Tenant)
	if got := all["capture"+out.ProcessorRef]; got.Amount != paid.Amount || got.Fee >= got.Amount.Minor {
		t.Errorf("the capture is settled as %+v", got)
	}
	if got := all["refund"+string(back.Key)]; got.Amount != back.Amount {
		t.Errorf("the refund is settled as %+v", got)
	}
	if again := s.settled(t, s.Tenant); !reflect.DeepEqual(again, all) {
		t.Errorf("asked again: %d lines, %d before", len(again), len(all))
	}
	if other := s.settled(t, pay.Tenant{Merchant: s.Tenant.Merchant + "-other", Mode: s.Tenant.Mode}); len(other) != 0 {
		t.Errorf("another merchant is settled %v", other)
	}
}

// settled is all that the processor says it has settled for a tenant.
func (s Subject) settled(t *testing.T, of pay.Tenant) map[string]processor.Settled {
	t.Helper()
	all := map[string]processor.Settled{}
	for after, pages := "", 0; ; pages++ {
		list, next, err := s.Driver.Settlements(t.Context(), of, after)
		if err != nil || pages > 1000 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, l := range list {
			if !l.Kind.Known() || l.Reference == "" || l.Amount.Minor <= 0 && l.Kind != processor.SettledAdjustment || l.Fee < 0 || l.At.IsZero() {
				t.Errorf("a line that says nothing: %+v", l)
			}
			if had, twice := all[string(l.Kind)+l.Reference]; twice && !reflect.DeepEqual(had, l) {
				t.Errorf("%+v, and then %+v", had, l)
			}
			all[string(l.Kind)+l.Reference] = l
		}
		if next == "" {
			return all
		}
		after = next
	}
}
