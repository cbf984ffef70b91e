package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	testEngineKey    = "5f0c9e1d7ab24486b1f3c07de2a95f0c9e1d7ab24486b1f3c07de2a9"
	testEngineSecret = "whk_0d9b3e51c7f24a60"
	testEngineShop   = "8b1f6a52-0d3e-4c77-9a41-6f2c5de80b19"
	testEngineAnnex  = "c20f7d1e-55b8-4a0c-8f62-1be9a3d47706"
)

func payengineProvision(hook string) string {
	return fmt.Sprintf(`
merchants:
  - id: shop
    name: Corner Shop
    country: US
    mode: test
    keys:
      - {api: native, secret: %s}
      - {api: payengine, private_key: %s, merchant_id: %s}
    webhooks:
      - {api: payengine, url: "%s/payengine", secret: %s}
    settings:
      time_zone: America/New_York
  - id: annex
    name: The Annex
    country: US
    mode: test
    keys:
      - {api: payengine, private_key: %s, merchant_id: %s}
`, testKey, testEngineKey, testEngineShop, hook, testEngineSecret, testEngineKey, testEngineAnnex)
}

// engineSink is a merchant's server that checks signatures the way the
// provider documents it.
type engineSink struct {
	mu     sync.Mutex
	events []string
	data   map[string]map[string]any // the last of each event
	uids   map[string]bool
}

func newEngineSink(t *testing.T) (*engineSink, string) {
	t.Helper()
	s := &engineSink{data: map[string]map[string]any{}, uids: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.take(t, r) }))
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *engineSink) take(t *testing.T, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	parts := map[string]string{}
	for item := range strings.SplitSeq(r.Header.Get("X-PF-Signature"), ",") {
		name, value, _ := strings.Cut(item, "=")
		parts[name] = value
	}
	mac := hmac.New(sha256.New, []byte(testEngineSecret))
	mac.Write([]byte(parts["t"] + "." + string(raw)))
	at, err := strconv.ParseInt(parts["t"], 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute || parts["s"] != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("the signature of %s: %v", raw, r.Header)
	}
	var told struct {
		UID   string `json:"event_uid"`
		Event string `json:"event"`
		Data  map[string]any
	}
	if err := json.Unmarshal(raw, &told); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.uids[told.UID] { // told twice is allowed
		s.uids[told.UID] = true
		s.events, s.data[told.Event] = append(s.events, told.Event), told.Data
	}
}

// heard are the events so far, sorted: their order is not promised.
func (s *engineSink) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.events))
}

// engineCall sends one request of a PayEngine client.
func engineCall(t *testing.T, method, address, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Basic "+testEngineKey)
	resp, out := answered(t, r)
	return resp.StatusCode, out
}

