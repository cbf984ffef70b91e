package api

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// paymentOut is a payment on the wire; amounts are minor units of currency.
type paymentOut struct {
	ID          pay.PaymentID    `json:"id"`
	Object      string           `json:"object"`
	LinkID      pay.LinkID       `json:"link_id"`
	Number      int64            `json:"number"`
	State       pay.PaymentState `json:"state"`
	Amount      int64            `json:"amount"`
	Currency    pay.Currency     `json:"currency"`
	Captured    int64            `json:"amount_captured"`
	Refunded    int64            `json:"amount_refunded"`
	Disputed    int64            `json:"amount_disputed"`
	Method      pay.MethodID     `json:"method"`
	Instrument  *string          `json:"instrument"`
	FailureCode *string          `json:"failure_code"`
	Attempts    []attemptOut     `json:"attempts"`
	Refunds     []refundOut      `json:"refunds"`
	Disputes    []disputeOut     `json:"disputes"`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
}

// attemptOut leaves out what only the payer or staff may see: the step to take,
// the processor's own words, the keyed hash of the payer's address.
type attemptOut struct {
	ID           pay.AttemptID    `json:"id"`
	State        pay.AttemptState `json:"state"`
	Method       pay.MethodID     `json:"method"`
	Processor    string           `json:"processor"`
	ProcessorRef *string          `json:"processor_reference"`
	Requested    int64            `json:"amount_requested"`
	Choice       *choiceOut       `json:"choice"`
	Authorized   int64            `json:"amount_authorized"`
	Captured     int64            `json:"amount_captured"`
	Refunded     int64            `json:"amount_refunded"`
	Disputed     int64            `json:"amount_disputed"`
	Capture      string           `json:"capture"`
	Captures     []captureOut     `json:"captures"`
	HoldUntil    *time.Time       `json:"authorized_until"`
	Superseded   bool             `json:"superseded"`
	Instrument   *string          `json:"instrument"`
	FailureCode  *string          `json:"failure_code"`
	CreatedAt    time.Time        `json:"created_at"`
	UpdatedAt    time.Time        `json:"updated_at"`
}

// captureOut is one taking of an attempt's money.
type captureOut struct {
	Amount  int64     `json:"amount"`
	Surplus bool      `json:"surplus"`
	At      time.Time `json:"captured_at"`
}

