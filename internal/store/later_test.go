package store_test

import (
	"errors"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// Writes that are not waited for are taken to have done what they nearly always
// do. What a transaction concludes from that never stands when it is not so.
func TestWhatIsTakenForGranted(t *testing.T) {
	use := store.KeyUse{Tenant: tenant, Credential: "cred_1", Dialect: "native", Key: "once", Fingerprint: "f", Link: "AAAAAAAAAA", Seq: 1}
	again := use
	again.Link = "BBBBBBBBBB"
	refused := errors.New("refused")
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		s := list[0]
		take := func(u store.KeyUse, end error) (first store.KeyUse, fresh bool, err error) {
			err = s.InTx(ctx, func(tx *store.Tx) (err error) {
				first, fresh, err = tx.TakeKey(ctx, u)
				if err == nil && fresh {
					err = end
				}
				return err
			})
			return first, fresh, err
		}
		if _, fresh, err := take(use, refused); !fresh || !errors.Is(err, refused) {
			t.Fatalf("a transaction that is given up: fresh %v, %v", fresh, err)
		}
		if _, fresh, err := take(use, nil); !fresh || err != nil {
			t.Fatalf("nothing was to be kept of it: fresh %v, %v", fresh, err)
		}
		if first, fresh, err := take(again, nil); fresh || err != nil || first.Link != use.Link {
			t.Errorf("a key used before: %v, fresh %v, %v", first.Link, fresh, err)
		}
		if first, fresh, err := take(again, refused); fresh || err != nil || first.Link != use.Link {
			t.Errorf("an error of one who took a used key for a new one: %v, fresh %v, %v", first.Link, fresh, err)
		}
		err := s.InTx(ctx, func(tx *store.Tx) error {
			if _, fresh, err := tx.TakeKey(ctx, again); err != nil || !fresh {
				return err
			}
			_, err := tx.Setting(ctx, tenant, "none") // asked for among writes that wait
			if !errors.Is(err, pay.ErrNotFound) {
				return nil // swallowed
			}
			return refused
		})
		if err != nil {
			t.Errorf("a read that found out: %v", err)
		}
		if first, err := s.FindKey(ctx, use); err != nil || first.Link != use.Link {
			t.Errorf("the key in the end: %v %v", first.Link, err)
		}
	})
}
