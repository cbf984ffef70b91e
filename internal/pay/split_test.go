package pay

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// split lets go of a split, holds, transfers or cancels it, as the merchant likes.
func (b *book) split(t *rapid.T) {
	if len(b.tab.Link.Splits) == 0 {
		t.Skip("none")
	}
	i := rapid.IntRange(-1, len(b.tab.Link.Splits)).Draw(t, "split")
	minor := rapid.Int64Range(-1, 400).Draw(t, "minor")
	switch rapid.SampledFrom([]string{"release", "release", "hold", "transfer", "transfer", "cancel"}).Draw(t, "what") {
	case "cancel":
		b.do(t, "cancel split", func(tab *Tab) error { return tab.CancelSplit(i) })
	case "hold":
		b.do(t, "hold split", func(tab *Tab) error { return tab.HoldSplit(i) })
	case "transfer":
		purse := b.purse()
		b.do(t, "transfer split", func(tab *Tab) error {
			p, err := tab.TransferSplit(i, minor, "", purse)
			if err == nil && (p.Amount.Minor <= 0 || p.Amount.Minor > purse.Settled-purse.Held) {
				t.Fatalf("M10: %d transferred out of %+v", p.Amount.Minor, purse)
			}
			return err
		})
	default:
		b.do(t, "release split", func(tab *Tab) error { return tab.ReleaseSplit(i, minor) })
	}
}

// purse is what the book's ledger sums to.
func (b *book) purse() (p Purse) {
	p.Number = 1
	for _, e := range b.entries {
		switch account, _, _ := strings.Cut(e.Account, ":"); account {
		case accountSettled:
			p.Settled += e.Amount.Minor
		case "held":
			p.Held -= e.Amount.Minor
		}
	}
	return p
}

// settle tells of a settlement line as a report does: rightly or not, once or again.
func (b *book) settle(t *rapid.T) {
	line := pick(t, "line", b.tab.Lines)
	told := Told{Movement: line.Movement, Processor: line.Processor, Amount: line.Amount, Fee: rapid.Int64Range(0, 3).Draw(t, "fee"), At: b.now}
	switch rapid.IntRange(0, 9).Draw(t, "word") {
	case 0:
		told.Amount.Minor++
		b.do(t, "settle otherwise", func(tab *Tab) error {
			_, err := tab.SettleLine(told)
			if err == nil {
				t.Fatalf("M10: %s settled with other figures", line.Movement)
			}
			return err
		})
	case 1:
		b.do(t, "miss", func(tab *Tab) error { return tab.MissLine(line.Movement) })
	case 2:
		b.do(t, "reverse", func(tab *Tab) error { _, err := tab.ReverseLine(told); return err })
	case 3:
		b.do(t, "settle the funds", func(tab *Tab) error { return tab.SettleFunds(line.Payment) })
	default:
		b.do(t, "settle", func(tab *Tab) error { _, err := tab.SettleLine(told); return err })
	}
}

// checkSplits: what each split holds, was given and gave up is what the ledger
// has of it, and all of that is its shares less what was taken back (M8, M9).
func (b *book) checkSplits(t *rapid.T) {
	accounts := map[string]int64{}
	for _, e := range b.entries {
		accounts[e.Account] -= e.Amount.Minor
	}
	own, kept := int64(0), int64(0)
	net := make([]int64, len(b.tab.Link.Splits))
	for _, p := range b.tab.Payments {
		for _, a := range p.Attempts {
			for i, share := range a.Shares {
				if len(a.Reversed) > i {
					share -= a.Reversed[i]
				}
				if i < len(net) {
					net[i] += share
				} else {
					own += share
				}
			}
		}
	}
	for i, s := range b.tab.Link.Splits {
		if s.Held < 0 || s.Given < 0 || s.Kept < 0 || s.Transferred < 0 || s.Held+s.Given+s.Kept != net[i] || accounts[heldID(i)] != s.Held || accounts[splitID(i)] != s.Given-s.Transferred {
			t.Fatalf("M8: split %d is %+v, its shares are %d, the ledger has %v", i, s, net[i], accounts)
		}
		if s.Held > 0 && !s.OnHold {
			t.Fatalf("M8: %d are held of a split that is not on hold", s.Held)
		}
		if told := b.splitState(t, i); s.At() != told || s.Stands() != told {
			t.Fatalf("E1: split %d is %s, its events left it %s, its sums are %+v", i, s.At(), told, s)
		}
		kept += s.Kept
	}
	if accounts[accountMerchant] != own+kept-lossOf(b.tab.Payments) {
		t.Fatalf("M8: the merchant has %d, its shares are %d and %d of splits", accounts[accountMerchant], own, kept)
	}
}

