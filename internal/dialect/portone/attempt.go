package portone

import (
	"cmp"
	"slices"
	"strconv"

	"paylink/internal/pay"
)

// The states of an attempt (sheet 8.2).
const (
	attemptInitiated = "Initiated"
	attemptPending   = "Pending"
	attemptSuccess   = "Success"
	attemptFailed    = "Failed"
	attemptExpired   = "Expired"
)

// attemptStates are those of ours in the words of this wire.
var attemptStates = map[pay.AttemptState]string{
	pay.AttemptCreated:        attemptInitiated,
	pay.AttemptRequiresAction: attemptInitiated,
	pay.AttemptProcessing:     attemptPending,
	pay.AttemptUnknown:        attemptPending,
	pay.AttemptReview:         attemptPending,
	pay.AttemptAuthorized:     attemptPending, // its capture follows by itself
	pay.AttemptCaptured:       attemptSuccess,
	pay.AttemptFailed:         attemptFailed,
	pay.AttemptCanceled:       attemptFailed,
	pay.AttemptVoided:         attemptFailed,
	pay.AttemptAuthExpired:    attemptExpired,
}

// verdict is a status with its code and reason.
type verdict struct{ status, code, reason string }

var (
	initiated = verdict{attemptInitiated, "", ""}
	pending   = verdict{attemptPending, "1000", "PENDING"}
	success   = verdict{attemptSuccess, "2000", "SUCCESS"}
	timedOut  = verdict{attemptExpired, "4082", "TRANSACTION_EXPIRED_BY_CHAIPORT"}
	lapsed    = verdict{attemptExpired, "4072", "TRANSACTION_EXPIRED"}
	calledOff = verdict{attemptFailed, "4071", "INVALID_TRANSACTION_ORDER_CANCELLED_ERROR"}
	refused   = verdict{attemptFailed, "6001", "BANK_REFUSED_TRANSACTION"}
)

// failures are the verdicts on attempts that failed, by our failure code.
var failures = map[string]verdict{
	pay.FailDeclined:     refused, // a card has a code of its own, below
	pay.FailFunds:        {attemptFailed, "6002", "FUNDS_LIMIT_ERROR"},
	pay.FailExpiredCard:  {attemptFailed, "6013", "INVALID_CARD_EXPIRED_ERROR"},
	pay.FailAuth:         {attemptFailed, "8002", "PAYMENT_AUTHENTICATION_ERROR"},
	pay.FailCanceled:     calledOff,
	pay.FailTimeout:      timedOut,
	pay.FailWrongAccount: refused,
	pay.FailProcessor:    {attemptFailed, "4080", "PAYMENT_SERVICE_PROVIDER_ERROR"},
}

var declinedCard = verdict{attemptFailed, "6014", "INVALID_CARD_DECLINED_ERROR"}

// attempt is one attempt with the payment it belongs to.
type attempt struct {
	pay.Attempt
	payment pay.Payment
	index   int // within the payment
}

// attemptsOf are all attempts of a link, newest first.
func attemptsOf(payments []pay.Payment) (list []attempt) {
	for _, p := range payments {
		for i, a := range p.Attempts {
			list = append(list, attempt{a, p, i})
		}
	}
	slices.SortStableFunc(list, func(a, b attempt) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.Number, a.Number))
	})
	return list
}

// lastOf is the newest attempt of a payment; ok is false when it has none.
func lastOf(p pay.Payment) (a attempt, ok bool) {
	if len(p.Attempts) == 0 {
		return a, false
	}
	i := len(p.Attempts) - 1
	return attempt{p.Attempts[i], p, i}, true
}

// orderRef is our name of the attempt; attemptRef is the one a merchant sees as
// merchant_order_ref.
func (a attempt) orderRef(l pay.Link) string { return refOf(a.CreatedAt, l.ID, uint32(a.Number)) }

func (a attempt) attemptRef(l pay.Link) string {
	return refOf(l.CreatedAt, l.ID, shared) + "_" + strconv.FormatInt(a.Number, 10)
}

// verdict is how an attempt stands. Money that came for a link which could not
// take it any more goes back: to the merchant that is a failure, or an order
// that was called off would be sent.
func (a attempt) verdict(l pay.Link) verdict {
	if a.payment.State == pay.PaymentSurplus && a.State == pay.AttemptCaptured {
		if l.State == pay.LinkExpired {
			return lapsed
		}
		return calledOff
	}
	switch attemptStates[a.State] {
	case attemptInitiated:
		if a.Action != nil && len(a.Action.Instructions) > 0 {
			return pending // the payer knows what to do, and the money is awaited
		}
		return initiated
	case attemptPending:
		return pending
	case attemptSuccess:
		return success
	case attemptExpired:
		return lapsed
	}
	if a.State != pay.AttemptFailed {
		return calledOff
	}
	code := ""
	if a.Failure != nil {
		code = a.Failure.Code
	}
	if code == pay.FailDeclined && a.Method == pay.MethodCard {
		return declinedCard
	}
	if v, ok := failures[code]; ok {
		return v
	}
	return refused
}

// The states of a link (sheet 8.1).
const (
	linkCreated    = "Created"
	linkProcessing = "Processing"
	linkSuccess    = "Success"
	linkExpired    = "Expired"
	linkCancelled  = "Cancelled"
)

// linkStates are the states of a link by ours: before anybody began to pay,
// after, and while an attempt is under way. Paid at most once, a link that was
// completed is Success whatever is under way besides.
var linkStates = map[pay.LinkState]struct{ fresh, tried, live string }{
	pay.LinkScheduled: {linkCreated, linkProcessing, linkProcessing},
	pay.LinkActive:    {linkCreated, linkProcessing, linkProcessing},
	pay.LinkPaused:    {linkCreated, linkProcessing, linkProcessing},
	pay.LinkCompleted: {linkSuccess, linkSuccess, linkSuccess},
	pay.LinkExpired:   {linkExpired, linkExpired, linkProcessing},
	pay.LinkCanceled:  {linkCancelled, linkCancelled, linkCancelled},
}

// underWay reports whether an attempt may still bring money.
func underWay(payments []pay.Payment) bool {
	return slices.ContainsFunc(payments, pay.Payment.Live)
}

// linkStatus is a function of the link and its attempts.
func linkStatus(l pay.Link, payments []pay.Payment) string {
	row := linkStates[l.State]
	switch {
	case underWay(payments):
		return row.live
	case slices.ContainsFunc(payments, func(p pay.Payment) bool { return len(p.Attempts) > 0 }):
		return row.tried
	}
	return row.fresh
}
