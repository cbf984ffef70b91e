package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"paylink/internal/pay"
)

func TestMux(t *testing.T) {
	m := NewMux(func(w http.ResponseWriter, _ *http.Request, err error) {
		w.WriteHeader(Status(err))
		w.Write([]byte("ours")) // a recorder
	})
	m.Route("GET /a/{id}", func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte(r.PathValue("id")))
		return err
	})
	m.Route("PUT /a/{id}", func(http.ResponseWriter, *http.Request) error { return pay.ErrUnauthorized })
	m.RouteAfter("GET /{any}/x", func(w http.ResponseWriter, r *http.Request) error { // overlaps, and is not the narrower one
		_, err := w.Write([]byte("after " + r.PathValue("any")))
		return err
	})
	for _, c := range []struct {
		method, path string
		match        error
		status       int
		body, allow  string
	}{
		{"GET", "/a/x%2Fy", nil, 200, "x/y", ""},
		{"PUT", "/a/x", nil, 401, "ours", ""},
		{"GET", "/a/x", nil, 200, "x", ""}, // both fit
		{"GET", "/b/x", nil, 200, "after b", ""},
		{"POST", "/b/x", ErrMethod, 405, "ours", "GET, HEAD"},
		{"POST", "/a/x", ErrMethod, 405, "ours", "GET, HEAD, PUT"},
		{"GET", "/b", pay.ErrNotFound, 404, "ours", ""},
		{"GET", "/b//c", pay.ErrNotFound, 404, "ours", ""}, // not a redirect to what is not there either
	} {
		r, w := httptest.NewRequest(c.method, c.path, nil), httptest.NewRecorder()
		if err := m.Match(r); !errors.Is(err, c.match) {
			t.Errorf("%s %s: matches as %v, want %v", c.method, c.path, err, c.match)
		}
		m.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %q Allow %q", c.method, c.path, w.Code, w.Body, w.Header().Get("Allow"))
		}
	}
}

func TestHSTS(t *testing.T) {
	for https, want := range map[bool]string{true: "max-age=63072000; includeSubDomains", false: ""} {
		w := httptest.NewRecorder()
		Edge(slog.New(slog.DiscardHandler), http.NotFoundHandler(), EdgeOptions{HTTPS: https}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := w.Header().Get("Strict-Transport-Security"); got != want {
			t.Errorf("https %t: %q, want %q", https, got, want)
		}
	}
}
