package web

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/pay"
)

func FuzzDecodeStrict(f *testing.F) {
	for _, s := range []string{`{"amount":5}`, `{"amount":5,"amount":5}`, `{"items":[{"name":"x"}]}`, `{"at":"2030-01-01T00:00:00Z"}`, `[[[`, `{"meta":{"\u0000":""}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v, again order
		err := DecodeStrict(httptest.NewRequest("POST", "/", bytes.NewReader(body)), &v)
		var e *pay.Error
		switch {
		case err == nil:
			out, err := json.Marshal(v)
			if err != nil {
				return // a time that no RFC 3339 text can say
			}
			if err := json.Unmarshal(out, &again); err != nil {
				t.Fatalf("%s cannot be read again: %v", out, err)
			}
		case !errors.As(err, &e):
			t.Fatalf("not our error: %v", err)
		case e.Kind != pay.Invalid && e.Code != codeBody:
			t.Fatalf("kind %d", e.Kind)
		}
	})
}

func FuzzIdempotencyKey(f *testing.F) {
	f.Add("abc")
	f.Add(`"abc"`)
	f.Add("é\x00")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header["Idempotency-Key"] = []string{value}
		key, err := IdempotencyKey(r)
		if err != nil {
			return
		}
		if key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c <= 0x20 || c >= 0x7f }) {
			t.Fatalf("%q became %q", value, key)
		}
		r.Header["Idempotency-Key"] = []string{`"` + key + `"`}
		if quoted, err := IdempotencyKey(r); err != nil || quoted != key {
			t.Fatalf("quoted it is %q, %v", quoted, err)
		}
	})
}

func FuzzFingerprint(f *testing.F) {
	f.Add("POST", "/v1/a", "x", []byte(`{"b":1,"a":2.50}`))
	f.Add("POST", "/v1/a", "", []byte("{"))
	f.Fuzz(func(t *testing.T, method, route, value string, body []byte) {
		print := Fingerprint(method, route, []string{value}, body)
		if len(print) != 64 || print != Fingerprint(method, route, []string{value}, bytes.Clone(body)) {
			t.Fatal("not stable")
		}
		spaced := jsontext.Value(bytes.Clone(body))
		if spaced.IsValid() && spaced.Indent() == nil && print != Fingerprint(method, route, []string{value}, spaced) {
			t.Fatalf("white space makes a difference in %q", body)
		}
		if print == Fingerprint(method, route, []string{value, ""}, body) || print == Fingerprint(method+"x", route, []string{value}, body) {
			t.Fatal("two requests are one")
		}
	})
}
