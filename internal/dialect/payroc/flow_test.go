package payroc

import (
	"context"
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
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// TestPaid follows links through their payments, as a client who polls does.
func TestPaid(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		l := c.create(1, "")
		paid(t, w, l, pay.MethodCard, 0, badCard)
		if s := c.status(l.ID); s != statusActive {
			t.Errorf("declined: %s", s)
		}
		paid(t, w, l, pay.MethodCard, 0, goodCard)
		if s := c.status(l.ID); s != statusCompleted {
			t.Errorf("paid: %s", s)
		}
		for _, path := range []string{"", "/deactivate", "/sharing-events"} {
			method, text := "POST", `{"sharingMethod":"email","recipients":[{"name":"A","email":"a@example.org"}]}`
			if path == "" {
				method, text = "PATCH", `[{"op":"replace","path":"/expiresOn","value":"2098-01-01"}]`
			}
			var p problemOut
			if status := c.call(method, "/v1/payment-links/"+l.ID+path, uuidOf(2), text, &p); status != http.StatusConflict || p.Type != typeBase+"cannot-be-modified" {
				t.Errorf("%s after it was paid: %d %+v", path, status, p)
			}
		}
		got := c.items("/v1/payments?paymentLinkId=" + l.ID)
		if len(got) != 2 || got[0].Result != (result{authSale, payReady, "A", "Approved", 18500, "USD"}) || got[1].Result.Status != payDeclined || got[1].Result.Code != "D" {
			t.Fatalf("%+v", got)
		}
		if got[0].Card == nil || *got[0].Card != (cardOut{"VISA", "************4242", "", "keyed"}) || got[0].Order.OrderID != "20418-A" || got[0].Terminal != terminal {
			t.Errorf("%+v", got[0])
		}
		multi := c.create(3, `"type":"multiUse","order":{"charge":{"type":"prompt","currency":"USD"}},"expiresOn":null`)
		for _, amount := range []int64{700, 900} {
			paid(t, w, multi, pay.MethodCard, amount, goodCard)
		}
		if s := c.status(multi.ID); s != statusActive || len(c.items("/v1/payments?paymentLinkId="+multi.ID)) != 2 {
			t.Errorf("multi-use: %s", s)
		}
	})
}

// TestPreAuthorization: a link is completed once authorized, and active again
// when the hold was released.
func TestPreAuthorization(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		l := c.create(1, `"authType":"preAuthorization"`)
		page, err := w.OpenPage(context.Background(), tokenOf(l), false)
		if err != nil || len(page.Methods) != 1 || page.Methods[0].ID() != pay.MethodCard {
			t.Fatalf("offered: %v %v", page.Methods, err)
		}
		p := paid(t, w, l, pay.MethodCard, 0, goodCard)
		if s := c.status(l.ID); s != statusCompleted {
			t.Errorf("authorized: %s", s)
		}
		for _, step := range []struct{ method, path, text string }{
			{"PATCH", "", `[]`}, {"POST", "/deactivate", ""}, {"POST", "/sharing-events", `{"sharingMethod":"email","recipients":[{"name":"Ann","email":"ann@example.org"}]}`},
		} {
			var bad problemOut
			if status := c.call(step.method, "/v1/payment-links/"+l.ID+step.path, uuidOf(9), step.text, &bad); status != http.StatusConflict || bad.Type != typeBase+"cannot-be-modified" {
				t.Errorf("%s while authorized: %d %+v", step.path, status, bad)
			}
		}
		open := c.create(8, `"merchantReference":"open","authType":"preAuthorization","order":{"orderId":"1","charge":{"type":"prompt","currency":"USD"}}`)
		held := paid(t, w, open, pay.MethodCard, 700, goodCard)
		var list struct{ Data []wireLink }
		if c.call("GET", terminalLinks+"?status=completed&merchantReference=open", "", "", &list); len(list.Data) != 1 || list.Data[0].ID != open.ID {
			t.Errorf("completed: %+v", list)
		}
		if _, err := w.Void(context.Background(), pay.Caller{Tenant: w.Shop.Tenant, Dialect: "native"}, core.VoidPayment{Payment: held.ID}); err != nil {
			t.Fatal(err)
		}
		if s := c.status(open.ID); s != statusActive {
			t.Errorf("after the hold was released: %s", s)
		}
		if got := c.items("/v1/payments?type=preAuthorization&status=ready"); len(got) != 1 || got[0].ID != string(p.ID) {
			t.Errorf("ready: %+v", got)
		}
	})
}

