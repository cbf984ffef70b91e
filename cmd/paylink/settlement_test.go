package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/pay"
)

// paid pays a new link as a test payer does.
func (s shell) paid(amount string) {
	s.t.Helper()
	id := parsed[linkOut](s, "link", "create", "--amount", amount, "--currency", "USD").ID
	a, err := app.Open(s.t.Context(), config.Settings{Data: s.args[1], Listen: "127.0.0.1:8080", LogFormat: "text"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	who := pay.Caller{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Dialect: "native"}
	if v, err := a.Core.SimulatePayment(s.t.Context(), who, id); err != nil || v.Link.MoneyStatus() != pay.Paid {
		s.t.Fatalf("%+v %v", v, err)
	}
	if err := a.Stop(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestSettlementCommands(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("settlement", "balance"); out != "nothing has moved yet\n" {
		t.Errorf("before: %q", out)
	}
	s.paid("10.50")
	s.paid("20")
	list := parsed[[]settlementOut](s, "settlement", "list")
	if len(list) != 2 || list[0].Amount != 2000 || list[0].State != pay.LineExpected || list[0].PaymentID == "" {
		t.Fatalf("expected: %+v", list)
	}
	file := filepath.Join(t.TempDir(), "report.csv")
	text := "type,processor,reference,amount,currency\ncapture,sandbox," + strings.TrimPrefix(list[0].Movement, "capture:") + ",20.00,USD\nadjustment,sandbox,a1,-1,USD\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 settled, 0 repeated", "0 settled, 2 repeated"} {
		if out := s.must("settlement", "import", file); out != want+", 0 unknown, 0 mismatched, 0 invalid\n" {
			t.Errorf("import: %q", out)
		}
	}
	if got := parsed[[]balanceOut](s, "settlement", "balance"); len(got) != 1 || got[0] != (balanceOut{Currency: "USD", Pending: 1050, Available: 1900, Payable: 1900}) {
		t.Errorf("balance: %+v", got)
	}
	if err := os.WriteFile(file, []byte(text+"capture,sandbox,sbx_nobody,1,USD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := s.run("settlement", "import", file); code != exitFailed || !strings.Contains(out, "sbx_nobody") || errOut != "paylink: 1 of 3 rows were not settled\n" {
		t.Errorf("an unknown row: code %d, out %q, error %q", code, out, errOut)
	}
	if out := s.must("settlement", "missing"); out != "0 lines are missing\n" {
		t.Errorf("not yet: %q", out)
	}
	if out := s.must("settlement", "missing", "--after", "1us"); out != "1 lines are missing\n" {
		t.Errorf("missing: %q", out)
	}
	if out := s.must("settlement", "list", "--state", "missing", "--count", "1"); !strings.Contains(out, "10.50 USD") || strings.Contains(out, "20.00") {
		t.Errorf("table: %s", out)
	}
	code, out, _ := s.run("settlement", "fetch") // the sandbox keeps a fee, and the report above said nothing of it
	if code != exitFailed || !strings.HasPrefix(out, "1 settled, 0 repeated, 0 unknown, 1 mismatched") {
		t.Errorf("fetch: code %d, %q", code, out)
	}
	if out := s.must("settlement", "balance"); !strings.Contains(out, "USD") || !strings.Contains(out, "29.39") { // 20 − 1 + 10.50 − 0.11
		t.Errorf("balance: %s", out)
	}
	if err := os.WriteFile(file, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(exitFailed, "file must begin with a row of column names", "settlement", "import", file)
	s.must("verify")
}
