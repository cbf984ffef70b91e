// Package egress is the one HTTP client that leaves the house: webhooks, logo
// fetches, processors and messages alike go through it. It refuses addresses
// that are not on the public internet and puts a limit on everything the other
// side can do: time, bytes, headers, interim answers.
//
// It never follows a redirect, keeps a cookie, uses a proxy, decompresses an
// answer, or puts a word of the answer into an error. It tries once: when to try
// again is the caller's business. The rules are THREATS 10 and A36, DECISIONS 24.
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	defaultTimeout = 15 * time.Second // of a whole exchange, name lookup to last byte (A36)
	maxTimeout     = 60 * time.Second // what a caller may ask for
	connectTimeout = 10 * time.Second // lookup and connect; the TLS handshake has as much again
	idleTimeout    = 30 * time.Second // of a connection kept for the next request

	maxRead           = 64 << 10 // bytes of an answer's body that are read
	defaultKeep       = 4 << 10  // bytes of them that are kept
	maxKeep           = 1 << 20  // what a caller may ask to read and keep: a logo
	maxAnswerHead     = 32 << 10 // bytes of all heads of one answer, the interim (1xx) ones included
	maxSend           = 1 << 20  // bytes of a request's body
	maxSendHead       = 16 << 10 // bytes of a request's headers
	maxIdle           = 256      // kept connections in all
	maxIdlePerAddress = 8        // kept connections to one host and port

	userAgent = "Paylink"
)

// Client sends requests out of the house. It is safe for use by many
// goroutines; one is enough for a process.
type Client struct {
	live *lane
	test *lane
}

// lane is the way out of one mode. The modes never share a connection, or one
// opened under the looser rules of test mode could carry a live request.
type lane struct {
	guard     guard
	transport *http.Transport
}

// Request is one HTTP request.
type Request struct {
	Method  string        // GET, HEAD, POST, PUT, PATCH or DELETE; empty is GET, or POST with a body
	URL     string        // checked by the rules of CheckURL once more
	Live    bool          // live mode: https to public addresses only
	Header  http.Header   // without Host, Content-Length and what else belongs to the connection
	Body    []byte        // at most 1 MiB
	Timeout time.Duration // of the whole exchange; zero is 15 s, more than 60 s is 60 s
	Keep    int           // bytes of the answer's body to keep; zero is 4 KiB, more than 1 MiB is 1 MiB
}

// Answer is what came back. All of it is the other side's word: escape it
// before showing it, and parse it strictly.
type Answer struct {
	Status    int // as received: a 3xx is an answer like any other
	Header    http.Header
	Body      []byte // the first Request.Keep bytes as sent, never decompressed
	Truncated bool   // the body went on after Body
}

// New makes the client. The networks of allowPrivate, which an operator named,
// are exempt from the rules on addresses, schemes and ports in test mode; live
// mode knows no exemption. A tenant never gets to name one.
func New(allowPrivate []netip.Prefix) *Client {
	resolver := &net.Resolver{PreferGo: true} // no threads held by slow names, no plug-ins of the system
	return newClient(allowPrivate, resolver.LookupNetIP, net.InterfaceAddrs, nil)
}

// newClient is New with the world as arguments: the name lookup, the addresses
// of this machine, and the authorities to trust (nil for the system's).
func newClient(allow []netip.Prefix, lookup lookupFunc, own ownFunc, roots *x509.CertPool) *Client {
	return &Client{
		live: newLane(newGuard(nil, livePorts, lookup, own), roots),
		test: newLane(newGuard(allow, testPorts, lookup, own), roots),
	}
}

func newLane(g guard, roots *x509.CertPool) *lane {
	// HTTP/1.1 only: with HTTP/2 the requests of many merchants would share one
	// connection, and with it the flow control and the bad manners of its server.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &lane{guard: g, transport: &http.Transport{
		Proxy:                  nil, // a proxy would dial for us, behind the guard's back
		DialContext:            g.dial,
		Protocols:              &protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerHead,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerAddress,
		IdleConnTimeout:        idleTimeout,
		// No MaxConnsPerHost: slow requests of one merchant would hold up those
		// of another to the same host. Whoever calls Do bounds how many run.
	}}
}

func (c *Client) lane(live bool) *lane {
	if live {
		return c.live
	}
	return c.test
}

// Do sends r and returns the answer, whatever its status. It is over at the
// deadline, however slowly the other side sends. When the answer's head came
// and its body did not, the Answer has what there is beside the error. Only when
// a kept connection proves dead is r sent anew on a fresh one: if nothing of it
// had gone out, or if it is a GET or HEAD or has an Idempotency-Key.
// Errors: *Error, always; Invalid and Blocked mean that nothing was sent.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	req, err := c.request(r)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, within(r.Timeout, defaultTimeout, maxTimeout))
	defer cancel()

	// The transport itself, not an http.Client: it knows no redirects and no cookies.
	res, err := c.lane(r.Live).transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return Answer{}, failure(ctx, err)
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if a.Status == http.StatusSwitchingProtocols {
		return a, nil // its body is the bare connection, which no deadline ends
	}
	a.Body, a.Truncated, err = readBody(res.Body, within(r.Keep, defaultKeep, maxKeep))
	if err != nil {
		return a, failure(ctx, err)
	}
	return a, nil
}

// Close ends the connections kept for later requests.
func (c *Client) Close() {
	c.live.transport.CloseIdleConnections()
	c.test.transport.CloseIdleConnections()
}

// request checks all of r and makes the request of it.
func (c *Client) request(r Request) (*http.Request, error) {
	target, err := c.CheckURL(r.URL, r.Live)
	if err != nil {
		return nil, err
	}
	method, err := methodOf(r)
	if err != nil {
		return nil, err
	}
	if len(r.Body) > maxSend {
		return nil, invalid("the request's body is too large")
	}
	if err := checkHeader(r.Header); err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, invalid("the URL could not be understood")
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	return req, nil
}

// readBody reads at most maxRead bytes, or keep when that is more, and keeps
// the first keep of them. Reading on lets the connection serve again.
func readBody(body io.Reader, keep int) (kept []byte, truncated bool, err error) {
	kept, err = io.ReadAll(io.LimitReader(body, int64(keep)))
	if err != nil {
		return kept, false, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(body, int64(max(maxRead-keep, 1))))
	return kept, n > 0, err
}

// within is v, or fallback when v is not set, but never more than ceiling.
func within[T int | time.Duration](v, fallback, ceiling T) T {
	if v <= 0 {
		v = fallback
	}
	return min(v, ceiling)
}
