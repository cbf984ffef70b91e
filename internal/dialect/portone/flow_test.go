package portone

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func jwt(head, claims string) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(head)) + "." + enc.EncodeToString([]byte(claims))
	return text + "." + enc.EncodeToString(mac(testSecret, text))
}

// call asks w as the merchant of testKey.
func (w *world) call(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Portone-Client-Key", testKey)
	r.Header.Set("Authorization", "Bearer "+newToken(testKey, testSecret, w.Clock.Now()))
	out := httptest.NewRecorder()
	w.mux.ServeHTTP(out, r)
	return out
}

// request is the body of a create of 25.00 THB; members come last.
func request(order, env, members string) string {
	const ok, no = "https://shop.example/ok?status=mine&x", "shop://no"
	signature := sign(testSecret, signedRequest(testKey, "25", "THB", no, order, ok))
	return `{"portone_key":"` + testKey + `","merchant_details":{"name":"Lantern Books"},"merchant_order_id":"` + order + `","signature_hash":"` + signature +
		`","amount":25,"currency":"THB","country_code":"TH","success_url":"` + ok + `","failure_url":"` + no + `","source":"api","environment":"` + env + `"` + members + `}`
}

// link makes a link and reads it.
func (w *world) link(t *testing.T, order, members string) core.LinkView {
	t.Helper()
	out := w.call("POST", "/api/paymentLink", request(order, "sandbox", members))
	if out.Code != http.StatusOK {
		t.Fatal(out.Code, out.Body)
	}
	return w.view(t, order)
}

func (w *world) view(t *testing.T, order string) core.LinkView {
	t.Helper()
	who := pay.Caller{Tenant: pay.Tenant{Merchant: "books", Mode: pay.Test}, Dialect: name}
	v, err := w.LinkByUniqueRef(ctx, who, order)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOneOrderManyCreates: of 20 creates at once, in two applications and both
// environments, one makes the link.
func TestOneOrderManyCreates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		nodes := []*world{newWorld(t, o), newWorld(t, o)}
		var wg sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 20)
		for i := range answers {
			wg.Go(func() {
				answers[i] = nodes[i%2].call("POST", "/api/paymentLink", request("A-1", []string{"sandbox", "live"}[i/2%2], ""))
			})
		}
		wg.Wait()
		made := 0
		for _, a := range answers {
			switch {
			case a.Code == http.StatusOK:
				made++
			case a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), `"4002"`):
				t.Errorf("%d %s", a.Code, a.Body)
			}
		}
		if made != 1 {
			t.Errorf("%d creates made a link", made)
		}
		links := nodes[0].call("POST", "/api/master-merchant/"+testKey+"/merchants/payment-links", "{}").Body.String()
		if !strings.Contains(links, `"total_elements":1`) {
			t.Errorf("stored: %s", links)
		}
	})
}

// told are the messages of a link's events that are of a type, sealed.
func (w *world) told(t *testing.T, l pay.Link, kind string) (list []map[string]any) {
	t.Helper()
	for seq := int64(1); ; seq++ {
		e, err := w.Store.Event(ctx, l.Tenant, l.ID, seq)
		if err != nil {
			return list
		}
		if typeOf(e.Kind) != kind {
			continue
		}
		msg, ok := w.d.Word(e, pay.Merchant{}, "https://pay.example")
		if !ok {
			continue
		}
		again, _ := w.d.Word(e, pay.Merchant{}, "https://pay.example")
		if msg.ID != string(e.ID) || string(msg.Body) != string(again.Body) {
			t.Errorf("event %d is worded in two ways", seq)
		}
		if (msg.Seal == nil) != (kind == typeRefund) {
			t.Errorf("%s: signed is not as it should be", kind)
		}
		if msg.Seal != nil {
			msg.Body = msg.Seal(testSecret)
		}
		var body map[string]any
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			t.Fatal(err)
		}
		list = append(list, body)
	}
}

