package pay

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a link's texts, in characters; a dialect's sheet may ask for less.
const (
	maxText     = 2000
	maxName     = 200
	maxPerson   = 255 // name of a payer or merchant: the widest a dialect's sheet allows; native is narrower
	maxRef      = 255
	maxURL      = 2048
	maxMetadata = 50
	maxMetaText = 4096 // the widest a dialect's sheet allows; native is narrower
	maxItems    = 1000
	maxSplits   = 100
)

// Validate checks a new link against the rules of money and text. It gathers
// every field at fault, by the native API's names.
func (l Link) Validate(now time.Time) error {
	var bad Faults
	l.validatePrice(&bad)
	l.validateUse(&bad)
	l.validateTexts(&bad)
	if !l.ExpiresAt.IsZero() && !l.ExpiresAt.After(now) {
		bad.Add("expires_at", "in_the_past", "must be in the future")
	}
	if !l.ExpiresAt.IsZero() && !l.StartsAt.IsZero() && !l.StartsAt.Before(l.ExpiresAt) {
		bad.Add("starts_at", "too_late", "must be before expires_at")
	}
	for field, methods := range map[string][]MethodID{"methods.allowed": l.Methods.Allowed, "methods.blocked": l.Methods.Blocked} {
		for _, m := range methods {
			if !slices.Contains(KnownMethods, m) {
				bad.Add(field, "unknown_method", "must name known payment methods")
				break
			}
		}
	}
	for field, raw := range map[string]string{"page.success_url": l.Page.SuccessURL, "page.failure_url": l.Page.FailureURL, "page.pending_url": l.Page.PendingURL, "page.back_url": l.Page.BackURL} {
		if raw != "" {
			if detail := l.checkReturn(raw); detail != "" {
				bad.Add(field, "invalid_url", detail)
			}
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	return l.refuseCards()
}

// checkReturn is CheckReturnURL, and lets an app's scheme pass where the
// link's dialect documents them (DECISIONS 22).
func (l Link) checkReturn(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if l.Page.AppReturns && ok && rest != "" && appScheme(scheme) && len(raw) <= maxURL && CleanText(raw, false) && !strings.ContainsAny(raw, " \\\"<>") {
		return ""
	}
	return CheckReturnURL(raw, l.Mode)
}

// appScheme reports whether a scheme may be an app's own: not one that a
// browser itself acts on.
func appScheme(s string) bool {
	switch s = strings.ToLower(s); s {
	case "http", "https", "javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "ftp", "ws", "wss":
		return false
	}
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

func (l Link) validatePrice(bad *Faults) {
	p := l.Price
	amount := func(path string, minor int64, least int64) {
		switch {
		case minor < least && least == 1:
			bad.Add(path, "too_small", "must be greater than zero")
		case minor < least:
			bad.Add(path, "too_small", "must not be negative")
		case minor > MaxMinor:
			bad.Add(path, "too_large", "must be at most 999999999999")
		}
	}
	if !p.Currency.Current() {
		bad.Add("currency", "unknown_currency", "must be a current ISO 4217 code in capitals")
	}
	if p.Open {
		amount("open_amount.minimum", p.Min, 0)
		amount("open_amount.maximum", p.Max, 0)
		if p.Max != 0 && p.Max < p.Min {
			bad.Add("open_amount.maximum", "too_small", "must be at least the minimum")
		}
		if p.Suggested != 0 && (p.Suggested < p.Min || p.Max != 0 && p.Suggested > p.Max) {
			bad.Add("open_amount.suggested", "out_of_range", "must be between minimum and maximum")
		}
	} else if !p.Cart.set() {
		amount("amount", p.Amount, 1)
	}
	p.validateCart(bad, amount)
	for m, cost := range p.PerMethod {
		amount("method_prices."+string(m)+".amount", cost.Amount, 1)
	}
	amount("discount", p.Breakdown.Discount, 0)
	amount("shipping", p.Breakdown.Shipping, 0)
	amount("tax", p.Breakdown.Tax, 0)
	if len(p.Breakdown.Items) > maxItems {
		bad.Add("items", "too_many", "must be at most 1000")
	}
	for i, item := range p.Breakdown.Items {
		amount(fmt.Sprintf("items[%d].amount", i), item.Amount, 0)
		if item.Quantity < 0 {
			bad.Add(fmt.Sprintf("items[%d].quantity", i), "too_small", "must not be negative")
		}
	}
	l.validateSplits(bad)
}

func (l Link) validateUse(bad *Faults) {
	u := l.Use
	if u.Max < 0 || u.Max > 1_000_000 {
		bad.Add("max_uses", "out_of_range", "must be from 1 to 1000000, or null for any number")
	}
	if !u.Parts {
		if u.MinFirst != 0 || u.MinPart != 0 {
			bad.Add("part_payments", "required", "is required with a smallest part")
		}
		return
	}
	switch { // DECISIONS 9
	case l.Price.Open:
		bad.Add("part_payments", "not_with_open_amount", "needs a fixed amount")
	case l.Price.Cart.Adjustable():
		bad.Add("part_payments", "not_with_choice", "needs a cart without a choice")
	case u.Max > 1:
		bad.Add("part_payments", "not_with_max_uses", "cannot be combined with more than one use")
	case u.Manual:
		bad.Add("part_payments", "not_with_manual_capture", "cannot be combined with manual capture")
	case len(l.Price.PerMethod) > 0:
		bad.Add("part_payments", "not_with_method_prices", "cannot be combined with a price per method")
	}
	fixed, _ := l.Price.Fixed()
	if u.MinFirst < 0 || u.MinFirst > fixed {
		bad.Add("part_payments.minimum_first", "out_of_range", "must be from 0 to the amount")
	}
	if u.MinPart < 0 || u.MinPart > fixed {
		bad.Add("part_payments.minimum_part", "out_of_range", "must be from 0 to the amount")
	}
}

func (l Link) validateTexts(bad *Faults) {
	text := func(path, s string, most int, oneLine bool) {
		if utf8.RuneCountInString(s) > most {
			bad.Add(path, "too_long", fmt.Sprintf("must be at most %d characters", most))
		}
		if !CleanText(s, !oneLine) {
			bad.Add(path, "bad_characters", "must not have control or direction characters")
		}
	}
	text("description", l.Description, maxText, false)
	text("reference", l.Reference, maxRef, true)
	text("unique_reference", l.UniqueRef, maxRef, true)
	text("page.display_name", l.Page.DisplayName, maxPerson, true)
	text("page.pay_label", l.Page.PayLabel, maxName, true)
	text("promo", l.Price.Breakdown.Promo, maxName, true)
	for m, cost := range l.Price.PerMethod {
		text("method_prices."+string(m)+".note", cost.Note, maxText, false)
	}
	if l.Slug != "" && !ValidSlug(l.Slug) {
		bad.Add("slug", "invalid_slug", "must be 1 to 100 letters, digits, dashes or underscores, beginning with a letter or digit, and not a reserved word")
	}
	text("payer.name", l.Payer.Name, maxPerson, true)
	text("payer.phone", l.Payer.Phone, 40, true)
	text("payer.reference", l.Payer.Reference, maxRef, true)
	text("payer.tax_number", l.Payer.TaxNumber, 60, true)
	if l.Payer.Email != "" && !ValidEmail(l.Payer.Email) {
		bad.Add("payer.email", "invalid_email", "must be an e-mail address")
	}
	if len(l.Metadata) > maxMetadata {
		bad.Add("metadata", "too_many", "must be at most 50 pairs")
	}
	for k, v := range l.Metadata {
		text("metadata", k, maxRef+1, true)
		text("metadata", v, maxMetaText, false)
	}
	for i, item := range l.Price.Breakdown.Items {
		text(fmt.Sprintf("items[%d].name", i), item.Name, maxName, true)
		text(fmt.Sprintf("items[%d].code", i), item.Code, maxName, true)
	}
}

// reservedSlugs would look like a part of the platform.
var reservedSlugs = []string{"admin", "api", "assets", "checkout", "dashboard", "docs", "help", "login", "pay", "paylink", "support", "test", "www"}

// ValidSlug reports whether s can be the end of a page's address: the widest
// form that a dialect allows; the native API's is narrower.
func ValidSlug(s string) bool {
	const edge = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return len(s) >= 1 && len(s) <= 100 && strings.Trim(s[:1], edge) == "" && strings.Trim(s, edge+"_-") == "" &&
		!strings.HasPrefix(strings.ToLower(s), "xn--") && !slices.Contains(reservedSlugs, strings.ToLower(s))
}

// CleanText reports that s is valid UTF-8 without control or bidi characters;
// line breaks and tabs pass where lines is set.
func CleanText(s string, lines bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C {
			return false
		}
	}
	return true
}

// ValidEmail reports that s is one bare e-mail address.
func ValidEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, "\r\n\x00")
}

