package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const testPayrocKey = "payroc-demo-key-7f3a"

func payrocProvision(hook string) string {
	return fmt.Sprintf(`
merchants:
  - id: shop
    name: Corner Shop
    country: US
    mode: test
    keys:
      - {api: native, secret: %s}
      - {api: payroc, api_key: %s, processing_terminal_id: 5550017}
    webhooks:
      - {api: native, url: "%s/native", secret: "%s"}
    settings:
      time_zone: America/New_York
      payroc: {logo_url: "https://shop.example/logo.png", bank_transfer: off}
`, testKey, testPayrocKey, hook, hookSecret)
}

// payrocCall sends one request of a Payroc client.
func payrocCall(t *testing.T, method, address, token, key, body string) (*http.Response, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Fern-Language", "Go")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	} else {
		r.Header.Set("x-api-key", testPayrocKey)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return answered(t, r)
}

// Payroc: a client that knows one base address makes a link, its payer is
// declined and then pays, and the client reads of it by polling.
func TestPayroc(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		merchant := newSink(t)
		n := start(t, settingsFor(t, o), payrocProvision(merchant.url))
		for _, base := range []string{n.base, n.base + "/payroc"} {
			t.Run(strings.TrimPrefix(base, n.base), func(t *testing.T) { payrocStory(t, n, base) })
		}
		eventually(t, "the native events", func() bool {
			done := 0
			for _, kind := range merchant.types("/native", "type") {
				if kind == "payment_link.completed" {
					done++
				}
			}
			return done == 2
		})
		if !slices.Contains(merchant.types("/native", "type"), "payment_link.updated") {
			t.Error("nothing was told of the update")
		}
	})
}

func payrocStory(t *testing.T, n *node, base string) {
	resp, out := payrocCall(t, "POST", base+"/v1/authorize", "", "", `{"client_id":"","client_secret":""}`)
	token, _ := out["access_token"].(string)
	if resp.StatusCode != http.StatusOK || token == "" || out["expires_in"] != 3600.0 {
		t.Fatalf("token: %d %v", resp.StatusCode, out)
	}
	links := base + "/v1/processing-terminals/5550017/payment-links"
	body := `{"type":"singleUse","merchantReference":"invoice-20418","order":{"orderId":"20418-A","description":"Boiler service",
		"charge":{"type":"preset","amount":18500,"currency":"USD"}},"authType":"sale","paymentMethods":["card"],"expiresOn":"` +
		time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + `","customLabels":[{"element":"paymentButton","label":"Settle the bill"}]}`
	resp, link := payrocCall(t, "POST", links, token, uuid4Of(base, 1), body)
	id, _ := link["paymentLinkId"].(string)
	if resp.StatusCode != http.StatusCreated || link["status"] != "active" || resp.Header.Get("Location") != base+"/v1/payment-links/"+id {
		t.Fatalf("create: %d %v %v", resp.StatusCode, resp.Header, link)
	}
	at := resp.Header.Get("Location")
	first := payrocURL(link)
	resp, link = payrocCall(t, "PATCH", at, token, uuid4Of(base, 2), `[{"op":"replace","path":"/order/charge/amount","value":17250}]`)
	address := payrocURL(link)
	if resp.StatusCode != http.StatusOK || address == first || !strings.HasPrefix(address, n.base+"/l/") {
		t.Fatalf("update: %d %v", resp.StatusCode, link)
	}
	if page := show(t, address); !strings.Contains(page, "172.50") || !strings.Contains(page, "Boiler service") || !strings.Contains(page, "Settle the bill") {
		t.Fatalf("the page: %s", page)
	}
	if page := show(t, first); strings.Contains(page, "Boiler service") {
		t.Error("the old address still works")
	}
	pay := func(card string) string {
		return submit(t, address+"/pay", url.Values{"method": {"card"}, "version": {"2"}, "card.card": {card}})
	}
	pay("4000000000000002")
	if _, link = payrocCall(t, "GET", at, token, "", ""); link["status"] != "active" {
		t.Fatalf("after a decline: %v", link)
	}
	if page := pay("4242424242424242"); !strings.Contains(page, "Paid") {
		t.Fatalf("after paying: %s", page)
	}
	if _, link = payrocCall(t, "GET", at, token, "", ""); link["status"] != "completed" {
		t.Fatalf("after paying: %v", link)
	}
	resp, list := payrocCall(t, "GET", links+"?status=completed&limit=1", token, "", "")
	if refs, _ := list["links"].([]any); resp.StatusCode != http.StatusOK || list["count"] != 1.0 || len(refs) > 1 {
		t.Fatalf("list: %d %v", resp.StatusCode, list)
	} else if len(refs) == 1 {
		next := refs[0].(map[string]any)["href"].(string)
		if resp, _ = payrocCall(t, "GET", next, token, "", ""); !strings.HasPrefix(next, links) || resp.StatusCode != http.StatusOK {
			t.Errorf("next page %s: %d", next, resp.StatusCode)
		}
	}
	resp, list = payrocCall(t, "GET", n.base+"/payroc/v1/payments?status=ready&paymentLinkId="+id, token, "", "")
	if data, _ := list["data"].([]any); resp.StatusCode != http.StatusOK || len(data) != 1 {
		t.Fatalf("payments: %d %v", resp.StatusCode, list)
	}
	resp, out = payrocCall(t, "POST", links, token, uuid4Of(base, 3), strings.Replace(body, `["card"]`, `["card","bankTransfer"]`, 1))
	if resp.StatusCode != http.StatusBadRequest || !strings.HasSuffix(out["type"].(string), "#capabilities-missing") || out["instance"] != links {
		t.Errorf("a feature that is off: %d %v", resp.StatusCode, out)
	}
	payrocGift(t, n, base, token)
	resp, out = payrocCall(t, "GET", base+"/v1/payment-links/"+id+"/nothing", token, "", "")
	if resp.StatusCode != http.StatusNotFound || !strings.HasSuffix(out["type"].(string), "#not-found") {
		t.Errorf("an unknown path: %d %v", resp.StatusCode, out)
	}
}

