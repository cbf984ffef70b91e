package portone

import (
	"encoding/json"
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// envelopeOut is every success but the few that are flat (sheet 5.1).
type envelopeOut struct {
	Content any    `json:"content,omitzero"`
	Message string `json:"message"`
	Code    string `json:"status_code"`
	Reason  string `json:"status_reason"`
}

func envelope(w http.ResponseWriter, content any, message string) error {
	return web.JSON(w, http.StatusOK, envelopeOut{content, message, success.code, success.reason})
}

// createdOut is the answer to a create: flat, for clients read it there.
type createdOut struct {
	Ref    string `json:"payment_link_ref"`
	URL    string `json:"payment_link"`
	Status string `json:"status"`
}

// statusOut is the content of the status calls, in camel case (sheet 5.2).
type statusOut struct {
	OrderID  string       `json:"merchantOrderRef"`
	Ref      string       `json:"paymentLinkRef"`
	Status   string       `json:"status"`
	URL      string       `json:"link"`
	Attempts []attemptOut `json:"transactionsList"`
}

type attemptOut struct {
	ChannelOrderRef  string `json:"channelOrderRef"`
	CreatedAt        string `json:"createdAt"`
	MerchantOrderRef string `json:"merchantOrderRef"`
	Status           string `json:"status"`
	Code             string `json:"statusCode"`
	Reason           string `json:"statusReason"`
}

func (d *portone) newStatusOut(v core.LinkView) statusOut {
	l := v.Link
	out := statusOut{l.Reference, l.WireID, linkStatus(l, v.Payments), d.PayURL(d.publicURL, l), []attemptOut{}}
	for _, a := range attemptsOf(v.Payments) {
		how := a.verdict(l)
		out.Attempts = append(out.Attempts, attemptOut{a.ProcessorRef, wireTime(a.CreatedAt), a.attemptRef(l), how.status, how.code, how.reason})
	}
	return out
}

// linkOut is the link object (sheet 5.3).
type linkOut struct {
	Key            string      `json:"portone_key"`
	OldKey         string      `json:"chaipay_key"`
	OrderID        string      `json:"merchant_order_id"`
	LinkOrderRef   string      `json:"link_order_ref"`
	Ref            string      `json:"payment_link_ref"`
	URL            string      `json:"link"`
	Status         string      `json:"status"`
	Amount         number      `json:"amount"`
	Currency       string      `json:"currency"`
	CountryCode    string      `json:"country_code"`
	Billing        billingOut  `json:"billing_details"`
	Shipping       shippingOut `json:"shipping_details"`
	Items          []itemOut   `json:"order_details"`
	Merchant       merchantOut `json:"merchant_details"`
	SuccessURL     string      `json:"success_url"`
	FailureURL     string      `json:"failure_url"`
	PendingURL     string      `json:"pending_url"`
	MobileURL      string      `json:"mobile_redirect_url"`
	Signature      string      `json:"signature_hash"`
	CreatedAt      string      `json:"created_at"`
	ExpiredAt      *string     `json:"expired_at"` // when it expires; null: never
	ExpiryHours    int64       `json:"expiry_hours"`
	Source         string      `json:"source"`
	Description    string      `json:"description"`
	Environment    string      `json:"environment"`
	ShowShipping   bool        `json:"show_shipping_details"`
	ShowBack       bool        `json:"show_back_button"`
	ShowItems      bool        `json:"show_items"`
	ShowSavedCards bool        `json:"show_saved_cards"`
	GuestCheckout  bool        `json:"default_guest_checkout"`
	Embed          bool        `json:"is_checkout_embed"`
	NoRedirect     bool        `json:"override_auto_redirect"`
	SameAddress    bool        `json:"is_billing_shipping_same"`
	NotifyEmail    bool        `json:"notify_by_email"`
	NotifyPhone    bool        `json:"notify_by_phone"`
	Customer       customer    `json:"customer_details"`
	Methods        any         `json:"chosen_payment_methods"` // as sent; {} when none were chosen
	CustomRef      string      `json:"custom_link_ref"`
	ScheduledDate  *string     `json:"scheduled_date"`
	ReminderTime   number      `json:"reminder_time"`
	ReminderUnit   string      `json:"reminder_time_unit"`
	SendNow        bool        `json:"send_immediately"`
	*privateOut
	DCC     bool `json:"use_merchant_configured_dcc_rate"`
	DCCRate any  `json:"merchant_dcc_rate"`
	constantsOut
}

// privateOut is what only a caller with a token is told.
type privateOut struct {
	Notes     []note   `json:"notes"`
	Receivers []string `json:"custom_txn_webhook_urls"`
	userFieldsOut
}

type userFieldsOut struct {
	User1 string `json:"user_configured_field1"`
	User2 string `json:"user_configured_field2"`
	User3 string `json:"user_configured_field3"`
	User4 string `json:"user_configured_field4"`
	User5 string `json:"user_configured_field5"`
}

// constantsOut is in the published sample and has no meaning here.
type constantsOut struct {
	SupportEmail     string   `json:"support_email"`
	SupportPhone     string   `json:"support_phone"`
	QRCode           string   `json:"qrcode_link"`
	MasterKey        string   `json:"master_merchant_key"`
	BankDetails      struct{} `json:"bank_details"`
	PageFields       []string `json:"custom_page_fields"`
	UnitAmount       int      `json:"unit_amount"`
	StockQuantity    int      `json:"stock_quantity"`
	Forex            struct{} `json:"transaction_forex_details"`
	DynamicCurrency  bool     `json:"dynamic_currency_checkout_enabled"`
	DynamicSignature string   `json:"dynamic_currency_signature_hash"`
	Markup           int      `json:"dcc_markup_factor"`
	InvoiceByDefault bool     `json:"is_dcc_invoice_checkout_defaulted"`
	ShowFXConversion bool     `json:"show_fx_conversion"`
}

type addressOut struct {
	address
	Ref string `json:"address_ref"`
}

type billingOut struct {
	Name    string     `json:"billing_name"`
	Surname string     `json:"billing_surname"`
	Email   string     `json:"billing_email"`
	Phone   string     `json:"billing_phone"`
	Address addressOut `json:"billing_address"`
}

type shippingOut struct {
	Name    string     `json:"shipping_name"`
	Surname string     `json:"shipping_surname"`
	Email   string     `json:"shipping_email"`
	Phone   string     `json:"shipping_phone"`
	Address addressOut `json:"shipping_address"`
}

type itemOut struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Price    number `json:"price"`
	Quantity number `json:"quantity"`
	Image    string `json:"image"`
	Details  any    `json:"additional_details"`
	Marked   number `json:"marked_price"`
	Discount int    `json:"discount_amount"`
	Percent  int    `json:"discount_percent"`
}

