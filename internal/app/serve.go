package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/pay"
)

// stopTime is how long requests in flight and running jobs may take to end.
const stopTime = 25 * time.Second

// Serve listens until ctx ends, then stops in order: no new requests, those in
// flight answered, jobs ended and handed back, the store closed. ready is told
// once requests are answered.
func (a *App) Serve(ctx context.Context, ready func()) error {
	listener, err := net.Listen("tcp", a.settings.Listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := a.server(a.Handler)
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	var private *http.Server
	if a.settings.MetricsListen != "" {
		private = a.server(a.metrics.handler())
		private.Addr, private.WriteTimeout = a.settings.MetricsListen, 0
		go func() { failed <- private.ListenAndServe() }()
	}
	a.Start(context.WithoutCancel(ctx))
	ready()
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stop))
	if private != nil {
		err = errors.Join(err, private.Shutdown(stop))
	}
	return errors.Join(err, a.Stop(stop))
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
		return nil, err
	}
	defer f.Close()
	return a.Provision(ctx, f)
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
