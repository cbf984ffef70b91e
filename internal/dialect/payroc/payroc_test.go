package payroc

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

var _ dialect.Dialect = (*payroc)(nil)

var now = time.Date(2026, 11, 21, 9, 30, 15, 0, time.UTC)

var here = call{zone: time.UTC}

// TestEveryState holds the status against each state of a link and of an attempt.
func TestEveryState(t *testing.T) {
	states := map[pay.LinkState]string{
		pay.LinkScheduled: "active", pay.LinkActive: "active", pay.LinkPaused: "active",
		pay.LinkCompleted: "completed", pay.LinkExpired: "expired", pay.LinkCanceled: "deactivated",
	}
	attempts := map[pay.AttemptState]bool{ // whether a single use is used up
		pay.AttemptCreated: false, pay.AttemptRequiresAction: false, pay.AttemptProcessing: true, pay.AttemptUnknown: true, pay.AttemptAuthorized: true,
		pay.AttemptFailed: false, pay.AttemptCanceled: false, pay.AttemptVoided: false, pay.AttemptAuthExpired: false, pay.AttemptReview: true,
		pay.AttemptCaptured: false, // the link itself is completed then
	}
	for state, want := range states {
		if got := linkStatus(pay.Link{State: state, Use: pay.Use{Max: 1}}, nil); got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
		for attempt, used := range attempts {
			want := want
			payments := []pay.Payment{{Attempts: []pay.Attempt{{State: attempt}}}}
			if got := linkStatus(pay.Link{State: state}, payments); got != want {
				t.Errorf("multi-use, %s with %s: %s, want %s", state, attempt, got, want)
			}
			if used && want != "deactivated" {
				want = "completed"
			}
			if got := linkStatus(pay.Link{State: state, Use: pay.Use{Max: 1}}, payments); got != want {
				t.Errorf("%s with %s: %s, want %s", state, attempt, got, want)
			}
		}
	}
	given := []pay.Payment{{Attempts: []pay.Attempt{{State: pay.AttemptUnknown, Superseded: true}}}}
	if got := linkStatus(pay.Link{State: pay.LinkActive, Use: pay.Use{Max: 1}}, given); got != "active" {
		t.Errorf("an attempt that gave up its place: %s", got)
	}
}

