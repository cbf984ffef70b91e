package pinelabs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"paylink/internal/pay"
)

// orderOut is the one order behind a link (sheet 10.1).
type orderOut struct {
	ID            string       `json:"order_id"`
	ParentID      string       `json:"parent_order_id,omitempty"` // of a refund
	Reference     string       `json:"merchant_order_reference"`
	Type          string       `json:"type"`
	Status        string       `json:"status"`
	LinkID        string       `json:"payment_link_id"`
	LinkReference string       `json:"merchant_payment_link_reference"`
	MerchantID    string       `json:"merchant_id"`
	Amount        amount       `json:"order_amount"`
	PreAuth       bool         `json:"pre_auth"`
	PartPayment   bool         `json:"part_payment"`
	MCC           bool         `json:"is_mcc_transaction"`
	Methods       []string     `json:"allowed_payment_methods"`
	CallbackURL   string       `json:"callback_url,omitempty"`
	FailureURL    string       `json:"failure_callback_url,omitempty"`
	Notes         string       `json:"notes,omitempty"`
	Purchase      purchase     `json:"purchase_details"`
	Payments      []paymentOut `json:"payments"`
	Refunds       []orderOut   `json:"refunds"` // [] until there are refunds
	// The last two came with a refund and only go back with it.
	Metadata    map[string]string `json:"merchant_metadata,omitempty"`
	Products    []product         `json:"products,omitempty"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	Integration string            `json:"integration_mode"`
}

type purchase struct {
	Customer *customer         `json:"customer,omitzero"`
	Metadata map[string]string `json:"merchant_metadata,omitempty"`
	Splits   *splitInfo        `json:"split_info,omitzero"`
	Cart     *cart             `json:"cart_details,omitzero"`
}

// paymentOut is one attempt: the provider has no word for our payment.
type paymentOut struct {
	ID        string         `json:"id"`
	Reference string         `json:"merchant_payment_reference"`
	Status    string         `json:"status"`
	Amount    amount         `json:"payment_amount"`
	Method    string         `json:"payment_method"`
	Option    *paymentOption `json:"payment_option,omitzero"`
	Acquirer  *acquirer      `json:"acquirer_data,omitzero"`
	Error     *paymentError  `json:"error_detail,omitzero"`
	Captures  []capturedOut  `json:"capture_data,omitempty"`
	Base      *amount        `json:"base_amount,omitzero"` // with is_mcc_transaction, as the rate
	Rate      int64          `json:"conversion_rate,omitzero"`
	CreatedAt string         `json:"created_at"`
	UpdatedAt string         `json:"updated_at"`
}

// capturedOut is what a hold was turned into by the merchant's call.
type capturedOut struct {
	Reference string `json:"merchant_capture_reference"`
	Amount    amount `json:"capture_amount"`
	CreatedAt string `json:"created_at"`
}

// paymentOption has what is known of the instrument. The provider calls UPI's
// by one name in answers and by another in webhooks.
type paymentOption struct {
	Card       *cardData `json:"card_data,omitzero"`
	Bank       *bankData `json:"netbanking_data,omitzero"`
	UPIDetails *upiData  `json:"upi_details,omitzero"`
	UPIData    *upiData  `json:"upi_data,omitzero"`
}

type bankData struct {
	Code string `json:"pay_code"`
	Mode string `json:"txn_mode"`
}

type upiData struct {
	Mode  string    `json:"txn_mode"`
	Payer *upiPayer `json:"payer,omitzero"`
}

type upiPayer struct {
	VPA string `json:"vpa"`
}

type cardData struct {
	Network string `json:"network_name,omitempty"`
	Last4   string `json:"last4_digit,omitempty"`
}

type acquirer struct {
	Reference    string `json:"acquirer_reference"`
	IsAggregator bool   `json:"is_aggregator"`
}

type paymentError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func newOrderOut(l pay.Link, payments []pay.Payment, m pay.Merchant) orderOut {
	e, p := kept(l)
	out := orderOut{
		ID: orderID(l), Reference: l.UniqueRef, Type: "CHARGE", Status: orderStatus(l, payments),
		LinkID: l.WireID, LinkReference: l.UniqueRef, MerchantID: merchantID(m),
		Amount:  amountOf(l.Price.Amount, l.Price.Currency),
		PreAuth: l.Use.Manual, PartPayment: l.Use.Parts, MCC: e.MCC, Methods: e.Methods,
		CallbackURL: l.Page.SuccessURL, FailureURL: l.Page.FailureURL, Notes: l.Description,
		Purchase: purchase{p.Customer, l.Metadata, splitsOut(l), e.Cart},
		Payments: []paymentOut{}, Refunds: []orderOut{},
		CreatedAt: wireTime(l.CreatedAt), UpdatedAt: wireTime(l.UpdatedAt), Integration: "REDIRECT",
	}
	for _, payment := range payments {
		if payment.State == pay.PaymentSurplus {
			continue // taken by mistake and on its way back: not of this order
		}
		for i, a := range payment.Attempts {
			if a.State == pay.AttemptCaptured && a.Shares == nil && payment.State == pay.PaymentApplied {
				continue // likewise: the payment's money came by another attempt
			}
			one := newPaymentOut(l, payment, a, i)
			if e.MCC { // we do not exchange: both are the same money
				base := one.Amount
				one.Base, one.Rate = &base, 1
			}
			out.Payments = append(out.Payments, one)
		}
	}
	for _, g := range refundsOf(payments) {
		out.Refunds = append(out.Refunds, newRefundOut(l, payments, g, m))
	}
	return out
}

// hook is the order in the words of a webhook.
func (o orderOut) hook() orderOut {
	for i, p := range o.Payments {
		if p.Option != nil && p.Option.UPIDetails != nil {
			o.Payments[i].Option = &paymentOption{UPIData: p.Option.UPIDetails}
		}
	}
	return o
}

// merchantID is the provider's short decimal name of a merchant.
func merchantID(m pay.Merchant) string {
	if id := m.Settings.Dialects[name][settingMerchant]; id != "" {
		return id
	}
	sum := sha256.Sum256([]byte(name + ":" + string(m.Merchant) + ":" + string(m.Mode)))
	return strconv.Itoa(100_000 + int(binary.BigEndian.Uint32(sum[:])%900_000))
}

func newPaymentOut(l pay.Link, p pay.Payment, a pay.Attempt, nth int) paymentOut {
	out := paymentOut{
		ID: paymentID(l, p, a, nth), Reference: string(a.ID), Status: paymentStatus(a.State),
		Amount: amountOf(a.Requested, a.Currency), Method: wireMethod(a.Method),
		CreatedAt: wireTime(a.CreatedAt), UpdatedAt: wireTime(a.UpdatedAt),
	}
	if a.State == pay.AttemptCaptured { // what is held is asked for until it is over
		out.Amount = amountOf(a.Captured, a.Currency)
	}
	out.Option = optionOf(a)
	for _, c := range a.Captures {
		if a.Manual && !c.Surplus {
			out.Captures = append(out.Captures, capturedOut{cmp.Or(c.Reference, string(c.Operation)), amountOf(c.Amount, a.Currency), wireTime(c.At)})
		}
	}
	if a.ProcessorRef != "" {
		out.Acquirer = &acquirer{a.ProcessorRef, true}
	}
	switch a.State {
	case pay.AttemptFailed:
		code, message := failureWords(a.Failure)
		out.Error = &paymentError{code, message}
	case pay.AttemptCanceled:
		out.Error = &paymentError{"PAYMENT_DECLINED", "Payment cancelled"}
	case pay.AttemptAuthExpired:
		out.Error = &paymentError{"PAYMENT_EXPIRED", "The authorization has expired"}
	}
	return out
}

// optionOf is what is known of the instrument of an attempt.
func optionOf(a pay.Attempt) *paymentOption {
	switch {
	case a.Instrument == "":
		return nil
	case a.Method == pay.MethodCard:
		network, last4, _ := strings.Cut(a.Instrument, " •••• ")
		return &paymentOption{Card: &cardData{strings.ToUpper(network), last4}}
	case a.Method == pay.MethodBankRedirect:
		return &paymentOption{Bank: &bankData{a.Instrument, "REDIRECT"}}
	case a.Method == pay.MethodUPI:
		return &paymentOption{UPIDetails: &upiData{"INTENT", &upiPayer{a.Instrument}}}
	}
	return nil
}

// methodLetters stand in a payment's id.
var methodLetters = map[pay.MethodID]string{
	pay.MethodCard: "cc", pay.MethodUPI: "up", pay.MethodBankRedirect: "nb", pay.MethodPoints: "pt",
	pay.MethodWallet: "wl", pay.MethodCreditEMI: "ce", pay.MethodDebitEMI: "de", pay.MethodBNPL: "bn",
}

// paymentID is the order's id, the method and a letter per payment; a second
// attempt of a payment has a number behind it.
func paymentID(l pay.Link, p pay.Payment, a pay.Attempt, nth int) string {
	id := orderID(l) + "-" + methodLetter(a.Method) + "-" + letters(int(max(p.Number, 1)-1))
	if nth > 0 {
		id += strconv.Itoa(nth + 1)
	}
	return id
}

func methodLetter(m pay.MethodID) string {
	if two, ok := methodLetters[m]; ok {
		return two
	}
	return "xx"
}

func paymentStatus(s pay.AttemptState) string {
	switch s {
	case pay.AttemptCaptured:
		return "PROCESSED"
	case pay.AttemptAuthorized:
		return "AUTHORIZED"
	case pay.AttemptFailed:
		return "FAILED"
	case pay.AttemptCanceled, pay.AttemptVoided, pay.AttemptAuthExpired:
		return "CANCELLED"
	}
	return "PENDING"
}

// The statuses of an order.
const (
	orderCreated    = "CREATED"
	orderPending    = "PENDING"
	orderAuthorized = "AUTHORIZED"
	orderAttempted  = "ATTEMPTED"
	orderProcessed  = "PROCESSED"
	orderCaptured   = "PARTIALLY_CAPTURED"
	orderCancelled  = "CANCELLED"
	orderFailed     = "FAILED"
	orderRefunded   = "FULLY_REFUNDED"
	orderPartlyBack = "PARTIALLY_REFUNDED"
)

// settled reports that what an order was paid stays what it is: it may be refunded.
func settled(l pay.Link) bool {
	over := l.AmountDue().Minor == 0 || l.State == pay.LinkCanceled || l.State == pay.LinkExpired
	return l.Applied > 0 && over
}

// orderStatus is a pure function of the link and what was tried on it.
func orderStatus(l pay.Link, payments []pay.Payment) string {
	var live, held, partly, open bool
	for _, p := range payments {
		live = live || p.Live()
		open = open || p.Holding()
		for _, a := range p.Attempts {
			held = held || a.Manual && a.State == pay.AttemptAuthorized && !a.Superseded
			partly = partly || a.Manual && a.Shares != nil && a.Captured < a.Authorized
		}
	}
	switch {
	case open: // the rest may still be captured: what went back meanwhile is in refunds
		return orderCaptured
	case settled(l) && l.Refunded >= l.Applied:
		return orderRefunded
	case settled(l) && l.Refunded > 0:
		return orderPartlyBack
	case l.Applied > 0 && (l.Released > 0 || partly):
		return orderCaptured
	case l.Applied > 0 && l.AmountDue().Minor == 0:
		return orderProcessed
	case l.State == pay.LinkCanceled:
		return orderCancelled
	case held:
		return orderAuthorized
	case live:
		return orderPending
	case l.State == pay.LinkExpired:
		return orderFailed
	case l.Applied > 0: // parts: processed with the last one (sheet 7.3)
		return orderPending
	case len(payments) > 0:
		return orderAttempted
	}
	return orderCreated
}

// failures words our closed set of failure codes. The processor's own text is
// for staff and stays here.
var failures = map[string]paymentError{
	pay.FailDeclined:     {"PAYMENT_DECLINED", "Declined by bank"},
	pay.FailFunds:        {"INSUFFICIENT_FUNDS", "Insufficient funds"},
	pay.FailExpiredCard:  {"CARD_EXPIRED", "The card has expired"},
	pay.FailAuth:         {"USER_AUTHENTICATION_FAILED", "Authentication failed"},
	pay.FailCanceled:     {"PAYMENT_DECLINED", "Cancelled by the customer"},
	pay.FailTimeout:      {"PAYMENT_EXPIRED", "The customer took too long"},
	pay.FailWrongAccount: {"INVALID_REQUEST", "Third party validation failure"},
}

func failureWords(f *pay.Failure) (code, message string) {
	if f == nil {
		return "PAYMENT_DECLINED", "Declined by bank"
	}
	words, ok := failures[f.Code]
	if !ok {
		words = failures[pay.FailDeclined]
	}
	return words.Code, words.Message
}
