package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// fields are the members that an error names, in order.
func fields(v object) (names []string) {
	list, _ := v["errors"].([]any)
	for _, f := range list {
		names = append(names, f.(object)["field"].(string))
	}
	slices.Sort(names)
	return names
}

func TestEditOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	first := w.must(201, "POST", "/v1/payment_links", everyField)
	path := "/v1/payment_links/" + first["id"].(string)
	got := w.must(200, "PATCH", path, `{"description":"Order 1043, without tea","expires_at":null,"metadata":{"k":"w","l":"x"},
		"methods":{"allowed":["card"]},"page":{"display_name":"Tea Shop"},"payer":{"name":"Bob"},"splits":[]}`)
	if got["version"] != 2.0 || got["url"] != first["url"] || got["expires_at"] != nil || got["description"] != "Order 1043, without tea" {
		t.Errorf("%v", got)
	}
	for name, want := range map[string]string{
		"metadata": `{"k":"w","l":"x"}`, "methods": `{"allowed":["card"],"blocked":[]}`, "splits": `[]`,
		"page":      `{"back_url":"","display_name":"Tea Shop","failure_url":"","pending_url":"","success_url":""}`,
		"starts_at": `"2030-01-01T00:00:00Z"`, "amount": `4999`, "reference": `"1043"`, "capture": `"manual"`, "discount": `1`,
	} {
		if is, _ := json.Marshal(got[name], json.Deterministic(true)); string(is) != want {
			t.Errorf("%s is %s, want %s", name, is, want)
		}
	}
	if got["payer"].(object)["name"] != "Bob" || got["payer"].(object)["email"] != "" {
		t.Errorf("payer is %v", got["payer"])
	}
	if again := w.must(200, "PATCH", path, `{"description":"Order 1043, without tea","splits":null,"methods":{"allowed":["card"],"blocked":[]}}`); again["version"] != 2.0 {
		t.Errorf("an edit that changes nothing makes version %v", again["version"])
	}
	if none := w.must(200, "PATCH", path, ""); none["version"] != 2.0 {
		t.Errorf("no edit makes version %v", none["version"])
	}
	versions := w.must(200, "GET", path+"/versions", "")["data"].([]any)
	if len(versions) != 2 || len(versions[0].(object)["changes"].([]any)) != 0 {
		t.Fatalf("%v", versions)
	}
	told := mustJSON(versions)
	for _, name := range []string{"Bob", "Ada", "ada@example.test"} {
		if strings.Contains(told, name) {
			t.Errorf("%s is told in %s", name, told)
		}
	}
	changes := map[string]object{}
	for _, c := range versions[1].(object)["changes"].([]any) {
		changes[c.(object)["field"].(string)] = c.(object)
	}
	for field, want := range map[string][2]any{
		"description": {"Order 1043", "Order 1043, without tea"}, "expires_at": {"2031-01-01T00:00:00Z", nil}, "metadata.k": {"v", "w"}, "metadata.l": {nil, "x"},
		"methods.allowed": {"card, upi", "card"}, "methods.blocked": {"bnpl", nil}, "splits[0]": {"acct, r, 1.00 EUR, on hold", nil},
		"page.display_name": {"Shop", "Tea Shop"}, "page.success_url": {"https://a.test/s", nil}, "payer": {nil, nil},
	} {
		if c, ok := changes[field]; !ok || c["from"] != want[0] || c["to"] != want[1] {
			t.Errorf("%s is told as %v, want %v", field, c, want)
		}
	}
	if len(changes) != 13 { // those, and three more addresses
		t.Errorf("%d changes: %v", len(changes), changes)
	}
}

