package portone

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// Limits that the provider does not publish; ours.
const (
	maxID       = 255 // bytes of the merchant's own names
	maxURL      = 2048
	maxNotes    = 50
	maxItems    = 100
	maxMethods  = 50
	maxReceiver = 10 // custom_txn_webhook_urls
	maxHours    = 24 * 365 * 10
)

// linkIn is the body of POST /api/paymentLink, and with its personal parts
// apart what a link keeps of it.
// Source: docs/dialects/portone.md, "Create"; checked 2026-11-21.
type linkIn struct {
	Key            string      `json:"portone_key,omitzero"`
	OldKey         string      `json:"chaipay_key,omitzero"`
	Merchant       *merchantIn `json:"merchant_details,omitzero"`
	OrderID        string      `json:"merchant_order_id,omitzero"`
	Signature      string      `json:"signature_hash,omitzero"`
	Amount         number      `json:"amount,omitzero"` // major units
	Currency       string      `json:"currency,omitzero"`
	CountryCode    string      `json:"country_code,omitzero"`
	SuccessURL     string      `json:"success_url,omitzero"`
	FailureURL     string      `json:"failure_url,omitzero"`
	PendingURL     string      `json:"pending_url,omitzero"`
	Source         string      `json:"source,omitzero"`
	Environment    string      `json:"environment,omitzero"`
	Description    string      `json:"description,omitzero"`
	CustomRef      string      `json:"custom_link_ref,omitzero"`
	ExpiryDate     string      `json:"expiry_date,omitzero"`
	ExpiryHours    number      `json:"expiry_hours,omitzero"`
	Billing        *billing    `json:"billing_details,omitzero"`
	Shipping       *shipping   `json:"shipping_details,omitzero"`
	Customer       *customer   `json:"customer_details,omitzero"`
	Items          []itemIn    `json:"order_details,omitzero"`
	ShowShipping   bool        `json:"show_shipping_details,omitzero"`
	ShowBack       bool        `json:"show_back_button,omitzero"`
	ShowItems      *bool       `json:"show_items,omitzero"` // absent: true
	ShowSavedCards bool        `json:"show_saved_cards,omitzero"`
	GuestCheckout  bool        `json:"default_guest_checkout,omitzero"`
	SameAddress    bool        `json:"is_billing_shipping_same,omitzero"`
	Embed          bool        `json:"is_checkout_embed,omitzero"`
	NoRedirect     bool        `json:"override_auto_redirect,omitzero"`
	MobileURL      string      `json:"mobile_redirect_url,omitzero"`
	NotifyEmail    bool        `json:"notify_by_email,omitzero"`
	NotifyPhone    bool        `json:"notify_by_phone,omitzero"`
	SendNow        *bool       `json:"send_immediately,omitzero"`
	ScheduledDate  string      `json:"scheduled_date,omitzero"`
	ReminderTime   number      `json:"reminder_time,omitzero"`
	ReminderUnit   string      `json:"reminder_time_unit,omitzero"`
	Notes          []note      `json:"notes,omitzero"`
	Methods        []channel   `json:"chosen_payment_methods,omitzero"`
	Receivers      []string    `json:"custom_txn_webhook_urls,omitzero"`
	userFields
	DCC     bool            `json:"use_merchant_configured_dcc_rate,omitzero"`
	DCCRate json.RawMessage `json:"merchant_dcc_rate,omitzero"`
	creator
}

// userFields only come back.
type userFields struct {
	User1 string `json:"user_configured_field1,omitzero"`
	User2 string `json:"user_configured_field2,omitzero"`
	User3 string `json:"user_configured_field3,omitzero"`
	User4 string `json:"user_configured_field4,omitzero"`
	User5 string `json:"user_configured_field5,omitzero"`
}

// creator is who made the link, for its webhook; never read from a request.
type creator struct {
	UserAgent string `json:"user_agent,omitzero"`
	Address   string `json:"ip_address,omitzero"`
}

