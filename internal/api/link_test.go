package api

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"paylink/internal/core"
	"paylink/internal/pay"
)

func soonTime() time.Time { return time.Now().Add(time.Hour) }

// everyField is a body with every field of a fixed link.
const everyField = `{
	"amount": 4999, "currency": "EUR", "description": "Order 1043", "reference": "1043", "unique_reference": "u-1043",
	"starts_at": "2030-01-01T00:00:00Z", "expires_at": "2031-01-01T01:00:00+01:00", "max_uses": 3, "capture": "manual",
	"methods": {"allowed": ["card", "upi"], "blocked": ["bnpl"]},
	"method_prices": {"upi": {"amount": 4899, "note": "cheaper"}},
	"items": [{"code": "a", "name": "Tea", "quantity": 2, "amount": 4999}], "discount": 1, "shipping": 2, "tax": 3,
	"splits": [{"account": "acct", "reference": "r", "amount": 100, "on_hold": true}],
	"payer": {"name": "Ada", "email": "ada@example.test", "phone": "+12025550123", "reference": "p", "tax_number": "t",
		"billing_address": {"lines": ["1 Road"], "city": "Town", "region": "R", "postcode": "1", "country": "DE"},
		"shipping_address": {"lines": [], "city": "Town", "region": "", "postcode": "", "country": ""},
		"account": {"number": "n", "bank_code": "c", "bank": "b"}},
	"page": {"display_name": "Shop", "success_url": "https://a.test/s", "failure_url": "https://a.test/f", "pending_url": "https://a.test/p", "back_url": "https://a.test/b"},
	"metadata": {"k": "v"}
}`

func TestEveryFieldComesBack(t *testing.T) {
	w := newWorld(t, Limits{})
	got := w.must(201, "POST", "/v1/payment_links", everyField)
	var want object
	if err := json.Unmarshal([]byte(everyField), &want); err != nil {
		t.Fatal(err)
	}
	want["expires_at"] = "2031-01-01T00:00:00Z"
	maps.Copy(want["splits"].([]any)[0].(object), object{"state": "planned", "held": 0, "free": 0, "transferred": 0})
	for name, value := range want {
		a, _ := json.Marshal(value, json.Deterministic(true))
		b, _ := json.Marshal(got[name], json.Deterministic(true))
		if string(a) != string(b) {
			t.Errorf("%s is %s, want %s", name, b, a)
		}
	}
	if got["state"] != "scheduled" || got["money_status"] != "unpaid" || got["mode"] != "test" || got["version"] != 1.0 || got["payments"] != nil {
		t.Errorf("%v", got)
	}
	if url := got["url"].(string); !strings.HasPrefix(url, publicURL+"/l/") || got["qr_svg_url"] != url+"/qr.svg" || got["qr_png_url"] != url+"/qr.png" {
		t.Errorf("url is %s", url)
	}
	read := w.must(200, "GET", "/v1/payment_links/"+got["id"].(string), "")
	if payments := read["payments"].([]any); len(payments) != 0 {
		t.Errorf("payments are %v", payments)
	}
	delete(read, "payments")
	a, _ := json.Marshal(got, json.Deterministic(true))
	b, _ := json.Marshal(read, json.Deterministic(true))
	if string(a) != string(b) {
		t.Errorf("created %s\nread    %s", a, b)
	}
}

