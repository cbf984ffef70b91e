package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const eventRate = 500 // creations, and so events, per second

// sink is a merchant's server that notes how old each event is when it first comes.
type sink struct {
	mu   sync.Mutex
	seen map[string]bool
	ages []time.Duration
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var event struct {
		ID        string    `json:"id"`
		CreatedAt time.Time `json:"created_at"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.seen[event.ID] {
		s.seen[event.ID] = true
		s.ages = append(s.ages, now.Sub(event.CreatedAt))
	}
}

// take gives the ages of what came since the last call.
func (s *sink) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	ages := s.ages
	s.ages = nil
	return ages
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ages)
}

// firstAttempt makes events at a steady rate and measures how old each is when
// its webhook first arrives. An event's time is read before its commit, so the
// commit is in the figure.
func firstAttempt(b *bench) error {
	s := &sink{seen: map[string]bool{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s}
	go server.Serve(l) // ends with Close
	defer server.Close()
	dir, err := b.newDir("webhook")
	if err != nil {
		return err
	}
	p, err := b.startServer(dir, "", "http://"+l.Addr().String()+"/hooks")
	if err != nil {
		return err
	}
	defer p.stop()
	round := func() (p50, p99 float64, err error) {
		run := strconv.FormatInt(time.Now().UnixNano(), 36)
		made, err := openLoop(b.ctx, p.address, 2*b.clients, eventRate, b.length, 201, func(n int64) []byte { return createRequest(p.address, run, n) })
		if err != nil {
			return 0, 0, err
		}
		for begin := time.Now(); s.count() < len(made); time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > settleTime {
				return 0, 0, fmt.Errorf("%d of %d webhooks came", s.count(), len(made))
			}
		}
		ages := s.take()
		return float64(quantile(ages, .5)), float64(quantile(ages, .99)), nil
	}
	var p50s, p99s []float64
	for range b.rounds {
		p50, p99, err := round()
		if err != nil {
			return err
		}
		p50s, p99s = append(p50s, p50), append(p99s, p99)
	}
	p50, p99 := time.Duration(median(p50s)), time.Duration(median(p99s))
	b.table.add(row{
		what: fmt.Sprintf("event to first webhook attempt at %d/s: p50", eventRate), measured: ms(p50),
		reference: "–", ratio: "–", goal: "≤ 50 ms", reached: p50 <= 50*time.Millisecond,
	})
	b.table.add(row{
		what: fmt.Sprintf("event to first webhook attempt at %d/s: p99", eventRate), measured: ms(p99),
		reference: "–", ratio: "–", goal: "≤ 500 ms", reached: p99 <= 500*time.Millisecond,
	})
	return b.profile(p, "webhook", func() error { _, _, err := round(); return err })
}
