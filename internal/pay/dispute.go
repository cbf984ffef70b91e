package pay

import (
	"slices"
	"time"
	"unicode/utf8"
)

// DisputeState is where a dispute is.
type DisputeState string

// The states of a dispute.
const (
	DisputeOpen     DisputeState = "open"     // the money is away until it is decided
	DisputeWon      DisputeState = "won"      // the money came back
	DisputeLost     DisputeState = "lost"     // the payer keeps it
	DisputeAccepted DisputeState = "accepted" // the merchant gave in: the payer keeps it
)

// disputeMoves has no way out of an end: a bank that asks once more about the
// same payment opens another dispute, with a reference of its own.
var disputeMoves = map[DisputeState][]DisputeState{
	"":          {DisputeOpen},
	DisputeOpen: {DisputeWon, DisputeLost, DisputeAccepted},
}

var disputeEvents = map[DisputeState]EventKind{
	DisputeOpen: EventDisputeOpened, DisputeWon: EventDisputeWon, DisputeLost: EventDisputeLost, DisputeAccepted: EventDisputeAccepted,
}

// DisputeReasons are why a payer disputes: a closed set that processors
// translate into.
var DisputeReasons = []string{
	"fraudulent", "unrecognized", "duplicate", "not_received", "not_as_described", "not_refunded", "canceled", "other",
}

// maxDisputeText is how much is kept of a processor's own words, in characters.
const maxDisputeText = 500

// Dispute is a payer's bank that takes money of an attempt back: a chargeback.
// The processor alone opens and decides it; we write down what it says.
type Dispute struct {
	ID           DisputeID    `json:"id"`
	Payment      PaymentID    `json:"payment"`
	Attempt      AttemptID    `json:"attempt"`
	State        DisputeState `json:"state"`
	Processor    string       `json:"processor"`
	ProcessorRef string       `json:"processor_ref"` // what the processor calls it; of one attempt for ever
	Amount       int64        `json:"amount"`        // minor units
	Currency     Currency     `json:"currency"`
	Reason       string       `json:"reason"`              // one of DisputeReasons
	Text         string       `json:"text,omitempty"`      // the processor's own words, for staff only
	RespondBy    time.Time    `json:"respond_by,omitzero"` // when the processor stops taking evidence
	Surplus      bool         `json:"surplus,omitempty"`   // of money that did not count when it was opened
	Reversed     int64        `json:"reversed,omitempty"`  // not won: of Amount, what came out of the attempt's shares
	Loss         int64        `json:"loss,omitempty"`      // not won: of Amount, what the payer had back already
	CreatedAt    time.Time    `json:"created_at"`
	UpdatedAt    time.Time    `json:"updated_at"`
}

// Counts reports whether a dispute in state s takes from what may be refunded
// (5.8): the money is away, or may stay away.
func (s DisputeState) Counts() bool { return s == DisputeOpen || s.Against() }

// Against reports whether it ended for the payer.
func (s DisputeState) Against() bool { return s == DisputeLost || s == DisputeAccepted }

// DisputeReport is what a processor says of a dispute.
type DisputeReport struct {
	ProcessorRef string
	State        DisputeState
	Amount       Money
	Reason       string    // of DisputeReasons; any other is "other"
	Text         string    // the processor's own words
	RespondBy    time.Time // zero: not said
}

// Codes of a report that cannot be written down.
const (
	DisputeEarly    = "dispute_early"    // not yet: the attempt may still take the money that it speaks of
	DisputeMismatch = "dispute_mismatch" // never: it contradicts what we know
)

func errDispute(code, detail string) *Error {
	return &Error{Kind: Conflict, Code: code, Detail: detail}
}