func TestUsesAndOpenAmounts(t *testing.T) {
	w := newWorld(t, Limits{})
	if got := w.must(201, "POST", "/v1/payment_links", `{"amount":1,"currency":"JPY"}`); got["max_uses"] != 1.0 || got["capture"] != "automatic" || got["amount_due"] != 1.0 {
		t.Errorf("defaults are %v", got)
	}
	got := w.must(201, "POST", "/v1/payment_links", `{"open_amount":{"minimum":100},"currency":"USD","max_uses":null}`)
	if got["max_uses"] != nil || got["amount"] != nil || got["amount_due"] != nil || got["open_amount"].(object)["maximum"] != nil {
		t.Errorf("open link is %v", got)
	}
	got = w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","part_payments":{}}`)
	if got["part_payments"].(object)["minimum_first"] != 0.0 {
		t.Errorf("parts are %v", got["part_payments"])
	}
	got = w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","part_payments":{"minimum_first":300,"minimum_part":1000}}`)
	if parts := got["part_payments"].(object); parts["minimum_first"] != 300.0 || parts["minimum_part"] != 1000.0 {
		t.Errorf("parts are %v", parts)
	}
	for _, least := range []string{"1001", "-1"} {
		got = w.must(400, "POST", "/v1/payment_links", `{"amount":1000,"currency":"USD","part_payments":{"minimum_part":`+least+`}}`)
		if !slices.Equal(fields(got), []string{"part_payments.minimum_part"}) {
			t.Errorf("%s: %v", least, got)
		}
	}
}

func TestCarts(t *testing.T) {
	w := newWorld(t, Limits{})
	const items = `{"code":"tea","name":"Green tea","unit_amount":450,"quantity":1,"minimum":1,"maximum":20,"optional":false}`
	got := w.must(201, "POST", "/v1/payment_links", `{"cart":{"items":[`+items+`],"discount":50,"codes":[{"code":"SPRING","amount":0,"basis_points":1000}],"shipping":390,"tax_basis_points":700},"currency":"EUR"}`)
	if got["amount"] != nil || got["amount_due"] != nil || got["open_amount"] != nil {
		t.Errorf("a cart with a choice has an amount: %v", got)
	}
	cart, _ := json.Marshal(got["cart"], json.Deterministic(true))
	if want := `{"codes":[{"amount":0,"basis_points":1000,"code":"SPRING"}],"discount":50,"items":[` +
		`{"code":"tea","maximum":20,"minimum":1,"name":"Green tea","optional":false,"quantity":1,"unit_amount":450}],"shipping":390,"tax_basis_points":700}`; string(cart) != want {
		t.Errorf("the cart is %s, want %s", cart, want)
	}
	got = w.must(201, "POST", "/v1/payment_links", `{"cart":{"items":[{"code":"tea","unit_amount":450,"quantity":2}],"shipping":390},"currency":"EUR","part_payments":{}}`)
	if got["amount"] != 1290.0 || got["amount_due"] != 1290.0 {
		t.Errorf("a cart without a choice comes to %v", got["amount"])
	}
	if got = w.must(201, "POST", "/v1/payment_links", `{"amount":1,"currency":"EUR"}`); got["cart"] != nil {
		t.Errorf("a fixed amount has a cart: %v", got["cart"])
	}
}