// TestEveryPaymentState holds a payment's words against each attempt.
func TestEveryPaymentState(t *testing.T) {
	card := func(a pay.Attempt) pay.Attempt {
		a.Method, a.Currency, a.Instrument = pay.MethodCard, "USD", "mastercard •••• 4444"
		return a
	}
	for _, c := range []struct {
		attempt              pay.Attempt
		payment              pay.Payment
		status, code, result string
	}{
		{pay.Attempt{State: pay.AttemptCreated}, pay.Payment{}, "", "", ""},
		{pay.Attempt{State: pay.AttemptRequiresAction}, pay.Payment{}, "", "", ""},
		{pay.Attempt{State: pay.AttemptCanceled}, pay.Payment{}, "", "", ""},
		{pay.Attempt{State: pay.AttemptProcessing}, pay.Payment{}, "pending", "E", "sale"},
		{pay.Attempt{State: pay.AttemptUnknown}, pay.Payment{}, "pending", "E", "sale"},
		{pay.Attempt{State: pay.AttemptReview}, pay.Payment{}, "pending", "E", "sale"},
		{pay.Attempt{State: pay.AttemptAuthorized, Manual: true}, pay.Payment{}, "ready", "A", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptCaptured, Manual: true}, pay.Payment{}, "ready", "A", "preAuthorizationCompletion"},
		{pay.Attempt{State: pay.AttemptCaptured}, pay.Payment{State: pay.PaymentApplied}, "ready", "A", "sale"},
		{pay.Attempt{State: pay.AttemptCaptured}, pay.Payment{State: pay.PaymentApplied, SettledAt: now}, "complete", "A", "sale"},
		{pay.Attempt{State: pay.AttemptCaptured}, pay.Payment{State: pay.PaymentSurplus}, "reversal", "A", "sale"},
		{pay.Attempt{State: pay.AttemptAuthorized, Manual: true, Captured: 5}, pay.Payment{State: pay.PaymentApplied}, "ready", "A", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptAuthorized, Manual: true, Captured: 5}, pay.Payment{State: pay.PaymentApplied, SettledAt: now}, "ready", "A", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptAuthorized, Manual: true, Captured: 5}, pay.Payment{State: pay.PaymentSurplus}, "reversal", "A", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptReview, Manual: true, Captured: 5}, pay.Payment{State: pay.PaymentApplied}, "pending", "E", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptCaptured, Captured: 5, Disputed: 5}, pay.Payment{State: pay.PaymentApplied}, "ready", "A", "sale"},
		{pay.Attempt{State: pay.AttemptFailed}, pay.Payment{}, "declined", "D", "sale"},
		{pay.Attempt{State: pay.AttemptFailed, Failure: &pay.Failure{Code: pay.FailProcessor}}, pay.Payment{}, "declined", "D", "sale"},
		{pay.Attempt{State: pay.AttemptVoided, Manual: true}, pay.Payment{}, "reversal", "A", "preAuthorization"},
		{pay.Attempt{State: pay.AttemptAuthExpired, Manual: true}, pay.Payment{}, "expired", "A", "preAuthorization"},
	} {
		c.payment.Attempts = []pay.Attempt{card(c.attempt)}
		a := telling(c.payment)
		if a == nil {
			if c.status != "" {
				t.Errorf("%s: not told", c.attempt.State)
			}
			continue
		}
		out := newPaymentOut(pay.Link{}, c.payment, a)
		if out.Result.Status != c.status || out.Result.Code != c.code || out.Result.Type != c.result || out.Card.Type != "MASTERCARD" || out.Card.Number != "************4444" {
			t.Errorf("%s: %+v %+v", c.attempt.State, out.Result, out.Card)
		}
	}
	broken := pay.Payment{Attempts: []pay.Attempt{{State: pay.AttemptFailed, Failure: &pay.Failure{Code: pay.FailProcessor}}}}
	if out := newPaymentOut(pay.Link{}, broken, telling(broken)); out.Result.Message != "Error" {
		t.Errorf("the processor failed: %+v", out.Result)
	}
	held := pay.Payment{State: pay.PaymentApplied, Attempts: []pay.Attempt{{State: pay.AttemptAuthorized, Manual: true, Authorized: 9, Captured: 5}}}
	if out := newPaymentOut(pay.Link{}, held, telling(held)); !slices.Equal(out.Operations, []string{"capture"}) || out.Result.Authorized != 9 {
		t.Errorf("captured in part: %+v", out)
	}
	if held.State = pay.PaymentSurplus; newPaymentOut(pay.Link{}, held, telling(held)).Operations != nil {
		t.Error("what goes back can be captured")
	}
	held.Attempts[0].State = pay.AttemptCaptured
	if out := newPaymentOut(pay.Link{}, held, telling(held)); out.Result.Authorized != 5 {
		t.Errorf("the rest released: %+v", out)
	}
	late := pay.Payment{Attempts: []pay.Attempt{{ID: "a", State: pay.AttemptCaptured, Captured: 5}, {ID: "b", State: pay.AttemptFailed}}}
	if a := telling(late); a.ID != "a" {
		t.Errorf("a late success: told by %s", a.ID)
	}
}

// TestRefundsOfPayment: what the merchant gave back is listed with its state,
// and what went back by itself is not.
func TestRefundsOfPayment(t *testing.T) {
	a := pay.Attempt{ID: "a", State: pay.AttemptCaptured, Currency: "USD", Captured: 9, Method: pay.MethodCard}
	p := pay.Payment{State: pay.PaymentApplied, Attempts: []pay.Attempt{a}}
	states := []pay.RefundState{pay.RefundRequested, pay.RefundSent, pay.RefundUnknown, pay.RefundSucceeded, pay.RefundFailed}
	for i, s := range states {
		p.Refunds = append(p.Refunds, pay.Refund{ID: pay.RefundID("r" + strconv.Itoa(i)), Attempt: "a", State: s, Amount: int64(i + 1), CreatedAt: now})
	}
	p.Refunds = append(p.Refunds, pay.Refund{ID: "s", Attempt: "a", Surplus: true}, pay.Refund{ID: "o", Attempt: "b"})
	out := newPaymentOut(pay.Link{}, p, telling(p))
	if len(out.Refunds) != len(states) || out.Result.Status != payReady {
		t.Fatalf("%+v", out)
	}
	for i, want := range []string{"pending E", "pending E", "pending E", "complete A", "declined D"} {
		r := out.Refunds[i]
		if r.Status+" "+r.Code != want || r.ID != "r"+strconv.Itoa(i) || r.Amount != int64(i+1) || r.Currency != "USD" || r.At != "2026-11-21T09:30:15Z" || r.Message == "" {
			t.Errorf("%s: %+v", states[i], r)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`18500`, `1.85e4`, true}, {`18500`, `18500.00`, true}, {`0`, `-0.0e9`, true}, {`100`, `1E+2`, true}, {`0.5`, `5e-1`, true},
		{`18500`, `18501`, false}, {`1`, `"1"`, false}, {`1`, `-1`, false}, {`10`, `1`, false}, {`9007199254740993`, `9007199254740992`, false}, {`1e99999999999`, `1`, false},
		{`{"a":1,"b":[null,true]}`, `{"b":[null,true],"a":1.0}`, true}, {`{"a":1}`, `{"a":1,"b":null}`, false}, {`{"a":null}`, `{"b":null}`, false}, {`[1,2]`, `[2,1]`, false}, {`[]`, `{}`, false},
		{`"a"`, `"A"`, false}, {`null`, `null`, true}, {`null`, `false`, false},
	} {
		a, errA := readTree([]byte(c.a))
		b, errB := readTree([]byte(c.b))
		if errA != nil || errB != nil || equal(a, b) != c.same || equal(b, a) != c.same {
			t.Errorf("%s and %s: %v %v", c.a, c.b, errA, errB)
		}
	}
}

