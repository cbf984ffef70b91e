package xfers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

var _ dialect.Dialect = (*xfers)(nil)

var now = time.Date(2026, 11, 21, 9, 20, 41, 0, time.UTC)

// TestEveryState holds the status against each state of a link, with and
// without money, and each of its payment.
func TestEveryState(t *testing.T) {
	attempts := map[pay.AttemptState]bool{ // whether it may still take money
		pay.AttemptCreated: true, pay.AttemptRequiresAction: true, pay.AttemptProcessing: true, pay.AttemptUnknown: true,
		pay.AttemptAuthorized: true, pay.AttemptReview: true, pay.AttemptCaptured: false, pay.AttemptFailed: false,
		pay.AttemptCanceled: false, pay.AttemptVoided: false, pay.AttemptAuthExpired: false,
	}
	for state, unpaid := range map[pay.LinkState]string{
		pay.LinkScheduled: statusPending, pay.LinkActive: statusPending, pay.LinkPaused: statusPending,
		pay.LinkCompleted: statusPending, pay.LinkExpired: statusExpired, pay.LinkCanceled: statusCancelled,
	} {
		hold := func(what, want string, l pay.Link, payments ...pay.Payment) {
			t.Helper()
			l.State = state
			if got := linkStatus(l, payments); got != want {
				t.Errorf("%s, %s: %s, want %s", state, what, got, want)
			}
		}
		hold("unpaid", unpaid, pay.Link{})
		hold("paid", statusPaid, pay.Link{Applied: 100})
		hold("paid and given back", statusPaid, pay.Link{Applied: 100, Refunded: 100})
		hold("some settled", statusPaid, pay.Link{Applied: 100, Settled: 99})
		hold("settled", statusCompleted, pay.Link{Applied: 100, Settled: 100})
		hold("settled and given back", statusCompleted, pay.Link{Applied: 100, Settled: 100, Refunded: 100})
		for attempt, live := range attempts {
			want := unpaid
			if live && state == pay.LinkExpired {
				want = statusPending
			}
			hold(string(attempt), want, pay.Link{}, pay.Payment{State: pay.PaymentOpen, Attempts: []pay.Attempt{{State: attempt}}})
			hold("superseded "+string(attempt), unpaid, pay.Link{}, pay.Payment{State: pay.PaymentOpen, Attempts: []pay.Attempt{{State: attempt, Superseded: true}}})
		}
		refused := func(code string) pay.Payment {
			return pay.Payment{State: pay.PaymentFailed, Attempts: []pay.Attempt{{State: pay.AttemptFailed, Failure: &pay.Failure{Code: code}}}}
		}
		want := unpaid
		if state == pay.LinkExpired {
			want = statusFailed
		}
		for _, code := range []string{pay.FailDeclined, pay.FailFunds, pay.FailExpiredCard, pay.FailAuth, pay.FailWrongAccount, pay.FailProcessor} {
			hold(code, want, pay.Link{}, refused(code))
		}
		hold("no failure is named", want, pay.Link{}, pay.Payment{State: pay.PaymentFailed, Attempts: []pay.Attempt{{State: pay.AttemptFailed}}})
		hold("the payer gave up", unpaid, pay.Link{}, refused(pay.FailCanceled))
		hold("the payer was silent", unpaid, pay.Link{}, refused(pay.FailTimeout))
		hold("declined, then given up", unpaid, pay.Link{}, refused(pay.FailDeclined), pay.Payment{State: pay.PaymentCanceled})
		hold("came too late", unpaid, pay.Link{}, pay.Payment{State: pay.PaymentSurplus, Attempts: []pay.Attempt{{State: pay.AttemptCaptured}}})
	}
}

