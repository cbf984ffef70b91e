package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// result is what a run came to.
type result struct {
	counts      []count
	differences []string
}

type count struct {
	what string
	n    int
}

func (r *result) count(what string, n int) { r.counts = append(r.counts, count{what, n}) }

func (r *result) differ(format string, args ...any) {
	r.differences = append(r.differences, fmt.Sprintf(format, args...))
}

func (r *result) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range r.counts {
		fmt.Fprintf(table, "%d\t  %s\n", c.n, c.what)
	}
	table.Flush() // a terminal that is gone needs no table
}

// books are all that is kept of the tenant.
type books struct {
	tabs   map[pay.LinkID]pay.Tab // with Events of the whole life
	feed   []pay.Event
	lines  []processor.SandboxLine
	states map[string]processor.SandboxState // of the processor's payments
	byName map[string][]pay.LinkID           // reference, which is the idempotency key
}

// readBooks reads everything.
func readBooks(ctx context.Context, st *store.Store) (b books, err error) {
	b = books{tabs: map[pay.LinkID]pay.Tab{}, byName: map[string][]pay.LinkID{}, states: map[string]processor.SandboxState{}}
	const page = 500
	for f := (store.LinkFilter{Limit: page}); ; {
		links, err := st.Links(ctx, tenant, time.Now(), f)
		if err != nil {
			return b, err
		}
		for _, l := range links {
			tab, err := st.Tab(ctx, tenant, l.ID)
			if err != nil {
				return b, err
			}
			if tab.Events, err = st.LinkEvents(ctx, tenant, l.ID); err != nil {
				return b, err
			}
			b.tabs[l.ID] = tab
			b.byName[l.Reference] = append(b.byName[l.Reference], l.ID)
			f.BeforeTime, f.BeforeID = l.CreatedAt, string(l.ID)
		}
		if len(links) < page {
			break
		}
	}
	for position := int64(0); ; position = b.feed[len(b.feed)-1].Position {
		events, err := st.Feed(ctx, tenant, position, page)
		if err != nil {
			return b, err
		}
		b.feed = append(b.feed, events...)
		if len(events) < page {
			break
		}
	}
	if b.lines, err = st.SandboxLines(ctx, tenant); err != nil {
		return b, err
	}
	for _, line := range b.lines {
		if _, known := b.states[line.Ref]; known {
			continue
		}
		p, _, err := (store.Sandbox{Store: st}).Payment(ctx, tenant, line.Ref)
		if err != nil {
			return b, err
		}
		b.states[line.Ref] = p.State
	}
	return b, nil
}

// compare holds what callers, payers, the processor and the merchant's server
// know against what is kept.
func compare(ctx context.Context, c *cluster, l *load, s *sink) (r result, err error) {
	a, err := c.open(ctx)
	if err != nil {
		return r, err
	}
	defer a.Stop(ctx) // nothing runs in it
	b, err := readBooks(ctx, a.Store)
	if err != nil {
		return r, fmt.Errorf("reading what is kept: %w", err)
	}
	r.count("requests", int(l.requests.Load()))
	r.count("acknowledged", int(l.acknowledged.Load()))
	r.count("answers lost", int(l.lost.Load()))
	r.count("told to come again", int(l.busy.Load()))
	r.differences = append(l.wrong, s.wrong...)
	r.answers(b, l.facts)
	r.money(b)
	r.events(b)
	r.webhooks(b, s)
	return r, nil
}

// answers: what was acknowledged is kept as it was said, and no key made two links.
func (r *result) answers(b books, facts []*fact) {
	known := map[string]bool{}
	for _, f := range facts {
		known[f.key] = true
		if n := len(b.byName[f.key]); n > 1 {
			r.differ("key %s made %d links: %v", f.key, n, b.byName[f.key])
		}
		if f.id != "" {
			r.answer(b, f)
		}
	}
	for name, ids := range b.byName {
		if !known[name] {
			r.differ("links %v with reference %q were never asked for", ids, name)
		}
	}
	paid := 0
	for _, tab := range b.tabs {
		if tab.Link.Applied > 0 {
			paid++
		}
	}
	r.count("links", len(b.tabs))
	r.count("paid links", paid)
}

