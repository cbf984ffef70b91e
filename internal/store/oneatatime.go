package store

import (
	"context"
	"errors"
	"sync"
)

// oneAtATime lets several goroutines read over one connection, one after the
// other. Rows must be closed before their reader asks for anything else.
type oneAtATime struct {
	runner
	mu    sync.Mutex
	ended bool
}

var errEnded = errors.New("the snapshot is over")

func (o *oneAtATime) query(ctx context.Context, query string, args ...any) (rows, error) {
	o.mu.Lock()
	if o.ended {
		o.mu.Unlock()
		return nil, errEnded
	}
	r, err := o.runner.query(ctx, query, args...)
	if err != nil {
		o.mu.Unlock()
		return nil, err
	}
	return &turnRows{rows: r, done: sync.OnceFunc(o.mu.Unlock)}, nil
}

// end waits for who is reading and lets nobody read any more.
func (o *oneAtATime) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
}

// turnRows hand the connection on when they are closed.
type turnRows struct {
	rows
	done func()
}

func (t *turnRows) Close() {
	defer t.done()
	t.rows.Close()
}
