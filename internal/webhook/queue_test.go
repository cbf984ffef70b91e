package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/egress"
	"paylink/internal/jobs"
	"paylink/internal/pay"
)

// words is a dialect that words all but one kind of event.
type words struct{ dialect.Dialect }

func (words) Word(e pay.Event, _ pay.Merchant, baseURL string) (dialect.Message, bool) {
	return dialect.Message{ID: string(e.ID), ContentType: "text/words", Body: []byte(baseURL + " " + string(e.Kind))}, e.Kind != pay.EventAttemptCreated
}

func (words) Sign(msg dialect.Message, secrets []string, _ time.Time) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret")
	}
	return http.Header{"Webhook-Id": {msg.ID}, "Signed-By": {strings.Join(secrets, " ")}}, nil
}

func (words) Schedule() dialect.Schedule {
	return dialect.Schedule{Timeout: 15 * time.Second, Waits: []time.Duration{5 * time.Second, time.Minute}}
}

// books is core in memory: deliveries by id, claimed under a lease of 20 s.
type books struct {
	mu       sync.Mutex
	items    []*item
	released int
	finished int
}

type item struct {
	core.DueDelivery
	lease time.Time
	ended time.Time
}

func (b *books) add(endpoint, event string, edit func(*item)) *item {
	i := &item{DueDelivery: core.DueDelivery{
		Delivery: pay.Delivery{Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, Endpoint: pay.EndpointID(endpoint), Event: pay.EventID(event), State: pay.DeliveryPending},
		Endpoint: pay.Endpoint{ID: pay.EndpointID(endpoint), Dialect: "words", URL: "https://" + endpoint + "/", Enabled: true, Secrets: []pay.Secret{{Value: "s1"}}},
		Event:    pay.Event{ID: pay.EventID(event), Kind: pay.EventLinkCreated, At: time.Now()},
	}}
	if edit != nil {
		edit(i)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, i)
	return i
}

func (b *books) ClaimDeliveries(_ context.Context, n int, busy ...pay.EndpointID) (due []core.DueDelivery, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, i := range b.items {
		if len(due) < n && !slices.Contains(busy, i.Delivery.Endpoint) && i.Delivery.State == pay.DeliveryPending && !i.Delivery.DueAt.After(now) && !i.lease.After(now) {
			i.lease = now.Add(20 * time.Second)
			i.Delivery.Fence++
			due = append(due, i.DueDelivery)
		}
	}
	return due, nil
}

func (b *books) change(d pay.Delivery, do func(*item)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.items {
		if i.Delivery.ID() == d.ID() {
			if i.Delivery.Fence != d.Fence {
				return pay.ErrLinkChanged
			}
			do(i)
			return nil
		}
	}
	return pay.ErrNotFound
}

func (b *books) KeepBody(_ context.Context, d pay.Delivery, body []byte) error {
	return b.change(d, func(i *item) { i.Delivery.Body = body })
}

func (b *books) RenewDelivery(_ context.Context, d pay.Delivery) error {
	return b.change(d, func(i *item) { i.lease = time.Now().Add(20 * time.Second) })
}

func (b *books) ReleaseDelivery(_ context.Context, d pay.Delivery) error {
	return b.change(d, func(i *item) { i.lease = time.Time{}; b.released++ })
}

func (b *books) FinishDelivery(_ context.Context, d pay.Delivery, r core.DeliveryResult) error {
	return b.change(d, func(i *item) {
		i.Delivery.State, i.Delivery.Status, i.Delivery.Problem, i.Delivery.DueAt = r.State, r.Status, r.Problem, r.RetryAt
		i.Delivery.Tries++
		i.lease, i.ended = time.Time{}, time.Now()
		i.Endpoint.Enabled = i.Endpoint.Enabled && !r.DisableEndpoint
		b.finished++
	})
}

// servers answer requests by the URL's host.
type servers func(ctx context.Context, r egress.Request) (egress.Answer, error)

func (s servers) Do(ctx context.Context, r egress.Request) (egress.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	return s(ctx, r)
}

