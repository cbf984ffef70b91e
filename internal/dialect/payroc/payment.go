package payroc

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// paymentOut is a payment by card or by bank transfer (sheet 11); it has one
// of card and account.
type paymentOut struct {
	ID         string       `json:"paymentId"`
	Terminal   string       `json:"processingTerminalId"`
	Order      paymentOrder `json:"order"`
	Card       *cardOut     `json:"card,omitzero"`
	Account    *accountOut  `json:"bankAccount,omitzero"`
	Result     result       `json:"transactionResult"`
	Operations []string     `json:"supportedOperations,omitempty"`
	Refunds    []refundOut  `json:"refunds,omitempty"`
}

type paymentOrder struct {
	OrderID     string `json:"orderId,omitempty"`
	At          string `json:"dateTime"`
	Description string `json:"description,omitempty"`
	Amount      int64  `json:"amount"` // minor units
	Currency    string `json:"currency"`
}

// cardOut has no expiry: it is not kept. Clients need the member to be there.
type cardOut struct {
	Type   string `json:"type"`
	Number string `json:"cardNumber"` // masked
	Expiry string `json:"expiryDate"`
	Entry  string `json:"entryMethod"`
}

// accountOut has a type, and members that clients need to be there.
type accountOut struct {
	Type    string `json:"type"`
	Name    string `json:"nameOnAccount"`
	Number  string `json:"accountNumber"`
	Routing string `json:"routingNumber"`
}

type result struct {
	Type       string `json:"type"`
	Status     string `json:"status"`
	Code       string `json:"responseCode"`
	Message    string `json:"responseMessage"`
	Authorized int64  `json:"authorizedAmount"` // minor units
	Currency   string `json:"currency"`
}

// refundOut is money of a payment that goes back, or went. Clients need every
// member to be there.
type refundOut struct {
	ID       string `json:"refundId"`
	At       string `json:"dateTime"`
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"` // minor units
	Status   string `json:"status"`
	Code     string `json:"responseCode"`
	Message  string `json:"responseMessage"`
}

// said is what became of a payment or a refund, in the words of this wire. Code
// is A approved, D declined, E taken in and not decided yet; P would be a part.
type said struct{ status, code, message string }

// refundSaid words a refund.
var refundSaid = map[pay.RefundState]said{
	pay.RefundRequested: {payPending, "E", "Pending"}, pay.RefundSent: {payPending, "E", "Pending"}, pay.RefundUnknown: {payPending, "E", "Pending"},
	pay.RefundSucceeded: {payComplete, "A", "Approved"}, pay.RefundFailed: {payDeclined, "D", "Declined"},
}

// newRefundsOut are the refunds of an attempt, oldest first. What goes back
// because it was too much shows in the payment's own status.
func newRefundsOut(p pay.Payment, a *pay.Attempt) (out []refundOut) {
	for _, r := range p.Refunds {
		if r.Attempt != a.ID || r.Surplus {
			continue
		}
		now := refundSaid[r.State]
		out = append(out, refundOut{string(r.ID), r.CreatedAt.UTC().Format(time.RFC3339), string(a.Currency), r.Amount, now.status, now.code, now.message})
	}
	return out
}

// The statuses of a payment that ours can be in; clients may ask for others.
const (
	payReady    = "ready" // approved, and not settled yet
	payPending  = "pending"
	payDeclined = "declined"
	payComplete = "complete"
	payReversal = "reversal"
	payExpired  = "expired"
)

var (
	cardStatuses = []string{payReady, payPending, payDeclined, payComplete, "referral", "pickup", payReversal, "admin", payExpired, "accepted"}
	bankStatuses = []string{payReady, payPending, payDeclined, payComplete, "admin", payReversal, "returned"}
)

