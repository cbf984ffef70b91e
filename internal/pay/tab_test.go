package pay

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// book plays the store for one tab: it keeps what a command did when it
// succeeded, forgets it when it failed, and holds the rules against it.
type book struct {
	tab     Tab // as stored; nothing new in it
	now     time.Time
	events  []Event
	entries []Entry
	ops     []Operation
	told    []told // reports that were made, to be made again
}

type told struct {
	attempt AttemptID
	report  Report
}

// do runs a command on a copy of the stored tab and commits it unless it fails.
func (b *book) do(t *rapid.T, name string, command func(*Tab) error) {
	tab := b.tab.facts()
	tab.Now = b.now
	if err := command(&tab); err != nil {
		if KindOf(err) == Internal {
			t.Fatalf("%s: %v", name, err)
		}
		return
	}
	if len(tab.Events) == 0 && (len(tab.Entries) > 0 || !reflect.DeepEqual(states(tab), states(b.tab))) {
		t.Fatalf("%s changed something and told of nothing", name)
	}
	checkEvents(t, name, b.tab, tab)
	b.events, b.entries, b.ops = append(b.events, tab.Events...), append(b.entries, tab.Entries...), append(b.ops, tab.Operations...)
	tab.Events, tab.Entries, tab.Operations = nil, nil, nil
	for i := range tab.Lines {
		tab.Lines[i].Was = tab.Lines[i].State
	}
	b.tab = tab
}

// states are the state of every entity of a tab, by name.
func states(t Tab) map[string]string {
	m := map[string]string{"payment_link " + string(t.Link.ID): string(t.Link.State)}
	for _, p := range t.Payments {
		m["payment "+string(p.ID)] = string(p.State)
		for _, a := range p.Attempts {
			m["attempt "+string(a.ID)] = string(a.State)
		}
		for _, r := range p.Refunds {
			m["refund "+string(r.ID)] = string(r.State)
		}
		for _, d := range p.Disputes {
			m["dispute "+string(d.ID)] = string(d.State)
		}
	}
	return m
}

// checkEvents: the events lead every entity from its state before to its state
// after by legal moves, one event each, numbered without a gap, in the order of
// time; the last one's snapshot is the tab (E1, E2, E4, E5).
func checkEvents(t *rapid.T, name string, before, after Tab) {
	now := states(before)
	for i, e := range after.Events {
		entity := e.Entity + " " + e.EntityID
		if !e.Legal() {
			t.Fatalf("%s: event %s takes %s from %q to %q, and no table lists that", name, e.Kind, entity, e.From, e.To)
		}
		if e.Entity == "split" || e.Entity == "settlement" { // see checkSplits and checkLines
			continue
		}
		if e.From != now[entity] {
			t.Fatalf("%s: event %s takes %s from %q to %q while it is %q", name, e.Kind, entity, e.From, e.To, now[entity])
		}
		now[entity] = e.To
		if e.Seq != before.Link.Seq+int64(i)+1 || e.At.Before(before.Link.UpdatedAt) {
			t.Fatalf("%s: event %d after %d is number %d, at %v", name, i, before.Link.Seq, e.Seq, e.At)
		}
	}
	if want := states(after); !reflect.DeepEqual(now, want) {
		t.Fatalf("%s: the events end at\n%v\nand the facts are\n%v", name, now, want)
	}
	if n := len(after.Events); n > 0 {
		if _, whole := after.Link.Total(); whole && !reflect.DeepEqual(states(Tab{Link: after.Events[n-1].Snapshot.Link, Payments: after.Events[n-1].Snapshot.Payments}), now) {
			t.Fatalf("%s: the last snapshot is not the facts", name)
		}
		if after.Events[n-1].Snapshot.Link.Applied != after.Link.Applied {
			t.Fatalf("%s: the last snapshot has other sums", name)
		}
	}
}

