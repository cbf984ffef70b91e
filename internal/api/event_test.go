package api

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

func TestPaymentFromLinkToWebhook(t *testing.T) {
	w := newWorld(t, Limits{})
	hook := w.must(201, "POST", "/v1/webhook_endpoints", `{"url":"http://127.0.0.1/hook","events":[]}`)
	link := w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","payer":{"name":"Ada"}}`)
	p := w.pay(link)
	if p.State != pay.PaymentApplied {
		t.Fatalf("the payment is %s", p.State)
	}
	read := w.must(200, "GET", "/v1/payment_links/"+link["id"].(string), "")
	if read["state"] != "completed" || read["money_status"] != "paid" || read["amount_due"] != 0.0 || len(read["payments"].([]any)) != 1 {
		t.Errorf("%v", read)
	}
	got := w.must(200, "GET", "/v1/payments/"+string(p.ID), "")
	if got["state"] != "applied" || got["amount_captured"] != 1000.0 || strings.Contains(mustJSON(got), "192.0.2.1") {
		t.Errorf("%v", got)
	}
	if list := w.must(200, "GET", "/v1/payments?state=applied&link_id="+link["id"].(string), "")["data"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}

	// The feed in pages of two, and the webhooks, say the same bytes.
	feed := map[string][]byte{}
	cursor := ""
	for range 50 {
		events, next, err := w.core.Events(context.Background(), pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: Name}, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		if page := w.must(200, "GET", "/v1/events?limit=2&cursor="+cursor, ""); page["next_cursor"] != next {
			t.Errorf("cursor is %v, want %s", page["next_cursor"], next)
		}
		for _, e := range events {
			feed[string(e.ID)] = raw(t, w, cursor, string(e.ID))
		}
		if len(events) == 0 {
			break
		}
		cursor = next
	}
	due, err := w.core.ClaimDeliveries(context.Background(), 1)
	if err != nil || len(due) == 0 {
		t.Fatalf("%d due, %v", len(due), err)
	}
	msg, ok := w.api.Word(due[0].Event, due[0].Merchant, publicURL)
	if !ok || !bytes.Equal(msg.Body, feed[msg.ID]) {
		t.Errorf("webhook %s\nfeed    %s", msg.Body, feed[msg.ID])
	}
	if !strings.Contains(string(msg.Body), link["url"].(string)) || !strings.Contains(string(msg.Body), "Ada") {
		t.Errorf("the event lacks the page or the payer: %s", msg.Body)
	}
	header, err := w.api.Sign(msg, due[0].Endpoint.LiveSecrets(time.Now()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := standardwebhooks.NewWebhook(hook["secret"].(string))
	if err != nil || verifier.Verify(msg.Body, header) != nil {
		t.Errorf("the signature does not verify: %v", header)
	}
}

// raw are the bytes of one event in a page of the feed.
func raw(t *testing.T, w *world, cursor, id string) []byte {
	t.Helper()
	var feed struct {
		Data []jsontext.Value `json:"data"`
	}
	page, _ := httpGet(w, "/v1/events?limit=2&cursor="+cursor)
	if err := json.Unmarshal(page, &feed); err != nil {
		t.Fatal(err)
	}
	for _, v := range feed.Data {
		if bytes.Contains(v, []byte(`{"id":"`+id+`"`)) {
			return v
		}
	}
	t.Fatalf("%s is not in the feed", id)
	return nil
}

func TestCaptureAndVoid(t *testing.T) {
	w := newWorld(t, Limits{})
	held := func() string {
		p := w.pay(w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR","capture":"manual"}`))
		return "/v1/payments/" + string(p.ID)
	}
	path := held()
	if got := w.must(400, "POST", path+"/capture", ""); got["errors"].([]any)[0].(object)["field"] != "Idempotency-Key" {
		t.Errorf("%v", got)
	}
	w.must(400, "POST", path+"/capture", `{"amount":0}`, "Idempotency-Key", "k0")
	w.must(400, "POST", path+"/capture", `{"amount":1001}`, "Idempotency-Key", "k0")
	first := w.must(200, "POST", path+"/capture", `{"amount":600}`, "Idempotency-Key", "k1")
	if first["amount_captured"] != 600.0 || first["state"] != "applied" {
		t.Errorf("%v", first)
	}
	w.must(200, "POST", path+"/capture", `{"amount": 600}`, "Idempotency-Key", "k1")
	w.must(422, "POST", path+"/capture", `{"amount":500}`, "Idempotency-Key", "k1")
	w.must(422, "POST", path+"/void", ``, "Idempotency-Key", "k1")
	w.must(409, "POST", path+"/capture", ``, "Idempotency-Key", "k2")

	path = held()
	w.must(400, "POST", path+"/void", "")
	if got := w.must(200, "POST", path+"/void", "", "Idempotency-Key", "v1"); got["attempts"].([]any)[0].(object)["state"] != "voided" {
		t.Errorf("%v", got)
	}
	w.must(404, "POST", "/v1/payments/pay_none/void", "", "Idempotency-Key", "v2")
}

func TestEndpoints(t *testing.T) {
	w := newWorld(t, Limits{})
	made := w.must(201, "POST", "/v1/webhook_endpoints", `{"url":"http://127.0.0.1/hook","events":["payment.succeeded"]}`)
	secret := made["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret is %q", secret)
	}
	path := "/v1/webhook_endpoints/" + made["id"].(string)
	read := w.must(200, "GET", path, "")
	if strings.Contains(mustJSON(read), secret) || read["secrets"].([]any)[0].(object)["last4"] != secret[len(secret)-4:] {
		t.Errorf("%v", read)
	}
	turned := w.must(200, "POST", path+"/rotate_secret", `{"overlap_hours":1}`)
	if turned["secret"] == secret || len(turned["secrets"].([]any)) != 2 || strings.Contains(mustJSON(turned), secret) {
		t.Errorf("%v", turned)
	}
	w.must(400, "POST", path+"/rotate_secret", `{"overlap_hours":169}`)
	if off := w.must(200, "POST", path+"/disable", ""); off["enabled"] != false {
		t.Errorf("%v", off)
	}
	if on := w.must(200, "POST", path+"/enable", ""); on["enabled"] != true {
		t.Errorf("%v", on)
	}
	if all := w.must(200, "GET", "/v1/webhook_endpoints", ""); len(all["data"].([]any)) != 1 {
		t.Errorf("%v", all)
	}
	for _, body := range []string{`{}`, `{"url":"ftp://x.test"}`, `{"url":"http://127.0.0.1/h","events":["x"]}`, `{"url":"http://10.0.0.1/h"}`} {
		w.must(400, "POST", "/v1/webhook_endpoints", body)
	}
}

func TestDeliveries(t *testing.T) {
	w := newWorld(t, Limits{})
	hook := w.must(201, "POST", "/v1/webhook_endpoints", `{"url":"http://127.0.0.1/hook"}`)["id"].(string)
	w.must(201, "POST", "/v1/payment_links", `{"amount":1000,"currency":"EUR"}`)
	list := w.must(200, "GET", "/v1/deliveries?state=pending&endpoint_id="+hook, "")["data"].([]any)
	if len(list) == 0 {
		t.Fatal("nothing to deliver")
	}
	d := list[0].(object)
	if d["endpoint_id"] != hook || d["status_code"] != nil || d["next_try_at"] == nil {
		t.Errorf("%v", d)
	}
	if got := w.must(409, "POST", "/v1/deliveries/"+d["id"].(string)+"/replay", ""); got["code"] != "invalid_state" {
		t.Errorf("%v", got)
	}
	w.must(404, "POST", "/v1/deliveries/x/replay", "")
	w.must(202, "POST", "/v1/deliveries/replay", `{"endpoint_id":"`+hook+`","missing":true}`)
	w.must(404, "POST", "/v1/deliveries/replay", `{"endpoint_id":"we_none","missing":true}`)
	w.must(400, "POST", "/v1/deliveries/replay", `{"endpoint_id":"`+hook+`"}`)
	w.must(400, "POST", "/v1/deliveries/replay", `{"endpoint_id":"`+hook+`","from":"2030-01-02T00:00:00Z","to":"2030-01-01T00:00:00Z"}`)
}

func TestSign(t *testing.T) {
	a := &API{}
	msg := dialect.Message{ID: "evt_1", Body: []byte(`{"a":1}`)}
	at := time.Now()
	secrets := []string{"whsec_" + strings.Repeat("QUJD", 11), "a plain secret of an operator"}
	header, err := a.Sign(msg, secrets, at)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(header.Get("webhook-signature"))); n != 2 || header.Get("webhook-id") != "evt_1" || header.Get("webhook-timestamp") != strconv.FormatInt(at.Unix(), 10) {
		t.Errorf("%v", header)
	}
	one, err := standardwebhooks.NewWebhook(secrets[0])
	if err != nil || one.Verify(msg.Body, header) != nil {
		t.Error("the first does not verify")
	}
	two, err := standardwebhooks.NewWebhookRaw([]byte(secrets[1]))
	if err != nil || two.Verify(msg.Body, header) != nil {
		t.Error("the second does not verify")
	}
	if two.Verify([]byte(`{"a":2}`), header) == nil {
		t.Error("another body verifies")
	}
	for _, bad := range [][]string{nil, {""}, {"whsec_"}, {"whsec_!"}} {
		if _, err := a.Sign(msg, bad, at); err == nil || strings.Contains(err.Error(), "!") {
			t.Errorf("%q signs: %v", bad, err)
		}
	}
	total := time.Duration(0)
	for _, wait := range a.Schedule().Waits {
		total += wait
	}
	if want := 75*time.Hour + 35*time.Minute + 5*time.Second; total != want {
		t.Errorf("tries go on for %s, want %s", total, want)
	}
}

func TestReturn(t *testing.T) {
	a := &API{}
	page := pay.Page{SuccessURL: "https://a.test/s?x=1", FailureURL: "https://a.test/f", PendingURL: "https://a.test/p"}
	l := pay.Link{ID: "ABCDEFGHIJ", Page: page, Payer: pay.Payer{Name: "Ada"}}
	now := time.Unix(1893456000, 0)
	authorized := pay.Payment{State: pay.PaymentOpen, Attempts: []pay.Attempt{{State: pay.AttemptAuthorized, Manual: true}}}
	for _, c := range []struct {
		p            pay.Payment
		path, status string
	}{
		{pay.Payment{State: pay.PaymentApplied}, "/s", "succeeded"}, {pay.Payment{State: pay.PaymentFailed}, "/f", "failed"},
		{pay.Payment{State: pay.PaymentCanceled}, "/f", "canceled"}, {pay.Payment{State: pay.PaymentSurplus}, "/f", "surplus"},
		{pay.Payment{State: pay.PaymentOpen}, "/p", "pending"}, {authorized, "/s", "authorized"},
	} {
		back, ok := a.Return(l, c.p, "secret", now)
		u, err := url.Parse(back.URL)
		if !ok || err != nil {
			t.Fatalf("%v, %v", back, err)
		}
		q := u.Query()
		if u.Path != c.path || q.Get("status") != c.status || q.Get("link_id") != "ABCDEFGHIJ" || q.Get("ts") != "1893456000" ||
			q.Get("sig") != returnSignature("secret", l.ID, c.status, "1893456000") || len(back.Fields) != 0 || strings.Contains(back.URL, "Ada") {
			t.Errorf("%s", back.URL)
		}
	}
	back, _ := a.Return(l, pay.Payment{State: pay.PaymentApplied}, "", now)
	if strings.Contains(back.URL, "sig=") || !strings.Contains(back.URL, "x=1&") {
		t.Errorf("%s", back.URL)
	}
	if _, ok := a.Return(pay.Link{}, pay.Payment{}, "secret", now); ok {
		t.Error("nowhere is a way back")
	}
	// A vector for whoever verifies it elsewhere.
	if got := returnSignature("secret", "ABCDEFGHIJ", "succeeded", "1893456000"); len(got) != 64 {
		t.Errorf("%s", got)
	}
}