// PayEngine: a partner makes a link with two prices and a slug for one of its
// merchants; the payer is declined, then pays by card at the card's price, and
// the merchant is told with the provider's signature.
func TestPayEngine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		merchant, hook := newEngineSink(t)
		n := start(t, settingsFor(t, o), payengineProvision(hook))
		body := `{"merchant_id":"` + testEngineShop + `","data":{"use_same_amount":false,"cc_amount":"103.00","cc_amount_note":"includes the card price",
			"ach_amount":100,"ach_amount_note":"bank price","sales_tax":"7.25","order_number":"INV20417","description":"Winter tyre change",
			"save_card_consent":true,"slug_id":"Winter-tyres","internal_transaction_id":"job-7781","metadata":{"bay":4,"tags":["suv"]}}}`
		status, link := engineCall(t, "POST", n.base+"/api/payment-link", body)
		id, _ := link["payment_link_id"].(string)
		address, _ := link["payment_link_url"].(string)
		if status != http.StatusOK || len(id) != 26 || link["payment_link_status"] != "ACTIVE" || address != n.base+"/p/Winter-tyres" {
			t.Fatalf("create: %d %v", status, link)
		}
		page := show(t, address)
		for _, want := range []string{"103.00", "100.00", "includes the card price", "bank price", "Includes tax", "7.25", "INV20417", "Winter tyre change", `name="consent"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q: %s", want, page)
			}
		}
		for _, secret := range []string{"job-7781", "suv"} {
			if strings.Contains(page, secret) {
				t.Errorf("the page says %q", secret)
			}
		}
		if code := show(t, link["qr_code_url"].(string)); !strings.HasPrefix(code, "\x89PNG") {
			t.Errorf("the code: %q", code[:min(len(code), 80)])
		}
		form := func(card string) url.Values {
			return url.Values{"method": {"card"}, "version": {"1"}, "card.card": {card}, "consent": {"yes"}}
		}
		pay := n.base + "/l/" + id + "/pay"
		submit(t, pay, form("4000000000000002"))
		if _, link = engineCall(t, "GET", n.base+"/api/payment-link/"+id, ""); link["payment_link_status"] != "ACTIVE" {
			t.Fatalf("after a decline: %v", link)
		}
		submit(t, pay, form("4242424242424242"))
		for _, at := range []string{"/api/payment-link/" + id, "/payengine/api/payment-link/winter-tyres"} {
			if status, link = engineCall(t, "GET", n.base+at, ""); status != http.StatusOK || link["payment_link_status"] != "COMPLETED" {
				t.Fatalf("%s after paying: %d %v", at, status, link)
			}
		}
		want := []string{"PAYMENTLINK_CREATED", "PAYMENTLINK_UPDATED", "PAYMENT_FAILED", "PAYMENT_SALE"}
		eventually(t, "the events", func() bool { return len(merchant.heard()) >= len(want) })
		if got := merchant.heard(); !slices.Equal(got, want) {
			t.Errorf("told: %v", got)
		}
		sale, _ := merchant.data["PAYMENT_SALE"]["auth_response"].(map[string]any)
		if sale["totalAmount"] != "103.00" || sale["status"] != "PASS" || merchant.data["PAYMENT_FAILED"]["payment_link_id"] != id || merchant.data["PAYMENTLINK_UPDATED"]["payment_link_status"] != "COMPLETED" {
			t.Errorf("told: %v", merchant.data)
		}
		payengineOthers(t, n)
	})
}

// payengineOthers is what the partner sees beside the one link.
func payengineOthers(t *testing.T, n *node) {
	t.Helper()
	for merchant, want := range map[string]float64{testEngineShop: 1, testEngineAnnex: 0} {
		status, list := engineCall(t, "GET", n.base+"/api/merchant/"+merchant+"/payment-link?limit=2", "")
		page, _ := list["pagination"].(map[string]any)
		if status != http.StatusOK || page["total"] != want || page["limit"] != 10.0 {
			t.Errorf("list: %d %v", status, list)
		}
	}
	status, link := engineCall(t, "POST", n.base+"/payengine/api/payment-link", `{"merchant_id":"`+testEngineAnnex+`","data":{"amount":"5","one_time_only":false,"start_date":"20991231"}}`)
	id, _ := link["payment_link_id"].(string)
	if status != http.StatusOK || link["payment_link_status"] != "INACTIVE" {
		t.Fatalf("create for the other merchant: %d %v", status, link)
	}
	if page := show(t, link["payment_link_url"].(string)); !strings.Contains(page, "The Annex") || strings.Contains(page, `name="method"`) {
		t.Errorf("a link that has not begun: %s", page)
	}
	if status, out := engineCall(t, "POST", n.base+"/api/payment-link/"+id+"/cancel", ""); status != http.StatusOK || out["success"] != true {
		t.Errorf("cancel: %d %v", status, out)
	}
	if status, out := engineCall(t, "GET", n.base+"/api/payment-link/"+id+"/nothing", ""); status != http.StatusBadRequest || out["error"] != true {
		t.Errorf("an unknown path: %d %v", status, out)
	}
}
