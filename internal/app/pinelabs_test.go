package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// grocer is a merchant who reads Pine Labs webhooks with nothing but the
// standard library: names and statuses by path, in the order they came.
type grocer struct {
	server *httptest.Server

	mu   sync.Mutex
	told map[string][]string
}

func newGrocer(t *testing.T) *grocer {
	t.Helper()
	g := &grocer{told: map[string][]string{}}
	g.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		mac := hmac.New(sha256.New, []byte(testPineSecret)) // the text, not decoded
		fmt.Fprintf(mac, "%s.%d.%s", r.Header.Get("webhook-id"), at, body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute || r.Header.Get("webhook-signature") != want {
			t.Errorf("the signature is wrong: %v", r.Header)
		}
		var in struct {
			Type string `json:"event_type"`
			Data struct {
				Status string `json:"status"`
				LinkID string `json:"payment_link_id"`
			}
		}
		if err := json.Unmarshal(body, &in); err != nil || in.Data.LinkID == "" {
			t.Errorf("%s: %v", body, err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.told[r.URL.Path] = append(g.told[r.URL.Path], in.Type+" "+in.Data.Status)
	}))
	t.Cleanup(g.server.Close)
	return g
}

func (g *grocer) heard(path string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := slices.Clone(g.told[path])
	slices.Sort(list) // their order is not promised
	return list
}

func pineProvision(hook string) string {
	return fmt.Sprintf(`
merchants:
  - id: shop
    name: Corner Shop
    country: IN
    mode: test
    keys:
      - {api: native, secret: %s}
      - {api: pinelabs, client_id: %s, client_secret: %s}
    webhooks:
      - {api: pinelabs, url: "%s/orders"}
      - {api: pinelabs, url: "%s/links", kinds: [payment_link.completed, payment.succeeded, payment_link.canceled, payment_link.expired]}
    settings:
      pinelabs: {merchant_id: "111302"}
`, testKey, testPineID, testPineSecret, hook, hook)
}

var (
	returnForm  = regexp.MustCompile(`<form[^>]*id="return-form"[^>]*action="([^"]*)"[^>]*>((?s:.*?))</form>`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	payForm     = regexp.MustCompile(`<form method="post" action="([^"]*/pay)"`)
)

// wayBack is where a page's form leads and what it carries; its signature is
// checked by the words of the provider.
func wayBack(t *testing.T, page string) (to string, fields map[string]string) {
	t.Helper()
	form := returnForm.FindStringSubmatch(page)
	if form == nil {
		t.Fatalf("the page has no way back: %s", page)
	}
	fields = map[string]string{}
	var signed []string
	for _, f := range hiddenField.FindAllStringSubmatch(form[2], -1) {
		fields[f[1]] = html.UnescapeString(f[2])
		if f[1] != "signature" {
			signed = append(signed, f[1]+"="+fields[f[1]])
		}
	}
	slices.Sort(signed)
	key, err := hex.DecodeString(testPineSecret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join(signed, "&")))
	if fields["signature"] != strings.ToUpper(hex.EncodeToString(mac.Sum(nil))) {
		t.Errorf("the signature of the way back is wrong: %v", fields)
	}
	return html.UnescapeString(form[1]), fields
}

// Pine Labs: a client makes a link, its payer is declined and then pays, goes
// back, and the merchant is told; then some of it is given back.
func TestPineLabs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		merchant := newGrocer(t)
		n := start(t, settingsFor(t, o), pineProvision(merchant.server.URL))
		for i, base := range []string{n.base, n.base + "/pinelabs"} {
			pineStory(t, n, base, "INV-"+strconv.Itoa(i))
		}
		twice := func(names ...string) (list []string) {
			for _, s := range names {
				list = append(list, s, s)
			}
			slices.Sort(list)
			return list
		}
		orders := twice("PAYMENT_FAILED ATTEMPTED", "ORDER_PROCESSED PROCESSED", "payment_link.processed PROCESSED", "REFUND_PROCESSED PROCESSED")
		links := twice("payment_link.processed PROCESSED")
		eventually(t, "the webhooks", func() bool {
			return len(merchant.heard("/orders")) >= len(orders) && len(merchant.heard("/links")) >= len(links)
		})
		if got := merchant.heard("/orders"); !slices.Equal(got, orders) {
			t.Errorf("told:\n%v\nwant\n%v", got, orders)
		}
		if got := merchant.heard("/links"); !slices.Equal(got, links) {
			t.Errorf("the subscriber was told:\n%v\nwant\n%v", got, links)
		}
	})
}

