package sandbox

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// memory is a journal that is forgotten with the test.
type memory struct {
	mu       sync.Mutex
	payments map[string]processor.SandboxPayment
	lines    map[string]processor.SandboxLine
	down     error // what every call fails with
}

func newMemory() *memory {
	return &memory{payments: map[string]processor.SandboxPayment{}, lines: map[string]processor.SandboxLine{}}
}

func at(t pay.Tenant, name string) string {
	return string(t.Merchant) + "/" + string(t.Mode) + "/" + name
}

func (m *memory) Act(_ context.Context, t pay.Tenant, ref string, key pay.OperationID, f func(*processor.SandboxPayment) (processor.SandboxLine, error)) (processor.SandboxLine, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.lines[at(t, string(key))]; ok || m.down != nil {
		return l, ok, m.down
	}
	p := m.payments[at(t, ref)]
	l, err := f(&p)
	if err != nil {
		return processor.SandboxLine{}, false, err
	}
	m.payments[at(t, ref)], m.lines[at(t, string(key))] = p, l
	return l, false, nil
}

func (m *memory) Line(_ context.Context, t pay.Tenant, key pay.OperationID) (processor.SandboxLine, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.lines[at(t, string(key))]
	return l, ok, m.down
}

func (m *memory) Lines(_ context.Context, t pay.Tenant, after pay.OperationID, limit int) ([]processor.SandboxLine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []processor.SandboxLine
	for key, l := range m.lines {
		if key == at(t, string(l.Key)) && l.Key > after {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b processor.SandboxLine) int { return cmp.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], m.down
}

func (m *memory) Payment(_ context.Context, t pay.Tenant, ref string) (processor.SandboxPayment, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.payments[at(t, ref)]
	return p, ok, m.down
}

func (m *memory) DuePayments(_ context.Context, now time.Time, limit int) ([]processor.SandboxPayment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []processor.SandboxPayment
	for _, p := range m.payments {
		if !p.DueAt.IsZero() && !p.DueAt.After(now) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b processor.SandboxPayment) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.Ref, b.Ref))
	})
	return due[:min(limit, len(due))], m.down
}
