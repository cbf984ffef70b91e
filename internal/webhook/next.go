package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
)

const (
	jitter        = 0.1            // of a wait, to either side (W4)
	maxRetryAfter = 24 * time.Hour // that a receiver may ask for (W4)
)

// unknownDialect is the schedule of an endpoint whose dialect is not there.
var unknownDialect = dialect.Schedule{Waits: []time.Duration{
	5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}}

// answer is what came of one try.
type answer struct {
	status     int    // 0: none came
	retryAfter string // the header as received
	problem    string // why none came, for the merchant
}

func (a answer) success() bool { return a.status >= 200 && a.status <= 299 }

// next is what becomes of a delivery that was tried tries times before this
// answer: delivered, to be tried again at a time, or exhausted. random is in
// [0, 1) and spreads the waits.
func next(s dialect.Schedule, tries int64, a answer, now time.Time, random float64) core.DeliveryResult {
	r := core.DeliveryResult{Status: a.status, Problem: a.text()}
	switch {
	case a.success():
		r.State, r.Succeeded = pay.DeliveryDelivered, true
		return r
	case a.status == http.StatusGone:
		r.State, r.DisableEndpoint = pay.DeliveryExhausted, true
		return r
	case tries < 0 || tries >= int64(len(s.Waits)):
		r.State = pay.DeliveryExhausted
		return r
	}
	wait := time.Duration(float64(s.Waits[tries]) * (1 - jitter + 2*jitter*random))
	r.State = pay.DeliveryPending
	r.RetryAt = now.Add(max(wait, retryAfter(a.retryAfter, now))).UTC().Truncate(time.Microsecond)
	return r
}

// text is what went wrong, for the merchant; empty after a success.
func (a answer) text() string {
	switch {
	case a.success():
		return ""
	case a.status == 0:
		return a.problem
	case a.status >= 300 && a.status <= 399:
		return "the server answered " + strconv.Itoa(a.status) + "; redirects are not followed"
	case a.status == http.StatusGone:
		return "the server answered 410, which disables the endpoint"
	}
	return "the server answered " + strconv.Itoa(a.status)
}

// retryAfter is how long a receiver asks to be left alone: seconds or a date,
// at most a day; zero when it does not say, or says something else.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if strings.Trim(header, "0123456789") == "" {
		secs, err := strconv.ParseInt(header, 10, 64)
		if err != nil || secs > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(secs) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
