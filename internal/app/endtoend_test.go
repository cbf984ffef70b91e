package app

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func newLink(t *testing.T, base string, body string) (id, address string) {
	t.Helper()
	status, out := call(t, "POST", base+"/v1/payment_links", testKey, body)
	if status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, out)
	}
	return out["id"].(string), out["url"].(string)
}

const bookLink = `{"amount": 1050, "currency": "USD", "description": "Two field guides"}`

// The main job: make a link, open it, be declined, pay it, be told in order,
// also when the receiver was away.
func TestMainJob(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		merchant := newSink(t)
		n := start(t, settingsFor(t, o), provisionOf(merchant.url))
		id, address := newLink(t, n.base, bookLink)
		if page := show(t, address); !strings.Contains(page, "Corner Shop") || !strings.Contains(page, "Two field guides") || !strings.Contains(page, "10.50") {
			t.Fatalf("the page: %s", page)
		}
		eventually(t, "the created event", func() bool { return len(merchant.types("/native", "type")) == 1 })
		merchant.close(true)
		submit(t, address+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "card.card": {"4000000000000002"}})
		if page := submit(t, address+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "card.card": {"4242424242424242"}}); !strings.Contains(page, "Paid") {
			t.Fatalf("after paying: %s", page)
		}
		_, out := call(t, "GET", n.base+"/v1/payment_links/"+id, testKey, nil)
		if out["state"] != "completed" || out["money_status"] != "paid" || out["amount_due"] != 0.0 {
			t.Fatalf("the link: %v", out)
		}
		merchant.close(false)
		want := []string{
			"payment_link.created", "payment.created", "attempt.created", "attempt.processing", "attempt.failed", "payment.failed",
			"payment.created", "attempt.created", "attempt.processing", "attempt.captured", "payment.succeeded", "payment_link.completed",
		}
		eventually(t, "all events", func() bool { return len(merchant.types("/native", "type")) >= len(want) })
		if got := merchant.types("/native", "type"); !slices.Equal(got, want) {
			t.Errorf("told:\n%v\nwant\n%v", got, want)
		}
	})
}

// Pine Labs: the documented request as it stands, only its expiry moved.
func TestPineLabsSeed(t *testing.T) {
	seed, err := os.ReadFile(filepath.Join("..", "dialect", "pinelabs", "testdata", "seed.json"))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		merchant := newSink(t)
		n := start(t, settingsFor(t, o), provisionOf(merchant.url))
		_, token := call(t, "POST", n.base+"/api/auth/v1/token", "", map[string]string{
			"client_id": testPineID, "client_secret": testPineSecret, "grant_type": "client_credentials",
		})
		bearer, _ := token["access_token"].(string)
		body := strings.Replace(string(seed), "{{expire_by}}", time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339Nano), 1)
		status, link := call(t, "POST", n.base+"/api/pay/v1/paymentlink", bearer, body)
		if status != http.StatusCreated || link["status"] != "CREATED" {
			t.Fatalf("create: %d %v", status, link)
		}
		id := link["payment_link_id"].(string)
		for _, path := range []string{"/api/pay/v1/paymentlink/" + id, "/api/pay/v1/paymentlink/ref/1234567890", "/pinelabs/api/pay/v1/paymentlink/" + id} {
			if status, got := call(t, "GET", n.base+path, bearer, nil); status != http.StatusOK || got["payment_link_id"] != id {
				t.Fatalf("%s: %d %v", path, status, got)
			}
		}
		page := show(t, link["payment_link"].(string))
		if !strings.Contains(page, "500.00") {
			t.Fatalf("the page: %s", page)
		}
		if _, got := call(t, "GET", n.base+"/api/pay/v1/paymentlink/"+id, bearer, nil); got["status"] != "CLICKED" {
			t.Fatalf("after opening: %v", got["status"])
		}
		if status, got := call(t, "PUT", n.base+"/api/pay/v1/paymentlink/"+id+"/cancel", bearer, nil); status != http.StatusOK || got["status"] != "CANCELLED" {
			t.Fatalf("cancel: %d %v", status, got)
		}
		eventually(t, "ORDER_CANCELLED", func() bool { return slices.Contains(merchant.types("/pinelabs", "event_type"), "ORDER_CANCELLED") })
	})
}

// Two servers on one database: both serve, both deliver, one payer wins.
func TestTwoNodes(t *testing.T) {
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		t.Log("TEST_POSTGRES is not set: two nodes need PostgreSQL")
		return
	}
	merchant := newSink(t)
	s := settingsFor(t, store.Options{URL: storetest.Database(t, server)})
	one := start(t, s, provisionOf(merchant.url))
	two := start(t, s, provisionOf(merchant.url))
	var links []string
	for i := range 20 {
		_, address := newLink(t, []*node{one, two}[i%2].base, bookLink)
		links = append(links, "/l/"+address[strings.LastIndex(address, "/")+1:])
	}
	var wg sync.WaitGroup
	for _, link := range links {
		for _, n := range []*node{one, two, one, two} {
			wg.Go(func() {
				submit(t, n.base+link+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "card.card": {"4242424242424242"}})
			})
		}
	}
	wg.Wait()
	_, list := call(t, "GET", two.base+"/v1/payments?limit=100&state=applied", testKey, nil)
	if n := len(list["data"].([]any)); n != len(links) {
		t.Errorf("%d payments were applied on %d links", n, len(links))
	}
	eventually(t, "every link's completion", func() bool {
		done := 0
		for _, kind := range merchant.types("/native", "type") {
			if kind == string(pay.EventLinkCompleted) {
				done++
			}
		}
		return done >= len(links)
	})
	one.stop() // the other goes on alone
	_, address := newLink(t, two.base, bookLink)
	if page := submit(t, address+"/pay", url.Values{"method": {"card"}, "version": {"1"}, "card.card": {"4242424242424242"}}); !strings.Contains(page, "Paid") {
		t.Errorf("after the other node stopped: %s", page)
	}
}

// A bank redirect and a challenge, the way a browser goes them; the transfer
// that confirms later is tested in core, where the clock can be moved.
func TestRedirects(t *testing.T) {
	merchant := newSink(t)
	n := start(t, settingsFor(t, store.Options{Path: filepath.Join(t.TempDir(), "x.db")}), provisionOf(merchant.url))
	for name, form := range map[string]url.Values{
		"bank":      {"method": {"bank_redirect"}, "version": {"1"}, "bank_redirect.bank": {"test_bank_a"}},
		"challenge": {"method": {"card"}, "version": {"1"}, "card.card": {"4000000000003220"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := newLink(t, n.base, bookLink)
			client := &http.Client{}
			resp, err := client.PostForm(address+"/pay", form)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			bank := resp.Request.URL.String()
			if !strings.Contains(bank, "/sandbox/") {
				t.Fatalf("the payer is at %s", bank)
			}
			show(t, bank) // looking changes nothing
			if page := show(t, address); strings.Contains(page, "Thank you") {
				t.Fatal("paid by looking")
			}
			if page := submit(t, bank, url.Values{"do": {"yes"}}); !strings.Contains(page, "Paid") {
				t.Fatalf("after approval: %s", page)
			}
		})
	}
}
