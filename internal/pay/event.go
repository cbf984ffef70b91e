package pay

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// EventKind names what happened: the entity, a dot, what became of it.
type EventKind string

// The event kinds. docs/openapi.yaml lists them for callers.
const (
	EventLinkCreated       EventKind = "payment_link.created"
	EventLinkActivated     EventKind = "payment_link.activated"
	EventLinkPaused        EventKind = "payment_link.paused"
	EventLinkResumed       EventKind = "payment_link.resumed"
	EventLinkCompleted     EventKind = "payment_link.completed"
	EventLinkExpired       EventKind = "payment_link.expired"
	EventLinkCanceled      EventKind = "payment_link.canceled"
	EventLinkUpdated       EventKind = "payment_link.updated"
	EventSplitAllocated    EventKind = "split.allocated"
	EventSplitHeld         EventKind = "split.held"
	EventSplitReleased     EventKind = "split.released"
	EventSplitTransferred  EventKind = "split.transferred"
	EventSplitReversed     EventKind = "split.reversed"
	EventSplitCanceled     EventKind = "split.canceled"
	EventPaymentSettled    EventKind = "payment.settled"
	EventLineSettled       EventKind = "settlement.settled" // of anything but a payment's own capture
	EventLineMissing       EventKind = "settlement.missing"
	EventLineReversed      EventKind = "settlement.reversed"
	EventPaymentCreated    EventKind = "payment.created"
	EventPaymentReopened   EventKind = "payment.reopened"
	EventPaymentSucceeded  EventKind = "payment.succeeded"
	EventPaymentSurplus    EventKind = "payment.surplus"
	EventPaymentCaptured   EventKind = "payment.captured" // more of what counts already
	EventPaymentFailed     EventKind = "payment.failed"
	EventPaymentCanceled   EventKind = "payment.canceled"
	EventAttemptCreated    EventKind = "attempt.created"
	EventAttemptAction     EventKind = "attempt.requires_action"
	EventAttemptProcessing EventKind = "attempt.processing"
	EventAttemptUnknown    EventKind = "attempt.unknown"
	EventAttemptAuthorized EventKind = "attempt.authorized"
	EventAttemptCaptured   EventKind = "attempt.captured"
	EventAttemptPart       EventKind = "attempt.partially_captured"
	EventAttemptFailed     EventKind = "attempt.failed"
	EventAttemptCanceled   EventKind = "attempt.canceled"
	EventAttemptVoided     EventKind = "attempt.voided"
	EventAttemptExpired    EventKind = "attempt.auth_expired"
	EventAttemptReview     EventKind = "attempt.review"
	EventAttemptSuperseded EventKind = "attempt.superseded"
	EventRefundRequested   EventKind = "refund.requested"
	EventRefundSent        EventKind = "refund.sent"
	EventRefundUnknown     EventKind = "refund.unknown"
	EventRefundSucceeded   EventKind = "refund.succeeded"
	EventRefundFailed      EventKind = "refund.failed"
	EventDisputeOpened     EventKind = "dispute.opened"
	EventDisputeWon        EventKind = "dispute.won"
	EventDisputeLost       EventKind = "dispute.lost"
	EventDisputeAccepted   EventKind = "dispute.accepted"
)

// EventKinds are all kinds a webhook endpoint may subscribe to.
var EventKinds = []EventKind{
	EventLinkCreated, EventLinkActivated, EventLinkPaused, EventLinkResumed, EventLinkCompleted,
	EventLinkExpired, EventLinkCanceled, EventLinkUpdated,
	EventSplitAllocated, EventSplitHeld, EventSplitReleased, EventSplitTransferred, EventSplitReversed, EventSplitCanceled,
	EventPaymentSettled, EventLineSettled, EventLineMissing, EventLineReversed, EventPaymentCreated, EventPaymentReopened, EventPaymentSucceeded,
	EventPaymentSurplus, EventPaymentCaptured, EventPaymentFailed, EventPaymentCanceled, EventAttemptCreated, EventAttemptAction,
	EventAttemptProcessing, EventAttemptUnknown, EventAttemptAuthorized, EventAttemptPart, EventAttemptCaptured,
	EventAttemptFailed, EventAttemptCanceled, EventAttemptVoided, EventAttemptExpired, EventAttemptReview,
	EventAttemptSuperseded, EventRefundRequested, EventRefundSent, EventRefundUnknown,
	EventRefundSucceeded, EventRefundFailed, EventDisputeOpened, EventDisputeWon, EventDisputeLost, EventDisputeAccepted,
}

// SnapshotSchema is the number of the snapshot's form; it rises when a member
// changes its meaning.
const SnapshotSchema = 1

// Event is one change of one entity, written in the transaction of the change
// and never altered (E1, E4). Seq has no gaps within a link (E2).
type Event struct {
	Tenant    `json:"-"`
	ID        EventID   `json:"id"`
	Kind      EventKind `json:"kind"`
	Link      LinkID    `json:"link"`
	Seq       int64     `json:"seq"`
	Entity    string    `json:"entity"` // "payment_link", "payment", "attempt", "refund", "dispute", "split", "settlement"
	EntityID  string    `json:"entity_id"`
	From      string    `json:"from,omitempty"` // the state before; empty at creation
	To        string    `json:"to"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`
	RequestID string    `json:"request_id,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of what a person decided
	Snapshot  Snapshot  `json:"snapshot"`
	Personal  string    `json:"personal"` // salted digest of the sealed part, hexadecimal

	Record   []byte `json:"-"` // the JSON of all above, as hashed and stored
	PrevHash string `json:"-"` // of the event before, hexadecimal; empty at seq 1
	Hash     string `json:"-"`
	Position int64  `json:"-"` // in the merchant's feed; 0 until numbered (DECISIONS 15)
}

// Snapshot is the link right after the event. Payments holds all of them on a
// link with one price to be paid, and only the one concerned on a link that
// may be paid any number of times, or events would grow without bound.
type Snapshot struct {
	Schema   int       `json:"schema"`
	Link     Link      `json:"link"`
	Payments []Payment `json:"payments"`
}

// Payment finds the payment with an id in the snapshot; nil when it is not there.
func (s Snapshot) Payment(id PaymentID) *Payment {
	for i := range s.Payments {
		if s.Payments[i].ID == id {
			return &s.Payments[i]
		}
	}
	return nil
}

// ChainHash is the hash of an event with this record after one with hash prev.
func ChainHash(prev string, record []byte) string {
	h := sha256.New()
	h.Write([]byte(prev))
	h.Write([]byte{'\n'})
	h.Write(record)
	return hex.EncodeToString(h.Sum(nil))
}

// PersonalDigest stands for the sealed part in the hash chain: it needs the
// salt, so erasing both keeps the chain and tells nothing.
func PersonalDigest(salt, personal []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(personal)
	return hex.EncodeToString(h.Sum(nil))
}
