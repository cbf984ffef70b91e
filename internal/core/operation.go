package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// queryAfter is when an operation that is not final is asked about again, by
// tries; then hourly until queryFor is over (P3).
var queryAfter = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

const queryFor = 72 * time.Hour

// refundAfter is when a refund without an answer is asked about again once
// queryFor is over: nobody else could tell what became of it. Everything else is
// then a person's to decide.
const refundAfter = 24 * time.Hour

// runNow calls the processor for operations just committed, in order. What
// goes wrong is left to the job, which asks by the operation's id.
func (c *Core) runNow(ctx context.Context, t pay.Tenant, ops []pay.Operation) {
	for _, o := range ops {
		if !o.DueAt.IsZero() {
			continue // its time will come
		}
		// The payer may go away: the call and its outcome do not.
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
		if err := c.RunOperation(call, store.OperationJob{Tenant: t, Operation: o, Fence: 1}); err != nil {
			c.log.Error("running an operation", "operation", o.ID, "link", o.Link, "err", err)
		}
		cancel()
	}
}

// runSoon leaves operations to the workers.
func (c *Core) runSoon(ops []pay.Operation) {
	if len(ops) > 0 {
		signal(c.wakeOps)
	}
}

// OperationsWake tells that operations may be due.
func (c *Core) OperationsWake() <-chan struct{} { return c.wakeOps }

// ClaimOperations leases operations that are due.
func (c *Core) ClaimOperations(ctx context.Context, n int) ([]store.OperationJob, error) {
	return c.store.ClaimOperations(ctx, n)
}

// RenewOperation keeps a claim; ReleaseOperation hands it back.
func (c *Core) RenewOperation(ctx context.Context, j store.OperationJob) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.RenewOperation(ctx, j) })
}

// ReleaseOperation hands back what was claimed and not run.
func (c *Core) ReleaseOperation(ctx context.Context, j store.OperationJob) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.ReleaseOperation(ctx, j) })
}

// RunOperation does one operation, or asks what became of it when it may have
// been sent before, and writes down the answer. No transaction is open while
// the processor is called (P1).
func (c *Core) RunOperation(ctx context.Context, j store.OperationJob) error {
	d, l, p, err := c.subject(ctx, j)
	if err != nil {
		return err
	}
	if j.Kind == pay.OpQuery {
		return c.askHold(ctx, d, j, l, p)
	}
	if j.Kind == pay.OpVoid {
		waits, err := c.capturing(ctx, j)
		if err != nil {
			return err
		}
		if waits {
			return c.record(context.WithoutCancel(ctx), j, processor.Outcome{Result: processor.Pending}, true)
		}
	}
	order := c.order(l, p, j.Operation)
	// A payment whose first call died with its worker is asked about, for its
	// payer has gone, and asking may end it. What the merchant or a rule wants is
	// sent all the same: by its id it happens once. So is, after asking, what the
	// processor never saw (P2): a call that came to nothing is not one that failed.
	begins := j.Kind == pay.OpSale || j.Kind == pay.OpAuthorize
	asked := j.State != pay.OpPrepared || j.Tries > 0 || j.Fence != 1 && begins
	out, err := processor.Outcome{}, error(nil)
	call, cancel := context.WithTimeout(ctx, startTimeout) // one that never answers must not keep a worker for ever
	defer cancel()
	if asked {
		out, err = d.Query(call, order)
		asked = err != nil || out.Result != processor.Unseen
	}
	if !asked {
		out, err = send(call, d, order)
	}
	if err != nil {
		c.log.Warn("the processor gave no answer", "processor", d.Name(), "operation", j.ID, "link", j.Link, "err", err)
		out = processor.Outcome{Result: processor.Unknown}
	}
	return c.record(context.WithoutCancel(ctx), j, out, asked)
}

// subject is what an operation is about: its processor, link and payment.
func (c *Core) subject(ctx context.Context, j store.OperationJob) (d processor.Driver, l pay.Link, p pay.Payment, err error) {
	if d, err = c.driver(j.Processor); err != nil {
		return d, l, p, err
	}
	if l, err = c.store.Link(ctx, j.Tenant, j.Link); err != nil {
		return d, l, p, err
	}
	p, err = c.store.Payment(ctx, j.Tenant, j.Payment)
	return d, l, p, err
}

