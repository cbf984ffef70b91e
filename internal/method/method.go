// Package method is what a payment method is: where it works, what the payer
// fills in and when the money is known to be there. It never talks to a processor.
package method

import (
	"time"

	"paylink/internal/pay"
)

// Method is one way to pay.
type Method interface {
	ID() pay.MethodID
	Name() string // for the payer, in English
	// Offered reports whether the method can pay this link at all; the link's
	// own allow and block lists are checked by core.
	Offered(l pay.Link) bool
	// Fields are what the payer fills in, in order, for a link in mode m.
	Fields(m pay.Mode) []Field
	// Check refuses values that no processor should see.
	// Errors: Invalid, naming fields; Refused, for what looks like card data.
	// Neither echoes a value.
	Check(m pay.Mode, values map[string]string) error
	Confirmation() Confirmation
	// Grace is how long after the link's expiry a begun attempt still counts (INVARIANTS 5.4).
	Grace() time.Duration
}

// Confirmation is when the outcome of a method is known.
type Confirmation int

// The three ways.
const (
	AtOnce   Confirmation = iota // in the answer, or after a challenge
	Redirect                     // on a page of the bank
	Later                        // hours or days after
)

// Field is one thing to fill in or choose.
type Field struct {
	Name    string
	Label   string
	Help    string
	Choices []Choice // set: one of these
}

// Choice is one value of a field.
type Choice struct {
	Value  string
	Label  string
	Detail string // what more there is to say of it; may be empty
}
