package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/pay"
)

// contest plays a dispute of the newest payment.
func (s shell) contest(minor int64) {
	s.t.Helper()
	a, err := app.Open(s.t.Context(), config.Settings{Data: s.args[1], Listen: "127.0.0.1:8080", LogFormat: "text"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	who := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: "native"}
	list, _, err := a.Core.Payments(s.t.Context(), who, core.PaymentFilter{})
	if err == nil {
		_, err = a.Core.SimulateDispute(s.t.Context(), who, core.SimulateDispute{Payment: list[0].ID, Amount: minor, Reason: "not_received"})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := a.Stop(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestDisputeCommands(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("dispute", "list"); out != "no disputes\n" {
		t.Errorf("before: %q", out)
	}
	s.paid("10.50")
	s.contest(700)
	s.contest(350)
	list := parsed[[]disputeOut](s, "dispute", "list", "--state", "open")
	if len(list) != 2 || list[0].Amount != 350 || list[1].Amount != 700 || list[1].Reason != "not_received" || list[1].Currency != "USD" || list[1].RespondBy.IsZero() {
		t.Fatalf("%+v", list)
	}
	if got := parsed[[]disputeOut](s, "dispute", "list", "--count", "1"); len(got) != 1 || got[0].ID != list[0].ID {
		t.Errorf("one: %+v", got)
	}
	if got := parsed[[]disputeOut](s, "dispute", "list", "--state", "won"); len(got) != 0 {
		t.Errorf("won: %+v", got)
	}
	id := string(list[1].ID)
	if out := s.must("dispute", "list"); !strings.Contains(out, id) || !strings.Contains(out, "7.00 USD") {
		t.Errorf("table: %s", out)
	}
	if got := parsed[disputeOut](s, "dispute", "show", id); got != list[1] {
		t.Errorf("show: %+v", got)
	}
	if out := s.must("dispute", "show", id); !strings.Contains(out, "not_received") || !strings.Contains(out, list[1].Reference) {
		t.Errorf("shown: %s", out)
	}
	s.refused(exitFailed, `no dispute "dsp_none"`, "dispute", "show", "dsp_none")
	s.refused(exitUsage, "--state", "dispute", "list", "--state", "contested")
	s.must("verify")
}
