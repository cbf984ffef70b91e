package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const patience = 10 * time.Minute

// claim names what is claimed: "endpoint seq", sorted.
func claim(t *testing.T, s *store.Store) (names []string, list []pay.Delivery) {
	t.Helper()
	list, err := s.ClaimDeliveries(ctx, 100, patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		names = append(names, fmt.Sprint(d.Endpoint, " ", d.Link, " ", d.Seq))
	}
	slices.Sort(names)
	return names, list
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: claimed %q, want %q", what, got, want)
	}
}

// finish ends a try of d: delivered, or again after wait.
func finish(s *store.Store, d pay.Delivery, wait time.Duration) error {
	return s.InTx(ctx, func(tx *store.Tx) error {
		d.State, d.Tries = pay.DeliveryDelivered, d.Tries+1
		if wait > 0 {
			d.State, d.DueAt = pay.DeliveryPending, tx.Now().Add(wait)
		}
		return tx.FinishDelivery(ctx, d)
	})
}

// TestOnlyTheHeadOfALane: an event waits for the one before it on the same
// endpoint and link, and for nothing else (W2).
func TestOnlyTheHeadOfALane(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 2)
		s := list[0]
		endpoint(t, s, "we_a")
		endpoint(t, s, "we_b")
		l, other := newLink(t, s, nil), newLink(t, s, nil)
		for _, do := range []func(*pay.Tab) error{(*pay.Tab).Pause, (*pay.Tab).Resume} {
			if err := change(s, l.ID, func(h *store.Held) error { return do(&h.Tab) }); err != nil {
				t.Fatal(err)
			}
		}
		at := func(endpoint string, l pay.Link, seq int) string { return fmt.Sprint(endpoint, " ", l.ID, " ", seq) }
		names, heads := claim(t, s)
		want(t, "heads", names, at("we_a", l, 1), at("we_b", l, 1), at("we_a", other, 1), at("we_b", other, 1))
		names, _ = claim(t, list[1])
		want(t, "while they are leased", names)
		for _, d := range heads {
			wait := time.Duration(0)
			if d.Endpoint == "we_b" && d.Link == l.ID {
				wait = time.Minute
			}
			if err := finish(s, d, wait); err != nil {
				t.Fatal(err)
			}
		}
		names, heads = claim(t, list[1])
		want(t, "after one was delivered", names, at("we_a", l, 2))
		if err := finish(s, heads[0], 0); err != nil {
			t.Fatal(err)
		}
		names, _ = claim(t, s)
		want(t, "its lane goes on, the other waits", names, at("we_a", l, 3))
		c.add(time.Minute)
		names, heads = claim(t, s)
		want(t, "the retry and what nobody finished", names, at("we_b", l, 1), at("we_a", l, 3))
		for _, d := range heads {
			if err := finish(s, d, patience); err != nil {
				t.Fatal(err)
			}
		}
		c.add(patience - time.Minute - 1)
		names, _ = claim(t, s)
		want(t, "not yet failing for long enough", names)
		c.add(1)
		c.add(time.Microsecond)
		names, _ = claim(t, s)
		want(t, "an event fails for long: the next may go", names, at("we_b", l, 2))
	})
}

// TestFencing: a worker whose lease ran out can do nothing more to its job,
// once another has it.
func TestFencing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 2)
		endpoint(t, list[0], "we_a")
		newLink(t, list[0], nil)
		_, got := claim(t, list[0])
		slow := got[0]
		c.add(19 * time.Second)
		if err := list[0].InTx(ctx, func(tx *store.Tx) error { return tx.RenewDelivery(ctx, slow) }); err != nil {
			t.Fatal(err)
		}
		c.add(19 * time.Second)
		names, _ := claim(t, list[1])
		want(t, "renewed", names)
		c.add(2 * time.Second)
		_, got = claim(t, list[1])
		if len(got) != 1 || got[0].Fence <= slow.Fence {
			t.Fatalf("taken over: %+v", got)
		}
		for name, do := range map[string]func(tx *store.Tx) error{
			"finish":  func(tx *store.Tx) error { slow.State = pay.DeliveryDelivered; return tx.FinishDelivery(ctx, slow) },
			"body":    func(tx *store.Tx) error { return tx.KeepBody(ctx, slow, []byte("late")) },
			"renew":   func(tx *store.Tx) error { return tx.RenewDelivery(ctx, slow) },
			"release": func(tx *store.Tx) error { return tx.ReleaseDelivery(ctx, slow) },
		} {
			if err := list[0].InTx(ctx, do); !errors.Is(err, pay.ErrLinkChanged) {
				t.Errorf("%s by the slow worker: %v", name, err)
			}
		}
		all, err := list[0].Deliveries(ctx, tenant, store.DeliveryFilter{Limit: 10})
		if err != nil || len(all) != 1 || all[0].State != pay.DeliveryPending || all[0].Body != nil {
			t.Fatalf("the job is %+v, %v", all, err)
		}
		if err := finish(list[1], got[0], 0); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOperationFencing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 2)
		l := newLink(t, list[0], nil)
		if err := change(list[0], l.ID, begin); err != nil {
			t.Fatal(err)
		}
		if jobs, err := list[1].ClaimOperations(ctx, 10); err != nil || len(jobs) != 0 {
			t.Fatalf("under the first lease: %d, %v", len(jobs), err)
		}
		c.add(21 * time.Second)
		jobs, err := list[1].ClaimOperations(ctx, 10)
		if err != nil || len(jobs) != 1 || jobs[0].Fence != 2 {
			t.Fatalf("after it: %+v %v", jobs, err)
		}
		j := jobs[0]
		end := func(fence int64) error {
			return list[0].InTx(ctx, func(tx *store.Tx) error {
				return tx.FinishOperation(ctx, tenant, j.ID, pay.OpSucceeded, time.Time{}, fence)
			})
		}
		if err := end(1); !errors.Is(err, pay.ErrLinkChanged) {
			t.Fatalf("by the one that is thought dead: %v", err)
		}
		if err := end(2); err != nil {
			t.Fatal(err)
		}
		if err := end(2); !errors.Is(err, pay.ErrLinkChanged) {
			t.Fatalf("a second time: %v", err)
		}
		c.add(time.Hour)
		if jobs, err := list[0].ClaimOperations(ctx, 10); err != nil || len(jobs) != 0 {
			t.Fatalf("a final one was claimed: %+v %v", jobs, err)
		}
	})
}

