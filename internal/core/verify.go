package core

import (
	"context"
	"errors"
	"fmt"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// VerifyReport counts what was proven.
type VerifyReport struct {
	Merchants int64 `json:"merchants"` // one in both modes counts twice
	store.Counts
}

// Breach is stored data that breaks a rule of docs/invariants.md.
type Breach struct {
	Rule string `json:"rule"` // "M11"
	Row  string `json:"row"`
	What string `json:"what"` // with the figures
}

func (b *Breach) Error() string { return b.Rule + " is broken: " + b.Row + ": " + b.What }

// endpointSettles is how long after an endpoint was made, in microseconds, an
// event may have been written by someone who could not see it yet.
const endpointSettles = 10_000_000

// Verify proves every rule marked [CK] on the stored data of all tenants, as
// it was at one moment. progress hears of the events done, of how many.
// Errors: *Breach, the first that was found.
func (c *Core) Verify(ctx context.Context, progress func(done, total int64)) (report VerifyReport, err error) {
	return c.verify(ctx, progress, func(_ pay.Tenant, _ pay.LinkID, b *Breach) error { return b })
}

// verify goes on after a breach as long as found, which hears of each with the
// tenant and link it is of where there are any, returns nil. Of one link it
// finds one breach.
func (c *Core) verify(ctx context.Context, progress func(done, total int64), found func(pay.Tenant, pay.LinkID, *Breach) error) (report VerifyReport, err error) {
	err = c.store.InSnapshot(ctx, func(s *store.Snapshot) error {
		v := verifier{snapshot: s, progress: progress, found: found}
		if v.total, err = s.Counts(ctx); err != nil {
			return err
		}
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if err := v.tenant(ctx, t); err != nil {
				return err
			}
		}
		if err := v.on(pay.Tenant{}, "", v.nothingElse(ctx)); err != nil {
			return err
		}
		report = VerifyReport{Merchants: int64(len(tenants)), Counts: v.total}
		return nil
	})
	return report, err
}

type verifier struct {
	snapshot *store.Snapshot
	progress func(done, total int64)
	total    store.Counts
	seen     store.Counts // of the tenants before
	found    func(pay.Tenant, pay.LinkID, *Breach) error
}

// on hands a breach to found; other errors end the proof.
func (v *verifier) on(t pay.Tenant, link pay.LinkID, err error) error {
	var breach *Breach
	if errors.As(err, &breach) {
		return v.found(t, link, breach)
	}
	return err
}

func (v *verifier) tenant(ctx context.Context, t pay.Tenant) error {
	walk := v.snapshot.Walk(t)
	if err := v.on(t, "", v.lone(ctx, walk, t)); err != nil {
		return err
	}
	if err := walk.Pass(ctx, ""); err != nil {
		return err
	}
	for {
		links, err := walk.NextLinks(ctx)
		if err != nil {
			return err
		}
		if len(links) == 0 {
			break
		}
		if err := v.tokens(ctx, links); err != nil {
			return err
		}
		for _, l := range links {
			if err := v.on(t, l.Link.ID, v.link(ctx, walk, l)); err != nil {
				return err
			}
			if err := walk.Pass(ctx, l.Link.ID); err != nil {
				return err
			}
		}
		v.progress(v.seen.Events+walk.Seen().Events, v.total.Events)
	}
	if table, link, err := walk.Stray(ctx); err != nil {
		return err
	} else if link != "" {
		if err := v.on(t, link, &Breach{strayRule[table], row(t, string(link)), "has rows in " + table + ", but there is no such link"}); err != nil {
			return err
		}
	}
	n := walk.Seen()
	v.seen.Links, v.seen.Events, v.seen.Payments = v.seen.Links+n.Links, v.seen.Events+n.Events, v.seen.Payments+n.Payments
	v.seen.Attempts, v.seen.Entries = v.seen.Attempts+n.Attempts, v.seen.Entries+n.Entries
	v.seen.Lines += n.Lines
	v.seen.Disputes, v.seen.Payouts = v.seen.Disputes+n.Disputes, v.seen.Payouts+n.Payouts
	if err := v.on(t, "", v.paid(ctx, t)); err != nil {
		return err
	}
	return v.deliveries(ctx, t)
}

// strayRule is the rule that a row without a link breaks.
var strayRule = map[string]string{"events": "E2", "payments": "E5", "attempts": "E5", "entries": "M9", "settlements": "M10", "payouts": "M10", "disputes": "E5", "links": "E5"}

