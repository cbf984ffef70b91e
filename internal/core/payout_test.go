package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// settledLink is a link of 10.50 that was paid and settled, of which partner
// has 3.00.
func settledLink(t *testing.T, w *coretest.World, onHold bool) pay.Link {
	t.Helper()
	l := w.Link(t, func(l *pay.Link) { l.Splits = []pay.Split{{Account: "partner", Amount: 300, OnHold: onHold}} })
	p, err := w.Card(l, goodCard)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := imported(t, w, reportHead+"capture,sandbox,"+p.Last().ProcessorRef+",10.50,USD,,\n"); got != "2 settled" {
		t.Fatal(got)
	}
	return l
}

func payout(w *coretest.World, key string, minor int64) (pay.Payout, error) {
	return w.CreatePayout(context.Background(), w.Shop, core.CreatePayout{Key: key, Fingerprint: key, Wish: pay.PayoutWish{Currency: "USD", Amount: minor}})
}

func transfer(w *coretest.World, id pay.LinkID, key string, minor int64) (core.LinkView, error) {
	return w.TransferSplit(context.Background(), w.Shop, core.MoveSplit{Key: key, Fingerprint: key, Link: id, Amount: minor, Reference: "statement 11"})
}

// short reports an error that says there is not enough to be paid out.
func short(err error) bool {
	e := (*pay.Error)(nil)
	return errors.As(err, &e) && e.Code == "insufficient_balance"
}

func usd(t *testing.T, w *coretest.World) pay.Balance {
	t.Helper()
	list, err := w.Balances(context.Background(), w.Shop)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	return list[0]
}

// Money from its capture to those it belongs to: the partner's is not the
// merchant's to be paid, held money is nobody's, and a repeat pays nothing (M10).
func TestPayoutsAndTransfers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		w.Clock.Step = time.Millisecond // lists are in the order of time
		ctx := context.Background()
		if _, err := payout(w, "k0", 1); !short(err) {
			t.Errorf("of nothing: %v", err)
		}
		l := settledLink(t, w, true)
		if _, err := transfer(w, l.ID, "t0", 0); pay.KindOf(err) != pay.Conflict {
			t.Errorf("of what is held: %v", err)
		}
		if _, err := payout(w, "k1", 751); !short(err) {
			t.Errorf("of what is held: %v", err)
		}
		if _, err := w.ReleaseSplit(ctx, w.Shop, l.ID, 0, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := payout(w, "k1", 751); !short(err) { // the key was not used up
			t.Errorf("of the partner's: %v", err)
		}
		first, err := payout(w, "k2", 700)
		if again, err2 := payout(w, "k2", 700); err != nil || err2 != nil || again != first || first.Number != 1 || first.Available != 750 {
			t.Fatalf("%+v %v, again %+v %v", first, err, again, err2)
		}
		if _, err := payout(w, "k1", 700); !short(err) {
			t.Errorf("a second time: %v", err)
		}
		v, err := transfer(w, l.ID, "t1", 100)
		if err != nil || v.Link.Splits[0].Transferred != 100 || v.Link.Splits[0].At() != pay.SplitReleased {
			t.Fatalf("%+v %v", v.Link.Splits, err)
		}
		if v, err = transfer(w, l.ID, "t1", 100); err != nil || v.Link.Splits[0].Transferred != 100 {
			t.Fatalf("again: %+v %v", v.Link.Splits, err)
		}
		if v, err = w.HoldSplit(ctx, w.Shop, core.MoveSplit{Link: l.ID}); err != nil || v.Link.Splits[0].Held != 200 {
			t.Fatalf("held again: %+v %v", v.Link.Splits, err)
		}
		if b := usd(t, w); b != (pay.Balance{Currency: "USD", Settled: 250, Held: 200, Transferred: 100, PaidOut: 700}) || b.Payable() != 50 {
			t.Errorf("%+v", b)
		}
		rest, err := payout(w, "k3", 0)
		if err != nil || rest.Amount.Minor != 50 || rest.Number != 3 {
			t.Errorf("the rest: %+v %v", rest, err)
		}
		all, next, err := w.Payouts(ctx, w.Shop, core.PayoutFilter{Limit: 2})
		if err != nil || len(all) != 2 || all[0] != rest || all[1].Kind() != "transfer" || all[1].Link != l.ID || all[1].Reference != "statement 11" || next == "" {
			t.Fatalf("%+v %q %v", all, next, err)
		}
		last, _, err := w.Payouts(ctx, w.Shop, core.PayoutFilter{After: next})
		if err != nil || len(last) != 1 || last[0] != first {
			t.Errorf("%+v %v", last, err)
		}
		if read, err := w.Payout(ctx, w.Shop, all[1].ID); err != nil || read != all[1] {
			t.Errorf("%+v %v", read, err)
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: v.Payments[0].ID}}); err != nil {
			t.Fatal(err)
		}
		if v, err = w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.Splits[0].At() != pay.SplitReversed || v.Link.Splits[0].Free() != -100 {
			t.Errorf("all given back: %+v %v", v.Link.Splits, err)
		}
		if b := usd(t, w); b.Owed != 0 || b.Settled != 200 { // what one account owes is no other's loss
			t.Errorf("%+v", b)
		}
		proven(t, w)
	})
}

