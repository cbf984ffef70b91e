package checkout

import (
	"strings"
	"testing"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Whoever was declined may try again, or go back to the merchant: the page
// offers both and takes neither by itself.
func TestWayBackAfterDecline(t *testing.T) {
	pv := testView()
	p := testPayment(pay.PaymentFailed, pay.AttemptFailed)
	pv.Payments, pv.Focus = []pay.Payment{p}, &p
	back := dialect.Return{URL: "https://shop.example/sorry", Fields: []pay.Line{{Label: "status", Value: "FAILED"}}}
	page := newSite(&fakeCore{pv: pv}, back).get(t, "/l/"+token+"?payment=pay_1").Body.String()
	for _, want := range []string{`/pay"`, `action="https://shop.example/sorry" data-auto="no"`, `value="FAILED"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s: %s", want, page)
		}
	}
	pv.Payments, pv.Focus = nil, nil
	if page := newSite(&fakeCore{pv: pv}, back).get(t, "/l/"+token).Body.String(); strings.Contains(page, "return-form") {
		t.Errorf("a way back before a try: %s", page)
	}
}
