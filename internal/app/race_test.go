package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"paylink/internal/pay"
)

// Of all who pay a single-use link at once one has paid it, and nobody else's
// money is kept (M6, 5.1).
func TestRaceOfPayers(t *testing.T) {
	const payers = 100
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		for range volume(50) {
			id, token := a.link(bookLink)
			links = append(links, id)
			sheets := make([]sheet, payers)
			atOnce(payers, func(i int) { sheets[i], _ = a.open(i, token) })
			var paid, refused atomic.Int64
			atOnce(payers, func(i int) {
				switch r := a.pay(i, token, sheets[i], goodCard); {
				case r.paid():
					paid.Add(1)
				case r.status == http.StatusConflict:
					refused.Add(1)
				default:
					t.Errorf("a payer reads %d %s", r.status, r.body)
				}
			})
			if paid.Load() != 1 || refused.Load() != payers-1 {
				t.Errorf("%d payers have paid, %d were refused", paid.Load(), refused.Load())
			}
		}
		for _, e := range a.endings(links) {
			a.paidInFull(e, 1050, 1)
		}
	})
}

// paidInFull demands that a link was paid by uses charges that come to minor,
// and that nothing else was kept.
func (a *arena) paidInFull(e ending, minor, uses int64) {
	a.t.Helper()
	var kept int64
	for _, one := range e.keeps() {
		kept += one
	}
	if e.seen.State != pay.LinkCompleted || e.seen.MoneyStatus != pay.Paid || e.seen.AmountPaid != minor || kept != minor {
		a.t.Errorf("link %s is shown as %+v; %d is kept, where %d is owed", e.id, e.seen, kept, minor)
	}
	if int64(len(e.keeps())) != uses || int64(len(e.in(pay.PaymentApplied))) != uses {
		a.t.Errorf("link %s has %d payments that count and keeps the charges %v, where %d are right", e.id, len(e.in(pay.PaymentApplied)), e.keeps(), uses)
	}
}

// until lets a payer try again and again, with little waits, until done.
func (a *arena) until(d *rand.Rand, done func() bool) {
	for range 500 {
		if done() {
			return
		}
		time.Sleep(time.Duration(d.IntN(10)) * time.Millisecond)
	}
	a.t.Error("a payer found no end")
}

// A link for seven is paid by seven of forty, who try until it is over (M6).
func TestRaceForUses(t *testing.T) {
	const payers, uses = 40, 7
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		for round := range volume(40) {
			id, token := a.link(fmt.Sprintf(`{"amount": 1050, "currency": "USD", "max_uses": %d}`, uses))
			links = append(links, id)
			var paid atomic.Int64
			atOnce(payers, func(i int) {
				a.until(a.dice(round*payers+i), func() bool {
					s, asks := a.open(i, token)
					if !asks {
						return true
					}
					r := a.pay(i, token, s, goodCard)
					if r.paid() {
						paid.Add(1)
					}
					return r.paid()
				})
			})
			if paid.Load() != uses {
				t.Errorf("%d payers have paid, where %d may", paid.Load(), uses)
			}
		}
		for _, e := range a.endings(links) {
			a.paidInFull(e, uses*1050, uses)
			if e.seen.UseCount != uses {
				t.Errorf("%d uses are counted", e.seen.UseCount)
			}
		}
	})
}

// Parts that come at once never reserve and pay more than the total, at no
// moment, and end at exactly the total (M5).
func TestRaceOfParts(t *testing.T) {
	const payers, total, least = 12, 100_000, 5_000
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		uses, looks := []int64{}, 0
		for round := range volume(40) {
			id, token := a.link(fmt.Sprintf(`{"amount": %d, "currency": "USD", "part_payments": {"minimum_first": %d}}`, total, least))
			links = append(links, id)
			over, looked := make(chan struct{}), make(chan int)
			go func() { looked <- a.watchParts(id, total, over) }()
			var sum, parts atomic.Int64
			atOnce(payers, func(i int) {
				d, card := a.dice(round*payers+i), goodCard
				if i%4 == 0 {
					card = declinedCard // once: its reservation is given up again
				}
				a.until(d, func() bool {
					s, asks := a.open(i, token)
					if !asks {
						return true
					}
					minor := min(least+d.Int64N(least), s.shown)
					s.form.Set("amount", pay.Money{Minor: minor, Currency: "USD"}.Major())
					r := a.pay(i, token, s, card)
					card = goodCard
					if r.paid() {
						sum.Add(minor)
						parts.Add(1)
					}
					return false
				})
			})
			close(over)
			looks += <-looked
			if sum.Load() != total {
				t.Errorf("payers were told that %d is paid of %d", sum.Load(), total)
			}
			uses = append(uses, parts.Load())
		}
		for i, e := range a.endings(links) {
			a.paidInFull(e, total, uses[i])
			a.neverTooMuch(e.id, total)
		}
		t.Logf("parts paid on each link: %v; the API was asked %d times meanwhile", uses, looks)
	})
}

// watchParts looks at the link until over, and counts its looks.
func (a *arena) watchParts(id pay.LinkID, total int64, over <-chan struct{}) (looks int) {
	for {
		select {
		case <-over:
			return looks
		default:
		}
		l, sum := a.see(looks, id), int64(0)
		for _, p := range l.Payments {
			if p.State == pay.PaymentApplied || p.State == pay.PaymentOpen {
				sum += p.Amount
			}
		}
		if sum > total || l.AmountPaid > total {
			a.t.Errorf("%d is paid and %d paid or reserved, of %d: %+v", l.AmountPaid, sum, total, l)
		}
		looks++
	}
}

// neverTooMuch holds the snapshot of every event against the total.
func (a *arena) neverTooMuch(id pay.LinkID, total int64) {
	a.t.Helper()
	events, err := a.nodes[0].Store.LinkEvents(context.Background(), raceTenant, id)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, e := range events {
		sum := int64(0)
		for _, p := range e.Snapshot.Payments {
			if p.State == pay.PaymentApplied || p.State == pay.PaymentOpen {
				sum += p.Requested.Minor
			}
		}
		if sum > total || e.Snapshot.Link.Applied > total {
			a.t.Errorf("event %d of link %s: %d paid, %d paid or reserved, of %d", e.Seq, id, e.Snapshot.Link.Applied, sum, total)
		}
	}
}