type merchantOut struct {
	merchantIn
	Primary   string `json:"brand_primary_color"`
	Secondary string `json:"brand_secondary_color"`
}

// newLinkOut words a link; private adds what needs a token.
func (d *portone) newLinkOut(v core.LinkView, private bool) linkOut {
	l := v.Link
	in := kept(l)
	b, s, c := in.people()
	out := linkOut{
		Key: in.Key, OldKey: in.Key, OrderID: l.Reference, LinkOrderRef: l.Reference, Ref: l.WireID, URL: d.PayURL(d.publicURL, l),
		Status: linkStatus(l, v.Payments), Amount: major(l.Price.Amount, l.Price.Currency), Currency: string(l.Price.Currency),
		CountryCode: in.CountryCode, Customer: c, Items: itemsOut(in.Items), Merchant: merchantOut{merchantIn: *in.Merchant},
		Billing:    billingOut{b.Name, b.Surname, b.Email, b.Phone, addressOut{b.Address, refOf(l.CreatedAt, l.ID, billingAddress)}},
		Shipping:   shippingOut{s.Name, s.Surname, s.Email, s.Phone, addressOut{s.Address, refOf(l.CreatedAt, l.ID, shippingAddress)}},
		SuccessURL: l.Page.SuccessURL, FailureURL: l.Page.FailureURL, PendingURL: l.Page.PendingURL, MobileURL: in.MobileURL,
		Signature: in.Signature, CreatedAt: wireTime(l.CreatedAt), ExpiryHours: in.hours(l), Source: in.Source, Description: l.Description,
		Environment: environment(l.Mode), ShowShipping: in.ShowShipping, ShowBack: in.ShowBack, ShowItems: in.showsItems(),
		ShowSavedCards: in.ShowSavedCards, GuestCheckout: in.GuestCheckout, Embed: in.Embed, NoRedirect: in.NoRedirect,
		SameAddress: in.SameAddress, NotifyEmail: in.NotifyEmail, NotifyPhone: in.NotifyPhone, Methods: struct{}{}, CustomRef: in.CustomRef,
		ReminderTime: in.ReminderTime, ReminderUnit: in.ReminderUnit, SendNow: in.SendNow != nil && *in.SendNow, DCC: in.DCC,
		DCCRate: object(in.DCCRate), constantsOut: constantsOut{PageFields: []string{}},
	}
	if !l.ExpiresAt.IsZero() {
		at := wireTime(l.ExpiresAt)
		out.ExpiredAt = &at
	}
	if in.ScheduledDate != "" {
		out.ScheduledDate = &in.ScheduledDate
	}
	if len(in.Methods) > 0 {
		out.Methods = in.Methods
	}
	if private {
		out.privateOut = &privateOut{append([]note{}, in.Notes...), append([]string{}, in.Receivers...), userFieldsOut(in.userFields)}
	}
	return out
}

// hours are those that were sent, else the whole ones from creation to expiry.
func (in *linkIn) hours(l pay.Link) int64 {
	if n, _ := in.ExpiryHours.whole(); n > 0 || l.ExpiresAt.IsZero() {
		return n
	}
	return int64(l.ExpiresAt.Sub(l.CreatedAt) / time.Hour)
}

func itemsOut(items []itemIn) []itemOut {
	out := []itemOut{}
	for _, i := range items {
		if i.Quantity == "" {
			i.Quantity = "1"
		}
		out = append(out, itemOut{ID: i.ID, Name: i.Name, Price: i.Price, Quantity: i.Quantity, Image: i.Image, Details: object(i.Details), Marked: i.Price})
	}
	return out
}

// object is raw JSON, and an empty object where there is none.
func object(raw json.RawMessage) any {
	if len(raw) == 0 || string(raw) == "null" {
		return struct{}{}
	}
	return raw
}
