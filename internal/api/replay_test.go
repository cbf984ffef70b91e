package api

import (
	"reflect"
	"testing"
)

// The first answer is not marked and every other is, whatever was asked; both
// are the same (I3).
func TestReplayIsMarked(t *testing.T) {
	w := newWorld(t, Limits{})
	paid := func(body string) string {
		return "/v1/payments/" + string(w.pay(w.must(201, "POST", "/v1/payment_links", body)).ID)
	}
	link := "/v1/payment_links/" + w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`)["id"].(string)
	split := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","splits":[{"account":"a","amount":300,"on_hold":true}]}`)
	w.pay(split)
	tickets := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","max_uses":10}`)
	many := "/v1/payment_links/" + tickets["id"].(string)
	w.pay(tickets)
	w.pay(tickets)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`},
		{"PATCH", link, `{"amount":900}`},
		{"PATCH", many, `{"description":"Ten tickets"}`},
		{"POST", link + "/pause", ""},
		{"POST", link + "/resume", ""},
		{"POST", link + "/cancel", ""},
		{"POST", "/v1/payment_links/" + split["id"].(string) + "/splits/0/release", `{"amount":100}`},
		{"POST", paid(`{"amount":1000,"currency":"EUR","capture":"manual"}`) + "/capture", `{"amount":600}`},
		{"POST", paid(`{"amount":1000,"currency":"EUR","capture":"manual"}`) + "/void", ""},
		{"POST", paid(`{"amount":1000,"currency":"EUR"}`) + "/refunds", `{"amount":100}`},
	} {
		key := "k-" + c.path
		status, first, header := w.call(c.method, c.path, c.body, "Idempotency-Key", key)
		again, second, marked := w.call(c.method, c.path, c.body, "Idempotency-Key", key)
		if status >= 300 || status != again || !reflect.DeepEqual(first, second) {
			t.Errorf("%s %s: %d %v, then %d %v", c.method, c.path, status, first, again, second)
		}
		if header.Get("Idempotent-Replayed") != "" || marked.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s %s: marked %q, then %q", c.method, c.path, header.Get("Idempotent-Replayed"), marked.Get("Idempotent-Replayed"))
		}
	}
}
