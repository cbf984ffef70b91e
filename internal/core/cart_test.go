package core_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// teaCart comes to 4.50 for each of 1 to 20, 2.00 for wrapping and 3.90 for
// shipping; SPRING takes 10 % off the items.
func teaCart(l *pay.Link) {
	l.Price = pay.Price{Currency: "USD", Cart: pay.Cart{
		Items:    []pay.CartItem{{Code: "tea", Unit: 450, Quantity: 1, Min: 1, Max: 20}, {Code: "wrap", Unit: 200, Quantity: 1, Optional: true}},
		Codes:    []pay.DiscountCode{{Code: "SPRING", BP: 1000}},
		Shipping: 390,
	}}
}

func buy(w *coretest.World, l pay.Link, shown int64, code string, quantities map[string]int64) (pay.Payment, error) {
	return w.StartPayment(context.Background(), core.StartPayment{
		Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, From: "192.0.2.7", Version: l.Version,
		Amount: 1, Shown: shown, Choice: pay.Choice{Quantities: quantities, Code: code},
	})
}

// Whatever a browser sends, it pays what the record says that its choice costs,
// or nothing; and what is refused leaves no trace.
func TestTamperedFormLowersNothing(t *testing.T) {
	invalid := &pay.Error{Code: "invalid_request"}
	type chosen = map[string]int64
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, teaCart)
		for name, c := range map[string]struct {
			shown      int64
			code       string
			quantities chosen
			want       error
		}{
			"a lower total":         {1, "", chosen{"tea": 2}, pay.ErrTotal},
			"no total":              {0, "", chosen{"tea": 2}, pay.ErrTotal},
			"a negative total":      {-1, "", chosen{"tea": 2}, pay.ErrTotal},
			"the total of one":      {840, "", chosen{"tea": 2}, pay.ErrTotal},
			"a discount, no code":   {1200, "", chosen{"tea": 2}, pay.ErrTotal},
			"a code of nobody":      {1200, "FREE", chosen{"tea": 2}, invalid},
			"none of what is fixed": {390, "", chosen{"tea": 0}, invalid},
			"less than none":        {390, "", chosen{"tea": -2}, invalid},
			"a refund as an item":   {390, "", chosen{"tea": 2, "refund": 1}, invalid},
			"wrapping given back":   {1090, "", chosen{"tea": 2, "wrap": -1}, invalid},
			"an overflow":           {390, "", chosen{"tea": 1 << 62}, invalid},
		} {
			if p, err := buy(w, l, c.shown, c.code, c.quantities); !errors.Is(err, c.want) {
				t.Errorf("%s: %+v %v, want %v", name, p, err, c.want)
			}
		}
		v, err := w.Core.Link(context.Background(), w.Shop, l.ID)
		if err != nil || len(v.Payments) != 0 || v.Link.Seq != 1 {
			t.Fatalf("refusals left %+v %v", v, err)
		}
		p, err := buy(w, l, 1200, " spring ", chosen{"tea": 2})
		if err != nil || p.State != pay.PaymentApplied || p.Captured() != 1200 {
			t.Fatalf("as shown: %+v %v", p, err)
		}
		if c := p.Attempts[0].Choice; c == nil || c.Code != "SPRING" || !maps.Equal(c.Quantities, chosen{"tea": 2, "wrap": 0}) {
			t.Errorf("what was chosen is kept as %+v", c)
		}
		if v, err = w.Core.Link(context.Background(), w.Shop, l.ID); err != nil || v.Link.State != pay.LinkCompleted || v.Link.Applied != 1200 {
			t.Errorf("paid: %+v %v", v.Link, err)
		}
		if _, err := w.Verify(context.Background(), quiet); err != nil {
			t.Error(err)
		}
		storetest.Tamper(t, o, `UPDATE payments SET body = replace(body, '"tea":2', '"tea":3')`)
		if _, err := w.Verify(context.Background(), quiet); err == nil || !strings.Contains(err.Error(), "M7") {
			t.Errorf("a choice that was rewritten: %v", err)
		}
	})
}

// One link, one use, many payers with choices of their own: one of them pays,
// and pays its own choice.
func TestOneOfManyCarts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, teaCart)
		var payers sync.WaitGroup
		for n := range int64(16) {
			payers.Go(func() {
				_, err := buy(w, l, 450*(n+1)+390, "", map[string]int64{"tea": n + 1})
				if err != nil && pay.KindOf(err) != pay.Conflict && pay.KindOf(err) != pay.TooMany {
					t.Error(err)
				}
			})
		}
		payers.Wait()
		v, err := w.Core.Link(context.Background(), w.Shop, l.ID)
		if err != nil || v.Link.State != pay.LinkCompleted || v.Link.UseCount != 1 {
			t.Fatalf("%+v %v", v.Link, err)
		}
		for _, p := range v.Payments {
			if a := p.Attempts[0]; p.State == pay.PaymentApplied && (a.Captured != 450*a.Choice.Quantities["tea"]+390 || a.Captured != v.Link.Applied) {
				t.Errorf("%d paid for %+v", a.Captured, a.Choice)
			}
		}
		if _, err := w.Verify(context.Background(), quiet); err != nil {
			t.Error(err)
		}
	})
}
