package core_test

import (
	"context"
	"strings"

	"paylink/internal/pay"
)

// settleSome makes a link whose splits were let go and canceled, and settles
// it, with an adjustment that belongs to no link.
func (w busy) settleSome() {
	w.t.Helper()
	ctx := context.Background()
	shared := w.link("shared", func(l *pay.Link) {
		l.Splits = []pay.Split{{Account: "acc-1", Percent: 3333, OnHold: true}, {Account: "acc-2", Amount: 250, OnHold: true}}
	})
	p := w.card(shared, goodCard)
	_, err := w.ReleaseSplit(ctx, w.Shop, shared.ID, 0, 100)
	w.must(err)
	_, err = w.CancelSplit(ctx, w.Shop, shared.ID, 1)
	w.must(err)
	_, err = w.ImportSettlements(ctx, w.Shop, strings.NewReader(reportHead+
		"capture,sandbox,"+p.Last().ProcessorRef+",10.50,USD,0.11,\nadjustment,sandbox,a1,1.00,USD,,\n"))
	w.must(err)
}

// tamperingMoney is what breaks the ledger of splits and the settlements.
var tamperingMoney = []struct{ name, rule, says, sql string }{
	{"a line of another amount", "M10", "is of 10.51 USD", `UPDATE settlements SET amount = 1051 WHERE movement LIKE 'capture:%' AND` + of("shared")},
	{"a line lost", "M10", "has no settlement line", `DELETE FROM settlements WHERE movement LIKE 'capture:%' AND` + of("paid")},
	{"a line of nothing", "M10", "the ledger moved", `UPDATE settlements SET movement = 'capture:att_none' WHERE movement LIKE 'capture:%' AND` + of("paid")},
	{"a line settled by hand", "M10", "movement settle:capture:", `UPDATE settlements SET state = 'settled', settled_at = 1 WHERE movement LIKE 'capture:%' AND` + of("paid")},
	{"a line unsettled by hand", "M10", "is expected", `UPDATE settlements SET state = 'expected', settled_at = 0 WHERE movement LIKE 'capture:%' AND` + of("shared")},
	{"a line missing without an event", "E1", "left it", `UPDATE settlements SET state = 'missing' WHERE` + of("paid")},
	{"a line in another currency", "M3", "in EUR", `UPDATE settlements SET currency = 'EUR' WHERE movement LIKE 'fee:%' AND` + of("shared")},
	{"a fee lost", "M10", "no settlement line says so", `DELETE FROM settlements WHERE movement LIKE 'fee:%' AND` + of("shared")},
	{"a fee changed", "M10", "is settled with -0.12", `UPDATE settlements SET amount = -12 WHERE movement LIKE 'fee:%' AND` + of("shared")},
	{"a settlement lost", "M10", "movement settle:capture:", `DELETE FROM entries WHERE movement LIKE 'settle:%'`},
	{"a settlement taken back", "M10", "movement reverse:capture:", `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
		SELECT merchant, mode, link, 'reverse:' || substr(movement, 8), line, account, currency, -amount, at FROM entries WHERE movement LIKE 'settle:%'`},
	{"a balance out of nothing", "M10", "no settlement line says so", `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
		SELECT merchant, mode, link, 'fee:x', line, CASE WHEN line = 0 THEN 'fees' ELSE 'settled' END, currency, amount, at FROM entries WHERE movement LIKE 'settle:%'`},
	{"another time of settlement", "M10", "by its lines at", `UPDATE settlements SET settled_at = settled_at - 1 WHERE movement LIKE 'capture:%' AND` + of("shared")},
	{"an adjustment of another amount", "M10", "has 1.00 USD", `UPDATE settlements SET amount = 99 WHERE link = '' AND movement LIKE 'adjustment:%'`},
	{"an adjustment lost", "M10", "no settlement line says so", `DELETE FROM settlements WHERE link = ''`},
	{"an adjustment not posted", "M10", "adjustment:sandbox:a1", `DELETE FROM entries WHERE link = ''`},
	{"lines without a link", "M10", "no such link", `INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
		SELECT merchant, mode, movement || 'x', '0000000000', payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at FROM settlements WHERE` + of("paid")},
	{"lines without a merchant", "M10", "no merchant", `INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
		SELECT 'gone', mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at FROM settlements WHERE` + of("paid")},
	{"held money given away", "M8", "the ledger has", `UPDATE entries SET account = 'split:0' WHERE account = 'held:0' AND movement LIKE 'capture:%' AND` + of("shared")},
	{"a share moved to the merchant", "M8", "the ledger has", `UPDATE entries SET account = 'merchant' WHERE account = 'split:0' AND movement LIKE 'capture:%' AND` + of("parts")},
	{"a release of no event", "M9", "of no event", `UPDATE entries SET movement = 'release:evt_none' WHERE movement LIKE 'release:%'`},
	{"an account out of place", "M9", "nothing to do with fees", `UPDATE entries SET account = 'fees' WHERE account = 'held:0' AND movement LIKE 'release:%'`},
	{"a movement of no kind", "M9", "no known kind", `UPDATE entries SET movement = 'gift:x' WHERE movement LIKE 'release:%'`},
}
