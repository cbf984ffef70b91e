// Package app wires the parts into one server: which members the families
// have, what listens where, and in what order things start and stop. No rule
// of payments lives here.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"paylink/internal/api"
	"paylink/internal/auth"
	"paylink/internal/checkout"
	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/egress"
	"paylink/internal/jobs"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/faulty"
	"paylink/internal/processor/sandbox"
	"paylink/internal/store"
	"paylink/internal/web"
	"paylink/internal/webhook"
)

// App is one node.
type App struct {
	Core     *core.Core
	Store    *store.Store
	Sandbox  *sandbox.Driver
	Handler  http.Handler
	settings config.Settings
	log      *slog.Logger
	egress   *egress.Client
	dialects map[string]dialect.Dialect
	metrics  *metrics
	runner   *jobs.Runner
	faulty   *faulty.Driver // before the sandbox, where it is told to fail; else nil
	stopTime time.Duration  // for what is under way to end, when told to stop
	weakKey  bool           // the wrapping key does not look drawn by chance

	reportLimit *web.Limiter
	neighbors   sync.WaitGroup // hears from other nodes and tells them
	forsake     context.CancelFunc
}

// transferDelay is when a test bank transfer arrives by itself.
const transferDelay = 15 * time.Second

// Open reaches the database, brings its schema up to date and puts the parts
// together. Nothing is served and no job runs yet.
func Open(ctx context.Context, s config.Settings, log *slog.Logger) (*App, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	st, wrapping, err := openStore(ctx, s)
	if err != nil {
		return nil, err
	}
	a, err := assemble(ctx, s, log, st, wrapping)
	if err != nil {
		st.Close()
		return nil, err
	}
	return a, nil
}

// openStore opens the database and finds the wrapping key. SQLite makes one in
// the data directory; PostgreSQL without one refuses (DECISIONS 6).
func openStore(ctx context.Context, s config.Settings) (*store.Store, []byte, error) {
	o := store.Options{URL: s.Database, Path: databaseFile(s)}
	if s.Database == "" {
		if err := useDirectory(s.Data); err != nil {
			return nil, nil, err
		}
	}
	key, err := wrappingKey(s)
	if err != nil {
		return nil, nil, err
	}
	st, err := store.Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := st.Migrate(ctx); err != nil {
		st.Close()
		return nil, nil, err
	}
	return st, key, nil
}

func databaseFile(s config.Settings) string { return filepath.Join(s.Data, "paylink.db") }

// Missing reports whether Open would begin a new installation in the data
// directory. Of a PostgreSQL database it knows nothing: false.
func Missing(s config.Settings) bool {
	if s.Database != "" {
		return false
	}
	_, err := os.Stat(databaseFile(s))
	return errors.Is(err, os.ErrNotExist)
}

// useDirectory makes the data directory where it is missing and tries to write
// to it: SQLite's own words for one that cannot be written are hard to read.
func useDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data directory cannot be made: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("the data directory cannot be written to: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func wrappingKey(s config.Settings) ([]byte, error) {
	if v := os.Getenv(config.KeyVariable); v != "" {
		return auth.ParseWrappingKey(v)
	}
	switch {
	case s.KeyFile != "":
		return auth.ReadOrMakeKeyFile(s.KeyFile, false)
	case s.Database != "":
		return nil, fmt.Errorf("PostgreSQL needs a wrapping key: give --key-file or %s", config.KeyVariable)
	}
	return auth.ReadOrMakeKeyFile(filepath.Join(s.Data, "key"), true)
}

