package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A few kills on each engine, under a processor that fails; make soak has the
// full numbers. Amounts are told wrong more often than they usually are, so that
// the operator has something to do.
func TestCrash(t *testing.T) {
	binary, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := plan{
		binary: binary, servers: 1, kills: 3, payments: 20, faults: "after=10,before=2,callbacks=5,amounts=5",
		between: 400 * time.Millisecond, rate: 20, seed: 1,
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		p := p
		p.dir = t.TempDir()
		check(t, p)
	})
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		t.Log("TEST_POSTGRES is not set: SQLite only")
		return
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p := p
		p.dir, p.servers = t.TempDir(), 2
		url, drop, err := newDatabase(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := drop(); err != nil {
				t.Error(err)
			}
		})
		p.postgres = url
		check(t, p)
	})
}

func check(t *testing.T, p plan) {
	r, err := run(t.Context(), p)
	var table strings.Builder
	r.print(&table)
	t.Log("\n" + table.String())
	if err != nil {
		t.Error(err)
	}
	for _, d := range r.differences {
		t.Error(d)
	}
}
