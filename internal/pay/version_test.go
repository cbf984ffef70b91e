package pay

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// A difference is told of everything that a merchant can change; of the payer
// only that there is one.
func TestDifferences(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *Link)
		want   []Difference
	}{
		"nothing":     {func(*Link) {}, nil},
		"ours":        {func(l *Link) { l.Applied, l.Seq, l.Token, l.State = 5, 7, "x", LinkPaused }, nil},
		"description": {func(l *Link) { l.Description = "Other" }, []Difference{{"description", "Order", "Other"}}},
		"amount":      {func(l *Link) { l.Price.Amount = 900 }, []Difference{{"amount", "10.50 USD", "9.00 USD"}}},
		"open": {func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Min: 100} }, []Difference{
			{"amount", "10.50 USD", ""}, {"open_amount", "", "the payer names it"}, {"open_amount.minimum", "", "1.00 USD"},
		}},
		"cart": {func(l *Link) {
			l.Price = Price{Currency: "USD", Amount: 1050, Cart: Cart{TaxBP: 750, Items: []CartItem{{Code: "tea", Unit: 450, Quantity: 2, Min: 1, Max: 9, Optional: true}}, Codes: []DiscountCode{{Code: "SPRING", BP: 1000}}}}
		}, []Difference{{"cart.tax", "", "7.50 %"}, {"cart.items.tea", "", "2 × 4.50 USD, 1 to 9, optional"}, {"cart.codes.SPRING", "", "10.00 %"}}},
		"window":       {func(l *Link) { l.ExpiresAt = noon.Add(time.Hour) }, []Difference{{"expires_at", "", noon.Add(time.Hour).UTC().Format(time.RFC3339)}}},
		"uses":         {func(l *Link) { l.Use = Use{Max: 3, Manual: true} }, []Difference{{"max_uses", "1", "3"}, {"manual_capture", "", "yes"}}},
		"methods":      {func(l *Link) { l.Methods.Blocked = []MethodID{"upi", "bnpl"} }, []Difference{{"methods.blocked", "", "upi, bnpl"}}},
		"method price": {func(l *Link) { l.Price.PerMethod = map[MethodID]MethodCost{"upi": {950, "cheaper"}} }, []Difference{{"method_prices.upi", "", "9.50 USD, cheaper"}}},
		"items":        {func(l *Link) { l.Price.Breakdown.Items = []Item{{Name: "Tea", Quantity: 2, Amount: 1050}} }, []Difference{{"items[0]", "", "Tea, 2, 10.50 USD"}}},
		"split":        {func(l *Link) { l.Splits = []Split{{Account: "a", Percent: 2550, OnHold: true}} }, []Difference{{"splits[0]", "", "a, 25.50 %, on hold"}}},
		"metadata":     {func(l *Link) { l.Metadata = map[string]string{"b": "2"} }, []Difference{{"metadata.a", "1", ""}, {"metadata.b", "", "2"}}},
		"page":         {func(l *Link) { l.Page.SuccessURL = "https://a.test/" }, []Difference{{"page.success_url", "", "https://a.test/"}}},
		"payer":        {func(l *Link) { l.Payer.Email = "ada@example.test" }, []Difference{{"payer", "", ""}}},
	} {
		from := Link{Description: "Order", Price: Price{Currency: "USD", Amount: 1050}, Use: Use{Max: 1}, Metadata: map[string]string{"a": "1"}, Payer: Payer{Name: "Ada"}}
		to := from
		c.change(&to)
		if got := Differences(from, to); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// No member of a page is left out of the differences.
func TestDifferencesOfAWholePage(t *testing.T) {
	var texts []string
	for _, d := range Differences(Link{}, Link{Page: fullPage()}) {
		texts = append(texts, strings.TrimPrefix(d.Field, "page."))
	}
	if n := reflect.TypeFor[Page]().NumField() - 1; len(texts) != n { // but AppReturns, which only a dialect sets
		t.Errorf("%d of %d members of a page are told: %v", len(texts), n, texts)
	}
}

func fullPage() (p Page) {
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Bool {
			f.SetBool(true)
		} else {
			f.SetString("x")
		}
	}
	return p
}