// check holds the rules of money against the book, after every command.
func (b *book) check(t *rapid.T) {
	l := b.tab.Link
	var applied, counted, reserved, open int64
	slots := map[string]bool{}
	for i := range b.tab.Payments {
		p := &b.tab.Payments[i]
		b.checkPayment(t, p)
		if p.Slot != "" && slots[p.Slot] {
			t.Fatalf("two payments hold slot %s", p.Slot)
		}
		slots[p.Slot] = true
		switch p.State {
		case PaymentApplied:
			counted++
			applied += p.Captured() - surplusOf(*p)
		case PaymentOpen:
			open++
			reserved += p.Requested.Minor
		}
	}
	if l.Applied != applied {
		t.Fatalf("applied is %d, the payments say %d", l.Applied, applied)
	}
	total, whole := l.Total()
	if whole && len(l.Price.PerMethod) == 0 && l.Applied+l.Released+reserved > total {
		t.Fatalf("M5: %d applied, %d released and %d reserved of %d", l.Applied, l.Released, reserved, total)
	}
	if due := l.AmountDue().Minor; due < 0 || whole && l.State == LinkCompleted && due != 0 {
		t.Fatalf("M5: %d due on a link that is %s", due, l.State)
	}
	if !l.Use.Parts && (l.UseCount != counted || l.Use.Max > 0 && l.UseCount+open > l.Use.Max) {
		t.Fatalf("M6: use count %d, %d applied and %d open of %d", l.UseCount, counted, open, l.Use.Max)
	}
	b.checkDisputes(t)
	b.checkLedger(t)
	b.checkSplits(t)
	b.checkLines(t)
	b.checkHistory(t)
}

// checkShares: what counts is shared out in full, and no share is taken back
// further than it was given (M8).
func checkShares(t *rapid.T, p Payment, a Attempt) {
	if a.Shares == nil {
		return
	}
	back := reversedOf(p, a.ID)
	if sumOf(a.Shares) != a.counted() || sumOf(a.Reversed) != back {
		t.Fatalf("M8: %d captured as %v, %d refunded as %v", a.counted(), a.Shares, back, a.Reversed)
	}
	for i, share := range a.Shares {
		if share < 0 || len(a.Reversed) > i && (a.Reversed[i] < 0 || a.Reversed[i] > share) {
			t.Fatalf("M8: shares %v, reversed %v", a.Shares, a.Reversed)
		}
	}
}

func (b *book) checkPayment(t *rapid.T, p *Payment) {
	for _, a := range p.Attempts {
		if a.Refunded < 0 || a.Refunding < 0 || a.Refunded+a.Refunding > a.Captured || a.Captured > a.Authorized || a.Authorized > a.Requested {
			t.Fatalf("M4: %+v", a)
		}
		checkShares(t, *p, a)
		closed := b.tab.Link.State == LinkCompleted || b.tab.Link.State == LinkCanceled
		if closed && a.State == AttemptAuthorized && !b.asked(a.ID, OpVoid) {
			t.Fatalf("M4: the link is %s and the void of what attempt %s holds was not asked for", b.tab.Link.State, a.ID)
		}
		taken := int64(0)
		for _, c := range a.Captures {
			taken += c.Amount
		}
		if taken != a.Captured {
			t.Fatalf("M4: %d captured, as %+v", a.Captured, a.Captures)
		}
		if !slices.ContainsFunc(b.ops, func(o Operation) bool { return o.Attempt == a.ID && (o.Kind == OpSale || o.Kind == OpAuthorize) }) {
			t.Fatalf("P1: attempt %s has no operation", a.ID)
		}
	}
	if p.State == PaymentOpen && !p.Live() {
		t.Fatalf("payment %s is open and no attempt is live", p.ID)
	}
	if holds := p.State == PaymentOpen || p.State == PaymentApplied; holds != (p.Slot != "") {
		t.Fatalf("payment %s is %s and has slot %q", p.ID, p.State, p.Slot)
	}
	if p.State == PaymentApplied && p.Captured() == 0 {
		t.Fatalf("payment %s is applied without money", p.ID)
	}
	checkSurplus(t, *p)
	if p.State != PaymentApplied && p.State != PaymentSurplus && p.Captured() > 0 {
		t.Fatalf("payment %s is %s and %d were taken", p.ID, p.State, p.Captured())
	}
	for _, r := range p.Refunds {
		if !slices.ContainsFunc(b.ops, func(o Operation) bool { return o.Refund == r.ID && o.Amount.Minor == r.Amount }) {
			t.Fatalf("5.6: refund %s has no operation", r.ID)
		}
	}
}

func (b *book) asked(a AttemptID, kind OperationKind) bool {
	return slices.ContainsFunc(b.ops, func(o Operation) bool { return o.Attempt == a && o.Kind == kind })
}