// A payout sees what was settled back, and what is still on its way is not paid.
func TestPayoutOfWhatIsSettled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := payout(w, "k1", 1); !short(err) {
			t.Errorf("before it was settled: %v", err)
		}
		row := p.Last().ProcessorRef + ",10.50,USD,,\n"
		imported(t, w, reportHead+"capture,sandbox,"+row)
		if _, err := payout(w, "k2", 50); err != nil {
			t.Error(err)
		}
		imported(t, w, reportHead+"reversal,sandbox,"+row)
		if _, err := payout(w, "k3", 1); !short(err) || usd(t, w).Available() != -50 {
			t.Errorf("after it was settled back: %v, %+v", err, usd(t, w))
		}
		proven(t, w)
	})
}

// A currency that is none is told so, also where the database cannot hold it.
func TestPayoutInNoCurrency(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		for _, c := range []pay.Currency{"", "usd", "US\x00", "\xff\xfe"} {
			_, err := w.CreatePayout(context.Background(), w.Shop, core.CreatePayout{Key: "k", Fingerprint: "f", Wish: pay.PayoutWish{Currency: c, Amount: 1}})
			if pay.KindOf(err) != pay.Invalid {
				t.Errorf("%q: %v", c, err)
			}
		}
	})
}

// Twenty at once out of one balance: never more than there is, and exactly
// what was acknowledged.
func TestPayoutsAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		for round := range rounds(2, 100) {
			l := settledLink(t, nodes[0], false) // 7.50 is the merchant's, 3.00 the partner's
			before := usd(t, nodes[0])
			paid, sent := make(chan int64, 20), make(chan int64, 20)
			atOnce(nodes, 20, func(i int, w *coretest.World) {
				key := fmt.Sprintf("%d-%d", round, i)
				if i%4 == 0 {
					if _, err := transfer(w, l.ID, key, 100); err == nil {
						sent <- 100
					} else if pay.KindOf(err) != pay.Conflict {
						t.Error(err)
					}
					return
				}
				if p, err := payout(w, key, 100); err == nil {
					paid <- p.Amount.Minor
				} else if !short(err) {
					t.Error(err)
				}
			})
			if want := int(before.Payable() / 100); len(paid) != want || len(sent) != 3 {
				t.Fatalf("%d payouts of %d and %d transfers of 3", len(paid), want, len(sent))
			}
			if b := usd(t, nodes[1]); b.PaidOut-before.PaidOut != 100*int64(len(paid)) || b.Transferred-before.Transferred != 300 || b.Settled < 0 || b.Payable() >= 100 {
				t.Fatalf("%+v after %+v", b, before)
			}
		}
		verified(t, nodes[0])
	})
}

// Transfers of many links come out of one balance, which has not enough for all.
func TestTransfersAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		var links [4]pay.LinkID
		for i := range links {
			l := nodes[0].Link(t, func(l *pay.Link) { l.Splits = []pay.Split{{Account: "partner", Amount: 1000}} })
			if _, err := nodes[0].Card(l, goodCard); err != nil {
				t.Fatal(err)
			}
			links[i] = l.ID
		}
		imported(t, nodes[0], reportHead+"adjustment,sandbox,a1,5.00,USD,,\n")
		done := make(chan bool, 20)
		atOnce(nodes, 20, func(i int, w *coretest.World) {
			if _, err := transfer(w, links[i%4], fmt.Sprint("t", i), 100); err == nil {
				done <- true
			} else if !short(err) {
				t.Error(err)
			}
		})
		if b := usd(t, nodes[0]); len(done) != 5 || b.Settled != 0 || b.Transferred != 500 {
			t.Fatalf("%d transfers of 1.00 out of 5.00: %+v", len(done), b)
		}
		verified(t, nodes[0])
	})
}

