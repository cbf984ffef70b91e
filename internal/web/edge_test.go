package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCallerRequestID(t *testing.T) {
	for given, logged := range map[string]bool{
		"0b9a4f0e-7c1d-4d52-9a3f-51f0f2f1c9aa": true, strings.Repeat("a", 50): true,
		"": false, strings.Repeat("a", 51): false, "a b": false, "4242424242424242": false, "4242-4242-4242-4242": false,
	} {
		var lines bytes.Buffer
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Request-ID", given)
		w := httptest.NewRecorder()
		Edge(slog.New(slog.NewJSONHandler(&lines, nil)), http.NotFoundHandler(), EdgeOptions{}).ServeHTTP(w, r)
		if has := strings.Contains(lines.String(), `"caller_request_id":"`+given+`"`); has != logged {
			t.Errorf("%q: %s", given, lines.String())
		}
		if !strings.HasPrefix(w.Header().Get("Request-Id"), "req_") {
			t.Errorf("%q became the request's number", given)
		}
	}
}
