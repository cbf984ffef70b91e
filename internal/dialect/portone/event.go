package portone

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// paymentOut is a payment webhook (sheet 7.3).
type paymentOut struct {
	Currency         string   `json:"currency"`
	Amount           number   `json:"amount"`
	OrderRef         string   `json:"order_ref"`
	ChannelOrderRef  string   `json:"channel_order_ref"`
	MerchantOrderRef string   `json:"merchant_order_ref"` // of the attempt, not the merchant's order
	CountryCode      string   `json:"country_code"`
	Status           string   `json:"status"`
	ChannelKey       string   `json:"channel_key"`
	ChannelName      string   `json:"channel_name"`
	MethodName       string   `json:"method_name"`
	MethodKey        string   `json:"method_key"`
	MethodSubType    string   `json:"method_sub_type"`
	BuyerName        string   `json:"buyer_name"`
	BuyerEmail       string   `json:"buyer_email"`
	BuyerPhone       string   `json:"buyer_phone"`
	BuyerAddress1    string   `json:"buyer_address1"`
	BuyerAddress2    string   `json:"buyer_address2"`
	BuyerCity        string   `json:"buyer_city"`
	BuyerCountry     string   `json:"buyer_country"`
	Signature        string   `json:"signature_hash,omitzero"`
	Code             string   `json:"status_code"`
	Reason           string   `json:"status_reason"`
	ChannelReason    string   `json:"status_channel_reason"`
	UserMessage      string   `json:"user_message"`
	CreatedAt        string   `json:"created_at"` // Go's text form
	RefundAllowed    bool     `json:"is_refund_allowed"`
	MultiRefund      bool     `json:"is_multi_refund_allowed"`
	RefundStatus     string   `json:"refund_status"`
	UserAgent        string   `json:"user_agent"`
	Address          string   `json:"ip_address"`
	Description      string   `json:"description"`
	LinkOrderRef     string   `json:"link_order_ref"` // the merchant's order
	LinkRef          string   `json:"payment_link_ref"`
	Source           string   `json:"source"`
	MethodUsed       string   `json:"payment_method_used"`
	MerchantName     string   `json:"merchant_name"`
	MerchantKey      string   `json:"merchant_key"`
	MerchantEmail    string   `json:"merchant_email_address"`
	Environment      string   `json:"environment"`
	ReceiptURL       string   `json:"receipt_url"`
	MaskedCard       string   `json:"masked_card_number"`
	CrossBorderData  struct{} `json:"cross_border_data"`
	MoreDetails      struct{} `json:"additional_payment_details"`
	Installments     struct{} `json:"installment_details"`
	CrossBorder      bool     `json:"is_cross_border_transaction"`
}

// newPaymentOut words an attempt. The merchant's own name is on the page of the
// link, so that it needs none of the record.
func (d *portone) newPaymentOut(base string, l pay.Link, a attempt) paymentOut {
	in := kept(l)
	who, where, how, by := in.buyer(), billingAddressOf(in), a.verdict(l), channelOf(in.Methods, a.Attempt)
	refunds := refundsOf(a)
	return paymentOut{
		Currency: string(a.Currency), Amount: major(a.Requested, a.Currency), OrderRef: a.orderRef(l), ChannelOrderRef: a.ProcessorRef,
		MerchantOrderRef: a.attemptRef(l), CountryCode: in.CountryCode, Status: how.status,
		ChannelKey: by.Channel, ChannelName: by.Channel, MethodName: by.Method, MethodKey: by.Method, MethodUsed: by.Method,
		BuyerName: who.Name, BuyerEmail: who.Email, BuyerPhone: who.Phone,
		BuyerAddress1: where.Line1, BuyerAddress2: where.Line2, BuyerCity: where.City, BuyerCountry: where.CountryCode,
		Code: how.code, Reason: how.reason, ChannelReason: failureText(a.Attempt), UserMessage: how.reason, CreatedAt: textTime(a.CreatedAt),
		RefundAllowed: refunds.left > 0, MultiRefund: refunds.left > 0, RefundStatus: refunds.status, Description: l.Description,
		LinkOrderRef: l.Reference, LinkRef: l.WireID, Source: "checkout", MerchantName: l.Page.DisplayName, MerchantKey: in.Key,
		Environment: environment(l.Mode), ReceiptURL: d.PayURL(base, l), MaskedCard: maskedCard(a.Attempt),
	}
}

func billingAddressOf(in linkIn) address {
	b, _, _ := in.people()
	return b.Address
}

