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
	"sync"
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
		t.Run("postgres", func(t *testing.T) { f(t, store.Options{URL: database(t, server, template(t, server))}) })
	}
}

// Database makes an empty PostgreSQL database that is dropped with the test.
func Database(t *testing.T, server string) string {
	t.Helper()
	return database(t, server, "template1")
}

func database(t *testing.T, server, like string) string {
	t.Helper()
	name := newName()
	run(t, server, "CREATE DATABASE "+name+" TEMPLATE "+like)
	t.Cleanup(func() { run(t, server, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	return onDatabase(t, server, name)
}

func newName() string { return strings.ToLower("t_" + pay.NewID("db", time.Now())) }

var (
	migrated     sync.Mutex
	migratedName string // of a database with all migrations and nothing else
)

// template is a database to copy: migrations take longer than most tests. There
// is one for each test program, and the program's last one is dropped by nobody:
// the server of a test run goes with all its data.
func template(t *testing.T, server string) string {
	t.Helper()
	migrated.Lock()
	defer migrated.Unlock()
	if migratedName != "" {
		return migratedName
	}
	name := newName()
	run(t, server, "CREATE DATABASE "+name)
	s, err := store.Open(context.Background(), store.Options{URL: onDatabase(t, server, name)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	migratedName = name
	return name
}

func run(t *testing.T, server, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

func onDatabase(t *testing.T, server, name string) string {
	t.Helper()
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
