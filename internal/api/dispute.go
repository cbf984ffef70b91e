package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// disputeOut is a dispute on the wire. The processor's own words are left out.
type disputeOut struct {
	ID           pay.DisputeID    `json:"id"`
	Object       string           `json:"object"`
	PaymentID    pay.PaymentID    `json:"payment_id"`
	AttemptID    pay.AttemptID    `json:"attempt_id"`
	State        pay.DisputeState `json:"state"`
	Amount       int64            `json:"amount"`
	Currency     pay.Currency     `json:"currency"`
	Reason       string           `json:"reason"`
	Processor    string           `json:"processor"`
	ProcessorRef string           `json:"processor_reference"`
	RespondBy    *time.Time       `json:"respond_by"`
	CreatedAt    time.Time        `json:"created_at"`
	UpdatedAt    time.Time        `json:"updated_at"`
}

// linkDisputeOut is one by itself, with the link that it is about.
type linkDisputeOut struct {
	disputeOut `json:",inline"`
	LinkID     pay.LinkID `json:"link_id"`
}

func newDisputeOut(d pay.Dispute) disputeOut {
	return disputeOut{
		ID: d.ID, Object: "dispute", PaymentID: d.Payment, AttemptID: d.Attempt, State: d.State, Amount: d.Amount, Currency: d.Currency, Reason: d.Reason,
		Processor: d.Processor, ProcessorRef: d.ProcessorRef, RespondBy: optional(d.RespondBy.UTC()), CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

func newLinkDisputeOut(v core.DisputeView) linkDisputeOut {
	return linkDisputeOut{newDisputeOut(v.Dispute), v.Link}
}

func (a *API) listDisputes(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.DisputeFilter{
		Link: pay.LinkID(q.text("link_id")), After: q.cursor(), Limit: q.limit(),
		State: pay.DisputeState(q.oneOf("state", "open", "won", "lost", "accepted")),
	}
	if err := q.err(); err != nil {
		return err
	}
	disputes, next, err := a.core.Disputes(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]linkDisputeOut, 0, len(disputes))
	for _, v := range disputes {
		out = append(out, newLinkDisputeOut(v))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

func (a *API) getDispute(w http.ResponseWriter, r request) error {
	v, err := a.core.Dispute(r.Context(), r.who, pay.DisputeID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newLinkDisputeOut(v))
}

type newDisputeIn struct {
	Amount *int64 `json:"amount"`
	Reason string `json:"reason"`
}

// check finds every field that is not of the right form.
func (in newDisputeIn) check() error {
	var bad pay.Faults
	if in.Amount != nil {
		minor(&bad, "amount", *in.Amount, 1)
	}
	if in.Reason != "" && !slices.Contains(pay.DisputeReasons, in.Reason) {
		bad.Add("reason", "not_allowed", "must be one of "+strings.Join(pay.DisputeReasons, ", "))
	}
	return bad.Err()
}

// openDispute plays a payer's bank, in test mode.
func (a *API) openDispute(w http.ResponseWriter, r request) error {
	key, err := web.IdempotencyKey(r.Request)
	if err != nil {
		return err
	}
	var in newDisputeIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	cmd := core.SimulateDispute{Key: key, Payment: pay.PaymentID(r.PathValue("id")), Reason: in.Reason}
	if in.Amount != nil {
		cmd.Amount = *in.Amount
	}
	v, err := a.core.SimulateDispute(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, newLinkDisputeOut(v))
}

type disputeDecisionIn struct {
	Outcome pay.DisputeState `json:"outcome"`
}

// decideDispute plays its decision, in test mode.
func (a *API) decideDispute(w http.ResponseWriter, r request) error {
	if _, err := web.IdempotencyKey(r.Request); err != nil { // the same decision again changes nothing, with a key or without
		return err
	}
	var in disputeDecisionIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	v, err := a.core.SimulateDecision(r.Context(), r.who, pay.DisputeID(r.PathValue("id")), in.Outcome)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newLinkDisputeOut(v))
}
