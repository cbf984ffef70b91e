package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"paylink/internal/pay"
)

// Snapshot reads the database as it was at one moment, whatever is written
// beside it. It is for proofs over stored data: what it gives are rows as they
// are, each with what its own columns say.
type Snapshot struct{ queries }

// InSnapshot runs fn on the state of one moment. Nothing waits for it, but
// SQLite cannot shorten its log and PostgreSQL cannot clear dead rows until it
// ends.
func (s *Store) InSnapshot(ctx context.Context, fn func(*Snapshot) error) error {
	return s.engine.inSnapshot(ctx, func(r runner) error {
		one := &oneAtATime{runner: r}
		defer one.end()
		return fn(&Snapshot{queries{r: one, sealer: s.sealer}})
	})
}

// Counts are how many rows there are of each kind.
type Counts struct {
	Links      int64 `json:"links"`
	Payments   int64 `json:"payments"`
	Attempts   int64 `json:"attempts"`
	Events     int64 `json:"events"`
	Entries    int64 `json:"entries"`
	Lines      int64 `json:"settlement_lines"`
	Disputes   int64 `json:"disputes"`
	Payouts    int64 `json:"payouts"` // and transfers
	Deliveries int64 `json:"deliveries"`
	Locators   int64 `json:"locators"`
}

// Counts counts the rows of all tenants.
func (s *Snapshot) Counts(ctx context.Context) (c Counts, err error) {
	for table, n := range map[string]*int64{
		"links": &c.Links, "payments": &c.Payments, "attempts": &c.Attempts, "events": &c.Events,
		"entries": &c.Entries, "settlements": &c.Lines, "disputes": &c.Disputes, "payouts": &c.Payouts, "deliveries": &c.Deliveries, "locators": &c.Locators,
	} {
		if err := s.one(ctx, `SELECT count(*) FROM `+table, nil, n); err != nil {
			return c, fmt.Errorf("counting %s: %w", table, err)
		}
	}
	return c, nil
}

// StoredLink is a link's row. Link is what its body and sealed part say; the
// other members are its columns.
type StoredLink struct {
	Link     pay.Link
	Body     []byte
	Personal []byte // as the hash of an event covers it
	LastHash string

	Seq, Applied, Released, UseCount, MaxUses int64
	State                                     pay.LinkState
	drift                                     string
}

// Drift names a column that is not what the body says; empty when there is none.
func (l StoredLink) Drift() string { return l.drift }

// StoredPayment is a payment's row with those of its attempts.
type StoredPayment struct {
	Payment   pay.Payment // of the body
	Body      []byte
	Attempts  []StoredAttempt
	Disputes  []StoredDispute
	ID        pay.PaymentID
	Slot      string
	State     pay.PaymentState
	Requested int64
	drift     string
}

// Drift names a column that is not what the body says; empty when there is none.
func (p StoredPayment) Drift() string { return p.drift }

// StoredAttempt is an attempt's row.
type StoredAttempt struct {
	ID      pay.AttemptID
	Payment pay.PaymentID
	State   pay.AttemptState
	Body    []byte

	Requested, Authorized, Captured, Refunding, Refunded, Disputed int64
	drift                                                          string
}

// Drift names a column that is not what the body says; empty when there is none.
func (a StoredAttempt) Drift() string { return a.drift }

// StoredEvent is an event's row.
type StoredEvent struct {
	Link           pay.LinkID
	Seq            int64
	ID             pay.EventID
	Kind           pay.EventKind
	AtUS           int64 // microseconds
	Record         []byte
	PrevHash, Hash string
	Salt, Personal []byte
	Broken         error // why the sealed part does not open
}

// StoredEntry is a line of the ledger.
type StoredEntry struct {
	Link     pay.LinkID
	Movement string
	Line     int64
	Account  string
	Currency pay.Currency
	Amount   int64
}

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