type merchantIn struct {
	Name      string `json:"name"`
	Logo      string `json:"logo"`
	BackURL   string `json:"back_url"`
	Promo     string `json:"promo_code"`
	Discount  number `json:"promo_discount"`
	Shipping  number `json:"shipping_charges"`
	TaxAmount number `json:"tax_amount"`
}

type itemIn struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Price    number          `json:"price"` // of one
	Quantity number          `json:"quantity"`
	Image    string          `json:"image,omitzero"`
	Details  json.RawMessage `json:"additional_details,omitzero"`
}

type note struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// want is a field that must be there.
type want struct {
	field string
	there bool
}

// required names the first field that is absent or empty.
func (in *linkIn) required() error {
	for _, f := range []want{
		{"portone_key", in.Key != ""}, {"merchant_details", in.Merchant != nil},
		{"merchant_details.name", in.Merchant != nil && in.Merchant.Name != ""}, {"merchant_order_id", in.OrderID != ""},
		{"amount", in.Amount != ""}, {"currency", in.Currency != ""}, {"country_code", in.CountryCode != ""},
		{"success_url", in.SuccessURL != ""}, {"failure_url", in.FailureURL != ""}, {"source", in.Source != ""},
		{"environment", in.Environment != ""},
	} {
		if !f.there {
			return invalid(f.field, "is a required field")
		}
	}
	return nil
}

// link says the request in our words; created is when the link was made. The
// checks run in the order of sheet 4.3, and the first fault is told.
func (in *linkIn) link(now, created time.Time) (l pay.Link, err error) {
	price, err := in.price()
	if err != nil {
		return l, err
	}
	for _, check := range []func() error{in.returns, in.sizes, in.guard} {
		if err := check(); err != nil {
			return l, err
		}
	}
	expires, err := in.expiry(now, created)
	if err != nil {
		return l, err
	}
	if _, err := in.schedule(expires); err != nil {
		return l, err
	}
	if _, err := in.reminder(expires); err != nil {
		return l, err
	}
	back := ""
	if in.ShowBack {
		back = in.Merchant.BackURL
	}
	var metadata map[string]string
	for _, n := range in.Notes {
		if metadata == nil {
			metadata = map[string]string{}
		}
		metadata[n.Key] = n.Value
	}
	l = pay.Link{
		Dialect: name, Reference: in.OrderID, UniqueRef: in.OrderID, Description: in.Description, Price: price, Use: pay.Use{Max: 1},
		ExpiresAt: expires, Methods: pay.Methods{Allowed: methodsOf(in.Methods)}, Metadata: metadata,
		Page: pay.Page{
			DisplayName: in.Merchant.Name, SuccessURL: in.SuccessURL, FailureURL: in.FailureURL, PendingURL: in.PendingURL, BackURL: back,
			LogoURL: in.Merchant.Logo, HideItems: !in.showsItems(), ShowAddress: in.ShowShipping, Embed: in.Embed, AppReturns: true,
		},
	}
	return l, in.keep(&l)
}

func (in *linkIn) showsItems() bool { return in.ShowItems == nil || *in.ShowItems }

// keep writes the request into the link: what is personal apart, sealed.
func (in *linkIn) keep(l *pay.Link) error {
	l.Payer = in.payer()
	rest := *in
	rest.Billing, rest.Shipping, rest.Customer = nil, nil, nil
	plain, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	personal, err := json.Marshal(linkIn{Billing: in.Billing, Shipping: in.Shipping, Customer: in.Customer})
	if err != nil {
		return err
	}
	l.Echo, l.Payer.Echo = string(plain), string(personal)
	return nil
}

// kept is the request that a link was made or last changed with.
func kept(l pay.Link) (in linkIn) {
	for _, part := range []string{l.Echo, l.Payer.Echo} {
		if json.Unmarshal([]byte(part), &in) != nil { // erased, or of a link in another form
			continue
		}
	}
	if in.Merchant == nil {
		in.Merchant = &merchantIn{}
	}
	return in
}

