package pay

import (
	"slices"
	"time"
)

// PaymentState is derived from the attempts of the payment.
type PaymentState string

// The states of a payment.
const (
	PaymentOpen     PaymentState = "open"     // an attempt is live; a reservation is held
	PaymentApplied  PaymentState = "applied"  // its money counts
	PaymentSurplus  PaymentState = "surplus"  // money was taken that does not count: it goes back
	PaymentFailed   PaymentState = "failed"   // no attempt is live; another may be made
	PaymentCanceled PaymentState = "canceled" // given up: by the payer, or for another payment
)

var paymentMoves = map[PaymentState][]PaymentState{
	"":              {PaymentOpen},
	PaymentOpen:     {PaymentApplied, PaymentSurplus, PaymentFailed, PaymentCanceled},
	PaymentFailed:   {PaymentOpen, PaymentApplied, PaymentSurplus}, // tried again, or a late success
	PaymentCanceled: {PaymentApplied, PaymentSurplus},              // a late success
}

// Payment is one payer's intent to pay a link: one or more attempts, at most
// one of them applied.
type Payment struct {
	ID        PaymentID    `json:"id"`
	Link      LinkID       `json:"link"`
	Number    int64        `json:"number"`         // 1, 2, … within the link
	Slot      string       `json:"slot,omitempty"` // the reservation; unique per link while open or applied
	State     PaymentState `json:"state"`
	Requested Money        `json:"requested"`
	Method    MethodID     `json:"method"` // of the newest attempt
	Attempts  []Attempt    `json:"attempts"`
	Refunds   []Refund     `json:"refunds,omitempty"`
	Disputes  []Dispute    `json:"disputes,omitempty"`
	SettledAt time.Time    `json:"settled_at,omitzero"` // since when the money is the merchant's to use
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// Captured is what was taken over all attempts, in minor units.
func (p Payment) Captured() (minor int64) {
	for _, a := range p.Attempts {
		minor += a.Captured
	}
	return minor
}

// counting is the attempt whose money counts; nil when there is none.
func (p *Payment) counting() *Attempt {
	for i := range p.Attempts {
		if p.Attempts[i].Shares != nil {
			return &p.Attempts[i]
		}
	}
	return nil
}

// Holding reports whether the payment counts and its authorization may still
// have money to be captured.
func (p *Payment) Holding() bool {
	a := p.counting()
	return p.State == PaymentApplied && a != nil && a.State.Live()
}

// Attempt is the attempt with an id; nil when the payment has none such.
func (p *Payment) Attempt(id AttemptID) *Attempt {
	for i := range p.Attempts {
		if p.Attempts[i].ID == id {
			return &p.Attempts[i]
		}
	}
	return nil
}

// Last is the newest attempt; nil before the first.
func (p *Payment) Last() *Attempt {
	if len(p.Attempts) == 0 {
		return nil
	}
	return &p.Attempts[len(p.Attempts)-1]
}

// Live reports whether an attempt may still take money (INVARIANTS 1).
func (p Payment) Live() bool {
	for _, a := range p.Attempts {
		if a.State.Live() && !a.Superseded {
			return true
		}
	}
	return false
}

// nothing reports that a payment is over and never took any money.
func (p Payment) nothing() bool {
	over := p.State == PaymentFailed || p.State == PaymentCanceled
	return over && !slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.State.Live() || a.Captured > 0 })
}

// AttemptState is where one try through one processor is.
type AttemptState string

// The states of an attempt.
const (
	AttemptCreated        AttemptState = "created"         // recorded; the processor may not have been asked
	AttemptRequiresAction AttemptState = "requires_action" // the payer has a step to take
	AttemptProcessing     AttemptState = "processing"
	AttemptUnknown        AttemptState = "unknown" // no answer: only evidence ends this
	AttemptAuthorized     AttemptState = "authorized"
	AttemptCaptured       AttemptState = "captured"
	AttemptFailed         AttemptState = "failed"
	AttemptCanceled       AttemptState = "canceled"
	AttemptVoided         AttemptState = "voided"
	AttemptAuthExpired    AttemptState = "auth_expired"
	AttemptReview         AttemptState = "review" // evidence disagrees with our record: a person decides
)

