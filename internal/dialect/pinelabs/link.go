package pinelabs

import (
	"encoding/json"
	"strings"
	"time"

	"paylink/internal/pay"
)

// amount is money in paise or another minor unit, an integer on the wire.
type amount struct {
	Value    *int64 `json:"value"`
	Currency string `json:"currency"`
}

func amountOf(minor int64, c pay.Currency) amount { return amount{&minor, string(c)} }

// customer is who is asked to pay (sheet 5.3).
type customer struct {
	Email     *string  `json:"email_id,omitzero"`
	FirstName *string  `json:"first_name,omitzero"`
	LastName  *string  `json:"last_name,omitzero"`
	ID        *string  `json:"customer_id,omitzero"`
	Mobile    *string  `json:"mobile_number,omitzero"`
	Country   *string  `json:"country_code,omitzero"`
	Billing   *address `json:"billing_address,omitzero"`
	Shipping  *address `json:"shipping_address,omitzero"`
	Reference *string  `json:"merchant_customer_reference,omitzero"`
	GSTIN     *string  `json:"gstin,omitzero"`
}

type address struct {
	Address1 *string `json:"address1,omitzero"`
	Address2 *string `json:"address2,omitzero"`
	Address3 *string `json:"address3,omitzero"`
	Pincode  *string `json:"pincode,omitzero"`
	City     *string `json:"city,omitzero"`
	State    *string `json:"state,omitzero"`
	Country  *string `json:"country,omitzero"`
	FullName *string `json:"full_name,omitzero"`
	Type     *string `json:"address_type,omitzero"`
	Misspelt *string `json:"adddress_type,omitzero"` // as an SDK sends it
	Category *string `json:"address_category,omitzero"`
}

// product and cart inform: they never change what is owed (sheet 7.5).
type product struct {
	Code   *string `json:"product_code,omitzero"`
	Amount *amount `json:"product_amount,omitzero"`
	Coupon *amount `json:"product_coupon_discount_amount,omitzero"`
}

type cart struct {
	Items     []product  `json:"items,omitempty"`
	CartItems []cartItem `json:"cart_items,omitempty"`
}

// cartItem is the hosted checkout's form. Its numbers come as text, integer or
// amount, so they are kept as they came.
type cartItem struct {
	ID          json.RawMessage `json:"item_id,omitzero"`
	Name        *string         `json:"item_name,omitzero"`
	Description *string         `json:"item_description,omitzero"`
	DetailsURL  *string         `json:"item_details_url,omitzero"`
	ImageURL    *string         `json:"item_image_url,omitzero"`
	UnitPrice   json.RawMessage `json:"item_original_unit_price,omitzero"`
	Discounted  json.RawMessage `json:"item_discounted_unit_price,omitzero"`
	Quantity    json.RawMessage `json:"item_quantity,omitzero"`
	Currency    *string         `json:"item_currency,omitzero"`
}

type splitInfo struct {
	Type    string  `json:"split_type"`
	Details []split `json:"split_details"`
}

// split is a partner's share; the last three members are the server's own.
type split struct {
	Merchant     string  `json:"split_merchant_id"`
	SettlementID string  `json:"split_settlement_id,omitempty"`
	Reference    string  `json:"merchant_settlement_reference,omitempty"`
	Amount       *amount `json:"amount"`
	OnHold       flag    `json:"on_hold"`
	Status       string  `json:"status,omitempty"`
	UpdatedAt    string  `json:"updated_at,omitempty"`
}

type accountDetails struct {
	Bank *bankDetails `json:"bank_details"`
}

type bankDetails struct {
	Number string  `json:"account_number"`
	IFSC   *string `json:"ifsc_code,omitzero"`
	Name   *string `json:"bank_name,omitzero"`
}

// echo is the part of a request that only comes back: Link.Echo holds it.
type echo struct {
	Methods    []string  `json:"allowed_payment_methods"`
	MCC        bool      `json:"is_mcc_transaction,omitempty"`
	Products   []product `json:"product_details,omitempty"`
	CartCoupon *amount   `json:"cart_coupon_discount_amount,omitzero"`
	Cart       *cart     `json:"cart_details,omitzero"`
}

// personal is the payer's part, kept sealed in Payer.Echo.
type personal struct {
	Customer *customer       `json:"customer,omitzero"`
	Account  *accountDetails `json:"account_details,omitzero"`
}

