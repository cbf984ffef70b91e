package pay

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var linkStates = []LinkState{LinkScheduled, LinkActive, LinkPaused, LinkCompleted, LinkExpired, LinkCanceled}

var attemptStates = []AttemptState{
	AttemptCreated, AttemptRequiresAction, AttemptProcessing, AttemptUnknown, AttemptAuthorized, AttemptCaptured,
	AttemptFailed, AttemptCanceled, AttemptVoided, AttemptAuthExpired, AttemptReview,
}

// tabIn is a tab of a link in a state, with one payment whose attempt is in a
// state, all sums in keeping. It is an hour before its end.
func tabIn(l LinkState, a AttemptState) *Tab {
	t := &Tab{Link: goodLink(), Now: noon, Actor: "test"}
	t.Link.State, t.Link.Seq, t.Link.CreatedAt, t.Link.UpdatedAt = l, 9, noon.Add(-time.Hour), noon.Add(-time.Minute)
	if l == LinkScheduled {
		t.Link.StartsAt = noon.Add(time.Minute)
	}
	p := Payment{
		ID: "pay_1", Link: t.Link.ID, Number: 1, Slot: "0", State: PaymentOpen, Requested: Money{1050, "USD"}, Method: MethodCard,
		CreatedAt: t.Link.CreatedAt, UpdatedAt: t.Link.UpdatedAt,
	}
	att := Attempt{
		ID: "att_1", Payment: p.ID, State: a, Processor: "sandbox", Method: MethodCard, ProcessorRef: "ref_1", Currency: "USD", Requested: 1050,
		GraceS: 1800, CreatedAt: t.Link.CreatedAt, UpdatedAt: t.Link.UpdatedAt,
	}
	switch a {
	case AttemptRequiresAction:
		att.Action, att.Silence = &Action{RedirectURL: "https://bank.example/"}, t.Link.UpdatedAt
	case AttemptAuthorized, AttemptVoided, AttemptAuthExpired:
		att.Authorized = 1050
	case AttemptCaptured:
		att.Authorized, att.Captured = 1050, 1050
	}
	switch a {
	case AttemptFailed:
		p.State, p.Slot = PaymentFailed, ""
	case AttemptCanceled, AttemptVoided, AttemptAuthExpired:
		p.State, p.Slot = PaymentCanceled, ""
	case AttemptCaptured:
		p.State, p.Slot = PaymentSurplus, ""
		if l == LinkCompleted {
			p.State, p.Slot, t.Link.Applied, t.Link.UseCount = PaymentApplied, "0", 1050, 1
		}
	}
	p.Attempts = []Attempt{att}
	t.Payments = []Payment{p}
	return t
}

// facts are what a tab would store.
func (t *Tab) facts() Tab {
	c := *t
	c.Payments = slices.Clone(t.Payments)
	for i := range c.Payments {
		c.Payments[i].Attempts = slices.Clone(c.Payments[i].Attempts)
		c.Payments[i].Refunds = slices.Clone(c.Payments[i].Refunds)
		c.Payments[i].Disputes = slices.Clone(c.Payments[i].Disputes)
	}
	c.Lines = slices.Clone(t.Lines)
	return c
}

func eventKinds(t *Tab) (list []EventKind) {
	for _, e := range t.Events {
		list = append(list, e.Kind)
	}
	return list
}

// TestLinkMoves tries every move from every state to every other: the listed
// ones act and tell of it, the others change nothing (INVARIANTS 3, V3).
func TestLinkMoves(t *testing.T) {
	for _, from := range append(linkStates, "", "odd") {
		for _, to := range append(linkStates, "", "odd") {
			tab := tabIn(from, AttemptFailed)
			before := tab.facts()
			err := tab.moveLink(to, EventLinkCanceled)
			if !slices.Contains(linkMoves[from], to) {
				if !errors.Is(err, ErrState("")) || !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%q to %q: %v, and %+v", from, to, err, tab.Events)
				}
			} else if e := tab.Events; err != nil || tab.Link.State != to || len(e) != 1 || e[0].From != string(from) || e[0].To != string(to) || e[0].Seq != 10 {
				t.Errorf("%q to %q: %v, and %+v", from, to, err, e)
			}
		}
	}
	if len(linkMoves[LinkCompleted])+len(linkMoves[LinkCanceled]) > 0 {
		t.Error("completed and canceled are final")
	}
}

