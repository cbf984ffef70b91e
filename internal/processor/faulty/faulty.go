// Package faulty makes a processor as unreliable as a real one on a bad day:
// answers get lost, calls come to nothing or arrive late, callbacks come twice
// and out of order, and amounts are told wrong. It stands before another driver,
// for tests of a whole installation. It changes nothing in live mode and serves
// none, and it never makes the driver behind it do what was not asked.
package faulty

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// Rates say how often what goes wrong, in percent. After and Before together
// are at most 100.
type Rates struct {
	After     int // calls that are carried out, and whose answer is lost
	Before    int // calls that come to nothing, and questions without an answer
	Callbacks int // callbacks that come twice, each time after a while of its own, so that later news overtakes them
	Amounts   int // answers about money that was held or taken, and callbacks, that tell another amount
}

// The whiles are short, so that a run takes no hours, and long enough for what
// is late to meet the first question about it, which comes after 2 s.
const (
	patience = 300 * time.Millisecond // at most until an answer is given up
	delay    = 4 * time.Second        // at most until a late call or callback arrives
)

// Driver is a processor on a bad day.
type Driver struct {
	processor.Driver
	rates Rates

	mu   sync.Mutex
	dice *rand.Rand

	late   sync.WaitGroup // calls and callbacks that are still on their way
	ctx    context.Context
	forget context.CancelFunc
}

var _ processor.Disputer = (*Driver)(nil)

// New stands before inner. The seed decides what goes wrong in which order.
func New(inner processor.Driver, rates Rates, seed uint64) *Driver {
	d := &Driver{Driver: inner, rates: rates, dice: rand.New(rand.NewPCG(seed, seed))}
	d.ctx, d.forget = context.WithCancel(context.Background())
	return d
}

// Close forgets what is still on its way, as a processor's network would when
// the machine goes down. Nothing arrives after it has returned.
func (d *Driver) Close() {
	d.forget()
	d.late.Wait()
}

// Capabilities are those of the driver behind, in test mode only.
func (d *Driver) Capabilities(m pay.MethodID) (processor.Capabilities, bool) {
	c, ok := d.Driver.Capabilities(m)
	var modes []pay.Mode
	for _, mode := range c.Modes {
		if mode == pay.Test {
			modes = append(modes, mode)
		}
	}
	c.Modes = modes
	return c, ok
}

// Start may come to nothing, lose its answer or tell another amount.
func (d *Driver) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.call(ctx, o, d.Driver.Start)
	return d.misread(o.Tenant, out), err
}

// Capture may go wrong as Start does.
func (d *Driver) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	out, err := d.call(ctx, o, d.Driver.Capture)
	return d.misread(o.Tenant, out), err
}

// Void may come to nothing or lose its answer.
func (d *Driver) Void(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.call(ctx, o, d.Driver.Void)
}

// Refund may come to nothing or lose its answer.
func (d *Driver) Refund(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.call(ctx, o, d.Driver.Refund)
}

// Query may stay without an answer. It moves nothing, so that it is all the
// same whether the question or the answer got lost. What it answers is true:
// if it told wrong amounts too, nobody could ever find out the right ones.
func (d *Driver) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if o.Tenant.Mode == pay.Test && d.hits(d.rates.Before) {
		return processor.Outcome{}, d.timeout(ctx)
	}
	return d.Driver.Query(ctx, o)
}

// VerifyCallback may believe another amount than was moved. Nothing else of
// what it checks is softened.
func (d *Driver) VerifyCallback(t pay.Tenant, header http.Header, raw []byte) (processor.Evidence, error) {
	ev, err := d.Driver.VerifyCallback(t, header, raw)
	if err == nil {
		ev.Outcome = d.misread(t, ev.Outcome)
	}
	return ev, err
}

// Callback is who hears of later news.
type Callback = func(ctx context.Context, t pay.Tenant, header http.Header, raw []byte) error

