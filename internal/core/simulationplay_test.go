package core_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// move is one thing that somebody does. It answers with an error where the
// platform refuses it, or where there is nothing that it could be done to.
type move struct {
	name   string
	weight int
	play   func(s *simulation, on table) error
}

// moves is what anybody may do in a game, and how often it is drawn.
var moves = []move{
	{"make a link", 5, (*simulation).makeLink},
	{"edit the amount", 2, (*simulation).editAmount},
	{"edit the end", 1, (*simulation).editEnd},
	{"pause", 1, (*simulation).pause},
	{"resume", 1, (*simulation).resume},
	{"cancel", 1, (*simulation).cancel},
	{"pay by card", 18, (*simulation).payByCard},
	{"pay by bank", 5, (*simulation).payByBank},
	{"try again", 2, (*simulation).tryAgain},
	{"answer the bank", 6, (*simulation).answerBank},
	{"abandon", 1, (*simulation).abandon},
	{"capture", 14, (*simulation).capture},
	{"void", 3, (*simulation).void},
	{"refund", 8, (*simulation).refund},
	{"dispute", 4, (*simulation).dispute},
	{"decide a dispute", 4, (*simulation).decideDispute},
	{"decide reviews", 2, (*simulation).decideReviews},
	{"settle", 5, (*simulation).settle},
	{"take a settlement back", 1, (*simulation).takeBack},
	{"release a split", 3, (*simulation).releaseSplit},
	{"cancel a split", 1, (*simulation).cancelSplit},
	{"hold a split again", 2, (*simulation).holdSplit},
	{"transfer a split", 3, (*simulation).transferSplit},
	{"pay out", 3, (*simulation).payOut},
	{"let time pass", 10, (*simulation).letPass},
}

// table is what a move is about: one link, as it is now, and one of its
// payments; a zero one where there is none.
type table struct {
	core.LinkView
	payment pay.Payment
}

// draw chooses a move by its weight.
func (s *simulation) draw() move {
	all := 0
	for _, m := range moves {
		all += m.weight
	}
	n := s.dice.IntN(all)
	for _, m := range moves {
		if n -= m.weight; n < 0 {
			return m
		}
	}
	panic("the weights add up to more than they do")
}

// look chooses what the next move is about.
func (s *simulation) look() table {
	s.t.Helper()
	on := table{LinkView: view(s.t, s.World, one(s, s.links))}
	if len(on.Payments) > 0 {
		on.payment = one(s, on.Payments)
	}
	return on
}

// one is one of a list, whichever comes.
func one[T any](s *simulation, list []T) T { return list[s.dice.IntN(len(list))] }

// offers are the links of a game, and what further ones are like.
var offers = []pay.Use{
	{Max: 1},
	{Max: 1, Manual: true},
	{Max: 2, Manual: true},
	{Max: 1, Parts: true},
	{},
	{Manual: true},
}

// open makes a link with an offer's rules; some have splits, some an end.
func (s *simulation) open(offer int) {
	s.t.Helper()
	s.links = append(s.links, s.Link(s.t, func(l *pay.Link) {
		l.Use = offers[offer]
		if s.dice.IntN(2) == 0 {
			l.Splits = []pay.Split{{Account: "a", Percent: 3333, OnHold: s.dice.IntN(2) == 0}, {Account: "b", Amount: 101}}
		}
		if s.dice.IntN(3) == 0 {
			l.ExpiresAt = s.Clock.Now().Add(time.Duration(1+s.dice.IntN(48)) * time.Hour)
		}
	}))
}

func (s *simulation) makeLink(table) error {
	s.open(s.dice.IntN(len(offers)))
	return nil
}

func (s *simulation) editAmount(on table) error {
	_, err := s.EditLink(s.t.Context(), s.Shop, charge(on.Link.ID, int64(500+s.dice.IntN(1000))))
	return err
}

func (s *simulation) editEnd(on table) error {
	end := s.Clock.Now().Add(time.Duration(s.dice.IntN(48)-4) * time.Hour)
	_, err := s.EditLink(s.t.Context(), s.Shop, core.EditLink{Link: on.Link.ID, Change: func(l *pay.Link, _ []pay.Payment) error {
		l.ExpiresAt = end
		return nil
	}})
	return err
}

func (s *simulation) pause(on table) error {
	_, err := s.PauseLink(s.t.Context(), s.Shop, on.Link.ID)
	return err
}

func (s *simulation) resume(on table) error {
	_, err := s.ResumeLink(s.t.Context(), s.Shop, on.Link.ID)
	return err
}

func (s *simulation) cancel(on table) error {
	_, err := s.CancelLink(s.t.Context(), s.Shop, on.Link.ID)
	return err
}

