package egress

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"testing"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// TestMain names a proxy that does not exist. The environment is read once, so
// it must be there before the first request.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Setenv(name, "http://127.0.0.1:9")
	}
	os.Setenv("NO_PROXY", "")
	os.Exit(m.Run())
}

// names is a resolver by hand: each lookup of a name takes its next answer, and
// the last one stays.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	asked   []string
}

func (n *names) lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	queue := n.answers[host]
	if len(queue) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(queue) > 1 {
		n.answers[host] = queue[1:]
	}
	var addrs []netip.Addr
	for _, s := range queue[0] {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs, nil
}

// noOwn is a machine without addresses.
func noOwn() ([]net.Addr, error) { return nil, nil }

// client is a client that may call loopback in test mode, with its own names.
func client(t *testing.T, n *names, roots *x509.CertPool) *Client {
	t.Helper()
	if n == nil {
		n = &names{}
	}
	c := newClient(loopback, n.lookup, noOwn, roots)
	t.Cleanup(c.Close)
	return c
}

// serve starts an HTTP server and returns its URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// play starts a server that reads one request's head per connection and then
// does as it likes. It closes the connection when play is done.
func play(t *testing.T, act func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					act(conn)
				}
			})
		}
	})
	return "http://" + l.Addr().String()
}

// flood writes text until the other side hangs up or n bytes are gone.
func flood(w io.Writer, text string, n int) {
	for sent := 0; sent < n; sent += len(text) {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

// wantKind fails unless err is an *Error of the kind.
func wantKind(t *testing.T, err error, want Kind) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want kind %s", err, want)
	}
	if e.Kind != want {
		t.Fatalf("error is %s (%s), want %s", e.Kind, e.Detail, want)
	}
}

// port is the port of a URL that has one.
func port(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
