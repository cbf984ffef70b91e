package pay

import (
	"maps"
	"strings"
)

// Choice is what a payer picked of a cart: quantities and a code, never a
// price. What it leaves out is as the page begins with it.
type Choice struct {
	Quantities map[string]int64 `json:"quantities,omitempty"` // by the item's code; 0: left out
	Code       string           `json:"code,omitempty"`
}

// Ask is what a payer's form says, as far as it can change what is owed.
type Ask struct {
	Method   MethodID
	Amount   int64 // open price or a part, minor units; else ignored (M7)
	Choice   Choice
	Reserved int64 // parts: what the live payments of others hold
}

// Quote is what a payer owes and how it comes about, in minor units of the
// link's currency. For a price that is no cart only Total and Tax are set.
type Quote struct {
	Total    int64 // from 1 to MaxMinor
	Items    int64 // sum of the lines
	Discount int64 // taken off Items, never more than them
	Shipping int64
	Tax      int64 // included in Total: told, never added
	Lines    []QuoteLine
	Choice   Choice // in full: every item the payer had a say about, and the code as the merchant writes it
}

// QuoteLine is one item that was taken.
type QuoteLine struct {
	Item     CartItem
	Quantity int64
	Minor    int64
}

// Quote computes what a payer owes from the link's record and what the record
// leaves to the payer, and from nothing else:
//
//   - part payments: the part that was named, or all that is due (DECISIONS 9);
//   - an open price: the amount that was named, within the record's bounds (M7);
//   - a cart: Σ unit × quantity − discounts + shipping, where the fixed discount
//     and the code's, which is a share of the items' sum rounded half up, come
//     together to no more than the items;
//   - a fixed price: the method's own price, or the amount.
//
// Errors: link_taken when others hold all that is due; Invalid (amount, cart,
// items.<code>, code). The result is from 1 to MaxMinor.
func (l Link) Quote(a Ask) (Quote, error) {
	switch p := l.Price; {
	case l.Use.Parts:
		return l.part(a)
	case p.Open:
		return p.open(a.Amount)
	case p.Cart.set():
		return p.Cart.quote(a.Choice)
	}
	return Quote{Total: l.PriceFor(a.Method), Tax: l.Price.Breakdown.Tax}, nil
}

// Priced reports whether an attempt was made at what the link asks for now:
// money that comes late for an older price or currency pays nothing (M3, M5).
func (l Link) Priced(a Attempt) bool {
	if a.Currency != l.Price.Currency {
		return false
	}
	if l.Use.Parts {
		return true // what was due then is held against the total elsewhere
	}
	ask := Ask{Method: a.Method, Amount: a.Requested}
	if a.Choice != nil {
		ask.Choice = *a.Choice
	}
	q, err := l.Quote(ask)
	return err == nil && a.Requested == q.Total
}

func (l Link) part(a Ask) (Quote, error) {
	due := l.AmountDue().Minor - a.Reserved
	if a.Amount == 0 {
		a.Amount = due
	}
	least := l.Use.MinPart
	if l.Applied == 0 {
		least = max(least, l.Use.MinFirst)
	}
	if due <= 0 {
		return Quote{}, ErrTaken
	}
	var bad Faults
	if a.Amount > due {
		bad.Add("amount", "too_large", "must be at most what is still due")
	}
	if a.Amount < min(max(least, 1), due) {
		bad.Add("amount", "too_small", "must be at least the smallest part")
	}
	return Quote{Total: a.Amount}, bad.Err()
}

func (p Price) open(minor int64) (Quote, error) {
	var bad Faults
	if minor < max(p.Min, 1) {
		bad.Add("amount", "too_small", "must be at least the minimum")
	}
	if p.Max > 0 && minor > p.Max || minor > MaxMinor {
		bad.Add("amount", "too_large", "must be at most the maximum")
	}
	return Quote{Total: minor}, bad.Err()
}

func (c Cart) quote(picked Choice) (q Quote, err error) {
	var bad Faults
	quantities := c.quantities(picked.Quantities, &bad)
	code := c.code(picked.Code, &bad)
	if err := bad.Err(); err != nil {
		return Quote{}, err
	}
	fits := true
	for i, item := range c.Items {
		minor, ok := MulMinor(item.Unit, quantities[i])
		if fits = fits && ok; fits && quantities[i] > 0 {
			q.Lines = append(q.Lines, QuoteLine{item, quantities[i], minor})
			q.Items, fits = AddMinor(q.Items, minor)
		}
	}
	if fits {
		q.Discount = min(c.Discount+code.off(q.Items), q.Items)
		q.Shipping = c.Shipping
		q.Total, fits = AddMinor(q.Items-q.Discount, q.Shipping)
	}
	switch {
	case !fits:
		bad.Add("cart", "too_large", "must come to at most 999999999999")
		return Quote{}, bad.Err()
	case q.Total < 1:
		bad.Add("cart", "too_small", "must come to more than zero")
		return Quote{}, bad.Err()
	}
	q.Tax = halfUp(q.Total*c.TaxBP, wholeBP+c.TaxBP)
	q.Choice.Code = code.Code
	for i, item := range c.Items {
		if item.varies() {
			if q.Choice.Quantities == nil {
				q.Choice.Quantities = map[string]int64{}
			}
			q.Choice.Quantities[item.Code] = quantities[i]
		}
	}
	return q, nil
}

// quantities are those of the items, in their order, as they were picked or
// as the page begins with them.
func (c Cart) quantities(picked map[string]int64, bad *Faults) []int64 {
	picked = maps.Clone(picked)
	list := make([]int64, len(c.Items))
	for i, item := range c.Items {
		list[i] = item.first()
		n, ok := picked[item.Code]
		if !ok {
			continue
		}
		delete(picked, item.Code)
		least, most := item.bounds()
		switch {
		case n == 0 && item.Optional:
		case n < least:
			bad.Add("items."+item.Code, "too_small", "must be at least the minimum")
		case n > most:
			bad.Add("items."+item.Code, "too_large", "must be at most the maximum")
		}
		list[i] = n
	}
	if len(picked) > 0 {
		bad.Add("items", "unknown_item", "must name items of the cart only")
	}
	return list
}

// code finds the discount that a payer named; the zero code is none.
func (c Cart) code(named string, bad *Faults) DiscountCode {
	named = strings.TrimSpace(named)
	if named == "" {
		return DiscountCode{}
	}
	for _, code := range c.Codes {
		if strings.EqualFold(code.Code, named) {
			return code
		}
	}
	bad.Add("code", "unknown_code", "must be a discount code of this link")
	return DiscountCode{}
}

// off is what the code takes off a sum of items, which is at most MaxMinor.
func (d DiscountCode) off(sum int64) int64 {
	return d.Minor + halfUp(sum*d.BP, wholeBP)
}

// halfUp is a / b rounded to the nearest, a half up; a is not negative, b is
// positive. MaxMinor × wholeBP, the largest a, is far from overflowing.
func halfUp(a, b int64) int64 { return (2*a + b) / (2 * b) }

// Fixed is the price of one use that no choice changes, and whether there is
// one: an open price and an adjustable cart have none. Prices per method aside.
func (p Price) Fixed() (minor int64, ok bool) {
	switch {
	case p.Open || p.Cart.Adjustable():
		return 0, false
	case p.Cart.set():
		q, err := p.Cart.quote(Choice{})
		return q.Total, err == nil
	}
	return p.Amount, true
}
