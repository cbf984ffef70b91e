package store

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"paylink/internal/pay"
)

// Held is a link's tab, locked by this transaction.
type Held struct {
	pay.Tab
	wasSeq   int64
	lastHash string
}

// Tab reads a link with its payments for reading.
func (q queries) Tab(ctx context.Context, t pay.Tenant, id pay.LinkID) (pay.Tab, error) {
	h, err := q.tab(ctx, t, id, "", nil)
	return h.Tab, err
}

// HoldTab takes the link's row for this transaction and reads what hangs off
// it. On an uncapped link only live payments and those in also are read.
func (tx *Tx) HoldTab(ctx context.Context, t pay.Tenant, id pay.LinkID, also ...pay.PaymentID) (*Held, error) {
	h, err := tx.tab(ctx, t, id, tx.lock, also)
	h.Now = tx.now
	return &h, err
}

func (q queries) tab(ctx context.Context, t pay.Tenant, id pay.LinkID, lock string, also []pay.PaymentID) (h Held, err error) {
	row, err := q.link(ctx, `merchant = $1 AND mode = $2 AND id = $3`, lock, t.Merchant, t.Mode, id)
	if err != nil {
		return h, err
	}
	h.Link, h.wasSeq, h.lastHash = row.link, row.link.Seq, row.lastHash
	filter := ""
	args := []any{t.Merchant, t.Mode, id}
	if _, whole := row.link.Total(); !whole && lock != "" {
		filter = ` AND (state = 'open' OR number = (SELECT max(number) FROM payments WHERE merchant = $1 AND mode = $2 AND link = $3)`
		for _, p := range also {
			args = append(args, p)
			filter += ` OR id = $` + string(rune('0'+len(args)))
		}
		filter += `)`
	}
	h.Payments, err = q.payments(ctx, `SELECT body FROM payments WHERE merchant = $1 AND mode = $2 AND link = $3`+filter+` ORDER BY number LIMIT 1000`, args)
	return h, err
}

// payments reads payments whole: attempts and refunds are in the body.
func (q queries) payments(ctx context.Context, query string, args []any) (list []pay.Payment, err error) {
	err = q.each(ctx, query, args, func(r rows) error {
		var body string
		if err := r.Scan(&body); err != nil {
			return err
		}
		var p pay.Payment
		err := json.Unmarshal([]byte(body), &p)
		list = append(list, p)
		return err
	})
	return list, err
}

// sealedEvent is the personal part of an event; Salt makes its digest tell
// nothing when it is erased.
type sealedEvent struct {
	Salt  []byte    `json:"salt"`
	Token string    `json:"token"`
	Payer pay.Payer `json:"payer,omitzero"`
}

// SealEvents finishes the events of a tab: digest, record and hash chain.
// It needs no database, so it may run before the transaction.
func SealEvents(tab *pay.Tab, lastHash string) (newLast string, sealed []SealedPart, err error) {
	for i := range tab.Events {
		e := &tab.Events[i]
		part := SealedPart{Salt: make([]byte, 16)}
		rand.Read(part.Salt)
		secret := sealedEvent{part.Salt, e.Snapshot.Link.Token, e.Snapshot.Link.Payer}
		personal, err := json.Marshal(sealedLink{secret.Token, secret.Payer})
		if err != nil {
			return "", nil, err
		}
		e.Personal = pay.PersonalDigest(part.Salt, personal)
		if e.Record, err = json.Marshal(e); err != nil {
			return "", nil, err
		}
		e.PrevHash, e.Hash = lastHash, pay.ChainHash(lastHash, e.Record)
		lastHash = e.Hash
		part.secret = secret
		sealed = append(sealed, part)
	}
	return lastHash, sealed, nil
}

// SealedPart is the personal part of one event on its way into its row.
type SealedPart struct {
	Salt   []byte
	secret sealedEvent
}

// CreateTab stores a new link with its first events. stored is false when its
// id, wire id or unique reference is taken.
func (tx *Tx) CreateTab(ctx context.Context, tab *pay.Tab) (stored bool, err error) {
	last, parts, err := SealEvents(tab, "")
	if err != nil {
		return false, err
	}
	if stored, err = tx.InsertLink(ctx, tab.Link, last); err != nil || !stored {
		return stored, err
	}
	return true, tx.appendEvents(ctx, tab, parts)
}

