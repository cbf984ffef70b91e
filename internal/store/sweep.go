package store

import (
	"context"
	"encoding/json"
	"time"

	"paylink/internal/pay"
)

// Unsettled is an attempt that is not over and does not wait for its payer,
// with its operations that are not final.
type Unsettled struct {
	LinkAttempt
	Asked int64               // operations that are asked about again
	Left  []pay.OperationID   // those that are not
	Kinds []pay.OperationKind // of Left
}

// unsettledStates is written as in the index attempts_unsettled.
const unsettledStates = `state IN ('created', 'processing', 'unknown', 'authorized', 'review')`

// Unsettled reads at most limit attempts after an id, by id, as they stand at
// one moment.
func (q queries) Unsettled(ctx context.Context, t pay.Tenant, after pay.AttemptID, limit int) (list []Unsettled, err error) {
	err = q.each(ctx, `
		SELECT a.link, a.body, coalesce(o.id, ''), coalesce(o.kind, ''), coalesce(o.due_at, 0)
		FROM (SELECT id, link, body FROM attempts WHERE merchant = $1 AND mode = $2 AND `+unsettledStates+` AND id > $3 ORDER BY id LIMIT $4) AS a
		LEFT JOIN operations o ON o.merchant = $1 AND o.mode = $2 AND o.attempt = a.id AND o.state NOT IN ('succeeded', 'failed')
		ORDER BY a.id, o.id`, []any{t.Merchant, t.Mode, after, limit}, func(r rows) error {
		var a LinkAttempt
		var body string
		var op pay.OperationID
		var kind pay.OperationKind
		var due int64
		if err := r.Scan(&a.Link, &body, &op, &kind, &due); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &a.Attempt); err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].ID != a.ID {
			list = append(list, Unsettled{LinkAttempt: a})
		}
		switch u := &list[len(list)-1]; {
		case due != 0:
			u.Asked++
		case op != "":
			u.Left, u.Kinds = append(u.Left, op), append(u.Kinds, kind)
		}
		return nil
	})
	return list, err
}

// LeftOperation is an operation that is not final and should be.
type LeftOperation struct {
	pay.Operation
	Due time.Time // when it is to be run or asked about; zero: nobody asks any more
}

// Overdue are at most limit operations that were to be run or asked about
// before a time.
func (q queries) Overdue(ctx context.Context, t pay.Tenant, before time.Time, limit int) ([]LeftOperation, error) {
	return q.left(ctx, `due_at < $3 AND merchant = $1 AND mode = $2 ORDER BY due_at LIMIT $4`, t.Merchant, t.Mode, us(before), limit)
}

// Unreturned are at most limit refunds after an id that were begun before a
// time and have no answer.
func (q queries) Unreturned(ctx context.Context, t pay.Tenant, before time.Time, after pay.OperationID, limit int) ([]LeftOperation, error) {
	return q.left(ctx, `merchant = $1 AND mode = $2 AND kind = 'refund' AND state = 'unknown' AND created_at < $3 AND id > $4 ORDER BY id LIMIT $5`,
		t.Merchant, t.Mode, us(before), after, limit)
}

func (q queries) left(ctx context.Context, where string, args ...any) (list []LeftOperation, err error) {
	err = q.each(ctx, `SELECT body, state, coalesce(due_at, 0) FROM operations WHERE `+where, args, func(r rows) error {
		var o LeftOperation
		var body string
		var state pay.OperationState
		var due int64
		if err := r.Scan(&body, &state, &due); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(body), &o.Operation)
		o.State, o.Due = state, fromUS(due)
		list = append(list, o)
		return err
	})
	return list, err
}

// Charged is an attempt as a processor's list is compared with it.
type Charged struct {
	LinkAttempt
	Asked bool // an operation that may move money is asked about again
}

// A query that waits until an authorization has run out moves nothing.
const chargedColumns = `a.link, a.body, (SELECT count(*) FROM operations o
	WHERE o.merchant = a.merchant AND o.mode = a.mode AND o.attempt = a.id AND o.due_at IS NOT NULL AND o.kind <> 'query')`

func scanCharged(r rows, dest ...any) (c Charged, err error) {
	var body string
	var asked int64
	if err := r.Scan(append([]any{&c.Link, &body, &asked}, dest...)...); err != nil {
		return c, err
	}
	c.Asked = asked > 0
	return c, json.Unmarshal([]byte(body), &c.Attempt)
}

