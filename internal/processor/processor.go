// Package processor is what a processor is: the connector to who moves the
// money. A driver translates; it never decides whether money counts. Drivers
// live in a folder each and keep the promises of processortest.
package processor

import (
	"context"
	"net/http"

	"paylink/internal/pay"
)

// Driver is one processor.
type Driver interface {
	Name() string
	// Capabilities says what the processor can do with a method; ok is false
	// when it does not know the method.
	Capabilities(m pay.MethodID) (c Capabilities, ok bool)
	// Start authorizes or takes money for a new attempt. Order.Key makes it safe to repeat.
	Start(ctx context.Context, o Order) (Outcome, error)
	// Query asks what became of the operation with o.Key, whatever its kind.
	Query(ctx context.Context, o Order) (Outcome, error)
	Capture(ctx context.Context, o Order) (Outcome, error)
	Void(ctx context.Context, o Order) (Outcome, error)
	Refund(ctx context.Context, o Order) (Outcome, error)
	// Settlements is what the processor has settled for t, a page at a time:
	// after is the next of the page before, empty at first; next is empty at the
	// end. A line may come again, with the same figures.
	Settlements(ctx context.Context, t pay.Tenant, after string) (lines []Settled, next string, err error)
	// VerifyCallback checks raw as it came and says what it proves.
	// Errors: pay.ErrUnauthorized, before anything of raw is believed.
	VerifyCallback(t pay.Tenant, header http.Header, raw []byte) (Evidence, error)
}

// Capabilities are what a processor can do with one method.
type Capabilities struct {
	Manual   bool // authorize now, capture later
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
	NeedsAction               // the payer has a step to take: see Action
	Pending                   // accepted, and on its way
)

// Outcome is what became of one operation.
type Outcome struct {
	Result       Result
	ProcessorRef string // the processor's id of the payment
	Authorized   int64  // held in all so far, minor units
	Captured     int64  // taken in all so far, minor units
	Currency     pay.Currency
	Action       *pay.Action
	Failure      *pay.Failure
	Instrument   string // masked
}

// Evidence is what a verified callback proves about one operation.
type Evidence struct {
	EventID string          // the processor's; unique per processor and tenant (P4)
	Key     pay.OperationID // which operation it speaks of
	Outcome Outcome
}
