package core_test

import (
	"context"
	"fmt"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
)

// Edit against pay: whoever looks at an older version is charged nothing, and a
// price that is being paid does not change (DECISIONS 7, 8).
func TestEditAgainstPay(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		ctx := context.Background()
		for range rounds(15, 1000) {
			l := nodes[0].Link(t, nil)
			edited, paid := make(chan int64, 4), make(chan int64, 4) // versions, amounts
			atOnce(nodes, 8, func(i int, w *coretest.World) {
				if i < 4 {
					v, err := w.EditLink(ctx, w.Shop, charge(l.ID, 900+int64(i)))
					if err == nil {
						edited <- v.Link.Version
					} else if pay.KindOf(err) != pay.Conflict {
						t.Error(err)
					}
					return
				}
				p, err := w.StartPayment(ctx, core.StartPayment{
					Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, From: fmt.Sprintf("192.0.2.%d", i), Version: 1,
				})
				if err == nil && p.State == pay.PaymentApplied {
					paid <- p.Requested.Minor
				} else if pay.KindOf(err) != pay.Conflict {
					t.Errorf("%+v %v", p, err)
				}
			})
			if n := len(edited); len(paid)+n/4 != 1 || n%4 != 0 || n == 0 && <-paid != 1050 {
				t.Fatalf("%d edits and %d payments of the version before", n, len(paid))
			}
			v, err := nodes[1].Core.Link(ctx, nodes[1].Shop, l.ID)
			if err != nil || v.Link.Version != 1+int64(len(edited)) {
				t.Fatalf("version %d after %d edits, %v", v.Link.Version, len(edited), err)
			}
			if v.Link.Version == 1 && v.Link.Applied != 1050 || v.Link.Version > 1 && len(v.Payments) > 0 {
				t.Fatalf("version %d with %+v", v.Link.Version, v.Payments)
			}
		}
		verified(t, nodes[0])
	})
}

// Refund against refund: the reservation decides; never more than was captured (5.8).
func TestRefundAgainstRefund(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		ctx := context.Background()
		for range rounds(4, 200) {
			p, err := nodes[0].Card(nodes[0].Link(t, nil), goodCard)
			if err != nil {
				t.Fatal(err)
			}
			made := make(chan int64, 20)
			atOnce(nodes, 20, func(i int, w *coretest.World) {
				key := fmt.Sprintf("r%d-%s", i, p.ID)
				_, r, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: key, Fingerprint: key, Wish: pay.RefundWish{Payment: p.ID, Amount: 100}})
				if err == nil {
					made <- r.Amount
				} else if pay.KindOf(err) != pay.Invalid {
					t.Error(err)
				}
			})
			if len(made) != 10 {
				t.Fatalf("%d refunds of 1.00 out of 10.50", len(made))
			}
			runAll(t, nodes)
			after, err := nodes[1].Payment(ctx, nodes[1].Shop, p.ID)
			if err != nil || len(after.Refunds) != 10 || after.Last().Refunded != 1000 || after.Last().Refunding != 0 {
				t.Fatalf("%+v %v", after, err)
			}
		}
		verified(t, nodes[0])
	})
}

func verified(t *testing.T, w *coretest.World) {
	t.Helper()
	if _, err := w.Verify(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
}