func assemble(ctx context.Context, s config.Settings, log *slog.Logger, st *store.Store, wrapping []byte) (*App, error) {
	keys, err := core.OpenKeys(ctx, st, wrapping)
	if err != nil {
		return nil, err
	}
	st.UseSealer(keys)
	a := &App{
		Store: st, settings: s, log: log, egress: egress.New(s.AllowPrivateWebhooks), metrics: newMetrics(),
		stopTime: stopTime, weakKey: weak(wrapping), forsake: func() {},
	}
	if a.reportLimit, err = newReportLimit(); err != nil {
		return nil, err
	}
	a.Sandbox, err = sandbox.New(store.Sandbox{Store: st}, sandbox.Options{
		PublicURL: s.BaseURL(), Secret: []byte(keys.BlindIndex("sandbox", "callback")), Now: st.Now, TransferDelay: transferDelay,
	})
	if err != nil {
		return nil, err
	}
	driver, err := a.testProcessor()
	if err != nil {
		return nil, err
	}
	a.Core = core.New(core.Options{
		Store: st, Keys: keys, Processors: []processor.Driver{driver}, Methods: methods, Log: log,
		PublicURL: s.BaseURL(), CheckURL: a.egress.CheckURL, Metrics: core.Metrics{Alarm: a.metrics.alarm},
	})
	hears := func(ctx context.Context, t pay.Tenant, h http.Header, raw []byte) error {
		err := a.Core.Callback(ctx, sandbox.Name, t, h, raw)
		if err != nil {
			log.Error("taking the sandbox's callback", "merchant", t.Merchant, "err", err)
		}
		return err
	}
	if a.faulty != nil {
		hears = a.faulty.Callback(hears)
	}
	a.Sandbox.SetCallback(hears)
	return a, a.buildHandler()
}

// testProcessor is the sandbox, or what stands before it when it is told to fail.
func (a *App) testProcessor() (processor.Driver, error) {
	f, err := a.settings.Faults()
	if err != nil || !f.On() {
		return a.Sandbox, err
	}
	a.log.Warn("the test processor fails on purpose", "faults", f)
	a.faulty = faulty.New(a.Sandbox, faulty.Rates{After: f.After, Before: f.Before, Callbacks: f.Callbacks, Amounts: f.Amounts}, f.Seed)
	return a.faulty, nil
}

func (a *App) buildHandler() error {
	limits, err := a.settings.Limits()
	if err != nil {
		return err
	}
	submit, err := limiter(limits.Submit)
	if err != nil {
		return err
	}
	misses, err := limiter(limits.Misses)
	if err != nil {
		return err
	}
	requests, err := limiter(limits.Requests)
	if err != nil {
		return err
	}
	base := a.settings.BaseURL()
	native := api.New(a.Core, api.Options{PublicURL: base, Version: config.Version, Log: a.log, Limits: apiLimits(limits)})
	a.dialects = map[string]dialect.Dialect{native.Name(): native}
	var others []dialect.Dialect
	for _, make := range dialects {
		d := make(a.Core, base)
		a.dialects[d.Name()], others = d, append(others, rated{d, requests, misses})
	}
	pages := checkout.New(a.Core, a.dialects, checkout.Options{PublicURL: base, Log: a.log, SubmitLimit: submit, MissLimit: misses})
	a.Handler = web.Edge(a.log, a.router(native, others, pages), web.EdgeOptions{Observe: a.metrics.observe, HTTPS: isHTTPS(base)})
	return nil
}

func limiter(r config.Rate) (*web.Limiter, error) {
	if r.Off {
		return nil, nil
	}
	return web.NewLimiter(r.Count, r.Per, r.Burst)
}

// apiLimits says the API's limits in its units; less than zero is off.
func apiLimits(l config.Limits) api.Limits {
	out := api.Limits{PerKey: -1, MissesPerMinute: -1}
	if !l.Requests.Off {
		out.PerKey, out.PerKeyBurst = max(1, int(float64(l.Requests.Count)/l.Requests.Per.Seconds())), l.Requests.Burst
	}
	if !l.Misses.Off {
		out.MissesPerMinute = max(1, int(float64(l.Misses.Count)/l.Misses.Per.Minutes()))
	}
	return out
}

// Start begins the background work.
func (a *App) Start(ctx context.Context) {
	queues := append(a.queues(), webhook.Queue(a.Core, a.egress, a.dialects, a.log, a.settings.BaseURL(), a.Store.Now, a.metrics.webhooks()))
	a.runner = jobs.New(a.log, queues...)
	a.runner.Start(ctx)
	ctx, a.forsake = context.WithCancel(ctx)
	a.neighbors.Go(func() { a.Store.Neighbors(ctx, a.log, a.Core.Wake) })
}

// Stop ends background work, hands claims back and closes the store.
func (a *App) Stop(ctx context.Context) error {
	var err error
	if a.runner != nil {
		err = a.runner.Stop(ctx)
	}
	a.close()
	return err
}

// close follows the end of all jobs: the other nodes are told of what was
// handed back, then the store ends.
func (a *App) close() {
	if a.faulty != nil {
		a.faulty.Close()
	}
	a.forsake()
	a.neighbors.Wait()
	a.egress.Close()
	a.Store.Close()
}