// TestCapture takes what was authorized, by a later call.
func TestCapture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		l := c.create(1, `"authType":"preAuthorization"`)
		p := paid(t, w, l, pay.MethodCard, 0, goodCard)
		got := c.items("/v1/payments?type=preAuthorization&status=ready")
		if len(got) != 1 || got[0].ID != string(p.ID) || !slices.Equal(got[0].Operations, []string{"capture"}) || got[0].Result.Authorized != 18500 {
			t.Fatalf("%+v", got)
		}
		path := "/v1/payments/" + string(p.ID) + "/capture"
		var bad problemOut
		for text, want := range map[string]string{
			`{"amount":18501}`: "amount", `{"amount":"5"}`: "amount", `{"amount":0}`: "amount", `[]`: "body", `{`: "body", `{"processingTerminalId":"` + terminal2 + `"}`: "processingTerminalId", `{"operator":7}`: "operator",
		} {
			if status := c.call("POST", path, uuidOf(2), text, &bad); status != http.StatusBadRequest || bad.Errors[0].Parameter != want {
				t.Errorf("%s: %d %+v", text, status, bad)
			}
		}
		if status := c.call("POST", path, "", "", &bad); status != http.StatusBadRequest || bad.Type != typeBase+"idempotency-key-missing" {
			t.Errorf("no key: %d %+v", status, bad)
		}
		for _, key := range []string{otherKey, thirdKey} { // another merchant's, and one for another terminal
			stranger := newClient(t, w, key)
			if status := stranger.call("POST", path, uuidOf(2), "", &bad); status != http.StatusNotFound || bad.Resource != "payment" {
				t.Errorf("a stranger captures: %d %+v", status, bad)
			}
			if status := stranger.call("GET", "/v1/payment-links/"+l.ID, "", "", &bad); status != http.StatusNotFound || bad.Resource != "paymentLink" {
				t.Errorf("a stranger reads: %d %+v", status, bad)
			}
			if seen := stranger.items("/v1/payments"); len(seen) != 0 {
				t.Errorf("a stranger lists: %+v", seen)
			}
		}
		var out, again paymentOut
		if status := c.call("POST", path, uuidOf(2), `{"amount":18000,"processingTerminalId":"`+terminal+`","operator":"Ann"}`, &out); status != http.StatusOK || out.Result.Type != "preAuthorizationCompletion" {
			t.Fatalf("capture: %d %+v", status, out)
		}
		if status := c.call("POST", path, uuidOf(2), `{"amount":18000,"processingTerminalId":"`+terminal+`","operator":"Ann"}`, &again); status != http.StatusOK || again.Result != out.Result {
			t.Errorf("again: %d %+v", status, again)
		}
		if status := c.call("POST", path, uuidOf(2), `{"amount":17000}`, &bad); status != http.StatusConflict || bad.Type != typeBase+"idempotency-key-in-use" {
			t.Errorf("another body: %d %+v", status, bad)
		}
		if status := c.call("POST", path, uuidOf(3), "", &bad); status != http.StatusConflict || bad.Type != typeBase+"cannot-be-modified" {
			t.Errorf("twice: %d %+v", status, bad)
		}
		v, err := w.Core.Payment(context.Background(), pay.Caller{Tenant: w.Shop.Tenant, Dialect: "native"}, p.ID)
		if err != nil || v.Captured() != 18000 {
			t.Errorf("captured %d %v", v.Captured(), err)
		}
	})
}