// linkCauses are what can happen to a link, with the state each state comes to
// ("=": nothing happens, "!": refused), in the order of linkStates.
var linkCauses = map[string]struct {
	do   func(t *Tab) error
	want string
}{
	"pause":  {(*Tab).Pause, "! paused ! ! ! !"},
	"resume": {(*Tab).Resume, "! ! active ! ! !"},
	"cancel": {(*Tab).Cancel, "canceled canceled canceled ! canceled !"},
	"start":  {func(t *Tab) error { t.Now = noon.Add(time.Minute); return t.Clock() }, "active = = = = ="},
	"almost": {func(t *Tab) error { t.Now = noon.Add(time.Minute - 1); return t.Clock() }, "= = = = = ="},
	"expiry": {func(t *Tab) error { t.Now = t.Link.ExpiresAt; return t.Clock() }, "expired expired expired = = ="},
	"begin at expiry": {func(t *Tab) error {
		t.Now = t.Link.ExpiresAt
		_, _, err := t.Begin(Begin{Method: MethodCard, Processor: "sandbox"})
		return err
	}, "! ! ! ! ! !"},
	"pay in time": {settle("att_1", AttemptCaptured), "scheduled completed completed = completed ="},
	"pay in grace": {func(t *Tab) error {
		t.Now = t.Link.ExpiresAt.Add(30*time.Minute - 1)
		return settle("att_1", AttemptCaptured)(t)
	}, "completed completed completed = completed ="},
	"pay past grace": {func(t *Tab) error {
		t.Now = t.Link.ExpiresAt.Add(30 * time.Minute)
		return settle("att_1", AttemptCaptured)(t)
	}, "expired expired expired = = ="},
}

// settle reports that an attempt came to a state, with all of its money.
func settle(id AttemptID, to AttemptState) func(t *Tab) error {
	return func(t *Tab) error { return t.Settle(id, report(to)) }
}

func report(to AttemptState) Report {
	r := Report{State: to, ProcessorRef: "ref_1", Currency: "USD"}
	switch to {
	case AttemptRequiresAction:
		r.Action = &Action{RedirectURL: "https://bank.example/"}
	case AttemptAuthorized:
		r.Authorized = 1050
	case AttemptCaptured:
		r.Authorized, r.Captured = 1050, 1050
	}
	return r
}

func TestLinkCauses(t *testing.T) {
	for name, cause := range linkCauses {
		wants := strings.Fields(cause.want)
		for i, from := range linkStates {
			tab := tabIn(from, AttemptProcessing)
			before := tab.facts()
			err := cause.do(tab)
			want, refused := LinkState(wants[i]), wants[i] == "!"
			if wants[i] == "=" {
				want = from
			}
			if refused {
				// What the clock did may stand: it is true whoever asks.
				if KindOf(err) != Conflict || len(tab.Payments) != 1 || tab.Payments[0].State != PaymentOpen {
					t.Errorf("%s on a link that is %s: %v %v", name, from, err, eventKinds(tab))
				}
				if !strings.Contains(name, "begin") && !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%s on a link that is %s was refused and changed it: %v", name, from, eventKinds(tab))
				}
				continue
			}
			if err != nil || tab.Link.State != want {
				t.Errorf("%s on a link that is %s: it is %s, %v", name, from, tab.Link.State, err)
			}
			if strings.HasPrefix(name, "pay") {
				checkPaid(t, name+" on a link that was "+string(from), tab, want == LinkCompleted && from != LinkCompleted)
			} else if moved := want != from; moved != (len(tab.Events) == 1) {
				t.Errorf("%s on a link that is %s: events %v", name, from, eventKinds(tab))
			}
		}
	}
}

