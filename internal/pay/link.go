package pay

import "time"

// LinkState is where a link is in its life.
type LinkState string

// The states of a link. Money status is not among them: it is derived.
const (
	LinkScheduled LinkState = "scheduled" // starts_at is still to come
	LinkActive    LinkState = "active"
	LinkPaused    LinkState = "paused"
	LinkCompleted LinkState = "completed" // paid as often or as much as it may be
	LinkExpired   LinkState = "expired"
	LinkCanceled  LinkState = "canceled"
)

// linkMoves is the whole life of a link: what is not listed cannot happen.
// Reopening by an edit of the window is the merchant's move (DECISIONS 7).
var linkMoves = map[LinkState][]LinkState{
	"":            {LinkScheduled, LinkActive},
	LinkScheduled: {LinkActive, LinkExpired, LinkCanceled},
	LinkActive:    {LinkPaused, LinkCompleted, LinkExpired, LinkCanceled},
	LinkPaused:    {LinkActive, LinkCompleted, LinkExpired, LinkCanceled},
	LinkExpired:   {LinkCompleted, LinkCanceled}, // completed: a success within its grace time
}

// linkReopens are the moves that only an edit of the window makes (DECISIONS 7).
var linkReopens = map[LinkState][]LinkState{
	LinkScheduled: {LinkActive, LinkExpired},
	LinkActive:    {LinkScheduled, LinkExpired},
	LinkPaused:    {LinkExpired},
	LinkExpired:   {LinkActive, LinkScheduled},
}

// Link is an offer to pay. Token and Payer are personal or secret: they are
// left out of the plain part of rows and events and kept in a sealed one.
type Link struct {
	Tenant
	ID        LinkID `json:"id"`
	Dialect   string `json:"dialect"`           // the API it was made in
	Account   string `json:"account,omitempty"` // whom that dialect calls its owner: a terminal, a sub-merchant
	WireID    string `json:"wire_id,omitempty"` // what that dialect calls it
	Token     string `json:"-"`                 // in the payer's URL only
	Slug      string `json:"slug,omitempty"`    // chosen by the merchant: the page is at /p/{slug} and shows no payer's data
	Reference string `json:"reference,omitempty"`
	UniqueRef string `json:"unique_ref,omitempty"` // unique per tenant and dialect
	RefPrint  string `json:"ref_print,omitempty"`  // fingerprint of the content UniqueRef was used with (I7)
	Version   int64  `json:"version"`              // 1 at creation; rises with each edit

	State       LinkState `json:"state"`
	Description string    `json:"description,omitempty"`
	Price       Price     `json:"price"`
	Use         Use       `json:"use"`
	StartsAt    time.Time `json:"starts_at,omitzero"`  // zero: at once
	ExpiresAt   time.Time `json:"expires_at,omitzero"` // exclusive; zero: never
	AcceptLate  bool      `json:"accept_late,omitempty"`

	Methods  Methods           `json:"methods,omitzero"`
	Payer    Payer             `json:"-"`
	Page     Page              `json:"page,omitzero"`
	Splits   []Split           `json:"splits,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Echo     string            `json:"echo,omitempty"` // JSON only the dialect reads

	Applied  int64 `json:"applied"`            // minor units that count
	Refunded int64 `json:"refunded,omitempty"` // minor units of Applied that were given back
	Disputed int64 `json:"disputed,omitempty"` // minor units that disputes took back, and were not won
	Settled  int64 `json:"settled,omitempty"`  // minor units of Applied that are the merchant's to use
	Released int64 `json:"released,omitempty"` // minor units a final partial capture gave up
	UseCount int64 `json:"use_count"`          // applied payments; parts do not count

	Declines      int64     `json:"declines,omitempty"` // payments that failed since DeclinesSince (A15)
	DeclinesSince time.Time `json:"declines_since,omitzero"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	FirstViewedAt time.Time `json:"-"`   // telemetry: no event, no state (DECISIONS 13)
	Seq           int64     `json:"seq"` // number of the last event; also the row's version
}

