package faulty

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

var tenant = pay.Tenant{Merchant: "bakery", Mode: pay.Test}

// plain does what it is asked for, at once, and counts.
type plain struct {
	processor.Driver
	calls *atomic.Int64
}

func (plain) Name() string { return "plain" }

func (p plain) Start(_ context.Context, o processor.Order) (processor.Outcome, error) {
	p.calls.Add(1)
	return processor.Outcome{Result: processor.Succeeded, Authorized: o.Amount.Minor, Captured: o.Amount.Minor}, nil
}

func (p plain) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return p.Start(ctx, o)
}

func (plain) Capabilities(pay.MethodID) (processor.Capabilities, bool) {
	return processor.Capabilities{Modes: []pay.Mode{pay.Test, pay.Live}}, true
}

func (plain) VerifyCallback(pay.Tenant, http.Header, []byte) (processor.Evidence, error) {
	return processor.Evidence{EventID: "e", Outcome: processor.Outcome{Result: processor.Succeeded, Authorized: 5}}, nil
}

// bad is a plain driver on a bad day, and how often it was called.
func bad(t *testing.T, r Rates) (d *Driver, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	d = New(plain{calls: calls}, r, 1)
	t.Cleanup(d.Close)
	return d, calls
}

var order = processor.Order{Tenant: tenant, Key: "op_1", Kind: pay.OpSale, Amount: pay.Money{Minor: 1000, Currency: "EUR"}}

func TestBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, calls := bad(t, Rates{Before: 100})
		for _, f := range []func(context.Context, processor.Order) (processor.Outcome, error){d.Start, d.Query, d.Capture, d.Void, d.Refund} {
			if out, err := f(t.Context(), order); err == nil || out != (processor.Outcome{}) {
				t.Errorf("%+v, %v", out, err)
			}
		}
		time.Sleep(delay)
		if calls.Load() != 0 {
			t.Errorf("%d calls arrived", calls.Load())
		}
	})
}

// An answer that is lost is one of a call that is carried out, now or a little later.
func TestAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, calls := bad(t, Rates{After: 100})
		const n = 50
		for range n {
			if out, err := d.Start(t.Context(), order); err == nil || out != (processor.Outcome{}) {
				t.Errorf("%+v, %v", out, err)
			}
		}
		if now := calls.Load(); now == 0 || now == n {
			t.Errorf("%d of %d calls arrived before their answer was given up", now, n)
		}
		time.Sleep(delay)
		synctest.Wait()
		if calls.Load() != n {
			t.Errorf("%d of %d calls arrived", calls.Load(), n)
		}
		if _, err := d.Query(t.Context(), order); err != nil {
			t.Errorf("a question was not answered: %v", err)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, calls := bad(t, Rates{After: 100})
		for range 50 {
			d.Start(t.Context(), order)
		}
		d.Close()
		before := calls.Load()
		time.Sleep(delay)
		if calls.Load() != before {
			t.Error("a call arrived after the end")
		}
	})
}

func TestAmounts(t *testing.T) {
	d, _ := bad(t, Rates{Amounts: 100})
	above, below := 0, 0
	for range 100 {
		out, err := d.Start(t.Context(), order)
		switch {
		case err != nil || out.Captured == 1000 || out.Captured <= 0 || out.Captured > out.Authorized:
			t.Fatalf("%+v, %v", out, err)
		case out.Captured > 1000:
			above++
		default:
			below++
		}
		ev, err := d.VerifyCallback(tenant, nil, nil)
		if err != nil || ev.Outcome.Authorized == 5 || ev.Outcome.Authorized <= 0 {
			t.Fatalf("%+v, %v", ev, err)
		}
	}
	if above == 0 || below == 0 {
		t.Errorf("%d above, %d below", above, below)
	}
	if out, err := d.Query(t.Context(), order); err != nil || out.Captured != 1000 {
		t.Errorf("a question: %+v, %v", out, err)
	}
}

// Every callback comes twice, and not in the order in which it was sent.
func TestCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := bad(t, Rates{Callbacks: 100})
		came := make(chan byte, 100)
		hears := d.Callback(func(_ context.Context, _ pay.Tenant, _ http.Header, raw []byte) error {
			came <- raw[0]
			return nil
		})
		for i := range 10 {
			if err := hears(t.Context(), tenant, nil, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if len(came) != 0 {
			t.Error("one came at once")
		}
		time.Sleep(delay)
		synctest.Wait()
		close(came)
		count, overtaken, last := map[byte]int{}, 0, byte(0)
		for i := range came {
			if i < last {
				overtaken++
			}
			count[i], last = count[i]+1, i
		}
		for i := range 10 {
			if count[byte(i)] != 2 {
				t.Errorf("callback %d came %d times", i, count[byte(i)])
			}
		}
		if overtaken == 0 {
			t.Error("they came in order")
		}
	})
}

