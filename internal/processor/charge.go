package processor

import (
	"time"

	"paylink/internal/pay"
)

// Charge is one payment as the processor has it now. Amounts are minor units,
// and totals: what was given back stays in Captured.
type Charge struct {
	Reference string          // the processor's name of it: what Outcome calls ProcessorRef
	Key       pay.OperationID // of the operation that began it; empty where it is not kept
	Currency  pay.Currency
	Amount    int64 // asked for
	Held      int64 // authorized, and neither taken nor released
	Captured  int64
	Refunded  int64
	Disputed  int64 // away by disputes, and not won back
	// State is processing, authorized, captured, failed, canceled, voided or auth_expired.
	State pay.AttemptState
	// At is when anything of it last changed; when it began, where the
	// processor does not tell.
	At time.Time
}
