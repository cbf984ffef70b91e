package payengine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

var now = time.Date(2026, 11, 21, 9, 14, 7, 318_000_000, time.UTC)

// linkOf is a link as fill makes it, in a state.
func linkOf(t *testing.T, state pay.LinkState, data string) pay.Link {
	t.Helper()
	l := pay.Link{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, WireID: "k3v9d", Token: "k3v9d", Account: shopID, State: state, CreatedAt: now, UpdatedAt: now}
	var in dataIn
	if err := json.Unmarshal([]byte(data), &in); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.fill(&l, zone, now); err != nil {
		t.Fatal(err)
	}
	return l
}

// Every state of ours has one status, and money does not change it.
func TestStatus(t *testing.T) {
	d := &payengine{}
	states := map[pay.LinkState]string{
		pay.LinkScheduled: "INACTIVE", pay.LinkActive: "ACTIVE", pay.LinkPaused: "INACTIVE",
		pay.LinkCompleted: "COMPLETED", pay.LinkExpired: "INACTIVE", pay.LinkCanceled: "CANCELLED",
	}
	if len(linkStatus) != len(states) {
		t.Errorf("%d states have a status, want %d", len(linkStatus), len(states))
	}
	for state, want := range states {
		l := linkOf(t, state, `{"amount":"10"}`)
		for money, with := range map[pay.MoneyStatus]func(*pay.Link){
			pay.Unpaid:            func(*pay.Link) {},
			pay.Paid:              func(l *pay.Link) { l.Applied, l.UseCount = 1000, 1 },
			pay.PartiallyRefunded: func(l *pay.Link) { l.Applied, l.UseCount, l.Refunded = 1000, 1, 1 },
			pay.Refunded:          func(l *pay.Link) { l.Applied, l.UseCount, l.Refunded = 1000, 1, 1000 },
			pay.Settled:           func(l *pay.Link) { l.Applied, l.UseCount, l.Settled = 1000, 1, 1000 },
		} {
			l := l
			if with(&l); l.MoneyStatus() != money {
				t.Fatalf("%s, want %s", l.MoneyStatus(), money)
			}
			if got := d.word(l).Status; got != want {
				t.Errorf("%s, %s: %s, want %s", state, money, got, want)
			}
		}
	}
}

// told is a webhook as its receiver reads it.
type told struct {
	UID   string `json:"event_uid"`
	Event string
	Data  map[string]any
}

func tell(t *testing.T, e pay.Event) (told, bool) {
	t.Helper()
	d := &payengine{}
	msg, ok := d.Word(e, pay.Merchant{}, publicURL)
	if !ok {
		return told{}, false
	}
	again, _ := d.Word(e, pay.Merchant{}, publicURL)
	var out told
	if err := json.Unmarshal(msg.Body, &out); err != nil {
		t.Fatal(err)
	}
	if string(again.Body) != string(msg.Body) || msg.ID != out.UID || len(out.UID) != 32 || strings.Trim(out.UID, "0123456789abcdef") != "" {
		t.Errorf("%s %s", msg.ID, msg.Body)
	}
	if !strings.HasPrefix(string(msg.Body), `{"event_uid":"`+out.UID+`","event":"`+out.Event+`","data":{`) {
		t.Errorf("the order of members: %s", msg.Body)
	}
	return out, true
}

