package app

import (
	"context"

	"paylink/internal/pay"
)

// charge is a payment as the processor's own journal has it; minor units.
type charge struct {
	taken, returned int64
	held, ended     bool // ended: what was held was taken or released
}

func (c charge) kept() int64 { return c.taken - c.returned }

// journal is all that the processor did, by its name of each charge, and which
// of our calls was about which charge.
func (a *arena) journal() (charges map[string]*charge, of map[pay.OperationID]string) {
	a.t.Helper()
	lines, err := a.nodes[0].Store.SandboxLines(context.Background(), raceTenant)
	if err != nil {
		a.t.Fatal(err)
	}
	charges, of = map[string]*charge{}, map[pay.OperationID]string{}
	for _, line := range lines {
		of[line.Key] = line.Ref
		c := charges[line.Ref]
		if c == nil {
			c = &charge{}
			charges[line.Ref] = c
		}
		if line.Result != "succeeded" {
			continue
		}
		switch line.Kind {
		case string(pay.OpSale), "decide":
			c.taken += line.Amount
		case string(pay.OpCapture):
			c.taken += line.Amount
			c.ended = true
		case string(pay.OpAuthorize):
			c.held = true
		case string(pay.OpVoid):
			c.ended = true
		case string(pay.OpRefund):
			c.returned += line.Amount
		}
	}
	return charges, of
}

// ending is a link after its race: as the API shows it, as the database has it,
// and what the processor has of it.
type ending struct {
	id      pay.LinkID
	seen    linkSeen
	tab     pay.Tab
	charges []charge
}

// keeps are the charges of which the processor keeps money.
func (e ending) keeps() (list []int64) {
	for _, c := range e.charges {
		if c.kept() != 0 {
			list = append(list, c.kept())
		}
	}
	return list
}

// in are the payments in a state.
func (e ending) in(s pay.PaymentState) (list []pay.Payment) {
	for _, p := range e.tab.Payments {
		if p.State == s {
			list = append(list, p)
		}
	}
	return list
}

// endings waits until nothing is under way on the links and reads how each
// ended. The three must tell the same, and the processor nothing of charges
// that belong to no link: links are all there are.
func (a *arena) endings(links []pay.LinkID) (list []ending) {
	a.t.Helper()
	for _, id := range links {
		eventually(a.t, "an end of all that is under way on a link", func() bool { return ended(a.tab(id)) })
	}
	charges, of := a.journal()
	for i, id := range links {
		e := ending{id: id, seen: a.see(i, id), tab: a.tab(id)}
		for _, p := range e.tab.Payments {
			for _, ref := range a.refs(p, of) {
				e.charges = append(e.charges, *charges[ref])
				delete(charges, ref)
			}
		}
		a.compare(e)
		list = append(list, e)
	}
	for ref, c := range charges {
		if c.kept() != 0 || c.held && !c.ended {
			a.t.Errorf("the processor has %+v as %s, and no link knows of it", *c, ref)
		}
	}
	return list
}

func (a *arena) tab(id pay.LinkID) pay.Tab {
	a.t.Helper()
	tab, err := a.nodes[0].Store.Tab(context.Background(), raceTenant, id)
	if err != nil {
		a.t.Fatal(err)
	}
	return tab
}

// refs are the charges that the operations of a payment were about.
func (a *arena) refs(p pay.Payment, of map[pay.OperationID]string) (list []string) {
	a.t.Helper()
	seen := map[string]bool{"": true}
	for _, at := range p.Attempts {
		ops, err := a.nodes[0].Store.OperationsOf(context.Background(), raceTenant, at.ID)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, o := range ops {
			if ref := of[o.ID]; !seen[ref] {
				seen[ref] = true
				list = append(list, ref)
			}
		}
	}
	return list
}

// ended reports that no attempt and no refund of the link is under way. A hold
// on a link that is still open waits for its merchant, not for us.
func ended(tab pay.Tab) bool {
	for _, p := range tab.Payments {
		for _, at := range p.Attempts {
			if at.State.Live() && (at.State != pay.AttemptAuthorized || tab.Link.State == pay.LinkCanceled) || at.Refunding != 0 {
				return false
			}
		}
	}
	return true
}

// compare holds API, database and journal against each other.
func (a *arena) compare(e ending) {
	a.t.Helper()
	var api, stored, journal, applied int64
	for _, p := range e.seen.Payments {
		api += p.Captured - p.Refunded
		if p.State == pay.PaymentApplied {
			applied += p.Captured
		}
	}
	for _, p := range e.tab.Payments {
		for _, at := range p.Attempts {
			stored += at.Captured - at.Refunded
		}
	}
	for _, c := range e.charges {
		journal += c.kept()
	}
	if api != journal || stored != journal {
		a.t.Errorf("link %s: the processor keeps %d, the database says %d and the API %d", e.id, journal, stored, api)
	}
	if l := e.tab.Link; l.Applied != applied || e.seen.AmountPaid != applied || e.seen.State != l.State || e.seen.UseCount != l.UseCount || len(e.seen.Payments) != len(e.tab.Payments) {
		a.t.Errorf("link %s: the API shows %+v, the database has %s with %d applied in %d uses", e.id, e.seen, l.State, l.Applied, l.UseCount)
	}
}
