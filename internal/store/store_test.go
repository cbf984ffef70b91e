package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"; "sqlite" comes with store

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

var (
	tenant = pay.Tenant{Merchant: "shop", Mode: pay.Test}
	ctx    = context.Background()
)

const patience = 10 * time.Minute

// clock is moved by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// tied seals by tying a value to its row, and hides nothing.
type tied struct{}

func (tied) Seal(plain, ad []byte) ([]byte, error) {
	return append(append(bytes.Clone(ad), 0xff), plain...), nil
}

func (tied) Open(sealed, ad []byte) ([]byte, error) {
	owner, plain, ok := bytes.Cut(sealed, []byte{0xff})
	if !ok || !bytes.Equal(owner, ad) {
		return nil, errors.New("sealed for another row")
	}
	return plain, nil
}

// nodes opens stores on one database, with one clock.
func nodes(t *testing.T, o store.Options, n int) ([]*store.Store, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	o.Clock = c.Now
	var list []*store.Store
	for range n {
		s := storetest.Open(t, o)
		s.UseSealer(tied{})
		list = append(list, s)
	}
	return list, c
}

func raw(t *testing.T, o store.Options) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+o.Path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(ON)"
	if o.URL != "" {
		driver, dsn = "pgx", o.URL
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// newLink stores an active link of 10.50 USD.
func newLink(t *testing.T, s *store.Store, with func(*pay.Link)) pay.Link {
	t.Helper()
	var l pay.Link
	err := s.InTx(ctx, func(tx *store.Tx) error {
		tab := draft(tx.Now(), with)
		l = tab.Link
		return create(tx, tab)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func draft(now time.Time, with func(*pay.Link)) *pay.Tab {
	tab := &pay.Tab{Now: now, Actor: "test", Link: pay.Link{
		Tenant: tenant, ID: pay.NewLinkID(now), Dialect: "native", Token: pay.NewToken(), Version: 1,
		Price: pay.Price{Currency: "USD", Amount: 1050}, Use: pay.Use{Max: 1}, CreatedAt: now, UpdatedAt: now,
	}}
	if with != nil {
		with(&tab.Link)
	}
	tab.Open()
	return tab
}

func create(tx *store.Tx, tab *pay.Tab) error {
	stored, err := tx.CreateTab(ctx, tab)
	if err == nil && !stored {
		err = errors.New("the id is taken")
	}
	return err
}

// change runs a command on a link's tab and stores what it did.
func change(s *store.Store, id pay.LinkID, do func(*store.Held) error) error {
	return s.InTx(ctx, func(tx *store.Tx) error {
		held, err := tx.HoldTab(ctx, tenant, id)
		if err != nil {
			return err
		}
		if err := do(held); err != nil {
			return err
		}
		return tx.Save(ctx, held)
	})
}

func begin(h *store.Held) error {
	_, _, err := h.Begin(pay.Begin{Method: pay.MethodCard, Processor: "sandbox"})
	return err
}

func endpoint(t *testing.T, s *store.Store, id pay.EndpointID) {
	t.Helper()
	err := s.InTx(ctx, func(tx *store.Tx) error {
		return tx.PutEndpoint(ctx, pay.Endpoint{Tenant: tenant, ID: id, Dialect: "native", URL: "https://shop.example/", Enabled: true})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		if err := s.Migrate(ctx); err != nil {
			t.Fatalf("a second time: %v", err)
		}
		if _, err := raw(t, o).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
			t.Fatal(err)
		}
		newer, err := store.Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		defer newer.Close()
		if err := newer.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Fatalf("migrating: %v", err)
		}
	})
}

// TestNodesMigrateAtOnce: whoever comes first does it, and all find it done.
func TestNodesMigrateAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var wg sync.WaitGroup
		for range 4 {
			s, err := store.Open(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wg.Go(func() {
				if err := s.Migrate(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestDatabaseHoldsTheRules writes past the code: the constraints alone refuse
// what the rules forbid ([DB] of docs/invariants.md).
func TestDatabaseHoldsTheRules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		l := newLink(t, list[0], nil)
		if err := change(list[0], l.ID, begin); err != nil {
			t.Fatal(err)
		}
		db := raw(t, o)
		for _, bad := range []string{
			`UPDATE attempts SET authorized = requested + 1`,
			`UPDATE attempts SET captured = authorized + 1`,
			`UPDATE attempts SET refunded = captured + 1`,
			`UPDATE attempts SET refunding = captured + 1`,
			`UPDATE attempts SET refunding = -1`,
			`UPDATE links SET applied = total + 1`,
			`UPDATE links SET applied = -1`,
			`UPDATE links SET released = total, applied = 1`,
			`UPDATE links SET use_count = max_uses + 1`,
			`UPDATE payments SET slot = NULL, state = 'applied'`,
			`UPDATE payments SET state = 'failed'`,
			`UPDATE payments SET requested = -1`,
			`UPDATE payments SET requested = 1000000000000`,
			`UPDATE payments SET link = '0NOSUCHONE'`,
			`UPDATE attempts SET payment = 'pay_none'`,
			`UPDATE operations SET due_at = NULL`,
			`INSERT INTO payments (merchant, mode, id, link, number, slot, state, currency, requested, created_at, body)
				SELECT merchant, mode, 'pay_second', link, 2, slot, 'open', currency, requested, created_at, body FROM payments`,
			`INSERT INTO payments (merchant, mode, id, link, number, slot, state, currency, requested, created_at, body)
				SELECT merchant, mode, 'pay_second', link, number, NULL, 'failed', currency, requested, created_at, body FROM payments`,
			`INSERT INTO events (merchant, mode, link, seq, id, kind, at, record, sealed, prev_hash, hash)
				SELECT merchant, mode, link, seq, 'evt_second', kind, at, record, sealed, prev_hash, hash FROM events`,
			`INSERT INTO entries (merchant, mode, link, movement, line, account, currency, amount, at)
				VALUES ('shop', 'test', 'L', 'm', 0, 'a', 'USD', 1, 0), ('shop', 'test', 'L', 'm', 0, 'b', 'USD', 1, 0)`,
		} {
			if _, err := db.Exec(bad); err == nil {
				t.Errorf("let in: %s", bad)
			}
		}
	})
}

// TestSlotIsHeldTwiceByNobody brings a tab with a second reservation of one
// slot, as a fault in the code would: the index refuses, and nothing of it stays.
func TestSlotIsHeldTwiceByNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 1)
		l := newLink(t, list[0], nil)
		if err := change(list[0], l.ID, begin); err != nil {
			t.Fatal(err)
		}
		c.add(time.Second)
		err := change(list[0], l.ID, func(h *store.Held) error {
			second := h.Payments[0]
			h.Payments = nil // the check in Begin sees nobody
			if err := begin(h); err != nil {
				return err
			}
			h.Payments[0].Number = second.Number + 1
			return nil
		})
		if !errors.Is(err, pay.ErrTaken) {
			t.Fatalf("a second reservation: %v", err)
		}
		tab, err := list[0].Tab(ctx, tenant, l.ID)
		if err != nil || len(tab.Payments) != 1 || tab.Link.Seq != 3 {
			t.Fatalf("left behind: %d payments, seq %d, %v", len(tab.Payments), tab.Link.Seq, err)
		}
	})
}

