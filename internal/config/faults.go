package config

import (
	"slices"
	"strconv"

	"paylink/internal/pay"
)

// Faults are what the test processor does wrong on purpose, in percent, for
// tests of a whole installation. The zero Faults does nothing wrong; live mode
// accepts no other.
type Faults struct {
	After     int // calls that are carried out, and whose answer is lost
	Before    int // calls that come to nothing, and questions without an answer
	Callbacks int // callbacks that come late, twice and out of order
	Amounts   int // answers and callbacks that tell another amount
	Seed      uint64
}

// On reports whether anything goes wrong.
func (f Faults) On() bool { return f.After+f.Before+f.Callbacks+f.Amounts > 0 }

// Faults reads --sandbox-faults.
func (s Settings) Faults() (f Faults, err error) {
	var bad pay.Faults
	rates := map[string]*int{"after": &f.After, "before": &f.Before, "callbacks": &f.Callbacks, "amounts": &f.Amounts}
	for _, name := range sortedKeys(s.SandboxFaults) {
		value := s.SandboxFaults[name]
		if name == "seed" {
			if f.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
				bad.Add("--sandbox-faults seed", "invalid", "must be a whole number")
			}
			continue
		}
		rate, ok := rates[name]
		if !ok {
			bad.Add("--sandbox-faults", "unknown", "has a name that is none of after, before, callbacks, amounts and seed")
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 100 {
			bad.Add("--sandbox-faults "+name, "invalid", "must be a whole number of percent, 0 to 100")
		}
		*rate = n
	}
	if f.After+f.Before > 100 {
		bad.Add("--sandbox-faults", "invalid", "after and before must be at most 100 together")
	}
	return f, bad.Err()
}

func sortedKeys(m map[string]string) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
