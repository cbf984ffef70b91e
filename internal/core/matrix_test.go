package core_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// matrix plays pairs of a state and a cause (INVARIANTS 4, V3). Each pair has a
// stored link of its own, which is brought to the state by legal steps; then its
// cause is let loose through core. What must be seen afterwards is a mark:
//
//	xx  the subject has come to the state with this code, or changed in it
//	*   the subject is as it was, and something else has come of it
//	.   nothing: every stored row of the link is as it was
//	!   refused, with a conflict or, where a processor asks for it, the alarm
//	    illegal_transition: every stored row of the link is as it was
//
// Two things are not compared, for they keep what a processor said whatever came
// of it: the row of the operation that is answered, and the inbox of callbacks.
type matrix struct {
	*oddWorld
	t      *testing.T
	rows   *storetest.Rows
	answer func(o processor.Order) (processor.Outcome, error) // the processor's, to this pair
	pairs  int
}

// stage is one kind of subject, with the states it can be brought to.
type stage struct {
	states string // "created:cr requires_action:ra": each with its code, in the order of the marks
	with   func(*pay.Link)
	bring  func(m *matrix, s *scene, state string)
	beside string // a table that keeps what is refused
}

// cause is something that happens: a command, time or a processor's word.
type cause struct {
	marks string
	name  string
	do    func(m *matrix, s *scene) error
	word  *word // told after do, where there are both
	with  func(m *matrix, l *pay.Link)
}

// scene is the link of one pair.
type scene struct {
	pay.Link
	payment         pay.PaymentID
	attempt         pay.AttemptID
	refund          pay.RefundID
	entity, subject string        // that the marks speak of, as events name it
	op              pay.Operation // that a processor's word is about
}

// chatty is odd, with several captures of one authorization.
type chatty struct{ odd }

func (chatty) Capabilities(pay.MethodID) (processor.Capabilities, bool) {
	return processor.Capabilities{Manual: true, Captures: true, Modes: []pay.Mode{pay.Test}}, true
}

func newMatrix(t *testing.T, o store.Options) *matrix {
	t.Helper()
	m := &matrix{t: t}
	m.oddWorld = withDriver(t, coretest.New(t, o), chatty{odd{func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
		return m.answer(o)
	}}})
	_, err := m.CreateEndpoint(context.Background(), m.Shop, core.NewEndpoint{URL: "http://127.0.0.1/all"})
	m.must("an endpoint", err)
	m.rows = storetest.OpenRows(t, o)
	m.Clock.Add(time.Minute)
	return m
}

func (m *matrix) must(what string, err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
}

// key is an idempotency key of this pair.
func (m *matrix) key(name string) string { return fmt.Sprint(name, m.pairs) }

// play plays all pairs and proves what is stored at the end.
func (m *matrix) play(st stage, causes []cause) {
	m.t.Helper()
	codes := map[string]string{}
	var states []string
	for _, both := range strings.Fields(st.states) {
		state, code, _ := strings.Cut(both, ":")
		states, codes[code] = append(states, state), state
	}
	for _, c := range causes {
		marks := strings.Fields(c.marks)
		if len(marks) != len(states) {
			m.t.Fatalf("%s: %d marks for %d states", c.name, len(marks), len(states))
		}
		for i, state := range states {
			m.pair(st, c, state, marks[i], codes[marks[i]])
		}
	}
	_, err := m.Verify(context.Background(), quiet)
	m.must("what is stored", err)
	m.t.Logf("%d pairs", m.pairs)
}

// still is a link at one moment.
type still struct {
	rows   []string
	states map[string]string // by entity and id, as events name them
	seq    int64
}