// quarrel is a plain driver that plays disputes.
type quarrel struct{ plain }

func (q quarrel) OpenDispute(context.Context, pay.Tenant, processor.DisputeWish) (processor.Evidence, error) {
	q.calls.Add(1)
	return processor.Evidence{EventID: "open", Dispute: &processor.Dispute{}}, nil
}

func (q quarrel) DecideDispute(ctx context.Context, t pay.Tenant, _, _ string, _ pay.DisputeState) (processor.Evidence, error) {
	return q.OpenDispute(ctx, t, processor.DisputeWish{})
}

func (quarrel) VerifyCallback(pay.Tenant, http.Header, []byte) (processor.Evidence, error) {
	return processor.Evidence{EventID: "open", Dispute: &processor.Dispute{}}, nil
}

// Disputes are played as the driver behind plays them, but for what goes wrong;
// in live mode nothing does.
func TestDisputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rates, calls := range map[Rates]int64{{}: 2, {Before: 100}: 0, {After: 100}: 2} {
			q := quarrel{plain{calls: new(atomic.Int64)}}
			d := New(q, rates, 1)
			var plays processor.Disputer = d
			lost := rates != Rates{}
			for _, mode := range []pay.Mode{pay.Test, pay.Live} {
				tn := pay.Tenant{Merchant: tenant.Merchant, Mode: mode}
				opened, err := plays.OpenDispute(t.Context(), tn, processor.DisputeWish{})
				decided, err2 := plays.DecideDispute(t.Context(), tn, "p", "d", pay.DisputeWon)
				for _, err := range []error{err, err2} {
					if (err != nil) != (lost && mode == pay.Test) {
						t.Errorf("%+v, %s: %v", rates, mode, err)
					}
				}
				if err == nil && (opened.EventID != "open" || decided.EventID != "open") {
					t.Errorf("%+v, %s: %+v, %+v", rates, mode, opened, decided)
				}
			}
			time.Sleep(delay)
			synctest.Wait()
			if n := q.calls.Load(); n != calls+2 { // two of them in live mode
				t.Errorf("%+v: %d calls arrived", rates, n)
			}
			d.Close()
		}
	})
	d, _ := bad(t, Rates{})
	if _, err := d.OpenDispute(t.Context(), tenant, processor.DisputeWish{}); pay.KindOf(err) != pay.Conflict {
		t.Errorf("a driver that plays none: %v", err)
	}
}

// What nobody would ask about is heard in time, and again.
func TestDisputeIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(quarrel{plain{calls: new(atomic.Int64)}}, Rates{Callbacks: 100}, 1)
		defer d.Close()
		heard := new(atomic.Int64)
		hears := d.Callback(func(context.Context, pay.Tenant, http.Header, []byte) error { heard.Add(1); return nil })
		if err := hears(t.Context(), tenant, nil, nil); err != nil || heard.Load() != 1 {
			t.Errorf("at once %d times, %v", heard.Load(), err)
		}
		time.Sleep(delay)
		synctest.Wait()
		if heard.Load() != 3 {
			t.Errorf("%d times", heard.Load())
		}
	})
}

func TestLiveIsLeftAlone(t *testing.T) {
	d, calls := bad(t, Rates{Before: 50, After: 50, Callbacks: 100, Amounts: 100})
	live := order
	live.Tenant.Mode = pay.Live
	for range 20 {
		if out, err := d.Start(t.Context(), live); err != nil || out.Captured != 1000 {
			t.Fatalf("%+v, %v", out, err)
		}
		if out, err := d.Query(t.Context(), live); err != nil || out.Captured != 1000 {
			t.Fatalf("%+v, %v", out, err)
		}
		if ev, err := d.VerifyCallback(live.Tenant, nil, nil); err != nil || ev.Outcome.Authorized != 5 {
			t.Fatalf("%+v, %v", ev, err)
		}
	}
	heard := 0
	hears := d.Callback(func(context.Context, pay.Tenant, http.Header, []byte) error { heard++; return nil })
	if err := hears(t.Context(), live.Tenant, nil, nil); err != nil || heard != 1 || calls.Load() != 40 {
		t.Errorf("%d callbacks, %d calls, %v", heard, calls.Load(), err)
	}
	if c, ok := d.Capabilities(pay.MethodCard); !ok || len(c.Modes) != 1 || c.Modes[0] != pay.Test {
		t.Errorf("it serves %v", c.Modes)
	}
}