// checkPaid: money in hand is applied, or goes back in full at once (5.5, 5.6).
func checkPaid(t *testing.T, name string, tab *Tab, applied bool) {
	t.Helper()
	p := tab.Payments[0]
	refunds := slices.DeleteFunc(slices.Clone(tab.Operations), func(o Operation) bool { return o.Kind != OpRefund })
	switch {
	case applied && (p.State != PaymentApplied || tab.Link.Applied != 1050 || tab.Link.UseCount != 1 || len(refunds) != 0):
		t.Errorf("%s: payment %s, %d applied, %d refunds", name, p.State, tab.Link.Applied, len(refunds))
	case !applied && (p.State != PaymentSurplus || tab.Link.Applied != 0 || len(refunds) != 1 || refunds[0].Amount.Minor != 1050 || p.Attempts[0].Refunding != 1050):
		t.Errorf("%s: payment %s, %d applied, refunds %v", name, p.State, tab.Link.Applied, refunds)
	}
}

func TestBeginNeedsAnActiveLink(t *testing.T) {
	for _, from := range linkStates {
		tab := tabIn(from, AttemptFailed)
		before := tab.facts()
		_, _, err := tab.Begin(Begin{Method: MethodCard, Processor: "sandbox"})
		if from == LinkActive {
			if want := []EventKind{EventPaymentCreated, EventAttemptCreated}; err != nil || !slices.Equal(eventKinds(tab), want) || len(tab.Operations) != 1 {
				t.Errorf("active: %v %v", err, eventKinds(tab))
			}
		} else if KindOf(err) != Conflict || !reflect.DeepEqual(tab.facts(), before) {
			t.Errorf("%s: %v %v", from, err, eventKinds(tab))
		}
	}
}

// reportMatrix says what each report does to an attempt in each state, both in
// the order of attemptStates: "+" the attempt comes to that state, "." it is
// known already or cannot matter, "!" refused, "R" to review (INVARIANTS 4).
var reportMatrix = map[AttemptState]string{
	//                      cr ra pr un au ca fa cn vo ax re
	AttemptCreated:        ". + + + + + + + ! + +",
	AttemptRequiresAction: "! . + + + + + + ! + +",
	AttemptProcessing:     "! + . + + + + ! ! + +",
	AttemptUnknown:        "! + . . + + + ! ! + +",
	AttemptAuthorized:     "! . . . . + ! ! + + +",
	AttemptCaptured:       "! . . . . . ! ! ! ! !",
	AttemptFailed:         ". . . . + + . . . . .",
	AttemptCanceled:       ". . . . + + . . . . .",
	AttemptVoided:         ". . . . R R . . . . .",
	AttemptAuthExpired:    ". . . . + + . . . . .",
	AttemptReview:         ". . . . . . . . . . .", // a person decides
}