// transferred is what all splits were paid.
func (b *book) transferred() (minor int64) {
	for _, s := range b.tab.Link.Splits {
		minor += s.Transferred
	}
	return minor
}

// splitState is where the events of a split have led it, by listed moves.
func (b *book) splitState(t *rapid.T, i int) SplitState {
	at := SplitPlanned
	for _, e := range b.events {
		if e.Entity != "split" || e.EntityID != splitID(i) {
			continue
		}
		from, to := SplitState(e.From), SplitState(e.To)
		if from != at || from != to && !follows(splitMoves, from, to) || e.Snapshot.Link.Splits[i].State != to && to != SplitPlanned {
			t.Fatalf("4: event %s takes split %d from %q to %q while it is %q", e.Kind, i, from, to, at)
		}
		at = to
	}
	return at
}

// checkLines: every capture and refund has one line, and what is settled of it
// is what the ledger settled, once (M10).
func (b *book) checkLines(t *rapid.T) {
	posted, settled := map[string]int64{}, map[string]int64{}
	for _, e := range b.entries {
		switch account, _, _ := strings.Cut(e.Account, ":"); account {
		case "processor":
			posted[e.Movement] += e.Amount.Minor
		case accountSettled:
			settled[e.Movement] += e.Amount.Minor
		}
	}
	seen, net, settledSum := map[string]bool{}, int64(0), int64(0)
	for _, l := range b.tab.Lines {
		if seen[l.Movement] {
			t.Fatalf("M10: two lines of %s", l.Movement)
		}
		seen[l.Movement] = true
		fee := strings.HasPrefix(l.Movement, "fee:")
		if !fee && posted[l.Movement] != l.Amount.Minor || fee && settled[l.Movement] != l.Amount.Minor {
			t.Fatalf("M10: line %+v, the ledger has %d and %d", l, posted[l.Movement], settled[l.Movement])
		}
		if l.State == LineSettled {
			net += l.Amount.Minor
		}
		was := l.State == LineSettled || l.State == LineReversed
		if !fee && was != (settled["settle:"+l.Movement] == l.Amount.Minor) || (l.State == LineReversed) != (settled["reverse:"+l.Movement] == -l.Amount.Minor) {
			t.Fatalf("M10: line %+v, the ledger settled %v", l, settled)
		}
		if _, p := b.attemptOf(l); p != nil && counted(p, &l) > 0 {
			if l.State != LineSettled && !p.SettledAt.IsZero() || l.State == LineSettled && p.SettledAt.IsZero() && len(p.counting().Captures) == 1 {
				t.Fatalf("M10: line %+v of a payment settled at %v", l, p.SettledAt)
			}
			if l.State == LineSettled {
				settledSum += l.Amount.Minor
			}
		}
	}
	for m := range posted {
		if kind, _, _ := strings.Cut(m, ":"); (kind == "capture" || kind == "refund") && !seen[m] {
			t.Fatalf("M10: no line is of %s", m)
		}
	}
	sum := b.transferred() // what left the balance had been settled
	for _, minor := range settled {
		sum += minor
	}
	if sum != net || settledSum != b.tab.Link.Settled {
		t.Fatalf("M10: lines sum to %d, the ledger to %d; %d are settled of payments, the link says %d", net, sum, settledSum, b.tab.Link.Settled)
	}
}

func (b *book) attemptOf(l Settlement) (string, *Payment) {
	for i := range b.tab.Payments {
		if b.tab.Payments[i].ID == l.Payment {
			return l.Movement, &b.tab.Payments[i]
		}
	}
	return "", nil
}

