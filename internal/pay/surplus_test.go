package pay

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// surplusTab has 1050 of surplus whose return was asked for.
func surplusTab(t *testing.T) (*Tab, RefundID) {
	t.Helper()
	tab := tabIn(LinkCanceled, AttemptProcessing)
	must(t, settle("att_1", AttemptCaptured)(tab))
	return tab, tab.Payments[0].Refunds[0].ID
}

// surplusRefunds are the refunds of a tab's surplus, each with the number of
// operations that make it.
func surplusRefunds(tab *Tab) (list []string) {
	for _, r := range tab.Payments[0].Refunds {
		asked := 0
		for _, o := range tab.Operations {
			if o.Refund == r.ID && o.Kind == OpRefund && o.Amount.Minor == r.Amount {
				asked++
			}
		}
		list = append(list, fmt.Sprint(r.State, " ", r.Amount, " x", asked))
	}
	return list
}

// TestSurplusIsReturnedAgain: surplus whose refund was refused while it was
// disputed goes back when the dispute is over, as far as that left it here, in
// whatever order the three are told; and once (5.6, M4).
func TestSurplusIsReturnedAgain(t *testing.T) {
	for _, c := range []struct {
		to    DisputeState
		minor int64
		again string // what is asked for then
	}{
		{DisputeWon, 1050, "requested 1050 x1"},
		{DisputeWon, 400, "requested 1050 x1"},
		{DisputeLost, 1050, ""},
		{DisputeAccepted, 1050, ""},
		{DisputeLost, 400, "requested 650 x1"},
		{DisputeOpen, 1050, ""},
		{DisputeOpen, 400, ""},
	} {
		for _, order := range [][]string{{"open", "refused", "end"}, {"refused", "open", "end"}, {"open", "end", "refused"}, {"end", "refused"}} {
			tab, id := surplusTab(t)
			steps := map[string]func(){
				"open":    func() { disputed(t, tab, DisputeOpen, c.minor) },
				"refused": func() { must(t, tab.Refunded(id, RefundFailed)) },
				"end":     func() { disputed(t, tab, c.to, c.minor) },
			}
			for _, step := range slices.Concat(order, order) { // and all of it told twice
				tab.Now = tab.Now.Add(time.Minute)
				steps[step]()
			}
			want := []string{"failed 1050 x1"}
			if c.again != "" {
				want = append(want, c.again)
			}
			if got := surplusRefunds(tab); !slices.Equal(got, want) {
				t.Errorf("%v of %d %s: %q, want %q", order, c.minor, c.to, got, want)
			}
			if a := tab.Payments[0].Attempts[0]; a.Refunding+a.Refunded+a.Disputed > a.Captured {
				t.Errorf("%v of %d %s: %+v", order, c.minor, c.to, a)
			}
		}
	}
}

// TestSurplusIsReturnedOnce: what is on its way back, or is back, is not asked
// for again when a dispute is won, and what was refused for another reason is
// not asked for without end.
func TestSurplusIsReturnedOnce(t *testing.T) {
	for _, to := range []RefundState{RefundRequested, RefundSent, RefundUnknown, RefundSucceeded} {
		tab, id := surplusTab(t)
		if to != RefundRequested {
			must(t, tab.Refunded(id, to))
		}
		disputed(t, tab, DisputeWon, 400)
		if got := surplusRefunds(tab); len(got) != 1 {
			t.Errorf("%s: %q", to, got)
		}
	}
	tab, id := surplusTab(t)
	for range 3 {
		tab.Now = tab.Now.Add(time.Minute)
		must(t, tab.Refunded(id, RefundFailed))
		disputed(t, tab, DisputeWon, 1050)
		id = tab.Payments[0].Refunds[len(tab.Payments[0].Refunds)-1].ID
	}
	if got := surplusRefunds(tab); !slices.Equal(got, []string{"failed 1050 x1", "failed 1050 x1"}) {
		t.Errorf("refused again: %q", got)
	}
}

// TestSurplusOfTwoDisputes: each dispute that is won frees what it took, and
// what is lost stays away.
func TestSurplusOfTwoDisputes(t *testing.T) {
	tab, id := surplusTab(t)
	tell := func(ref string, to DisputeState, minor int64) {
		tab.Now = tab.Now.Add(time.Minute)
		r := disputeReport(to, minor)
		r.ProcessorRef = ref
		must(t, tab.Disputed("att_1", r))
	}
	for _, d := range []struct {
		ref   string
		minor int64
	}{{"dp_1", 400}, {"dp_2", 600}, {"dp_3", 50}} {
		tell(d.ref, DisputeOpen, d.minor)
	}
	must(t, tab.Refunded(id, RefundFailed))
	tell("dp_1", DisputeWon, 400)
	tell("dp_3", DisputeLost, 50)
	tell("dp_2", DisputeWon, 600)
	if got := surplusRefunds(tab); !slices.Equal(got, []string{"failed 1050 x1", "requested 400 x1", "requested 600 x1"}) {
		t.Errorf("%q", got)
	}
}

// surplusOf is what was taken over a payment and does not count.
func surplusOf(p Payment) (minor int64) {
	for _, a := range p.Attempts {
		minor += a.Captured - a.counted()
	}
	return minor
}

// checkSurplus: what does not count was asked to go back, and goes once. When
// a dispute about it is over, all that was left goes, or was refused since.
func checkSurplus(t *rapid.T, p Payment) {
	if p.State == PaymentSurplus && (p.Captured() == 0 || surplusOf(p) != p.Captured()) {
		t.Fatalf("5.6: %d taken, %d of it surplus", p.Captured(), surplusOf(p))
	}
	for i := range p.Attempts {
		a := &p.Attempts[i]
		var asked, back int64
		var refused time.Time // when the last that was refused was asked for
		for _, r := range p.Refunds {
			if r.Attempt != a.ID || !r.Surplus {
				continue
			}
			if asked += r.Amount; r.State != RefundFailed {
				back += r.Amount
			} else {
				refused = r.CreatedAt
			}
		}
		if surplus := a.Captured - a.counted(); asked < surplus || back > surplus {
			t.Fatalf("5.6: %d taken, %d asked to go back, %d of it not refused", surplus, asked, back)
		}
		if left := min(p.Unreturned(a), a.Captured-a.Refunded-a.Refunding-a.Disputed); left > 0 && p.undisputed(a.ID, refused) {
			t.Fatalf("5.6: %d of attempt %s are undisputed and not asked to go back: %+v", left, a.ID, p.Refunds)
		}
	}
}