func (r *result) answer(b books, f *fact) {
	tab, ok := b.tabs[f.id]
	if !ok {
		r.differ("link %s was acknowledged and is not kept", f.id)
		return
	}
	back := int64(0)
	for _, p := range tab.Payments {
		for _, refund := range p.Refunds {
			if !refund.Surplus {
				back += refund.Amount
			}
			if refund.State != pay.RefundSucceeded && !returned(p, refund) {
				r.differ("refund %s of payment %s was left %s", refund.ID, p.ID, refund.State)
			}
		}
	}
	r.verdicts(tab, f)
	if back != f.refunded {
		r.differ("refunds of %d were acknowledged for link %s; %d was given back", f.refunded, f.id, back)
	}
	if l := tab.Link; l.Reference != f.key || l.Price.Amount != f.amount || l.Token != f.token || l.Use.Manual != f.manual {
		r.differ("link %s is not kept as it was acknowledged", f.id)
	}
	if f.canceled && tab.Link.State != pay.LinkCanceled {
		r.differ("link %s was acknowledged as canceled and is %s", f.id, tab.Link.State)
	}
	if f.paid && tab.Link.Applied != f.amount {
		r.differ("a payer was told that link %s is paid; %d of %d is applied", f.id, tab.Link.Applied, f.amount)
	}
	payments := map[pay.PaymentID]pay.Payment{}
	for _, p := range tab.Payments {
		payments[p.ID] = p
	}
	for _, id := range f.payments {
		if _, ok := payments[id]; !ok {
			r.differ("payment %s of link %s was acknowledged and is not kept", id, f.id)
		}
	}
	// A cancel may come before a capture that was acknowledged and is under way.
	if p := payments[f.taken]; f.taken != "" && p.Captured() != f.captured && !(f.canceled && p.Captured() < f.captured) {
		r.differ("the capture of %d of payment %s was acknowledged; %d is captured", f.captured, f.taken, p.Captured())
	}
	if p := payments[f.voided]; f.voided != "" && !released(p, f) {
		r.differ("the void of payment %s was acknowledged, and it is %s", f.voided, p.State)
	}
}

// released reports whether nothing of p is held any more: its authorization was
// voided, or, where a part was captured, ended with that.
func released(p pay.Payment, f *fact) bool {
	a := p.Last()
	return a != nil && (a.State == pay.AttemptVoided || a.State == pay.AttemptCaptured && f.captured > 0)
}

// charge is a payment as the processor's journal has it; minor units.
type charge struct {
	kind               pay.OperationKind // that began it
	amount             int64
	held               bool
	captured, refunded int64
	disputed           int64         // and not won
	attempt            pay.AttemptID // that claims it
}

// charges adds up the journal, in any order: two servers' clocks may part by
// milliseconds, so a capture may seem older than its authorization.
func charges(b books) map[string]*charge {
	all := map[string]*charge{}
	for _, line := range b.lines {
		if kind := pay.OperationKind(line.Kind); kind == pay.OpSale || kind == pay.OpAuthorize {
			all[line.Ref] = &charge{kind: kind, amount: line.Amount, held: b.states[line.Ref] == processor.SandboxAuthorized}
		}
	}
	for _, line := range b.lines {
		c := all[line.Ref]
		if c == nil || line.Result != "succeeded" {
			continue
		}
		switch line.Kind {
		case "dispute":
			c.disputed += line.Amount
		case "dispute_won":
			c.disputed -= line.Amount
		}
		kind := pay.OperationKind(line.Kind)
		if line.Kind == "decide" {
			kind = c.kind
		}
		switch kind {
		case pay.OpSale, pay.OpCapture:
			c.captured += line.Amount
		case pay.OpRefund:
			c.refunded += line.Amount
		}
	}
	return all
}

