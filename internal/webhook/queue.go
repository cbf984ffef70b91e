// Package webhook tells merchants' servers of events: it words a delivery,
// signs it, sends it and says when to try again. It never reads or writes the
// database, which core does, and knows no dialect's words, which the endpoint's
// dialect does. The rules are INVARIANTS 9.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/egress"
	"paylink/internal/jobs"
	"paylink/internal/pay"
)

const (
	workers   = 512             // deliveries under way at once
	claimSize = 64              // deliveries of one claim
	poll      = time.Second     // DECISIONS 17
	maxBusy   = 256             // endpoints that a claim is told to leave out
	maxAge    = 8 * time.Second // of a claim that has not begun; its lease is 20 s

	// One slow endpoint never delays another (W2): so many at once to one that
	// answers, and to one whose last delivery failed.
	perEndpoint        = 16
	perFailingEndpoint = 2
)

// Metrics hears of each try; any member may be nil.
type Metrics struct {
	// Tried is told of every try: the state the delivery has after it
	// ("pending": it will be tried again) and how long the exchange took.
	Tried func(dialect string, state pay.DeliveryState, took time.Duration)
	// FirstTry is told how long after its event a delivery was first tried.
	FirstTry func(late time.Duration)
}

// outbox is what the queue needs of core.
type outbox interface {
	ClaimDeliveries(ctx context.Context, n int, busy ...pay.EndpointID) ([]core.DueDelivery, error)
	KeepBody(ctx context.Context, d pay.Delivery, body []byte) error
	RenewDelivery(ctx context.Context, d pay.Delivery) error
	ReleaseDelivery(ctx context.Context, d pay.Delivery) error
	FinishDelivery(ctx context.Context, d pay.Delivery, r core.DeliveryResult) error
}

// client is what the queue needs of egress.
type client interface {
	Do(ctx context.Context, r egress.Request) (egress.Answer, error)
}

// Queue is the queue of deliveries, for a jobs.Runner. baseURL begins the URLs
// in messages; now is the clock of signatures and schedules.
func Queue(c *core.Core, e *egress.Client, dialects map[string]dialect.Dialect, log *slog.Logger, baseURL string, now func() time.Time, m Metrics) jobs.Queue {
	c.UsePatience(patienceOf(dialects))
	s := newSender(c, e, dialects, log, baseURL, now, m)
	return s.queue(c.DeliveriesWake())
}

// patienceOf is how long an event may fail before the next, for the dialects
// that say so.
func patienceOf(dialects map[string]dialect.Dialect) map[string]time.Duration {
	all := map[string]time.Duration{}
	for name, d := range dialects {
		if patience := d.Schedule().Patience; patience > 0 {
			all[name] = patience
		}
	}
	return all
}

func newSender(o outbox, e client, dialects map[string]dialect.Dialect, log *slog.Logger, baseURL string, now func() time.Time, m Metrics) *sender {
	if m.Tried == nil {
		m.Tried = func(string, pay.DeliveryState, time.Duration) {}
	}
	if m.FirstTry == nil {
		m.FirstTry = func(time.Duration) {}
	}
	return &sender{outbox: o, client: e, dialects: dialects, log: log, baseURL: baseURL, now: now, metrics: m, desks: map[desk]*line{}}
}

func (s *sender) queue(wake <-chan struct{}) jobs.Queue {
	return jobs.Queue{Name: "deliveries", Workers: workers, Poll: poll, Wake: wake, Claim: s.claim, Drain: s.drain}
}

// desk is one endpoint.
type desk struct {
	pay.Tenant
	id pay.EndpointID
}

// line is what an endpoint has under way and what waits for it.
type line struct {
	running int
	waiting []claimed
}

// claimed is a claimed delivery; at is when, by the monotonic clock.
type claimed struct {
	core.DueDelivery
	at time.Time
}

func (c claimed) desk() desk { return desk{c.Delivery.Tenant, c.Delivery.Endpoint} }