// TestOneCaptureManyCalls: of 12 captures at once with one key, on two nodes,
// one takes money; the others get its answer, or are told to ask again.
func TestOneCaptureManyCalls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		clients := [2]client{newClient(t, w, testKey), newClient(t, coretest.New(t, o), testKey)}
		p := paid(t, w, clients[0].create(1, `"authType":"preAuthorization"`), pay.MethodCard, 0, goodCard)
		var wg sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 12)
		for i := range answers {
			wg.Go(func() {
				r := httptest.NewRequest("POST", "/v1/payments/"+string(p.ID)+"/capture", strings.NewReader(`{"amount":5000}`))
				r.Header.Set("Authorization", "Bearer "+clients[i%2].token)
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", uuidOf(2))
				answers[i] = httptest.NewRecorder()
				clients[i%2].h.ServeHTTP(answers[i], r)
			})
		}
		wg.Wait()
		first := ""
		for _, a := range answers {
			busy := a.Code == http.StatusConflict && strings.Contains(a.Body.String(), "idempotency-key-in-use") && a.Header().Get("Retry-After") == "1"
			switch {
			case a.Code == http.StatusOK && (first == "" || first == a.Body.String()):
				first = a.Body.String()
			case !busy:
				t.Errorf("%d %s\nand %s", a.Code, a.Body, first)
			}
		}
		v, err := w.Core.Payment(context.Background(), pay.Caller{Tenant: w.Shop.Tenant, Dialect: "native"}, p.ID)
		if err != nil || first == "" || v.Captured() != 5000 {
			t.Errorf("captured %d %v", v.Captured(), err)
		}
	})
}

