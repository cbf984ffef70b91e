// Package jobs runs claimed work: it asks a queue for as many jobs as there are
// free workers, keeps their claims alive while they run, and hands back what it
// did not start. It never decides when a job is due or tried again, and keeps
// nothing: the queue's Claim does, under a lease in the database (INVARIANTS W6).
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	renewEvery   = 5 * time.Second // a lease is 20 s (DECISIONS 17)
	renewTimeout = 5 * time.Second // of one renewal; two may fail to come before the lease ends
	handBackTime = 5 * time.Second // to hand back one claim
)

// Queue is one kind of work.
type Queue struct {
	Name    string
	Workers int             // jobs that run at once
	Poll    time.Duration   // asks at least this often
	Wake    <-chan struct{} // something may be due; may be nil
	// Claim takes at most n due jobs. It is asked again at once until it has
	// none, whenever a job ends, on Wake and at every Poll; never twice at a time.
	Claim func(ctx context.Context, n int) ([]Job, error)
	// Drain hands back what Claim took and did not return. It is called once,
	// after the last job; may be nil.
	Drain func(ctx context.Context) error
}

// Job is one claimed piece of work.
type Job struct {
	Name    string                          // for the log: an id, nothing personal
	Run     func(ctx context.Context) error // an error is logged, and that is all
	Renew   func(ctx context.Context) error // every 5 s while it runs; an error cancels Run's context; may be nil
	Release func(ctx context.Context) error // hands the claim back when Run was not called; may be nil
}

// Runner runs queues.
type Runner struct {
	log    *slog.Logger
	queues []Queue

	start, halt sync.Once
	stop        chan struct{}      // closed: claim no more
	cancel      context.CancelFunc // gives up what runs
	owned       sync.WaitGroup     // the loops; each waits for its jobs
}

// New makes a runner of queues; Start starts it.
func New(log *slog.Logger, queues ...Queue) *Runner {
	return &Runner{log: log, queues: queues, stop: make(chan struct{}), cancel: func() {}}
}

// Start begins to claim and run. Canceling ctx gives up running jobs; Stop lets
// them end. A runner starts once.
func (r *Runner) Start(ctx context.Context) {
	r.start.Do(func() {
		ctx, r.cancel = context.WithCancel(ctx)
		for _, q := range r.queues {
			r.owned.Go(func() { r.loop(ctx, q) })
		}
	})
}

// Stop ends claiming, waits for running jobs and hands back those that have not
// begun. When ctx ends first, it cancels the running jobs, waits for them to
// notice, and returns ctx's error.
func (r *Runner) Stop(ctx context.Context) error {
	r.start.Do(func() {}) // one that never started cannot start any more
	r.halt.Do(func() { close(r.stop) })
	ended := make(chan struct{})
	go func() {
		r.owned.Wait()
		close(ended)
	}()
	defer r.cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		r.cancel()
		<-ended
		return ctx.Err()
	}
}

// loop is one queue's life.
func (r *Runner) loop(ctx context.Context, q Queue) {
	done := make(chan struct{}, q.Workers) // one for each job that ended
	running := 0
	for !r.stopping(ctx) {
		started, err := 0, error(nil)
		if free := q.Workers - running; free > 0 {
			started, err = r.fill(ctx, q, free, done)
			running += started
		}
		if started == 0 || running == q.Workers {
			running -= r.wait(ctx, q, done, running < q.Workers, err != nil)
		}
		running -= drain(done)
	}
	for ; running > 0; running-- {
		<-done
	}
	if q.Drain != nil {
		r.handBack(ctx, q.Name, "", q.Drain)
	}
}

// fill claims at most free jobs and starts them.
func (r *Runner) fill(ctx context.Context, q Queue, free int, done chan<- struct{}) (started int, err error) {
	claimed, err := r.claim(ctx, q, free)
	if err != nil && ctx.Err() == nil {
		r.log.Error("claiming jobs failed", "queue", q.Name, "err", err)
	}
	for _, job := range claimed {
		if started == free || r.stopping(ctx) {
			if job.Release != nil {
				r.handBack(ctx, q.Name, job.Name, job.Release)
			}
			continue
		}
		started++
		go func() {
			defer func() { done <- struct{}{} }() // loop waits for each
			r.run(ctx, q.Name, job)
		}()
	}
	return started, err
}

// wait returns when there may be something to claim, with how many jobs ended.
// After a failed claim only time helps.
func (r *Runner) wait(ctx context.Context, q Queue, done <-chan struct{}, free, failed bool) (ended int) {
	var (
		wake <-chan struct{}
		poll <-chan time.Time
	)
	if free {
		timer := time.NewTimer(q.Poll)
		defer timer.Stop()
		poll = timer.C
		if !failed {
			wake = q.Wake
		}
	}
	for {
		select {
		case <-r.stop:
		case <-ctx.Done():
		case <-wake:
		case <-poll:
		case <-done:
			ended++
			if failed && free {
				continue
			}
		}
		return ended
	}
}

func drain(done <-chan struct{}) (ended int) {
	for {
		select {
		case <-done:
			ended++
		default:
			return ended
		}
	}
}

func (r *Runner) stopping(ctx context.Context) bool {
	select {
	case <-r.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// claim asks the queue; a panic there is an error, and the queue goes on.
func (r *Runner) claim(ctx context.Context, q Queue, n int) (claimed []Job, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return q.Claim(ctx, n)
}

// run runs one job and keeps its claim alive meanwhile.
func (r *Runner) run(ctx context.Context, queue string, job Job) {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	if job.Renew != nil {
		renewing.Go(func() { r.renew(ctx, cancel, job) })
	}
	defer renewing.Wait()
	defer cancel(nil)
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("a job panicked", "queue", queue, "job", job.Name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if err := job.Run(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		r.log.Error("a job failed", "queue", queue, "job", job.Name, "err", err)
	}
}

// renew keeps a claim until ctx ends; it ends ctx when the claim is lost.
func (r *Runner) renew(ctx context.Context, cancel context.CancelCauseFunc, job Job) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	defer func() {
		if p := recover(); p != nil {
			cancel(fmt.Errorf("renewing the claim panicked: %v", p))
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		once, end := context.WithTimeout(ctx, renewTimeout)
		err := job.Renew(once)
		end()
		if err != nil {
			cancel(fmt.Errorf("the claim could not be renewed: %w", err))
			return
		}
	}
}

// handBack gives a claim back, also when ctx has ended.
func (r *Runner) handBack(ctx context.Context, queue, job string, release func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTime)
	defer cancel()
	if err := release(ctx); err != nil {
		r.log.Warn("a claim could not be handed back; its lease will end", "queue", queue, "job", job, "err", err)
	}
}
