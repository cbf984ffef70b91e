package store

import (
	"context"
	"strings"

	"paylink/internal/pay"
)

const settlementColumns = `merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at`

func (q queries) settlements(ctx context.Context, rest string, args []any) (list []pay.Settlement, err error) {
	err = q.each(ctx, `SELECT `+settlementColumns+` FROM settlements WHERE `+rest, args, func(r rows) error {
		s, err := scanSettlement(r)
		list = append(list, s)
		return err
	})
	return list, err
}

func scanSettlement(r rows) (s pay.Settlement, err error) {
	var created, settled, updated int64
	err = r.Scan(&s.Merchant, &s.Mode, &s.Movement, &s.Link, &s.Payment, &s.Processor, &s.State, &s.Amount.Currency, &s.Amount.Minor, &s.Reference,
		&created, &settled, &updated)
	s.CreatedAt, s.SettledAt, s.UpdatedAt, s.Was = fromUS(created), fromUS(settled), fromUS(updated), s.State
	return s, err
}

// Settlement reads the line of a movement. Errors: pay.ErrNotFound.
func (q queries) Settlement(ctx context.Context, t pay.Tenant, movement string) (s pay.Settlement, err error) {
	list, err := q.settlements(ctx, `merchant = $1 AND mode = $2 AND movement = $3`, []any{t.Merchant, t.Mode, movement})
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return s, err
	}
	return list[0], nil
}

// SettlementsOf reads the lines of payments of one link, in order.
func (q queries) SettlementsOf(ctx context.Context, t pay.Tenant, link pay.LinkID, payments ...pay.PaymentID) ([]pay.Settlement, error) {
	if len(payments) == 0 {
		return nil, nil
	}
	w := newWhere(t)
	w.and(true, "link = ?", link)
	marks := make([]string, len(payments))
	for i, id := range payments {
		marks[i] = w.add(id)
	}
	return q.settlements(ctx, w.sql()+` AND payment IN (`+strings.Join(marks, ", ")+`) ORDER BY `+few("created_at", true)+`, movement`, w.args)
}

// SettlementFilter chooses settlement lines; zero members do not filter.
type SettlementFilter struct {
	Link       pay.LinkID
	State      pay.SettlementState
	BeforeTime int64 // keyset of the newest first, microseconds
	BeforeID   string
	Until      int64 // with Oldest: made before, microseconds
	Oldest     bool  // oldest first
	Limit      int
}

// Settlements lists settlement lines.
func (q queries) Settlements(ctx context.Context, t pay.Tenant, f SettlementFilter) ([]pay.Settlement, error) {
	w, order := newWhere(t), "DESC"
	if f.Oldest {
		order = "ASC"
	}
	w.and(f.Link != "", "link = ?", f.Link)
	w.and(f.State != "", "state = ?", f.State)
	w.and(f.Until != 0, "created_at < ?", f.Until)
	w.and(f.BeforeID != "", "(created_at, movement) < (?, ?)", f.BeforeTime, f.BeforeID)
	return q.settlements(ctx, w.sql()+` ORDER BY `+few("created_at", f.Link != "")+` `+order+`, movement `+order+` LIMIT `+w.add(f.Limit), w.args)
}

// putSettlement stores a line that is new or has moved.
// Errors: pay.ErrLinkChanged when it is not where it was read.
func (tx *Tx) putSettlement(ctx context.Context, s pay.Settlement) error {
	if s.Was != "" {
		done, err := tx.putOne(ctx, `
			UPDATE settlements SET state = $4, reference = $5, settled_at = $6, updated_at = $7
			WHERE merchant = $1 AND mode = $2 AND movement = $3 AND state = $8`,
			s.Merchant, s.Mode, s.Movement, s.State, s.Reference, us(s.SettledAt), us(s.UpdatedAt), s.Was)
		if err == nil && !done {
			return pay.ErrLinkChanged
		}
		return err
	}
	added, err := tx.addSettlement(ctx, s)
	if err == nil && !added {
		return pay.ErrLinkChanged
	}
	return err
}

func (tx *Tx) addSettlement(ctx context.Context, s pay.Settlement) (added bool, err error) {
	return tx.putOne(ctx, `
		INSERT INTO settlements (`+settlementColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (merchant, mode, movement) DO NOTHING`,
		s.Merchant, s.Mode, s.Movement, s.Link, s.Payment, s.Processor, s.State, s.Amount.Currency, s.Amount.Minor, s.Reference,
		us(s.CreatedAt), us(s.SettledAt), us(s.UpdatedAt))
}

// AddLoneSettlement stores a line that belongs to no link with its ledger
// entries, unless its movement has a line: added says which.
func (tx *Tx) AddLoneSettlement(ctx context.Context, s pay.Settlement, entries []pay.Entry) (added bool, err error) {
	if added, err = tx.addSettlement(ctx, s); err != nil || !added {
		return added, err
	}
	for _, e := range entries {
		if err := tx.insertEntry(ctx, pay.Link{Tenant: s.Tenant}, e); err != nil {
			return false, err
		}
	}
	return true, nil
}

// AttemptByRef finds the attempt that a processor's payment is bound to.
// Errors: pay.ErrNotFound.
func (q queries) AttemptByRef(ctx context.Context, t pay.Tenant, processor, ref string) (id pay.AttemptID, err error) {
	err = q.one(ctx, `SELECT id FROM attempts WHERE merchant = $1 AND mode = $2 AND processor = $3 AND processor_ref = $4`,
		[]any{t.Merchant, t.Mode, processor, ref}, &id)
	return id, err
}

func (s *Snapshot) linePage(t pay.Tenant) func(context.Context, place) ([]pay.Settlement, error) {
	return func(ctx context.Context, after place) ([]pay.Settlement, error) {
		return s.settlements(ctx, `merchant = $1 AND mode = $2 AND (link, payment, movement) > ($3, $4, $5) ORDER BY link, payment, movement LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link, after.mid, after.tail})
	}
}
