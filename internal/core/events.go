package core

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// Events reads the tenant's feed after a cursor, in one stable order that
// never changes. next continues from what was given, also when it was nothing.
// Errors: Invalid (cursor).
func (c *Core) Events(ctx context.Context, who pay.Caller, after string, limit int) (events []pay.Event, next string, err error) {
	position := int64(0)
	if after != "" {
		position, err = strconv.ParseInt(after, 36, 64)
		if err != nil || position < 0 {
			return nil, "", badCursor()
		}
	}
	if _, err := c.store.Number(ctx, who.Tenant); err != nil {
		return nil, "", err
	}
	events, err = c.store.Feed(ctx, who.Tenant, position, pageSize(limit))
	if len(events) > 0 {
		position = events[len(events)-1].Position
	}
	return events, strconv.FormatInt(position, 36), err
}

// Sequence numbers the events of every tenant (DECISIONS 15).
func (c *Core) Sequence(ctx context.Context) error {
	tenants, err := c.store.Tenants(ctx)
	for _, t := range tenants {
		for numbered := int64(store.NumberedAtOnce); numbered == store.NumberedAtOnce; {
			if numbered, err = c.store.Number(ctx, t); err != nil {
				return err
			}
		}
	}
	return err
}

// NewEndpoint asks for a webhook endpoint.
type NewEndpoint struct {
	URL    string
	Label  string          // the owner's name for it; may be empty
	Kinds  []pay.EventKind // empty: all
	Secret string          // empty: a new one
}

// CreateEndpoint makes a webhook endpoint. Its first secret is shown once.
// Errors: Invalid (url, events).
func (c *Core) CreateEndpoint(ctx context.Context, who pay.Caller, in NewEndpoint) (pay.Endpoint, error) {
	var bad pay.Faults
	url, err := c.checkURL(in.URL, who.Mode == pay.Live)
	if err != nil {
		bad.Add("url", "not_allowed", err.Error())
	}
	for _, k := range in.Kinds {
		if !known(k) {
			bad.Add("events", "unknown_event", "must be event types that exist")
			break
		}
	}
	if err := bad.Err(); err != nil {
		return pay.Endpoint{}, err
	}
	if in.Secret == "" {
		in.Secret = auth.NewWebhookSecret()
	}
	now := c.store.Now()
	e := pay.Endpoint{
		Tenant: who.Tenant, ID: pay.EndpointID(pay.NewID("we", now)), Dialect: who.Dialect, Label: in.Label, URL: url, Kinds: in.Kinds, Enabled: true,
		Secrets: []pay.Secret{{Value: in.Secret}}, CreatedAt: now, UpdatedAt: now,
	}
	return e, c.store.InTx(ctx, func(tx *store.Tx) error { return tx.PutEndpoint(ctx, e) })
}

func known(k pay.EventKind) bool {
	for _, have := range pay.EventKinds {
		if have == k {
			return true
		}
	}
	return false
}

// Endpoints lists the caller's endpoints, oldest first.
func (c *Core) Endpoints(ctx context.Context, who pay.Caller) ([]pay.Endpoint, error) {
	return c.store.Endpoints(ctx, who.Tenant)
}

// Endpoint reads one endpoint. Errors: pay.ErrNotFound.
func (c *Core) Endpoint(ctx context.Context, who pay.Caller, id pay.EndpointID) (pay.Endpoint, error) {
	return c.store.Endpoint(ctx, who.Tenant, id)
}

// maxOverlap is how long an old webhook secret may sign beside a new one.
const maxOverlap = 7 * 24 * time.Hour

// RotateSecret gives an endpoint a new secret; the old ones sign beside it for
// overlap. Errors: pay.ErrNotFound, Invalid (overlap).
func (c *Core) RotateSecret(ctx context.Context, who pay.Caller, id pay.EndpointID, overlap time.Duration) (pay.Endpoint, error) {
	if overlap < 0 || overlap > maxOverlap {
		var bad pay.Faults
		bad.Add("overlap_hours", "out_of_range", "must be from 0 to 168")
		return pay.Endpoint{}, bad.Err()
	}
	return c.changeEndpoint(ctx, who.Tenant, id, func(e *pay.Endpoint, now time.Time) {
		secrets := []pay.Secret{{Value: auth.NewWebhookSecret()}}
		for _, s := range e.Secrets {
			if until := now.Add(overlap); s.Until.IsZero() || s.Until.After(until) {
				s.Until = until
			}
			if now.Before(s.Until) && len(secrets) < pay.MaxSecrets {
				secrets = append(secrets, s)
			}
		}
		e.Secrets = secrets
	})
}

