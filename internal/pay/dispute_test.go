package pay

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var disputeStates = []DisputeState{DisputeOpen, DisputeWon, DisputeLost, DisputeAccepted}

func disputeReport(to DisputeState, minor int64) DisputeReport {
	return DisputeReport{ProcessorRef: "dp_1", State: to, Amount: Money{minor, "USD"}, Reason: "fraudulent", Text: "the payer says no", RespondBy: noon.Add(time.Hour)}
}

// disputed tells tab of the one dispute of disputeReport.
func disputed(t *testing.T, tab *Tab, to DisputeState, minor int64) {
	t.Helper()
	must(t, tab.Disputed("att_1", disputeReport(to, minor)))
}

// TestDisputeMoves tells every state of a dispute about every other, and of one
// that is not known yet: listed moves act and tell of it, what is known changes
// nothing, the rest is refused (INVARIANTS 4, V3).
func TestDisputeMoves(t *testing.T) {
	// In the order of disputeStates: "+" it comes to that state, "." known already, "!" refused.
	matrix := map[DisputeState]string{"": "+ + + +", DisputeOpen: ". + + +", DisputeWon: ". . ! !", DisputeLost: ". ! . !", DisputeAccepted: ". ! ! ."}
	for from, row := range matrix {
		for i, to := range disputeStates {
			tab := captured(t, nil)
			if from != "" {
				disputed(t, tab, from, 400)
			}
			tab.Events, tab.Entries = nil, nil
			before := tab.facts()
			err := tab.Disputed("att_1", disputeReport(to, 400))
			switch strings.Fields(row)[i] {
			case "!":
				if !errors.Is(err, ErrState("")) || !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%q told %s: %v, and %v", from, to, err, eventKinds(tab))
				}
			case ".":
				if err != nil || !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%q told %s changed something: %v, %v", from, to, err, eventKinds(tab))
				}
			default:
				checkDisputed(t, tab, from, to, err)
			}
		}
	}
	for from, next := range disputeMoves {
		for _, to := range next {
			if from == to || disputeEvents[to] == "" || !slices.Contains(EventKinds, disputeEvents[to]) || len(disputeMoves[to]) > 0 != (to == DisputeOpen) {
				t.Errorf("%q to %q", from, to)
			}
		}
	}
}

// checkDisputed: the dispute is where it was told to be, its events lead there,
// one for each state, and the sums and the ledger are of that state.
func checkDisputed(t *testing.T, tab *Tab, from, to DisputeState, err error) {
	t.Helper()
	p := tab.Payments[0]
	if err != nil || len(p.Disputes) != 1 || p.Disputes[0].State != to {
		t.Errorf("%q told %s: %+v, %v", from, to, p.Disputes, err)
		return
	}
	at := from
	for _, e := range tab.Events {
		if e.Entity != "dispute" || e.EntityID != string(p.Disputes[0].ID) || e.From != string(at) || !follows(disputeMoves, at, DisputeState(e.To)) || e.Kind != disputeEvents[DisputeState(e.To)] {
			t.Errorf("%q told %s: event %s from %q to %q at %q", from, to, e.Kind, e.From, e.To, at)
		}
		at = DisputeState(e.To)
	}
	away, share := int64(400), int64(0)
	if to == DisputeWon {
		away = 0
	} else if to != DisputeOpen {
		share = 400
	}
	if at != to || tab.Link.Disputed != away || p.Attempts[0].Disputed != away || sumOf(p.Attempts[0].Reversed) != share || (tab.Link.MoneyStatus() == Disputed) != (away > 0) {
		t.Errorf("%q told %s: events end at %q, %d and %d disputed, %v reversed, %s", from, to, at, tab.Link.Disputed, p.Attempts[0].Disputed, p.Attempts[0].Reversed, tab.Link.MoneyStatus())
	}
}