// CheckReturnURL says what is wrong with an address the payer's browser is to
// go back to; "" is nothing (THREATS 7). Test mode takes http as well.
func CheckReturnURL(raw string, m Mode) string {
	if len(raw) > maxURL {
		return "must be at most 2048 bytes"
	}
	if strings.ContainsAny(raw, "\\ \t\r\n\x00") || !CleanText(raw, false) {
		return "must not have spaces, backslashes or control characters"
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return "must be an absolute URL"
	}
	if u.Scheme != "https" && (m != Test || u.Scheme != "http") {
		return "must begin with https://"
	}
	if u.User != nil || u.Fragment != "" {
		return "must not have a user name or a fragment"
	}
	for _, r := range u.Host {
		if r > unicode.MaxASCII {
			return "must have its host in ASCII form"
		}
	}
	return ""
}

// CheckHosts holds the return addresses against a merchant's list of hosts,
// exactly; an empty list lets every host pass.
func (p Page) CheckHosts(hosts []string) error {
	var bad Faults
	for field, raw := range map[string]string{"page.success_url": p.SuccessURL, "page.failure_url": p.FailureURL, "page.pending_url": p.PendingURL, "page.back_url": p.BackURL} {
		if u, err := url.Parse(raw); raw != "" && len(hosts) > 0 && (err != nil || !slices.Contains(hosts, u.Hostname())) {
			bad.Add(field, "host_not_listed", "must name one of the merchant's return hosts")
		}
	}
	return bad.Err()
}

