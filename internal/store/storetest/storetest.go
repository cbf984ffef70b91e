// Package storetest gives tests a real database: an SQLite file, and a
// PostgreSQL database of their own when TEST_POSTGRES names a server. It is
// never linked into the program.
package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// Each runs f on each engine as a subtest.
func Each(t *testing.T, f func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, store.Options{Path: filepath.Join(t.TempDir(), "paylink.db")}) })
	if server := os.Getenv("TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { f(t, store.Options{URL: Database(t, server)}) })
	}
}

// Database makes a PostgreSQL database that is dropped with the test.
func Database(t *testing.T, server string) string {
	t.Helper()
	ctx := context.Background()
	name := strings.ToLower("t_" + pay.NewID("db", time.Now()))
	run := func(statement string) {
		conn, err := pgx.Connect(ctx, server)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE DATABASE " + name)
	t.Cleanup(func() { run(fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Open opens and migrates a store that is closed with the test.
func Open(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}
