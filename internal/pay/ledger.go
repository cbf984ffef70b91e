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
//	split:N, held:N the share of the link's split N: free, or on hold
//	surplus         money that is nobody's and goes back
const (
	accountMerchant = "merchant"
	accountSettled  = "settled"
	accountFees     = "fees"
	accountSurplus  = "surplus"
)

func processorAccount(name string) string { return "processor:" + name }
func splitID(i int) string                { return "split:" + strconv.Itoa(i) }
func heldID(i int) string                 { return "held:" + strconv.Itoa(i) }

// Entry is one line of the ledger. The entries of one movement sum to zero per
// currency (M9); they are never changed, only reversed by others.
type Entry struct {
	Movement string // what moved: "capture:att_…", "refund:ref_…", "release:evt_…", "settle:capture:att_…"
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

// postCapture writes down minor units that came in by an attempt, shared out
// or, with no shares, as surplus; they are now expected to be settled.
func (t *Tab) postCapture(a *Attempt, minor int64, shares []int64) {
	legs := []leg{{accountSurplus, -minor}}
	if shares != nil {
		legs = t.give(shares)
	}
	t.post(captureOf(a.ID), a.Currency, processorAccount(a.Processor), legs...)
	t.expect(captureOf(a.ID), a, minor)
}

// postRefund writes down a refund that succeeded: out of what the money was
// shared to, or out of the surplus it never left.
func (t *Tab) postRefund(a *Attempt, r *Refund) {
	legs := []leg{{accountSurplus, r.Amount}}
	if a.Shares != nil {
		t.Link.Refunded += r.Amount
		legs = t.take(a.reverse(r.Amount))
	}
	t.post(refundOf(r.ID), a.Currency, processorAccount(a.Processor), legs...)
	t.expect(refundOf(r.ID), a, -r.Amount)
}

func captureOf(id AttemptID) string { return "capture:" + string(id) }
func refundOf(id RefundID) string   { return "refund:" + string(id) }

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
