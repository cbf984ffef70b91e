package pinelabs

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// errorOut is the envelope of every answer that is not 2xx (sheet 11).
type errorOut struct {
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Details *errorDetail `json:"additional_error_details,omitzero"`
}

type errorDetail struct {
	Source string `json:"source"`
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// Codes of our own errors that have a fixed message on the wire.
const (
	codeCurrency = "unknown_currency"
	codeCustomer = "customer_required"
	codeLarge    = "too_large"
	codeLimit    = "amount_limit"
)

// messages are those seen at the provider's test system; others are made of
// the field's name and what it must be.
var messages = map[string]string{
	codeCurrency: "Currency is invalid",
	codeCustomer: "Customer Information is required",
}

// The references that name a thing once.
var (
	errDuplicate        = &pay.Error{Kind: pay.KeyReused, Code: "duplicate_reference", Detail: "merchant_payment_link_reference was used before"}
	errDuplicateCapture = &pay.Error{Kind: pay.KeyReused, Code: "duplicate_capture", Detail: "merchant_capture_reference was used before for another amount"}
	errDuplicateRefund  = &pay.Error{Kind: pay.KeyReused, Code: "duplicate_refund", Detail: "merchant_order_reference was used before for another amount"}
)

// overLimit says that money is more than it may be.
func overLimit(detail string) error {
	return &pay.Error{Kind: pay.Conflict, Code: codeLimit, Detail: detail}
}

// wireError is an HTTP status and code.
type wireError struct {
	status int
	code   string
}

// wireOf is a kind's HTTP status and code.
var wireOf = map[pay.Kind]wireError{
	pay.Internal:     {http.StatusInternalServerError, "INTERNAL_ERROR"},
	pay.Invalid:      {http.StatusBadRequest, "INVALID_REQUEST"},
	pay.Unauthorized: {http.StatusUnauthorized, "UNAUTHORIZED"},
	pay.Forbidden:    {http.StatusForbidden, "UNAUTHORIZED"},
	pay.NotFound:     {http.StatusNotFound, "PAYMENT_LINK_NOT_FOUND"},
	pay.Conflict:     {http.StatusUnprocessableEntity, "INVALID_REQUEST"}, // never 409: clients would retry it
	pay.KeyReused:    {http.StatusUnprocessableEntity, "DUPLICATE_REQUEST"},
	pay.KeyBusy:      {http.StatusTooManyRequests, "API_RATE_LIMIT"}, // every client comes again for it; a duplicate would be given up
	pay.TooMany:      {http.StatusTooManyRequests, "API_RATE_LIMIT"},
	pay.Refused:      {http.StatusBadRequest, "INVALID_REQUEST"},
	pay.Unavailable:  {http.StatusServiceUnavailable, "INTERNAL_ERROR"},
}

// wireOfCode are errors with a status or code of their own: limits of the edge
// and of the sheet.
var wireOfCode = map[string]wireError{
	"body_too_large":    {http.StatusRequestEntityTooLarge, "INVALID_REQUEST"},
	"url_too_long":      {http.StatusRequestURITooLong, "INVALID_REQUEST"},
	"headers_too_large": {http.StatusRequestHeaderFieldsTooLarge, "INVALID_REQUEST"},
	web.ErrMethod.Code:  {http.StatusMethodNotAllowed, "INVALID_REQUEST"},
	codeLimit:           {http.StatusUnprocessableEntity, "AMOUNT_LIMIT_EXCEEDED"},
	"too_many_shares":   {http.StatusUnprocessableEntity, "PAYMENT_RATE_LIMIT"}, // not 429: clients would wait for it
}

// wireFields are our names of fields, by path or its beginning, on this wire.
var wireFields = []struct{ ours, theirs string }{
	{"expires_at", "expire_by"},
	{"price.currency", "amount.currency"},
	{"currency", "amount.currency"},
	{"price.amount", "amount.value"},
	{"payer.account", "account_details.bank_details"},
	{"payer", "customer"},
	{"page.success_url", "callback_url"},
	{"page.failure_url", "failure_callback_url"},
	{"success_url", "callback_url"},
	{"failure_url", "failure_callback_url"},
	{"metadata", "merchant_metadata"},
	{"splits", "split_info.split_details"},
	{"items", "cart_details.items"},
	{"discount", "cart_coupon_discount_amount"},
	{"methods", "allowed_payment_methods"},
	{"unique_ref", "merchant_payment_link_reference"},
	{"use", "part_payment"},
}

// wirePath is a field's path in the words of this wire.
func wirePath(path string) string {
	for _, f := range wireFields {
		if rest, ok := strings.CutPrefix(path, f.ours); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return f.theirs + rest
		}
	}
	return path
}

// Fail words err. A body with several faults tells of the first (sheet 5.5).
func (d *pinelabs) Fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *pay.Error
	if !errors.As(err, &e) {
		e = &pay.Error{Kind: pay.Internal}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Kind = pay.Unavailable
		}
	}
	wire, ok := wireOf[e.Kind]
	if !ok {
		wire = wireOf[pay.Internal]
	}
	if own, ok := wireOfCode[e.Code]; ok {
		wire = own
	}
	out := errorOut{Code: wire.code, Message: e.Detail}
	switch {
	case e.Kind == pay.Internal:
		out.Message = "Something went wrong on our side"
	case e.Kind == pay.NotFound && (strings.HasPrefix(r.URL.Path, "/api/pay/v1/orders") || strings.HasPrefix(r.URL.Path, "/api/pay/v1/refunds")):
		out.Code, out.Message = "ORDER_NOT_FOUND", "Order not found"
	case e.Kind == pay.NotFound:
		out.Message = "Payment link not found"
	case len(e.Fields) > 0:
		first := e.Fields[0]
		path := wirePath(first.Path)
		out.Message = messages[first.Code]
		if out.Message == "" {
			out.Message = path + " " + first.Detail
		}
		out.Details = &errorDetail{Source: "INTERNAL", Step: "VALIDATION", Reason: path}
	}
	if out.Message == "" {
		out.Message = http.StatusText(wire.status)
	}
	if after := web.RetryAfter(e); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if web.JSON(w, wire.status, out) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// invalid is an error about one field.
func invalid(path, code, detail string) error {
	var bad pay.Faults
	bad.Add(path, code, detail)
	return bad.Err()
}
