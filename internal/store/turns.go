package store

import (
	"context"
	"time"

	"paylink/internal/pay"
)

// Turn is claimed work that comes again. The one of the whole installation has
// the zero tenant. Fence rises with each claim.
type Turn struct {
	pay.Tenant
	Name  string
	Due   time.Time // when it was to begin
	Began time.Time
	Fence int64
}

// ClaimTurns leases at most limit turns with a name that are due, of which
// there is one for each tenant, or one alone. A new turn is due after one
// interval; one that lies further off, because the interval was longer or the
// clock ahead, is due now.
func (s *Store) ClaimTurns(ctx context.Context, name string, every time.Duration, alone bool, limit int) (turns []Turn, err error) {
	now := s.Now()
	var waiting, lacking int64 // no transaction is opened when nothing is to be done
	err = s.one(ctx, `SELECT
		(SELECT count(*) FROM turns WHERE name = $1 AND lease_until <= $2 AND (due_at <= $2 OR due_at > $3)),
		(SELECT count(*) FROM (`+turnOwners(alone)+`) AS m WHERE NOT EXISTS (SELECT 1 FROM turns t WHERE t.merchant = m.merchant AND t.mode = m.mode AND t.name = $1))`,
		[]any{name, us(now), us(now.Add(every))}, &waiting, &lacking)
	if err != nil || waiting == 0 && lacking == 0 {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		turns = turns[:0]
		soon := us(tx.now.Add(every))
		if _, err := tx.exec(ctx, `INSERT INTO turns (merchant, mode, name, due_at, lease_until, fence)
			SELECT merchant, mode, cast($1 AS TEXT), cast($2 AS BIGINT), 0, 0 FROM (`+turnOwners(alone)+`) AS m WHERE true ON CONFLICT DO NOTHING`, name, soon); err != nil {
			return err
		}
		return tx.each(ctx, `
			UPDATE turns SET lease_until = $3, fence = fence + 1
			WHERE name = $1 AND lease_until <= $2 AND (due_at <= $2 OR due_at > $4) AND (merchant, mode) IN
				(SELECT merchant, mode FROM turns WHERE name = $1 AND lease_until <= $2 AND (due_at <= $2 OR due_at > $4) ORDER BY due_at LIMIT $5)
			RETURNING merchant, mode, due_at, fence`,
			[]any{name, us(tx.now), us(tx.now.Add(leaseTime)), soon, limit}, func(r rows) error {
				t := Turn{Name: name, Began: tx.now}
				var due int64
				if err := r.Scan(&t.Merchant, &t.Mode, &due, &t.Fence); err != nil {
					return err
				}
				if t.Due = fromUS(due); t.Due.After(tx.now) {
					t.Due = tx.now
				}
				turns = append(turns, t)
				return nil
			})
	})
	return turns, err
}

// turnOwners are whose turns there are.
func turnOwners(alone bool) string {
	if alone {
		return `SELECT '' AS merchant, '' AS mode`
	}
	return `SELECT merchant, mode FROM merchants`
}

// RenewTurn keeps a claim for another lease.
// Errors: pay.ErrLinkChanged when another has claimed it since.
func (tx *Tx) RenewTurn(ctx context.Context, t Turn) error {
	return tx.setTurn(ctx, t, `lease_until = $5`, us(tx.now.Add(leaseTime)))
}

// FinishTurn hands a turn back; it is due again at a time, which is Due where
// nothing was done.
// Errors: pay.ErrLinkChanged when another has claimed it since.
func (tx *Tx) FinishTurn(ctx context.Context, t Turn, due time.Time) error {
	return tx.setTurn(ctx, t, `lease_until = 0, due_at = $5`, us(due))
}

func (tx *Tx) setTurn(ctx context.Context, t Turn, set string, value int64) error {
	n, err := tx.exec(ctx, `UPDATE turns SET `+set+` WHERE merchant = $1 AND mode = $2 AND name = $3 AND fence = $4`, t.Merchant, t.Mode, t.Name, t.Fence, value)
	if err == nil && n != 1 {
		return pay.ErrLinkChanged
	}
	return err
}
