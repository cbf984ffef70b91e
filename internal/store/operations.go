package store

import (
	"context"
	"encoding/json"
	"time"

	"paylink/internal/pay"
)

// leaseTime is how long a claim holds without being renewed (DECISIONS 17).
const leaseTime = 20 * time.Second

// OperationJob is a claimed operation. Fence rises with each claim.
type OperationJob struct {
	pay.Tenant
	pay.Operation
	Tries int64
	Fence int64
}

func (tx *Tx) insertOperation(ctx context.Context, t pay.Tenant, o pay.Operation, later bool) error {
	body, err := text(o)
	if err != nil {
		return err
	}
	// Whoever prepared it runs it at once, under a first lease; a job takes
	// over when that one dies, and at once where it is left to the workers.
	due, lease := tx.now, tx.now
	switch {
	case o.DueAt.After(tx.now):
		due = o.DueAt
	case !later:
		lease = lease.Add(leaseTime)
	}
	tx.work = tx.work || due.Equal(tx.now)
	return tx.put(ctx, `
		INSERT INTO operations (merchant, mode, id, link, attempt, kind, state, created_at, updated_at, body, due_at, lease_until, fence, tries)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, 1, 0)`,
		t.Merchant, t.Mode, o.ID, o.Link, o.Attempt, o.Kind, o.State, us(o.CreatedAt), body, us(due), us(lease))
}

// Operation reads one operation. Errors: pay.ErrNotFound.
func (q queries) Operation(ctx context.Context, t pay.Tenant, id pay.OperationID) (j OperationJob, err error) {
	var body string
	j.Tenant = t
	err = q.one(ctx, `SELECT body, state, tries, fence FROM operations WHERE merchant = $1 AND mode = $2 AND id = $3`,
		[]any{t.Merchant, t.Mode, id}, &body, &j.State, &j.Tries, &j.Fence)
	if err != nil {
		return j, err
	}
	state := j.State
	err = json.Unmarshal([]byte(body), &j.Operation)
	j.State = state
	return j, err
}

// ClaimOperations leases operations that are due and free; it takes no lock
// beyond its own statement.
func (s *Store) ClaimOperations(ctx context.Context, limit int) (jobs []OperationJob, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		jobs = jobs[:0]
		return tx.each(ctx, `
			UPDATE operations SET lease_until = $2, fence = fence + 1
			WHERE (merchant, mode, id) IN (SELECT merchant, mode, id FROM operations WHERE due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $3)
				AND lease_until <= $1 AND due_at <= $1
			RETURNING merchant, mode, body, state, tries, fence`,
			[]any{us(tx.now), us(tx.now.Add(leaseTime)), limit}, func(r rows) error {
				var j OperationJob
				var body string
				var state pay.OperationState
				if err := r.Scan(&j.Merchant, &j.Mode, &body, &state, &j.Tries, &j.Fence); err != nil {
					return err
				}
				err := json.Unmarshal([]byte(body), &j.Operation)
				j.State = state
				jobs = append(jobs, j)
				return err
			})
	})
	return jobs, err
}

// FinishOperation stores the operation's state. A zero again ends it; else it
// is asked about again then. What is unknown ends by being known, and is not sent
// once more. fence 0 comes from evidence, which needs no claim.
// Errors: pay.ErrLinkChanged when another has claimed it since.
func (tx *Tx) FinishOperation(ctx context.Context, t pay.Tenant, id pay.OperationID, state pay.OperationState, again time.Time, fence int64) error {
	done, err := tx.putOne(ctx, `
		UPDATE operations SET state = CASE WHEN state = 'unknown' AND $4 = 'sent' THEN state ELSE $4 END,
			due_at = $5, lease_until = 0, tries = tries + 1, updated_at = $6
		WHERE merchant = $1 AND mode = $2 AND id = $3 AND ($7 = 0 OR fence = $7) AND state NOT IN ('succeeded', 'failed')`,
		t.Merchant, t.Mode, id, state, orNull(us(again)), us(tx.now), fence)
	if err == nil && !done {
		return pay.ErrLinkChanged
	}
	return err
}

