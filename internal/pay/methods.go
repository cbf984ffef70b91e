package pay

// Methods that links may name. A method that no part of this installation
// serves is kept and given back, but not offered.
const (
	MethodCard         MethodID = "card"
	MethodBankRedirect MethodID = "bank_redirect"
	MethodBankTransfer MethodID = "bank_transfer"
	MethodUPI          MethodID = "upi"
	MethodWallet       MethodID = "wallet"
	MethodPoints       MethodID = "points"
	MethodCreditEMI    MethodID = "credit_emi"
	MethodDebitEMI     MethodID = "debit_emi"
	MethodBNPL         MethodID = "bnpl"
	MethodOther        MethodID = "other" // named by a dialect's caller, and by no name of ours
)

// KnownMethods are the names the native API accepts.
var KnownMethods = []MethodID{
	MethodCard, MethodBankRedirect, MethodBankTransfer, MethodUPI,
	MethodWallet, MethodPoints, MethodCreditEMI, MethodDebitEMI, MethodBNPL, MethodOther,
}
