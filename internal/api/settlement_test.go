package api

import (
	"strings"
	"testing"

	"paylink/internal/core"
	"paylink/internal/pay"
)

func TestSettlementsAndBalance(t *testing.T) {
	w := newWorld(t, Limits{})
	if v := w.must(200, "GET", "/v1/balance", ""); len(v["data"].([]any)) != 0 {
		t.Errorf("before anything moved: %v", v)
	}
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1050,"currency":"USD","max_uses":3,
		"splits":[{"account":"partner","percent":2500,"on_hold":true},{"account":"other","amount":50}]}`)
	if s := link["splits"].([]any)[0].(object); s["percent"] != 2500.0 || s["amount"] != 0.0 {
		t.Errorf("a split by percentage: %v", s)
	}
	first, second := w.pay(link), w.pay(link)
	who := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: Name}
	results, err := w.core.ImportSettlements(t.Context(), who, strings.NewReader("type,processor,reference,amount,currency,fee,settled_at\n"+
		"capture,sandbox,"+first.Last().ProcessorRef+",10.50,USD,0.50,2026-01-31\nadjustment,sandbox,a1,1.00,USD,,\n"))
	if err != nil || len(results) != 2 || results[0].Result != core.RowSettled {
		t.Fatalf("%+v %v", results, err)
	}
	b := w.must(200, "GET", "/v1/balance", "")["data"].([]any)[0].(object)
	if b["currency"] != "USD" || b["pending"] != 1050.0 || b["held"] != 526.0 || b["available"] != 1100.0-526 {
		t.Errorf("balance: %v", b)
	}

	var seen []string
	for path := "/v1/settlements?limit=1"; ; {
		v := w.must(200, "GET", path, "")
		for _, s := range v["data"].([]any) {
			line := s.(object)
			seen = append(seen, line["type"].(string)+" "+line["state"].(string))
		}
		next, more := v["next_cursor"].(string)
		if !more {
			break
		}
		path = "/v1/settlements?limit=1&cursor=" + next
	}
	if got := strings.Join(seen, ", "); len(seen) != 4 || !strings.Contains(got, "capture expected") || !strings.Contains(got, "capture settled") {
		t.Errorf("lines: %s", got)
	}
	open := w.must(200, "GET", "/v1/settlements?state=expected&link_id="+link["id"].(string), "")["data"].([]any)
	if len(open) != 1 || open[0].(object)["payment_id"] != string(second.ID) || open[0].(object)["settled_at"] != nil {
		t.Errorf("open: %v", open)
	}
	if v := w.must(400, "GET", "/v1/settlements?state=paid", ""); !strings.Contains(mustJSON(v), "state") {
		t.Errorf("%v", v)
	}
	w.must(400, "GET", "/v1/settlements?cursor=x", "")
	if _, v, _ := w.as(w.other, "GET", "/v1/settlements", ""); len(v["data"].([]any)) != 0 {
		t.Errorf("another merchant sees %v", v)
	}
	if _, v, _ := w.as(w.other, "GET", "/v1/balance", ""); len(v["data"].([]any)) != 0 {
		t.Errorf("another merchant sees %v", v)
	}
}

func TestSplitPercent(t *testing.T) {
	w := newWorld(t, Limits{})
	for body, want := range map[string]string{
		`{"percent":10001}`:                     "splits[0].percent",
		`{"percent":-1}`:                        "splits[0].percent",
		`{"percent":5,"amount":5}`:              "splits[0].percent",
		`{"percent":9000},{"amount":106}`:       "splits",
		`{"percent":0}`:                         "",
		`{"percent":9000,"account":"a"}`:        "",
		`{"percent":9000,"reference":"ref-17"}`: "",
	} {
		body = strings.ReplaceAll(strings.ReplaceAll(body, `"account":"a"`, `"on_hold":false`), `{"`, `{"account":"x","`)
		status := 400
		if want == "" {
			status = 201
		}
		v := w.must(status, "POST", "/v1/payment_links", `{"amount":1050,"currency":"USD","splits":[`+body+`]}`)
		if !strings.Contains(mustJSON(v), `"`+want) {
			t.Errorf("%s: %v", body, v)
		}
	}
}
