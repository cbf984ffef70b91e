package xfers

import (
	"slices"

	"paylink/internal/pay"
)

// linkOut is a payment link. No member is ever null or left out: clients fail
// on either (sheet 6).
type linkOut struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Attributes linkAttributes `json:"attributes"`
}

const typeLink = "payment_links"

type linkAttributes struct {
	Status      string     `json:"status"`
	Amount      string     `json:"amount"`
	Reference   string     `json:"referenceId"`
	CreatedAt   string     `json:"createdAt"`
	Description string     `json:"description"`
	ExpiredAt   string     `json:"expiredAt"`
	URL         string     `json:"paymentLinkUrl"`
	Name        string     `json:"customerName"`
	Email       string     `json:"customerEmail"`
	Phone       string     `json:"customerPhoneNumber"`
	Options     optionsOut `json:"paymentMethodOptions"`
	DisplayName string     `json:"displayName"` // again: the documents have it nested, the clients read it here
}

type optionsOut struct {
	DisplayName string `json:"displayName"`
}

func (d *xfers) newLinkOut(base string, l pay.Link, payments []pay.Payment) linkOut {
	return linkOut{l.WireID, typeLink, linkAttributes{
		Status: linkStatus(l, payments), Amount: wireAmount(l.Price.Amount), Reference: l.UniqueRef,
		CreatedAt: wireTime(l.CreatedAt), Description: l.Description, ExpiredAt: wireTime(l.ExpiresAt), URL: d.PayURL(base, l),
		Name: l.Payer.Name, Email: l.Payer.Email, Phone: l.Payer.Phone,
		Options: optionsOut{l.Page.DisplayName}, DisplayName: l.Page.DisplayName,
	}}
}

// The statuses of a link (sheet 7).
const (
	statusDraft     = "draft" // of the provider's dashboard only
	statusPending   = "pending"
	statusPaid      = "paid"
	statusCompleted = "completed"
	statusExpired   = "expired"
	statusCancelled = "cancelled"
	statusFailed    = "failed"
)

// statuses is a link's status as data: the first that fits counts. A final one
// waits until no attempt under way can change it any more.
var statuses = []struct {
	status string
	when   func(l pay.Link, payments []pay.Payment) bool
}{
	{statusCompleted, func(l pay.Link, _ []pay.Payment) bool { return l.Applied > 0 && l.Settled >= l.Applied }},
	{statusPaid, func(l pay.Link, _ []pay.Payment) bool { return l.Applied > 0 }},
	{statusCancelled, func(l pay.Link, _ []pay.Payment) bool { return l.State == pay.LinkCanceled }},
	{statusPending, func(l pay.Link, _ []pay.Payment) bool { return l.State != pay.LinkExpired }},
	{statusPending, func(_ pay.Link, payments []pay.Payment) bool { return slices.ContainsFunc(payments, pay.Payment.Live) }},
	{statusFailed, func(_ pay.Link, payments []pay.Payment) bool { return declined(payments) }},
	{statusExpired, func(pay.Link, []pay.Payment) bool { return true }},
}

// linkStatus is a pure function of the link, its money and its payments.
func linkStatus(l pay.Link, payments []pay.Payment) string {
	for _, s := range statuses {
		if s.when(l, payments) {
			return s.status
		}
	}
	return statusExpired
}

// declined reports that the last payment was refused, and not given up by the
// payer: on a link that cannot be paid any more, for good.
func declined(payments []pay.Payment) bool {
	if len(payments) == 0 || payments[len(payments)-1].State != pay.PaymentFailed {
		return false
	}
	last := payments[len(payments)-1].Last()
	return last != nil && !(last.Failure != nil && (last.Failure.Code == pay.FailCanceled || last.Failure.Code == pay.FailTimeout))
}
