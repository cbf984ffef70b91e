package egress

import (
	"net/http"
	"slices"
	"strings"
)

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// connectionHeaders belong to the connection, which is ours. Merchants choose
// some of the headers we send, and these would let them choose the host, frame
// a second request, or turn the connection into something else.
var connectionHeaders = []string{
	"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// methodOf is the method of r, or the usual one for it.
func methodOf(r Request) (string, error) {
	switch {
	case slices.Contains(methods, r.Method):
		return r.Method, nil
	case r.Method != "":
		return "", invalid("the method is not one that can be sent")
	case len(r.Body) > 0:
		return http.MethodPost, nil
	}
	return http.MethodGet, nil
}

// checkHeader refuses headers that are not the caller's to set or that could
// break out of their line.
func checkHeader(h http.Header) error {
	size := 0
	for name, values := range h {
		if name == "" || strings.Trim(name, tokenBytes) != "" {
			return invalid("a header's name has characters it must not have")
		}
		if slices.Contains(connectionHeaders, http.CanonicalHeaderKey(name)) {
			return invalid("the header " + name + " cannot be set")
		}
		for _, v := range values {
			if strings.ContainsFunc(v, isControl) {
				return invalid("the header " + name + " has characters it must not have")
			}
			size += len(name) + len(v)
		}
	}
	if size > maxSendHead {
		return invalid("the request's headers are too large")
	}
	return nil
}

// tokenBytes are the characters of a header's name, RFC 9110 5.6.2.
const tokenBytes = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isControl tells the characters a header's value must not have; a tab is fine.
func isControl(r rune) bool {
	return (r < ' ' && r != '\t') || r == 0x7f
}
