package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// Evidence that could not have its effect is looked at again: soon, then at
// longer and longer intervals, so that it delays no other, and never given up,
// for it tells of money.
const (
	inboxSoon = 5 * time.Second
	inboxRare = time.Hour
)

// Inbox processes evidence whose worker died after storing it, or which failed
// before. What fails again for minutes alarms.
func (c *Core) Inbox(ctx context.Context, limit int) error {
	kept, err := c.store.WaitingCallbacks(ctx, limit)
	for _, k := range kept {
		if failed := c.useKept(ctx, k); failed != nil && ctx.Err() == nil {
			err = errors.Join(err, fmt.Errorf("callback %s of %s to %s: %w", k.Event, k.Processor, k.Merchant, failed), c.postpone(ctx, k))
		}
	}
	return err
}

func (c *Core) useKept(ctx context.Context, k store.KeptCallback) error {
	var ev processor.Evidence
	if err := json.Unmarshal(k.Evidence, &ev); err != nil {
		return err
	}
	return c.useEvidence(ctx, k.Tenant, k.Processor, ev)
}

// postpone leaves a callback that failed for later.
func (c *Core) postpone(ctx context.Context, k store.KeptCallback) error {
	age := time.Duration(0)
	err := c.store.InTx(ctx, func(tx *store.Tx) (err error) {
		age, err = waitLonger(ctx, tx, k.Tenant, k.Processor, k.Event)
		return err
	})
	if err == nil && age >= answerTime {
		c.metrics.Alarm("callback_stuck")
	}
	return err
}

// waitLonger leaves evidence in the inbox for as long again as it was there,
// which is age.
func waitLonger(ctx context.Context, tx *store.Tx, t pay.Tenant, name, event string) (age time.Duration, err error) {
	if age, err = tx.CallbackAge(ctx, t, name, event); err != nil {
		return age, err
	}
	return age, tx.DelayCallback(ctx, t, name, event, tx.Now().Add(min(max(age, inboxSoon), inboxRare)))
}
