package payengine

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
)

// Limits of texts, in characters, and of metadata, in bytes of JSON.
const (
	maxDescription = 1000
	maxNote        = 255
	maxOrder       = 20
	maxInternalID  = 255
	maxMetadata    = 16 << 10
)

const defaultCurrency = "USD"

// dataIn is "data" of create and update; nil is not given, and so is null.
// Source: docs/dialects/payengine.md, "Create".
type dataIn struct {
	Methods     *[]string `json:"payment_methods"`
	SameAmount  *flag     `json:"use_same_amount"`
	Amount      *amount   `json:"amount"` // major units
	CardAmount  *amount   `json:"cc_amount"`
	CardNote    *string   `json:"cc_amount_note"`
	BankAmount  *amount   `json:"ach_amount"`
	BankNote    *string   `json:"ach_amount_note"`
	OneTime     *flag     `json:"one_time_only"`
	StartDate   *string   `json:"start_date"`
	EndDate     *string   `json:"end_date"`
	Description *string   `json:"description"`
	OrderNumber *string   `json:"order_number"`
	SalesTax    *amount   `json:"sales_tax"` // within the amount
	Consent     *flag     `json:"save_card_consent"`
	Captcha     *flag     `json:"enable_captcha"`
	Slug        *string   `json:"slug_id"`
	InternalID  *string   `json:"internal_transaction_id"`
	Metadata    *object   `json:"metadata"`
	Currency    *string   `json:"currency_code"`

	// Of the link that an update changes; empty at creation.
	currency pay.Currency
	wireID   string
}

// dataOf is what a create would have to say to make l as it is.
func dataOf(l pay.Link) dataIn {
	e, c := kept(l), l.Price.Currency
	same, once, consent, captcha := flag(len(l.Price.PerMethod) == 0), flag(l.Use.Max == 1), flag(l.Page.Consent), flag(l.Page.Captcha)
	methods, currency := methodNames(l), string(c)
	in := dataIn{
		Methods: &methods, SameAmount: &same, OneTime: &once, StartDate: &e.Start, EndDate: &e.End,
		Description: &l.Description, OrderNumber: &l.Reference, SalesTax: shortest(l.Price.Breakdown.Tax, c),
		Consent: &consent, Captcha: &captcha, Slug: &l.Slug, InternalID: &e.InternalID, Currency: &currency,
		currency: c, wireID: l.WireID,
	}
	if len(e.Metadata) > 0 {
		in.Metadata = &object{e.Metadata}
	}
	if same {
		in.Amount = shortest(l.Price.Amount, c)
		return in
	}
	card, bank := l.Price.PerMethod[pay.MethodCard], l.Price.PerMethod[pay.MethodBankTransfer]
	in.CardAmount, in.CardNote = shortest(card.Amount, c), &card.Note
	in.BankAmount, in.BankNote = shortest(bank.Amount, c), &bank.Note
	return in
}

// over is base with what in says in its place.
func (in dataIn) over(base dataIn) dataIn {
	return dataIn{
		Methods: cmp.Or(in.Methods, base.Methods), SameAmount: cmp.Or(in.SameAmount, base.SameAmount), Amount: cmp.Or(in.Amount, base.Amount),
		CardAmount: cmp.Or(in.CardAmount, base.CardAmount), CardNote: cmp.Or(in.CardNote, base.CardNote),
		BankAmount: cmp.Or(in.BankAmount, base.BankAmount), BankNote: cmp.Or(in.BankNote, base.BankNote),
		OneTime: cmp.Or(in.OneTime, base.OneTime), StartDate: cmp.Or(in.StartDate, base.StartDate), EndDate: cmp.Or(in.EndDate, base.EndDate),
		Description: cmp.Or(in.Description, base.Description), OrderNumber: cmp.Or(in.OrderNumber, base.OrderNumber),
		SalesTax: cmp.Or(in.SalesTax, base.SalesTax), Consent: cmp.Or(in.Consent, base.Consent), Captcha: cmp.Or(in.Captcha, base.Captcha),
		Slug: cmp.Or(in.Slug, base.Slug), InternalID: cmp.Or(in.InternalID, base.InternalID), Metadata: cmp.Or(in.Metadata, base.Metadata),
		Currency: cmp.Or(in.Currency, base.Currency), currency: base.currency, wireID: base.wireID,
	}
}