// RenewOperation keeps a claim for another lease.
// Errors: pay.ErrLinkChanged when another has claimed it since.
func (tx *Tx) RenewOperation(ctx context.Context, j OperationJob) error {
	n, err := tx.exec(ctx, `UPDATE operations SET lease_until = $4 WHERE merchant = $1 AND mode = $2 AND id = $3 AND fence = $5`,
		j.Merchant, j.Mode, j.ID, us(tx.now.Add(leaseTime)), j.Fence)
	if err == nil && n != 1 {
		return pay.ErrLinkChanged
	}
	return err
}

// ReleaseOperation hands back what this node claimed and did not run.
func (tx *Tx) ReleaseOperation(ctx context.Context, j OperationJob) error {
	tx.work = true
	_, err := tx.exec(ctx, `UPDATE operations SET lease_until = 0 WHERE merchant = $1 AND mode = $2 AND id = $3 AND fence = $4`,
		j.Merchant, j.Mode, j.ID, j.Fence)
	return err
}

// OperationsOf lists the operations of an attempt, oldest first.
func (q queries) OperationsOf(ctx context.Context, t pay.Tenant, attempt pay.AttemptID) (ops []pay.Operation, err error) {
	err = q.each(ctx, `SELECT body, state FROM operations WHERE merchant = $1 AND mode = $2 AND attempt = $3 ORDER BY created_at, id`,
		[]any{t.Merchant, t.Mode, attempt}, func(r rows) error {
			var body string
			var state pay.OperationState
			if err := r.Scan(&body, &state); err != nil {
				return err
			}
			var o pay.Operation
			err := json.Unmarshal([]byte(body), &o)
			o.State = state
			ops = append(ops, o)
			return err
		})
	return ops, err
}

// KeepCallback stores verified evidence before it is acknowledged (P4).
// fresh is false when it came before.
func (tx *Tx) KeepCallback(ctx context.Context, t pay.Tenant, processor, event string, op pay.OperationID, evidence []byte) (fresh bool, err error) {
	n, err := tx.exec(ctx, `
		INSERT INTO callbacks (merchant, mode, processor, event, operation, evidence, received_at, done_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING`,
		t.Merchant, t.Mode, processor, event, op, string(evidence), us(tx.now))
	return n == 1, err
}

// CallbackDone notes that the evidence had its effect.
func (tx *Tx) CallbackDone(ctx context.Context, t pay.Tenant, processor, event string) error {
	_, err := tx.exec(ctx, `UPDATE callbacks SET done_at = $5 WHERE merchant = $1 AND mode = $2 AND processor = $3 AND event = $4`,
		t.Merchant, t.Mode, processor, event, us(tx.now))
	return err
}

// KeptCallback is evidence in the inbox that had no effect yet.
type KeptCallback struct {
	pay.Tenant
	Processor, Event string
	Evidence         []byte
}

// WaitingCallbacks lists evidence that was stored and not yet processed: its
// worker died in between, or it came too early.
func (s *Store) WaitingCallbacks(ctx context.Context, limit int) (list []KeptCallback, err error) {
	err = s.each(ctx, `SELECT merchant, mode, processor, event, evidence FROM callbacks WHERE done_at = 0 AND due_at <= $1 AND received_at < $2 ORDER BY due_at, received_at LIMIT $3`,
		[]any{us(s.Now()), us(s.Now().Add(-5 * time.Second)), limit}, func(r rows) error {
			var k KeptCallback
			var evidence string
			err := r.Scan(&k.Merchant, &k.Mode, &k.Processor, &k.Event, &evidence)
			k.Evidence = []byte(evidence)
			list = append(list, k)
			return err
		})
	return list, err
}
