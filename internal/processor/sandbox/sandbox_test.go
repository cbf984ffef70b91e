package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/processor/faulty"
	"paylink/internal/processor/processortest"
)

var (
	tenant  = pay.Tenant{Merchant: "bakery", Mode: pay.Test}
	started = time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	secret  = []byte("0123456789abcdef")
)

// bench is a sandbox with its own clock and what it reported.
type bench struct {
	*Driver
	memory  *memory
	now     time.Time
	headers []http.Header
	bodies  [][]byte
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{memory: newMemory(), now: started}
	d, err := New(b.memory, Options{
		PublicURL: "https://pay.example/", Secret: secret, Now: func() time.Time { return b.now }, TransferDelay: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Driver = d
	d.SetCallback(func(_ context.Context, _ pay.Tenant, h http.Header, raw []byte) error {
		b.headers, b.bodies = append(b.headers, h), append(b.bodies, raw)
		return nil
	})
	return b
}

func order(key string, kind pay.OperationKind, m pay.MethodID, fields ...string) processor.Order {
	o := processor.Order{
		Tenant: tenant, Key: pay.OperationID(key), Kind: kind, Method: m, Amount: pay.Money{Minor: 1050, Currency: "EUR"},
		Fields: map[string]string{}, ReturnURL: "https://shop.example/back?a=1",
	}
	for i := 0; i < len(fields); i += 2 {
		o.Fields[fields[i]] = fields[i+1]
	}
	return o
}

func (b *bench) do(method, target, answer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(url.Values{"do": {answer}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

func (b *bench) last(t *testing.T) processor.Evidence {
	t.Helper()
	if len(b.bodies) == 0 {
		t.Fatal("nothing was reported")
	}
	ev, err := b.VerifyCallback(tenant, b.headers[len(b.headers)-1], b.bodies[len(b.bodies)-1])
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestPromises(t *testing.T) {
	b := newBench(t)
	promises(t, b, b)
}

// What may fail on purpose keeps every promise while it does not.
func TestPromisesBehindNoFaults(t *testing.T) {
	b := newBench(t)
	d := faulty.New(b, faulty.Rates{}, 1)
	defer d.Close()
	promises(t, b, d)
}

// promises checks d, which stands before b or is it.
func promises(t *testing.T, b *bench, d processor.Driver) {
	processortest.Run(t, processortest.Subject{
		Driver: d, Tenant: tenant, Method: pay.MethodCard, Fields: map[string]string{"card": "4242424242424242"}, Manual: true,
		Callback: func(t *testing.T) (http.Header, []byte) {
			out, err := b.Start(t.Context(), order("op_"+t.Name(), pay.OpSale, pay.MethodBankRedirect))
			if err != nil {
				t.Fatal(err)
			}
			b.do("POST", out.Action.RedirectURL, "yes")
			return b.headers[len(b.headers)-1], b.bodies[len(b.bodies)-1]
		},
		Dispute: b.disputed,
		Sign: func(tenant pay.Tenant, secret, raw []byte) http.Header {
			if secret == nil {
				secret = b.mac("callback", tenant, nil)
			}
			h := http.Header{}
			h.Set(SignatureHeader, sign(secret, b.now, raw))
			return h
		},
		SignatureHeader: SignatureHeader,
	})
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no secret":    {PublicURL: "https://pay.example"},
		"short secret": {PublicURL: "https://pay.example", Secret: secret[:15]},
		"no URL":       {Secret: secret},
		"other scheme": {PublicURL: "ftp://pay.example", Secret: secret},
	} {
		if _, err := New(newMemory(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(nil, Options{PublicURL: "https://pay.example", Secret: secret}); err == nil {
		t.Error("no journal: accepted")
	}
}

func TestCards(t *testing.T) {
	for number, c := range map[string]struct {
		result  processor.Result
		failure string
	}{
		"4242424242424242": {processor.Succeeded, ""},
		"5555555555554444": {processor.Succeeded, ""},
		"4000000000000002": {processor.Failed, pay.FailDeclined},
		"4000000000009995": {processor.Failed, pay.FailFunds},
		"4000000000000069": {processor.Failed, pay.FailExpiredCard},
		"4000000000003220": {processor.NeedsAction, ""},
		"4111111111111111": {processor.Failed, pay.FailDeclined},
	} {
		b := newBench(t)
		out, err := b.Start(t.Context(), order("op_1", pay.OpSale, pay.MethodCard, "card", number))
		code := ""
		if out.Failure != nil {
			code = out.Failure.Code
		}
		if err != nil || out.Result != c.result || code != c.failure {
			t.Errorf("%s: %+v, %v", number, out, err)
		}
		if kept := fmt.Sprintf("%+v %+v %+v", b.memory.payments, b.memory.lines, out); strings.Contains(kept, number) {
			t.Errorf("the journal or the answer keeps a card number: %s", kept)
		}
	}
}

func TestLostAnswer(t *testing.T) {
	b := newBench(t)
	o := order("op_1", pay.OpSale, pay.MethodCard, "card", "4000000000000119")
	if out, err := b.Start(t.Context(), o); err == nil || out.Result != processor.Unknown {
		t.Fatalf("start: %+v, %v", out, err)
	}
	if out, err := b.Query(t.Context(), o); err != nil || out.Result != processor.Succeeded || out.Captured != 1050 {
		t.Errorf("query: %+v, %v", out, err)
	}
	if out, err := b.Start(t.Context(), o); err != nil || out.Captured != 1050 {
		t.Errorf("start again: %+v, %v", out, err)
	}
}

func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		o                    processor.Order
		answer               string
		result               processor.Result
		authorized, captured int64
		failure              string
	}{
		"bank yes":         {order("op_1", pay.OpSale, pay.MethodBankRedirect), "yes", processor.Succeeded, 1050, 1050, ""},
		"bank no":          {order("op_1", pay.OpSale, pay.MethodBankRedirect), "no", processor.Failed, 0, 0, pay.FailDeclined},
		"challenge yes":    {order("op_1", pay.OpSale, pay.MethodCard, "card", "4000000000003220"), "yes", processor.Succeeded, 1050, 1050, ""},
		"challenge manual": {order("op_1", pay.OpAuthorize, pay.MethodCard, "card", "4000000000003220"), "yes", processor.Succeeded, 1050, 0, ""},
		"challenge no":     {order("op_1", pay.OpSale, pay.MethodCard, "card", "4000000000003220"), "no", processor.Failed, 0, 0, pay.FailAuth},
	} {
		b := newBench(t)
		out, err := b.Start(t.Context(), c.o)
		if err != nil || out.Result != processor.NeedsAction || out.Action == nil || out.Authorized != 0 {
			t.Fatalf("%s: %+v, %v", name, out, err)
		}
		page := out.Action.RedirectURL
		w := b.do("GET", page, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "Test mode.") || !strings.Contains(w.Body.String(), "10.50 EUR") || len(b.bodies) != 0 {
			t.Errorf("%s: GET gave %d %s", name, w.Code, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "form-action 'self' https://shop.example;") {
			t.Errorf("%s: policy %q", name, csp)
		}
		// The second answer, whatever it is, changes nothing and is told again.
		for _, answer := range []string{c.answer, "yes", "no"} {
			w = b.do("POST", page, answer)
			if w.Code != 303 || w.Header().Get("Location") != "https://shop.example/back?a=1" {
				t.Errorf("%s: POST gave %d %v", name, w.Code, w.Header())
			}
		}
		ev, asked := b.last(t), processor.Outcome{}
		if asked, err = b.Query(t.Context(), c.o); err != nil {
			t.Fatal(err)
		}
		for _, got := range []processor.Outcome{ev.Outcome, asked} {
			if got.Result != c.result || got.Authorized != c.authorized || got.Captured != c.captured || got.ProcessorRef != out.ProcessorRef || c.failure != "" && got.Failure.Code != c.failure {
				t.Errorf("%s: %+v", name, got)
			}
			if got.HoldUntil.IsZero() == (c.o.Kind == pay.OpAuthorize) {
				t.Errorf("%s: held until %v", name, got.HoldUntil)
			}
		}
		if ev.Key != c.o.Key || len(b.bodies) != 3 {
			t.Errorf("%s: evidence %+v after %d reports", name, ev, len(b.bodies))
		}
	}
}

func TestPageRefuses(t *testing.T) {
	b := newBench(t)
	out, _ := b.Start(t.Context(), order("op_1", pay.OpSale, pay.MethodBankRedirect))
	page := out.Action.RedirectURL
	for target, status := range map[string]int{
		strings.Replace(page, "/bakery/", "/other/", 1): 404,
		strings.Replace(page, "/test/", "/live/", 1):    404,
		page + "a": 404,
	} {
		for _, method := range []string{"GET", "POST"} {
			if w := b.do(method, target, "yes"); w.Code != status {
				t.Errorf("%s %s: %d", method, target, w.Code)
			}
		}
	}
	if w := b.do("POST", page, "maybe"); w.Code != 400 {
		t.Errorf("an answer not on the page: %d", w.Code)
	}
	b.memory.down = errors.New("down")
	if w := b.do("POST", page, "yes"); w.Code != 503 {
		t.Errorf("journal down: %d", w.Code)
	}
	b.memory.down = nil
	if len(b.bodies) != 0 {
		t.Error("something was reported")
	}
}

func TestVoidBeforeThePayerActs(t *testing.T) {
	b := newBench(t)
	o := order("op_1", pay.OpSale, pay.MethodBankTransfer)
	out, _ := b.Start(t.Context(), o)
	v := order("op_2", pay.OpVoid, pay.MethodBankTransfer)
	v.ProcessorRef = out.ProcessorRef
	if got, err := b.Void(t.Context(), v); err != nil || got.Result != processor.Succeeded {
		t.Fatalf("void: %+v, %v", got, err)
	}
	b.now = b.now.Add(time.Hour)
	if n, err := b.Due(t.Context()); n != 0 || err != nil {
		t.Errorf("due after void: %d, %v", n, err)
	}
	page := b.pageURL(processor.SandboxPayment{Tenant: tenant, Ref: out.ProcessorRef})
	if w := b.do("POST", page, "yes"); w.Code != 303 || len(b.bodies) != 0 {
		t.Errorf("page after void: %d, %d reports", w.Code, len(b.bodies))
	}
	if got, err := b.Query(t.Context(), o); err != nil || got.Result != processor.Failed || got.Failure.Code != pay.FailCanceled {
		t.Errorf("query: %+v, %v", got, err)
	}
}

func TestTransferArrives(t *testing.T) {
	b := newBench(t)
	o := order("op_1", pay.OpSale, pay.MethodBankTransfer)
	out, err := b.Start(t.Context(), o)
	if err != nil || out.Result != processor.NeedsAction || out.Action.RedirectURL != "" || len(out.Action.Instructions) != 5 {
		t.Fatalf("start: %+v, %v", out, err)
	}
	b.now = started.Add(time.Minute - time.Microsecond)
	if n, err := b.Due(t.Context()); n != 0 || err != nil {
		t.Fatalf("too early: %d, %v", n, err)
	}
	b.now = started.Add(time.Minute)
	for _, want := range []int{1, 0} {
		if n, err := b.Due(t.Context()); n != want || err != nil {
			t.Errorf("due: %d, %v; want %d", n, err, want)
		}
	}
	if ev := b.last(t); ev.Key != o.Key || ev.Outcome.Captured != 1050 || len(b.bodies) != 1 {
		t.Errorf("evidence %+v", ev)
	}
	// By the button of the page, without waiting.
	o.Key = "op_2"
	out, _ = b.Start(t.Context(), o)
	page := out.Action.Instructions[4].Value
	if w := b.do("POST", page, "no"); w.Code != 400 {
		t.Errorf("a transfer cannot be refused: %d", w.Code)
	}
	if w := b.do("POST", page, "yes"); w.Code != 303 || b.last(t).Key != "op_2" {
		t.Errorf("page: %d", w.Code)
	}
}

func TestRefusesForCertain(t *testing.T) {
	b := newBench(t)
	live := order("op_1", pay.OpSale, pay.MethodCard, "card", "4242424242424242")
	live.Tenant.Mode = pay.Live
	script := order("op_4", pay.OpSale, pay.MethodBankRedirect)
	script.ReturnURL = "javascript:alert(1)"
	for name, o := range map[string]processor.Order{
		"live": live, "script": script,
		"upi":           order("op_2", pay.OpSale, pay.MethodUPI),
		"manual bank":   order("op_3", pay.OpAuthorize, pay.MethodBankRedirect),
		"capture first": order("op_5", pay.OpCapture, pay.MethodCard, "card", "4242424242424242"),
		"no key":        order("", pay.OpSale, pay.MethodCard, "card", "4242424242424242"),
	} {
		if out, err := b.Start(t.Context(), o); err != nil || out.Result != processor.Failed {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	if len(b.memory.lines) != 0 {
		t.Error("the journal keeps what was refused")
	}
	if _, ok := b.Capabilities(pay.MethodUPI); ok {
		t.Error("upi is served")
	}
}

func TestCallbackTime(t *testing.T) {
	b := newBench(t)
	out, _ := b.Start(t.Context(), order("op_1", pay.OpSale, pay.MethodBankRedirect))
	b.do("POST", out.Action.RedirectURL, "yes")
	for skew, good := range map[time.Duration]bool{-301 * time.Second: false, -300 * time.Second: true, 300 * time.Second: true, 301 * time.Second: false} {
		b.now = started.Add(skew)
		if _, err := b.VerifyCallback(tenant, b.headers[0], b.bodies[0]); (err == nil) != good {
			t.Errorf("%v: %v", skew, err)
		}
	}
}

func FuzzVerifyCallback(f *testing.F) {
	b := newBench(f)
	out, err := b.Start(f.Context(), order("op_1", pay.OpSale, pay.MethodBankRedirect))
	if err != nil {
		f.Fatal(err)
	}
	b.do("POST", out.Action.RedirectURL, "yes")
	genuine, value := string(b.bodies[0]), b.headers[0].Get(SignatureHeader)
	f.Add(value, genuine)
	f.Add("t=,v1=", genuine)
	f.Add("t=-9,v1=00", "{}")
	f.Add("", "null")
	f.Fuzz(func(t *testing.T, header, raw string) {
		h := http.Header{SignatureHeader: {header}}
		if _, err := b.VerifyCallback(tenant, h, []byte(raw)); (err == nil) != (header == value && raw == genuine) {
			t.Errorf("%q over %q: %v", header, raw, err)
		}
		// What is signed is read without a panic, and believed only when it is whole.
		h.Set(SignatureHeader, sign(b.mac("callback", tenant, nil), b.now, []byte(raw)))
		if ev, err := b.VerifyCallback(tenant, h, []byte(raw)); err == nil && (ev.EventID == "" || ev.Key == "") {
			t.Errorf("%q: %+v", raw, ev)
		}
	})
}