// TestPaymentLists holds every filter against three payments.
func TestPaymentLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		one, two, three := c.create(1, ""), c.create(2, `"order":{"orderId":"other","charge":{"type":"preset","amount":5,"currency":"USD"}}`), c.create(3, "")
		a := paid(t, w, one, pay.MethodCard, 0, goodCard)
		b := paid(t, w, two, pay.MethodCard, 0, "5555555555554444")
		waiting := c.items("/v1/bank-transfer-payments?processingTerminalId=" + terminal)
		d := paid(t, w, three, pay.MethodBankTransfer, 0, "")
		if len(waiting) != 0 || len(c.items("/v1/bank-transfer-payments?processingTerminalId="+terminal)) != 0 || c.status(three.ID) != statusActive {
			t.Error("a transfer that nobody has made yet counts")
		}
		var unknown problemOut
		if status := c.call("POST", "/v1/payments/"+string(d.ID)+"/capture", uuidOf(9), "", &unknown); status != http.StatusNotFound {
			t.Errorf("capturing it: %d", status)
		}
		w.Clock.Add(2 * time.Hour)
		if n, err := w.Sandbox.Due(context.Background()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		c = newClient(t, w, testKey) // the token is too old by now
		if s := c.status(three.ID); s != statusCompleted {
			t.Errorf("after the transfer: %s", s)
		}
		if _, err := w.SimulateSettlement(context.Background(), w.Shop, pay.LinkID(one.ID)); err != nil {
			t.Fatal(err)
		}
		today := dateOf(w.Clock.Now(), time.UTC)
		tomorrow := dateOf(w.Clock.Now().Add(24*time.Hour), time.UTC)
		for query, want := range map[string][]pay.PaymentID{
			"": {b.ID, a.ID}, "processingTerminalId=" + terminal: {b.ID, a.ID}, "processingTerminalId=" + terminal2: nil, "orderId=other": {b.ID}, "last4=4242": {a.ID},
			"tender=creditDebit": {b.ID, a.ID}, "tender=ebt": nil, "operator=Ann": nil, "cardholderName=Ann": nil, "first6=424242": nil, "tipMode=noTip": {b.ID, a.ID}, "tipMode=prompted": nil,
			"type=sale": {b.ID, a.ID}, "type=preAuthorization&type=sale": {b.ID, a.ID}, "type=preAuthorization": nil,
			"status=complete": {a.ID}, "status=ready": {b.ID}, "status=ready&status=complete": {b.ID, a.ID}, "settlementState=settled": {a.ID}, "settlementState=unsettled": {b.ID},
			"settlementDate=" + today: {a.ID}, "settlementDate=2020-01-01": nil, "paymentLinkId=" + two.ID: {b.ID}, "paymentLinkId=NOSUCHLINK": nil, "paymentLinkId=" + three.ID: nil,
			"dateFrom=" + tomorrow: nil, "dateTo=" + tomorrow: {b.ID, a.ID}, "dateTo=2020-01-01": nil,
			"dateFrom=" + url.QueryEscape(b.CreatedAt.Format(time.RFC3339Nano)): {b.ID}, "dateTo=" + url.QueryEscape(a.CreatedAt.Format(time.RFC3339Nano)): {a.ID},
			"limit=1": {b.ID}, "limit=1&after=" + string(b.ID): {a.ID}, "limit=1&before=" + string(a.ID): {b.ID}, "status=complete&after=" + string(b.ID): {a.ID},
		} {
			var ids []pay.PaymentID
			for _, p := range c.items("/v1/payments?" + query) {
				ids = append(ids, pay.PaymentID(p.ID))
			}
			if !slices.Equal(ids, want) {
				t.Errorf("%s: %v, want %v", query, ids, want)
			}
		}
		bank := c.items("/v1/bank-transfer-payments?processingTerminalId=" + terminal + "&type=payment&status=ready&paymentLinkId=" + three.ID)
		if len(bank) != 1 || bank[0].ID != string(d.ID) || bank[0].Account == nil || bank[0].Card != nil || bank[0].Result.Type != "payment" {
			t.Errorf("bank: %+v", bank)
		}
		if len(c.items("/v1/bank-transfer-payments?nameOnAccount=Ann&processingTerminalId="+terminal)) != 0 {
			t.Error("a name that is not kept was found")
		}
		if got := newClient(t, w, otherKey).items("/v1/payments?paymentLinkId=" + one.ID); len(got) != 0 {
			t.Errorf("a stranger sees %+v", got)
		}
	})
}

// TestPaymentListsRefuse names the filter that is wrong.
func TestPaymentListsRefuse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		for path, want := range map[string]string{
			"/v1/payments?status=paid": "status", "/v1/payments?type=refund": "type", "/v1/payments?dateFrom=soon": "dateFrom", "/v1/payments?limit=0": "limit", "/v1/payments?tender=cash": "tender",
			"/v1/payments?settlementState=x": "settlementState", "/v1/payments?settlementDate=x": "settlementDate", "/v1/payments?last4=12": "last4", "/v1/payments?after=pay_none": "after", "/v1/payments?before=pay_none": "before",
			"/v1/bank-transfer-payments": "processingTerminalId", "/v1/bank-transfer-payments?status=expired&processingTerminalId=" + terminal: "status",
		} {
			var bad problemOut
			if status := c.call("GET", path, "", "", &bad); status != http.StatusBadRequest || len(bad.Errors) != 1 || bad.Errors[0].Parameter != want {
				t.Errorf("%s: %d %+v", path, status, bad)
			}
		}
		var bad problemOut
		if status := c.call("GET", "/v1/payments?processingTerminalId=9999", "", "", &bad); status != http.StatusNotFound || bad.Resource != "processingTerminal" {
			t.Errorf("a stranger's terminal: %d %+v", status, bad)
		}
	})
}

