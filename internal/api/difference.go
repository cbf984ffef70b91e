package api

import (
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// differenceOut is something that does not agree.
type differenceOut struct {
	ID        pay.DiscrepancyID `json:"id"`
	Object    string            `json:"object"`
	State     string            `json:"state"`
	What      string            `json:"what"`
	Processor string            `json:"processor"`
	Reference string            `json:"reference"`
	LinkID    *pay.LinkID       `json:"link_id"`
	Ours      *string           `json:"ours"`
	Theirs    *string           `json:"theirs"`
	FoundAt   time.Time         `json:"found_at"`
	ClosedAt  *time.Time        `json:"closed_at"`
	ClosedBy  *string           `json:"closed_by"`
	Reason    *string           `json:"reason"`
}

func newDifferenceOut(d pay.Discrepancy) differenceOut {
	out := differenceOut{
		ID: d.ID, Object: "difference", State: "open", What: d.What, Processor: d.Processor, Reference: d.Reference, LinkID: optional(d.Link),
		Ours: optional(d.Ours), Theirs: optional(d.Theirs), FoundAt: d.FoundAt, ClosedAt: optional(d.ClosedAt), ClosedBy: optional(d.ClosedBy), Reason: optional(d.Reason),
	}
	if out.ClosedAt != nil {
		out.State = "closed"
	}
	return out
}

func (a *API) listDifferences(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	state := q.oneOf("state", "open", "closed")
	f := core.DifferenceFilter{Open: state == "open", Closed: state == "closed", After: q.cursor(), Limit: q.limit()}
	if err := q.err(); err != nil {
		return err
	}
	list, next, err := a.core.Differences(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]differenceOut, 0, len(list))
	for _, d := range list {
		out = append(out, newDifferenceOut(d))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

// closeDifference needs no idempotency key: the same call again changes nothing.
func (a *API) closeDifference(w http.ResponseWriter, r request) error {
	if _, err := web.IdempotencyKey(r.Request); err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := decodeOptional(r, &in); err != nil { // without a body the reason is at fault
		return err
	}
	d, err := a.core.CloseDifference(r.Context(), r.who, pay.DiscrepancyID(r.PathValue("id")), in.Reason)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newDifferenceOut(d))
}
