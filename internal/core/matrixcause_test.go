package core_test

import (
	"context"
	"encoding/json"
	"fmt"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// on changes a link's tab in one transaction, and runs none of its operations.
func (m *matrix) on(s *scene, do func(tx *store.Tx, tab *store.Held) error) {
	m.t.Helper()
	ctx := context.Background()
	m.must("a step", m.Store.InTx(ctx, func(tx *store.Tx) error {
		held, err := tx.HoldTab(ctx, s.Tenant, s.ID)
		if err != nil {
			return err
		}
		held.Actor = "matrix"
		if err := do(tx, held); err != nil {
			return err
		}
		return tx.Save(ctx, held)
	}))
}

// begin starts an attempt and tells it what comes, in order.
func (m *matrix) begin(s *scene, comes ...pay.AttemptState) {
	m.t.Helper()
	m.on(s, func(_ *store.Tx, tab *store.Held) error {
		p, a, err := tab.Begin(pay.Begin{Method: pay.MethodCard, Processor: "odd", GraceS: 1800})
		if err != nil {
			return err
		}
		s.payment, s.attempt = p.ID, a.ID
		id := a.ID
		for _, to := range comes {
			if err := tab.Settle(id, report(to, id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// report is a processor's word that an attempt of 10.50 USD came to a state;
// of review a word that cannot be true.
func report(to pay.AttemptState, id pay.AttemptID) pay.Report {
	r := pay.Report{State: to, ProcessorRef: "ref_" + string(id), Currency: "USD"}
	switch to {
	case pay.AttemptRequiresAction:
		r.Action = &pay.Action{RedirectURL: "https://bank.example/"}
	case pay.AttemptAuthorized:
		r.Authorized = 1050
	case pay.AttemptCaptured:
		r.Authorized, r.Captured = 1050, 1050
	case pay.AttemptReview:
		r.State, r.Currency = pay.AttemptProcessing, "EUR"
	}
	return r
}

// word is a processor's word about an operation of a kind, by a callback or by an
// answer to our call.
type word struct {
	marks    string
	kind     pay.OperationKind
	part     bool // OpCapture: of less than all, and more is to come
	result   processor.Result
	to       string       // the state that it asks for
	currency pay.Currency // USD where it is empty
	answer   bool
}

// order stores an operation of the subject for the processor to speak of.
func (m *matrix) order(s *scene, w word) {
	m.t.Helper()
	m.on(s, func(tx *store.Tx, tab *store.Held) error {
		s.op = pay.Operation{
			ID: pay.OperationID(pay.NewID("op", tx.Now())), Link: s.ID, Payment: s.payment, Attempt: s.attempt, Kind: w.kind, State: pay.OpPrepared,
			Processor: "odd", Amount: pay.Money{Minor: 1050, Currency: "USD"}, Final: !w.part, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if w.part {
			s.op.Amount.Minor = 500
		}
		if w.kind == pay.OpRefund {
			s.op.Refund = s.refund
		}
		tab.Operations = []pay.Operation{s.op}
		return nil
	})
}

func (w word) outcome(s *scene) processor.Outcome {
	out := processor.Outcome{Result: w.result, ProcessorRef: "ref_" + string(s.attempt), Currency: "USD"}
	if w.currency != "" {
		out.Currency = w.currency
	}
	switch w.result {
	case processor.NeedsAction:
		out.Action = &pay.Action{RedirectURL: "https://bank.example/"}
	case processor.Failed:
		out.Failure = &pay.Failure{Code: pay.FailDeclined}
	case processor.Succeeded:
		out.Authorized = 1050
		if w.kind == pay.OpSale || w.kind == pay.OpCapture {
			out.Captured = s.op.Amount.Minor
		}
	}
	return out
}

func (w word) tell(m *matrix, s *scene) error {
	ctx := context.Background()
	if w.answer {
		m.says(w.outcome(s))
		return m.RunOperation(ctx, store.OperationJob{Tenant: s.Tenant, Operation: s.op, Fence: 1})
	}
	raw, err := json.Marshal(processor.Evidence{EventID: fmt.Sprint(s.op.ID, w.result), Key: s.op.ID, Outcome: w.outcome(s)})
	m.must("evidence", err)
	return m.Callback(ctx, "odd", s.Tenant, nil, raw)
}

// says has the processor answer its next call so; others get no answer.
func (m *matrix) says(out processor.Outcome) {
	none, asked := m.answer, false
	m.answer = func(o processor.Order) (processor.Outcome, error) {
		if asked {
			return none(o)
		}
		asked = true
		return out, nil
	}
}

func says[S ~string](marks string, kind pay.OperationKind, r processor.Result, to S) word {
	return word{marks: marks, kind: kind, result: r, to: string(to)}
}

func (w word) ofPart() word           { w.part = true; return w }
func (w word) in(c pay.Currency) word { w.currency = c; return w }

// name is the word for a person.
func (w word) name() string {
	name := fmt.Sprintf("%s told %s", w.kind, []string{"unknown", "succeeded", "failed", "expired", "needs action", "pending"}[w.result])
	if w.part {
		name = "part of a " + name
	}
	if w.answer {
		return name + " by an answer" + string(w.currency)
	}
	return name + " by a callback" + string(w.currency)
}

// spoken are the causes that words are: by a callback and by an answer.
func spoken(list []word) (causes []cause) {
	for _, w := range list {
		for _, w.answer = range []bool{false, true} {
			told := w
			causes = append(causes, cause{marks: w.marks, name: w.name(), word: &told})
		}
	}
	return causes
}