// row names a row for a person.
func row(t pay.Tenant, names ...string) string {
	text := "merchant " + string(t.Merchant) + " (" + string(t.Mode) + ")"
	for i, n := range names {
		text += []string{" link ", " "}[min(i, 1)] + n
	}
	return text
}

// lone proves what of the ledger and the settlements belongs to no link.
func (v *verifier) lone(ctx context.Context, walk *store.Walk, t pay.Tenant) error {
	p := newLinkProof(store.StoredLink{Link: pay.Link{Tenant: t}})
	if err := walk.Entries(ctx, "", p.entry); err != nil {
		return err
	}
	if err := p.endMovement(); err != nil {
		return err
	}
	if err := walk.Lines(ctx, "", p.line); err != nil {
		return err
	}
	if err := walk.Payouts(ctx, "", p.payout); err != nil {
		return err
	}
	if err := p.everyPayout(); err != nil {
		return err
	}
	return p.everyLine()
}

// link proves one link with all that hangs off it.
func (v *verifier) link(ctx context.Context, walk *store.Walk, l store.StoredLink) error {
	p := newLinkProof(l)
	if err := p.rows(ctx, walk); err != nil {
		return err
	}
	for _, id := range p.surplusRefunds {
		ops, err := v.snapshot.OperationsOf(ctx, l.Link.Tenant, p.refunds[id].Attempt)
		if err != nil {
			return err
		}
		found := false
		for _, o := range ops {
			found = found || o.Refund == id
		}
		if !found {
			return p.breach("5.6", "no operation returns the surplus of refund %s", id)
		}
	}
	return nil
}

// tokens proves that each payer's token finds its link and nothing else.
func (v *verifier) tokens(ctx context.Context, links []store.StoredLink) error {
	hashes := make([]string, len(links))
	for i, l := range links {
		hashes[i] = auth.LookupHash("token", l.Link.Token)
	}
	found, err := v.snapshot.TokensOf(ctx, hashes)
	if err != nil {
		return err
	}
	for i, l := range links {
		want := store.LinkName{Tenant: l.Link.Tenant, ID: l.Link.ID}
		if have := found[hashes[i]]; len(have) != 1 || have[0] != want {
			err := v.on(want.Tenant, want.ID, &Breach{"locators", row(want.Tenant, string(want.ID)), fmt.Sprintf("its token finds %d links, and should find this one", len(have))})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) deliveries(ctx context.Context, t pay.Tenant) error {
	f, found, err := v.snapshot.Undelivered(ctx, t, endpointSettles)
	if err != nil {
		return err
	}
	if found {
		err := v.on(t, f.Link, &Breach{"W1", row(f.Tenant, string(f.Link)), fmt.Sprintf("event %d has no delivery to endpoint %s", f.Seq, f.Ref)})
		if err != nil {
			return err
		}
	}
	f, found, err = v.snapshot.StrayDelivery(ctx, t)
	if err == nil && found {
		err = v.on(t, f.Link, &Breach{"W1", row(f.Tenant, string(f.Link)), fmt.Sprintf("a delivery is of event %s at place %d, which is not there", f.Ref, f.Seq)})
	}
	return err
}

// nothingElse proves that no row was left out because its tenant, or what it
// points to, is not there.
func (v *verifier) nothingElse(ctx context.Context) error {
	f, found, err := v.snapshot.StrayLocator(ctx)
	if err != nil {
		return err
	}
	if found {
		return &Breach{"locators", row(f.Tenant), "the locator " + f.Ref + " leads nowhere"}
	}
	for _, n := range []struct {
		table      string
		have, seen int64
	}{
		{"links", v.total.Links, v.seen.Links}, {"events", v.total.Events, v.seen.Events}, {"payments", v.total.Payments, v.seen.Payments},
		{"attempts", v.total.Attempts, v.seen.Attempts}, {"entries", v.total.Entries, v.seen.Entries},
		{"settlements", v.total.Lines, v.seen.Lines}, {"disputes", v.total.Disputes, v.seen.Disputes}, {"payouts", v.total.Payouts, v.seen.Payouts},
	} {
		if n.have != n.seen {
			return &Breach{strayRule[n.table], "table " + n.table, fmt.Sprintf("%d of %d rows belong to no merchant", n.have-n.seen, n.have)}
		}
	}
	return nil
}
