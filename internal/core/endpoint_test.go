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

// firstDelivery claims the first delivery to a new endpoint.
func firstDelivery(t *testing.T, w *coretest.World) (pay.Endpoint, pay.Delivery) {
	t.Helper()
	e, err := w.CreateEndpoint(t.Context(), w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:9/"})
	if err != nil {
		t.Fatal(err)
	}
	w.Link(t, nil)
	due, err := w.ClaimDeliveries(t.Context(), 1)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	return e, due[0].Delivery
}

// An endpoint that answers 410, or has only failed for 5 days, is disabled with
// one alarm (W5).
func TestEndpointDisabledAlarms(t *testing.T) {
	for name, fails := range map[string]func(t *testing.T, w *coretest.World, d pay.Delivery){
		"gone": func(t *testing.T, w *coretest.World, d pay.Delivery) {
			finish(t, w, d, core.DeliveryResult{State: pay.DeliveryExhausted, Status: 410, DisableEndpoint: true})
		},
		"five days": func(t *testing.T, w *coretest.World, d pay.Delivery) {
			for range 30 {
				finish(t, w, d, core.DeliveryResult{State: pay.DeliveryPending, Status: 500, RetryAt: w.Clock.Now()})
				d.Tries++
				w.Clock.Add(5 * time.Hour)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				ctx := context.Background()
				w := coretest.New(t, o)
				e, first := firstDelivery(t, w)
				fails(t, w, first)
				var err error
				if e, err = w.Endpoint(ctx, w.Shop, e.ID); err != nil || e.Enabled {
					t.Errorf("enabled %t, %v", e.Enabled, err)
				}
				if n := w.Alarms("endpoint_disabled"); n != 1 {
					t.Errorf("%d alarms", n)
				}
			})
		})
	}
}

func finish(t *testing.T, w *coretest.World, d pay.Delivery, r core.DeliveryResult) {
	t.Helper()
	if err := w.FinishDelivery(context.Background(), d, r); err != nil {
		t.Fatal(err)
	}
}
