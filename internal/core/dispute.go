package core

import (
	"context"
	"errors"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// disputeEarly is how long evidence of a dispute may be there before what it is
// about. Then a person should know of it.
const disputeEarly = time.Minute

// useDispute lets stored evidence of a dispute have its effect. What contradicts
// the books changes nothing in them and becomes a difference that a person closes.
func (c *Core) useDispute(ctx context.Context, t pay.Tenant, name string, ev processor.Evidence) error {
	link, err := c.disputed(ctx, t, name, ev)
	var e *pay.Error
	switch errors.As(err, &e); {
	case err == nil:
		return nil
	case e == nil || e.Kind != pay.Conflict && e.Kind != pay.NotFound:
		return err
	}
	d := pay.Discrepancy{
		Tenant: t, Processor: name, Reference: ev.Dispute.ProcessorRef, What: pay.DiffDispute, Link: link, Ours: e.Detail, Theirs: saidOf(ev.Dispute),
	}
	early := e.Kind == pay.NotFound || e.Code == pay.DisputeEarly
	if e.Kind == pay.NotFound {
		d.Ours = "no attempt has the processor's payment " + ev.Dispute.PaymentRef
	}
	tell := !early
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if !early {
			return tx.CallbackDone(ctx, t, name, ev.EventID)
		}
		age, err := waitLonger(ctx, tx, t, name, ev.EventID)
		tell = age >= disputeEarly
		return err
	})
	if err == nil && tell {
		err = c.differ(ctx, d, "dispute_mismatch")
	}
	return err
}

// saidOf is a report for a person's eyes.
func saidOf(d *processor.Dispute) string {
	return "a dispute about " + d.Amount.String() + " of payment " + d.PaymentRef + " is " + string(d.State)
}

// disputed writes down a dispute, with the end of its evidence in one transaction.
// Errors: those of Tab.Disputed, pay.ErrNotFound when no attempt has the
// payment, pay.ErrBound when the dispute is about another attempt.
func (c *Core) disputed(ctx context.Context, t pay.Tenant, name string, ev processor.Evidence) (pay.LinkID, error) {
	id, err := c.store.AttemptByRef(ctx, t, name, ev.Dispute.PaymentRef)
	if err != nil {
		return "", err
	}
	a, err := c.store.Attempt(ctx, t, id)
	if err != nil {
		return "", err
	}
	held, err := c.change(ctx, t, a.Link, pay.ActorProcessor, "", func(tx *store.Tx, tab *store.Held) error {
		if err := tab.Disputed(id, ev.Dispute.DisputeReport); err != nil {
			return err
		}
		return tx.CallbackDone(ctx, t, name, ev.EventID)
	}, a.Payment)
	if err != nil {
		return a.Link, err
	}
	c.runNow(ctx, t, held.Operations)
	said := saidOf(ev.Dispute)
	return a.Link, c.settled(ctx, t, store.DifferenceFilter{Processor: name, What: []string{pay.DiffDispute}}, func(d pay.Discrepancy) bool {
		return d.Reference == ev.Dispute.ProcessorRef && d.Theirs == said
	})
}

// DisputeView is a dispute with the link it belongs to.
type DisputeView = store.LinkDispute

// DisputeFilter chooses disputes; zero members do not filter.
type DisputeFilter struct {
	Link  pay.LinkID
	State pay.DisputeState
	After string
	Limit int
}

// Disputes lists the tenant's disputes, newest first.
// Errors: Invalid (cursor).
func (c *Core) Disputes(ctx context.Context, who pay.Caller, f DisputeFilter) (list []DisputeView, next string, err error) {
	us, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Disputes(ctx, who.Tenant, store.DisputeFilter{Link: f.Link, State: f.State, BeforeTime: us, BeforeID: ids[0], Limit: size + 1})
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].CreatedAt, string(list[size-1].ID))
	}
	return list, next, err
}

// Dispute reads a dispute of the tenant. Errors: pay.ErrNotFound.
func (c *Core) Dispute(ctx context.Context, who pay.Caller, id pay.DisputeID) (DisputeView, error) {
	return c.store.Dispute(ctx, who.Tenant, id)
}

