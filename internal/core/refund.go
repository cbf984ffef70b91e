package core

import (
	"context"
	"slices"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// RefundPayment gives money of a payment back.
type RefundPayment struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Wish        pay.RefundWish // a Reference used before on this payment gives the refund that it made
	Replayed    func()         // called when the answer is that of an earlier request; may be nil
}

// Refund gives money back, at most once per key and per reference. A key made
// before refunds were kept with it gives no refund, only the payment.
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount), pay.ErrKeyReused,
// pay.ErrKeyBusy.
func (c *Core) Refund(ctx context.Context, who pay.Caller, cmd RefundPayment) (pay.Payment, pay.Refund, error) {
	p, made, err := c.act(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Wish.Payment, func(_ *store.Tx, tab *pay.Tab) (string, error) {
		r, err := tab.Refund(cmd.Wish)
		if err != nil {
			return "", err
		}
		return string(r.ID), nil
	})
	for _, r := range p.Refunds {
		if err == nil && string(r.ID) == made {
			return p, r, nil
		}
	}
	return p, pay.Refund{}, err
}

// testCard is what a simulated payment is made with (THREATS 4).
const testCard = "4242424242424242"

// SimulatePayment pays a link in test mode as a payer would, at once.
// Errors: Forbidden in live mode, pay.ErrNotFound, invalid_state.
func (c *Core) SimulatePayment(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	if err := testOnly(who); err != nil {
		return LinkView{}, err
	}
	v, err := c.Link(ctx, who, id)
	if err != nil {
		return v, err
	}
	cmd := StartPayment{Token: v.Link.Token, Method: pay.MethodCard, Fields: map[string]string{"card": testCard}, RequestID: who.RequestID}
	if v.Link.Price.Open {
		cmd.Amount = max(v.Link.Price.Suggested, v.Link.Price.Min, 1)
	}
	if v.Link.Price.Cart.Adjustable() {
		q, err := v.Link.Quote(pay.Ask{})
		if err != nil {
			return v, err
		}
		cmd.Shown = q.Total
	}
	if _, err := c.StartPayment(ctx, cmd); err != nil {
		return v, err
	}
	return c.Link(ctx, who, id)
}

// SimulateSettlement makes the funds of all payments that count the merchant's
// to use, in test mode.
// Errors: Forbidden in live mode, pay.ErrNotFound, invalid_state when there are none.
func (c *Core) SimulateSettlement(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	if err := testOnly(who); err != nil {
		return LinkView{}, err
	}
	v, err := c.Link(ctx, who, id)
	if err != nil {
		return v, err
	}
	var open []pay.PaymentID
	for _, p := range v.Payments {
		if p.State == pay.PaymentApplied && p.SettledAt.IsZero() {
			open = append(open, p.ID)
		}
	}
	if len(open) == 0 {
		return v, pay.ErrState("the link has no money that is still to be settled")
	}
	for batch := range slices.Chunk(open, fundsBatch) {
		if err := c.settleFunds(ctx, who, id, batch); err != nil {
			return v, err
		}
	}
	return c.Link(ctx, who, id)
}

// fundsBatch is how many payments are settled together in test mode.
const fundsBatch = 100

func (c *Core) settleFunds(ctx context.Context, who pay.Caller, id pay.LinkID, payments []pay.PaymentID) error {
	_, err := c.change(ctx, who.Tenant, id, who.Actor(), who.RequestID, func(tx *store.Tx, tab *store.Held) error {
		for _, p := range tab.Payments {
			if !slices.Contains(payments, p.ID) || p.State != pay.PaymentApplied || !p.SettledAt.IsZero() {
				continue
			}
			lines, err := tx.SettlementsOf(ctx, tab.Link.Tenant, tab.Link.ID, p.ID)
			if err != nil {
				return err
			}
			tab.Lines = append(tab.Lines, lines...)
			if err := tab.SettleFunds(p.ID); err != nil {
				return err
			}
		}
		return nil
	}, payments...)
	return err
}

func testOnly(who pay.Caller) error {
	if who.Mode != pay.Test {
		return &pay.Error{Kind: pay.Forbidden, Code: "test_mode_only", Detail: "this is possible in test mode only"}
	}
	return nil
}
