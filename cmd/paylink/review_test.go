package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// pay begins a payment as the page at url does.
func (s shell) pay(url string, cmd core.StartPayment) pay.Payment {
	s.t.Helper()
	a, err := app.Open(s.t.Context(), config.Settings{Data: s.args[1], Listen: "127.0.0.1:8080", LogFormat: "text"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	_, cmd.Token, _ = strings.Cut(url, "/l/")
	cmd.From = "192.0.2.7"
	p, err := a.Core.StartPayment(s.t.Context(), cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := a.Stop(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// reviewed makes a link with a transfer that waits for a person.
func (s shell) reviewed(amount string) linkOut {
	s.t.Helper()
	made := parsed[linkOut](s, "link", "create", "--amount", amount, "--currency", "USD")
	if p := s.pay(made.URL, core.StartPayment{Method: pay.MethodBankTransfer}); p.Last().State != pay.AttemptRequiresAction {
		s.t.Fatalf("%+v", p)
	}
	db := store.Options{Path: filepath.Join(s.args[1], "paylink.db")}
	storetest.Tamper(s.t, db, `UPDATE attempts SET state = 'review', body = replace(body, '"state":"requires_action"', '"state":"review"')`)
	storetest.Tamper(s.t, db, `UPDATE payments SET body = replace(body, '"state":"requires_action"', '"state":"review"')`)
	return made
}

func TestReviewCommands(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("review", "list"); out != "nothing waits for a decision\n" {
		t.Errorf("before: %q", out)
	}
	first, second := s.reviewed("10.50"), s.reviewed("20")
	list := parsed[[]reviewOut](s, "review", "list")
	if len(list) != 2 || list[0].LinkID != first.ID || list[0].Requested != 1050 || list[1].LinkID != second.ID {
		t.Fatalf("%+v", list)
	}
	id := string(list[0].ID)
	if out := s.must("review", "list"); !strings.Contains(out, id) || !strings.Contains(out, "20.00 USD") {
		t.Errorf("table: %s", out)
	}
	s.refused(exitUsage, "--reason", "review", "decide", id, "--outcome", "failed")
	s.refused(exitUsage, "--outcome", "review", "decide", id, "--outcome", "lost", "--reason", "x")
	s.refused(exitFailed, "amount must be at most what was asked for: 10.50 USD", "review", "decide", id, "--outcome", "captured", "--amount", "10.51", "--reason", "x")
	s.refused(exitFailed, "amount can be given only", "review", "decide", id, "--outcome", "voided", "--amount", "1", "--reason", "x")
	s.refused(exitFailed, `no attempt "att_none"`, "review", "decide", "att_none", "--outcome", "failed", "--reason", "x")
	out := s.must("review", "decide", id, "--outcome", "captured", "--amount", "10.50", "--reason", "in the bank's statement")
	if !strings.HasPrefix(out, id+" is captured") || !strings.HasSuffix(out, " is applied\n") {
		t.Errorf("decided: %q", out)
	}
	s.refused(exitFailed, "the attempt is captured", "review", "decide", id, "--outcome", "failed", "--reason", "x")
	if got := parsed[paymentIn](s, "review", "decide", string(list[1].ID), "--outcome", "failed", "--reason", "never came"); got.State != pay.PaymentFailed {
		t.Errorf("decided: %+v", got)
	}
	if shown := parsed[linkOut](s, "link", "show", string(first.ID)); shown.MoneyStatus != pay.Paid || shown.AmountPaid != 1050 {
		t.Errorf("after: %+v", shown)
	}
	if list := parsed[[]reviewOut](s, "review", "list"); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

func TestLinkEdit(t *testing.T) {
	s := newShell(t, nowhere)
	id := string(parsed[linkOut](s, "link", "create", "--amount", "10.50", "--currency", "USD", "--description", "Tea", "--expires", "48h").ID)
	if out := s.must("link", "edit", id, "--amount", "9", "--reference", "R-2"); out != id+" is at version 2 and asks for 9.00 USD\n" {
		t.Errorf("%q", out)
	}
	got := parsed[linkOut](s, "link", "edit", id, "--amount", "900", "--currency", "jpy", "--expires", "never", "--description", "")
	if got.Amount != 900 || got.Currency != "JPY" || !got.ExpiresAt.IsZero() || got.Description != "" || got.Reference != "R-2" {
		t.Errorf("%+v", got)
	}
	versions := parsed[[]versionOut](s, "link", "versions", id)
	if len(versions) != 3 || len(versions[0].Changes) != 0 || versions[1].Actor != pay.ActorOperator || versions[1].Changes[0] != (changeOut{"reference", "", "R-2"}) {
		t.Errorf("%+v", versions)
	}
	if out := s.must("link", "versions", id); !strings.Contains(out, "10.50 USD") || !strings.Contains(out, "operator") {
		t.Errorf("table: %s", out)
	}
	s.refused(exitFailed, `no payment link "0000000000"`, "link", "versions", "0000000000")
	s.refused(exitFailed, "nothing to change", "link", "edit", id)
	s.refused(exitFailed, "--currency needs --amount", "link", "edit", id, "--currency", "EUR")
	s.refused(exitFailed, "more decimals than the currency", "link", "edit", id, "--amount", "1.5")
	s.refused(exitFailed, "--expires must be", "link", "edit", id, "--expires", "soon")
	s.refused(exitFailed, "amount must be greater than zero", "link", "edit", id, "--amount", "0")
	s.refused(exitFailed, `no payment link "0000000000"`, "link", "edit", "0000000000", "--amount", "1")
	if got := parsed[linkOut](s, "link", "edit", id, "--expires", "0s"); got.State != pay.LinkExpired {
		t.Errorf("%+v", got)
	}
	if got := parsed[linkOut](s, "link", "edit", id, "--expires", "1h"); got.State != pay.LinkActive {
		t.Errorf("%+v", got)
	}
	s.must("verify")
}