func TestEditOfThePrice(t *testing.T) {
	w := newWorld(t, Limits{})
	path := "/v1/payment_links/" + w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD"}`)["id"].(string)
	for i, c := range []struct{ body, amount, open, cart string }{
		{`{"amount":1200,"currency":"EUR"}`, `1200`, `null`, `null`},
		{`{"open_amount":{"minimum":100}}`, `null`, `{"maximum":null,"minimum":100,"suggested":null}`, `null`},
		{`{"cart":{"items":[{"code":"tea","unit_amount":450,"quantity":2}]}}`, `900`, `null`, `{"codes":[],"discount":0,"items":[{"code":"tea","maximum":0,"minimum":0,"name":"","optional":false,"quantity":2,"unit_amount":450}],"shipping":0,"tax_basis_points":0}`},
		{`{"amount":700,"cart":null}`, `700`, `null`, `null`},
		{`{"items":[{"name":"Tea","amount":800}],"discount":100}`, `700`, `null`, `null`},
	} {
		got := w.must(200, "PATCH", path, c.body)
		for name, want := range map[string]string{"amount": c.amount, "open_amount": c.open, "cart": c.cart} {
			if is, _ := json.Marshal(got[name], json.Deterministic(true)); string(is) != want {
				t.Errorf("after %s: %s is %s, want %s", c.body, name, is, want)
			}
		}
		if got["version"] != float64(i+2) || got["currency"] != "EUR" {
			t.Errorf("after %s: version %v, %v", c.body, got["version"], got["currency"])
		}
	}
}

func TestEditIsRefused(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD"}`)
	path := "/v1/payment_links/" + link["id"].(string)
	for body, want := range map[string][]string{
		`{"amount":0}`:                             {"amount"},
		`{"amount":null}`:                          {"amount"},
		`{"amount":1,"open_amount":{}}`:            {"amount"},
		`{"cart":{"items":[]}}`:                    {"cart.items"},
		`{"currency":"usd"}`:                       {"currency"},
		`{"splits":[{"amount":5}]}`:                {"splits[0].account"},
		`{"payer":{"nam":"x"}}`:                    {"payer.nam"},
		`{"page":{"success_url":"ftp://a"}}`:       {"page.success_url"},
		`{"methods":{"allowed":["barter"]}}`:       {"methods.allowed"},
		`{"max_uses":5}`:                           {"max_uses"},
		`{"slug":"other"}`:                         {"slug"},
		`{"description":5}`:                        {"description"},
		`{"starts_at":"tomorrow"}`:                 {"starts_at"},
		`{"payer":{"email":"x","phone":"\u0007"}}`: {"payer.email", "payer.phone"},
	} {
		v := w.must(400, "PATCH", path, body)
		if got := fields(v); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v (%v)", body, got, want, v)
		}
	}
	w.must(422, "PATCH", path, `{"description":"4242 4242 4242 4242"}`)
	if got := w.must(200, "GET", path, ""); got["version"] != 1.0 {
		t.Errorf("version %v after edits that were refused", got["version"])
	}
	edit := func(body string) object { return w.must(200, "PATCH", path, body, "Idempotency-Key", "e1") }
	if a, b := edit(`{"amount":900}`), edit(`{"amount":900}`); a["version"] != 2.0 || b["version"] != 2.0 {
		t.Errorf("%v and %v", a["version"], b["version"])
	}
	if v := w.must(422, "PATCH", path, `{"amount":901}`, "Idempotency-Key", "e1"); v["code"] != "idempotency_key_reused" {
		t.Errorf("%v", v)
	}
	w.must(200, "POST", path+"/cancel", "")
	if v := w.must(409, "PATCH", path, `{"description":"x"}`); v["code"] != "invalid_state" {
		t.Errorf("%v", v)
	}
}

func TestSlug(t *testing.T) {
	w := newWorld(t, Limits{})
	got := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","slug":"club-fee"}`)
	if got["slug"] != "club-fee" || got["url"] != publicURL+"/p/club-fee" || got["qr_png_url"] != publicURL+"/p/club-fee/qr.png" {
		t.Errorf("%v", got)
	}
	feed, _ := httpGet(w, "/v1/events")
	if !strings.Contains(string(feed), `"url":"`+publicURL+`/p/club-fee"`) {
		t.Errorf("the event tells another address: %s", feed)
	}
	if _, err := w.core.SlugToken(t.Context(), "club-fee"); err != nil {
		t.Error(err)
	}
	for _, key := range []string{w.key, w.other} {
		if status, v, _ := w.as(key, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","slug":"club-fee"}`); status != http.StatusConflict || v["code"] != "slug_taken" || fields(v)[0] != "slug" {
			t.Errorf("%d %v", status, v)
		}
	}
	for _, slug := range []string{"ab", "Club", "a_b", "a b", "-ab", strings.Repeat("a", 65), "admin"} {
		if v := w.must(400, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","slug":"`+slug+`"}`); !slices.Equal(fields(v), []string{"slug"}) {
			t.Errorf("%s: %v", slug, v)
		}
	}
	if plain := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD"}`); plain["slug"] != nil {
		t.Errorf("%v", plain["slug"])
	}
}

func TestRefundsOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	p := w.pay(w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD"}`))
	path := "/v1/payments/" + string(p.ID) + "/refunds"
	if v := w.must(400, "POST", path, `{"amount":300}`); !slices.Equal(fields(v), []string{"Idempotency-Key"}) {
		t.Errorf("without a key: %v", v)
	}
	got := w.must(200, "POST", path, `{"amount":300,"reason":"broken"}`, "Idempotency-Key", "r1")
	refunds := got["refunds"].([]any)
	if r := refunds[0].(object); len(refunds) != 1 || r["amount"] != 300.0 || r["reason"] != "broken" || r["state"] != "succeeded" || got["amount_refunded"] != 300.0 {
		t.Errorf("%v", got)
	}
	if again := w.must(200, "POST", path, `{"amount":300,"reason":"broken"}`, "Idempotency-Key", "r1"); !reflect.DeepEqual(again, got) {
		t.Errorf("%v", again)
	}
	w.must(422, "POST", path, `{"amount":301,"reason":"broken"}`, "Idempotency-Key", "r1")
	for body, field := range map[string]string{`{"amount":701}`: "amount", `{"amount":0}`: "amount", `{"amount":-1}`: "amount", `{"reason":"` + strings.Repeat("x", 256) + `"}`: "reason", `{"sum":1}`: "sum"} {
		if v := w.must(400, "POST", path, body, "Idempotency-Key", "bad"); !slices.Equal(fields(v), []string{field}) {
			t.Errorf("%s: %v", body, v)
		}
	}
	if got := w.must(200, "POST", path, "", "Idempotency-Key", "r2"); got["amount_refunded"] != 1000.0 {
		t.Errorf("the rest: %v", got)
	}
	if v := w.must(409, "POST", path, "", "Idempotency-Key", "r3"); v["code"] != "invalid_state" {
		t.Errorf("%v", v)
	}
	if read := w.must(200, "GET", "/v1/payments/"+string(p.ID), ""); len(read["refunds"].([]any)) != 2 {
		t.Errorf("%v", read)
	}
}

func TestSplitsOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","splits":[{"account":"a","amount":300,"on_hold":true},{"account":"b","amount":100,"on_hold":true}]}`)
	path := "/v1/payment_links/" + link["id"].(string) + "/splits/"
	w.must(409, "POST", path+"0/release", "", "Idempotency-Key", "s0")
	w.pay(link)
	w.must(400, "POST", path+"0/release", `{"amount":100}`)
	for range 2 { // the same request again lets go of no more
		w.must(200, "POST", path+"0/release", `{"amount":100}`, "Idempotency-Key", "s1")
	}
	held := func() any { return w.must(200, "GET", "/v1/balance", "")["data"].([]any)[0].(object)["held"] }
	if h := held(); h != 300.0 {
		t.Errorf("%v is held", h)
	}
	w.must(422, "POST", path+"1/release", `{"amount":100}`, "Idempotency-Key", "s1")
	if v := w.must(400, "POST", path+"0/release", `{"amount":201}`, "Idempotency-Key", "s2"); !slices.Equal(fields(v), []string{"amount"}) {
		t.Errorf("%v", v)
	}
	if got := w.must(200, "POST", path+"1/cancel", "", "Idempotency-Key", "s3"); got["splits"].([]any)[1].(object)["on_hold"] != false {
		t.Errorf("%v", got["splits"])
	}
	w.must(409, "POST", path+"1/release", "", "Idempotency-Key", "s4")
	w.must(200, "POST", path+"0/release", "", "Idempotency-Key", "s5")
	if h := held(); h != 0.0 {
		t.Errorf("%v is held at the end", h)
	}
	for _, index := range []string{"2", "-1", "x"} {
		w.must(404, "POST", path+index+"/cancel", "", "Idempotency-Key", "s6")
	}
	w.must(200, "GET", "/v1/events?limit=100", "")
}