// checkLedger: every movement sums to zero and is posted once, and the
// accounts say what the sums say (M9, M11).
func (b *book) checkLedger(t *rapid.T) {
	movements, accounts, lines := map[string]int64{}, map[string]int64{}, map[string]bool{}
	for _, e := range b.entries {
		line := fmt.Sprint(e.Movement, " ", e.Line)
		if lines[line] {
			t.Fatalf("M9: two entries are %s", line)
		}
		lines[line] = true
		if e.Amount.Currency != b.tab.Link.Price.Currency {
			t.Fatalf("M3: an entry in %s", e.Amount.Currency)
		}
		movements[e.Movement] += e.Amount.Minor
		account, _, _ := strings.Cut(e.Account, ":")
		accounts[account] += e.Amount.Minor
	}
	for m, sum := range movements {
		if sum != 0 {
			t.Fatalf("M9: %s sums to %d", m, sum)
		}
	}
	var captured, refunded int64
	for _, p := range b.tab.Payments {
		for _, a := range p.Attempts {
			captured += a.Captured
			refunded += a.Refunded
		}
	}
	gone, borne := disputeSums(b)
	paid := b.transferred()
	if accounts["processor"]+accounts["disputed"]+accounts["settled"]+accounts["fees"] != captured-refunded-gone-paid ||
		accounts["merchant"]+accounts["split"]+accounts["held"] != b.tab.Link.Refunded+borne-b.tab.Link.Applied+paid {
		t.Fatalf("M11: captured %d, refunded %d, applied %d, and the ledger has %v", captured, refunded, b.tab.Link.Applied, accounts)
	}
}

// checkHistory: replaying all events gives the states there are (E2, E5).
func (b *book) checkHistory(t *rapid.T) {
	replayed := map[string]string{}
	for i, e := range b.events {
		if e.Seq != int64(i+1) || i > 0 && e.At.Before(b.events[i-1].At) {
			t.Fatalf("E2: event %d has seq %d at %v", i+1, e.Seq, e.At)
		}
		if e.Entity != "split" && e.Entity != "settlement" {
			replayed[e.Entity+" "+e.EntityID] = e.To
		}
	}
	if want := states(b.tab); !reflect.DeepEqual(replayed, want) {
		t.Fatalf("E5: replayed\n%v\nstored\n%v", replayed, want)
	}
}

// drawnCart comes to 200 for each of 1 to 5, 10 % off for those who know, and 50.
var drawnCart = Cart{Items: []CartItem{{Code: "tea", Unit: 200, Quantity: 1, Min: 1, Max: 5}}, Codes: []DiscountCode{{Code: "TEN", BP: 1000}}, Shipping: 50}

// drawLink is a valid link of any kind.
func drawLink(t *rapid.T) Link {
	l := goodLink()
	l.Price = Price{Currency: rapid.SampledFrom([]Currency{"USD", "JPY", "KWD"}).Draw(t, "currency"), Amount: 1000}
	switch rapid.SampledFrom([]string{"single", "manual", "parts", "three", "any", "open", "methods", "cart"}).Draw(t, "kind") {
	case "manual":
		l.Use.Manual = true
	case "parts":
		l.Use = Use{Parts: true, MinFirst: 100, MinPart: 50}
	case "three":
		l.Use = Use{Max: 3, Manual: rapid.Bool().Draw(t, "manual")}
	case "any":
		l.Use = Use{}
	case "open":
		l.Price = Price{Currency: l.Price.Currency, Open: true, Min: 10, Max: 2000}
		l.Use = Use{Max: rapid.Int64Range(0, 2).Draw(t, "uses")}
	case "cart":
		l.Price = Price{Currency: l.Price.Currency, Cart: drawnCart}
		l.Use = Use{Max: rapid.Int64Range(0, 2).Draw(t, "uses"), Manual: rapid.Bool().Draw(t, "manual")}
	case "methods":
		l.Price.PerMethod = map[MethodID]MethodCost{MethodCard: {Amount: 1100}}
	}
	if _, fixed := l.Price.Fixed(); fixed && rapid.Bool().Draw(t, "splits") {
		hold := rapid.Bool().Draw(t, "hold")
		l.Splits = []Split{{Account: "a", Amount: 333, OnHold: hold}, {Account: "b", Amount: 100}, {Account: "c", Percent: 3333, OnHold: hold}}
	}
	if l.Price.Open && rapid.Bool().Draw(t, "percentages") {
		l.Splits = []Split{{Account: "a", Percent: 1250}, {Account: "b", Percent: 8750}}
	}
	l.AcceptLate = rapid.Bool().Draw(t, "late")
	l.ExpiresAt = noon.Add(rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour}).Draw(t, "ends"))
	if rapid.IntRange(0, 3).Draw(t, "ever") == 0 {
		l.ExpiresAt = time.Time{}
	}
	if rapid.IntRange(0, 3).Draw(t, "later") == 0 {
		l.StartsAt = noon.Add(10 * time.Minute)
	}
	if err := l.Validate(noon); err != nil {
		t.Fatalf("the drawn link: %v", err)
	}
	return l
}

