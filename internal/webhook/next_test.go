package webhook

import (
	"strings"
	"testing"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := dialect.Schedule{Waits: []time.Duration{5 * time.Second, 5 * time.Minute, time.Hour}}
	for name, c := range map[string]struct {
		tries   int64
		a       answer
		random  float64
		state   pay.DeliveryState
		wait    time.Duration
		problem string
		disable bool
	}{
		"200":                  {0, answer{status: 200}, 0, pay.DeliveryDelivered, 0, "", false},
		"299":                  {3, answer{status: 299}, 0, pay.DeliveryDelivered, 0, "", false},
		"410":                  {0, answer{status: 410}, 0, pay.DeliveryExhausted, 0, "disables", true},
		"first failure":        {0, answer{status: 500}, 0.5, pay.DeliveryPending, 5 * time.Second, "500", false},
		"least jitter":         {1, answer{status: 500}, 0, pay.DeliveryPending, 270 * time.Second, "500", false},
		"most jitter":          {2, answer{problem: "no answer"}, 1, pay.DeliveryPending, 66 * time.Minute, "no answer", false},
		"last failure":         {3, answer{status: 500}, 0.5, pay.DeliveryExhausted, 0, "500", false},
		"far beyond":           {99, answer{status: 503, retryAfter: "5"}, 0.5, pay.DeliveryExhausted, 0, "503", false},
		"redirect":             {0, answer{status: 302}, 0.5, pay.DeliveryPending, 5 * time.Second, "redirects", false},
		"asked for seconds":    {0, answer{status: 503, retryAfter: "90"}, 0.5, pay.DeliveryPending, 90 * time.Second, "503", false},
		"asked for too little": {1, answer{status: 429, retryAfter: "1"}, 0.5, pay.DeliveryPending, 5 * time.Minute, "429", false},
		"asked for a date":     {0, answer{status: 503, retryAfter: "Sat, 21 Nov 2026 13:00:00 GMT"}, 0.5, pay.DeliveryPending, time.Hour, "503", false},
		"asked for the past":   {0, answer{status: 503, retryAfter: "Sat, 21 Nov 2020 13:00:00 GMT"}, 0.5, pay.DeliveryPending, 5 * time.Second, "503", false},
		"asked for a year":     {0, answer{status: 503, retryAfter: "31536000"}, 0.5, pay.DeliveryPending, 24 * time.Hour, "503", false},
		"asked for too much":   {0, answer{status: 503, retryAfter: strings.Repeat("9", 30)}, 0.5, pay.DeliveryPending, 24 * time.Hour, "503", false},
		"asked for far away":   {0, answer{status: 503, retryAfter: "Sat, 21 Nov 2099 13:00:00 GMT"}, 0.5, pay.DeliveryPending, 24 * time.Hour, "503", false},
		"asked for nonsense":   {0, answer{status: 503, retryAfter: "-5"}, 0.5, pay.DeliveryPending, 5 * time.Second, "503", false},
	} {
		r := next(s, c.tries, c.a, now, c.random)
		if r.State != c.state || r.DisableEndpoint != c.disable || r.Status != c.a.status || !strings.Contains(r.Problem, c.problem) {
			t.Errorf("%s: %+v", name, r)
		}
		if (c.problem == "") != (r.Problem == "") || r.Succeeded != (c.state == pay.DeliveryDelivered) {
			t.Errorf("%s: %+v", name, r)
		}
		if c.state == pay.DeliveryPending && !r.RetryAt.Equal(now.Add(c.wait)) || c.state != pay.DeliveryPending && !r.RetryAt.IsZero() {
			t.Errorf("%s: the next try is at %v, want after %v", name, r.RetryAt, c.wait)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sat, 21 Nov 2026 13:00:00 GMT")
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header, now); d < 0 || d > maxRetryAfter {
			t.Fatalf("%q is %v", header, d)
		}
	})
}
