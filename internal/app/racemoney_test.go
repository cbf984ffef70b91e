package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
)

// paidLink makes a link and has it paid; manual: held, and then taken in part.
// It returns what was taken.
func (a *arena) paidLink(i int, manual bool) (id pay.LinkID, payment pay.PaymentID, captured int64) {
	a.t.Helper()
	body := `{"amount": 1050, "currency": "USD"}`
	if manual {
		body = `{"amount": 1050, "currency": "USD", "capture": "manual"}`
	}
	id, token := a.link(body)
	s, _ := a.open(i, token)
	if r := a.pay(i, token, s, goodCard); !r.paid() && !r.says(saysReserved) {
		a.t.Fatalf("a payer reads %d %s", r.status, r.body)
	}
	payment, captured = a.see(i, id).Payments[0].ID, 1050
	if manual {
		captured = 800
		if r := a.api(i, http.MethodPost, "/v1/payments/"+string(payment)+"/capture", "take-"+string(payment), `{"amount": 800}`); r.status != http.StatusOK {
			a.t.Fatalf("capture: %d %s", r.status, r.body)
		}
	}
	return id, payment, captured
}

// given are the refunds of one payment that were acknowledged.
type given struct {
	payment       pay.PaymentID
	captured, sum int64
	number        int
	refused       int64 // the least that was refused
}

// refundAtOnce asks for refunds of any size at the same moment. Whoever asks
// again is given the first answer, whatever came between.
func (a *arena) refundAtOnce(payment pay.PaymentID, captured int64, wishes []int64) given {
	refund := func(i int) reply {
		return a.api(i, http.MethodPost, "/v1/payments/"+string(payment)+"/refunds", fmt.Sprintf("back-%s-%d", payment, i), fmt.Sprintf(`{"amount": %d}`, wishes[i]))
	}
	answers := make([]reply, len(wishes))
	atOnce(len(wishes), func(i int) { answers[i] = refund(i) })
	g := given{payment: payment, captured: captured, refused: pay.MaxMinor}
	for i, r := range answers {
		switch {
		case r.status == http.StatusOK:
			g.number, g.sum = g.number+1, g.sum+wishes[i]
			if again := refund(i); again.status != r.status || again.body != r.body {
				a.t.Errorf("a refund was answered with\n%s\nand then with\n%d %s", r.body, again.status, again.body)
			}
		case r.status == http.StatusBadRequest && r.says(`"amount"`), r.status == http.StatusConflict && r.says("invalid_state"): // more than is left, or nothing is
			g.refused = min(g.refused, wishes[i])
		default:
			a.t.Errorf("a refund of %d: %d %s", wishes[i], r.status, r.body)
		}
	}
	return g
}

// Twenty refunds of one capture at once, of any size: what was acknowledged is
// given back, no more, and nothing that would have fitted is refused (M4, 5.8).
func TestRaceOfRefunds(t *testing.T) {
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		var all []given
		refused := 0
		for round := range volume(200) {
			id, payment, captured := a.paidLink(round, round%2 == 1)
			d, wishes := a.dice(round), make([]int64, 20)
			for i := range wishes {
				wishes[i] = 1 + d.Int64N(200)
			}
			g := a.refundAtOnce(payment, captured, wishes)
			links, all, refused = append(links, id), append(all, g), refused+len(wishes)-g.number
		}
		for i, e := range a.endings(links) {
			g, p, c := all[i], e.seen.Payments[0], e.charges[0]
			if c.taken != g.captured || c.returned != g.sum || p.Refunded != g.sum || g.sum > g.captured || len(p.Refunds) != g.number {
				t.Errorf("acknowledged: %+v; the processor has %+v, the API %+v", g, c, p)
			}
			if left := g.captured - g.sum; g.refused <= left {
				t.Errorf("a refund of %d was refused, and %d was left", g.refused, left)
			}
		}
		t.Logf("%d of %d refunds were refused", refused, 20*len(all))
	})
}

