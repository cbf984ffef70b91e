package core_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/method"
	bycard "paylink/internal/method/card"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// turns runs each kind of sweep that is due, and says which.
func turns(t *testing.T, c *core.Core) (ran []string) {
	t.Helper()
	ctx := context.Background()
	for _, turn := range c.Sweeps() {
		claimed, err := c.ClaimTurns(ctx, turn, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range claimed {
			if err := c.RunTurn(ctx, turn, one); err != nil {
				t.Fatal(err)
			}
			ran = append(ran, turn.Name)
		}
	}
	return ran
}

// differences are those that are open: what differs, ours and theirs.
func differences(t *testing.T, c *core.Core, who pay.Caller) (open []string, list []pay.Discrepancy) {
	t.Helper()
	list, next, err := c.Differences(context.Background(), who, core.DifferenceFilter{Open: true, Limit: 100})
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	for _, d := range list {
		open = append(open, strings.Join([]string{d.What, d.Ours, d.Theirs}, "|"))
	}
	return open, list
}

func wantOpen(t *testing.T, c *core.Core, who pay.Caller, want ...string) []pay.Discrepancy {
	t.Helper()
	open, list := differences(t, c, who)
	left := slices.Clone(want)
	for _, have := range open {
		left = slices.DeleteFunc(left, func(want string) bool { return strings.HasPrefix(have, want) })
	}
	if len(open) != len(want) || len(left) != 0 {
		t.Fatalf("open: %q, want %q", open, want)
	}
	return list
}

// A sweep runs at its pace whatever restarts, one node at a time, and soon
// again when it failed or its node died.
func TestTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		node, sweep := w.Core, w.Sweeps()[0]
		claim := func(n int) []store.Turn {
			t.Helper()
			list, err := node.ClaimTurns(ctx, sweep, 10)
			if err != nil || len(list) != n {
				t.Fatalf("%d are claimed, want %d: %v", len(list), n, err)
			}
			return list
		}
		claim(0)
		w.Clock.Add(14 * time.Minute)
		claim(0)
		w.Clock.Add(time.Minute)
		dead := claim(1)[0]
		claim(0)
		w.Clock.Add(21 * time.Second) // it died
		alive := claim(1)[0]
		if err := node.RenewTurn(ctx, dead); !errors.Is(err, pay.ErrLinkChanged) {
			t.Errorf("the dead one's claim is renewed: %v", err)
		}
		if err := node.RunTurn(ctx, sweep, alive); err != nil {
			t.Fatal(err)
		}
		node = withOdd(t, w, nil).Core // a restart
		w.Clock.Add(14 * time.Minute)
		claim(0)
		w.Clock.Add(time.Minute)
		back := claim(1)[0]
		if err := node.ReleaseTurn(ctx, back); err != nil {
			t.Fatal(err)
		}
		if again := claim(1)[0]; !again.Due.Equal(back.Due) {
			t.Errorf("handed back, it is due at %s, and was at %s", again.Due, back.Due)
		}
	})
}

// What nobody asks about any more is a difference once, until it is over (P6).
func TestSweepFindsWhatIsLeft(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			if o.Kind == pay.OpRefund || o.Amount.Minor == 777 {
				return processor.Outcome{}, errors.New("no answer")
			}
			return paidIn(o, "ref-"+string(o.Attempt)), nil
		})
		paid, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: paid.ID, Amount: 50}}); err != nil {
			t.Fatal(err)
		}
		unknown, err := w.Card(w.Link(t, func(l *pay.Link) { l.Price.Amount = 777 }), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		turns(t, w.Core)
		for range 70 {
			w.Clock.Add(time.Hour)
			work(t, w.World)
			turns(t, w.Core)
		}
		wantOpen(t, w.Core, w.Shop) // they are asked about
		for range 5 {
			w.Clock.Add(time.Hour)
			work(t, w.World)
			turns(t, w.Core)
		}
		wantOpen(t, w.Core, w.Shop, "operation|a sale without an answer, of an attempt that is review|", "operation|a refund of 0.50 USD without an answer|")
		if w.alarms["difference"] != 2 {
			t.Errorf("%d alarms", w.alarms["difference"])
		}
		if _, err := w.DecideReview(ctx, w.Shop, decision(*unknown.Last(), pay.AttemptFailed, 0)); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(15 * time.Minute)
		turns(t, w.Core)
		left := wantOpen(t, w.Core, w.Shop, "operation|a refund")
		if _, err := w.CloseDifference(ctx, w.Shop, left[0].ID, "asked them by telephone"); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(15 * time.Minute)
		turns(t, w.Core)
		wantOpen(t, w.Core, w.Shop)
		all, _, err := w.Differences(ctx, w.Shop, core.DifferenceFilter{Closed: true})
		if err != nil || len(all) != 2 || w.alarms["difference"] != 2 {
			t.Fatalf("%+v %v, %d alarms", all, err, w.alarms["difference"])
		}
		for _, d := range all {
			if want := map[bool]string{true: w.Shop.Actor(), false: pay.ClosedByRule}[d.ID == left[0].ID]; d.ClosedBy != want || d.Reason == "" {
				t.Errorf("closed by %s, want %s: %+v", d.ClosedBy, want, d)
			}
		}
	})
}

