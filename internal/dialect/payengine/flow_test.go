package payengine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// ask sends one request with the shop's key.
func ask(t *testing.T, h http.Handler, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Basic "+testKey)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Code, out
}

func bodyOf(data string) string { return `{"merchant_id":"` + shopID + `","data":` + data + `}` }

// make1 makes a link and returns its id.
func make1(t *testing.T, h http.Handler, data string) string {
	t.Helper()
	status, out := ask(t, h, "POST", "/api/payment-link", bodyOf(data))
	id, _ := out["payment_link_id"].(string)
	if status != http.StatusOK || id == "" {
		t.Fatalf("create: %d %v", status, out)
	}
	return id
}

// pair is two nodes on one database.
func pair(t *testing.T, o store.Options) (worlds [2]*coretest.World, handlers [2]http.Handler) {
	t.Helper()
	for i := range worlds {
		worlds[i] = coretest.New(t, o)
		provision(t, worlds[i])
		_, handlers[i] = served(worlds[i])
	}
	return worlds, handlers
}

// atOnce asks 20 times at the same moment, on two nodes by turns.
func atOnce(t *testing.T, handlers [2]http.Handler, f func(i int, h http.Handler) int) map[int]int {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	start := make(chan struct{})
	for i := range 20 {
		wg.Go(func() {
			<-start
			status := f(i, handlers[i%2])
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	close(start)
	wg.Wait()
	return counts
}

// A slug is the only protection against repeats: of 20 creates at once one has
// it. Without one there are as many links as calls.
func TestTwentyAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		_, handlers := pair(t, o)
		create := func(data string) map[int]int {
			return atOnce(t, handlers, func(_ int, h http.Handler) int {
				status, _ := ask(t, h, "POST", "/api/payment-link", bodyOf(data))
				return status
			})
		}
		total := func() any {
			_, out := ask(t, handlers[0], "GET", "/api/merchant/"+shopID+"/payment-link", "")
			page, _ := out["pagination"].(map[string]any)
			return page["total"]
		}
		if counts := create(`{"amount":"5","slug_id":"Only-One"}`); counts[200] != 1 || counts[409] != 19 || total() != 1.0 {
			t.Errorf("with a slug: %v, %v links", counts, total())
		}
		if counts := create(`{"amount":"5"}`); counts[200] != 20 || total() != 21.0 {
			t.Errorf("without: %v, %v links", counts, total())
		}
		id := make1(t, handlers[0], `{"amount":"5"}`)
		counts := atOnce(t, handlers, func(_ int, h http.Handler) int {
			status, _ := ask(t, h, "POST", "/api/payment-link/"+id+"/cancel", "")
			return status
		})
		if counts[200] != 1 || counts[400] != 19 {
			t.Errorf("cancel: %v", counts)
		}
		ids := [2]string{make1(t, handlers[0], `{"amount":"5"}`), make1(t, handlers[1], `{"amount":"5"}`)}
		counts = atOnce(t, handlers, func(i int, h http.Handler) int {
			status, _ := ask(t, h, "PATCH", "/api/payment-link/"+ids[i/2%2], `{"data":{"slug_id":"late"}}`)
			return status
		})
		if counts[200] != 10 || counts[409] != 10 { // the winner may ask again and again
			t.Errorf("one slug for two links: %v", counts)
		}
	})
}

// history are the words of all events of a link, and the data of the last one.
func history(t *testing.T, w *coretest.World, id pay.LinkID) (list []string, last map[string]any) {
	t.Helper()
	shop := pay.Tenant{Merchant: "shop", Mode: pay.Test}
	for seq := int64(1); ; seq++ {
		e, err := w.Store.Event(context.Background(), shop, id, seq)
		if err != nil {
			return list, last
		}
		if out, ok := tell(t, e); ok {
			list, last = append(list, out.Event), out.Data
		}
	}
}

