package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
)

// The limits on the form of a link that pay leaves to each edge;
// docs/openapi.yaml tells callers of them.
const (
	maxReference = 255 // characters
	maxName      = 200 // characters of a name or note
	maxLines     = 6   // of an address
	maxPairName  = 64  // characters of a name in metadata
	maxPairValue = 500 // characters of a value in metadata
	maxURL       = 2048
)

// linkIn is the body of POST /v1/payment_links.
type linkIn struct {
	Amount       *int64                         `json:"amount"`
	Currency     string                         `json:"currency"`
	OpenAmount   *openIn                        `json:"open_amount"`
	Cart         *cartIn                        `json:"cart"`
	Description  string                         `json:"description"`
	Reference    string                         `json:"reference"`
	UniqueRef    string                         `json:"unique_reference"`
	Slug         string                         `json:"slug"`
	ExpiresAt    time.Time                      `json:"expires_at"`
	StartsAt     time.Time                      `json:"starts_at"`
	MaxUses      uses                           `json:"max_uses"`
	PartPayments *partsIn                       `json:"part_payments"`
	Capture      string                         `json:"capture"`
	Methods      methodsIn                      `json:"methods"`
	MethodPrices map[pay.MethodID]methodPriceIn `json:"method_prices"`
	Items        []itemIn                       `json:"items"`
	Discount     int64                          `json:"discount"`
	Shipping     int64                          `json:"shipping"`
	Tax          int64                          `json:"tax"`
	Splits       []splitIn                      `json:"splits"`
	Payer        payerIn                        `json:"payer"`
	Page         pageIn                         `json:"page"`
	Metadata     map[string]string              `json:"metadata"`
}

type openIn struct {
	Minimum   int64 `json:"minimum"`
	Maximum   int64 `json:"maximum"`
	Suggested int64 `json:"suggested"`
}

type partsIn struct {
	MinimumFirst int64 `json:"minimum_first"`
	MinimumPart  int64 `json:"minimum_part"`
}

type methodsIn struct {
	Allowed []pay.MethodID `json:"allowed"`
	Blocked []pay.MethodID `json:"blocked"`
}

type methodPriceIn struct {
	Amount int64  `json:"amount"`
	Note   string `json:"note"`
}

type itemIn struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
}