// Price is what is owed: one of a fixed Amount, an open one, where the payer
// names the amount between Min and Max (M7), and a Cart, which is added up.
type Price struct {
	Currency  Currency                `json:"currency"`
	Amount    int64                   `json:"amount,omitempty"`     // minor units
	Open      bool                    `json:"open,omitempty"`       // the payer names the amount
	Min       int64                   `json:"min,omitempty"`        // open: at least
	Max       int64                   `json:"max,omitempty"`        // open: at most
	Suggested int64                   `json:"suggested,omitempty"`  // open: filled in at first
	PerMethod map[MethodID]MethodCost `json:"per_method,omitempty"` // replaces Amount for a method
	Breakdown Breakdown               `json:"breakdown,omitzero"`
	Cart      Cart                    `json:"cart,omitzero"` // in place of Amount; Quote adds it up
}

// MethodCost is the price of one method, with a note for the payer.
type MethodCost struct {
	Amount int64  `json:"amount"`
	Note   string `json:"note,omitempty"`
}

// Breakdown explains a fixed total: shown, never added or deducted (DECISIONS 11).
type Breakdown struct {
	Items    []Item `json:"items,omitempty"`
	Promo    string `json:"promo,omitempty"` // the code that Discount is for
	Discount int64  `json:"discount,omitempty"`
	Shipping int64  `json:"shipping,omitempty"`
	Tax      int64  `json:"tax,omitempty"`
}

// Item is one line of a breakdown; Amount is the line's, in minor units.
type Item struct {
	Code     string `json:"code,omitempty"`
	Name     string `json:"name,omitempty"`
	Quantity int64  `json:"quantity,omitempty"`
	Amount   int64  `json:"amount"`
}

// Use is how often and in what pieces a link may be paid.
type Use struct {
	Max      int64 `json:"max,omitempty"`       // applied payments at most; 0: no cap
	Parts    bool  `json:"parts,omitempty"`     // several payments make up one total; excludes Max > 1
	MinFirst int64 `json:"min_first,omitempty"` // parts: the first is at least this
	MinPart  int64 `json:"min_part,omitempty"`  // parts: each is at least this, or the rest
	Manual   bool  `json:"manual,omitempty"`    // capture is a later call of the merchant
}

// Methods says which payment methods the page may offer. Empty Allowed: all.
type Methods struct {
	Allowed []MethodID `json:"allowed,omitempty"`
	Blocked []MethodID `json:"blocked,omitempty"`
}

// Payer is what is known of who pays; personal data throughout.
type Payer struct {
	Name      string      `json:"name,omitempty"`
	Email     string      `json:"email,omitempty"`
	Phone     string      `json:"phone,omitempty"` // E.164 where known
	Reference string      `json:"reference,omitempty"`
	TaxNumber string      `json:"tax_number,omitempty"`
	Billing   Address     `json:"billing,omitzero"`
	Shipping  Address     `json:"shipping,omitzero"`
	Account   BankAccount `json:"account,omitzero"` // must be the one paid from
	Echo      string      `json:"echo,omitempty"`   // JSON only the dialect reads
}

// Address is a postal address as the caller gave it.
type Address struct {
	Lines    []string `json:"lines,omitempty"`
	City     string   `json:"city,omitempty"`
	Region   string   `json:"region,omitempty"`
	Postcode string   `json:"postcode,omitempty"`
	Country  string   `json:"country,omitempty"`
}

// BankAccount is the account a payer is required to pay from.
type BankAccount struct {
	Number   string `json:"number,omitempty"`
	BankCode string `json:"bank_code,omitempty"`
	Bank     string `json:"bank,omitempty"`
}

// Page is what the payer's page says and where it leads.
type Page struct {
	DisplayName string `json:"display_name,omitempty"` // default: the merchant's name
	SuccessURL  string `json:"success_url,omitempty"`
	FailureURL  string `json:"failure_url,omitempty"`
	PendingURL  string `json:"pending_url,omitempty"`
	BackURL     string `json:"back_url,omitempty"`
	PayLabel    string `json:"pay_label,omitempty"`    // of the button; default: Pay
	LogoURL     string `json:"logo_url,omitempty"`     // kept; shown once images are fetched
	HideItems   bool   `json:"hide_items,omitempty"`   // leave the items of the breakdown out
	ShowAddress bool   `json:"show_address,omitempty"` // show where it is shipped to
	Consent     bool   `json:"consent,omitempty"`      // ask whether the payment details may be kept
	Captcha     bool   `json:"captcha,omitempty"`      // kept; checked once a check is configured
	Embed       bool   `json:"embed,omitempty"`        // may be framed by the merchant's origins (DECISIONS 23)
	AppReturns  bool   `json:"app_returns,omitempty"`  // return URLs may have an app's scheme, as the dialect documents
}