// attemptMoves is INVARIANTS 4. What hangs below failed, canceled,
// auth_expired and voided are late successes, by evidence only. From authorized
// to authorized is a capture with more to come.
var attemptMoves = map[AttemptState][]AttemptState{
	"":                    {AttemptCreated},
	AttemptCreated:        {AttemptRequiresAction, AttemptProcessing, AttemptCanceled},
	AttemptRequiresAction: {AttemptProcessing, AttemptFailed, AttemptCanceled, AttemptUnknown},
	AttemptProcessing:     {AttemptRequiresAction, AttemptAuthorized, AttemptCaptured, AttemptFailed, AttemptUnknown, AttemptReview},
	AttemptUnknown:        {AttemptRequiresAction, AttemptAuthorized, AttemptCaptured, AttemptFailed, AttemptReview},
	AttemptAuthorized:     {AttemptAuthorized, AttemptCaptured, AttemptVoided, AttemptAuthExpired, AttemptReview},
	AttemptFailed:         {AttemptAuthorized, AttemptCaptured, AttemptReview},
	AttemptCanceled:       {AttemptAuthorized, AttemptCaptured, AttemptReview},
	AttemptAuthExpired:    {AttemptAuthorized, AttemptCaptured, AttemptReview},
	AttemptVoided:         {AttemptReview},
	AttemptReview:         {AttemptCaptured, AttemptVoided, AttemptFailed},
}

// Live reports whether an attempt in state s may still take money.
func (s AttemptState) Live() bool {
	switch s {
	case AttemptCreated, AttemptRequiresAction, AttemptProcessing, AttemptUnknown, AttemptAuthorized, AttemptReview:
		return true
	}
	return false
}

// Attempt is one try by one payer, through one processor and method. Amounts
// are minor units of the link's currency (M3):
// 0 ≤ refunded + refunding ≤ captured ≤ authorized ≤ requested (M4).
type Attempt struct {
	ID           AttemptID    `json:"id"`
	Payment      PaymentID    `json:"payment"`
	Number       int64        `json:"number,omitempty"` // 1, 2, … within a link that has one sum to be paid; 0 on others
	State        AttemptState `json:"state"`
	Processor    string       `json:"processor"`
	Method       MethodID     `json:"method"`
	ProcessorRef string       `json:"processor_ref,omitempty"` // the processor's id; bound once, for ever (P5)
	Currency     Currency     `json:"currency"`
	Requested    int64        `json:"requested"`
	Choice       *Choice      `json:"choice,omitempty"` // adjustable cart: what Requested was computed from
	Authorized   int64        `json:"authorized"`
	Captured     int64        `json:"captured"`
	Refunding    int64        `json:"refunding,omitempty"`
	Refunded     int64        `json:"refunded,omitempty"`
	Disputed     int64        `json:"disputed,omitempty"`   // away by disputes, and not won back
	Shares       []int64      `json:"shares,omitempty"`     // of Captured: one for each split, the merchant's last (M8)
	Reversed     []int64      `json:"reversed,omitempty"`   // of Shares, by refunds
	Superseded   bool         `json:"superseded,omitempty"` // gave up its reservation; a success is a late one
	Manual       bool         `json:"manual,omitempty"`     // captured by a later call
	Action       *Action      `json:"action,omitempty"`
	Failure      *Failure     `json:"failure,omitempty"`
	Instrument   string       `json:"instrument,omitempty"` // masked: "visa •••• 4242"
	GraceS       int64        `json:"grace_s"`              // seconds after expiry in which a success still counts
	Silence      time.Time    `json:"silence,omitzero"`     // since when the payer has been silent in requires_action
	From         string       `json:"from,omitempty"`       // keyed hash of the payer's address: counts reservations (A52)
	Consent      bool         `json:"consent,omitempty"`    // the payer lets the merchant keep the payment details
	HoldUntil    time.Time    `json:"hold_until,omitzero"`  // when the authorization runs out, by the processor's word
	Captures     []Capture    `json:"captures,omitempty"`   // in order; they sum to Captured
	CreatedAt    time.Time    `json:"created_at"`
	UpdatedAt    time.Time    `json:"updated_at"`
}

// Capture is one taking of an attempt's money.
type Capture struct {
	Amount    int64       `json:"amount"`              // minor units
	Surplus   bool        `json:"surplus,omitempty"`   // it does not count, and goes back
	Reference string      `json:"reference,omitempty"` // the merchant's own name of it
	Operation OperationID `json:"operation,omitempty"` // the call that took it; a settlement report may name it
	At        time.Time   `json:"at"`
}

// counted is what was captured of the attempt and counts, in minor units.
func (a *Attempt) counted() (minor int64) {
	for _, c := range a.Captures {
		if !c.Surplus {
			minor += c.Amount
		}
	}
	return minor
}

