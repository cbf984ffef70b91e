package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestExchange(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprintf(w, "%s %s %s %q %q %s", r.Method, r.RequestURI, r.UserAgent(), r.Header["Accept-Encoding"], r.Header["X-Sig"], body)
	})
	c := client(t, nil, nil)
	header := http.Header{"X-Sig": {"s"}}
	a, err := c.Do(t.Context(), Request{URL: url + "/h?a=%20", Header: header, Body: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 429 || a.Header.Get("Retry-After") != "7" || a.Truncated {
		t.Errorf("answer is %+v", a)
	}
	if got, want := string(a.Body), `POST /h?a=%20 Paylink [] ["s"] hello`; got != want {
		t.Errorf("the server saw %s, want %s", got, want)
	}
	if len(header) != 1 {
		t.Errorf("the caller's header was changed: %v", header)
	}
	a, err = c.Do(t.Context(), Request{URL: url, Header: http.Header{"User-Agent": {"Mine"}}})
	if err != nil || !strings.HasPrefix(string(a.Body), "GET / Mine") {
		t.Errorf("the server saw %s, %v", a.Body, err)
	}
}

func TestRequestRules(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came through") })
	for name, r := range map[string]Request{
		"bad URL":        {URL: "ftp://127.0.0.1/"},
		"live http":      {URL: url, Live: true},
		"CONNECT":        {URL: url, Method: "CONNECT"},
		"odd method":     {URL: url, Method: "get\r\n"},
		"body":           {URL: url, Body: make([]byte, maxSend+1)},
		"header size":    {URL: url, Header: http.Header{"X": {strings.Repeat("a", maxSendHead)}}},
		"header break":   {URL: url, Header: http.Header{"X": {"a\r\nY: b"}}},
		"header NUL":     {URL: url, Header: http.Header{"X": {"\x00"}}},
		"header name":    {URL: url, Header: http.Header{"X Y": {"a"}}},
		"no header name": {URL: url, Header: http.Header{"": {"a"}}},
		"Host":           {URL: url, Header: http.Header{"host": {"inside"}}},
		"Upgrade":        {URL: url, Header: http.Header{"Upgrade": {"h2c"}}},
		"framing":        {URL: url, Header: http.Header{"Transfer-Encoding": {"chunked"}}},
		"length":         {URL: url, Header: http.Header{"content-length": {"1"}}},
		"Expect":         {URL: url, Header: http.Header{"Expect": {"100-continue"}}},
		"proxy password": {URL: url, Header: http.Header{"Proxy-Authorization": {"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, nil, nil).Do(t.Context(), r)
			wantKind(t, err, Invalid)
		})
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	inside := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside, status) })
		a, err := client(t, nil, nil).Do(t.Context(), Request{URL: url})
		if err != nil || a.Status != status || a.Header.Get("Location") != inside {
			t.Errorf("%d: answer is %+v, %v", status, a, err)
		}
	}
}

func TestCookiesAreForgotten(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if c := r.Header.Get("Cookie"); c != "" {
			t.Errorf("a cookie came back: %s", c)
		}
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1"})
	})
	c := client(t, nil, nil)
	for range 2 {
		if _, err := c.Do(t.Context(), Request{URL: url}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMain has set a proxy that does not exist. Addresses of loopback would pass
// it by; names do not.
func TestProxyIsIgnored(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := &names{answers: map[string][][]string{"shop.example.": {{"127.0.0.1"}}}}
	if _, err := client(t, n, nil).Do(t.Context(), Request{URL: "http://shop.example:" + port(t, url) + "/"}); err != nil {
		t.Fatal(err)
	}
}

func TestBodyLimits(t *testing.T) {
	for _, tc := range []struct {
		size, keep, kept int
		truncated        bool
	}{
		{0, 0, 0, false},
		{defaultKeep, 0, defaultKeep, false},
		{defaultKeep + 1, 0, defaultKeep, true},
		{10, 4, 4, true},
		{300_000, 300_000, 300_000, false},
		{maxKeep + 1, maxKeep * 2, maxKeep, true},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.Repeat([]byte("a"), tc.size)) })
		a, err := client(t, nil, nil).Do(t.Context(), Request{URL: url, Keep: tc.keep})
		if err != nil || len(a.Body) != tc.kept || a.Truncated != tc.truncated {
			t.Errorf("%+v: kept %d, truncated %t, %v", tc, len(a.Body), a.Truncated, err)
		}
	}
}