func TestLinkEvents(t *testing.T) {
	l := linkOf(t, pay.LinkScheduled, `{"use_same_amount":false,"cc_amount":"103","ach_amount":"100","start_date":"20261201","end_date":"2026-12-31","slug_id":"club","internal_transaction_id":"ID1","metadata":{"a":["<b>"]}}`)
	uids := map[string]bool{}
	for kind, want := range map[pay.EventKind]string{
		pay.EventLinkCreated: "PAYMENTLINK_CREATED", pay.EventLinkUpdated: "PAYMENTLINK_UPDATED",
		pay.EventLinkCompleted: "PAYMENTLINK_UPDATED", pay.EventLinkCanceled: "PAYMENTLINK_CANCELLED",
	} {
		out, ok := tell(t, pay.Event{ID: pay.EventID("evt_" + kind), Kind: kind, Snapshot: pay.Snapshot{Link: l}})
		if !ok || out.Event != want || out.Data["payment_link_id"] != "k3v9d" || uids[out.UID] {
			t.Errorf("%s: %+v", kind, out)
		}
		uids[out.UID] = true
		if kind == pay.EventLinkCanceled {
			if len(out.Data) != 1 {
				t.Errorf("%+v", out)
			}
			continue
		}
		for name, value := range map[string]any{
			"payment_url": publicURL + "/p/club", "payment_link_url": publicURL + "/p/club", "qr_code_url": publicURL + "/p/club/qr.png",
			"payment_link_status": "INACTIVE", "merchant_id": shopID, "amount": nil, "cc_amount": "103.00", "ach_amount": "100.00",
			"start_date": "2026-12-01T05:00:00.000Z", "end_date": "2027-01-01T04:59:59.999Z", // days of New York
			"description": nil, "internal_transaction_id": "ID1",
		} {
			if got, ok := out.Data[name]; !ok || got != value {
				t.Errorf("%s: %s is %v, want %v", kind, name, got, value)
			}
		}
	}
	one := linkOf(t, pay.LinkActive, `{"amount":"5","end_date":"2026-12-31T10:00:00+01:00"}`)
	out, _ := tell(t, pay.Event{ID: "evt_1", Kind: pay.EventLinkCreated, Snapshot: pay.Snapshot{Link: one}})
	if _, there := out.Data["cc_amount"]; there || out.Data["amount"] != "5.00" || out.Data["end_date"] != "2026-12-31T09:00:00.000Z" || out.Data["start_date"] != nil {
		t.Errorf("%+v", out)
	}
}

// Every kind of event has a word of the sheet, or none.
func TestTransactionEvents(t *testing.T) {
	words := map[pay.EventKind][3]string{ // by card, by bank, captured by a later call
		pay.EventLinkCreated:   {"PAYMENTLINK_CREATED", "PAYMENTLINK_CREATED", "PAYMENTLINK_CREATED"},
		pay.EventLinkUpdated:   {"PAYMENTLINK_UPDATED", "PAYMENTLINK_UPDATED", "PAYMENTLINK_UPDATED"},
		pay.EventLinkCompleted: {"PAYMENTLINK_UPDATED", "PAYMENTLINK_UPDATED", "PAYMENTLINK_UPDATED"},
		pay.EventLinkCanceled:  {"PAYMENTLINK_CANCELLED", "PAYMENTLINK_CANCELLED", "PAYMENTLINK_CANCELLED"},

		pay.EventPaymentSucceeded:  {"PAYMENT_SALE", "PAYMENT_ACH", ""},
		pay.EventAttemptFailed:     {"PAYMENT_FAILED", "PAYMENT_FAILED", "PAYMENT_FAILED"},
		pay.EventAttemptAuthorized: {"", "", "PAYMENT_AUTH"},
		pay.EventAttemptPart:       {"", "", "PAYMENT_CAPTURED"},
		pay.EventAttemptCaptured:   {"", "", "PAYMENT_CAPTURED"},
		pay.EventAttemptVoided:     {"", "", "PAYMENT_VOIDED"},
		pay.EventAttemptExpired:    {"", "", "PAYMENT_VOIDED"},
		pay.EventRefundSucceeded:   {"PAYMENT_REFUNDED", "PAYMENT_ACH_REFUNDED", "PAYMENT_REFUNDED"},
	}
	l := linkOf(t, pay.LinkActive, `{"amount":"110","sales_tax":"10","order_number":"Order124","description":"Services","internal_transaction_id":"ID1","metadata":{"a":1}}`)
	for _, kind := range pay.EventKinds {
		for i, want := range words[kind] {
			a := pay.Attempt{
				ID: "att_1", State: pay.AttemptCaptured, Processor: "sandbox", Method: pay.MethodCard, Requested: 11000, Authorized: 11000, Captured: 11000,
				Captures: []pay.Capture{{Amount: 11000}}, Shares: []int64{11000}, Manual: i == 2, Instrument: "visa •••• 4242",
			}
			if i == 1 {
				a.Method, a.Instrument = pay.MethodBankTransfer, "bank •••• 0017"
			}
			total, status, transaction, about := "110.00", "PASS", "att_1", "att_1"
			switch {
			case strings.HasPrefix(string(kind), "payment."):
				about = "pay_1"
			case strings.HasPrefix(string(kind), "refund."):
				about, total, transaction = "ref_1", "0.05", "ref_1"
			case kind == pay.EventAttemptFailed:
				a.State, a.Captured, a.Failure, status = pay.AttemptFailed, 0, &pay.Failure{Code: pay.FailFunds, Text: "staff only"}, "FAIL"
			}
			p := pay.Payment{ID: "pay_1", Attempts: []pay.Attempt{a}, Refunds: []pay.Refund{{ID: "ref_1", Attempt: "att_1", Amount: 5}}}
			other := pay.Payment{ID: "pay_0", Attempts: []pay.Attempt{{ID: "att_0"}}}
			e := pay.Event{ID: "evt_1", Kind: kind, EntityID: about, Snapshot: pay.Snapshot{Link: l, Payments: []pay.Payment{other, p}}}
			out, ok := tell(t, e)
			if ok != (want != "") || out.Event != want {
				t.Errorf("%s: %q, want %q", kind, out.Event, want)
			}
			if !strings.HasPrefix(out.Event, "PAYMENT_") {
				continue
			}
			answer, _ := out.Data["auth_response"].(map[string]any)
			for name, value := range map[string]any{
				"payment_id": "pay_1", "merchant_id": shopID, "account_id": "shop", "gateway_id": "sandbox", "description": "Services", "order_number": "Order124",
				"currencyCode": "USD", "sales_tax": "10.00", "gratuity": "0.00", "payment_link_id": "k3v9d", "internal_transaction_id": "ID1",
			} {
				if out.Data[name] != value {
					t.Errorf("%s: %s is %v, want %v", kind, name, out.Data[name], value)
				}
			}
			if token, there := out.Data["token"]; !there || token != nil {
				t.Errorf("%s: token is %v", kind, token)
			}
			card := map[bool]string{true: "visa"}[i != 1]
			code := map[bool]string{true: "A0000", false: pay.FailFunds}[status == "PASS"]
			for name, value := range map[string]any{"status": status, "totalAmount": total, "cardType": card, "transactionID": transaction, "responseCode": code, "partialPayment": false} {
				if answer[name] != value {
					t.Errorf("%s: auth_response.%s is %v, want %v", kind, name, answer[name], value)
				}
			}
		}
	}
}

