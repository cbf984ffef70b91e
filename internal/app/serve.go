package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/pay"
)

// stopTime is how long requests in flight and running jobs may take to end.
const stopTime = 25 * time.Second

// Serve listens until ctx ends, then stops in order: no new requests and no new
// jobs, those under way ended, what was claimed handed back, the store closed.
// ready is told once requests are answered.
func (a *App) Serve(ctx context.Context, ready func()) error {
	if err := a.refuse(ctx, false); err != nil {
		a.close()
		return err
	}
	public, err := listen(a.settings.Listen)
	if err != nil {
		a.close()
		return err
	}
	server, private := a.server(a.Handler), a.server(a.metrics.handler())
	private.WriteTimeout = 0 // a profile takes its time
	failed := make(chan error, 2)
	if a.settings.MetricsListen != "" {
		own, err := listen(a.settings.MetricsListen)
		if err != nil {
			public.Close() // the first error tells
			a.close()
			return err
		}
		go func() { failed <- private.Serve(own) }()
	}
	go func() { failed <- server.Serve(public) }()
	a.Start(context.WithoutCancel(ctx))
	ready()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, a.halt(context.WithoutCancel(ctx), server, private))
}

// halt stops what Serve started. Requests and jobs end side by side, so that
// other nodes get what is handed back at once and not after the last request.
func (a *App) halt(ctx context.Context, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, a.stopTime)
	defer cancel()
	var requests sync.WaitGroup
	errs := make([]error, len(servers))
	for i, s := range servers {
		requests.Go(func() {
			if errs[i] = s.Shutdown(ctx); errs[i] != nil {
				errs[i] = errors.Join(fmt.Errorf("requests were still under way after %s: %w", a.stopTime, errs[i]), s.Close())
			}
		})
	}
	err := a.runner.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("jobs were broken off and handed back", "after", a.stopTime)
		err = nil
	}
	requests.Wait() // before the store closes: they write to it
	a.close()
	return errors.Join(append(errs, err)...)
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: give another --listen or --metrics-listen", address)
	case err != nil:
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return l, nil
}

// server has the limits of THREATS 12 that are set on a connection.
func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 45 * time.Second,
		IdleTimeout: 60 * time.Second, MaxHeaderBytes: 32 << 10,
	}
}

// Provision applies a file.
func (a *App) Provision(ctx context.Context, r io.Reader) ([]core.MadeSecret, error) {
	file, err := config.ReadProvision(r)
	if err != nil {
		return nil, err
	}
	return a.provision(ctx, file)
}

func (a *App) provision(ctx context.Context, file config.ProvisionFile) ([]core.MadeSecret, error) {
	var p core.Provision
	for _, m := range file.Merchants {
		pm := core.ProvisionMerchant{
			ID: m.ID, Name: m.Name, Country: m.Country, Mode: pay.Mode(m.Mode),
			Settings: pay.Settings{TimeZone: m.Settings.TimeZone, ReturnHosts: m.Settings.ReturnHosts, EmbedOrigins: m.Settings.EmbedOrigins, Dialects: m.Settings.Dialects()},
		}
		for _, k := range m.Keys {
			pm.Keys = append(pm.Keys, core.ProvisionKey{API: k.API, Lookup: k.Lookup(), Secret: k.Secret(), External: k.External()})
		}
		for _, w := range m.Webhooks {
			pw := core.ProvisionWebhook{API: w.API, URL: w.URL, Secret: w.Secret}
			for _, k := range w.Kinds {
				pw.Kinds = append(pw.Kinds, pay.EventKind(k))
			}
			pm.Webhooks = append(pm.Webhooks, pw)
		}
		p.Merchants = append(p.Merchants, pm)
	}
	return a.Core.Provision(ctx, p)
}

// ProvisionFile applies the file at path.
func (a *App) ProvisionFile(ctx context.Context, path string) ([]core.MadeSecret, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the provision file: %w", err)
	}
	defer f.Close()
	return a.Provision(ctx, f)
}

// Prepare makes exist what serving begins with: the merchants of the provision
// file, or the demo merchant at the first start without one. A file with a live
// merchant is applied only where live mode may be served.
func (a *App) Prepare(ctx context.Context) (made []core.MadeSecret, demo bool, err error) {
	if a.settings.Provision == "" {
		made, err = a.Demo(ctx)
		return made, len(made) > 0, err
	}
	f, err := os.Open(a.settings.Provision)
	if err != nil {
		return nil, false, fmt.Errorf("reading the provision file: %w", err)
	}
	defer f.Close()
	file, err := config.ReadProvision(f)
	if err != nil {
		return nil, false, err
	}
	live := slices.ContainsFunc(file.Merchants, func(m config.ProvisionMerchant) bool { return pay.Mode(m.Mode) == pay.Live })
	if err := a.refuse(ctx, live); err != nil {
		return nil, false, err
	}
	made, err = a.provision(ctx, file)
	return made, false, err
}

// Demo makes the demo merchant in test mode when there is no merchant yet, and
// returns its new keys; nil when there was one.
func (a *App) Demo(ctx context.Context) ([]core.MadeSecret, error) {
	empty, err := a.Core.Empty(ctx)
	if err != nil || !empty {
		return nil, err
	}
	return a.Core.Provision(ctx, core.Provision{Merchants: []core.ProvisionMerchant{{
		ID: "demo", Name: "Demo Shop", Mode: pay.Test, Demo: true,
		Settings: pay.Settings{Dialects: map[string]map[string]string{"pinelabs": {"merchant_id": "100001"}}},
		Keys:     []core.ProvisionKey{{API: "native"}, {API: "pinelabs"}},
	}}})
}
