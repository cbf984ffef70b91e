package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pile is a queue of jobs in memory.
type pile struct {
	mu    sync.Mutex
	jobs  []Job
	asked []int // n of each claim
}

func (p *pile) add(jobs ...Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs = append(p.jobs, jobs...)
}

func (p *pile) claim(_ context.Context, n int) ([]Job, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, n)
	n = min(n, len(p.jobs))
	out := slices.Clone(p.jobs[:n])
	p.jobs = p.jobs[n:]
	return out, nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestRunsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		var ran, at, most atomic.Int64
		for range 10 {
			p.add(Job{Run: func(context.Context) error {
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				at.Add(-1)
				ran.Add(1)
				return nil
			}})
		}
		r := New(quiet(), Queue{Name: "q", Workers: 3, Poll: time.Hour, Claim: p.claim})
		r.Start(t.Context())
		time.Sleep(4*time.Second + time.Millisecond)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if ran.Load() != 10 || most.Load() != 3 {
			t.Errorf("%d jobs ran, %d at once", ran.Load(), most.Load())
		}
		for _, n := range p.asked {
			if n < 1 || n > 3 {
				t.Errorf("%d jobs were asked for", n)
			}
		}
	})
}

func TestWakeAndPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		wake := make(chan struct{}, 1)
		var ran []time.Duration
		start := time.Now()
		job := Job{Run: func(context.Context) error { ran = append(ran, time.Since(start)); return nil }}
		r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: 10 * time.Second, Wake: wake, Claim: p.claim})
		r.Start(t.Context())
		time.Sleep(time.Second)
		p.add(job)
		wake <- struct{}{}
		time.Sleep(time.Second)
		p.add(job) // nobody tells
		time.Sleep(20 * time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if len(ran) != 2 || ran[0] != time.Second || ran[1] > 12*time.Second {
			t.Errorf("the jobs ran after %v", ran)
		}
	})
}

func TestRenewAndLostClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		lost := errors.New("lost")
		var renewed atomic.Int64
		var cause error
		var after time.Duration
		start := time.Now()
		p.add(Job{
			Run: func(ctx context.Context) error {
				<-ctx.Done()
				cause, after = context.Cause(ctx), time.Since(start)
				return ctx.Err()
			},
			Renew: func(context.Context) error {
				if renewed.Add(1) == 3 {
					return lost
				}
				return nil
			},
		})
		r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: time.Hour, Claim: p.claim})
		r.Start(t.Context())
		time.Sleep(time.Minute)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if !errors.Is(cause, lost) || after != 15*time.Second || renewed.Load() != 3 {
			t.Errorf("the job ended by %v after %v and %d renewals", cause, after, renewed.Load())
		}
	})
}

func TestPanicsAndErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		var out bytes.Buffer
		var ran bool
		claims := 0
		p.add(
			Job{Name: "one", Run: func(context.Context) error { panic("ouch") }},
			Job{Name: "two", Run: func(context.Context) error { return errors.New("sad") }},
			Job{Name: "three", Run: func(context.Context) error { ran = true; return nil }},
		)
		r := New(slog.New(slog.NewTextHandler(&out, nil)), Queue{Name: "q", Workers: 1, Poll: time.Second, Claim: func(ctx context.Context, n int) ([]Job, error) {
			switch claims++; claims {
			case 1:
				panic("broken claim")
			case 2:
				return nil, errors.New("no database")
			}
			return p.claim(ctx, n)
		}})
		r.Start(t.Context())
		time.Sleep(10 * time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if !ran {
			t.Error("the job after a panic did not run")
		}
		for _, want := range []string{"ouch", "job=one", "sad", "job=two", "broken claim", "no database"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the log lacks %s", want)
			}
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran, released, drained atomic.Int64
		asked := make(chan struct{})
		r := New(quiet(), Queue{Name: "q", Workers: 2, Poll: time.Hour,
			Claim: func(context.Context, int) ([]Job, error) {
				close(asked)
				time.Sleep(time.Second) // Stop comes meanwhile
				job := Job{
					Run:     func(context.Context) error { ran.Add(1); return nil },
					Release: func(context.Context) error { released.Add(1); return nil },
				}
				return []Job{job, job}, nil
			},
			Drain: func(context.Context) error { drained.Add(1); return nil },
		})
		r.Start(t.Context())
		<-asked
		for range 2 { // twice is once
			if err := r.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if ran.Load() != 0 || released.Load() != 2 || drained.Load() != 1 {
			t.Errorf("%d ran, %d were handed back, %d drains", ran.Load(), released.Load(), drained.Load())
		}
	})
}

func TestStopWaitsForJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		var canceled bool
		p.add(Job{Run: func(ctx context.Context) error {
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
				canceled = true
			}
			return nil
		}})
		r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: time.Hour, Claim: p.claim})
		r.Start(t.Context())
		synctest.Wait()
		start := time.Now()
		if err := r.Stop(t.Context()); err != nil || canceled || time.Since(start) != 3*time.Second {
			t.Errorf("stopped after %v, %v; canceled is %t", time.Since(start), err, canceled)
		}
	})
}

func TestStopGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pile
		var ended bool
		p.add(Job{Run: func(ctx context.Context) error { <-ctx.Done(); ended = true; return ctx.Err() }})
		r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: time.Hour, Claim: p.claim})
		r.Start(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || !ended {
			t.Errorf("Stop gives %v; the job ended is %t", err, ended)
		}
	})
}

func TestTooManyAreHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran, released atomic.Int64
		first := true
		r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: time.Hour, Claim: func(context.Context, int) ([]Job, error) {
			if !first {
				return nil, nil
			}
			first = false
			job := Job{
				Run:     func(context.Context) error { ran.Add(1); return nil },
				Release: func(context.Context) error { released.Add(1); return nil },
			}
			return []Job{job, job, job}, nil
		}})
		r.Start(t.Context())
		time.Sleep(time.Second)
		if err := r.Stop(t.Context()); err != nil || ran.Load() != 1 || released.Load() != 2 {
			t.Errorf("%d ran, %d were handed back, %v", ran.Load(), released.Load(), err)
		}
	})
}

func TestStopWithoutStart(t *testing.T) {
	r := New(quiet(), Queue{Name: "q", Workers: 1, Poll: time.Hour, Claim: func(context.Context, int) ([]Job, error) {
		t.Error("it claims")
		return nil, nil
	}})
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	r.Start(t.Context())
}
