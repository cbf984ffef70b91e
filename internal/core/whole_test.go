package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

var errNo = errors.New("no")

func no(core.LinkView) error { return errNo }

// What came in parts goes back as one sum, the oldest payment first.
func TestRefundLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Parts = true })
		refund := func(reference string, minor int64, allow core.Allow) (core.LinkView, bool, error) {
			return w.RefundLink(ctx, w.Shop, core.RefundLink{Link: l.ID, Allow: allow, Wish: pay.RefundWish{Reference: reference, Amount: minor, Reason: "asked"}})
		}
		if _, _, err := refund("r0", 1, nil); pay.KindOf(err) != pay.Conflict {
			t.Errorf("of nothing: %v", err)
		}
		for _, minor := range []int64{400, 650} {
			_, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodCard, Amount: minor, Fields: map[string]string{"card": goodCard}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := refund("r1", 500, no); !errors.Is(err, errNo) {
			t.Errorf("not allowed: %v", err)
		}
		for _, minor := range []int64{-1, 0, 1051} {
			if _, _, err := refund("r1", minor, nil); pay.KindOf(err) != pay.Invalid {
				t.Errorf("%d: %v", minor, err)
			}
		}
		v, made, err := refund("r1", 500, nil)
		if err != nil || !made || v.Link.Refunded != 500 || len(v.Payments[0].Refunds) != 1 || v.Payments[0].Refunds[0].Amount != 400 || v.Payments[1].Refunds[0].Amount != 100 {
			t.Fatalf("%+v %v %v", v.Payments, made, err)
		}
		if v, made, err = refund("r1", 9, no); err != nil || made || v.Link.Refunded != 500 {
			t.Errorf("again: %d %v %v", v.Link.Refunded, made, err)
		}
		if v, made, err = refund("r2", 550, nil); err != nil || !made || v.Link.MoneyStatus() != pay.Refunded {
			t.Errorf("the rest: %s %v %v", v.Link.MoneyStatus(), made, err)
		}
		many := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		if _, err := w.Card(many, goodCard); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.RefundLink(ctx, w.Shop, core.RefundLink{Link: many.ID, Wish: pay.RefundWish{Reference: "r1", Amount: 1}})
		if pay.KindOf(err) != pay.Conflict {
			t.Errorf("a link without one sum: %v", err)
		}
	})
}

func TestCancelLinkWhen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		if _, err := w.CancelLinkWhen(ctx, w.Shop, l.ID, no); !errors.Is(err, errNo) {
			t.Error(err)
		}
		if v, err := w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.State != pay.LinkActive {
			t.Errorf("%s %v", v.Link.State, err)
		}
		if v, err := w.CancelLinkWhen(ctx, w.Shop, l.ID, nil); err != nil || v.Link.State != pay.LinkCanceled {
			t.Errorf("%s %v", v.Link.State, err)
		}
		if _, err := w.CancelLinkWhen(ctx, w.Pine, l.ID, nil); !errors.Is(err, pay.ErrNotFound) {
			t.Errorf("another dialect's: %v", err)
		}
	})
}

// The limit counts what is of one cause, and forgets.
func TestShareLimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, nil)
		share := func(cause pay.ShareCause) error {
			w.Clock.Add(time.Second)
			_, err := w.ShareLink(context.Background(), w.Shop, core.ShareLink{
				Link: l.ID, Share: pay.Share{Cause: cause, Recipients: []pay.Recipient{{Email: "a@shop.example"}}}, Limit: core.ShareLimit{Count: 2, Within: time.Minute},
			})
			return err
		}
		for i, want := range []pay.Kind{-1, -1, pay.TooMany, pay.TooMany} {
			if err := share(pay.ShareResent); err == nil && want != -1 || err != nil && pay.KindOf(err) != want {
				t.Errorf("%d: %v", i, err)
			}
		}
		if err := share(pay.ShareAsked); err != nil {
			t.Errorf("another cause: %v", err)
		}
		w.Clock.Add(time.Minute)
		if err := share(pay.ShareResent); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// An address of Pine Labs may have an endpoint for each subscription.
func TestProvisionSubscriptions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		hook := func(kinds ...pay.EventKind) core.ProvisionWebhook {
			return core.ProvisionWebhook{API: "pinelabs", URL: "https://shop.example/hook", Kinds: kinds}
		}
		for range 2 {
			_, err := w.Provision(ctx, core.Provision{Merchants: []core.ProvisionMerchant{{
				ID: "shop", Name: "Corner Shop", Mode: pay.Test, Webhooks: []core.ProvisionWebhook{hook(), hook(pay.EventLinkCanceled)},
			}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if list, err := w.Endpoints(ctx, w.Shop); err != nil || len(list) != 2 || len(list[0].Kinds)+len(list[1].Kinds) != 1 {
			t.Errorf("%+v %v", list, err)
		}
	})
}
