package pinelabs

import (
	"encoding/json"
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
)

// The provider's limits of sheet 5.1; those it does not name are ours.
const (
	minAmount      = 100         // minor units; also the least part of a part payment
	maxAmount      = 100_000_000 // minor units
	maxLife        = 180 * 24 * time.Hour
	maxDescription = 1000
	maxURL         = 2048
	maxPairs       = 10
	maxPair        = 256  // characters of a key or value
	maxOffer       = 4096 // of the value under offerKey: the provider's own sample has 511
	offerKey       = "OfferData"
	splitByAmount  = "AMOUNT"
	maxName        = 200 // of product codes, split ids and the like
	maxLabel       = 200 // characters of an item's name that the page shows
)

// linkIn is the body of POST /api/pay/v1/paymentlink.
// Source: docs/dialects/pinelabs.md, "Create"; checked 2026-11-21.
type linkIn struct {
	Amount      *amount         `json:"amount"`
	Reference   string          `json:"merchant_payment_link_reference"` // also the idempotency key
	Description string          `json:"description"`
	ExpireBy    string          `json:"expire_by"`
	Methods     methodList      `json:"allowed_payment_methods"`
	PreAuth     flag            `json:"pre_auth"`
	MCC         flag            `json:"is_mcc_transaction"`
	CallbackURL string          `json:"callback_url"`
	FailureURL  string          `json:"failure_callback_url"`
	PartPayment flag            `json:"part_payment"`
	Customer    *customer       `json:"customer"`
	Products    []product       `json:"product_details"`
	CartCoupon  *amount         `json:"cart_coupon_discount_amount"`
	Cart        *cart           `json:"cart_details"`
	Metadata    pairs           `json:"merchant_metadata"`
	Splits      *splitInfo      `json:"split_info"`
	Account     *accountDetails `json:"account_details"`
}

// flag is a boolean that may come as the text "true" or "false".
type flag bool

// UnmarshalJSON takes null as false.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`, `null`:
		*f = false
	default:
		return errors.New("neither true nor false")
	}
	return nil
}

// methodList is an array of names, or one text with commas between them.
type methodList []string

// UnmarshalJSON trims, capitalizes and drops repeats; unknown names stay.
func (m *methodList) UnmarshalJSON(b []byte) error {
	var list []string
	var one string
	if err := json.Unmarshal(b, &list); err != nil {
		if err := json.Unmarshal(b, &one); err != nil {
			return errors.New("neither an array of strings nor a string")
		}
		list = strings.Split(one, ",")
	}
	*m = nil
	for _, s := range list {
		s = strings.ToUpper(strings.TrimSpace(s))
		if s != "" && !slices.Contains(*m, s) {
			*m = append(*m, s)
		}
	}
	return nil
}

// methodNames pairs the wire's methods with ours, in the order they are listed
// when a link names none. BNPL may be asked for, but is not in the published
// list of answers.
var methodNames = []struct {
	wire string
	id   pay.MethodID
	hold bool // can wait for a capture (sheet 7.1)
}{
	{"CARD", pay.MethodCard, true},
	{"UPI", pay.MethodUPI, false},
	{"NETBANKING", pay.MethodBankRedirect, false},
	{"WALLET", pay.MethodWallet, false},
	{"POINTS", pay.MethodPoints, true},
	{"CREDIT_EMI", pay.MethodCreditEMI, false},
	{"DEBIT_EMI", pay.MethodDebitEMI, false},
	{"BNPL", pay.MethodBNPL, false},
}

// methods are ours for those the request names, or for all the wire knows:
// the page offers no method that this wire has no word for.
func (in linkIn) methods(bad *pay.Faults) (ids []pay.MethodID) {
	known := 0
	for _, m := range methodNames {
		if len(in.Methods) > 0 && !slices.Contains(in.Methods, m.wire) {
			continue
		}
		known++
		if m.hold || !bool(in.PreAuth) {
			ids = append(ids, m.id)
		}
	}
	switch {
	case len(in.Methods) > known:
		bad.Add("allowed_payment_methods", "unknown_method", "names a method that is not known")
	case len(ids) == 0:
		bad.Add("allowed_payment_methods", "no_method", "must have CARD or POINTS when pre_auth is true")
	}
	// in the order the merchant gave
	slices.SortStableFunc(ids, func(a, b pay.MethodID) int {
		return slices.Index(in.Methods, wireMethod(a)) - slices.Index(in.Methods, wireMethod(b))
	})
	return ids
}