// cards are what payers come with: good ones mostly, one that is declined, and
// those whose hold runs out soon, whose answer gets lost, whose bank asks the
// payer first, and whose payment is disputed.
var cards = []string{goodCard, goodCard, goodCard, declineCard, "4000000000000770", "4000000000000119", "4000000000003220", "4000000000000259"}

func (s *simulation) payByCard(on table) error {
	return s.start(on, core.StartPayment{Method: pay.MethodCard, Fields: map[string]string{"card": one(s, cards)}})
}

func (s *simulation) payByBank(on table) error {
	if s.dice.IntN(2) == 0 {
		return s.start(on, core.StartPayment{Method: pay.MethodBankTransfer})
	}
	return s.start(on, core.StartPayment{Method: pay.MethodBankRedirect, Fields: map[string]string{"bank": "test_bank_a"}})
}

func (s *simulation) tryAgain(on table) error {
	return s.start(on, core.StartPayment{Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, Retry: on.payment.ID})
}

// start begins a payment for somebody who was not there before.
func (s *simulation) start(on table, cmd core.StartPayment) error {
	cmd.Token, cmd.From = on.Link.Token, fmt.Sprint("payer ", s.dice.Int())
	if on.Link.Use.Parts {
		cmd.Amount = int64(1 + s.dice.IntN(400))
	}
	_, err := s.StartPayment(s.t.Context(), cmd)
	return err
}

// answerBank says yes or no on the bank's page.
func (s *simulation) answerBank(on table) error {
	a := on.payment.Last()
	if a == nil || a.Action == nil || a.Action.RedirectURL == "" {
		return pay.ErrNotFound
	}
	form := url.Values{"do": {one(s, []string{"yes", "yes", "no"})}}
	r := httptest.NewRequest(http.MethodPost, a.Action.RedirectURL, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	s.Sandbox.Handler().ServeHTTP(answer, r)
	if answer.Code >= http.StatusBadRequest {
		return fmt.Errorf("the bank's page answers %d", answer.Code)
	}
	return nil
}

func (s *simulation) abandon(on table) error {
	_, err := s.AbandonPayment(s.t.Context(), on.Link.Token, on.payment.ID, "")
	return err
}

func (s *simulation) capture(on table) error {
	_, err := s.Capture(s.t.Context(), s.Shop, core.CapturePayment{Payment: on.payment.ID, Amount: int64(s.dice.IntN(500)), Keep: s.dice.IntN(3) > 0})
	return err
}

func (s *simulation) void(on table) error {
	_, err := s.Void(s.t.Context(), s.Shop, core.VoidPayment{Payment: on.payment.ID})
	return err
}

func (s *simulation) refund(on table) error {
	_, _, err := s.Refund(s.t.Context(), s.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: on.payment.ID, Amount: int64(s.dice.IntN(300))}})
	return err
}

func (s *simulation) dispute(on table) error {
	_, err := s.SimulateDispute(s.t.Context(), s.Shop, core.SimulateDispute{Payment: on.payment.ID, Amount: int64(s.dice.IntN(200))})
	return err
}

// verdicts are how a bank decides a dispute.
var verdicts = []pay.DisputeState{pay.DisputeWon, pay.DisputeLost, pay.DisputeAccepted}

func (s *simulation) decideDispute(on table) error {
	if len(on.payment.Disputes) == 0 {
		return pay.ErrNotFound
	}
	_, err := s.SimulateDecision(s.t.Context(), s.Shop, one(s, on.payment.Disputes).ID, one(s, verdicts))
	return err
}

// decideReviews is a person who looks every review up at the processor.
func (s *simulation) decideReviews(table) error {
	list, _, err := s.Reviews(s.t.Context(), s.Shop, "", 100)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return err
	}
	for _, a := range list {
		if err := s.decide(a.Attempt); err != nil {
			return fmt.Errorf("deciding attempt %s: %w", a.ID, err)
		}
	}
	return nil
}

// decide ends a review by the processor's journal. What could still be taken
// there is called off first, for a decision is the end of the matter.
func (s *simulation) decide(a pay.Attempt) error {
	ctx := s.t.Context()
	p, err := s.journal(a)
	if err != nil {
		return err
	}
	if p.State == processor.SandboxWaiting || p.State == processor.SandboxAuthorized {
		_, err := s.Sandbox.Void(ctx, processor.Order{
			Tenant: s.Shop.Tenant, Key: pay.OperationID("person:" + pay.NewToken()), Kind: pay.OpVoid, ProcessorRef: p.Ref, Amount: pay.Money{Minor: p.Amount, Currency: p.Currency},
		})
		if err != nil {
			return err
		}
		if p, err = s.journal(a); err != nil {
			return err
		}
	}
	d := pay.Decision{Attempt: a.ID, Outcome: pay.AttemptFailed, Reason: "the journal has it as " + string(p.State)}
	switch p.State {
	case processor.SandboxCaptured:
		d.Outcome, d.Amount, d.ProcessorRef = pay.AttemptCaptured, p.Captured, p.Ref
	case processor.SandboxVoided, processor.SandboxCanceled:
		d.Outcome = pay.AttemptVoided
	}
	_, err = s.DecideReview(ctx, s.Shop, core.DecideReview{Decision: d})
	return err
}

