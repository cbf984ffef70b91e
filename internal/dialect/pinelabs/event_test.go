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
			p.State, a.Captured, a.Shares = pay.PaymentApplied, 240000, []int64{240000}
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
		{pay.EventPaymentSucceeded, pay.LinkActive, 100000, pay.AttemptCaptured, false, "", ""},
		{pay.EventLinkCompleted, pay.LinkCompleted, 240000, pay.AttemptCaptured, false, "payment_link.processed", "PROCESSED"},
		{pay.EventLinkCanceled, pay.LinkCanceled, 0, pay.AttemptFailed, false, "ORDER_CANCELLED", "CANCELLED"},
		{pay.EventLinkCreated, pay.LinkActive, 0, pay.AttemptCreated, false, "", ""},
		{pay.EventLinkExpired, pay.LinkExpired, 0, pay.AttemptFailed, false, "ORDER_FAILED", "FAILED"},
		{pay.EventLinkExpired, pay.LinkExpired, 0, "", false, "", ""},
		{pay.EventLinkExpired, pay.LinkExpired, 0, pay.AttemptProcessing, false, "", ""},
		{pay.EventLinkExpired, pay.LinkExpired, 100000, pay.AttemptCaptured, false, "ORDER_FAILED", "FAILED"},
		{pay.EventPaymentFailed, pay.LinkExpired, 0, pay.AttemptFailed, false, "ORDER_FAILED", "FAILED"},
		{pay.EventPaymentCanceled, pay.LinkExpired, 0, pay.AttemptCanceled, false, "ORDER_FAILED", "FAILED"},
		{pay.EventAttemptCanceled, pay.LinkActive, 0, pay.AttemptCanceled, false, "PAYMENT_FAILED", "ATTEMPTED"},
		{pay.EventAttemptCanceled, pay.LinkExpired, 0, pay.AttemptCanceled, false, "PAYMENT_FAILED", "FAILED"},
		{pay.EventAttemptCanceled, pay.LinkCanceled, 0, pay.AttemptCanceled, false, "", ""},
		{pay.EventAttemptCanceled, pay.LinkCompleted, 240000, pay.AttemptCanceled, false, "", ""},
		{pay.EventAttemptExpired, pay.LinkActive, 0, pay.AttemptAuthExpired, true, "PAYMENT_FAILED", "ATTEMPTED"},
		{pay.EventAttemptExpired, pay.LinkExpired, 0, pay.AttemptAuthExpired, true, "PAYMENT_FAILED", "FAILED"},
		{pay.EventAttemptExpired, pay.LinkCanceled, 0, pay.AttemptAuthExpired, true, "", ""},
		{pay.EventAttemptVoided, pay.LinkActive, 0, pay.AttemptVoided, true, "", ""},
		{pay.EventAttemptPart, pay.LinkActive, 240000, pay.AttemptCaptured, true, "", ""},
		{pay.EventPaymentCaptured, pay.LinkActive, 240000, pay.AttemptCaptured, true, "ORDER_PROCESSED", "PROCESSED"},
		{pay.EventPaymentFailed, pay.LinkActive, 0, pay.AttemptFailed, false, "", ""},
		{pay.EventPaymentSettled, pay.LinkCompleted, 240000, pay.AttemptCaptured, false, "ORDER_SETTLED", "PROCESSED"},
		{pay.EventPaymentSettled, pay.LinkActive, 100000, pay.AttemptCaptured, false, "", ""},
		{pay.EventLinkUpdated, pay.LinkActive, 0, pay.AttemptFailed, false, "", ""},
	} {
		l, payments := order(c.state, c.applied, c.attempt)
		if c.attempt == "" {
			payments = nil
		}
		l.Use.Parts, l.Settled = c.applied == 100000, c.applied
		if c.manual {
			l.Use.Manual, payments[0].Attempts[0].Manual = true, true
		}
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

// What an endpoint hears that subscribes to kinds: links, never orders.
func TestWordFor(t *testing.T) {
	d := &pinelabs{}
	kinds := []pay.EventKind{pay.EventLinkCompleted}
	for _, c := range []struct {
		kind    pay.EventKind
		state   pay.LinkState
		applied int64
		attempt pay.AttemptState
		name    string
		status  string
	}{
		{pay.EventLinkCompleted, pay.LinkCompleted, 240000, pay.AttemptCaptured, "payment_link.processed", "PROCESSED"},
		{pay.EventPaymentSucceeded, pay.LinkActive, 100000, pay.AttemptCaptured, "payment_link.partially_processed", "PARTIAL_PROCESSED"},
		{pay.EventPaymentSucceeded, pay.LinkActive, 240000, pay.AttemptCaptured, "", ""},
		{pay.EventLinkCanceled, pay.LinkCanceled, 0, pay.AttemptFailed, "payment_link.cancelled", "CANCELLED"},
		{pay.EventLinkExpired, pay.LinkExpired, 0, pay.AttemptFailed, "payment_link.expired", "EXPIRED"},
		{pay.EventLinkExpired, pay.LinkExpired, 0, pay.AttemptProcessing, "", ""},
		{pay.EventAttemptFailed, pay.LinkActive, 0, pay.AttemptFailed, "", ""},
		{pay.EventRefundSucceeded, pay.LinkCompleted, 240000, pay.AttemptCaptured, "", ""},
	} {
		l, payments := order(c.state, c.applied, c.attempt)
		l.Use.Parts = c.applied == 100000
		msg, ok := d.WordFor(kinds, pay.Event{ID: "evt_1", Kind: c.kind, Snapshot: pay.Snapshot{Link: l, Payments: payments}}, pay.Merchant{}, "")
		if ok != (c.name != "") {
			t.Errorf("%s: %v %s", c.kind, ok, msg.Body)
		}
		if !ok {
			continue
		}
		var body struct {
			Event, Type string
			EventType   string `json:"event_type"`
			Data        struct {
				OrderID string `json:"order_id"`
				LinkID  string `json:"payment_link_id"`
				Status  string
			}
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil || body.Event != c.name || body.EventType != c.name ||
			body.Data.Status != c.status || body.Data.OrderID != wireID[3:] || body.Data.LinkID != wireID {
			t.Errorf("%s: %v %s", c.kind, err, msg.Body)
		}
	}
}

// refunded gives a part of a paid order back, under a reference, in a state.
func refunded(t *testing.T, states ...pay.RefundState) (pay.Link, []pay.Payment) {
	t.Helper()
	l, payments := order(pay.LinkCompleted, 240000, pay.AttemptCaptured)
	for i, s := range states {
		payments[0].Refunds = append(payments[0].Refunds, pay.Refund{
			ID: pay.RefundID("ref_" + string(rune('a'+i))), Attempt: "att_1", State: s, Amount: 1000, Reference: "R-1",
			Echo: `{"merchant_metadata":{"why":"broken"}}`, CreatedAt: now, UpdatedAt: now.Add(time.Duration(i) * time.Second),
		})
	}
	return l, payments
}

func TestRefundEvents(t *testing.T) {
	d := &pinelabs{}
	for _, c := range []struct {
		about  pay.RefundID
		kind   pay.EventKind
		states []pay.RefundState
		name   string
	}{
		{"ref_a", pay.EventRefundSucceeded, []pay.RefundState{pay.RefundSucceeded}, "REFUND_PROCESSED"},
		{"ref_a", pay.EventRefundFailed, []pay.RefundState{pay.RefundFailed}, "REFUND_FAILED"},
		{"ref_a", pay.EventRefundSucceeded, []pay.RefundState{pay.RefundSucceeded, pay.RefundSent}, ""}, // of two payments: the second decides
		{"ref_b", pay.EventRefundSucceeded, []pay.RefundState{pay.RefundSucceeded, pay.RefundSucceeded}, "REFUND_PROCESSED"},
		{"ref_b", pay.EventRefundSucceeded, []pay.RefundState{pay.RefundFailed, pay.RefundSucceeded}, "REFUND_FAILED"},
		{"ref_a", pay.EventRefundRequested, []pay.RefundState{pay.RefundRequested}, ""},
		{"ref_z", pay.EventRefundSucceeded, []pay.RefundState{pay.RefundSucceeded}, ""},
	} {
		l, payments := refunded(t, c.states...)
		msg, ok := d.Word(pay.Event{ID: "evt_1", Kind: c.kind, EntityID: string(c.about), Snapshot: pay.Snapshot{Link: l, Payments: payments}}, pay.Merchant{}, "")
		if ok != (c.name != "") || ok && (!strings.HasPrefix(string(msg.Body), `{"event_type":"`+c.name+`"`) || !strings.Contains(string(msg.Body), `"type":"REFUND"`) ||
			!strings.Contains(string(msg.Body), `"parent_order_id":"`+wireID[3:]+`"`)) {
			t.Errorf("%+v: %v %s", c, ok, msg.Body)
		}
	}
	l, payments := refunded(t, pay.RefundSucceeded)
	payments[0].Refunds[0].Reason = "surplus"
	if out := newOrderOut(l, payments, pay.Merchant{}); len(out.Refunds) != 0 {
		t.Error("what goes back by itself is no refund of the order")
	}
	for state, want := range map[pay.RefundState]string{
		pay.RefundRequested: "CREATED", pay.RefundSent: "PENDING", pay.RefundUnknown: "PENDING", pay.RefundSucceeded: "PROCESSED", pay.RefundFailed: "FAILED",
	} {
		l, payments := refunded(t, state)
		out := newOrderOut(l, payments, pay.Merchant{}).Refunds
		if len(out) != 1 || out[0].Status != want || out[0].Metadata["why"] != "broken" || len(out[0].ID) > 50 || !wireName.MatchString(out[0].ID) {
			t.Errorf("%s: %+v", state, out)
		}
	}
}

// Each way to pay shows what is known of its instrument, and UPI's under the
// name that the provider uses in that place.
func TestInstruments(t *testing.T) {
	l, payments := order(pay.LinkCompleted, 240000, pay.AttemptCaptured)
	l.Echo = `{"is_mcc_transaction":true}`
	a := &payments[0].Attempts[0]
	for method, c := range map[pay.MethodID]struct{ instrument, api, hook string }{
		pay.MethodCard:         {"visa •••• 4242", `{"card_data":{"network_name":"VISA","last4_digit":"4242"}}`, `{"card_data":{"network_name":"VISA","last4_digit":"4242"}}`},
		pay.MethodUPI:          {"meera@upi", `{"upi_details":{"txn_mode":"INTENT","payer":{"vpa":"meera@upi"}}}`, `{"upi_data":{"txn_mode":"INTENT","payer":{"vpa":"meera@upi"}}}`},
		pay.MethodBankRedirect: {"test bank", `{"netbanking_data":{"pay_code":"test bank","txn_mode":"REDIRECT"}}`, `{"netbanking_data":{"pay_code":"test bank","txn_mode":"REDIRECT"}}`},
		pay.MethodWallet:       {"any", `null`, `null`},
		pay.MethodPoints:       {"", `null`, `null`},
	} {
		a.Method, a.Instrument = method, c.instrument
		out := newOrderOut(l, payments, pay.Merchant{})
		api, _ := json.Marshal(out.Payments[0].Option)
		hook, _ := json.Marshal(out.hook().Payments[0].Option)
		if string(api) != c.api || string(hook) != c.hook {
			t.Errorf("%s: %s and %s", method, api, hook)
		}
		if p := out.Payments[0]; p.Rate != 1 || *p.Base.Value != 240000 {
			t.Errorf("%s: with is_mcc_transaction: %+v", method, p)
		}
	}
}

// Every failure code of ours has one of the provider's.
func TestFailures(t *testing.T) {
	for code, want := range map[string]string{
		pay.FailDeclined: "PAYMENT_DECLINED", pay.FailFunds: "INSUFFICIENT_FUNDS", pay.FailExpiredCard: "CARD_EXPIRED", pay.FailAuth: "USER_AUTHENTICATION_FAILED",
		pay.FailCanceled: "PAYMENT_DECLINED", pay.FailTimeout: "PAYMENT_EXPIRED", pay.FailProcessor: "PAYMENT_DECLINED", "another": "PAYMENT_DECLINED",
	} {
		if got, text := failureWords(&pay.Failure{Code: code}); got != want || text == "" {
			t.Errorf("%s: %s %s", code, got, text)
		}
	}
	if code, text := failureWords(&pay.Failure{Code: pay.FailWrongAccount}); code != "INVALID_REQUEST" || text != "Third party validation failure" {
		t.Error(code, text)
	}
}

func TestOrderOfTheSheet(t *testing.T) {
	l, payments := order(pay.LinkActive, 0, pay.AttemptFailed)
	out := newOrderOut(l, payments, pay.Merchant{Tenant: pay.Tenant{Merchant: "shop"}})
	p := out.Payments[0]
	if out.MerchantID != "819125" || p.ID != "v1-261121093015-aa-Kq7RtZ-cc-a" || p.Error == nil || p.Error.Code != "PAYMENT_DECLINED" || p.Option.Card.Last4 != "4242" || p.Option.Card.Network != "VISA" {
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