// ErrCard refuses card data in free text; it names the field and never echoes.
func ErrCard(path string) *Error {
	return &Error{
		Kind: Refused, Code: "card_data_not_accepted", Detail: "card numbers are not accepted here",
		Fields: []Field{{path, "card_data_not_accepted", "must not hold a card number"}},
	}
}

// refuseCards is the PAN guard over the free texts of a link (THREATS 4).
// References keep their own format and are exempt.
func (l Link) refuseCards() error {
	texts := map[string]string{
		"description": l.Description, "page.display_name": l.Page.DisplayName, "page.pay_label": l.Page.PayLabel, "payer.name": l.Payer.Name,
	}
	for k, v := range l.Metadata {
		if HasCardNumber(k) {
			return ErrCard("metadata") // its name would repeat it
		}
		texts["metadata."+k] = v
	}
	for i, item := range l.Price.Breakdown.Items {
		texts[fmt.Sprintf("items[%d].name", i)] = item.Name
	}
	for i, item := range l.Price.Cart.Items {
		texts[fmt.Sprintf("cart.items[%d].name", i)] = item.Name
		texts[fmt.Sprintf("cart.items[%d].code", i)] = item.Code
	}
	for i, code := range l.Price.Cart.Codes {
		texts[fmt.Sprintf("cart.codes[%d].code", i)] = code.Code
	}
	for m, cost := range l.Price.PerMethod {
		texts["method_prices."+string(m)+".note"] = cost.Note
	}
	for path, s := range texts {
		if HasCardNumber(s) {
			return ErrCard(path)
		}
	}
	return nil
}

// HasCardNumber reports a run of 13–19 digits, spaces and dashes ignored, that
// passes Luhn and begins as issuers' numbers do. Digits beside it, an expiry or
// an order number, do not hide it: it may begin and end where a group does.
func HasCardNumber(s string) bool {
	var digits []byte // of groups with only spaces and dashes between them
	var ends []int    // of the groups, in digits
	open := false     // the last group still grows
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			if !open {
				ends, open = append(ends, len(digits)), true
			}
			digits = append(digits, byte(r))
			ends[len(ends)-1] = len(digits)
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
			open = false
		default:
			if cardAmong(digits, ends) {
				return true
			}
			digits, ends, open = digits[:0], ends[:0], false
		}
	}
	return cardAmong(digits, ends)
}

// cardAmong reports whether whole groups in a row are a card number.
func cardAmong(digits []byte, ends []int) bool {
	begin := 0
	for i, end := range ends {
		for _, last := range ends[i:] {
			if last-begin > 19 {
				break
			}
			if isCard(digits[begin:last]) {
				return true
			}
		}
		begin = end
	}
	return false
}

func isCard(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 || digits[0] < '2' || digits[0] > '6' && digits[0] != '9' {
		return false
	}
	if digits[0] == '2' && (digits[1] < '2' || digits[1] > '7') { // a date is none
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
