package store

import (
	"context"
	"errors"
	"strings"

	"paylink/internal/pay"
)

const differenceColumns = `merchant, mode, id, processor, reference, what, link, ours, theirs, found_at, closed_at, closed_by, reason`

func (q queries) differences(ctx context.Context, rest string, args ...any) (list []pay.Discrepancy, err error) {
	err = q.each(ctx, `SELECT `+differenceColumns+` FROM differences WHERE `+rest, args, func(r rows) error {
		var d pay.Discrepancy
		var found, closed int64
		err := r.Scan(&d.Merchant, &d.Mode, &d.ID, &d.Processor, &d.Reference, &d.What, &d.Link, &d.Ours, &d.Theirs, &found, &closed, &d.ClosedBy, &d.Reason)
		d.FoundAt, d.ClosedAt = fromUS(found), fromUS(closed)
		list = append(list, d)
		return err
	})
	return list, err
}

// DifferenceFilter chooses differences; zero members do not filter.
type DifferenceFilter struct {
	Open, Closed bool
	Processor    string
	What         []string
	After        pay.DiscrepancyID // keyset, oldest first
	Limit        int
}

// Differences lists differences, oldest first.
func (q queries) Differences(ctx context.Context, t pay.Tenant, f DifferenceFilter) ([]pay.Discrepancy, error) {
	w := newWhere(t)
	w.and(f.Open, "closed_at = 0")
	w.and(f.Closed, "closed_at > 0")
	w.and(f.Processor != "", "processor = ?", f.Processor)
	if len(f.What) > 0 {
		marks := make([]string, len(f.What))
		for i, what := range f.What {
			marks[i] = w.add(what)
		}
		w.and(true, "what IN ("+strings.Join(marks, ", ")+")")
	}
	w.and(f.After != "", "id > ?", f.After)
	return q.differences(ctx, w.sql()+` ORDER BY id LIMIT `+w.add(f.Limit), w.args...)
}

// Difference reads one. Errors: pay.ErrNotFound.
func (q queries) Difference(ctx context.Context, t pay.Tenant, id pay.DiscrepancyID) (pay.Discrepancy, error) {
	list, err := q.differences(ctx, `merchant = $1 AND mode = $2 AND id = $3`, t.Merchant, t.Mode, id)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return pay.Discrepancy{}, err
	}
	return list[0], nil
}

// OpenDifference stores a new difference, unless it is open already or a person
// has closed one with the same figures; opened says which.
func (tx *Tx) OpenDifference(ctx context.Context, d pay.Discrepancy) (opened bool, err error) {
	if d.Processor != pay.Verifier {
		var one int
		err := tx.one(ctx, `
			SELECT 1 FROM differences WHERE merchant = $1 AND mode = $2 AND processor = $3 AND reference = $4 AND what = $5
				AND closed_at > 0 AND closed_by <> $6 AND ours = $7 AND theirs = $8 LIMIT 1`,
			[]any{d.Merchant, d.Mode, d.Processor, d.Reference, d.What, pay.ClosedByRule, d.Ours, d.Theirs}, &one)
		if !errors.Is(err, pay.ErrNotFound) {
			return false, err
		}
	}
	n, err := tx.exec(ctx, `
		INSERT INTO differences (`+differenceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', '') ON CONFLICT DO NOTHING`,
		d.Merchant, d.Mode, d.ID, d.Processor, d.Reference, d.What, d.Link, d.Ours, d.Theirs, us(d.FoundAt))
	return n == 1, err
}

// CloseDifference stores that an open difference was closed.
// Errors: pay.ErrLinkChanged when another closed it first.
func (tx *Tx) CloseDifference(ctx context.Context, d pay.Discrepancy) error {
	n, err := tx.exec(ctx, `UPDATE differences SET closed_at = $4, closed_by = $5, reason = $6 WHERE merchant = $1 AND mode = $2 AND id = $3 AND closed_at = 0`,
		d.Merchant, d.Mode, d.ID, us(d.ClosedAt), d.ClosedBy, d.Reason)
	if err == nil && n != 1 {
		return pay.ErrLinkChanged
	}
	return err
}

// Barred reports whether stored data of a link is known to break a rule.
func (q queries) Barred(ctx context.Context, t pay.Tenant, link pay.LinkID) (bool, error) {
	var one int
	err := q.one(ctx, `SELECT 1 FROM differences WHERE merchant = $1 AND mode = $2 AND link = $3 AND closed_at = 0 AND processor = 'verify' LIMIT 1`,
		[]any{t.Merchant, t.Mode, link}, &one)
	if errors.Is(err, pay.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
