package core_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// busy makes links and payments of one merchant; what fails ends the test.
type busy struct {
	*coretest.World
	t *testing.T
}

func (w busy) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w busy) link(name string, with func(*pay.Link)) pay.Link {
	return w.Link(w.t, func(l *pay.Link) {
		l.Reference = name
		if with != nil {
			with(l)
		}
	})
}

func (w busy) start(l pay.Link, m pay.MethodID, minor int64) {
	w.t.Helper()
	var fields map[string]string
	if m == pay.MethodCard {
		fields = map[string]string{"card": goodCard}
	}
	_, err := w.StartPayment(context.Background(), core.StartPayment{Token: l.Token, Method: m, Amount: minor, Fields: fields, From: "192.0.2.9"})
	w.must(err)
}

func (w busy) card(l pay.Link, number string) pay.Payment {
	w.t.Helper()
	p, err := w.Card(l, number)
	w.must(err)
	return p
}

// busyWorld is one: links on many paths, each named by its reference.
func busyWorld(t *testing.T, o store.Options) *coretest.World {
	t.Helper()
	w := busy{coretest.New(t, o), t}
	w.Clock.Step = time.Millisecond // as in life, no two changes have the same time
	ctx := context.Background()
	_, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1/all"})
	w.must(err)
	off, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1/off", Kinds: []pay.EventKind{pay.EventLinkCompleted}})
	w.must(err)
	_, err = w.SetEndpointEnabled(ctx, w.Shop, off.ID, false)
	w.must(err)
	w.Clock.Add(time.Minute)

	paid := w.link("paid", nil)
	w.card(paid, declineCard)
	back := w.card(paid, goodCard)
	parts := w.link("parts", func(l *pay.Link) {
		l.Use.Parts = true
		l.Splits = []pay.Split{{Account: "acc-1", Amount: 333}, {Account: "acc-2", Amount: 100}}
	})
	w.start(parts, pay.MethodCard, 401)
	w.start(parts, pay.MethodCard, 200)
	many := w.link("many", func(l *pay.Link) { l.Use.Max = 0 })
	w.card(many, goodCard)
	w.card(many, goodCard)
	capped := w.link("capped", func(l *pay.Link) { l.Use.Max = 5 })
	w.card(capped, goodCard)
	w.card(capped, goodCard)
	w.card(capped, goodCard)
	held := w.card(w.link("manual", func(l *pay.Link) { l.Use.Manual = true }), goodCard)
	_, err = w.Capture(ctx, w.Shop, core.CapturePayment{Key: "c", Fingerprint: "c", Payment: held.ID, Amount: 800})
	w.must(err)
	late := w.link("surplus", nil) // canceled while a transfer is on its way, which then arrives
	w.start(late, pay.MethodBankTransfer, 0)
	_, err = w.CancelLink(ctx, w.Shop, late.ID)
	w.must(err)
	w.start(w.link("taken over", nil), pay.MethodBankTransfer, 0)
	w.settleSome()
	w.paySome()
	w.link("expired", func(l *pay.Link) { l.ExpiresAt = w.Clock.Now().Add(time.Minute) })
	w.link("started", func(l *pay.Link) { l.StartsAt = w.Clock.Now().Add(time.Minute) })

	w.Clock.Add(16 * time.Minute)
	over, _, err := w.Links(ctx, w.Shop, core.LinkFilter{Reference: "taken over"})
	w.must(err)
	w.card(over[0], goodCard)
	_, _, err = w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: back.ID, Amount: 50}})
	w.must(err)
	w.Clock.Add(2 * time.Hour)
	_, err = w.DueLinks(ctx, 10)
	w.must(err)
	_, err = w.Sandbox.Due(ctx)
	w.must(err)
	w.start(w.link("waiting", nil), pay.MethodBankTransfer, 0)
	return w.World
}

func quiet(int64, int64) {}

func TestVerifyClean(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := busyWorld(t, o)
		var done, total int64
		report, err := w.Verify(context.Background(), func(d, n int64) { done, total = d, n })
		if err != nil {
			t.Fatal(err)
		}
		if report.Links != 12 || report.Events == 0 || done != report.Events || total != report.Events || report.Attempts < 12 || report.Entries == 0 || report.Deliveries < report.Events {
			t.Errorf("report: %+v, progress %d of %d", report, done, total)
		}
		surplus, _, err := w.Links(context.Background(), w.Shop, core.LinkFilter{Reference: "surplus"})
		if err != nil || len(surplus) != 1 {
			t.Fatal(err)
		}
		list, _, err := w.Payments(context.Background(), w.Shop, core.PaymentFilter{Link: surplus[0].ID})
		if err != nil || len(list) != 1 || list[0].State != pay.PaymentSurplus {
			t.Errorf("the late transfer: %+v %v", list, err)
		}
	})
}

