package checkout

import (
	"strings"
	"testing"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// inAction is a page whose payment waits for what the payer is to do.
func inAction(a pay.Action) func(*core.PayView) {
	return func(pv *core.PayView) {
		p := testPayment(pay.PaymentOpen, pay.AttemptRequiresAction)
		p.Attempts[0].Action = &a
		pv.Focus = &p
	}
}

// inState is the page of a link in a state, without a payment.
func inState(s pay.LinkState) func(*core.PayView) {
	return func(pv *core.PayView) { pv.Link.State = s }
}

// withPayment is a page that shows a payment.
func withPayment(l pay.LinkState, s pay.PaymentState, a pay.AttemptState) func(*core.PayView) {
	return func(pv *core.PayView) {
		p := testPayment(s, a)
		pv.Link.State, pv.Focus = l, &p
		if s == pay.PaymentFailed {
			p.Attempts[0].Failure = &pay.Failure{Code: pay.FailFunds, Text: "51 do not show"}
		}
	}
}

// screenCase is a page: how it comes about, what it says and what it must not say.
type screenCase struct {
	set   func(*core.PayView)
	want  []string
	never string
}

// stateScreens are one for every state of link and payment.
var stateScreens = map[string]screenCase{
	"active":   {func(*core.PayView) {}, []string{"$1,249.50", "Pay $1,249.50", `value="success"`, "Corner Shop", "INV-2026-118", "Test mode", `name="version" value="3"`, "23 November 2026, 09:30 UTC"}, "<script"},
	"redirect": {inAction(pay.Action{RedirectURL: "https://bank.example/go?a=1"}), []string{`href="https://bank.example/go?a=1"`, "bank.example", "/payments/pay_1/abandon", "another way"}, "<script"},
	"evil":     {inAction(pay.Action{RedirectURL: "javascript:alert(1)"}), []string{"do not pay again"}, "javascript:"},
	"transfer": {inAction(pay.Action{Instructions: []pay.Line{{Label: "Account", Value: "111-222"}, {Label: "Simulate", Value: "https://pay.shop.example/sandbox/1"}}}), []string{"111-222", "Make this transfer", "another way", `href="https://pay.shop.example/sandbox/1"`}, "INV-2026-118"},
	"held": {func(pv *core.PayView) {
		withPayment(pay.LinkActive, pay.PaymentOpen, pay.AttemptAuthorized)(pv)
		pv.Focus.Attempts[0].Manual = true
	}, []string{"Amount reserved"}, "new=1"},
	"processing": {withPayment(pay.LinkActive, pay.PaymentOpen, pay.AttemptProcessing), []string{`http-equiv="refresh" content="3"`, "on its way"}, "<button"},
	"unknown":    {withPayment(pay.LinkActive, pay.PaymentOpen, pay.AttemptUnknown), []string{"do not pay again"}, "<button"},
	"review":     {withPayment(pay.LinkActive, pay.PaymentOpen, pay.AttemptReview), []string{"do not pay again"}, "<button"},
	"failed":     {withPayment(pay.LinkActive, pay.PaymentFailed, pay.AttemptFailed), []string{"did not go through", `name="retry" value="pay_1"`, "Pay $1,249.50"}, "do not show"},
	"paid":       {withPayment(pay.LinkCompleted, pay.PaymentApplied, pay.AttemptCaptured), []string{"Paid. Thank you!", "$1,249.50", "Visa •••• 4242", "pay_1", "INV-2026-118", "Save or print"}, "<script"},
	"authorized": {withPayment(pay.LinkCompleted, pay.PaymentApplied, pay.AttemptAuthorized), []string{"Amount reserved"}, "<script"},
	"surplus":    {withPayment(pay.LinkCompleted, pay.PaymentSurplus, pay.AttemptCaptured), []string{"being returned"}, "<script"},
	"completed":  {inState(pay.LinkCompleted), []string{"This has been paid"}, "<button"},
	"paused":     {inState(pay.LinkPaused), []string{"paused"}, "<button"},
	"expired":    {inState(pay.LinkExpired), []string{"expired"}, "<button"},
	"canceled":   {inState(pay.LinkCanceled), []string{"canceled"}, "<button"},
	"no method":  {func(pv *core.PayView) { pv.Methods = nil }, []string{"No way to pay"}, "<button"},
	"scheduled":  {func(pv *core.PayView) { pv.Link.State, pv.Link.StartsAt = pay.LinkScheduled, now }, []string{"21 November 2026, 09:30 UTC"}, "<button"},
}

// contentScreens are one for everything that a merchant may put on a page.
var contentScreens = map[string]screenCase{
	"open amount": {func(pv *core.PayView) {
		pv.Link.Price = pay.Price{Currency: "JPY", Open: true, Min: 100, Suggested: 500}
	}, []string{`id="amount"`, `value="500"`, "At least ¥100"}, "<script"},
	"part payment": {func(pv *core.PayView) { pv.Link.Use = pay.Use{Parts: true}; pv.Link.Applied = 24950 }, []string{`value="1000.00"`, "Paid so far", "$249.50", "Still to pay"}, "<script"},
	"breakdown": {func(pv *core.PayView) {
		pv.Link.Price.Breakdown = pay.Breakdown{Items: []pay.Item{{Name: "Chair", Quantity: 4, Amount: 120000}}, Tax: 4950}
	}, []string{"Chair", "× 4", "Tax", "$49.50"}, "<script"},
	"promo": {func(pv *core.PayView) {
		pv.Link.Price.Breakdown = pay.Breakdown{Promo: "SPRING", Discount: 1000, Shipping: 500}
	}, []string{"Subtotal", "$1,254.50", "SPRING", "-$10.00", "Shipping", "$5.00"}, "<script"},
	"included tax": {func(pv *core.PayView) { pv.Link.Price.Breakdown.Tax = 350 }, []string{"Includes tax", "$3.50"}, "Total"},
	"hidden items": {func(pv *core.PayView) {
		pv.Link.Page.HideItems = true
		pv.Link.Price.Breakdown.Items = []pay.Item{{Name: "Chair", Amount: 124950}}
	}, []string{"Pay $1,249.50"}, "Chair"},
	"label":   {func(pv *core.PayView) { pv.Link.Page.PayLabel = "Give <now>" }, []string{"Give &lt;now&gt;</button>"}, "Pay $1,249.50"},
	"consent": {func(pv *core.PayView) { pv.Link.Page.Consent = true }, []string{`name="consent"`}, "checked=\"\""},
	"address": {func(pv *core.PayView) {
		pv.Link.Page.ShowAddress = true
		pv.Link.Payer.Shipping = pay.Address{Lines: []string{"1 Long Road"}, City: "Chiang Mai"}
	}, []string{"Ships to", "1 Long Road", "Chiang Mai"}, "<script"},
	"payer account": {func(pv *core.PayView) {
		pv.Link.Payer.Account = pay.BankAccount{Number: "500000004545", Bank: "Example Bank"}
	}, []string{"Please pay from this bank account only", "Example Bank •••• 4545"}, "500000"},
	"payer account of a slug": {func(pv *core.PayView) {
		pv.Link.Slug, pv.Link.Payer.Account = "club", pay.BankAccount{Number: "500000004545"}
	}, []string{"Pay $1,249.50"}, "4545"},
	"address of a slug": {func(pv *core.PayView) {
		pv.Link.Page.ShowAddress, pv.Link.Slug = true, "club"
		pv.Link.Payer.Shipping = pay.Address{Lines: []string{"1 Long Road"}}
	}, []string{"Pay $1,249.50"}, "1 Long Road"},
	"receipt of a slug": {func(pv *core.PayView) {
		withPayment(pay.LinkCompleted, pay.PaymentApplied, pay.AttemptCaptured)(pv)
		pv.Link.Slug = "club"
	}, []string{"This has been paid"}, "4242"},
	"method price": {func(pv *core.PayView) {
		pv.Link.Price.PerMethod = map[pay.MethodID]pay.MethodCost{"card": {Amount: 130000, Note: "with fee"}}
	}, []string{"From $1,249.50", "$1,300.00", "with fee", ">Pay</button>"}, "<script"},
	"one method price": {func(pv *core.PayView) {
		pv.Methods = pv.Methods[:1]
		pv.Link.Price.PerMethod = map[pay.MethodID]pay.MethodCost{"card": {Amount: 130000}}
	}, []string{"$1,300.00</bdi></p>", "Pay $1,300.00</button>"}, "$1,249.50"},
	"equal method prices": {func(pv *core.PayView) {
		pv.Link.Price.PerMethod = map[pay.MethodID]pay.MethodCost{"card": {Amount: 124950}}
	}, []string{"$1,249.50</bdi></p>"}, "From"},
	"payment under way": {func(pv *core.PayView) {
		withPayment(pay.LinkActive, pay.PaymentOpen, pay.AttemptProcessing)(pv)
		pv.Focus.Attempts[0].Requested = 130000
		pv.Link.Price.PerMethod = map[pay.MethodID]pay.MethodCost{"card": {Amount: 130000}}
	}, []string{"$1,300.00</bdi></p>", "on its way"}, "$1,249.50"},
}

func TestScreens(t *testing.T) {
	for _, screens := range []map[string]screenCase{stateScreens, contentScreens} {
		for name, c := range screens {
			t.Run(name, func(t *testing.T) { c.check(t) })
		}
	}
}

func (c screenCase) check(t *testing.T) {
	f := &fakeCore{pv: testView()}
	c.set(&f.pv)
	w := newSite(f, dialect.Return{}).get(t, "/l/"+token)
	body := w.Body.String()
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	for _, want := range c.want {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q in:\n%s", want, body)
		}
	}
	for _, never := range []string{c.never, " style=", "<style", "alert(1)</script>", " onclick", token + "</"} {
		if strings.Contains(body, never) {
			t.Errorf("has %q", never)
		}
	}
	if f.views != 1 || len(f.started) > 0 || len(f.abandoned) > 0 {
		t.Errorf("a GET did more than count a view")
	}
}
