package portone

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// errorOut is every answer that is no success. Create, update and cancel also
// say is_success (sheet 4.3).
type errorOut struct {
	Success *bool  `json:"is_success,omitzero"`
	Message string `json:"message"`
	Code    string `json:"status_code"`
	Reason  string `json:"status_reason"`
}

// codes are the HTTP status and status_code of a status_reason. Our refusals
// carry the reason as their code.
var codes = map[string]struct {
	http int
	code string
}{
	"INVALID_REQUEST_DATA":                              {http.StatusBadRequest, "4001"},
	"INVALID_REQUEST":                                   {http.StatusBadRequest, "4001"},
	"INVALID_PAYMENT_REQUEST":                           {http.StatusUnauthorized, "4001"},
	"DUPLICATE_TRANSACTION_ERROR":                       {http.StatusBadRequest, "4002"},
	"INVALID_UNAUTHORISED_TRANSACTION_IAMPORTKEY_ERROR": {http.StatusUnauthorized, "4010"},
	"INVALID_UNAUTHORISED_TRANSACTION_SIGNATURE_ERROR":  {http.StatusUnauthorized, "4011"},
	"MERCHANT_NOT_FOUND":                                {http.StatusBadRequest, "4016"},
	"MERCHANT_NOT_ASSOCIATED_WITH_MASTER_MERCHANT":      {http.StatusUnauthorized, "4017"},
	"INVALID_ENVIRONMENT":                               {http.StatusBadRequest, "4034"},
	"INVALID_AMOUNT":                                    {http.StatusBadRequest, "4041"},
	"INVALID_LINK_MERCHANT_ORDER_REF":                   {http.StatusBadRequest, "4050"},
	"INVALID_UNAUTHORIZED_JWT_TOKEN_ERROR":              {http.StatusUnauthorized, "4054"},
	"INVALID_PAYMENT_REQUEST_REFUND_NOT_ALLOWED":        {http.StatusBadRequest, "4070"},
	"INVALID_CURRENCY":                                  {http.StatusBadRequest, "4075"},
	"INVALID_AMOUNT_CURRENCY_ERROR":                     {http.StatusBadRequest, "4076"},
	"INVALID_MAXIMUM_AMOUNT_LIMIT":                      {http.StatusBadRequest, "4078"},
	"INVALID_STATUS_TYPE":                               {http.StatusBadRequest, "4079"},
	"INVALID_PAYMENT_LINK_REF":                          {http.StatusBadRequest, "4083"},
	"INVALID_QUANTITY":                                  {http.StatusBadRequest, "4086"},
	"INVALID_REFERENCE":                                 {http.StatusBadRequest, "4096"},
	"INVALID_UNAUTHORISED_PORTONE_SECRET_ERROR":         {http.StatusBadRequest, "4099"},
	"PAYMENT_SYSTEM_ERROR":                              {http.StatusInternalServerError, "5000"},
	"RECORD_NOT_FOUND_ERROR":                            {http.StatusNotFound, "5001"},
	"DUPLICATE_FOUND_ERROR":                             {http.StatusBadRequest, "5002"},
	"INVALID_REDIRECT_URL":                              {http.StatusBadRequest, "5030"},
}

// refuse is an error in the words of this wire.
func refuse(reason, message string) *pay.Error {
	kind := pay.Invalid
	if codes[reason].http == http.StatusUnauthorized {
		kind = pay.Unauthorized
	}
	return &pay.Error{Kind: kind, Code: reason, Detail: message}
}

var (
	errToken       = refuse("INVALID_UNAUTHORIZED_JWT_TOKEN_ERROR", "The JWT Token or header is invalid or expired!")
	errOtherKey    = refuse("INVALID_UNAUTHORISED_TRANSACTION_IAMPORTKEY_ERROR", "The portone_key does not belong to this client key")
	errNoSignature = refuse("INVALID_UNAUTHORISED_TRANSACTION_IAMPORTKEY_ERROR", "signature_hash is a required field")
	errSignature   = refuse("INVALID_UNAUTHORISED_TRANSACTION_SIGNATURE_ERROR", "The signature_hash does not match the request")
	errOrderUsed   = refuse("DUPLICATE_TRANSACTION_ERROR", "merchant_order_id already has a payment link")
	errCustomUsed  = refuse("DUPLICATE_FOUND_ERROR", "custom_link_ref is already used")
	errLinkRef     = refuse("INVALID_PAYMENT_LINK_REF", "Payment link with given reference not found")
	errOrderRef    = refuse("INVALID_LINK_MERCHANT_ORDER_REF", "Payment link with given merchant order reference not found")
	errAttemptRef  = refuse("INVALID_REFERENCE", "Transaction record with given reference not found")
	errTooMuch     = refuse("INVALID_AMOUNT", "amount must be at most what is left of the transaction")
	errNoRefund    = refuse("INVALID_PAYMENT_REQUEST_REFUND_NOT_ALLOWED", "Refund is not allowed for this transaction")
)

// decode reads a JSON body; its faults name fields of this wire already.
// Errors: INVALID_REQUEST_DATA, naming the field; body_too_large.
func decode(r *http.Request, v any) error {
	return decodeAs(r, v, "INVALID_REQUEST_DATA", "")
}

// decodePlain is decode for the two calls of section 2, which word it otherwise.
func decodePlain(r *http.Request, v any) error {
	return decodeAs(r, v, "INVALID_REQUEST", "Invalid Request, err : ")
}

