// Package bankredirect is payment on a page of the payer's bank. It never asks
// for anything of an account; the bank does.
package bankredirect

import (
	"time"

	"paylink/internal/method"
	"paylink/internal/pay"
)

// Method is payment on the page of a bank.
var Method method.Method = bankRedirect{}

type bankRedirect struct{}

var banks = []method.Choice{
	{Value: "test_bank_a", Label: "Test bank A"},
	{Value: "test_bank_b", Label: "Test bank B"},
}

func (bankRedirect) ID() pay.MethodID { return pay.MethodBankRedirect }

func (bankRedirect) Name() string { return "Online banking" }

// Offered is false for capture by a later call: a bank takes the money at once.
func (bankRedirect) Offered(l pay.Link) bool { return l.Price.Currency.Known() && !l.Use.Manual }

func (bankRedirect) Fields(m pay.Mode) []method.Field {
	if m != pay.Test {
		return nil
	}
	return []method.Field{{Name: "bank", Label: "Your bank", Help: "A test bank asks you to approve or refuse.", Choices: append([]method.Choice(nil), banks...)}}
}

// Check accepts one of the listed banks and nothing else.
func (bankRedirect) Check(m pay.Mode, values map[string]string) error {
	var bad pay.Faults
	known := m != pay.Test
	for _, b := range banks {
		known = known || values["bank"] == b.Value
	}
	if !known {
		bad.Add("bank", "not_listed", "must be one of the banks listed")
	}
	for name := range values {
		if name != "bank" || m != pay.Test {
			bad.Add("fields", "unknown_field", "has a field that this method does not know")
			break
		}
	}
	return bad.Err()
}

func (bankRedirect) Confirmation() method.Confirmation { return method.Redirect }

func (bankRedirect) Grace() time.Duration { return 2 * time.Hour }
