package xfers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// errorsOut is the body of every answer that is not 2xx. Clients read all
// members of the first entry unchecked (sheet 3).
type errorsOut struct {
	Errors []errorOut `json:"errors"`
}

type errorOut struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// problem is a status, a code and its title.
type problem struct {
	status      int
	code, title string
}

var (
	badParameter = problem{http.StatusBadRequest, "005", "Invalid parameter"}
	badAmount    = problem{http.StatusBadRequest, "TXN0002", "Invalid transaction amount"}
	unavailable  = problem{http.StatusServiceUnavailable, "010", "Service Temporarily Unavailable"}
	unsupported  = problem{http.StatusForbidden, "003", "Feature not supported"}
)

// problemOf words a kind of error; what is not listed is a fault of the request.
var problemOf = map[pay.Kind]problem{
	pay.Internal:     {http.StatusInternalServerError, "001", "Internal server error"},
	pay.Unauthorized: {http.StatusUnauthorized, "002", "Access denied"},
	pay.Forbidden:    unsupported,
	pay.NotFound:     {http.StatusNotFound, "004", "Record not found"},
	pay.TooMany:      {http.StatusTooManyRequests, unavailable.code, unavailable.title},
	pay.KeyBusy:      unavailable,
	pay.Unavailable:  unavailable,
}

// problemOfCode words the limits of the edge, which have a status of their own.
var problemOfCode = map[string]problem{
	"body_too_large":    {http.StatusRequestEntityTooLarge, badParameter.code, badParameter.title},
	"url_too_long":      {http.StatusRequestURITooLong, badParameter.code, badParameter.title},
	"headers_too_large": {http.StatusRequestHeaderFieldsTooLarge, badParameter.code, badParameter.title},
	web.ErrMethod.Code:  {http.StatusMethodNotAllowed, unsupported.code, unsupported.title},
}

const (
	codeBounds = "amount_out_of_bounds" // of a field: TXN0002
	retryAfter = 600                    // seconds, with 010
)

var errLive = &pay.Error{Kind: pay.Forbidden, Code: "sandbox_only", Detail: "this task is available in the sandbox only"}

// details are what errors say that are not about a field, where our own words
// would tell of things this wire does not have.
var details = map[string]string{
	pay.ErrUnauthorized.Code: "the API key or secret key is missing or not valid",
	pay.ErrNotFound.Code:     "record not found",
	pay.ErrReference.Code:    "reference_id has already been used",
}

// wireFields are our names of fields, as this wire's messages have them.
var wireFields = map[string]string{
	"expires_at": "expired_at", "unique_reference": "reference_id", "reference": "reference_id",
	"payer.name": "customer_name", "payer.email": "customer_email", "payer.phone": "customer_phone_number",
	"page.display_name": "display_name", "recipients[0].name": "customer_name", "recipients[0].email": "customer_email",
}

// wireName is a field's name in a message: the last of its path, in snake_case.
func wireName(path string) string {
	if theirs, ok := wireFields[path]; ok {
		return theirs
	}
	if !strings.Contains(path, "[") { // a parameter of a list stays whole
		path = path[strings.LastIndexByte(path, '.')+1:]
	}
	var b strings.Builder
	for _, c := range []byte(path) {
		if c >= 'A' && c <= 'Z' && !strings.Contains(path, "[") {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Fail words err, with one entry for each field at fault.
func (d *xfers) Fail(w http.ResponseWriter, _ *http.Request, err error) {
	var e *pay.Error
	if !errors.As(err, &e) {
		e = &pay.Error{Kind: pay.Internal}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Kind = pay.Unavailable
		}
	}
	p, ok := problemOfCode[e.Code]
	if !ok {
		if p, ok = problemOf[e.Kind]; !ok {
			p = badParameter
		}
	}
	h := w.Header()
	switch {
	case p.status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="API", charset="UTF-8"`)
	case p.status == http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	case web.RetryAfter(e) > 0:
		h.Set("Retry-After", strconv.Itoa(web.RetryAfter(e)))
	}
	if web.JSONAs(w, p.status, contentType, errorsOut{entries(p, e)}) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func entries(p problem, e *pay.Error) (list []errorOut) {
	for _, f := range e.Fields {
		of := p
		if f.Code == codeBounds {
			of = badAmount
		}
		list = append(list, errorOut{of.code, of.title, wireName(f.Path) + " " + f.Detail})
	}
	if len(list) > 0 {
		return list
	}
	detail, ok := details[e.Code]
	switch {
	case p.status >= http.StatusInternalServerError:
		detail = "something went wrong on our side, please try again later"
	case !ok:
		detail = e.Detail
	}
	if detail == "" {
		detail = p.title
	}
	return []errorOut{{p.code, p.title, detail}}
}

// invalid is an error about one field.
func invalid(path, code, detail string) error {
	var bad pay.Faults
	bad.Add(path, code, detail)
	return bad.Err()
}