// TestDisputeMoney follows 1050, shared with a split of 300, through the ends
// of a dispute about 700, a third of them the split's (M8, M9, M10).
func TestDisputeMoney(t *testing.T) {
	for to, want := range map[DisputeState]struct {
		pending, contested, merchant, split int64
		lines                               string
	}{
		DisputeOpen:     {350, 700, 750, 300, "capture 1050 dispute -700"},
		DisputeWon:      {1050, 0, 750, 300, "capture 1050 dispute -700 dispute_reversal 700"},
		DisputeLost:     {350, 0, 250, 100, "capture 1050 dispute -700"},
		DisputeAccepted: {350, 0, 250, 100, "capture 1050 dispute -700"},
	} {
		tab := captured(t, []Split{{Account: "a", Amount: 300}})
		due, state := tab.Link.AmountDue(), tab.Link.State
		disputed(t, tab, to, 700)
		got := fmt.Sprint(account(tab, "processor:sandbox"), account(tab, "disputed"), -account(tab, "merchant"), -account(tab, "split:0"))
		if got != fmt.Sprint(want.pending, want.contested, want.merchant, want.split) {
			t.Errorf("%s: %s, want %+v", to, got, want)
		}
		var lines []string
		for _, l := range tab.Lines {
			kind, _, _ := strings.Cut(l.Movement, ":")
			lines = append(lines, fmt.Sprint(kind, " ", l.Amount.Minor))
		}
		if strings.Join(lines, " ") != want.lines {
			t.Errorf("%s: lines %v, want %s", to, lines, want.lines)
		}
		if tab.Link.AmountDue() != due || tab.Link.State != state || tab.Payments[0].State != PaymentApplied {
			t.Errorf("%s: %s due, the link is %s", to, tab.Link.AmountDue(), tab.Link.State)
		}
	}
}