// ChargedByRef finds the attempts that payments of a processor are bound to.
func (q queries) ChargedByRef(ctx context.Context, t pay.Tenant, processor string, refs []string) (found map[string]Charged, err error) {
	found = map[string]Charged{}
	if len(refs) == 0 {
		return found, nil
	}
	args := []any{t.Merchant, t.Mode, processor}
	for _, ref := range refs {
		args = append(args, ref)
	}
	err = q.each(ctx, `SELECT `+chargedColumns+` FROM attempts a
		WHERE a.merchant = $1 AND a.mode = $2 AND a.processor = $3 AND a.processor_ref IN (`+placeholders(4, len(refs))+`)`, args, func(r rows) error {
		c, err := scanCharged(r)
		found[c.ProcessorRef] = c
		return err
	})
	return found, err
}

// ChargedByOperation finds the attempts that operations belong to.
func (q queries) ChargedByOperation(ctx context.Context, t pay.Tenant, keys []pay.OperationID) (found map[pay.OperationID]Charged, err error) {
	found = map[pay.OperationID]Charged{}
	if len(keys) == 0 {
		return found, nil
	}
	args := []any{t.Merchant, t.Mode}
	for _, key := range keys {
		args = append(args, key)
	}
	err = q.each(ctx, `SELECT `+chargedColumns+`, k.id FROM operations k JOIN attempts a ON a.merchant = k.merchant AND a.mode = k.mode AND a.id = k.attempt
		WHERE k.merchant = $1 AND k.mode = $2 AND k.id IN (`+placeholders(3, len(keys))+`)`, args, func(r rows) error {
		var key pay.OperationID
		c, err := scanCharged(r, &key)
		found[key] = c
		return err
	})
	return found, err
}

// Taken reads at most limit attempts of a processor whose money we count as
// held or taken, after an id, by id.
func (q queries) Taken(ctx context.Context, t pay.Tenant, processor string, after pay.AttemptID, limit int) (list []Charged, err error) {
	err = q.each(ctx, `SELECT `+chargedColumns+` FROM attempts a
		WHERE a.merchant = $1 AND a.mode = $2 AND a.processor = $3 AND a.state IN ('authorized', 'captured') AND a.id > $4 ORDER BY a.id LIMIT $5`,
		[]any{t.Merchant, t.Mode, processor, after, limit}, func(r rows) error {
			c, err := scanCharged(r)
			list = append(list, c)
			return err
		})
	return list, err
}

// Waiting counts what a person should know of, over all tenants.
type Waiting struct {
	Operations  int64 // begun some time ago, and the processor has not even taken them
	Reviews     int64
	Differences int64 // open
}

// Waiting counts; operations are those begun between two times.
func (s *Store) Waiting(ctx context.Context, from, to time.Time) (w Waiting, err error) {
	err = s.one(ctx, `SELECT
		(SELECT count(*) FROM operations WHERE state IN ('prepared', 'unknown') AND due_at IS NOT NULL AND kind <> 'query' AND created_at >= $1 AND created_at < $2),
		(SELECT count(*) FROM attempts WHERE state = 'review'),
		(SELECT count(*) FROM differences WHERE closed_at = 0)`, []any{us(from), us(to)}, &w.Operations, &w.Reviews, &w.Differences)
	return w, err
}

// LateSurplus are at most limit links that had surplus before a time and still
// have some that was not given back.
func (s *Store) LateSurplus(ctx context.Context, before time.Time, limit int) (list []LinkName, err error) {
	err = s.each(ctx, `SELECT merchant, mode, link FROM entries WHERE account = 'surplus' GROUP BY merchant, mode, link
		HAVING sum(amount) <> 0 AND min(at) < $1 ORDER BY merchant, mode, link LIMIT $2`, []any{us(before), limit}, func(r rows) error {
		var n LinkName
		err := r.Scan(&n.Merchant, &n.Mode, &n.ID)
		list = append(list, n)
		return err
	})
	return list, err
}

// SurplusOf reads the payments of a link that were to give surplus back.
func (q queries) SurplusOf(ctx context.Context, l LinkName) ([]pay.Payment, error) {
	return q.payments(ctx, `SELECT body FROM payments WHERE `+ofLink("link")+` AND body LIKE '%"surplus":true%' ORDER BY number`,
		[]any{l.Merchant, l.Mode, l.ID})
}