type refundOut struct {
	ID        pay.RefundID    `json:"id"`
	AttemptID pay.AttemptID   `json:"attempt_id"`
	State     pay.RefundState `json:"state"`
	Amount    int64           `json:"amount"`
	Reason    string          `json:"reason"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

func newPaymentOut(p pay.Payment) paymentOut {
	out := paymentOut{
		ID: p.ID, Object: "payment", LinkID: p.Link, Number: p.Number, State: p.State,
		Amount: p.Requested.Minor, Currency: p.Requested.Currency, Captured: p.Captured(), Method: p.Method,
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
	for _, a := range p.Attempts {
		out.Refunded += a.Refunded
		out.Disputed += a.Disputed
		out.Attempts = append(out.Attempts, newAttemptOut(a))
	}
	if n := len(out.Attempts); n > 0 {
		out.Instrument, out.FailureCode = out.Attempts[n-1].Instrument, out.Attempts[n-1].FailureCode
	}
	for _, r := range p.Refunds {
		out.Refunds = append(out.Refunds, refundOut{
			r.ID, r.Attempt, r.State, r.Amount, r.Reason, r.CreatedAt.UTC(), r.UpdatedAt.UTC(),
		})
	}
	for _, d := range p.Disputes {
		out.Disputes = append(out.Disputes, newDisputeOut(d))
	}
	return out
}

func newAttemptOut(a pay.Attempt) attemptOut {
	out := attemptOut{
		ID: a.ID, State: a.State, Method: a.Method, Processor: a.Processor, ProcessorRef: optional(a.ProcessorRef),
		Requested: a.Requested, Authorized: a.Authorized, Captured: a.Captured, Refunded: a.Refunded, Disputed: a.Disputed,
		Capture: captureWord(a.Manual), Captures: []captureOut{}, HoldUntil: optional(a.HoldUntil.UTC()), Choice: newChoiceOut(a.Choice), Superseded: a.Superseded, Instrument: optional(a.Instrument),
		CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
	for _, c := range a.Captures {
		out.Captures = append(out.Captures, captureOut{c.Amount, c.Surplus, c.At.UTC()})
	}
	if a.Failure != nil {
		out.FailureCode = optional(a.Failure.Code)
	}
	return out
}

// WordPayment is a payment in JSON, as every answer has it.
func WordPayment(p pay.Payment) ([]byte, error) {
	return json.Marshal(newPaymentOut(p), json.Deterministic(true))
}

// newPaymentsOut is never nil: a link without payments has an empty list.
func newPaymentsOut(payments []pay.Payment) []paymentOut {
	out := make([]paymentOut, 0, len(payments))
	for _, p := range payments {
		out = append(out, newPaymentOut(p))
	}
	return out
}

func (a *API) listPayments(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.PaymentFilter{
		Link: pay.LinkID(q.text("link_id")), After: q.cursor(), Limit: q.limit(),
		State: pay.PaymentState(q.oneOf("state", "open", "applied", "surplus", "failed", "canceled")),
	}
	if err := q.err(); err != nil {
		return err
	}
	payments, next, err := a.core.Payments(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newList(newPaymentsOut(payments), next))
}

func (a *API) getPayment(w http.ResponseWriter, r request) error {
	p, err := a.core.Payment(r.Context(), r.who, pay.PaymentID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(p))
}

type amountIn struct {
	Amount *int64 `json:"amount"`
}

type captureIn struct {
	Amount *int64 `json:"amount"`
	Final  *bool  `json:"final"`
}

// optionalAmount is the amount of a body that may be left out; 0 where there is
// none.
func optionalAmount(r request) (int64, error) {
	var in amountIn
	if err := decodeOptional(r, &in); err != nil || in.Amount == nil {
		return 0, err
	}
	var bad pay.Faults
	minor(&bad, "amount", *in.Amount, 1)
	return *in.Amount, bad.Err()
}

func (a *API) capture(w http.ResponseWriter, r request) error {
	key, print, err := requiredKey(r)
	if err != nil {
		return err
	}
	var in captureIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	cmd := core.CapturePayment{Key: key, Fingerprint: print, Replayed: replayed(w), Payment: pay.PaymentID(r.PathValue("id")), Keep: in.Final != nil && !*in.Final}
	if in.Amount != nil {
		var bad pay.Faults
		if minor(&bad, "amount", *in.Amount, 1); bad.Err() != nil {
			return bad.Err()
		}
		cmd.Amount = *in.Amount
	}
	p, err := a.core.Capture(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(p))
}

func (a *API) void(w http.ResponseWriter, r request) error {
	key, print, err := requiredKey(r)
	if err != nil {
		return err
	}
	if err := decodeOptional(r, &struct{}{}); err != nil {
		return err
	}
	p, err := a.core.Void(r.Context(), r.who, core.VoidPayment{Key: key, Fingerprint: print, Replayed: replayed(w), Payment: pay.PaymentID(r.PathValue("id"))})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(p))
}

// requiredKey is the idempotency key of a request that moves money (I1).
func requiredKey(r request) (key, print string, err error) {
	key, err = web.IdempotencyKey(r.Request)
	if err != nil {
		return "", "", err
	}
	if key == "" {
		var bad pay.Faults
		bad.Add("Idempotency-Key", "required", "is required for this request")
		return "", "", bad.Err()
	}
	print, err = r.fingerprint()
	return key, print, err
}

// decodeOptional decodes a body that may be left out.
func decodeOptional(r request, v any) error {
	body, err := web.Body(r.Request)
	if err != nil || len(body) == 0 {
		return err
	}
	return web.DecodeStrict(r.Request, v)
}
