package bankredirect

import (
	"testing"

	"paylink/internal/pay"
)

func TestCheck(t *testing.T) {
	for _, c := range Method.Fields(pay.Test)[0].Choices {
		if err := Method.Check(pay.Test, map[string]string{"bank": c.Value}); err != nil {
			t.Errorf("%s: %v", c.Value, err)
		}
	}
	for _, values := range []map[string]string{nil, {"bank": "other"}, {"bank": "test_bank_a", "iban": "x"}} {
		if pay.KindOf(Method.Check(pay.Test, values)) != pay.Invalid {
			t.Errorf("%v: accepted", values)
		}
	}
	if Method.Fields(pay.Live) != nil || Method.Check(pay.Live, nil) != nil {
		t.Error("live mode asks for a bank")
	}
	eur := pay.Price{Currency: "EUR"}
	if !Method.Offered(pay.Link{Price: eur}) || Method.Offered(pay.Link{Price: eur, Use: pay.Use{Manual: true}}) {
		t.Error("offered for capture by a later call, or not at all")
	}
}
