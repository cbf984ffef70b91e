package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	simulatedSteps = 60 // of one game
	simulatedTries = 5  // of one step: most of what comes to mind is refused, or there is nothing to do it to
)

// TestSimulation plays whole shops at random: merchants, payers, their banks, a
// processor on a bad day and the clock each do what comes to their mind, on
// links that are really stored. After every step all that is stored is proved
// (V4). Then the bad day ends, everything is left to itself for some days, and
// nothing may be open, lost or otherwise than in the processor's own journal.
//
// A game is drawn from TEST_SEED, or else the clock, and from its number: with
// both it is played again move by move.
func TestSimulation(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with TEST_SEED=%d", seed)
	games, played := 0, map[string]int{}
	for game := range rounds(1, 400) {
		t.Run(strconv.Itoa(game), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				s := newSimulation(t, o, rand.New(rand.NewPCG(seed, uint64(game))))
				s.play()
				s.end()
				games++
				for name, n := range s.played {
					played[name] += n
				}
			})
		})
	}
	t.Logf("moves that came about in %d games: %v", games, played)
	for _, m := range moves {
		if games > 100 && played[m.name] == 0 {
			t.Errorf("%q never came about", m.name)
		}
	}
}

// simulation is one game.
type simulation struct {
	*oddWorld
	t      *testing.T
	dice   *rand.Rand
	day    *badDay
	links  []pay.Link
	played map[string]int // how often each move came about

	taken map[string]int64 // captures that were settled and taken back, in minor units
}

func newSimulation(t *testing.T, o store.Options, dice *rand.Rand) *simulation {
	t.Helper()
	w := coretest.New(t, o)
	w.Clock.Step = time.Microsecond // no two things happen at the same time, so that their order repeats
	day := &badDay{Driver: w.Sandbox, dice: dice}
	w.Sandbox.SetCallback(day.post)
	s := &simulation{oddWorld: withDriver(t, w, day), t: t, dice: dice, day: day, played: map[string]int{}, taken: map[string]int64{}}
	t.Cleanup(s.tell)
	for i := range offers {
		s.open(i)
	}
	return s
}

// tell writes down the story of each link when the game was lost.
func (s *simulation) tell() {
	if !s.t.Failed() {
		return
	}
	for _, l := range s.links {
		events, err := s.Store.LinkEvents(context.Background(), l.Tenant, l.ID)
		if err != nil {
			s.t.Log(err)
		}
		for _, e := range events {
			s.t.Logf("%s %s %s: %s, %s -> %s (%s)", l.ID, e.At.Format(time.DateTime), e.Kind, e.EntityID, e.From, e.To, e.Actor)
		}
	}
}

// play draws one move after the other.
func (s *simulation) play() {
	s.t.Helper()
	for step := range simulatedSteps {
		for s.dice.IntN(3) == 0 {
			s.deliver()
		}
		for try := 0; try < simulatedTries && !s.try(step); try++ {
		}
		s.prove()
	}
}

// try plays a move and reports whether it came about.
func (s *simulation) try(step int) bool {
	s.t.Helper()
	m, on := s.draw(), s.look()
	err := m.play(s, on)
	s.t.Logf("step %d: %s on %s: %v", step, m.name, on.Link.ID, err)
	if err != nil && pay.KindOf(err) == pay.Internal {
		s.t.Fatalf("step %d: %s: %v", step, m.name, err)
	}
	if err == nil {
		s.played[m.name]++
	}
	return err == nil
}

// prove holds all that is stored against the rules.
func (s *simulation) prove() {
	s.t.Helper()
	if _, err := s.Verify(s.t.Context(), quiet); err != nil {
		s.t.Fatal(err)
	}
	if n := s.alarms["illegal_transition"]; n > 0 {
		s.t.Fatalf("%d outcomes asked for moves that cannot be", n)
	}
}

// pass lets time go by, and everybody do what is due by then.
func (s *simulation) pass(d time.Duration) error {
	ctx := s.t.Context()
	s.Clock.Add(d)
	work(s.t, s.World)
	turns(s.t, s.Core)
	_, due := s.Sandbox.Due(ctx)
	_, links := s.DueLinks(ctx, 100)
	inbox := s.Inbox(ctx, 100)
	if errors.Is(inbox, errSilence) {
		inbox = nil // it is looked at again
	}
	return errors.Join(due, links, inbox, s.WatchSurplus(ctx))
}

