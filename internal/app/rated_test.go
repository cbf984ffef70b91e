package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// hall is a dialect with one endpoint, open to those with the right key.
type hall struct{ dialect.Dialect }

func (hall) Name() string { return "hall" }

func (hall) Routes() []dialect.Route {
	return []dialect.Route{{Pattern: "GET /hall", Handle: func(_ http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Authorization") == "wrong" {
			return pay.ErrUnauthorized
		}
		return nil
	}}}
}

func (hall) Fail(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(web.Status(err)) }

// TestDialectsAreRated holds callers of a dialect to their rates, each for itself.
func TestDialectsAreRated(t *testing.T) {
	limit := func(n int) *web.Limiter {
		l, err := web.NewLimiter(n, time.Hour, n)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	s := newSpoken(rated{hall{}, limit(3), limit(2)})
	ask := func(key string) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/hall", nil)
		r.Header.Set("Authorization", key)
		s.mux.ServeHTTP(w, r)
		return w.Code
	}
	for i, want := range []int{200, 200, 200, 429} {
		if got := ask("one"); got != want {
			t.Errorf("request %d: %d, want %d", i+1, got, want)
		}
	}
	if got := ask("other"); got != 200 {
		t.Errorf("another caller: %d", got)
	}
	for i, want := range []int{401, 401, 429} {
		if got := ask("wrong"); got != want {
			t.Errorf("failure %d: %d, want %d", i+1, got, want)
		}
	}
}
