package payengine

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/web"
)

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		json     string
		currency pay.Currency
		minor    int64
		ok       bool
	}{
		{`12.50`, "USD", 1250, true},
		{`12.5`, "USD", 1250, true},
		{`"12.5"`, "USD", 1250, true},
		{`"12.50"`, "USD", 1250, true},
		{`1`, "USD", 100, true},
		{`"0.10"`, "USD", 10, true},
		{`0.29`, "USD", 29, true}, // 28 by way of a float
		{`"5."`, "USD", 500, true},
		{`".5"`, "USD", 50, true},
		{`"000000000.01"`, "USD", 1, true},
		{`"9999999999"`, "USD", 999999999900, true},
		{`"10000000000"`, "USD", 0, false},
		{`"0000000000.01"`, "USD", 0, false}, // 13 characters
		{`"1.234"`, "KWD", 0, false},
		{`"1.20"`, "KWD", 1200, true},
		{`"7.00"`, "JPY", 7, true},
		{`"7.10"`, "JPY", 0, false},
		{`""`, "USD", 0, false},
		{`"."`, "USD", 0, false},
		{`"1.2.3"`, "USD", 0, false},
		{`-1`, "USD", 0, false},
		{`1e2`, "USD", 0, false},
		{`"1 "`, "USD", 0, false},
		{`"٣"`, "USD", 0, false},
	} {
		var a amount
		if err := json.Unmarshal([]byte(c.json), &a); err != nil {
			t.Fatal(err)
		}
		minor, problem := a.minor(c.currency)
		if minor != c.minor || (problem == "") != c.ok {
			t.Errorf("%s %s: %d %q", c.json, c.currency, minor, problem)
		}
	}
}

func TestDates(t *testing.T) {
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, start, end string }{
		{"20261201", "2026-12-01T05:00:00Z", "2026-12-02T05:00:00Z"},
		{"2026-12-01", "2026-12-01T05:00:00Z", "2026-12-02T05:00:00Z"},
		{"20261101", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // 25 hours
		{"20280229", "2028-02-29T05:00:00Z", "2028-03-01T05:00:00Z"},
		{"2026-12-01T10:00:00+05:30", "2026-12-01T04:30:00Z", "2026-12-01T04:30:00Z"},
		{"2026-12-01T10:00:00.25Z", "2026-12-01T10:00:00.25Z", "2026-12-01T10:00:00.25Z"},
		{"99991231", "9999-12-31T05:00:00Z", "9999-12-31T23:59:59Z"},
		{"9999-12-31T23:59:59-11:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
	} {
		start, ok := startOf(c.text, york)
		end, endOK := endOf(c.text, york)
		if !ok || !endOK || start.Format(time.RFC3339Nano) != c.start || end.Format(time.RFC3339Nano) != c.end {
			t.Errorf("%s: %v %v", c.text, start, end)
		}
	}
	for _, text := range []string{"", "20261340", "2026-1-2", "20270229", "00010101", "1969-12-31", "2026-12-01T10:00:00", "01.12.2026", "1795252447", "20261201 "} {
		if _, ok := startOf(text, york); ok {
			t.Errorf("%q is a start", text)
		}
		if _, ok := endOf(text, york); ok {
			t.Errorf("%q is an end", text)
		}
	}
}

// A create that says what dataOf says of a link makes the same link.
func TestDataOf(t *testing.T) {
	for _, data := range []string{
		`{"amount":"1"}`,
		`{"amount":"9999999999","sales_tax":"0.5"}`,
		`{"amount":"1500","currency_code":"JPY","one_time_only":false,"end_date":"20301231"}`,
		`{"amount":"1.5","currency_code":"KWD","payment_methods":["ACH"],"save_card_consent":true,"enable_captcha":true}`,
		`{"use_same_amount":false,"cc_amount":"2","cc_amount_note":"a","ach_amount":"1.01","ach_amount_note":"b","slug_id":"club","description":"d","order_number":"O1"}`,
		`{"amount":"1","start_date":"2026-12-01","end_date":"2026-12-24T18:00:00Z","internal_transaction_id":"x","metadata":{"a" : {"b":["<&>",1.10]}}}`,
	} {
		l := linkOf(t, pay.LinkActive, data)
		again := l
		zone, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Fatal(err)
		}
		if err := (dataIn{}).over(dataOf(l)).fill(&again, zone, now); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		a, _ := json.Marshal(l)
		b, _ := json.Marshal(again)
		if string(a) != string(b) || l.Echo != again.Echo {
			t.Errorf("%s:\n%s\n%s", data, a, b)
		}
	}
}