// SetEndpointEnabled turns deliveries to an endpoint on or off. Events go on
// being recorded. Errors: pay.ErrNotFound.
func (c *Core) SetEndpointEnabled(ctx context.Context, who pay.Caller, id pay.EndpointID, enabled bool) (pay.Endpoint, error) {
	return c.changeEndpoint(ctx, who.Tenant, id, func(e *pay.Endpoint, _ time.Time) { e.Enabled, e.FailSince, e.Failures = enabled, time.Time{}, 0 })
}

func (c *Core) changeEndpoint(ctx context.Context, t pay.Tenant, id pay.EndpointID, do func(e *pay.Endpoint, now time.Time)) (e pay.Endpoint, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if e, err = tx.HoldEndpoint(ctx, t, id); err != nil {
			return err
		}
		do(&e, tx.Now())
		e.UpdatedAt = tx.Now()
		return tx.PutEndpoint(ctx, e)
	})
	return e, err
}

// DeliveryFilter chooses deliveries; zero members do not filter.
type DeliveryFilter struct {
	Endpoint pay.EndpointID
	Link     pay.LinkID
	State    pay.DeliveryState
	After    string
	Limit    int
}

// Deliveries lists deliveries, newest first. Errors: Invalid (cursor).
func (c *Core) Deliveries(ctx context.Context, who pay.Caller, f DeliveryFilter) (list []pay.Delivery, next string, err error) {
	us, ids, err := parseCursor(f.After, 2)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Deliveries(ctx, who.Tenant, store.DeliveryFilter{
		Endpoint: f.Endpoint, Link: f.Link, State: f.State, BeforeTime: us, BeforeEvent: ids[0], BeforeEndpoint: ids[1], Limit: size + 1,
	})
	if err == nil && len(list) > size {
		list = list[:size]
		last := list[size-1]
		next = cursor(last.CreatedAt, string(last.Event), string(last.Endpoint))
	}
	return list, next, err
}

// Replay asks for deliveries to be made again: one, or an endpoint's range.
type Replay struct {
	Delivery string // pay.Delivery.ID; else Endpoint
	Endpoint pay.EndpointID
	From, To time.Time // of the events; To is exclusive
	Missing  bool      // only what never arrived
}

// Replay makes deliveries due again and says how many.
// Errors: pay.ErrNotFound.
func (c *Core) Replay(ctx context.Context, who pay.Caller, r Replay) (count int64, err error) {
	f := store.ReplayFilter{Endpoint: r.Endpoint, From: r.From, To: r.To, Missing: r.Missing}
	if r.Delivery != "" {
		endpoint, event, ok := strings.Cut(r.Delivery, ".")
		if !ok {
			return 0, pay.ErrNotFound
		}
		f.Endpoint, f.Event = pay.EndpointID(endpoint), pay.EventID(event)
	}
	if _, err := c.store.Endpoint(ctx, who.Tenant, f.Endpoint); err != nil {
		return 0, err
	}
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		count, err = tx.Replay(ctx, who.Tenant, f)
		return err
	})
	if err == nil && r.Delivery != "" && count == 0 {
		return 0, pay.ErrState("the delivery is pending or has no message")
	}
	signal(c.wake)
	return count, err
}

// DueDelivery is a claimed delivery with all it takes to make it.
type DueDelivery struct {
	Delivery pay.Delivery
	Endpoint pay.Endpoint
	Event    pay.Event
	Merchant pay.Merchant
}

// patience is how long an event may fail before the next of its link is tried
// (W2), where a dialect does not say otherwise.
const patience = 10 * time.Minute

// UsePatience sets that of dialects that do. It is called before the first claim.
func (c *Core) UsePatience(byDialect map[string]time.Duration) { c.store.UsePatience(byDialect) }