// Split is the share of another account; what no split names is the merchant's.
type Split struct {
	Account   string    `json:"account"`
	Reference string    `json:"reference,omitempty"`
	Amount    int64     `json:"amount"`            // minor units of the whole price
	Percent   int64     `json:"percent,omitempty"` // in place of Amount: hundredths of a percent of whatever is paid
	OnHold    bool      `json:"on_hold,omitempty"`
	Released  int64     `json:"released,omitempty"` // minor units let go of a hold
	Canceled  bool      `json:"canceled,omitempty"` // what was held goes to the merchant after all
	Held      int64     `json:"held,omitempty"`     // minor units that came in and are on hold, refunds taken off
	Given     int64     `json:"given,omitempty"`    // likewise: free for the account
	Kept      int64     `json:"kept,omitempty"`     // likewise: the merchant's after all
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	Transferred int64      `json:"transferred,omitempty"` // minor units that were paid to the account
	State       SplitState `json:"state,omitempty"`       // empty: planned; see Stands
}

// Total is what the link asks for in all, and whether it has a total: an open
// price, an adjustable cart or more than one use has none (DECISIONS 9).
func (l Link) Total() (minor int64, ok bool) {
	if !l.Use.Parts && l.Use.Max != 1 {
		return 0, false
	}
	return l.Price.Fixed()
}

// AmountDue is total − applied − released, or the price of one use where the
// link has no total. Zero where the payer's choice decides the price.
func (l Link) AmountDue() Money {
	due, _ := l.Price.Fixed()
	if _, ok := l.Total(); ok {
		due -= l.Applied + l.Released
		if l.UseCount > 0 && !l.Use.Parts {
			due = 0 // paid at another method's price
		}
	}
	return Money{max(due, 0), l.Price.Currency}
}

// PriceFor is the price of one use by method m; zero where the payer's choice
// decides it.
func (l Link) PriceFor(m MethodID) int64 {
	if cost, ok := l.Price.PerMethod[m]; ok {
		return cost.Amount
	}
	minor, _ := l.Price.Fixed()
	return minor
}

// Allows reports whether the link's own lists let m be offered.
func (l Link) Allows(m MethodID) bool {
	for _, blocked := range l.Methods.Blocked {
		if blocked == m {
			return false
		}
	}
	for _, allowed := range l.Methods.Allowed {
		if allowed == m {
			return true
		}
	}
	return len(l.Methods.Allowed) == 0
}

// At is the link as the clock has made it: scheduled links start and open ones
// expire at their time, whether or not a job has written it down yet.
func (l Link) At(now time.Time) LinkState {
	open := l.State == LinkScheduled || l.State == LinkActive || l.State == LinkPaused
	switch {
	case open && !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt):
		return LinkExpired
	case l.State == LinkScheduled && !now.Before(l.StartsAt):
		return LinkActive
	}
	return l.State
}

// DueAt is when the clock next changes the link's state; zero when it never does.
func (l Link) DueAt() time.Time {
	switch l.State {
	case LinkScheduled:
		if l.ExpiresAt.IsZero() || l.StartsAt.Before(l.ExpiresAt) {
			return l.StartsAt
		}
		return l.ExpiresAt
	case LinkActive, LinkPaused:
		return l.ExpiresAt
	}
	return time.Time{}
}

// MoneyStatus is what became of the money; derived, never set by hand.
type MoneyStatus string

// The money statuses.
const (
	Unpaid            MoneyStatus = "unpaid"
	PartiallyPaid     MoneyStatus = "partially_paid"
	Paid              MoneyStatus = "paid"
	PartiallyRefunded MoneyStatus = "partially_refunded"
	Refunded          MoneyStatus = "refunded"
	Disputed          MoneyStatus = "disputed" // a dispute is open, or was lost
	Settled           MoneyStatus = "settled"  // all that was paid is the merchant's to use
)

// MoneyStatus derives the status from the sums.
func (l Link) MoneyStatus() MoneyStatus {
	switch total, ok := l.Total(); {
	case l.Applied == 0:
		return Unpaid
	case l.Disputed > 0:
		return Disputed
	case l.Refunded >= l.Applied:
		return Refunded
	case l.Refunded > 0:
		return PartiallyRefunded
	case ok && l.Use.Parts && l.Applied+l.Released < total:
		return PartiallyPaid
	case l.Settled >= l.Applied:
		return Settled
	}
	return Paid
}
