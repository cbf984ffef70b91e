package sandbox

import (
	"context"
	"fmt"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

const chargePage = 200 // lines of the journal that are looked at together

// Charges is what the journal has: a payment for each line that began one.
func (d *Driver) Charges(ctx context.Context, t pay.Tenant, after string) (list []processor.Charge, next string, err error) {
	if t.Mode != pay.Test {
		return nil, "", nil
	}
	lines, err := d.journal.Lines(ctx, t, pay.OperationID(after), chargePage)
	if err != nil {
		return nil, "", fmt.Errorf("sandbox: listing: %w", err)
	}
	for _, l := range lines {
		next = string(l.Key)
		if !begins(pay.OperationKind(l.Kind)) {
			continue
		}
		p, ok, err := d.journal.Payment(ctx, t, l.Ref)
		if err != nil {
			return nil, "", fmt.Errorf("sandbox: listing: %w", err)
		}
		if ok {
			list = append(list, d.chargeOf(p))
		}
	}
	if len(lines) < chargePage {
		next = ""
	}
	return list, next, nil
}

var chargeStates = map[processor.SandboxState]pay.AttemptState{
	processor.SandboxWaiting: pay.AttemptProcessing, processor.SandboxAuthorized: pay.AttemptAuthorized,
	processor.SandboxCaptured: pay.AttemptCaptured, processor.SandboxFailed: pay.AttemptFailed,
	processor.SandboxCanceled: pay.AttemptCanceled, processor.SandboxVoided: pay.AttemptVoided,
}

func (d *Driver) chargeOf(p processor.SandboxPayment) processor.Charge {
	c := processor.Charge{
		Reference: p.Ref, Key: p.StartKey, Currency: p.Currency, Amount: p.Amount, Captured: p.Captured, Refunded: p.Refunded, Disputed: disputed(p),
		State: chargeStates[p.State], At: latest(p.CreatedAt, p.ChangedAt),
	}
	switch {
	case d.over(p):
		c.State, c.At = pay.AttemptAuthExpired, latest(c.At, p.HoldUntil)
	case p.State == processor.SandboxAuthorized:
		c.Held = p.Authorized - p.Captured
	}
	return c
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