// verify is how a merchant checks a signature, by nothing of ours.
func verify(t *testing.T, body map[string]any, keys string) {
	t.Helper()
	values := url.Values{}
	for key := range strings.FieldsSeq(keys) {
		switch v := body[key].(type) {
		case string:
			values.Set(key, v)
		case float64:
			raw, _ := json.Marshal(v)
			values.Set(key, string(raw))
		default:
			t.Errorf("%s is %v", key, v)
		}
	}
	h := hmac.New(sha256.New, []byte(testSecret))
	h.Write([]byte(values.Encode()))
	if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); body["signature_hash"] != want {
		t.Errorf("signed %v, want %s over %s", body["signature_hash"], want, values.Encode())
	}
}

const (
	paymentKeys = "amount channel_key channel_order_ref country_code currency merchant_order_ref method_name order_ref status"
	linkKeys    = "amount country_code currency link_ref merchant_order_ref status"
	returnKeys  = "channel_order_ref merchant_order_ref order_ref status"
)

func statuses(list []map[string]any, member string) (all []string) {
	for _, one := range list {
		s, _ := one[member].(string)
		all = append(all, s)
	}
	return all
}

// TestTold follows a link from the first try to the refund.
func TestTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := newWorld(t, o)
		v := w.link(t, "T-1", `,"customer_details":{"name":"An & Co","email_address":"an@customer.example"},"expiry_hours":1,"user_configured_field1":"one"`)
		if _, err := w.Card(v.Link, "4000000000000002"); err != nil {
			t.Fatal(err)
		}
		paid, err := w.Card(v.Link, "4242424242424242")
		if err != nil {
			t.Fatal(err)
		}
		v = w.view(t, "T-1")
		a, _ := lastOf(paid)
		if out := w.call("POST", "/api/refund/"+a.orderRef(v.Link), `{"refund_type":"full","refund_reason":"damaged","description":"d"}`); out.Code != http.StatusOK {
			t.Fatal(out.Body)
		}
		payments, links, refunds := w.told(t, v.Link, typePayment), w.told(t, v.Link, typeLink), w.told(t, v.Link, typeRefund)
		if got := statuses(payments, "status"); !slices.Equal(got, []string{"Failed", "Success"}) {
			t.Fatalf("payments: %v", got)
		}
		if got := statuses(links, "status"); !slices.Equal(got, []string{"Processing", "Success"}) {
			t.Fatalf("links: %v", got)
		}
		if got := statuses(refunds, "refund_status"); !slices.Equal(got, []string{"SUCCESS"}) {
			t.Fatalf("refunds: %v", got)
		}
		for _, p := range payments {
			verify(t, p, paymentKeys)
			if p["link_order_ref"] != "T-1" || p["source"] != "checkout" || p["buyer_name"] != "An & Co" || p["amount"] != 25.0 || p["merchant_order_ref"] == "T-1" ||
				!strings.HasSuffix(p["created_at"].(string), " +0000 UTC") {
				t.Errorf("%v", p)
			}
		}
		for _, l := range links {
			verify(t, l, linkKeys)
			if l["merchant_order_ref"] != "T-1" || l["countryCode"] != "TH" || l["chaipaykey"] != testKey || l["cancel_url"] != "shop://no" || l["user_configured_field1"] != "one" {
				t.Errorf("%v", l)
			}
		}
		if r := refunds[0]; r["payment_txn_ref"] != a.orderRef(v.Link) || r["refund_type"] != "full" || r["refund_reason"] != "damaged" || r["description"] != "d" || r["signature_hash"] != nil {
			t.Errorf("%v", r)
		}
	})
}

// TestManyRefunds: of 12 refunds of 15.00 at once, in two applications, one
// fits into 25.00; the others are told that it is too much, or that nothing can
// be given back.
func TestManyRefunds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		nodes := []*world{newWorld(t, o), newWorld(t, o)}
		v := nodes[0].link(t, "R-1", "")
		paid, err := nodes[0].Card(v.Link, "4242424242424242")
		if err != nil {
			t.Fatal(err)
		}
		a, _ := lastOf(paid)
		var wg sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 12)
		for i := range answers {
			wg.Go(func() {
				answers[i] = nodes[i%2].call("POST", "/api/refund/"+a.orderRef(v.Link), `{"refund_type":"partial","amount":15}`)
			})
		}
		wg.Wait()
		made := 0
		for _, one := range answers {
			body := one.Body.String()
			switch {
			case one.Code == http.StatusOK:
				made++
			case one.Code != http.StatusBadRequest || !strings.Contains(body, `"4041"`) && !strings.Contains(body, `"4070"`):
				t.Errorf("%d %s", one.Code, body)
			}
		}
		if l := nodes[0].view(t, "R-1").Link; made != 1 || l.Refunded != 1500 {
			t.Errorf("%d refunds, %d given back", made, l.Refunded)
		}
	})
}

