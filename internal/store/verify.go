package store

import (
	"bytes"
	"context"
	"encoding/json"
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