// twenty sends one request with one key twenty times at once until each has a
// definite answer. Those must be one answer, all but the first marked as replayed.
func (a *arena) twenty(path, key, body string) (first reply) {
	const times = 20
	replies := make([]reply, times)
	atOnce(times, func(i int) {
		for range 200 {
			replies[i] = a.api(i, http.MethodPost, path, key, body)
			if replies[i].status != http.StatusConflict || !replies[i].says("idempotency_in_progress") {
				return
			}
			if replies[i].header.Get("Retry-After") == "" {
				a.t.Error("a caller is told to wait, and not how long")
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	replies = append(replies, a.api(1, http.MethodPost, path, key, body)) // and once more, later
	firsts := 0
	for _, r := range replies {
		if r.status != replies[0].status || r.body != replies[0].body || r.status >= 300 {
			a.t.Fatalf("two answers to %s %s:\n%d %s\n%d %s", path, key, replies[0].status, replies[0].body, r.status, r.body)
		}
		if r.header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
	}
	if firsts != 1 {
		a.t.Errorf("%d of the answers to %s %s are not marked as replayed", firsts, path, key)
	}
	return replies[0]
}

// One key sent twenty times at once has one effect and one answer (I1–I3):
// of every ten keys eight make a link, one takes and one refunds money.
func TestRaceOfKeys(t *testing.T) {
	eachArena(t, func(t *testing.T, a *arena) {
		made, taken, returned := map[string]pay.LinkID{}, map[pay.LinkID]bool{}, map[pay.LinkID]bool{}
		for n := range volume(1000) {
			key := fmt.Sprintf("key-%d", n)
			switch n % 10 {
			case 8:
				id, token := a.link(`{"amount": 1050, "currency": "USD", "capture": "manual"}`)
				s, _ := a.open(n, token)
				a.pay(n, token, s, goodCard)
				a.twenty("/v1/payments/"+string(a.see(n, id).Payments[0].ID)+"/capture", key, `{"amount": 700}`)
				taken[id] = true
			case 9:
				id, payment, _ := a.paidLink(n, false)
				a.twenty("/v1/payments/"+string(payment)+"/refunds", key, `{"amount": 100}`)
				returned[id] = true
			default:
				r := a.twenty("/v1/payment_links", key, fmt.Sprintf(`{"amount": 1050, "currency": "USD", "reference": %q}`, key))
				var link struct{ ID pay.LinkID }
				if err := json.Unmarshal([]byte(r.body), &link); err != nil {
					t.Errorf("%d %s: %v", r.status, r.body, err)
				}
				made[key] = link.ID
			}
		}
		for key, id := range made {
			r := a.api(1, http.MethodGet, "/v1/payment_links?reference="+key, "", "")
			if strings.Count(r.body, `"object":"payment_link"`) != 1 || !r.says(string(id)) {
				t.Errorf("key %s was answered with link %s, and there is %s", key, id, r.body)
			}
		}
		for _, e := range a.endings(slices.Concat(slices.Collect(maps.Values(made)), slices.Collect(maps.Keys(taken)), slices.Collect(maps.Keys(returned)))) {
			want := []charge{}
			if taken[e.id] {
				want = []charge{{taken: 700, held: true, ended: true}}
			} else if returned[e.id] {
				want = []charge{{taken: 1050, returned: 100}}
			}
			if !slices.Equal(e.charges, want) {
				t.Errorf("link %s ended with %+v, where %+v is right", e.id, e.charges, want)
			}
		}
	})
}

// Whoever pays while the price is edited is charged what his page showed, or
// nothing, and then reads the new price (DECISIONS 7 and 8).
func TestRaceOfEditAndPay(t *testing.T) {
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		shown, versions, stale := []int64{}, []int64{}, 0
		for round := range volume(1000) {
			id, token := a.link(bookLink)
			d := a.dice(round)
			var waits [4]time.Duration
			for i := range waits {
				waits[i] = time.Duration(d.IntN(6000)) * time.Microsecond
			}
			charged, edits := int64(0), make(chan int, 2)
			atOnce(3, func(i int) {
				time.Sleep(waits[i])
				if i < 2 {
					r := a.api(i, http.MethodPatch, "/v1/payment_links/"+string(id), "", fmt.Sprintf(`{"amount": %d}`, 2001+i))
					if r.status == http.StatusOK {
						edits <- i
					} else if r.status != http.StatusConflict {
						t.Errorf("edit: %d %s", r.status, r.body)
					}
					return
				}
				s, _ := a.open(round, token)
				time.Sleep(waits[3])
				r := a.pay(round, token, s, goodCard)
				for r.status == http.StatusConflict {
					next, asks := read(r.body)
					if !asks || next.shown == s.shown || next.form.Get("version") <= s.form.Get("version") {
						t.Errorf("refused %+v, a payer reads %s", s, r.body)
						return
					}
					s, stale = next, stale+1
					r = a.pay(round, token, s, goodCard)
				}
				if !r.paid() {
					t.Errorf("a payer reads %d %s", r.status, r.body)
				}
				charged = s.shown
			})
			links, shown, versions = append(links, id), append(shown, charged), append(versions, 1+int64(len(edits)))
		}
		for i, e := range a.endings(links) {
			a.paidInFull(e, shown[i], 1)
			if len(e.charges) != 1 || e.seen.Version != versions[i] {
				t.Errorf("link %s has version %d of %d and the charges %+v", e.id, e.seen.Version, versions[i], e.charges)
			}
		}
		t.Logf("%d forms of %d links were of an older version", stale, len(links))
	})
}

// Cancel against pay: the first commit wins. What was answered as canceled
// keeps nothing, and a success that comes after it goes back in full (5.5–5.8).
func TestRaceOfCancelAndPay(t *testing.T) {
	eachArena(t, func(t *testing.T, a *arena) {
		var links []pay.LinkID
		canceled, told, ends := []bool{}, []reply{}, map[string]int{}
		for round := range volume(1000) {
			body := bookLink
			if round%4 == 3 {
				body = `{"amount": 1050, "currency": "USD", "capture": "manual"}`
			}
			id, token := a.link(body)
			s, _ := a.open(round, token)
			payer := func() reply { return a.pay(round, token, s, goodCard) }
			if round%4 == 2 { // the payer stands before his bank
				s.form.Set("method", string(pay.MethodBankRedirect))
				s.form.Set("bank_redirect.bank", "test_bank_a")
				bank := a.send(round, "/l/"+token+"/pay", s.form)
				payer = func() reply { return a.send(round, bank.at.Path, url.Values{"do": {"yes"}}) }
			}
			d := a.dice(round)
			waits := []time.Duration{time.Duration(d.IntN(8000)) * time.Microsecond, time.Duration(d.IntN(4000)) * time.Microsecond}
			var read, cancel reply
			atOnce(2, func(i int) {
				time.Sleep(waits[i])
				if i == 0 {
					cancel = a.api(round+1, http.MethodPost, "/v1/payment_links/"+string(id)+"/cancel", "", "")
				} else {
					read = payer()
				}
			})
			if cancel.status != http.StatusOK && cancel.status != http.StatusConflict {
				t.Errorf("cancel: %d %s", cancel.status, cancel.body)
			}
			links, canceled, told = append(links, id), append(canceled, cancel.status == http.StatusOK), append(told, read)
		}
		for i, e := range a.endings(links) {
			ends[a.canceledOrPaid(e, canceled[i], told[i])]++
		}
		t.Log(ends)
	})
}

// canceledOrPaid demands one of the two ends, and says which it was.
func (a *arena) canceledOrPaid(e ending, canceled bool, told reply) (end string) {
	a.t.Helper()
	if !canceled {
		a.paidInFull(e, 1050, 1)
		return "paid"
	}
	if e.seen.State != pay.LinkCanceled || e.seen.AmountPaid != 0 || e.seen.UseCount != 0 || len(e.keeps()) != 0 || told.paid() {
		a.t.Errorf("link %s was answered as canceled: %+v, kept %v, and its payer read %d %s", e.id, e.seen, e.keeps(), told.status, told.body)
	}
	end = "canceled"
	for _, c := range e.charges {
		if c.held && !c.ended {
			a.t.Errorf("link %s is canceled, and %+v is held", e.id, c)
		}
		if c.held {
			end = "canceled, and a hold released"
		}
		if c.returned > 0 {
			end = "canceled, and a late success returned"
		}
	}
	for _, p := range e.in(pay.PaymentSurplus) {
		if len(p.Refunds) != 1 || p.Refunds[0].State != pay.RefundSucceeded || p.Refunds[0].Amount != 1050 {
			a.t.Errorf("link %s has a surplus that did not go back in full: %+v", e.id, p.Refunds)
		}
	}
	return end
}
