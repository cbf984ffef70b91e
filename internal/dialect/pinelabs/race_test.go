package pinelabs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// simultaneous is how many do the same thing at the same moment.
const simultaneous = 20

// node is the dialect on one of two nodes, spoken to with a token.
type node struct {
	site
	world *coretest.World
	token string
}

// eachPair runs f on each engine, with two nodes on one database.
func eachPair(t *testing.T, f func(t *testing.T, nodes [2]node)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var nodes [2]node
		for i := range nodes {
			w := coretest.New(t, o)
			grants, err := w.Grants(context.Background(), name, coretest.PineID)
			if err != nil || len(grants) != 1 {
				t.Fatal(grants, err)
			}
			token, _, err := w.IssueToken(context.Background(), grants[0], name, tokenLife)
			if err != nil {
				t.Fatal(err)
			}
			nodes[i] = node{served(w), w, token}
		}
		f(t, nodes)
	})
}

func (n node) call(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	n.mux.ServeHTTP(w, r)
	return w
}

// create makes a link; members replaces or adds some.
func (n node) create(t *testing.T, members string) (out linkOut) {
	t.Helper()
	w := n.call("POST", "/api/pay/v1/paymentlink", with(members))
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("create: %d %s %v", w.Code, w.Body, err)
	}
	return out
}

func (n node) pay(t *testing.T, l linkOut, amount int64) {
	t.Helper()
	_, err := n.world.StartPayment(context.Background(), core.StartPayment{
		Token: l.URL[strings.LastIndexByte(l.URL, '/')+1:], Method: pay.MethodCard, Amount: amount, Fields: map[string]string{"card": "4242424242424242"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (n node) order(t *testing.T, id string) (out orderOut) {
	t.Helper()
	var in struct{ Data orderOut }
	w := n.call("GET", "/api/pay/v1/orders/"+id, "")
	if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || w.Code != http.StatusOK {
		t.Fatalf("order: %d %s %v", w.Code, w.Body, err)
	}
	return in.Data
}

// atOnce asks the same of both nodes by turns, and counts the statuses.
func atOnce(nodes [2]node, ask func(i int, n node) *httptest.ResponseRecorder) (count map[int]int, bodies []string) {
	answers := make([]*httptest.ResponseRecorder, simultaneous)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = ask(i, nodes[i%2])
		})
	}
	close(start)
	wg.Wait()
	count = map[int]int{}
	for _, w := range answers {
		count[w.Code]++
		bodies = append(bodies, w.Body.String())
	}
	return count, bodies
}

// One reference makes one link, whose notice is sent once.
func TestManyCreates(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		body := with(`"customer":{"email_id":"meera@shop.example"}`)
		count, bodies := atOnce(nodes, func(_ int, n node) *httptest.ResponseRecorder {
			return n.call("POST", "/api/pay/v1/paymentlink", body)
		})
		if count[http.StatusCreated] != 1 || count[http.StatusOK] != simultaneous-1 {
			t.Errorf("%v", count)
		}
		for _, b := range bodies {
			if b != bodies[0] {
				t.Errorf("%s\n%s", b, bodies[0])
			}
		}
		v, err := nodes[0].core.LinkByUniqueRef(context.Background(), nodes[0].world.Pine, "A-1")
		if err != nil {
			t.Fatal(err)
		}
		shares, err := nodes[0].core.Shares(context.Background(), nodes[0].world.Pine, v.Link.ID, core.Recipient{})
		if err != nil || len(shares) != 1 || shares[0].Cause != pay.ShareCreated {
			t.Errorf("%+v %v", shares, err)
		}
	})
}

// One reference gives money back once, also over several payments, and all
// references together no more than there is.
func TestManyRefunds(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		one := nodes[0]
		l := one.create(t, `"part_payment":true`)
		one.pay(t, l, 20000)
		one.pay(t, l, 30000)
		path := "/api/pay/v1/refunds/" + l.OrderID
		count, _ := atOnce(nodes, func(_ int, n node) *httptest.ResponseRecorder {
			return n.call("POST", path, `{"merchant_order_reference":"R-1","order_amount":{"value":25000,"currency":"INR"}}`)
		})
		if count[http.StatusCreated] != 1 || count[http.StatusOK] != simultaneous-1 {
			t.Errorf("one reference: %v", count)
		}
		if out := one.order(t, l.OrderID); len(out.Refunds) != 1 || *out.Refunds[0].Amount.Value != 25000 || len(out.Refunds[0].Payments) != 2 {
			t.Errorf("%+v", out.Refunds)
		}
		count, _ = atOnce(nodes, func(i int, n node) *httptest.ResponseRecorder {
			return n.call("POST", path, fmt.Sprintf(`{"merchant_order_reference":"S-%d","order_amount":{"value":3000,"currency":"INR"}}`, i))
		})
		if count[http.StatusCreated] != 8 || count[http.StatusUnprocessableEntity] != simultaneous-8 {
			t.Errorf("25000 in 3000s: %v", count)
		}
		v, err := one.core.LinkByWireID(context.Background(), one.world.Pine, l.ID)
		if err != nil || v.Link.Refunded != 49000 {
			t.Errorf("given back %d %v", v.Link.Refunded, err)
		}
	})
}

