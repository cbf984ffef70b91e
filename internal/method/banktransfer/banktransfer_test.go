package banktransfer

import (
	"testing"

	"paylink/internal/pay"
)

func TestCheck(t *testing.T) {
	if Method.Check(pay.Test, nil) != nil || Method.Fields(pay.Test) != nil {
		t.Error("there is something to fill in")
	}
	if pay.KindOf(Method.Check(pay.Test, map[string]string{"iban": "x"})) != pay.Invalid {
		t.Error("a value was accepted")
	}
	eur := pay.Price{Currency: "EUR"}
	if !Method.Offered(pay.Link{Price: eur}) || Method.Offered(pay.Link{Price: eur, Use: pay.Use{Manual: true}}) {
		t.Error("offered for capture by a later call, or not at all")
	}
}
