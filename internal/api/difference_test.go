package api

import (
	"slices"
	"strings"
	"testing"

	"paylink/internal/store/storetest"
)

// different breaks the link of a payment and gives the difference that is found.
func (w *world) different(payment string) object {
	w.t.Helper()
	link := w.must(200, "GET", "/v1/payments/"+payment, "")["link_id"].(string)
	storetest.Tamper(w.t, w.db, `UPDATE links SET last_hash = '' WHERE id = '`+link+`'`)
	if n, err := w.core.Prove(w.t.Context()); err != nil || n != 1 {
		w.t.Fatalf("%d breaches, %v", n, err)
	}
	list := w.must(200, "GET", "/v1/differences?state=open", "")["data"].([]any)
	if len(list) != 1 {
		w.t.Fatalf("%v", list)
	}
	d := list[0].(object)
	if d["state"] != "open" || d["link_id"] != link || d["processor"] != "verify" || d["what"] != "E4" || d["theirs"] != nil || d["closed_at"] != nil {
		w.t.Errorf("%v", d)
	}
	return d
}

func TestDifferencesOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","max_uses":5}`)
	d := w.different(string(w.pay(link).ID))
	path := "/v1/differences/" + d["id"].(string) + "/close"
	for body, want := range map[string][]string{
		"":               {"reason"},
		`{"reason":""}`:  {"reason"},
		`{"because":""}`: {"because"},
		`{"reason":"` + strings.Repeat("x", 501) + `"}`: {"reason"},
	} {
		if v := w.must(400, "POST", path, body); !slices.Equal(fields(v), want) {
			t.Errorf("%s: %v", body, v)
		}
	}
	for range 2 {
		if got := w.must(200, "POST", path, `{"reason":"restored"}`, "Idempotency-Key", "c"); got["state"] != "closed" || got["reason"] != "restored" || got["closed_at"] == nil {
			t.Errorf("%v", got)
		}
	}
	w.must(409, "POST", path, `{"reason":"another"}`)
	w.must(404, "POST", "/v1/differences/dif_none/close", `{"reason":"x"}`)
	if list := w.must(200, "GET", "/v1/differences?state=open", "")["data"].([]any); len(list) != 0 {
		t.Errorf("%v", list)
	}
	if list := w.must(200, "GET", "/v1/differences?state=closed&limit=1", "")["data"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
	w.must(400, "GET", "/v1/differences?cursor=x", "")
	w.must(400, "GET", "/v1/differences?state=ajar", "")
}
