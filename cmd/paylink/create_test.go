package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paylink/internal/pay"
)

// file writes a file of a test and returns its path.
func (s shell) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// cartFile is the example of docs/commands.md.
const cartFile = "../../docs/examples/cart.yaml"

func TestLinkCreateFrom(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("link", "create", "--from", cartFile); !strings.Contains(out, "asks for a cart in EUR\n") {
		t.Errorf("%q", out)
	}
	got := parsed[linkOut](s, "link", "create", "--from", cartFile, "--currency", "usd", "--uses", "3", "--reference", "R-1", "--expires", "1h")
	if got.Currency != "USD" || got.MaxUses != 3 || got.Reference != "R-1" || got.Description != "Tea for the office" || got.Amount != 0 || got.ExpiresAt.Year() == 2031 {
		t.Errorf("%+v", got)
	}
	if got := parsed[linkOut](s, "link", "create", "--from", cartFile, "--amount", "5", "--uses", "0"); got.Amount != 500 || got.Currency != "EUR" || got.MaxUses != 0 {
		t.Errorf("an amount in place of the cart: %+v", got)
	}
	open := s.file("open.json", `{"open_amount": {"minimum": 500}, "currency": "USD"}`)
	if out := s.must("link", "create", "--from", open); !strings.Contains(out, "asks for an open amount in USD\n") {
		t.Errorf("%q", out)
	}
	parts := s.file("parts.json", `{"amount": 1000, "currency": "USD", "part_payments": {"minimum_part": 250}}`)
	id := string(parsed[linkOut](s, "link", "create", "--from", parts, "--parts", "--description", "x").ID)
	s.must("link", "edit", id, "--amount", "9")
	for text, says := range map[string]string{
		`{"amount": 500, "currency": "USD", "amunt": 2}`:    "amunt is not a field",
		`{"amount": 500, "amount": 600, "currency": "USD"}`: "amount must not be given twice",
		`{"amount": 500`: "not one well-formed JSON value",
		`hello`:          "body must be an object",
		``:               "must be a JSON object",
		`{"amount": 5, "currency": "USD", "part_payments": {"minimum_part": 6}}`: "part_payments.minimum_part must be from 0 to the amount",
		`{"currency": "USD"}`: "amount is required, unless open_amount or cart is given",
	} {
		s.refused(exitFailed, says, "link", "create", "--from", s.file("bad", text))
	}
	s.refused(exitFailed, "no such file", "link", "create", "--from", "missing.json")
	s.refused(exitFailed, "--amount needs a currency", "link", "create", "--from", s.file("empty", "{}"), "--amount", "1")
	s.refused(exitFailed, "must be at most 256 KiB", "link", "create", "--from", s.file("large", strings.Repeat(" ", maxFile+1)))
	if code, _, errOut := s.run("link", "create", "--from", s.file("list", "a: [1,")); code != exitFailed || !strings.Contains(errOut, "neither JSON nor YAML") {
		t.Errorf("%d %s", code, errOut)
	}
}

// The same command with the same key makes one link, however its end is given.
func TestLinkCreateKey(t *testing.T) {
	s := newShell(t, nowhere)
	create := func(amount string) []string {
		return []string{"link", "create", "--amount", amount, "--currency", "USD", "--expires", "1h", "--key", "k"}
	}
	first, again := parsed[linkOut](s, create("1")...), parsed[linkOut](s, create("1")...)
	if first.ID != again.ID || first.State != pay.LinkActive {
		t.Errorf("%+v, then %+v", first, again)
	}
	s.refused(exitFailed, "the idempotency key was used for a different request", create("2")...)
}