// What comes in pieces is shared as if it had come at once (M8, DECISIONS 10).
func TestShares(t *testing.T) {
	percent := func(list ...int64) (splits []Split) {
		for _, p := range list {
			splits = append(splits, Split{Account: "a", Percent: p})
		}
		return splits
	}
	for _, c := range []struct {
		name   string
		price  Price
		parts  bool
		splits []Split
		pieces []int64
		want   [][]int64
	}{
		{"no split", Price{Amount: 1050}, false, nil, []int64{1050}, [][]int64{{1050}}},
		{"ties go to the lowest", Price{Amount: 1}, false, percent(3333, 3333), []int64{1}, [][]int64{{0, 0, 1}}},
		{"equal thirds of 100", Price{Amount: 100}, false, percent(3333, 3333, 3334), []int64{100}, [][]int64{{33, 33, 34, 0}}},
		{"half and half of 1", Price{Amount: 1}, false, percent(5000, 5000), []int64{1}, [][]int64{{1, 0, 0}}},
		{"the smallest percentage", Price{Amount: 10_000}, false, percent(1), []int64{10_000}, [][]int64{{1, 9999}}},
		{"the largest amount", Price{Amount: MaxMinor}, false, percent(1, 9999), []int64{MaxMinor}, [][]int64{{100_000_000, MaxMinor - 100_000_000, 0}}},
		{"amount and percentage", Price{Amount: 1000}, false, []Split{{Amount: 100}, {Percent: 1250}}, []int64{1000}, [][]int64{{100, 125, 775}}},
		{"a partial capture", Price{Amount: 1000}, false, []Split{{Amount: 100}, {Percent: 1250}}, []int64{333}, [][]int64{{33, 42, 258}}},
		{"captures in pieces", Price{Amount: 1000}, false, percent(1), []int64{499, 501}, [][]int64{{0, 499}, {0, 501}}},
		{"thirds in parts", Price{Amount: 10}, true, percent(3333, 3333, 3334), []int64{1, 1, 1, 7}, [][]int64{{0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 2, 3, 0}}},
		{"an open price", Price{Open: true}, false, percent(1250, 2500), []int64{801}, [][]int64{{100, 200, 501}}},
	} {
		l := Link{Price: c.price, Splits: c.splits, Use: Use{Max: 1, Parts: c.parts}}
		tab, whole := Tab{Link: l}, int64(0)
		for _, minor := range c.pieces {
			whole += minor
		}
		a := Attempt{Requested: max(whole, c.price.Amount)}
		for i, minor := range c.pieces {
			got := tab.shares(&a, minor)
			if !slices.Equal(got, c.want[i]) || sumOf(got) != minor {
				t.Errorf("%s, piece %d: %v, want %v", c.name, i, got, c.want[i])
			}
			if c.parts {
				tab.Payments = append(tab.Payments, Payment{Attempts: []Attempt{{Shares: got}}})
				continue
			}
			if a.Shares == nil {
				a.Shares = make([]int64, len(got))
			}
			for j := range got {
				a.Shares[j] += got[j]
			}
		}
	}
}

func TestValidateSplits(t *testing.T) {
	for _, c := range []struct {
		want   string
		open   bool
		splits []Split
	}{
		{"", false, []Split{{Percent: 10_000}}},
		{"", false, []Split{{Percent: 5000}, {Amount: 525}}},
		{"splits too_large", false, []Split{{Percent: 5001}, {Amount: 525}}},
		{"splits too_large", false, []Split{{Percent: 5001}, {Percent: 5000}}},
		{"splits[0].percent out_of_range splits too_large", false, []Split{{Percent: 10_001}}},
		{"splits[0].percent out_of_range splits too_large", false, []Split{{Percent: -1}}},
		{"splits[0].percent not_both", false, []Split{{Percent: 1, Amount: 1}}},
		{"", true, []Split{{Percent: 10_000}}},
		{"splits too_large", true, []Split{{Percent: 10_000}, {Percent: 1}}},
		{"splits too_large", true, []Split{{Amount: 1}}},
		{"splits too_large", false, []Split{{Amount: MaxMinor}, {Amount: MaxMinor}}},
	} {
		l := goodLink()
		if l.Splits = c.splits; c.open {
			l.Price = Price{Currency: "USD", Open: true, Min: 1}
		}
		var e *Error
		got := ""
		if err := l.Validate(noon); err != nil {
			e = err.(*Error)
			for _, f := range e.Fields {
				got += " " + f.Path + " " + f.Code
			}
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%+v: %q, want %q", c.splits, got, c.want)
		}
	}
}
