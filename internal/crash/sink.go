package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"paylink/internal/pay"
)

// sink is the merchant's server: it takes every webhook and notes what is
// wrong with one when it comes.
type sink struct {
	url    string
	server *http.Server
	hook   *standardwebhooks.Webhook

	mu       sync.Mutex
	first    map[pay.EventID][sha256.Size]byte // digest of the body, when it first came
	last     map[pay.LinkID]int64              // highest sequence so far
	received int
	repeated int
	wrong    []string
}

func newSink() (*sink, error) {
	hook, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{
		url: "http://" + l.Addr().String() + "/hooks", hook: hook,
		first: map[pay.EventID][sha256.Size]byte{}, last: map[pay.LinkID]int64{},
	}
	s.server = &http.Server{Handler: s}
	go s.server.Serve(l) // ends with close
	return s, nil
}

func (s *sink) close() { s.server.Close() }

// ServeHTTP takes a webhook. One that a kill cut short was not received.
func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if problem := s.take(r.Header, body); problem != "" {
		s.wrong = append(s.wrong, "webhook: "+problem)
	}
}

// take notes a webhook and says what is wrong with it.
func (s *sink) take(header http.Header, body []byte) (problem string) {
	if err := s.hook.Verify(body, header); err != nil {
		return fmt.Sprintf("its signature: %v", err)
	}
	var event struct {
		ID   pay.EventID `json:"id"`
		Link pay.LinkID  `json:"link_id"`
		Seq  int64       `json:"sequence"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return fmt.Sprintf("its body: %v", err)
	}
	if id := header.Get(standardwebhooks.HeaderWebhookID); id != string(event.ID) {
		return fmt.Sprintf("event %s came with webhook-id %s", event.ID, id)
	}
	s.received++
	digest := sha256.Sum256(body)
	if first, again := s.first[event.ID]; again {
		s.repeated++
		if first != digest {
			return fmt.Sprintf("event %s of link %s was repeated with other bytes", event.ID, event.Link)
		}
		return ""
	}
	s.first[event.ID] = digest
	before := s.last[event.Link]
	s.last[event.Link] = event.Seq
	if event.Seq != before+1 {
		return fmt.Sprintf("link %s: event %d came right after event %d", event.Link, event.Seq, before)
	}
	return ""
}
