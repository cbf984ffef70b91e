package pay

import (
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// quoteCase is one line of testdata/quotes.txt.
type quoteCase struct {
	line     int
	price    string
	link     Link
	ask      Ask
	row      string
	want     string // of the answer, spaces as one
	currency Currency
}

// TestQuotes holds Quote against a table whose answers were not made by it.
func TestQuotes(t *testing.T) {
	cases := readQuotes(t)
	if len(cases) < 200 {
		t.Fatalf("%d cases, want at least 200", len(cases))
	}
	digits := map[int]int{}
	for _, c := range cases {
		digits[c.currency.Digits()]++
		q, err := c.link.Quote(c.ask)
		got := Money{q.Total, c.currency}.Major()
		if q.Tax > 0 {
			got += " tax " + Money{q.Tax, c.currency}.Major()
		}
		if err != nil {
			var e *Error
			if got = strings.Join(faults(err), ", "); got == "" && errors.As(err, &e) {
				got = e.Code
			}
		}
		if got != c.want {
			t.Errorf("quotes.txt:%d: %s: %s is %s, want %s", c.line, c.price, c.row, got, c.want)
		}
	}
	for _, d := range []int{0, 2, 3} {
		if digits[d] < 20 {
			t.Errorf("%d cases of currencies with %d digits", digits[d], d)
		}
	}
}

func readQuotes(t *testing.T) (cases []quoteCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/quotes.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n=")
	before := strings.Count(string(text), "\n") - strings.Count(table, "\n")
	var c quoteCase
	for i, line := range strings.Split("="+table, "\n") {
		row, want, ok := strings.Cut(line, " -> ")
		switch price, isPrice := strings.CutPrefix(line, "= "); {
		case isPrice:
			c = quoteCase{price: price}
			c.readPrice(strings.Fields(price))
		case ok:
			c.line, c.row, c.want = before+i+1, strings.TrimSpace(row), strings.Join(strings.Fields(want), " ")
			c.ask = Ask{Reserved: c.ask.Reserved}
			c.readAsk(strings.Fields(row))
			cases = append(cases, c)
		}
	}
	return cases
}

// minor reads major units, however many: the table also has what is too large.
func (c *quoteCase) minor(s string) int64 {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", c.currency.Digits()-len(frac)), 10, 64)
	if err != nil && s != "" {
		panic(s)
	}
	return n
}

func (c *quoteCase) readPrice(words []string) {
	c.currency = Currency(words[0])
	l := &c.link
	p := &l.Price
	p.Currency = c.currency
	for _, word := range words[1:] {
		if name, sum, ok := strings.Cut(word, "="); ok {
			p.Cart.Items = append(p.Cart.Items, c.item(name, sum))
			continue
		}
		key, value, _ := strings.Cut(word, ":")
		switch key {
		case "amount":
			p.Amount = c.minor(value)
		case "card", "upi", "wallet":
			if p.PerMethod == nil {
				p.PerMethod = map[MethodID]MethodCost{}
			}
			p.PerMethod[MethodID(key)] = MethodCost{Amount: c.minor(value)}
		case "open":
			least, most, _ := strings.Cut(value, "..")
			p.Open, p.Min, p.Max = true, c.minor(least), c.minor(most)
		case "parts":
			l.Use.Parts, p.Amount = true, c.minor(value)
		case "first":
			l.Use.MinFirst = c.minor(value)
		case "least":
			l.Use.MinPart = c.minor(value)
		case "paid":
			l.Applied = c.minor(value)
		case "held":
			c.ask.Reserved = c.minor(value)
		case "off":
			p.Cart.Discount = c.minor(value)
		case "ship":
			p.Cart.Shipping = c.minor(value)
		case "tax":
			if percent, ok := strings.CutSuffix(value, "%"); ok {
				p.Cart.TaxBP = basisPoints(percent)
			} else {
				p.Breakdown.Tax = c.minor(value)
			}
		case "code":
			name, value, _ := strings.Cut(value, ":")
			code := DiscountCode{Code: name}
			if percent, ok := strings.CutSuffix(value, "%"); ok {
				code.BP = basisPoints(percent)
			} else {
				code.Minor = c.minor(value)
			}
			p.Cart.Codes = append(p.Cart.Codes, code)
		default:
			panic(word)
		}
	}
}

func (c *quoteCase) item(name, sum string) (item CartItem) {
	item.Code, item.Optional = strings.CutSuffix(name, "?")
	unit, quantity, _ := strings.Cut(sum, "*")
	quantity, bounds, _ := strings.Cut(strings.TrimSuffix(quantity, "]"), "[")
	least, most, _ := strings.Cut(bounds, "..")
	item.Unit, item.Quantity, item.Min, item.Max = c.minor(unit), whole(quantity), whole(least), whole(most)
	return item
}

func (c *quoteCase) readAsk(words []string) {
	for _, word := range words {
		if name, n, ok := strings.Cut(word, "="); ok {
			if c.ask.Choice.Quantities == nil {
				c.ask.Choice.Quantities = map[string]int64{}
			}
			c.ask.Choice.Quantities[name] = whole(n)
			continue
		}
		switch word[0] {
		case '-':
		case '!':
			c.ask.Choice.Code = word[1:]
		case '@':
			c.ask.Method = MethodID(word[1:])
		default:
			c.ask.Amount = c.minor(word)
		}
	}
}

func whole(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && s != "" {
		panic(s)
	}
	return n
}

// basisPoints reads a percentage of at most two decimals.
func basisPoints(percent string) int64 {
	whole, frac, _ := strings.Cut(percent, ".")
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 2-len(frac)), 10, 64)
	if err != nil {
		panic(percent)
	}
	return n
}