// run delivers for a time and stops.
func run(t *testing.T, b *books, s servers, d time.Duration) {
	t.Helper()
	r := jobs.New(slog.New(slog.DiscardHandler), testSender(b, s).queue(nil))
	r.Start(t.Context())
	time.Sleep(d)
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func testSender(b *books, s servers) *sender {
	return newSender(b, s, map[string]dialect.Dialect{"words": words{}}, slog.New(slog.DiscardHandler), "https://pay.example", time.Now, Metrics{})
}

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		var got []egress.Request
		i := b.add("a.example", "evt_1", nil)
		run(t, &b, func(_ context.Context, r egress.Request) (egress.Answer, error) {
			got = append(got, r)
			if len(got) < 3 {
				return egress.Answer{Status: 500, Header: http.Header{}}, nil
			}
			return egress.Answer{Status: 204}, &egress.Error{Kind: egress.Network, Detail: "the body broke off"}
		}, 2*time.Minute)
		if i.Delivery.State != pay.DeliveryDelivered || i.Delivery.Tries != 3 || len(got) != 3 {
			t.Fatalf("the delivery is %+v after %d requests", i.Delivery, len(got))
		}
		for _, r := range got {
			if string(r.Body) != "https://pay.example payment_link.created" || r.Method != "POST" || r.Live || r.URL != "https://a.example/" ||
				r.Header.Get("Webhook-Id") != "evt_1" || r.Header.Get("Content-Type") != "text/words" ||
				r.Header.Get("User-Agent") != "Paylink-Webhooks/dev" || r.Header.Get("Signed-By") != "s1" || r.Timeout != 15*time.Second {
				t.Errorf("sent %+v", r)
			}
		}
	})
}

func TestStoredBodyIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		var bodies, ids []string
		for n, kind := range []pay.EventKind{pay.EventLinkCreated, pay.EventAttemptCreated} { // the second has no word any more
			b.add("a.example", fmt.Sprint("evt_", n), func(i *item) { i.Delivery.Body, i.Event.Kind = []byte("as it was"), kind })
		}
		var mu sync.Mutex
		run(t, &b, func(_ context.Context, r egress.Request) (egress.Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			bodies, ids = append(bodies, string(r.Body)), append(ids, r.Header.Get("Webhook-Id"))
			return egress.Answer{Status: 200}, nil
		}, time.Second)
		if len(bodies) != 2 || bodies[0] != "as it was" || bodies[1] != "as it was" || ids[0] == ids[1] {
			t.Errorf("sent %q under %q", bodies, ids)
		}
	})
}

// sealed is a dialect whose signature is a part of the body.
type sealed struct{ words }

func (s sealed) Word(e pay.Event, m pay.Merchant, baseURL string) (dialect.Message, bool) {
	msg, ok := s.words.Word(e, m, baseURL)
	msg.Seal = func(secret string) []byte { return []byte("sealed with " + secret) }
	return msg, ok
}

func TestSealedBodyStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		var bodies []string
		i := b.add("a.example", "evt_1", nil)
		bare := b.add("b.example", "evt_1", func(i *item) { i.Endpoint.Secrets = nil })
		s := testSender(&b, func(_ context.Context, r egress.Request) (egress.Answer, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			bodies = append(bodies, string(r.Body))
			i.Endpoint.Secrets = []pay.Secret{{Value: "s2"}} // changed between the tries
			return egress.Answer{Status: map[bool]int{true: 200, false: 500}[len(bodies) > 1]}, nil
		})
		s.dialects["words"] = sealed{}
		r := jobs.New(slog.New(slog.DiscardHandler), s.queue(nil))
		r.Start(t.Context())
		time.Sleep(10 * time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if len(bodies) != 2 || bodies[0] != "sealed with s1" || bodies[1] != bodies[0] {
			t.Errorf("sent %q", bodies)
		}
		if bare.Delivery.State != pay.DeliveryPending || len(bare.Delivery.Body) > 0 || bare.Delivery.Tries == 0 {
			t.Errorf("without a secret: %+v", bare.Delivery)
		}
	})
}

