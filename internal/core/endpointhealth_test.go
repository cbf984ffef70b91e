package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// An endpoint is disabled only when it failed for days and many times and never
// answered in between (W5).
func TestEndpointIsGivenTime(t *testing.T) {
	for name, c := range map[string]struct {
		tries   int
		every   time.Duration
		answers int // the try that succeeds; 0: none
	}{
		"many in one day": {30, 30 * time.Minute, 0}, "few in many days": {15, 12 * time.Hour, 0}, "once it answered": {30, 5 * time.Hour, 15},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				ctx := context.Background()
				w := coretest.New(t, o)
				e, first := firstDelivery(t, w)
				for try := 1; try <= c.tries; try++ {
					r := core.DeliveryResult{State: pay.DeliveryPending, Status: 500, RetryAt: w.Clock.Now()}
					if try == c.answers {
						r.Status, r.Succeeded = 200, true
					}
					finish(t, w, first, r)
					w.Clock.Add(c.every)
				}
				e, err := w.Endpoint(ctx, w.Shop, e.ID)
				if err != nil || !e.Enabled || w.Alarms("endpoint_disabled") != 0 {
					t.Errorf("enabled %t after %d failures, %v", e.Enabled, e.Failures, err)
				}
			})
		})
	}
}
