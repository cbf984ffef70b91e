package pinelabs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

const (
	wireID = "pl-v1-261121093015-aa-Kq7RtZ"
	secret = "5f1c9a7e3b2d48c6a0e4d7f1928b6c3d"
)

// order is a link of 2400.00 with one payment per state of its last attempt.
func order(state pay.LinkState, applied int64, attempts ...pay.AttemptState) (pay.Link, []pay.Payment) {
	l := pay.Link{
		ID: "0000000001", WireID: wireID, UniqueRef: "INV-2026-118", State: state,
		Price: pay.Price{Currency: "INR", Amount: 240000}, Use: pay.Use{Max: 1}, Applied: applied,
		Page: pay.Page{SuccessURL: "https://shop.example/ok?a=1", FailureURL: "https://shop.example/no"}, CreatedAt: now, UpdatedAt: now,
	}
	var payments []pay.Payment
	for i, s := range attempts {
		p := pay.Payment{ID: "pay_1", Number: int64(i + 1), State: pay.PaymentOpen, Requested: pay.Money{Minor: 240000, Currency: "INR"}}
		a := pay.Attempt{ID: "att_1", State: s, Method: pay.MethodCard, Currency: "INR", Requested: 240000, Instrument: "visa •••• 4242", CreatedAt: now, UpdatedAt: now}
		switch s {
		case pay.AttemptCaptured:
			p.State, a.Captured = pay.PaymentApplied, 240000
		case pay.AttemptFailed:
			p.State, a.Failure = pay.PaymentFailed, &pay.Failure{Code: pay.FailDeclined, Text: "staff only"}
		case pay.AttemptCanceled:
			p.State = pay.PaymentCanceled
		}
		p.Attempts = []pay.Attempt{a}
		payments = append(payments, p)
	}
	return l, payments
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		state    pay.LinkState
		applied  int64
		attempts []pay.AttemptState
		link     string
		order    string
	}{
		{pay.LinkActive, 0, nil, "CREATED", "CREATED"},
		{pay.LinkPaused, 0, nil, "CREATED", "CREATED"},
		{pay.LinkScheduled, 0, nil, "CREATED", "CREATED"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptRequiresAction}, "PAYMENT_INITIATED", "PENDING"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptUnknown}, "PAYMENT_INITIATED", "PENDING"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptReview}, "PAYMENT_INITIATED", "PENDING"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptFailed}, "CLICKED", "ATTEMPTED"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptCanceled}, "CLICKED", "ATTEMPTED"},
		{pay.LinkActive, 0, []pay.AttemptState{pay.AttemptFailed, pay.AttemptProcessing}, "PAYMENT_INITIATED", "PENDING"},
		{pay.LinkCompleted, 240000, []pay.AttemptState{pay.AttemptCaptured}, "PROCESSED", "PROCESSED"},
		{pay.LinkActive, 240000, []pay.AttemptState{pay.AttemptCaptured}, "PROCESSED", "PROCESSED"},
		{pay.LinkCanceled, 0, nil, "CANCELLED", "CANCELLED"},
		{pay.LinkExpired, 0, nil, "EXPIRED", "FAILED"},
		{pay.LinkExpired, 0, []pay.AttemptState{pay.AttemptProcessing}, "PAYMENT_INITIATED", "PENDING"},
	} {
		l, payments := order(c.state, c.applied, c.attempts...)
		if got := linkStatus(l, payments); got != c.link {
			t.Errorf("%s %v: link %s, want %s", c.state, c.attempts, got, c.link)
		}
		if got := orderStatus(l, payments); got != c.order {
			t.Errorf("%s %v: order %s, want %s", c.state, c.attempts, got, c.order)
		}
	}
}

func TestStatusOfSpecialLinks(t *testing.T) {
	l, _ := order(pay.LinkActive, 0)
	l.FirstViewedAt = now
	if got := linkStatus(l, nil); got != statusClicked {
		t.Error(got)
	}
	l, payments := order(pay.LinkActive, 100000, pay.AttemptCaptured, pay.AttemptProcessing)
	l.Use.Parts = true
	if got := linkStatus(l, payments); got != statusPartial {
		t.Error(got)
	}
	if l.State = pay.LinkExpired; linkStatus(l, payments[:1]) != statusExpired {
		t.Error("a part paid link expires")
	}
	for _, state := range []pay.LinkState{pay.LinkActive, pay.LinkCompleted} {
		l, payments = order(state, 0, pay.AttemptAuthorized)
		l.Use.Manual, payments[0].Attempts[0].Manual = true, true
		if a, b := linkStatus(l, payments), orderStatus(l, payments); a != statusInitiated || b != orderAuthorized {
			t.Error(a, b)
		}
	}
	l, payments = order(pay.LinkCompleted, 100000, pay.AttemptCaptured)
	if l.Released = 140000; linkStatus(l, payments) != statusProcessed || orderStatus(l, payments) != orderCaptured {
		t.Error("a partial capture completes the link")
	}
}

