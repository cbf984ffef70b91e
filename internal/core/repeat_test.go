package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A key belongs to the credential that sent it: two callers who use the same
// one on the same payment make two refunds, and each is told of its own (I2).
func TestRefundKeysOfTwoCallers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		other := w.Shop
		other.Credential = "key_other"
		refund := func(who pay.Caller) pay.Refund {
			t.Helper()
			_, r, err := w.Refund(ctx, who, core.RefundPayment{Key: "same", Fingerprint: "f", Wish: pay.RefundWish{Payment: p.ID, Amount: 100}})
			if err != nil || r.Amount != 100 {
				t.Fatalf("%+v %v", r, err)
			}
			return r
		}
		first, second := refund(w.Shop), refund(other)
		if first.ID == second.ID {
			t.Fatalf("both were told of %s", first.ID)
		}
		if again := refund(w.Shop); again.ID != first.ID {
			t.Errorf("the first again: %s, want %s", again.ID, first.ID)
		}
		if again := refund(other); again.ID != second.ID {
			t.Errorf("the second again: %s, want %s", again.ID, second.ID)
		}
		after, err := w.Payment(ctx, w.Shop, p.ID)
		if err != nil || len(after.Refunds) != 2 || after.Last().Refunded != 200 {
			t.Errorf("%+v %v", after.Refunds, err)
		}
	})
}

// While the processor has not answered the first request, a repeat waits a
// moment, is then told to come again, and makes nothing. One that is there when
// the answer comes is given the first answer, as all later ones are (I3).
func TestRepeatWhileTheProcessorThinks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		asked, answer, calls := make(chan bool), make(chan bool), 0
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			if o.Kind == pay.OpRefund {
				calls++
				asked <- true
				<-answer
			}
			return paidIn(o, "odd_1"), nil
		})
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("%+v %v", p, err)
		}
		refund := func() (pay.Refund, error) {
			_, r, err := w.Refund(context.Background(), w.Shop, core.RefundPayment{Key: "k", Fingerprint: "f", Wish: pay.RefundWish{Payment: p.ID, Amount: 100}})
			return r, err
		}
		told := make(chan pay.Refund, 1)
		go func() {
			r, err := refund()
			if err != nil {
				t.Error(err)
			}
			told <- r
		}()
		<-asked
		if r, err := refund(); !errors.Is(err, pay.ErrKeyBusy) {
			t.Errorf("a repeat meanwhile: %+v %v", r, err)
		}
		waits := make(chan pay.Refund, 1)
		go func() {
			r, err := refund()
			if err != nil {
				t.Error(err)
			}
			waits <- r
		}()
		close(answer)
		first := <-told
		if r := <-waits; r.ID != first.ID || r.State != pay.RefundSucceeded {
			t.Errorf("one that waited: %+v, not %+v", r, first)
		}
		again, err := refund()
		if err != nil || again.ID != first.ID || again.State != pay.RefundSucceeded || first.State != pay.RefundSucceeded || calls != 1 {
			t.Errorf("after %d calls: %+v, then %+v %v", calls, first, again, err)
		}
	})
}

// Whose server died before it could answer is told what became of the request
// once the key's lease is over (I5); and from then on always the same.
func TestRepeatAfterTheServerDied(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		p, err := w.Card(w.Link(t, manual), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		prepare(t, w, p.Link, func(tab *pay.Tab) error { return tab.Capture(p.ID, 0, false) })
		use := store.KeyUse{Tenant: w.Shop.Tenant, Credential: w.Shop.Credential, Dialect: w.Shop.Dialect, Key: "k", Fingerprint: "f", Link: p.Link}
		err = w.Store.InTx(ctx, func(tx *store.Tx) error {
			_, _, err := tx.TakeKey(ctx, use)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		capture := func() (pay.Payment, error) {
			return w.Capture(ctx, w.Shop, core.CapturePayment{Key: "k", Fingerprint: "f", Payment: p.ID})
		}
		if _, err := capture(); !errors.Is(err, pay.ErrKeyBusy) {
			t.Fatalf("at once: %v", err)
		}
		w.Clock.Add(time.Minute)
		work(t, w)
		then, err := capture()
		if err != nil || then.Captured() != 1050 {
			t.Fatalf("after the lease: %+v %v", then, err)
		}
		if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID, Amount: 100}}); err != nil {
			t.Fatal(err)
		}
		if again, err := capture(); err != nil || len(again.Refunds) != 0 {
			t.Errorf("again: %+v %v", again, err)
		}
	})
}

// A request that was refused leaves its key free: a better one may have it (I4).
func TestRefusedRequestKeepsNoKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		cmd := core.CreateLink{Key: "k", Fingerprint: "first", Link: pay.Link{Price: pay.Price{Currency: "USD", Amount: -1}, Use: pay.Use{Max: 1}}}
		if _, err := w.CreateLink(ctx, w.Shop, cmd); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("less than nothing: %v", err)
		}
		cmd.Fingerprint, cmd.Link.Price.Amount = "second", 1050
		made, err := w.CreateLink(ctx, w.Shop, cmd)
		if err != nil || !made.First {
			t.Fatalf("then: %+v %v", made, err)
		}
		refund := core.RefundPayment{Key: "r", Fingerprint: "first", Wish: pay.RefundWish{Amount: 5000}}
		p, err := w.Card(made.Link, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		refund.Wish.Payment = p.ID
		if _, _, err := w.Refund(ctx, w.Shop, refund); pay.KindOf(err) != pay.Invalid && pay.KindOf(err) != pay.Conflict {
			t.Fatalf("more than was paid: %v", err)
		}
		refund.Fingerprint, refund.Wish.Amount = "second", 50
		if _, r, err := w.Refund(ctx, w.Shop, refund); err != nil || r.Amount != 50 {
			t.Errorf("then: %+v %v", r, err)
		}
	})
}

// What a request made is kept with its key before the processor is asked: whose
// server died then is told of it, and no other is made (I5).
func TestRefundIsKnownBeforeItsAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		cmd := core.RefundPayment{Key: "k", Fingerprint: "f", Wish: pay.RefundWish{Amount: 100}}
		var meanwhile pay.Refund
		withOdd(t, w, func(_ context.Context, o processor.Order, _ bool) (_ processor.Outcome, err error) {
			if o.Kind == pay.OpRefund {
				w.Clock.Add(time.Minute) // for its caller the server is dead
				_, meanwhile, err = w.Refund(context.Background(), w.Shop, cmd)
			}
			return paidIn(o, "odd_1"), err
		})
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wish.Payment = p.ID
		_, first, err := w.Refund(context.Background(), w.Shop, cmd)
		if err != nil || first.ID == "" || meanwhile.ID != first.ID {
			t.Errorf("%+v %v, meanwhile %+v", first, err, meanwhile)
		}
	})
}
