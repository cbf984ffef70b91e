package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestArgument(t *testing.T) {
	for _, c := range []struct {
		raw    string
		binary bool
		oid    uint32
		want   string
	}{
		{"a:b", false, pgtype.TextOID, "a:b"},
		{"a:b", true, pgtype.TextOID, "a:b"},
		{"42", false, pgtype.Int8OID, "42"},
		{"\xff\xff\xff\xff\xff\xff\xff\xfe", true, pgtype.Int8OID, "-2"},
		{"\x00\x00\x00\x07", true, pgtype.Int4OID, "7"},
		{"\x00\xab", true, pgtype.ByteaOID, `\x00ab`},
	} {
		if got, err := argument([]byte(c.raw), c.binary, c.oid); err != nil || got != c.want {
			t.Errorf("%q of type %d is %q, %v; want %q", c.raw, c.oid, got, err, c.want)
		}
	}
	if got, err := argument([]byte("12345678"), true, pgtype.Float8OID); err == nil {
		t.Errorf("a float is %q", got)
	}
}

// The script is one transaction with the rows of one creation, under an id of
// its own each time; and PostgreSQL takes it.
func TestScript(t *testing.T) {
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		return // nothing to hold it against: the engine is not here
	}
	b := &bench{ctx: context.Background(), dir: t.TempDir(), clients: 2, length: time.Second}
	d, err := makeDatabases(b.ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.drop)
	seen, err := b.watchCreation(d.ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := command(b.ctx, server, "CREATE DATABASE "+name(d.theirs)+" TEMPLATE "+name(d.ours)); err != nil {
		t.Fatal(err)
	}
	p, err := b.newPgbench(d.theirs, seen)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(p.script)
	if err != nil {
		t.Fatal(err)
	}
	script := string(raw)
	for part, want := range map[string]int{
		"BEGIN;": 1, "COMMIT;": 1, "INSERT INTO links ": 1, "INSERT INTO events ": 1, "INSERT INTO locators ": 1, "INSERT INTO idempotency ": 1,
		seen.id: 0, seen.tokenHash: 0, seen.idKey: 0,
	} {
		if got := strings.Count(script, part); got != want {
			t.Errorf("%q is there %d times, want %d, in\n%s", part, got, want, script)
		}
	}
	if rate, err := p.run(); err != nil || rate <= 0 {
		t.Errorf("pgbench ran %.0f transactions per second, %v", rate, err)
	}
}
