package core

import (
	"context"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// LinkScan chooses the caller's links by what never changes; zero members do
// not filter. What changes, such as a dialect's status, is the walker's to judge.
type LinkScan struct {
	Reference string
	Single    *bool     // may be paid once, or more often
	From, To  time.Time // of creation; To is exclusive
	Sent      Recipient
	Oldest    bool     // oldest first; else newest first
	After     pay.Link // where an earlier walk stopped: its id and time; zero: from the start
}

func (c *Core) scan(who pay.Caller, f LinkScan) store.LinkScan {
	s := store.LinkScan{
		Account: who.Account, Reference: f.Reference, Single: f.Single, From: f.From, To: f.To, Sent: c.sentTo(f.Sent), Oldest: f.Oldest,
		After: f.After.CreatedAt, AfterID: f.After.ID,
	}
	if who.Dialect != "native" {
		s.Dialect = who.Dialect
	}
	return s
}

// scanBatch is how many links are read at once.
const scanBatch = 100

// ScanLinks walks the caller's links in order of creation until walk returns
// false. Payments are there for links that ask for one sum or are paid once.
func (c *Core) ScanLinks(ctx context.Context, who pay.Caller, f LinkScan, walk func(LinkView) bool) error {
	s := c.scan(who, f)
	s.Limit = scanBatch
	for {
		links, err := c.store.ScanLinks(ctx, who.Tenant, s)
		if err != nil {
			return err
		}
		var whole []pay.LinkID
		for _, l := range links {
			if _, ok := l.Total(); ok || l.Use.Max == 1 {
				whole = append(whole, l.ID)
			}
		}
		payments, err := c.store.PaymentsOf(ctx, who.Tenant, whole)
		if err != nil {
			return err
		}
		now := c.store.Now()
		for _, l := range links {
			l.State = l.At(now)
			if !walk(LinkView{l, payments[l.ID]}) {
				return nil
			}
		}
		if len(links) < scanBatch {
			return nil
		}
		last := links[len(links)-1]
		s.After, s.AfterID = last.CreatedAt, last.ID
	}
}

// CountLinks is how many links a whole walk would meet.
func (c *Core) CountLinks(ctx context.Context, who pay.Caller, f LinkScan) (int64, error) {
	return c.store.CountLinks(ctx, who.Tenant, c.scan(who, f))
}

// Now is the time that every rule goes by.
func (c *Core) Now() time.Time { return c.store.Now() }