// linkOut answers all link endpoints (sheet 6).
type linkOut struct {
	URL         string            `json:"payment_link"`
	ID          string            `json:"payment_link_id"`
	Status      string            `json:"status"`
	Amount      amount            `json:"amount"`
	AmountDue   amount            `json:"amount_due"`
	OrderID     string            `json:"order_id"`
	Reference   string            `json:"merchant_payment_link_reference"`
	Description string            `json:"description,omitempty"`
	ExpireBy    string            `json:"expire_by"`
	Methods     []string          `json:"allowed_payment_methods"`
	PreAuth     bool              `json:"pre_auth"`
	MCC         bool              `json:"is_mcc_transaction"`
	FailureURL  *string           `json:"failure_callback_url"`
	Customer    *customer         `json:"customer,omitzero"`
	Products    []product         `json:"product_details,omitempty"`
	CartCoupon  *amount           `json:"cart_coupon_discount_amount,omitzero"`
	Metadata    map[string]string `json:"merchant_metadata,omitempty"`
	Splits      *splitInfo        `json:"split_info,omitzero"`
	Account     *accountDetails   `json:"account_details,omitzero"`
	CallbackURL string            `json:"callback_url,omitempty"`
	PartPayment bool              `json:"part_payment"`
	Cart        *cart             `json:"cart_details,omitzero"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
}

// newLinkOut words a link; url is the payer's.
func newLinkOut(l pay.Link, payments []pay.Payment, url string) linkOut {
	e, p := kept(l)
	due := l.AmountDue()
	out := linkOut{
		URL: url, ID: l.WireID, Status: linkStatus(l, payments),
		Amount: amountOf(l.Price.Amount, l.Price.Currency), AmountDue: amountOf(due.Minor, due.Currency),
		OrderID: orderID(l), Reference: l.UniqueRef, Description: l.Description,
		ExpireBy: wireTimeExact(l.ExpiresAt), Methods: e.Methods, PreAuth: l.Use.Manual, MCC: e.MCC,
		Customer: p.Customer, Products: e.Products, CartCoupon: e.CartCoupon,
		Metadata: l.Metadata, Splits: splitsOut(l), Account: p.Account,
		CallbackURL: l.Page.SuccessURL, PartPayment: l.Use.Parts, Cart: e.Cart,
		CreatedAt: wireTime(l.CreatedAt), UpdatedAt: wireTime(l.UpdatedAt),
	}
	if l.Page.FailureURL != "" {
		out.FailureURL = &l.Page.FailureURL
	}
	return out
}

// kept is what the link holds for this dialect alone. Only in.link writes it,
// so what cannot be read is as if it were not there (as after an erasure).
func kept(l pay.Link) (e echo, p personal) {
	_ = json.Unmarshal([]byte(l.Echo), &e)
	_ = json.Unmarshal([]byte(l.Payer.Echo), &p)
	if len(e.Methods) == 0 {
		e.Methods = wireMethods(l)
	}
	if p.Account != nil && p.Account.Bank != nil {
		bank := *p.Account.Bank
		bank.Number = masked(bank.Number)
		p.Account = &accountDetails{&bank}
	}
	return e, p
}

// masked leaves the last four characters.
func masked(number string) string {
	if len(number) <= 4 {
		return strings.Repeat("X", len(number))
	}
	return strings.Repeat("X", len(number)-4) + number[len(number)-4:]
}

// splitsOut words the shares; ids, status and times are the server's.
func splitsOut(l pay.Link) *splitInfo {
	if len(l.Splits) == 0 {
		return nil
	}
	out := &splitInfo{Type: splitByAmount}
	for i, s := range l.Splits {
		share := amountOf(s.Amount, l.Price.Currency)
		status, at := "RELEASED", l.CreatedAt
		switch {
		case s.OnHold:
			status = "HOLD"
		case s.Canceled:
			status = "CANCELLED"
		}
		if !s.UpdatedAt.IsZero() {
			at = s.UpdatedAt
		}
		out.Details = append(out.Details, split{
			Merchant: s.Account, SettlementID: splitID(l, i), Reference: s.Reference,
			Amount: &share, OnHold: flag(s.OnHold), Status: status, UpdatedAt: wireTime(at),
		})
	}
	return out
}

// splitID names a share by its place.
func splitID(l pay.Link, i int) string { return orderID(l) + "-ss-" + letters(i) }

// letters counts a, b, … z, aa, ab, …
func letters(i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('a'+(i-1)%26)) + s
	}
	return s
}

// The statuses of a link.
const (
	statusCreated   = "CREATED"
	statusClicked   = "CLICKED"
	statusInitiated = "PAYMENT_INITIATED"
	statusPartial   = "PARTIAL_PROCESSED"
	statusProcessed = "PROCESSED"
	statusCancelled = "CANCELLED"
	statusExpired   = "EXPIRED"
)

// linkStatus is sheet 6.1 as one function. l.State is as the clock made it.
func linkStatus(l pay.Link, payments []pay.Payment) string {
	live := false
	for _, p := range payments {
		live = live || p.Live()
	}
	paid := l.Applied > 0 && l.AmountDue().Minor == 0
	switch {
	case paid, l.State == pay.LinkCompleted && (l.Applied > 0 || !live): // not while a hold waits for its capture
		return statusProcessed
	case l.State == pay.LinkCanceled:
		return statusCancelled
	case l.State == pay.LinkExpired && !live:
		return statusExpired
	case l.Applied > 0: // also while the next part is under way
		return statusPartial
	case live:
		return statusInitiated
	case len(payments) > 0 || !l.FirstViewedAt.IsZero():
		return statusClicked
	}
	return statusCreated
}

// wireTime is RFC 3339 UTC with milliseconds.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// wireTimeExact always has seconds, and a fraction only where there is one.
func wireTimeExact(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }
