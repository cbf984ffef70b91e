package portone

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/dialect/dialecttest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
	"paylink/internal/web"
)

// The credentials of the sheet's vectors, those of a master with a sub-merchant
// and those of a merchant who is none of their business.
const (
	testKey      = "QvLmTzRbKsWnPdXa"
	testSecret   = "9f3c51d07be84a26c1d9e7f0a8b64253d1c0fb7e96a8452b3d7e1f60c4a59b82"
	masterKey    = "MkHgTyRwQpLzXcVb"
	masterSecret = "1b7d0c5e9a3f4d2286c0e1f7b94a6d53e2a8c4f06b1d7953ae0c82f64d9b3715"
	subKey       = "SuBmErChAnTkEyAa"
	otherKey     = "ZxCvBnMaSdFgHjKl"
	otherSecret  = "c4e8a1f7d2b6905384ce7a10fb93d6e52a8f4c07b1d9e6352f80ac4e17d6b93f"
)

// world is an application with PortOne merchants in both environments.
type world struct {
	*coretest.World
	d   *portone
	mux *web.Mux
}

func newWorld(t *testing.T, o store.Options) *world {
	t.Helper()
	w := &world{World: coretest.New(t, o)}
	pair := func(key, secret, sub string) core.ProvisionKey {
		return core.ProvisionKey{API: name, Lookup: key, Secret: secret, External: sub}
	}
	merchant := func(id string, m pay.Mode, keys ...core.ProvisionKey) core.ProvisionMerchant {
		return core.ProvisionMerchant{ID: id, Name: "Lantern Books", Country: "TH", Mode: m, Keys: keys}
	}
	_, err := w.Provision(t.Context(), core.Provision{Merchants: []core.ProvisionMerchant{
		merchant("books", pay.Test, pair(testKey, testSecret, "")), merchant("books", pay.Live, pair(testKey, testSecret, "")),
		merchant("mall", pay.Test, pair(masterKey, masterSecret, "")), merchant("stall", pay.Test, pair(masterKey, masterSecret, subKey)),
		merchant("other", pay.Test, pair(otherKey, otherSecret, "")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.d = New(w.Core, "https://pay.example/").(*portone)
	w.mux = web.NewMux(w.d.Fail)
	for _, route := range w.d.Routes() {
		if route.After {
			w.mux.RouteAfter(route.Pattern, route.Handle)
		} else {
			w.mux.Route(route.Pattern, route.Handle)
		}
	}
	w.mux.Route("POST /pay/{ref}/{card}", w.pay)
	w.mux.Route("POST /clock/{by}", func(out http.ResponseWriter, r *http.Request) error {
		by, err := time.ParseDuration(r.PathValue("by"))
		w.Clock.Add(by)
		return err
	})
	return w
}

// pay is what a payer does, for conversations.
func (w *world) pay(_ http.ResponseWriter, r *http.Request) error {
	_, err := w.StartPayment(r.Context(), core.StartPayment{
		Token: linkToken(r.PathValue("ref")), Method: pay.MethodCard, Fields: map[string]string{"card": r.PathValue("card")}, From: "192.0.2.7",
	})
	return err
}

// TestConversations plays testdata over a real application.
func TestConversations(t *testing.T) {
	dialecttest.Each(t, func(t *testing.T, file string) {
		storetest.Each(t, func(t *testing.T, o store.Options) { play(t, file, o) })
	})
}

func play(t *testing.T, file string, o store.Options) {
	w := newWorld(t, o)
	stage := dialecttest.Stage{World: w.World, Dialect: name, Tell: w.d.hears}
	stage.Set(t, w.mux)
	now := w.Clock.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format("2006-01-02T15:04:05.000Z") }
	const day = 24 * time.Hour
	dialecttest.Play(t, w.mux, file, map[string]string{
		"key": testKey, "secret": testSecret, "master": masterKey, "sub": subKey, "other": otherKey,
		"token": newToken(testKey, testSecret, now), "master_token": newToken(masterKey, masterSecret, now), "other_token": newToken(otherKey, otherSecret, now),
		"expired_token": newToken(testKey, testSecret, now.Add(-tokenLife)), "early_token": newToken(testKey, testSecret, now.Add(2*time.Minute)),
		"forged_token": newToken(testKey, otherSecret, now), "stranger_token": newToken("QqQqQqQqQqQqQqQq", testSecret, now),
		"tomorrow": at(day), "week": at(7*day + time.Minute), "later": at(8 * day), "yesterday": at(-day), "hour": at(time.Hour),
	})
}

// hears is the type of a message, with what has become of its attempt, link or
// refund.
func (d *portone) hears(e pay.Event) string {
	msg, ok := d.Word(e, pay.Merchant{}, "https://pay.example")
	if !ok {
		return ""
	}
	var body struct {
		Status string `json:"status"`
		Refund string `json:"refund_status"`
		Code   string `json:"status_code"`
		Amount number `json:"amount"`
	}
	if json.Unmarshal(msg.Body, &body) != nil {
		return "not JSON"
	}
	switch typeOf(e.Kind) {
	case typeLink:
		return typeLink + " " + body.Status
	case typeRefund:
		return typeRefund + " " + body.Refund + " " + string(body.Amount)
	}
	return strings.TrimSpace(typePayment + " " + body.Status + " " + body.Code)
}

// TestLinkSetting: nothing of a link's own request is lost on its way.
func TestKept(t *testing.T) {
	on := false
	in := linkIn{
		Key: testKey, OrderID: "A-1", Amount: "12.5", Merchant: &merchantIn{Name: "Books", Discount: "1"}, ShowItems: &on,
		Billing: &billing{Name: "Ann", Address: address{City: "Bangkok"}}, Customer: &customer{Email: "ann@customer.example"},
		Notes: []note{{"a", "b"}}, Methods: []channel{{"GBPRIMEPAY", "GBPRIMEPAY_CREDIT_CARD"}}, userFields: userFields{User3: "three"},
		creator: creator{UserAgent: "curl", Address: "192.0.2.1"},
	}
	var l pay.Link
	if err := in.keep(&l); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(l.Echo, "Bangkok") || strings.Contains(l.Echo, "ann@") {
		t.Errorf("what is personal lies open: %s", l.Echo)
	}
	back := kept(l)
	if back.Billing.Address.City != "Bangkok" || back.Customer.Email != in.Customer.Email || back.Amount != "12.5" || back.Merchant.Discount != "1" ||
		back.showsItems() || back.User3 != "three" || back.UserAgent != "curl" || back.Notes[0].Value != "b" || back.Methods[0] != in.Methods[0] {
		t.Errorf("%+v", back)
	}
}

var ctx = context.Background()