// resultOf words an attempt. States that are not listed were never sent to
// anyone who could answer: the wire has no payment for them.
var resultOf = map[pay.AttemptState]said{
	pay.AttemptProcessing:  {payPending, "E", "Pending"},
	pay.AttemptUnknown:     {payPending, "E", "Pending"},
	pay.AttemptReview:      {payPending, "E", "Pending"},
	pay.AttemptAuthorized:  {payReady, "A", "Approved"},
	pay.AttemptCaptured:    {payReady, "A", "Approved"},
	pay.AttemptFailed:      {payDeclined, "D", "Declined"},
	pay.AttemptVoided:      {payReversal, "A", "Approved"},
	pay.AttemptAuthExpired: {payExpired, "A", "Approved"},
}

// telling is the attempt that says what became of a payment: the one with
// money, else the newest that was sent; nil when none was.
func telling(p pay.Payment) (a *pay.Attempt) {
	for i := range p.Attempts {
		one := &p.Attempts[i]
		if _, sent := resultOf[one.State]; sent && (a == nil || a.Captured == 0) {
			a = one
		}
	}
	return a
}

// newPaymentOut words a payment of a link by an attempt of it.
func newPaymentOut(l pay.Link, p pay.Payment, a *pay.Attempt) paymentOut {
	now := resultOf[a.State]
	out := paymentOut{
		ID: string(p.ID), Terminal: l.Account,
		Order:   paymentOrder{keptIn(l).OrderID, p.CreatedAt.UTC().Format(time.RFC3339), l.Description, a.Requested, string(a.Currency)},
		Refunds: newRefundsOut(p, a),
		Result:  result{resultType(a), now.status, now.code, now.message, max(a.Authorized, a.Captured), string(a.Currency)},
	}
	switch {
	case a.State == pay.AttemptFailed && a.Failure != nil && a.Failure.Code == pay.FailProcessor:
		out.Result.Message = "Error"
	case p.State == pay.PaymentSurplus && (a.State == pay.AttemptCaptured || a.State == pay.AttemptAuthorized):
		out.Result.Status = payReversal // it goes back
	case a.State == pay.AttemptCaptured && !p.SettledAt.IsZero():
		out.Result.Status = payComplete
	}
	if a.State == pay.AttemptCaptured {
		out.Result.Authorized = a.Captured // of a completion, what was taken
	}
	if a.Method == pay.MethodBankTransfer {
		out.Account = &accountOut{Type: "ach"}
		return out
	}
	brand, _, _ := strings.Cut(a.Instrument, " ")
	out.Card = &cardOut{Type: strings.ToUpper(brand), Number: strings.Repeat("*", 12) + lastFour(a.Instrument), Entry: "keyed"}
	if a.State == pay.AttemptAuthorized && a.Manual && p.State != pay.PaymentSurplus {
		out.Operations = []string{"capture"}
	}
	return out
}

func lastFour(instrument string) string {
	last := instrument[strings.LastIndexByte(instrument, ' ')+1:]
	if len(last) != 4 || strings.Trim(last, "0123456789") != "" {
		return ""
	}
	return last
}

func resultType(a *pay.Attempt) string {
	switch {
	case a.Method == pay.MethodBankTransfer:
		return "payment"
	case a.Manual && a.State == pay.AttemptCaptured:
		return "preAuthorizationCompletion"
	case a.Manual:
		return authHold
	}
	return authSale
}

// paymentFilter is what a list of payments asks for; empty members do not filter.
type paymentFilter struct {
	bank              bool
	terminal, orderID string
	link, last4       string
	types, statuses   []string
	settlement        string // "settled", "unsettled"
	settledOn         string
	from, to          time.Time // of creation; to is inclusive
	never             bool      // asks for what our payments do not have
	zone              *time.Location
}

func (q query) paymentFilter(bank bool) (f paymentFilter) {
	f = paymentFilter{
		bank: bank, terminal: q.text("processingTerminalId", 1, maxTerminal), orderID: q.text("orderId", 1, maxOrderID),
		link: q.text("paymentLinkId", 1, maxReference), last4: q.text("last4", 4, 4),
		settlement: q.one("settlementState", "settled", "unsettled"), settledOn: q.date("settlementDate"),
	}
	f.from, f.to = q.moment("dateFrom", false), q.moment("dateTo", true)
	if bank {
		if f.terminal == "" && !q.of.Has("processingTerminalId") {
			q.bad.Add("processingTerminalId", codeRequired, "must not be empty")
		}
		f.types = q.some("type", "payment", "accountVerification")
		f.statuses = q.some("status", bankStatuses...)
		f.never = q.of.Has("nameOnAccount")
		return f
	}
	f.types = q.some("type", authSale, authHold, "preAuthorizationCompletion")
	f.statuses = q.some("status", cardStatuses...)
	tips := q.of["tipMode"]
	f.never = q.of.Has("operator") || q.of.Has("cardholderName") || q.of.Has("first6") || q.one("tender", "ebt", "creditDebit") == "ebt" ||
		len(tips) > 0 && !slices.Contains(tips, "noTip")
	return f
}

