package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// Kind tells what the caller can do about an Error. The words are stable and
// may be stored.
type Kind string

// The kinds are a closed set.
const (
	Invalid  Kind = "invalid_request" // the URL, a header or a size breaks a rule; trying again will not help
	Blocked  Kind = "blocked_address" // the host is, or its name leads to, an address we do not call
	Timeout  Kind = "timeout"         // the exchange did not end in its time
	Network  Kind = "network"         // no connection, no trust in it, or no sound HTTP on it
	Canceled Kind = "canceled"        // the caller's context was canceled
)

// Error is every error of this package. It holds nothing the other side said
// and no address we found, so its text may be shown to a merchant and logged.
type Error struct {
	Kind   Kind
	Detail string // one sentence without a full stop
}

// Error is the detail, for people.
func (e *Error) Error() string {
	return e.Detail
}

func invalid(detail string) *Error {
	return &Error{Kind: Invalid, Detail: detail}
}

var errBlocked = &Error{Kind: Blocked, Detail: "the address is not a public one, or its port is not allowed"}

// failure words an error of the network in our own words alone, for the text of
// net/http quotes the other side.
func failure(ctx context.Context, err error) *Error {
	var (
		own    *Error
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
		netErr net.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Canceled, "the request was given up"}
	case ctx.Err() != nil, errors.As(err, &netErr) && netErr.Timeout():
		return &Error{Timeout, "the server did not answer in time"}
	case errors.As(err, &dns):
		return &Error{Network, "the host's name could not be resolved"}
	case errors.As(err, &cert):
		return &Error{Network, "the server's certificate is not valid for this host"}
	case errors.As(err, &record), errors.As(err, &alert):
		return &Error{Network, "no secure connection could be agreed on"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Network, "the server refused the connection"}
	}
	return &Error{Network, "the connection broke, or the answer was not valid or too large"}
}
