package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const (
	defaultOverlap = 24  // hours that an old secret signs beside the new one
	maxOverlap     = 168 // hours
)

type endpointIn struct {
	URL    string          `json:"url"`
	Events []pay.EventKind `json:"events"`
}

func (in endpointIn) check() error {
	var bad pay.Faults
	if in.URL == "" {
		bad.Add("url", "required", "is required")
	}
	address(&bad, "url", in.URL)
	if len(in.Events) > len(pay.EventKinds) {
		bad.Add("events", "too_many", "must name each event at most once")
	}
	for i, kind := range in.Events {
		if !slices.Contains(pay.EventKinds, kind) {
			bad.Add(fmt.Sprintf("events[%d]", i), "unknown_event", "must be the name of an event")
		}
	}
	return bad.Err()
}

// endpointOut shows a secret only in the answer that made it.
type endpointOut struct {
	ID        pay.EndpointID  `json:"id"`
	Object    string          `json:"object"`
	Mode      pay.Mode        `json:"mode"`
	URL       string          `json:"url"`
	Events    []pay.EventKind `json:"events"`
	Enabled   bool            `json:"enabled"`
	Secret    string          `json:"secret,omitempty"`
	Secrets   []secretOut     `json:"secrets"`
	Failures  int64           `json:"failures"`
	FailSince *time.Time      `json:"failing_since"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

type secretOut struct {
	Last4     string     `json:"last4"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func newEndpointOut(e pay.Endpoint) endpointOut {
	out := endpointOut{
		ID: e.ID, Object: "webhook_endpoint", Mode: e.Mode, URL: e.URL, Events: e.Kinds, Enabled: e.Enabled,
		Failures: e.Failures, FailSince: optional(e.FailSince), CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
	}
	for _, s := range e.Secrets {
		out.Secrets = append(out.Secrets, secretOut{last4(s.Value), optional(s.Until)})
	}
	return out
}

// withSecret shows the newest secret, once.
func withSecret(e pay.Endpoint) endpointOut {
	out := newEndpointOut(e)
	if len(e.Secrets) > 0 {
		out.Secret = e.Secrets[0].Value
	}
	return out
}

// last4 are the last four characters of a secret long enough to keep the rest.
func last4(s string) string {
	if len(s) < 16 {
		return ""
	}
	return s[len(s)-4:]
}

func (a *API) createEndpoint(w http.ResponseWriter, r request) error {
	var in endpointIn
	if err := web.DecodeStrict(r.Request, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	e, err := a.core.CreateEndpoint(r.Context(), r.who, core.NewEndpoint{URL: in.URL, Kinds: in.Events})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/webhook_endpoints/"+string(e.ID))
	return web.JSON(w, http.StatusCreated, withSecret(e))
}

func (a *API) listEndpoints(w http.ResponseWriter, r request) error {
	if err := newQuery(r.Request).err(); err != nil {
		return err
	}
	endpoints, err := a.core.Endpoints(r.Context(), r.who)
	if err != nil {
		return err
	}
	out := make([]endpointOut, 0, len(endpoints))
	for _, e := range endpoints {
		out = append(out, newEndpointOut(e))
	}
	return web.JSON(w, http.StatusOK, newList(out, ""))
}

func (a *API) getEndpoint(w http.ResponseWriter, r request) error {
	e, err := a.core.Endpoint(r.Context(), r.who, pay.EndpointID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newEndpointOut(e))
}

type rotateIn struct {
	OverlapHours int64 `json:"overlap_hours"`
}

func (a *API) rotateSecret(w http.ResponseWriter, r request) error {
	in := rotateIn{OverlapHours: defaultOverlap}
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	if in.OverlapHours < 0 || in.OverlapHours > maxOverlap {
		var bad pay.Faults
		bad.Add("overlap_hours", "out_of_range", "must be from 0 to 168")
		return bad.Err()
	}
	id := pay.EndpointID(r.PathValue("id"))
	e, err := a.core.RotateSecret(r.Context(), r.who, id, time.Duration(in.OverlapHours)*time.Hour)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, withSecret(e))
}

func (a *API) enableEndpoint(enabled bool) func(http.ResponseWriter, request) error {
	return func(w http.ResponseWriter, r request) error {
		if err := decodeOptional(r, &struct{}{}); err != nil {
			return err
		}
		e, err := a.core.SetEndpointEnabled(r.Context(), r.who, pay.EndpointID(r.PathValue("id")), enabled)
		if err != nil {
			return err
		}
		return web.JSON(w, http.StatusOK, newEndpointOut(e))
	}
}