// attempts are all attempts on the tab; the pick is always among the same.
func (b *book) attempts() (list []Attempt) {
	for _, p := range b.tab.Payments {
		list = append(list, p.Attempts...)
	}
	return list
}

func pick[T any](t *rapid.T, name string, list []T) T {
	if len(list) == 0 {
		t.Skip("none yet")
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(t, name)]
}

// drawReport is mostly what a processor would say of a, and sometimes wrong.
func drawReport(t *rapid.T, a Attempt) Report {
	r := report(rapid.SampledFrom([]AttemptState{
		AttemptRequiresAction, AttemptProcessing, AttemptUnknown, AttemptAuthorized, AttemptCaptured, AttemptCaptured,
		AttemptFailed, AttemptCanceled, AttemptVoided, AttemptAuthExpired,
	}).Draw(t, "report"))
	r.ProcessorRef, r.Currency = "ref_"+string(a.ID), a.Currency
	minor := a.Requested
	switch rapid.IntRange(0, 19).Draw(t, "twist") {
	case 0:
		r.Currency = "EUR"
	case 1:
		r.ProcessorRef = "ref_of_another"
	case 2:
		minor++
	case 3:
		minor, r.Partial = max(minor/2, 1), rapid.Bool().Draw(t, "partial")
	case 4:
		minor = 0
	}
	if r.Authorized > 0 {
		r.Authorized = minor
	}
	if r.Captured > 0 {
		r.Captured = minor
	}
	return r
}

// TestTabHoldsTheRules lets payers, a merchant, a processor and the clock do
// anything in any order, and holds every rule of money after every step.
func TestTabHoldsTheRules(t *testing.T) {
	property(t, func(t *rapid.T) {
		b := &book{now: noon, tab: Tab{Link: drawLink(t), Actor: "test"}}
		b.do(t, "open", func(tab *Tab) error { tab.Open(); return nil })
		t.Repeat(map[string]func(*rapid.T){
			"":        b.check,
			"begin":   b.begin,
			"report":  b.report,
			"again":   b.again,
			"operate": b.operate,
			"clock": func(t *rapid.T) {
				b.now = b.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Minute, 16 * time.Minute, time.Hour, 25 * time.Hour}).Draw(t, "wait"))
				b.do(t, "clock", (*Tab).Clock)
			},
			"pause":  func(t *rapid.T) { b.do(t, "pause", clocked((*Tab).Pause)) },
			"resume": func(t *rapid.T) { b.do(t, "resume", clocked((*Tab).Resume)) },
			"cancel": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "sure") > 0 {
					t.Skip("or nothing else would ever happen")
				}
				b.do(t, "cancel", clocked((*Tab).Cancel))
			},
			"abandon": func(t *rapid.T) {
				p := pick(t, "payment", b.tab.Payments)
				b.do(t, "abandon", func(tab *Tab) error { return tab.Abandon(p.ID) })
			},
			"capture": func(t *rapid.T) {
				p, minor := pick(t, "payment", b.tab.Payments), rapid.Int64Range(-1, 1100).Draw(t, "minor")
				keep := rapid.Bool().Draw(t, "keep")
				b.do(t, "capture", func(tab *Tab) error { return tab.Capture(p.ID, minor, keep) })
			},
			"refund": func(t *rapid.T) {
				p, minor := pick(t, "payment", b.tab.Payments), rapid.Int64Range(-1, 700).Draw(t, "minor")
				due := b.tab.Link.AmountDue()
				b.do(t, "refund", func(tab *Tab) error {
					r, err := tab.Refund(RefundWish{Payment: p.ID, Amount: minor, Reason: "returned"})
					if err == nil {
						checkRefundable(t, tab, r)
					}
					return err
				})
				if b.tab.Link.AmountDue() != due {
					t.Fatalf("M5: a refund changed what is due")
				}
			},
			"split": b.split, "settle": b.settle, "dispute": b.dispute,
			"void": func(t *rapid.T) {
				p := pick(t, "payment", b.tab.Payments)
				b.do(t, "void", func(tab *Tab) error { return tab.Void(p.ID) })
			},
		})
	})
}

func clocked(command func(*Tab) error) func(*Tab) error {
	return func(tab *Tab) error {
		if err := tab.Clock(); err != nil {
			return err
		}
		return command(tab)
	}
}

