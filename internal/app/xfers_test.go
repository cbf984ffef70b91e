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
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	xfersKey    = "test_8f21c7d05b"
	xfersSecret = "sec-demo-4b90ce17"
	xfersHook   = "ss_demo_61a0f3"
)

// tents is an Xfers merchant's server: it keeps the raw bodies of callbacks.
type tents struct {
	server *httptest.Server

	mu   sync.Mutex
	told []string
}

func newTents(t *testing.T) *tents {
	t.Helper()
	s := &tents{}
	s.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mac := hmac.New(sha256.New, []byte(xfersHook))
		mac.Write(body)
		want := hex.EncodeToString(mac.Sum(nil))
		if r.Header.Get("Xfers-Signature") != want || r.Header.Get("X-Xfers-Signature") != want {
			t.Errorf("the signature is wrong: %v", r.Header)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, string(body))
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *tents) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// xfersCall asks as the provider's clients do, also with a body on GET.
func xfersCall(t *testing.T, method, address, body string) (status int, raw string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.api+json")
	r.SetBasicAuth(xfersKey, xfersSecret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(all)
}

func xfersTask(t *testing.T, links, id, action string) {
	t.Helper()
	status, out := xfersCall(t, "POST", links+"/"+id+"/tasks", `{"data":{"attributes":{"action":"`+action+`"}}}`)
	if status != http.StatusOK || !strings.Contains(out, `"type":"task"`) {
		t.Fatalf("%s: %d %s", action, status, out)
	}
}

// xfersLink is what the test reads of a link.
type xfersLink struct {
	Data struct {
		ID         string
		Attributes struct{ Status, PaymentLinkURL string }
	}
}

func xfersCreate(t *testing.T, links, reference string) (id, address string) {
	t.Helper()
	status, out := xfersCall(t, "POST", links, `{"data":{"attributes":{"amount":275000,"referenceId":"`+reference+`","description":"Sewa tenda 2 hari",
		"customerName":"Sari Wulandari","customerEmail":"sari@customer.example","customerPhoneNumber":"081200000007",
		"expiredAt":"`+time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)+`","paymentMethodOptions":{"displayName":"Tenda Maju"}}}}`)
	var link xfersLink
	if err := json.Unmarshal([]byte(out), &link); err != nil || status != http.StatusCreated || link.Data.Attributes.Status != "pending" {
		t.Fatalf("create: %d %s", status, out)
	}
	return link.Data.ID, link.Data.Attributes.PaymentLinkURL
}

// Xfers: a link is made, opened, declined and paid; the merchant's server hears
// of the payment and of the funds, in the words of a read at that moment.
func TestXfers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		shop := newTents(t)
		n := start(t, settingsFor(t, o), fmt.Sprintf(`
merchants:
  - id: tents
    name: Tenda Maju Sewa
    country: ID
    mode: test
    keys: [{api: xfers, api_key: %s, api_secret: %s}]
    webhooks: [{api: xfers, url: "%s/callback", secret: %s}]
    settings:
      xfers: {callbacks: "expired,cancelled", minimum_amount: 10000}
`, xfersKey, xfersSecret, shop.server.URL, xfersHook))
		links := n.base + "/api/v4/payment_links"
		id, address := xfersCreate(t, links, "ORD-2026-118")
		if address != n.base+"/x/"+id {
			t.Fatalf("the address is %s", address)
		}
		page := show(t, address)
		if !strings.Contains(page, "Tenda Maju") || !strings.Contains(page, "275,000") || !strings.Contains(page, "Sewa tenda 2 hari") {
			t.Fatalf("the page: %s", page)
		}
		_, rest, _ := strings.Cut(page, `action="/l/`)
		token, _, _ := strings.Cut(rest, "/")
		pay := func(card string) string {
			return submit(t, n.base+"/l/"+token+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "card.card": {card}})
		}
		pay("4000000000000002")
		if status, out := xfersCall(t, "GET", links+"/"+id, `{"data":{"attributes":null}}`); status != http.StatusOK || !strings.Contains(out, `"status":"pending"`) {
			t.Fatalf("after a decline: %d %s", status, out)
		}
		if page := pay("4242424242424242"); !strings.Contains(page, "Paid") {
			t.Fatalf("after paying: %s", page)
		}
		_, paid := xfersCall(t, "GET", links+"/"+id, "null")
		xfersTask(t, links, id, "settle")
		_, settled := xfersCall(t, "GET", n.base+"/xfers/api/v4/payment_links/"+id, "")
		gone, _ := xfersCreate(t, links, "ORD-2026-119")
		xfersTask(t, links, gone, "cancel")
		_, cancelled := xfersCall(t, "GET", links+"/"+gone, "")
		for status, out := range map[string]string{"paid": paid, "completed": settled, "cancelled": cancelled} {
			if !strings.Contains(out, `"status":"`+status+`"`) {
				t.Errorf("not %s: %s", status, out)
			}
		}
		eventually(t, "three callbacks", func() bool { return len(shop.heard()) >= 3 })
		told := shop.heard()
		first, second := slices.Index(told, paid), slices.Index(told, settled)
		if first < 0 || second < first || !slices.Contains(told, cancelled) || len(told) != 3 {
			t.Errorf("told:\n%s\nwant\n%s\n%s\n%s", strings.Join(told, "\n"), paid, settled, cancelled)
		}
		if status, out := xfersCall(t, "GET", links+"?filter[status]=completed&page[size]=1", ""); status != http.StatusOK || out != strings.Replace(strings.TrimSuffix(settled, "}"), `{"data":`, `{"data":[`, 1)+"]}" {
			t.Errorf("list: %d %s", status, out)
		}
		if status, out := xfersCall(t, "GET", n.base+"/api/v4/banks", ""); status != http.StatusNotFound || !strings.Contains(out, `"code":"004"`) {
			t.Errorf("an unknown path: %d %s", status, out)
		}
	})
}
