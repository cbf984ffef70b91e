package core

import (
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// What does not count was asked to go back in full, and does not go twice: only
// what was refused may be asked for again (5.6).
func TestSurplusIsProvedToGoBack(t *testing.T) {
	for _, c := range []struct {
		failed, under, made int64
		holds               bool
	}{
		{0, 0, 0, false}, {0, 0, 9, false}, {0, 0, 10, true}, {0, 10, 0, true}, {10, 0, 0, true}, {10, 0, 10, true}, {10, 10, 0, true}, {10, 4, 3, true},
		{0, 10, 1, false}, {10, 5, 6, false}, {0, 0, 11, false},
	} {
		p := newLinkProof(store.StoredLink{})
		p.surplus["att_1"] = 10
		for state, minor := range map[pay.RefundState]int64{pay.RefundFailed: c.failed, pay.RefundUnknown: c.under, pay.RefundSucceeded: c.made} {
			if minor > 0 {
				p.refunds[pay.RefundID(state)] = pay.Refund{Attempt: "att_1", State: state, Amount: minor, Surplus: true}
			}
		}
		if err := p.surplusReturns(); (err == nil) != c.holds {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
