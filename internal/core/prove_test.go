package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func prove(t *testing.T, w *coretest.World, want int) {
	t.Helper()
	if n, err := w.Prove(context.Background()); err != nil || n != want {
		t.Fatalf("%d breaches, %v; want %d", n, err, want)
	}
}

// Every link that breaks a rule takes no new attempts, whatever of it is
// broken, and alarms once; the others go on (V2).
func TestBreachStopsTheLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := busyWorld(t, o)
		ctx := context.Background()
		good := w.Link(t, nil)
		broken := map[string]pay.Link{}
		for name := range map[string]bool{"hash": true, "body": true, "event": true} {
			broken[name] = w.Link(t, func(l *pay.Link) { l.Reference = "broken-" + name; l.Use.Max = 5 })
			if _, err := w.Card(broken[name], goodCard); err != nil {
				t.Fatal(err)
			}
		}
		prove(t, w, 0)
		storetest.Tamper(t, o, `CREATE TABLE kept_links AS SELECT * FROM links`, `CREATE TABLE kept_events AS SELECT * FROM events`,
			`UPDATE links SET last_hash = '' WHERE reference = 'broken-hash'`,
			`UPDATE links SET body = replace(body, 'field guides', 'field guide') WHERE reference = 'broken-body'`,
			`DELETE FROM events WHERE seq = 2 AND`+of("broken-event"))
		prove(t, w, 4)
		prove(t, w, 4)
		if w.Alarms("breach") != 4 {
			t.Errorf("%d alarms", w.Alarms("breach"))
		}
		list := wantOpen(t, w.Core, w.Shop, "E4|the link's last hash is", "E5|the link is not as its newest event tells|", "E2|event 3 follows event 1|", "W1|a delivery is of event")
		for name, l := range broken {
			if _, err := w.Card(l, goodCard); pay.KindOf(err) != pay.Conflict {
				t.Errorf("%s: a payment begins: %v", name, err)
			}
		}
		if p, err := w.Card(good, goodCard); err != nil || p.State != pay.PaymentApplied {
			t.Errorf("the link that is sound: %+v %v", p, err)
		}
		storetest.Tamper(t, o, `DELETE FROM events WHERE`+of("broken-event"), `INSERT INTO events SELECT * FROM kept_events WHERE`+of("broken-event"),
			`UPDATE links SET last_hash = (SELECT k.last_hash FROM kept_links k WHERE k.id = links.id) WHERE reference = 'broken-hash'`)
		prove(t, w, 1)
		wantOpen(t, w.Core, w.Shop, "E4|", "E5|", "E2|", "W1|") // mended or not, a person closes it
		for _, d := range list {
			if _, err := w.CloseDifference(ctx, w.Shop, d.ID, "mended"); err != nil {
				t.Fatal(err)
			}
		}
		for name, l := range broken {
			if _, err := w.Card(l, goodCard); err != nil {
				t.Errorf("%s: mended, no payment begins: %v", name, err)
			}
		}
	})
}

// Closed without being mended, a breach comes again; one of no link is closed
// by rule when it is gone.
func TestBreachComesAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, func(l *pay.Link) { l.Reference = "broken" })
		storetest.Tamper(t, o, `UPDATE links SET last_hash = '' WHERE reference = 'broken'`)
		prove(t, w, 1)
		d := wantOpen(t, w.Core, w.Shop, "E4|")[0]
		if d.Link != l.ID || d.Processor != pay.Verifier {
			t.Errorf("%+v", d)
		}
		if _, err := w.CloseDifference(context.Background(), w.Shop, d.ID, "I did not look"); err != nil {
			t.Fatal(err)
		}
		storetest.Tamper(t, o, `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at) VALUES
			('shop', 'test', '', 'fee:odd:1', 0, 'settled', 'USD', -5, 1), ('gone', 'test', 'X', 'capture:att_x', 0, 'surplus', 'USD', 5, 1)`)
		prove(t, w, 3) // the row of no merchant is found by counting
		wantOpen(t, w.Core, w.Shop, "E4|", "M9|")
		if _, err := w.Card(l, goodCard); pay.KindOf(err) != pay.Conflict {
			t.Errorf("a payment begins: %v", err)
		}
		storetest.Tamper(t, o, `DELETE FROM entries WHERE link IN ('', 'X')`)
		prove(t, w, 1)
		wantOpen(t, w.Core, w.Shop, "E4|")
		all, err := w.Store.Differences(context.Background(), pay.Tenant{}, store.DifferenceFilter{Closed: true, Limit: 10})
		if err != nil || len(all) != 1 || all[0].ClosedBy != pay.ClosedByRule || w.Alarms("breach") != 4 {
			t.Errorf("of no merchant: %+v %v, %d alarms", all, err, w.Alarms("breach"))
		}
		w.Link(t, func(l *pay.Link) { l.Reference = "torn" })
		storetest.Tamper(t, o, `UPDATE links SET body = '{' WHERE reference = 'torn'`)
		prove(t, w, 2) // noted, though nothing can be read of it
		wantOpen(t, w.Core, w.Shop, "E4|", "E5|")
	})
}

// The proof is a turn of the whole installation: one node does it.
func TestProofIsATurn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		hourly := w.Proofs(time.Hour)
		claim := func() []store.Turn {
			t.Helper()
			list, err := w.ClaimTurns(ctx, hourly, 5)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if len(claim()) != 0 {
			t.Error("a new installation is proved at once")
		}
		w.Clock.Add(time.Hour)
		w.Link(t, func(l *pay.Link) { l.Reference = "broken" })
		storetest.Tamper(t, o, `UPDATE links SET last_hash = '' WHERE reference = 'broken'`)
		list := claim()
		if len(list) != 1 || list[0].Tenant != (pay.Tenant{}) || len(claim()) != 0 { // one for the whole installation
			t.Fatalf("%+v", list)
		}
		if err := w.RunTurn(ctx, hourly, list[0]); err != nil {
			t.Fatal(err)
		}
		wantOpen(t, w.Core, w.Shop, "E4|")
		w.Clock.Add(30 * time.Minute)
		if len(claim()) != 0 || len(mustClaim(t, w, w.Proofs(15*time.Minute))) != 1 {
			t.Error("another interval is not kept")
		}
	})
}

func mustClaim(t *testing.T, w *coretest.World, turn core.Turn) []store.Turn {
	t.Helper()
	list, err := w.ClaimTurns(context.Background(), turn, 5)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
