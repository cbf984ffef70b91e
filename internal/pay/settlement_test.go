package pay

import (
	"errors"
	"slices"
	"testing"
)

// captured is a tab whose one payment was captured and applied, with the
// refunds that succeeded since.
func captured(t *testing.T, splits []Split, refunds ...int64) *Tab {
	t.Helper()
	tab := tabIn(LinkActive, AttemptProcessing)
	tab.Link.Splits = splits
	if err := settle("att_1", AttemptCaptured)(tab); err != nil || tab.Link.State != LinkCompleted {
		t.Fatalf("%s %v", tab.Link.State, err)
	}
	for _, minor := range refunds {
		refund(t, tab, minor)
	}
	return tab
}

func refund(t *testing.T, tab *Tab, minor int64) {
	t.Helper()
	r, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: minor})
	if err == nil {
		err = tab.Refunded(r.ID, RefundSucceeded)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func account(t *Tab, name string) (minor int64) {
	for _, e := range t.Entries {
		if e.Account == name {
			minor += e.Amount.Minor
		}
	}
	return minor
}

// TestSplitMoney follows a split of 300 through hold, release, cancel and
// refund: its accounts never fall below zero and end at nothing (M8).
func TestSplitMoney(t *testing.T) {
	for name, c := range map[string]struct {
		do                     func(t *testing.T, tab *Tab)
		held, given, kept, own int64
	}{
		"held":              {func(*testing.T, *Tab) {}, 300, 0, 0, 750},
		"released":          {func(t *testing.T, tab *Tab) { must(t, tab.ReleaseSplit(0, 0)) }, 0, 300, 0, 750},
		"released in part":  {func(t *testing.T, tab *Tab) { must(t, tab.ReleaseSplit(0, 120)) }, 180, 120, 0, 750},
		"canceled":          {func(t *testing.T, tab *Tab) { must(t, tab.CancelSplit(0)) }, 0, 0, 300, 1050},
		"in part, the rest": {func(t *testing.T, tab *Tab) { must(t, tab.ReleaseSplit(0, 120)); must(t, tab.CancelSplit(0)) }, 0, 120, 180, 930},
		"refunded in part":  {func(t *testing.T, tab *Tab) { refund(t, tab, 350) }, 200, 0, 0, 500},
		"held goes first":   {func(t *testing.T, tab *Tab) { must(t, tab.ReleaseSplit(0, 250)); refund(t, tab, 350) }, 0, 200, 0, 500},
		"kept goes next": {func(t *testing.T, tab *Tab) {
			must(t, tab.ReleaseSplit(0, 120))
			must(t, tab.CancelSplit(0))
			refund(t, tab, 700)
		}, 0, 100, 0, 250},
		"canceled, refunded": {func(t *testing.T, tab *Tab) { must(t, tab.CancelSplit(0)); refund(t, tab, 1050) }, 0, 0, 0, 0},
		"released, refunded": {func(t *testing.T, tab *Tab) { must(t, tab.ReleaseSplit(0, 0)); refund(t, tab, 1050) }, 0, 0, 0, 0},
	} {
		tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: true}})
		c.do(t, tab)
		s := tab.Link.Splits[0]
		if s.Held != c.held || s.Given != c.given || s.Kept != c.kept || account(tab, "held:0") != -c.held || account(tab, "split:0") != -c.given || account(tab, "merchant") != -c.own {
			t.Errorf("%s: %+v, held %d, split %d, merchant %d", name, s, account(tab, "held:0"), account(tab, "split:0"), account(tab, "merchant"))
		}
	}
	tab := captured(t, []Split{{Account: "a", Amount: 300, OnHold: true}}, 350)
	if err := tab.ReleaseSplit(0, 201); KindOf(err) != Invalid {
		t.Errorf("more than is left on hold: %v", err)
	}
	if must(t, tab.ReleaseSplit(0, 200)); tab.Link.Splits[0].OnHold {
		t.Error("a hold with nothing held, and nothing to come")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A part-paid split stays on hold for what is still to come; let go of whole,
// what comes is free, and canceled it is the merchant's.
func TestSplitsOfParts(t *testing.T) {
	for name, c := range map[string]struct {
		do                func(*Tab) error
		onHold            bool
		held, given, kept int64
	}{
		"named": {func(t *Tab) error { return t.ReleaseSplit(0, 100) }, true, 200, 100, 0},
		"whole": {func(t *Tab) error { return t.ReleaseSplit(0, 0) }, false, 0, 300, 0},
		"off":   {func(t *Tab) error { return t.CancelSplit(0) }, false, 0, 0, 300},
	} {
		tab := tabIn(LinkActive, AttemptProcessing)
		tab.Link.Use, tab.Link.Splits = Use{Parts: true}, []Split{{Account: "a", Amount: 300, OnHold: true}}
		tab.Payments[0].Requested.Minor, tab.Payments[0].Attempts[0].Requested = 350, 350
		must(t, tab.Settle("att_1", Report{State: AttemptCaptured, Captured: 350, ProcessorRef: "ref_1"}))
		if tab.Link.Splits[0].Held != 100 {
			t.Fatalf("%s: a third of it: %+v", name, tab.Link.Splits[0])
		}
		must(t, c.do(tab))
		p, a, err := tab.Begin(Begin{Method: MethodCard, Processor: "sandbox"})
		must(t, err)
		must(t, tab.Settle(a.ID, Report{State: AttemptCaptured, Captured: 700, ProcessorRef: "ref_2"}))
		s := tab.Link.Splits[0]
		if p.Requested.Minor != 700 || tab.Link.State != LinkCompleted || s.OnHold != c.onHold || s.Held != c.held || s.Given != c.given || s.Kept != c.kept {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestSettlementMoves tells of a line in every state every thing that can be
// told: what the table lists acts and tells of it once, the rest does nothing.
func TestSettlementMoves(t *testing.T) {
	told := Told{Movement: "capture:att_1", Processor: "sandbox", Amount: Money{1050, "USD"}, Fee: 11, At: noon}
	causes := map[string]func(*Tab) error{
		"settle":  func(tab *Tab) error { _, err := tab.SettleLine(told); return err },
		"miss":    func(tab *Tab) error { return tab.MissLine(told.Movement) },
		"reverse": func(tab *Tab) error { _, err := tab.ReverseLine(told); return err },
	}
	reach := map[SettlementState][]string{
		LineExpected: {}, LineMissing: {"miss"}, LineSettled: {"settle"}, LineReversed: {"settle", "reverse"},
	}
	want := map[SettlementState]map[string]string{ // "=": nothing happens, "!": refused
		LineExpected: {"settle": "settled", "miss": "missing", "reverse": "!"},
		LineMissing:  {"settle": "settled", "miss": "!", "reverse": "!"},
		LineSettled:  {"settle": "=", "miss": "!", "reverse": "reversed"},
		LineReversed: {"settle": "!", "miss": "!", "reverse": "="},
	}
	for from, path := range reach {
		for name, cause := range causes {
			tab := captured(t, nil)
			for _, step := range path {
				must(t, causes[step](tab))
			}
			events, entries := len(tab.Events), len(tab.Entries)
			err, to := cause(tab), want[from][name]
			now := tab.line(told.Movement).State
			switch quiet := len(tab.Events) == events && len(tab.Entries) == entries && now == from; {
			case to == "!" && (!errors.Is(err, ErrState("")) || !quiet), to == "=" && (err != nil || !quiet):
				t.Errorf("%s %s: %v, now %s", from, name, err, now)
			case to != "!" && to != "=" && (err != nil || string(now) != to || len(tab.Events) == events || tab.Events[events].To != to || tab.Events[events].From != string(from)):
				t.Errorf("%s %s: %v, now %s", from, name, err, now)
			}
		}
	}
}

// A settlement with a fee, and everything that it may not say.
func TestSettleLine(t *testing.T) {
	told := Told{Movement: "capture:att_1", Processor: "sandbox", Amount: Money{1050, "USD"}, Fee: 11, At: noon, Reference: "row-1"}
	tab := captured(t, nil, 50)
	for name, change := range map[string]func(*Told){
		"amount":    func(x *Told) { x.Amount.Minor-- },
		"currency":  func(x *Told) { x.Amount.Currency = "EUR" },
		"processor": func(x *Told) { x.Processor = "another" },
	} {
		wrong := told
		change(&wrong)
		if changed, err := tab.SettleLine(wrong); changed || KindOf(err) != Conflict || account(tab, "settled") != 0 {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := tab.SettleLine(Told{Movement: "capture:att_2"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown movement: %v", err)
	}
	changed, err := tab.SettleLine(told)
	if !changed || err != nil || account(tab, "settled") != 1039 || account(tab, "fees") != 11 || account(tab, "processor:sandbox") != -50 || tab.Link.Settled != 1050 {
		t.Errorf("settled: %v, %d with a fee of %d", err, account(tab, "settled"), account(tab, "fees"))
	}
	if kinds := eventKinds(tab); !slices.Equal(kinds[len(kinds)-2:], []EventKind{EventPaymentSettled, EventLineSettled}) {
		t.Errorf("told: %v", kinds)
	}
	if changed, err = tab.SettleLine(told); changed || err != nil {
		t.Errorf("again: %v", err)
	}
	told.Fee = 12
	if _, err = tab.SettleLine(told); KindOf(err) != Conflict {
		t.Errorf("again with another fee: %v", err)
	}
	if (Balance{Settled: 100, Held: 30}).Available() != 70 || (Balance{Settled: 20, Held: 30}).Available() != 0 || (Balance{Settled: -5, Held: 30}).Available() != -5 {
		t.Error("available is what is settled and not on hold")
	}
}
