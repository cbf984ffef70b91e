package core

import (
	"context"
	"errors"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// DifferenceFilter chooses differences; zero members do not filter.
type DifferenceFilter struct {
	Open, Closed bool
	After        string
	Limit        int
}

// Differences lists what does not agree at the tenant, oldest first.
// Errors: Invalid (cursor).
func (c *Core) Differences(ctx context.Context, who pay.Caller, f DifferenceFilter) (list []pay.Discrepancy, next string, err error) {
	_, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Differences(ctx, who.Tenant, store.DifferenceFilter{Open: f.Open, Closed: f.Closed, After: pay.DiscrepancyID(ids[0]), Limit: size + 1})
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].FoundAt, string(list[size-1].ID))
	}
	return list, next, err
}

// CloseDifference ends a difference with the caller's reason; a link that it
// barred takes payments again. The same reason again changes nothing.
// Errors: pay.ErrNotFound, invalid_state, Invalid (reason).
func (c *Core) CloseDifference(ctx context.Context, who pay.Caller, id pay.DiscrepancyID, reason string) (d pay.Discrepancy, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if d, err = tx.Difference(ctx, who.Tenant, id); err != nil {
			return err
		}
		if d.ClosedBy == who.Actor() && d.Reason == reason {
			return nil
		}
		if err := d.Close(tx.Now(), who.Actor(), reason); err != nil {
			return err
		}
		return tx.CloseDifference(ctx, d)
	})
	return d, err
}

// differ notes what does not agree. It alarms when that is news.
func (c *Core) differ(ctx context.Context, d pay.Discrepancy, alarm string) error {
	opened := false
	err := c.store.InTx(ctx, func(tx *store.Tx) (err error) {
		d.ID, d.FoundAt = pay.DiscrepancyID(pay.NewID("dif", tx.Now())), tx.Now()
		opened, err = tx.OpenDifference(ctx, d)
		return err
	})
	if err == nil && opened {
		c.metrics.Alarm(alarm)
		c.log.Error("a difference was found", "alarm", alarm, "merchant", d.Merchant, "mode", d.Mode, "difference", d.ID, "processor", d.Processor,
			"reference", d.Reference, "link", d.Link, "what", d.What, "ours", d.Ours, "theirs", d.Theirs)
	}
	return err
}

// settled closes by rule the open differences of which gone says so. It is for
// the end of a comparison that went through.
func (c *Core) settled(ctx context.Context, t pay.Tenant, f store.DifferenceFilter, gone func(pay.Discrepancy) bool) error {
	f.Open, f.Limit = true, scanBatch
	for {
		list, err := c.store.Differences(ctx, t, f)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, d := range list {
			f.After = d.ID
			if !gone(d) {
				continue
			}
			err := c.store.InTx(ctx, func(tx *store.Tx) error {
				d.ClosedAt, d.ClosedBy, d.Reason = tx.Now(), pay.ClosedByRule, "it is found no more"
				return tx.CloseDifference(ctx, d)
			})
			if err != nil && !errors.Is(err, pay.ErrLinkChanged) { // a person was first
				return err
			}
		}
	}
}

// findings are what one comparison has found, and of what it could not tell.
type findings struct {
	stands map[finding]bool
	unsure map[string]bool // references of what is still in motion
}

type finding struct{ reference, what string }

func newFindings() findings { return findings{map[finding]bool{}, map[string]bool{}} }

// gone reports that d was looked for and not found.
func (f findings) gone(d pay.Discrepancy) bool {
	return !f.stands[finding{d.Reference, d.What}] && !f.unsure[d.Reference]
}
