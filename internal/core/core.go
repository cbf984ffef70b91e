// Package core holds the use cases, one method per command. It is the only
// package that changes payment facts, and it writes a fact, its events and its
// deliveries in one transaction. It never speaks HTTP and never words an
// answer; a processor is called between two transactions, never inside one.
package core

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"paylink/internal/auth"
	"paylink/internal/method"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// Core is the application.
type Core struct {
	store      *store.Store
	keys       *auth.Keys
	processors []processor.Driver
	methods    []method.Method
	log        *slog.Logger
	publicURL  string
	checkURL   func(raw string, live bool) (string, error)
	wake       chan struct{} // a delivery was written
	wakeOps    chan struct{} // an operation was prepared
	metrics    Metrics
}

// Metrics counts what an operator must know; any member may be nil.
type Metrics struct {
	Alarm func(kind string) // something a person must look at: "review", "surplus_stuck"
}

// Options of New.
type Options struct {
	Store      *store.Store
	Keys       *auth.Keys
	Processors []processor.Driver
	Methods    []method.Method
	Log        *slog.Logger
	PublicURL  string
	CheckURL   func(raw string, live bool) (string, error) // egress.Client.CheckURL
	Metrics    Metrics
}

// New makes the application over a migrated store.
func New(o Options) *Core {
	if o.Metrics.Alarm == nil {
		o.Metrics.Alarm = func(string) {}
	}
	c := &Core{
		store: o.Store, keys: o.Keys, processors: o.Processors, methods: o.Methods, log: o.Log,
		publicURL: strings.TrimRight(o.PublicURL, "/"), checkURL: o.CheckURL, metrics: o.Metrics,
		wake: make(chan struct{}, 1), wakeOps: make(chan struct{}, 1),
	}
	c.store.UseWake(func() { signal(c.wake) })
	return c
}

// PayURL is the payer's address of a link.
func (c *Core) PayURL(l pay.Link) string { return c.publicURL + "/l/" + l.Token }

// DeliveriesWake tells that deliveries may be due.
func (c *Core) DeliveriesWake() <-chan struct{} { return c.wake }

// Wake tells the workers that something may be due: another node wrote it.
func (c *Core) Wake() {
	signal(c.wake)
	signal(c.wakeOps)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Ready fails when the database does not answer.
func (c *Core) Ready(ctx context.Context) error { return c.store.Ping(ctx) }

// Merchant reads a tenant. Errors: pay.ErrNotFound.
func (c *Core) Merchant(ctx context.Context, t pay.Tenant) (pay.Merchant, error) {
	return c.store.Merchant(ctx, t)
}

// cursor is a place in a newest-first list: a time and what breaks its ties.
func cursor(at time.Time, ids ...string) string {
	return strconv.FormatInt(at.UnixMicro(), 36) + "~" + strings.Join(ids, "~")
}

func parseCursor(s string, ids int) (us int64, parts []string, err error) {
	if s == "" {
		return 0, make([]string, ids), nil
	}
	all := strings.Split(s, "~")
	us, err = strconv.ParseInt(all[0], 36, 64)
	if err != nil || len(all) != ids+1 || all[1] == "" {
		return 0, nil, badCursor()
	}
	return us, all[1:], nil
}

func badCursor() error {
	var bad pay.Faults
	bad.Add("cursor", "unknown_cursor", "must be a cursor of an earlier answer")
	return bad.Err()
}

// maxPage is the most a list gives at once.
const maxPage = 100

func pageSize(n int) int {
	if n <= 0 {
		return 20
	}
	return min(n, maxPage)
}

// change runs fn on the link's tab under lock and stores what it did. It
// returns the tab as stored.
func (c *Core) change(ctx context.Context, t pay.Tenant, id pay.LinkID, actor, requestID string, fn func(tx *store.Tx, tab *store.Held) error, also ...pay.PaymentID) (*store.Held, error) {
	var held *store.Held
	err := c.store.InTx(ctx, func(tx *store.Tx) (err error) {
		held, err = tx.HoldTab(ctx, t, id, also...)
		if err != nil {
			return err
		}
		held.Actor, held.RequestID = actor, requestID
		if err := fn(tx, held); err != nil {
			return err
		}
		return tx.Save(ctx, held)
	})
	if err != nil {
		return nil, err
	}
	for _, e := range held.Events {
		switch {
		case e.Kind == pay.EventAttemptReview:
			c.metrics.Alarm("review")
		case e.Kind == pay.EventLinkPaused && e.Actor == pay.ActorProcessor:
			c.metrics.Alarm("card_testing")
		case e.Kind == pay.EventRefundFailed && isSurplus(e):
			c.metrics.Alarm("surplus_stuck") // money that is not ours, and nobody gives it back (5.6)
		}
	}
	return held, nil
}

// isSurplus reports that an event of a refund is of one the platform made by itself.
func isSurplus(e pay.Event) bool {
	for _, p := range e.Snapshot.Payments {
		for _, r := range p.Refunds {
			if string(r.ID) == e.EntityID {
				return r.Surplus
			}
		}
	}
	return false
}
