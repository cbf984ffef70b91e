// Package banktransfer is payment by a transfer that the payer makes at the
// bank, known hours or days later. It never asks the payer for anything.
package banktransfer

import (
	"time"

	"paylink/internal/method"
	"paylink/internal/pay"
)

// Method is payment by bank transfer.
var Method method.Method = bankTransfer{}

type bankTransfer struct{}

func (bankTransfer) ID() pay.MethodID { return pay.MethodBankTransfer }

func (bankTransfer) Name() string { return "Bank transfer" }

// Offered is false for capture by a later call: what arrived has been taken.
func (bankTransfer) Offered(l pay.Link) bool { return l.Price.Currency.Known() && !l.Use.Manual }

func (bankTransfer) Fields(pay.Mode) []method.Field { return nil }

// Check refuses every value: there is nothing to fill in.
func (bankTransfer) Check(_ pay.Mode, values map[string]string) error {
	var bad pay.Faults
	if len(values) > 0 {
		bad.Add("fields", "unknown_field", "has a field that this method does not know")
	}
	return bad.Err()
}

func (bankTransfer) Confirmation() method.Confirmation { return method.Later }

func (bankTransfer) Grace() time.Duration { return 72 * time.Hour }
