package web

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/throttled/throttled/v2"
)

// limiterKeys is how many keys one generation of a limiter's memory holds.
const limiterKeys = 50_000

// Limiter holds each key to a rate (GCRA), within this process. A nil Limiter
// lets everything pass: the limit is off.
type Limiter struct {
	gcra *throttled.GCRARateLimiterCtx
}

// NewLimiter lets a key pass count times in each period, and at most burst
// times at once. A count or burst of zero or less is off: nil.
func NewLimiter(count int, period time.Duration, burst int) (*Limiter, error) {
	if count <= 0 || burst <= 0 || period <= 0 {
		return nil, nil
	}
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(count, period), MaxBurst: burst - 1}
	gcra, err := throttled.NewGCRARateLimiterCtx(&memory{}, quota)
	if err != nil {
		return nil, fmt.Errorf("making a rate limiter: %w", err)
	}
	return &Limiter{gcra}, nil
}

// Allow counts one request of key. When it is one too many, ok is false and
// retryAfterSeconds says when the next may pass, at least 1.
func (l *Limiter) Allow(key string) (retryAfterSeconds int, ok bool) {
	if l == nil {
		return 0, true
	}
	limited, result, err := l.gcra.RateLimitCtx(context.Background(), key, 1)
	if err != nil {
		return 1, false // lost every race for the key: it is more than busy
	}
	if !limited {
		return 0, true
	}
	return max(1, int(math.Ceil(result.RetryAfter.Seconds()))), false
}

// memory keeps a limiter's keys in two generations. A key that is used moves to
// the young one; when that is full it becomes the old one, and what was not used
// since is forgotten. So memory has a limit and no key in use is lost to a flood
// of fewer than limiterKeys others. (throttled's own memory takes a second
// library for the same.)
type memory struct {
	mu         sync.Mutex
	young, old map[string]int64
}

// GetWithTime is part of throttled.GCRAStoreCtx.
func (m *memory) GetWithTime(_ context.Context, key string) (int64, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value, ok := m.get(key); ok {
		return value, time.Now(), nil
	}
	return -1, time.Now(), nil
}

// SetIfNotExistsWithTTL is part of throttled.GCRAStoreCtx.
func (m *memory) SetIfNotExistsWithTTL(_ context.Context, key string, value int64, _ time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.get(key); ok {
		return false, nil
	}
	m.put(key, value)
	return true, nil
}

// CompareAndSwapWithTTL is part of throttled.GCRAStoreCtx.
func (m *memory) CompareAndSwapWithTTL(_ context.Context, key string, was, value int64, _ time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.get(key); !ok || now != was {
		return false, nil
	}
	m.put(key, value)
	return true, nil
}

func (m *memory) get(key string) (int64, bool) {
	if value, ok := m.young[key]; ok {
		return value, true
	}
	value, ok := m.old[key]
	return value, ok
}

func (m *memory) put(key string, value int64) {
	if _, ok := m.young[key]; !ok && len(m.young) >= limiterKeys || m.young == nil {
		m.old, m.young = m.young, map[string]int64{}
	}
	m.young[key] = value
}