// Callback stands before f, who hears of the news of the driver behind. Of a
// dispute, after which nobody asks, f hears once more in time: a processor goes
// on telling of it until somebody has heard.
func (d *Driver) Callback(f Callback) Callback {
	return func(ctx context.Context, t pay.Tenant, header http.Header, raw []byte) error {
		if t.Mode != pay.Test || !d.hits(d.rates.Callbacks) {
			return f(ctx, t, header, raw)
		}
		for range 2 {
			d.later(func(ctx context.Context) { f(ctx, t, header, raw) }) // f logs its own errors
		}
		if ev, err := d.Driver.VerifyCallback(t, header, raw); err == nil && ev.Dispute != nil {
			return f(ctx, t, header, raw)
		}
		return nil
	}
}

// OpenDispute may come to nothing or lose its answer.
// Errors: invalid_state where the driver behind plays no disputes.
func (d *Driver) OpenDispute(ctx context.Context, t pay.Tenant, w processor.DisputeWish) (processor.Evidence, error) {
	plays, err := d.disputer()
	if err != nil {
		return processor.Evidence{}, err
	}
	return meet(ctx, d, t, func(ctx context.Context) (processor.Evidence, error) { return plays.OpenDispute(ctx, t, w) })
}

// DecideDispute may go wrong as OpenDispute does.
func (d *Driver) DecideDispute(ctx context.Context, t pay.Tenant, paymentRef, ref string, to pay.DisputeState) (processor.Evidence, error) {
	plays, err := d.disputer()
	if err != nil {
		return processor.Evidence{}, err
	}
	return meet(ctx, d, t, func(ctx context.Context) (processor.Evidence, error) {
		return plays.DecideDispute(ctx, t, paymentRef, ref, to)
	})
}

func (d *Driver) disputer() (processor.Disputer, error) {
	if plays, ok := d.Driver.(processor.Disputer); ok {
		return plays, nil
	}
	return nil, pay.ErrState("the processor %s plays no disputes", d.Name())
}

// call makes one call, as the dice want it.
func (d *Driver) call(ctx context.Context, o processor.Order, do func(context.Context, processor.Order) (processor.Outcome, error)) (processor.Outcome, error) {
	return meet(ctx, d, o.Tenant, func(ctx context.Context) (processor.Outcome, error) { return do(ctx, o) })
}

// meet does something for a tenant, as the dice want it.
func meet[T any](ctx context.Context, d *Driver, t pay.Tenant, do func(context.Context) (T, error)) (none T, err error) {
	if t.Mode != pay.Test {
		return do(ctx)
	}
	switch n := d.draw(100); {
	case n < d.rates.Before:
	case n < d.rates.Before+d.rates.After && d.draw(2) == 0:
		d.later(func(ctx context.Context) { do(ctx) }) // slow: it arrives when its answer was given up, perhaps after questions about it
	case n < d.rates.Before+d.rates.After:
		do(ctx) // its answer is lost
	default:
		return do(ctx)
	}
	return none, d.timeout(ctx)
}

// errTimeout is all that is heard of a call.
var errTimeout = errors.New("faulty: the processor did not answer in time")

func (d *Driver) timeout(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-time.After(d.upTo(patience)):
	}
	return errTimeout
}

// later does something after a while, unless the driver is closed before.
func (d *Driver) later(do func(context.Context)) {
	wait := d.upTo(delay)
	d.late.Go(func() {
		select {
		case <-d.ctx.Done():
		case <-time.After(wait):
			if d.ctx.Err() == nil {
				do(d.ctx)
			}
		}
	})
}

// misread tells another amount of what succeeded: too much or too little.
func (d *Driver) misread(t pay.Tenant, out processor.Outcome) processor.Outcome {
	if t.Mode != pay.Test || out.Result != processor.Succeeded || !d.hits(d.rates.Amounts) {
		return out
	}
	told := &out.Captured
	if out.Captured == 0 {
		told = &out.Authorized
	}
	if off := int64(1 + d.draw(100)); *told > off && d.draw(2) == 0 {
		*told -= off
	} else {
		*told += off
	}
	out.Authorized = max(out.Authorized, out.Captured)
	return out
}

func (d *Driver) hits(percent int) bool { return d.draw(100) < percent }

func (d *Driver) upTo(most time.Duration) time.Duration {
	return time.Duration(d.draw(int(most/time.Millisecond))) * time.Millisecond
}

// draw is one of n numbers from 0.
func (d *Driver) draw(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dice.IntN(n)
}