// TestLife follows a link from its making past its end.
func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		d, h := served(w)
		shop := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: name}
		read := func(id string) (core.LinkView, string) {
			t.Helper()
			v, err := w.LinkByWireID(context.Background(), shop, id)
			if err != nil {
				t.Fatal(err)
			}
			return v, d.word(v.Link).Status
		}

		id := make1(t, h, `{"use_same_amount":false,"cc_amount":"103","ach_amount":"100"}`)
		v, _ := read(id)
		if _, err := w.Card(v.Link, "4000000000000002"); err != nil {
			t.Fatal(err)
		}
		if _, status := read(id); status != statusActive {
			t.Errorf("after a decline: %s", status)
		}
		paid, err := w.Card(v.Link, "4242424242424242")
		if err != nil || paid.Requested.Minor != 10300 {
			t.Fatal(paid, err)
		}
		if _, status := read(id); status != statusCompleted {
			t.Errorf("after paying: %s", status)
		}
		for _, call := range []struct{ method, path, body string }{{"PUT", "", `{"data":{"description":"x"}}`}, {"POST", "/cancel", ""}} {
			if status, out := ask(t, h, call.method, "/api/payment-link/"+id+call.path, call.body); status != 400 || !strings.Contains(fmt.Sprint(out["message"]), statusCompleted) {
				t.Errorf("%s %s of a completed link: %d %v", call.method, call.path, status, out)
			}
		}
		if _, _, err := w.Refund(context.Background(), w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: paid.ID}}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			w.Clock.Add(time.Minute)
			runOperations(t, w)
		}
		if _, status := read(id); status != statusCompleted {
			t.Errorf("after the refund: %s", status)
		}
		words, last := history(t, w, v.Link.ID)
		want := []string{"PAYMENTLINK_CREATED", "PAYMENT_FAILED", "PAYMENT_SALE", "PAYMENTLINK_UPDATED", "PAYMENT_REFUNDED"}
		if !slices.Equal(words, want) {
			t.Errorf("told: %v", words)
		}
		if answer, _ := last["auth_response"].(map[string]any); answer["totalAmount"] != "103.00" {
			t.Errorf("the refund: %v", last)
		}
	})
}

// A link for many payments stays open, and its price stays once one was made.
func TestManyPayments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		_, h := served(w)
		shop := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: name}
		read := func(id string) core.LinkView {
			t.Helper()
			v, err := w.LinkByWireID(context.Background(), shop, id)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		many := make1(t, h, `{"amount":"5","one_time_only":false}`)
		v := read(many)
		for range 2 {
			if _, err := w.Card(v.Link, "4242424242424242"); err != nil {
				t.Fatal(err)
			}
		}
		if v = read(many); linkStatus[v.Link.State] != statusActive || v.Link.UseCount != 2 {
			t.Errorf("a link for many: %s, %d uses", v.Link.State, v.Link.UseCount)
		}
		if status, out := ask(t, h, "PATCH", "/api/payment-link/"+many, `{"data":{"amount":"6"}}`); status != 400 {
			t.Errorf("a new price after payments: %d %v", status, out)
		}
		if status, out := ask(t, h, "PATCH", "/api/payment-link/"+many, `{"data":{"amount":"5.00","description":"new"}}`); status != 200 || out["description"] != "new" {
			t.Errorf("the same price: %d %v", status, out)
		}
	})
}

func runOperations(t *testing.T, w *coretest.World) {
	t.Helper()
	jobs, err := w.ClaimOperations(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if err := w.RunOperation(context.Background(), j); err != nil {
			t.Error(err)
		}
	}
}

