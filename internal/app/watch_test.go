package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A breach is found by the program itself, is counted where operators look,
// and its link takes no payment; with --verify-every off nothing is proved.
func TestServerProvesItself(t *testing.T) {
	db := store.Options{Path: filepath.Join(t.TempDir(), "paylink.db")}
	s := settingsFor(t, db)
	s.Listen, s.LogFormat, s.VerifyEvery = "127.0.0.1:0", "text", "off"
	names := func() map[string]bool {
		t.Helper()
		a, err := Open(t.Context(), s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Stop(context.Background())
		if _, err := a.Demo(t.Context()); err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		for _, q := range a.queues() {
			have[q.Name] = true
			if q.Name == "verify" || q.Name == "sweep" {
				runDue(t, a, db, q.Name)
			}
		}
		if err := a.watch(t.Context()); err != nil {
			t.Error(err)
		}
		if got := gauged(t, a.metrics, "difference"); (got == 1) != have["verify"] {
			t.Errorf("%v differences are shown", got)
		}
		return have
	}
	if have := names(); have["verify"] || !have["sweep"] || !have["compare"] || !have["watch"] {
		t.Errorf("off: %v", have)
	}
	storetest.Tamper(t, db, `INSERT INTO locators (kind, hash, merchant, mode, ref, expires_at) VALUES ('token', 'x', 'demo', 'test', 'NOSUCHLINK', 0)`)
	s.VerifyEvery = "1h"
	if have := names(); !have["verify"] {
		t.Errorf("on: %v", have)
	}
}

// runDue claims the turns of a queue as if their time had come, and runs them.
func runDue(t *testing.T, a *App, db store.Options, name string) {
	t.Helper()
	for _, q := range a.queues() {
		if q.Name != name {
			continue
		}
		if _, err := q.Claim(t.Context(), 1); err != nil { // it is there from now on
			t.Fatal(err)
		}
		storetest.Tamper(t, db, `UPDATE turns SET due_at = 1, lease_until = 0 WHERE name = '`+name+`'`)
		list, err := q.Claim(t.Context(), 1)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		if err := list[0].Renew(t.Context()); err != nil {
			t.Error(err)
		}
		if err := list[0].Run(t.Context()); err != nil {
			t.Error(err)
		}
		if list, err = q.Claim(t.Context(), 1); err != nil || len(list) != 0 {
			t.Errorf("%s is due again at once: %v, %v", name, list, err)
		}
	}
}

// gauged is how many wait of one kind.
func gauged(t *testing.T, m *metrics, what string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			if f.GetName() == "paylink_waiting" && one.GetLabel()[0].GetValue() == what {
				return one.GetGauge().GetValue()
			}
		}
	}
	t.Errorf("%s is not shown", what)
	return 0
}