// listening is a dialect with other words for who subscribes.
type listening struct{ words }

func (listening) WordFor(kinds []pay.EventKind, e pay.Event, _ pay.Merchant, _ string) (dialect.Message, bool) {
	return dialect.Message{ID: string(e.ID), Body: []byte("for " + string(kinds[0]))}, true
}

func TestSubscriberHearsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		bodies := map[string]string{}
		b.add("plain.example", "evt_1", nil)
		b.add("choosy.example", "evt_1", func(i *item) { i.Endpoint.Kinds = []pay.EventKind{pay.EventLinkCreated} })
		s := testSender(&b, func(_ context.Context, r egress.Request) (egress.Answer, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			bodies[r.URL] = string(r.Body)
			return egress.Answer{Status: 200}, nil
		})
		s.dialects["words"] = listening{}
		r := jobs.New(slog.New(slog.DiscardHandler), s.queue(nil))
		r.Start(t.Context())
		time.Sleep(time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if bodies["https://plain.example/"] != "https://pay.example payment_link.created" || bodies["https://choosy.example/"] != "for payment_link.created" {
			t.Errorf("sent %q", bodies)
		}
	})
}

func TestWithoutSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		skipped := b.add("a.example", "evt_1", func(i *item) { i.Event.Kind = pay.EventAttemptCreated })
		disabled := b.add("b.example", "evt_1", func(i *item) { i.Endpoint.Enabled = false })
		foreign := b.add("c.example", "evt_1", func(i *item) { i.Endpoint.Dialect = "gone" })
		unsigned := b.add("d.example", "evt_1", func(i *item) { i.Endpoint.Secrets = nil })
		expired := b.add("e.example", "evt_1", func(i *item) { i.Endpoint.Secrets[0].Until = time.Now() })
		run(t, &b, func(context.Context, egress.Request) (egress.Answer, error) {
			t.Error("a request was sent")
			return egress.Answer{}, nil
		}, time.Second)
		for want, i := range map[*item]pay.DeliveryState{
			skipped: pay.DeliverySkipped, disabled: pay.DeliveryExhausted, foreign: pay.DeliveryPending, unsigned: pay.DeliveryPending, expired: pay.DeliveryPending,
		} {
			if want.Delivery.State != i || want.Delivery.Tries != 1 || i != pay.DeliverySkipped && want.Delivery.Problem == "" {
				t.Errorf("%s is %+v", want.Endpoint.URL, want.Delivery)
			}
		}
	})
}

func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		i := b.add("a.example", "evt_1", nil)
		run(t, &b, func(context.Context, egress.Request) (egress.Answer, error) { return egress.Answer{Status: 410}, nil }, time.Second)
		if i.Delivery.State != pay.DeliveryExhausted || i.Endpoint.Enabled || i.Delivery.Status != 410 {
			t.Errorf("the delivery is %+v, the endpoint %+v", i.Delivery, i.Endpoint)
		}
	})
}

// A slow endpoint with a long line never delays the others, gets no more than
// its share at once, and gets all of its own in the end.
func TestSlowEndpointDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		for n := range 300 {
			b.add("slow.example", fmt.Sprint("evt_", n), nil)
		}
		var quick []*item
		for n := range 20 {
			quick = append(quick, b.add("quick.example", fmt.Sprint("evt_", n), nil))
		}
		var mu sync.Mutex
		at, most := 0, 0
		start := time.Now()
		run(t, &b, func(ctx context.Context, r egress.Request) (egress.Answer, error) {
			if r.URL == "https://quick.example/" {
				return egress.Answer{Status: 200}, nil
			}
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(3 * time.Second)
			mu.Lock()
			at--
			mu.Unlock()
			return egress.Answer{Status: 200}, nil
		}, 3*time.Minute)
		for _, i := range quick {
			if i.Delivery.State != pay.DeliveryDelivered || i.ended.Sub(start) > 2*time.Second {
				t.Errorf("%s is %s after %v", i.Delivery.Event, i.Delivery.State, i.ended.Sub(start))
			}
		}
		if most != perEndpoint {
			t.Errorf("%d requests were under way at the slow endpoint, want %d", most, perEndpoint)
		}
		for _, i := range b.items {
			if i.Delivery.State != pay.DeliveryDelivered || i.Delivery.Tries != 1 {
				t.Errorf("%s is %s after %d tries", i.Delivery.ID(), i.Delivery.State, i.Delivery.Tries)
			}
		}
	})
}

