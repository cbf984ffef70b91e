package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
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
			`UPDATE attempts SET disputed = captured + 1`,
			`UPDATE attempts SET disputed = -1`,
			`INSERT INTO disputes (merchant, mode, id, link, payment, attempt, state, processor, processor_ref, currency, amount, created_at, body)
				SELECT merchant, mode, 'dsp_1', link, payment, id, 'open', processor, 'dp_1', currency, 1, 1, '' FROM attempts UNION ALL SELECT merchant, mode, 'dsp_2', link, payment, id, 'open', processor, 'dp_1', currency, 1, 1, '' FROM attempts`,
			`INSERT INTO disputes (merchant, mode, id, link, payment, attempt, state, processor, processor_ref, currency, amount, created_at, body)
				SELECT merchant, mode, 'dsp_3', link, payment, id, 'refused', processor, 'dp_3', currency, 1, 1, '' FROM attempts`,
			`INSERT INTO disputes (merchant, mode, id, link, payment, attempt, state, processor, processor_ref, currency, amount, created_at, body)
				SELECT merchant, mode, 'dsp_4', link, payment, id, 'open', processor, 'dp_4', currency, 0, 1, '' FROM attempts`,
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
			`INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
				VALUES ('shop', 'test', 'fee:1', '', '', 'p', 'settled', 'USD', 1, '', 1, 1, 1), ('shop', 'test', 'fee:1', '', '', 'p', 'settled', 'USD', 1, '', 1, 1, 1)`,
			`INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
				VALUES ('shop', 'test', 'fee:2', '', '', 'p', 'settled', 'USD', 1, '', 1, 0, 1)`,
			`INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
				VALUES ('shop', 'test', 'fee:3', '', '', 'p', 'lost', 'USD', 1, '', 1, 0, 1)`,
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
