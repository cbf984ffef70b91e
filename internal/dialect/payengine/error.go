package payengine

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// errorOut is the envelope of every answer that is not 2xx (sheet 3). Success
// is there on cancel only; clients ignore Errors, people do not.
type errorOut struct {
	Success *bool      `json:"success,omitempty"`
	Error   bool       `json:"error"`
	Message string     `json:"message"`
	Errors  []faultOut `json:"errors,omitempty"`
}

// faultOut is one field at fault.
type faultOut struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// What is not there is told apart from a path that nobody knows.
var (
	errLink     = &pay.Error{Kind: pay.NotFound, Code: "payment_link_not_found", Detail: "Payment link not found"}
	errMerchant = &pay.Error{Kind: pay.NotFound, Code: "merchant_not_found", Detail: "Merchant not found"}
)

// statusOf is the HTTP status of a kind.
var statusOf = map[pay.Kind]int{
	pay.Internal:     http.StatusInternalServerError,
	pay.Invalid:      http.StatusBadRequest,
	pay.Unauthorized: http.StatusUnauthorized,
	pay.Forbidden:    http.StatusForbidden,
	pay.NotFound:     http.StatusNotFound,
	pay.Conflict:     http.StatusBadRequest,
	pay.KeyReused:    http.StatusBadRequest,
	pay.KeyBusy:      http.StatusBadRequest,
	pay.TooMany:      http.StatusTooManyRequests,
	pay.Refused:      http.StatusBadRequest,
	pay.Unavailable:  http.StatusServiceUnavailable,
}

// statusOfCode are the errors that have a status of their own. The provider
// answers 400 to every path it does not know.
var statusOfCode = map[string]int{
	"slug_taken":         http.StatusConflict,
	pay.ErrNotFound.Code: http.StatusBadRequest,
	web.ErrMethod.Code:   http.StatusBadRequest,
	"body_too_large":     http.StatusRequestEntityTooLarge,
	"url_too_long":       http.StatusRequestURITooLong,
	"headers_too_large":  http.StatusRequestHeaderFieldsTooLarge,
}

// messageOfCode replaces a detail that says nothing to this API's callers.
var messageOfCode = map[string]string{
	pay.ErrNotFound.Code:     unknownPath,
	web.ErrMethod.Code:       unknownPath,
	pay.ErrUnauthorized.Code: "Authentication failed: send the private key as issued after Basic in the Authorization header",
}

const unknownPath = "There is no such endpoint, please see the API reference"

// wireFields are our names of fields on this wire.
var wireFields = map[string]string{
	"amount": "data.amount", "currency": "data.currency_code", "tax": "data.sales_tax", "description": "data.description",
	"reference": "data.order_number", "slug": "data.slug_id", "starts_at": "data.start_date", "expires_at": "data.end_date",
	"methods.allowed": "data.payment_methods", "max_uses": "data.one_time_only",
	"method_prices.card.amount": "data.cc_amount", "method_prices.card.note": "data.cc_amount_note",
	"method_prices.bank_transfer.amount": "data.ach_amount", "method_prices.bank_transfer.note": "data.ach_amount_note",
}

// Fail words err.
func (d *payengine) Fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *pay.Error
	if !errors.As(err, &e) {
		e = &pay.Error{Kind: pay.Internal}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Kind = pay.Unavailable
		}
	}
	status, ok := statusOfCode[e.Code]
	if !ok {
		if status, ok = statusOf[e.Kind]; !ok {
			status = http.StatusInternalServerError
		}
	}
	out := errorOut{Error: true, Message: messageOf(e, status), Errors: faultsOf(e)}
	if strings.HasPrefix(r.URL.Path, "/api/payment-link/") && strings.HasSuffix(r.URL.Path, "/cancel") {
		out.Success = new(bool)
	}
	if after := web.RetryAfter(e); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Basic")
	}
	if web.JSON(w, status, out) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// messageOf is a sentence for people; nothing of what went wrong inside.
func messageOf(e *pay.Error, status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return "Something went wrong on our side, please try again later"
	case messageOfCode[e.Code] != "":
		return messageOfCode[e.Code]
	case len(e.Fields) > 0:
		return wirePath(e.Fields[0].Path) + " " + e.Fields[0].Detail
	case e.Detail != "":
		return strings.ToUpper(e.Detail[:1]) + e.Detail[1:]
	}
	return http.StatusText(status)
}

// faultsOf are all fields at fault.
func faultsOf(e *pay.Error) (list []faultOut) {
	for _, f := range e.Fields {
		path := wirePath(f.Path)
		list = append(list, faultOut{path, path + " " + f.Detail})
	}
	return list
}

func wirePath(path string) string {
	if wire, ok := wireFields[path]; ok {
		return wire
	}
	return path
}
