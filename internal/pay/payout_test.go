package pay

import (
	"errors"
	"slices"
	"testing"
)

// purseOf is a purse with so much that is settled.
func purseOf(settled int64) Purse { return Purse{Balance: Balance{Settled: settled}, Number: 7} }

// transfer pays minor units of the first split out of more than enough.
func transfer(minor int64) func(*Tab) error {
	return func(tab *Tab) error {
		_, err := tab.TransferSplit(0, minor, "", purseOf(1050))
		return err
	}
}

// giveBack refunds minor units of the tab's payment.
func giveBack(minor int64) func(*Tab) error {
	return func(tab *Tab) error {
		r, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: minor})
		if err == nil {
			err = tab.Refunded(r.ID, RefundSucceeded)
		}
		return err
	}
}

// TestSplitMoves does to a split in every state everything that can be done:
// what the table lists acts and is told of once, the rest does nothing.
func TestSplitMoves(t *testing.T) {
	causes := []func(*Tab) error{
		func(tab *Tab) error { return tab.HoldSplit(0) },
		func(tab *Tab) error { return tab.ReleaseSplit(0, 0) },
		transfer(0),
		func(tab *Tab) error { return tab.CancelSplit(0) },
		giveBack(500),
	}
	hold, release, pay, cancel := causes[0], causes[1], causes[2], causes[3]
	// "=": it stays where it is; "!": refused.
	for _, c := range []struct {
		from   SplitState
		onHold bool
		path   []func(*Tab) error
		want   [5]SplitState // hold, release, transfer, cancel, refund
	}{
		{SplitAllocated, false, nil, [5]SplitState{SplitHeld, "!", SplitTransferred, "!", "="}},
		{SplitHeld, true, nil, [5]SplitState{"!", SplitReleased, "!", SplitCanceled, "="}},
		{SplitHeld, false, []func(*Tab) error{hold}, [5]SplitState{"!", SplitReleased, "!", SplitCanceled, "="}},
		{SplitReleased, true, []func(*Tab) error{release}, [5]SplitState{SplitHeld, "!", SplitTransferred, "!", "="}},
		{SplitReleased, true, []func(*Tab) error{release, hold, release}, [5]SplitState{SplitHeld, "!", SplitTransferred, "!", "="}},
		{SplitTransferred, false, []func(*Tab) error{pay}, [5]SplitState{"!", "!", "!", "!", SplitReversed}},
		{SplitReversed, true, []func(*Tab) error{release, pay, giveBack(500)}, [5]SplitState{"!", "!", "!", "!", "="}},
		{SplitCanceled, true, []func(*Tab) error{cancel}, [5]SplitState{"!", "!", "!", "!", "="}},
	} {
		for i, cause := range causes {
			tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: c.onHold}})
			for _, step := range c.path {
				must(t, step(tab))
			}
			events, entries, was := len(tab.Events), len(tab.Entries), tab.Link.Splits[0]
			if was.At() != c.from {
				t.Fatalf("%s after %d steps, want %s", was.At(), len(c.path), c.from)
			}
			err, want, now := cause(tab), c.want[i], tab.Link.Splits[0]
			told := slices.DeleteFunc(slices.Clone(tab.Events[events:]), func(e Event) bool { return e.Entity != "split" })
			switch want {
			case "!":
				if !errors.Is(err, ErrState("")) || now != was || len(tab.Events) != events || len(tab.Entries) != entries {
					t.Errorf("%s, cause %d: %v, now %+v", c.from, i, err, now)
				}
			case "=":
				if err != nil || now.At() != c.from || len(told) != 0 {
					t.Errorf("%s, cause %d: %v, now %+v, told %d times", c.from, i, err, now, len(told))
				}
			default:
				if err != nil || now.At() != want || len(told) != 1 || told[0].From != string(c.from) || told[0].To != string(want) || told[0].Snapshot.Link.Splits[0] != now {
					t.Errorf("%s, cause %d: %v, now %+v, told %+v", c.from, i, err, now, told)
				}
			}
		}
	}
	planned := tabIn(LinkActive, AttemptProcessing)
	planned.Link.Splits = []Split{{Account: "a", Amount: 300}}
	for i, cause := range causes[:4] {
		if err := cause(planned); !errors.Is(err, ErrState("")) || planned.Link.Splits[0].At() != SplitPlanned || len(planned.Events) != 0 {
			t.Errorf("planned, cause %d: %v", i, err)
		}
	}
}

// Money that comes is told of as allocated or held, once for each split.
func TestSplitEvents(t *testing.T) {
	tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: true}, {Account: "b", Amount: 50}, {Account: "c"}})
	var told []string
	for _, e := range tab.Events {
		if e.Entity == "split" {
			told = append(told, string(e.Kind)+" "+e.EntityID+" "+e.From)
		}
	}
	if !slices.Equal(told, []string{"split.held split:0 planned", "split.allocated split:1 planned"}) {
		t.Errorf("told %v", told)
	}
	must(t, tab.ReleaseSplit(0, 100))
	last := tab.Events[len(tab.Events)-1]
	if last.Kind != EventSplitReleased || last.From != "held" || last.To != "held" {
		t.Errorf("let go in part: %s from %s to %s", last.Kind, last.From, last.To)
	}
}