// moment is a time in RFC 3339, or a day in UTC: its beginning, or its end.
func (q query) moment(name string, end bool) time.Time {
	s := q.of.Get(name)
	if !q.of.Has(name) {
		return time.Time{}
	}
	if validDate(s) && end {
		return endOf(s, time.UTC).Add(-time.Microsecond)
	}
	if validDate(s) {
		return startOf(s, time.UTC)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || len(s) > 40 {
		q.bad.Add(name, codeFormat, "must be a date and time in the form of RFC 3339")
	}
	return t
}

func (f paymentFilter) fits(l pay.Link, p pay.Payment, out paymentOut, bank bool) bool {
	ask := func(want, have string) bool { return want == "" || want == have }
	number := ""
	if out.Card != nil {
		number = out.Card.Number
	}
	switch {
	case f.never, f.bank != bank, !ask(f.terminal, l.Account), !ask(f.orderID, out.Order.OrderID), !ask(f.link, l.WireID),
		!strings.HasSuffix(number, f.last4),
		len(f.types) > 0 && !slices.Contains(f.types, out.Result.Type),
		len(f.statuses) > 0 && !slices.Contains(f.statuses, out.Result.Status),
		f.settlement != "" && (f.settlement == "settled") == p.SettledAt.IsZero(),
		f.settledOn != "" && (p.SettledAt.IsZero() || f.settledOn != dateOf(p.SettledAt, f.zone)),
		!f.from.IsZero() && p.CreatedAt.Before(f.from), !f.to.IsZero() && p.CreatedAt.After(f.to):
		return false
	}
	return true
}

func (d *payroc) cardPayments(w http.ResponseWriter, r *http.Request) error {
	return d.payments(w, r, false)
}

func (d *payroc) bankPayments(w http.ResponseWriter, r *http.Request) error {
	return d.payments(w, r, true)
}

// payments lists what the token's terminals were paid, newest first.
func (d *payroc) payments(w http.ResponseWriter, r *http.Request, bank bool) error {
	grants, err := d.grants(r)
	if err != nil {
		return err
	}
	if !accepts(r) {
		return errAccept
	}
	var bad pay.Faults
	q := query{r.URL.Query(), &bad}
	f, s := q.paymentFilter(bank), sieve{window: q.window()}
	if err := bad.Err(); err != nil {
		return err
	}
	if f.terminal != "" {
		if grants = ofTerminal(grants, f.terminal); len(grants) == 0 {
			return errTerminal
		}
	}
	if err := d.siftPayments(r, grants, f, &s); err != nil {
		return err
	}
	if err := s.err(); err != nil {
		return err
	}
	return d.show(w, r, s.window, s.page)
}

// siftPayments tells the sieve of every payment of the grants, merchant by
// merchant, until it is content.
func (d *payroc) siftPayments(r *http.Request, grants []core.Grant, f paymentFilter, s *sieve) error {
	var done []pay.Tenant
	for _, g := range grants {
		if slices.Contains(done, g.Tenant) {
			continue
		}
		done = append(done, g.Tenant)
		c, err := d.callOf(r.Context(), caller(g, r))
		if err != nil {
			return err
		}
		f.zone = c.zone
		more, err := d.siftTenant(r, c, grants, f, s)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (d *payroc) siftTenant(r *http.Request, c call, grants []core.Grant, f paymentFilter, s *sieve) (more bool, err error) {
	links := map[pay.LinkID]pay.Link{}
	filter := core.PaymentFilter{Limit: 100}
	if f.link != "" {
		v, err := d.core.LinkByWireID(r.Context(), c.who, f.link)
		if errors.Is(err, pay.ErrNotFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		filter.Link = v.Link.ID
	}
	for {
		list, next, err := d.core.Payments(r.Context(), c.who, filter)
		if err != nil {
			return false, err
		}
		for _, p := range list {
			l, err := d.linkOf(r, c, grants, p, links)
			if err != nil {
				return false, err
			}
			a := telling(p)
			if l.ID == "" || a == nil {
				continue
			}
			out := newPaymentOut(l, p, a)
			if !s.take(string(p.ID), f.fits(l, p, out, a.Method == pay.MethodBankTransfer), func() any { return out }) {
				return false, nil
			}
		}
		if next == "" {
			return true, nil
		}
		filter.After = next
	}
}

// linkOf is the link of a payment, as long as it belongs to one of the grants;
// else one without an id.
func (d *payroc) linkOf(r *http.Request, c call, grants []core.Grant, p pay.Payment, known map[pay.LinkID]pay.Link) (pay.Link, error) {
	if l, ok := known[p.Link]; ok {
		return l, nil
	}
	v, err := d.core.Link(r.Context(), c.who, p.Link)
	if err != nil && !errors.Is(err, pay.ErrNotFound) {
		return pay.Link{}, err
	}
	ours := slices.ContainsFunc(grants, func(g core.Grant) bool { return g.Tenant == c.who.Tenant && g.External == v.Link.Account })
	if err != nil || !ours {
		v.Link = pay.Link{}
	}
	known[p.Link] = v.Link
	return v.Link, nil
}

// capture takes money that a pre-authorization holds.
func (d *payroc) capture(w http.ResponseWriter, r *http.Request) error {
	grants, err := d.grants(r)
	if err != nil {
		return err
	}
	who, link, err := d.findPayment(r, grants)
	if err != nil {
		return err
	}
	if !accepts(r) {
		return errAccept
	}
	key, print, body, err := keyed(r, "application/json")
	if err != nil {
		return err
	}
	amount, err := readCapture(body, link.Account)
	if err != nil {
		return err
	}
	p, err := d.core.Capture(r.Context(), who, core.CapturePayment{
		Key: key, Fingerprint: print, Payment: pay.PaymentID(r.PathValue("id")), Amount: amount,
	})
	if err != nil {
		return err
	}
	a := telling(p)
	if a == nil {
		return pay.ErrNotFound
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(link, p, a))
}

// findPayment is the payment that the path names, among those of the grants.
func (d *payroc) findPayment(r *http.Request, grants []core.Grant) (pay.Caller, pay.Link, error) {
	for _, g := range grants {
		who := caller(g, r)
		p, err := d.core.Payment(r.Context(), who, pay.PaymentID(r.PathValue("id")))
		if errors.Is(err, pay.ErrNotFound) {
			continue
		}
		if err != nil {
			return who, pay.Link{}, err
		}
		v, err := d.core.Link(r.Context(), who, p.Link)
		if err != nil {
			return who, v.Link, err
		}
		if v.Link.Account == g.External && telling(p) != nil {
			return who, v.Link, nil
		}
	}
	return pay.Caller{}, pay.Link{}, pay.ErrNotFound
}

// readCapture is the amount to take; 0 is all of it. An empty body is none.
func readCapture(body []byte, terminal string) (int64, error) {
	if len(body) == 0 {
		return 0, nil
	}
	tree, err := readTree(body)
	if err != nil {
		return 0, err
	}
	of, ok := tree.(map[string]any)
	if !ok {
		return 0, invalid("body", codeFormat, "must be a JSON object")
	}
	var bad pay.Faults
	o := object{of: of, bad: &bad}
	named := o.text("processingTerminalId", false, 0, maxTerminal, false)
	o.text("operator", false, 0, 50, false)
	amount := o.amount("amount", false)
	if named != "" && named != terminal {
		o.fault("processingTerminalId", codeValue, "must be the terminal of the payment")
	}
	return amount, bad.Err()
}
