package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// shop is a merchant who reads Standard Webhooks with nothing but the standard
// library, so that a mistake of ours and one of a library cannot cancel out.
type shop struct {
	server *httptest.Server

	mu   sync.Mutex
	told map[string][]string // types of events by link, as they came
	seen []string            // webhook ids
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{told: map[string][]string{}}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.hear(t, r) }))
	t.Cleanup(s.server.Close)
	return s
}

// hear takes a webhook; what is signed wrongly is an error of the test.
func (s *shop) hear(t *testing.T, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/native" {
		return
	}
	id := r.Header.Get("Webhook-Id")
	if !signed(r.Header, body) {
		t.Errorf("webhook %s: the signature is wrong: %v", id, r.Header)
	}
	var event struct {
		Type     string `json:"type"`
		LinkID   string `json:"link_id"`
		Sequence int    `json:"sequence"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		t.Errorf("webhook %s: %v", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.seen, id) {
		return // told twice is allowed
	}
	s.seen = append(s.seen, id)
	s.told[event.LinkID] = append(s.told[event.LinkID], event.Type)
	if n := len(s.told[event.LinkID]); event.Sequence != n {
		t.Errorf("event %d of link %s came as number %d", event.Sequence, event.LinkID, n)
	}
}

// signed checks a signature by the words of the standard: HMAC-SHA256 over
// "id.timestamp.body", now.
func signed(h http.Header, body []byte) bool {
	at, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(strings.Fields(h.Get("Webhook-Signature")), want)
}

// heard are the types of events the shop was told of a link, in order.
func (s *shop) heard(link string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told[link])
}