func TestAmounts(t *testing.T) {
	for in, want := range map[string]string{
		"10000": "10000.0", "10000.0": "10000.0", "10000.50": "10000.5", "10000.25": "10000.25", "0.01": "0.01", "1e4": "10000.0", "1.00005E+4": "10000.5",
		"1000000e-2": "10000.0", "007": "7.0", "10000.000": "10000.0", "4294967295": "4294967295.0", "9999999999.99": "9999999999.99", "100000000000000e-10": "10000.0",
	} {
		minor, problem := parseAmount(in)
		if got := wireAmount(minor); got != want || problem != "" {
			t.Errorf("%s: %s %s, want %s", in, got, problem, want)
		}
	}
	for in, want := range map[string]string{
		"": wantNumber, "x": wantNumber, " 1": wantNumber, "1 ": wantNumber, "1,000": wantNumber, "+1": wantNumber, ".5": wantNumber, "5.": wantNumber, "0x10": wantNumber,
		"1e": wantNumber, "1e1234": wantNumber, "NaN": wantNumber, "Infinity": wantNumber, "١": wantNumber,
		"0": wantPositive, "-1": wantPositive, "-0.5": wantPositive, "0e9": wantPositive, "1.005": wantCents, "1e-3": wantCents, "10000.0000000001": wantCents,
		"10000000000": wantLess, "1e10": wantLess, "1e999": wantLess, "99999999999999999999999999": wantLess,
	} {
		if minor, problem := parseAmount(in); problem != want {
			t.Errorf("%s: %d %q, want %q", in, minor, problem, want)
		}
	}
}

