package api

import (
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// reviewOut is an attempt that waits for a person's decision.
type reviewOut struct {
	ID           pay.AttemptID `json:"id"`
	Object       string        `json:"object"`
	LinkID       pay.LinkID    `json:"link_id"`
	PaymentID    pay.PaymentID `json:"payment_id"`
	Method       pay.MethodID  `json:"method"`
	Processor    string        `json:"processor"`
	ProcessorRef *string       `json:"processor_reference"`
	Requested    int64         `json:"amount_requested"`
	Authorized   int64         `json:"amount_authorized"`
	Currency     pay.Currency  `json:"currency"`
	CreatedAt    time.Time     `json:"created_at"`
	Since        time.Time     `json:"in_review_since"`
}

func (a *API) listReviews(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	after, limit := q.cursor(), q.limit()
	if err := q.err(); err != nil {
		return err
	}
	reviews, next, err := a.core.Reviews(r.Context(), r.who, after, limit)
	if err != nil {
		return err
	}
	out := make([]reviewOut, 0, len(reviews))
	for _, v := range reviews {
		out = append(out, reviewOut{
			ID: v.ID, Object: "review", LinkID: v.Link, PaymentID: v.Payment, Method: v.Method, Processor: v.Processor,
			ProcessorRef: optional(v.ProcessorRef), Requested: v.Requested, Authorized: v.Authorized, Currency: v.Currency,
			CreatedAt: v.CreatedAt.UTC(), Since: v.UpdatedAt.UTC(),
		})
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

type decisionIn struct {
	Outcome      pay.AttemptState `json:"outcome"`
	Amount       *int64           `json:"amount"`
	ProcessorRef string           `json:"processor_reference"`
	Reason       string           `json:"reason"`
}

func (a *API) decideReview(w http.ResponseWriter, r request) error {
	key, err := web.IdempotencyKey(r.Request)
	if err != nil {
		return err
	}
	print, err := r.fingerprint()
	if err != nil {
		return err
	}
	var in decisionIn
	if err := decodeOptional(r, &in); err != nil { // without a body outcome and reason are at fault
		return err
	}
	cmd := core.DecideReview{Key: key, Fingerprint: print, Replayed: replayed(w), Decision: pay.Decision{
		Attempt: pay.AttemptID(r.PathValue("id")), Outcome: in.Outcome, ProcessorRef: in.ProcessorRef, Reason: in.Reason,
	}}
	if in.Amount != nil {
		var bad pay.Faults
		minor(&bad, "amount", *in.Amount, 1)
		if err := bad.Err(); err != nil {
			return err
		}
		cmd.Decision.Amount = *in.Amount
	}
	p, err := a.core.DecideReview(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(p))
}
