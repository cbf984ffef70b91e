package app

import (
	"context"
	"errors"
	"time"

	"paylink/internal/core"
	"paylink/internal/jobs"
	"paylink/internal/store"
)

// keepKeys is how long an idempotency key answers (I6), with a day to spare.
const keepKeys = 31 * 24 * time.Hour

// queues are the background work but for webhooks: operations that processors
// still owe an answer for, what time alone brings about, and what looks after
// the books.
func (a *App) queues() []jobs.Queue {
	queues := []jobs.Queue{
		{Name: "operations", Workers: 4, Poll: time.Second, Wake: a.Core.OperationsWake(), Claim: a.claimOperations},
		each("time", 10*time.Second, a.keepTime),
		each("clock", time.Second, func(ctx context.Context) error {
			_, err := a.Core.DueLinks(ctx, 100)
			return err
		}),
		each("inbox", 5*time.Second, func(ctx context.Context) error { return a.Core.Inbox(ctx, 100) }),
		each("feed", time.Second, a.Core.Sequence),
		each("sandbox", time.Second, func(ctx context.Context) error {
			_, err := a.Sandbox.Due(ctx)
			return err
		}),
		each("prune", time.Hour, func(ctx context.Context) error { return a.Core.Prune(ctx, keepKeys) }),
		each("watch", 30*time.Second, a.watch),
	}
	turns := a.Core.Sweeps()
	if every, on, err := a.settings.Proofs(); on && err == nil { // Open has checked the settings
		turns = append(turns, a.Core.Proofs(every))
	}
	for _, t := range turns {
		queues = append(queues, jobs.Queue{Name: t.Name, Workers: 1, Poll: 10 * time.Second, Claim: func(ctx context.Context, n int) ([]jobs.Job, error) {
			return a.claimTurns(ctx, t, n)
		}})
	}
	return queues
}

// watch shows what waits for a person and alarms for what is late.
func (a *App) watch(ctx context.Context) error {
	w, err := a.Core.Watch(ctx)
	if err == nil {
		a.metrics.waits(w)
	}
	return errors.Join(err, a.Core.WatchSurplus(ctx))
}

func (a *App) claimTurns(ctx context.Context, t core.Turn, n int) (list []jobs.Job, err error) {
	claimed, err := a.Core.ClaimTurns(ctx, t, n)
	for _, c := range claimed {
		list = append(list, jobs.Job{
			Name:    t.Name + " " + string(c.Merchant),
			Run:     func(ctx context.Context) error { return a.Core.RunTurn(ctx, t, c) },
			Renew:   func(ctx context.Context) error { return a.Core.RenewTurn(ctx, c) },
			Release: func(ctx context.Context) error { return a.Core.ReleaseTurn(ctx, c) },
		})
	}
	return list, err
}

// keepTime alarms for as long as the clock cannot be believed; the error is
// logged by the runner.
func (a *App) keepTime(ctx context.Context) error {
	err := a.Store.KeepTime(ctx)
	if errors.Is(err, store.ErrClock) {
		a.metrics.alarm("clock")
	}
	return err
}

func (a *App) claimOperations(ctx context.Context, n int) (list []jobs.Job, err error) {
	claimed, err := a.Core.ClaimOperations(ctx, n)
	for _, j := range claimed {
		list = append(list, jobs.Job{
			Name:    string(j.ID),
			Run:     func(ctx context.Context) error { return a.Core.RunOperation(ctx, j) },
			Renew:   func(ctx context.Context) error { return a.Core.RenewOperation(ctx, j) },
			Release: func(ctx context.Context) error { return a.Core.ReleaseOperation(ctx, j) },
		})
	}
	return list, err
}

// each is a queue of one job that comes again after every interval. It may run
// on several nodes at once: what it does holds its own locks.
func each(name string, every time.Duration, run func(context.Context) error) jobs.Queue {
	var next time.Time
	return jobs.Queue{Name: name, Workers: 1, Poll: every, Claim: func(context.Context, int) ([]jobs.Job, error) {
		if time.Now().Before(next) {
			return nil, nil
		}
		next = time.Now().Add(every / 2)
		return []jobs.Job{{Name: name, Run: run}}, nil
	}}
}
