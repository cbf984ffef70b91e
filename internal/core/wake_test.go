package core_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// Nothing polls here: only the other node's word can wake.
func TestNeighborsWake(t *testing.T) {
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		t.Log("TEST_POSTGRES is not set: two nodes need PostgreSQL")
		return
	}
	o := store.Options{URL: storetest.Database(t, server)}
	one, two := coretest.New(t, o), coretest.New(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	listening := make(chan struct{}, 64)
	var nodes sync.WaitGroup
	nodes.Go(func() { one.Store.Neighbors(ctx, slog.New(slog.DiscardHandler), func() {}) })
	nodes.Go(func() {
		two.Store.Neighbors(ctx, slog.New(slog.DiscardHandler), func() {
			two.Wake()
			listening <- struct{}{}
		})
	})
	defer nodes.Wait()
	defer cancel()
	told := func(what string) {
		t.Helper()
		select {
		case <-listening:
		case <-time.After(10 * time.Second):
			t.Fatalf("waited in vain: %s", what)
		}
		<-two.DeliveriesWake()
		<-two.OperationsWake()
	}
	told("the first listening")
	if _, err := one.CreateEndpoint(ctx, one.Shop, core.NewEndpoint{URL: "http://127.0.0.1:9/"}); err != nil {
		t.Fatal(err)
	}
	one.Link(t, nil)
	told("a delivery written by the other node")

	admin, err := pgx.Connect(ctx, o.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
	told("listening again after the connection was cut")
	one.Link(t, nil)
	told("a delivery written after that")

	two.Link(t, nil)
	select {
	case <-listening:
		t.Error("a node woke itself by way of the database")
	case <-time.After(300 * time.Millisecond):
	}
}

func TestOwnWorkWakes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		woken := func() bool {
			select {
			case <-w.DeliveriesWake():
				return true
			default:
				return false
			}
		}
		if w.Link(t, nil); woken() {
			t.Error("a link that nobody is to hear of woke the workers")
		}
		if _, err := w.CreateEndpoint(context.Background(), w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:9/"}); err != nil {
			t.Fatal(err)
		}
		if w.Link(t, nil); !woken() {
			t.Error("a delivery was written, and nobody was woken")
		}
	})
}
