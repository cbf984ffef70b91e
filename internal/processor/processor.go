// Package processor is what a processor is: the connector to who moves the
// money. A driver translates; it never decides whether money counts. Drivers
// live in a folder each and keep the promises of processortest.
package processor

import (
	"context"
	"net/http"
	"time"

	"paylink/internal/pay"
)

// Driver is one processor.
//
// Order.Key names one operation for ever: with the same key anything is done
// once, however often and however late it is sent, and the answer is what became
// of it; where the payment has moved on since, with the totals of now. An error is
// no answer: the call may have been carried out, may be on its way still, or may
// never arrive. Only Query tells.
type Driver interface {
	Name() string
	// Capabilities says what the processor can do with a method; ok is false
	// when it does not know the method.
	Capabilities(m pay.MethodID) (c Capabilities, ok bool)
	// Start authorizes or takes money for a new attempt.
	// Errors: pay.ErrKeyReused for a key that was used with another amount or currency.
	Start(ctx context.Context, o Order) (Outcome, error)
	// Query asks what became of the operation with o.Key, whatever its kind, and
	// moves nothing. Of a start that was never seen it says Failed only when one
	// that arrives later will fail too, else Unseen or Unknown; of another
	// operation that was never seen Unseen, for as long as the processor will do
	// it once only if it is sent twice, and then Unknown.
	Query(ctx context.Context, o Order) (Outcome, error)
	// Capture takes o.Amount of what is held, or Failed and nothing; with o.Final
	// the rest is released. Outcome.Captured is the total of the payment.
	Capture(ctx context.Context, o Order) (Outcome, error)
	// Void releases what is held or calls off what is not paid yet, and succeeds
	// again where that was done before. Failed once all of it was taken.
	Void(ctx context.Context, o Order) (Outcome, error)
	// Refund gives o.Amount back, or Failed and nothing: never more in all than
	// was taken, however many are asked for at once.
	Refund(ctx context.Context, o Order) (Outcome, error)
	// Settlements is what the processor has settled for t, a page at a time:
	// after is the next of the page before, empty at first; next is empty at the
	// end. A line may come again, with the same figures.
	Settlements(ctx context.Context, t pay.Tenant, after string) (lines []Settled, next string, err error)
	// Charges is every payment the processor has of t, as Settlements in pages;
	// one that is there when the first page is asked for is on one of them.
	Charges(ctx context.Context, t pay.Tenant, after string) (list []Charge, next string, err error)
	// VerifyCallback checks raw as it came and says what it proves, with totals as
	// in an answer. The same news has the same EventID, however often it comes.
	// Errors: pay.ErrUnauthorized, before anything of raw is believed.
	VerifyCallback(t pay.Tenant, header http.Header, raw []byte) (Evidence, error)
}

// Capabilities are what a processor can do with one method.
type Capabilities struct {
	Manual   bool // authorize now, capture later
	Captures bool // several of one authorization
	Modes    []pay.Mode
	Currency func(pay.Currency) bool // nil: any
}

// Order is one call to a processor.
type Order struct {
	Tenant       pay.Tenant
	Key          pay.OperationID // the processor's idempotency key (P1)
	Kind         pay.OperationKind
	Link         pay.LinkID
	Attempt      pay.AttemptID
	Method       pay.MethodID
	ProcessorRef string // of the attempt, when known
	Amount       pay.Money
	Final        bool // capture: no more will follow
	Fields       map[string]string
	ReturnURL    string // where the payer's browser comes back to
	Description  string
}

// Result is what a call, a query or a callback says.
type Result int

// The results. An error beside an Outcome, or no answer, is Unknown.
const (
	Unknown     Result = iota // not known yet: ask again
	Succeeded                 // of the operation's kind: authorized, captured, voided or refunded
	Failed                    // for certain: no money moved
	Expired                   // of an authorization: what was held and not captured is held no more
	NeedsAction               // the payer has a step to take: see Action
	Pending                   // accepted, and on its way
	Unseen                    // answers Query alone: the processor never saw the key, and it is safe to send it (again)
)

// Outcome is what became of one operation.
type Outcome struct {
	Result       Result
	ProcessorRef string    // the processor's id of the payment
	Authorized   int64     // held in all so far, minor units
	HoldUntil    time.Time // of an authorization: when it runs out; zero: not said
	Partial      bool      // less than was asked for was approved, on purpose
	Captured     int64     // taken in all so far, minor units
	Currency     pay.Currency
	Action       *pay.Action
	Failure      *pay.Failure
	Instrument   string // masked
}

// Evidence is what a verified callback proves about one operation, or about a
// dispute.
type Evidence struct {
	EventID string          // the processor's; unique per processor and tenant (P4)
	Key     pay.OperationID // which operation it speaks of; empty with Dispute
	Outcome Outcome
	Dispute *Dispute // in place of Key and Outcome
}
