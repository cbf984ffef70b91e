package core_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// facts are the rows of one link, in memory.
type facts struct {
	link     store.StoredLink
	events   []store.StoredEvent
	payments []store.StoredPayment
	entries  []store.StoredEntry
	lines    []pay.Settlement
	payouts  []pay.Payout
}

func each[T any](rows []T, fn func(T) error) error {
	for _, r := range rows {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (f *facts) Events(_ context.Context, _ pay.LinkID, fn func(store.StoredEvent) error) error {
	return each(f.events, fn)
}

func (f *facts) Payments(_ context.Context, _ pay.LinkID, fn func(store.StoredPayment) error) error {
	return each(f.payments, fn)
}

func (f *facts) Entries(_ context.Context, _ pay.LinkID, fn func(store.StoredEntry) error) error {
	return each(f.entries, fn)
}

func (f *facts) Lines(_ context.Context, _ pay.LinkID, fn func(pay.Settlement) error) error {
	return each(f.lines, fn)
}

func (f *facts) Payouts(_ context.Context, _ pay.LinkID, fn func(pay.Payout) error) error {
	return each(f.payouts, fn)
}

// keep gives all rows to a list.
func keep[T any](into *[]T) func(T) error {
	return func(row T) error { *into = append(*into, row); return nil }
}

// factsOf reads all links of a world, by their reference.
func factsOf(t *testing.T, w *coretest.World) map[string]*facts {
	t.Helper()
	ctx, all := context.Background(), map[string]*facts{}
	err := w.Store.InSnapshot(ctx, func(s *store.Snapshot) error {
		walk := s.Walk(w.Shop.Tenant)
		if err := walk.Pass(ctx, ""); err != nil {
			return err
		}
		links, err := walk.NextLinks(ctx)
		if err != nil {
			return err
		}
		for _, l := range links {
			f := &facts{link: l}
			all[l.Link.Reference] = f
			if err := walk.Events(ctx, l.Link.ID, keep(&f.events)); err != nil {
				return err
			}
			if err := walk.Payments(ctx, l.Link.ID, keep(&f.payments)); err != nil {
				return err
			}
			if err := walk.Entries(ctx, l.Link.ID, keep(&f.entries)); err != nil {
				return err
			}
			if err := walk.Lines(ctx, l.Link.ID, keep(&f.lines)); err != nil {
				return err
			}
			if err := walk.Payouts(ctx, l.Link.ID, keep(&f.payouts)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forge rewrites the record of an event, and the chain of hashes from there on.
func (f *facts) forge(seq int, was, is string) {
	last := ""
	for i := range f.events {
		e := &f.events[i]
		if i+1 == seq {
			e.Record = []byte(strings.Replace(string(e.Record), was, is, 1))
		}
		e.PrevHash, e.Hash = last, pay.ChainHash(last, e.Record)
		last = e.Hash
	}
	f.link.LastHash = last
}

// last is forge of the newest event.
func (f *facts) last(was, is string) { f.forge(len(f.events), was, is) }

// drop loses movements of a kind.
func (f *facts) drop(kind string) {
	f.entries = slices.DeleteFunc(f.entries, func(e store.StoredEntry) bool { return strings.HasPrefix(e.Movement, kind+":") })
}

// move gives what movements of a kind put on an account to another.
func (f *facts) move(kind, account, to string) {
	for i := range f.entries {
		if e := &f.entries[i]; strings.HasPrefix(e.Movement, kind+":") && e.Account == account {
			e.Account = to
		}
	}
}

// also adds to the first movement of a kind that minor goes from an account to
// another.
func (f *facts) also(kind, from, to string, c pay.Currency, minor int64) {
	i := slices.IndexFunc(f.entries, func(e store.StoredEntry) bool { return strings.HasPrefix(e.Movement, kind+":") })
	out, in := f.entries[i], f.entries[i]
	out.Account, out.Currency, out.Amount = from, c, -minor
	in.Account, in.Currency, in.Amount = to, c, minor
	f.entries = slices.Insert(f.entries, i, out, in)
}

// post adds a movement from an account to another.
func (f *facts) post(movement, from, to string, minor int64) {
	f.entries = append(f.entries, store.StoredEntry{Movement: movement, Account: from, Currency: "USD", Amount: -minor},
		store.StoredEntry{Movement: movement, Account: to, Currency: "USD", Amount: minor})
}

func (f *facts) row() *store.StoredAttempt {
	return &f.payments[len(f.payments)-1].Attempts[0]
}

func (f *facts) attempt() *pay.Attempt { return f.payment().Last() }

func (f *facts) payment() *pay.Payment { return &f.payments[len(f.payments)-1].Payment }

// broken is each thing that a proof looks at, broken so that nothing else tells:
// of a link in busyWorld or disputedWorld, with the rule and a word of what is
// then said.
var broken = []struct {
	name, link, rule, says string
	tear                   func(f *facts)
}{
	{"an event's id", "paid", "E4", "columns and its record differ", func(f *facts) { f.events[1].ID = "evt_x" }},
	{"an event's link", "paid", "E4", "columns and its record differ", func(f *facts) { f.events[1].Link = "X" }},
	{"an event's number", "paid", "E4", "columns and its record differ", func(f *facts) { f.forge(2, `"seq":2`, `"seq":9`) }},
	{"an event's time", "paid", "E4", "columns and its record differ", func(f *facts) { f.events[14].AtUS++ }},
	{"a record in pieces", "paid", "E4", "its record cannot be read", func(f *facts) { f.forge(2, `{"id"`, `["id"`) }},
	{"another payer", "paid", "E4", "not the one that was hashed", func(f *facts) { f.events[1].Personal = []byte(`{}`) }},
	{"a lost salt", "paid", "E4", "not the one that was hashed", func(f *facts) { f.events[1].Salt = nil }},
	{"a step left out", "paid", "E1", `from "unknown", which was "processing"`, func(f *facts) { f.forge(10, `"from":"processing"`, `"from":"unknown"`) }},
	{"a snapshot of another event", "paid", "E5", "its snapshot is of event 14", func(f *facts) { f.last(`"seq":15},"payments"`, `"seq":14},"payments"`) }},
	{"a snapshot in pieces", "paid", "E5", "its snapshot cannot be read", func(f *facts) { f.last(`"payments":[`, `"payments":[5,`) }},
	{"the link in a snapshot", "paid", "E1", `"active", no event made it so`, func(f *facts) { f.last(`"state":"completed"`, `"state":"active"`) }},
	{"a payment in a snapshot", "paid", "E1", `"surplus", no event made it so`, func(f *facts) { f.last(`"state":"applied"`, `"state":"surplus"`) }},
	{"an attempt in a snapshot", "paid", "E1", `"voided", no event made it so`, func(f *facts) { f.last(`"state":"captured"`, `"state":"voided"`) }},
	{"a refund in a snapshot", "paid", "E1", `"sent", no event made it so`, func(f *facts) { f.last(`"state":"succeeded"`, `"state":"sent"`) }},
	{"a dispute in a snapshot", "accepted", "E1", `"lost", no event made it so`, func(f *facts) { f.last(`"state":"accepted"`, `"state":"lost"`) }},
	{"no events", "waiting", "M11", "no event tells of the link", func(f *facts) { f.events = nil }},
	{"an event too few", "paid", "E2", "has seen 16 events, 15 are stored", func(f *facts) { f.link.Seq++ }},
	{"the link's payer", "paid", "E5", "personal part is not the one of its newest event", func(f *facts) { f.link.Personal = []byte(`{}`) }},
	{"a payment's body", "paid", "E5", "payment pay_", func(f *facts) { f.payments[1].Body = append(f.payments[1].Body, ' ') }},
	{"an attempt's body", "paid", "E5", "attempt att_", func(f *facts) { f.row().Body = append(f.row().Body, ' ') }},

	{"less than nothing refunded", "paid", "M4", "refunded -1 + refunding", func(f *facts) { f.row().Refunded = -1 }},
	{"less than nothing being refunded", "paid", "M4", "refunding -1, captured", func(f *facts) { f.row().Refunding = -1 }},
	{"more captured than authorized", "paid", "M4", "authorized 1049", func(f *facts) { f.row().Authorized-- }},
	{"more authorized than requested", "paid", "M4", "requested 1049", func(f *facts) { f.row().Requested-- }},
	{"a refund under way that is not there", "paid", "M4", "its refunds sum to 50 and 0", func(f *facts) { f.row().Refunding = 1 }},
	{"a capture of more", "paid", "M4", "its captures sum to 1051", func(f *facts) { f.attempt().Captures[0].Amount++ }},
	{"more disputed than captured", "lost", "M4", "captured 399 and has 400 disputed", func(f *facts) { f.row().Captured = 399 }},
	{"a use of a link paid in parts", "parts", "M6", "use_count is 1", func(f *facts) { f.link.UseCount = 1 }},

	{"applied by no ledger", "many", "M11", "applied is 2101, the ledger sums to 2100, the newest event tells of 2101", func(f *facts) {
		f.link.Applied++
		f.last(`"applied":2100`, `"applied":2101`)
	}},
	{"applied by no event", "many", "M11", "applied is 2100, the ledger sums to 2100, the newest event tells of 2099", func(f *facts) { f.last(`"applied":2100`, `"applied":2099`) }},
	{"released by no event", "many", "M11", "released is 1 and 0", func(f *facts) { f.link.Released = 1 }},
	{"refunded by the row", "paid", "M11", "refunded is 51", func(f *facts) { f.link.Link.Refunded++ }},
	{"refunded by an event", "paid", "M11", "event tells of 51", func(f *facts) { f.last(`"refunded":50`, `"refunded":51`) }},
	{"disputed by the row", "lost", "M11", "disputed is 401", func(f *facts) { f.link.Link.Disputed++ }},
	{"disputed by an event", "lost", "M11", "event tells of 401", func(f *facts) { f.last(`"disputed":400`, `"disputed":401`) }},
	{"settled by an event", "shared", "M11", "event tells of 1051", func(f *facts) { f.last(`"settled":1050`, `"settled":1051`) }},
	{"settled by no line", "shared", "M11", "settled is 1051, settlement lines sum to 1050", func(f *facts) {
		f.link.Link.Settled++
		f.last(`"settled":1050`, `"settled":1051`)
	}},

	{"two currencies", "paid", "M9", "in 2 currencies", func(f *facts) { f.also("capture", "merchant", "processor:sandbox", "EUR", 1) }},
	{"a capture without a movement", "paid", "M9", "took 1050, the ledger has no such movement", func(f *facts) { f.drop("capture") }},
	{"a refund without a movement", "paid", "M9", "gave back 50, the ledger has no such movement", func(f *facts) { f.drop("refund") }},
	{"a refund of more", "paid", "M9", "gives back 51, the refund is 50", func(f *facts) { f.also("refund", "processor:sandbox", "merchant", "USD", 1) }},
	{"a refund that failed", "paid", "M9", `the refund is 50 and "failed"`, func(f *facts) {
		f.row().Refunded, f.attempt().Reversed, f.payment().Refunds[0].State = 0, nil, pay.RefundFailed
	}},
	{"surplus that counts", "paid", "M8", "1050 of it surplus", func(f *facts) { f.move("capture", "merchant", "surplus") }},
	{"surplus out of the merchant's money", "surplus", "M8", "of surplus takes 1050 from the merchant", func(f *facts) { f.move("refund", "surplus", "merchant") }},
	{"surplus given back again", "surplus", "5.6", "2100 of it made or under way", func(f *facts) {
		again := f.payment().Refunds[0]
		again.ID, again.State = "ref_x", pay.RefundRequested
		f.payment().Refunds = append(f.payment().Refunds, again)
		f.row().Requested, f.row().Authorized, f.row().Captured, f.row().Refunding = 2100, 2100, 2100, 1050
	}},
	{"a share too many", "paid", "M8", "has 2 shares", func(f *facts) { f.attempt().Shares = append(f.attempt().Shares, 0) }},
	{"less than nothing reversed", "paid", "M8", "reversed -1 of share 0", func(f *facts) { f.attempt().Reversed[0] = -1 }},
	{"more reversed than shared", "paid", "M8", "reversed 1051 of share 0", func(f *facts) { f.attempt().Reversed[0] = 1051 }},
	{"shares of more", "paid", "M8", "its shares sum to 1051", func(f *facts) { f.attempt().Shares[0]++ }},
	{"the merchant's money", "paid", "M8", "the merchant's shares sum to", func(f *facts) { f.post("adjustment:x", "settled", "merchant", 7) }},

	{"a hold that is not there", "shared", "M8", "split 0 holds", func(f *facts) { f.move("capture", "held:0", "merchant") }},
	{"a share that is not there", "parts", "M8", "split 0 holds", func(f *facts) { f.move("capture", "split:0", "merchant") }},
	{"more than was shared", "shared", "M8", "gave up 251", func(f *facts) { f.link.Link.Splits[1].Kept++ }},
	{"less than nothing held", "parts", "M8", "split 0 holds -1", func(f *facts) {
		f.also("capture", "split:0", "held:0", "USD", 1)
		f.link.Link.Splits[0].Held--
		f.link.Link.Splits[0].Given++
	}},
	{"a split's step left out", "shared", "E1", `from "allocated", which was "held"`, func(f *facts) { f.forge(10, `"from":"held"`, `"from":"allocated"`) }},
	{"a split in pieces", "shared", "E5", "its snapshot cannot be read", func(f *facts) { f.forge(10, `"splits":[`, `"splits":[5,`) }},
	{"a split in a snapshot", "shared", "E1", `"released", its snapshot has it "canceled"`, func(f *facts) { f.forge(11, `"to":"canceled"`, `"to":"released"`) }},
	{"a split without an event", "shared", "E1", `is "allocated", its newest event left it "held"`, func(f *facts) { f.link.Link.Splits[0].State = pay.SplitAllocated }},
	{"a split's state", "shared", "E1", `is "held", its sums make it "released"`, func(f *facts) { f.link.Link.Splits[0].Held = 0 }},

	{"a transfer of another split", "split up", "M10", "split 0 was transferred 100, the ledger has 0", func(f *facts) { f.move("transfer", "split:0", "split:1") }},
	{"a transfer of no split", "split up", "M10", "which split 2 is not of", func(f *facts) { f.payouts[0].Split = 2 }},
	{"a transfer of less than no split", "split up", "M10", "which split -1 is not of", func(f *facts) { f.payouts[0].Split = -1 }},
	{"a transfer of more than there was", "split up", "M10", "99 could be paid out", func(f *facts) { f.payouts[0].Available = 99 }},
	{"a transfer that was not told", "split up", "E1", "-1 more events tell of transfers", func(f *facts) {
		other := f.payouts[0]
		other.ID, other.Amount.Minor, f.payouts[0].Amount.Minor = "tr_x", 50, 50
		f.payouts = append(f.payouts, other)
		f.also("transfer", "split:0", "settled", "USD", 50)
		f.post("transfer:tr_x", "settled", "split:0", 50)
	}},
	{"a fee to come", "shared", "M10", "is settled as it comes", func(f *facts) { f.lines[1].State = pay.LineExpected }},
	{"a settled payment without lines", "surplus", "M10", "was settled at", func(f *facts) { f.payment().SettledAt = time.Unix(1, 0) }},

	{"shares of an open dispute", "open", "M8", "took 1 of the shares", func(f *facts) { f.payment().Disputes[0].Reversed = 1 }},
	{"a loss below zero", "lost", "M8", "and lost -1", func(f *facts) { f.payment().Disputes[0].Loss = -1 }},
	{"a loss of what was won", "won", "M9", `that is "won"`, func(f *facts) {
		f.post("dispute_loss:"+string(f.payment().Disputes[0].ID), "disputed", "merchant", 1050)
	}},
	{"a loss of more", "lost", "M8", "takes 401", func(f *facts) { f.also("dispute_loss", "disputed", "surplus", "USD", 1) }},
	{"a loss of others", "lost", "M8", "200 of it from the shares", func(f *facts) { f.move("dispute_loss", "merchant", "surplus") }},
}

// Each rule by itself is proven on the rows of a link: nothing else would tell.
// What the rows are is the same on both databases.
func TestProofSeesEachRule(t *testing.T) {
	world := func() *coretest.World {
		return coretest.New(t, store.Options{Path: filepath.Join(t.TempDir(), "paylink.db")})
	}
	disputed := world()
	disputedWorld(busy{disputed, t})
	worlds := map[bool]*coretest.World{false: busyWorld(t, store.Options{Path: filepath.Join(t.TempDir(), "paylink.db")}), true: disputed}
	for name, w := range worlds {
		for reference, f := range factsOf(t, w) {
			if err := core.ProveRows(f.link, f); err != nil {
				t.Fatalf("%v %s, whole: %v", name, reference, err)
			}
		}
	}
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			f := factsOf(t, worlds[slices.Contains([]string{"open", "won", "lost", "accepted"}, c.link)])[c.link]
			c.tear(f)
			err := core.ProveRows(f.link, f)
			var breach *core.Breach
			if !errors.As(err, &breach) || breach.Rule != c.rule || !strings.Contains(breach.What, c.says) {
				t.Errorf("got %v, want a breach of %s that says %q", err, c.rule, c.says)
			}
		})
	}
}
