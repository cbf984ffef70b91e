package core

import (
	"context"
	"errors"
	"time"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// EditLink asks to change a link in place.
type EditLink struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Link        pay.LinkID
	// Change sets what the merchant may set; it may run twice.
	Change   func(l *pay.Link, payments []pay.Payment) error
	NewToken bool    // the payer's address changes with any change: the old one stops working
	Claims   []Claim // names the link is to have besides
	Hooks    []Hook  // when not nil: the endpoints of this link, in place of the ones it has
	Refuse   error   // what the edge found wrong; told unless Key has an answer already
	Replayed func()  // called when the answer is that of an earlier request; may be nil
}

// EditLink changes a link under its id. A change that alters nothing writes
// nothing and answers with the link as it is.
// Errors: pay.ErrNotFound, invalid_state, Invalid, pay.ErrKeyReused, a claim's Taken.
func (c *Core) EditLink(ctx context.Context, who pay.Caller, cmd EditLink) (LinkView, error) {
	return c.once(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Link, func(tx *store.Tx, tab *store.Held) error {
		if cmd.Refuse != nil {
			return cmd.Refuse
		}
		return c.edit(ctx, tx, tab, cmd)
	})
}

// once changes a link at most once per key, which may be empty; a repeat is
// answered with the link as it was then.
func (c *Core) once(ctx context.Context, who pay.Caller, k keyed, id pay.LinkID, do func(*store.Tx, *store.Held) error) (LinkView, error) {
	if _, err := c.Link(ctx, who, id); err != nil {
		return LinkView{}, err
	}
	use := keyUse(who, k.key, k.print, id)
	var first store.KeyUse
	replayed := false
	held, err := c.change(ctx, who.Tenant, id, who.Actor(), who.RequestID, func(tx *store.Tx, tab *store.Held) (err error) {
		replayed = false
		if k.key != "" {
			if first, err = tx.FindKey(ctx, use); err == nil {
				replayed = true
				return nil
			} else if !errors.Is(err, pay.ErrNotFound) {
				return err
			}
		}
		tab.Later = true
		if err := do(tx, tab); err != nil || k.key == "" {
			return err
		}
		use.Seq = tab.Link.Seq
		_, _, err = tx.TakeKey(ctx, use)
		return err
	})
	if err != nil {
		return LinkView{}, err
	}
	c.runSoon(held.Operations)
	if k.key == "" {
		return LinkView{held.Link, held.Payments}, nil
	}
	seq := held.Link.Seq
	if replayed {
		if seq = first.Seq; k.replayed != nil {
			k.replayed()
		}
	}
	e, err := c.store.Event(ctx, who.Tenant, id, seq)
	return LinkView{e.Snapshot.Link, e.Snapshot.Payments}, err
}

func (c *Core) edit(ctx context.Context, tx *store.Tx, tab *store.Held, cmd EditLink) error {
	old := tab.Link
	err := tab.Edit(func(l *pay.Link) error {
		if err := cmd.Change(l, tab.Payments); err != nil {
			return err
		}
		return c.checkReturns(ctx, l)
	})
	if err != nil {
		return err
	}
	if cmd.NewToken && tab.Link.Version != old.Version {
		if err := c.newToken(ctx, tx, tab, old); err != nil {
			return err
		}
	}
	if err := c.claim(ctx, tx, tab.Link, cmd.Claims); err != nil {
		return err
	}
	if cmd.Hooks == nil {
		return nil
	}
	if err := tx.DisableHooks(ctx, tab.Link.Tenant, tab.Link.ID); err != nil {
		return err
	}
	return c.putHooks(ctx, tx, tab.Link, cmd.Hooks)
}

// newToken gives the page another address, in the edit's own event.
func (c *Core) newToken(ctx context.Context, tx *store.Tx, tab *store.Held, old pay.Link) error {
	tab.Link.Token = pay.NewToken()
	tab.Events[len(tab.Events)-1].Snapshot.Link.Token = tab.Link.Token
	if err := tx.DropLocator(ctx, "token", auth.LookupHash("token", old.Token), locator(old)); err != nil {
		return err
	}
	return tx.AddLocator(ctx, "token", auth.LookupHash("token", tab.Link.Token), locator(tab.Link), time.Time{})
}

// MoveSplit asks to let go of a split on hold, to give it to the merchant, to
// hold it again or to transfer it.
type MoveSplit struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Link        pay.LinkID
	Index       int
	Amount      int64  // to be let go of or transferred, in minor units; 0: all of it
	Reference   string // of a transfer: the caller's own name of it
	Cancel      bool   // give what is held to the merchant after all
	Replayed    func() // called when the answer is that of an earlier request; may be nil
}

// MoveSplit lets go of a split on hold or cancels it, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount), pay.ErrKeyReused.
func (c *Core) MoveSplit(ctx context.Context, who pay.Caller, cmd MoveSplit) (LinkView, error) {
	return c.once(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Link, func(_ *store.Tx, tab *store.Held) error {
		if err := tab.Clock(); err != nil {
			return err
		}
		if cmd.Cancel {
			return tab.CancelSplit(cmd.Index)
		}
		return tab.ReleaseSplit(cmd.Index, cmd.Amount)
	})
}

// ReleaseSplit lets go of a split on hold, in part or whole (0).
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount).
func (c *Core) ReleaseSplit(ctx context.Context, who pay.Caller, id pay.LinkID, index int, minor int64) (LinkView, error) {
	return c.MoveSplit(ctx, who, MoveSplit{Link: id, Index: index, Amount: minor})
}

// CancelSplit gives a split on hold to the merchant after all.
// Errors: pay.ErrNotFound, invalid_state.
func (c *Core) CancelSplit(ctx context.Context, who pay.Caller, id pay.LinkID, index int) (LinkView, error) {
	return c.MoveSplit(ctx, who, MoveSplit{Link: id, Index: index, Cancel: true})
}
