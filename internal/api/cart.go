package api

import "paylink/internal/pay"

// cartIn is a price that is added up: what the payer may choose, and what
// comes off and on. Amounts are minor units of the link's currency.
type cartIn struct {
	Items    []cartItemIn `json:"items"`
	Discount int64        `json:"discount"`
	Codes    []codeIn     `json:"codes"`
	Shipping int64        `json:"shipping"`
	TaxBP    int64        `json:"tax_basis_points"`
}

type cartItemIn struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Unit     int64  `json:"unit_amount"`
	Quantity int64  `json:"quantity"`
	Min      int64  `json:"minimum"`
	Max      int64  `json:"maximum"`
	Optional bool   `json:"optional"`
}

type codeIn struct {
	Code  string `json:"code"`
	Minor int64  `json:"amount"`
	BP    int64  `json:"basis_points"`
}

func (in cartIn) cart() pay.Cart {
	c := pay.Cart{Discount: in.Discount, Shipping: in.Shipping, TaxBP: in.TaxBP}
	for _, item := range in.Items {
		c.Items = append(c.Items, pay.CartItem(item))
	}
	for _, code := range in.Codes {
		c.Codes = append(c.Codes, pay.DiscountCode(code))
	}
	return c
}

// The wire's structs in and out are alike.
type cartOut struct {
	Items    []cartItemIn `json:"items"`
	Discount int64        `json:"discount"`
	Codes    []codeIn     `json:"codes"`
	Shipping int64        `json:"shipping"`
	TaxBP    int64        `json:"tax_basis_points"`
}

// newCartOut is nil where the price is no cart.
func newCartOut(c pay.Cart) *cartOut {
	if len(c.Items) == 0 {
		return nil
	}
	out := &cartOut{Discount: c.Discount, Shipping: c.Shipping, TaxBP: c.TaxBP}
	for _, item := range c.Items {
		out.Items = append(out.Items, cartItemIn(item))
	}
	for _, code := range c.Codes {
		out.Codes = append(out.Codes, codeIn(code))
	}
	return out
}

// choiceOut is what a payer chose of a cart.
type choiceOut struct {
	Quantities map[string]int64 `json:"quantities"`
	Code       *string          `json:"code"`
}

// newChoiceOut is nil where the payer had no choice.
func newChoiceOut(c *pay.Choice) *choiceOut {
	if c == nil {
		return nil
	}
	return &choiceOut{c.Quantities, optional(c.Code)}
}