func (b *book) begin(t *rapid.T) {
	in := Begin{
		Method: rapid.SampledFrom([]MethodID{MethodCard, MethodBankTransfer}).Draw(t, "method"), Processor: "sandbox",
		Amount: rapid.Int64Range(-1, 1100).Draw(t, "minor"), GraceS: 1800, From: rapid.SampledFrom([]string{"", "ann", "ben"}).Draw(t, "from"),
	}
	if rapid.Bool().Draw(t, "chooses") {
		n := rapid.Int64Range(0, 6).Draw(t, "quantity")
		in.Choice = Choice{map[string]int64{"tea": n}, rapid.SampledFrom([]string{"", "ten", "none"}).Draw(t, "code")}
		in.Shown = 200*n + 50 - map[string]int64{"ten": 20 * n}[in.Choice.Code] + rapid.SampledFrom([]int64{0, 0, 0, -1, 1}).Draw(t, "lie")
	}
	if len(b.tab.Payments) > 0 && rapid.Bool().Draw(t, "retry") {
		in.Retry = pick(t, "payment", b.tab.Payments).ID
	}
	b.do(t, "begin", func(tab *Tab) error {
		p, a, err := tab.Begin(in)
		if err != nil {
			return err
		}
		l := tab.Link
		if l.State != LinkActive || !l.ExpiresAt.IsZero() && !tab.Now.Before(l.ExpiresAt) {
			t.Fatalf("5.3: begun on a link that is %s", l.State)
		}
		_, fixed := l.Price.Fixed()
		fixed = fixed && !l.Use.Parts
		if n := in.Choice.Quantities["tea"]; l.Price.Cart.Adjustable() &&
			(a.Requested != in.Shown || n < 1 || n > 5 || a.Requested != 200*n+50-map[string]int64{"ten": 20 * n}[in.Choice.Code]) {
			t.Fatalf("M7: %d asked for %+v", a.Requested, in.Choice)
		}
		if fixed && a.Requested != l.PriceFor(in.Method) || l.Price.Open && (a.Requested != in.Amount || a.Requested < l.Price.Min || a.Requested > l.Price.Max) {
			t.Fatalf("M7: %d asked for, %d sent", a.Requested, in.Amount)
		}
		if p.Requested.Minor != a.Requested || a.Currency != l.Price.Currency {
			t.Fatalf("M3: %+v of %+v", a, p)
		}
		return nil
	})
}

func (b *book) report(t *rapid.T) {
	a := pick(t, "attempt", b.attempts())
	r := drawReport(t, a)
	b.told = append(b.told, told{a.ID, r})
	b.do(t, "report "+string(r.State), func(tab *Tab) error { return tab.Settle(a.ID, r) })
	// The same word a second time is no news (A3).
	events := len(b.events)
	b.do(t, "the same report", func(tab *Tab) error { return tab.Settle(a.ID, r) })
	if len(b.events) != events {
		t.Fatalf("the same report of %s twice wrote %s", r.State, b.events[len(b.events)-1].Kind)
	}
}

// again makes an old report once more: late, doubled, out of order.
func (b *book) again(t *rapid.T) {
	old := pick(t, "told", b.told)
	b.do(t, "an old report of "+string(old.report.State), func(tab *Tab) error { return tab.Settle(old.attempt, old.report) })
}

// operate lets the processor answer one capture, void or refund.
func (b *book) operate(t *rapid.T) {
	var waiting []int
	for i, o := range b.ops {
		if !o.State.Final() && o.Kind != OpSale && o.Kind != OpAuthorize {
			waiting = append(waiting, i)
		}
	}
	o := &b.ops[pick(t, "operation", waiting)]
	to := rapid.SampledFrom([]OperationState{OpSent, OpUnknown, OpSucceeded, OpSucceeded, OpFailed}).Draw(t, "outcome")
	o.State = to
	done := *o
	b.do(t, string(done.Kind)+" "+string(to), func(tab *Tab) error {
		if done.Kind == OpRefund {
			return tab.Refunded(done.Refund, RefundState(to))
		}
		_, a := tab.Attempt(done.Attempt)
		r := report(AttemptVoided)
		r.ProcessorRef, r.Currency = "", a.Currency
		switch {
		case to != OpSucceeded:
			return nil
		case done.Kind == OpCapture:
			if a.Captured+done.Amount.Minor > a.Authorized {
				return nil // as a processor would answer
			}
			r.State, r.Operation, r.Authorized, r.Taken, r.Captured = AttemptCaptured, done.ID, a.Authorized, done.Amount.Minor, a.Captured+done.Amount.Minor
			if !done.Final && r.Captured < a.Authorized {
				r.State = AttemptAuthorized
			}
		case a.State != AttemptAuthorized:
			r.State = AttemptCanceled
		}
		return tab.Settle(done.Attempt, r)
	})
}