// Save stores what changed on the tab: link, payments, attempts, entries,
// operations, events and a delivery of each event to each endpoint that wants it.
// Errors: pay.ErrLinkChanged; pay.ErrTaken when another has the reservation.
func (tx *Tx) Save(ctx context.Context, h *Held) error {
	if len(h.Events) > 0 {
		last, parts, err := SealEvents(&h.Tab, h.lastHash)
		if err != nil {
			return err
		}
		if err := tx.updateLink(ctx, h.Link, last, h.wasSeq); err != nil {
			return err
		}
		if err := tx.savePayments(ctx, h); err != nil {
			return err
		}
		if err := tx.appendEvents(ctx, &h.Tab, parts); err != nil {
			return err
		}
	}
	for _, e := range h.Entries {
		if err := tx.insertEntry(ctx, h.Link, e); err != nil {
			return err
		}
	}
	for _, o := range h.Operations {
		if err := tx.insertOperation(ctx, h.Link.Tenant, o); err != nil {
			return err
		}
	}
	return nil
}

// savePayments writes the payments an event of this change speaks of; slots
// are freed before others are taken.
func (tx *Tx) savePayments(ctx context.Context, h *Held) error {
	for _, freed := range []bool{true, false} {
		for _, p := range h.Payments {
			if (p.Slot == "") != freed || p.UpdatedAt.Before(tx.now) {
				continue
			}
			if err := tx.upsertPayment(ctx, h.Link.Tenant, p); err != nil {
				if isDuplicate(err) {
					return pay.ErrTaken
				}
				return err
			}
		}
	}
	return nil
}

func (tx *Tx) upsertPayment(ctx context.Context, t pay.Tenant, p pay.Payment) error {
	body, err := text(p)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO payments (merchant, mode, id, link, number, slot, state, currency, requested, created_at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (merchant, mode, id) DO UPDATE SET slot = excluded.slot, state = excluded.state,
			requested = excluded.requested, body = excluded.body`,
		t.Merchant, t.Mode, p.ID, p.Link, p.Number, orNull(p.Slot), p.State, p.Requested.Currency, p.Requested.Minor, us(p.CreatedAt), body)
	if err != nil {
		return err
	}
	for _, a := range p.Attempts {
		if a.UpdatedAt.Before(tx.now) {
			continue
		}
		if err := tx.upsertAttempt(ctx, t, p.Link, a); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) upsertAttempt(ctx context.Context, t pay.Tenant, link pay.LinkID, a pay.Attempt) error {
	body, err := text(a)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO attempts (merchant, mode, id, payment, link, state, processor, processor_ref, currency,
			requested, authorized, captured, refunding, refunded, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (merchant, mode, id) DO UPDATE SET state = excluded.state, processor_ref = excluded.processor_ref,
			authorized = excluded.authorized, captured = excluded.captured, refunding = excluded.refunding,
			refunded = excluded.refunded, body = excluded.body`,
		t.Merchant, t.Mode, a.ID, a.Payment, link, a.State, a.Processor, orNull(a.ProcessorRef), a.Currency,
		a.Requested, a.Authorized, a.Captured, a.Refunding, a.Refunded, body)
	return err
}

func (tx *Tx) insertEntry(ctx context.Context, l pay.Link, e pay.Entry) error {
	_, err := tx.exec(ctx, `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		l.Merchant, l.Mode, l.ID, e.Movement, e.Line, e.Account, e.Amount.Currency, e.Amount.Minor, us(e.At))
	return err
}

// appendEvents stores events and, in the same transaction, their deliveries (W1).
func (tx *Tx) appendEvents(ctx context.Context, tab *pay.Tab, parts []SealedPart) error {
	t := tab.Link.Tenant
	for i, e := range tab.Events {
		sealed, err := tx.seal(t, "events", string(e.ID), parts[i].secret)
		if err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `
			INSERT INTO events (merchant, mode, link, seq, id, kind, at, record, sealed, prev_hash, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.Merchant, t.Mode, e.Link, e.Seq, e.ID, e.Kind, us(e.At), string(e.Record), sealed, e.PrevHash, e.Hash); err != nil {
			return err
		}
		// A native endpoint hears of every link, a dialect's of its own (DECISIONS 14).
		if _, err := tx.exec(ctx, `
			INSERT INTO deliveries (merchant, mode, endpoint, link, seq, event, kind, state, due_at, lease_until, fence, tries,
				status, problem, first_try, last_try, created_at)
			SELECT merchant, mode, id, cast($3 AS TEXT), cast($4 AS BIGINT), cast($5 AS TEXT), cast($6 AS TEXT), 'pending', cast($7 AS BIGINT), 0, 0, 0, 0, '', 0, 0, cast($7 AS BIGINT)
			FROM webhook_endpoints
			WHERE merchant = $1 AND mode = $2 AND enabled = 1 AND (dialect = 'native' OR dialect = $8)
				AND (link = '' OR link = $3) AND (kinds = '' OR kinds LIKE '%,' || cast($6 AS TEXT) || ',%')`,
			t.Merchant, t.Mode, e.Link, e.Seq, e.ID, e.Kind, us(tx.now), tab.Link.Dialect); err != nil {
			return err
		}
	}
	return nil
}

