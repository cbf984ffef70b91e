package store

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"paylink/internal/pay"
)

// place is where a row stands among those of its tenant.
type place struct {
	link pay.LinkID
	n    int64
	mid  pay.PaymentID
	tail string
}

// pageRows is how many rows of one kind are read, and held, at once.
const pageRows = 500

// pageLimit is in the text, where PostgreSQL sees that few rows are wanted and
// reads them by their index, also once it plans for any arguments.
var pageLimit = strconv.Itoa(pageRows)

// cursor walks rows that are read a page at a time.
type cursor[T any] struct {
	read func(ctx context.Context, after place) ([]T, error)
	at   func(T) place
	rows []T
	last place
	end  bool
	seen int64

	ahead chan page[T] // the page after rows, which is being read; nil before the first

	stray pay.LinkID // of the first row that was passed over: it has no link
}

// page is what one read came to.
type page[T any] struct {
	rows []T
	err  error
}

// readAhead begins to read the page after a place, so that the one before is
// proven meanwhile.
func (c *cursor[T]) readAhead(ctx context.Context, after place) {
	ahead := make(chan page[T], 1) // whoever asked may have gone
	c.ahead = ahead
	go func() {
		rows, err := c.read(ctx, after)
		ahead <- page[T]{rows, err}
	}()
}

// peek is the row to come; ok is false after the last.
func (c *cursor[T]) peek(ctx context.Context) (row T, ok bool, err error) {
	if len(c.rows) == 0 && !c.end {
		if c.ahead == nil {
			c.readAhead(ctx, c.last)
		}
		next := <-c.ahead
		if next.err != nil {
			return row, false, next.err
		}
		c.rows, c.end = next.rows, len(next.rows) < pageRows
		if !c.end {
			c.readAhead(ctx, c.at(c.rows[len(c.rows)-1]))
		}
	}
	if len(c.rows) == 0 {
		return row, false, nil
	}
	return c.rows[0], true, nil
}

func (c *cursor[T]) take() {
	c.last = c.at(c.rows[0])
	c.rows = c.rows[1:]
	c.seen++
}

// of gives fn the rows of one link, which must be the next in order.
func (c *cursor[T]) of(ctx context.Context, link pay.LinkID, fn func(T) error) error {
	for {
		row, ok, err := c.peek(ctx)
		if err != nil || !ok || c.at(row).link > link {
			return err
		}
		c.take()
		if of := c.at(row).link; of < link {
			c.stray = cmp.Or(c.stray, of)
			continue
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// Walk goes through one tenant, link by link, in bounded memory.
type Walk struct {
	links    cursor[StoredLink]
	events   cursor[StoredEvent]
	payments cursor[StoredPayment]
	attempts int64 // seen
	disputes int64 // seen
	entries  cursor[StoredEntry]
	lines    cursor[pay.Settlement]
	payouts  cursor[pay.Payout]
}

// Walk begins to walk a tenant.
func (s *Snapshot) Walk(t pay.Tenant) *Walk {
	return &Walk{
		links:    cursor[StoredLink]{read: s.linkPage(t), at: func(l StoredLink) place { return place{link: l.Link.ID} }},
		events:   cursor[StoredEvent]{read: s.eventPage(t), at: func(e StoredEvent) place { return place{link: e.Link, n: e.Seq} }},
		payments: cursor[StoredPayment]{read: s.paymentPage(t), at: func(p StoredPayment) place { return place{link: p.Payment.Link, n: p.Payment.Number} }},
		entries:  cursor[StoredEntry]{read: s.entryPage(t), at: func(e StoredEntry) place { return place{link: e.Link, n: e.Line, tail: e.Movement} }},
		lines:    cursor[pay.Settlement]{read: s.linePage(t), at: func(l pay.Settlement) place { return place{link: l.Link, mid: l.Payment, tail: l.Movement} }},
		payouts:  cursor[pay.Payout]{read: s.payoutPage(t), at: func(p pay.Payout) place { return place{link: p.Link, tail: string(p.ID)} }},
	}
}

// NextLinks are the links to come, at most a page of them; none at the end.
// What hangs off each is then asked for in the same order.
func (w *Walk) NextLinks(ctx context.Context) (links []StoredLink, err error) {
	for {
		l, ok, err := w.links.peek(ctx)
		if err != nil || !ok {
			return links, err
		}
		w.links.take()
		links = append(links, l)
		if len(w.links.rows) == 0 {
			return links, nil
		}
	}
}

// Events gives fn the events of the link to come, in order.
func (w *Walk) Events(ctx context.Context, link pay.LinkID, fn func(StoredEvent) error) error {
	return w.events.of(ctx, link, fn)
}

// Payments gives fn the payments of the link to come, in order.
func (w *Walk) Payments(ctx context.Context, link pay.LinkID, fn func(StoredPayment) error) error {
	return w.payments.of(ctx, link, func(p StoredPayment) error {
		w.attempts += int64(len(p.Attempts))
		w.disputes += int64(len(p.Disputes))
		return fn(p)
	})
}

// Entries gives fn the ledger lines of the link to come, by movement.
func (w *Walk) Entries(ctx context.Context, link pay.LinkID, fn func(StoredEntry) error) error {
	return w.entries.of(ctx, link, fn)
}

// Lines gives fn the settlement lines of the link to come, by payment.
func (w *Walk) Lines(ctx context.Context, link pay.LinkID, fn func(pay.Settlement) error) error {
	return w.lines.of(ctx, link, fn)
}

// Pass walks over what is left of a link whose proof was broken off.
func (w *Walk) Pass(ctx context.Context, link pay.LinkID) error {
	return errors.Join(
		w.Events(ctx, link, func(StoredEvent) error { return nil }), w.Payments(ctx, link, func(StoredPayment) error { return nil }),
		w.Entries(ctx, link, func(StoredEntry) error { return nil }), w.Lines(ctx, link, func(pay.Settlement) error { return nil }),
		w.Payouts(ctx, link, func(pay.Payout) error { return nil }))
}

// Seen are the rows walked so far; deliveries and locators are not walked.
func (w *Walk) Seen() Counts {
	return Counts{Links: w.links.seen, Payments: w.payments.seen, Attempts: w.attempts, Disputes: w.disputes, Events: w.events.seen, Entries: w.entries.seen, Lines: w.lines.seen, Payouts: w.payouts.seen}
}

// Stray names a table and the link of a row in it that belongs to no link of
// the tenant. Ask when all links were walked; link is empty when there is none.
func (w *Walk) Stray(ctx context.Context) (table string, link pay.LinkID, err error) {
	const afterAll = "~" // ids are of A–Z 0–9
	stop := []struct {
		table string
		pass  func() error
		stray *pay.LinkID
	}{
		{"events", func() error { return w.events.of(ctx, afterAll, nil) }, &w.events.stray},
		{"payments", func() error { return w.payments.of(ctx, afterAll, nil) }, &w.payments.stray},
		{"entries", func() error { return w.entries.of(ctx, afterAll, nil) }, &w.entries.stray},
		{"settlements", func() error { return w.lines.of(ctx, afterAll, nil) }, &w.lines.stray},
		{"payouts", func() error { return w.payouts.of(ctx, afterAll, nil) }, &w.payouts.stray},
	}
	for _, s := range stop {
		if err := s.pass(); err != nil || *s.stray != "" {
			return s.table, *s.stray, err
		}
	}
	return "", "", nil
}
