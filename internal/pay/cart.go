package pay

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a cart. Quantities have one so that a page's form has.
const (
	maxCartItems = 50
	maxCodes     = 50
	maxCode      = 64 // characters
	maxQuantity  = 10_000
)

// wholeBP is the whole in basis points, hundredths of a percent: 1250 is 12.5 %.
const wholeBP = 10_000

// Cart is a price that is added up: items, of which the payer may take more,
// fewer or none, what a discount takes off them, and shipping. Its total is
// never stored: Link.Quote computes it from the cart and the payer's choice.
type Cart struct {
	Items    []CartItem     `json:"items,omitempty"`    // none: the price is no cart
	Discount int64          `json:"discount,omitempty"` // minor units off the items, whatever is chosen
	Codes    []DiscountCode `json:"codes,omitempty"`    // the payer may use one of them
	Shipping int64          `json:"shipping,omitempty"` // added after every discount
	TaxBP    int64          `json:"tax_bp,omitempty"`   // sales tax that the total includes: told, never added
}

// CartItem is one thing of a cart. Without Min and Max its quantity is fixed.
type CartItem struct {
	Code     string `json:"code"` // its name in a Choice; unique in the cart
	Name     string `json:"name,omitempty"`
	Unit     int64  `json:"unit"`               // minor units for one
	Quantity int64  `json:"quantity"`           // fixed, or what the page begins with
	Min      int64  `json:"min,omitempty"`      // adjustable: at least
	Max      int64  `json:"max,omitempty"`      // adjustable: at most; 0: the quantity is fixed
	Optional bool   `json:"optional,omitempty"` // an add-on, which may be left out whatever Min is
}

// DiscountCode takes a fixed amount or a share off the items for those who know it.
type DiscountCode struct {
	Code  string `json:"code"`            // upper and lower case are the same
	Minor int64  `json:"minor,omitempty"` // minor units
	BP    int64  `json:"bp,omitempty"`    // or basis points
}

// Adjustable reports whether the payer sets the quantity.
func (i CartItem) Adjustable() bool { return i.Max > i.Min }

// bounds are the least and the largest quantity, being left out aside.
func (i CartItem) bounds() (least, most int64) {
	if i.Max == 0 {
		return i.Quantity, i.Quantity
	}
	return i.Min, i.Max
}

// first is the quantity that the page begins with. An add-on of a fixed
// quantity is not taken before the payer does.
func (i CartItem) first() int64 {
	if i.Optional && !i.Adjustable() {
		return 0
	}
	return i.Quantity
}

// varies reports whether the payer has anything to say about the item.
func (i CartItem) varies() bool { return i.Optional || i.Adjustable() }

// set reports whether the price is this cart.
func (c Cart) set() bool { return len(c.Items) > 0 }

// Adjustable reports whether the payer's choice decides what is owed, so that
// there is no amount before it.
func (c Cart) Adjustable() bool {
	return c.set() && (len(c.Codes) > 0 || slices.ContainsFunc(c.Items, CartItem.varies))
}

// most is the choice that comes to the largest sum.
func (c Cart) most() Choice {
	all := Choice{Quantities: map[string]int64{}}
	for _, i := range c.Items {
		_, all.Quantities[i.Code] = i.bounds()
	}
	return all
}

// validateCart checks the cart and that nothing else says what is owed.
func (p Price) validateCart(bad *Faults, amount func(path string, minor, least int64)) {
	p.Cart.validate(bad, amount)
	if !p.Cart.set() {
		return
	}
	b := p.Breakdown
	switch {
	case p.Amount != 0 || p.Open:
		bad.Add("cart", "not_both", "cannot be given together with amount or open_amount")
	case len(p.PerMethod) > 0:
		bad.Add("cart", "not_with_method_prices", "cannot be combined with a price per method")
	case len(b.Items) > 0 || b.Promo != "" || b.Discount != 0 || b.Shipping != 0 || b.Tax != 0:
		bad.Add("cart", "not_with_breakdown", "cannot be combined with items, discount, shipping or tax: it has its own")
	}
}