func (s *Snapshot) linkPage(t pay.Tenant) func(context.Context, place) ([]StoredLink, error) {
	return func(ctx context.Context, after place) (page []StoredLink, err error) {
		err = s.each(ctx, `
			SELECT id, seq, state, dialect, coalesce(wire_id, ''), coalesce(reference, ''), coalesce(unique_ref, ''), currency, coalesce(total, -1),
				applied, released, use_count, max_uses, coalesce(due_at, 0), created_at, account, body, sealed, last_hash
			FROM links WHERE merchant = $1 AND mode = $2 AND id > $3 ORDER BY id LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link}, func(r rows) error {
				l, err := s.storedLink(r, t)
				page = append(page, l)
				return err
			})
		return page, err
	}
}

func (s *Snapshot) storedLink(r rows, t pay.Tenant) (l StoredLink, err error) {
	var id pay.LinkID
	var dialect, wireID, reference, uniqueRef, currency, account, body string
	var total, due, created int64
	var sealed []byte
	if err := r.Scan(&id, &l.Seq, &l.State, &dialect, &wireID, &reference, &uniqueRef, &currency, &total, &l.Applied, &l.Released,
		&l.UseCount, &l.MaxUses, &due, &created, &account, &body, &sealed, &l.LastHash); err != nil {
		return l, err
	}
	l.Body = []byte(body)
	unreadable := json.Unmarshal(l.Body, &l.Link)
	var secret sealedLink
	if err := s.open(t, "links", string(id), sealed, &secret); err != nil && unreadable == nil {
		unreadable = err
	}
	want := int64(-1)
	if n, ok := l.Link.Total(); ok && len(l.Link.Price.PerMethod) == 0 {
		want = n
	}
	b := l.Link
	l.drift = drift(unreadable, []column{
		{"id", id, b.ID}, {"merchant", t, b.Tenant}, {"seq", l.Seq, b.Seq}, {"state", l.State, b.State}, {"dialect", dialect, b.Dialect},
		{"wire_id", wireID, b.WireID}, {"reference", reference, b.Reference}, {"unique_ref", uniqueRef, b.UniqueRef},
		{"currency", currency, string(b.Price.Currency)}, {"total", total, want}, {"applied", l.Applied, b.Applied},
		{"released", l.Released, b.Released}, {"use_count", l.UseCount, b.UseCount}, {"max_uses", l.MaxUses, b.Use.Max},
		{"due_at", due, us(b.DueAt())}, {"created_at", created, us(b.CreatedAt)}, {"account", account, b.Account},
	})
	l.Link.Tenant, l.Link.ID, l.Link.Token = t, id, secret.Token
	l.Personal, err = json.Marshal(secret)
	return l, err
}

// column is a column of a row beside what the row's body says.
type column struct {
	name       string
	have, body any
}

func drift(unreadable error, columns []column) string {
	if unreadable != nil {
		return "cannot be read: " + unreadable.Error()
	}
	for _, c := range columns {
		if c.have != c.body {
			return fmt.Sprintf("%s is %v, its body says %v", c.name, c.have, c.body)
		}
	}
	return ""
}

func (s *Snapshot) eventPage(t pay.Tenant) func(context.Context, place) ([]StoredEvent, error) {
	return func(ctx context.Context, after place) (page []StoredEvent, err error) {
		err = s.each(ctx, `
			SELECT link, seq, id, kind, at, record, sealed, prev_hash, hash FROM events
			WHERE merchant = $1 AND mode = $2 AND (link, seq) > ($3, $4) ORDER BY link, seq LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link, after.n}, func(r rows) error {
				var e StoredEvent
				var record string
				var sealed []byte
				if err := r.Scan(&e.Link, &e.Seq, &e.ID, &e.Kind, &e.AtUS, &record, &sealed, &e.PrevHash, &e.Hash); err != nil {
					return err
				}
				var secret sealedEvent
				e.Broken = s.open(t, "events", string(e.ID), sealed, &secret)
				e.Record, e.Salt = []byte(record), secret.Salt
				var err error
				e.Personal, err = json.Marshal(sealedLink{secret.Token, secret.Payer})
				page = append(page, e)
				return err
			})
		return page, err
	}
}

