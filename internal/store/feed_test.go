package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// The feed goes by time across links, is of one tenant only and has no gaps (E3).
func TestFeedGoesByTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, c := nodes(t, o, 1)
		s := list[0]
		var want []string
		told := func(l pay.Link, seq int) { want = append(want, fmt.Sprint(l.ID, " ", seq)) }
		move := func(l pay.Link, do func(*pay.Tab) error) {
			t.Helper()
			c.add(time.Second)
			if err := change(s, l.ID, func(h *store.Held) error { return do(&h.Tab) }); err != nil {
				t.Fatal(err)
			}
		}
		one := newLink(t, s, nil)
		for _, with := range []func(l *pay.Link){func(l *pay.Link) { l.Merchant = "another" }, func(l *pay.Link) { l.Mode = pay.Live }} {
			newLink(t, s, with)
		}
		c.add(time.Second)
		two := newLink(t, s, nil)
		move(one, (*pay.Tab).Pause)
		move(two, (*pay.Tab).Pause)
		move(one, (*pay.Tab).Resume)
		told(one, 1)
		told(two, 1)
		told(one, 2)
		told(two, 2)
		told(one, 3)
		if n, err := s.Number(ctx, tenant); err != nil || n != int64(len(want)) {
			t.Errorf("%d were numbered, not %d: %v", n, len(want), err)
		}
		if n, err := s.Number(ctx, tenant); err != nil || n != 0 {
			t.Errorf("%d were numbered again: %v", n, err)
		}
		events, err := s.Feed(ctx, tenant, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for i, e := range events {
			have = append(have, fmt.Sprint(e.Link, " ", e.Seq))
			if e.Position != int64(i+1) {
				t.Errorf("event %d has place %d", i, e.Position)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("the feed is %v, not %v", have, want)
		}
	})
}

// However many events wait, one call takes so many; the next goes on.
func TestFeedIsNumberedInTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		newLink(t, s, nil)
		_, err := raw(t, o).Exec(`
			INSERT INTO events (merchant, mode, link, seq, id, kind, at, record, sealed, prev_hash, hash)
			WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			SELECT merchant, mode, link, i, id || '-' || i, kind, at, record, sealed, prev_hash, hash FROM events CROSS JOIN n`, store.NumberedAtOnce+1)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{store.NumberedAtOnce, 1, 0} {
			if n, err := s.Number(ctx, tenant); err != nil || n != want {
				t.Fatalf("%d were numbered, not %d: %v", n, want, err)
			}
		}
		if last, err := s.FeedEnd(ctx, tenant); err != nil || last != store.NumberedAtOnce+1 {
			t.Errorf("the feed ends at %d: %v", last, err)
		}
	})
}

// One numbers at a time: who comes second goes on where the first has ended (E3).
func TestFeedIsNumberedByOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s, db := list[0], raw(t, o)
		number := func() error {
			_, err := s.Number(ctx, tenant)
			return err
		}
		newLink(t, s, nil)
		if err := number(); err != nil {
			t.Fatal(err)
		}
		newLink(t, s, nil)
		whileHeld(t, func(between func()) error {
			first, err := db.Begin()
			if err != nil {
				return err
			}
			hold := `SELECT until FROM leases WHERE name = 'feed' FOR UPDATE`
			if o.URL == "" {
				hold = `UPDATE leases SET until = until WHERE name = 'feed'` // the file has one writer
			}
			_, err = first.Exec(hold)
			between()
			if err == nil {
				_, err = first.Exec(`UPDATE leases SET until = 7 WHERE name = 'feed'`)
			}
			return errors.Join(err, first.Commit())
		}, number)
		if last, err := s.FeedEnd(ctx, tenant); err != nil || last != 8 {
			t.Errorf("the feed ends at %d: %v", last, err)
		}
	})
}

// Digests of the same payer differ from event to event: without the salt they
// tell nothing (E4).
func TestDigestsAreSalted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		l := newLink(t, s, func(l *pay.Link) { l.Payer.Email = "payer@shop.example" })
		if err := change(s, l.ID, func(h *store.Held) error { return h.Pause() }); err != nil {
			t.Fatal(err)
		}
		events, err := s.LinkEvents(ctx, tenant, l.ID)
		if err != nil || len(events) != 2 || events[0].Personal == events[1].Personal || len(events[0].Personal) != len(events[1].Personal) {
			t.Errorf("%d events, digests %q and %q: %v", len(events), events[0].Personal, events[1].Personal, err)
		}
	})
}
