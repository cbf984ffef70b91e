package payroc

import (
	"context"
	"net/http"
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
	testKey   = "demo-key-7f3a"
	otherKey  = "demo-key-2b91"
	plainKey  = "demo-key-c404"
	thirdKey  = "demo-key-9e1d"
	terminal  = "5550017"
	terminal2 = "5550018"
	publicURL = "https://pay.example.org"
)

// provision gives the shop one key for two terminals, and two others a key
// each: one is a stranger, and one has no features.
func provision(t testing.TB, w *coretest.World) {
	t.Helper()
	one := func(id, zone string, settings map[string]string, keys ...core.ProvisionKey) core.ProvisionMerchant {
		return core.ProvisionMerchant{
			ID: id, Name: "Corner Shop", Country: "US", Mode: pay.Test, Keys: keys,
			Settings: pay.Settings{TimeZone: zone, Dialects: map[string]map[string]string{name: settings}},
		}
	}
	key := func(key, terminal string) core.ProvisionKey {
		return core.ProvisionKey{API: name, Lookup: key, Secret: key, External: terminal}
	}
	_, err := w.Provision(context.Background(), core.Provision{Merchants: []core.ProvisionMerchant{
		one("shop", "", nil, key(testKey, terminal), key(testKey, terminal2), key(thirdKey, "5550019")),
		one("stranger", "", nil, key(otherKey, "7770001")),
		one("plain", "", map[string]string{settingPreAuth: "off", settingBank: "off"}, key(plainKey, "8880001")),
		one("closed", "", map[string]string{settingLinks: "off"}, key(plainKey, "8880002")),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// served is the dialect over a world, as an HTTP handler.
func served(w *coretest.World) (*payroc, http.Handler) {
	d := New(w.Core, publicURL).(*payroc)
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
	_, handler := served(world)
	stage := dialecttest.Stage{World: world, Dialect: name, Tell: func(pay.Event) string { return "" }} // nothing is told
	stage.Set(t, handler.(*web.Mux))
	day := func(days int) string { return dateOf(world.Clock.Now().AddDate(0, 0, days), time.UTC) }
	dialecttest.Play(t, ticking{handler, world.Clock}, file, map[string]string{
		"today": day(0), "yesterday": day(-1), "soon": day(10), "later": day(55),
	})
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
