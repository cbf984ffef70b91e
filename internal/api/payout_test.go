package api

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"paylink/internal/pay"
)

// settle tells of what was settled in a report of such rows.
func (w *world) settle(rows ...string) {
	w.t.Helper()
	who := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: Name}
	results, err := w.core.ImportSettlements(w.t.Context(), who, strings.NewReader("type,processor,reference,amount,currency\n"+strings.Join(rows, "\n")+"\n"))
	if err != nil || len(results) != len(rows) || results[0].Result != "settled" {
		w.t.Fatalf("%+v %v", results, err)
	}
}

func TestPayoutsOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","splits":[{"account":"a","amount":300,"on_hold":true},{"account":"b","amount":100}]}`)
	split := func(v object, i int) object { return v["splits"].([]any)[i].(object) }
	if s := split(link, 0); s["state"] != "planned" || s["held"] != 0.0 || s["free"] != 0.0 || s["transferred"] != 0.0 {
		t.Errorf("%v", s)
	}
	p := w.pay(link)
	w.settle("capture,sandbox," + p.Last().ProcessorRef + ",10.00,USD")
	path := "/v1/payment_links/" + link["id"].(string)
	if v := w.must(200, "GET", path, ""); split(v, 0)["state"] != "held" || split(v, 1)["state"] != "allocated" || split(v, 1)["free"] != 100.0 {
		t.Errorf("%v", v["splits"])
	}

	w.must(400, "POST", "/v1/payouts", `{"currency":"USD"}`) // without a key
	for body, field := range map[string]string{
		`{}`: "currency", `{"currency":"usd"}`: "currency", `{"currency":"USD","amount":0}`: "amount", `{"currency":"USD","amount":1000000000000}`: "amount",
		`{"currency":"USD","sum":1}`: "sum", `{"currency":"USD","reference":"` + strings.Repeat("x", 256) + `"}`: "reference",
	} {
		if v := w.must(400, "POST", "/v1/payouts", body, "Idempotency-Key", "bad"); !slices.Equal(fields(v), []string{field}) {
			t.Errorf("%s: %v", body, v)
		}
	}
	if v := w.must(409, "POST", "/v1/payouts", `{"currency":"USD","amount":601}`, "Idempotency-Key", "p0"); v["code"] != "insufficient_balance" {
		t.Errorf("%v", v)
	}
	first := w.must(201, "POST", "/v1/payouts", `{"currency":"USD","amount":500,"reference":"st-11"}`, "Idempotency-Key", "p1")
	status, again, header := w.as(w.key, "POST", "/v1/payouts", `{"currency":"USD","amount":500,"reference":"st-11"}`, "Idempotency-Key", "p1")
	if status != 201 || !reflect.DeepEqual(again, first) || header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %v %v", status, again, header)
	}
	w.must(422, "POST", "/v1/payouts", `{"currency":"USD","amount":501}`, "Idempotency-Key", "p1")
	if first["type"] != "payout" || first["amount"] != 500.0 || first["reference"] != "st-11" || first["link_id"] != nil || first["split"] != nil {
		t.Errorf("%v", first)
	}
	if rest := w.must(201, "POST", "/v1/payouts", `{"currency":"USD"}`, "Idempotency-Key", "p2"); rest["amount"] != 100.0 {
		t.Errorf("the rest: %v", rest)
	}

	w.must(400, "POST", path+"/splits/1/transfer", "")
	w.must(404, "POST", path+"/splits/2/transfer", "", "Idempotency-Key", "t0")
	if v := w.must(400, "POST", path+"/splits/1/transfer", `{"amount":101}`, "Idempotency-Key", "t0"); !slices.Equal(fields(v), []string{"amount"}) {
		t.Errorf("%v", v)
	}
	w.must(409, "POST", path+"/splits/0/transfer", "", "Idempotency-Key", "t0")
	for range 2 {
		if v := w.must(200, "POST", path+"/splits/1/transfer", `{"amount":40,"reference":"st-12"}`, "Idempotency-Key", "t1"); split(v, 1)["transferred"] != 40.0 || split(v, 1)["free"] != 60.0 {
			t.Errorf("%v", v["splits"])
		}
	}
	if v := w.must(200, "POST", path+"/splits/1/hold", "", "Idempotency-Key", "h1"); split(v, 1)["held"] != 60.0 || split(v, 1)["state"] != "held" || split(v, 1)["on_hold"] != true {
		t.Errorf("%v", v["splits"])
	}
	w.must(409, "POST", path+"/splits/1/hold", "", "Idempotency-Key", "h2")

	all := w.must(200, "GET", "/v1/payouts", "")["data"].([]any)
	moved := w.must(200, "GET", "/v1/payouts?type=transfer&link_id="+link["id"].(string), "")["data"].([]any)
	if tr := moved[0].(object); len(all) != 3 || len(moved) != 1 || tr["type"] != "transfer" || tr["account"] != "b" || tr["split"] != 1.0 || tr["reference"] != "st-12" || tr["amount"] != 40.0 {
		t.Errorf("%v, transfers %v", all, moved)
	}
	if page := w.must(200, "GET", "/v1/payouts?limit=2&type=payout", ""); len(page["data"].([]any)) != 2 || page["next_cursor"] != nil {
		t.Errorf("%v", page)
	}
	w.must(400, "GET", "/v1/payouts?type=other", "")
	w.must(400, "GET", "/v1/payouts?cursor=x", "")
	if read := w.must(200, "GET", "/v1/payouts/"+first["id"].(string), ""); !reflect.DeepEqual(read, first) {
		t.Errorf("%v", read)
	}
	w.must(404, "GET", "/v1/payouts/po_none", "")
	b := w.must(200, "GET", "/v1/balance", "")["data"].([]any)[0].(object)
	if b["available"] != 0.0 || b["held"] != 360.0 || b["owed"] != 0.0 || b["payable"] != 0.0 || b["transferred"] != 40.0 || b["paid_out"] != 600.0 {
		t.Errorf("%v", b)
	}
	var told []string
	for _, e := range w.must(200, "GET", "/v1/events?limit=100", "")["data"].([]any) {
		if kind := e.(object)["type"].(string); strings.HasPrefix(kind, "split.") {
			told = append(told, kind)
		}
	}
	if !slices.Equal(told, []string{"split.held", "split.allocated", "split.transferred", "split.held"}) {
		t.Errorf("told %v", told)
	}
	if _, v, _ := w.as(w.other, "GET", "/v1/payouts", ""); len(v["data"].([]any)) != 0 {
		t.Errorf("another merchant sees %v", v)
	}
}
