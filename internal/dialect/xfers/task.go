package xfers

import (
	"context"
	"net/http"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// action is what a task may do to a link (sheet 4.3).
type action struct {
	from     string // the status in which it may
	testOnly bool
	do       func(*core.Core, context.Context, pay.Caller, pay.LinkID) (core.LinkView, error)
}

var actions = map[string]action{
	"cancel":          {statusPending, false, (*core.Core).CancelLink},
	"receive_payment": {statusPending, true, (*core.Core).SimulatePayment},
	"settle":          {statusPaid, true, (*core.Core).SimulateSettlement},
}

// taskOut has no id. Its options are there for one client that cannot do
// without.
type taskOut struct {
	Type       string         `json:"type"`
	Attributes taskAttributes `json:"attributes"`
}

type taskAttributes struct {
	TargetID   string      `json:"targetId"`
	TargetType string      `json:"targetType"`
	Action     string      `json:"action"`
	Options    taskOptions `json:"options"`
}

type taskOptions struct {
	Amount string `json:"amount"`
}

// task cancels a link, or plays the payer and the bank in the sandbox.
func (d *xfers) task(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	view, err := d.find(r, who)
	if err != nil {
		return err
	}
	var in struct {
		Action text `json:"action"`
	}
	if err := attributes(r, &in); err != nil {
		return err
	}
	a, ok := actions[in.Action.value]
	switch status := linkStatus(view.Link, view.Payments); {
	case !ok:
		return invalid("action", "unknown_action", "must be cancel, receive_payment or settle")
	case a.testOnly && who.Mode != pay.Test:
		return errLive
	case status != a.from:
		return pay.ErrState("%s is not possible when the payment link is %s", in.Action.value, status)
	}
	if view, err = a.do(d.core, r.Context(), who, view.Link.ID); err != nil {
		return err
	}
	return web.JSONAs(w, http.StatusOK, contentType, dataOut{taskOut{"task", taskAttributes{
		view.Link.WireID, typeLink, in.Action.value, taskOptions{wireAmount(view.Link.Price.Amount)},
	}}})
}