// money: the processor's journal and our books say the same of every charge,
// nothing is left half-way, and no link keeps two.
func (r *result) money(b books) {
	journal := charges(b)
	payments, refunds, surplus, disputes := 0, 0, 0, 0
	for _, tab := range b.tabs {
		kept, sum, back := 0, int64(0), int64(0)
		for _, p := range tab.Payments {
			payments++
			disputes += len(p.Disputes)
			for _, a := range p.Attempts {
				c := r.attempt(journal, tab.Link, a)
				left := c.captured - c.refunded
				if a.Shares == nil {
					left -= c.disputed // surplus that a dispute took does not go back
				}
				if left > 0 {
					kept++
					sum += left
				}
			}
			for _, refund := range p.Refunds {
				if refund.Surplus {
					surplus++
					continue
				}
				refunds++
				back += refund.Amount
			}
		}
		if kept > 1 {
			r.differ("link %s keeps %d charges", tab.Link.ID, kept)
		}
		if sum != tab.Link.Applied-back {
			r.differ("link %s has %d applied and %d of it given back, and the processor keeps %d for it", tab.Link.ID, tab.Link.Applied, back, sum)
		}
	}
	for ref, c := range journal {
		if c.attempt == "" && (c.captured > 0 || c.held) {
			r.differ("the processor took %d (%s), and no attempt knows of it", c.captured, ref)
		}
	}
	r.count("payments", payments)
	r.count("refunds", refunds)
	r.count("charges returned as surplus", surplus)
	r.count("disputes", disputes)
}

// attempt compares one attempt with its charge.
func (r *result) attempt(journal map[string]*charge, l pay.Link, a pay.Attempt) charge {
	if a.State.Live() && (a.State != pay.AttemptAuthorized || l.State == pay.LinkCanceled) {
		r.differ("attempt %s of link %s (%s) was left %s", a.ID, l.ID, l.State, a.State)
	}
	c := journal[a.ProcessorRef]
	if c == nil {
		if a.Authorized > 0 || a.Captured > 0 {
			r.differ("attempt %s has %d captured, and the processor knows nothing of it", a.ID, a.Captured)
		}
		return charge{}
	}
	if c.attempt != "" {
		r.differ("one charge belongs to attempts %s and %s", c.attempt, a.ID)
	}
	c.attempt = a.ID
	if c.amount != a.Requested || c.captured != a.Captured || c.refunded != a.Refunded || c.disputed != a.Disputed || c.held != (a.State == pay.AttemptAuthorized) {
		r.differ("attempt %s (%s) has %d of %d captured, %d refunded and %d disputed; the processor says %+v", a.ID, a.State, a.Captured, a.Requested, a.Refunded, a.Disputed, *c)
	}
	return *c
}

// events: every link's events are gapless, chained and continuous, and the
// feed has each of them once.
func (r *result) events(b books) {
	total := 0
	for id, tab := range b.tabs {
		total += len(tab.Events)
		was, hash := map[string]string{}, ""
		for i, e := range tab.Events {
			if e.Seq != int64(i)+1 || e.PrevHash != hash || e.Hash != pay.ChainHash(hash, e.Record) {
				r.differ("link %s: event %d does not follow the one before", id, e.Seq)
			}
			if e.From != was[e.EntityID] {
				r.differ("link %s: event %d moves %s from %q, which was %q", id, e.Seq, e.EntityID, e.From, was[e.EntityID])
			}
			was[e.EntityID], hash = e.To, e.Hash
		}
		if tab.Link.Seq != int64(len(tab.Events)) || was[string(id)] != string(tab.Link.State) {
			r.differ("link %s is %s after event %d; its %d events say %s", id, tab.Link.State, tab.Link.Seq, len(tab.Events), was[string(id)])
		}
	}
	for i, e := range b.feed {
		if e.Position != int64(i)+1 {
			r.differ("the feed has event %s at %d, where %d is due", e.ID, e.Position, i+1)
			break
		}
	}
	if len(b.feed) != total {
		r.differ("the feed has %d of %d events", len(b.feed), total)
	}
	r.count("events", total)
}

// webhooks: the merchant's server heard of every event that is kept, and of
// nothing else. Bytes and order were looked at as they came.
func (r *result) webhooks(b books, s *sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := 0
	for _, tab := range b.tabs {
		for _, e := range tab.Events {
			if _, ok := s.first[e.ID]; ok {
				heard++
			} else {
				r.differ("the webhook of event %s (link %s, %d) never came", e.ID, e.Link, e.Seq)
			}
		}
	}
	if heard != len(s.first) {
		r.differ("%d webhooks told of events that are not kept", len(s.first)-heard)
	}
	r.count("webhooks received", s.received)
	r.count("of them repeated", s.repeated)
}