// TestOneKeyManyCalls: of 20 calls at once with one key, on two nodes, one
// does something and all get its answer.
func TestOneKeyManyCalls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		first := coretest.New(t, o)
		provision(t, first)
		nodes := [2]*coretest.World{first, coretest.New(t, o)}
		clients := [2]client{newClient(t, nodes[0], testKey), newClient(t, nodes[1], testKey)}
		at := "/v1/payment-links/"
		l := clients[0].create(0, "")
		one := func(method, path, text string, key int) {
			t.Helper()
			var wg sync.WaitGroup
			answers := make([]*httptest.ResponseRecorder, 20)
			for i := range answers {
				wg.Go(func() {
					c := clients[i%2]
					r := httptest.NewRequest(method, path, strings.NewReader(text))
					r.Header.Set("Authorization", "Bearer "+c.token)
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("Idempotency-Key", uuidOf(key))
					answers[i] = httptest.NewRecorder()
					c.h.ServeHTTP(answers[i], r)
				})
			}
			wg.Wait()
			for _, w := range answers {
				if w.Code/100 != 2 || w.Body.String() != answers[0].Body.String() || w.Header().Get("Location") != answers[0].Header().Get("Location") {
					t.Errorf("%s %s: %d %s\nand %s", method, path, w.Code, w.Body, answers[0].Body)
				}
			}
		}
		one("POST", terminalLinks, body(`"merchantReference":"many"`), 1)
		one("PATCH", at+l.ID, `[{"op":"replace","path":"/order/charge/amount","value":900}]`, 2)
		one("POST", at+l.ID+"/sharing-events", `{"sharingMethod":"email","recipients":[{"name":"Ann","email":"ann@example.org"}]}`, 3)
		var list struct{ Count int }
		if clients[0].call("GET", terminalLinks+"?merchantReference=many", "", "", &list); list.Count != 1 {
			t.Errorf("%d links", list.Count)
		}
		if clients[0].call("GET", at+l.ID+"/sharing-events", "", "", &list); list.Count != 1 {
			t.Errorf("%d shares", list.Count)
		}
		v, err := first.Core.Link(context.Background(), first.Shop, pay.LinkID(l.ID))
		if err != nil || v.Link.Version != 2 || v.Link.Price.Amount != 900 {
			t.Errorf("version %d %v", v.Link.Version, err)
		}
	})
}

// TestNewAddress: an update of a single-use link replaces the payer's address.
func TestNewAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		l := c.create(1, "")
		change := `[{"op":"replace","path":"/expiresOn","value":"2098-01-01"}]`
		paid(t, w, l, pay.MethodBankTransfer, 0, "")
		var bad problemOut
		if status := c.call("PATCH", "/v1/payment-links/"+l.ID, uuidOf(2), change, &bad); status != http.StatusConflict {
			t.Errorf("while a payer is at it: %d", status)
		}
		l = c.create(3, "")
		var next wireLink
		if status := c.call("PATCH", "/v1/payment-links/"+l.ID, uuidOf(4), change, &next); status != http.StatusOK || next.Assets.URL == l.Assets.URL || !strings.Contains(next.Assets.Button, next.Assets.URL) {
			t.Fatalf("%d %+v", status, next)
		}
		if _, err := w.OpenPage(context.Background(), tokenOf(l), false); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("the old address: %v", err)
		}
		page, err := w.OpenPage(context.Background(), tokenOf(next), false)
		if err != nil || string(page.Link.ID) != l.ID {
			t.Errorf("the new address: %v", err)
		}
		paid(t, w, next, pay.MethodCard, 0, goodCard)
		var replay wireLink
		if status := c.call("PATCH", "/v1/payment-links/"+l.ID, uuidOf(4), change, &replay); status != http.StatusOK || replay.Status != statusActive || replay.Assets != next.Assets {
			t.Errorf("a replay after the payment: %d %+v", status, replay)
		}
	})
}

