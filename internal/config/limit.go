package config

import (
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

// Rate is so many events per time, of which Burst may come at once. Off means
// that nothing is limited; live mode does not accept it (DECISIONS 25).
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
	Off   bool
}

// Limits are the rates in force.
type Limits struct {
	Requests Rate // API requests of one key
	Submit   Rate // payments started on one link from one address
	Misses   Rate // requests of one address for links that do not exist
}

// limitTable has every limit: its name, its default (THREATS 12, A14), and where
// its rate goes. The help of --limit says the same.
var limitTable = []struct {
	name, fallback string
	rate           func(*Limits) *Rate
}{
	{"requests", "100/s:200", func(l *Limits) *Rate { return &l.Requests }},
	{"submit", "5/min:5", func(l *Limits) *Rate { return &l.Submit }},
	{"misses", "60/min:60", func(l *Limits) *Rate { return &l.Misses }},
}

const maxRate = 1_000_000 // of a count and of a burst

// Limits are the defaults with what --limit puts in their place.
func (s Settings) Limits() (Limits, error) {
	var (
		limits Limits
		bad    pay.Faults
		known  = map[string]bool{}
	)
	for _, l := range limitTable {
		known[l.name] = true
		value, ok := s.Limit[l.name]
		if !ok {
			value = l.fallback
		}
		r, ok := parseRate(value)
		if !ok {
			bad.Add("--limit "+l.name, "invalid", "must be COUNT/s, COUNT/min or COUNT/h, with :BURST if wished, or off")
		}
		*l.rate(&limits) = r
	}
	for name := range s.Limit {
		if !known[name] {
			bad.Add("--limit", "unknown", "has a name that is no limit; the limits are requests, submit and misses")
		}
	}
	return limits, bad.Err()
}

// Off reports whether any limit is off, which live mode does not accept.
func (l Limits) Off() bool { return l.Requests.Off || l.Submit.Off || l.Misses.Off }

// parseRate reads "100/s", "100/s:200" or "off". Without a burst it is the count.
func parseRate(s string) (Rate, bool) {
	if s == "off" {
		return Rate{Off: true}, true
	}
	rate, burst, hasBurst := strings.Cut(s, ":")
	count, unit, _ := strings.Cut(rate, "/")
	r := Rate{Per: map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour}[unit]}
	var ok, burstOK bool
	if r.Count, ok = parseCount(count); !ok || r.Per == 0 {
		return Rate{}, false
	}
	r.Burst = r.Count
	if hasBurst {
		if r.Burst, burstOK = parseCount(burst); !burstOK {
			return Rate{}, false
		}
	}
	return r, true
}

func parseCount(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && n <= maxRate && strconv.Itoa(n) == s
}
