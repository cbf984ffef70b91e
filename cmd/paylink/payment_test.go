package main

import (
	"errors"
	"strings"
	"testing"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// paymentIn is what the tests read of a payment in JSON.
type paymentIn struct {
	ID       pay.PaymentID    `json:"id"`
	LinkID   pay.LinkID       `json:"link_id"`
	State    pay.PaymentState `json:"state"`
	Amount   int64            `json:"amount"`
	Captured int64            `json:"amount_captured"`
	Refunded int64            `json:"amount_refunded"`
	Refunds  []struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason"`
	} `json:"refunds"`
}

// card pays with a good test card.
func (s shell) card(url string) string {
	s.t.Helper()
	p := s.pay(url, core.StartPayment{Method: pay.MethodCard, Fields: map[string]string{"card": "4242424242424242"}})
	return string(p.ID)
}

func TestPaymentCommands(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("payment", "list"); out != "no payments\n" {
		t.Errorf("before: %q", out)
	}
	made := parsed[linkOut](s, "link", "create", "--amount", "10.50", "--currency", "USD", "--manual")
	id := s.card(made.URL)
	s.refused(exitFailed, "the payment has no money to give back", "payment", "refund", id)
	s.refused(exitFailed, "amount must be at most", "payment", "capture", id, "--amount", "10.51")
	s.refused(exitFailed, "--amount must be greater than zero", "payment", "capture", id, "--amount", "0")
	if out := s.must("payment", "capture", id, "--amount", "10", "--key", "k"); out != "10.00 of 10.50 USD captured\n" {
		t.Errorf("captured: %q", out)
	}
	if out := s.must("payment", "capture", id, "--amount", "10", "--key", "k"); !strings.HasPrefix(out, "10.00 of 10.50 USD captured as before: ") {
		t.Errorf("the same again: %q", out)
	}
	s.refused(exitFailed, "the idempotency key was used for a different request", "payment", "capture", id, "--amount", "9", "--key", "k")
	s.refused(exitFailed, "the payment is not authorized", "payment", "void", id)
	s.refused(exitUsage, "--key must be", "payment", "void", id, "--key", "two words")

	for range 2 {
		if out := s.must("payment", "refund", id, "--amount", "4", "--reason", "broken", "--key", "r"); !strings.HasPrefix(out, "4.00 of 10.50 USD given back: ref_") {
			t.Errorf("refunded: %q", out)
		}
	}
	s.refused(exitFailed, "amount must be at most what is left of the payment: 6.00 USD", "payment", "refund", id, "--amount", "6.01")
	s.refused(exitFailed, "reason must not hold a card number", "payment", "refund", id, "--reason", "4242 4242 4242 4242")
	got := parsed[paymentIn](s, "payment", "refund", id, "--amount", "1")
	if got.State != pay.PaymentApplied || got.Captured != 1000 || got.Refunded != 500 || len(got.Refunds) != 2 || got.Refunds[0].Reason != "broken" {
		t.Errorf("%+v", got)
	}
	out := s.must("payment", "show", id)
	for _, want := range []string{"  captured     10.00\n", "  refunded     5.00\n", "captured", "sandbox", "broken"} {
		if !strings.Contains(out, want) {
			t.Errorf("show lacks %q: %s", want, out)
		}
	}
	for _, list := range [][]paymentIn{
		parsed[[]paymentIn](s, "payment", "list"), parsed[[]paymentIn](s, "payment", "list", "--link", string(made.ID), "--state", "applied"),
	} {
		if len(list) != 1 || string(list[0].ID) != id || list[0].LinkID != made.ID {
			t.Errorf("list: %+v", list)
		}
	}
	if out := s.must("payment", "list", "--state", "failed"); out != "no payments\n" {
		t.Errorf("failed: %q", out)
	}
	for _, command := range []string{"show", "capture", "void", "refund"} {
		s.refused(exitFailed, `there is no payment "pay_none"`, "payment", command, "pay_none")
	}
	s.must("verify")
}

func TestPaymentVoid(t *testing.T) {
	s := newShell(t, nowhere)
	made := parsed[linkOut](s, "link", "create", "--amount", "10.50", "--currency", "USD", "--manual")
	id := s.card(made.URL)
	if out := s.must("payment", "void", id); out != id+" is released\n" {
		t.Errorf("%q", out)
	}
	if got := parsed[paymentIn](s, "payment", "show", id); got.State == pay.PaymentOpen || got.Captured != 0 {
		t.Errorf("%+v", got)
	}
}

