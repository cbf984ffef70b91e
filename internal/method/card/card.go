// Package card is payment by card. In test mode the payer chooses one of the
// published test numbers; in live mode the card is filled in at the processor
// and no field of it exists here. It never lets a typed card number through.
package card

import (
	"time"

	"paylink/internal/method"
	"paylink/internal/pay"
)

// Method is payment by card.
var Method method.Method = card{}

type card struct{}

// numbers are published for tests; none belongs to anybody.
var numbers = []method.Choice{
	{Value: "4242424242424242", Label: "Visa 4242 4242 4242 4242", Detail: "Succeeds"},
	{Value: "5555555555554444", Label: "Mastercard 5555 5555 5555 4444", Detail: "Succeeds"},
	{Value: "4000000000000002", Label: "Visa 4000 0000 0000 0002", Detail: "Is declined"},
	{Value: "4000000000009995", Label: "Visa 4000 0000 0000 9995", Detail: "Has insufficient funds"},
	{Value: "4000000000000069", Label: "Visa 4000 0000 0000 0069", Detail: "Has expired"},
	{Value: "4000000000003220", Label: "Visa 4000 0000 0000 3220", Detail: "Asks for a 3-D Secure check"},
	{Value: "4000000000000119", Label: "Visa 4000 0000 0000 0119", Detail: "Processor error, outcome unknown at first"},
	{Value: "4000000000000259", Label: "Visa 4000 0000 0000 0259", Detail: "Success, then a dispute"},
	{Value: "4000000000000770", Label: "Visa 4000 0000 0000 0770", Detail: "Authorized, the hold runs out after 30 seconds"},
}

func (card) ID() pay.MethodID { return pay.MethodCard }

func (card) Name() string { return "Card" }

func (card) Offered(l pay.Link) bool { return l.Price.Currency.Known() }

func (card) Fields(m pay.Mode) []method.Field {
	if m != pay.Test {
		return nil
	}
	return []method.Field{{
		Name: "card", Label: "Test card", Help: "Choose a card by what it does. Never use a real card here.",
		Choices: append([]method.Choice(nil), numbers...),
	}}
}

// Check accepts a published number in the field "card", in test mode.
// Errors: Invalid when none is chosen; card_data_not_accepted for anything
// else. Neither the value nor the name of a field we do not have is repeated.
func (card) Check(m pay.Mode, values map[string]string) error {
	value, filled := values["card"]
	if m == pay.Test && value == "" && (len(values) == 0 || filled && len(values) == 1) {
		var bad pay.Faults
		bad.Add("card", "required", "must be one of the test cards listed")
		return bad.Err()
	}
	if m != pay.Test && len(values) == 0 {
		return nil
	}
	if m == pay.Test && len(values) == 1 {
		for _, c := range numbers {
			if c.Value == value {
				return nil
			}
		}
	}
	return &pay.Error{
		Kind: pay.Refused, Code: "card_data_not_accepted", Detail: "card data is not accepted here",
		Fields: []pay.Field{{Path: "card", Code: "card_data_not_accepted", Detail: "must be one of the test cards listed"}},
	}
}

func (card) Confirmation() method.Confirmation { return method.AtOnce }

func (card) Grace() time.Duration { return 30 * time.Minute }
