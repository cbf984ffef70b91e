package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// Sandbox keeps the sandbox processor's own memory, in tables and transactions
// apart from the books: the two can be compared.
type Sandbox struct{ Store *Store }

var _ processor.SandboxJournal = Sandbox{}

// Act implements processor.SandboxJournal.
func (s Sandbox) Act(ctx context.Context, t pay.Tenant, ref string, key pay.OperationID, f func(*processor.SandboxPayment) (processor.SandboxLine, error)) (line processor.SandboxLine, replay bool, err error) {
	err = s.Store.InTx(ctx, func(tx *Tx) error {
		// The row is made first, so that there is one to hold on either engine.
		if _, err := tx.exec(ctx, `INSERT INTO sandbox_payments (merchant, mode, ref, body) VALUES ($1, $2, $3, '') ON CONFLICT DO NOTHING`, t.Merchant, t.Mode, ref); err != nil {
			return err
		}
		p, _, err := tx.sandboxPayment(ctx, t, ref, tx.lock)
		if err != nil {
			return err
		}
		if line, replay, err = tx.sandboxLine(ctx, t, key); err != nil || replay {
			return err
		}
		if line, err = f(&p); err != nil {
			return err
		}
		p.Ref, p.Tenant = ref, t
		return tx.putSandbox(ctx, t, p, line)
	})
	return line, replay, err
}

func (tx *Tx) putSandbox(ctx context.Context, t pay.Tenant, p processor.SandboxPayment, line processor.SandboxLine) error {
	body, err := text(p)
	if err != nil {
		return err
	}
	if err := tx.put(ctx, `UPDATE sandbox_payments SET body = $4, due_at = $5 WHERE merchant = $1 AND mode = $2 AND ref = $3`,
		t.Merchant, t.Mode, p.Ref, body, orNull(us(p.DueAt))); err != nil {
		return err
	}
	entry, err := text(line)
	if err != nil {
		return err
	}
	return tx.put(ctx, `INSERT INTO sandbox_journal (merchant, mode, key, ref, at, body) VALUES ($1, $2, $3, $4, $5, $6)`,
		t.Merchant, t.Mode, line.Key, line.Ref, us(line.At), entry)
}

func (q queries) sandboxPayment(ctx context.Context, t pay.Tenant, ref, lock string) (p processor.SandboxPayment, found bool, err error) {
	var body string
	err = q.one(ctx, `SELECT body FROM sandbox_payments WHERE merchant = $1 AND mode = $2 AND ref = $3`+lock, []any{t.Merchant, t.Mode, ref}, &body)
	if errors.Is(err, pay.ErrNotFound) || err == nil && body == "" {
		return p, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &p)
	}
	return p, err == nil, err
}

func (q queries) sandboxLine(ctx context.Context, t pay.Tenant, key pay.OperationID) (line processor.SandboxLine, found bool, err error) {
	var body string
	err = q.one(ctx, `SELECT body FROM sandbox_journal WHERE merchant = $1 AND mode = $2 AND key = $3`, []any{t.Merchant, t.Mode, key}, &body)
	if errors.Is(err, pay.ErrNotFound) {
		return line, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &line)
	}
	return line, err == nil, err
}

// Line implements processor.SandboxJournal.
func (s Sandbox) Line(ctx context.Context, t pay.Tenant, key pay.OperationID) (processor.SandboxLine, bool, error) {
	return s.Store.sandboxLine(ctx, t, key)
}

// Lines implements processor.SandboxJournal.
func (s Sandbox) Lines(ctx context.Context, t pay.Tenant, after pay.OperationID, limit int) ([]processor.SandboxLine, error) {
	return s.Store.sandboxLines(ctx, `merchant = $1 AND mode = $2 AND key > $3 ORDER BY key LIMIT $4`, t.Merchant, t.Mode, after, limit)
}

// Payment implements processor.SandboxJournal.
func (s Sandbox) Payment(ctx context.Context, t pay.Tenant, ref string) (processor.SandboxPayment, bool, error) {
	return s.Store.sandboxPayment(ctx, t, ref, "")
}

// DuePayments implements processor.SandboxJournal.
func (s Sandbox) DuePayments(ctx context.Context, now time.Time, limit int) (list []processor.SandboxPayment, err error) {
	err = s.Store.each(ctx, `SELECT body FROM sandbox_payments WHERE due_at <= $1 ORDER BY due_at LIMIT $2`, []any{us(now), limit}, func(r rows) error {
		var body string
		if err := r.Scan(&body); err != nil {
			return err
		}
		var p processor.SandboxPayment
		err := json.Unmarshal([]byte(body), &p)
		list = append(list, p)
		return err
	})
	return list, err
}

// SandboxLines lists the whole journal of a tenant in time order: what the
// processor says it did, to compare the books with.
func (s *Store) SandboxLines(ctx context.Context, t pay.Tenant) ([]processor.SandboxLine, error) {
	return s.sandboxLines(ctx, `merchant = $1 AND mode = $2 ORDER BY at, key`, t.Merchant, t.Mode)
}

func (q queries) sandboxLines(ctx context.Context, where string, args ...any) (list []processor.SandboxLine, err error) {
	err = q.each(ctx, `SELECT body FROM sandbox_journal WHERE `+where, args, func(r rows) error {
		var body string
		if err := r.Scan(&body); err != nil {
			return err
		}
		var line processor.SandboxLine
		err := json.Unmarshal([]byte(body), &line)
		list = append(list, line)
		return err
	})
	return list, err
}