func wireMethod(id pay.MethodID) string {
	for _, m := range methodNames {
		if m.id == id {
			return m.wire
		}
	}
	return strings.ToUpper(string(id))
}

// wireMethods are the names for a link that was made without any.
func wireMethods(l pay.Link) []string {
	out := []string{}
	for _, id := range l.Methods.Allowed {
		if id != pay.MethodBNPL {
			out = append(out, wireMethod(id))
		}
	}
	return out
}

var offset = regexp.MustCompile(`(Z|[+-]\d{2}(:?\d{2})?)$`)

// parseExpiry reads ISO 8601 with seconds or without, a fraction of any length,
// and Z, an offset or nothing (UTC). The answer is in microseconds.
func parseExpiry(s string) (time.Time, bool) {
	if len(s) > 64 || len(s) < len("2006-01-02T15:04") {
		return time.Time{}, false
	}
	zone := ""
	clock := s[len("2006-01-02T"):]
	if at := offset.FindStringIndex(clock); at != nil {
		zone = clock[at[0]:]
		s = s[:len(s)-len(zone)]
	}
	layout := map[int]string{0: "", 1: "Z07:00", 3: "Z07", 5: "Z0700", 6: "Z07:00"}[len(zone)]
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(form+layout, s+zone); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

// link says the request in our words. The first fault is the one the caller
// hears of, so the order of the checks is that of sheet 5.5.
// Errors: Invalid, with the names of this wire.
func (in linkIn) link(now time.Time) (pay.Link, error) {
	var bad pay.Faults
	price := in.price(&bad)
	if !wireName.MatchString(in.Reference) {
		bad.Add("merchant_payment_link_reference", "invalid", "must be 1 to 50 letters, digits, hyphens or underscores")
	}
	if utf8.RuneCountInString(in.Description) > maxDescription {
		bad.Add("description", "too_long", "must be at most 1000 characters")
	}
	expires := in.expiry(now, &bad)
	methods := in.methods(&bad)
	if in.PreAuth && in.PartPayment {
		bad.Add("part_payment", "excluded", "cannot be combined with pre_auth")
	}
	metadata := in.Metadata.check(&bad)
	checkURL(&bad, "callback_url", in.CallbackURL)
	checkURL(&bad, "failure_callback_url", in.FailureURL)
	in.Customer.check(&bad)
	in.Account.check(&bad)
	splits := in.splits(&bad)
	if err := bad.Err(); err != nil {
		return pay.Link{}, err
	}
	use := pay.Use{Max: 1, Manual: bool(in.PreAuth)}
	if in.PartPayment {
		use.Parts, use.MinPart = true, minAmount
	}
	payer, err := in.payer()
	if err != nil {
		return pay.Link{}, err
	}
	back, err := json.Marshal(echo{in.Methods, bool(in.MCC), in.Products, in.CartCoupon, in.Cart})
	if err != nil {
		return pay.Link{}, err
	}
	return pay.Link{
		Dialect: name, Reference: in.Reference, UniqueRef: in.Reference,
		Description: in.Description, Price: price, Use: use, ExpiresAt: expires,
		AcceptLate: true, // sheet 6.1: what was begun in time may end after it, a capture days later
		Methods:    pay.Methods{Allowed: methods}, Payer: payer,
		Page:   pay.Page{SuccessURL: in.CallbackURL, FailureURL: in.FailureURL},
		Splits: splits, Metadata: metadata, Echo: string(back),
	}, nil
}

// price checks the amount and all that only explains it.
func (in linkIn) price(bad *pay.Faults) pay.Price {
	a := in.Amount
	if a == nil {
		bad.Add("amount", "required", "is required")
		return pay.Price{}
	}
	c := pay.Currency(a.Currency)
	switch {
	case a.Value == nil:
		bad.Add("amount.value", "required", "is required")
	case *a.Value < minAmount:
		bad.Add("amount.value", "too_small", "must be at least 100")
	case *a.Value > maxAmount:
		bad.Add("amount.value", codeLarge, "must be at most 100000000")
	}
	switch {
	case a.Currency == "":
		bad.Add("amount.currency", "required", "is required")
	case c != "INR" && !(bool(in.MCC) && c.Current()):
		bad.Add("amount.currency", codeCurrency, "must be INR")
	}
	for _, p := range in.Products {
		p.check(bad, "product_details", c)
	}
	checkAmount(bad, "cart_coupon_discount_amount", in.CartCoupon, c)
	if in.Cart != nil {
		for _, p := range in.Cart.Items {
			p.check(bad, "cart_details.items", c)
		}
		for _, i := range in.Cart.CartItems {
			i.check(bad)
		}
	}
	if a.Value == nil {
		return pay.Price{}
	}
	return pay.Price{Currency: c, Amount: *a.Value, Breakdown: in.breakdown()}
}

// breakdown is what the page shows beside the total: the cart, or else the
// products, and the coupon. Nothing is added up (sheet 7.5).
func (in linkIn) breakdown() (b pay.Breakdown) {
	lines := in.Products
	if in.Cart != nil && len(in.Cart.Items)+len(in.Cart.CartItems) > 0 {
		lines = in.Cart.Items
		for _, i := range in.Cart.CartItems {
			b.Items = append(b.Items, i.item())
		}
	}
	for _, p := range lines {
		b.Items = append(b.Items, pay.Item{Code: label(text(p.Code)), Quantity: 1, Amount: p.Amount.minor()})
	}
	if b.Discount = in.CartCoupon.minor(); in.CartCoupon != nil {
		return b
	}
	for _, p := range in.Products {
		if sum, ok := pay.AddMinor(b.Discount, p.Coupon.minor()); ok {
			b.Discount = sum
		}
	}
	return b
}

func (a *amount) minor() int64 {
	if a == nil || a.Value == nil {
		return 0
	}
	return *a.Value
}

func (p product) check(bad *pay.Faults, path string, c pay.Currency) {
	checkText(bad, path+".product_code", p.Code, 0, maxName)
	checkAmount(bad, path+".product_amount", p.Amount, c)
	checkAmount(bad, path+".product_coupon_discount_amount", p.Coupon, c)
}

func (i cartItem) check(bad *pay.Faults) {
	const path = "cart_details.cart_items."
	checkFree(bad, path+"item_name", i.Name, 0, maxDescription)
	checkFree(bad, path+"item_description", i.Description, 0, 4*maxDescription)
	checkText(bad, path+"item_details_url", i.DetailsURL, 0, maxURL)
	checkText(bad, path+"item_image_url", i.ImageURL, 0, maxURL)
	checkText(bad, path+"item_currency", i.Currency, 0, 3)
}

// item is the line of the page. Numbers that are no minor units are left out.
func (i cartItem) item() pay.Item {
	item := pay.Item{Name: label(text(i.Name)), Quantity: max(whole(i.Quantity), 1)}
	unit := i.Discounted
	if len(unit) == 0 || string(unit) == "null" {
		unit = i.UnitPrice
	}
	var a amount
	minor := whole(unit)
	if json.Unmarshal(unit, &a) == nil {
		minor = a.minor()
	}
	if total, ok := pay.MulMinor(max(minor, 0), item.Quantity); ok {
		item.Amount = total
	}
	return item
}

// label is a text as one line of the page: it is for the eye, and may be cut.
func label(s string) string {
	line := []rune(strings.Join(strings.Fields(s), " "))
	line = slices.DeleteFunc(line, func(r rune) bool { return !pay.CleanText(string(r), false) })
	return string(line[:min(len(line), maxLabel)])
}

// whole is a JSON integer, or one as text, within what an amount can be; else 0.
func whole(raw json.RawMessage) int64 {
	var n int64
	if json.Unmarshal([]byte(strings.Trim(string(raw), `"`)), &n) != nil || n < 0 || n > pay.MaxMinor {
		return 0
	}
	return n
}

func (in linkIn) expiry(now time.Time, bad *pay.Faults) time.Time {
	now = now.UTC()
	if in.ExpireBy == "" {
		return now.Add(maxLife).Truncate(time.Millisecond)
	}
	t, ok := parseExpiry(in.ExpireBy)
	switch {
	case !ok:
		bad.Add("expire_by", "not_a_time", "must be an ISO 8601 time such as 2026-12-01T08:29:00Z")
	case !t.After(now):
		bad.Add("expire_by", "past", "must be in the future")
	case t.After(now.Add(maxLife)):
		bad.Add("expire_by", "too_late", "must be within 180 days")
	}
	return t
}

// pairs is a merchant's metadata.
type pairs map[string]*string

// check holds the pairs to sheet 5.1; null is as if it were not there.
func (p pairs) check(bad *pay.Faults) map[string]string {
	out := map[string]string{}
	long := false
	for key, value := range p {
		if value == nil {
			continue
		}
		limit := maxPair
		if key == offerKey {
			limit = maxOffer
		}
		long = long || utf8.RuneCountInString(key) > maxPair || utf8.RuneCountInString(*value) > limit
		out[key] = *value
	}
	switch {
	case len(out) > maxPairs:
		bad.Add("merchant_metadata", "too_many", "may hold at most 10 pairs")
	case long:
		bad.Add("merchant_metadata", "too_long", "keys and values may have at most 256 characters")
	case len(out) == 0:
		return nil
	}
	return out
}

func (in linkIn) splits(bad *pay.Faults) (shares []pay.Split) {
	if in.Splits == nil {
		return nil
	}
	if in.Splits.Type != splitByAmount {
		bad.Add("split_info.split_type", "unknown", "must be AMOUNT")
	}
	sum := int64(0)
	currency := pay.Currency("")
	if in.Amount != nil {
		currency = pay.Currency(in.Amount.Currency)
	}
	const path = "split_info.split_details"
	for _, s := range in.Splits.Details {
		checkText(bad, path+".split_merchant_id", &s.Merchant, 1, maxName)
		checkText(bad, path+".merchant_settlement_reference", &s.Reference, 0, maxName)
		if s.Amount == nil {
			bad.Add(path+".amount", "required", "is required")
		}
		checkAmount(bad, path+".amount", s.Amount, currency)
		sum += min(max(s.Amount.minor(), 0), pay.MaxMinor) // at most 1000 shares: no overflow
		shares = append(shares, pay.Split{Account: s.Merchant, Reference: s.Reference, Amount: s.Amount.minor(), OnHold: bool(s.OnHold)})
	}
	if sum > in.Amount.minor() {
		bad.Add(path, "too_large", "must not add up to more than the amount")
	}
	return shares
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// checkText holds a text that was given to a number of characters.
func checkText(bad *pay.Faults, path string, s *string, least, most int) {
	if s == nil {
		return
	}
	switch n := utf8.RuneCountInString(*s); {
	case n < least:
		bad.Add(path, "required", "must not be empty")
	case n > most:
		bad.Add(path, "too_long", "is too long")
	}
}

// checkFree is checkText for what people write: no card number may be in it.
func checkFree(bad *pay.Faults, path string, s *string, least, most int) {
	checkText(bad, path, s, least, most)
	if s != nil && pay.HasCardNumber(*s) {
		bad.Add(path, "card_data_not_accepted", "must not hold a card number")
	}
}

// checkAmount holds an amount that was given to the link's currency.
func checkAmount(bad *pay.Faults, path string, a *amount, c pay.Currency) {
	switch {
	case a == nil:
	case a.Value == nil:
		bad.Add(path+".value", "required", "is required")
	case *a.Value < 0:
		bad.Add(path+".value", "too_small", "must not be negative")
	case *a.Value > pay.MaxMinor:
		bad.Add(path+".value", codeLarge, "is too large")
	case pay.Currency(a.Currency) != c:
		bad.Add(path+".currency", "other_currency", "must be the currency of amount")
	}
}

// checkURL takes a host without a dot as well: the provider's samples have one.
func checkURL(bad *pay.Faults, path, s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || len(s) > maxURL {
		bad.Add(path, "invalid_url", "must be an absolute http or https URL")
	}
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}
