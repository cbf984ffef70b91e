package pinelabs

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// told4xx reports that err is nil, or an error that a caller may be told.
func told4xx(err error) bool {
	kind := pay.KindOf(err)
	return err == nil || kind == pay.Invalid || kind == pay.Refused
}

// Amounts are read from their text: what is taken is what the text says.
func FuzzAmount(f *testing.F) {
	for _, s := range []string{`{"value":100,"currency":"INR"}`, `{"value":1e2,"currency":"INR"}`, `{"value":"100"}`, `{"value":9007199254740993,"currency":"INR"}`, `{"value":-0}`, `null`, `[]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var a amount
		if err := web.DecodeBytes([]byte(s), &a); err != nil {
			if !told4xx(err) {
				t.Fatal(err)
			}
			return
		}
		if a.Value == nil {
			return
		}
		var exact struct {
			Value json.Number `json:"value"`
		}
		if err := json.Unmarshal([]byte(s), &exact); err != nil {
			t.Fatalf("%q was taken: %v", s, err)
		}
		if n, err := exact.Value.Int64(); err != nil || n != *a.Value {
			t.Fatalf("%q is %d: %v", s, *a.Value, err)
		}
	})
}

// The bodies beside create's: whatever comes is taken or told of.
func FuzzBodies(f *testing.F) {
	f.Add(`{"merchant_order_reference":"R-1","order_amount":{"value":100,"currency":"INR"},"merchant_metadata":{"a":null},"products":[{}],"split_info":{"split_details":[{}]}}`)
	f.Add(`{"merchant_capture_reference":"C-1","capture_amount":{"value":1,"currency":"INR"}}`)
	f.Add(`{"release_amount":{"value":1,"currency":"INR"}}`)
	f.Add(`{"client_id":"a","client_secret":"b","grant_type":"client_credentials"}`)
	f.Fuzz(func(t *testing.T, s string) {
		var refund refundIn
		if err := web.DecodeBytes([]byte(s), &refund); err == nil {
			w, err := refund.wish("INR")
			if !told4xx(err) || err == nil && (w.Amount < minAmount || w.Reference == "" || !json.Valid([]byte(w.Echo))) {
				t.Fatalf("%+v %v", w, err)
			}
		} else if !told4xx(err) {
			t.Fatal(err)
		}
		var capture captureIn
		if err := web.DecodeBytes([]byte(s), &capture); err == nil {
			if err := capture.check("INR"); !told4xx(err) || err == nil && (capture.Reference == "" || capture.Amount != nil && capture.Amount.minor() <= 0) {
				t.Fatalf("%+v %v", capture, err)
			}
		}
		var token tokenIn
		if err := web.DecodeBytes([]byte(s), &token); err == nil {
			if err := token.check(); err == nil && (token.ClientID == "" || token.ClientSecret == "") {
				t.Fatalf("%+v", token)
			}
		}
	})
}

// Of the header comes a token without space, or none.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer abc", "bearer  abc ", "Basic abc", "Bearer", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{s}
		token := bearer(r)
		if token != strings.TrimSpace(token) || token != "" && (!strings.EqualFold(s[:6], "bearer") || !strings.Contains(s, token)) {
			t.Fatalf("%q: %q", s, token)
		}
	})
}

// A label is one line that a page can show.
func FuzzLabel(f *testing.F) {
	f.Add("Chair\nof oak \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		if out := label(s); !pay.CleanText(out, false) || len([]rune(out)) > maxLabel {
			t.Fatalf("%q: %q", s, out)
		}
	})
}
