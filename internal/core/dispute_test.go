package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const disputedCard = "4000000000000259"

// frank is the sandbox that believes a callback's evidence as it is written.
type frank struct{ *sandbox.Driver }

func (frank) VerifyCallback(_ pay.Tenant, _ http.Header, raw []byte) (ev processor.Evidence, err error) {
	return ev, json.Unmarshal(raw, &ev)
}

// hear gives w a processor's word about a dispute.
func hear(t *testing.T, w *coretest.World, event string, d processor.Dispute) {
	t.Helper()
	raw, err := json.Marshal(processor.Evidence{EventID: event, Dispute: &d})
	if err == nil {
		err = w.Callback(context.Background(), sandbox.Name, w.Shop.Tenant, nil, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// about is the report of a dispute about all of a payment of 10.50 USD.
func about(p pay.Payment, to pay.DisputeState) processor.Dispute {
	return processor.Dispute{PaymentRef: p.Last().ProcessorRef, DisputeReport: pay.DisputeReport{
		ProcessorRef: "dp_" + string(p.ID), State: to, Amount: pay.Money{Minor: 1050, Currency: "USD"}, Reason: "duplicate",
	}}
}

// disputes are the dispute events of a link, in order.
func disputes(t *testing.T, w *coretest.World, l pay.Link) string {
	t.Helper()
	var list []string
	for _, k := range kinds(t, w, l) {
		if _, end, is := strings.Cut(string(k), "dispute."); is {
			list = append(list, end)
		}
	}
	return strings.Join(list, " ")
}

// One payment from its capture through a dispute that the sandbox's card opens
// by itself, and its end, to the settlement of both.
func TestDispute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Splits = []pay.Split{{Account: "partner", Amount: 300}} })
		p, err := w.Card(l, disputedCard)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := w.Sandbox.Due(ctx); err != nil {
				t.Fatal(err)
			}
		}
		v := view(t, w, l)
		if got := disputes(t, w, l); got != "opened" || v.Link.MoneyStatus() != pay.Disputed || v.Link.State != pay.LinkCompleted || v.Link.AmountDue().Minor != 0 {
			t.Fatalf("%s: %+v", got, v.Link)
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: p.ID, Amount: 1}}); pay.KindOf(err) != pay.Invalid {
			t.Errorf("a refund of what is disputed: %v", err)
		}
		list, _, err := w.Disputes(ctx, w.Shop, core.DisputeFilter{State: pay.DisputeOpen})
		if err != nil || len(list) != 1 || list[0].Link != l.ID || list[0].Payment != p.ID || list[0].RespondBy.Before(w.Clock.Now()) {
			t.Fatalf("open: %+v %v", list, err)
		}
		if got := balance(t, w); got != "USD pending 0 available 0 held 0" {
			t.Errorf("while it is open: %s", got)
		}
		for range 2 {
			if v, err := w.SimulateDecision(ctx, w.Shop, list[0].ID, pay.DisputeWon); err != nil || v.State != pay.DisputeWon {
				t.Fatalf("won: %+v %v", v, err)
			}
		}
		again, err := w.SimulateDispute(ctx, w.Shop, core.SimulateDispute{Payment: p.ID, Amount: 700})
		if err != nil {
			t.Fatal(err)
		}
		if again, err = w.SimulateDecision(ctx, w.Shop, again.ID, pay.DisputeLost); err != nil || again.Reversed != 700 {
			t.Fatalf("lost: %+v %v", again, err)
		}
		if _, err := w.SimulateDecision(ctx, w.Shop, again.ID, pay.DisputeWon); pay.KindOf(err) != pay.Conflict {
			t.Errorf("won after it was lost: %v", err)
		}
		if v = view(t, w, l); v.Link.Disputed != 700 || v.Payments[0].Last().Disputed != 700 || v.Link.Splits[0].Given != 100 || disputes(t, w, l) != "opened won opened lost" {
			t.Errorf("%+v, %s", v, disputes(t, w, l))
		}
		if _, r, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r2", Fingerprint: "r", Wish: pay.RefundWish{Payment: p.ID}}); err != nil || r.Amount != 350 || r.State != pay.RefundSucceeded {
			t.Errorf("the rest: %+v %v", r, err)
		}
		for range 2 {
			if rows, err := w.FetchSettlements(ctx, w.Shop); err != nil || slices.ContainsFunc(rows, func(r core.RowResult) bool { return r.Result != core.RowSettled && r.Result != core.RowRepeated }) {
				t.Errorf("settled: %+v %v", rows, err)
			}
		}
		if got := balance(t, w); got != "USD pending 0 available -11 held 0" { // the fee of the capture
			t.Errorf("after: %s", got)
		}
		proven(t, w)
	})
}