// Operations that the workers do not run, and attempts that nothing will end,
// are found; those after a time without a server only when they were late before.
func TestSweepFindsWhatIsStuck(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		turns(t, w.Core)
		var begun []pay.Payment
		for range 2 {
			p, err := w.StartPayment(ctx, core.StartPayment{Token: w.Link(t, nil).Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"})
			if err != nil {
				t.Fatal(err)
			}
			begun = append(begun, p)
		}
		w.Clock.Add(3 * time.Hour) // no worker ran, and no sweep was due then
		if ran := turns(t, w.Core); len(ran) != 1 {
			t.Errorf("after a standstill: %v", ran)
		}
		wantOpen(t, w.Core, w.Shop)
		w.Clock.Add(16 * time.Minute) // the server is up, and runs them all the same not
		turns(t, w.Core)
		wantOpen(t, w.Core, w.Shop, "operation|a sale of 10.50 USD that is sent and was to be run at", "operation|")
		work(t, w)
		storetest.Tamper(t, o,
			`UPDATE operations SET due_at = NULL, state = 'failed' WHERE attempt = '`+string(begun[0].Last().ID)+`'`,
			`UPDATE attempts SET state = 'processing', body = replace(body, '"state":"requires_action"', '"state":"processing"') WHERE id = '`+string(begun[0].Last().ID)+`'`)
		w.Clock.Add(15 * time.Minute)
		work(t, w)
		turns(t, w.Core)
		wantOpen(t, w.Core, w.Shop, "attempt|an attempt that is processing and has no operation to end it")
	})
}

// retold is the sandbox whose list a test changes on its way.
type retold struct {
	processor.Driver
	change func([]processor.Charge) ([]processor.Charge, error)
}

func (d *retold) Charges(ctx context.Context, t pay.Tenant, after string) ([]processor.Charge, string, error) {
	list, next, err := d.Driver.Charges(ctx, t, after)
	if err == nil {
		list, err = d.change(list)
	}
	return list, next, err
}

// listed gives the world a processor that tells its list as d.change has it.
func listed(t *testing.T, w *coretest.World) (*core.Core, *retold, map[string]int) {
	t.Helper()
	keys, err := core.OpenKeys(context.Background(), w.Store, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	alarms := map[string]int{}
	d := &retold{w.Sandbox, func(l []processor.Charge) ([]processor.Charge, error) { return l, nil }}
	return core.New(core.Options{
		Store: w.Store, Keys: keys, Processors: []processor.Driver{d}, Methods: []method.Method{bycard.Method},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), PublicURL: "http://pay.test", CheckURL: w.Egress.CheckURL,
		Metrics: core.Metrics{Alarm: func(kind string) { alarms[kind]++ }},
	}), d, alarms
}

