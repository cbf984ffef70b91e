package api

import (
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// ReadLink says the body of POST /v1/payment_links in our words, its
// fingerprint included. Errors: Invalid with every field at fault.
func ReadLink(body []byte, mode pay.Mode, now time.Time) (cmd core.CreateLink, err error) {
	in := linkIn{MaxUses: 1}
	if err := web.DecodeStrictBytes(body, &in); err != nil {
		return cmd, err
	}
	if err := in.check(mode, now); err != nil {
		return cmd, err
	}
	cmd = core.CreateLink{Fingerprint: fingerprint(createRoute, []string{""}, body), Link: in.link()}
	if in.Slug != "" {
		cmd.Claims = []core.Claim{core.SlugClaim(mode, in.Slug)}
	}
	return cmd, nil
}

func (a *API) createLink(w http.ResponseWriter, r request) error {
	key, err := web.IdempotencyKey(r.Request)
	if err != nil {
		return err
	}
	body, err := web.Body(r.Request)
	if err != nil {
		return err
	}
	cmd, err := ReadLink(body, r.who.Mode, time.Now())
	if err != nil {
		return err
	}
	cmd.Key = key
	made, err := a.core.CreateLink(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	status := http.StatusOK // a link that unique_reference found
	if made.First || made.Replayed {
		status = http.StatusCreated
	}
	if made.Replayed {
		replayed(w)()
	}
	w.Header().Set("Location", "/v1/payment_links/"+string(made.Link.ID))
	return web.JSON(w, status, newLinkOut(made.Link, a.PayURL(a.o.PublicURL, made.Link)))
}

// replayed marks the answer as that of an earlier request with the same key (I3).
func replayed(w http.ResponseWriter) func() {
	return func() { w.Header().Set("Idempotent-Replayed", "true") }
}

func (a *API) listLinks(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.LinkFilter{
		State:     pay.LinkState(q.oneOf("state", "scheduled", "active", "paused", "completed", "expired", "canceled")),
		Reference: q.text("reference"), Text: q.text("q"),
		CreatedFrom: q.time("created_from"), CreatedTo: q.time("created_to"),
		After: q.cursor(), Limit: q.limit(),
	}
	if err := q.err(); err != nil {
		return err
	}
	links, next, err := a.core.Links(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]linkOut, 0, len(links))
	for _, l := range links {
		out = append(out, newLinkOut(l, a.PayURL(a.o.PublicURL, l)))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

func (a *API) getLink(w http.ResponseWriter, r request) error {
	view, err := a.core.Link(r.Context(), r.who, pay.LinkID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return a.linkView(w, view)
}

// moveLink is a route for a move that takes nothing but the link's id.
func (a *API) moveLink(move func(*pay.Tab) error) func(http.ResponseWriter, request) error {
	return func(w http.ResponseWriter, r request) error {
		key, err := web.IdempotencyKey(r.Request)
		if err != nil {
			return err
		}
		print, err := r.fingerprint()
		if err != nil {
			return err
		}
		if err := decodeOptional(r, &struct{}{}); err != nil {
			return err
		}
		view, err := a.core.MoveLink(r.Context(), r.who, core.MoveLink{
			Key: key, Fingerprint: print, Replayed: replayed(w), Link: pay.LinkID(r.PathValue("id")), Move: move,
		})
		if err != nil {
			return err
		}
		return a.linkView(w, view)
	}
}

func (a *API) linkView(w http.ResponseWriter, view core.LinkView) error {
	return web.JSON(w, http.StatusOK, withPayments(newLinkOut(view.Link, a.PayURL(a.o.PublicURL, view.Link)), view.Payments))
}