// TestPatchRules are the operations of RFC 6902 on a document of its own.
func TestPatchRules(t *testing.T) {
	const doc = `{"a":{"b":[1,2]},"x~y/z":0,"n":null}`
	for _, c := range []struct{ patch, want string }{
		{`[{"op":"add","path":"/a/b/1","value":9}]`, `{"a":{"b":[1,9,2]},"x~y/z":0,"n":null}`},
		{`[{"op":"add","path":"/a/b/2","value":9}]`, `{"a":{"b":[1,2,9]},"x~y/z":0,"n":null}`},
		{`[{"op":"add","path":"/a/b/-","value":9}]`, `{"a":{"b":[1,2,9]},"x~y/z":0,"n":null}`},
		{`[{"op":"add","path":"/a/b/3","value":9}]`, ``}, {`[{"op":"add","path":"/a/b/01","value":9}]`, ``}, {`[{"op":"add","path":"/a/b/-1","value":9}]`, ``},
		{`[{"op":"add","path":"/q/r","value":9}]`, ``}, {`[{"op":"add","path":"/n/r","value":9}]`, ``}, {`[{"op":"replace","path":"/a/b/-","value":9}]`, ``},
		{`[{"op":"remove","path":"/a/b/0"},{"op":"remove","path":"/x~0y~1z"}]`, `{"a":{"b":[2]},"n":null}`},
		{`[{"op":"remove","path":"/q"}]`, ``}, {`[{"op":"replace","path":"/q","value":1}]`, ``}, {`[{"op":"remove","path":""}]`, ``},
		{`[{"op":"replace","path":"/n","value":{"k":1}},{"op":"add","path":"/n/k","value":2},{"op":"test","path":"/n","value":{"k":2}}]`, `{"a":{"b":[1,2]},"x~y/z":0,"n":{"k":2}}`},
		{`[{"op":"move","from":"/a/b/0","path":"/a/b/1"}]`, `{"a":{"b":[2,1]},"x~y/z":0,"n":null}`}, {`[{"op":"move","from":"/a","path":"/a/b"}]`, ``},
		{`[{"op":"copy","from":"/a","path":"/a/c"},{"op":"add","path":"/a/c/b/-","value":3}]`, `{"a":{"b":[1,2],"c":{"b":[1,2,3]}},"x~y/z":0,"n":null}`},
		{`[{"op":"test","path":"/a/b/1","value":2.0},{"op":"test","path":"","value":` + doc + `},{"op":"test","path":"/n","value":null}]`, doc},
		{`[{"op":"test","path":"/q","value":null}]`, ``}, {`[{"op":"test","path":"/a/b","value":[2,1]}]`, ``},
	} {
		ops, err := readPatch([]byte(c.patch))
		if err != nil {
			t.Errorf("%s: %v", c.patch, err)
			continue
		}
		for range 2 { // an application must leave the operations as they were
			tree, err := readTree([]byte(doc))
			for _, o := range ops {
				if err == nil {
					tree, err = o.apply(tree)
				}
			}
			want, _ := readTree([]byte(c.want))
			if (err == nil) != (c.want != "") || err == nil && !equal(tree, want) {
				t.Errorf("%s: %v %v", c.patch, tree, err)
			}
		}
	}
}