// compareNow runs the comparison of a day.
func compareNow(t *testing.T, o store.Options, c *core.Core) error {
	t.Helper()
	ctx, daily := context.Background(), c.Sweeps()[1]
	if _, err := c.ClaimTurns(ctx, daily, 1); err != nil { // it is there from now on
		t.Fatal(err)
	}
	storetest.Tamper(t, o, `UPDATE turns SET due_at = 1, lease_until = 0 WHERE name = 'compare'`)
	claimed, err := c.ClaimTurns(ctx, daily, 1)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	return c.RunTurn(ctx, daily, claimed[0])
}

// Whatever the processor's list says otherwise is one difference with both
// figures; it is closed by rule when the list agrees again (P6).
func TestCompareFindsDifferences(t *testing.T) {
	first := func(state pay.AttemptState, with func(c *processor.Charge)) func([]processor.Charge) []processor.Charge {
		return func(list []processor.Charge) []processor.Charge {
			for i := range list {
				if list[i].State == state && list[i].Refunded == 0 && list[i].Amount == 1050 {
					with(&list[i])
					return list
				}
			}
			return nil
		}
	}
	cases := []struct {
		want   string
		change func([]processor.Charge) []processor.Charge
	}{
		{"captured|10.50 USD|10.51 USD", first(pay.AttemptCaptured, func(c *processor.Charge) { c.Captured++ })},
		{"captured|0.00 USD|10.50 USD", first(pay.AttemptFailed, func(c *processor.Charge) { c.Captured = 1050 })},
		{"refunded|0.00 USD|0.01 USD", first(pay.AttemptCaptured, func(c *processor.Charge) { c.Refunded++ })},
		{"held|10.50 USD|0.00 USD", first(pay.AttemptAuthorized, func(c *processor.Charge) { c.Held = 0 })},
		{"amount|10.50 USD|10.00 USD", first(pay.AttemptAuthorized, func(c *processor.Charge) { c.Amount = 1000 })},
		{"currency|USD|CAD", first(pay.AttemptCaptured, func(c *processor.Charge) { c.Currency = "CAD" })},
		{"missing|authorized, captured 0.00 USD, refunded 0.00 USD|", func(list []processor.Charge) (rest []processor.Charge) {
			for _, c := range list {
				if c.State != pay.AttemptAuthorized {
					rest = append(rest, c)
				}
			}
			return rest
		}},
		{"charge||held 0.00 USD, captured 10.50 USD, refunded 0.00 USD", func(list []processor.Charge) []processor.Charge {
			return append(list, processor.Charge{Reference: "stranger", Key: "op_stranger", Currency: "USD", Amount: 1050, Captured: 1050, State: pay.AttemptCaptured})
		}},
		{"charge||held 0.00 USD, captured 10.50 USD", func(list []processor.Charge) []processor.Charge {
			for _, c := range list { // a second payment for one operation
				if c.Captured == 1050 && c.Refunded == 0 {
					c.Reference = "second"
					return append(list, c)
				}
			}
			return nil
		}},
	}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := busyWorld(t, o)
		if _, err := w.Card(w.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard); err != nil {
			t.Fatal(err)
		}
		c, d, alarms := listed(t, w)
		compare := func() {
			t.Helper()
			w.Clock.Add(11 * time.Minute)
			if err := compareNow(t, o, c); err != nil {
				t.Fatal(err)
			}
		}
		compare()
		wantOpen(t, c, w.Shop)
		for i, e := range cases {
			d.change = func(l []processor.Charge) ([]processor.Charge, error) { return e.change(l), nil }
			compare()
			compare()
			wantOpen(t, c, w.Shop, e.want)
			if alarms["difference"] != i+1 {
				t.Errorf("%s: %d alarms", e.want, alarms["difference"])
			}
			d.change = func(l []processor.Charge) ([]processor.Charge, error) { return l, nil }
			compare()
			wantOpen(t, c, w.Shop)
		}
	})
}