func TestReportMatrix(t *testing.T) {
	for _, from := range attemptStates {
		marks := strings.Fields(reportMatrix[from])
		for i, to := range attemptStates {
			tab := tabIn(LinkActive, from)
			before := tab.facts()
			err := tab.Settle("att_1", report(to))
			got := tab.Payments[0].Attempts[0].State
			name := string(from) + " told " + string(to)
			switch marks[i] {
			case "+", "R":
				want := to
				if marks[i] == "R" {
					want = AttemptReview
				}
				if err != nil || got != want {
					t.Errorf("%s: it is %s, %v", name, got, err)
				}
				checkMoves(t, name, tab, from, want)
				again := tab.facts()
				if err := tab.Settle("att_1", report(to)); err != nil || !reflect.DeepEqual(tab.facts(), again) {
					t.Errorf("%s, and once more: %v %v", name, err, eventKinds(tab))
				}
			case ".", "!":
				if !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%s changed something: %v", name, eventKinds(tab))
				}
				if refused := KindOf(err) == Conflict; refused != (marks[i] == "!") || err != nil && !refused {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// checkMoves: the attempt's events lead from one state to the other by moves
// that are listed, one event each (E1).
func checkMoves(t *testing.T, name string, tab *Tab, from, to AttemptState) {
	t.Helper()
	at := from
	for i, e := range tab.Events {
		if e.Seq != int64(10+i) {
			t.Errorf("%s: event %d has seq %d", name, i, e.Seq)
		}
		if e.Entity != "attempt" {
			continue
		}
		if e.From != string(at) || !follows(attemptMoves, at, AttemptState(e.To)) {
			t.Errorf("%s: a move from %s to %s at %s", name, e.From, e.To, at)
		}
		at = AttemptState(e.To)
	}
	if at != to {
		t.Errorf("%s: the events end at %s", name, at)
	}
}

// TestTables: no table names a state that has no row or is not a state, and
// every attempt state that can be come to has its event.
func TestTables(t *testing.T) {
	for from, next := range attemptMoves {
		for _, to := range next {
			if !slices.Contains(attemptStates, to) || to != AttemptCreated && attemptEvents[to] == "" || from == to && to != AttemptAuthorized {
				t.Errorf("attempt: %q to %q", from, to)
			}
		}
	}
	for from, next := range linkMoves {
		for _, to := range next {
			if !slices.Contains(linkStates, to) || from == to {
				t.Errorf("link: %q to %q", from, to)
			}
		}
	}
	if keys := slices.Sorted(maps.Keys(reportMatrix)); !slices.Equal(keys, slices.Sorted(slices.Values(attemptStates))) {
		t.Errorf("the matrix has rows %v", keys)
	}
}

func TestRefundMoves(t *testing.T) {
	states := []RefundState{RefundRequested, RefundSent, RefundUnknown, RefundSucceeded, RefundFailed}
	// In the order of states: "+" it comes to that state, "." known already, "!" refused.
	matrix := map[RefundState]string{
		RefundRequested: ". + + + +", RefundSent: ". . + + +", RefundUnknown: ". . . + +", RefundSucceeded: ". . . . !", RefundFailed: ". . . ! .",
	}
	for _, from := range states {
		for i, to := range states {
			mark := strings.Fields(matrix[from])[i]
			if to == RefundRequested && mark == "." {
				continue // nothing reports it
			}
			tab := tabIn(LinkCanceled, AttemptCaptured)
			p := &tab.Payments[0]
			p.Refunds = []Refund{{ID: "ref_1", Payment: p.ID, Attempt: "att_1", State: from, Amount: 1050, Reason: "surplus"}}
			a := &p.Attempts[0]
			switch from {
			case RefundSucceeded:
				a.Refunded = 1050
			case RefundFailed:
			default:
				a.Refunding = 1050
			}
			before := tab.facts()
			if err := tab.Refunded("ref_1", to); (err != nil) != (mark == "!") || err != nil && KindOf(err) != Conflict {
				t.Errorf("%s told %s: %v", from, to, err)
			}
			if mark != "+" {
				if !reflect.DeepEqual(tab.facts(), before) {
					t.Errorf("%s told %s changed something: %v", from, to, eventKinds(tab))
				}
				continue
			}
			if got := p.Refunds[0].State; got != to || len(tab.Events) == 0 {
				t.Errorf("%s told %s is %s", from, to, got)
			}
			freed, back := to == RefundFailed, to == RefundSucceeded
			if (a.Refunding == 0) != (freed || back) || (a.Refunded == 1050) != back || (len(tab.Entries) > 0) != back {
				t.Errorf("%s told %s: refunding %d, refunded %d, %d entries", from, to, a.Refunding, a.Refunded, len(tab.Entries))
			}
		}
	}
}
