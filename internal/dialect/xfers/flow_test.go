package xfers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// call sends one request with the test key.
func (w *world) call(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", basic(testKey, secretKey))
	out := httptest.NewRecorder()
	w.mux.ServeHTTP(out, r)
	return out
}

func request(reference, more string) string {
	return `{"data":{"attributes":{"amount":10000,"referenceId":"` + reference + `","customerName":"Sari Wulandari",
		"customerEmail":"sari@customer.example","customerPhoneNumber":"081200000007"` + more + `}}}`
}

func (w *world) tents(t *testing.T) pay.Caller {
	t.Helper()
	grants, err := w.Grants(context.Background(), name, testKey)
	if err != nil || len(grants) != 1 {
		t.Fatalf("grants: %v %v", grants, err)
	}
	return grants[0].Caller(name, "req_test")
}

// linkOf creates a link and reads it as core has it.
func (w *world) linkOf(t *testing.T, reference, more string) core.LinkView {
	t.Helper()
	if out := w.call("POST", "/api/v4/payment_links", request(reference, more)); out.Code != http.StatusCreated {
		t.Fatalf("create: %d %s", out.Code, out.Body)
	}
	v, err := w.LinkByUniqueRef(context.Background(), w.tents(t), reference)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOneReferenceManyCreates: of 20 creates at once in two applications, half
// of them with another content, all that agree with the first get its link.
func TestOneReferenceManyCreates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		nodes := []*world{newWorld(t, o), newWorld(t, o)}
		answers := make([]*httptest.ResponseRecorder, 20)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				answers[i] = nodes[i%2].call("POST", "/api/v4/payment_links", request("ORD-1", []string{"", `,"description":"Tenda"`}[i/2%2]))
			})
		}
		wg.Wait()
		made, refused, bodies := 0, 0, map[string]bool{}
		for _, a := range answers {
			switch a.Code {
			case http.StatusCreated:
				made++
				bodies[a.Body.String()] = true
			case http.StatusBadRequest:
				refused++
				if !strings.Contains(a.Body.String(), "reference_id has already been used") {
					t.Error(a.Body)
				}
			default:
				t.Errorf("%d %s", a.Code, a.Body)
			}
		}
		if made != 10 || refused != 10 || len(bodies) != 1 {
			t.Errorf("%d created, %d refused, %d different answers", made, refused, len(bodies))
		}
		who := nodes[0].tents(t)
		if n, err := nodes[0].CountLinks(context.Background(), who, core.LinkScan{}); err != nil || n != 1 {
			t.Errorf("%d links are stored: %v", n, err)
		}
		v, err := nodes[1].LinkByUniqueRef(context.Background(), who, "ORD-1")
		if err != nil {
			t.Fatal(err)
		}
		shares, err := nodes[1].Shares(context.Background(), who, v.Link.ID, core.Recipient{})
		want := []pay.Recipient{{Name: "Sari Wulandari", Email: "sari@customer.example"}}
		if err != nil || len(shares) != 1 || shares[0].Cause != pay.ShareCreated || !slices.Equal(shares[0].Recipients, want) {
			t.Errorf("shares: %+v %v", shares, err)
		}
	})
}

// TestTasksAtOnce: of a cancel and a payment at once one has its way.
func TestTasksAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		nodes := []*world{newWorld(t, o), newWorld(t, o)}
		for i := range 8 {
			v := nodes[0].linkOf(t, "ORD-"+string(rune('a'+i)), "")
			var wg sync.WaitGroup
			codes := make([]int, 2)
			for n, action := range []string{"cancel", "receive_payment"} {
				wg.Go(func() {
					codes[n] = nodes[n].call("POST", "/api/v4/payment_links/"+v.Link.WireID+"/tasks", `{"data":{"attributes":{"action":"`+action+`"}}}`).Code
				})
			}
			wg.Wait()
			out := nodes[0].call("GET", "/api/v4/payment_links/"+v.Link.WireID, "").Body.String()
			paid, cancelled := strings.Contains(out, `"status":"paid"`), strings.Contains(out, `"status":"cancelled"`)
			if paid == cancelled || paid && codes[0] == http.StatusOK || cancelled && codes[0] != http.StatusOK {
				t.Errorf("cancel %d, pay %d: %s", codes[0], codes[1], out)
			}
		}
	})
}

