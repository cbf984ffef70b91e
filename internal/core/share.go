package core

import (
	"context"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// ShareLink asks to send a link to people.
type ShareLink struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Link        pay.LinkID
	Share       pay.Share // Cause, Message, MerchantCopy, Recipients; DueAt zero: at once
	Refuse      error     // what the edge found wrong; told unless Key has an answer already
	Limit       ShareLimit
}

// ShareLimit bounds how often a link is shared for one cause: at most Count
// times Within a time. The zero limit is none.
type ShareLimit struct {
	Count  int
	Within time.Duration
}

// check is asked under the link's lock, so that two at once count each other.
// Errors: too_many_shares.
func (l ShareLimit) check(ctx context.Context, tx *store.Tx, t pay.Tenant, s pay.Share) error {
	if l.Count == 0 {
		return nil
	}
	all, err := tx.Shares(ctx, t, s.Link, store.ShareFilter{})
	if err != nil {
		return err
	}
	recent := 0
	for _, old := range all { // newest first
		since := s.At.Sub(old.At)
		if since >= l.Within {
			break
		}
		if old.Cause != s.Cause {
			continue
		}
		if recent++; recent == l.Count {
			return &pay.Error{
				Kind: pay.TooMany, Code: "too_many_shares", Detail: "the link was sent too often in a short time",
				RetryAfter: max(1, int((l.Within-since)/time.Second)),
			}
		}
	}
	return nil
}

// ShareLink stores the wish with one message for each recipient and channel.
// Errors: pay.ErrNotFound, invalid_state when the link cannot be paid any more,
// Invalid, pay.ErrKeyReused, too_many_shares.
func (c *Core) ShareLink(ctx context.Context, who pay.Caller, cmd ShareLink) (pay.Share, error) {
	v, err := c.Link(ctx, who, cmd.Link)
	if err != nil {
		return pay.Share{}, err
	}
	now := c.store.Now()
	shares := []pay.Share{cmd.Share}
	invalid := c.prepareShares(&v.Link, shares, now)
	if cmd.Refuse != nil {
		invalid = cmd.Refuse
	}
	use := keyUse(who, cmd.Key, cmd.Fingerprint, cmd.Link)
	use.Ref = string(shares[0].ID)
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		first, fresh, err := useKey(ctx, tx, use)
		if err != nil {
			return err
		}
		if !fresh {
			shares[0], err = tx.Share(ctx, who.Tenant, pay.ShareID(first.Ref))
			return err
		}
		if cmd.Refuse != nil {
			return cmd.Refuse
		}
		held, err := tx.HoldTab(ctx, who.Tenant, cmd.Link) // so that it does not close meanwhile
		if err != nil {
			return err
		}
		switch state := held.Link.At(tx.Now()); state {
		case pay.LinkCompleted, pay.LinkExpired, pay.LinkCanceled:
			return pay.ErrState("the link is %s", state)
		}
		if invalid != nil {
			return invalid
		}
		if err := cmd.Limit.check(ctx, tx, who.Tenant, shares[0]); err != nil {
			return err
		}
		return tx.InsertShare(ctx, who.Tenant, shares[0], c.find)
	})
	return shares[0], err
}

// prepareShares fills in what the platform says of shares and checks them.
func (c *Core) prepareShares(l *pay.Link, shares []pay.Share, now time.Time) error {
	for i := range shares {
		s := &shares[i]
		s.ID, s.Link, s.At = pay.ShareID(pay.NewLinkID(now)), l.ID, now
		if s.DueAt.Before(now) {
			s.DueAt = now
		}
		if err := s.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// find is the keyed hash of a name or address, in lower case: it finds a
// recipient again and tells nobody who it is.
func (c *Core) find(label, value string) string {
	if value == "" {
		return ""
	}
	return c.keys.BlindIndex(label, strings.ToLower(value))
}

// Recipient is a filter: links or shares that were sent to somebody. Empty
// members do not filter; upper and lower case are the same.
type Recipient struct{ Name, Email string }

func (c *Core) sentTo(r Recipient) store.ShareFilter {
	return store.ShareFilter{Name: c.find("name", r.Name), Address: c.find("recipient", r.Email)}
}

// Shares lists the shares of a link, newest first. Errors: pay.ErrNotFound.
func (c *Core) Shares(ctx context.Context, who pay.Caller, id pay.LinkID, to Recipient) ([]pay.Share, error) {
	if _, err := c.Link(ctx, who, id); err != nil {
		return nil, err
	}
	return c.store.Shares(ctx, who.Tenant, id, c.sentTo(to))
}
