package core

import (
	"context"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// Review is an attempt that waits for a person's decision.
type Review = store.LinkAttempt

// Reviews lists the tenant's attempts in review, oldest first.
// Errors: Invalid (cursor).
func (c *Core) Reviews(ctx context.Context, who pay.Caller, after string, limit int) (list []Review, next string, err error) {
	_, ids, err := parseCursor(after, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(limit)
	list, err = c.store.Reviews(ctx, who.Tenant, pay.AttemptID(ids[0]), size+1)
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].CreatedAt, string(list[size-1].ID))
	}
	return list, next, err
}

// Review reads one attempt of the tenant, in review or not.
// Errors: pay.ErrNotFound.
func (c *Core) Review(ctx context.Context, who pay.Caller, id pay.AttemptID) (Review, error) {
	return c.store.Attempt(ctx, who.Tenant, id)
}

// DecideReview is what a person decides of an attempt in review.
type DecideReview struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Decision    pay.Decision
	Replayed    func() // called when the answer is that of an earlier request; may be nil
}

// DecideReview ends the review of an attempt, with the caller and the reason
// in the event. Money that does not count is on its way back when it returns.
// Errors: pay.ErrNotFound, invalid_state, Invalid, pay.ErrKeyReused.
func (c *Core) DecideReview(ctx context.Context, who pay.Caller, cmd DecideReview) (pay.Payment, error) {
	a, err := c.store.Attempt(ctx, who.Tenant, cmd.Decision.Attempt)
	if err != nil {
		return pay.Payment{}, err
	}
	p, _, err := c.act(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, a.Payment, func(_ *store.Tx, tab *pay.Tab) (string, error) {
		return "", tab.Decide(cmd.Decision)
	})
	return p, err
}
