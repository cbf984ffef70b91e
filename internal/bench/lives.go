package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// The sandbox's cards: one pays, one is refused.
const (
	goodCard    = "4242424242424242"
	refusedCard = "4000000000000002"
)

// liveLinks writes lives of links until there are so many events: each made,
// most of them paid by card and settled, some refunded, some shared out, some
// paid in two parts, some left alone. Every step is the use case that the API
// calls, in its own transaction; an endpoint is there to hear of each.
func (w *world) liveLinks(ctx context.Context, events int64) error {
	if _, err := w.Core.CreateEndpoint(ctx, w.who, core.NewEndpoint{URL: "https://shop.example/events"}); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next, written atomic.Int64
	var all, feed sync.WaitGroup
	for range storeAtOnce {
		all.Go(func() {
			for ctx.Err() == nil && written.Load() < events {
				n, err := w.live(ctx, next.Add(1))
				if err != nil {
					stop(err)
				}
				written.Add(n)
			}
		})
	}
	full := make(chan struct{})
	feed.Go(func() { w.number(ctx, stop, full) })
	all.Wait()
	close(full)
	feed.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// number gives events their places in the feed while they are written, and
// those that are left when it is full.
func (w *world) number(ctx context.Context, stop context.CancelCauseFunc, full <-chan struct{}) {
	for last := false; ctx.Err() == nil; {
		n, err := w.Store.Number(ctx, w.who.Tenant)
		switch {
		case err != nil:
			stop(err)
		case n > 0:
		case last:
			return
		default:
			select {
			case <-full:
				last = true
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// lives are the kinds of life, each as often as the others.
var lives = []struct {
	use     pay.Use
	splits  []pay.Split
	cards   []string // that the payer tries, one after another
	part    int64    // minor units of each payment; 0: all
	refund  int64    // minor units given back; 0: nothing
	settled bool
}{
	{use: pay.Use{Max: 1}},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, settled: true},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, settled: true},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, settled: true},
	{use: pay.Use{Max: 1}, cards: []string{refusedCard, goodCard}, settled: true},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, refund: 1050},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, refund: 50, settled: true},
	{use: pay.Use{Max: 1}, cards: []string{goodCard}, settled: true, splits: []pay.Split{{Account: "acc-1", Amount: 333}, {Account: "acc-2", Amount: 100, OnHold: true}}},
	{use: pay.Use{Parts: true}, cards: []string{goodCard, goodCard}, part: 525, settled: true},
}

// live is the life of link n, whose kind n decides. It gives the number of
// events that it wrote.
func (w *world) live(ctx context.Context, n int64) (events int64, err error) {
	life, name := lives[n%int64(len(lives))], strconv.FormatInt(n, 10)
	made, err := w.Core.CreateLink(ctx, w.who, core.CreateLink{Link: pay.Link{
		Price: pay.Price{Currency: "USD", Amount: 1050}, Use: life.use, Splits: life.splits,
		Description: "Two field guides", Reference: "order-" + name,
	}})
	if err != nil {
		return 0, err
	}
	for _, card := range life.cards {
		p, err := w.Core.StartPayment(ctx, core.StartPayment{
			Token: made.Link.Token, Method: pay.MethodCard, Amount: life.part, Fields: map[string]string{"card": card}, From: "payer-" + name,
		})
		if err != nil {
			return 0, err
		}
		if p.State != pay.PaymentApplied {
			continue
		}
		if life.settled {
			if err := w.settle(ctx, p); err != nil {
				return 0, err
			}
		}
		if life.refund > 0 {
			if _, _, err := w.Core.Refund(ctx, w.who, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID, Amount: life.refund}}); err != nil {
				return 0, err
			}
		}
	}
	v, err := w.Core.Link(ctx, w.who, made.Link.ID)
	return v.Link.Seq, err
}

// settle settles what the payment's last attempt brought.
func (w *world) settle(ctx context.Context, p pay.Payment) error {
	report := fmt.Sprintf("type,processor,reference,amount,currency\ncapture,sandbox,%s,%d.%02d,USD\n", p.Last().ID, p.Requested.Minor/100, p.Requested.Minor%100)
	rows, err := w.Core.ImportSettlements(ctx, w.who, strings.NewReader(report))
	if err == nil && (len(rows) != 1 || rows[0].Result != core.RowSettled) {
		err = fmt.Errorf("settling %s: %+v", p.ID, rows)
	}
	return err
}
