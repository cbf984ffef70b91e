package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"paylink/internal/pay"
)

const endpointColumns = `merchant, mode, id, dialect, url, kinds, link, enabled, sealed, fail_since, failures, created_at, updated_at, label`

func (q queries) endpoints(ctx context.Context, where string, args ...any) (list []pay.Endpoint, err error) {
	err = q.each(ctx, `SELECT `+endpointColumns+` FROM webhook_endpoints WHERE `+where, args, func(r rows) error {
		var e pay.Endpoint
		var kinds string
		var sealed []byte
		var enabled, failSince, created, updated int64
		if err := r.Scan(&e.Merchant, &e.Mode, &e.ID, &e.Dialect, &e.URL, &kinds, &e.Link, &enabled, &sealed, &failSince, &e.Failures, &created, &updated, &e.Label); err != nil {
			return err
		}
		for kind := range strings.SplitSeq(strings.Trim(kinds, ","), ",") {
			if kind != "" {
				e.Kinds = append(e.Kinds, pay.EventKind(kind))
			}
		}
		e.Enabled, e.FailSince, e.CreatedAt, e.UpdatedAt = enabled == 1, fromUS(failSince), fromUS(created), fromUS(updated)
		err := q.open(e.Tenant, "webhook_endpoints", string(e.ID), sealed, &e.Secrets)
		list = append(list, e)
		return err
	})
	return list, err
}

// Endpoint reads one endpoint. Errors: pay.ErrNotFound.
func (q queries) Endpoint(ctx context.Context, t pay.Tenant, id pay.EndpointID) (e pay.Endpoint, err error) {
	list, err := q.endpoints(ctx, `merchant = $1 AND mode = $2 AND id = $3`, t.Merchant, t.Mode, id)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return e, err
	}
	return list[0], nil
}

// HoldEndpoint is Endpoint, and takes its row for this transaction: what is
// put back later overwrites nobody's change.
func (tx *Tx) HoldEndpoint(ctx context.Context, t pay.Tenant, id pay.EndpointID) (e pay.Endpoint, err error) {
	list, err := tx.endpoints(ctx, `merchant = $1 AND mode = $2 AND id = $3`+tx.lock, t.Merchant, t.Mode, id)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return e, err
	}
	return list[0], nil
}

// Endpoints lists a tenant's endpoints, oldest first.
func (q queries) Endpoints(ctx context.Context, t pay.Tenant) ([]pay.Endpoint, error) {
	return q.endpoints(ctx, `merchant = $1 AND mode = $2 ORDER BY created_at, id`, t.Merchant, t.Mode)
}

