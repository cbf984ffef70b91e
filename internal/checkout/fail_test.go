package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// A payer whose request took too long is told to come back by a whole page,
// although the request's own time is over; what is our fault is called so.
func TestFailAfterTheTime(t *testing.T) {
	s := &Checkout{opts: Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for status, err := range map[int]error{
		503: fmt.Errorf("reading: %w", context.DeadlineExceeded),
		500: errors.New("the disk is on fire"),
	} {
		w := httptest.NewRecorder()
		s.Fail(w, httptest.NewRequest("GET", "/l/x", nil).WithContext(ctx), err)
		if w.Code != status || !strings.Contains(w.Body.String(), "Look at how the payment stands") || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}
