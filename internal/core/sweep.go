package core

import (
	"context"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

const (
	// quiet is how long nothing must have happened to what is compared: what is
	// in motion differs for a moment without fault.
	quiet = 10 * time.Minute
	// overdue is how long an operation that was to be run may lie.
	overdue = 15 * time.Minute
)

// sweep goes through what is not final at a tenant (P6). Whoever is asked
// about is left to the schedule of queries; a difference is what that schedule
// has given up, has not kept as of due, or never had.
func (c *Core) sweep(ctx context.Context, t pay.Tenant, due time.Time) error {
	f := newFindings()
	note := func(d pay.Discrepancy) error {
		d.Tenant = t
		f.stands[finding{d.Reference, d.What}] = true
		return c.differ(ctx, d, "difference")
	}
	if err := c.sweepAttempts(ctx, t, note); err != nil {
		return err
	}
	if err := c.sweepRefunds(ctx, t, note); err != nil {
		return err
	}
	late, err := c.store.Overdue(ctx, t, due.Add(-overdue), scanBatch)
	if err != nil {
		return err
	}
	for _, o := range late {
		if err := note(leftOver(o)); err != nil {
			return err
		}
	}
	if len(late) == scanBatch {
		return nil // there may be more: nothing can be called gone
	}
	return c.settled(ctx, t, store.DifferenceFilter{What: []string{pay.DiffOperation, pay.DiffAttempt}}, f.gone)
}

func (c *Core) sweepAttempts(ctx context.Context, t pay.Tenant, note func(pay.Discrepancy) error) error {
	for after := pay.AttemptID(""); ; {
		list, err := c.store.Unsettled(ctx, t, after, scanBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, u := range list {
			after = u.ID
			for _, d := range unsettled(u, c.store.Now()) {
				if err := note(d); err != nil {
					return err
				}
			}
		}
	}
}

// unsettled is what is wrong with an attempt that is not over.
func unsettled(u store.Unsettled, now time.Time) (list []pay.Discrepancy) {
	about := pay.Discrepancy{Processor: u.Processor, Link: u.Link}
	for i, op := range u.Left {
		if u.Kinds[i] == pay.OpRefund {
			continue // sweepRefunds has it
		}
		d := about
		d.Reference, d.What, d.Ours = string(op), pay.DiffOperation, "a "+string(u.Kinds[i])+" without an answer, of an attempt that is "+string(u.State)
		list = append(list, d)
	}
	stalled := u.State == pay.AttemptCreated || u.State == pay.AttemptProcessing || u.State == pay.AttemptUnknown
	if stalled && u.Asked == 0 && len(list) == 0 && now.Sub(u.UpdatedAt) >= quiet {
		about.Reference, about.What, about.Ours = string(u.ID), pay.DiffAttempt, "an attempt that is "+string(u.State)+" and has no operation to end it"
		list = append(list, about)
	}
	return list
}

func (c *Core) sweepRefunds(ctx context.Context, t pay.Tenant, note func(pay.Discrepancy) error) error {
	for after := pay.OperationID(""); ; {
		list, err := c.store.Unreturned(ctx, t, c.store.Now().Add(-queryFor), after, scanBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, o := range list {
			after = o.ID
			o.Due = time.Time{} // it is asked about once a day: the same difference all the time
			if err := note(leftOver(o)); err != nil {
				return err
			}
		}
	}
}

func leftOver(o store.LeftOperation) pay.Discrepancy {
	d := pay.Discrepancy{Processor: o.Processor, Reference: string(o.ID), What: pay.DiffOperation, Link: o.Link}
	if d.Ours = "a " + string(o.Kind) + " of " + o.Amount.String() + " without an answer"; !o.Due.IsZero() {
		d.Ours = "a " + string(o.Kind) + " of " + o.Amount.String() + " that is " + string(o.State) + " and was to be run at " + o.Due.Format(time.RFC3339)
	}
	return d
}