// PutEndpoint stores an endpoint, new or changed.
func (tx *Tx) PutEndpoint(ctx context.Context, e pay.Endpoint) error {
	sealed, err := tx.seal(e.Tenant, "webhook_endpoints", string(e.ID), e.Secrets)
	if err != nil {
		return err
	}
	kinds := ""
	for _, k := range e.Kinds {
		kinds += "," + string(k)
	}
	if kinds != "" {
		kinds += ","
	}
	enabled := 0
	if e.Enabled {
		enabled = 1
	}
	_, err = tx.exec(ctx, `
		INSERT INTO webhook_endpoints (`+endpointColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (merchant, mode, id) DO UPDATE SET url = excluded.url, kinds = excluded.kinds, enabled = excluded.enabled,
			sealed = excluded.sealed, fail_since = excluded.fail_since, failures = excluded.failures, updated_at = excluded.updated_at`,
		e.Merchant, e.Mode, e.ID, e.Dialect, e.URL, kinds, e.Link, enabled, sealed, us(e.FailSince), e.Failures, us(e.CreatedAt), us(tx.now), e.Label)
	return err
}

// DisableHooks ends the endpoints of one link; what is due to them stays.
func (tx *Tx) DisableHooks(ctx context.Context, t pay.Tenant, link pay.LinkID) error {
	_, err := tx.exec(ctx, `UPDATE webhook_endpoints SET enabled = 0, updated_at = $4 WHERE merchant = $1 AND mode = $2 AND link = $3`,
		t.Merchant, t.Mode, link, us(tx.now))
	return err
}

const deliveryColumns = `merchant, mode, endpoint, link, seq, event, kind, state, due_at, fence, tries, body, status, problem, first_try, last_try, created_at`

func (q queries) scanDelivery(r rows) (d pay.Delivery, err error) {
	var due, first, last, created, status int64
	var sealed []byte
	err = r.Scan(&d.Merchant, &d.Mode, &d.Endpoint, &d.Link, &d.Seq, &d.Event, &d.Kind, &d.State, &due, &d.Fence, &d.Tries,
		&sealed, &status, &d.Problem, &first, &last, &created)
	d.Status, d.DueAt, d.FirstTry, d.LastTry, d.CreatedAt = int(status), fromUS(due), fromUS(first), fromUS(last), fromUS(created)
	if err != nil || sealed == nil {
		return d, err
	}
	if d.Body, err = q.sealer.Open(sealed, ad(d.Tenant, "deliveries", d.ID())); err != nil {
		err = fmt.Errorf("opening delivery %s: %w", d.ID(), err)
	}
	return d, err
}

// UsePatience sets how long an event to an endpoint of a dialect may fail
// before the next of its link is tried. It is called before the first claim.
func (s *Store) UsePatience(byDialect map[string]time.Duration) { s.patience = byDialect }

// failingSince is SQL for the time after which a first try of d's endpoint still
// holds up the next event, with its arguments; $3 is that of most dialects.
func (s *Store) failingSince(now time.Time, args []any) (string, []any) {
	if len(s.patience) == 0 {
		return "$3", args
	}
	var cases strings.Builder
	for _, dialect := range slices.Sorted(maps.Keys(s.patience)) {
		args = append(args, dialect, us(now.Add(-s.patience[dialect])))
		fmt.Fprintf(&cases, " WHEN $%d THEN cast($%d AS BIGINT)", len(args)-1, len(args))
	}
	return `(SELECT CASE w.dialect` + cases.String() + ` ELSE cast($3 AS BIGINT) END FROM webhook_endpoints w
		WHERE w.merchant = d.merchant AND w.mode = d.mode AND w.id = d.endpoint)`, args
}

// ClaimDeliveries leases due heads of lanes. A lane is an endpoint and a link:
// a later event waits until the earlier is done, or has been failing for
// patience (W2), or for that of the endpoint's dialect. Endpoints in busy are left out. It takes no lock beyond its
// own statement.
func (s *Store) ClaimDeliveries(ctx context.Context, limit int, patience time.Duration, busy ...pay.EndpointID) (list []pay.Delivery, err error) {
	var waits int64
	except := ","
	for _, id := range busy {
		except += string(id) + ","
	}
	now := us(s.Now())
	if err := s.one(ctx, `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' AND due_at <= $1 AND lease_until <= $1 LIMIT 1) AS w`, []any{now}, &waits); err != nil || waits == 0 {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		list = list[:0]
		args := []any{us(tx.now), us(tx.now.Add(leaseTime)), us(tx.now.Add(-patience)), limit, except}
		since, args := s.failingSince(tx.now, args)
		return tx.each(ctx, `
			UPDATE deliveries SET lease_until = $2, fence = fence + 1
			WHERE state = 'pending' AND lease_until <= $1 AND (merchant, mode, endpoint, link, seq) IN (
				SELECT d.merchant, d.mode, d.endpoint, d.link, d.seq FROM deliveries d
				WHERE d.state = 'pending' AND d.due_at <= $1 AND d.lease_until <= $1
					AND cast($5 AS TEXT) NOT LIKE '%,' || d.endpoint || ',%' AND NOT EXISTS (
					SELECT 1 FROM deliveries e WHERE e.merchant = d.merchant AND e.mode = d.mode AND e.endpoint = d.endpoint
						AND e.link = d.link AND e.seq < d.seq AND e.state = 'pending' AND (e.first_try = 0 OR e.first_try > `+since+`))
				ORDER BY d.due_at LIMIT $4)
			RETURNING `+deliveryColumns,
			args, func(r rows) error {
				d, err := tx.scanDelivery(r)
				list = append(list, d)
				return err
			})
	})
	return list, err
}

const thisDelivery = ` WHERE merchant = $1 AND mode = $2 AND endpoint = $3 AND link = $4 AND seq = $5 AND fence = $6`