// Each capture of one hold is told with its own amount, and that the rest was
// released as a void of it.
func TestCapturesAreTold(t *testing.T) {
	l := linkOf(t, pay.LinkActive, `{"amount":"110"}`)
	at := []time.Time{time.Unix(1, 0), time.Unix(2, 0), time.Unix(3, 0)}
	a := pay.Attempt{
		ID: "att_1", State: pay.AttemptAuthorized, Method: pay.MethodCard, Manual: true, Authorized: 11000, Captured: 7000, Shares: []int64{7000},
		Captures: []pay.Capture{{Amount: 5000, At: at[0]}, {Amount: 2000, At: at[1]}},
	}
	for i, want := range []string{"PAYMENT_CAPTURED 50.00", "PAYMENT_CAPTURED 20.00", "PAYMENT_VOIDED 40.00"} {
		kind := pay.EventAttemptPart
		if i == 2 {
			kind, a.State = pay.EventAttemptCaptured, pay.AttemptCaptured
		}
		p := pay.Payment{ID: "pay_1", Attempts: []pay.Attempt{a}}
		out, ok := tell(t, pay.Event{ID: "evt_1", Kind: kind, EntityID: "att_1", At: at[i], Snapshot: pay.Snapshot{Link: l, Payments: []pay.Payment{p}}})
		answer, _ := out.Data["auth_response"].(map[string]any)
		if got := fmt.Sprint(out.Event, " ", answer["totalAmount"]); !ok || got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// A release of nothing is no news: nothing was ever held, or a person confirmed
// that all of it was taken.
func TestNothingReleasedIsUnsaid(t *testing.T) {
	for kind, a := range map[pay.EventKind]pay.Attempt{
		pay.EventAttemptVoided:   {ID: "att_1", State: pay.AttemptVoided, Manual: true},
		pay.EventAttemptCaptured: {ID: "att_1", State: pay.AttemptCaptured, Manual: true, Authorized: 500, Captured: 500, Captures: []pay.Capture{{Amount: 500, At: time.Unix(1, 0)}}},
	} {
		p := pay.Payment{ID: "pay_1", Attempts: []pay.Attempt{a}}
		e := pay.Event{ID: "evt_1", Kind: kind, EntityID: "att_1", At: time.Unix(2, 0), Snapshot: pay.Snapshot{Link: linkOf(t, pay.LinkActive, `{"amount":"5"}`), Payments: []pay.Payment{p}}}
		if out, ok := tell(t, e); ok {
			t.Errorf("%s: %+v", kind, out)
		}
	}
}

// A late success of an older attempt is told with its own data.
func TestLateSuccessIsToldOfItsAttempt(t *testing.T) {
	p := pay.Payment{ID: "pay_1", State: pay.PaymentApplied, Attempts: []pay.Attempt{
		{ID: "att_1", State: pay.AttemptCaptured, Method: pay.MethodCard, Captured: 500, Shares: []int64{500}},
		{ID: "att_2", State: pay.AttemptFailed, Method: pay.MethodBankTransfer, Failure: &pay.Failure{Code: pay.FailDeclined}},
	}}
	e := pay.Event{ID: "evt_1", Kind: pay.EventPaymentSucceeded, EntityID: "pay_1", Snapshot: pay.Snapshot{Link: linkOf(t, pay.LinkCompleted, `{"amount":"5"}`), Payments: []pay.Payment{p}}}
	out, ok := tell(t, e)
	answer, _ := out.Data["auth_response"].(map[string]any)
	if !ok || out.Event != "PAYMENT_SALE" || answer["transactionID"] != "att_1" || answer["totalAmount"] != "5.00" || answer["status"] != "PASS" {
		t.Errorf("%+v", out)
	}
}

// Money that came in twice goes back unsaid: its coming was not told either.
func TestSurplusIsUnsaid(t *testing.T) {
	p := pay.Payment{ID: "pay_1", Attempts: []pay.Attempt{{ID: "att_1", Method: pay.MethodCard, Captured: 500}}, Refunds: []pay.Refund{{ID: "ref_1", Attempt: "att_1", Amount: 500}}}
	e := pay.Event{ID: "evt_1", Kind: pay.EventRefundSucceeded, EntityID: "ref_1", Snapshot: pay.Snapshot{Link: linkOf(t, pay.LinkCompleted, `{"amount":"5"}`), Payments: []pay.Payment{p}}}
	if out, ok := tell(t, e); ok {
		t.Errorf("%+v", out)
	}
	p.Attempts[0].Shares, p.Refunds[0].Surplus = []int64{0}, true // of an attempt that counts
	if out, ok := tell(t, e); ok {
		t.Errorf("%+v", out)
	}
	e.EntityID = "ref_2"
	if out, ok := tell(t, e); ok {
		t.Errorf("%+v", out)
	}
}

// The expected value was made with openssl dgst -sha256 -hmac.
func TestSign(t *testing.T) {
	d := &payengine{}
	body := `{"event_uid":"9d2c4b7f0e6a41d3b8f5a1c07e93d624","event":"PAYMENTLINK_CANCELLED","data":{"payment_link_id":"p8x2m"}}`
	h, err := d.Sign(dialect.Message{Body: []byte(body)}, []string{"whk_2f6a", "old"}, time.Unix(1795252447, 999))
	if err != nil || len(h) != 1 || len(h.Values(signatureHeader)) != 1 || h.Get(signatureHeader) != "t=1795252447,s=b316678e55961d82d3a11e4dbaeece0bc214a6b35c41d513f981c4a0ae19e47e" {
		t.Errorf("%v %v", h, err)
	}
	for _, secrets := range [][]string{nil, {""}} {
		if _, err := d.Sign(dialect.Message{}, secrets, now); err == nil {
			t.Errorf("signed with %q", secrets)
		}
	}
	s := d.Schedule()
	if s.Timeout != 3*time.Second || len(s.Waits) != 8 || s.Waits[0] != 10*time.Second || s.Waits[7] != 24*time.Hour || s.Patience != 0 {
		t.Errorf("%+v", s)
	}
	if _, ok := d.Return(pay.Link{Page: pay.Page{SuccessURL: "https://shop.example/"}}, pay.Payment{}, "secret", now); ok {
		t.Error("there is no way back")
	}
}

// parseSignature is the provider's published way to read the header: split at
// commas and equal signs, nothing trimmed.
func parseSignature(header string) (t, s string) {
	for item := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(item, "=")
		switch name {
		case "t":
			t = value
		case "s":
			s = value
		}
	}
	return t, s
}

// FuzzSignature: whatever the body and the secret, the provider's verifier
// finds both parts.
func FuzzSignature(f *testing.F) {
	f.Add("secret", []byte(`{"a":1}`), int64(1795252447))
	f.Add("s,t=1", []byte(""), int64(0))
	f.Fuzz(func(t *testing.T, secret string, body []byte, at int64) {
		h, err := (&payengine{}).Sign(dialect.Message{Body: body}, []string{secret}, time.Unix(at, 0))
		if err != nil {
			if secret != "" {
				t.Error(err)
			}
			return
		}
		stamp, sum := parseSignature(h.Get(signatureHeader))
		if n, err := json.Number(stamp).Int64(); err != nil || n != at || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
			t.Errorf("%v", h)
		}
	})
}
