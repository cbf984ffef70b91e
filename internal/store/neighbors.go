package store

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// tellEvery bounds how often a node tells the others of work: the first
	// commit is told at once, all that follow within this time in one more.
	tellEvery    = 20 * time.Millisecond
	tellTime     = 5 * time.Second        // one telling may take
	listenAgain  = 250 * time.Millisecond // after the first failure; then twice as long each time
	listenAtMost = 15 * time.Second       // between two tries
)

// Nodes on one PostgreSQL tell each other of work, so that none has to wait for
// its poll. The telling is not part of the transaction: PostgreSQL holds one
// lock over the whole database from a NOTIFY to the end of the commit's flush,
// which would make writers commit one after the other. A node therefore tells
// from a goroutine of its own after the commit, many commits at once. Should it
// die in between, the others find the work with their next poll.

// UseWake sets what is called after a commit that left something to do. It is
// called before the first transaction, and must not wait.
func (s *Store) UseWake(wake func()) { s.wake = wake }

// work notes that a commit left something to do for any node's workers.
func (s *Store) work() {
	s.wake()
	select {
	case s.written <- struct{}{}:
	default: // told already, and not yet heard
	}
}

// Neighbors tells the other nodes on the database of work that was committed
// here, and calls wake when one of them has told of its own, or may have while
// nobody listened. It ends with ctx, after the last telling.
func (s *Store) Neighbors(ctx context.Context, log *slog.Logger, wake func()) {
	var both sync.WaitGroup
	both.Go(func() { s.tell(ctx, log) })
	both.Go(func() { s.hear(ctx, log, wake) })
	both.Wait()
}

func (s *Store) tell(ctx context.Context, log *slog.Logger) {
	for ending := false; !ending; {
		select {
		case <-ctx.Done():
			ending = true // what was handed back last is told as well
			select {
			case <-s.written:
			default:
				return
			}
		case <-s.written:
		}
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
		err := s.engine.notify(once, s.node)
		cancel()
		if err != nil {
			log.Warn("the other nodes could not be told of work; they will find it when they poll", "err", err)
		}
		if !ending {
			pause(ctx, tellEvery)
		}
	}
}

func (s *Store) hear(ctx context.Context, log *slog.Logger, wake func()) {
	wait := listenAgain
	for ctx.Err() == nil {
		err := s.engine.listen(ctx, func(from string) {
			wait = listenAgain
			if from != s.node {
				wake()
			}
		})
		if ctx.Err() != nil {
			return
		}
		log.Warn("not listening to the other nodes; trying again", "err", err, "after", wait)
		pause(ctx, wait/2+rand.N(wait))
		wait = min(2*wait, listenAtMost)
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
