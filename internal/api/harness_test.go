package api

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/go-json-experiment/json"

	"paylink/internal/core"
	"paylink/internal/egress"
	"paylink/internal/method"
	"paylink/internal/method/card"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
	"paylink/internal/web"
)

const publicURL = "http://pay.example.test"

// world is the API over the real core and an SQLite file.
type world struct {
	t       *testing.T
	db      store.Options
	core    *core.Core
	api     *API
	handler http.Handler
	router  routers.Router
	key     string // of merchant shop, test mode
	other   string // of merchant stall, test mode
}

// misreported is the description of a link whose payments the processor names
// with too large an amount.
const misreported = "misreported"

type misreporting struct{ *sandbox.Driver }

func (d misreporting) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.Driver.Start(ctx, o)
	if o.Description == misreported {
		out.Captured, out.Authorized = out.Captured+1, out.Authorized+1
	}
	return out, err
}

func newWorld(t *testing.T, limits Limits) *world {
	t.Helper()
	ctx := context.Background()
	db := store.Options{Path: filepath.Join(t.TempDir(), "paylink.db")}
	st := storetest.Open(t, db)
	keys, err := core.OpenKeys(ctx, st, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	st.UseSealer(keys)
	box, err := sandbox.New(store.Sandbox{Store: st}, sandbox.Options{PublicURL: publicURL, Secret: bytes.Repeat([]byte{1}, 32), Now: st.Now})
	if err != nil {
		t.Fatal(err)
	}
	out := egress.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	t.Cleanup(out.Close)
	c := core.New(core.Options{
		Store: st, Keys: keys, Processors: []processor.Driver{misreporting{box}}, Methods: []method.Method{card.Method},
		Log: slog.New(slog.DiscardHandler), PublicURL: publicURL, CheckURL: out.CheckURL,
	})
	made, err := c.Provision(ctx, core.Provision{Merchants: []core.ProvisionMerchant{
		{ID: "shop", Name: "Shop", Country: "DE", Mode: pay.Test, Keys: []core.ProvisionKey{{API: Name}}},
		{ID: "stall", Name: "Stall", Mode: pay.Test, Keys: []core.ProvisionKey{{API: Name}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a := New(c, Options{PublicURL: publicURL, Version: "1.2.3", Limits: limits})
	mux := http.NewServeMux()
	for _, route := range a.Routes() {
		mux.Handle(route.Pattern, web.Handle(route.Handle, a.Fail))
	}
	w := &world{t: t, db: db, core: c, api: a, handler: web.Edge(slog.New(slog.DiscardHandler), mux, web.EdgeOptions{})}
	for _, s := range made {
		if s.Name == "key" && s.Merchant == "shop" {
			w.key = s.Value
		} else if s.Name == "key" {
			w.other = s.Value
		}
	}
	doc := loadDocument(t, a)
	doc.Servers = nil // any host
	if w.router, err = legacy.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return w
}

func loadDocument(t *testing.T, a *API) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(a.doc.json)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

type object = map[string]any

// call makes a request as shop and holds the answer against the description.
func (w *world) call(method, path, body string, header ...string) (int, object, http.Header) {
	w.t.Helper()
	return w.as(w.key, method, path, body, header...)
}

func (w *world) as(key, method, path, body string, header ...string) (int, object, http.Header) {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	w.compare(r, out)
	var v object
	if out.Body.Len() > 0 {
		if err := json.Unmarshal(out.Body.Bytes(), &v); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, out.Body)
		}
	}
	return out.Code, v, out.Header()
}

// compare holds an answer against docs/openapi.yaml.
func (w *world) compare(r *http.Request, out *httptest.ResponseRecorder) {
	w.t.Helper()
	route, params, err := w.router.FindRoute(r)
	if err != nil {
		w.t.Errorf("%s %s is not in the description: %v", r.Method, r.URL.Path, err)
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 out.Code, Header: out.Header(),
		Body:    io.NopCloser(bytes.NewReader(out.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		w.t.Errorf("%s %s %d differs from its description: %v", r.Method, r.URL.Path, out.Code, err)
	}
}

// must is call that has to answer with a status.
func (w *world) must(status int, method, path, body string, header ...string) object {
	w.t.Helper()
	got, v, _ := w.call(method, path, body, header...)
	if got != status {
		w.t.Fatalf("%s %s is %d, want %d: %v", method, path, got, status, v)
	}
	return v
}

// pay pays a link by card, as the payer's page does.
func (w *world) pay(link object) pay.Payment {
	w.t.Helper()
	_, token, _ := strings.Cut(link["url"].(string), "/l/")
	p, err := w.core.StartPayment(context.Background(), core.StartPayment{
		Token: token, Method: pay.MethodCard, Fields: map[string]string{"card": "4242424242424242"}, From: "192.0.2.1", RequestID: "req_test", Version: 1,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func soon() string { return time.Now().Add(time.Hour).UTC().Format(time.RFC3339) }

func httpGet(w *world, path string) ([]byte, int) {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+w.key)
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return out.Body.Bytes(), out.Code
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
