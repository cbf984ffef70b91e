package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLoadedBy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`@import "/more.css"; p { background: url('https://cdn.example/a.png') }`)) // the test sees it
	}))
	defer server.Close()
	p := &process{address: server.Listener.Addr().String()}
	got := (&bench{}).loadedBy(p, `<link rel="stylesheet" integrity="x" href="/a.css"><a href="/not-loaded">x</a>
		<img alt="" src="/l/t/qr.svg?a=1&amp;b=2"><script src="https://cdn.example/x.js"></script><link rel="icon" href="/a.css">`)
	want := []string{"/a.css", "/l/t/qr.svg?a=1&b=2", "https://cdn.example/x.js", "/more.css", "https://cdn.example/a.png"}
	if !slices.Equal(got, want) {
		t.Errorf("a browser loads %q, want %q", got, want)
	}
}

// The reference sends what the product sent: header and body.
func TestBareHandlerSendsTheSameAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answer")
	answer := "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-Frame-Options: DENY\r\nContent-Length: 4\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n\x1f\x8bab"
	if err := os.WriteFile(file, []byte(answer), 0o600); err != nil {
		t.Fatal(err)
	}
	handler, err := bareHandler(file)
	if err != nil {
		t.Fatal(err)
	}
	out := httptest.NewRecorder()
	handler.ServeHTTP(out, httptest.NewRequest("GET", "/page", nil))
	if out.Body.String() != "\x1f\x8bab" || out.Header().Get("X-Frame-Options") != "DENY" || out.Header().Get("Content-Encoding") != "gzip" || out.Header().Get("Date") != "" {
		t.Errorf("the answer is %v %q", out.Header(), out.Body)
	}
}