// TestExpiry: the last day is the merchant's, and a create is replayed when
// its day has passed.
func TestExpiry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		kolkata, err := time.LoadLocation("Asia/Kolkata")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{{
			ID: "shop", Name: "Corner Shop", Mode: pay.Test,
			Settings: pay.Settings{TimeZone: "Asia/Kolkata", Dialects: map[string]map[string]string{name: {settingLogo: "https://shop.example/logo.png"}}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, w, testKey)
		today := dateOf(w.Clock.Now(), kolkata)
		members := `"expiresOn":"` + today + `"`
		l := c.create(1, members)
		v, err := w.Core.Link(context.Background(), w.Shop, pay.LinkID(l.ID))
		if err != nil || v.Link.Page.LogoURL != "https://shop.example/logo.png" {
			t.Errorf("logo %q %v", v.Link.Page.LogoURL, err)
		}
		if end := v.Link.ExpiresAt.In(kolkata); l.CreatedOn != today || l.ExpiresOn != today || end.Hour() != 0 || end.Minute() != 0 || dateOf(end.Add(-time.Second), kolkata) != today {
			t.Errorf("ends %v: %+v", end, l)
		}
		w.Clock.Add(v.Link.ExpiresAt.Sub(w.Clock.Now()))
		c = newClient(t, w, testKey)
		if s := c.status(l.ID); s != statusExpired {
			t.Errorf("a day later: %s", s)
		}
		var list struct{ Count int }
		if c.call("GET", terminalLinks+"?status=expired&createdOn="+today, "", "", &list); list.Count != 1 {
			t.Errorf("%d are listed as expired", list.Count)
		}
		if replay := c.create(1, members); replay.ID != l.ID || replay.Status != statusActive {
			t.Errorf("the replay: %+v", replay)
		}
		var bad problemOut
		if status := c.call("POST", terminalLinks, uuidOf(2), body(members), &bad); status != http.StatusBadRequest {
			t.Errorf("a new one: %d", status)
		}
		if closed := (wireLink{}); c.call("POST", "/v1/payment-links/"+l.ID+"/deactivate", "", "", &closed) != http.StatusOK || closed.Status != statusDeactivated {
			t.Errorf("closing an expired link: %+v", closed)
		}
	})
}

// TestKeysOfOneAccount: an idempotency key is known to all keys of a merchant,
// and to nobody else.
func TestKeysOfOneAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		_, err := w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{{
			ID: "shop", Name: "Corner Shop", Mode: pay.Test, Keys: []core.ProvisionKey{{API: name, Lookup: "second-key", Secret: "second-key", External: terminal}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		l := newClient(t, w, testKey).create(1, "")
		if again := newClient(t, w, "second-key").create(1, ""); again.ID != l.ID {
			t.Errorf("made %s and %s", l.ID, again.ID)
		}
		var other wireLink
		if status := newClient(t, w, otherKey).call("POST", "/v1/processing-terminals/7770001/payment-links", uuidOf(1), body(`"merchantReference":"x"`), &other); status != http.StatusCreated || other.ID == l.ID {
			t.Errorf("a stranger's: %d %+v", status, other)
		}
		c := newClient(t, w, "second-key")
		keys, err := w.Keys(context.Background(), w.Shop)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if k.API == name && k.Last4 == "-key" {
				if err := w.RevokeKey(context.Background(), w.Shop, k.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		var bad problemOut
		if status := c.call("GET", terminalLinks, "", "", &bad); status != http.StatusUnauthorized {
			t.Errorf("a token of a revoked key: %d", status)
		}
	})
}

// TestTokenEnds after an hour.
func TestTokenEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		provision(t, w)
		c := newClient(t, w, testKey)
		var out map[string]any
		w.Clock.Add(tokenLife - time.Minute)
		if status := c.call("GET", terminalLinks, "", "", &out); status != http.StatusOK {
			t.Errorf("a minute before: %d", status)
		}
		w.Clock.Add(time.Minute)
		if status := c.call("GET", terminalLinks, "", "", &out); status != http.StatusUnauthorized {
			t.Errorf("after: %d", status)
		}
	})
}
