package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// maxClockGap is how far wall and monotonic time may part (INVARIANTS 5.10).
	maxClockGap = 60 * time.Second
	// maxTrip is the longest round trip a reading of the database's clock is
	// believed after: it errs by half of that at most.
	maxTrip = time.Second
)

// ErrClock says that wall and monotonic time have parted. What the clock alone
// brings about waits until they agree again, or until a new start, with which
// an operator confirms the time.
var ErrClock = errors.New("the clock jumped against monotonic time: expiry and scheduled starts wait until both agree")

// clock is the node's time. On PostgreSQL it is the local clock kept to the
// database's, so that all nodes judge leases and deadlines by one clock without
// asking for it; on SQLite and in tests it is the local or injected clock.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // monotonic, since the start
	ahead   atomic.Int64         // nanoseconds the database's clock is ahead of wall
	began   time.Time            // now at the start
	parted  atomic.Bool
}

func newClock(wall func() time.Time, elapsed func() time.Duration) *clock {
	return &clock{wall: wall, elapsed: elapsed, began: wall().Round(0)}
}

// monotonic is time since its call, by the monotonic clock.
func monotonic() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

func (c *clock) now() time.Time {
	return c.wall().Round(0).Add(time.Duration(c.ahead.Load()))
}

// measure reads the database's clock, taken to be that of the middle of the
// round trip. trust bounds the trip; a longer one changes nothing.
func (c *clock) measure(ctx context.Context, e engine, trust time.Duration) error {
	sent, at := c.elapsed(), c.wall()
	now, err := e.now(ctx)
	if err != nil {
		return fmt.Errorf("reading the database's clock: %w", err)
	}
	if trip := c.elapsed() - sent; !now.IsZero() && trip <= trust {
		c.ahead.Store(int64(now.Sub(at.Round(0).Add(trip / 2))))
	}
	return nil
}

// start measures for the first time; what it finds is the time to begin with.
func (c *clock) start(ctx context.Context, e engine) error {
	err := c.measure(ctx, e, time.Minute)
	c.began = c.now().Add(-c.elapsed())
	return err
}

// compare sets wall time against monotonic time.
func (c *clock) compare() error {
	gap := c.now().Sub(c.began) - c.elapsed()
	c.parted.Store(gap.Abs() > maxClockGap)
	if c.parted.Load() {
		return fmt.Errorf("%w (by %s)", ErrClock, gap.Round(time.Second))
	}
	return nil
}

// KeepTime measures the database's clock again and compares wall with monotonic
// time; it is to be called every 10 s. Errors: ErrClock.
func (s *Store) KeepTime(ctx context.Context) error {
	var err error
	if !s.injected {
		err = s.clock.measure(ctx, s.engine, maxTrip)
	}
	return errors.Join(err, s.clock.compare())
}

// ClockParted reports that the last KeepTime found ErrClock.
func (s *Store) ClockParted() bool { return s.clock.parted.Load() }

// ClockAhead is how far the database's clock is ahead of the local one; 0 where
// the database has no clock of its own.
func (s *Store) ClockAhead() time.Duration { return time.Duration(s.clock.ahead.Load()) }