func decodeAs(r *http.Request, v any, reason, prefix string) error {
	return wireFault(web.Decode(r, v), reason, prefix)
}

// wireFault is a fault of the decoder in the words of this wire.
func wireFault(err error, reason, prefix string) error {
	var e *pay.Error
	if !errors.As(err, &e) || e.Kind != pay.Invalid || statusOfCode[e.Code] != 0 {
		return err
	}
	if len(e.Fields) == 0 {
		return refuse(reason, prefix+e.Detail)
	}
	return refuse(reason, prefix+strings.TrimSuffix(e.Fields[0].Path, ".")+" "+e.Fields[0].Detail)
}

// fieldAt says which reason a field at fault has, and its name on this wire.
// The first row whose name begins the path counts.
var fieldAt = []struct{ ours, theirs, reason string }{
	{"page.success_url", "success_url", "INVALID_REDIRECT_URL"},
	{"page.failure_url", "failure_url", "INVALID_REDIRECT_URL"},
	{"page.pending_url", "pending_url", "INVALID_REDIRECT_URL"},
	{"page.back_url", "merchant_details.back_url", "INVALID_REDIRECT_URL"},
	{"page.display_name", "merchant_details.name", ""},
	{"currency", "currency", "INVALID_CURRENCY"},
	{"discount", "merchant_details.promo_discount", "INVALID_AMOUNT"},
	{"shipping", "merchant_details.shipping_charges", "INVALID_AMOUNT"},
	{"tax", "merchant_details.tax_amount", "INVALID_AMOUNT"},
	{"promo", "merchant_details.promo_code", ""},
	{"items", "order_details", ""},
	{"metadata", "notes", ""},
	{"expires_at", "expiry_date", ""},
	{"unique_reference", "merchant_order_id", ""},
	{"reference", "merchant_order_id", ""},
	{"recipients", "customer_details", ""},
	{"payer.name", "customer_details.name", ""},
	{"payer.phone", "customer_details.phone_number", ""},
	{"payer", "customer_details", ""},
}

// wireField is a field's name on this wire and the reason it is refused with.
func wireField(path string) (theirs, reason string) {
	for _, f := range fieldAt {
		if rest, ok := strings.CutPrefix(path, f.ours); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return f.theirs + rest, f.reason
		}
	}
	return path, ""
}

// invalid is a refusal that names a field.
func invalid(field, detail string) *pay.Error {
	return refuse("INVALID_REQUEST_DATA", field+" "+detail)
}

// reasonOf are the reasons of errors that are not in our own words; what is not
// listed is a fault of the request.
var reasonOf = map[pay.Kind]string{
	pay.Internal: "PAYMENT_SYSTEM_ERROR", pay.Unavailable: "PAYMENT_SYSTEM_ERROR", pay.Unauthorized: "INVALID_UNAUTHORIZED_JWT_TOKEN_ERROR",
	pay.NotFound: "RECORD_NOT_FOUND_ERROR", pay.Conflict: "INVALID_STATUS_TYPE", pay.Forbidden: "INVALID_STATUS_TYPE",
}

// statusOfCode are the limits of the edge, which have a status of their own.
var statusOfCode = map[string]int{
	"body_too_large":    http.StatusRequestEntityTooLarge,
	"url_too_long":      http.StatusRequestURITooLong,
	"headers_too_large": http.StatusRequestHeaderFieldsTooLarge,
	web.ErrMethod.Code:  http.StatusMethodNotAllowed,
}

// Fail words err. A body with several faults tells of the first.
func (d *portone) Fail(w http.ResponseWriter, r *http.Request, err error) {
	status, out := wordError(err)
	if saysSuccess(r) {
		out.Success = new(bool)
	}
	allowOrigin(w)
	if after := retryAfter(err); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if web.JSON(w, status, out) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func retryAfter(err error) int {
	var e *pay.Error
	if errors.As(err, &e) {
		return web.RetryAfter(e)
	}
	return 0
}

func wordError(err error) (status int, out errorOut) {
	var e *pay.Error
	if !errors.As(err, &e) {
		e = &pay.Error{Kind: pay.Internal}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Kind = pay.Unavailable
		}
	}
	if own, ok := codes[e.Code]; ok {
		return own.http, errorOut{Message: e.Detail, Code: own.code, Reason: e.Code}
	}
	out.Message = e.Detail
	if out.Reason = reasonOf[e.Kind]; out.Reason == "" {
		out.Reason = "INVALID_REQUEST_DATA"
	}
	if e.Code == pay.ErrReference.Code {
		return wordError(errOrderUsed)
	}
	if len(e.Fields) > 0 {
		path, reason := wireField(e.Fields[0].Path)
		out.Message = path + " " + e.Fields[0].Detail
		if reason != "" {
			out.Reason = reason
		}
	}
	status, out.Code = codes[out.Reason].http, codes[out.Reason].code
	switch {
	case statusOfCode[e.Code] != 0:
		status = statusOfCode[e.Code]
	case e.Kind == pay.TooMany:
		status = http.StatusTooManyRequests
	case e.Kind == pay.Unavailable:
		status = http.StatusServiceUnavailable
	}
	switch {
	case e.Kind == pay.Internal || e.Kind == pay.Unavailable:
		out.Message = "Something went wrong on our side"
	case out.Message == "":
		out.Message = http.StatusText(status)
	}
	return status, out
}

// saysSuccess reports the calls whose errors have is_success.
func saysSuccess(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/api/paymentLink") || r.Method == http.MethodPut
}
