package core

import (
	"context"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

const (
	// answerTime is how long an operation may be without an answer (I5).
	answerTime = 5 * time.Minute
	// returnTime is how long surplus may stay here (5.6).
	returnTime = 24 * time.Hour
	// lateAtOnce is how many links with late surplus are looked at together.
	lateAtOnce = 1000
)

// Waiting is what a person should know of, over all tenants.
type Waiting = store.Waiting

// Watch counts what waits for a person and alarms for as long as operations
// lie that no processor has taken: what was asked by a caller or a rule is
// driven to an end without them, and within minutes (I5). One that the
// processor has and that waits, for a payer or a bank, is not late.
func (c *Core) Watch(ctx context.Context) (Waiting, error) {
	now := c.store.Now()
	w, err := c.store.Waiting(ctx, now.Add(-queryFor-24*time.Hour), now.Add(-answerTime))
	if err == nil && w.Operations > 0 {
		c.metrics.Alarm("operation_late")
	}
	return w, err
}

// WatchSurplus notes money that does not count and was not given back within
// 24 hours (5.6), once for each refund that should have.
func (c *Core) WatchSurplus(ctx context.Context) error {
	before := c.store.Now().Add(-returnTime)
	links, err := c.store.LateSurplus(ctx, before, lateAtOnce)
	if err != nil {
		return err
	}
	late := map[pay.Tenant]findings{}
	for _, l := range links {
		if late[l.Tenant].stands == nil {
			late[l.Tenant] = newFindings()
		}
		payments, err := c.store.SurplusOf(ctx, l)
		if err != nil {
			return err
		}
		for _, d := range lateSurplus(l, payments, before) {
			late[l.Tenant].stands[finding{d.Reference, d.What}] = true
			if err := c.differ(ctx, d, "surplus_late"); err != nil {
				return err
			}
		}
	}
	if len(links) == lateAtOnce {
		return nil // there may be more: nothing can be called gone
	}
	tenants, err := c.store.Tenants(ctx)
	for _, t := range tenants {
		if err := c.settled(ctx, t, store.DifferenceFilter{What: []string{pay.DiffSurplus}}, late[t].gone); err != nil {
			return err
		}
	}
	return err
}

// lateSurplus are the refunds of surplus that were asked for before a time and
// have not been made, nor others for them.
func lateSurplus(l store.LinkName, payments []pay.Payment, before time.Time) (list []pay.Discrepancy) {
	for _, p := range payments {
		for _, r := range p.Refunds {
			if !r.Surplus || r.State == pay.RefundSucceeded || r.CreatedAt.After(before) {
				continue
			}
			d := pay.Discrepancy{Tenant: l.Tenant, Reference: string(r.ID), What: pay.DiffSurplus, Link: l.ID}
			d.Ours = "surplus of " + money(r.Amount, p.Requested.Currency) + " whose refund is " + string(r.State)
			if a := p.Attempt(r.Attempt); a != nil {
				if d.Processor = a.Processor; r.State == pay.RefundFailed && p.Unreturned(a) == 0 {
					continue
				}
			}
			list = append(list, d)
		}
	}
	return list
}
