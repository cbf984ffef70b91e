package payroc

import (
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// problemOut is the body of every answer that is not 2xx (sheet 9).
type problemOut struct {
	Type     string     `json:"type"`
	Title    string     `json:"title"`
	Status   int        `json:"status"`
	Detail   string     `json:"detail"`
	Instance string     `json:"instance"`
	Resource string     `json:"resource,omitempty"`
	Errors   []faultOut `json:"errors,omitempty"`
}

// faultOut is one parameter at fault.
type faultOut struct {
	Parameter string `json:"parameter,omitempty"`
	Detail    string `json:"detail,omitempty"`
	Message   string `json:"message"`
}

// typeBase is kept to the letter: clients compare it.
const typeBase = "https://docs.payroc.com/api/errors#"

const detailInvalid = "One or more validation errors occurred, see error section for more info"

// problem is a status and what the provider calls it.
type problem struct {
	status   int
	fragment string
	title    string
}

var badRequest = problem{http.StatusBadRequest, "bad-request", "Bad request"}

// problemOf words a kind of error.
var problemOf = map[pay.Kind]problem{
	pay.Internal:     {http.StatusInternalServerError, "api-error", "Api error"},
	pay.Invalid:      badRequest,
	pay.Unauthorized: {http.StatusUnauthorized, "not-authorized", "Not authorized"},
	pay.Forbidden:    {http.StatusForbidden, "forbidden", "Forbidden"},
	pay.NotFound:     {http.StatusNotFound, "not-found", "Not found"},
	pay.Conflict:     {http.StatusConflict, "cannot-be-modified", "Cannot be modified"},
	pay.KeyReused:    {http.StatusConflict, "idempotency-key-in-use", "Idempotency key in use"},
	pay.KeyBusy:      {http.StatusConflict, "idempotency-key-in-use", "Idempotency key in use"},
	pay.TooMany:      {http.StatusTooManyRequests, "too-many-requests", "Too many requests"},
	pay.Refused:      badRequest,
	pay.Unavailable:  {http.StatusServiceUnavailable, "api-error", "Api error"},
}

// Errors of this wire alone.
var (
	errKeyMissing   = &pay.Error{Kind: pay.Invalid, Code: "idempotency_key_missing", Detail: "The Idempotency-Key header is required", Fields: []pay.Field{{Path: "Idempotency-Key", Code: codeRequired, Detail: "must not be empty"}}}
	errCapabilities = &pay.Error{Kind: pay.Invalid, Code: "capabilities_missing", Detail: "The processing terminal lacks a feature that the request needs", Fields: []pay.Field{{Path: "processingTerminalId", Code: codeFeature, Detail: "has not the feature enabled"}}}
	errAccept       = &pay.Error{Kind: pay.Refused, Code: "not_acceptable", Detail: "The answer is application/json, which the Accept header excludes"}
	errTerminal     = &pay.Error{Kind: pay.NotFound, Code: "terminal_not_found", Detail: "there is no such processing terminal"}
	errContentType  = &pay.Error{Kind: pay.Refused, Code: "unsupported_media_type", Detail: "The Content-Type header must be application/json"}
)

// problemOfCode words errors that a kind does not tell apart.
var problemOfCode = map[string]problem{
	errKeyMissing.Code:   {http.StatusBadRequest, "idempotency-key-missing", "Idempotency key missing"},
	errCapabilities.Code: {http.StatusBadRequest, "capabilities-missing", "Capabilities missing"},
	errAccept.Code:       {http.StatusNotAcceptable, "not-acceptable", "Not acceptable"},
	errContentType.Code:  {http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported media type"},
	"body_too_large":     {http.StatusRequestEntityTooLarge, "payload-too-large", "Payload too large"},
	web.ErrMethod.Code:   {http.StatusMethodNotAllowed, "bad-request", "Method not allowed"},
}

// Codes of faults, and what the wire shortly says of them.
const (
	codeRequired  = "required"
	codeFormat    = "invalid_format"
	codeValue     = "invalid_value"
	codeLength    = "invalid_length"
	codeRange     = "out_of_range"
	codeLocked    = "locked"
	codeDuplicate = "duplicate"
	codeFeature   = "feature_off"
)

var reasonOf = map[string]string{
	codeRequired: "Required field not populated", codeFormat: "Invalid format", codeValue: "Invalid value", codeLength: "Invalid length",
	codeRange: "Value out of range", codeLocked: "Property cannot be updated", codeDuplicate: "Duplicate value", codeFeature: "Feature not enabled",
	"unknown_currency": "Invalid value", "in_the_past": "Value out of range", "too_small": "Value out of range", "too_large": "Value out of range",
	"too_long": "Invalid length", "card_data_not_accepted": "Card data not accepted",
}

// wireFields are our names of fields on this wire.
var wireFields = map[string]string{
	"expires_at": "expiresOn", "currency": "order.charge.currency", "amount": "order.charge.amount", "description": "order.description",
	"reference": "merchantReference", "page.pay_label": "customLabels", "methods.allowed": "paymentMethods",
}

// resourceOf is what an address names, by its beginning.
var resourceOf = []struct{ prefix, resource string }{
	{"/v1/processing-terminals/", "processingTerminal"},
	{"/v1/payment-links/", "paymentLink"},
	{"/v1/payments/", "payment"},
}

// Fail words err.
func (d *payroc) Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := web.ErrorOf(err)
	p, ok := problemOfCode[e.Code]
	if !ok {
		if p, ok = problemOf[e.Kind]; !ok {
			p = problemOf[pay.Internal]
		}
	}
	out := problemOut{Type: typeBase + p.fragment, Title: p.title, Status: p.status, Detail: detailOf(e), Instance: d.base(r) + r.URL.RequestURI()}
	switch {
	case p.status >= 500:
		out.Errors = []faultOut{{Message: out.Detail}}
	case p.status == http.StatusNotFound, p.status == http.StatusForbidden:
		out.Resource = resource(r.URL.Path, e)
	case p.status == http.StatusBadRequest:
		out.Errors = faultsOf(e, r.URL.Path)
	}
	if after := web.RetryAfter(e); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if web.JSONAs(w, p.status, "application/problem+json", out) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// detailOf is a sentence for the caller; nothing of what went wrong inside.
func detailOf(e *pay.Error) string {
	switch {
	case e.Kind == pay.Internal, e.Kind == pay.Unavailable:
		return "Something went wrong on our side, please try again later"
	case e.Kind == pay.Unauthorized:
		return "The credential is missing, unknown, expired or revoked: send a bearer token of the authorize endpoint, or there the API key in x-api-key"
	case e.Kind == pay.Invalid && e.Code != errKeyMissing.Code && e.Code != errCapabilities.Code:
		return detailInvalid
	}
	return detailed(e)
}

func detailed(e *pay.Error) string {
	if e.Detail == "" {
		return http.StatusText(problemOf[e.Kind].status)
	}
	return strings.ToUpper(e.Detail[:1]) + e.Detail[1:]
}

// resource is the kind of thing that was not found.
func resource(path string, e *pay.Error) string {
	if e.Code == errTerminal.Code {
		return "processingTerminal"
	}
	for _, of := range resourceOf {
		if strings.HasPrefix(path, of.prefix) {
			return of.resource
		}
	}
	return ""
}

// faultsOf are all parameters at fault; an error without any is of the body.
func faultsOf(e *pay.Error, path string) []faultOut {
	if len(e.Fields) == 0 {
		return []faultOut{{"body", reasonOf[codeFormat], detailed(e) + "."}}
	}
	out := make([]faultOut, 0, len(e.Fields))
	for _, f := range e.Fields {
		parameter := f.Path
		if wire, ok := wireFields[f.Path]; ok && !strings.HasPrefix(path, "/v1/payments/") { // a capture has an amount of its own
			parameter = wire
		}
		reason, ok := reasonOf[f.Code]
		if !ok {
			reason = reasonOf[codeFormat]
		}
		out = append(out, faultOut{parameter, reason, sentence(parameter, f.Detail)})
	}
	return out
}

// sentence is the full message about a parameter, by its last name.
func sentence(parameter, detail string) string {
	last := parameter[strings.LastIndexByte(parameter, '.')+1:]
	return "'" + last + "' " + detail + "."
}

// invalid is an error about one parameter.
func invalid(path, code, detail string) error {
	var bad pay.Faults
	bad.Add(path, code, detail)
	return bad.Err()
}
