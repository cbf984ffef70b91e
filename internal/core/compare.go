package core

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

const (
	listTimeout  = time.Minute // of one page of a processor's list
	compareBatch = 200         // charges that are looked up together
)

// compare holds each processor's list of a tenant's payments against our
// attempts, and our attempts against the list (P6).
func (c *Core) compare(ctx context.Context, t pay.Tenant) error {
	var errs []error
	for _, d := range c.processors { // one that does not answer keeps no other back
		if err := c.compareList(ctx, t, d); err != nil {
			errs = append(errs, fmt.Errorf("comparing with %s: %w", d.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// comparison is one list being compared. seen has a hash of each attempt that
// is on it: eight bytes and not the id, for there may be millions.
type comparison struct {
	core      *Core
	tenant    pay.Tenant
	processor string
	seed      maphash.Seed
	seen      map[uint64]struct{}
	findings
}

func (c *Core) compareList(ctx context.Context, t pay.Tenant, d processor.Driver) error {
	p := comparison{core: c, tenant: t, processor: d.Name(), seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}, findings: newFindings()}
	for after := ""; ; {
		asked := c.store.Now()
		list, next, err := chargePage(ctx, d, t, after)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(list, compareBatch) {
			if err := p.charges(ctx, batch, asked.Add(-quiet)); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
		if next == after {
			return fmt.Errorf("the list does not go on after %q", after)
		}
		after = next
	}
	if err := p.missing(ctx, c.store.Now().Add(-quiet)); err != nil {
		return err
	}
	return c.settled(ctx, t, store.DifferenceFilter{Processor: d.Name(), What: listed}, p.gone)
}

// listed is what a comparison of lists can find.
var listed = []string{pay.DiffCharge, pay.DiffMissing, pay.DiffCurrency, pay.DiffAmount, pay.DiffHeld, pay.DiffCaptured, pay.DiffRefunded, pay.DiffDisputed}

func chargePage(ctx context.Context, d processor.Driver, t pay.Tenant, after string) ([]processor.Charge, string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return d.Charges(ctx, t, after)
}

func (p *comparison) note(ctx context.Context, d pay.Discrepancy) error {
	d.Tenant, d.Processor = p.tenant, p.processor
	p.stands[finding{d.Reference, d.What}] = true
	return p.core.differ(ctx, d, "difference")
}

// charges compares a part of the list. What changed after before, on either
// side, or is being asked about is left for another day.
func (p *comparison) charges(ctx context.Context, list []processor.Charge, before time.Time) error {
	refs, keys := []string{}, []pay.OperationID{}
	for _, ch := range list {
		refs = append(refs, ch.Reference)
		if ch.Key != "" {
			keys = append(keys, ch.Key)
		}
	}
	byRef, err := p.core.store.ChargedByRef(ctx, p.tenant, p.processor, refs)
	if err != nil {
		return err
	}
	byKey, err := p.core.store.ChargedByOperation(ctx, p.tenant, keys)
	if err != nil {
		return err
	}
	for _, ch := range list {
		ours, known := byRef[ch.Reference]
		if !known {
			ours, known = byKey[ch.Key]
			known = known && ours.ProcessorRef == "" // else this is a second payment for one operation
		}
		if known {
			p.seen[maphash.String(p.seed, string(ours.ID))] = struct{}{}
		}
		if ch.At.After(before) || known && moving(ours, before) {
			p.unsure[ch.Reference] = true
			continue
		}
		for _, d := range differing(ours, known, ch) {
			d.Reference, d.Link = ch.Reference, ours.Link
			if err := p.note(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// moving reports that an attempt cannot be compared now. One in review is a
// person's already.
func moving(a store.Charged, before time.Time) bool {
	return a.Asked || a.UpdatedAt.After(before) || a.State == pay.AttemptReview
}

// differing is what a charge says otherwise than our attempt.
func differing(a store.Charged, known bool, ch processor.Charge) (list []pay.Discrepancy) {
	if !known {
		if ch.Held > 0 || ch.Captured > 0 {
			list = append(list, pay.Discrepancy{What: pay.DiffCharge, Theirs: "held " + money(ch.Held, ch.Currency) + ", captured " + money(ch.Captured, ch.Currency) + ", refunded " + money(ch.Refunded, ch.Currency)})
		}
		return list
	}
	if ch.Currency != a.Currency {
		return []pay.Discrepancy{{What: pay.DiffCurrency, Ours: string(a.Currency), Theirs: string(ch.Currency)}}
	}
	held := int64(0)
	if a.State == pay.AttemptAuthorized {
		held = a.Authorized - a.Captured
	}
	for _, f := range []struct {
		what         string
		ours, theirs int64
	}{
		{pay.DiffAmount, a.Requested, ch.Amount}, {pay.DiffHeld, held, ch.Held},
		{pay.DiffCaptured, a.Captured, ch.Captured}, {pay.DiffRefunded, a.Refunded, ch.Refunded},
		{pay.DiffDisputed, a.Disputed, ch.Disputed},
	} {
		if f.ours != f.theirs {
			list = append(list, pay.Discrepancy{What: f.what, Ours: money(f.ours, a.Currency), Theirs: money(f.theirs, ch.Currency)})
		}
	}
	return list
}

func money(minor int64, c pay.Currency) string { return pay.Money{Minor: minor, Currency: c}.String() }

// missing looks for attempts whose money we count and that were on no page.
func (p *comparison) missing(ctx context.Context, before time.Time) error {
	for after := pay.AttemptID(""); ; {
		list, err := p.core.store.Taken(ctx, p.tenant, p.processor, after, compareBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, a := range list {
			after = a.ID
			if _, seen := p.seen[maphash.String(p.seed, string(a.ID))]; seen {
				continue
			}
			d := pay.Discrepancy{What: pay.DiffMissing, Reference: a.ProcessorRef, Link: a.Link}
			if d.Reference == "" {
				d.Reference = string(a.ID)
			}
			if moving(a, before) {
				p.unsure[d.Reference] = true
				continue
			}
			d.Ours = string(a.State) + ", captured " + money(a.Captured, a.Currency) + ", refunded " + money(a.Refunded, a.Currency)
			if err := p.note(ctx, d); err != nil {
				return err
			}
		}
	}
}
