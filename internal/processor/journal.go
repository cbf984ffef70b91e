package processor

import (
	"context"
	"time"

	"paylink/internal/pay"
)

// SandboxJournal is the sandbox's own memory, apart from the platform's books:
// nothing of the platform reads it but the sandbox. It stands here and not in
// sandbox so that store can keep it without knowing a driver.
type SandboxJournal interface {
	// Act runs f on the payment with ref (zero when new), stores what f made of
	// it and appends the line f returns, all or nothing and one at a time per
	// payment. When t already has a line with key, whatever its ref, f does not
	// run and that line comes back with replay true. When f fails nothing is
	// stored and its error comes back unchanged. f may run again on a fresh
	// payment when the transaction is repeated, and it leaves Ref and Tenant set.
	Act(ctx context.Context, t pay.Tenant, ref string, key pay.OperationID, f func(p *SandboxPayment) (SandboxLine, error)) (line SandboxLine, replay bool, err error)
	// Line is the line of t with key; false when there is none.
	Line(ctx context.Context, t pay.Tenant, key pay.OperationID) (SandboxLine, bool, error)
	// Lines are at most limit lines of t whose key comes after another, by key.
	Lines(ctx context.Context, t pay.Tenant, after pay.OperationID, limit int) ([]SandboxLine, error)
	// Payment is the payment of t with ref; false when there is none.
	Payment(ctx context.Context, t pay.Tenant, ref string) (SandboxPayment, bool, error)
	// DuePayments are at most limit payments of all tenants whose DueAt is set
	// and not after now, the earliest first.
	DuePayments(ctx context.Context, now time.Time, limit int) ([]SandboxPayment, error)
}

// SandboxPayment is one payment as the sandbox sees it. Amounts are minor units.
type SandboxPayment struct {
	Ref        string // unique; also the secret part of the test page's address
	Tenant     pay.Tenant
	Method     pay.MethodID
	Currency   pay.Currency
	Amount     int64 // asked for
	Authorized int64
	Captured   int64
	Refunded   int64
	State      SandboxState
	Disputes   []SandboxDispute
	Failure    string // code, with SandboxFailed
	ReturnURL  string // may be empty
	StartKey   pay.OperationID
	Scenario   string    // which part the sandbox plays; never a card number
	HoldUntil  time.Time // when an authorization runs out; zero: it is none
	DueAt      time.Time // when it confirms by itself; zero: never, or done already
	CreatedAt  time.Time
	ChangedAt  time.Time // zero: not since then
}

// SandboxDispute is a dispute as the sandbox sees it.
type SandboxDispute struct {
	Ref       string
	State     pay.DisputeState
	Amount    int64 // minor units
	Reason    string
	RespondBy time.Time
}

// SandboxState is where a payment is in the sandbox.
type SandboxState string

// The states. What is waiting may become anything but voided.
const (
	SandboxWaiting    SandboxState = "waiting" // for the payer, or for a transfer to arrive
	SandboxAuthorized SandboxState = "authorized"
	SandboxCaptured   SandboxState = "captured"
	SandboxFailed     SandboxState = "failed"
	SandboxCanceled   SandboxState = "canceled" // called off before any money was held
	SandboxVoided     SandboxState = "voided"
)

// SandboxLine is one thing that happened; lines are never changed.
type SandboxLine struct {
	Key    pay.OperationID // unique per tenant; "page:…", "due:…", "dispute:…" and "told:…" for what no operation asked for
	Ref    string
	Kind   string // an OperationKind, "decide", "dispute" and "dispute_won", "dispute_lost" or "dispute_accepted", "told"
	Amount int64  // minor units
	Result string // "waiting", "succeeded" or "failed"
	At     time.Time
}
