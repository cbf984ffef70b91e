package payengine

import (
	"encoding/json"
	"strings"
	"time"

	"paylink/internal/pay"
)

// The statuses of sheet 6.
const (
	statusActive    = "ACTIVE"
	statusInactive  = "INACTIVE"
	statusCompleted = "COMPLETED"
	statusCancelled = "CANCELLED"
)

// linkStatus is what our states are called here. Attempts, refunds and
// settlements change none of them: a failed attempt counts for nothing, and a
// link whose payment was given back stays completed.
var linkStatus = map[pay.LinkState]string{
	pay.LinkScheduled: statusInactive,
	pay.LinkActive:    statusActive,
	pay.LinkPaused:    statusInactive,
	pay.LinkCompleted: statusCompleted,
	pay.LinkExpired:   statusInactive,
	pay.LinkCanceled:  statusCancelled,
}

type wireMethod struct {
	wire   string
	method pay.MethodID
}

// wireMethods are the two methods of the wire.
var wireMethods = []wireMethod{
	{"CC_DC", pay.MethodCard},
	{"ACH", pay.MethodBankTransfer},
}

// echo is the part of a request that only comes back: Link.Echo holds it.
// Dates are kept as they were sent; what they mean is in the link.
type echo struct {
	Start      string          `json:"start_date,omitempty"`
	End        string          `json:"end_date,omitempty"`
	InternalID string          `json:"internal_transaction_id,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

// kept is what the link holds for this dialect alone. Only fill writes it, so
// what cannot be read is as if it were not there.
func kept(l pay.Link) (e echo) {
	_ = json.Unmarshal([]byte(l.Echo), &e)
	return e
}

// linkOut is the payment link of create, details, list and update: always with
// every member, null where it is not set (sheet 5).
type linkOut struct {
	ID          string          `json:"payment_link_id"`
	URL         string          `json:"payment_link_url"`
	QRCode      string          `json:"qr_code_url"`
	Status      string          `json:"payment_link_status"`
	MerchantID  string          `json:"merchant_id"`
	StartDate   *string         `json:"start_date"`
	EndDate     *string         `json:"end_date"`
	Methods     []string        `json:"payment_methods"`
	SameAmount  bool            `json:"use_same_amount"`
	Amount      *string         `json:"amount"`
	CardAmount  *string         `json:"cc_amount"`
	CardNote    *string         `json:"cc_amount_note"`
	BankAmount  *string         `json:"ach_amount"`
	BankNote    *string         `json:"ach_amount_note"`
	OneTime     bool            `json:"one_time_only"`
	Consent     bool            `json:"save_card_consent"`
	Captcha     bool            `json:"enable_captcha"`
	Slug        string          `json:"slug_id"`
	Currency    string          `json:"currency_code"`
	SalesTax    string          `json:"sales_tax"`
	OrderNumber *string         `json:"order_number"`
	Description *string         `json:"description"`
	InternalID  *string         `json:"internal_transaction_id"`
	Metadata    json.RawMessage `json:"metadata"`
	CreatedAt   string          `json:"created_at"`
	UpdatedAt   string          `json:"updated_at"`
}

// word is a link in the words of this wire.
func (d *payengine) word(l pay.Link) linkOut {
	e, p := kept(l), pricesOf(l)
	url := d.PayURL(d.publicURL, l)
	return linkOut{
		ID: l.WireID, URL: url, QRCode: url + qrPath, Status: linkStatus[l.State], MerchantID: l.Account,
		StartDate: optional(e.Start), EndDate: optional(e.End), Methods: methodNames(l),
		SameAmount: p.same, Amount: p.amount, CardAmount: p.card, CardNote: p.cardNote, BankAmount: p.bank, BankNote: p.bankNote,
		OneTime: l.Use.Max == 1, Consent: l.Page.Consent, Captcha: l.Page.Captcha, Slug: slugOf(l),
		Currency: string(l.Price.Currency), SalesTax: major(l.Price.Breakdown.Tax, l.Price.Currency),
		OrderNumber: optional(l.Reference), Description: optional(l.Description), InternalID: optional(e.InternalID), Metadata: e.Metadata,
		CreatedAt: stamp(l.CreatedAt), UpdatedAt: stamp(l.UpdatedAt),
	}
}

// qrPath is where the code of a page is, below the page.
const qrPath = "/qr.png"

// slugOf is the slug that the merchant chose, or the generated one.
func slugOf(l pay.Link) string {
	if l.Slug != "" {
		return l.Slug
	}
	return l.WireID
}

// prices are the amounts of a link as the wire has them: one, or one for each method.
type prices struct {
	same           bool
	amount         *string
	card, cardNote *string
	bank, bankNote *string
}

func pricesOf(l pay.Link) (p prices) {
	wire := func(minor int64) *string { return optional(major(minor, l.Price.Currency)) }
	if p.same = len(l.Price.PerMethod) == 0; p.same {
		p.amount = wire(l.Price.Amount)
		return p
	}
	card, bank := l.Price.PerMethod[pay.MethodCard], l.Price.PerMethod[pay.MethodBankTransfer]
	p.card, p.cardNote = wire(card.Amount), optional(card.Note)
	p.bank, p.bankNote = wire(bank.Amount), optional(bank.Note)
	return p
}

// methodNames are the methods that the page may offer, in the link's order.
func methodNames(l pay.Link) []string {
	names := []string{}
	for _, m := range l.Methods.Allowed {
		for _, w := range wireMethods {
			if w.method == m {
				names = append(names, w.wire)
			}
		}
	}
	return names
}

// major is an amount with two decimals, whatever the currency has: amounts
// come in with at most two.
func major(minor int64, c pay.Currency) string {
	s := pay.Money{Minor: minor, Currency: c}.Major()
	switch {
	case c.Digits() == 0:
		return s + ".00"
	case c.Digits() == 3:
		return strings.TrimSuffix(s, "0")
	}
	return s
}

// stamp is a time in UTC with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// optional is nil for a text that is not set.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
