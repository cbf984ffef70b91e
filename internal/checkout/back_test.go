package checkout

import (
	"strings"
	"testing"

	"paylink/internal/core"
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

// Whoever has not paid yet may leave for the merchant as well, but not from a
// page that leads on to the bank. Who was told what to transfer has a result to
// take along: the payment is pending.
func TestBackBeforePaying(t *testing.T) {
	way := `href="https://shop.example/`
	for name, c := range map[string]struct {
		set  func(*core.PayView)
		back dialect.Return
		want string
	}{
		"form":     {func(*core.PayView) {}, dialect.Return{}, way + `cart"`},
		"canceled": {inState(pay.LinkCanceled), dialect.Return{}, way + `cart"`},
		"redirect": {inAction(pay.Action{RedirectURL: "https://bank.example/go"}), dialect.Return{URL: "https://shop.example/pending"}, ""},
		"transfer": {inAction(pay.Action{Instructions: []pay.Line{{Label: "Account", Value: "1"}}}), dialect.Return{URL: "https://shop.example/pending"}, way + `pending"`},
	} {
		pv := testView()
		pv.Link.Page.BackURL = "https://shop.example/cart"
		c.set(&pv)
		page := newSite(&fakeCore{pv: pv}, c.back).get(t, "/l/"+token).Body.String()
		if has := strings.Contains(page, way); has != (c.want != "") || !strings.Contains(page, c.want) {
			t.Errorf("%s: want %q in the page: %s", name, c.want, page)
		}
	}
}

// A promotion is named even where it takes nothing off.
func TestPromotionWithoutDiscount(t *testing.T) {
	pv := testView()
	pv.Link.Price.Breakdown = pay.Breakdown{Promo: "SPRING"}
	if page := newSite(&fakeCore{pv: pv}, dialect.Return{}).get(t, "/l/"+token).Body.String(); !strings.Contains(page, "SPRING") {
		t.Errorf("the page: %s", page)
	}
}