// A refund that leaves a split nothing but what was transferred makes it
// transferred: an event of no transfer, and no breach.
func TestRefundEndsASplit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := settledLink(t, w, false)
		if _, err := transfer(w, l.ID, "t", 100); err != nil {
			t.Fatal(err)
		}
		p := view(t, w, l).Payments[0]
		if _, _, err := w.Refund(t.Context(), w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID, Amount: 700}}); err != nil {
			t.Fatal(err)
		}
		if s := view(t, w, l).Link.Splits[0]; s.At() != pay.SplitTransferred || s.Transferred != 100 || s.Free() != 0 {
			t.Errorf("%+v", s)
		}
		verified(t, w)
	})
}

// paySome pays out of the settled balance, so that all kinds of payouts are there.
func (w busy) paySome() {
	w.t.Helper()
	ctx := context.Background()
	l := w.link("split up", func(l *pay.Link) {
		l.Splits = []pay.Split{{Account: "acc-1", Amount: 300}, {Account: "acc-2", Amount: 200, OnHold: true}}
	})
	p := w.card(l, goodCard)
	if got, _ := imported(w.t, w.World, reportHead+"capture,sandbox,"+p.Last().ProcessorRef+",10.50,USD,0.11,\n"); got != "2 settled" {
		w.t.Fatal(got)
	}
	_, err := transfer(w.World, l.ID, "paid-1", 100)
	w.must(err)
	_, err = w.HoldSplit(ctx, w.Shop, core.MoveSplit{Link: l.ID})
	w.must(err)
	_, err = payout(w.World, "paid-2", 5)
	w.must(err)
}

// tamperingPayouts is what breaks payouts, transfers and the states of splits.
var tamperingPayouts = []struct{ name, rule, says, sql string }{
	{"a payout lost", "M10", "no payout says so", `DELETE FROM payouts WHERE link = ''`},
	{"a transfer lost", "M10", "the transfers sum to 0", `DELETE FROM payouts WHERE link <> ''`},
	{"a payout of another amount", "M10", "is of 0.04 USD, the ledger moved 0.05 USD", `UPDATE payouts SET amount = 4 WHERE link = ''`},
	{"a payout in another currency", "M10", "is of 0.05 EUR", `UPDATE payouts SET currency = 'EUR' WHERE link = ''`},
	{"a payout not posted", "M10", "the ledger moved", `DELETE FROM entries WHERE movement LIKE 'payout:%'`},
	{"a transfer not posted", "M10", "the ledger moved", `DELETE FROM entries WHERE movement LIKE 'transfer:%'`},
	{"a payout of no row", "M10", "no payout says so", `INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
		SELECT merchant, mode, link, movement || 'x', line, account, currency, amount, at FROM entries WHERE movement LIKE 'payout:%'`},
	{"a number left out", "M10", "the newest is number 3", `UPDATE payouts SET number = 3 WHERE link = ''`},
	{"a purse set back", "M10", "the purse is at 1", `UPDATE purses SET number = 1`},
	{"more than ever was there", "M10", "ever were on the balance", `UPDATE payouts SET amount = 100000, available = 100000 WHERE link = '';
		UPDATE entries SET amount = CASE WHEN account = 'settled' THEN -100000 ELSE 100000 END WHERE movement LIKE 'payout:%'`},
	{"a transfer to another", "M10", "to account acc-9", `UPDATE payouts SET account = 'acc-9' WHERE link <> ''`},
	{"a transfer of another split", "M10", "the transfers sum to 0", `UPDATE payouts SET split = 1, account = 'acc-2' WHERE link <> ''`},
	{"a hold of no event", "M9", "of no event", `UPDATE entries SET movement = 'hold:evt_none' WHERE movement LIKE 'hold:%'`},
	{"payouts without a link", "M10", "no such link", `INSERT INTO payouts (merchant, mode, id, link, split, account, currency, number, amount, available, reference, actor, created_at)
		SELECT merchant, mode, id || 'x', '0000000000', split, account, currency, number + 10, amount, available, reference, actor, created_at FROM payouts`},
	{"payouts without a merchant", "M10", "no merchant", `INSERT INTO payouts (merchant, mode, id, link, split, account, currency, number, amount, available, reference, actor, created_at)
		SELECT 'gone', mode, id, link, split, account, currency, number, amount, available, reference, actor, created_at FROM payouts`},
}
