package core

import (
	"context"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// CreatePayout asks to write down that the merchant was paid its own money.
type CreatePayout struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Wish        pay.PayoutWish
	Replayed    func() // called when the answer is that of an earlier request; may be nil
}

// CreatePayout takes money off the settled balance that was paid to the
// merchant, at most once per key: never more than is settled, not on hold, and
// neither the splits' nor the payers' (M10).
// Errors: Invalid (currency, amount), insufficient_balance, pay.ErrKeyReused.
func (c *Core) CreatePayout(ctx context.Context, who pay.Caller, cmd CreatePayout) (p pay.Payout, err error) {
	if err := cmd.Wish.Validate(); err != nil { // before the database, which cannot hold every text
		return pay.Payout{}, err
	}
	use := keyUse(who, cmd.Key, cmd.Fingerprint, "")
	fresh := false
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		id := pay.PayoutID(pay.NewID("po", tx.Now()))
		use.Ref = string(id)
		// The key comes first: a purse once taken is paid out of, or nothing is stored.
		first, unused, err := useKey(ctx, tx, use)
		if err != nil {
			return err
		}
		if fresh = unused; !fresh {
			p, err = tx.Payout(ctx, who.Tenant, pay.PayoutID(first.Ref))
			return err
		}
		purse, err := tx.TakePurse(ctx, who.Tenant, cmd.Wish.Currency)
		if err != nil {
			return err
		}
		made, entries, err := pay.NewPayout(who.Tenant, id, cmd.Wish, purse, who.Actor(), tx.Now())
		if err != nil {
			return err
		}
		p = made
		return tx.AddPayout(ctx, p, entries...)
	})
	if err == nil && !fresh && cmd.Replayed != nil {
		cmd.Replayed()
	}
	return p, err
}

// Payout reads a payout or transfer. Errors: pay.ErrNotFound.
func (c *Core) Payout(ctx context.Context, who pay.Caller, id pay.PayoutID) (pay.Payout, error) {
	return c.store.Payout(ctx, who.Tenant, id)
}

// PayoutFilter chooses payouts and transfers; zero members do not filter.
type PayoutFilter struct {
	Kind  string // "payout" or "transfer"
	Link  pay.LinkID
	After string
	Limit int
}

// Payouts lists the tenant's payouts and transfers, newest first.
// Errors: Invalid (cursor).
func (c *Core) Payouts(ctx context.Context, who pay.Caller, f PayoutFilter) (list []pay.Payout, next string, err error) {
	us, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Payouts(ctx, who.Tenant, store.PayoutFilter{Kind: f.Kind, Link: f.Link, BeforeTime: us, BeforeID: ids[0], Limit: size + 1})
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].CreatedAt, string(list[size-1].ID))
	}
	return list, next, err
}

// HoldSplit puts on hold again what is free of a split and was not
// transferred, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, pay.ErrKeyReused.
func (c *Core) HoldSplit(ctx context.Context, who pay.Caller, cmd MoveSplit) (LinkView, error) {
	return c.once(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Link, func(_ *store.Tx, tab *store.Held) error {
		if err := tab.Clock(); err != nil {
			return err
		}
		return tab.HoldSplit(cmd.Index)
	})
}

// TransferSplit writes down that free money of a split, cmd.Amount or all of
// it (0), was paid to its account, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount),
// insufficient_balance, pay.ErrKeyReused.
func (c *Core) TransferSplit(ctx context.Context, who pay.Caller, cmd MoveSplit) (LinkView, error) {
	return c.once(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Link, func(tx *store.Tx, tab *store.Held) error {
		if err := tab.Clock(); err != nil {
			return err
		}
		purse, err := tx.TakePurse(ctx, who.Tenant, tab.Link.Price.Currency)
		if err != nil {
			return err
		}
		p, err := tab.TransferSplit(cmd.Index, cmd.Amount, cmd.Reference, purse)
		if err != nil {
			return err
		}
		return tx.AddPayout(ctx, p)
	})
}