const eventColumns = `merchant, mode, id, record, sealed, prev_hash, hash, coalesce(position, 0)`

func (q queries) scanEvent(r rows) (pay.Event, error) {
	var e pay.Event
	var record string
	var sealed []byte
	if err := r.Scan(&e.Merchant, &e.Mode, &e.ID, &record, &sealed, &e.PrevHash, &e.Hash, &e.Position); err != nil {
		return e, err
	}
	t := e.Tenant
	if err := json.Unmarshal([]byte(record), &e); err != nil {
		return e, err
	}
	var secret sealedEvent
	if err := q.open(t, "events", string(e.ID), sealed, &secret); err != nil {
		return e, err
	}
	e.Record, e.Tenant, e.Snapshot.Link.Tenant = []byte(record), t, t
	e.Snapshot.Link.Token, e.Snapshot.Link.Payer = secret.Token, secret.Payer
	return e, nil
}

// Event reads one event of a link. Errors: pay.ErrNotFound.
func (q queries) Event(ctx context.Context, t pay.Tenant, link pay.LinkID, seq int64) (e pay.Event, err error) {
	list, err := q.events(ctx, `merchant = $1 AND mode = $2 AND link = $3 AND seq = $4`, t.Merchant, t.Mode, link, seq)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return e, err
	}
	return list[0], nil
}

// LinkEvents reads all events of a link in order.
func (q queries) LinkEvents(ctx context.Context, t pay.Tenant, link pay.LinkID) ([]pay.Event, error) {
	return q.events(ctx, `merchant = $1 AND mode = $2 AND link = $3 ORDER BY seq`, t.Merchant, t.Mode, link)
}

func (q queries) events(ctx context.Context, where string, args ...any) (list []pay.Event, err error) {
	err = q.each(ctx, `SELECT `+eventColumns+` FROM events WHERE `+where, args, func(r rows) error {
		e, err := q.scanEvent(r)
		list = append(list, e)
		return err
	})
	return list, err
}

// Feed reads numbered events after a position, in order.
func (q queries) Feed(ctx context.Context, t pay.Tenant, after int64, limit int) ([]pay.Event, error) {
	return q.events(ctx, `merchant = $1 AND mode = $2 AND position > $3 ORDER BY position LIMIT $4`, t.Merchant, t.Mode, after, limit)
}

// Payment reads one payment. Errors: pay.ErrNotFound.
func (q queries) Payment(ctx context.Context, t pay.Tenant, id pay.PaymentID) (p pay.Payment, err error) {
	list, err := q.payments(ctx, `SELECT body FROM payments WHERE merchant = $1 AND mode = $2 AND id = $3`, []any{t.Merchant, t.Mode, id})
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return p, err
	}
	return list[0], nil
}

// PaymentFilter chooses payments.
type PaymentFilter struct {
	Link       pay.LinkID
	State      pay.PaymentState
	BeforeTime int64 // keyset, microseconds
	BeforeID   string
	Limit      int
}

// Payments lists payments, newest first.
func (q queries) Payments(ctx context.Context, t pay.Tenant, f PaymentFilter) ([]pay.Payment, error) {
	w := newWhere(t)
	w.and(f.Link != "", "link = ?", f.Link)
	w.and(f.State != "", "state = ?", f.State)
	w.and(f.BeforeID != "", "(created_at, id) < (?, ?)", f.BeforeTime, f.BeforeID)
	return q.payments(ctx, `SELECT body FROM payments WHERE `+w.sql()+` ORDER BY created_at DESC, id DESC LIMIT `+w.add(f.Limit), w.args)
}
