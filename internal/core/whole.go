package core

import (
	"context"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// Allow is asked under the link's lock whether a command may go on, with the
// link as the clock has made it: no payer can come in between. nil: always.
type Allow func(LinkView) error

func (f Allow) check(tab *store.Held) error {
	if err := tab.Clock(); err != nil || f == nil {
		return err
	}
	return f(LinkView{tab.Link, tab.Payments})
}

// CancelLinkWhen is CancelLink where a dialect's own words say when it may be.
// Errors: pay.ErrNotFound, invalid_state, those of allow.
func (c *Core) CancelLinkWhen(ctx context.Context, who pay.Caller, id pay.LinkID, allow Allow) (LinkView, error) {
	if _, err := c.Link(ctx, who, id); err != nil {
		return LinkView{}, err
	}
	held, err := c.change(ctx, who.Tenant, id, who.Actor(), who.RequestID, func(_ *store.Tx, tab *store.Held) error {
		tab.Later = true
		if err := allow.check(tab); err != nil {
			return err
		}
		return tab.Cancel()
	})
	if err != nil {
		return LinkView{}, err
	}
	c.runSoon(held.Operations)
	return LinkView{held.Link, held.Payments}, nil
}

// RefundLink gives money of a link back, of all its payments together.
type RefundLink struct {
	Link  pay.LinkID
	Wish  pay.RefundWish // Reference is the idempotency key; Payment is not looked at
	Allow Allow          // not asked when the reference was used before
}

// RefundLink gives back money of a link that asks for one sum, at most once per
// reference. made is false when the reference was used before: then nothing
// changes, whatever the rest of the wish says.
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount), those of Allow.
func (c *Core) RefundLink(ctx context.Context, who pay.Caller, cmd RefundLink) (v LinkView, made bool, err error) {
	if v, err = c.Link(ctx, who, cmd.Link); err != nil {
		return v, false, err
	}
	held, err := c.change(ctx, who.Tenant, cmd.Link, who.Actor(), who.RequestID, func(_ *store.Tx, tab *store.Held) error {
		if made = len(pay.RefundsOf(tab.Payments, cmd.Wish.Reference)) == 0; !made {
			return nil
		}
		if err := cmd.Allow.check(tab); err != nil {
			return err
		}
		return tab.RefundLink(cmd.Wish)
	})
	if err != nil {
		return v, false, err
	}
	c.runNow(ctx, who.Tenant, held.Operations)
	v, err = c.Link(ctx, who, cmd.Link)
	return v, made, err
}