// deliver gives the platform one of the processor's callbacks, late, maybe for
// the second time and maybe by another name than before.
func (s *simulation) deliver() {
	s.t.Helper()
	if len(s.day.letters) > 0 {
		e := s.day.letters[s.dice.IntN(len(s.day.letters))]
		if s.dice.IntN(2) == 0 {
			e.EventID += "-again"
		}
		s.hear(e)
	}
}

func (s *simulation) hear(e processor.Evidence) {
	s.t.Helper()
	raw, err := json.Marshal(e)
	if err == nil {
		err = s.Callback(s.t.Context(), sandbox.Name, s.Shop.Tenant, nil, raw)
	}
	if err != nil {
		s.t.Fatalf("callback: %v", err)
	}
}

// end brings the game to its end and looks at what is left.
func (s *simulation) end() {
	s.t.Helper()
	s.day.over = true
	heard := 0
	for hour := range 200 { // holds last 168; whatever has no answer is asked about for 72, refunds daily after them
		letters := s.day.letters[heard:]
		heard += len(letters)
		for _, i := range s.dice.Perm(len(letters)) {
			s.hear(letters[i])
		}
		if err := s.pass(time.Hour); err != nil {
			s.t.Fatal(err)
		}
		if err := s.decideReviews(table{}); err != nil && !errors.Is(err, pay.ErrNotFound) {
			s.t.Fatal(err)
		}
		if hour%24 == 0 {
			s.goHome()
			s.judge()
		}
	}
	if err := s.settle(table{}); err != nil {
		s.t.Fatal(err)
	}
	if n, err := s.Prove(s.t.Context()); n != 0 || err != nil {
		s.t.Errorf("%d breaches, %v", n, err)
	}
	s.prove()
	s.nothingIsOpen()
	s.booksAgree()
	s.balanceAgrees()
}

// goHome has every payer give up what waits for an answer: the platform would
// wait for ever.
func (s *simulation) goHome() {
	s.t.Helper()
	s.each(func(l pay.Link, a pay.Attempt) {
		if a.State != pay.AttemptRequiresAction {
			return
		}
		if _, err := s.AbandonPayment(s.t.Context(), l.Token, a.Payment, ""); err != nil && pay.KindOf(err) != pay.Conflict {
			s.t.Fatal(err)
		}
	})
}