func drawCart(t *rapid.T) (c Cart) {
	for i := range rapid.IntRange(1, 4).Draw(t, "items") {
		item := CartItem{Code: string(rune('a' + i)), Optional: rapid.Bool().Draw(t, "optional")}
		item.Unit = rapid.SampledFrom([]int64{0, 1, 3, 99, 1050, 333_333, MaxMinor / 3, MaxMinor}).Draw(t, "unit")
		item.Quantity = rapid.Int64Range(1, 20).Draw(t, "quantity")
		if rapid.Bool().Draw(t, "adjustable") {
			item.Min = rapid.Int64Range(0, item.Quantity).Draw(t, "min")
			item.Max = rapid.Int64Range(item.Quantity, maxQuantity).Draw(t, "max")
		}
		c.Items = append(c.Items, item)
	}
	c.Discount = rapid.Int64Range(0, 2000).Draw(t, "discount")
	c.Shipping = rapid.Int64Range(0, 2000).Draw(t, "shipping")
	c.TaxBP = rapid.Int64Range(0, wholeBP).Draw(t, "tax")
	c.Codes = []DiscountCode{{Code: "SHARE", BP: rapid.Int64Range(1, wholeBP).Draw(t, "bp")}, {Code: "FIXED", Minor: rapid.Int64Range(1, 5000).Draw(t, "minor")}}
	return c
}

// TestQuoteHoldsTheRules holds what any cart and any choice must have in common.
func TestQuoteHoldsTheRules(t *testing.T) {
	property(t, func(t *rapid.T) {
		l := Link{Price: Price{Currency: "USD", Cart: drawCart(t)}}
		cart := l.Price.Cart
		picked := Choice{Quantities: map[string]int64{}, Code: rapid.SampledFrom([]string{"", "share", "FIXED"}).Draw(t, "code")}
		for _, i := range cart.Items {
			if rapid.Bool().Draw(t, "picks") {
				picked.Quantities[i.Code] = rapid.Int64Range(-1, 30).Draw(t, "picked")
			}
		}
		q, err := l.Quote(Ask{Choice: picked})
		if err != nil {
			if !reflect.DeepEqual(q, Quote{}) || KindOf(err) != Invalid {
				t.Fatalf("%+v with %v", q, err)
			}
			return
		}
		sum := int64(0)
		for _, line := range q.Lines {
			least, most := line.Item.bounds()
			if line.Quantity < max(least, 1) || line.Quantity > most || line.Minor != line.Item.Unit*line.Quantity {
				t.Fatalf("a line is %+v", line)
			}
			sum += line.Minor
		}
		switch {
		case sum != q.Items || q.Total != q.Items-q.Discount+q.Shipping || q.Shipping != cart.Shipping:
			t.Fatalf("it does not add up: %+v", q)
		case q.Total < 1 || q.Total > MaxMinor || q.Discount < 0 || q.Discount > q.Items || q.Tax < 0 || q.Tax > (q.Total+1)/2:
			t.Fatalf("out of range: %+v", q)
		}
		if again, err := l.Quote(Ask{Choice: q.Choice}); err != nil || !reflect.DeepEqual(again, q) {
			t.Fatalf("the choice in full comes to %+v %v, not to %+v", again, err, q)
		}
		if full, err := l.Quote(Ask{Choice: Choice{Quantities: picked.Quantities}}); err == nil && full.Total < q.Total {
			t.Fatalf("code %s makes %d of %d", picked.Code, q.Total, full.Total)
		}
	})
}

// teaLink has a cart with everything that a payer may choose.
func teaLink() Link {
	l := goodLink()
	l.Price = Price{Currency: "USD", Cart: Cart{
		Items:    []CartItem{{Code: "tea", Name: "Green tea", Unit: 450, Quantity: 1, Min: 1, Max: 20}, {Code: "wrap", Unit: 200, Quantity: 1, Optional: true}},
		Codes:    []DiscountCode{{Code: "SPRING", BP: 1000}},
		Shipping: 390,
	}}
	return l
}