// Disputed writes down what a processor says of a dispute about an attempt.
// Reports may come any number of times and in any order: the end of a dispute
// that was never opened here opens it first, and what is known changes nothing.
// What the processor took it took: refunds under way do not stand against it,
// though both may come to more than was captured.
// Errors: ErrNotFound; a Conflict with code dispute_early or dispute_mismatch;
// invalid_state when it had ended otherwise. On all of them nothing is written.
func (t *Tab) Disputed(id AttemptID, r DisputeReport) error {
	p, a := t.Attempt(id)
	if a == nil {
		return ErrNotFound
	}
	if err := t.Clock(); err != nil {
		return err
	}
	i := slices.IndexFunc(p.Disputes, func(d Dispute) bool { return d.ProcessorRef == r.ProcessorRef })
	if err := p.checkDispute(a, i, r); err != nil {
		return err
	}
	if i < 0 {
		p.Disputes = append(p.Disputes, newDispute(a, r, t.Now))
		i = len(p.Disputes) - 1
		t.moveDispute(p, a, &p.Disputes[i], DisputeOpen)
	}
	d := &p.Disputes[i]
	switch {
	case r.State == d.State || r.State == DisputeOpen:
		return nil
	case !follows(disputeMoves, d.State, r.State):
		return ErrState("a dispute that is %s cannot become %s", d.State, r.State)
	}
	t.moveDispute(p, a, d, r.State)
	return nil
}

func newDispute(a *Attempt, r DisputeReport, now time.Time) Dispute {
	d := Dispute{
		ID: DisputeID(NewID("dsp", now)), Payment: a.Payment, Attempt: a.ID, Processor: a.Processor, ProcessorRef: r.ProcessorRef,
		Amount: r.Amount.Minor, Currency: a.Currency, Reason: r.Reason, Text: r.Text, RespondBy: r.RespondBy, Surplus: a.Shares == nil,
		CreatedAt: now, UpdatedAt: now,
	}
	if !slices.Contains(DisputeReasons, d.Reason) {
		d.Reason = "other"
	}
	if utf8.RuneCountInString(d.Text) > maxDisputeText || !CleanText(d.Text, true) || HasCardNumber(d.Text) {
		d.Text = ""
	}
	return d
}

// checkDispute holds a report against our record: the attempt, and the dispute
// at i where it is known.
func (p *Payment) checkDispute(a *Attempt, i int, r DisputeReport) error {
	_, ends := disputeEvents[r.State]
	switch {
	case !ends || r.ProcessorRef == "" || r.Amount.Minor <= 0:
		return errDispute(DisputeMismatch, "the report names no dispute, no state of one or no amount")
	case r.Amount.Currency != a.Currency:
		return errDispute(DisputeMismatch, "the payment is in "+string(a.Currency)+", the report says "+r.Amount.String())
	case i >= 0 && p.Disputes[i].Attempt != a.ID:
		return errDispute(DisputeMismatch, "the dispute is about another attempt")
	case i >= 0 && p.Disputes[i].Amount != r.Amount.Minor:
		return errDispute(DisputeMismatch, "the dispute is about "+Money{p.Disputes[i].Amount, a.Currency}.String()+", the report says "+r.Amount.String())
	case i >= 0 || a.Disputed+r.Amount.Minor <= a.Captured:
		return nil
	case a.State != AttemptCaptured:
		return errDispute(DisputeEarly, "the attempt is "+string(a.State)+" and has captured "+Money{a.Captured, a.Currency}.String())
	}
	return errDispute(DisputeMismatch, "the attempt has "+Money{a.Captured - a.Disputed, a.Currency}.String()+" that can be disputed, the report says "+r.Amount.String())
}

// moveDispute takes a dispute to a state that may follow, with its money.
func (t *Tab) moveDispute(p *Payment, a *Attempt, d *Dispute, to DisputeState) {
	from := d.State
	d.State, d.UpdatedAt, a.UpdatedAt, p.UpdatedAt = to, t.Now, t.Now, t.Now
	switch to {
	case DisputeOpen:
		t.countDispute(a, d, d.Amount)
		t.postDispute(a, d, disputeOf(d.ID), -d.Amount)
	case DisputeWon:
		t.countDispute(a, d, -d.Amount)
		t.postDispute(a, d, disputeBackOf(d.ID), d.Amount)
	default:
		t.postLoss(p, a, d)
	}
	t.event(disputeEvents[to], "dispute", string(d.ID), string(from), string(to), p.ID)
	if to != DisputeOpen {
		t.returnAgain(p, a)
	}
}

