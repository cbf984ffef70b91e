package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	portoneKey    = "QvLmTzRbKsWnPdXa"
	portoneSecret = "9f3c51d07be84a26c1d9e7f0a8b64253d1c0fb7e96a8452b3d7e1f60c4a59b82"
)

// portoneSigned checks a signature as the provider's published samples do.
func portoneSigned(get func(key string) string, keys string) bool {
	values := url.Values{}
	for key := range strings.FieldsSeq(keys) {
		values.Set(key, get(key))
	}
	h := hmac.New(sha256.New, []byte(portoneSecret))
	h.Write([]byte(values.Encode()))
	return get("signature_hash") == base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// portoneCall asks as a merchant's server does, with a token.
func portoneCall(t *testing.T, method, address, token string, body any) (status int, out map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, address, strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("X-Portone-Client-Key", portoneKey)
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if raw, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %d %s", method, address, resp.StatusCode, raw)
	}
	return resp.StatusCode, out
}

// portoneShop is a node with a PortOne merchant, who has a token, an endpoint of
// each type, and one more from the provision file.
func portoneShop(t *testing.T, o store.Options, shop *sink) (n *node, token string) {
	t.Helper()
	n = start(t, settingsFor(t, o), fmt.Sprintf(`
merchants:
  - id: books
    name: Lantern Books
    mode: test
    keys: [{api: portone, client_key: %s, secret_key: %s}]
    webhooks: [{api: portone, url: "%s/all"}]
`, portoneKey, portoneSecret, shop.url))
	_, out := portoneCall(t, "POST", n.base+"/api/merchant/auth-token", "", map[string]string{"portone_key": portoneKey, "portone_secret": portoneSecret})
	content, _ := out["content"].(map[string]any)
	token, _ = content["token"].(string)
	for _, kind := range []string{"payment_status", "payment_link_status", "refund_status"} {
		status, out := portoneCall(t, "POST", n.base+"/api/merchant/"+portoneKey+"/webhook", token, map[string]string{
			"name": kind, "url": shop.url + "/" + kind, "type": kind, "environment": "sandbox",
		})
		if status != http.StatusOK {
			t.Fatalf("adding an endpoint: %d %v", status, out)
		}
	}
	return n, token
}

// portoneLink makes a link of 2500.50 THB with a discount.
func portoneLink(t *testing.T, n *node, token, shop string) (ref, address string) {
	t.Helper()
	request := map[string]any{
		"portone_key": portoneKey, "merchant_order_id": "ORD-1/é", "amount": json.Number("2500.50"), "currency": "THB", "country_code": "TH",
		"success_url": shop + "/done?order=1", "failure_url": shop + "/failed", "source": "api", "environment": "sandbox",
		"merchant_details": map[string]any{"name": "Lantern Books", "promo_code": "TET", "promo_discount": 100},
		"customer_details": map[string]any{"name": "Nguyen An"}, "description": "Two field guides",
	}
	_, out := portoneCall(t, "POST", n.base+"/api/merchant/generate-signature", token, request)
	content, _ := out["content"].(map[string]any)
	request["signature_hash"] = content["signature"]
	status, out := portoneCall(t, "POST", n.base+"/api/paymentLink", token, request)
	ref, _ = out["payment_link_ref"].(string)
	address, _ = out["payment_link"].(string)
	if status != http.StatusOK || address != n.base+"/pay?ref="+ref {
		t.Fatalf("create: %d %v", status, out)
	}
	return ref, address
}

// PortOne: a link is made and opened, declined and paid; the merchant's server
// is told, the payer is led back, and the link is read in every way.
func TestPortOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		shop := newSink(t)
		n, token := portoneShop(t, o, shop)
		ref, address := portoneLink(t, n, token, shop.url)
		page := show(t, address)
		if !strings.Contains(page, "Lantern Books") || !strings.Contains(page, "2,500.50") || !strings.Contains(page, "TET") {
			t.Fatalf("the page: %s", page)
		}
		_, rest, _ := strings.Cut(page, `action="/l/`)
		payerToken, _, _ := strings.Cut(rest, "/")
		back := portonePay(t, n.base+"/l/"+payerToken+"/pay")
		query := back.Query()
		if !strings.HasPrefix(back.String(), shop.url+"/done?order=1&order_ref=") || query.Get("status") != "Success" || query.Get("link_order_ref") != "ORD-1/é" ||
			query.Get("amount") != "2500.5" || !portoneSigned(query.Get, "channel_order_ref merchant_order_ref order_ref status") {
			t.Fatalf("the way back: %s", back)
		}
		for _, path := range []string{
			"/api/paymentLink/" + ref + "/fetch-status", "/api/paymentLink/ORD-1%2F%C3%A9/status", "/portone/api/merchant/" + portoneKey + "/paymentLink/ORD-1%2F%C3%A9/status",
		} {
			status, out := portoneCall(t, "GET", n.base+path, token, nil)
			content, _ := out["content"].(map[string]any)
			attempts, _ := content["transactionsList"].([]any)
			if status != http.StatusOK || content["status"] != "Success" || content["link"] != address || len(attempts) != 2 {
				t.Fatalf("%s: %d %v", path, status, out)
			}
		}
		status, out := portoneCall(t, "POST", n.base+"/api/refund/"+query.Get("order_ref"), token, map[string]any{"refund_type": "full", "environment": "sandbox"})
		if status != http.StatusOK || out["amountToRefund"] != 0.0 {
			t.Fatalf("refund: %d %v", status, out)
		}
		portoneTold(t, shop)
		if status, out := portoneCall(t, "GET", n.base+"/api/nothing", token, nil); status != http.StatusNotFound || out["status_code"] != "5001" {
			t.Errorf("an unknown path: %d %v", status, out)
		}
	})
}

// portonePay is declined, then pays, and says where the browser is sent.
func portonePay(t *testing.T, form string) *url.URL {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var to *url.URL
	for _, card := range []string{"4000000000000002", "4242424242424242"} {
		resp, err := client.PostForm(form, url.Values{"method": {"card"}, "version": {"1"}, "card.card": {card}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to, err = resp.Location(); err != nil {
			t.Fatalf("%d %v", resp.StatusCode, err)
		}
	}
	return to
}

// portoneTold waits for what the merchant's server is to hear, and checks who
// signed it.
func portoneTold(t *testing.T, shop *sink) {
	t.Helper()
	want := map[string][]string{"payment_status": {"Failed", "Success"}, "payment_link_status": {"Processing", "Success"}, "refund_status": {"<nil>"}}
	for kind, statuses := range want {
		eventually(t, kind, func() bool { return len(shop.types("/"+kind, "status")) >= len(statuses) })
		got := shop.types("/"+kind, "status")
		slices.Sort(got) // order is not promised
		if !slices.Equal(got, statuses) {
			t.Errorf("%s: %v, want %v", kind, got, statuses)
		}
	}
	eventually(t, "the endpoint of the provision file", func() bool { return len(shop.types("/all", "status")) >= 5 })
	shop.mu.Lock()
	defer shop.mu.Unlock()
	for _, m := range shop.told {
		keys := "amount channel_key channel_order_ref country_code currency merchant_order_ref method_name order_ref status"
		switch {
		case m.body["refund_id"] != nil:
			continue // nobody signs it
		case m.body["link_ref"] != nil:
			keys = "amount country_code currency link_ref merchant_order_ref status"
		}
		if !portoneSigned(func(key string) string { return fmt.Sprint(m.body[key]) }, keys) {
			t.Errorf("the signature is wrong: %v", m.body)
		}
	}
}
