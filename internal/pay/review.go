package pay

import (
	"slices"
	"unicode/utf8"
)

// Decision ends the review of an attempt: what a person found out at the
// processor, and why that is so.
type Decision struct {
	Attempt AttemptID
	Outcome AttemptState // captured, voided or failed
	Amount  int64        // captured: minor units that were taken in all; 0: all that was asked for
	Reason  string       // kept in the event

	// ProcessorRef is what the processor calls the payment. Where its name is not
	// known, captured must tell it: without it nothing could be given back or settled.
	ProcessorRef string
}

// decided are the ends of a review.
var decided = attemptMoves[AttemptReview]

const (
	maxReason       = 500 // characters
	maxProcessorRef = 200 // bytes
)

// Decide ends the review of an attempt. Money that was taken counts, or goes
// back as surplus, as if the processor had reported it now (INVARIANTS 4, 5.7).
// Errors: ErrNotFound, invalid_state unless in review, Invalid (outcome,
// amount, processor_reference, reason), card_data_not_accepted; ErrBound when it
// is saved and the processor's payment belongs to another attempt.
func (t *Tab) Decide(d Decision) error {
	p, a := t.Attempt(d.Attempt)
	if a == nil {
		return ErrNotFound
	}
	if a.State != AttemptReview {
		return ErrState("the attempt is %s: nothing is to be decided", a.State)
	}
	if err := d.check(a); err != nil {
		return err
	}
	if err := t.Clock(); err != nil {
		return err
	}
	r := Report{State: d.Outcome}
	switch d.Outcome {
	case AttemptCaptured:
		if r.Captured = d.Amount; d.Amount == 0 {
			r.Captured = a.Requested
		}
	case AttemptFailed:
		r.Failure = &Failure{Code: FailProcessor}
	}
	if d.Outcome == AttemptVoided && a.Captured > 0 {
		r = Report{State: AttemptCaptured, Captured: a.Captured} // only what is left was released
	}
	if a.ProcessorRef == "" {
		a.ProcessorRef = d.ProcessorRef
	}
	n := news{held: a.Authorized > 0 && p.inTime(a)} // what was held before the review
	n.taken = t.moveAttempt(p, a, r.State, r, true)
	t.Events[len(t.Events)-1].Reason = d.Reason
	if d.Outcome != AttemptFailed {
		return t.derive(p, a, n)
	}
	if p.State == PaymentOpen && !p.Live() { // a person's word is no decline of a payer: nothing is counted (A15)
		t.movePayment(p, PaymentFailed, EventPaymentFailed)
	}
	return nil
}

func (d Decision) check(a *Attempt) error {
	var bad Faults
	if !slices.Contains(decided, d.Outcome) {
		bad.Add("outcome", "not_allowed", "must be captured, voided or failed")
	} else if d.Outcome == AttemptFailed && a.Captured > 0 {
		bad.Add("outcome", "not_allowed", "must be captured or voided: money of it is known to be taken")
	}
	switch {
	case d.Amount != 0 && d.Outcome != AttemptCaptured:
		bad.Add("amount", "not_allowed", "can be given only where the outcome is captured")
	case d.Amount < 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case d.Amount > 0 && d.Amount < a.Captured:
		bad.Add("amount", "too_small", "must be at least what is known to be taken: "+Money{a.Captured, a.Currency}.String())
	case d.Amount > a.Requested:
		bad.Add("amount", "too_large", "must be at most what was asked for: "+Money{a.Requested, a.Currency}.String())
	}
	switch {
	case a.ProcessorRef == "" && d.ProcessorRef == "" && d.Outcome == AttemptCaptured:
		bad.Add("processor_reference", "required", "is required: nothing has told what the processor calls the payment")
	case a.ProcessorRef != "" && d.ProcessorRef != "" && d.ProcessorRef != a.ProcessorRef:
		bad.Add("processor_reference", "not_allowed", "must be left out or "+a.ProcessorRef+": the attempt is bound to it")
	case d.ProcessorRef != "" && d.Outcome == AttemptFailed:
		bad.Add("processor_reference", "not_allowed", "can be given only where the outcome is captured or voided")
	case len(d.ProcessorRef) > maxProcessorRef || !CleanText(d.ProcessorRef, false):
		bad.Add("processor_reference", "invalid_text", "must be at most 200 bytes of plain text")
	}
	switch {
	case d.Reason == "":
		bad.Add("reason", "required", "is required")
	case utf8.RuneCountInString(d.Reason) > maxReason || !CleanText(d.Reason, true):
		bad.Add("reason", "invalid_text", "must be at most 500 characters of plain text")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	if HasCardNumber(d.Reason) {
		return ErrCard("reason")
	}
	if HasCardNumber(d.ProcessorRef) {
		return ErrCard("processor_reference")
	}
	return nil
}