func (m *matrix) pair(st stage, c cause, state, mark, to string) {
	m.t.Helper()
	m.pairs++
	name := c.name + ", " + state
	m.answer = func(processor.Order) (processor.Outcome, error) { return processor.Outcome{}, errors.New("no answer") }
	s := &scene{}
	s.Link = m.Link(m.t, func(l *pay.Link) {
		st.with(l)
		if c.with != nil {
			c.with(m, l)
		}
	})
	st.bring(m, s, state)
	if c.word != nil {
		m.order(s, *c.word)
	}
	before, alarms := m.still(s, st), m.alarms["illegal_transition"]
	if was := before.states[s.entity+" "+s.subject]; was != state {
		m.t.Fatalf("%s: it was brought to %q", name, was)
	}
	err := c.happen(m, s)
	after, refused := m.still(s, st), pay.KindOf(err) == pay.Conflict && err != nil
	if rose := m.alarms["illegal_transition"] - alarms; c.word != nil {
		refused = err == nil && rose == 1
		if (rose != 0) != (mark == "!") {
			m.t.Errorf("%s: %d alarms of illegal transitions", name, rose)
		}
		if e := (pay.Event{Entity: s.entity, From: state, To: c.word.to}); mark == "!" && e.Legal() {
			m.t.Errorf("%s: a table lists the move to %s", name, e.To)
		}
	}
	moves := m.moves(name, s, before, after)
	switch same := slices.Equal(before.rows, after.rows); {
	case mark == "!" && !refused, mark != "!" && err != nil:
		m.t.Errorf("%s: %v, %d alarms", name, err, m.alarms["illegal_transition"]-alarms)
	case mark == "!" || mark == ".":
		if !same {
			m.t.Errorf("%s changed something:\n%s\n%s", name, unlike(before.rows, after.rows), unlike(after.rows, before.rows))
		}
	case mark == "*" && (same || len(moves) > 0):
		m.t.Errorf("%s: nothing changed: %v; its own events %v", name, same, moves)
	case mark != "*" && (len(moves) == 0 || moves[len(moves)-1] != to):
		m.t.Errorf("%s: it came to %v, want %q", name, moves, to)
	}
}

func (c cause) happen(m *matrix, s *scene) error {
	if c.do != nil {
		if err := c.do(m, s); err != nil || c.word == nil {
			return err
		}
	}
	return c.word.tell(m, s)
}

// unlike is what of a is not in b, cut short.
func unlike(a, b []string) (text string) {
	for _, row := range a {
		if !slices.Contains(b, row) {
			text += row[:min(len(row), 600)] + "\n"
		}
	}
	return text
}

// moves holds the events since before against the facts: each a move that a
// table lists, one after the other from what every entity was to what it is, and
// no other (E1). It returns the states that the subject came to.
func (m *matrix) moves(name string, s *scene, before, after still) (subject []string) {
	m.t.Helper()
	events, err := m.Store.LinkEvents(context.Background(), s.Tenant, s.ID)
	m.must(name, err)
	now := maps.Clone(before.states)
	for i, e := range events[before.seq:] {
		at := e.Entity + " " + e.EntityID
		if e.Seq != before.seq+int64(i)+1 || !e.Legal() || now[at] != e.From {
			m.t.Errorf("%s: event %d is %s of %s from %q to %q, which was %q", name, e.Seq, e.Kind, at, e.From, e.To, now[at])
		}
		if now[at] = e.To; at == s.entity+" "+s.subject {
			if slices.Contains(subject, e.To) {
				m.t.Errorf("%s: it came to %s by a detour, %v", name, e.To, subject)
			}
			subject = append(subject, e.To)
		}
	}
	for at, state := range after.states {
		if _, told := now[at]; !told && strings.HasPrefix(at, "settlement ") && state == string(pay.LineExpected) {
			now[at] = state // without an event of its own: that of the movement tells of it
		}
	}
	if !maps.Equal(now, after.states) {
		m.t.Errorf("%s: the events end at\n%v\nand the facts are\n%v", name, now, after.states)
	}
	return subject
}

// still reads a link as it is stored.
func (m *matrix) still(s *scene, st stage) still {
	m.t.Helper()
	ctx := context.Background()
	tab, err := m.Store.Tab(ctx, s.Tenant, s.ID)
	m.must("the link", err)
	is := map[string]string{"payment_link " + string(s.ID): string(tab.Link.State)}
	for i, split := range tab.Link.Splits {
		is[fmt.Sprint("split split:", i)] = string(split.At())
	}
	first := map[string]string{} // the payments that lines are called by
	var payments []pay.PaymentID
	for _, p := range tab.Payments {
		payments = append(payments, p.ID)
		is["payment "+string(p.ID)] = string(p.State)
		for _, a := range p.Attempts {
			is["attempt "+string(a.ID)] = string(a.State)
			if a.Shares != nil {
				first[pay.CaptureOf(a.ID, 1)] = string(p.ID)
			}
		}
		for _, r := range p.Refunds {
			is["refund "+string(r.ID)] = string(r.State)
		}
		for _, d := range p.Disputes {
			is["dispute "+string(d.ID)] = string(d.State)
		}
	}
	lines, err := m.Store.SettlementsOf(ctx, s.Tenant, s.ID, payments...)
	m.must("its settlement", err)
	for _, line := range lines {
		is["settlement "+cmp.Or(first[line.Movement], line.Movement)] = string(line.State)
	}
	rows := slices.DeleteFunc(m.rows.Of(m.t, s.Link, st.beside), func(row string) bool {
		return s.op.ID != "" && strings.HasPrefix(row, "operations ") && strings.Contains(row, string(s.op.ID))
	})
	return still{rows, is, tab.Link.Seq}
}