func failureText(a pay.Attempt) string {
	if a.Failure == nil {
		return ""
	}
	return a.Failure.Text
}

// maskedCard is the form with stars; all we know is the last four digits.
func maskedCard(a pay.Attempt) string {
	if a.Method != pay.MethodCard || len(a.Instrument) < 4 {
		return ""
	}
	last := a.Instrument[len(a.Instrument)-4:]
	if strings.Trim(last, "0123456789") != "" {
		return ""
	}
	return strings.Repeat("*", 12) + last
}

// linkEvent is a payment link webhook, and a link in the list of links (sheet 7.4).
type linkEvent struct {
	LinkRef          string `json:"link_ref"`
	URL              string `json:"link"`
	Currency         string `json:"currency"`
	Amount           number `json:"amount"`
	CountryCamel     string `json:"countryCode"`
	CountryCode      string `json:"country_code"` // what is signed, for verifiers that read it
	OldKey           string `json:"chaipaykey"`
	Key              string `json:"portone_key"`
	MerchantKey      string `json:"merchant_key"`
	Status           string `json:"status"`
	SuccessURL       string `json:"success_url"`
	CancelURL        string `json:"cancel_url"` // the failure URL
	MerchantOrderRef string `json:"merchant_order_ref"`
	SameAddress      bool   `json:"is_billing_shipping_same"`
	MerchantName     string `json:"merchant_name"`
	MerchantLogo     string `json:"merchant_logo"`
	MerchantBackURL  string `json:"merchant_back_url"`
	Shipping         number `json:"merchant_shipping_charges"`
	Promo            string `json:"merchant_promo_code"`
	Discount         number `json:"merchant_promo_discount"`
	UserAgent        string `json:"user_agent"`
	Address          string `json:"ip_address"`
	ExpiryHours      int64  `json:"expiry_hours"`
	CreatedAt        string `json:"created_at"`
	Source           string `json:"source"`
	Description      string `json:"description"`
	MobileURL        string `json:"mobile_redirect_url"`
	ShowShipping     bool   `json:"show_shipping_details"`
	ShowBack         bool   `json:"show_back_button"`
	GuestCheckout    bool   `json:"default_guest_checkout"`
	Embed            bool   `json:"is_checkout_embed"`
	NotifyEmail      bool   `json:"notify_by_email"`
	NotifyPhone      bool   `json:"notify_by_phone"`
	ShowItems        bool   `json:"show_items"`
	ShowSavedCards   bool   `json:"show_saved_cards"`
	MerchantEmail    string `json:"merchant_email_address"`
	CustomerName     string `json:"customer_name"`
	CustomerEmail    string `json:"customer_email_address"`
	CustomerPhone    string `json:"customer_phone_number"`
	PaymentPageRef   string `json:"payment_page_ref"`
	UnitAmount       int    `json:"unit_amount"`
	StockQuantity    int    `json:"stock_quantity"`
	userFieldsOut
	Signature string `json:"signature_hash,omitzero"`
}

func (d *portone) newLinkEvent(base string, v core.LinkView) linkEvent {
	l := v.Link
	in := kept(l)
	who, m := in.buyer(), in.Merchant
	return linkEvent{
		LinkRef: l.WireID, URL: d.PayURL(base, l), Currency: string(l.Price.Currency), Amount: major(l.Price.Amount, l.Price.Currency),
		CountryCamel: in.CountryCode, CountryCode: in.CountryCode, OldKey: in.Key, Key: in.Key, MerchantKey: in.Key,
		Status: linkStatus(l, v.Payments), SuccessURL: l.Page.SuccessURL, CancelURL: l.Page.FailureURL, MerchantOrderRef: l.Reference,
		SameAddress: in.SameAddress, MerchantName: m.Name, MerchantLogo: m.Logo, MerchantBackURL: m.BackURL, Shipping: m.Shipping,
		Promo: m.Promo, Discount: m.Discount, UserAgent: in.UserAgent, Address: in.Address, ExpiryHours: in.hours(l),
		CreatedAt: wireTime(l.CreatedAt), Source: in.Source, Description: l.Description, MobileURL: in.MobileURL,
		ShowShipping: in.ShowShipping, ShowBack: in.ShowBack, GuestCheckout: in.GuestCheckout, Embed: in.Embed,
		NotifyEmail: in.NotifyEmail, NotifyPhone: in.NotifyPhone, ShowItems: in.showsItems(), ShowSavedCards: in.ShowSavedCards,
		CustomerName: who.Name, CustomerEmail: who.Email, CustomerPhone: who.Phone, userFieldsOut: userFieldsOut(in.userFields),
	}
}