// TestEnds: a link that is cancelled, one that expires, and one that expires
// while a payer is at the bank.
func TestEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := newWorld(t, o)
		gone, old, late := w.link(t, "E-1", ""), w.link(t, "E-2", `,"expiry_hours":1`), w.link(t, "E-3", `,"expiry_hours":1`)
		if out := w.call("PUT", "/api/paymentLink/"+gone.Link.WireID+"/status/cancelled", ""); out.Code != http.StatusOK {
			t.Fatal(out.Body)
		}
		p, err := w.Card(late.Link, "4000000000003220") // a challenge is asked for
		if err != nil || p.Last().State != pay.AttemptRequiresAction {
			t.Fatal(err, p)
		}
		for _, path := range []string{"PUT /api/paymentLink/" + late.Link.WireID + "/status/cancelled", "PUT /api/update-paylink/" + late.Link.WireID} {
			method, path, _ := strings.Cut(path, " ")
			if out := w.call(method, path, `{"amount":1}`); out.Code != http.StatusBadRequest || !strings.Contains(out.Body.String(), `"4079"`) {
				t.Errorf("while an attempt is under way: %s %d %s", path, out.Code, out.Body)
			}
		}
		w.Clock.Add(61 * time.Minute)
		if _, err := w.DueLinks(ctx, 10); err != nil {
			t.Fatal(err)
		}
		if s := linkStatus(w.view(t, "E-3").Link, w.view(t, "E-3").Payments); s != linkProcessing {
			t.Errorf("with an attempt under way it is %s", s)
		}
		if _, err := w.AbandonPayment(ctx, late.Link.Token, p.ID, ""); err != nil {
			t.Fatal(err)
		}
		for v, want := range map[*core.LinkView][]string{&gone: {"Cancelled"}, &old: {"Expired"}, &late: {"Processing", "Expired"}} {
			told := w.told(t, v.Link, typeLink)
			if got := statuses(told, "status"); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", v.Link.Reference, got, want)
			}
			for _, l := range told {
				verify(t, l, linkKeys)
			}
		}
		if got := statuses(w.told(t, late.Link, typePayment), "status"); len(got) != 1 || got[0] != attemptFailed {
			t.Errorf("the attempt that was given up: %v", got)
		}
	})
}

