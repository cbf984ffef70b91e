package pay

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what the caller can do about an error; a closed set.
type Kind int

// The kinds. Each edge gives every one of them a status of its own.
const (
	Internal     Kind = iota // our fault; try again later
	Invalid                  // the request breaks a rule: see Fields
	Unauthorized             // no credential, or not a good one
	Forbidden                // a good credential that may not do this
	NotFound                 // unknown, or another tenant's
	Conflict                 // the thing is not in a state that allows it
	KeyReused                // an idempotency key was used for another request
	KeyBusy                  // the first request with this key is still running
	TooMany                  // a limit on the rate; RetryAfter says when
	Refused                  // well-formed, but not accepted: card data, limits of a plan
	Unavailable              // a part that is needed does not answer now
)

// Error is the one error type that crosses packages. Detail and Fields are for
// the caller and never echo input; Err is for the log.
type Error struct {
	Kind       Kind
	Code       string // stable, for machines: "invalid_state"
	Detail     string
	Fields     []Field // with Invalid: every field at fault, not only the first
	RetryAfter int     // seconds, with TooMany and KeyBusy; 0 is unknown
	Err        error
}

// Field is one field at fault, named by its path in the native API.
type Field struct {
	Path   string // "amount", "items[2].quantity"
	Code   string // "too_small", "required"
	Detail string // "must be greater than zero"
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	for i, f := range e.Fields {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep + f.Path + " " + f.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare by code, so that the variables below are enough.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errors that carry nothing of the case at hand.
var (
	ErrNotFound     = &Error{Kind: NotFound, Code: "not_found", Detail: "there is no such object"}
	ErrUnauthorized = &Error{Kind: Unauthorized, Code: "unauthorized", Detail: "the credential is missing, unknown, expired or revoked"}
	ErrKeyReused    = &Error{Kind: KeyReused, Code: "idempotency_key_reused", Detail: "the idempotency key was used for a different request"}
	ErrKeyBusy      = &Error{Kind: KeyBusy, Code: "idempotency_in_progress", Detail: "the first request with this idempotency key is still running", RetryAfter: 1}
	ErrReference    = &Error{Kind: Conflict, Code: "reference_conflict", Detail: "unique_reference belongs to a link with other content"}
	ErrLinkChanged  = &Error{Kind: Internal, Code: "link_changed", Detail: "another change came first; try again"}
	ErrBound        = &Error{Kind: Conflict, Code: "processor_payment_bound", Detail: "the processor's payment belongs to another attempt"}
	ErrTotal        = &Error{Kind: Conflict, Code: "total_changed", Detail: "what was chosen comes to another total than the one that was shown"}
	ErrTaken        = &Error{Kind: Conflict, Code: "link_taken", Detail: "another payment is being made on this link"}
)

// ErrState says that what is asked is not possible in the present state.
func ErrState(format string, args ...any) *Error {
	return &Error{Kind: Conflict, Code: "invalid_state", Detail: fmt.Sprintf(format, args...)}
}

// KindOf is the kind of err: Internal for anything that is not an *Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Faults gathers every field at fault of one request.
type Faults struct{ fields []Field }

// Add notes one field at fault.
func (f *Faults) Add(path, code, detail string) {
	f.fields = append(f.fields, Field{path, code, detail})
}

// Merge takes over the fields of err when it is an Invalid error, put under
// prefix; it returns any other error.
func (f *Faults) Merge(prefix string, err error) error {
	var e *Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &e) || e.Kind != Invalid {
		return err
	}
	for _, field := range e.Fields {
		f.Add(prefix+field.Path, field.Code, field.Detail)
	}
	return nil
}

// Err is nil when no field was at fault.
func (f *Faults) Err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: "invalid_request", Detail: "the request is not valid", Fields: f.fields}
}