// TestEachJobIsClaimedOnce: workers of two nodes at once never hold one job.
func TestEachJobIsClaimedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 2)
		endpoint(t, list[0], "we_a")
		const links = 40
		for range links {
			newLink(t, list[0], nil)
		}
		var wg sync.WaitGroup
		claimed := make(chan pay.LinkID, 10*links)
		for i := range 16 {
			wg.Go(func() {
				for range 5 {
					got, err := list[i%2].ClaimDeliveries(ctx, 3, patience)
					if err != nil {
						t.Error(err)
					}
					for _, d := range got {
						claimed <- d.Link
					}
				}
			})
		}
		wg.Wait()
		close(claimed)
		seen := map[pay.LinkID]bool{}
		for id := range claimed {
			if seen[id] {
				t.Errorf("%s was claimed twice", id)
			}
			seen[id] = true
		}
		if len(seen) != links {
			t.Errorf("%d of %d were claimed", len(seen), links)
		}
	})
}

// TestFeedWaitsForNobody: a transaction that is open while later ones commit
// and are read comes after them in the feed, and is not passed over (E3).
func TestFeedWaitsForNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 2)
		s := list[0]
		position := int64(0)
		read := func() (links []pay.LinkID) {
			t.Helper()
			if _, err := list[1].Number(ctx, tenant); err != nil {
				t.Fatal(err)
			}
			events, err := list[1].Feed(ctx, tenant, position, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Position <= position {
					t.Errorf("position %d after %d", e.Position, position)
				}
				position = e.Position
				links = append(links, e.Link)
			}
			return links
		}
		held, release := make(chan pay.LinkID), make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- s.InTx(ctx, func(tx *store.Tx) error {
				tab := draft(tx.Now(), nil)
				if err := create(tx, tab); err != nil {
					return err
				}
				held <- tab.Link.ID
				<-release
				return nil
			})
		}()
		slow := <-held
		if o.URL != "" { // SQLite has one writer: nobody can commit meanwhile
			c.add(time.Second)
			quick := newLink(t, list[1], nil)
			if got := read(); !slices.Equal(got, []pay.LinkID{quick.ID}) {
				t.Errorf("while one is open: read %v, want %v", got, quick.ID)
			}
		}
		if got := read(); len(got) != 0 {
			t.Errorf("an open transaction is in the feed: %v", got)
		}
		close(release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if got := read(); !slices.Equal(got, []pay.LinkID{slow}) {
			t.Errorf("after its end: read %v, want %v", got, slow)
		}
	})
}

// TestFeedHasEverythingOnce: many writers, two that number and one reader.
func TestFeedHasEverythingOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 2)
		const writers, each = 8, 10
		var writing, numbering sync.WaitGroup
		for i := range writers {
			writing.Go(func() {
				for range each {
					l := newLink(t, list[i%2], nil)
					if err := change(list[i%2], l.ID, func(h *store.Held) error { return h.Pause() }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		stop := make(chan struct{})
		for i := range 2 {
			numbering.Go(func() {
				for {
					if _, err := list[i].Number(ctx, tenant); err != nil {
						t.Error(err)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		seen := map[pay.EventID]bool{}
		lastSeq := map[pay.LinkID]int64{}
		position := int64(0)
		read := func() (n int) {
			events, err := list[0].Feed(ctx, tenant, position, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if seen[e.ID] || e.Position != position+1 || e.Seq != lastSeq[e.Link]+1 {
					t.Fatalf("position %d after %d is seq %d after %d of link %s", e.Position, position, e.Seq, lastSeq[e.Link], e.Link)
				}
				seen[e.ID], position, lastSeq[e.Link] = true, e.Position, e.Seq
			}
			return len(events)
		}
		done := make(chan struct{})
		go func() { writing.Wait(); close(done) }()
		for writes := true; writes; {
			select {
			case <-done:
				writes = false
			default:
				read()
			}
		}
		close(stop)
		numbering.Wait()
		if _, err := list[0].Number(ctx, tenant); err != nil {
			t.Fatal(err)
		}
		for read() > 0 {
		}
		if len(seen) != 2*writers*each {
			t.Fatalf("the feed has %d of %d events", len(seen), 2*writers*each)
		}
	})
}