func (s *Snapshot) paymentPage(t pay.Tenant) func(context.Context, place) ([]StoredPayment, error) {
	return func(ctx context.Context, after place) (page []StoredPayment, err error) {
		err = s.each(ctx, `
			SELECT id, link, number, coalesce(slot, ''), state, currency, requested, created_at, body FROM payments
			WHERE merchant = $1 AND mode = $2 AND (link, number) > ($3, $4) ORDER BY link, number LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link, after.n}, func(r rows) error {
				var p StoredPayment
				var link pay.LinkID
				var number, created int64
				var currency, body string
				if err := r.Scan(&p.ID, &link, &number, &p.Slot, &p.State, &currency, &p.Requested, &created, &body); err != nil {
					return err
				}
				p.Body = []byte(body)
				unreadable := json.Unmarshal(p.Body, &p.Payment)
				b := p.Payment
				p.drift = drift(unreadable, []column{
					{"id", p.ID, b.ID}, {"link", link, b.Link}, {"number", number, b.Number}, {"slot", p.Slot, b.Slot}, {"state", p.State, b.State},
					{"currency", currency, string(b.Requested.Currency)}, {"requested", p.Requested, b.Requested.Minor}, {"created_at", created, us(b.CreatedAt)},
				})
				p.Payment.Link, p.Payment.Number = link, number
				page = append(page, p)
				return nil
			})
		if err == nil {
			err = s.fillAttempts(ctx, t, page)
		}
		if err == nil && len(page) > 0 {
			err = s.fillDisputes(ctx, t, page)
		}
		return page, err
	}
}

// fillAttempts reads the attempts of a page of payments.
func (s *Snapshot) fillAttempts(ctx context.Context, t pay.Tenant, page []StoredPayment) error {
	if len(page) == 0 {
		return nil
	}
	args, of := []any{t.Merchant, t.Mode}, map[pay.PaymentID]*StoredPayment{}
	for i := range page {
		args = append(args, page[i].ID)
		of[page[i].ID] = &page[i]
	}
	return s.each(ctx, `
		SELECT id, payment, link, state, processor, coalesce(processor_ref, ''), currency, requested, authorized, captured, refunding, refunded, disputed, body
		FROM attempts WHERE merchant = $1 AND mode = $2 AND payment IN (`+placeholders(3, len(page))+`)`, args, func(r rows) error {
		var a StoredAttempt
		var link pay.LinkID
		var processor, ref, currency, body string
		if err := r.Scan(&a.ID, &a.Payment, &link, &a.State, &processor, &ref, &currency,
			&a.Requested, &a.Authorized, &a.Captured, &a.Refunding, &a.Refunded, &a.Disputed, &body); err != nil {
			return err
		}
		var b pay.Attempt
		a.Body = []byte(body)
		unreadable := json.Unmarshal(a.Body, &b)
		p := of[a.Payment]
		a.drift = drift(unreadable, []column{
			{"id", a.ID, b.ID}, {"link", link, p.Payment.Link}, {"payment", a.Payment, b.Payment}, {"state", a.State, b.State},
			{"processor", processor, b.Processor}, {"processor_ref", ref, b.ProcessorRef}, {"currency", currency, string(b.Currency)},
			{"requested", a.Requested, b.Requested}, {"authorized", a.Authorized, b.Authorized}, {"captured", a.Captured, b.Captured},
			{"refunding", a.Refunding, b.Refunding}, {"refunded", a.Refunded, b.Refunded}, {"disputed", a.Disputed, b.Disputed},
		})
		p.Attempts = append(p.Attempts, a)
		return nil
	})
}

// placeholders are n of them in a row, from first on.
func placeholders(first, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(list, ", ")
}

func (s *Snapshot) entryPage(t pay.Tenant) func(context.Context, place) ([]StoredEntry, error) {
	return func(ctx context.Context, after place) (page []StoredEntry, err error) {
		err = s.each(ctx, `
			SELECT link, movement, line, account, currency, amount FROM entries
			WHERE merchant = $1 AND mode = $2 AND (link, movement, line) > ($3, $4, $5) ORDER BY link, movement, line LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link, after.tail, after.n}, func(r rows) error {
				var e StoredEntry
				err := r.Scan(&e.Link, &e.Movement, &e.Line, &e.Account, &e.Currency, &e.Amount)
				page = append(page, e)
				return err
			})
		return page, err
	}
}

// SameAttempt reports whether an attempt's row has the very bytes of the
// attempt in its payment's body.
func SameAttempt(row StoredAttempt, a pay.Attempt) bool {
	b, err := json.Marshal(a)
	return err == nil && bytes.Equal(b, row.Body)
}