func TestValidateCart(t *testing.T) {
	for _, c := range []struct {
		fault string
		with  func(l *Link)
	}{
		{"", func(l *Link) {}},
		{"cart.items required", func(l *Link) { l.Price.Amount, l.Price.Cart.Items = 1, nil }},
		{"cart.items too_many", func(l *Link) { l.Price.Cart.Items = make([]CartItem, maxCartItems+1) }},
		{"cart.items[0].code bad_format", func(l *Link) { l.Price.Cart.Items[0].Code = "" }},
		{"cart.items[0].code bad_format", func(l *Link) { l.Price.Cart.Items[0].Code = " tea" }},
		{"cart.items[0].code bad_characters", func(l *Link) { l.Price.Cart.Items[0].Code = "te\na" }},
		{"cart.items[1].code not_unique", func(l *Link) { l.Price.Cart.Items[1].Code = "tea" }},
		{"cart.items[0].name too_long", func(l *Link) { l.Price.Cart.Items[0].Name = strings.Repeat("é", maxName+1) }},
		{"cart.items[0].name bad_characters", func(l *Link) { l.Price.Cart.Items[0].Name = "\x00" }},
		{"cart.items[0].unit_amount too_small", func(l *Link) { l.Price.Cart.Items[0].Unit = -1 }},
		{"cart.items[0].unit_amount too_large", func(l *Link) { l.Price.Cart.Items[0].Unit = MaxMinor + 1 }},
		{"cart.items[0].maximum required", func(l *Link) { l.Price.Cart.Items[0].Max = 0 }},
		{"cart.items[0].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[0].Min = -1 }},
		{"cart.items[0].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[0].Min = 21 }},
		{"cart.items[0].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[0].Max = maxQuantity + 1 }},
		{"cart.items[0].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[0].Quantity = 21 }},
		{"cart.items[0].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[0].Quantity = 0 }},
		{"", func(l *Link) { l.Price.Cart.Items[0].Quantity, l.Price.Cart.Items[0].Optional = 0, true }},
		{"cart.items[1].quantity out_of_range", func(l *Link) { l.Price.Cart.Items[1].Quantity = 0 }},
		{"cart.discount too_small", func(l *Link) { l.Price.Cart.Discount = -1 }},
		{"cart.shipping too_large", func(l *Link) { l.Price.Cart.Shipping = MaxMinor + 1 }},
		{"cart.tax_basis_points out_of_range", func(l *Link) { l.Price.Cart.TaxBP = wholeBP + 1 }},
		{"cart.codes too_many", func(l *Link) { l.Price.Cart.Codes = make([]DiscountCode, maxCodes+1) }},
		{"cart.codes[1].code not_unique", func(l *Link) { l.Price.Cart.Codes = append(l.Price.Cart.Codes, DiscountCode{Code: "spring", BP: 1}) }},
		{"cart.codes[0].basis_points out_of_range", func(l *Link) { l.Price.Cart.Codes[0].BP = wholeBP + 1 }},
		{"cart.codes[0].amount required", func(l *Link) { l.Price.Cart.Codes[0].BP = 0 }},
		{"cart.codes[0].amount required", func(l *Link) { l.Price.Cart.Codes[0].Minor = 1 }},
		{"cart.codes[0].amount too_small", func(l *Link) { l.Price.Cart.Codes[0] = DiscountCode{Code: "X", Minor: -1} }},
		{"cart out_of_range", func(l *Link) { l.Price.Cart.Items[0].Unit = MaxMinor }},
		{"cart out_of_range", func(l *Link) {
			l.Price.Cart = Cart{Items: []CartItem{{Code: "tea", Quantity: 1}}}
		}},
		{"cart not_both", func(l *Link) { l.Price.Amount = 1 }},
		{"cart not_both", func(l *Link) { l.Price.Open = true }},
		{"cart not_with_method_prices", func(l *Link) { l.Price.PerMethod = map[MethodID]MethodCost{MethodCard: {Amount: 1}} }},
		{"cart not_with_breakdown", func(l *Link) { l.Price.Breakdown.Shipping = 1 }},
		{"part_payments not_with_choice", func(l *Link) { l.Use = Use{Parts: true} }},
		{"splits too_large", func(l *Link) { l.Splits = []Split{{Account: "a", Amount: 1}} }},
	} {
		l := teaLink()
		c.with(&l)
		if got := strings.Join(faults(l.Validate(noon)), ", "); got != c.fault {
			t.Errorf("%+v\n%s at fault, want %q", l.Price.Cart, got, c.fault)
		}
	}
	for path, with := range map[string]func(*Cart){
		"cart.items[0].name": func(c *Cart) { c.Items[0].Name = "4242 4242 4242 4242" },
		"cart.items[0].code": func(c *Cart) { c.Items[0].Code = "4242424242424242" },
		"cart.codes[0].code": func(c *Cart) { c.Codes[0].Code = "4242424242424242" },
	} {
		l := teaLink()
		with(&l.Price.Cart)
		if got := strings.Join(faults(l.Validate(noon)), ", "); got != path+" card_data_not_accepted" {
			t.Errorf("a card number in %s: %s", path, got)
		}
	}
}

// A cart that leaves no choice is a fixed price: it has a total, may be paid in
// parts and shared by amount.
func TestCartWithoutChoice(t *testing.T) {
	l := teaLink()
	if _, ok := l.Total(); ok || l.AmountDue().Minor != 0 {
		t.Error("an adjustable cart has a total")
	}
	l.Price.Cart.Items = []CartItem{{Code: "tea", Unit: 450, Quantity: 2}}
	l.Price.Cart.Codes = nil
	l.Use, l.Splits = Use{Parts: true, MinFirst: 1290}, []Split{{Account: "a", Amount: 1290}}
	if err := l.Validate(noon); err != nil {
		t.Fatal(err)
	}
	if total, ok := l.Total(); !ok || total != 1290 || l.AmountDue().Minor != 1290 || l.PriceFor(MethodCard) != 1290 {
		t.Errorf("the total is %d, due are %v", total, l.AmountDue())
	}
	l.Use.MinFirst = 1291
	if got := strings.Join(faults(l.Validate(noon)), ", "); got != "part_payments.minimum_first out_of_range" {
		t.Error(got)
	}
}

// A payer pays what was shown or nothing: not less, not more, not another choice.
func TestShownIsCharged(t *testing.T) {
	two := Choice{Quantities: map[string]int64{"tea": 2}, Code: "spring"}
	for name, c := range map[string]struct {
		choice Choice
		shown  int64
		want   error
	}{
		"as shown":        {two, 1200, nil}, // 900 − 90 + 390
		"less":            {two, 1, ErrTotal},
		"more":            {two, 1201, ErrTotal},
		"nothing shown":   {two, 0, ErrTotal},
		"another choice":  {Choice{Quantities: map[string]int64{"tea": 3}}, 1200, ErrTotal},
		"a choice denied": {Choice{Quantities: map[string]int64{"tea": 0}}, 390, &Error{Code: "invalid_request"}},
		"a code made up":  {Choice{Code: "FREE"}, 390, &Error{Code: "invalid_request"}},
	} {
		l := teaLink()
		l.State = LinkActive
		tab := Tab{Link: l, Now: noon}
		_, a, err := tab.Begin(Begin{Method: MethodCard, Processor: "sandbox", Amount: 1, Choice: c.choice, Shown: c.shown})
		switch {
		case c.want == nil && (err != nil || a.Requested != 1200 || !reflect.DeepEqual(*a.Choice, Choice{map[string]int64{"tea": 2, "wrap": 0}, "SPRING"})):
			t.Errorf("%s: %+v %v", name, a, err)
		case c.want != nil && (!errors.Is(err, c.want) || len(tab.Operations) > 0 || len(tab.Payments) > 0):
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What was paid for a choice counts by that choice, not by the one the page
// begins with; and not any more when the cart was edited before it came.
func TestCartMoneyCounts(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Link) error
		want PaymentState
	}{
		"the same cart":  {func(*Link) error { return nil }, PaymentApplied},
		"another unit":   {func(l *Link) error { l.Price = teaLink().Price; l.Price.Cart.Items[0].Unit = 500; return nil }, PaymentSurplus},
		"a lost code":    {func(l *Link) error { l.Price = teaLink().Price; l.Price.Cart.Codes = nil; return nil }, PaymentSurplus},
		"a fixed amount": {func(l *Link) error { l.Price = Price{Currency: "USD", Amount: 1199}; return nil }, PaymentSurplus},
	} {
		l := teaLink()
		l.State = LinkActive
		tab := Tab{Link: l, Now: noon}
		p, a, err := tab.Begin(Begin{Method: MethodCard, Processor: "sandbox", Shown: 1200, Choice: Choice{map[string]int64{"tea": 2}, "SPRING"}})
		if err != nil {
			t.Fatal(err)
		}
		id, attempt := p.ID, a.ID
		for _, r := range []Report{{State: AttemptProcessing}, {State: AttemptFailed}} {
			if err := tab.Settle(attempt, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := tab.Edit(c.edit); err != nil {
			t.Fatal(err)
		}
		if err := tab.Settle(attempt, Report{State: AttemptCaptured, Authorized: 1200, Captured: 1200}); err != nil {
			t.Fatal(err)
		}
		if got := tab.payment(id).State; got != c.want {
			t.Errorf("%s: the payment is %s, want %s", name, got, c.want)
		}
	}
}