// What is claimed beyond what an endpoint can take at once is not left until
// its lease ends.
func TestBusyEndpointIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		for n := range 3000 {
			b.add("busy.example", fmt.Sprint("evt_", n), nil)
		}
		start := time.Now()
		run(t, &b, func(context.Context, egress.Request) (egress.Answer, error) {
			time.Sleep(50 * time.Millisecond)
			return egress.Answer{Status: 200}, nil
		}, time.Minute)
		for _, i := range b.items {
			if i.Delivery.State != pay.DeliveryDelivered || i.ended.Sub(start) > 15*time.Second {
				t.Fatalf("%s is %s after %v", i.Delivery.ID(), i.Delivery.State, i.ended.Sub(start))
			}
		}
	})
}

func TestFailingEndpointGetsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		for n := range 20 {
			b.add("a.example", fmt.Sprint("evt_", n), func(i *item) { i.Endpoint.Failures = 3 })
		}
		var mu sync.Mutex
		at, most := 0, 0
		run(t, &b, func(ctx context.Context, _ egress.Request) (egress.Answer, error) {
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			at--
			mu.Unlock()
			return egress.Answer{}, &egress.Error{Kind: egress.Timeout, Detail: "the server did not answer in time"}
		}, time.Minute)
		if most != perFailingEndpoint {
			t.Errorf("%d requests were under way at once", most)
		}
	})
}

// What waits is handed back at the end, and no line is left behind.
func TestStopHandsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		for n := range 40 {
			b.add("a.example", fmt.Sprint("evt_", n), nil)
		}
		s := testSender(&b, func(context.Context, egress.Request) (egress.Answer, error) {
			time.Sleep(10 * time.Second)
			return egress.Answer{Status: 200}, nil
		})
		r := jobs.New(slog.New(slog.DiscardHandler), s.queue(nil))
		r.Start(t.Context())
		time.Sleep(time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if b.finished != perEndpoint || b.released != 40-perEndpoint {
			t.Errorf("%d were finished, %d handed back", b.finished, b.released)
		}
		for key, l := range s.desks {
			if l.running != 0 || len(l.waiting) != 0 {
				t.Errorf("%v is left with %+v", key, l)
			}
		}
	})
}

// A try that the end of the process breaks off is handed back and not counted.
func TestBrokenOffIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		i := b.add("a.example", "evt_1", nil)
		s := testSender(&b, func(ctx context.Context, _ egress.Request) (egress.Answer, error) {
			<-ctx.Done()
			return egress.Answer{}, &egress.Error{Kind: egress.Canceled, Detail: "the request was given up"}
		})
		r := jobs.New(slog.New(slog.DiscardHandler), s.queue(nil))
		r.Start(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if i.Delivery.Tries != 0 || b.released != 1 || string(i.Delivery.Body) == "" {
			t.Errorf("the delivery is %+v, %d were handed back", i.Delivery, b.released)
		}
	})
}

// A claim that another has taken over is let go without a word.
func TestLostClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b books
		i := b.add("a.example", "evt_1", nil)
		run(t, &b, func(ctx context.Context, _ egress.Request) (egress.Answer, error) {
			b.mu.Lock()
			i.Delivery.Fence++ // another worker
			i.Delivery.State = pay.DeliveryDelivered
			b.mu.Unlock()
			<-ctx.Done()
			return egress.Answer{}, &egress.Error{Kind: egress.Canceled}
		}, 10*time.Second)
		if i.Delivery.Tries != 0 || b.released != 0 || b.finished != 0 {
			t.Errorf("the delivery is %+v", i.Delivery)
		}
	})
}
