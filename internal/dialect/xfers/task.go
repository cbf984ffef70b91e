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
	"receive_payment": {statusPending, true, receive},
	"settle":          {statusPaid, true, (*core.Core).SimulateSettlement},
}

// receive pays as the payer would. A payment that waits for the payer makes
// way, as it does when the payer chooses another; one that is on its way does not.
func receive(c *core.Core, ctx context.Context, who pay.Caller, id pay.LinkID) (core.LinkView, error) {
	view, err := c.Link(ctx, who, id)
	if err != nil {
		return view, err
	}
	for _, p := range view.Payments {
		if last := p.Last(); p.State != pay.PaymentOpen || last == nil || last.State != pay.AttemptRequiresAction {
			continue
		}
		if _, err := c.AbandonPayment(ctx, view.Link.Token, p.ID, who.RequestID); err != nil {
			return view, err
		}
	}
	return c.SimulatePayment(ctx, who, id)
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
