package app

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paylink/internal/config"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// liveSettings are such that live mode starts with them.
func liveSettings(t *testing.T) config.Settings {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	return config.Settings{Listen: "127.0.0.1:0", Data: data, PublicURL: "https://pay.example", LogFormat: "text", MetricsListen: "[::1]:9090"}
}

func TestSettingFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *config.Settings)
		says  string
	}{
		"as it should be": {func(*config.Settings) {}, ""},
		"limit off":       {func(s *config.Settings) { s.Limit = map[string]string{"submit": "off"} }, "rate limit"},
		"faults":          {func(s *config.Settings) { s.SandboxFaults = map[string]string{"amounts": "1"} }, "--sandbox-faults"},
		"http":            {func(s *config.Settings) { s.PublicURL = "http://pay.example" }, "https"},
		"no public URL":   {func(s *config.Settings) { s.PublicURL = "" }, "https"},
		"metrics for all": {func(s *config.Settings) { s.MetricsListen = "0.0.0.0:9090" }, "--metrics-listen"},
		"no host":         {func(s *config.Settings) { s.MetricsListen = ":9090" }, "--metrics-listen"},
		"metrics for the network": {func(s *config.Settings) {
			s.MetricsListen = netip.MustParseAddrPort("192.0.2.1:9090").String()
		}, "--metrics-listen"},
		"data for the group": {func(s *config.Settings) {
			if err := os.Chmod(s.Data, 0o750); err != nil {
				t.Error(err)
			}
		}, "data directory"},
		"no data directory": {func(s *config.Settings) { s.Data += "/none" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := liveSettings(t)
			c.spoil(&s)
			faults, err := settingFaults(s)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(faults, "\n"); len(faults) > 1 || (text == "") != (c.says == "") || !strings.Contains(text, c.says) {
				t.Errorf("%q, want one about %q", faults, c.says)
			}
		})
	}
}

// liveSandbox is a test processor that says it serves live mode.
type liveSandbox struct{ processor.Driver }

func (liveSandbox) Name() string { return "sandbox" }

func (liveSandbox) Capabilities(pay.MethodID) (processor.Capabilities, bool) {
	return processor.Capabilities{Modes: []pay.Mode{pay.Test, pay.Live}}, true
}

func TestOtherFaults(t *testing.T) {
	if len(clockFault(60*time.Second)) != 0 || len(clockFault(-61*time.Second)) != 1 || len(clockFault(61*time.Second)) != 1 {
		t.Error("the clock's distance from the database's")
	}
	drawn := sha256.Sum256([]byte("a key drawn by chance"))
	for text, want := range map[string]bool{
		string(drawn[:]): false, strings.Repeat("\xab", 32): true, "0123456701234567" + "0123456701234567": true, strings.Repeat("changeme", 4): true,
	} {
		if weak([]byte(text)) != want {
			t.Errorf("weak(%q) is not %t", text, want)
		}
	}
	if len(sandboxFaults([]processor.Driver{liveSandbox{}})) != 1 {
		t.Error("a sandbox in live mode")
	}
}

// A live merchant, in the database or in the file, keeps a node from serving
// with settings that are good enough for test mode.
func TestLiveRefused(t *testing.T) {
	const live = `merchants: [{id: shop, name: Corner Shop, mode: live, keys: [{api: native}]}]`
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := settingsFor(t, o)
		s.Listen, s.LogFormat = "127.0.0.1:0", "text"
		s.Provision = filepath.Join(t.TempDir(), "live.yaml")
		if err := os.WriteFile(s.Provision, []byte(live), 0o600); err != nil {
			t.Fatal(err)
		}
		open := func() *App {
			t.Helper()
			a, err := Open(ctx, s, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := open()
		if _, _, err := a.Prepare(ctx); err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("preparing: %v", err)
		}
		if empty, err := a.Core.Empty(ctx); err != nil || !empty {
			t.Error("the refused file was applied", err)
		}
		if len(sandboxFaults([]processor.Driver{a.Sandbox})) != 0 {
			t.Error("the sandbox serves live mode")
		}
		if _, err := a.ProvisionFile(ctx, s.Provision); err != nil { // as by `paylink provision`
			t.Fatal(err)
		}
		if err := a.Serve(ctx, cancel); err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("serving: %v", err)
		}
		if o.URL == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("it served")
		}
		s.Database += "&options=-c%20synchronous_commit%3Doff"
		a = open()
		defer a.Stop(ctx) // nothing runs
		if err := a.refuse(ctx, false); err == nil || !strings.Contains(err.Error(), "synchronous_commit off") {
			t.Errorf("with synchronous_commit off: %v", err)
		}
	})
}

// With the right settings live mode serves.
func TestLiveServes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := liveSettings(t)
	s.MetricsListen = freeAddress(t)
	a, err := Open(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Provision(ctx, strings.NewReader(`merchants: [{id: shop, name: Corner Shop, mode: live, keys: [{api: native}]}]`)); err != nil {
		t.Fatal(err)
	}
	served := false
	if err := a.Serve(ctx, func() { served = true; cancel() }); err != nil || !served {
		t.Errorf("served %t: %v", served, err)
	}
}
