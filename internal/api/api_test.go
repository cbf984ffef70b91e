package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"paylink/internal/pay"
	"paylink/internal/web"
)

func TestDescription(t *testing.T) {
	a := New(nil, Options{PublicURL: publicURL + "/", Version: "1.2.3"})
	doc := loadDocument(t, a)
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Version != "1.2.3" || doc.Servers[0].URL != publicURL {
		t.Errorf("version %q, server %q", doc.Info.Version, doc.Servers[0].URL)
	}
	var want, got []string
	for _, route := range a.Routes() {
		want = append(want, route.Pattern)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			got = append(got, method+" "+path)
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || op.Responses == nil {
				t.Errorf("%s %s lacks an id, a summary, a tag or answers", method, path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("routes %v\npaths  %v", want, got)
	}
	kinds := doc.Components.Schemas["EventType"].Value.Enum
	if len(kinds) != len(pay.EventKinds) {
		t.Errorf("%d events are described, want %d", len(kinds), len(pay.EventKinds))
	}
	for _, kind := range pay.EventKinds {
		if !slices.Contains(kinds, any(string(kind))) {
			t.Errorf("%s is not described", kind)
		}
	}
	for _, id := range pay.KnownMethods {
		if !slices.Contains(doc.Components.Schemas["Method"].Value.Enum, any(string(id))) {
			t.Errorf("%s is not described", id)
		}
	}
	for name, schema := range doc.Components.Schemas {
		described(t, name, schema)
	}
}

// described: every object of the description says what it is.
func described(t *testing.T, name string, schema *openapi3.SchemaRef) {
	if schema.Value.Description == "" {
		t.Errorf("schema %s has no description", name)
	}
}

func TestDocsPage(t *testing.T) {
	w := newWorld(t, Limits{})
	r := httptest.NewRequest("GET", "/docs", nil)
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	page := out.Body.String()
	if out.Code != 200 || strings.Contains(page, "<script") || strings.Contains(page, "ZgotmplZ") || !strings.Contains(out.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", out.Code, out.Header())
	}
	for _, route := range w.api.Routes() {
		_, path, _ := strings.Cut(route.Pattern, " ")
		if !strings.Contains(page, path+"</code>") {
			t.Errorf("%s is not on the page", path)
		}
	}
	for _, code := range []string{"not_found", "invalid_request", "idempotency_key_reused"} {
		if !strings.Contains(page, `id="error-`+code+`"`) {
			t.Errorf("%s is not explained", code)
		}
	}
	if got := w.must(200, "GET", "/v1/openapi.json", ""); got["openapi"] != "3.1.0" {
		t.Errorf("openapi.json is %v", got["openapi"])
	}
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t, Limits{MissesPerMinute: -1})
	for _, route := range w.api.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if !strings.HasPrefix(path, "/v1/") || strings.Contains(path, "callbacks") || strings.Contains(path, "openapi") {
			continue
		}
		path = strings.ReplaceAll(path, "{id}", "x")
		for _, key := range []string{"", "wrong", w.key + "x", "paylink_test_sk_AAAAAAAAAAAA_" + strings.Repeat("A", 49)} {
			status, body, header := w.as(key, method, path, "")
			if status != 401 || body["code"] != "unauthorized" || header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with a bad key is %d %v", method, path, status, body)
			}
		}
	}
	got := w.must(200, "GET", "/v1/account", "")
	if got["id"] != "shop" || got["mode"] != "test" || got["country"] != "DE" {
		t.Errorf("account is %v", got)
	}
}

func TestTenants(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","capture":"manual"}`)
	p := w.pay(link)
	hook := w.must(201, "POST", "/v1/webhook_endpoints", `{"url":"http://127.0.0.1/hook"}`)
	w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`)
	delivery := w.must(200, "GET", "/v1/deliveries", "")["data"].([]any)[0].(object)["id"].(string)
	disputed := w.must(201, "POST", "/v1/payments/"+string(w.pay(w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`)).ID)+"/disputes", "")
	different := w.different(disputed["payment_id"].(string))
	w.settle("adjustment,sandbox,a1,5.00,EUR")
	payout := w.must(201, "POST", "/v1/payouts", `{"currency":"EUR"}`, "Idempotency-Key", "p")["id"].(string)
	ids := map[string]string{
		"payment_links": link["id"].(string), "payments": string(p.ID), "webhook_endpoints": hook["id"].(string), "deliveries": delivery,
		"reviews": string(p.Last().ID), "payouts": payout, "disputes": disputed["id"].(string), "differences": different["id"].(string),
	}
	for _, route := range w.api.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if !strings.Contains(path, "{id}") {
			continue
		}
		kind := strings.Split(path, "/")[2]
		status, body, _ := w.as(w.other, method, strings.ReplaceAll(path, "{id}", ids[kind]), "", "Idempotency-Key", "k-"+path)
		if status != 404 {
			t.Errorf("%s of another merchant is %d %v", route.Pattern, status, body)
		}
	}
	for _, path := range []string{"/v1/payment_links", "/v1/payments", "/v1/webhook_endpoints", "/v1/deliveries", "/v1/events", "/v1/payouts", "/v1/reviews", "/v1/disputes", "/v1/differences"} {
		if _, body, _ := w.as(w.other, "GET", path, ""); len(body["data"].([]any)) != 0 {
			t.Errorf("%s shows another merchant's: %v", path, body)
		}
	}
}

func TestRateLimits(t *testing.T) {
	w := newWorld(t, Limits{PerKey: 1, PerKeyBurst: 3, MissesPerMinute: 2})
	for i := range 4 {
		status, body, header := w.call("GET", "/v1/account", "")
		if want := []int{200, 200, 200, 429}[i]; status != want {
			t.Errorf("call %d is %d %v", i, status, body)
		}
		if status == 429 && header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", header.Get("Retry-After"))
		}
	}
	for i := range 3 {
		status, _, _ := w.as("wrong", "GET", "/v1/account", "")
		if want := []int{401, 401, 429}[i]; status != want {
			t.Errorf("miss %d is %d", i, status)
		}
	}
}

func TestCallbackIsVerified(t *testing.T) {
	w := newWorld(t, Limits{})
	for path, want := range map[string]int{
		"/v1/callbacks/sandbox/shop/test": 401, "/v1/callbacks/other/shop/test": 404, "/v1/callbacks/sandbox/shop/odd": 404,
	} {
		if status, body, _ := w.as("", "POST", path, `{"id":"x"}`); status != want {
			t.Errorf("%s is %d %v, want %d", path, status, body, want)
		}
	}
}

func TestFailWordsUnknownPaths(t *testing.T) {
	a := New(nil, Options{})
	out := httptest.NewRecorder()
	web.Handle(func(http.ResponseWriter, *http.Request) error { return pay.ErrNotFound }, a.Fail).ServeHTTP(out, httptest.NewRequest("GET", "/v1/x", nil))
	if out.Code != 404 || !strings.Contains(out.Body.String(), `"code":"not_found"`) {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	if fmt.Sprint(a.Name(), a.NewWireID("", "", soonTime())) != "native" {
		t.Error("name or wire id")
	}
}
