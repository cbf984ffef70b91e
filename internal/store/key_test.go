package store_test

import (
	"errors"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A key is one caller's own: whatever differs in who uses it, each has its own
// first use, which is found, repeated and pointed elsewhere apart (I2).
func TestKeyBelongsToItsScope(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		base := store.KeyUse{Tenant: tenant, Credential: "key_1", Dialect: "native", Key: "k", Fingerprint: "f"}
		uses := []store.KeyUse{base}
		for _, with := range []func(u *store.KeyUse){
			func(u *store.KeyUse) { u.Tenant.Merchant = "another" }, func(u *store.KeyUse) { u.Tenant.Mode = pay.Live },
			func(u *store.KeyUse) { u.Credential = "key_2" }, func(u *store.KeyUse) { u.Dialect = "payroc" }, func(u *store.KeyUse) { u.Key = "K" },
		} {
			u := base
			with(&u)
			uses = append(uses, u)
		}
		take := func(u store.KeyUse) (first store.KeyUse, fresh bool, err error) {
			err = s.InTx(ctx, func(tx *store.Tx) (err error) {
				first, fresh, err = tx.TakeKey(ctx, u)
				return err
			})
			return first, fresh, err
		}
		for i := range uses {
			u := &uses[i]
			u.Link, u.Seq = pay.NewLinkID(s.Now()), 1
			if _, fresh, err := take(*u); err != nil || !fresh {
				t.Errorf("%+v was taken before: %v", *u, err)
			}
		}
		for i := range uses {
			u := &uses[i]
			u.Seq, u.Ref = int64(i+2), "made"
			if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.PointKey(ctx, *u) }); err != nil {
				t.Fatal(err)
			}
		}
		for _, u := range uses {
			if first, err := s.FindKey(ctx, u); err != nil || first.Link != u.Link || first.Seq != u.Seq || first.Ref != u.Ref {
				t.Errorf("%+v finds %+v %v", u, first, err)
			}
			if first, fresh, err := take(u); err != nil || fresh || first.Link != u.Link || first.Seq != u.Seq {
				t.Errorf("%+v again: %+v %v %v", u, first, fresh, err)
			}
			u.Fingerprint = "other"
			if _, _, err := take(u); !errors.Is(err, pay.ErrKeyReused) {
				t.Errorf("another request under %+v: %v", u, err)
			}
		}
	})
}