// fill sets what the merchant may set on l, by every rule of sheet 4.1.
// Errors: Invalid with every field at fault, card_data_not_accepted.
func (in dataIn) fill(l *pay.Link, zone *time.Location, now time.Time) error {
	var bad pay.Faults
	l.Methods.Allowed = in.methods(&bad)
	l.Price = in.price(l.Methods.Allowed, &bad)
	l.Use.Max = 0
	if in.OneTime == nil || bool(*in.OneTime) {
		l.Use.Max = 1
	}
	in.window(l, zone, now, &bad)
	l.Page.Consent, l.Page.Captcha = in.Consent != nil && bool(*in.Consent), in.Captcha != nil && bool(*in.Captcha)
	l.Description = limited(&bad, "data.description", in.Description, maxDescription)
	l.Reference = text(in.OrderNumber)
	if len(l.Reference) > maxOrder || strings.Trim(l.Reference, alphanumeric) != "" {
		bad.Add("data.order_number", "invalid", "must be alphanumeric and at most 20 characters")
	}
	if l.Slug = text(in.Slug); l.Slug == in.wireID {
		l.Slug = "" // the generated one, as an answer gave it
	}
	if l.Slug != "" && !pay.ValidSlug(l.Slug) {
		bad.Add("data.slug_id", "invalid", "must have 1 to 100 letters, digits, dashes or underscores, begin with a letter or digit, and not be a reserved word")
	}
	if err := in.echo(l, &bad); err != nil {
		return err
	}
	return bad.Err()
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// methods are the ones to offer, each once; by default both.
func (in dataIn) methods(bad *pay.Faults) (list []pay.MethodID) {
	if in.Methods != nil {
		for _, s := range *in.Methods {
			at := slices.IndexFunc(wireMethods, func(m wireMethod) bool { return m.wire == s })
			if at < 0 {
				bad.Add("data.payment_methods", "unknown", "must name CC_DC or ACH")
				return nil
			}
			if !slices.Contains(list, wireMethods[at].method) {
				list = append(list, wireMethods[at].method)
			}
		}
	}
	if len(list) == 0 {
		for _, m := range wireMethods {
			list = append(list, m.method)
		}
	}
	return list
}

// price is one amount for all methods, or one for each: then the lowest of
// those offered is what the page begins with.
func (in dataIn) price(offered []pay.MethodID, bad *pay.Faults) pay.Price {
	p := pay.Price{Currency: defaultCurrency}
	if in.Currency != nil {
		p.Currency = pay.Currency(*in.Currency)
	}
	switch {
	case !p.Currency.Current():
		bad.Add("data.currency_code", "unknown", "must be a current ISO 4217 code")
		return p
	case in.currency != "" && p.Currency != in.currency:
		bad.Add("data.currency_code", "immutable", "cannot be changed")
		return p
	}
	least := int64(0)
	if in.SameAmount == nil || bool(*in.SameAmount) {
		p.Amount = owed(bad, "data.amount", in.Amount, p.Currency)
		least = p.Amount
	} else {
		p.PerMethod = map[pay.MethodID]pay.MethodCost{
			pay.MethodCard: {
				Amount: owed(bad, "data.cc_amount", in.CardAmount, p.Currency),
				Note:   limited(bad, "data.cc_amount_note", in.CardNote, maxNote),
			},
			pay.MethodBankTransfer: {
				Amount: owed(bad, "data.ach_amount", in.BankAmount, p.Currency),
				Note:   limited(bad, "data.ach_amount_note", in.BankNote, maxNote),
			},
		}
		for i, m := range offered {
			if cost := p.PerMethod[m].Amount; i == 0 || cost < p.Amount {
				p.Amount = cost
			}
		}
		least = min(p.PerMethod[pay.MethodCard].Amount, p.PerMethod[pay.MethodBankTransfer].Amount)
	}
	if in.SalesTax != nil {
		tax, problem := in.SalesTax.minor(p.Currency)
		switch {
		case problem != "":
			bad.Add("data.sales_tax", "invalid", problem)
		case tax > least && least > 0:
			bad.Add("data.sales_tax", "too_large", "must not be greater than the amount that includes it")
		}
		p.Breakdown.Tax = tax
	}
	return p
}

// owed is a required amount greater than zero.
func owed(bad *pay.Faults, path string, a *amount, c pay.Currency) int64 {
	if a == nil {
		bad.Add(path, "required", "is required")
		return 0
	}
	minor, problem := a.minor(c)
	if problem == "" && minor == 0 {
		problem = "must be greater than zero"
	}
	if problem != "" {
		bad.Add(path, "invalid", problem)
		return 0
	}
	return minor
}

// window is when the link can be paid; an empty date is none.
func (in dataIn) window(l *pay.Link, zone *time.Location, now time.Time, bad *pay.Faults) {
	const wanted = "must be a date such as 20261231 or 2026-12-31, or an RFC 3339 time"
	l.StartsAt, l.ExpiresAt = time.Time{}, time.Time{}
	ok := true
	if s := text(in.StartDate); s != "" {
		if l.StartsAt, ok = startOf(s, zone); !ok {
			bad.Add("data.start_date", "invalid", wanted)
		}
	}
	s := text(in.EndDate)
	if s == "" {
		return
	}
	end, endOK := endOf(s, zone)
	switch {
	case !endOK:
		bad.Add("data.end_date", "invalid", wanted)
	case ok && !l.StartsAt.IsZero() && !l.StartsAt.Before(end):
		bad.Add("data.end_date", "too_early", "must not be before start_date")
	case !end.After(now):
		bad.Add("data.end_date", "past", "must not be in the past")
	}
	l.ExpiresAt = end
}

// echo keeps what only comes back.
// Errors: card_data_not_accepted.
func (in dataIn) echo(l *pay.Link, bad *pay.Faults) error {
	e := echo{Start: text(in.StartDate), End: text(in.EndDate), InternalID: limited(bad, "data.internal_transaction_id", in.InternalID, maxInternalID)}
	if in.Metadata != nil {
		if e.Metadata = in.Metadata.raw; len(e.Metadata) > maxMetadata {
			bad.Add("data.metadata", "too_large", "must have at most 16 KiB")
		}
		if in.Metadata.hasCard() {
			return pay.ErrCard("data.metadata")
		}
	}
	kept, err := encode(e)
	l.Echo = string(kept)
	return err
}

// limited is a text of at most so many characters, without control characters.
func limited(bad *pay.Faults, path string, s *string, most int) string {
	switch t := text(s); {
	case utf8.RuneCountInString(t) > most:
		bad.Add(path, "too_long", "is too long")
	case !pay.CleanText(t, true):
		bad.Add(path, "bad_characters", "must not have control or direction characters")
	}
	return text(s)
}