// most is how many deliveries an endpoint may have under way.
func (c claimed) most() int {
	if c.Endpoint.Failures > 0 {
		return perFailingEndpoint
	}
	return perEndpoint
}

// sender makes deliveries.
type sender struct {
	outbox   outbox
	client   client
	dialects map[string]dialect.Dialect
	log      *slog.Logger
	baseURL  string
	now      func() time.Time
	metrics  Metrics

	mu    sync.Mutex
	desks map[desk]*line // of endpoints with anything under way or waiting
}

// claim takes what waited here and can start now, then what is due elsewhere.
// What a claim brings for an endpoint beyond what it may have under way waits
// here under its lease, and until it has gone no more is claimed for that
// endpoint: others are found however long the queue of one is.
func (s *sender) claim(ctx context.Context, n int) ([]jobs.Job, error) {
	out := s.startable(n)
	for len(out) < n {
		due, err := s.outbox.ClaimDeliveries(ctx, min(n-len(out), claimSize), s.busy()...)
		at := time.Now() // after the claim: its lease began earlier by little
		for _, d := range due {
			if c := (claimed{d, at}); s.enter(c) {
				out = append(out, s.job(c))
			}
		}
		if err != nil && len(out) == 0 {
			return nil, err
		}
		if err != nil || len(due) == 0 || len(out) > 0 {
			break // what has been found need not wait for more
		}
	}
	return out, nil
}

// busy are endpoints that can take no more now.
func (s *sender) busy() (list []pay.EndpointID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, l := range s.desks {
		if (len(l.waiting) > 0 || l.running >= perEndpoint) && len(list) < maxBusy {
			list = append(list, at.id)
		}
	}
	return list
}

// enter counts c as under way, or lets it wait for its endpoint.
func (s *sender) enter(c claimed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.desks[c.desk()]
	if l == nil {
		l = &line{}
		s.desks[c.desk()] = l
	}
	if l.running < c.most() {
		l.running++
		return true
	}
	l.waiting = append(l.waiting, c)
	return false
}

// leave counts c as done.
func (s *sender) leave(c claimed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.desks[c.desk()]
	if l.running--; l.running == 0 && len(l.waiting) == 0 {
		delete(s.desks, c.desk())
	}
}

// startable takes at most n of those that waited, and forgets those whose lease
// may end before they are done.
func (s *sender) startable(n int) (out []jobs.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.desks {
		for len(l.waiting) > 0 && len(out) < n {
			c := l.waiting[0]
			if time.Since(c.at) < maxAge {
				if l.running >= c.most() {
					break
				}
				l.running++
				out = append(out, s.job(c))
			}
			l.waiting = l.waiting[1:]
		}
		if l.running == 0 && len(l.waiting) == 0 {
			delete(s.desks, key)
		}
	}
	return out
}

// job is one try of a delivery that enter or startable counted.
func (s *sender) job(c claimed) jobs.Job {
	return jobs.Job{
		Name: c.Delivery.ID(),
		Run: func(ctx context.Context) error {
			defer s.leave(c)
			return s.deliver(ctx, c.DueDelivery)
		},
		Renew: func(ctx context.Context) error { return s.outbox.RenewDelivery(ctx, c.Delivery) },
		Release: func(ctx context.Context) error {
			defer s.leave(c)
			return s.outbox.ReleaseDelivery(ctx, c.Delivery)
		},
	}
}

// drain hands back what still waits.
func (s *sender) drain(ctx context.Context) error {
	s.mu.Lock()
	var all []claimed
	for _, l := range s.desks {
		all = append(all, l.waiting...)
		l.waiting = nil
	}
	s.mu.Unlock()
	var errs []error
	for _, c := range all {
		err := s.outbox.ReleaseDelivery(ctx, c.Delivery)
		if err != nil && !errors.Is(err, pay.ErrLinkChanged) { // its lease has ended, and another has it
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
