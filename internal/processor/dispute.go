package processor

import (
	"context"

	"paylink/internal/pay"
)

// Dispute is what a processor says of a dispute. It names the payment as
// Outcome.ProcessorRef does, for no operation of ours asked for it.
type Dispute struct {
	PaymentRef string
	pay.DisputeReport
}

// DisputeWish is a dispute that a test wants.
type DisputeWish struct {
	Key        string // the same again gives the dispute that it made
	PaymentRef string
	Amount     int64  // minor units; 0: all that the payer does not have back
	Reason     string // of pay.DisputeReasons
}

// Disputer is a driver that can play disputes in test mode, as a payer's bank
// would make them. What they come to is evidence, as a callback's is.
type Disputer interface {
	// OpenDispute opens one. Errors: pay.ErrNotFound (payment), invalid_state
	// when there is not so much to be disputed, pay.ErrKeyReused.
	OpenDispute(ctx context.Context, t pay.Tenant, w DisputeWish) (Evidence, error)
	// DecideDispute ends the one with ref. Errors: pay.ErrNotFound (payment,
	// dispute), invalid_state when it ended otherwise.
	DecideDispute(ctx context.Context, t pay.Tenant, paymentRef, ref string, to pay.DisputeState) (Evidence, error)
}