// A hold is captured once, whether the calls have one name or many.
func TestManyCaptures(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		one := nodes[0]
		for round, ref := range []string{"C", "C-%d"} {
			l := one.create(t, fmt.Sprintf(`"merchant_payment_link_reference":"H-%d","pre_auth":true`, round))
			one.pay(t, l, 0)
			count, _ := atOnce(nodes, func(i int, n node) *httptest.ResponseRecorder {
				name := ref
				if round == 1 {
					name = fmt.Sprintf(ref, i)
				}
				return n.call("PUT", "/api/pay/v1/orders/"+l.OrderID+"/capture", `{"merchant_capture_reference":"`+name+`","capture_amount":{"value":40000,"currency":"INR"}}`)
			})
			again := count[http.StatusTooManyRequests] // while the first of that name is at it
			refused := count[http.StatusUnprocessableEntity]
			if count[http.StatusOK]+refused+again != simultaneous || count[http.StatusOK] == 0 || round == 0 && refused > 0 || round == 1 && again > 0 {
				t.Errorf("%s: %v", ref, count)
			}
			out := one.order(t, l.OrderID)
			if out.Status != orderCaptured || len(out.Payments) != 1 || *out.Payments[0].Amount.Value != 40000 || len(out.Payments[0].Captures) != 1 {
				t.Errorf("%s: %+v", ref, out)
			}
			v, err := one.core.LinkByWireID(context.Background(), one.world.Pine, l.ID)
			if err != nil || v.Link.Applied != 40000 {
				t.Errorf("%s: applied %d %v", ref, v.Link.Applied, err)
			}
		}
	})
}

// A hold is captured or released, never both.
func TestCaptureAgainstCancel(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		one := nodes[0]
		for round := range 6 {
			l := one.create(t, fmt.Sprintf(`"merchant_payment_link_reference":"X-%d","pre_auth":true`, round))
			one.pay(t, l, 0)
			atOnce(nodes, func(i int, n node) *httptest.ResponseRecorder {
				if i%4 < 2 {
					return n.call("PUT", "/api/pay/v1/orders/"+l.OrderID+"/cancel", "")
				}
				return n.call("PUT", "/api/pay/v1/orders/"+l.OrderID+"/capture", `{"merchant_capture_reference":"C"}`)
			})
			for range 4 {
				work(t, one.world)
			}
			v, err := one.core.LinkByWireID(context.Background(), one.world.Pine, l.ID)
			if err != nil {
				t.Fatal(err)
			}
			out := one.order(t, l.OrderID)
			canceled := v.Link.State == pay.LinkCanceled && v.Link.Applied == 0 && out.Status == orderCancelled
			taken := v.Link.State == pay.LinkCompleted && v.Link.Applied == 50000 && out.Status == orderProcessed
			if canceled == taken {
				t.Errorf("%s, applied %d, order %s", v.Link.State, v.Link.Applied, out.Status)
			}
		}
	})
}

// The limit on sending holds over two nodes.
func TestManyResends(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		l := nodes[0].create(t, `"customer":{"email_id":"meera@shop.example"}`)
		count, _ := atOnce(nodes, func(_ int, n node) *httptest.ResponseRecorder {
			return n.call("PATCH", "/api/pay/v1/paymentlink/"+l.ID+"/notify", "")
		})
		if count[http.StatusOK] != resendLimit.Count || count[http.StatusUnprocessableEntity] != simultaneous-resendLimit.Count {
			t.Errorf("%v", count)
		}
	})
}

// A share on hold is let go once.
func TestManyReleases(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]node) {
		l := nodes[0].create(t, `"split_info":{"split_type":"AMOUNT","split_details":[{"split_merchant_id":"7","amount":{"value":10000,"currency":"INR"},"on_hold":true}]}`)
		nodes[0].pay(t, l, 0)
		count, _ := atOnce(nodes, func(_ int, n node) *httptest.ResponseRecorder {
			return n.call("PATCH", "/api/pay/v1/orders/"+l.OrderID+"/settlementId/"+l.OrderID+"-ss-a/release", `{"release_amount":{"value":4000,"currency":"INR"}}`)
		})
		if count[http.StatusOK] != 2 || count[http.StatusUnprocessableEntity] != simultaneous-2 {
			t.Errorf("%v", count)
		}
	})
}