// refundEvent is a refund webhook, which nobody signs (sheet 7.5).
type refundEvent struct {
	Date        string `json:"refund_date"` // Go's text form
	ID          string `json:"refund_id"`
	ChannelID   string `json:"psp_refund_id"`
	Amount      number `json:"amount"`
	Currency    string `json:"currency"`
	Status      string `json:"refund_status"`
	Type        string `json:"refund_type"`
	Reason      string `json:"refund_reason"`
	MerchantID  string `json:"merchant_id"`
	Description string `json:"description"`
	OrderRef    string `json:"payment_txn_ref"`
	Channel     string `json:"payment_channel"`
	Method      string `json:"payment_method"`
}

// Word tells of what an attempt, a link or a refund has come to. The kinds of
// the three are apart, so that the type of an endpoint is a list of kinds.
func (d *portone) Word(e pay.Event, _ pay.Merchant, baseURL string) (dialect.Message, bool) {
	l, payments := e.Snapshot.Link, e.Snapshot.Payments
	switch typeOf(e.Kind) {
	case typePayment:
		if a, ok := attemptOf(e); ok && changes(e, a) {
			out := d.newPaymentOut(baseURL, l, a)
			return seal(e, out, func(secret string) any {
				out.Signature = sign(secret, signedPayment(out))
				return out
			})
		}
	case typeLink:
		out := d.newLinkEvent(baseURL, core.LinkView{Link: l, Payments: payments})
		if movesLink(e, out.Status) {
			return seal(e, out, func(secret string) any {
				out.Signature = sign(secret, signedLink(out))
				return out
			})
		}
	case typeRefund:
		if a, refund, ok := refundOf(e); ok {
			return seal(e, newRefundEvent(l, a, refund), nil)
		}
	}
	return dialect.Message{}, false
}

// attemptOf is the attempt that an event tells of: for a payment the one that
// brought its money.
func attemptOf(e pay.Event) (attempt, bool) {
	for _, p := range e.Snapshot.Payments {
		for i, a := range p.Attempts {
			if string(a.ID) == e.EntityID || string(p.ID) == e.EntityID && a.State == pay.AttemptCaptured {
				return attempt{a, p, i}, true
			}
		}
	}
	return attempt{}, false
}

// changes reports whether an event changes the attempt's status in the words of
// this wire. A step that the next one follows at once is none: an attempt still
// has its action then.
func changes(e pay.Event, a attempt) bool {
	switch e.Kind {
	case pay.EventAttemptAction:
		return a.verdict(e.Snapshot.Link) == pending
	case pay.EventAttemptProcessing:
		return e.From == string(pay.AttemptRequiresAction) && a.Action == nil
	case pay.EventAttemptReview:
		return e.From != string(pay.AttemptUnknown)
	}
	return true
}

// movesLink reports whether an event took the link to status.
func movesLink(e pay.Event, status string) bool {
	payments := e.Snapshot.Payments
	switch e.Kind {
	case pay.EventAttemptCreated:
		return status == linkProcessing && len(attemptsOf(payments)) == 1
	case pay.EventLinkExpired, pay.EventPaymentFailed, pay.EventPaymentCanceled: // the last attempt of an expired link has ended
		return status == linkExpired
	}
	return true
}

// seal makes the message; signed words it with a receiver's secret, nil where
// nobody signs.
func seal(e pay.Event, out any, signed func(secret string) any) (dialect.Message, bool) {
	msg := dialect.Message{ID: string(e.ID), ContentType: "application/json", Body: encode(out)}
	if signed != nil {
		msg.Seal = func(secret string) []byte { return encode(signed(secret)) }
	}
	return msg, msg.Body != nil
}

// encode is JSON as the wire has it; nil when that cannot be.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSpace(body.Bytes())
}

var errNoSecret = errors.New("portone: the endpoint has no secret to sign with")

// Sign adds no header: what is signed is signed in the body.
func (d *portone) Sign(_ dialect.Message, secrets []string, _ time.Time) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	return http.Header{}, nil
}

// Schedule is our own, for none is published (sheet 7.6). The order of events
// is not promised, so none waits for another.
func (d *portone) Schedule() dialect.Schedule {
	return dialect.Schedule{
		Timeout: 10 * time.Second,
		Waits:   []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour},
	}
}