func TestWord(t *testing.T) {
	d := &pinelabs{}
	m := pay.Merchant{Settings: pay.Settings{Dialects: map[string]map[string]string{name: {settingMerchant: "204400"}}}}
	for _, c := range []struct {
		kind     pay.EventKind
		state    pay.LinkState
		applied  int64
		attempt  pay.AttemptState
		manual   bool
		wireType string
		status   string
	}{
		{pay.EventAttemptFailed, pay.LinkActive, 0, pay.AttemptFailed, false, "PAYMENT_FAILED", "ATTEMPTED"},
		{pay.EventAttemptFailed, pay.LinkExpired, 0, pay.AttemptFailed, false, "PAYMENT_FAILED", "FAILED"},
		{pay.EventAttemptAuthorized, pay.LinkActive, 0, pay.AttemptAuthorized, true, "ORDER_AUTHORIZED", "AUTHORIZED"},
		{pay.EventAttemptAuthorized, pay.LinkActive, 0, pay.AttemptAuthorized, false, "", ""},
		{pay.EventPaymentSucceeded, pay.LinkActive, 240000, pay.AttemptCaptured, false, "ORDER_PROCESSED", "PROCESSED"},
		{pay.EventPaymentSucceeded, pay.LinkActive, 100000, pay.AttemptCaptured, false, "payment_link.partially_processed", "PARTIAL_PROCESSED"},
		{pay.EventLinkCompleted, pay.LinkCompleted, 240000, pay.AttemptCaptured, false, "payment_link.processed", "PROCESSED"},
		{pay.EventLinkCanceled, pay.LinkCanceled, 0, pay.AttemptFailed, false, "ORDER_CANCELLED", "CANCELLED"},
		{pay.EventLinkCreated, pay.LinkActive, 0, pay.AttemptCreated, false, "", ""},
		{pay.EventLinkExpired, pay.LinkExpired, 0, pay.AttemptFailed, false, "", ""},
	} {
		l, payments := order(c.state, c.applied, c.attempt)
		l.Use.Parts = c.applied == 100000
		l.Use.Manual, payments[0].Attempts[0].Manual = c.manual, c.manual
		e := pay.Event{ID: "evt_1", Kind: c.kind, Link: l.ID, Snapshot: pay.Snapshot{Link: l, Payments: payments}}
		msg, ok := d.Word(e, m, "")
		if ok != (c.wireType != "") {
			t.Errorf("%s: ok %v", c.kind, ok)
		}
		if !ok {
			continue
		}
		again, _ := d.Word(e, m, "")
		var body struct {
			Type string `json:"event_type"`
			Data struct {
				OrderID  string `json:"order_id"`
				LinkID   string `json:"payment_link_id"`
				Ref      string `json:"merchant_payment_link_reference"`
				Status   string
				Merchant string `json:"merchant_id"`
			}
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body.Type != c.wireType || body.Data.Status != c.status || body.Data.OrderID != wireID[3:] || body.Data.LinkID != wireID || body.Data.Ref != "INV-2026-118" {
			t.Errorf("%s: %s", c.kind, msg.Body)
		}
		if string(again.Body) != string(msg.Body) || msg.ID != "evt_1" || strings.Contains(string(msg.Body), "staff only") {
			t.Errorf("%s: %s", c.kind, msg.Body)
		}
	}
}

func TestOrderOfTheSheet(t *testing.T) {
	l, payments := order(pay.LinkActive, 0, pay.AttemptFailed)
	out := newOrderOut(l, payments, pay.Merchant{Tenant: pay.Tenant{Merchant: "shop"}})
	p := out.Payments[0]
	if out.MerchantID != "shop" || p.ID != "v1-261121093015-aa-Kq7RtZ-cc-a" || p.Error == nil || p.Error.Code != "PAYMENT_DECLINED" || p.Option.Card.Last4 != "4242" || p.Option.Card.Network != "VISA" {
		t.Errorf("%+v %+v", out, p)
	}
	payments[0].State = pay.PaymentSurplus
	if out := newOrderOut(l, payments, pay.Merchant{}); len(out.Payments) != 0 {
		t.Error("surplus money is not of the order")
	}
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 701: "zz", 702: "aaa"} {
		if got := letters(i); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// Both vectors of sheet 9.
func TestSign(t *testing.T) {
	d := &pinelabs{}
	for _, c := range []struct {
		id, body, secret string
		at               int64
		want             string
	}{
		{"msg_2nEfCaUDn9fynC9Kz2upo1QSydl", `{"payload":"payload"}`, "YWJjMTIzNA==", 1728543028, "v1,Ns46HrH+Nfu9dZtBUVvSLyrOD5JH0SAGlNo3M5yobfQ="},
		{
			"msg_0VtPq4Wc8Lr2", `{"event_type":"ORDER_PROCESSED","data":{"order_id":"v1-261121093015-aa-Kq7RtZ","status":"PROCESSED"}}`,
			"NWYxYzlhN2UzYjJkNDhjNmEwZTRkN2YxOTI4YjZjM2Q=", 1795253415, "v1,bZ7v20MF0muVymKDOxgvY7F+E70cs9kP8qSqIHpmY9w=",
		},
	} {
		h, err := d.Sign(dialect.Message{ID: c.id, Body: []byte(c.body)}, []string{c.secret, "b2xk"}, time.Unix(c.at, 0))
		if err != nil || h.Get("webhook-signature") != c.want || h.Get("webhook-id") != c.id || len(h.Values("webhook-signature")) != 1 {
			t.Errorf("%s: %v %v", c.id, h, err)
		}
	}
	for _, secrets := range [][]string{nil, {""}, {"not base64!"}} {
		if _, err := d.Sign(dialect.Message{}, secrets, now); err == nil {
			t.Errorf("signed with %q", secrets)
		}
	}
	if s := d.Schedule(); len(s.Waits) != 7 || s.Timeout != 5*time.Second || s.Patience != 0 {
		t.Errorf("%+v", s)
	}
}

// Both vectors of sheet 8.
func TestReturn(t *testing.T) {
	d := &pinelabs{}
	last := func(r dialect.Return) string { return r.Fields[len(r.Fields)-1].Value }
	l, payments := order(pay.LinkCompleted, 240000, pay.AttemptCaptured)
	back, ok := d.Return(l, payments[0], secret, now)
	if !ok || back.URL != "https://shop.example/ok?a=1" || len(back.Fields) != 3 || last(back) != "24DDF442539FC8759969CE233F054B7265AC0C1AE30F6CFCCBD696CED6EF5960" {
		t.Errorf("%+v", back)
	}
	l, payments = order(pay.LinkActive, 0, pay.AttemptFailed)
	back, ok = d.Return(l, payments[0], secret, now)
	if !ok || back.URL != "https://shop.example/no" || len(back.Fields) != 5 || last(back) != "4815CAEC310E3BE21202F2BC247FCC282DC2C9DEFEC04CCE1EC0F299C49B4BC8" {
		t.Errorf("%+v", back)
	}
	l.Page.FailureURL = ""
	if back, _ = d.Return(l, payments[0], secret, now); back.URL != l.Page.SuccessURL {
		t.Errorf("%+v", back)
	}
	payments[0].Attempts[0].Failure.Code = pay.FailCanceled
	if back, _ = d.Return(l, payments[0], secret, now); back.Fields[1].Value != "CANCELLED" || len(back.Fields) != 3 {
		t.Errorf("%+v", back)
	}
	for _, bad := range []string{"", "xyz", "abc"} {
		if _, ok := d.Return(l, payments[0], bad, now); ok {
			t.Errorf("returned with secret %q", bad)
		}
	}
	l, payments = order(pay.LinkActive, 0, pay.AttemptAuthorized, pay.AttemptProcessing, pay.AttemptUnknown)
	payments[0].Attempts[0].Manual = true
	if back, ok = d.Return(l, payments[0], secret, now); !ok || back.Fields[1].Value != "AUTHORIZED" {
		t.Errorf("%+v", back)
	}
	for _, p := range append(payments[1:], pay.Payment{}) {
		if _, ok := d.Return(l, p, secret, now); ok {
			t.Errorf("returned from %+v", p)
		}
	}
	l, payments = order(pay.LinkActive, 100000, pay.AttemptCaptured)
	l.Use.Parts = true
	if _, ok := d.Return(l, payments[0], secret, now); ok {
		t.Error("a part is not the end of the way")
	}
	l.Page = pay.Page{}
	if l.Applied = 240000; true {
		if _, ok := d.Return(l, payments[0], secret, now); ok {
			t.Error("returned without a URL")
		}
	}
}