func TestLinkPause(t *testing.T) {
	s := newShell(t, nowhere)
	id := string(parsed[linkOut](s, "link", "create", "--amount", "1", "--currency", "EUR").ID)
	if out := s.must("link", "pause", id); out != id+" is paused\n" {
		t.Errorf("%q", out)
	}
	s.refused(exitFailed, "the link is paused", "link", "pause", id)
	if got := parsed[linkOut](s, "link", "resume", id); got.State != pay.LinkActive {
		t.Errorf("%+v", got)
	}
	s.refused(exitFailed, `no payment link "0000000000"`, "link", "pause", "0000000000")
}

func TestSplitCommands(t *testing.T) {
	s := newShell(t, nowhere)
	made := parsed[linkOut](s, "link", "create", "--from", s.file("link.json", `{"amount": 2000, "currency": "EUR", "splits": [
		{"account": "partner", "amount": 500, "on_hold": true}, {"account": "other", "percent": 1000, "on_hold": true}, {"account": "third", "percent": 500}]}`))
	id := string(made.ID)
	s.refused(exitFailed, "nothing was paid yet", "split", "release", id, "0")
	s.card(made.URL)
	s.refused(exitFailed, "amount must be at most what is held: 5.00 EUR", "split", "release", id, "0", "--amount", "5.01")
	for range 2 {
		if got := parsed[[]splitOut](s, "split", "release", id, "0", "--amount", "2", "--key", "k"); len(got) != 3 || got[0].Held != 300 || got[0].Given != 200 || !got[0].OnHold {
			t.Errorf("in part: %+v", got)
		}
	}
	if got := parsed[[]splitOut](s, "split", "release", id, "0"); got[0].Held != 0 || got[0].Given != 500 || got[0].OnHold {
		t.Errorf("the rest: %+v", got)
	}
	s.refused(exitFailed, "the split is not on hold", "split", "cancel", id, "0")
	if out := s.must("split", "cancel", id, "1"); !strings.Contains(out, "canceled") {
		t.Errorf("canceled: %s", out)
	}
	if got := parsed[[]splitOut](s, "split", "list", id); got[1].Kept != 200 || !got[1].Canceled || got[2].Given != 100 {
		t.Errorf("%+v", got)
	}
	s.refused(exitFailed, "must be from 0 to 2", "split", "release", id, "3")
	s.refused(exitFailed, `no payment link "0000000000"`, "split", "list", "0000000000")
	plain := string(parsed[linkOut](s, "link", "create", "--amount", "1", "--currency", "EUR").ID)
	s.refused(exitFailed, "has no splits", "split", "cancel", plain, "0")
	if out := s.must("split", "list", plain); out != "no splits\n" {
		t.Errorf("%q", out)
	}
	s.must("verify")
}

func TestEventList(t *testing.T) {
	s := newShell(t, nowhere)
	if out := s.must("event", "list"); out != "no events\n" {
		t.Errorf("%q", out)
	}
	first := s.reviewed("10.50")
	att := string(parsed[[]reviewOut](s, "review", "list")[0].ID)
	s.must("review", "decide", att, "--outcome", "failed", "--reason", "never came")
	s.must("link", "create", "--amount", "1", "--currency", "EUR")
	type event struct {
		Type   string     `json:"type"`
		Link   pay.LinkID `json:"link_id"`
		Reason string     `json:"reason"`
	}
	all := parsed[[]event](s, "event", "list", "--count", "0")
	of := parsed[[]event](s, "event", "list", "--link", string(first.ID), "--count", "0")
	if len(of) == 0 || len(all) != len(of)+1 || of[0].Type != "payment_link.created" || of[len(of)-2].Reason+of[len(of)-1].Reason != "never came" {
		t.Errorf("%d of %d: %+v", len(of), len(all), of)
	}
	if got := parsed[[]event](s, "event", "list", "--link", string(first.ID), "--count", "2"); len(got) != 2 {
		t.Errorf("two: %+v", got)
	}
	if out := s.must("event", "list"); !strings.Contains(out, "never came") {
		t.Errorf("table: %s", out)
	}
	s.refused(exitFailed, "--since", "event", "list", "--link", string(first.ID), "--since", "1")
	s.refused(exitFailed, "cursor must be", "event", "list", "--since", "!")
	s.refused(exitFailed, `no payment link "0000000000"`, "event", "list", "--link", "0000000000")
}

// Only where it is not known whether something happened is the key told.
func TestAgain(t *testing.T) {
	for _, err := range []error{errors.New("disk I/O error"), pay.ErrKeyBusy} {
		if got := again(err, "K").Error(); !strings.HasPrefix(got, explain(err)+"\n") || !strings.Contains(got, "--key K ") {
			t.Errorf("%q", got)
		}
	}
	if got := again(pay.ErrState("the payment is paid"), "K"); strings.Contains(got.Error(), "--key") {
		t.Errorf("%q", got)
	}
}