// payrocGift is a link whose payers name the amount, as often as they like.
func payrocGift(t *testing.T, n *node, base, token string) {
	resp, link := payrocCall(t, "POST", base+"/v1/processing-terminals/5550017/payment-links", token, uuid4Of(base, 4),
		`{"type":"multiUse","merchantReference":"gifts","order":{"charge":{"type":"prompt","currency":"EUR"}},"authType":"sale","paymentMethods":["card"],"credentialOnFile":{"tokenize":true}}`)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %v", resp.StatusCode, link)
	}
	address := payrocURL(link)
	if page := show(t, address); !strings.Contains(page, `name="amount"`) || !strings.Contains(page, `name="consent"`) {
		t.Fatalf("the page: %s", page)
	}
	for _, amount := range []string{"5.00", "12.50"} {
		submit(t, address+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "amount": {amount}, "card.card": {"4242424242424242"}})
	}
	id, _ := link["paymentLinkId"].(string)
	_, list := payrocCall(t, "GET", n.base+"/payroc/v1/payments?paymentLinkId="+id, token, "", "")
	data, _ := list["data"].([]any)
	if len(data) != 2 || data[0].(map[string]any)["order"].(map[string]any)["amount"] != 1250.0 {
		t.Errorf("payments: %v", list)
	}
	if _, link = payrocCall(t, "GET", base+"/v1/payment-links/"+id, token, "", ""); link["status"] != "active" {
		t.Errorf("after two payments: %v", link)
	}
}

func payrocURL(link map[string]any) string {
	assets, _ := link["assets"].(map[string]any)
	address, _ := assets["paymentUrl"].(string)
	return address
}

// uuid4Of is another idempotency key for each base and number.
func uuid4Of(base string, n int) string {
	return fmt.Sprintf("3c1d9f52-6a40-4e0b-9d7e-%012x", len(base)*100+n)
}

// On a host of its own the provider's paths are there as they are, also those
// that are native elsewhere.
func TestPayrocOwnHost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		s := settingsFor(t, o)
		s.DialectHost = map[string]string{"payroc": "localhost"}
		n := start(t, s, payrocProvision("http://127.0.0.1:1"))
		own := strings.Replace(n.base, "127.0.0.1", "localhost", 1)
		_, out := payrocCall(t, "POST", own+"/authorize", "", "", "")
		token, _ := out["access_token"].(string)
		if resp, out := payrocCall(t, "GET", own+"/v1/payments", token, "", ""); resp.StatusCode != http.StatusOK || out["count"] != 0.0 {
			t.Errorf("payments: %d %v", resp.StatusCode, out)
		}
		resp, out := payrocCall(t, "GET", own+"/v1/payment-links/NOSUCHLINK", token, "", "")
		if resp.StatusCode != http.StatusNotFound || out["instance"] != own+"/v1/payment-links/NOSUCHLINK" {
			t.Errorf("an unknown link: %d %v", resp.StatusCode, out)
		}
	})
}

// answered sends r and decodes the answer.
func answered(t *testing.T, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatalf("%s %s: %d %v", r.Method, r.URL, resp.StatusCode, err)
	}
	return resp, out
}