// askHold asks what became of an authorization whose time is over, unless it
// ended before.
func (c *Core) askHold(ctx context.Context, d processor.Driver, j store.OperationJob, l pay.Link, p pay.Payment) error {
	if a := p.Attempt(j.Attempt); a == nil || a.State != pay.AttemptAuthorized {
		return c.store.InTx(ctx, func(tx *store.Tx) error {
			return tx.FinishOperation(ctx, j.Tenant, j.ID, pay.OpSucceeded, time.Time{}, j.Fence)
		})
	}
	order := c.order(l, p, j.Operation)
	order.Key, order.Kind = j.About, pay.OpAuthorize
	call, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	out, err := d.Query(call, order)
	switch {
	case err != nil:
		c.log.Warn("the processor gave no answer", "processor", d.Name(), "operation", j.ID, "link", j.Link, "err", err)
		out = processor.Outcome{}
	case out.Result == processor.Succeeded:
		out.Result = processor.Pending // it is held still
	case out.Result == processor.Expired: // asked for after the answer: what was sent before it is seen
		waits, err := c.capturing(ctx, j)
		if err != nil {
			return err
		}
		if waits {
			out.Result = processor.Pending
		}
	}
	return c.record(context.WithoutCancel(ctx), j, out, true)
}

// capturing reports that a capture of the operation's attempt has no answer
// yet. Until it has, nobody knows what is left to be released, or has run out.
func (c *Core) capturing(ctx context.Context, j store.OperationJob) (bool, error) {
	ops, err := c.store.OperationsOf(ctx, j.Tenant, j.Attempt)
	return slices.ContainsFunc(ops, func(o pay.Operation) bool { return o.Kind == pay.OpCapture && !o.State.Final() }), err
}

func send(ctx context.Context, d processor.Driver, o processor.Order) (processor.Outcome, error) {
	switch o.Kind {
	case pay.OpCapture:
		return d.Capture(ctx, o)
	case pay.OpVoid:
		return d.Void(ctx, o)
	case pay.OpRefund:
		return d.Refund(ctx, o)
	}
	return d.Start(ctx, o)
}

func (c *Core) order(l pay.Link, p pay.Payment, o pay.Operation) processor.Order {
	order := processor.Order{
		Tenant: l.Tenant, Key: o.ID, Kind: o.Kind, Link: l.ID, Attempt: o.Attempt, Amount: o.Amount, Final: o.Final,
		Fields: o.Fields, ReturnURL: c.PayURL(l), Description: l.Description, Method: p.Method,
	}
	if a := p.Attempt(o.Attempt); a != nil {
		order.ProcessorRef, order.Method = a.ProcessorRef, a.Method
	}
	return order
}

// errVoided says that a word of a hold may be older than the hold's release.
var errVoided = errors.New("the processor released what it says is held")

// record writes down what became of an operation: attempt or refund, payment,
// link, ledger and events, with the operation's own state, in one transaction.
// asked tells that the outcome answers our question and is no older than that.
func (c *Core) record(ctx context.Context, j store.OperationJob, out processor.Outcome, asked bool) error {
	held, err := c.change(ctx, j.Tenant, j.Link, pay.ActorProcessor, "", func(tx *store.Tx, tab *store.Held) error {
		before := holds(tab, j.Attempt)
		err := c.write(ctx, tx, tab, j, out)
		if err == nil && j.Kind == pay.OpAuthorize && !asked && !before && holds(tab, j.Attempt) {
			err = released(ctx, tx, j)
		}
		return err
	}, j.Payment)
	switch {
	case errors.Is(err, errVoided):
		return c.askAgain(ctx, j)
	case errors.Is(err, pay.ErrBound):
		return c.misbound(ctx, j)
	case err != nil:
		return err
	}
	c.runNow(ctx, j.Tenant, held.Operations)
	return nil
}

func holds(tab *store.Held, id pay.AttemptID) bool {
	_, a := tab.Attempt(id)
	return a != nil && a.State == pay.AttemptAuthorized
}

