package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

const (
	defaultPage = 20  // objects of one page of a list
	maxPage     = 100 // THREATS 12
	maxParam    = 512 // bytes of one query parameter
)

// query reads the parameters of a list and gathers what is wrong with them.
type query struct {
	values url.Values
	read   []string
	bad    pay.Faults
}

func newQuery(r *http.Request) *query {
	q := &query{}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		q.bad.Add("query", "malformed", "is not well-formed")
	}
	q.values = values
	return q
}

// text is one parameter, "" when it is not there.
func (q *query) text(name string) string {
	q.read = append(q.read, name)
	all := q.values[name]
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 1:
		q.bad.Add(name, "duplicate_field", "must not be given twice")
	case len(all[0]) > maxParam || strings.ContainsRune(all[0], 0):
		q.bad.Add(name, "too_long", "must be at most 512 bytes of text")
	default:
		return all[0]
	}
	return ""
}

func (q *query) cursor() string { return q.text("cursor") }

func (q *query) limit() int {
	s := q.text("limit")
	if s == "" {
		return defaultPage
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		q.bad.Add("limit", "out_of_range", "must be an integer from 1 to 100")
	}
	return n
}

func (q *query) time(name string) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		q.bad.Add(name, "wrong_type", "must be an RFC 3339 time such as 2030-01-31T12:00:00Z")
	}
	return moment(t)
}

func (q *query) oneOf(name string, words ...string) string {
	s := q.text(name)
	if s != "" && !slices.Contains(words, s) {
		q.bad.Add(name, "not_allowed", "must be one of "+strings.Join(words, ", "))
	}
	return s
}

// err is what was wrong, unknown parameters included: a misspelt filter would
// list everything.
func (q *query) err() error {
	for name := range q.values {
		if !slices.Contains(q.read, name) {
			q.bad.Add("query", "unknown_parameter", "must have only "+strings.Join(q.read, ", "))
			break
		}
	}
	return q.bad.Err()
}

// list is one page of a list, newest first unless the route says otherwise.
type list[T any] struct {
	Object     string  `json:"object"`
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

func newList[T any](data []T, next string) list[T] {
	return list[T]{"list", data, optional(next)}
}