// Reports of one dispute come twice and in any order, on either node: there is
// one dispute, and each of its states is told once (P4).
func TestDisputeInAnyOrder(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		for _, w := range nodes {
			withDriver(t, w, frank{w.Sandbox})
		}
		for round, order := range permutations([]int{0, 1, 2, 3}) {
			l := nodes[0].Link(t, nil)
			p, err := nodes[0].Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range order {
				states := []pay.DisputeState{pay.DisputeOpen, pay.DisputeOpen, pay.DisputeLost, pay.DisputeLost}
				hear(t, nodes[(round+i)%2], fmt.Sprint("ev_", p.ID, "_", n/(1+round%2)), about(p, states[n]))
			}
			if got := disputes(t, nodes[1], l); got != "opened lost" {
				t.Fatalf("%v: %s", order, got)
			}
			if v := view(t, nodes[0], l); v.Link.Disputed != 1050 || len(v.Payments[0].Disputes) != 1 {
				t.Fatalf("%v: %+v", order, v)
			}
		}
		if open := contradictions(t, nodes[0]); open != "" {
			t.Errorf("differences: %s", open)
		}
		proven(t, nodes[0])
	})
}

// contradictions are the differences that are open, each as the processor's word.
func contradictions(t *testing.T, w *coretest.World) string {
	t.Helper()
	list, _, err := w.Differences(context.Background(), w.Shop, core.DifferenceFilter{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, d := range list {
		words = append(words, d.What+": "+d.Theirs)
	}
	return strings.Join(words, ", ")
}

// A dispute may be told before the payment is known to be captured, or known at
// all: it waits, a person hears of it, and it has its effect in the end.
func TestDisputeBeforeItsPayment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		withDriver(t, w, frank{w.Sandbox})
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual = true })
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		stranger := about(p, pay.DisputeOpen)
		stranger.PaymentRef, stranger.ProcessorRef = "sbx_nobody", "dp_nobody"
		hear(t, w, "ev_1", about(p, pay.DisputeOpen))
		hear(t, w, "ev_2", stranger)
		if got := disputes(t, w, l) + contradictions(t, w); got != "" {
			t.Fatalf("at once: %s", got)
		}
		for range 3 {
			w.Clock.Add(2 * time.Minute)
			if err := w.Inbox(ctx, 1); err != nil { // one at a time: neither keeps the other back
				t.Fatal(err)
			}
			if err := w.Inbox(ctx, 1); err != nil {
				t.Fatal(err)
			}
		}
		if got := contradictions(t, w); strings.Count(got, "dispute: a dispute about 10.50 USD") != 2 {
			t.Fatalf("after minutes: %s", got)
		}
		if _, err := w.Capture(ctx, w.Shop, core.CapturePayment{Key: "c", Fingerprint: "c", Payment: p.ID}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(2 * time.Hour)
		if err := w.Inbox(ctx, 10); err != nil {
			t.Fatal(err)
		}
		if got := contradictions(t, w); disputes(t, w, l) != "opened" || got != "dispute: a dispute about 10.50 USD of payment sbx_nobody is open" {
			t.Errorf("captured: %s, and %s", disputes(t, w, l), got)
		}
		proven(t, w)
	})
}