// countDispute keeps the sums of what is disputed and was not won.
func (t *Tab) countDispute(a *Attempt, d *Dispute, minor int64) {
	a.Disputed += minor
	if !d.Surplus {
		t.Link.Disputed += minor
	}
}

func disputeOf(id DisputeID) string     { return "dispute:" + string(id) }
func disputeBackOf(id DisputeID) string { return "dispute_reversal:" + string(id) }
func disputeLossOf(id DisputeID) string { return "dispute_loss:" + string(id) }

// postDispute writes down minor units that the processor gives us, or takes
// away, while a dispute is open; they are now expected to be settled.
func (t *Tab) postDispute(a *Attempt, d *Dispute, movement string, minor int64) {
	t.post(movement, d.Currency, accountDisputed, leg{processorAccount(d.Processor), minor})
	t.expect(movement, a, minor)
}

// postLoss writes down that the payer keeps what was disputed: it comes out of
// what the money was shared to, as a refund does, and of surplus that is still
// here. What the payer had back already is the merchant's loss.
func (t *Tab) postLoss(p *Payment, a *Attempt, d *Dispute) {
	legs, reversed := t.takeBack(a, d.Amount)
	d.Reversed = reversed
	d.Loss = max(-p.surplusLeft(a), 0)
	legs = append(legs, leg{accountSurplus, d.Amount - d.Reversed - d.Loss}, leg{accountMerchant, d.Loss})
	t.post(disputeLossOf(d.ID), d.Currency, accountDisputed, legs...)
}

// takeBack takes minor units that the payer has out of what they were shared
// to, as far as they are there.
func (t *Tab) takeBack(a *Attempt, minor int64) (legs []leg, taken int64) {
	for i, share := range a.Shares {
		taken += share
		if i < len(a.Reversed) {
			taken -= a.Reversed[i]
		}
	}
	if taken = min(taken, minor); taken > 0 {
		legs = t.take(a.reverse(taken))
	}
	return legs, taken
}

// surplusLeft is what an attempt took that does not count, less what the payer
// has back of it. Less than zero is more than there was.
func (p *Payment) surplusLeft(a *Attempt) (minor int64) {
	for _, c := range a.Captures {
		if c.Surplus {
			minor += c.Amount
		}
	}
	for _, r := range p.Refunds {
		if r.Attempt == a.ID && r.Surplus && r.State == RefundSucceeded {
			minor -= r.Amount - r.Loss
		}
	}
	for _, d := range p.Disputes {
		if d.Attempt == a.ID && d.State.Against() {
			minor -= d.Amount - d.Reversed - d.Loss
		}
	}
	return minor
}

// Unreturned is what of an attempt's surplus the payer does not have and is not
// about to get, in minor units: its refund failed.
func (p *Payment) Unreturned(a *Attempt) int64 {
	left := p.surplusLeft(a)
	for _, r := range p.Refunds {
		if r.Attempt == a.ID && r.Surplus && !r.State.Ended() {
			left -= r.Amount
		}
	}
	return max(left, 0)
}

// returnAgain asks once more for the return of surplus that could not be given
// back while it was disputed: as much as a dispute that is open or was lost has
// left of it (M4, 5.6).
func (t *Tab) returnAgain(p *Payment, a *Attempt) {
	left := min(p.Unreturned(a), a.Captured-a.Refunded-a.Refunding-a.Disputed)
	if left > 0 {
		t.refund(p, a, RefundWish{Amount: left, Reason: "surplus", surplus: true})
	}
}

// undisputed reports that a dispute of an attempt ended after a time.
func (p *Payment) undisputed(id AttemptID, after time.Time) bool {
	return slices.ContainsFunc(p.Disputes, func(d Dispute) bool {
		return d.Attempt == id && d.State != DisputeOpen && d.UpdatedAt.After(after)
	})
}
