package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"paylink/internal/pay"
)

// Codes with a status of their own, whatever their kind.
const (
	codeBody    = "body_too_large"
	codeURL     = "url_too_long"
	codeHeaders = "headers_too_large"
	codeMethod  = "method_not_allowed"
)

var errBody = &pay.Error{Kind: pay.Refused, Code: codeBody, Detail: "the body is larger than is allowed"}

// ErrMethod is for a known path with another method.
var ErrMethod = &pay.Error{Kind: pay.Refused, Code: codeMethod, Detail: "the method is not one of this path"}

var statusOf = map[pay.Kind]int{
	pay.Internal:     http.StatusInternalServerError,
	pay.Invalid:      http.StatusBadRequest,
	pay.Unauthorized: http.StatusUnauthorized,
	pay.Forbidden:    http.StatusForbidden,
	pay.NotFound:     http.StatusNotFound,
	pay.Conflict:     http.StatusConflict,
	pay.KeyReused:    http.StatusUnprocessableEntity,
	pay.KeyBusy:      http.StatusConflict,
	pay.TooMany:      http.StatusTooManyRequests,
	pay.Refused:      http.StatusUnprocessableEntity,
	pay.Unavailable:  http.StatusServiceUnavailable,
}

var statusOfCode = map[string]int{
	codeBody:    http.StatusRequestEntityTooLarge,
	codeURL:     http.StatusRequestURITooLong,
	codeHeaders: http.StatusRequestHeaderFieldsTooLarge,
	codeMethod:  http.StatusMethodNotAllowed,
}

var titleOf = map[pay.Kind]string{
	pay.Internal:     "Something went wrong on our side",
	pay.Invalid:      "The request is not valid",
	pay.Unauthorized: "Not authenticated",
	pay.Forbidden:    "Not allowed",
	pay.NotFound:     "Not found",
	pay.Conflict:     "Not possible in the present state",
	pay.KeyReused:    "Idempotency key used before",
	pay.KeyBusy:      "The first request is still running",
	pay.TooMany:      "Too many requests",
	pay.Refused:      "Not accepted",
	pay.Unavailable:  "Not available for the moment",
}

// ErrorOf is err as a *pay.Error: a deadline that passed is Unavailable, and
// anything else that is not ours an Internal error without a word of it.
func ErrorOf(err error) *pay.Error {
	var e *pay.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &pay.Error{Kind: pay.Unavailable, Code: "timeout", Detail: "the answer took too long; try again", RetryAfter: 1, Err: err}
	}
	return &pay.Error{Kind: pay.Internal, Code: "internal_error", Err: err}
}

// Status is the HTTP status of err in the native API.
func Status(err error) int {
	e := ErrorOf(err)
	if status, ok := statusOfCode[e.Code]; ok {
		return status
	}
	if status, ok := statusOf[e.Kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// RetryAfter is the Retry-After of err in seconds; 0 when it has none.
func RetryAfter(err error) int {
	e := ErrorOf(err)
	switch e.Kind {
	case pay.TooMany, pay.KeyBusy, pay.Unavailable:
		return max(e.RetryAfter, 1)
	}
	return e.RetryAfter
}

// problem is an error in the form of RFC 9457.
type problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty"`
	Code      string         `json:"code"`
	RequestID string         `json:"request_id,omitempty"`
	Errors    []problemField `json:"errors,omitempty"`
}

type problemField struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Problem words err as application/problem+json. What err wraps is not shown.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	e := ErrorOf(err)
	p := problem{
		Type: "/docs#error-" + e.Code, Title: titleOf[e.Kind], Status: Status(e),
		Detail: e.Detail, Code: e.Code, RequestID: RequestID(r),
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, problemField{f.Path, f.Code, f.Detail})
	}
	if after := RetryAfter(e); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if err := JSONAs(w, p.Status, "application/problem+json", p); err != nil {
		w.WriteHeader(http.StatusInternalServerError) // a text that is not UTF-8 found its way into the error
	}
}