// of names the link with a reference in SQL.
func of(reference string) string {
	return ` link = (SELECT id FROM links WHERE reference = '` + reference + `') `
}

// tampering is each rule with something that breaks it, and a word of what is
// then said.
var tampering = []struct{ name, rule, says, sql string }{
	{"refunded more than captured", "M4", "captured 1050", `UPDATE attempts SET refunded = 1051 WHERE captured = 1050 AND` + of("capped")},
	{"refunded out of nothing", "M4", "sum to 0", `UPDATE attempts SET refunded = 5 WHERE captured = 1050 AND` + of("capped")},
	{"reserved more than is due", "M5", "reserved 1051", `UPDATE payments SET requested = 1051 WHERE` + of("waiting")},
	{"a use not counted", "M6", "2 payments", `UPDATE links SET use_count = 1 WHERE reference = 'many'`},
	{"more uses than allowed", "M6", "more than 2 uses", `UPDATE links SET max_uses = 2 WHERE reference = 'capped'`},
	{"a share too much", "M8", "the capture is", `UPDATE entries SET amount = amount + (CASE WHEN line = 0 THEN 1 ELSE -1 END) WHERE line < 2 AND` + of("parts")},
	{"a lost line", "M9", "not to zero", `DELETE FROM entries WHERE line = 1 AND` + of("parts")},
	{"a lost movement", "M9", "no such movement", `DELETE FROM entries WHERE` + of("paid")},
	{"a movement of nothing", "M9", "not there", `UPDATE entries SET movement = 'capture:att_none' WHERE` + of("manual")},
	{"entries without a link", "M9", "no such link", `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at) SELECT merchant, mode, '0000000000', movement, line, account, currency, amount, at FROM entries WHERE` + of("manual")},
	{"entries without a merchant", "M9", "no merchant", `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at) SELECT 'gone', mode, link, movement, line, account, currency, amount, at FROM entries WHERE` + of("surplus")},
	{"a total raised", "M11", "applied is 2101", `UPDATE links SET applied = applied + 1 WHERE reference = 'many'`},
	{"a state without an event", "E1", "left it \"completed\"", `UPDATE links SET state = 'active' WHERE reference = 'paid'`},
	{"a payment's state without an event", "E1", "left it \"surplus\"", `UPDATE payments SET state = 'failed' WHERE` + of("surplus")},
	{"an attempt's state without an event", "E1", "left it \"failed\"", `UPDATE attempts SET state = 'canceled' WHERE state = 'failed'`},
	{"a lost event", "E2", "event 3 follows event 1", `DELETE FROM events WHERE seq = 2 AND` + of("paid")},
	{"a lost last event", "E1", "left it", `DELETE FROM events WHERE kind = 'payment_link.expired'`},
	{"an event out of time", "E2", "earlier", `UPDATE events SET at = at - 1000000 WHERE seq = 2 AND` + of("paid")},
	{"an event rewritten", "E4", "its record", `UPDATE events SET record = replace(record, '1050', '1051') WHERE seq = 1 AND` + of("paid")},
	{"an event's hash", "E4", "event 1 has hash", `UPDATE events SET hash = prev_hash WHERE seq = 1 AND` + of("paid")},
	{"an event's link to the one before", "E4", "follows hash", `UPDATE events SET prev_hash = hash WHERE seq = 2 AND` + of("paid")},
	{"an event's kind", "E4", "differ", `UPDATE events SET kind = 'payment.failed' WHERE seq = 2 AND` + of("paid")},
	{"the link's last hash", "E4", "last hash", `UPDATE links SET last_hash = '' WHERE reference = 'paid'`},
	{"an event's personal part", "E4", "event 2: opening", `UPDATE events SET sealed = (SELECT e.sealed FROM events e WHERE e.seq = 1 AND e.link = events.link) WHERE seq = 2 AND` + of("paid")},
	{"a link's body", "E5", "as its newest event", `UPDATE links SET body = replace(body, 'field guides', 'field guide') WHERE reference = 'paid'`},
	{"a link's column", "E5", "currency is EUR", `UPDATE links SET currency = 'EUR' WHERE reference = 'paid'`},
	{"a payment's body", "E5", "as its newest event", `UPDATE payments SET body = replace(body, '•••• 4242', '•••• 4243') WHERE` + of("paid")},
	{"a payment's column", "E5", "created_at is", `UPDATE payments SET created_at = created_at + 1 WHERE` + of("paid")},
	{"an attempt's column", "E5", "processor_ref is", `UPDATE attempts SET processor_ref = 'another' WHERE state = 'captured' AND` + of("paid")},
	{"a lost attempt", "E5", "tells of 1", `DELETE FROM attempts WHERE state = 'failed'`},
	{"a lost payment", "E5", "1 payments are stored", `DELETE FROM payments WHERE state = 'failed' AND` + of("paid")},
	{"a slot held twice", "5.1", "both have slot", `UPDATE payments SET slot = '0' WHERE slot = '1' AND` + of("capped")},
	{"a slot lost", "5.1", "has slot", `UPDATE payments SET slot = NULL WHERE` + of("waiting")},
	{"surplus without a refund", "5.6", "sum to 0", `UPDATE payments SET body = replace(body, '"surplus":true,"created_at"', '"created_at"') WHERE` + of("surplus")},
	{"surplus without an operation", "5.6", "no operation", `DELETE FROM operations WHERE kind = 'refund' AND` + of("surplus")},
	{"a lost delivery", "W1", "event 3 has no delivery", `DELETE FROM deliveries WHERE seq = 3 AND` + of("paid")},
	{"a delivery of nothing", "W1", "not there", `UPDATE deliveries SET event = 'evt_none' WHERE seq = 3 AND` + of("paid")},
	{"a lost token", "locators", "finds 0 links", `DELETE FROM locators WHERE kind = 'token' AND ref = (SELECT id FROM links WHERE reference = 'paid')`},
	{"a token of another", "locators", "finds 1 links", `UPDATE locators SET ref = (SELECT id FROM links WHERE reference = 'many') WHERE kind = 'token' AND ref = (SELECT id FROM links WHERE reference = 'paid')`},
	{"a token that leads nowhere", "locators", "leads nowhere", `INSERT INTO locators (kind, hash, merchant, mode, ref, expires_at) VALUES ('token', 'x', 'shop', 'test', 'NOSUCHLINK', 0)`},
}