// A payment tells what was chosen for it.
func TestChoiceIsTold(t *testing.T) {
	w := newWorld(t, Limits{})
	got := w.must(201, "POST", "/v1/payment_links", `{"cart":{"items":[{"code":"tea","unit_amount":450,"quantity":1,"maximum":20}],"codes":[{"code":"SPRING","basis_points":1000}]},"currency":"EUR"}`)
	token := got["url"].(string)[len(publicURL+"/l/"):]
	_, err := w.core.StartPayment(t.Context(), core.StartPayment{
		Token: token, Method: pay.MethodCard, Fields: map[string]string{"card": "4242424242424242"}, Shown: 1215,
		Choice: pay.Choice{Quantities: map[string]int64{"tea": 3}, Code: "spring"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got = w.must(200, "GET", "/v1/payment_links/"+got["id"].(string), "")
	payment := got["payments"].([]any)[0].(object)
	choice, _ := json.Marshal(payment["attempts"].([]any)[0].(object)["choice"], json.Deterministic(true))
	if payment["amount"] != 1215.0 || string(choice) != `{"code":"SPRING","quantities":{"tea":3}}` {
		t.Errorf("%v for %s", payment["amount"], choice)
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	w := newWorld(t, Limits{})
	for name, c := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":   {`{}`, []string{"amount", "currency"}},
		"both":      {`{"amount":1,"open_amount":{},"currency":"USD"}`, []string{"open_amount"}},
		"many":      {`{"amount":0,"currency":"usd","capture":"later","expires_at":"2001-01-01T00:00:00Z","payer":{"email":"x","billing_address":{"country":"Germany"}}}`, []string{"amount", "capture", "currency", "expires_at", "payer.billing_address.country", "payer.email"}},
		"cart":      {`{"cart":{"items":[]},"currency":"USD"}`, []string{"amount", "cart.items"}},
		"two kinds": {`{"amount":1,"cart":{"items":[{"code":"a","unit_amount":1,"quantity":1}]},"currency":"USD"}`, []string{"cart"}},
		"items":     {`{"cart":{"items":[{"code":"a","unit_amount":-1,"quantity":1},{"code":"a","unit_amount":1,"quantity":0}],"codes":[{"code":"x"}]},"currency":"USD"}`, []string{"cart.codes[0].amount", "cart.items[0].unit_amount", "cart.items[1].code", "cart.items[1].quantity"}},
		"uses 0":    {`{"amount":1,"currency":"USD","max_uses":0}`, []string{"max_uses"}},
		"uses -1":   {`{"amount":1,"currency":"USD","max_uses":-1}`, []string{"max_uses"}},
		"uses text": {`{"amount":1,"currency":"USD","max_uses":"1"}`, []string{"max_uses"}},
		"uses 1.5":  {`{"amount":1,"currency":"USD","max_uses":1.5}`, []string{"max_uses"}},
		"unknown":   {`{"amount":1,"currency":"USD","payer":{"nam":"x"}}`, []string{"payer.nam"}},
		"state":     {`{"amount":1,"currency":"USD","state":"completed"}`, []string{"state"}},
		"applied":   {`{"amount":1,"currency":"USD","amount_paid":1}`, []string{"amount_paid"}},
		"method":    {`{"amount":1,"currency":"USD","methods":{"allowed":["cash"]}}`, []string{"methods.allowed"}},
		"price":     {`{"amount":1,"currency":"USD","method_prices":{"cash":{"amount":1},"card":{"amount":0}}}`, []string{"method_prices", "method_prices.card.amount"}},
		"split":     {`{"amount":1,"currency":"USD","splits":[{"amount":2}]}`, []string{"splits", "splits[0].account"}},
		"metadata":  {`{"amount":1,"currency":"USD","metadata":{"a":"` + strings.Repeat("x", 501) + `"}}`, []string{"metadata"}},
		"url":       {`{"amount":1,"currency":"USD","page":{"success_url":"javascript:alert(1)"}}`, []string{"page.success_url"}},
		"control":   {`{"amount":1,"currency":"USD","payer":{"billing_address":{"city":"a\u0007"}}}`, []string{"payer.billing_address.city"}},
		"time":      {`{"amount":1,"currency":"USD","expires_at":"tomorrow"}`, []string{"expires_at"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			got := w.must(400, "POST", "/v1/payment_links", c.body)
			var fields []string
			faults, _ := got["errors"].([]any)
			for _, f := range faults {
				fields = append(fields, f.(object)["field"].(string))
			}
			slices.Sort(fields)
			if !slices.Equal(slices.Compact(fields), c.fields) {
				t.Errorf("at fault are %v, want %v", fields, c.fields)
			}
		})
	}
}

func TestCardNumbersAreRefused(t *testing.T) {
	w := newWorld(t, Limits{})
	got := w.must(422, "POST", "/v1/payment_links", `{"amount":1,"currency":"USD","description":"4242 4242 4242 4242"}`)
	if got["code"] != "card_data_not_accepted" || strings.Contains(strings.Join(slices.Collect(maps.Keys(got)), ""), "4242") {
		t.Errorf("%v", got)
	}
}

func TestIdempotentCreate(t *testing.T) {
	w := newWorld(t, Limits{})
	body := `{"amount":1000,"currency":"EUR","expires_at":"` + soon() + `"}`
	first := w.must(201, "POST", "/v1/payment_links", body, "Idempotency-Key", "k1")
	id := first["id"].(string)
	w.must(200, "POST", "/v1/payment_links/"+id+"/cancel", "")
	status, again, header := w.call("POST", "/v1/payment_links", " "+body, "Idempotency-Key", `"k1"`)
	if status != 201 || header.Get("Idempotent-Replayed") != "true" || again["state"] != "active" {
		t.Errorf("%d %v %v", status, header, again)
	}
	a, _ := json.Marshal(first, json.Deterministic(true))
	b, _ := json.Marshal(again, json.Deterministic(true))
	if string(a) != string(b) {
		t.Errorf("first %s\nagain %s", a, b)
	}
	if got := w.must(422, "POST", "/v1/payment_links", `{"amount":1001,"currency":"EUR"}`, "Idempotency-Key", "k1"); got["code"] != "idempotency_key_reused" {
		t.Errorf("%v", got)
	}
	w.must(400, "POST", "/v1/payment_links", body, "Idempotency-Key", "a b")
}

func TestUniqueReference(t *testing.T) {
	w := newWorld(t, Limits{})
	body := `{"amount":1000,"currency":"EUR","unique_reference":"A-1"}`
	first := w.must(201, "POST", "/v1/payment_links", body)
	if again := w.must(200, "POST", "/v1/payment_links", body); again["id"] != first["id"] {
		t.Errorf("another link was made: %v", again)
	}
	if got := w.must(409, "POST", "/v1/payment_links", `{"amount":1,"currency":"EUR","unique_reference":"A-1"}`); got["code"] != "reference_conflict" {
		t.Errorf("%v", got)
	}
}

func TestLinkLife(t *testing.T) {
	w := newWorld(t, Limits{})
	path := "/v1/payment_links/" + w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`)["id"].(string)
	for _, step := range []struct {
		do     string
		status int
		state  string
	}{{"pause", 200, "paused"}, {"pause", 409, ""}, {"resume", 200, "active"}, {"cancel", 200, "canceled"}, {"cancel", 409, ""}, {"resume", 409, ""}} {
		got := w.must(step.status, "POST", path+"/"+step.do, "")
		if step.state != "" && got["state"] != step.state {
			t.Errorf("%s makes it %v", step.do, got["state"])
		}
	}
	w.must(400, "POST", path+"/cancel", `{"why":"x"}`)
	w.must(404, "GET", "/v1/payment_links/AAAAAAAAAA", "")
}

func TestListLinks(t *testing.T) {
	w := newWorld(t, Limits{})
	for _, ref := range []string{"a", "b", "c"} {
		w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","reference":"`+ref+`","description":"for `+ref+`"}`)
	}
	var seen []string
	cursor := ""
	for range 5 {
		page := w.must(200, "GET", "/v1/payment_links?limit=2"+cursor, "")
		for _, l := range page["data"].([]any) {
			seen = append(seen, l.(object)["reference"].(string))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	if strings.Join(seen, "") != "cba" {
		t.Errorf("the list is %v", seen)
	}
	for query, want := range map[string]int{
		"reference=b": 1, "q=for%20c": 1, "state=active": 3, "state=canceled": 0,
		"created_from=2031-01-01T00:00:00Z": 0, "created_to=2001-01-01T00:00:00Z": 0,
	} {
		if got := w.must(200, "GET", "/v1/payment_links?"+query, "")["data"].([]any); len(got) != want {
			t.Errorf("%s lists %d, want %d", query, len(got), want)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "state=open", "created_from=x", "cursor=!!", "stat=active", "limit=1&limit=2", "q=%zz"} {
		w.must(400, "GET", "/v1/payment_links?"+query, "")
	}
}

func TestLinkOutHidesNothingAndShowsNoToken(t *testing.T) {
	l := pay.Link{ID: "AAAAAAAAAA", Token: "tok", Price: pay.Price{Currency: "EUR", Amount: 5}, Use: pay.Use{Max: 1}}
	b, err := json.Marshal(newLinkOut(l, "https://x/l/tok"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(b), "tok") != 3 { // the page and its two QR codes
		t.Errorf("%s", b)
	}
}
