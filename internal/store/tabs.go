package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strconv"

	"paylink/internal/pay"
)

// Held is a link's tab, locked by this transaction.
type Held struct {
	pay.Tab
	Later    bool // its operations are left to the workers
	wasSeq   int64
	lastHash string
}

// Tab reads a link with its payments for reading.
func (q queries) Tab(ctx context.Context, t pay.Tenant, id pay.LinkID) (pay.Tab, error) {
	row, err := q.link(ctx, ofLink("id"), "", t.Merchant, t.Mode, id)
	if err != nil {
		return pay.Tab{}, err
	}
	return q.tabOf(ctx, row.link)
}

func (q queries) tabOf(ctx context.Context, l pay.Link) (tab pay.Tab, err error) {
	tab.Link = l
	if l.Seq > 1 { // created and nothing since: a payment would have written events
		tab.Payments, err = q.tabPayments(ctx, "", "", []any{l.Merchant, l.Mode, l.ID})
	}
	return tab, err
}

// TabByToken reads the link that the hash of a payer's token leads to, with its
// payments and its merchant. Errors: pay.ErrNotFound.
func (s *Store) TabByToken(ctx context.Context, hash string) (tab pay.Tab, m pay.Merchant, err error) {
	now, found := us(s.Now()), []pay.Link(nil)
	err = s.each(ctx, `SELECT `+columnsOf("l", linkColumns)+`, `+columnsOf("m", merchantColumns)+`, o.expires_at
		FROM locators o JOIN links l ON l.merchant = o.merchant AND l.mode = o.mode AND l.id = o.ref
			JOIN merchants m ON m.merchant = o.merchant AND m.mode = o.mode
		WHERE o.kind = 'token' AND o.hash = $1`, []any{hash}, func(r rows) error {
		var expires int64
		merchant := merchantRow{m: &m}
		row, err := s.scanLink(r, append(merchant.columns(), &expires)...)
		if err != nil {
			return err
		}
		if expires == 0 || expires > now { // see Locate
			found = append(found, row.link)
		}
		return merchant.finish(row.link.Tenant)
	})
	if err == nil && len(found) != 1 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return tab, m, err
	}
	tab, err = s.tabOf(ctx, found[0])
	return tab, m, err
}

// maxTab is how many payments a tab holds; the newest, where there are more.
const maxTab = 1000

// ofLink is the condition that names a link, whose id is in column.
func ofLink(column string) string { return `merchant = $1 AND mode = $2 AND ` + column + ` = $3` }

// HoldTab takes the link's row for this transaction and reads what hangs off
// it. Of a link without a total only the open payments, the newest and those
// in also are read, and the slots that others hold. Its time is the
// transaction's, or the link's last change where another clock was ahead: time
// never runs backwards within a link (E2).
func (tx *Tx) HoldTab(ctx context.Context, t pay.Tenant, id pay.LinkID, also ...pay.PaymentID) (*Held, error) {
	row, err := tx.link(ctx, ofLink("id"), tx.lock, t.Merchant, t.Mode, id)
	if err != nil {
		return nil, err
	}
	h := &Held{wasSeq: row.link.Seq, lastHash: row.lastHash}
	h.Link, h.Now = row.link, tx.now
	if h.Link.UpdatedAt.After(h.Now) {
		h.Now = h.Link.UpdatedAt
	}
	filter, wanted := "", "1 = 0"
	args := []any{t.Merchant, t.Mode, id}
	for _, p := range also {
		args = append(args, p)
		wanted += ` OR id = $` + strconv.Itoa(len(args))
	}
	_, whole := h.Link.Total()
	if !whole {
		filter = ` AND (state = 'open' OR number = (SELECT max(number) FROM payments WHERE ` + ofLink("link") + `) OR ` + wanted + `
			OR id IN (SELECT payment FROM attempts WHERE ` + ofLink("link") + ` AND state = 'authorized'))`
	}
	// Those in also and those that hold a slot are there however many came after them.
	order := `CASE WHEN ` + wanted + ` THEN 0 WHEN slot IS NOT NULL THEN 1 ELSE 2 END, `
	if h.Payments, err = tx.tabPayments(ctx, filter, order, args); err != nil {
		return nil, err
	}
	if whole && len(h.Payments) < maxTab || !whole && h.Link.Use.Max == 0 {
		return h, nil // all slots are on the tab, or none is shared
	}
	err = tx.each(ctx, `SELECT slot FROM payments WHERE slot IS NOT NULL AND `+ofLink("link"), args[:3], func(r rows) error {
		var slot string
		err := r.Scan(&slot)
		if !slices.ContainsFunc(h.Payments, func(p pay.Payment) bool { return p.Slot == slot }) {
			h.Slots = append(h.Slots, slot)
		}
		return err
	})
	return h, err
}