// judge has the banks decide every dispute that is open: what they have taken
// may be surplus that is still to go back.
func (s *simulation) judge() {
	s.t.Helper()
	list, next, err := s.Disputes(s.t.Context(), s.Shop, core.DisputeFilter{State: pay.DisputeOpen, Limit: 100})
	if err != nil || next != "" {
		s.t.Fatal(next, err)
	}
	for _, d := range list {
		if _, err := s.SimulateDecision(s.t.Context(), s.Shop, d.ID, one(s, verdicts)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// nothingIsOpen: every attempt is over, every review decided, every movement
// settled, and neither the sweeps nor the proof know of a difference.
func (s *simulation) nothingIsOpen() {
	s.t.Helper()
	ctx := s.t.Context()
	if left, _, err := s.Reviews(ctx, s.Shop, "", 100); len(left) > 0 || err != nil {
		s.t.Errorf("in review: %+v, %v", left, err)
	}
	if left, _, err := s.Settlements(ctx, s.Shop, core.SettlementFilter{State: pay.LineExpected}); len(left) > 0 || err != nil {
		s.t.Errorf("not settled: %+v, %v", left, err)
	}
	_, open := differences(s.t, s.Core, s.Shop)
	for _, d := range open {
		s.t.Errorf("a difference: %+v", d)
	}
	s.each(func(l pay.Link, a pay.Attempt) {
		if a.State.Live() {
			s.t.Errorf("attempt %s of a link that is %s was left %s", a.ID, l.State, a.State)
		}
	})
}

// booksAgree: of each attempt the processor's journal says what our books say.
func (s *simulation) booksAgree() {
	s.t.Helper()
	s.each(func(_ pay.Link, a pay.Attempt) {
		p, err := s.journal(a)
		if err != nil {
			s.t.Fatal(err)
		}
		disputed := int64(0)
		for _, d := range p.Disputes {
			if d.State.Counts() {
				disputed += d.Amount
			}
		}
		if p.Captured != a.Captured || p.Refunded != a.Refunded || disputed != a.Disputed {
			s.t.Errorf("attempt %s (%s) has %d captured, %d refunded, %d disputed; the processor has %d, %d, %d",
				a.ID, a.State, a.Captured, a.Refunded, a.Disputed, p.Captured, p.Refunded, disputed)
		}
	})
}

// balanceAgrees: what the journal settled, less what was taken back of it, is
// on the balance or was paid out of it.
func (s *simulation) balanceAgrees() {
	s.t.Helper()
	signs := map[processor.SettledKind]int64{
		processor.SettledCapture: 1, processor.SettledRefund: -1, processor.SettledDispute: -1, processor.SettledDisputeReversal: 1,
	}
	settled, back := int64(0), int64(0)
	for after := ""; ; {
		list, next, err := s.Sandbox.Settlements(s.t.Context(), s.Shop.Tenant, after)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, x := range list {
			settled += signs[x.Kind]*x.Amount.Minor - x.Fee
		}
		if after = next; next == "" {
			break
		}
	}
	for _, minor := range s.taken {
		back += minor
	}
	balances, err := s.Balances(s.t.Context(), s.Shop)
	if err != nil {
		s.t.Fatal(err)
	}
	have := pay.Balance{}
	if len(balances) > 0 {
		have = balances[0]
	}
	if len(balances) > 1 || have.Settled+have.PaidOut+have.Transferred != settled-back || have.Pending != back {
		s.t.Errorf("balances %+v; the processor settled %d and took back %d", balances, settled, back)
	}
	if have.Surplus != 0 {
		s.t.Errorf("%d of surplus are left", have.Surplus)
	}
}

// each calls do with every attempt of the game.
func (s *simulation) each(do func(l pay.Link, a pay.Attempt)) {
	s.t.Helper()
	for _, l := range s.links {
		v := view(s.t, s.World, l)
		for _, p := range v.Payments {
			for _, a := range p.Attempts {
				do(v.Link, a)
			}
		}
	}
}

// badDay is the sandbox while everything goes wrong, in percent of calls:
// some come to nothing, some are answered with silence, some with a lie. What
// it has to say besides is kept, to be heard late, twice or never.
type badDay struct {
	*sandbox.Driver
	dice    *rand.Rand
	over    bool
	letters []processor.Evidence
}

const (
	lostBefore = 12
	lostAfter  = 18
	lies       = 6
)

var errSilence = errors.New("the processor does not answer")

type call = func(context.Context, processor.Order) (processor.Outcome, error)

// do makes one call.
func (d *badDay) do(ctx context.Context, o processor.Order, call call) (processor.Outcome, error) {
	n := d.dice.IntN(100)
	if !d.over && n < lostBefore {
		return processor.Outcome{}, errSilence
	}
	out, err := call(ctx, o)
	if err == nil && out.Result != processor.Unseen && out.Result != processor.Unknown {
		d.keep(processor.Evidence{Key: o.Key, Outcome: out})
	}
	if !d.over && n < lostBefore+lostAfter {
		return processor.Outcome{}, errSilence
	}
	return out, err
}

// take makes a call that moves money, whose answer may lie about how much.
func (d *badDay) take(ctx context.Context, o processor.Order, call call) (processor.Outcome, error) {
	out, err := d.do(ctx, o, call)
	if err == nil && out.Result == processor.Succeeded && !d.over && d.dice.IntN(100) < lies {
		off := int64(d.dice.IntN(41) - 20)
		if o.Kind != pay.OpAuthorize {
			out.Captured = max(out.Captured+off, 1)
		}
		out.Authorized = max(out.Authorized+off, out.Captured, 1)
	}
	return out, err
}

// Start may come to nothing, stay without an answer or get a wrong one.
func (d *badDay) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.take(ctx, o, d.Driver.Start)
}

// Capture may go wrong as Start does.
func (d *badDay) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.take(ctx, o, d.Driver.Capture)
}

// Void may come to nothing or stay without an answer.
func (d *badDay) Void(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o, d.Driver.Void)
}

// Refund may go wrong as Void does.
func (d *badDay) Refund(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o, d.Driver.Refund)
}

// Query may stay without an answer; it never lies, or nobody could ever find
// out what is true.
func (d *badDay) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o, d.Driver.Query)
}

// post takes a callback on its way, while its signature is fresh.
func (d *badDay) post(_ context.Context, t pay.Tenant, header http.Header, raw []byte) error {
	e, err := d.Driver.VerifyCallback(t, header, raw)
	if err == nil {
		d.keep(e)
	}
	return err
}

func (d *badDay) keep(e processor.Evidence) {
	e.EventID = fmt.Sprint("letter-", len(d.letters))
	d.letters = append(slices.Clip(d.letters), e)
}

// VerifyCallback believes what was kept.
func (d *badDay) VerifyCallback(_ pay.Tenant, _ http.Header, raw []byte) (e processor.Evidence, err error) {
	err = json.Unmarshal(raw, &e)
	return e, err
}
