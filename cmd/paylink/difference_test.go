package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

func TestDifferenceCommands(t *testing.T) {
	s := newShell(t, nowhere)
	made := parsed[linkOut](s, "link", "create", "--amount", "10.50", "--currency", "USD")
	if out := s.must("difference", "list"); out != "everything agrees\n" {
		t.Errorf("before: %q", out)
	}
	storetest.Tamper(t, store.Options{Path: filepath.Join(s.args[1], "paylink.db")}, `UPDATE links SET last_hash = ''`)
	a, err := app.Open(t.Context(), config.Settings{Data: s.args[1], Listen: "127.0.0.1:8080", LogFormat: "text"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := a.Core.Prove(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d breaches, %v", n, err)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := parsed[[]differenceOut](s, "difference", "list")
	if len(list) != 1 || list[0].LinkID != made.ID || list[0].What != "E4" || !list[0].ClosedAt.IsZero() {
		t.Fatalf("%+v", list)
	}
	id := string(list[0].ID)
	if out := s.must("difference", "list"); !strings.Contains(out, id) || !strings.Contains(out, "last hash") {
		t.Errorf("table: %s", out)
	}
	s.refused(exitUsage, "--reason", "difference", "close", id)
	s.refused(exitFailed, `no difference "dif_none"`, "difference", "close", "dif_none", "--reason", "x")
	if out := s.must("difference", "close", id, "--reason", "restored"); out != id+" is closed\n" {
		t.Errorf("closed: %q", out)
	}
	s.refused(exitFailed, "closed already", "difference", "close", id, "--reason", "again")
	if got := parsed[differenceOut](s, "difference", "close", id, "--reason", "restored"); got.ClosedBy != "operator" || got.Reason != "restored" {
		t.Errorf("closed: %+v", got)
	}
	if list := parsed[[]differenceOut](s, "difference", "list"); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
	if list := parsed[[]differenceOut](s, "difference", "list", "--all"); len(list) != 1 {
		t.Errorf("all: %+v", list)
	}
}
