package webhook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/egress"
	"paylink/internal/pay"
)

// releaseTime is how long handing back a delivery that was given up may take.
const releaseTime = 5 * time.Second

// deliver makes one try of a claimed delivery. It is done when FinishDelivery
// has written down what came of it; a try that was broken off is nobody's.
func (s *sender) deliver(ctx context.Context, d core.DueDelivery) error {
	if !d.Endpoint.Enabled {
		return s.finish(ctx, d, core.DeliveryResult{State: pay.DeliveryExhausted, Problem: "the endpoint is disabled"}, 0)
	}
	speaks, ok := s.dialects[d.Endpoint.Dialect]
	if !ok { // an endpoint of another release: keep trying, there may be a way back
		r := next(unknownDialect, d.Delivery.Tries, answer{problem: "the endpoint's API is not spoken here"}, s.now(), rand.Float64())
		return s.finish(ctx, d, r, 0)
	}
	msg, ok := s.word(speaks, d)
	if !ok {
		return s.finish(ctx, d, core.DeliveryResult{State: pay.DeliverySkipped}, 0)
	}
	if len(msg.Body) > 0 && len(d.Delivery.Body) == 0 {
		if err := s.outbox.KeepBody(ctx, d.Delivery, msg.Body); err != nil {
			return fmt.Errorf("keeping the body: %w", err)
		}
	}
	if d.Delivery.FirstTry.IsZero() {
		s.metrics.FirstTry(max(s.now().Sub(d.Event.At), 0))
	}
	began := s.now()
	a := s.post(ctx, speaks, d, msg)
	if ctx.Err() != nil && !a.success() {
		return s.giveUp(ctx, d)
	}
	ctx = context.WithoutCancel(ctx) // an answer that came is worth writing down
	return s.finish(ctx, d, next(speaks.Schedule(), d.Delivery.Tries, a, s.now(), rand.Float64()), s.now().Sub(began))
}

// word is the message of a delivery. After the first try its body is the one
// that was stored, whatever the dialect says by now (W3).
func (s *sender) word(speaks dialect.Dialect, d core.DueDelivery) (dialect.Message, bool) {
	msg, ok := worded(speaks, d, s.baseURL)
	if len(d.Delivery.Body) == 0 {
		if live := d.Endpoint.LiveSecrets(s.now()); msg.Seal != nil {
			msg.Body = nil // until there is a secret, Sign refuses it
			if len(live) > 0 {
				msg.Body = msg.Seal(live[0])
			}
		}
		return msg, ok
	}
	if !ok {
		msg = dialect.Message{ID: string(d.Delivery.Event), ContentType: "application/json"}
	}
	msg.Body = d.Delivery.Body
	return msg, true
}

func worded(speaks dialect.Dialect, d core.DueDelivery, baseURL string) (dialect.Message, bool) {
	if by, listens := speaks.(dialect.Subscriber); listens && len(d.Endpoint.Kinds) > 0 {
		return by.WordFor(d.Endpoint.Kinds, d.Event, d.Merchant, baseURL)
	}
	return speaks.Word(d.Event, d.Merchant, baseURL)
}

// post signs and sends.
func (s *sender) post(ctx context.Context, speaks dialect.Dialect, d core.DueDelivery, msg dialect.Message) answer {
	at := s.now()
	header, err := speaks.Sign(msg, d.Endpoint.LiveSecrets(at), at)
	if err != nil {
		s.log.Warn("a delivery could not be signed", "delivery", d.Delivery.ID(), "err", err)
		return answer{problem: "the message could not be signed"}
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", "Paylink-Webhooks/"+config.Version)
	if msg.ContentType != "" {
		header.Set("Content-Type", msg.ContentType)
	}
	got, err := s.client.Do(ctx, egress.Request{
		Method: http.MethodPost, URL: d.Endpoint.URL, Live: d.Delivery.Mode == pay.Live,
		Header: header, Body: msg.Body, Timeout: speaks.Schedule().Timeout, Keep: 1,
	})
	a := answer{status: got.Status, retryAfter: got.Header.Get("Retry-After")}
	if err != nil && a.status == 0 {
		a.problem = problem(err)
	}
	return a
}

// problem is what the merchant is told of a try without an answer.
func problem(err error) string {
	var e *egress.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return "the request failed"
}

// giveUp hands back a delivery whose try was broken off: the process stops, or
// the claim is lost, in which case there is nothing to hand back.
func (s *sender) giveUp(ctx context.Context, d core.DueDelivery) error {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := s.outbox.ReleaseDelivery(ctx, d.Delivery); err != nil && !errors.Is(err, pay.ErrLinkChanged) {
		return errors.Join(cause, err)
	}
	return cause
}

// finish writes down what came of a try.
func (s *sender) finish(ctx context.Context, d core.DueDelivery, r core.DeliveryResult, took time.Duration) error {
	if err := s.outbox.FinishDelivery(ctx, d.Delivery, r); err != nil {
		return fmt.Errorf("writing down a try: %w", err)
	}
	s.metrics.Tried(d.Endpoint.Dialect, r.State, took)
	level := s.log.Info
	if r.State == pay.DeliveryDelivered || r.State == pay.DeliverySkipped {
		level = s.log.Debug
	}
	level("delivery", "state", r.State, "endpoint", d.Delivery.Endpoint, "event", d.Delivery.Event, "link", d.Delivery.Link,
		"merchant", d.Delivery.Merchant, "mode", d.Delivery.Mode, "try", d.Delivery.Tries+1, "status", r.Status,
		"problem", r.Problem, "ms", took.Milliseconds())
	return nil
}