func TestAccepts(t *testing.T) {
	for accept, want := range map[string]bool{
		"": true, "*/*": true, "application/*;q=0.1": true, "text/html, application/json": true, "application/problem+json": true, "nonsense/, */*": true,
		"text/*": false, "application/xml": false, "application/json;q=0": false, "application/json; q=0.0, text/html": false, "nonsense": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if accepts(r) != want {
			t.Errorf("Accept %q: %v", accept, !want)
		}
	}
}

func TestDates(t *testing.T) {
	kiritimati := time.FixedZone("+14", 14*3600)
	midway := time.FixedZone("-11", -11*3600)
	for _, zone := range []*time.Location{time.UTC, kiritimati, midway} {
		for _, day := range []string{firstDay, "2026-12-31", "2028-02-29", lastDay} {
			if got := lastDayOf(endOf(day, zone), zone); got != day {
				t.Errorf("%s in %s comes back as %s", day, zone, got)
			}
			if _, err := endOf(day, zone).MarshalJSON(); err != nil {
				t.Errorf("%s in %s: %v", day, zone, err)
			}
		}
	}
	for _, s := range []string{"", "2027-02-29", "2027-2-01", "2027-02-01T00:00:00Z", "0001-01-01", "10000-01-01", "1969-12-31", " 2027-02-01"} {
		if validDate(s) {
			t.Errorf("%q passes", s)
		}
	}
}

// TestCurrencies: every accepted code is one of ours, and has a link.
func TestCurrencies(t *testing.T) {
	if len(accepted) < 170 || !slices.IsSorted(accepted) {
		t.Errorf("%d codes", len(accepted))
	}
	var refused []string
	for _, code := range accepted {
		if !knownCurrency(code) {
			refused = append(refused, code)
		}
	}
	if got := strings.Join(refused, " "); got != "ANG BGN BYR CLF CUC HRK LTL LVL MRO SLL STD USS VEF ZWL" {
		t.Errorf("refused of the provider's: %s", got)
	}
	for _, code := range []string{"BYN", "SLE", "ZWG", "XDR", "usd", ""} {
		if knownCurrency(code) {
			t.Errorf("%q passes", code)
		}
	}
}

func TestWebhooksAreNone(t *testing.T) {
	d := &payroc{}
	for _, kind := range pay.EventKinds {
		if _, ok := d.Word(pay.Event{Kind: kind}, pay.Merchant{}, ""); ok {
			t.Errorf("%s has a word", kind)
		}
	}
	if _, err := d.Sign(dialect.Message{}, []string{"s"}, now); err == nil {
		t.Error("something was signed")
	}
	if _, ok := d.Return(pay.Link{}, pay.Payment{}, "", now); ok {
		t.Error("a way back")
	}
}

func TestHasCredential(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"X-Api-Key", "k", true}, {"Authorization", "Bearer " + strings.Repeat("a", 43), true}, {"Authorization", "Bearer paylink_test_sk_shop0123456789abcdef", false}, {"Accept", "*/*", false},
	} {
		r := httptest.NewRequest("GET", "/v1/what", nil)
		r.Header.Set(c.name, c.value)
		if got := (&payroc{}).HasCredential(r); got != c.want {
			t.Errorf("%s %s: %v", c.name, c.value, got)
		}
	}
}

// TestErrors words each kind of ours that no conversation reaches.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err      error
		status   int
		fragment string
	}{
		{&pay.Error{Kind: pay.Forbidden, Code: "x", Detail: "no"}, 403, "forbidden"},
		{&pay.Error{Kind: pay.TooMany, Code: "x", Detail: "slower", RetryAfter: 7}, 429, "too-many-requests"},
		{pay.ErrKeyBusy, 409, "idempotency-key-in-use"},
		{&pay.Error{Kind: pay.Internal, Code: "x", Detail: "the database is at 10.0.0.1"}, 500, "api-error"},
		{http.ErrBodyNotAllowed, 500, "api-error"},
		{&pay.Error{Kind: pay.Unavailable, Code: "timeout", RetryAfter: 1}, 503, "api-error"},
		{&pay.Error{Kind: pay.Refused, Code: "body_too_large", Detail: "the body is larger than is allowed"}, 413, "payload-too-large"},
		{pay.ErrCard("page.pay_label"), 400, "bad-request"},
	} {
		w := httptest.NewRecorder()
		(&payroc{publicURL: publicURL}).Fail(w, httptest.NewRequest("POST", "/v1/payment-links/AAAAAAAAAA/sharing-events?a=b", nil), c.err)
		var out problemOut
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || out.Status != c.status || out.Type != typeBase+c.fragment || out.Title == "" || out.Detail == "" || strings.Contains(out.Detail, "10.0.0.1") ||
			out.Instance != publicURL+"/v1/payment-links/AAAAAAAAAA/sharing-events?a=b" || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: %d %+v", c.err, w.Code, out)
		}
		if wait := w.Header().Get("Retry-After"); (wait != "") != (c.status == 429 || c.status == 503 || c.fragment == "idempotency-key-in-use") {
			t.Errorf("%v: Retry-After %q", c.err, wait)
		}
	}
}

