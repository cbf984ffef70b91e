package store_test

import (
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// The database itself refuses a payout of more than there was, and a second
// one that was decided in the same place (M10).
func TestDatabaseHoldsPayouts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		add := func(id pay.PayoutID, number, minor int64, t pay.Tenant, c pay.Currency) error {
			return list[0].InTx(ctx, func(tx *store.Tx) error {
				return tx.AddPayout(ctx, pay.Payout{Tenant: t, ID: id, Number: number, Amount: pay.Money{Minor: minor, Currency: c}, Available: 100, CreatedAt: tx.Now()})
			})
		}
		other := pay.Tenant{Merchant: "stall", Mode: pay.Test}
		for _, c := range []struct {
			id     pay.PayoutID
			number int64
			minor  int64
			tenant pay.Tenant
			in     pay.Currency
			want   bool
		}{
			{"po_1", 1, 100, tenant, "USD", true},
			{"po_2", 2, 101, tenant, "USD", false},
			{"po_3", 2, 0, tenant, "USD", false},
			{"po_4", 2, -1, tenant, "USD", false},
			{"po_5", 1, 1, tenant, "USD", false}, // the number is taken
			{"po_6", 0, 1, tenant, "USD", false},
			{"po_1", 2, 1, tenant, "USD", false}, // the id is
			{"po_7", 1, 1, tenant, "EUR", true},
			{"po_1", 1, 1, other, "USD", true},
		} {
			if err := add(c.id, c.number, c.minor, c.tenant, c.in); (err == nil) != c.want {
				t.Errorf("%s, number %d of %d %s: %v", c.id, c.number, c.minor, c.in, err)
			}
		}
	})
}