// released is errVoided when a void of the operation's attempt was confirmed.
func released(ctx context.Context, tx *store.Tx, j store.OperationJob) error {
	ops, err := tx.OperationsOf(ctx, j.Tenant, j.Attempt)
	if err == nil && slices.ContainsFunc(ops, func(o pay.Operation) bool { return o.Kind == pay.OpVoid && o.State == pay.OpSucceeded }) {
		err = errVoided
	}
	return err
}

// askAgain has the processor say whether it holds what it was told to release:
// the word that it does may have been on its way since before.
// Errors: no answer; it is to be tried again.
func (c *Core) askAgain(ctx context.Context, j store.OperationJob) error {
	d, l, p, err := c.subject(ctx, j)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	out, err := d.Query(call, c.order(l, p, j.Operation))
	if err == nil && (out.Result == processor.Unknown || out.Result == processor.Unseen) {
		err = errors.New("the processor does not know")
	}
	if err != nil {
		return fmt.Errorf("asking whether operation %s holds money after its release: %w", j.ID, err)
	}
	return c.record(ctx, j, out, true)
}

// write brings an outcome to the tab, with the operation's own state.
func (c *Core) write(ctx context.Context, tx *store.Tx, tab *store.Held, j store.OperationJob, out processor.Outcome) error {
	state, again := c.next(j, out, tx.Now())
	err := tx.FinishOperation(ctx, j.Tenant, j.ID, state, again, j.Fence)
	if errors.Is(err, pay.ErrLinkChanged) {
		// Another worker has it, or it is final already. Evidence may still be
		// news to the attempt, and money that moved is never left out.
		stored, err := tx.Operation(ctx, j.Tenant, j.ID)
		if err != nil || toldBefore(tab, stored, out) {
			return err
		}
		if j.Fence == 0 || state == pay.OpSucceeded {
			return c.apply(tab, j.Operation, out, state)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.apply(tab, j.Operation, out, state); err != nil {
		return err
	}
	if state == pay.OpUnknown && again.IsZero() {
		return tab.Unresolved(j.Attempt, j.Kind)
	}
	return nil
}

// toldBefore reports that an outcome says of a hold, or of its release, no more
// than is known: an attempt that has moved on since does not come back for it.
func toldBefore(tab *store.Held, j store.OperationJob, out processor.Outcome) bool {
	_, a := tab.Attempt(j.Attempt)
	return a != nil && (j.Kind == pay.OpAuthorize || j.Kind == pay.OpVoid) && j.State == pay.OpSucceeded && out.Result == processor.Succeeded &&
		(out.Currency == "" || out.Currency == a.Currency) && out.Authorized <= a.Authorized && out.Captured <= a.Captured
}

// misbound leaves an attempt to a person whose processor named a payment that
// belongs to another attempt (P5, 5.7). Nothing more is asked about it.
func (c *Core) misbound(ctx context.Context, j store.OperationJob) error {
	_, err := c.change(ctx, j.Tenant, j.Link, pay.ActorProcessor, "", func(tx *store.Tx, tab *store.Held) error {
		err := tx.FinishOperation(ctx, j.Tenant, j.ID, pay.OpUnknown, time.Time{}, j.Fence)
		if err != nil && !errors.Is(err, pay.ErrLinkChanged) {
			return err
		}
		return tab.Review(j.Attempt)
	}, j.Payment)
	return err
}

// next is the operation's state after an outcome and when to ask again.
func (c *Core) next(j store.OperationJob, out processor.Outcome, now time.Time) (pay.OperationState, time.Time) {
	if j.Kind == pay.OpRefund && out.Result == processor.Expired {
		out.Result = processor.Unknown // only a hold expires: it says nothing of the money
	}
	switch out.Result {
	case processor.Succeeded, processor.Expired:
		return pay.OpSucceeded, time.Time{}
	case processor.Failed:
		return pay.OpFailed, time.Time{}
	}
	state := pay.OpUnknown
	if out.Result != processor.Unknown {
		state = pay.OpSent
	}
	wait := time.Hour
	if int(j.Tries) < len(queryAfter) {
		wait = queryAfter[j.Tries]
	}
	begun := j.CreatedAt
	if j.DueAt.After(begun) {
		begun = j.DueAt
	}
	held := j.Kind == pay.OpQuery && out.Result == processor.Pending // longer than was said: nothing is unknown
	if now.Sub(begun) > queryFor && !held {
		c.metrics.Alarm("operation_unresolved")
		if j.Kind == pay.OpRefund {
			return pay.OpUnknown, now.Add(refundAfter)
		}
		return pay.OpUnknown, time.Time{}
	}
	return state, now.Add(wait)
}

// apply brings the outcome of an operation to the tab. Illegal moves that an
// outcome asks for write nothing.
func (c *Core) apply(tab *store.Held, o pay.Operation, out processor.Outcome, state pay.OperationState) error {
	if o.Kind == pay.OpRefund {
		to := map[pay.OperationState]pay.RefundState{
			pay.OpSucceeded: pay.RefundSucceeded, pay.OpFailed: pay.RefundFailed, pay.OpUnknown: pay.RefundUnknown, pay.OpSent: pay.RefundSent,
		}[state]
		return c.legal(tab, o, tab.Refunded(o.Refund, to))
	}
	r := pay.Report{
		Operation: o.ID, ProcessorRef: out.ProcessorRef, Authorized: out.Authorized, Captured: out.Captured, Partial: out.Partial, HoldUntil: out.HoldUntil,
		Currency: out.Currency, Action: out.Action, Failure: out.Failure, Instrument: out.Instrument, CaptureRef: o.Fields[captureRef],
	}
	_, a := tab.Attempt(o.Attempt)
	if a == nil {
		return pay.ErrNotFound
	}
	switch out.Result {
	case processor.NeedsAction:
		r.State = pay.AttemptRequiresAction
	case processor.Pending:
		r.State = pay.AttemptProcessing
	case processor.Unknown:
		r.State = pay.AttemptUnknown
	case processor.Expired:
		r.State = pay.AttemptAuthExpired
	case processor.Failed:
		r.State = pay.AttemptFailed
	case processor.Succeeded:
		r.State = map[pay.OperationKind]pay.AttemptState{
			pay.OpAuthorize: pay.AttemptAuthorized, pay.OpSale: pay.AttemptCaptured, pay.OpCapture: pay.AttemptCaptured, pay.OpVoid: pay.AttemptVoided,
		}[o.Kind]
	}
	switch o.Kind {
	case pay.OpAuthorize:
		r.Captured = 0 // told by the captures
	case pay.OpQuery:
		if out.Result != processor.Expired {
			return nil
		}
	case pay.OpCapture:
		if r.Taken = o.Amount.Minor; !o.Final {
			r.State = pay.AttemptAuthorized
		}
		if r.Captured == 0 {
			r.Captured = a.Captured + r.Taken // the processor tells no totals
		}
	}
	if o.Kind == pay.OpVoid || o.Kind == pay.OpCapture {
		if out.Result == processor.Failed && o.Kind == pay.OpVoid && a.State == pay.AttemptAuthorized {
			c.metrics.Alarm("hold_stuck") // it was to be released, and is not
		}
		if out.Result != processor.Succeeded {
			return nil // the attempt is still what it was
		}
		if o.Kind == pay.OpVoid && (a.State == pay.AttemptUnknown || a.State == pay.AttemptProcessing) {
			return nil // the question about it tells what there was to be called off
		}
		if o.Kind == pay.OpVoid && a.State != pay.AttemptAuthorized && a.State != pay.AttemptCaptured { // captured: the rest ran out before
			r.State = pay.AttemptCanceled
		}
	}
	return c.legal(tab, o, tab.Settle(a.ID, r))
}

// legal forgets what was begun on the tab when err says that the move cannot
// be, and tells of it (INVARIANTS 4).
func (c *Core) legal(tab *store.Held, o pay.Operation, err error) error {
	if pay.KindOf(err) != pay.Conflict {
		return err
	}
	c.metrics.Alarm("illegal_transition")
	c.log.Warn("an outcome asks for a move that cannot be", "operation", o.ID, "attempt", o.Attempt, "refund", o.Refund, "err", err)
	tab.Events, tab.Entries, tab.Lines, tab.Operations = nil, nil, nil, nil
	return nil
}