// ClaimDeliveries leases due deliveries, heads of their lanes only, but none to
// the busy endpoints.
func (c *Core) ClaimDeliveries(ctx context.Context, n int, busy ...pay.EndpointID) (due []DueDelivery, err error) {
	claimed, err := c.store.ClaimDeliveries(ctx, n, patience, busy...)
	if err != nil {
		return nil, err
	}
	type desk struct {
		pay.Tenant
		pay.EndpointID
	}
	known := map[desk]DueDelivery{} // many deliveries of one claim go to few endpoints
	var errs []error                // one that cannot be read holds up no other
	for _, d := range claimed {
		at := desk{d.Tenant, d.Endpoint}
		item, ok := known[at]
		if !ok {
			if item, err = c.deskOf(ctx, d); err != nil {
				errs = append(errs, err)
				continue
			}
			known[at] = item
		}
		item.Delivery = d
		if item.Event, err = c.store.Event(ctx, d.Tenant, d.Link, d.Seq); err != nil {
			errs = append(errs, err)
			continue
		}
		due = append(due, item)
	}
	return due, errors.Join(errs...)
}

// deskOf is what all deliveries to one endpoint share.
func (c *Core) deskOf(ctx context.Context, d pay.Delivery) (item DueDelivery, err error) {
	if item.Endpoint, err = c.store.Endpoint(ctx, d.Tenant, d.Endpoint); err != nil {
		return item, err
	}
	item.Merchant, err = c.store.Merchant(ctx, d.Tenant)
	return item, err
}

// KeepBody stores what is about to be sent.
func (c *Core) KeepBody(ctx context.Context, d pay.Delivery, body []byte) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.KeepBody(ctx, d, body) })
}

// RenewDelivery keeps a claim for another lease.
func (c *Core) RenewDelivery(ctx context.Context, d pay.Delivery) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.RenewDelivery(ctx, d) })
}

// ReleaseDelivery hands back what was claimed and not tried.
func (c *Core) ReleaseDelivery(ctx context.Context, d pay.Delivery) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.ReleaseDelivery(ctx, d) })
}

// DeliveryResult is what became of one try.
type DeliveryResult struct {
	State           pay.DeliveryState
	Status          int
	Problem         string
	RetryAt         time.Time
	DisableEndpoint bool
	Succeeded       bool
}

// An endpoint that only fails for this long, over so many tries, is disabled (W5).
const (
	disableAfter    = 5 * 24 * time.Hour
	disableFailures = 20
)

// FinishDelivery writes down a try and the endpoint's health.
// Errors: pay.ErrLinkChanged when the claim is not the caller's any more.
func (c *Core) FinishDelivery(ctx context.Context, d pay.Delivery, r DeliveryResult) error {
	disabled := false
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		disabled = false
		d := d // counted once, however often this runs
		d.State, d.Status, d.Problem, d.DueAt = r.State, r.Status, r.Problem, r.RetryAt
		if r.State != pay.DeliverySkipped {
			d.Tries++
		}
		if err := tx.FinishDelivery(ctx, d); err != nil || r.State == pay.DeliverySkipped {
			return err
		}
		e, err := tx.Endpoint(ctx, d.Tenant, d.Endpoint)
		if err != nil {
			return err
		}
		if r.Succeeded && e.Failures == 0 {
			return nil // as nearly always: no row is held for it
		}
		if e, err = tx.HoldEndpoint(ctx, d.Tenant, d.Endpoint); err != nil {
			return err
		}
		if r.Succeeded {
			e.Failures, e.FailSince = 0, time.Time{}
			return tx.PutEndpoint(ctx, e)
		}
		if e.FailSince.IsZero() {
			e.FailSince = tx.Now()
		}
		e.Failures++
		if r.DisableEndpoint || e.Failures >= disableFailures && tx.Now().Sub(e.FailSince) >= disableAfter {
			disabled, e.Enabled = e.Enabled, false
		}
		return tx.PutEndpoint(ctx, e)
	})
	if err == nil && disabled {
		c.metrics.Alarm("endpoint_disabled")
		c.log.Warn("a webhook endpoint was disabled: it failed for days, or answered 410", "merchant", d.Merchant, "mode", d.Mode, "endpoint", d.Endpoint, "status", r.Status)
	}
	if err == nil && r.State != pay.DeliveryPending {
		signal(c.wake) // the next of the lane may go
	}
	return err
}