// CapturedAt is when money was last captured; zero before.
func (a *Attempt) CapturedAt() (at time.Time) {
	if n := len(a.Captures); n > 0 {
		at = a.Captures[n-1].At
	}
	return at
}

// Action is the step a payer has to take. Exactly one of its members is set.
type Action struct {
	RedirectURL  string `json:"redirect_url,omitempty"` // a page of the processor or bank
	Instructions []Line `json:"instructions,omitempty"` // what to transfer, where to
}

// Line is one labelled line of instructions.
type Line struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Failure says why an attempt failed. Code is one of a closed set that
// processors translate into; Text is the processor's own, for staff only.
type Failure struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Failure codes. A payer sees a generic text for the ones marked generic (A15).
const (
	FailDeclined     = "declined" // generic
	FailFunds        = "insufficient_funds"
	FailExpiredCard  = "expired_instrument"
	FailAuth         = "authentication_failed"
	FailCanceled     = "canceled_by_payer"
	FailTimeout      = "payer_timeout"
	FailWrongAccount = "wrong_account"
	FailProcessor    = "processor_error" // generic
)

// RefundState is where a refund is.
type RefundState string

// The states of a refund.
const (
	RefundRequested RefundState = "requested"
	RefundSent      RefundState = "sent"
	RefundUnknown   RefundState = "unknown"
	RefundSucceeded RefundState = "succeeded"
	RefundFailed    RefundState = "failed"
)

// Ended reports that a refund in state s was made, or will never be.
func (s RefundState) Ended() bool { return s == RefundSucceeded || s == RefundFailed }

var refundMoves = map[RefundState][]RefundState{
	"":              {RefundRequested},
	RefundRequested: {RefundSent},
	RefundSent:      {RefundSucceeded, RefundFailed, RefundUnknown},
	RefundUnknown:   {RefundSucceeded, RefundFailed},
}

// Refund gives money of one attempt back.
type Refund struct {
	ID        RefundID    `json:"id"`
	Payment   PaymentID   `json:"payment"`
	Attempt   AttemptID   `json:"attempt"`
	State     RefundState `json:"state"`
	Amount    int64       `json:"amount"` // minor units
	Reason    string      `json:"reason"`
	Surplus   bool        `json:"surplus,omitempty"`   // made by the platform itself, of money that does not count
	Loss      int64       `json:"loss,omitempty"`      // of Amount, what the payer had back already by a dispute: the merchant's loss
	Reference string      `json:"reference,omitempty"` // the merchant's own; unique within the payment
	Echo      string      `json:"echo,omitempty"`      // JSON only the dialect reads
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
}

// OperationKind is what a processor is asked to do.
type OperationKind string

// The kinds of operation.
const (
	OpAuthorize OperationKind = "authorize" // hold the money
	OpSale      OperationKind = "sale"      // hold and take it
	OpCapture   OperationKind = "capture"
	OpVoid      OperationKind = "void" // release a hold, or call off what is not yet paid
	OpRefund    OperationKind = "refund"
	OpQuery     OperationKind = "query" // what became of a hold whose time is over
)

// OperationState is how far one call to a processor is.
type OperationState string

// The states of an operation.
const (
	OpPrepared  OperationState = "prepared" // committed before the first byte leaves (P1)
	OpSent      OperationState = "sent"     // answered, but not final: the money is still under way
	OpUnknown   OperationState = "unknown"
	OpSucceeded OperationState = "succeeded"
	OpFailed    OperationState = "failed"
)

// Final reports whether nothing more is to be asked about the operation: what
// is stored as final stays so, and anything else may become anything.
func (s OperationState) Final() bool { return s == OpSucceeded || s == OpFailed }

// Operation is one call to a processor. Its ID is sent as the processor's
// idempotency key on every resend.
type Operation struct {
	ID        OperationID
	Link      LinkID
	Payment   PaymentID
	Attempt   AttemptID
	Refund    RefundID // with OpRefund
	Kind      OperationKind
	State     OperationState
	Processor string
	Amount    Money
	Final     bool              // OpCapture: release what is not captured
	Fields    map[string]string // what the payer filled in; never card data in live mode
	About     OperationID       // OpQuery: the operation that is asked about
	DueAt     time.Time         // not to be run before; zero: at once
	CreatedAt time.Time
	UpdatedAt time.Time
}

// follows reports whether table lets to come after from.
func follows[S comparable](table map[S][]S, from, to S) bool {
	for _, next := range table[from] {
		if next == to {
			return true
		}
	}
	return false
}
