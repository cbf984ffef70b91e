package xfers

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// The page of a list (sheet 4.4).
const (
	defaultSize = 10
	maxSize     = 1000
	maxNumber   = 1_000_000
)

// query is what a list is asked for.
type query struct {
	skip, size int64
	scan       core.LinkScan
	status     string // empty: any
}

// list answers with one page of the account's links, newest first.
func (d *xfers) list(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return err
	}
	page := []linkOut{}
	err = d.core.ScanLinks(r.Context(), who, q.scan, func(v core.LinkView) bool {
		switch {
		case q.status != "" && q.status != linkStatus(v.Link, v.Payments):
		case q.skip > 0:
			q.skip--
		default:
			page = append(page, d.newLinkOut(d.publicURL, v.Link, v.Payments))
		}
		return int64(len(page)) < q.size
	})
	if err != nil {
		return err
	}
	return web.JSONAs(w, http.StatusOK, contentType, dataOut{page})
}

// parseQuery reads the parameters; unknown ones are ignored.
// Errors: Invalid, with every parameter at fault.
func parseQuery(values url.Values) (q query, err error) {
	var bad pay.Faults
	number := countOf(values, "page[number]", 1, maxNumber, &bad)
	q.size = countOf(values, "page[size]", defaultSize, maxSize, &bad)
	q.skip = (number - 1) * q.size
	switch values.Get("sort") {
	case "", "-createdAt":
	case "createdAt":
		q.scan.Oldest = true
	default:
		bad.Add("sort", "invalid", "must be createdAt or -createdAt")
	}
	q.scan.From = timeOf(values, "filter[createdAfter]", &bad)
	q.scan.To = timeOf(values, "filter[createdBefore]", &bad)
	switch q.status = values.Get("filter[status]"); q.status {
	case "", statusDraft, statusPending, statusPaid, statusCompleted, statusExpired, statusCancelled, statusFailed:
	default:
		bad.Add("filter[status]", "invalid", "must be draft, pending, paid, completed, expired, cancelled or failed")
	}
	q.scan.Reference = values.Get("filter[referenceId]")
	return q, bad.Err()
}

// countOf reads a whole number of at least 1.
func countOf(values url.Values, key string, otherwise, most int64, bad *pay.Faults) int64 {
	value := values.Get(key)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 1 || n > most {
		bad.Add(key, "out_of_range", "must be a whole number from 1 to "+strconv.FormatInt(most, 10))
	}
	return n
}

// timeOf reads a time; zero when there is none.
func timeOf(values url.Values, key string, bad *pay.Faults) (t time.Time) {
	ok := true
	if value := values.Get(key); value != "" {
		if t, ok = parseTime(value); !ok {
			bad.Add(key, "not_a_time", wantTime)
		}
	}
	return t
}
