package app

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// teaLink is a cart of which the payer has the say: 4.50 a tea, 2.00 for the
// wrapping, 3.90 for the shipping.
const teaLink = `{"cart": {
	"items": [
		{"code": "tea", "name": "Green tea", "unit_amount": 450, "quantity": 1, "minimum": 1, "maximum": 20},
		{"code": "wrap", "name": "Gift wrapping", "unit_amount": 200, "quantity": 1, "optional": true}
	],
	"codes": [{"code": "SPRING", "basis_points": 1000}],
	"shipping": 390
}, "currency": "USD"}`

// payCart chooses from a cart, asks for the total, and is charged exactly that.
func payCart(t *testing.T, b *tab, base string, shop *shop) {
	t.Helper()
	id, address := newLink(t, base, teaLink)
	b.open(address)
	b.reads("Green tea", "Gift wrapping", "Pay $8.40")
	b.fill("Green tea", "3")
	b.do(chromedp.Click(chromedp.Search(labeled("Gift wrapping")), chromedp.NodeVisible))
	b.fill("Discount code", "spring")
	b.press("Update total")
	b.reads("-$1.55", "Pay $17.85") // (3 × 4.50 + 2.00) less a tenth, and 3.90
	b.choose(goodCard)
	b.press("Pay $17.85")
	b.reads("Paid. Thank you!", "$17.85")
	sold(t, base, id, shop, []string{
		"payment_link.created", "payment.created", "attempt.created", "attempt.processing", "attempt.captured", "payment.succeeded", "payment_link.completed",
	})
	_, list := call(t, "GET", base+"/v1/payments?link_id="+id, testKey, nil)
	if p := list["data"].([]any)[0].(map[string]any); p["amount_captured"] != 1785.0 {
		t.Errorf("charged %v", p["amount_captured"])
	}
}

// labeled finds the input that a payer knows by these words.
func labeled(words string) string {
	return `//input[@id=//label[contains(normalize-space(),"` + words + `")]/@for] | //label[contains(normalize-space(),"` + words + `")]//input`
}

// fill writes text into the input with a label, in place of what is there.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	in := chromedp.Search(labeled(label))
	b.do(chromedp.Clear(in, chromedp.NodeVisible), chromedp.SendKeys(in, text, chromedp.NodeVisible))
}
