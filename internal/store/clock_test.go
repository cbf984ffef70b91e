package store

import (
	"context"
	"errors"
	"testing"
	"time"
)

// remote is an engine with a clock of its own, some way off.
type remote struct {
	engine
	says func() time.Time
	trip func()
}

func (r remote) now(context.Context) (time.Time, error) {
	r.trip()
	now := r.says()
	r.trip()
	return now, nil
}

// hands are the clocks of one machine: wall time and monotonic time.
type hands struct {
	wall time.Time
	mono time.Duration
}

func (h *hands) pass(d time.Duration) { h.wall, h.mono = h.wall.Add(d), h.mono+d }

func newHands() (*hands, *clock) {
	h := &hands{wall: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	return h, newClock(func() time.Time { return h.wall }, func() time.Duration { return h.mono })
}

// The clock is the database's, whatever the local one says and however long
// the way there takes.
func TestClockKeepsDatabaseTime(t *testing.T) {
	ctx := context.Background()
	h, c := newHands()
	ahead, oneWay := 3*time.Minute, 200*time.Millisecond
	db := remote{says: func() time.Time { return h.wall.Add(ahead) }, trip: func() { h.pass(oneWay) }}
	check := func(want time.Duration) {
		t.Helper()
		if got := c.now().Sub(h.wall); got != want {
			t.Errorf("ahead by %s, want %s", got, want)
		}
	}
	if err := c.start(ctx, db); err != nil {
		t.Fatal(err)
	}
	check(ahead)
	ahead = 3*time.Minute + 20*time.Second
	if err := c.measure(ctx, db, maxTrip); err != nil {
		t.Fatal(err)
	}
	check(ahead)
	oneWay, ahead = 2*time.Second, 0
	if err := c.measure(ctx, db, maxTrip); err != nil {
		t.Fatal(err)
	}
	check(3*time.Minute + 20*time.Second) // the answer took too long to tell the time
	if err := c.compare(); err != nil {
		t.Error(err)
	}
}

// A step of either clock by more than a minute stops what time alone brings
// about; it goes on when both agree again.
func TestClockParts(t *testing.T) {
	h, c := newHands()
	s := &Store{clock: c, engine: &lite{}}
	for _, step := range []struct {
		name   string
		do     func()
		parted bool
	}{
		{"a day", func() { h.pass(24 * time.Hour) }, false},
		{"59 s forward", func() { h.wall = h.wall.Add(59 * time.Second) }, false},
		{"2 s more", func() { h.wall = h.wall.Add(2 * time.Second) }, true},
		{"back again", func() { h.wall = h.wall.Add(-time.Minute) }, false},
		{"two minutes back", func() { h.wall = h.wall.Add(-2 * time.Minute) }, true},
	} {
		step.do()
		err := s.KeepTime(context.Background())
		if errors.Is(err, ErrClock) != step.parted || s.ClockParted() != step.parted {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

func TestRisks(t *testing.T) {
	ctx := context.Background()
	l, err := openSQLite(ctx, t.TempDir()+"/x.db")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if list, err := l.risks(ctx); err != nil || len(list) != 0 {
		t.Errorf("as opened: %v %v", list, err)
	}
	if _, err := l.conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
		t.Fatal(err)
	}
	if list, err := l.risks(ctx); err != nil || len(list) != 1 {
		t.Errorf("synchronous=NORMAL: %v %v", list, err)
	}
	if !olderThan("3.51.2", minSQLite) || !olderThan("3.9.9", minSQLite) || olderThan("3.51.3", minSQLite) || olderThan("4.0.0", minSQLite) {
		t.Error("which SQLite is too old")
	}
}