// What is kept is as long as what was sent, or an update could find it too long.
func TestEchoStaysShort(t *testing.T) {
	l := linkOf(t, pay.LinkActive, `{"amount":"1","metadata":{"a":"<<<>>>&&&"}}`)
	if want := `{"metadata":{"a":"<<<>>>&&&"}}`; l.Echo != want {
		t.Errorf("%s, want %s", l.Echo, want)
	}
}

// Two prices begin with the lowest of those that are offered.
func TestBasePrice(t *testing.T) {
	for methods, want := range map[string]int64{`["CC_DC","ACH"]`: 100, `["ACH","CC_DC"]`: 100, `["CC_DC"]`: 300, `["ACH"]`: 100} {
		l := linkOf(t, pay.LinkActive, `{"use_same_amount":false,"cc_amount":"3","ach_amount":"1","payment_methods":`+methods+`}`)
		if l.Price.Amount != want || l.PriceFor(pay.MethodCard) != 300 || l.PriceFor(pay.MethodBankTransfer) != 100 {
			t.Errorf("%s: %+v", methods, l.Price)
		}
	}
}

func TestKeys(t *testing.T) {
	for header, want := range map[string][]string{
		"Basic 5f0c9e1d":        {"5f0c9e1d"},
		"basic  5f0c9e1d ":      {"5f0c9e1d"},
		"Basic NWYwYzo=":        {"NWYwYzo=", "5f0c"},
		"Basic NWYwYzpwYXNz":    {"NWYwYzpwYXNz", "5f0c"},
		"Basic cGtfMTp4":        {"cGtfMTp4"}, // pk_1:x
		"Basic pk_5f0c":         nil,
		"Basic ":                nil,
		"Basic":                 nil,
		"Bearer 5f0c9e1d":       nil,
		"":                      nil,
		"Basic " + longKey(501): nil,
		"Basic " + longKey(500): {longKey(500)},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		if got := keys(r); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func longKey(n int) string { return strings.Repeat("f", n) }

func TestHasCredential(t *testing.T) {
	d := &payengine{}
	for header, want := range map[string]bool{
		"Basic 5f0c9e1d": true, "Basic NWYwYzo=": true, "Basic NWYwYzpwYXNz": false,
		"Basic 5f0c9e1d7ab24486b1f3c07de2a95f0c9e1d7ab24486b1f3c07de2a9": true, // as Base64 it has a colon in it
		"Bearer 5f0c9e1d": false, "": false, "Basic ": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		if d.HasCredential(r) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

// Every kind of error has a status, and says nothing of what went wrong inside.
func TestFail(t *testing.T) {
	d := &payengine{}
	for kind := pay.Internal; kind <= pay.Unavailable; kind++ {
		if statusOf[kind] == 0 {
			t.Errorf("kind %d has no status", kind)
		}
	}
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{errors.New("disk full"), 500, "Something went wrong"},
		{&pay.Error{Kind: pay.Internal, Code: "x", Detail: "secret"}, 500, "Something went wrong"},
		{&pay.Error{Kind: pay.Unavailable, Code: "x", Detail: "secret"}, 503, "Something went wrong"},
		{&pay.Error{Kind: pay.TooMany, Code: "rate", Detail: "too many requests", RetryAfter: 7}, 429, "Too many requests"},
		{&pay.Error{Kind: pay.Refused, Code: "body_too_large", Detail: "too large"}, 413, "Too large"},
		{pay.ErrState("late"), 400, "Late"},
		{&pay.Error{Kind: pay.Forbidden, Code: "x"}, 403, "Forbidden"},
		{web.ErrMethod, 400, "no such endpoint"},
	} {
		w := httptest.NewRecorder()
		d.Fail(w, httptest.NewRequest("GET", "/api/payment-link/x", nil), c.err)
		var out struct {
			Error   bool
			Message string
			Success *bool
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || !out.Error || !strings.Contains(out.Message, c.text) || out.Success != nil || strings.Contains(out.Message, "secret") || strings.Contains(out.Message, "disk") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if (w.Header().Get("Retry-After") == "7") != (c.status == 429) {
			t.Errorf("%v: %v", c.err, w.Header())
		}
	}
}

// FuzzBody: what is accepted has an amount that can be owed, keeps the rules of
// the sheet, and comes back the same from its own words.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"amount":12.50,"sales_tax":2.5,"start_date":"20261201","end_date":"20261231","metadata":{"a":[1]}}}`,
		`{"data":{"use_same_amount":"false","cc_amount":"103.00","ach_amount":100,"payment_methods":["ACH"],"slug_id":"a"}}`,
		`{"data":{"amount":"1","currency_code":"JPY","end_date":"99991231"}}`, `{"data":null}`, `[]`, `{"data":{"metadata":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in bodyIn
		if web.DecodeBytes(body, &in) != nil || in.Data == nil {
			return
		}
		l := pay.Link{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, WireID: "k3v9d"}
		if in.Data.fill(&l, time.UTC, now) != nil {
			return
		}
		if l.Price.Amount < 1 || l.Price.Breakdown.Tax > l.Price.Amount || len(l.Methods.Allowed) == 0 || len(l.Reference) > maxOrder || l.Use.Max > 1 {
			t.Errorf("%s: %+v", body, l)
		}
		if _, err := json.Marshal(l); err != nil {
			t.Error(err)
		}
		again := l
		if err := (dataIn{}).over(dataOf(l)).fill(&again, time.UTC, now); err != nil || again.Echo != l.Echo || !again.ExpiresAt.Equal(l.ExpiresAt) || again.Price.Amount != l.Price.Amount {
			t.Errorf("%s: %v\n%+v\n%+v", body, err, l, again)
		}
	})
}

// FuzzAmount holds minor against exact arithmetic of another kind.
func FuzzAmount(f *testing.F) {
	for _, seed := range []string{"12.50", "1", ".5", "5.", "0.10", "9999999999", "1e3", "-1", "", "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []pay.Currency{"USD", "JPY", "KWD"} {
			minor, problem := amount(text).minor(c)
			if problem != "" {
				continue
			}
			want, ok := new(big.Rat).SetString("0" + text)
			if !ok {
				t.Fatalf("%q is %d", text, minor)
			}
			scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil)
			if want.Mul(want, new(big.Rat).SetInt(scale)); want.Cmp(new(big.Rat).SetInt64(minor)) != 0 || len(text) > maxAmount {
				t.Errorf("%q %s is %d", text, c, minor)
			}
			if again, problem := shortest(minor, c).minor(c); problem != "" || again != minor {
				t.Errorf("%q %s: %d %s", text, c, again, problem)
			}
		}
	})
}

// FuzzDate: what is a date can be stored and told, and ends no sooner than it begins.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"20261201", "2026-12-01", "2026-12-01T10:00:00.25+01:00", "99991231", "20261340", ""} {
		f.Add(seed)
	}
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start, ok := startOf(text, york)
		end, endOK := endOf(text, york)
		if ok != endOK {
			t.Fatalf("%q: %v %v", text, ok, endOK)
		}
		if !ok {
			return
		}
		if _, err := end.MarshalJSON(); err != nil || end.Before(start) || start.Year() < 1969 || end.Sub(start) > 26*time.Hour {
			t.Errorf("%q: %v %v %v", text, start, end, err)
		}
	})
}