// price checks the amount and what explains it (sheet 6.1).
func (in *linkIn) price() (p pay.Price, err error) {
	c := pay.Currency(in.Currency)
	if !c.Current() {
		return p, refuse("INVALID_CURRENCY", "currency must be a current ISO 4217 code")
	}
	if !in.Amount.positive() {
		return p, refuse("INVALID_AMOUNT", "amount must be greater than zero")
	}
	amount, err := amountOf("amount", in.Amount, c)
	if err != nil {
		return p, err
	}
	m := in.Merchant
	p = pay.Price{Currency: c, Amount: amount}
	b := &p.Breakdown
	if m.Promo != "NA" {
		b.Promo = m.Promo
	}
	for _, part := range []struct {
		field string
		n     number
		to    *int64
	}{{"promo_discount", m.Discount, &b.Discount}, {"shipping_charges", m.Shipping, &b.Shipping}, {"tax_amount", m.TaxAmount, &b.Tax}} {
		if *part.to, err = amountOf("merchant_details."+part.field, part.n, c); err != nil {
			return p, err
		}
	}
	if len(in.Items) > maxItems {
		return p, invalid("order_details", fmt.Sprintf("must have at most %d items", maxItems))
	}
	sum, fits := b.Shipping+b.Tax, true
	for i, item := range in.Items {
		line, err := item.line(fmt.Sprintf("order_details[%d]", i), c)
		if err != nil {
			return p, err
		}
		b.Items = append(b.Items, line)
		var ok bool
		if sum, ok = pay.AddMinor(sum, line.Amount); !ok {
			fits = false
		}
	}
	if len(in.Items) > 0 && (!fits || sum-b.Discount != amount) {
		return p, refuse("INVALID_AMOUNT", "Summation of order value, tax, duties, shipping and discount is equal to amount")
	}
	return p, nil
}

// amountOf is a number of major units that is not negative, in minor units.
func amountOf(field string, n number, c pay.Currency) (int64, error) {
	if strings.HasPrefix(string(n), "-") {
		return 0, refuse("INVALID_AMOUNT", field+" must not be negative")
	}
	minor, fits := n.minor(c)
	if fits {
		return minor, nil
	}
	if _, frac, _ := strings.Cut(string(n), "."); len(frac) > c.Digits() {
		return 0, refuse("INVALID_AMOUNT_CURRENCY_ERROR", field+" has more decimals than the currency")
	}
	return 0, refuse("INVALID_MAXIMUM_AMOUNT_LIMIT", field+" is too large")
}

// line is an item on the payer's page; a quantity that is not said is one.
func (i itemIn) line(path string, c pay.Currency) (pay.Item, error) {
	price, err := amountOf(path+".price", i.Price, c)
	if err != nil {
		return pay.Item{}, err
	}
	if i.Quantity == "" {
		i.Quantity = "1"
	}
	n, ok := i.Quantity.whole()
	if !ok || n < 1 {
		return pay.Item{}, refuse("INVALID_QUANTITY", path+".quantity must be a whole number of at least 1")
	}
	total, ok := pay.MulMinor(price, n)
	if !ok {
		return pay.Item{}, refuse("INVALID_MAXIMUM_AMOUNT_LIMIT", path+" is too large")
	}
	return pay.Item{Code: i.ID, Name: i.Name, Quantity: n, Amount: total}, nil
}

// returns checks the addresses the payer may go back to. Which schemes may
// stand there core knows; an app's own is welcome.
func (in *linkIn) returns() error {
	for _, u := range []pair{
		{"success_url", in.SuccessURL}, {"failure_url", in.FailureURL}, {"pending_url", in.PendingURL},
		{"mobile_redirect_url", in.MobileURL}, {"merchant_details.back_url", in.Merchant.BackURL},
	} {
		scheme, rest, ok := strings.Cut(u.value, "://")
		if u.value != "" && (!ok || scheme == "" || rest == "" || len(u.value) > maxURL) {
			return refuse("INVALID_REDIRECT_URL", u.key+" must be an absolute URI of at most 2048 bytes")
		}
	}
	return nil
}