// What is in motion on either side is not compared, and what was found of it
// before stays open meanwhile (P6).
func TestCompareLeavesWhatMoves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		c, d, _ := listed(t, w)
		paid, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		compare := func() {
			t.Helper()
			if err := compareNow(t, o, c); err != nil {
				t.Fatal(err)
			}
		}
		more := func(age time.Duration) func(list []processor.Charge) ([]processor.Charge, error) {
			return func(list []processor.Charge) ([]processor.Charge, error) {
				for i := range list {
					if list[i].Reference == paid.Last().ProcessorRef {
						list[i].Captured, list[i].At = 1051, w.Clock.Now().Add(-age)
					}
				}
				return list, nil
			}
		}
		d.change = more(time.Hour)
		w.Clock.Add(9 * time.Minute)
		compare()
		wantOpen(t, c, w.Shop) // ours is new
		d.change = more(9 * time.Minute)
		w.Clock.Add(2 * time.Minute)
		compare()
		wantOpen(t, c, w.Shop) // theirs is new
		d.change = more(time.Hour)
		compare()
		wantOpen(t, c, w.Shop, "captured|10.50 USD|10.51 USD")
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: paid.ID, Amount: 50}}); err != nil {
			t.Fatal(err)
		}
		d.change = func(l []processor.Charge) ([]processor.Charge, error) { return l, nil }
		compare()
		wantOpen(t, c, w.Shop, "captured|10.50 USD|10.51 USD")
		storetest.Tamper(t, o, `UPDATE operations SET due_at = 1, state = 'sent' WHERE kind = 'refund'`)
		w.Clock.Add(11 * time.Minute)
		compare()
		wantOpen(t, c, w.Shop, "captured|10.50 USD|10.51 USD") // a refund is under way
		storetest.Tamper(t, o, `UPDATE operations SET due_at = NULL, state = 'succeeded' WHERE kind = 'refund'`)
		d.change = func([]processor.Charge) ([]processor.Charge, error) { return nil, errors.New("no answer") }
		if err := compareNow(t, o, c); err == nil {
			t.Error("without a list the comparison went through")
		}
		wantOpen(t, c, w.Shop, "captured|10.50 USD|10.51 USD")
		d.change = func(l []processor.Charge) ([]processor.Charge, error) { return l, nil }
		w.Clock.Add(15 * time.Minute)
		if ran := turns(t, c); !slices.Contains(ran, "compare") {
			t.Errorf("what failed does not come again soon: %v", ran)
		}
		wantOpen(t, c, w.Shop)
	})
}

// What a person closed stays so while the figures are the same.
func TestClosedDifferenceStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		c, d, alarms := listed(t, w)
		if _, err := w.Card(w.Link(t, nil), goodCard); err != nil {
			t.Fatal(err)
		}
		compare := func() {
			t.Helper()
			if err := compareNow(t, o, c); err != nil {
				t.Fatal(err)
			}
		}
		more := int64(1)
		d.change = func(list []processor.Charge) ([]processor.Charge, error) {
			list[0].Refunded += more
			return list, nil
		}
		w.Clock.Add(11 * time.Minute)
		compare()
		one := wantOpen(t, c, w.Shop, "refunded|")[0]
		for reason, want := range map[string]pay.Kind{"": pay.Invalid, strings.Repeat("x", 501): pay.Invalid, "card 4242424242424242": pay.Refused} {
			if _, err := c.CloseDifference(ctx, w.Shop, one.ID, reason); pay.KindOf(err) != want {
				t.Errorf("closing because %q: %v", reason, err)
			}
		}
		other := w.Shop
		other.Merchant = "stranger"
		if _, err := c.CloseDifference(ctx, other, one.ID, "x"); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("another merchant closes it: %v", err)
		}
		for range 2 {
			closed, err := c.CloseDifference(ctx, w.Shop, one.ID, "given back by hand")
			if err != nil || closed.Reason != "given back by hand" || closed.ClosedAt.IsZero() || closed.ClosedBy != w.Shop.Actor() {
				t.Fatalf("%+v %v", closed, err)
			}
		}
		if _, err := c.CloseDifference(ctx, w.Shop, one.ID, "another"); pay.KindOf(err) != pay.Conflict {
			t.Errorf("closed twice: %v", err)
		}
		compare()
		wantOpen(t, c, w.Shop)
		more = 2
		compare()
		wantOpen(t, c, w.Shop, "refunded|0.00 USD|0.02 USD")
		if alarms["difference"] != 2 {
			t.Errorf("%d alarms", alarms["difference"])
		}
	})
}