// A body without end is read to the limit and no further.
func TestEndlessBody(t *testing.T) {
	const enough = 64 << 20
	took := make(chan int, 1)
	url := play(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		sent, chunk := 0, make([]byte, 32<<10)
		for sent < enough {
			n, err := conn.Write(chunk)
			if sent += n; err != nil {
				break
			}
		}
		took <- sent
	})
	a, err := client(t, nil, nil).Do(t.Context(), Request{URL: url})
	if err != nil || len(a.Body) != defaultKeep || !a.Truncated {
		t.Fatalf("kept %d, truncated %t, %v", len(a.Body), a.Truncated, err)
	}
	if sent := <-took; sent >= enough { // what the sockets hold is sent, too: some MiB
		t.Errorf("the server got rid of all of its %d bytes", sent)
	}
}

func TestCompressedStaysCompressed(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 1<<20))
	z.Close()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	a, err := client(t, nil, nil).Do(t.Context(), Request{URL: url})
	if err != nil || !bytes.Equal(a.Body, bomb.Bytes()) || a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes of %d, %v", len(a.Body), bomb.Len(), err)
	}
}

// Each server here would keep a client without a deadline waiting for ever.
func TestDeadline(t *testing.T) {
	drip := func(conn net.Conn, head, drop string) {
		io.WriteString(conn, head)
		for {
			if _, err := io.WriteString(conn, drop); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, tc := range map[string]struct {
		status int
		act    func(net.Conn)
	}{
		"silence":       {0, func(c net.Conn) { io.Copy(io.Discard, c) }},
		"dripping head": {0, func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX: ", "a") }},
		"dripping 1xx":  {0, func(c net.Conn) { drip(c, "", "HTTP/1.1 103 \r\n\r\n") }},
		"head only": {200, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			io.Copy(io.Discard, c)
		}},
		"dripping body":  {200, func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", "a") }},
		"dripping chunk": {200, func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a, err := client(t, nil, nil).Do(t.Context(), Request{URL: play(t, tc.act), Timeout: 150 * time.Millisecond})
			wantKind(t, err, Timeout)
			if a.Status != tc.status {
				t.Errorf("status is %d, want %d", a.Status, tc.status)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// The time of a slow name counts too.
func TestSlowName(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	slow := func(context.Context, string, string) ([]netip.Addr, error) {
		<-block // deaf to its context, too
		return nil, nil
	}
	_, err := newClient(loopback, slow, noOwn, nil).Do(t.Context(), Request{URL: "https://slow.example/", Timeout: 50 * time.Millisecond})
	wantKind(t, err, Timeout)
}

func TestSwitchedProtocolEnds(t *testing.T) {
	url := play(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		io.Copy(io.Discard, c) // until the client hangs up
	})
	a, err := client(t, nil, nil).Do(t.Context(), Request{URL: url, Timeout: 5 * time.Second})
	if err != nil || a.Status != 101 || len(a.Body) != 0 {
		t.Errorf("answer is %+v, %v", a, err)
	}
}

// What these servers send is never seen in the error.
func TestBrokenAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, act := range map[string]func(net.Conn){
		"nothing":        func(net.Conn) {},
		"no HTTP":        func(c net.Conn) { io.WriteString(c, "<script>canary</script>\r\n\r\n") },
		"bad status":     func(c net.Conn) { io.WriteString(c, "HTTP/1.1 canary OK\r\n\r\n") },
		"bad header":     func(c net.Conn) { io.WriteString(c, ok+"canary\r\n\r\n") },
		"two lengths":    func(c net.Conn) { io.WriteString(c, ok+"Content-Length: 1\r\nContent-Length: 2\r\n\r\ncanary") },
		"bad length":     func(c net.Conn) { io.WriteString(c, ok+"Content-Length: -1\r\n\r\ncanary") },
		"short body":     func(c net.Conn) { io.WriteString(c, ok+"Content-Length: 99\r\n\r\ncanary") },
		"bad chunk":      func(c net.Conn) { io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\ncanary\r\n") },
		"odd encoding":   func(c net.Conn) { io.WriteString(c, ok+"Transfer-Encoding: canary\r\n\r\n") },
		"endless status": func(c net.Conn) { flood(c, "HTTP/1.1 200 canary", 1<<20) },
		"endless header": func(c net.Conn) { io.WriteString(c, ok+"X: "); flood(c, "canary", 1<<20) },
		"header flood":   func(c net.Conn) { io.WriteString(c, ok); flood(c, "X: canary\r\n", 1<<20); io.WriteString(c, "\r\n") },
		"1xx flood":      func(c net.Conn) { flood(c, "HTTP/1.1 103 canary\r\n\r\n", 1<<20); io.WriteString(c, ok+"\r\n") },
		"100 flood":      func(c net.Conn) { flood(c, "HTTP/1.1 100 \r\n\r\n", 1<<20); io.WriteString(c, ok+"\r\n") },
		"trailer flood": func(c net.Conn) {
			io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n")
			flood(c, "X: y\r\n", 1<<20)
		},
		"chunk extension": func(c net.Conn) {
			io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n1;")
			flood(c, "canary", 1<<20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, nil, nil).Do(t.Context(), Request{URL: play(t, act), Timeout: 5 * time.Second})
			wantKind(t, err, Network)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	_, err = client(t, nil, nil).Do(t.Context(), Request{URL: url})
	wantKind(t, err, Network)
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := play(t, func(c net.Conn) { cancel(); io.Copy(io.Discard, c) })
	_, err := client(t, nil, nil).Do(ctx, Request{URL: url})
	wantKind(t, err, Canceled)
}

func TestTLS(t *testing.T) {
	start := func(change func(*tls.Config)) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
		s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
		s.EnableHTTP2 = true
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		change(s.TLS)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	n := &names{answers: map[string][][]string{"example.com.": {{"127.0.0.1"}}, "other.test.": {{"127.0.0.1"}}}}
	modern := start(func(*tls.Config) {})
	old := start(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	roots := modern.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs

	c := client(t, n, roots) // the test certificate is for example.com
	a, err := c.Do(t.Context(), Request{URL: "https://example.com:" + port(t, modern.URL) + "/"})
	if err != nil || string(a.Body) != "HTTP/1.1" {
		t.Errorf("trusted: %s, %v", a.Body, err)
	}
	for name, do := range map[string]func() error{
		"unknown authority": func() error {
			_, err := client(t, n, nil).Do(t.Context(), Request{URL: "https://example.com:" + port(t, modern.URL) + "/"})
			return err
		},
		"another name": func() error {
			_, err := c.Do(t.Context(), Request{URL: "https://other.test:" + port(t, modern.URL) + "/"})
			return err
		},
		"TLS 1.1": func() error {
			_, err := c.Do(t.Context(), Request{URL: "https://example.com:" + port(t, old.URL) + "/"})
			return err
		},
		"no TLS": func() error {
			plain := serve(t, func(http.ResponseWriter, *http.Request) {})
			_, err := c.Do(t.Context(), Request{URL: strings.Replace(plain, "http", "https", 1)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, do(), Network) })
	}
}

// Many requests hang at one host; another to the same host is not held up.
func TestSlowOnesHoldUpNobody(t *testing.T) {
	const slow = 64
	var hanging atomic.Int32
	all, release := make(chan struct{}), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			if hanging.Add(1) == slow {
				close(all)
			}
			<-release
		}
	})
	c := client(t, nil, nil)
	var wait sync.WaitGroup
	for range slow {
		wait.Go(func() {
			if _, err := c.Do(t.Context(), Request{URL: url + "/slow"}); err != nil {
				t.Error(err)
			}
		})
	}
	<-all
	_, err := c.Do(t.Context(), Request{URL: url + "/fast", Timeout: 2 * time.Second})
	close(release)
	wait.Wait()
	if err != nil {
		t.Errorf("the fast one: %v", err)
	}
}

// Connections serve again, and a Close ends those that wait.
func TestConnectionsServeAgain(t *testing.T) {
	var opened, closed atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("a", maxRead/2))
	}))
	done := make(chan struct{})
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			if closed.Add(1) == 1 {
				close(done)
			}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t, nil, nil)
	for range 5 {
		if _, err := c.Do(t.Context(), Request{URL: s.URL}); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
	c.Close()
	<-done
}

func TestDefaultsAndCeilings(t *testing.T) {
	for _, tc := range []struct{ asked, want time.Duration }{
		{0, defaultTimeout}, {-1, defaultTimeout}, {time.Second, time.Second}, {time.Hour, maxTimeout},
	} {
		if got := within(tc.asked, defaultTimeout, maxTimeout); got != tc.want {
			t.Errorf("within(%v) is %v, want %v", tc.asked, got, tc.want)
		}
	}
	a, err := New(loopback).Do(t.Context(), Request{URL: serve(t, func(http.ResponseWriter, *http.Request) {})})
	if err != nil || a.Status != 200 {
		t.Errorf("New's client: %+v, %v", a, err)
	}
	_, err = New(nil).CheckURL("http://127.0.0.1/", false)
	wantKind(t, err, Blocked)
}