func TestReviewsOverTheWire(t *testing.T) {
	w := newWorld(t, Limits{})
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","description":"`+misreported+`"}`)
	p := w.pay(link)
	a := p.Last().ID
	list := w.must(200, "GET", "/v1/reviews", "")["data"].([]any)
	if v := list[0].(object); len(list) != 1 || v["id"] != string(a) || v["link_id"] != link["id"] || v["amount_requested"] != 1000.0 {
		t.Fatalf("%v", list)
	}
	path := "/v1/reviews/" + string(a) + "/decide"
	for body, want := range map[string][]string{
		"":                     {"outcome", "reason"},
		`{"reason":"x"}`:       {"outcome"},
		`{"outcome":"failed"}`: {"reason"},
		`{"outcome":"captured","amount":1001,"reason":"x"}`: {"amount"},
		`{"outcome":"captured","amount":0,"reason":"x"}`:    {"amount"},
		`{"outcome":"voided","amount":5,"reason":"x"}`:      {"amount"},
	} {
		if v := w.must(400, "POST", path, body); !slices.Equal(fields(v), want) {
			t.Errorf("%s: %v", body, v)
		}
	}
	if got := w.must(200, "POST", path, `{"outcome":"captured","reason":"in the day's list"}`); got["state"] != "applied" || got["amount_captured"] != 1000.0 {
		t.Errorf("%v", got)
	}
	w.must(409, "POST", path, `{"outcome":"failed","reason":"x"}`)
	if list := w.must(200, "GET", "/v1/reviews", "")["data"].([]any); len(list) != 0 {
		t.Errorf("%v", list)
	}
	w.must(400, "GET", "/v1/reviews?cursor=x", "")
	reasons := map[string]any{}
	for _, e := range w.must(200, "GET", "/v1/events", "")["data"].([]any) {
		if reason := e.(object)["reason"]; reason != nil {
			reasons[e.(object)["type"].(string)] = reason
		}
	}
	if len(reasons) != 1 || reasons["attempt.captured"] != "in the day's list" {
		t.Errorf("told with reasons: %v", reasons)
	}
	if done := w.must(200, "GET", "/v1/payment_links/"+link["id"].(string), ""); done["state"] != "completed" {
		t.Errorf("%v", done)
	}
}

// The list of versions is read page by page, each change against the version
// before, on whichever page that is.
func TestVersionsPageByPage(t *testing.T) {
	w := newWorld(t, Limits{})
	path := "/v1/payment_links/" + w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD"}`)["id"].(string)
	for _, amount := range []string{"900", "800", "700", "600"} {
		w.must(200, "PATCH", path, `{"amount":`+amount+`}`)
		w.must(200, "POST", path+"/pause", "") // an event of another kind between
		w.must(200, "POST", path+"/resume", "")
	}
	var told []string
	pages, cursor := 0, ""
	for more := true; more; more = cursor != "" {
		page := w.must(200, "GET", path+"/versions?limit=2&cursor="+cursor, "")
		for _, v := range page["data"].([]any) {
			line := fmt.Sprint(v.(object)["version"])
			for _, c := range v.(object)["changes"].([]any) {
				line += fmt.Sprintf(" %v to %v", c.(object)["from"], c.(object)["to"])
			}
			told = append(told, line)
		}
		pages++
		cursor, _ = page["next_cursor"].(string)
	}
	want := []string{"1", "2 10.00 USD to 9.00 USD", "3 9.00 USD to 8.00 USD", "4 8.00 USD to 7.00 USD", "5 7.00 USD to 6.00 USD"}
	if pages != 3 || !slices.Equal(told, want) {
		t.Errorf("%d pages: %q", pages, told)
	}
	if all := w.must(200, "GET", path+"/versions", ""); len(all["data"].([]any)) != 5 || all["next_cursor"] != nil {
		t.Errorf("at once: %v", all)
	}
	for _, query := range []string{"?cursor=x", "?cursor=1~", "?cursor=1~-", "?limit=0", "?page=2"} {
		w.must(400, "GET", path+"/versions"+query, "")
	}
}