// TestReceiveWhilePaying: a payer who was asked for a step and left does not
// keep the task from paying.
func TestReceiveWhilePaying(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := newWorld(t, o)
		v := w.linkOf(t, "left", "")
		if _, err := w.Card(v.Link, "4000000000003220"); err != nil {
			t.Fatal(err)
		}
		if out := w.call("POST", "/api/v4/payment_links/"+v.Link.WireID+"/tasks", `{"data":{"attributes":{"action":"receive_payment"}}}`); out.Code != http.StatusOK {
			t.Fatalf("%d %s", out.Code, out.Body)
		}
		if out := w.call("GET", "/api/v4/payment_links/"+v.Link.WireID, "").Body.String(); !strings.Contains(out, `"status":"paid"`) {
			t.Error(out)
		}
	})
}

// told are the callbacks of a link: its statuses, each with the same body that
// a read had at that moment where reads has one.
func (w *world) told(t *testing.T, l pay.Link, wishes string, reads map[string]string) (statuses []string) {
	t.Helper()
	m := pay.Merchant{Settings: pay.Settings{Dialects: map[string]map[string]string{name: {settingCallbacks: wishes}}}}
	for seq := int64(1); ; seq++ {
		e, err := w.Store.Event(context.Background(), l.Tenant, l.ID, seq)
		if err != nil {
			return statuses
		}
		msg, ok := w.d.Word(e, m, publicURL)
		if !ok {
			continue
		}
		var body struct{ Data linkOut }
		if err := json.Unmarshal(msg.Body, &body); err != nil || msg.ID != string(e.ID) || msg.ContentType != "application/json" {
			t.Errorf("%s %s %v", msg.ID, msg.ContentType, err)
		}
		status := body.Data.Attributes.Status
		if read, ok := reads[status]; ok && read != string(msg.Body) {
			t.Errorf("told\n%s\nread\n%s", msg.Body, read)
		}
		statuses = append(statuses, status)
	}
}

const allWishes = "expired, cancelled,failed"

// TestCallbacks walks links through their lives and holds what is told.
func TestCallbacks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := newWorld(t, o)
		task := func(l pay.Link, action string) {
			t.Helper()
			if out := w.call("POST", "/api/v4/payment_links/"+l.WireID+"/tasks", `{"data":{"attributes":{"action":"`+action+`"}}}`); out.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", action, out.Code, out.Body)
			}
		}
		card := func(l pay.Link, number string) {
			t.Helper()
			if _, err := w.Card(l, number); err != nil {
				t.Fatal(err)
			}
		}
		hold := func(what string, l pay.Link, wishes string, want ...string) {
			t.Helper()
			if got := w.told(t, l, wishes, nil); !slices.Equal(got, want) {
				t.Errorf("%s (%s): told %v, want %v", what, wishes, got, want)
			}
		}
		paid := w.linkOf(t, "paid", `,"paymentMethodOptions":{"displayName":"Tenda <Maju> & \u2028"}`).Link
		reads := map[string]string{}
		for _, action := range []string{"receive_payment", "settle"} {
			task(paid, action)
			status := map[string]string{"receive_payment": statusPaid, "settle": statusCompleted}[action]
			reads[status] = w.call("GET", "/api/v4/payment_links/"+paid.WireID, "").Body.String()
		}
		if got := w.told(t, paid, allWishes, reads); !slices.Equal(got, []string{statusPaid, statusCompleted}) {
			t.Errorf("a paid link: told %v", got)
		}
		cancelled, untouched, declined, tried := w.linkOf(t, "cancelled", "").Link, w.linkOf(t, "untouched", "").Link, w.linkOf(t, "declined", "").Link, w.linkOf(t, "tried", "").Link
		task(cancelled, "cancel")
		card(declined, "4000000000000002")
		card(tried, "4000000000003220") // a challenge is asked for, and nobody answers
		w.Clock.Add(24*time.Hour + time.Second)
		if out := w.call("GET", "/api/v4/payment_links/"+tried.WireID, "").Body.String(); !strings.Contains(out, statusPending) {
			t.Errorf("while somebody pays: %s", out)
		}
		if _, err := w.DueLinks(context.Background(), 100); err != nil {
			t.Fatal(err)
		}
		hold("while somebody pays", tried, allWishes)
		v, err := w.LinkByUniqueRef(context.Background(), w.tents(t), "tried")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AbandonPayment(context.Background(), tried.Token, v.Payments[0].ID, "req_test"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			l      pay.Link
			status string
		}{{cancelled, statusCancelled}, {untouched, statusExpired}, {declined, statusFailed}, {tried, statusExpired}} {
			hold(c.status, c.l, "")
			hold(c.status, c.l, allWishes, c.status)
			hold(c.status, c.l, c.status, c.status)
		}
	})
}