func (c Cart) validate(bad *Faults, amount func(path string, minor, least int64)) {
	if !c.set() {
		if c.Discount != 0 || len(c.Codes) > 0 || c.Shipping != 0 || c.TaxBP != 0 {
			bad.Add("cart.items", "required", "must have at least one item")
		}
		return
	}
	if len(c.Items) > maxCartItems {
		bad.Add("cart.items", "too_many", "must be at most 50")
		return
	}
	clean := len(bad.fields)
	seen := map[string]bool{}
	for i, item := range c.Items {
		at := fmt.Sprintf("cart.items[%d].", i)
		item.validate(bad, at, amount)
		name(bad, at+"code", item.Code, item.Code, seen)
	}
	amount("cart.discount", c.Discount, 0)
	amount("cart.shipping", c.Shipping, 0)
	if c.TaxBP < 0 || c.TaxBP > wholeBP {
		bad.Add("cart.tax_basis_points", "out_of_range", "must be from 0 to 10000")
	}
	c.validateCodes(bad, amount)
	if len(bad.fields) > clean {
		return
	}
	if _, err := c.quote(c.most()); err != nil {
		bad.Add("cart", "out_of_range", "must come to an amount from 1 to 999999999999 with all that can be chosen")
	} else if _, err := c.quote(Choice{}); err != nil && !c.Adjustable() {
		bad.Add("cart", "out_of_range", "must come to an amount from 1 to 999999999999")
	}
}

func (i CartItem) validate(bad *Faults, at string, amount func(path string, minor, least int64)) {
	amount(at+"unit_amount", i.Unit, 0)
	if utf8.RuneCountInString(i.Name) > maxName {
		bad.Add(at+"name", "too_long", "must be at most 200 characters")
	}
	if !CleanText(i.Name, false) {
		bad.Add(at+"name", "bad_characters", "must not have control or direction characters")
	}
	least, most := i.bounds()
	switch {
	case i.Max == 0 && i.Min != 0:
		bad.Add(at+"maximum", "required", "is required with a minimum")
	case least < 0 || most < least || most < 1 || most > maxQuantity:
		bad.Add(at+"quantity", "out_of_range", "must be from 1 to 10000, with a minimum that is not above the maximum")
	case (i.Quantity < least || i.Quantity > most) && (i.Quantity != 0 || !i.Optional):
		bad.Add(at+"quantity", "out_of_range", "must be between minimum and maximum, or 0 for an optional item")
	}
}

func (c Cart) validateCodes(bad *Faults, amount func(path string, minor, least int64)) {
	if len(c.Codes) > maxCodes {
		bad.Add("cart.codes", "too_many", "must be at most 50")
		return
	}
	seen := map[string]bool{}
	for i, code := range c.Codes {
		at := fmt.Sprintf("cart.codes[%d].", i)
		name(bad, at+"code", code.Code, strings.ToLower(code.Code), seen)
		amount(at+"amount", code.Minor, 0)
		if code.BP < 0 || code.BP > wholeBP {
			bad.Add(at+"basis_points", "out_of_range", "must be from 1 to 10000")
		}
		if (code.Minor == 0) == (code.BP == 0) {
			bad.Add(at+"amount", "required", "must have either an amount or basis points")
		}
	}
}

// name checks what an item or a code is called; seen has those before it, as
// they are compared.
func name(bad *Faults, path, s, compared string, seen map[string]bool) {
	switch {
	case s == "" || utf8.RuneCountInString(s) > maxCode || strings.TrimSpace(s) != s:
		bad.Add(path, "bad_format", "must be 1 to 64 characters without spaces around them")
	case !CleanText(s, false):
		bad.Add(path, "bad_characters", "must not have control or direction characters")
	case seen[compared]:
		bad.Add(path, "not_unique", "must be unique in the cart")
	}
	seen[compared] = true
}
