package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"paylink/internal/config"
	"paylink/internal/store"
)

const (
	testKey        = "paylink_test_sk_endtoend0123456789"
	testPineID     = "4c2f6a10-3d5e-4b7a-9c81-d2e4f6a8b0c1"
	testPineSecret = "5f1c9a7e3b2d48c6a0e4d7f1928b6c3d"
	hookSecret     = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

// node is one server over real TCP.
type node struct {
	*App
	base string
	stop func()
}

// start runs a node until the test ends or stop is called.
func start(t *testing.T, s config.Settings, provision string) *node {
	t.Helper()
	s.LogFormat = "text"
	s.AllowPrivateWebhooks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.Limit = map[string]string{"submit": "off", "requests": "off"}
	if s.Listen == "" {
		s.Listen = freeAddress(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := Open(ctx, s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Provision(ctx, strings.NewReader(provision)); err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Serve(ctx, func() { close(ready) }) }()
	n := &node{App: a, base: s.BaseURL()}
	var once sync.Once
	n.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("stopping: %v", err)
			}
		})
	}
	t.Cleanup(n.stop)
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("serving: %v", err)
	}
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// settingsFor are the settings of a node on an engine.
func settingsFor(t *testing.T, o store.Options) config.Settings {
	t.Helper()
	if o.URL == "" {
		return config.Settings{Data: filepath.Dir(o.Path)}
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Settings{Data: t.TempDir(), Database: o.URL, KeyFile: key}
}

func provisionOf(hook string) string {
	return fmt.Sprintf(`
merchants:
  - id: shop
    name: Corner Shop
    country: IN
    mode: test
    keys:
      - {api: native, secret: %s}
      - {api: pinelabs, client_id: %s, client_secret: %s}
    webhooks:
      - {api: native, url: "%s/native", secret: "%s"}
      - {api: pinelabs, url: "%s/pinelabs"}
    settings:
      pinelabs: {merchant_id: "111302"}
`, testKey, testPineID, testPineSecret, hook, hookSecret, hook)
}

// call sends JSON and decodes the answer.
func call(t *testing.T, method, address, bearer string, body any) (status int, out map[string]any) {
	t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, address, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %d %s", method, address, resp.StatusCode, raw)
	}
	return resp.StatusCode, out
}

// submit posts the payer's form and follows to the page that results.
func submit(t *testing.T, address string, form url.Values) string {
	t.Helper()
	resp, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func show(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// sink is a merchant's server: it keeps what it was told and can be closed.
type sink struct {
	mu     sync.Mutex
	closed bool
	told   []message
	server *http.Server
	url    string
}

type message struct {
	path string
	id   string
	body map[string]any
}

func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{url: "http://" + l.Addr().String()}
	s.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.take(t, w, r) })}
	go s.server.Serve(l) // ends with Close
	t.Cleanup(func() { s.server.Close() })
	return s
}

func (s *sink) take(t *testing.T, w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/native" {
		hook, err := standardwebhooks.NewWebhook(hookSecret)
		if err != nil {
			t.Error(err)
			return
		}
		if err := hook.Verify(raw, r.Header); err != nil {
			t.Errorf("a webhook's signature: %v", err)
		}
	}
	m := message{path: r.URL.Path, id: r.Header.Get("webhook-id")}
	if err := json.Unmarshal(raw, &m.body); err != nil {
		t.Errorf("a webhook's body: %v", err)
	}
	s.told = append(s.told, m)
}

func (s *sink) close(closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = closed
}

// types are what the sink was told at a path, in order.
func (s *sink) types(path, member string) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.told {
		if m.path == path {
			list = append(list, fmt.Sprint(m.body[member]))
		}
	}
	return list
}

// eventually waits until ok, for what other goroutines bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}