// TestDisputeCountsAsRefunded: what is disputed, unless it was won, is not to be
// given back (5.8); what is on its way back already goes on, and what both come
// to above the captured is the merchant's loss, nobody else's.
func TestDisputeCountsAsRefunded(t *testing.T) {
	for to, left := range map[DisputeState]int64{DisputeOpen: 350, DisputeWon: 1050, DisputeLost: 350, DisputeAccepted: 350} {
		tab := captured(t, nil)
		disputed(t, tab, to, 700)
		if _, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: left + 1}); KindOf(err) != Invalid {
			t.Errorf("%s: one more than %d: %v", to, left, err)
		}
		if r, err := tab.Refund(RefundWish{Payment: "pay_1"}); err != nil || r.Amount != left {
			t.Errorf("%s: all that is left: %+v %v", to, r, err)
		}
		if _, err := tab.Refund(RefundWish{Payment: "pay_1"}); KindOf(err) != Conflict {
			t.Errorf("%s: and again: %v", to, err)
		}
	}
	for name, ends := range map[string][]string{"the refund first": {"refund", "lost"}, "the dispute first": {"lost", "refund"}} {
		tab := captured(t, []Split{{Account: "a", Amount: 300}})
		r, err := tab.Refund(RefundWish{Payment: "pay_1", Amount: 800})
		must(t, err)
		disputed(t, tab, DisputeOpen, 1050)
		if err := tab.RefundLink(RefundWish{Amount: 1}); KindOf(err) != Conflict {
			t.Errorf("%s: one more: %v", name, err)
		}
		for _, end := range ends {
			if end == "refund" {
				must(t, tab.Refunded(r.ID, RefundSucceeded))
			} else {
				disputed(t, tab, DisputeLost, 1050)
			}
		}
		p := tab.Payments[0]
		if loss := p.Refunds[0].Loss + p.Disputes[0].Loss; loss != 800 || account(tab, "merchant") != 800 || account(tab, "split:0") != 0 || account(tab, "processor:sandbox") != -800 || account(tab, "disputed") != 0 {
			t.Errorf("%s: %d lost, merchant %d, split %d, processor %d", name, loss, account(tab, "merchant"), account(tab, "split:0"), account(tab, "processor:sandbox"))
		}
		if a := p.Attempts[0]; a.Refunded != 800 || a.Disputed != 1050 || !slices.Equal(a.Shares, a.Reversed) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestDisputeOfSurplus: money that does not count is on its way back when a
// dispute takes it: it went twice, and never was the link's.
func TestDisputeOfSurplus(t *testing.T) {
	for _, refundFirst := range []bool{true, false} {
		tab := tabIn(LinkCanceled, AttemptProcessing)
		must(t, settle("att_1", AttemptCaptured)(tab))
		id := tab.Payments[0].Refunds[0].ID
		if refundFirst {
			must(t, tab.Refunded(id, RefundSucceeded))
		}
		disputed(t, tab, DisputeLost, 1050)
		must(t, tab.Refunded(id, RefundSucceeded))
		if tab.Link.Disputed != 0 || tab.Link.MoneyStatus() != Unpaid || account(tab, "surplus") != 0 || account(tab, "merchant") != 1050 {
			t.Errorf("refund first %v: %d disputed, %s, surplus %d, merchant %d", refundFirst, tab.Link.Disputed, tab.Link.MoneyStatus(), account(tab, "surplus"), account(tab, "merchant"))
		}
	}
}

// TestDisputeThatDisagrees: a report that contradicts our record, or is about
// what we do not know yet, changes nothing.
func TestDisputeThatDisagrees(t *testing.T) {
	for name, c := range map[string]struct {
		with func(tab *Tab, r *DisputeReport)
		code string
	}{
		"more than captured": {func(_ *Tab, r *DisputeReport) { r.Amount.Minor = 1051 }, DisputeMismatch},
		"more than is left": {func(tab *Tab, r *DisputeReport) {
			disputed(t, tab, DisputeLost, 1)
			r.ProcessorRef, r.Amount.Minor = "dp_2", 1050
		}, DisputeMismatch},
		"nothing":                {func(_ *Tab, r *DisputeReport) { r.Amount.Minor = 0 }, DisputeMismatch},
		"another currency":       {func(_ *Tab, r *DisputeReport) { r.Amount.Currency = "EUR" }, DisputeMismatch},
		"no reference":           {func(_ *Tab, r *DisputeReport) { r.ProcessorRef = "" }, DisputeMismatch},
		"no state":               {func(_ *Tab, r *DisputeReport) { r.State = "under_review" }, DisputeMismatch},
		"another amount by then": {func(tab *Tab, r *DisputeReport) { disputed(t, tab, DisputeOpen, 400); r.State = DisputeWon }, DisputeMismatch},
		"another attempt's": {func(tab *Tab, r *DisputeReport) {
			disputed(t, tab, DisputeOpen, 1050)
			other := tab.Payments[0].Attempts[0]
			other.ID = "att_2"
			tab.Payments[0].Attempts = append(tab.Payments[0].Attempts, other)
			tab.Payments[0].Disputes[0].Attempt = "att_2"
		}, DisputeMismatch},
		"not captured yet": {func(tab *Tab, _ *DisputeReport) { *tab = *tabIn(LinkActive, AttemptProcessing) }, DisputeEarly},
		"never captured":   {func(tab *Tab, _ *DisputeReport) { *tab = *tabIn(LinkActive, AttemptFailed) }, DisputeEarly},
	} {
		tab, r := captured(t, nil), disputeReport(DisputeOpen, 1050)
		c.with(tab, &r)
		before := tab.facts()
		err := tab.Disputed("att_1", r)
		if !errors.Is(err, errDispute(c.code, "")) || !reflect.DeepEqual(tab.facts(), before) {
			t.Errorf("%s: %v, want %s; %v", name, err, c.code, eventKinds(tab))
		}
	}
	tab, r := captured(t, nil), disputeReport(DisputeOpen, 1050)
	r.Reason, r.Text = "solar flare", "card 4242424242424242"
	must(t, tab.Disputed("att_1", r))
	if d := tab.Payments[0].Disputes[0]; d.Reason != "other" || d.Text != "" || d.RespondBy != noon.Add(time.Hour) {
		t.Errorf("%+v", d)
	}
	if err := tab.Disputed("att_none", r); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// dispute lets a payer's bank take money of any attempt, decide, and say so
// rightly or not, once or again.
func (b *book) dispute(t *rapid.T) {
	a := pick(t, "attempt", b.attempts())
	r := DisputeReport{
		ProcessorRef: fmt.Sprint("dp_", a.ID, rapid.IntRange(1, 3).Draw(t, "dispute")), State: rapid.SampledFrom(disputeStates).Draw(t, "state"),
		Amount: Money{rapid.Int64Range(0, a.Captured+1).Draw(t, "minor"), a.Currency}, Reason: "duplicate",
	}
	for _, p := range b.tab.Payments {
		for _, d := range p.Disputes {
			if d.ProcessorRef == r.ProcessorRef && rapid.IntRange(0, 9).Draw(t, "truth") > 0 {
				r.Amount.Minor = d.Amount
			}
		}
	}
	if rapid.IntRange(0, 19).Draw(t, "twist") == 0 {
		r.Amount.Currency = "EUR"
	}
	l := b.tab.Link
	b.do(t, "dispute "+string(r.State), func(tab *Tab) error { return tab.Disputed(a.ID, r) })
	if now := b.tab.Link; now.AmountDue() != l.AmountDue() || now.State != l.State && now.State != l.At(b.now) {
		t.Fatalf("M5: a dispute took the link from %s with %s due to %s with %s", l.State, l.AmountDue(), now.State, now.AmountDue())
	}
	events := len(b.events)
	b.do(t, "the same dispute", func(tab *Tab) error { return tab.Disputed(a.ID, r) })
	if len(b.events) != events {
		t.Fatalf("the same report of a dispute that is %s twice wrote %s", r.State, b.events[len(b.events)-1].Kind)
	}
}

// checkRefundable: a new refund leaves no less than nothing of what counts,
// with what disputes have taken (5.8).
func checkRefundable(t *rapid.T, tab *Tab, r *Refund) {
	p, a := tab.Attempt(r.Attempt)
	left := a.counted()
	for _, other := range p.Refunds {
		if !other.Surplus && other.State != RefundFailed && other.Attempt == a.ID {
			left -= other.Amount
		}
	}
	for _, d := range p.Disputes {
		if !d.Surplus && d.State != DisputeWon && d.Attempt == a.ID {
			left -= d.Amount
		}
	}
	if left < 0 {
		t.Fatalf("5.8: a refund of %d is %d more than was left", r.Amount, -left)
	}
}

// disputeSums are what disputes have taken for good, and of that what the
// merchant and those it shares with have to bear.
func disputeSums(b *book) (gone, borne int64) {
	for _, p := range b.tab.Payments {
		for _, d := range p.Disputes {
			if d.State == DisputeLost || d.State == DisputeAccepted {
				gone += d.Amount
				borne += d.Reversed + d.Loss
			}
		}
		for _, r := range p.Refunds {
			if r.Surplus {
				borne += r.Loss
			}
		}
	}
	return gone, borne
}

// reversedOf is what refunds and disputes took of an attempt's shares.
func reversedOf(p Payment, a AttemptID) (minor int64) {
	for _, r := range p.Refunds {
		if r.Attempt == a && !r.Surplus && r.State == RefundSucceeded {
			minor += r.Amount - r.Loss
		}
	}
	for _, d := range p.Disputes {
		if d.Attempt == a {
			minor += d.Reversed
		}
	}
	return minor
}

// lossOf is what payers had back twice.
func lossOf(list []Payment) (minor int64) {
	for _, p := range list {
		for _, r := range p.Refunds {
			minor += r.Loss
		}
		for _, d := range p.Disputes {
			minor += d.Loss
		}
	}
	return minor
}

// checkDisputes: what is disputed and not won is within what was captured, the
// sums are those of the disputes, and nobody loses what was not given twice (M4, M8).
func (b *book) checkDisputes(t *rapid.T) {
	counts := int64(0)
	for _, p := range b.tab.Payments {
		for _, a := range p.Attempts {
			away, gone, loss := int64(0), int64(0), int64(0)
			for _, d := range p.Disputes {
				if d.Attempt != a.ID {
					continue
				}
				loss += d.Loss
				switch d.State {
				case DisputeLost, DisputeAccepted:
					gone += d.Amount
					fallthrough
				case DisputeOpen:
					away += d.Amount
					if !d.Surplus {
						counts += d.Amount
					}
				}
			}
			for _, r := range p.Refunds {
				if r.Attempt == a.ID {
					loss += r.Loss
				}
			}
			if a.Disputed != away || away > a.Captured {
				t.Fatalf("M4: %d disputed of %d, the disputes sum to %d", a.Disputed, a.Captured, away)
			}
			if loss < 0 || loss > 0 && gone+a.Refunded <= loss || gone == 0 && loss > 0 {
				t.Fatalf("M8: %d lost, %d refunded and %d disputed of %d", loss, a.Refunded, gone, a.Captured)
			}
		}
	}
	if b.tab.Link.Disputed != counts || (b.tab.Link.MoneyStatus() == Disputed) != (counts > 0) {
		t.Fatalf("M11: %d disputed, the disputes sum to %d, and the link is %s", b.tab.Link.Disputed, counts, b.tab.Link.MoneyStatus())
	}
}