func pineStory(t *testing.T, n *node, base, reference string) {
	_, out := call(t, "POST", base+"/api/auth/v1/token", "", map[string]string{
		"client_id": testPineID, "client_secret": testPineSecret, "grant_type": "client_credentials",
	})
	token, _ := out["access_token"].(string)
	status, link := call(t, "POST", base+"/api/pay/v1/paymentlink", token, `{"amount":{"value":240000,"currency":"INR"},"description":"Sofa delivery",
		"merchant_payment_link_reference":"`+reference+`","customer":{"email_id":"meera@shop.example"},"account_details":{"bank_details":{"account_number":"500000004545"}},
		"callback_url":"https://shop.example/return?a=1&b=%20","failure_callback_url":"https://shop.example/sorry?c",
		"cart_details":{"cart_items":[{"item_name":"Sofa","item_original_unit_price":250000,"item_quantity":1}]},"cart_coupon_discount_amount":{"value":10000,"currency":"INR"}}`)
	address, _ := link["payment_link"].(string)
	order, _ := link["order_id"].(string)
	if status != http.StatusCreated || !strings.HasPrefix(address, n.base+"/PLUTUS/") {
		t.Fatalf("create: %d %v", status, link)
	}
	page := show(t, address)
	for _, words := range []string{"2,400.00", "Sofa delivery", "Sofa", "2,500.00", "100.00", "this bank account only: <bdi>•••• 4545"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %s: %s", words, page)
		}
	}
	form := payForm.FindStringSubmatch(page)
	if form == nil {
		t.Fatalf("the page has no form: %s", page)
	}
	pay := func(card string) string {
		return submit(t, n.base+form[1], url.Values{"method": {"card"}, "version": {"1"}, "card.card": {card}})
	}
	to, fields := wayBack(t, pay("4000000000000002"))
	if to != "https://shop.example/sorry?c" || len(fields) != 5 || fields["order_id"] != order || fields["status"] != "FAILED" || fields["error_code"] != "PAYMENT_DECLINED" {
		t.Errorf("back from a decline: %s %v", to, fields)
	}
	to, fields = wayBack(t, pay("4242424242424242"))
	if to != "https://shop.example/return?a=1&b=%20" || len(fields) != 3 || fields["order_id"] != order || fields["status"] != "PROCESSED" {
		t.Errorf("back from success: %s %v", to, fields)
	}
	_, link = call(t, "GET", base+"/api/pay/v1/paymentlink/ref/"+reference, token, nil)
	_, read := call(t, "GET", base+"/api/pay/v1/orders/"+order, token, nil)
	if data, _ := read["data"].(map[string]any); link["status"] != "PROCESSED" || data["status"] != "PROCESSED" || data["merchant_id"] != "111302" {
		t.Errorf("after paying: %v %v", link, read)
	}
	status, out = call(t, "POST", base+"/api/pay/v1/refunds/"+order, token, `{"merchant_order_reference":"R-1","refund_amount":{"value":500,"currency":"INR"}}`)
	if data, _ := out["data"].(map[string]any); status != http.StatusCreated || data["status"] != "PROCESSED" {
		t.Errorf("refund: %d %v", status, out)
	}
	status, out = call(t, "GET", base+"/api/pay/v1/orders/"+order+"/nothing", token, nil)
	if status != http.StatusNotFound || out["code"] != "ORDER_NOT_FOUND" {
		t.Errorf("an unknown path: %d %v", status, out)
	}
}
