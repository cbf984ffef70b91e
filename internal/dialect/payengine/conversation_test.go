package payengine

import (
	"context"
	"encoding/base64"
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

const (
	testKey   = "5f0c9e1d7ab24486b1f3c07de2a95f0c9e1d7ab24486b1f3c07de2a9"
	otherKey  = "0b71c2e94d5f4a6d8e0c3b9a7f1256480b71c2e94d5f4a6d8e0c3b9a"
	branchKey = "77aa31c09e5d42f1b6ac0d8e2f4b9c1377aa31c09e5d42f1b6ac0d8e"
	publicURL = "https://pay.example"

	shopID   = "8b1f6a52-0d3e-4c77-9a41-6f2c5de80b19"
	annexID  = "c20f7d1e-55b8-4a0c-8f62-1be9a3d47706" // the same partner's, in New York
	branchID = "e91d0c44-7a36-4f5b-b1d8-30c6a2f98e57" // the shop's as well, with a key of its own
	otherID  = "1cc7b594-b80f-4227-a0fa-299c4c6ce8ab"
)

// provision gives a partner two merchants, another partner one, and the shop a
// second name that only a third key may use.
func provision(t testing.TB, w *coretest.World) {
	t.Helper()
	one := func(id, zone string, keys ...core.ProvisionKey) core.ProvisionMerchant {
		return core.ProvisionMerchant{ID: id, Name: "Corner Shop", Country: "US", Mode: pay.Test, Keys: keys, Settings: pay.Settings{TimeZone: zone}}
	}
	key := func(key, merchant string) core.ProvisionKey {
		return core.ProvisionKey{API: name, Lookup: key, Secret: key, External: merchant}
	}
	_, err := w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{
		one("shop", "", key(testKey, shopID), key(branchKey, branchID)),
		one("annex", "America/New_York", key(testKey, annexID)),
		one("other", "", key(otherKey, otherID)),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// served is the dialect over a world, as an HTTP handler.
func served(w *coretest.World) (*payengine, http.Handler) {
	d := New(w.Core, publicURL+"/").(*payengine)
	mux := web.NewMux(d.Fail)
	for _, route := range d.Routes() {
		mux.Route(route.Pattern, route.Handle)
	}
	return d, mux
}

// TestConversations plays testdata over a real application.
func TestConversations(t *testing.T) {
	dialecttest.Each(t, func(t *testing.T, file string) {
		storetest.Each(t, func(t *testing.T, o store.Options) { play(t, file, o) })
	})
}

func play(t *testing.T, file string, o store.Options) {
	world := coretest.New(t, o)
	provision(t, world)
	d, handler := served(world)
	stage := dialecttest.Stage{World: world, Dialect: name, Tell: d.hears}
	stage.Set(t, handler.(*web.Mux))
	day := func(days int) time.Time { return world.Clock.Now().UTC().AddDate(0, 0, days) }
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	dialecttest.Play(t, ticking{handler, world.Clock}, file, map[string]string{
		"key": testKey, "other_key": otherKey, "branch_key": branchKey, "key_encoded": encode(testKey + ":"), "key_password": encode(testKey + ":x"),
		"shop": shopID, "annex": annexID, "branch": branchID, "other": otherID,
		"today": day(0).Format("20060102"), "yesterday": day(-1).Format("20060102"), "soon": day(10).Format("20060102"), "later": day(40).Format(time.DateOnly),
		"past": day(-2).Format(time.RFC3339), "deep": strings.Repeat(`{"a":[`, 14) + "1" + strings.Repeat("]}", 14),
		"note_256": strings.Repeat("n", 256), "text_1001": strings.Repeat("d", 1001), "slug_101": strings.Repeat("s", 101),
		"wide": strings.Repeat(`"0123456789abcdef",`, 900) + `""`,
	})
}

// hears is an event's name and amount.
func (d *payengine) hears(e pay.Event) string {
	msg, ok := d.Word(e, pay.Merchant{}, publicURL)
	if !ok {
		return ""
	}
	var out struct {
		Event string `json:"event"`
		Data  struct {
			Answer struct {
				Amount string `json:"totalAmount"`
			} `json:"auth_response"`
		} `json:"data"`
	}
	if json.Unmarshal(msg.Body, &out) != nil {
		return "not JSON"
	}
	return strings.TrimSpace(out.Event + " " + out.Data.Answer.Amount)
}

// ticking lets a millisecond pass before each request, so that what is made
// first is older.
type ticking struct {
	http.Handler
	clock *coretest.Clock
}

func (h ticking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.clock.Add(time.Millisecond)
	h.Handler.ServeHTTP(w, r)
}
