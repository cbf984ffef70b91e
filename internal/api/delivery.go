package api

import (
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

type deliveryOut struct {
	ID         string            `json:"id"`
	Object     string            `json:"object"`
	EndpointID pay.EndpointID    `json:"endpoint_id"`
	EventID    pay.EventID       `json:"event_id"`
	EventType  pay.EventKind     `json:"event_type"`
	LinkID     pay.LinkID        `json:"link_id"`
	Sequence   int64             `json:"sequence"`
	State      pay.DeliveryState `json:"state"`
	Tries      int64             `json:"tries"`
	StatusCode *int              `json:"status_code"`
	Problem    *string           `json:"problem"`
	NextTryAt  *time.Time        `json:"next_try_at"`
	FirstTryAt *time.Time        `json:"first_try_at"`
	LastTryAt  *time.Time        `json:"last_try_at"`
	CreatedAt  time.Time         `json:"created_at"`
}

func newDeliveryOut(d pay.Delivery) deliveryOut {
	out := deliveryOut{
		ID: d.ID(), Object: "delivery", EndpointID: d.Endpoint, EventID: d.Event, EventType: d.Kind,
		LinkID: d.Link, Sequence: d.Seq, State: d.State, Tries: d.Tries,
		StatusCode: optional(d.Status), Problem: optional(d.Problem),
		FirstTryAt: optional(d.FirstTry), LastTryAt: optional(d.LastTry), CreatedAt: d.CreatedAt.UTC(),
	}
	if d.State == pay.DeliveryPending {
		out.NextTryAt = optional(d.DueAt)
	}
	return out
}

func (a *API) listDeliveries(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.DeliveryFilter{
		Endpoint: pay.EndpointID(q.text("endpoint_id")), Link: pay.LinkID(q.text("link_id")),
		State: pay.DeliveryState(q.oneOf("state", "pending", "delivered", "exhausted", "skipped")),
		After: q.cursor(), Limit: q.limit(),
	}
	if err := q.err(); err != nil {
		return err
	}
	deliveries, next, err := a.core.Deliveries(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]deliveryOut, 0, len(deliveries))
	for _, d := range deliveries {
		out = append(out, newDeliveryOut(d))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

type replayOut struct {
	Object string `json:"object"`
	Count  int64  `json:"count"`
}

func (a *API) replayOne(w http.ResponseWriter, r request) error {
	if err := decodeOptional(r, &struct{}{}); err != nil {
		return err
	}
	return a.replay(w, r, core.Replay{Delivery: r.PathValue("id")})
}

type replayIn struct {
	EndpointID pay.EndpointID `json:"endpoint_id"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Missing    bool           `json:"missing"`
}

func (in replayIn) check() error {
	var bad pay.Faults
	if in.EndpointID == "" {
		bad.Add("endpoint_id", "required", "is required")
	}
	if in.From.IsZero() && !in.Missing {
		bad.Add("from", "required", "is required, unless missing is true")
	}
	if !in.From.IsZero() && !in.To.IsZero() && !in.From.Before(in.To) {
		bad.Add("to", "too_early", "must be after from")
	}
	return bad.Err()
}

func (a *API) replayRange(w http.ResponseWriter, r request) error {
	var in replayIn
	if err := web.DecodeStrict(r.Request, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	return a.replay(w, r, core.Replay{
		Endpoint: in.EndpointID, From: moment(in.From), To: moment(in.To), Missing: in.Missing,
	})
}

func (a *API) replay(w http.ResponseWriter, r request, cmd core.Replay) error {
	n, err := a.core.Replay(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusAccepted, replayOut{"replay", n})
}
