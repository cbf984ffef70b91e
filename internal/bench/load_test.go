package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCallerReadsWholeAnswers(t *testing.T) {
	long := strings.Repeat("0123456789", 1000) // net/http sends it in chunks
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			io.WriteString(w, long) // the caller's test sees it
		case "/echo":
			io.Copy(w, r.Body) // likewise
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	c, err := dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for _, want := range []struct {
		path, sent, body string
		status           int
	}{
		{"/long", "", long, 200}, {"/echo", `{"a":1}`, `{"a":1}`, 200}, {"/none", "", "", 204}, {"/long", "", long, 200},
	} {
		status, body, wire, err := c.do(request("POST", want.path, address, "", want.sent))
		if err != nil || status != want.status || string(body) != want.body || wire <= len(body) {
			t.Errorf("%s gives %d, %d bytes of %d, %v; want %d and %d bytes", want.path, status, len(body), wire, err, want.status, len(want.body))
		}
	}
}

// A server that stands still makes what was due meanwhile late, too.
func TestOpenLoopCountsFromWhenDue(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) == 1 {
			time.Sleep(200 * time.Millisecond)
		}
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	times, err := openLoop(context.Background(), address, 1, 100, 300*time.Millisecond, 200, func(int64) []byte { return request("GET", "/", address, "", "") })
	if err != nil {
		t.Fatal(err)
	}
	if len(times) != 30 || times[5] < 100*time.Millisecond {
		t.Errorf("%d answers, the sixth after %s", len(times), times[5])
	}
}

func TestClosedLoopRefusesAnotherStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := server.Listener.Addr().String()
	_, err := closedLoop(context.Background(), address, 2, time.Second, 200, func(int64) []byte { return request("GET", "/", address, "", "") })
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the error is %v", err)
	}
}
