package payengine

import (
	"encoding/json"
	"strings"

	"paylink/internal/pay"
)

// transaction is the data of PAYMENT_* events: what a published sample shows,
// and the link that the transaction belongs to (sheet 7).
type transaction struct {
	Token        *string         `json:"token"` // of a kept card: none, so null
	PaymentID    string          `json:"payment_id"`
	MerchantID   string          `json:"merchant_id"`
	AccountID    string          `json:"account_id"` // the merchant, in our words
	GatewayID    string          `json:"gateway_id"` // the processor
	Description  *string         `json:"description"`
	OrderNumber  *string         `json:"order_number"`
	Currency     string          `json:"currencyCode"`
	SalesTax     string          `json:"sales_tax"`
	Gratuity     string          `json:"gratuity"`
	AuthResponse authResponse    `json:"auth_response"`
	LinkID       string          `json:"payment_link_id"`
	InternalID   *string         `json:"internal_transaction_id"`
	Metadata     json.RawMessage `json:"metadata"`
}

// authResponse is what became of the transaction. Receipts are the merchant's
// to make: they are empty.
type authResponse struct {
	Status          string `json:"status"` // PASS or FAIL
	TaskID          string `json:"taskID"`
	AuthCode        string `json:"authCode"`
	CardType        string `json:"cardType"`
	TotalAmount     string `json:"totalAmount"`
	ResponseCode    string `json:"responseCode"`
	TransactionID   string `json:"transactionID"`
	PartialPayment  bool   `json:"partialPayment"`
	CustomerReceipt string `json:"customerReceipt"`
	MerchantReceipt string `json:"merchantReceipt"`
}

// The outcomes of a transaction. approved is the code of the provider's sample.
const (
	pass     = "PASS"
	fail     = "FAIL"
	approved = "A0000"
)

// concerned is what an event of a payment, an attempt or a refund is about.
type concerned struct {
	payment pay.Payment
	attempt pay.Attempt
	refund  *pay.Refund // of events of refunds
}

// concern finds it in the snapshot.
func concern(e pay.Event) (c concerned, ok bool) {
	for _, p := range e.Snapshot.Payments {
		if string(p.ID) == e.EntityID && p.Last() != nil {
			return concerned{payment: p, attempt: counting(p)}, true
		}
		about := e.EntityID
		for i := range p.Refunds {
			if string(p.Refunds[i].ID) == e.EntityID {
				c.refund, about = &p.Refunds[i], string(p.Refunds[i].Attempt)
			}
		}
		for _, a := range p.Attempts {
			if string(a.ID) == about {
				c.payment, c.attempt = p, a
				return c, true
			}
		}
	}
	return concerned{}, false
}

// counting is the attempt whose money counts, else the newest: a late success
// may be of an older one.
func counting(p pay.Payment) pay.Attempt {
	for _, a := range p.Attempts {
		if a.Shares != nil {
			return a
		}
	}
	return *p.Last()
}

// transactionEvent words what happened to money. Money that came in twice and
// goes back was never told of, so neither is its return.
func transactionEvent(e pay.Event) (event string, data transaction, ok bool) {
	c, ok := concern(e)
	if !ok {
		return "", transaction{}, false
	}
	card, manual, minor := c.attempt.Method == pay.MethodCard, c.attempt.Manual, c.attempt.Captured
	switch {
	case e.Kind == pay.EventPaymentSucceeded && !manual && card:
		event = "PAYMENT_SALE"
	case e.Kind == pay.EventPaymentSucceeded && !manual:
		event = "PAYMENT_ACH"
	case e.Kind == pay.EventAttemptFailed:
		event, minor = "PAYMENT_FAILED", c.attempt.Requested
	case e.Kind == pay.EventAttemptAuthorized && manual:
		event, minor = "PAYMENT_AUTH", c.attempt.Authorized
	case (e.Kind == pay.EventAttemptCaptured || e.Kind == pay.EventAttemptPart) && manual:
		event, minor = "PAYMENT_VOIDED", c.attempt.Authorized-c.attempt.Captured // the rest was released
		for _, taken := range c.attempt.Captures {
			if taken.At.Equal(e.At) {
				event, minor = "PAYMENT_CAPTURED", taken.Amount
			}
		}
	case (e.Kind == pay.EventAttemptVoided || e.Kind == pay.EventAttemptExpired) && manual:
		event, minor = "PAYMENT_VOIDED", c.attempt.Authorized
	case e.Kind == pay.EventRefundSucceeded && c.refund.Surplus:
		return "", transaction{}, false
	case e.Kind == pay.EventRefundSucceeded && c.attempt.Shares != nil && card:
		event, minor = "PAYMENT_REFUNDED", c.refund.Amount
	case e.Kind == pay.EventRefundSucceeded && c.attempt.Shares != nil:
		event, minor = "PAYMENT_ACH_REFUNDED", c.refund.Amount
	default:
		return "", transaction{}, false
	}
	if event == "PAYMENT_VOIDED" && minor == 0 {
		return "", transaction{}, false // nothing was held, or nothing is left of it
	}
	return event, newTransaction(e.Snapshot.Link, c, minor), true
}

func newTransaction(l pay.Link, c concerned, minor int64) transaction {
	currency, kept := l.Price.Currency, kept(l)
	answer := authResponse{
		Status: pass, TaskID: string(c.attempt.ID), TotalAmount: major(minor, currency), ResponseCode: approved, TransactionID: string(c.attempt.ID),
	}
	if c.attempt.Method == pay.MethodCard {
		answer.CardType, _, _ = strings.Cut(c.attempt.Instrument, " ")
	}
	if c.refund != nil {
		answer.TransactionID = string(c.refund.ID)
	}
	if c.attempt.State == pay.AttemptFailed && c.attempt.Failure != nil {
		answer.Status, answer.ResponseCode = fail, c.attempt.Failure.Code
	}
	return transaction{
		PaymentID: string(c.payment.ID), MerchantID: l.Account, AccountID: string(l.Merchant), GatewayID: c.attempt.Processor,
		Description: optional(l.Description), OrderNumber: optional(l.Reference), Currency: string(currency),
		SalesTax: major(l.Price.Breakdown.Tax, currency), Gratuity: major(0, currency), AuthResponse: answer,
		LinkID: l.WireID, InternalID: optional(kept.InternalID), Metadata: kept.Metadata,
	}
}
