// Package coretest gives tests a whole application over a real database, with
// the sandbox processor and one merchant, without HTTP. It is never linked
// into the program.
package coretest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/egress"
	"paylink/internal/method"
	"paylink/internal/method/bankredirect"
	"paylink/internal/method/banktransfer"
	"paylink/internal/method/card"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// World is one application with one merchant, "shop", in test mode.
type World struct {
	*core.Core
	Store   *store.Store
	Sandbox *sandbox.Driver
	Egress  *egress.Client
	Clock   *Clock
	Shop    pay.Caller // native
	Pine    pay.Caller // pinelabs
	Key     string     // of Shop

	mu     sync.Mutex
	alarms map[string]int
}

// Alarms is how often an alarm of a kind was raised.
func (w *World) Alarms(kind string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alarms[kind]
}

func (w *World) alarm(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarms[kind]++
}

// PineID and PineSecret are the shop's Pine Labs credential.
const (
	PineID     = "4c2f6a10-3d5e-4b7a-9c81-d2e4f6a8b0c1"
	PineSecret = "5f1c9a7e3b2d48c6a0e4d7f1928b6c3d"
)

// Clock is a clock that tests move.
type Clock struct {
	Step time.Duration // set before others read it: how far each reading moves it

	mu  sync.Mutex
	now time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.Step)
	return c.now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// New makes a world over a database of o.
func New(t *testing.T, o store.Options) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{Clock: &Clock{now: time.Now()}, Key: "paylink_test_sk_shop0123456789abcdef", alarms: map[string]int{}}
	o.Clock = w.Clock.Now
	w.Store = storetest.Open(t, o)
	keys, err := core.OpenKeys(ctx, w.Store, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w.Store.UseSealer(keys)
	w.Sandbox, err = sandbox.New(store.Sandbox{Store: w.Store}, sandbox.Options{
		PublicURL: "http://pay.test", Secret: []byte("0123456789abcdef0123456789abcdef"), Now: w.Clock.Now, TransferDelay: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Egress = egress.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	w.Core = core.New(core.Options{
		Store: w.Store, Keys: keys, Processors: []processor.Driver{w.Sandbox},
		Methods: []method.Method{card.Method, bankredirect.Method, banktransfer.Method},
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)), PublicURL: "http://pay.test", CheckURL: w.Egress.CheckURL,
		Metrics: core.Metrics{Alarm: w.alarm},
	})
	w.Sandbox.SetCallback(func(ctx context.Context, tn pay.Tenant, h http.Header, raw []byte) error {
		return w.Callback(ctx, sandbox.Name, tn, h, raw)
	})
	w.provision(t)
	return w
}

func (w *World) provision(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	_, err := w.Provision(ctx, core.Provision{Merchants: []core.ProvisionMerchant{{
		ID: "shop", Name: "Corner Shop", Country: "TH", Mode: pay.Test,
		Settings: pay.Settings{Dialects: map[string]map[string]string{"pinelabs": {"merchant_id": "111302"}}},
		Keys: []core.ProvisionKey{
			{API: "native", Secret: w.Key},
			{API: "pinelabs", Lookup: PineID, Secret: PineSecret},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if w.Shop, err = w.AuthenticateKey(ctx, w.Key, "req_test"); err != nil {
		t.Fatal(err)
	}
	grants, err := w.Grants(ctx, "pinelabs", PineID)
	if err != nil || len(grants) != 1 {
		t.Fatalf("grants: %v %v", grants, err)
	}
	w.Pine = pay.Caller{Tenant: grants[0].Tenant, Credential: grants[0].Credential, Dialect: "pinelabs", RequestID: "req_test"}
}

// Link makes a native link of 10.50 USD; with changes it first.
func (w *World) Link(t *testing.T, with func(*pay.Link)) pay.Link {
	t.Helper()
	l := pay.Link{Price: pay.Price{Currency: "USD", Amount: 1050}, Use: pay.Use{Max: 1}, Description: "Two field guides"}
	if with != nil {
		with(&l)
	}
	made, err := w.CreateLink(context.Background(), w.Shop, core.CreateLink{Link: l, Fingerprint: "f"})
	if err != nil {
		t.Fatal(err)
	}
	return made.Link
}

// Card starts a payment by a test card.
func (w *World) Card(l pay.Link, number string) (pay.Payment, error) {
	return w.StartPayment(context.Background(), core.StartPayment{Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": number}, From: "192.0.2.7"})
}
