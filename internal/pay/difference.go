package pay

import (
	"time"
	"unicode/utf8"
)

// DiscrepancyID is "dif_…".
type DiscrepancyID string

// Discrepancy is something that does not agree: our books with what a processor
// has (P6), or stored data with a rule (V2): what users know as a difference. It stays until a person closes it
// with a reason, or a rule that finds it gone. One that a person closed comes
// again only with other figures, unless it bars a link.
type Discrepancy struct {
	Tenant    `json:"-"`
	ID        DiscrepancyID
	Processor string // or Verifier
	Reference string // what it is of: the processor's name of a payment, an id of ours, a row
	What      string // see the constants; of the Verifier the name of a rule: "M11"
	Link      LinkID // may be empty
	Ours      string // what our books say; of the Verifier what is wrong, with the figures
	Theirs    string // what the processor says
	FoundAt   time.Time
	ClosedAt  time.Time // zero while it is open
	ClosedBy  string    // a credential, "operator" or ClosedByRule
	Reason    string
}

// What differs.
const (
	DiffCharge    = "charge"    // the processor has money of a payment that we do not know
	DiffMissing   = "missing"   // the processor does not know a payment whose money we count
	DiffCurrency  = "currency"  //
	DiffAmount    = "amount"    // what was asked for
	DiffHeld      = "held"      //
	DiffCaptured  = "captured"  //
	DiffRefunded  = "refunded"  //
	DiffDisputed  = "disputed"  // by disputes that are not won: of one we were never told
	DiffOperation = "operation" // it is not final, and nobody asks about it any more
	DiffAttempt   = "attempt"   // it is not over, and no operation will end it
	DiffDispute   = "dispute"   // a report of a dispute that contradicts our books, or is about what we do not know
	DiffSurplus   = "surplus"   // money that does not count was not given back in time (5.6)
)

// Verifier stands for the processor where stored data breaks a rule. While such
// a difference of a link is open, the link takes no new attempts (V2).
const Verifier = "verify"

// ClosedByRule says that what differed was found to agree again.
const ClosedByRule = "rule"

// Close ends a difference at a person's word.
// Errors: invalid_state when it is closed, Invalid (reason), card_data_not_accepted.
func (d *Discrepancy) Close(now time.Time, by, reason string) error {
	var bad Faults
	switch {
	case reason == "":
		bad.Add("reason", "required", "is required")
	case utf8.RuneCountInString(reason) > maxReason || !CleanText(reason, true):
		bad.Add("reason", "invalid", "must be plain text of at most 500 characters")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	if HasCardNumber(reason) {
		return ErrCard("reason")
	}
	if !d.ClosedAt.IsZero() {
		return ErrState("the difference is closed already")
	}
	d.ClosedAt, d.ClosedBy, d.Reason = now, by, reason
	return nil
}