type splitIn struct {
	Account   string `json:"account"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
	Percent   int64  `json:"percent,omitzero"` // hundredths of a percent
	OnHold    bool   `json:"on_hold"`
}

type payerIn struct {
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Reference string    `json:"reference"`
	TaxNumber string    `json:"tax_number"`
	Billing   addressIn `json:"billing_address"`
	Shipping  addressIn `json:"shipping_address"`
	Account   accountIn `json:"account"`
}

type addressIn struct {
	Lines    []string `json:"lines"`
	City     string   `json:"city"`
	Region   string   `json:"region"`
	Postcode string   `json:"postcode"`
	Country  string   `json:"country"`
}

type accountIn struct {
	Number   string `json:"number"`
	BankCode string `json:"bank_code"`
	Bank     string `json:"bank"`
}

type pageIn struct {
	DisplayName string `json:"display_name"`
	SuccessURL  string `json:"success_url"`
	FailureURL  string `json:"failure_url"`
	PendingURL  string `json:"pending_url"`
	BackURL     string `json:"back_url"`
}

func (p pageIn) page() pay.Page {
	return pay.Page{DisplayName: p.DisplayName, SuccessURL: p.SuccessURL, FailureURL: p.FailureURL, PendingURL: p.PendingURL, BackURL: p.BackURL}
}

// uses is max_uses on the wire: a positive integer, or null for no cap, which
// is 0 in our words. Absent it stays what it was before decoding.
type uses int64

// badUses is what a number below 1 becomes: pay.Link refuses it.
const badUses uses = -1

// UnmarshalJSON reads null and integers.
func (u *uses) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*u = 0
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return err
	}
	*u = uses(n)
	if n < 1 {
		*u = badUses
	}
	return nil
}

// check finds every field that is not of the right form. What pay.Link checks
// by itself is added only beside other faults, so that a caller hears of all at
// once: alone it is core's to say, which first looks for the key's old answer.
func (in linkIn) check(mode pay.Mode, now time.Time) error {
	var bad pay.Faults
	switch {
	case in.Amount == nil && in.OpenAmount == nil && in.Cart == nil:
		bad.Add("amount", "required", "is required, unless open_amount or cart is given")
	case in.Amount != nil && in.OpenAmount != nil:
		bad.Add("open_amount", "not_both", "cannot be given together with amount")
	}
	if in.Cart != nil {
		if len(in.Cart.Items) == 0 {
			bad.Add("cart.items", "required", "must have at least one item")
		}
		if in.Amount != nil || in.OpenAmount != nil {
			bad.Add("cart", "not_both", "cannot be given together with amount or open_amount")
		}
	}
	if !slices.Contains([]string{"", "automatic", "manual"}, in.Capture) {
		bad.Add("capture", "not_allowed", `must be "automatic" or "manual"`)
	}
	for id, price := range in.MethodPrices {
		if !slices.Contains(pay.KnownMethods, id) {
			bad.Add("method_prices", "unknown_method", "must have names of payment methods only")
			continue
		}
		text(&bad, "method_prices."+string(id)+".note", price.Note, maxName)
	}
	checkSplits(&bad, in.Splits)
	in.Payer.check(&bad)
	text(&bad, "page.display_name", in.Page.DisplayName, maxName)
	checkMetadata(&bad, in.Metadata)
	if in.Slug != "" && !nativeSlug(in.Slug) {
		bad.Add("slug", "invalid_slug", "must be 3 to 64 small letters, digits and dashes")
	}
	err := bad.Err()
	if err == nil {
		return nil
	}
	l := in.link()
	l.Mode = mode
	return addFaults(err, l.Validate(now))
}

// nativeSlug is narrower than what pay.ValidSlug lets dialects have.
func nativeSlug(s string) bool {
	return len(s) >= 3 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func checkSplits(bad *pay.Faults, splits []splitIn) {
	for i, split := range splits {
		at := fmt.Sprintf("splits[%d].", i)
		if split.Account == "" {
			bad.Add(at+"account", "required", "is required")
		}
		text(bad, at+"account", split.Account, maxReference)
		text(bad, at+"reference", split.Reference, maxReference)
	}
}

// addFaults is err with the fields of more that err does not name yet.
func addFaults(err, more error) error {
	var have, other *pay.Error
	if !errors.As(err, &have) || !errors.As(more, &other) || other.Kind != pay.Invalid {
		return err
	}
	all := *have
	for _, f := range other.Fields {
		if !slices.ContainsFunc(have.Fields, func(h pay.Field) bool { return h.Path == f.Path }) {
			all.Fields = append(all.Fields, f)
		}
	}
	return &all
}

// check looks at what pay.Link leaves open.
func (p payerIn) check(bad *pay.Faults) {
	text(bad, "payer.name", p.Name, maxName)
	text(bad, "payer.account.number", p.Account.Number, maxReference)
	text(bad, "payer.account.bank_code", p.Account.BankCode, maxReference)
	text(bad, "payer.account.bank", p.Account.Bank, maxName)
	p.Billing.check(bad, "payer.billing_address.")
	p.Shipping.check(bad, "payer.shipping_address.")
}

func (a addressIn) check(bad *pay.Faults, at string) {
	if len(a.Lines) > maxLines {
		bad.Add(at+"lines", "too_many", fmt.Sprintf("must be at most %d", maxLines))
	}
	for i, line := range a.Lines {
		text(bad, fmt.Sprintf("%slines[%d]", at, i), line, maxName)
	}
	text(bad, at+"city", a.City, maxName)
	text(bad, at+"region", a.Region, maxName)
	text(bad, at+"postcode", a.Postcode, maxName)
	letters := strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	if n := len(a.Country); n != 0 && n != 2 || !letters {
		bad.Add(at+"country", "bad_format", "must be an ISO 3166-1 code of two capital letters")
	}
}

func checkMetadata(bad *pay.Faults, pairs map[string]string) {
	longName, longValue := false, false
	for name, value := range pairs {
		n := utf8.RuneCountInString(name)
		longName = longName || n == 0 || n > maxPairName
		longValue = longValue || utf8.RuneCountInString(value) > maxPairValue
	}
	if longName {
		bad.Add("metadata", "bad_name", fmt.Sprintf("must have names of 1 to %d characters", maxPairName))
	}
	if longValue {
		bad.Add("metadata", "too_long", fmt.Sprintf("must have values of at most %d characters", maxPairValue))
	}
}

// minor checks an amount in minor units.
func minor(bad *pay.Faults, path string, n, least int64) {
	switch {
	case n < least && least > 0:
		bad.Add(path, "too_small", "must be greater than zero")
	case n < least:
		bad.Add(path, "too_small", "must not be negative")
	case n > pay.MaxMinor:
		bad.Add(path, "too_large", "must be at most 999999999999")
	}
}

func text(bad *pay.Faults, path, s string, most int) {
	if utf8.RuneCountInString(s) > most {
		bad.Add(path, "too_long", fmt.Sprintf("must be at most %d characters", most))
	}
	if !pay.CleanText(s, false) {
		bad.Add(path, "bad_characters", "must not have control or direction characters")
	}
}

// address checks the form of a URL; core decides whether it may be used.
func address(bad *pay.Faults, path, s string) {
	if s == "" {
		return
	}
	if len(s) > maxURL {
		bad.Add(path, "too_long", "must be at most 2048 bytes")
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		bad.Add(path, "bad_url", "must be an absolute https address without a user name")
	}
}

// link is the request in our words.
func (in linkIn) link() pay.Link {
	l := pay.Link{
		Dialect: Name, Reference: in.Reference, UniqueRef: in.UniqueRef, Slug: in.Slug, Description: in.Description,
		Price:    in.price(),
		Use:      pay.Use{Max: int64(in.MaxUses), Manual: in.Capture == "manual"},
		StartsAt: moment(in.StartsAt), ExpiresAt: moment(in.ExpiresAt),
		Methods:  pay.Methods{Allowed: in.Methods.Allowed, Blocked: in.Methods.Blocked},
		Page:     in.Page.page(),
		Metadata: in.Metadata,
		Payer:    in.Payer.payer(),
		Splits:   splitsOf(in.Splits),
	}
	if in.PartPayments != nil {
		l.Use.Parts, l.Use.MinFirst, l.Use.MinPart = true, in.PartPayments.MinimumFirst, in.PartPayments.MinimumPart
	}
	return l
}

func (p payerIn) payer() pay.Payer {
	return pay.Payer{
		Name: p.Name, Email: p.Email, Phone: p.Phone, Reference: p.Reference, TaxNumber: p.TaxNumber,
		Billing: pay.Address(p.Billing), Shipping: pay.Address(p.Shipping), Account: pay.BankAccount(p.Account),
	}
}

func splitsOf(in []splitIn) (splits []pay.Split) {
	for _, s := range in {
		splits = append(splits, pay.Split{Account: s.Account, Reference: s.Reference, Amount: s.Amount, Percent: s.Percent, OnHold: s.OnHold})
	}
	return splits
}

func (in linkIn) price() pay.Price {
	p := pay.Price{
		Currency:  pay.Currency(in.Currency),
		Breakdown: pay.Breakdown{Discount: in.Discount, Shipping: in.Shipping, Tax: in.Tax},
	}
	if in.Amount != nil {
		p.Amount = *in.Amount
	}
	if in.Cart != nil {
		p.Cart = in.Cart.cart()
	}
	if o := in.OpenAmount; o != nil {
		p.Open, p.Min, p.Max, p.Suggested = true, o.Minimum, o.Maximum, o.Suggested
	}
	for _, item := range in.Items {
		p.Breakdown.Items = append(p.Breakdown.Items, pay.Item(item))
	}
	for id, cost := range in.MethodPrices {
		if p.PerMethod == nil {
			p.PerMethod = map[pay.MethodID]pay.MethodCost{}
		}
		p.PerMethod[id] = pay.MethodCost(cost)
	}
	return p
}

// moment is t in the house's precision.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
