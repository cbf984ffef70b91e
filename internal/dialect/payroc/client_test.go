package payroc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
)

// client speaks the dialect with the token of one API key.
type client struct {
	t     testing.TB
	h     http.Handler
	token string
}

func newClient(t testing.TB, w *coretest.World, key string) client {
	t.Helper()
	_, h := served(w)
	c := client{t, ticking{h, w.Clock}, ""}
	r := httptest.NewRequest("POST", "/authorize", nil)
	r.Header.Set("X-Api-Key", key)
	var out tokenOut
	if status := c.send(r, &out); status != http.StatusOK || out.AccessToken == "" {
		t.Fatal("no token", status)
	}
	c.token = out.AccessToken
	return c
}

func (c client) send(r *http.Request, out any) (status int) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
		c.t.Errorf("%s %s: %d %s", r.Method, r.URL, w.Code, w.Body)
	}
	return w.Code
}

// call sends a body under a key, both of which may be empty.
func (c client) call(method, path, key, body string, out any) (status int) {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return c.send(r, out)
}

// uuidOf is a UUID v4 for each n.
func uuidOf(n int) string {
	const digits = "0123456789abcdef"
	return "3c1d9f52-6a40-4e0b-9d7e-52b1f0a4c" + string([]byte{digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}

const terminalLinks = "/v1/processing-terminals/" + terminal + "/payment-links"

// body is a create of a link; members replaces or adds some.
func body(members string) string {
	doc := map[string]json.RawMessage{}
	for _, s := range []string{
		`{"type":"singleUse","merchantReference":"invoice-20418","order":{"orderId":"20418-A","charge":{"type":"preset","amount":18500,"currency":"USD"}},
		"authType":"sale","paymentMethods":["card","bankTransfer"],"expiresOn":"2099-12-31"}`, "{" + members + "}",
	} {
		if err := json.Unmarshal([]byte(s), &doc); err != nil {
			panic(err)
		}
	}
	out, _ := json.Marshal(doc)
	return string(out)
}

func (c client) create(key int, members string) (w wireLink) {
	c.t.Helper()
	if status := c.call("POST", terminalLinks, uuidOf(key), body(members), &w); status != http.StatusCreated {
		c.t.Fatalf("create: %d %+v", status, w)
	}
	return w
}

func tokenOf(w wireLink) string { return w.Assets.URL[strings.LastIndexByte(w.Assets.URL, '/')+1:] }

// paid pays as a payer would.
func paid(t testing.TB, w *coretest.World, l wireLink, method pay.MethodID, amount int64, card string) pay.Payment {
	t.Helper()
	w.Clock.Add(time.Millisecond)
	cmd := core.StartPayment{Token: tokenOf(l), Method: method, Amount: amount, From: "192.0.2.7"}
	if method == pay.MethodCard {
		cmd.Fields = map[string]string{"card": card}
	}
	p, err := w.StartPayment(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	goodCard = "4242424242424242"
	badCard  = "4000000000000002"
)

func (c client) status(id string) string {
	c.t.Helper()
	var w wireLink
	if status := c.call("GET", "/v1/payment-links/"+id, "", "", &w); status != http.StatusOK {
		c.t.Fatal(status)
	}
	return w.Status
}

// items are the payments of a list.
func (c client) items(path string) (out []paymentOut) {
	c.t.Helper()
	var list struct{ Data []paymentOut }
	if status := c.call("GET", path, "", "", &list); status != http.StatusOK {
		c.t.Fatalf("%s: %d", path, status)
	}
	return list.Data
}