func TestTimes(t *testing.T) {
	const want = "2026-12-06 16:00:00 +0700"
	for _, in := range []string{
		"2026-12-06T16:00:00+07:00", "2026-12-06T09:00:00Z", "2026-12-06T09:00:00.999999999Z", "2026-12-06T16:00:00.123456", "2026-12-06T16:00:00",
		want, "2026-12-06T16:00:00+0700", "2026-12-06 16:00:00.5+07:00", "2026-12-05T21:00:00-12:00",
	} {
		if got, ok := parseTime(in); !ok || wireTime(got) != want || got.Nanosecond() != 0 {
			t.Errorf("%s: %s %v", in, wireTime(got), ok)
		}
	}
	for _, in := range []string{
		"", "tomorrow", "2026-12-06", "2026-13-06T16:00:00Z", "2026-02-30T16:00:00Z", "2026-12-06T25:00:00Z", "2026-12-06T16:00Z", "1780000000",
		"2026-12-06T16:00:00 07:00", "2026-12-06T16:00:00+7", "2026-12-06T16:00:00+99:99", "2026-12-06T16:00:00Z ", " 2026-12-06T16:00:00Z", "2026-12-06t16:00:00z", "12026-12-06T16:00:00Z",
	} {
		if got, ok := parseTime(in); ok {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	d := &xfers{}
	token := pay.NewToken()
	id := d.NewWireID("", token, now)
	if !wireID.MatchString(id) || tokenOf(id) != token {
		t.Errorf("%s leads to %s, want %s", id, tokenOf(id), token)
	}
	if got, want := d.PayURL("https://pay.example", pay.Link{WireID: id}), "https://pay.example/x/"+id; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, id := range []string{"", token, id[:43], id + "0", strings.ToUpper(id), "paymentlink_" + strings.Repeat("g", 32)} {
		if tokenOf(id) != "" {
			t.Errorf("%s carries a token", id)
		}
	}
	mux := http.NewServeMux()
	var got string
	for _, p := range d.Pages() {
		mux.HandleFunc(p.Pattern, func(_ http.ResponseWriter, r *http.Request) { got = p.Token(r) })
	}
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x/"+id, nil))
	if got != token {
		t.Errorf("the page's token is %q", got)
	}
}

// TestSign holds the signature against vectors made with OpenSSL.
func TestSign(t *testing.T) {
	for _, c := range []struct{ body, secret, want string }{
		{`{"data":{"id":"paymentlink_0c6f1e7d94ab4d2f8a35e1b7c09d2f64","attributes":{"status":"paid"}}}`, "ss_3f9c", "2dc60698fb4b1ab0ba461e1ee9ff2779b4de60f576b58b6ba896a925ef8d4ab1"},
		{``, "ss_3f9c", "820ebb891002c2799361b5cc42e9918579a591651d72d4dc02059e0f2185f799"},
	} {
		h, err := (&xfers{}).Sign(dialect.Message{Body: []byte(c.body)}, []string{c.secret, "ss_older"}, now)
		if err != nil || h.Get("Xfers-Signature") != c.want || h.Get("X-Xfers-Signature") != c.want || len(h) != 2 {
			t.Errorf("%v %v, want %s", h, err, c.want)
		}
	}
	for _, secrets := range [][]string{nil, {""}} {
		if _, err := (&xfers{}).Sign(dialect.Message{}, secrets, now); err == nil {
			t.Error("signed without a secret")
		}
	}
}

func TestSchedule(t *testing.T) {
	s := (&xfers{}).Schedule()
	if len(s.Waits) != 19 || s.Waits[0] != 5*time.Minute || s.Waits[1] != 10*time.Minute || s.Waits[18] != 95*time.Minute || s.Timeout != 15*time.Second || s.Patience != dialect.Forever {
		t.Errorf("%+v", s)
	}
	if back, ok := (&xfers{}).Return(pay.Link{}, pay.Payment{}, "s", now); ok {
		t.Errorf("a way back: %+v", back)
	}
}

func TestChoose(t *testing.T) {
	grant := func(m pay.Mode, secret string) core.Grant {
		return core.Grant{Tenant: pay.Tenant{Merchant: "tents", Mode: m}, Secret: secret}
	}
	both := []core.Grant{grant(pay.Live, "s"), grant(pay.Test, "s")}
	for _, c := range []struct {
		grants      []core.Grant
		key, secret string
		want        pay.Mode // empty: refused
	}{
		{both, "test_a", "s", pay.Test}, {both, "live_a", "s", pay.Live}, {both, "a", "s", ""}, {both, "test_a", "x", ""}, {both, "test_a", "", ""},
		{both[:1], "test_a", "s", ""}, {nil, "test_a", "s", ""}, {nil, "test_a", "", ""}, {[]core.Grant{grant(pay.Test, "")}, "test_a", "", ""},
	} {
		g, ok := choose(c.grants, c.key, c.secret)
		if g.Tenant.Mode != c.want || ok != (c.want != "") {
			t.Errorf("%s:%s of %d: %v %v", c.key, c.secret, len(c.grants), g.Tenant, ok)
		}
	}
	for header, want := range map[string]bool{
		basic("test_a", "s"): true, basic("live_a", ""): true, basic("pk", "s"): false, "Bearer test_a": false, "Basic test_a": false, "": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		if (&xfers{}).HasCredential(r) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

// TestEveryError holds each kind of error and the limits against the sheet.
func TestEveryError(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("a secret of ours"), 500, "001"}, {&pay.Error{Kind: pay.Internal, Detail: "a secret of ours"}, 500, "001"}, {context.DeadlineExceeded, 503, "010"},
		{pay.ErrUnauthorized, 401, "002"}, {errLive, 403, "003"}, {&pay.Error{Kind: pay.Forbidden, Code: "test_mode_only"}, 403, "003"}, {pay.ErrNotFound, 404, "004"},
		{invalid("amount", "x", "must be"), 400, "005"}, {invalid("amount", codeBounds, "must be"), 400, "TXN0002"}, {pay.ErrState("no"), 400, "005"}, {pay.ErrReference, 400, "005"},
		{pay.ErrCard("description"), 400, "005"}, {pay.ErrTaken, 400, "005"}, {pay.ErrKeyReused, 400, "005"}, {pay.ErrKeyBusy, 503, "010"},
		{&pay.Error{Kind: pay.Unavailable, Code: "x", Detail: "a secret of ours"}, 503, "010"}, {&pay.Error{Kind: pay.TooMany, Code: "x", Detail: "slower", RetryAfter: 7}, 429, "010"},
		{&pay.Error{Kind: pay.Invalid, Code: "body_too_large"}, 413, "005"}, {web.ErrMethod, 405, "003"}, {&pay.Error{Kind: pay.Kind(99)}, 400, "005"},
	} {
		w := httptest.NewRecorder()
		(&xfers{}).Fail(w, httptest.NewRequest("GET", "/", nil), c.err)
		var out errorsOut
		if err := web.DecodeBytes(w.Body.Bytes(), &out); err != nil || w.Code != c.status || len(out.Errors) != 1 || out.Errors[0].Code != c.code ||
			out.Errors[0].Title == "" || out.Errors[0].Detail == "" || strings.Contains(w.Body.String(), "secret of ours") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		want := map[int]string{429: "7", 503: "600"}[c.status]
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%v: Retry-After %q, want %q", c.err, got, want)
		}
		if got := w.Header().Get("WWW-Authenticate"); (got != "") != (c.status == 401) {
			t.Errorf("%v: WWW-Authenticate %q", c.err, got)
		}
	}
	for path, want := range map[string]string{
		"expires_at": "expired_at", "payer.name": "customer_name", "unique_reference": "reference_id", "recipients[0].email": "customer_email",
		"data.attributes.customerPhoneNumber": "customer_phone_number", "customerEmail": "customer_email", "amount": "amount", "filter[createdAfter]": "filter[createdAfter]",
	} {
		if got := wireName(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// TestBadSetting: a bound that cannot be read stops creates instead of letting
// every amount pass.
func TestBadSetting(t *testing.T) {
	m := pay.Merchant{Settings: pay.Settings{Dialects: map[string]map[string]string{name: {settingMaximum: "a lot"}}}}
	if b, err := boundsOf(m); err == nil || !strings.Contains(err.Error(), settingMaximum) {
		t.Errorf("%+v %v", b, err)
	}
}

func parse(body string) (*linkIn, error) {
	r := httptest.NewRequest("POST", "/api/v4/payment_links", strings.NewReader(body))
	in := &linkIn{}
	if err := attributes(r, in); err != nil {
		return in, err
	}
	if err := in.check(); err != nil {
		return in, err
	}
	return in, in.refuse(now, bounds{})
}

func FuzzBody(f *testing.F) {
	f.Add(request("A", ""))
	f.Add(request("A", `,"expiredAt":"2026-12-06 16:00:00 +0700","paymentMethodOptions":{"displayName":null},"description":"x"`))
	f.Add(`{"data":{"attributes":{"amount":"1e4","referenceId":5,"paymentMethodOptions":[]}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		in, err := parse(body)
		if err != nil {
			if pay.KindOf(err) != pay.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		l := in.link(now)
		if err := l.Validate(now); err != nil && pay.KindOf(err) != pay.Refused {
			t.Fatalf("core would not take it: %v", err)
		}
		again, err := parse(body)
		if err != nil || again.fingerprint() != in.fingerprint() {
			t.Fatal("the same is not the same")
		}
		l.State = pay.LinkCanceled
		m := pay.Merchant{Settings: pay.Settings{Dialects: map[string]map[string]string{name: {settingCallbacks: statusCancelled}}}}
		if _, ok := (&xfers{}).Word(pay.Event{Kind: pay.EventLinkCanceled, Snapshot: pay.Snapshot{Link: l}}, m, ""); !ok {
			t.Fatal("no word")
		}
	})
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"10000", "10000.25", "1e4", "-1", "1.005", "1000000e-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		minor, problem := parseAmount(s)
		if problem != "" {
			return
		}
		if minor < 1 || minor > pay.MaxMinor {
			t.Fatalf("%s is %d", s, minor)
		}
		if again, problem := parseAmount(wireAmount(minor)); again != minor || problem != "" {
			t.Fatalf("%s is %d, and %s is %d", s, minor, wireAmount(minor), again)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-12-06T16:00:00+07:00", "2026-12-06T09:00:00.5Z", "2026-12-06 16:00:00 +0700", "0000-01-01T00:00:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseTime(s)
		if !ok || at.In(jakarta).Year() < 0 || at.In(jakarta).Year() > 9999 {
			return
		}
		if again, ok := parseTime(wireTime(at)); !ok || !again.Equal(at) {
			t.Fatalf("%s is %s, and then %s", s, at, again)
		}
	})
}

func FuzzCredential(f *testing.F) {
	f.Add(basic(testKey, secretKey))
	f.Add("Basic Og==")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		key, secret, _ := r.BasicAuth()
		g, ok := choose([]core.Grant{{Tenant: pay.Tenant{Mode: pay.Test}, Secret: secretKey}}, key, secret)
		if ok != (strings.HasPrefix(key, "test_") && secret == secretKey) || ok && g.Secret != secretKey || ok && !(&xfers{}).HasCredential(r) {
			t.Fatalf("%q: %v", header, ok)
		}
	})
}