// SimulateDispute is a dispute that a test wants.
type SimulateDispute struct {
	Key     string // the same again makes no other; may be empty
	Payment pay.PaymentID
	Amount  int64  // minor units; 0: all that the payer does not have back
	Reason  string // of pay.DisputeReasons; empty: fraudulent
}

// SimulateDispute has the payer's bank take money of a payment back, in test mode.
// Errors: Forbidden in live mode, pay.ErrNotFound, invalid_state, pay.ErrKeyReused.
func (c *Core) SimulateDispute(ctx context.Context, who pay.Caller, cmd SimulateDispute) (DisputeView, error) {
	if err := testOnly(who); err != nil {
		return DisputeView{}, err
	}
	p, err := c.Payment(ctx, who, cmd.Payment)
	if err != nil {
		return DisputeView{}, err
	}
	for _, a := range p.Attempts {
		if a.Captured == 0 {
			continue
		}
		d, err := c.disputer(a.Processor)
		if err != nil {
			return DisputeView{}, err
		}
		if cmd.Key == "" {
			cmd.Key = pay.NewToken()
		}
		w := processor.DisputeWish{Key: string(who.Credential) + "\x00" + cmd.Key, PaymentRef: a.ProcessorRef, Amount: cmd.Amount, Reason: cmd.Reason}
		if w.Reason == "" {
			w.Reason = "fraudulent"
		}
		ev, err := d.OpenDispute(ctx, who.Tenant, w)
		return c.simulated(ctx, who, a.Processor, ev, err)
	}
	return DisputeView{}, pay.ErrState("nothing of the payment was captured")
}

// SimulateDecision has the payer's bank decide a dispute, in test mode: won,
// lost or accepted. The same again changes nothing.
// Errors: Forbidden in live mode, pay.ErrNotFound, Invalid (outcome), invalid_state.
func (c *Core) SimulateDecision(ctx context.Context, who pay.Caller, id pay.DisputeID, to pay.DisputeState) (DisputeView, error) {
	if err := testOnly(who); err != nil {
		return DisputeView{}, err
	}
	v, err := c.store.Dispute(ctx, who.Tenant, id)
	if err != nil {
		return v, err
	}
	if to != pay.DisputeWon && !to.Against() {
		var bad pay.Faults
		bad.Add("outcome", "not_allowed", "must be won, lost or accepted")
		return v, bad.Err()
	}
	d, err := c.disputer(v.Processor)
	if err != nil {
		return v, err
	}
	a, err := c.store.Attempt(ctx, who.Tenant, v.Attempt)
	if err != nil {
		return v, err
	}
	ev, err := d.DecideDispute(ctx, who.Tenant, a.ProcessorRef, v.ProcessorRef, to)
	return c.simulated(ctx, who, v.Processor, ev, err)
}

func (c *Core) disputer(name string) (processor.Disputer, error) {
	d, err := c.driver(name)
	if err != nil {
		return nil, err
	}
	if s, plays := d.(processor.Disputer); plays {
		return s, nil
	}
	return nil, pay.ErrState("the processor %s plays no disputes", name)
}

// simulated takes what a processor made of a wish as it would take its callback.
// Errors: the processor's own; Unavailable where it gave no answer.
func (c *Core) simulated(ctx context.Context, who pay.Caller, name string, ev processor.Evidence, err error) (DisputeView, error) {
	if err != nil && pay.KindOf(err) == pay.Internal {
		err = &pay.Error{Kind: pay.Unavailable, Code: "timeout", Detail: "the processor gave no answer; try again", RetryAfter: 1, Err: err}
	}
	if err != nil {
		return DisputeView{}, err
	}
	if err := c.takeEvidence(ctx, who.Tenant, name, ev); err != nil {
		return DisputeView{}, err
	}
	v, err := c.store.DisputeByRef(ctx, who.Tenant, name, ev.Dispute.ProcessorRef)
	if errors.Is(err, pay.ErrNotFound) {
		err = pay.ErrState("the dispute could not be written down yet")
	}
	return v, err
}