// What a processor says against the books changes nothing in them and is a
// difference, once; its callback is not tried for ever.
func TestDisputeThatContradicts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		odds := withDriver(t, w, frank{w.Sandbox})
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 2 })
		first, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		other, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		hear(t, w, "ev_0", about(first, pay.DisputeWon))
		seq := view(t, w, l).Link.Seq
		for i, with := range []func(d *processor.Dispute){
			func(d *processor.Dispute) { d.State = pay.DisputeLost },
			func(d *processor.Dispute) { d.PaymentRef = other.Last().ProcessorRef },
			func(d *processor.Dispute) { d.ProcessorRef, d.Amount.Minor = "dp_2", 1051 },
			func(d *processor.Dispute) { d.ProcessorRef, d.Amount.Currency = "dp_3", "EUR" },
		} {
			d := about(first, pay.DisputeWon)
			with(&d)
			for n := range 2 {
				hear(t, w, fmt.Sprint("ev_", i+1, n), d)
			}
			w.Clock.Add(2 * time.Hour)
			if err := w.Inbox(ctx, 10); err != nil {
				t.Fatal(err)
			}
			if i == 0 { // the second is about the same dispute: a person is done with the first
				list, _, err := w.Differences(ctx, w.Shop, core.DifferenceFilter{Open: true})
				if err != nil || len(list) != 1 || list[0].Link != l.ID || !strings.Contains(list[0].Ours, "a dispute that is won cannot become lost") {
					t.Fatalf("%+v %v", list, err)
				}
				if _, err := w.CloseDifference(ctx, w.Shop, list[0].ID, "asked the processor: it was won"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if open := contradictions(t, w); strings.Count(open, "dispute: ") != 3 || odds.alarms["dispute_mismatch"] != 4 {
			t.Errorf("differences: %s; %v", open, odds.alarms)
		}
		if v := view(t, w, l); v.Link.Seq != seq || v.Link.Disputed != 0 {
			t.Errorf("%d events more, %d disputed", v.Link.Seq-seq, v.Link.Disputed)
		}
		proven(t, w)
	})
}

// Refunds against a dispute: those that were begun before it go on, and none is
// begun of what it took (5.8).
func TestRefundAgainstDispute(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		for _, w := range nodes {
			withDriver(t, w, frank{w.Sandbox})
		}
		ctx := context.Background()
		ends := map[int]int{}
		for range rounds(4, 200) {
			l := nodes[0].Link(t, nil)
			p, err := nodes[0].Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			d := about(p, pay.DisputeOpen)
			d.Amount.Minor = 800
			atOnce(nodes, 22, func(i int, w *coretest.World) {
				if i == 10 || i == 11 {
					hear(t, w, "ev_"+string(p.ID), d)
					return
				}
				key := fmt.Sprintf("r%d-%s", i, p.ID)
				_, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: key, Fingerprint: key, Wish: pay.RefundWish{Payment: p.ID, Amount: 100}})
				if err != nil && pay.KindOf(err) != pay.Invalid {
					t.Error(err)
				}
			})
			runAll(t, nodes)
			events, err := nodes[1].Store.LinkEvents(ctx, nodes[1].Shop.Tenant, l.ID)
			if err != nil {
				t.Fatal(err)
			}
			left, begun, opened := int64(1050), 0, false
			for _, e := range events {
				switch e.Kind {
				case pay.EventDisputeOpened:
					left, opened = left-800, true
				case pay.EventRefundRequested:
					if left, begun = left-100, begun+1; left < 0 {
						t.Fatalf("refund %d was begun with nothing left, %d", begun, left)
					}
				}
			}
			if !opened || begun < 2 {
				t.Fatalf("%d refunds, disputed: %v", begun, opened)
			}
			ends[begun]++
		}
		t.Log("refunds begun:", ends)
		proven(t, nodes[0])
	})
}