func (tx *Tx) fenced(ctx context.Context, set string, d pay.Delivery, args ...any) error {
	n, err := tx.exec(ctx, `UPDATE deliveries SET `+set+thisDelivery,
		append([]any{d.Merchant, d.Mode, d.Endpoint, d.Link, d.Seq, d.Fence}, args...)...)
	if err == nil && n != 1 {
		return pay.ErrLinkChanged
	}
	return err
}

// KeepBody stores what is about to be sent, before the first byte leaves, so
// that every retry is the same to the byte (W3). It is sealed: a message may
// name the payer, and holds the token of the payer's page.
func (tx *Tx) KeepBody(ctx context.Context, d pay.Delivery, body []byte) error {
	sealed, err := tx.sealer.Seal(body, ad(d.Tenant, "deliveries", d.ID()))
	if err != nil {
		return err
	}
	return tx.fenced(ctx, `body = $7, first_try = $8`, d, sealed, us(tx.now))
}

// RenewDelivery keeps a claim for another lease.
func (tx *Tx) RenewDelivery(ctx context.Context, d pay.Delivery) error {
	return tx.fenced(ctx, `lease_until = $7`, d, us(tx.now.Add(leaseTime)))
}

// ReleaseDelivery hands back what was claimed and not tried.
func (tx *Tx) ReleaseDelivery(ctx context.Context, d pay.Delivery) error {
	tx.work = true
	return tx.fenced(ctx, `lease_until = 0`, d)
}

// FinishDelivery stores the result of a try; d holds the new values.
// Errors: pay.ErrLinkChanged when the claim is not ours any more.
func (tx *Tx) FinishDelivery(ctx context.Context, d pay.Delivery) error {
	return tx.fenced(ctx, `state = $7, due_at = $8, lease_until = 0, tries = $9, status = $10, problem = $11, last_try = $12,
		first_try = CASE WHEN first_try = 0 THEN $12 ELSE first_try END`, d, d.State, us(d.DueAt), d.Tries, d.Status, d.Problem, us(tx.now))
}

// DeliveryFilter chooses deliveries.
type DeliveryFilter struct {
	Endpoint       pay.EndpointID
	Link           pay.LinkID
	State          pay.DeliveryState
	BeforeTime     int64 // keyset, microseconds
	BeforeEvent    string
	BeforeEndpoint string
	Limit          int
}

// Deliveries lists deliveries, newest first.
func (q queries) Deliveries(ctx context.Context, t pay.Tenant, f DeliveryFilter) (list []pay.Delivery, err error) {
	w := newWhere(t)
	w.and(f.Endpoint != "", "endpoint = ?", f.Endpoint)
	w.and(f.Link != "", "link = ?", f.Link)
	w.and(f.State != "", "state = ?", f.State)
	w.and(f.BeforeEvent != "", "(created_at, event, endpoint) < (?, ?, ?)", f.BeforeTime, f.BeforeEvent, f.BeforeEndpoint)
	err = q.each(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+w.sql()+` ORDER BY created_at DESC, event DESC, endpoint DESC LIMIT `+w.add(f.Limit), w.args, func(r rows) error {
		d, err := q.scanDelivery(r)
		list = append(list, d)
		return err
	})
	return list, err
}

// ReplayFilter chooses what to deliver again.
type ReplayFilter struct {
	Endpoint pay.EndpointID
	Event    pay.EventID
	From, To time.Time // of the event; To is exclusive
	Missing  bool      // only what was never delivered
}

// Replay makes deliveries pending again. Their bodies stay what they were.
func (tx *Tx) Replay(ctx context.Context, t pay.Tenant, f ReplayFilter) (int64, error) {
	w := newWhere(t)
	w.and(f.Endpoint != "", "endpoint = ?", f.Endpoint)
	w.and(f.Event != "", "event = ?", f.Event)
	w.and(!f.From.IsZero(), "created_at >= ?", us(f.From))
	w.and(!f.To.IsZero(), "created_at < ?", us(f.To))
	w.and(f.Missing, "state = 'exhausted'")
	w.and(true, "state <> 'pending' AND state <> 'skipped'")
	tx.work = true
	return tx.exec(ctx, `UPDATE deliveries SET state = 'pending', tries = 0, first_try = 0, lease_until = 0, fence = fence + 1, due_at = `+w.add(us(tx.now))+` WHERE `+w.sql(), w.args...)
}