func FuzzCreate(f *testing.F) {
	f.Add(body(""))
	f.Add(body(`"type":"multiUse","customLabels":[{"label":"x"}],"credentialOnFile":{"tokenize":true},"authType":"preAuthorization"`))
	f.Add(`{"order":{"charge":{"type":"preset","amount":1e2}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := here.newLink([]byte(text), now)
		if err != nil {
			if kind := pay.KindOf(err); kind != pay.Invalid && kind != pay.Refused {
				t.Fatalf("%v: %v", kind, err)
			}
			return
		}
		if !l.Price.Open && (l.Price.Amount < 1 || l.Price.Amount > maxAmount) || l.Reference == "" || len(l.Methods.Allowed) == 0 || single(l) && !l.ExpiresAt.After(now) {
			t.Fatalf("%+v", l)
		}
		if err := l.Validate(now); err != nil {
			t.Fatal(err)
		}
		l.State = pay.LinkActive
		if err := web.JSON(httptest.NewRecorder(), 200, newWireLink(l, nil, time.UTC, "https://pay.example.org/l/x")); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzPatch(f *testing.F) {
	f.Add(`[{"op":"replace","path":"/order/charge/amount","value":5},{"op":"test","path":"/type","value":"singleUse"}]`)
	f.Add(`[{"op":"copy","from":"","path":"/customLabels"},{"op":"move","from":"/customLabels/0","path":"/customLabels/-"}]`)
	made, err := here.newLink([]byte(body(`"customLabels":[{"label":"x"}]`)), now)
	if err != nil {
		f.Fatal(err)
	}
	made.State, made.WireID = pay.LinkActive, "AAAAAAAAAA"
	f.Fuzz(func(t *testing.T, text string) {
		ops, err := readPatch([]byte(text))
		if err != nil {
			return
		}
		l := made
		d := &payroc{publicURL: publicURL}
		before := d.word(here, core.LinkView{Link: l})
		if here.patch(&l, nil, ops, before) != nil {
			return
		}
		if err := l.Validate(time.Time{}); err != nil {
			t.Fatal(err)
		}
		after := d.word(here, core.LinkView{Link: l})
		if after.Type != before.Type || after.ID != before.ID || after.Reference != before.Reference || after.Order.OrderID != before.Order.OrderID || !slices.Equal(after.Methods, before.Methods) {
			t.Fatalf("%s changed\n%+v to\n%+v", text, before, after)
		}
	})
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"1", "-1", "1.0", "1e2", `"1"`, "9999999999", "10000000000", "99999999999999999999", "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := readTree([]byte(text))
		if err != nil {
			return
		}
		var bad pay.Faults
		minor := object{of: map[string]any{"amount": tree}, bad: &bad}.amount("amount", true)
		if (bad.Err() == nil) != (minor >= 1 && minor <= maxAmount) {
			t.Fatalf("%s: %d %v", text, minor, bad.Err())
		}
	})
}

func FuzzDate(f *testing.F) {
	f.Add("2026-12-31")
	f.Add(lastDay)
	f.Fuzz(func(t *testing.T, s string) {
		if validDate(s) && lastDayOf(endOf(s, time.UTC), time.UTC) != s {
			t.Fatalf("%s comes back as %s", s, lastDayOf(endOf(s, time.UTC), time.UTC))
		}
	})
}

func FuzzShare(f *testing.F) {
	f.Add(`{"sharingMethod":"email","merchantCopy":true,"message":"x","recipients":[{"name":"Ann","email":"ann@example.org"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readShare([]byte(text))
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil && pay.KindOf(err) != pay.Refused {
			t.Fatal(err)
		}
	})
}