// tabPayments reads at most maxTab payments, those that come first by order,
// then the newest; they are given in the order they were begun.
func (q queries) tabPayments(ctx context.Context, filter, order string, args []any) ([]pay.Payment, error) {
	list, err := q.payments(ctx, `SELECT body FROM payments WHERE `+ofLink("link")+filter+` ORDER BY `+order+`number DESC LIMIT `+strconv.Itoa(maxTab), args)
	slices.SortFunc(list, func(a, b pay.Payment) int { return cmp.Compare(a.Number, b.Number) })
	return list, err
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
// settlement lines, operations, events and a delivery of each event to each endpoint that wants it.
// Errors: pay.ErrLinkChanged; pay.ErrTaken when another has the reservation;
// pay.ErrBound when another attempt has the processor's payment.
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
	for _, s := range h.Lines {
		if s.State == s.Was {
			continue
		}
		if err := tx.putSettlement(ctx, s); err != nil {
			return err
		}
	}
	for _, o := range h.Operations {
		if err := tx.insertOperation(ctx, h.Link.Tenant, o, h.Later); err != nil {
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
	err = tx.put(ctx, `
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
	return tx.putDisputes(ctx, t, p)
}

func (tx *Tx) upsertAttempt(ctx context.Context, t pay.Tenant, link pay.LinkID, a pay.Attempt) error {
	body, err := text(a)
	if err != nil {
		return err
	}
	err = tx.put(ctx, `
		INSERT INTO attempts (merchant, mode, id, payment, link, state, processor, processor_ref, currency,
			requested, authorized, captured, refunding, refunded, disputed, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (merchant, mode, id) DO UPDATE SET state = excluded.state, processor_ref = excluded.processor_ref,
			authorized = excluded.authorized, captured = excluded.captured, refunding = excluded.refunding,
			refunded = excluded.refunded, disputed = excluded.disputed, body = excluded.body`,
		t.Merchant, t.Mode, a.ID, a.Payment, link, a.State, a.Processor, orNull(a.ProcessorRef), a.Currency,
		a.Requested, a.Authorized, a.Captured, a.Refunding, a.Refunded, a.Disputed, body)
	if isDuplicate(err) {
		return pay.ErrBound
	}
	return err
}

func (tx *Tx) insertEntry(ctx context.Context, l pay.Link, e pay.Entry) error {
	return tx.put(ctx, `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		l.Merchant, l.Mode, l.ID, e.Movement, e.Line, e.Account, e.Amount.Currency, e.Amount.Minor, us(e.At))
}

// appendEvents stores events and, in the same transaction, their deliveries (W1).
func (tx *Tx) appendEvents(ctx context.Context, tab *pay.Tab, parts []SealedPart) error {
	t := tab.Link.Tenant
	for i, e := range tab.Events {
		sealed, err := tx.seal(t, "events", string(e.ID), parts[i].secret)
		if err != nil {
			return err
		}
		if err := tx.put(ctx, `
			INSERT INTO events (merchant, mode, link, seq, id, kind, at, record, sealed, prev_hash, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.Merchant, t.Mode, e.Link, e.Seq, e.ID, e.Kind, us(e.At), string(e.Record), sealed, e.PrevHash, e.Hash); err != nil {
			return err
		}
		// An endpoint that is switched off hears later, by a replay of what is missing (W5).
		err = tx.r.later(ctx, func(n int64) error {
			tx.work = tx.work || n > 0
			return nil
		}, `
			INSERT INTO deliveries (merchant, mode, endpoint, link, seq, event, kind, state, due_at, lease_until, fence, tries,
				status, problem, first_try, last_try, created_at)
			SELECT merchant, mode, id, cast($3 AS TEXT), cast($4 AS BIGINT), cast($5 AS TEXT), cast($6 AS TEXT),
				CASE WHEN enabled = 1 THEN 'pending' ELSE 'exhausted' END, cast($7 AS BIGINT), 0, 0, 0,
				0, CASE WHEN enabled = 1 THEN '' ELSE 'the endpoint is disabled' END, 0, 0, cast($7 AS BIGINT)
			FROM webhook_endpoints
			WHERE merchant = $1 AND mode = $2 AND `+endpointWants("webhook_endpoints", "$3", "cast($6 AS TEXT)", "$8"),
			t.Merchant, t.Mode, e.Link, e.Seq, e.ID, e.Kind, us(tx.now), tab.Link.Dialect)
		if err != nil {
			return err
		}
	}
	return nil
}

// endpointWants is the condition under which an endpoint hears of an event: a
// native one of every link, a dialect's of its own (DECISIONS 14).
func endpointWants(endpoint, link, kind, dialect string) string {
	return `(` + endpoint + `.dialect = 'native' OR ` + endpoint + `.dialect = ` + dialect + `)
		AND (` + endpoint + `.link = '' OR ` + endpoint + `.link = ` + link + `)
		AND (` + endpoint + `.kinds = '' OR ` + endpoint + `.kinds LIKE '%,' || ` + kind + ` || ',%')`
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
	return q.payments(ctx, `SELECT body FROM payments WHERE `+w.sql()+` ORDER BY `+few("created_at", f.Link != "")+` DESC, id DESC LIMIT `+w.add(f.Limit), w.args)
}