// sizes checks counts, lengths and the lists.
func (in *linkIn) sizes() error {
	for _, f := range []struct {
		field string
		n     int
		most  int
	}{
		{"merchant_order_id", len(in.OrderID), maxID}, {"custom_link_ref", len(in.CustomRef), maxID}, {"source", len(in.Source), maxID},
		{"country_code", len(in.CountryCode), maxID}, {"merchant_details.logo", len(in.Merchant.Logo), maxURL}, {"notes", len(in.Notes), maxNotes},
		{"chosen_payment_methods", len(in.Methods), maxMethods}, {"custom_txn_webhook_urls", len(in.Receivers), maxReceiver},
	} {
		if f.n > f.most {
			return invalid(f.field, fmt.Sprintf("must be at most %d", f.most))
		}
	}
	for i, n := range in.Notes {
		if n.Key == "" {
			return invalid(fmt.Sprintf("notes[%d].key", i), "is a required field")
		}
	}
	for i, m := range in.Methods {
		if m.Channel == "" || m.Method == "" || len(m.Channel) > maxID || len(m.Method) > maxID {
			return invalid(fmt.Sprintf("chosen_payment_methods[%d]", i), "must have payment_channel and payment_method")
		}
	}
	for i, u := range in.Receivers {
		if !webURL(u) {
			return invalid(fmt.Sprintf("custom_txn_webhook_urls[%d]", i), "must be an absolute http or https URL")
		}
	}
	return nil
}

// guard refuses card numbers in the free texts that core does not look at.
func (in *linkIn) guard() error {
	texts := []pair{
		{"merchant_details.promo_code", in.Merchant.Promo}, {"merchant_dcc_rate", string(in.DCCRate)}, {"source", in.Source},
		{"user_configured_field1", in.User1}, {"user_configured_field2", in.User2}, {"user_configured_field3", in.User3},
		{"user_configured_field4", in.User4}, {"user_configured_field5", in.User5},
	}
	for i, item := range in.Items {
		texts = append(texts, pair{fmt.Sprintf("order_details[%d].additional_details", i), string(item.Details)})
	}
	for i, n := range in.Notes {
		texts = append(texts, pair{fmt.Sprintf("notes[%d].key", i), n.Key})
	}
	for _, t := range append(texts, in.personalTexts()...) {
		if pay.HasCardNumber(t.value) {
			return invalid(t.key, "must not hold a card number")
		}
	}
	return nil
}

// orderClaim and customClaim are names that a merchant gives once, in both
// environments together.

func orderClaim(m pay.MerchantID, id string) core.Claim {
	return core.Claim{Kind: "order:" + name, Value: string(m) + "\n" + id, Taken: errOrderUsed}
}

func customClaim(m pay.MerchantID, ref string) core.Claim {
	return core.Claim{Kind: "custom:" + name, Value: string(m) + "\n" + ref, Taken: errCustomUsed}
}

func (in *linkIn) claims(m pay.MerchantID) []core.Claim {
	claims := []core.Claim{orderClaim(m, in.OrderID)}
	if in.CustomRef != "" {
		claims = append(claims, customClaim(m, in.CustomRef))
	}
	return claims
}

// hooks are the link's own receivers, which hear of its payments.
func (in *linkIn) hooks(secret string) []core.Hook {
	hooks := make([]core.Hook, 0, len(in.Receivers))
	for _, u := range in.Receivers {
		hooks = append(hooks, core.Hook{URL: u, Kinds: kindsOf(typePayment), Secret: secret})
	}
	return hooks
}
