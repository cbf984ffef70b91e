package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"paylink/internal/app"
	"paylink/internal/auth"
	"paylink/internal/config"
	"paylink/internal/core"
	"paylink/internal/pay"
)

// wrappingKey is the same in every server of a run. It guards nothing.
var wrappingKey = strings.Repeat("ab", 32)

// world is the product in this process, without its background work.
type world struct {
	*app.App
	who pay.Caller
}

// openWorld opens the installation in dir, or at database, and makes the merchant.
func openWorld(ctx context.Context, dir, database string) (*world, error) {
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(wrappingKey+"\n"), 0o600); err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, config.Settings{
		Listen: "127.0.0.1:0", Data: dir, Database: database, KeyFile: key, LogFormat: "text", Limit: map[string]string{"requests": "off"},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	w := &world{App: a}
	if _, err = a.Provision(ctx, strings.NewReader(provision(""))); err == nil {
		w.who, err = a.Core.AuthenticateKey(ctx, apiKey, "req_bench")
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) close() { w.Stop(context.Background()) } // nothing runs that could fail to stop

// linkName is how a link is asked for.
type linkName struct{ id, token string }

func (l linkName) tokenHash() string { return auth.LookupHash("token", l.token) }

// create makes a link through the whole HTTP handler.
func (w *world) create(key string) (linkName, error) {
	r := httptest.NewRequest("POST", "/v1/payment_links", strings.NewReader(`{"amount":1050,"currency":"USD","description":"Two field guides","reference":"`+key+`"}`))
	r.Header.Set("Authorization", "Bearer "+apiKey)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	out := httptest.NewRecorder()
	w.Handler.ServeHTTP(out, r)
	if out.Code != http.StatusCreated {
		return linkName{}, fmt.Errorf("creating a link: %d %s", out.Code, out.Body)
	}
	var made struct{ ID, URL string }
	if err := json.Unmarshal(out.Body.Bytes(), &made); err != nil {
		return linkName{}, err
	}
	return linkName{made.ID, made.URL[strings.LastIndexByte(made.URL, '/')+1:]}, nil
}

const (
	storeAtOnce = 128  // creations under way: they share flushes
	sampleSize  = 1000 // links that are asked for, evenly spread over those stored
)

// storeLinks stores count links in dir and names a sample of them.
func storeLinks(ctx context.Context, dir string, count int) ([]linkName, error) {
	w, err := openWorld(ctx, dir, "")
	if err != nil {
		return nil, err
	}
	defer w.close()
	var (
		next   atomic.Int64
		mu     sync.Mutex
		sample []linkName
		failed error
		all    sync.WaitGroup
	)
	every := int64(max(1, count/sampleSize))
	for range storeAtOnce {
		all.Go(func() {
			for n := next.Add(1); n <= int64(count); n = next.Add(1) {
				made, err := w.Core.CreateLink(ctx, w.who, core.CreateLink{Link: pay.Link{
					Price: pay.Price{Currency: "USD", Amount: 1050}, Use: pay.Use{Max: 1},
					Description: "Two field guides", Reference: fmt.Sprintf("stored-%d", n),
				}})
				if err == nil && n%every != 0 {
					continue
				}
				mu.Lock()
				sample = append(sample, linkName{string(made.Link.ID), made.Link.Token})
				failed = err
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for err := error(nil); failed == nil && err == nil; { // their places in the feed, as if they had been made over days
		var n int64
		if n, err = w.Store.Number(ctx, w.who.Tenant); n == 0 {
			return sample, err
		}
	}
	return sample, failed
}