// The clock moves a link in and out of its window without anybody's help.
func TestWindow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		_, h := served(w)
		york, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Fatal(err)
		}
		at := w.Clock.Now().In(york)
		day := func(n int) string { return at.AddDate(0, 0, n).Format("20060102") }
		midnight := func(n int) time.Duration {
			return time.Date(at.Year(), at.Month(), at.Day()+n, 0, 0, 0, 0, york).Sub(w.Clock.Now())
		}
		body := `{"merchant_id":"` + annexID + `","data":{"amount":"5","start_date":"` + day(2) + `","end_date":"` + day(3) + `"}}`
		_, out := ask(t, h, "POST", "/api/payment-link", body)
		id, _ := out["payment_link_id"].(string)
		status := func() any {
			_, out := ask(t, h, "GET", "/api/payment-link/"+id, "")
			return out["payment_link_status"]
		}
		for _, step := range []struct {
			days int
			by   time.Duration
			want string
		}{
			{2, -time.Second, statusInactive}, {2, 0, statusActive}, {4, -time.Second, statusActive}, {4, 0, statusInactive},
		} {
			w.Clock.Add(midnight(step.days) + step.by)
			if got := status(); got != step.want {
				t.Errorf("midnight of day %d and %v: %v, want %s", step.days, step.by, got, step.want)
			}
		}
		code, out := ask(t, h, "PATCH", "/api/payment-link/"+id, `{"data":{"description":"late"}}`)
		if code != 400 || !strings.Contains(fmt.Sprint(out["message"]), "data.end_date") {
			t.Errorf("an update that leaves the end in the past: %d %v", code, out)
		}
		if code, out = ask(t, h, "PATCH", "/api/payment-link/"+id, `{"data":{"end_date":"`+day(9)+`"}}`); code != 200 || out["payment_link_status"] != statusActive {
			t.Errorf("a later end: %d %v", code, out)
		}
	})
}

// Nothing is told of an update that changes nothing.
func TestUpdateOfNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		_, h := served(w)
		id := make1(t, h, `{"use_same_amount":false,"cc_amount":"5","ach_amount":"4","start_date":"20260101","end_date":"20990101","metadata":{"a" : "<b>"},"slug_id":"same"}`)
		_, was := ask(t, h, "GET", "/api/payment-link/"+id, "")
		round, err := encode(map[string]any{"data": was})
		if err != nil {
			t.Fatal(err)
		}
		code, is := ask(t, h, "PUT", "/api/payment-link/"+id, string(round))
		if code != 200 || fmt.Sprint(is) != fmt.Sprint(was) {
			t.Errorf("%d\n%v\n%v", code, was, is)
		}
		v, err := w.LinkByClaim(context.Background(), pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: name}, core.TokenClaim(id))
		if err != nil || v.Link.Version != 1 {
			t.Errorf("version %d %v", v.Link.Version, err)
		}
	})
}

// An update that repeats the generated slug takes no name for it.
func TestGeneratedSlugIsNoName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		_, h := served(w)
		id := make1(t, h, `{"amount":"5","slug_id":"mine"}`)
		code, out := ask(t, h, "PATCH", "/api/payment-link/"+id, `{"data":{"slug_id":"`+id+`"}}`)
		if code != 200 || out["slug_id"] != id || out["payment_link_url"] != publicURL+"/l/"+id {
			t.Errorf("%d %v", code, out)
		}
		if tenant, err := w.ClaimTenant(context.Background(), core.SlugClaim(pay.Test, id)); pay.KindOf(err) != pay.NotFound {
			t.Errorf("the id is a slug of %v: %v", tenant, err)
		}
	})
}

// What the operator leaves out is made: a key that works as it is shown, and a
// webhook secret that is not the key.
func TestMadeSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		made, err := w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{{
			ID: "fresh", Name: "Fresh", Mode: pay.Test, Keys: []core.ProvisionKey{{API: name, External: "m-1"}},
			Webhooks: []core.ProvisionWebhook{{API: name, URL: "http://127.0.0.1:9/hooks"}},
		}}})
		if err != nil || len(made) != 2 || made[0].Value == made[1].Value || len(made[1].Value) != 64 {
			t.Fatalf("%+v %v", made, err)
		}
		_, h := served(w)
		r := httptest.NewRequest("GET", "/api/merchant/m-1/payment-link", nil)
		r.Header.Set("Authorization", "Basic "+made[0].Value)
		answer := httptest.NewRecorder()
		if h.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
}
