package core_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// describe is an edit of the description.
func describe(id pay.LinkID, to string) core.EditLink {
	return core.EditLink{Link: id, Change: func(l *pay.Link, _ []pay.Payment) error {
		l.Description = to
		return nil
	}}
}

// charge is an edit of the amount.
func charge(id pay.LinkID, minor int64) core.EditLink {
	return core.EditLink{Link: id, Change: func(l *pay.Link, _ []pay.Payment) error {
		l.Price.Amount = minor
		return nil
	}}
}

func TestEditInPlace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		v, err := w.EditLink(ctx, w.Shop, charge(l.ID, 900))
		if err != nil || v.Link.Price.Amount != 900 || v.Link.Version != 2 || v.Link.Token != l.Token {
			t.Fatalf("edited: %+v %v", v.Link, err)
		}
		if v, err = w.EditLink(ctx, w.Shop, charge(l.ID, 900)); err != nil || v.Link.Version != 2 {
			t.Fatalf("an edit that changes nothing: version %d, %v", v.Link.Version, err)
		}
		old := core.StartPayment{Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, Version: 1}
		if _, err := w.StartPayment(ctx, old); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("paying the version before: %v", err)
		}
		if _, err := w.Card(l, declineCard); err != nil {
			t.Fatal(err)
		}
		if _, err := w.EditLink(ctx, w.Shop, charge(l.ID, 800)); err != nil {
			t.Fatalf("a failed payment blocks an edit: %v", err)
		}
		if _, err := w.EditLink(ctx, w.Shop, charge(l.ID, 0)); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("an amount of zero: %v", err)
		}
		if p, err := w.Card(l, goodCard); err != nil || p.Requested.Minor != 800 {
			t.Fatalf("paid: %+v %v", p, err)
		}
		if _, err := w.EditLink(ctx, w.Shop, describe(l.ID, "late")); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("editing a completed link: %v", err)
		}
	})
}

func TestEditWhilePaying(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		if _, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: "192.0.2.7"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.EditLink(ctx, w.Shop, charge(l.ID, 900)); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("the amount changed under a payment: %v", err)
		}
		if _, err := w.EditLink(ctx, w.Shop, describe(l.ID, "other words")); err != nil {
			t.Fatalf("the text may change: %v", err)
		}
	})
}

func TestEditReopens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.ExpiresAt = w.Clock.Now().Add(time.Hour) })
		until := func(at time.Time) (pay.LinkState, error) {
			v, err := w.EditLink(ctx, w.Shop, core.EditLink{Link: l.ID, Change: func(l *pay.Link, _ []pay.Payment) error {
				l.ExpiresAt = at
				return nil
			}})
			return v.Link.State, err
		}
		if state, err := until(w.Clock.Now().Add(-time.Minute)); err != nil || state != pay.LinkExpired {
			t.Fatalf("an end in the past: %s %v", state, err)
		}
		if state, err := until(w.Clock.Now().Add(time.Hour)); err != nil || state != pay.LinkActive {
			t.Fatalf("reopened: %s %v", state, err)
		}
		if p, err := w.Card(l, goodCard); err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("paid: %+v %v", p, err)
		}
	})
}

func TestEditMovesThePage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		cmd := describe(l.ID, "moved")
		cmd.NewToken, cmd.Key, cmd.Fingerprint = true, "k", "f"
		v, err := w.EditLink(ctx, w.Shop, cmd)
		if err != nil || v.Link.Token == l.Token {
			t.Fatalf("moved: %v", err)
		}
		if _, err := w.OpenPage(ctx, l.Token, false); !errors.Is(err, pay.ErrNotFound) {
			t.Fatalf("the old address: %v", err)
		}
		if _, err := w.OpenPage(ctx, v.Link.Token, false); err != nil {
			t.Fatalf("the new address: %v", err)
		}
		again, err := w.EditLink(ctx, w.Shop, cmd)
		if err != nil || again.Link.Token != v.Link.Token || again.Link.Version != v.Link.Version {
			t.Fatalf("the same request again: %+v %v", again.Link, err)
		}
		cmd.Fingerprint = "g"
		if _, err := w.EditLink(ctx, w.Shop, cmd); !errors.Is(err, pay.ErrKeyReused) {
			t.Fatalf("another request: %v", err)
		}
	})
}

func TestSlugIsTakenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		made := make(chan pay.Link, 8)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l := pay.Link{Price: pay.Price{Currency: "USD", Amount: 500}, Use: pay.Use{Max: 1}, Slug: "Club-Fee"}
				out, err := w.CreateLink(ctx, w.Shop, core.CreateLink{Link: l, Claims: []core.Claim{core.SlugClaim(pay.Test, l.Slug)}})
				if err == nil {
					made <- out.Link
				} else if pay.KindOf(err) != pay.Conflict {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(made) != 1 {
			t.Fatalf("%d links have the slug", len(made))
		}
		token, err := w.SlugToken(ctx, "club-fee")
		if l := <-made; err != nil || token != l.Token {
			t.Fatalf("the slug in other letters: %q %v", token, err)
		}
		if _, err := w.SlugToken(ctx, "other"); !errors.Is(err, pay.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestShare(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, nil)
		cmd := core.ShareLink{Key: "s1", Fingerprint: "f", Link: l.ID, Share: pay.Share{
			Cause: pay.ShareAsked, Message: "please", Recipients: []pay.Recipient{{Name: "Ada Byron", Email: "ada@example.com"}},
		}}
		first, err := w.ShareLink(ctx, w.Shop, cmd)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := w.ShareLink(ctx, w.Shop, cmd); err != nil || again.ID != first.ID {
			t.Fatalf("again: %+v %v", again, err)
		}
		for to, want := range map[core.Recipient]int{
			{}: 1, {Name: "ada byron"}: 1, {Email: "ADA@example.com"}: 1, {Email: "bob@example.com"}: 0, {Name: "Ada Byron", Email: "bob@example.com"}: 0,
		} {
			if list, err := w.Shares(ctx, w.Shop, l.ID, to); err != nil || len(list) != want {
				t.Errorf("sent to %+v: %d shares, %v", to, len(list), err)
			}
			found := 0
			err := w.ScanLinks(ctx, w.Shop, core.LinkScan{Sent: to}, func(core.LinkView) bool { found++; return true })
			if err != nil || found != want {
				t.Errorf("links sent to %+v: %d, %v", to, found, err)
			}
		}
		cmd.Key, cmd.Share.Recipients = "s2", nil
		if _, err := w.ShareLink(ctx, w.Shop, cmd); pay.KindOf(err) != pay.Invalid {
			t.Fatalf("to nobody: %v", err)
		}
		if _, err := w.CancelLink(ctx, w.Shop, l.ID); err != nil {
			t.Fatal(err)
		}
		cmd.Key, cmd.Share.Recipients = "s3", first.Recipients
		if _, err := w.ShareLink(ctx, w.Shop, cmd); pay.KindOf(err) != pay.Conflict {
			t.Fatalf("a canceled link: %v", err)
		}
	})
}

func TestScanLinks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		var ids []pay.LinkID
		for range 5 {
			ids = append(ids, w.Link(t, nil).ID)
			w.Clock.Add(time.Second)
		}
		var got []pay.LinkID
		var third pay.Link
		walk := func(v core.LinkView) bool {
			got = append(got, v.Link.ID)
			third = v.Link
			return len(got) < 3
		}
		if err := w.ScanLinks(ctx, w.Shop, core.LinkScan{}, walk); err != nil || len(got) != 3 || got[0] != ids[4] || third.ID != ids[2] {
			t.Fatalf("newest first: %v %v", got, err)
		}
		got = nil
		if err := w.ScanLinks(ctx, w.Shop, core.LinkScan{After: third}, walk); err != nil || len(got) != 2 || got[0] != ids[1] {
			t.Fatalf("further: %v %v", got, err)
		}
		if n, err := w.CountLinks(ctx, w.Shop, core.LinkScan{}); n != 5 || err != nil {
			t.Fatalf("%d %v", n, err)
		}
		if err := w.ScanLinks(ctx, w.Pine, core.LinkScan{}, func(core.LinkView) bool { t.Error("another dialect's link"); return true }); err != nil {
			t.Fatal(err)
		}
	})
}