// A report settles what a dispute took and gave back, each once, with the fee
// of the dispute (M10).
func TestSettleDispute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		d, err := w.SimulateDispute(ctx, w.Shop, core.SimulateDispute{Payment: p.ID, Amount: 700})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.SimulateDecision(ctx, w.Shop, d.ID, pay.DisputeWon); err != nil {
			t.Fatal(err)
		}
		rows := "dispute,sandbox," + d.ProcessorRef + ",7.00,USD,15.00,\n" +
			"dispute_reversal,sandbox," + string(d.ID) + ",7.00,USD,,\n" +
			"dispute,sandbox,dp_none,7.00,USD,,\n" +
			"dispute_reversal,sandbox," + d.ProcessorRef + ",7.01,USD,,\n" +
			"dispute_reversal,sandbox," + d.ProcessorRef + ",7.00,USD,1.00,\n" +
			"dispute,another," + d.ProcessorRef + ",7.00,USD,,\n"
		const bad = ", 4 unknown, 5 mismatch, 6 invalid, 7 unknown"
		if got, details := imported(t, w, reportHead+rows); got != "2 settled, 3 settled"+bad {
			t.Errorf("first: %s\n%s", got, details)
		}
		if got := balance(t, w); got != "USD pending 1050 available -1500 held 0" {
			t.Errorf("after: %s", got)
		}
		if got, _ := imported(t, w, reportHead+rows); got != "2 repeated, 3 repeated"+bad {
			t.Errorf("again: %s", got)
		}
		if got, _ := imported(t, w, reportHead+"reversal,sandbox,"+string(d.ID)+",7.00,USD,,\n"); got != "2 settled" || balance(t, w) != "USD pending 350 available -800 held 0" {
			t.Errorf("taken back: %s, %s", got, balance(t, w))
		}
		proven(t, w)
	})
}

// tamperingDisputes is what breaks the rules of disputes.
var tamperingDisputes = []struct{ name, rule, says, sql string }{
	{"a sum of disputes", "M4", "its disputes sum to 400", `UPDATE attempts SET disputed = 399 WHERE` + of("lost")},
	{"a loss made up", "M8", "and lost 900", `UPDATE payments SET body = replace(body, '"reversed":400', '"reversed":400,"loss":900') WHERE` + of("lost")},
	{"shares not reversed", "M8", "gave back", `UPDATE payments SET body = replace(body, '"reversed":400', '"reversed":300') WHERE` + of("lost")},
	{"a loss taken from nobody", "M9", "no movement dispute_loss:", `DELETE FROM entries WHERE movement LIKE 'dispute_loss:%' AND` + of("lost")},
	{"a loss taken from another", "M8", "the ledger has", `UPDATE entries SET account = 'merchant' WHERE account = 'split:0' AND movement LIKE 'dispute_loss:%'`},
	{"money that never went", "M9", "no movement dispute:", `DELETE FROM entries WHERE movement LIKE 'dispute:%' AND` + of("open")},
	{"money that never came back", "M9", "no movement dispute_reversal:", `DELETE FROM entries WHERE movement LIKE 'dispute_reversal:%'`},
	{"money that came back of an open one", "M9", `that is "open"`, `UPDATE entries SET movement = 'dispute_reversal:' || substr(movement, 9) WHERE movement LIKE 'dispute:%' AND` + of("open")},
	{"another amount", "M9", "the dispute of 1050", `UPDATE entries SET amount = amount + (CASE WHEN line = 0 THEN 1 ELSE -1 END) WHERE movement LIKE 'dispute:%' AND` + of("open")},
	{"a movement of no dispute", "M9", `is ""`, `UPDATE entries SET movement = 'dispute:dsp_none' WHERE movement LIKE 'dispute:%' AND` + of("open")},
	{"a line lost", "M10", "has no settlement line", `DELETE FROM settlements WHERE movement LIKE 'dispute_reversal:%'`},
	{"a state without an event", "E1", `left it "accepted"`, `UPDATE payments SET body = replace(body, '"state":"accepted"', '"state":"lost"') WHERE` + of("accepted")},
	{"a row's column", "E5", "amount is 1049", `UPDATE disputes SET amount = 1049 WHERE` + of("open")},
	{"a row's body", "E5", "not as its newest event", `UPDATE disputes SET body = replace(body, 'duplicate', 'fraudulent') WHERE` + of("open")},
	{"a lost row", "E5", "has 0 disputes", `DELETE FROM disputes WHERE` + of("open")},
	{"a row without a payment", "E5", "1 of 6 rows", `INSERT INTO disputes (merchant, mode, id, link, payment, attempt, state, processor, processor_ref, currency, amount, created_at, body)
		SELECT merchant, mode, 'dsp_none', link, 'pay_none', attempt, state, processor, 'dp_none', currency, amount, created_at, body FROM disputes WHERE` + of("open")},
	{"surplus given back twice", "M8", "1050 more of the surplus", `UPDATE payments SET body = replace(body, '"loss":1050,', '') WHERE` + of("surplus") +
		`; UPDATE entries SET account = 'surplus' WHERE account = 'merchant' AND movement LIKE 'dispute_loss:%' AND` + of("surplus")},
}

