package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"paylink/internal/config"
)

// The bare address says what this is and leads to the documentation.
func TestHome(t *testing.T) {
	n := start(t, config.Settings{Data: t.TempDir()}, "merchants: []")
	read := func(address string) (int, string) {
		t.Helper()
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	docs := n.base + "/docs"
	if status, page := read(n.base + "/"); status != http.StatusOK || !strings.Contains(page, `<a href="`+docs+`">`) {
		t.Errorf("%d %s", status, page)
	}
	if status, page := read(docs); status != http.StatusOK || !strings.Contains(page, "/v1/payment_links") {
		t.Errorf("the documentation: %d", status)
	}
	if status, _ := read(n.base + "/nothing"); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", status)
	}
}
