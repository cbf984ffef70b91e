package api

import (
	"reflect"
	"strings"
	"testing"
)

// A dispute is played from its opening to its end, and told with its payment,
// by itself, in lists and in events.
func TestDisputes(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1050,"currency":"USD"}`)
	p := "/v1/payments/" + string(w.pay(link).ID)
	for body, field := range map[string]string{`{"amount":0}`: "amount", `{"reason":"greed"}`: "reason", `{"amount":1000000000000}`: "amount", `{"card":1}`: "card"} {
		if v := w.must(400, "POST", p+"/disputes", body); !strings.Contains(mustJSON(v), `"`+field) {
			t.Errorf("%s: %v", body, v)
		}
	}
	w.must(409, "POST", p+"/disputes", `{"amount":1051}`)
	w.must(404, "POST", "/v1/payments/pay_none/disputes", "")
	opened := w.must(201, "POST", p+"/disputes", `{"amount":700,"reason":"duplicate"}`, "Idempotency-Key", "d1")
	if again := w.must(201, "POST", p+"/disputes", `{"amount":700,"reason":"duplicate"}`, "Idempotency-Key", "d1"); again["id"] != opened["id"] {
		t.Errorf("the same key made %v beside %v", again["id"], opened["id"])
	}
	w.must(422, "POST", p+"/disputes", `{"amount":1}`, "Idempotency-Key", "d1")
	if opened["state"] != "open" || opened["link_id"] != link["id"] || opened["reason"] != "duplicate" || opened["respond_by"] == nil {
		t.Errorf("opened: %v", opened)
	}
	w.must(400, "POST", p+"/refunds", `{"amount":351}`, "Idempotency-Key", "r1")
	paid := w.must(200, "GET", p, "")
	if list := paid["disputes"].([]any); len(list) != 1 || list[0].(object)["id"] != opened["id"] || paid["amount_disputed"] != 700.0 || paid["attempts"].([]any)[0].(object)["amount_disputed"] != 700.0 {
		t.Errorf("payment: %v", paid)
	}
	if v := w.must(200, "GET", "/v1/payment_links/"+link["id"].(string), ""); v["money_status"] != "disputed" || v["state"] != "completed" || v["amount_due"] != 0.0 {
		t.Errorf("link: %v", v)
	}
	id := "/v1/disputes/" + opened["id"].(string)
	w.must(400, "POST", id+"/decide", `{"outcome":"open"}`)
	w.must(400, "POST", id+"/decide", "")
	won := w.must(200, "POST", id+"/decide", `{"outcome":"won"}`)
	w.must(200, "POST", id+"/decide", `{"outcome":"won"}`)
	w.must(409, "POST", id+"/decide", `{"outcome":"lost"}`)
	w.must(404, "POST", "/v1/disputes/dsp_none/decide", `{"outcome":"won"}`)
	if read := w.must(200, "GET", id, ""); !reflect.DeepEqual(read, won) || won["state"] != "won" {
		t.Errorf("won: %v, read: %v", won, read)
	}
	second := w.must(201, "POST", p+"/disputes", "")
	if second["amount"] != 1050.0 || second["reason"] != "fraudulent" {
		t.Errorf("all that is left: %v", second)
	}
	first := w.must(200, "GET", "/v1/disputes?limit=1", "")
	if list := first["data"].([]any); len(list) != 1 || list[0].(object)["id"] != second["id"] {
		t.Errorf("newest first: %v", first)
	}
	next := w.must(200, "GET", "/v1/disputes?limit=1&cursor="+first["next_cursor"].(string), "")
	if list := next["data"].([]any); len(list) != 1 || list[0].(object)["id"] != opened["id"] || next["next_cursor"] != nil {
		t.Errorf("the next page: %v", next)
	}
	for query, n := range map[string]int{"state=open": 1, "state=lost": 0, "link_id=" + link["id"].(string): 2, "link_id=0000000000": 0} {
		if v := w.must(200, "GET", "/v1/disputes?"+query, ""); len(v["data"].([]any)) != n {
			t.Errorf("%s: %v", query, v)
		}
	}
	w.must(400, "GET", "/v1/disputes?state=contested", "")
	if body, _ := httpGet(w, "/v1/events?limit=100"); strings.Count(string(body), `"type":"dispute.opened"`) != 2 || strings.Count(string(body), `"type":"dispute.won"`) != 1 {
		t.Errorf("events: %s", body)
	}
	if status, _, _ := w.as(w.other, "GET", id, ""); status != 404 {
		t.Errorf("another merchant reads it: %d", status)
	}
	if status, _, _ := w.as(w.other, "POST", id+"/decide", `{"outcome":"won"}`); status != 404 {
		t.Errorf("another merchant decides it: %d", status)
	}
}