// journal is what the processor has of an attempt. Where no answer ever told
// its name, it is asked for by the operation that began it, which comes to
// nothing from then on if it never arrived.
func (s *simulation) journal(a pay.Attempt) (processor.SandboxPayment, error) {
	ctx := s.t.Context()
	if a.ProcessorRef == "" {
		ops, err := s.Store.OperationsOf(ctx, s.Shop.Tenant, a.ID)
		if err != nil || len(ops) == 0 {
			return processor.SandboxPayment{}, err
		}
		out, err := s.Sandbox.Query(ctx, processor.Order{Tenant: s.Shop.Tenant, Key: ops[0].ID, Kind: ops[0].Kind, Method: a.Method, Amount: ops[0].Amount})
		if err != nil {
			return processor.SandboxPayment{}, err
		}
		a.ProcessorRef = out.ProcessorRef
	}
	p, _, err := store.Sandbox{Store: s.Store}.Payment(ctx, s.Shop.Tenant, a.ProcessorRef)
	return p, err
}

// settle takes in what the processor has settled. Only what it took back
// before may be told otherwise.
func (s *simulation) settle(table) error {
	rows, err := s.FetchSettlements(s.t.Context(), s.Shop)
	for _, row := range rows {
		if _, back := s.taken[row.Movement]; row.Result == core.RowMismatch && !back {
			s.t.Errorf("a settlement does not agree: %+v", row)
		}
	}
	return err
}

// takeBack is the processor taking a settled capture back.
func (s *simulation) takeBack(on table) error {
	lines, _, err := s.Settlements(s.t.Context(), s.Shop, core.SettlementFilter{Link: on.Link.ID, State: pay.LineSettled})
	if err != nil {
		return err
	}
	for _, line := range lines {
		attempt, first := strings.CutPrefix(line.Movement, "capture:")
		if !first || strings.Contains(attempt, ":") {
			continue
		}
		report := fmt.Sprintf("type,processor,reference,amount,currency\nreversal,sandbox,%s,%d.%02d,USD\n", attempt, line.Amount.Minor/100, line.Amount.Minor%100)
		rows, err := s.ImportSettlements(s.t.Context(), s.Shop, strings.NewReader(report))
		if err == nil && (len(rows) != 1 || rows[0].Result != core.RowSettled) {
			s.t.Errorf("the reversal of %+v: %+v", line, rows)
		}
		s.taken[line.Movement] = line.Amount.Minor
		return err
	}
	return pay.ErrNotFound
}

// split asks for something to be done with one of a link's splits.
func (s *simulation) split(on table) (core.MoveSplit, error) {
	if len(on.Link.Splits) == 0 {
		return core.MoveSplit{}, pay.ErrNotFound
	}
	return core.MoveSplit{Link: on.Link.ID, Index: s.dice.IntN(len(on.Link.Splits)), Amount: int64(s.dice.IntN(50))}, nil
}

func (s *simulation) releaseSplit(on table) error {
	cmd, err := s.split(on)
	if err == nil {
		_, err = s.MoveSplit(s.t.Context(), s.Shop, cmd)
	}
	return err
}

func (s *simulation) cancelSplit(on table) error {
	cmd, err := s.split(on)
	if cmd.Cancel = true; err == nil {
		_, err = s.MoveSplit(s.t.Context(), s.Shop, cmd)
	}
	return err
}

func (s *simulation) holdSplit(on table) error {
	cmd, err := s.split(on)
	if err == nil {
		_, err = s.HoldSplit(s.t.Context(), s.Shop, cmd)
	}
	return err
}

func (s *simulation) transferSplit(on table) error {
	cmd, err := s.split(on)
	if err == nil {
		_, err = s.TransferSplit(s.t.Context(), s.Shop, cmd)
	}
	return err
}

func (s *simulation) payOut(table) error {
	_, err := s.CreatePayout(s.t.Context(), s.Shop, core.CreatePayout{Wish: pay.PayoutWish{Currency: "USD", Amount: int64(s.dice.IntN(100))}})
	return err
}

func (s *simulation) letPass(table) error {
	return s.pass(one(s, []time.Duration{time.Second, time.Minute, 20 * time.Minute, 3 * time.Hour, 30 * time.Hour}))
}
