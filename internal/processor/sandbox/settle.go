package sandbox

import (
	"context"
	"fmt"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

const (
	settlePage = 200 // lines of the journal that are looked at together
	feeShare   = 100 // the sandbox keeps one part in so many, rounded up
)

// feeOf is what the sandbox keeps of a capture, in minor units.
func feeOf(minor int64) int64 { return (minor + feeShare - 1) / feeShare }

// Settlements settles at once whatever was captured and given back: a capture
// less a fee of 1 %, rounded up, a refund without one.
func (d *Driver) Settlements(ctx context.Context, t pay.Tenant, after string) (list []processor.Settled, next string, err error) {
	if t.Mode != pay.Test {
		return nil, "", nil
	}
	lines, err := d.journal.Lines(ctx, t, pay.OperationID(after), settlePage)
	if err != nil {
		return nil, "", fmt.Errorf("sandbox: settling: %w", err)
	}
	for _, l := range lines {
		p, ok, err := d.journal.Payment(ctx, t, l.Ref)
		if err != nil {
			return nil, "", fmt.Errorf("sandbox: settling: %w", err)
		}
		next = string(l.Key)
		if !ok || l.Result != "succeeded" {
			continue
		}
		if of, is := settledDispute(l, p.Currency); is {
			list = append(list, of...)
			continue
		}
		s := processor.Settled{At: l.At}
		switch {
		case l.Kind == string(pay.OpRefund):
			s.Kind, s.Reference, s.Amount = processor.SettledRefund, string(l.Key), pay.Money{Minor: l.Amount, Currency: p.Currency}
		case l.Kind == string(pay.OpCapture):
			s.Kind, s.Reference, s.Amount = processor.SettledCapture, string(l.Key), pay.Money{Minor: l.Amount, Currency: p.Currency}
			s.Fee = feeOf(l.Amount)
		case (l.Kind == string(pay.OpSale) || l.Kind == decided) && p.HoldUntil.IsZero():
			s.Kind, s.Reference, s.Amount = processor.SettledCapture, p.Ref, pay.Money{Minor: p.Captured, Currency: p.Currency}
			s.Fee = feeOf(p.Captured)
		default:
			continue
		}
		list = append(list, s)
	}
	if len(lines) < settlePage {
		next = ""
	}
	return list, next, nil
}
