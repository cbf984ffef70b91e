package pinelabs

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/dialect"
	"paylink/internal/dialect/dialecttest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
	"paylink/internal/web"
)

// TestConversations plays testdata over a real application.
func TestConversations(t *testing.T) {
	dialecttest.Each(t, func(t *testing.T, file string) {
		storetest.Each(t, func(t *testing.T, o store.Options) { play(t, file, o) })
	})
}

// The second merchant's credential, which must find nothing of the first.
const strangerID = "9b7e0c44-1a2b-4c3d-8e4f-5a6b7c8d9e0f"

func play(t *testing.T, file string, o store.Options) {
	world := coretest.New(t, o)
	world.Clock.Step = time.Millisecond
	provision(t, world, "stranger", strangerID, nil)
	at := world.Clock.Now().UTC()
	d := served(world)
	d.stage(t, world)
	stage := dialecttest.Stage{World: world, Dialect: name, Tell: d.hears}
	stage.Set(t, d.mux)
	dialecttest.Play(t, d.mux, file, map[string]string{
		"client_id": coretest.PineID, "client_secret": coretest.PineSecret, "stranger_id": strangerID,
		"expire_by": at.Add(24 * time.Hour).Format("2006-01-02T15:04:05.909Z"), // .909 as it stands: no trailing zero
		"far":       at.Add(181 * 24 * time.Hour).Format(time.RFC3339),
		"soon":      at.Add(2 * time.Hour).Format(time.RFC3339),
		"today":     at.Format("2006-01-02"), "yesterday": at.Add(-24 * time.Hour).Format("2006-01-02"), "tomorrow": at.Add(24 * time.Hour).Format("2006-01-02"),
		"long_ago": at.Add(-70 * 24 * time.Hour).Format("2006-01-02"),
	})
}

// provision makes a merchant exist with a credential and settings of this dialect.
func provision(t testing.TB, w *coretest.World, id, client string, settings map[string]string) {
	t.Helper()
	_, err := w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{{
		ID: id, Name: "Corner Shop", Country: "IN", Mode: pay.Test, Keys: []core.ProvisionKey{{API: name, Lookup: client, Secret: coretest.PineSecret}},
		Settings: pay.Settings{Dialects: map[string]map[string]string{name: settings}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

// site is the dialect over a world, as an HTTP handler.
type site struct {
	*pinelabs
	mux *web.Mux
}

func served(w *coretest.World) site {
	d := New(w.Core, "https://pay.example").(*pinelabs)
	d.now = w.Clock.Now
	s := site{d, web.NewMux(d.Fail)}
	for _, route := range d.Routes() {
		s.mux.Route(route.Pattern, route.Handle)
	}
	return s
}

// stage adds what others do in a conversation: the payer, the workers, time
// and whoever sets the merchant up.
func (s site) stage(t *testing.T, w *coretest.World) {
	ctx := context.Background()
	say := func(rw http.ResponseWriter, v any) error { return web.JSON(rw, http.StatusOK, v) }
	s.mux.Route("GET /payer/{token}", func(rw http.ResponseWriter, r *http.Request) error {
		v, err := w.OpenPage(ctx, r.PathValue("token"), true)
		if err != nil {
			return err
		}
		return say(rw, map[string]any{"lines": v.Link.Price.Breakdown})
	})
	s.mux.Route("POST /payer/{token}/{card}", func(rw http.ResponseWriter, r *http.Request) error {
		amount, _ := strconv.ParseInt(r.URL.Query().Get("amount"), 10, 64)
		p, err := w.StartPayment(ctx, core.StartPayment{
			Token: r.PathValue("token"), Method: pay.MethodCard, Amount: amount, Fields: map[string]string{"card": r.PathValue("card")},
		})
		if err != nil {
			return err
		}
		return say(rw, map[string]any{"payment": p.State})
	})
	s.mux.Route("POST /work", func(rw http.ResponseWriter, _ *http.Request) error {
		work(t, w)
		return say(rw, map[string]any{})
	})
	s.mux.Route("POST /pass/{time}", func(rw http.ResponseWriter, r *http.Request) error {
		d, err := time.ParseDuration(r.PathValue("time"))
		if err != nil {
			return err
		}
		w.Clock.Add(d)
		if _, err := w.DueLinks(ctx, 100); err != nil {
			return err
		}
		return say(rw, map[string]any{})
	})
	s.mux.Route("POST /set/{key}", func(rw http.ResponseWriter, r *http.Request) error {
		provision(t, w, "shop", coretest.PineID, map[string]string{r.PathValue("key"): "true"})
		return say(rw, map[string]any{})
	})
	s.mux.Route("GET /told/{id}", func(rw http.ResponseWriter, r *http.Request) error {
		v, err := w.LinkByWireID(ctx, w.Pine, r.PathValue("id"))
		if err != nil {
			return err
		}
		return say(rw, map[string]any{"orders": told(t, w, s.Word, v.Link.ID), "links": told(t, w, s.subscribed, v.Link.ID)})
	})
	s.mux.Route("GET /shares/{id}", func(rw http.ResponseWriter, r *http.Request) error {
		v, err := w.LinkByWireID(ctx, w.Pine, r.PathValue("id"))
		if err != nil {
			return err
		}
		list, err := w.Shares(ctx, w.Pine, v.Link.ID, core.Recipient{})
		if err != nil {
			return err
		}
		out := []string{}
		for _, one := range list {
			out = append(out, string(one.Cause)+" "+one.Recipients[0].Name+" "+one.Recipients[0].Email+" "+one.Recipients[0].Phone)
		}
		return say(rw, map[string]any{"newest_first": out})
	})
}

func (s site) subscribed(e pay.Event, m pay.Merchant, base string) (dialect.Message, bool) {
	return s.WordFor([]pay.EventKind{pay.EventLinkCanceled}, e, m, base)
}

// hears is what an endpoint without kinds is told of an event.
func (s site) hears(e pay.Event) string {
	msg, ok := s.Word(e, pay.Merchant{}, "")
	if !ok {
		return ""
	}
	var body struct {
		Type string `json:"event_type"`
		Data struct {
			Status string `json:"status"`
		} `json:"data"`
	}
	if json.Unmarshal(msg.Body, &body) != nil {
		return "not JSON"
	}
	return body.Type + " " + body.Data.Status
}

// told are names and statuses of what the events of a link say.
func told(t *testing.T, w *coretest.World, word func(pay.Event, pay.Merchant, string) (dialect.Message, bool), id pay.LinkID) (list []string) {
	t.Helper()
	list = []string{}
	for seq := int64(1); ; seq++ {
		e, err := w.Store.Event(context.Background(), w.Pine.Tenant, id, seq)
		if err != nil {
			return list
		}
		msg, ok := word(e, pay.Merchant{}, "")
		if !ok {
			continue
		}
		var body struct {
			Type string `json:"event_type"`
			Data struct {
				Status string `json:"status"`
			} `json:"data"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			t.Fatal(err)
		}
		list = append(list, body.Type+" "+body.Data.Status)
	}
}

// work runs what is left to the workers.
func work(t testing.TB, w *coretest.World) {
	t.Helper()
	w.Clock.Add(21 * time.Second)
	jobs, err := w.ClaimOperations(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if err := w.RunOperation(context.Background(), j); err != nil {
			t.Error(err)
		}
	}
}
