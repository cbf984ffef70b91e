package core

import (
	"cmp"
	"context"
	"errors"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// maxBreaches is how many breaches one proof takes down: where there are more,
// something is wrong with the whole database.
const maxBreaches = 1000

// Prove is Verify for a running installation (V2): it goes on after a breach,
// and notes each as a difference at once. A link of which one is open takes no
// new attempts until a person has closed it; the note is a row of its own, so
// that it neither needs the broken rows nor writes over them. Where a breach
// is noted already there is no new alarm. What is of no link and found no more
// is closed by rule. It returns how many breaches there are.
func (c *Core) Prove(ctx context.Context) (breaches int, err error) {
	f := newFindings()
	var errs []error
	_, err = c.verify(ctx, func(int64, int64) {}, func(t pay.Tenant, link pay.LinkID, b *Breach) error {
		d := pay.Discrepancy{Tenant: t, Processor: pay.Verifier, Reference: cmp.Or(string(link), b.Row), What: b.Rule, Link: link, Ours: b.What}
		f.stands[finding{d.Reference, d.What}] = true
		errs = append(errs, c.differ(ctx, d, "breach"))
		if breaches++; breaches == maxBreaches {
			return b
		}
		return nil
	})
	if err = errors.Join(append(errs, err)...); err != nil {
		return breaches, err
	}
	tenants, err := c.store.Tenants(ctx)
	for _, t := range append(tenants, pay.Tenant{}) {
		err := c.settled(ctx, t, store.DifferenceFilter{Processor: pay.Verifier}, func(d pay.Discrepancy) bool { return d.Link == "" && f.gone(d) })
		if err != nil {
			return breaches, err
		}
	}
	return breaches, err
}