// What is broken of disputes is found, by the rule that it breaks.
func TestVerifyFindsDisputes(t *testing.T) {
	tables := []string{"payments", "attempts", "entries", "settlements", "disputes"}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		disputedWorld(busy{w, t})
		proven(t, w)
		for _, table := range tables {
			storetest.Tamper(t, o, `CREATE TABLE kept_`+table+` AS SELECT * FROM `+table)
		}
		for _, c := range tamperingDisputes {
			storetest.Tamper(t, o, strings.Split(c.sql, "; ")...)
			_, err := w.Verify(context.Background(), quiet)
			var breach *core.Breach
			if !errors.As(err, &breach) || breach.Rule != c.rule || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: got %v, want a breach of %s that says %q", c.name, err, c.rule, c.says)
			}
			for _, table := range tables {
				storetest.Tamper(t, o, `DELETE FROM `+table, `INSERT INTO `+table+` SELECT * FROM kept_`+table)
			}
		}
		proven(t, w)
	})
}

// disputedWorld has a dispute in each state, named by the link's reference, and
// one of surplus that was given back as well.
func disputedWorld(w busy) {
	w.t.Helper()
	ctx := context.Background()
	late := w.link("surplus", nil) // canceled while a transfer is on its way, which then arrives
	w.start(late, pay.MethodBankTransfer, 0)
	_, err := w.CancelLink(ctx, w.Shop, late.ID)
	w.must(err)
	w.Clock.Add(61 * time.Minute)
	_, err = w.Sandbox.Due(ctx)
	w.must(err)
	withDriver(w.t, w.World, frank{w.Sandbox})
	list, _, err := w.Payments(ctx, w.Shop, core.PaymentFilter{Link: late.ID})
	w.must(err)
	hear(w.t, w.World, "ev_surplus", about(list[0], pay.DisputeLost))
	for reference, to := range map[string]pay.DisputeState{"open": pay.DisputeOpen, "won": pay.DisputeWon, "lost": pay.DisputeLost, "accepted": pay.DisputeAccepted} {
		p := w.card(w.link(reference, func(l *pay.Link) { l.Splits = []pay.Split{{Account: "acc-1", Amount: 525}} }), goodCard)
		d := about(p, to)
		if to == pay.DisputeLost {
			d.Amount.Minor = 400
		}
		hear(w.t, w.World, "ev_"+reference, d)
	}
}

// A dispute whose callback never came is found by the comparison of the day,
// and what is known is no difference (P6).
func TestCompareFindsADispute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		var paid []pay.Payment
		for range 2 {
			p, err := w.Card(w.Link(t, nil), goodCard)
			if err != nil {
				t.Fatal(err)
			}
			paid = append(paid, p)
		}
		if _, err := w.SimulateDispute(ctx, w.Shop, core.SimulateDispute{Payment: paid[0].ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Sandbox.OpenDispute(ctx, w.Shop.Tenant, processor.DisputeWish{Key: "k", PaymentRef: paid[1].Last().ProcessorRef, Amount: 700}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Hour)
		if err := compareNow(t, o, w.Core); err != nil {
			t.Fatal(err)
		}
		if got := contradictions(t, w); got != "disputed: 7.00 USD" {
			t.Errorf("differences: %s", got)
		}
	})
}
