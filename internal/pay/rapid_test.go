package pay

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// How many random cases a property is held against, per seed.
const (
	quickChecks = 500
	soakChecks  = 20_000
)

// property holds prop against random cases: those of a fixed seed, which every
// run repeats, and those of TEST_SEED or else of the clock.
func property(t *testing.T, prop func(*rapid.T)) {
	t.Helper()
	checks := quickChecks
	if os.Getenv("SOAK") == "1" {
		checks = soakChecks
	}
	seed := os.Getenv("TEST_SEED")
	if seed == "" {
		seed = strconv.FormatInt(time.Now().UnixNano(), 10)
	}
	setFlag(t, "rapid.checks", strconv.Itoa(checks))
	setFlag(t, "rapid.steps", "60")
	setFlag(t, "rapid.nofailfile", "true") // the seed repeats a failure
	for name, seed := range map[string]string{"fixed": "1", "seed": seed} {
		t.Run(name, func(t *testing.T) {
			t.Log("repeat with TEST_SEED=" + seed)
			setFlag(t, "rapid.seed", seed)
			rapid.Check(t, prop)
		})
	}
}

func setFlag(t *testing.T, name, value string) {
	t.Helper()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}
