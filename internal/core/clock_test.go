package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A clock that jumped expires nothing until it agrees with monotonic time again.
func TestJumpedClockExpiresNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		w.Link(t, func(l *pay.Link) { l.ExpiresAt = w.Clock.Now().Add(20 * time.Second) })
		w.Clock.Add(2 * time.Minute)
		if err := w.Store.KeepTime(ctx); !errors.Is(err, store.ErrClock) {
			t.Fatalf("after a jump of two minutes: %v", err)
		}
		if n, err := w.DueLinks(ctx, 10); err != nil || n != 0 {
			t.Errorf("%d links were looked at, %v", n, err)
		}
		w.Clock.Add(-90 * time.Second)
		if err := w.Store.KeepTime(ctx); err != nil {
			t.Fatalf("after the way back: %v", err)
		}
		if n, err := w.DueLinks(ctx, 10); err != nil || n != 1 {
			t.Errorf("%d links were looked at, %v", n, err)
		}
	})
}
