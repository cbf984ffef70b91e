package xfers

import (
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
	testKey   = "test_5b7a"
	liveKey   = "live_5b7a"
	otherKey  = "test_77c1"
	tightKey  = "test_09d3" // of a merchant with bounds
	oddKey    = "sandbox_1" // says no mode
	wrongKey  = "live_44e0" // says live and is of a test merchant
	secretKey = "sec-99f1"
	publicURL = "https://pay.example.test"
)

// world is an application with Xfers merchants.
type world struct {
	*coretest.World
	d   *xfers
	mux *web.Mux
}

func newWorld(t *testing.T, o store.Options) *world {
	t.Helper()
	w := &world{World: coretest.New(t, o)}
	merchant := func(id string, m pay.Mode, settings map[string]string, keys ...string) core.ProvisionMerchant {
		p := core.ProvisionMerchant{
			ID: id, Name: "Tenda Maju", Country: "ID", Mode: m, Settings: pay.Settings{Dialects: map[string]map[string]string{name: settings}},
		}
		for _, key := range keys {
			p.Keys = append(p.Keys, core.ProvisionKey{API: name, Lookup: key, Secret: secretKey})
		}
		return p
	}
	_, err := w.Provision(t.Context(), core.Provision{Merchants: []core.ProvisionMerchant{
		merchant("tents", pay.Test, nil, testKey, oddKey, wrongKey), merchant("tents", pay.Live, nil, liveKey),
		merchant("other", pay.Test, nil, otherKey),
		merchant("tight", pay.Test, map[string]string{settingMinimum: "10000", settingMaximum: "5000000.50"}, tightKey),
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.d, w.mux = served(w.Core)
	w.mux.Route("POST /pay/{id}/{card}", w.pay)
	w.mux.Route("POST /clock/{by}", func(_ http.ResponseWriter, r *http.Request) error {
		by, err := time.ParseDuration(r.PathValue("by"))
		w.Clock.Add(by)
		return err
	})
	return w
}

// served is the dialect over c, as an HTTP handler.
func served(c *core.Core) (*xfers, *web.Mux) {
	d := New(c, publicURL+"/").(*xfers)
	mux := web.NewMux(d.Fail)
	for _, route := range d.Routes() {
		mux.Route(route.Pattern, route.Handle)
	}
	return d, mux
}

// pay is what a payer does, for conversations.
func (w *world) pay(_ http.ResponseWriter, r *http.Request) error {
	_, err := w.StartPayment(r.Context(), core.StartPayment{
		Token: tokenOf(r.PathValue("id")), Method: pay.MethodCard, Fields: map[string]string{"card": r.PathValue("card")}, From: "192.0.2.7",
	})
	return err
}

// TestConversations plays testdata over a real application.
func TestConversations(t *testing.T) {
	dialecttest.Each(t, func(t *testing.T, file string) {
		storetest.Each(t, func(t *testing.T, o store.Options) { play(t, file, o) })
	})
}

// hears is the status of a callback, where the merchant wishes for all of them.
func (w *world) hears(e pay.Event) string {
	m := pay.Merchant{Settings: pay.Settings{Dialects: map[string]map[string]string{name: {settingCallbacks: allWishes}}}}
	msg, ok := w.d.Word(e, m, publicURL)
	if !ok {
		return ""
	}
	var body struct{ Data linkOut }
	if json.Unmarshal(msg.Body, &body) != nil {
		return "not JSON"
	}
	return body.Data.Attributes.Status
}

func basic(key, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"+secret))
}

func play(t *testing.T, file string, o store.Options) {
	w := newWorld(t, o)
	stage := dialecttest.Stage{World: w.World, Dialect: name, Tell: w.hears}
	stage.Set(t, w.mux)
	w.Clock.Add(time.Millisecond - time.Duration(w.Clock.Now().Nanosecond())) // so that times are whole seconds
	now := w.Clock.Now().In(jakarta)
	at := func(d time.Duration, layout string) string { return now.Add(d).Format(layout) }
	const day, wire = 24 * time.Hour, "2006-01-02 15:04:05 -0700"
	dialecttest.Play(t, w.mux, file, map[string]string{
		"auth": basic(testKey, secretKey), "live": basic(liveKey, secretKey), "other": basic(otherKey, secretKey), "tight": basic(tightKey, secretKey),
		"odd": basic(oddKey, secretKey), "wrong": basic(wrongKey, secretKey), "bad_secret": basic(testKey, secretKey+"x"),
		"unknown": basic("test_none", secretKey), "nameless": basic("", secretKey), "empty_secret": basic(testKey, ""),
		"now": at(0, wire), "day": at(day, wire), "week": at(7*day, wire), "week_iso": at(7*day, time.RFC3339),
		"week_utc": now.Add(7 * day).UTC().Format("2006-01-02T15:04:05.987Z"), "week_naive": at(7*day, "2006-01-02T15:04:05.123456"),
		"yesterday": at(-day, time.RFC3339), "hour_utc": now.Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"),
		"soon_utc": now.Add(time.Minute).UTC().Format("2006-01-02T15:04:05Z"), "soon_iso": at(time.Minute, time.RFC3339), "before_utc": now.Add(-time.Minute).UTC().Format("2006-01-02T15:04:05Z"),
		"long": strings.Repeat("n", 256), "most": strings.Repeat("n", 255), "longer": strings.Repeat("d", 1001), "digits": strings.Repeat("1", 21),
	})
}