// TestManyUses: every use of a link finds its slot, however many came before,
// and none beyond the cap.
func TestManyUses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 1)
		for _, uses := range []int64{5, 0} {
			l := newLink(t, list[0], func(l *pay.Link) { l.Use.Max = uses })
			for i := range 5 {
				c.add(time.Second)
				if err := change(list[0], l.ID, begin); err != nil {
					t.Fatalf("use %d of %d: %v", i+1, uses, err)
				}
				err := change(list[0], l.ID, func(h *store.Held) error {
					a := h.Payments[len(h.Payments)-1].Last()
					return h.Settle(a.ID, pay.Report{State: pay.AttemptCaptured, ProcessorRef: "ref_" + string(a.ID), Authorized: 1050, Captured: 1050, Currency: "USD"})
				})
				if err != nil {
					t.Fatalf("paying use %d of %d: %v", i+1, uses, err)
				}
			}
			tab, err := list[0].Tab(ctx, tenant, l.ID)
			if err != nil || tab.Link.UseCount != 5 || len(tab.Payments) != 5 || (tab.Link.State == pay.LinkCompleted) != (uses == 5) {
				t.Fatalf("%d uses: %d counted, %d payments, %s, %v", uses, tab.Link.UseCount, len(tab.Payments), tab.Link.State, err)
			}
		}
	})
}

// TestTimeNeverRunsBack: a writer whose clock is behind the last change of a
// link does not write an earlier time (E2).
func TestTimeNeverRunsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 1)
		l := newLink(t, list[0], nil)
		c.add(-time.Second)
		if err := change(list[0], l.ID, begin); err != nil {
			t.Fatal(err)
		}
		events, err := list[0].LinkEvents(ctx, tenant, l.ID)
		if err != nil || len(events) != 3 {
			t.Fatal(len(events), err)
		}
		for i := range events[1:] {
			if events[i+1].At.Before(events[i].At) {
				t.Fatalf("event %d is of %v, the one before of %v", i+2, events[i+1].At, events[i].At)
			}
		}
		tab, err := list[0].Tab(ctx, tenant, l.ID)
		if err != nil || len(tab.Payments) != 1 || len(tab.Payments[0].Attempts) != 1 {
			t.Fatalf("stored: %+v %v", tab.Payments, err)
		}
	})
}

// TestSealedIsTiedToItsRow: what was sealed for one link does not open in another.
func TestSealedIsTiedToItsRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		a := newLink(t, list[0], func(l *pay.Link) { l.Payer.Email = "ann@example.com" })
		b := newLink(t, list[0], nil)
		if got, err := list[0].Link(ctx, tenant, a.ID); err != nil || got.Payer.Email != "ann@example.com" || got.Token != a.Token {
			t.Fatalf("read: %+v %v", got.Payer, err)
		}
		swap := fmt.Sprintf(`UPDATE links SET sealed = (SELECT sealed FROM links WHERE id = '%s') WHERE id = '%s'`, a.ID, b.ID)
		if _, err := raw(t, o).Exec(swap); err != nil {
			t.Fatal(err)
		}
		if got, err := list[0].Link(ctx, tenant, b.ID); err == nil {
			t.Fatalf("opened: %+v", got.Payer)
		}
	})
}

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
