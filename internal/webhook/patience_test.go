package webhook

import (
	"maps"
	"testing"
	"time"

	"paylink/internal/dialect"
)

// waiting is a dialect with a patience.
type waiting struct {
	words
	patience time.Duration
}

func (w waiting) Schedule() dialect.Schedule { return dialect.Schedule{Patience: w.patience} }

func TestPatienceOf(t *testing.T) {
	got := patienceOf(map[string]dialect.Dialect{
		"words": words{}, "usual": waiting{patience: 10 * time.Minute}, "strict": waiting{patience: dialect.Forever},
	})
	if want := map[string]time.Duration{"usual": 10 * time.Minute, "strict": dialect.Forever}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