// A split that a program kept no state of is told of with the next event.
func TestSplitWithoutState(t *testing.T) {
	tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: true}})
	must(t, tab.ReleaseSplit(0, 0))
	tab.Link.Splits[0].State, tab.Events = "", nil
	refund(t, tab, 100)
	if kinds := eventKinds(tab); tab.Link.Splits[0].At() != SplitReleased || len(kinds) != 4 || kinds[1] != EventSplitReleased {
		t.Errorf("%s, told %v", tab.Link.Splits[0].At(), kinds)
	}
}

// TestTransferSplit pays a split of 300 in parts, and holds every limit.
func TestTransferSplit(t *testing.T) {
	tab := captured(t, []Split{{Account: "partner", Amount: 300, OnHold: true}})
	must(t, tab.ReleaseSplit(0, 250))
	for name, c := range map[string]struct {
		index int
		minor int64
		purse Purse
		want  error
	}{
		"no such split":         {1, 1, purseOf(1050), ErrNotFound},
		"before the first":      {-1, 1, purseOf(1050), ErrNotFound},
		"more than is free":     {0, 251, purseOf(1050), &Error{Kind: Invalid}},
		"less than nothing":     {0, -1, purseOf(1050), &Error{Kind: Invalid}},
		"more than is settled":  {0, 250, purseOf(249), ErrBalance(Money{})},
		"what is held":          {0, 250, Purse{Balance: Balance{Settled: 299, Held: 50}}, ErrBalance(Money{})},
		"all, nothing settled":  {0, 0, purseOf(0), ErrBalance(Money{})},
		"out of less than none": {0, 1, purseOf(-5), ErrBalance(Money{})},
	} {
		before := tab.facts()
		_, err := tab.TransferSplit(c.index, c.minor, "", c.purse)
		if KindOf(err) != KindOf(c.want) || KindOf(err) == Conflict && err.(*Error).Code != "insufficient_balance" || tab.Link.Splits[0] != before.Link.Splits[0] {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := tab.TransferSplit(0, 100, "iban-1", purseOf(150))
	if err != nil || p.Number != 7 || p.Available != 150 || p.Amount != (Money{100, "USD"}) || p.Account != "partner" || p.Kind() != "transfer" || p.Link != tab.Link.ID || p.Reference != "iban-1" {
		t.Fatalf("%+v %v", p, err)
	}
	must(t, tab.HoldSplit(0)) // what was paid cannot be held
	if s := tab.Link.Splits[0]; s.Held != 200 || s.Free() != 0 || s.Transferred != 100 || account(tab, "settled") != -100 || account(tab, "split:0") != 0 || account(tab, "held:0") != -200 {
		t.Errorf("held again: %+v", s)
	}
	must(t, tab.ReleaseSplit(0, 0))
	must(t, transfer(0)(tab))
	refund(t, tab, 525) // 150 of it the split's, which has nothing left
	s := tab.Link.Splits[0]
	if s.At() != SplitReversed || s.Free() != -150 || s.Transferred != 300 || account(tab, "split:0") != 150 || account(tab, "settled") != -300 {
		t.Errorf("given back after it was paid: %+v, the ledger has %d", s, account(tab, "split:0"))
	}
}

func TestPayout(t *testing.T) {
	tenant := Tenant{"shop", Test}
	purse := Purse{Balance: Balance{Currency: "USD", Settled: 1000, Held: 300, Owed: 200, Surplus: 50}, Number: 3}
	for name, c := range map[string]struct {
		purse Purse
		minor int64
		paid  int64
		code  string
	}{
		"all":                     {purse, 0, 450, ""},
		"some":                    {purse, 1, 1, ""},
		"what is the splits'":     {purse, 451, 0, "insufficient_balance"},
		"less than nothing":       {purse, -1, 0, "invalid_request"},
		"nothing there":           {Purse{Balance: Balance{Settled: 100, Owed: 100}}, 0, 0, "insufficient_balance"},
		"settled back":            {Purse{Balance: Balance{Settled: -100}}, 0, 0, "insufficient_balance"},
		"more than an amount":     {purseOf(MaxMinor + 10), 0, MaxMinor, ""},
		"an amount that is none":  {purseOf(MaxMinor + 10), MaxMinor + 1, 0, "invalid_request"},
		"one unit over the limit": {purseOf(10), 11, 0, "insufficient_balance"},
	} {
		p, list, err := NewPayout(tenant, "po_1", PayoutWish{Currency: "USD", Amount: c.minor, Reference: "r"}, c.purse, "test", noon)
		if c.code != "" {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Code != c.code || list != nil {
				t.Errorf("%s: %v %v", name, err, list)
			}
			continue
		}
		want := entries("payout:"+string(p.ID), "USD", noon, "settled", leg{"merchant", c.paid})
		if err != nil || p.Amount.Minor != c.paid || p.Number != c.purse.Number || p.Available != c.purse.Payable() || p.Kind() != "payout" || !slices.Equal(list, want) {
			t.Errorf("%s: %+v %v %v", name, p, list, err)
		}
	}
}