// TestReturn: where the payer goes, and that the merchant's URL stays as it is.
func TestReturn(t *testing.T) {
	w := newWorld(t, store.Options{Path: t.TempDir() + "/x.db"})
	v := w.link(t, "B-1", `,"pending_url":"https://shop.example/wait?","customer_details":{"name":"An","email_address":"an+1@customer.example"}`)
	failed, err := w.Card(v.Link, "4000000000000002")
	if err != nil {
		t.Fatal(err)
	}
	paid, err := w.Card(v.Link, "4242424242424242")
	if err != nil {
		t.Fatal(err)
	}
	waiting := paid
	waiting.State, waiting.Attempts = pay.PaymentOpen, slices.Clone(paid.Attempts)
	waiting.Attempts[0].State = pay.AttemptUnknown
	l := v.Link
	noPending := l
	noPending.Page.PendingURL = ""
	for _, c := range []struct {
		link   pay.Link
		p      pay.Payment
		begins string
		status string
	}{
		{l, paid, "https://shop.example/ok?status=mine&x&order_ref=", "Success"}, {l, failed, "shop://no?order_ref=", "Failed"},
		{l, waiting, "https://shop.example/wait?order_ref=", "Pending"}, {noPending, waiting, "https://shop.example/ok?status=mine&x&order_ref=", "Pending"},
	} {
		back, ok := w.d.Return(c.link, c.p, testSecret, w.Clock.Now())
		if !ok || !strings.HasPrefix(back.URL, c.begins) || len(back.Fields) > 0 {
			t.Fatalf("%+v, want %s", back, c.begins)
		}
		query, err := url.ParseQuery(strings.TrimPrefix(back.URL, strings.TrimSuffix(c.begins, "order_ref=")))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for key := range query {
			got[key] = query.Get(key)
		}
		verify(t, got, returnKeys)
		if got["status"] != c.status || got["link_order_ref"] != "B-1" || got["amount"] != "25" || got["currency"] != "THB" || got["status_code"] == "" ||
			got["status_reason"] == "" || got["buyer_email"] != "an+1@customer.example" {
			t.Errorf("%v", got)
		}
	}
	begun := pay.Payment{State: pay.PaymentOpen, Attempts: []pay.Attempt{{State: pay.AttemptRequiresAction}}}
	for name, try := range map[string]func() (string, bool){
		"a payer on the way": func() (string, bool) { b, ok := w.d.Return(l, begun, testSecret, time.Time{}); return b.URL, ok },
		"no secret":          func() (string, bool) { b, ok := w.d.Return(l, paid, "", time.Time{}); return b.URL, ok },
		"no attempt": func() (string, bool) {
			b, ok := w.d.Return(l, pay.Payment{}, testSecret, time.Time{})
			return b.URL, ok
		},
	} {
		if to, ok := try(); ok {
			t.Errorf("%s: %s", name, to)
		}
	}
}

// TestOwnReceivers: the link's own receivers hear of its payments, and an
// update replaces them.
func TestOwnReceivers(t *testing.T) {
	w := newWorld(t, store.Options{Path: t.TempDir() + "/x.db"})
	v := w.link(t, "H-1", `,"custom_txn_webhook_urls":["https://shop.example/a","https://shop.example/b"]`)
	if out := w.call("PUT", "/api/update-paylink/"+v.Link.WireID, `{"custom_txn_webhook_urls":["https://shop.example/c"]}`); out.Code != http.StatusOK {
		t.Fatal(out.Body)
	}
	list, err := w.Endpoints(ctx, pay.Caller{Tenant: v.Link.Tenant})
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]bool{}
	for _, e := range list {
		if e.Link != v.Link.ID || !slices.Equal(e.Kinds, kindsOf(typePayment)) || e.Secrets[0].Value != testSecret {
			t.Errorf("%+v", e)
		}
		on[e.URL] = e.Enabled
	}
	if len(on) != 3 || on["https://shop.example/a"] || on["https://shop.example/b"] || !on["https://shop.example/c"] {
		t.Errorf("%v", on)
	}
	native := pay.Caller{Tenant: v.Link.Tenant, Dialect: "native"}
	if _, err := w.CreateEndpoint(ctx, native, core.NewEndpoint{URL: "https://shop.example/native"}); err != nil {
		t.Fatal(err)
	}
	if out := w.call("GET", "/api/merchant/"+testKey+"/webhook?environment=sandbox", "").Body.String(); !strings.Contains(out, `"content":[]`) {
		t.Errorf("endpoints that nobody added by this API: %s", out)
	}
	if _, err := w.d.Sign(dialect.Message{Body: []byte("{}")}, nil, time.Time{}); err == nil {
		t.Error("a message without a secret is sent")
	}
}

// TestPublicRead: without headers a link answers to its own reference only.
func TestPublicRead(t *testing.T) {
	w := newWorld(t, store.Options{Path: t.TempDir() + "/x.db"})
	v, other := w.link(t, "R-1", ""), w.Link(t, nil)
	at := w.Clock.Now()
	for ref, want := range map[string]int{
		v.Link.WireID: http.StatusOK, w.d.NewWireID("", v.Link.Token, at.Add(time.Hour)): http.StatusBadRequest,
		w.d.NewWireID("", other.Token, at): http.StatusBadRequest, w.d.NewWireID("", pay.NewToken(), at): http.StatusBadRequest,
	} {
		out := httptest.NewRecorder()
		w.mux.ServeHTTP(out, httptest.NewRequest("GET", "/api/paymentLink/"+ref, nil))
		if out.Code != want {
			t.Errorf("%d %s", out.Code, out.Body)
		}
	}
	if page := w.d.Pages()[0]; page.Token(httptest.NewRequest("GET", "/pay?ref="+v.Link.WireID, nil)) != v.Link.Token || page.Token(httptest.NewRequest("GET", "/pay", nil)) != "" {
		t.Error("the page's address does not lead to the link")
	}
}