// What is broken is found, by the rule that it breaks.
func TestVerifyFinds(t *testing.T) {
	tables := []string{"links", "payments", "attempts", "operations", "entries", "settlements", "payouts", "purses", "events", "deliveries", "locators"}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := busyWorld(t, o)
		var keep, restore []string
		for _, table := range tables {
			keep = append(keep, `CREATE TABLE kept_`+table+` AS SELECT * FROM `+table)
			restore = append(restore, `DELETE FROM `+table, `INSERT INTO `+table+` SELECT * FROM kept_`+table)
		}
		storetest.Tamper(t, o, keep...)
		for _, c := range slices.Concat(tampering, tamperingMoney, tamperingPayouts) {
			t.Run(c.name, func(t *testing.T) {
				storetest.Tamper(t, o, c.sql)
				_, err := w.Verify(context.Background(), quiet)
				var breach *core.Breach
				if !errors.As(err, &breach) || breach.Rule != c.rule || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want a breach of %s that says %q", err, c.rule, c.says)
				}
				storetest.Tamper(t, o, restore...)
			})
		}
		if _, err := w.Verify(context.Background(), quiet); err != nil {
			t.Errorf("with everything put back: %v", err)
		}
	})
}

// A proof reads one moment: what is written beside it is no breach. The link
// is longer than a page.
func TestVerifyWhileBusy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		var payers sync.WaitGroup
		const many, each = 4, 25
		for n := range many {
			payers.Go(func() {
				for range each {
					_, err := w.StartPayment(context.Background(), core.StartPayment{
						Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, From: strconv.Itoa(n),
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 10 {
			if _, err := w.Verify(context.Background(), quiet); err != nil {
				t.Error(err)
			}
		}
		payers.Wait()
		report, err := w.Verify(context.Background(), quiet)
		if err != nil || report.Payments != many*each || report.Events != 1+5*many*each {
			t.Errorf("at the end: %+v %v", report, err)
		}
	})
}
