package checkout

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// teaView is a page where the payer chooses tea, wrapping and a code.
func teaView() core.PayView {
	pv := testView()
	pv.Link.Price = pay.Price{Currency: "USD", Cart: pay.Cart{
		Items: []pay.CartItem{
			{Code: "tea", Name: "Green tea", Unit: 450, Quantity: 1, Min: 1, Max: 20},
			{Code: "wrap", Name: "Wrapping <b>", Unit: 200, Quantity: 2, Optional: true},
			{Code: "card", Name: "Greeting", Unit: 100, Quantity: 1},
		},
		Codes: []pay.DiscountCode{{Code: "SPRING", BP: 1000}}, Shipping: 390, TaxBP: 700,
	}}
	return pv
}

func has(t *testing.T, body string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(body, s) {
			t.Errorf("lacks %q in:\n%s", s, body)
		}
	}
}

func hasNot(t *testing.T, body string, never ...string) {
	t.Helper()
	for _, s := range never {
		if strings.Contains(body, s) {
			t.Errorf("has %q", s)
		}
	}
}

// The page begins with what the record begins with, and needs no script.
func TestCartPage(t *testing.T) {
	s := newSite(&fakeCore{pv: teaView()}, dialect.Return{})
	body := s.get(t, "/l/"+token).Body.String()
	has(t, body, `name="total" value="940"`, "Pay $9.40</button>", `name="item-0" value="1"`, `type="checkbox" id="item-1" name="item-1" value="yes">`,
		"Wrapping &lt;b&gt;", "× 2", "$4.00", "$4.50 each, from 1 to 20", "Greeting", "Discount code", "Shipping", "Includes tax", "$0.61",
		`formaction="/l/`+token+`/total"`, "Update total")
	hasNot(t, body, "<script", "SPRING", `name="item-2"`)
	if strings.Index(body, "Update total") > strings.Index(body, "Pay $9.40</button>") {
		t.Error("the Enter key would pay, not update")
	}
	completed := teaView()
	completed.Link.State = pay.LinkCompleted
	hasNot(t, newSite(&fakeCore{pv: completed}, dialect.Return{}).get(t, "/l/"+token).Body.String(), "$9.40", "Update total")
}

func TestUpdateTotal(t *testing.T) {
	f := &fakeCore{pv: teaView()}
	s := newSite(f, dialect.Return{})
	w := s.post("/l/"+token+"/total", url.Values{
		"item-0": {"3"}, "item-1": {"yes"}, "code": {" spring "}, "total": {"1"}, "version": {"3"}, "method": {"card"}, "amount": {"0.01"},
	})
	body := w.Body.String()
	if w.Code != http.StatusOK || len(f.started) > 0 || f.views > 0 {
		t.Errorf("%d, %d begun", w.Code, len(f.started))
	}
	// (1350 + 400 + 100) − 10 % + 390
	has(t, body, `name="total" value="2055"`, "Pay $20.55</button>", `name="item-0" value="3"`, `name="item-1" value="yes" checked`, `name="code" value="spring"`,
		"× 3", "-$1.85", "SPRING", "$13.50")
	hasNot(t, body, `role="alert"`)
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"too many":     {url.Values{"item-0": {"21"}}, "This is more than may be paid here."},
		"too few":      {url.Values{"item-0": {"0"}}, "This is less than may be paid here."},
		"no number":    {url.Values{"item-0": {"two"}}, "Enter a whole number."},
		"nothing":      {url.Values{"item-0": {""}}, "Enter a whole number."},
		"a wrong code": {url.Values{"code": {"WINTER"}}, "This code is not known here."},
	} {
		w := s.post("/l/"+token+"/total", c.form)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
		has(t, w.Body.String(), c.want, `name="total" value=""`, `aria-invalid="true"`, ">Pay</button>")
	}
}

// A submit says what was chosen and what was shown; the rest is the record's.
func TestPayCart(t *testing.T) {
	f := &fakeCore{pv: teaView(), answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing)}
	s := newSite(f, dialect.Return{})
	form := url.Values{"item-0": {"2"}, "total": {"1390"}, "version": {"3"}, "method": {"card"}, "card.card": {"success"}, "code": {"Spring"}}
	if w := s.post("/l/"+token+"/pay", form); w.Code != http.StatusSeeOther || len(f.started) != 1 {
		t.Fatalf("%d:\n%s", w.Code, w.Body)
	}
	cmd := f.started[0]
	if cmd.Shown != 1390 || cmd.Amount != 0 || cmd.Choice.Code != "Spring" || !maps.Equal(cmd.Choice.Quantities, map[string]int64{"tea": 2}) {
		t.Errorf("asked for %+v", cmd)
	}
	for _, total := range []string{"", "x", "-5", "1e3"} {
		form.Set("total", total)
		s.post("/l/"+token+"/pay", form)
		if shown := f.started[len(f.started)-1].Shown; shown != -1 {
			t.Errorf("a total of %q is taken for %d", total, shown)
		}
	}
	f.err = pay.ErrTotal
	form.Set("total", "1")
	w := s.post("/l/"+token+"/pay", form)
	if w.Code != http.StatusConflict {
		t.Errorf("another total: %d", w.Code)
	}
	has(t, w.Body.String(), "not what was shown before", "Nothing was charged", `name="total" value="1290"`, "Pay $12.90</button>", `name="item-0" value="2"`)
	begun := len(f.started)
	form.Set("item-0", "50")
	if w := s.post("/l/"+token+"/pay", form); w.Code != http.StatusUnprocessableEntity || len(f.started) != begun {
		t.Errorf("too many: %d", w.Code)
	}
}

// The receipt says what was chosen when it was paid.
func TestCartReceipt(t *testing.T) {
	f := &fakeCore{pv: teaView()}
	p := testPayment(pay.PaymentApplied, pay.AttemptCaptured)
	p.Attempts[0].Requested, p.Attempts[0].Captured = 2055, 2055
	p.Attempts[0].Choice = &pay.Choice{Quantities: map[string]int64{"tea": 3, "wrap": 2}, Code: "SPRING"}
	f.pv.Link.State, f.pv.Focus, f.pv.Payments = pay.LinkCompleted, &p, []pay.Payment{p}
	s := newSite(f, dialect.Return{})
	has(t, s.get(t, "/l/"+token+"?payment=pay_1").Body.String(), "Green tea", "× 3", "$13.50", "SPRING", "-$1.85", "Shipping", "$20.55")
	p.Attempts[0].Requested, p.Attempts[0].Captured = 2000, 2000 // at an older price
	body := s.get(t, "/l/"+token+"?payment=pay_1").Body.String()
	has(t, body, "$20.00")
	hasNot(t, body, "Green tea")
}

// Codes cannot be guessed faster than payments can be begun.
func TestCodesAreNotGuessed(t *testing.T) {
	f := &fakeCore{pv: teaView()}
	s := newSite(f, dialect.Return{})
	limit, err := web.NewLimiter(2, time.Hour, 2)
	if err != nil {
		t.Fatal(err)
	}
	s.s.opts.SubmitLimit = limit
	for range 2 {
		s.post("/l/"+token+"/total", url.Values{"code": {"GUESS"}})
	}
	w := s.post("/l/"+token+"/total", url.Values{"code": {"SPRING"}})
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
	hasNot(t, w.Body.String(), "-$0.", "Discount</bdi>")
	if w := s.post("/l/"+token+"/total", url.Values{"item-0": {"2"}}); w.Code != http.StatusOK {
		t.Errorf("without a code: %d", w.Code)
	}
}
