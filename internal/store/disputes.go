package store

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"paylink/internal/pay"
)

// LinkDispute is a dispute with the link it belongs to.
type LinkDispute struct {
	Link pay.LinkID
	pay.Dispute
}

// DisputeFilter chooses disputes; zero members do not filter.
type DisputeFilter struct {
	Link       pay.LinkID
	State      pay.DisputeState
	BeforeTime int64 // keyset, microseconds
	BeforeID   string
	Limit      int
}

// Disputes lists disputes, newest first.
func (q queries) Disputes(ctx context.Context, t pay.Tenant, f DisputeFilter) ([]LinkDispute, error) {
	w := newWhere(t)
	w.and(f.Link != "", "link = ?", f.Link)
	w.and(f.State != "", "state = ?", f.State)
	w.and(f.BeforeID != "", "(created_at, id) < (?, ?)", f.BeforeTime, f.BeforeID)
	return q.disputes(ctx, w.sql()+` ORDER BY created_at DESC, id DESC LIMIT `+w.add(f.Limit), w.args)
}

// Dispute reads one dispute. Errors: pay.ErrNotFound.
func (q queries) Dispute(ctx context.Context, t pay.Tenant, id pay.DisputeID) (LinkDispute, error) {
	return q.oneDispute(ctx, `merchant = $1 AND mode = $2 AND id = $3`, t.Merchant, t.Mode, id)
}

// DisputeByRef finds what a processor calls ref. Errors: pay.ErrNotFound.
func (q queries) DisputeByRef(ctx context.Context, t pay.Tenant, processor, ref string) (LinkDispute, error) {
	return q.oneDispute(ctx, `merchant = $1 AND mode = $2 AND processor = $3 AND processor_ref = $4`, t.Merchant, t.Mode, processor, ref)
}

func (q queries) oneDispute(ctx context.Context, where string, args ...any) (LinkDispute, error) {
	list, err := q.disputes(ctx, where, args)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return LinkDispute{}, err
	}
	return list[0], nil
}

func (q queries) disputes(ctx context.Context, where string, args []any) (list []LinkDispute, err error) {
	err = q.each(ctx, `SELECT link, body FROM disputes WHERE `+where, args, func(r rows) error {
		var d LinkDispute
		var body string
		if err := r.Scan(&d.Link, &body); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(body), &d.Dispute)
		list = append(list, d)
		return err
	})
	return list, err
}

// putDisputes stores what changed of a payment's disputes.
// Errors: pay.ErrBound when the processor's dispute is about another attempt.
func (tx *Tx) putDisputes(ctx context.Context, t pay.Tenant, p pay.Payment) error {
	for _, d := range p.Disputes {
		if d.UpdatedAt.Before(tx.now) {
			continue
		}
		body, err := text(d)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `
			INSERT INTO disputes (merchant, mode, id, link, payment, attempt, state, processor, processor_ref, currency, amount, created_at, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (merchant, mode, id) DO UPDATE SET state = excluded.state, body = excluded.body`,
			t.Merchant, t.Mode, d.ID, p.Link, d.Payment, d.Attempt, d.State, d.Processor, d.ProcessorRef, d.Currency, d.Amount, us(d.CreatedAt), body)
		if isDuplicate(err) {
			return pay.ErrBound
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DelayCallback leaves evidence in the inbox until a time.
func (tx *Tx) DelayCallback(ctx context.Context, t pay.Tenant, processor, event string, until time.Time) error {
	_, err := tx.exec(ctx, `UPDATE callbacks SET due_at = $5 WHERE merchant = $1 AND mode = $2 AND processor = $3 AND event = $4 AND done_at = 0`,
		t.Merchant, t.Mode, processor, event, us(until))
	return err
}

// CallbackAge is how long evidence has been in the inbox.
// Errors: pay.ErrNotFound.
func (tx *Tx) CallbackAge(ctx context.Context, t pay.Tenant, processor, event string) (time.Duration, error) {
	var received int64
	err := tx.one(ctx, `SELECT received_at FROM callbacks WHERE merchant = $1 AND mode = $2 AND processor = $3 AND event = $4`,
		[]any{t.Merchant, t.Mode, processor, event}, &received)
	return tx.now.Sub(fromUS(received)), err
}

// StoredDispute is a dispute's row.
type StoredDispute struct {
	ID      pay.DisputeID
	Payment pay.PaymentID
	Body    []byte
	drift   string
}

// Drift names a column that is not what the body says; empty when there is none.
func (d StoredDispute) Drift() string { return d.drift }

// SameDispute reports whether a dispute's row has the very bytes of the
// dispute in its payment's body.
func SameDispute(row StoredDispute, d pay.Dispute) bool {
	b, err := json.Marshal(d)
	return err == nil && bytes.Equal(b, row.Body)
}

// fillDisputes reads the disputes of a page of payments.
func (s *Snapshot) fillDisputes(ctx context.Context, t pay.Tenant, page []StoredPayment) error {
	args, of := []any{t.Merchant, t.Mode}, map[pay.PaymentID]*StoredPayment{}
	for i := range page {
		args = append(args, page[i].ID)
		of[page[i].ID] = &page[i]
	}
	return s.each(ctx, `
		SELECT id, payment, link, attempt, state, processor, processor_ref, currency, amount, created_at, body
		FROM disputes WHERE merchant = $1 AND mode = $2 AND payment IN (`+placeholders(3, len(page))+`)`, args, func(r rows) error {
		var d StoredDispute
		var link, attempt, state, processor, ref, currency, body string
		var amount, created int64
		if err := r.Scan(&d.ID, &d.Payment, &link, &attempt, &state, &processor, &ref, &currency, &amount, &created, &body); err != nil {
			return err
		}
		var b pay.Dispute
		d.Body = []byte(body)
		unreadable := json.Unmarshal(d.Body, &b)
		p := of[d.Payment]
		d.drift = drift(unreadable, []column{
			{"id", d.ID, b.ID}, {"link", link, string(p.Payment.Link)}, {"payment", d.Payment, b.Payment}, {"attempt", attempt, string(b.Attempt)},
			{"state", state, string(b.State)}, {"processor", processor, b.Processor}, {"processor_ref", ref, b.ProcessorRef},
			{"currency", currency, string(b.Currency)}, {"amount", amount, b.Amount}, {"created_at", created, us(b.CreatedAt)},
		})
		p.Disputes = append(p.Disputes, d)
		return nil
	})
}