// TestFail: errors of the house in the words of this wire.
func TestFail(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
		after  string
	}{
		"a large body":       {&pay.Error{Kind: pay.Refused, Code: "body_too_large", Detail: "x"}, 413, "4001", ""},
		"a long address":     {&pay.Error{Kind: pay.Refused, Code: "url_too_long", Detail: "x"}, 414, "4001", ""},
		"too often":          {&pay.Error{Kind: pay.TooMany, Code: "rate_limited", RetryAfter: 7}, 429, "4001", "7"},
		"too late":           {context.DeadlineExceeded, 503, "5000", "…"},
		"our fault":          {errors.New("secret words"), 500, "5000", ""},
		"a state":            {pay.ErrState("the link is paused"), 400, "4079", ""},
		"a reference":        {pay.ErrReference, 400, "4002", ""},
		"no credential":      {pay.ErrUnauthorized, 401, "4054", ""},
		"a host of no one's": {pay.Page{SuccessURL: "https://evil.example"}.CheckHosts([]string{"shop.example"}), 400, "5030", ""},
		"a card":             {pay.ErrCard("items[0].name"), 400, "4001", ""},
	} {
		w := httptest.NewRecorder()
		(&portone{}).Fail(w, httptest.NewRequest("GET", "/api/x", nil), c.err)
		var out errorOut
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != c.status || out.Code != c.code || out.Reason == "" || out.Message == "" ||
			strings.Contains(out.Message, "secret") || c.after != "…" && w.Header().Get("Retry-After") != c.after {
			t.Errorf("%s: %d %s %v", name, w.Code, w.Body, w.Header())
		}
	}
}

// TestEffects: what changes the page is canonical.
func TestEffects(t *testing.T) {
	w := newWorld(t, store.Options{Path: t.TempDir() + "/x.db"})
	body := strings.Replace(request("F-1", "sandbox", `,"show_items":false,"show_back_button":true,"show_shipping_details":true,"is_checkout_embed":true,
		"order_details":[{"id":"a","name":"Atlas","price":10,"quantity":2}],"chosen_payment_methods":[{"payment_channel":"KBANK","payment_method":"KBANK_CREDIT_CARD"}],
		"shipping_details":{"shipping_address":{"city":"Hue","line_1":"1 Quay"}},"notes":[{"key":"a","value":"b"}]`),
		`{"name":"Lantern Books"}`, `{"name":"Lantern Books","logo":"https://shop.example/l.png","back_url":"https://shop.example/cart","promo_code":"TET","promo_discount":1,"shipping_charges":4,"tax_amount":2}`, 1)
	if out := w.call("POST", "/api/paymentLink", body); out.Code != http.StatusOK {
		t.Fatal(out.Body)
	}
	l := w.view(t, "F-1").Link
	b, p := l.Price.Breakdown, l.Page
	if b.Promo != "TET" || b.Discount != 100 || b.Shipping != 400 || b.Tax != 200 || len(b.Items) != 1 || b.Items[0].Amount != 2000 || b.Items[0].Quantity != 2 {
		t.Errorf("%+v", b)
	}
	if !p.HideItems || !p.ShowAddress || !p.Embed || p.BackURL != "https://shop.example/cart" || p.LogoURL == "" || p.DisplayName != "Lantern Books" {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(l.Methods.Allowed, []pay.MethodID{pay.MethodCard}) || l.Use.Max != 1 || l.Metadata["a"] != "b" || l.Payer.Shipping.City != "Hue" {
		t.Errorf("%+v", l)
	}
}
