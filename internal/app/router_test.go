package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"paylink/internal/dialect"
	"paylink/internal/web"
)

// fake is a dialect with the routes and the form of credential of a provider.
type fake struct {
	dialect.Dialect
	name   string
	routes []string
	knows  func(r *http.Request) bool
}

func (f fake) Name() string { return f.name }

func (f fake) HasCredential(r *http.Request) bool { return f.knows(r) }

func (f fake) Routes() (list []dialect.Route) {
	for _, pattern := range f.routes {
		list = append(list, dialect.Route{Pattern: pattern, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			_, err := fmt.Fprint(w, f.name)
			return err
		}})
	}
	return list
}

func (f fake) Fail(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(web.Status(err))
	fmt.Fprint(w, f.name)
}

func has(header, prefix string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Header.Get(header) != "" && strings.HasPrefix(r.Header.Get(header), prefix)
	}
}

// fiveDialects are those that live at the root, with some of the routes of
// their sheets: all but one under /api, and patterns that one mux would refuse.
func fiveDialects() (native fake, others []dialect.Dialect) {
	native = fake{name: "native", knows: has("Authorization", "Bearer paylink_"), routes: []string{
		"GET /v1/payments", "POST /v1/payment_links", "GET /docs",
	}}
	return native, []dialect.Dialect{
		fake{name: "portone", knows: has("X-Portone-Client-Key", ""), routes: []string{
			"POST /api/merchant/auth-token", "POST /api/paymentLink", "GET /api/paymentLink/{ref}", "GET /api/paymentLink/{ref}/status",
			"POST /api/{key}/transaction-details", "POST /api/master-merchant/{key}/merchants/payment-links",
		}},
		fake{name: "payengine", knows: has("Authorization", "Basic 0123"), routes: []string{
			"POST /api/payment-links", "GET /api/payment-links/{id}", "DELETE /api/{merchant}/payment-links",
		}},
		fake{name: "xfers", knows: has("Authorization", "Basic dGVzdF"), routes: []string{
			"POST /api/v4/payment_links", "GET /api/v4/payment_links/{id}",
		}},
		fake{name: "payroc", knows: has("Authorization", "Bearer pr"), routes: []string{
			"POST /authorize", "POST /v1/authorize", "GET /v1/payment-links/{id}", "GET /v1/payments",
			"POST /v1/processing-terminals/{id}/payment-links",
		}},
		fake{name: "pinelabs", knows: has("Authorization", "Bearer pl"), routes: []string{
			"POST /api/auth/v1/token", "POST /api/pay/v1/paymentlink", "GET /api/pay/v1/paymentlink/{id}", "GET /api/pay/v1/paymentlink/ref/{ref}",
		}},
	}
}

func TestRouter(t *testing.T) {
	native, others := fiveDialects()
	rt := newRouter(native, others, map[string]string{"pinelabs": "pine.example", "payroc": "pay.example.com"}, "https://paylink.example")
	const pine, xfers, engine, roc = "Authorization: Bearer pl", "Authorization: Basic dGVzdF9h", "Authorization: Basic 0123", "Authorization: Bearer pr"
	for _, c := range []struct {
		method, url, header string
		status              int
		by                  string
	}{
		// Bare paths, each its provider's.
		{"GET", "/v1/payments", "", 200, "native"},
		{"GET", "/v1/payments", roc, 200, "native"}, // collides: the native API has it
		{"POST", "/api/pay/v1/paymentlink", "", 200, "pinelabs"},
		{"GET", "/api/paymentLink/a%2Fb/status", "", 200, "portone"},
		{"POST", "/api/v4/payment_links", "", 200, "xfers"},
		{"POST", "/v1/processing-terminals/1/payment-links", "", 200, "payroc"},
		{"POST", "/authorize", "", 200, "payroc"},
		// Under a prefix.
		{"GET", "/payroc/v1/payments", "", 200, "payroc"},
		{"GET", "/payroc/v1/nothing", "", 404, "payroc"},
		{"GET", "/payroc/", "", 404, "payroc"},
		{"DELETE", "/pinelabs/api/pay/v1/paymentlink/x", "", 405, "pinelabs"},
		// On a host name of its own.
		{"GET", "http://pay.example.com/v1/payments", "", 200, "payroc"},
		{"GET", "http://PAY.example.com.:8443/v1/payments", "", 200, "payroc"},
		{"GET", "http://pay.example.com/v1/payment_links", "", 404, "payroc"},
		{"GET", "http://pine.example/nothing", roc, 404, "pinelabs"},
		// Another method.
		{"PUT", "/api/paymentLink", "", 405, "portone"},
		{"DELETE", "/v1/payments", "", 405, "native"},
		{"GET", "/authorize", "", 405, "payroc"},
		// Unknown, by the longest literal prefix.
		{"GET", "/api/pay/v1/orders/9", xfers, 404, "pinelabs"},
		{"GET", "/api/pay/v2/orders", "", 404, "pinelabs"},
		{"GET", "/api/v4/banks", "", 404, "xfers"},
		{"GET", "/api/paymentLink/a/b/c", "", 404, "portone"},
		{"GET", "/v1/payment-links/a/b/c/d", "", 404, "payroc"},
		{"GET", "/api/payment-linksx", engine, 404, "payengine"}, // segments, not letters
		// Unknown, shared by several: the form of credential decides.
		{"GET", "/api/nothing", pine, 404, "pinelabs"},
		{"GET", "/api/nothing", xfers, 404, "xfers"},
		{"GET", "/api/nothing", engine, 404, "payengine"},
		{"GET", "/api/nothing", "X-Portone-Client-Key: k", 404, "portone"},
		{"GET", "/api/nothing", roc, 404, "native"}, // Payroc has nothing there
		{"GET", "/v1/nothing", roc, 404, "payroc"},
		{"GET", "/v1/nothing", "Authorization: Bearer paylink_test", 404, "native"},
		{"GET", "/v1/nothing", "", 404, "native"},
		{"GET", "/api/nothing", "", 404, "native"},
		{"GET", "/nothing", pine, 404, "native"},
		{"GET", "/", "", 404, "native"},
		{"GET", "/api//pay//v1//x", "", 404, "native"}, // not a redirect
	} {
		r, w := httptest.NewRequest(c.method, c.url, nil), httptest.NewRecorder()
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		rt.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.by {
			t.Errorf("%s %s (%s): %d by %q, want %d by %q", c.method, c.url, c.header, w.Code, w.Body, c.status, c.by)
		}
	}
}
