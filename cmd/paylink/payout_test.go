package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paylink/internal/pay"
)

func TestPayoutCommands(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("payout", "list"); out != "nothing was paid out yet\n" {
		t.Errorf("before: %q", out)
	}
	s.refused(exitFailed, "at most 0.00 EUR can be paid out now", "payout", "create", "--currency", "eur", "--amount", "1")
	made := parsed[linkOut](s, "link", "create", "--from", s.file("link.json", `{"amount": 2000, "currency": "EUR", "splits": [{"account": "partner", "amount": 500, "on_hold": true}]}`))
	s.card(made.URL)
	id := string(made.ID)
	file := filepath.Join(t.TempDir(), "report.csv")
	line := parsed[[]settlementOut](s, "settlement", "list")[0]
	text := "type,processor,reference,amount,currency\ncapture,sandbox," + strings.TrimPrefix(line.Movement, "capture:") + ",20.00,EUR\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("settlement", "import", file)

	s.refused(exitFailed, "nothing of the split is free", "split", "transfer", id, "0")
	s.must("split", "release", id, "0")
	for range 2 {
		if got := parsed[[]splitOut](s, "split", "transfer", id, "0", "--amount", "2", "--reference", "st-11", "--key", "k"); got[0].Transferred != 200 || got[0].State != pay.SplitReleased {
			t.Errorf("in part: %+v", got)
		}
	}
	s.refused(exitFailed, "must be greater than zero", "split", "transfer", id, "0", "--amount", "0")
	if out := s.must("split", "hold", id, "0"); !strings.Contains(out, "held") {
		t.Errorf("held again: %s", out)
	}
	s.refused(exitFailed, "at most 15.00 EUR can be paid out now", "payout", "create", "--currency", "EUR", "--amount", "15.01")
	var paid []payoutOut
	for range 2 {
		paid = parsed[[]payoutOut](s, "payout", "create", "--currency", "EUR", "--amount", "15", "--reference", "st-12", "--key", "p")
		if len(paid) != 1 || paid[0].Amount != 1500 || paid[0].Type != "payout" || paid[0].Reference != "st-12" {
			t.Fatalf("%+v", paid)
		}
	}
	s.refused(exitFailed, "--amount must be greater than zero", "payout", "create", "--currency", "EUR", "--amount", "0")
	list := parsed[[]payoutOut](s, "payout", "list")
	if len(list) != 2 || list[0].ID != paid[0].ID || list[1].Account != "partner" || list[1].LinkID != made.ID || list[1].Reference != "st-11" {
		t.Errorf("%+v", list)
	}
	if got := parsed[[]payoutOut](s, "payout", "list", "--type", "transfer", "--link", id, "--count", "1"); len(got) != 1 || got[0] != list[1] {
		t.Errorf("%+v", got)
	}
	if out := s.must("payout", "show", string(paid[0].ID)); !strings.Contains(out, "15.00 EUR") {
		t.Errorf("%s", out)
	}
	s.refused(exitFailed, `no payout "po_none"`, "payout", "show", "po_none")
	if got := parsed[[]balanceOut](s, "settlement", "balance"); got[0] != (balanceOut{Currency: "EUR", Held: 300, Transferred: 200, PaidOut: 1500}) {
		t.Errorf("%+v", got)
	}
	s.must("verify")
}
