package store_test

import (
	"errors"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// What is found again is a new difference, unless it is open still, or a person
// has closed the very same with the same figures (P6).
func TestDifferenceOpensAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		base := pay.Discrepancy{
			Tenant: tenant, Processor: "sandbox", Reference: "ref_1", What: pay.DiffCaptured, Link: "L", Ours: "1.00 USD", Theirs: "2.00 USD", FoundAt: s.Now(),
		}
		find := func(with func(d *pay.Discrepancy)) (pay.Discrepancy, bool) {
			t.Helper()
			d, opened := base, false
			with(&d)
			d.ID = pay.DiscrepancyID(pay.NewID("dif", s.Now()))
			err := s.InTx(ctx, func(tx *store.Tx) (err error) {
				opened, err = tx.OpenDifference(ctx, d)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return d, opened
		}
		end := func(d pay.Discrepancy, by string) error {
			return s.InTx(ctx, func(tx *store.Tx) error {
				d.ClosedAt, d.ClosedBy, d.Reason = tx.Now(), by, "why"
				return tx.CloseDifference(ctx, d)
			})
		}
		same := func(*pay.Discrepancy) {}
		for _, by := range []string{pay.ClosedByRule, pay.ClosedByRule, "operator"} {
			d, opened := find(same)
			if _, again := find(same); !opened || again {
				t.Fatalf("before %s: opened %v, again %v", by, opened, again)
			}
			if err := end(d, by); err != nil {
				t.Fatal(err)
			}
			if err := end(d, "late"); !errors.Is(err, pay.ErrLinkChanged) {
				t.Errorf("closed twice: %v", err)
			}
		}
		if _, opened := find(same); opened {
			t.Error("what a person closed is open again")
		}
		for name, with := range map[string]func(d *pay.Discrepancy){
			"merchant": func(d *pay.Discrepancy) { d.Merchant = "another" }, "mode": func(d *pay.Discrepancy) { d.Mode = pay.Live },
			"processor": func(d *pay.Discrepancy) { d.Processor = "another" }, "reference": func(d *pay.Discrepancy) { d.Reference = "ref_2" },
			"what": func(d *pay.Discrepancy) { d.What = pay.DiffRefunded }, "ours": func(d *pay.Discrepancy) { d.Ours = "1.01 USD" },
			"theirs": func(d *pay.Discrepancy) { d.Theirs = "2.01 USD" },
		} {
			d, opened := find(with)
			if !opened {
				t.Errorf("another %s is not opened", name)
				continue
			}
			if err := end(d, "operator"); err != nil {
				t.Errorf("another %s: %v", name, err)
			}
		}
	})
}

// Only broken data bars a link, its own, and only until that is closed (V2).
func TestBarred(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		want := func(link pay.LinkID, want bool) {
			t.Helper()
			if barred, err := s.Barred(ctx, tenant, link); err != nil || barred != want {
				t.Errorf("%s is barred: %v %v", link, barred, err)
			}
		}
		open := func(d pay.Discrepancy) pay.Discrepancy {
			t.Helper()
			d.Tenant, d.ID, d.What = tenant, pay.DiscrepancyID(pay.NewID("dif", s.Now())), "M11"
			err := s.InTx(ctx, func(tx *store.Tx) error {
				_, err := tx.OpenDifference(ctx, d)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		open(pay.Discrepancy{Processor: "sandbox", Link: "A"})
		want("A", false)
		d := open(pay.Discrepancy{Processor: pay.Verifier, Link: "A"})
		want("A", true)
		want("B", false)
		err := s.InTx(ctx, func(tx *store.Tx) error {
			d.ClosedAt, d.ClosedBy, d.Reason = tx.Now(), "operator", "mended"
			return tx.CloseDifference(ctx, d)
		})
		if err != nil {
			t.Fatal(err)
		}
		want("A", false)
	})
}
