package pay

import (
	"slices"
	"strconv"
	"time"
)

// The ledger is double entry: what is ours stands with a plus, what we owe or
// have earned for others with a minus, and the entries of one movement sum to
// zero per currency (M9). The accounts:
//
//	processor:NAME  what a processor took for us and has not settled
//	settled         what it has settled: the balance a payout comes out of
//	fees            what it kept
//	merchant        the merchant's own share
//	split:N, held:N the share of the link's split N: free and not transferred,
//	                or on hold; split:N with a plus is owed by the account
//	disputed        what is ours unless a dispute about it is lost
//	surplus         money that is nobody's and goes back
const (
	accountMerchant = "merchant"
	accountSettled  = "settled"
	accountFees     = "fees"
	accountSurplus  = "surplus"
	accountDisputed = "disputed"
)

func processorAccount(name string) string { return "processor:" + name }
func splitID(i int) string                { return "split:" + strconv.Itoa(i) }
func heldID(i int) string                 { return "held:" + strconv.Itoa(i) }

// Entry is one line of the ledger. The entries of one movement sum to zero per
// currency (M9); they are never changed, only reversed by others.
type Entry struct {
	Movement string // what moved: "capture:att_…", "capture:att_…:2", "refund:ref_…", "release:evt_…", "payout:po_…", "transfer:tr_…", "settle:capture:att_…"
	Line     int
	Account  string
	Amount   Money // Minor is signed here
	At       time.Time
}

// leg is an amount that moves onto an account; less than zero moves off it.
type leg struct {
	account string
	minor   int64
}

// entries are a movement: its legs, and before them the account that they come
// from. They sum to zero by how they are made.
func entries(movement string, c Currency, at time.Time, from string, legs ...leg) (list []Entry) {
	sum := int64(0)
	for _, l := range legs {
		sum += l.minor
	}
	for i, l := range append([]leg{{from, -sum}}, legs...) {
		if l.minor != 0 {
			list = append(list, Entry{Movement: movement, Line: i, Account: l.account, Amount: Money{l.minor, c}, At: at})
		}
	}
	return list
}

func (t *Tab) post(movement string, c Currency, from string, legs ...leg) {
	t.Entries = append(t.Entries, entries(movement, c, t.Now, from, legs...)...)
}

// postCapture writes down the newest capture of an attempt, shared out or, with
// no shares, as surplus; it is now expected to be settled.
func (t *Tab) postCapture(a *Attempt, shares []int64) {
	n := len(a.Captures)
	minor := a.Captures[n-1].Amount
	legs := []leg{{accountSurplus, -minor}}
	if shares != nil {
		legs = t.give(shares)
	}
	t.post(CaptureOf(a.ID, n), a.Currency, processorAccount(a.Processor), legs...)
	t.expect(CaptureOf(a.ID, n), a, minor)
}

// postRefund writes down a refund that succeeded: out of what the money was
// shared to, or out of the surplus it never left. What a dispute took of that
// in the meantime is the merchant's loss.
func (t *Tab) postRefund(p *Payment, a *Attempt, r *Refund) {
	var legs []leg
	if r.Surplus {
		r.Loss = max(-p.surplusLeft(a), 0)
		legs = []leg{{accountSurplus, r.Amount - r.Loss}}
	} else {
		taken := int64(0)
		legs, taken = t.takeBack(a, r.Amount)
		r.Loss = r.Amount - taken
		t.Link.Refunded += r.Amount
	}
	legs = append(legs, leg{accountMerchant, r.Loss})
	t.post(refundOf(r.ID), a.Currency, processorAccount(a.Processor), legs...)
	t.expect(refundOf(r.ID), a, -r.Amount)
}

// CaptureOf is the movement of an attempt's n-th capture. The first has the
// attempt's own name, for most attempts have no other.
func CaptureOf(id AttemptID, n int) string {
	if n == 1 {
		return "capture:" + string(id)
	}
	return "capture:" + string(id) + ":" + strconv.Itoa(n)
}

func refundOf(id RefundID) string { return "refund:" + string(id) }

// give hands shares, one for each split and the merchant's last, to the
// accounts they belong on now.
func (t *Tab) give(shares []int64) (legs []leg) {
	own := len(shares) - 1
	splits := slices.Clone(t.Link.Splits) // earlier snapshots keep theirs
	for i, minor := range shares[:own] {
		switch s := &splits[i]; {
		case s.OnHold:
			s.Held += minor
			legs = append(legs, leg{heldID(i), -minor})
		case s.Canceled:
			s.Kept += minor
			legs = append(legs, leg{accountMerchant, -minor})
		default:
			s.Given += minor
			legs = append(legs, leg{splitID(i), -minor})
		}
	}
	t.Link.Splits = splits
	return append(legs, leg{accountMerchant, -shares[own]})
}

// take takes back what give handed out: of a split first what is on hold, then
// what the merchant had of it after all, then what was let go. None of these
// falls below zero, for all of them together are what the split was given.
func (t *Tab) take(taken []int64) (legs []leg) {
	own := len(taken) - 1
	splits := slices.Clone(t.Link.Splits)
	for i, minor := range taken[:own] {
		s := &splits[i]
		held := min(minor, s.Held)
		kept := min(minor-held, s.Kept)
		s.Held, s.Kept, s.Given = s.Held-held, s.Kept-kept, s.Given-(minor-held-kept)
		legs = append(legs, leg{heldID(i), held}, leg{accountMerchant, kept}, leg{splitID(i), minor - held - kept})
	}
	t.Link.Splits = splits
	return append(legs, leg{accountMerchant, taken[own]})
}
