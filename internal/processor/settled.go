package processor

import (
	"time"

	"paylink/internal/pay"
)

// Settled is one line of what a processor says it has settled.
type Settled struct {
	Kind SettledKind
	// Reference names what is settled: of a capture the processor's payment or
	// the operation's key, of a refund the operation's key, of a dispute the
	// processor's dispute, of a fee or
	// adjustment the processor's own name of the line.
	Reference string
	Amount    pay.Money // before the fee; below zero only of an adjustment
	Fee       int64     // minor units kept of a capture, refund or dispute
	At        time.Time
}

// SettledKind is what a line of a settlement is of.
type SettledKind string

// The kinds of line.
const (
	SettledCapture    SettledKind = "capture"
	SettledRefund     SettledKind = "refund"
	SettledFee        SettledKind = "fee" // charged apart
	SettledAdjustment SettledKind = "adjustment"
	SettledReversal   SettledKind = "reversal" // of a capture's settlement

	SettledDispute         SettledKind = "dispute"          // the money that a dispute took
	SettledDisputeReversal SettledKind = "dispute_reversal" // and gave back when it was won
)

// Known reports whether k is one of the kinds.
func (k SettledKind) Known() bool {
	switch k {
	case SettledCapture, SettledRefund, SettledFee, SettledAdjustment, SettledReversal, SettledDispute, SettledDisputeReversal:
		return true
	}
	return false
}

// Charged reports whether a line of kind k may have a fee beside its amount.
func (k SettledKind) Charged() bool {
	return k == SettledCapture || k == SettledRefund || k == SettledDispute
}

// Lone reports whether a line of kind k belongs to no payment.
func (k SettledKind) Lone() bool { return k == SettledFee || k == SettledAdjustment }
