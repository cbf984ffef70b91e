package api

import (
	"time"

	"paylink/internal/pay"
)

// linkOut is a payment link on the wire. Every member is always there, except
// payments: those are on single reads and in events.
type linkOut struct {
	ID           pay.LinkID                      `json:"id"`
	Object       string                          `json:"object"`
	Mode         pay.Mode                        `json:"mode"`
	State        pay.LinkState                   `json:"state"`
	MoneyStatus  pay.MoneyStatus                 `json:"money_status"`
	Amount       *int64                          `json:"amount"`
	Currency     pay.Currency                    `json:"currency"`
	OpenAmount   *openOut                        `json:"open_amount"`
	Cart         *cartOut                        `json:"cart"`
	AmountDue    *int64                          `json:"amount_due"`
	AmountPaid   int64                           `json:"amount_paid"`
	Description  string                          `json:"description"`
	Reference    string                          `json:"reference"`
	UniqueRef    *string                         `json:"unique_reference"`
	Slug         *string                         `json:"slug"`
	StartsAt     *time.Time                      `json:"starts_at"`
	ExpiresAt    *time.Time                      `json:"expires_at"`
	MaxUses      *int64                          `json:"max_uses"`
	UseCount     int64                           `json:"use_count"`
	PartPayments *partsOut                       `json:"part_payments"`
	Capture      string                          `json:"capture"`
	Methods      methodsOut                      `json:"methods"`
	MethodPrices map[pay.MethodID]methodPriceOut `json:"method_prices"`
	Items        []itemOut                       `json:"items"`
	Discount     int64                           `json:"discount"`
	Shipping     int64                           `json:"shipping"`
	Tax          int64                           `json:"tax"`
	Splits       []splitOut                      `json:"splits"`
	Payer        payerOut                        `json:"payer"`
	Page         pageOut                         `json:"page"`
	Metadata     map[string]string               `json:"metadata"`
	URL          string                          `json:"url"`
	QRSVGURL     string                          `json:"qr_svg_url"`
	QRPNGURL     string                          `json:"qr_png_url"`
	Version      int64                           `json:"version"`
	CreatedAt    time.Time                       `json:"created_at"`
	UpdatedAt    time.Time                       `json:"updated_at"`
	Payments     []paymentOut                    `json:"payments,omitzero"`
}

// The wire's structs in and out are alike; answers carry empty members too.
type (
	openOut struct {
		Minimum   int64  `json:"minimum"`
		Maximum   *int64 `json:"maximum"`
		Suggested *int64 `json:"suggested"`
	}
	partsOut       partsIn
	methodsOut     methodsIn
	methodPriceOut methodPriceIn
	itemOut        itemIn
	splitOut       struct {
		splitIn
		State       pay.SplitState `json:"state"`
		Held        int64          `json:"held"`
		Free        int64          `json:"free"`
		Transferred int64          `json:"transferred"`
	}
	pageOut  pageIn
	payerOut payerIn
)

func newPageOut(p pay.Page) pageOut {
	return pageOut{p.DisplayName, p.SuccessURL, p.FailureURL, p.PendingURL, p.BackURL}
}

// newLinkOut words a link. url is its page.
func newLinkOut(l pay.Link, url string) linkOut {
	out := linkOut{
		ID: l.ID, Object: "payment_link", Mode: l.Mode, State: l.State, MoneyStatus: l.MoneyStatus(),
		Currency: l.Price.Currency, AmountPaid: l.Applied,
		Description: l.Description, Reference: l.Reference, UniqueRef: optional(l.UniqueRef), Slug: optional(l.Slug),
		StartsAt: optional(l.StartsAt), ExpiresAt: optional(l.ExpiresAt),
		MaxUses: optional(l.Use.Max), UseCount: l.UseCount, Capture: captureWord(l.Use.Manual),
		Methods:  methodsOut(l.Methods),
		Discount: l.Price.Breakdown.Discount, Shipping: l.Price.Breakdown.Shipping, Tax: l.Price.Breakdown.Tax,
		Payer: newPayerOut(l.Payer), Page: newPageOut(l.Page), Metadata: l.Metadata,
		URL: url, QRSVGURL: url + "/qr.svg", QRPNGURL: url + "/qr.png",
		Version: l.Version, CreatedAt: l.CreatedAt.UTC(), UpdatedAt: l.UpdatedAt.UTC(),
		MethodPrices: map[pay.MethodID]methodPriceOut{},
	}
	if p := l.Price; p.Open {
		out.OpenAmount = &openOut{p.Min, optional(p.Max), optional(p.Suggested)}
	}
	out.Cart = newCartOut(l.Price.Cart)
	if minor, fixed := l.Price.Fixed(); fixed {
		due := l.AmountDue().Minor
		out.Amount, out.AmountDue = &minor, &due
	}
	if l.Use.Parts {
		out.PartPayments = &partsOut{l.Use.MinFirst, l.Use.MinPart}
	}
	for id, cost := range l.Price.PerMethod {
		out.MethodPrices[id] = methodPriceOut(cost)
	}
	for _, item := range l.Price.Breakdown.Items {
		out.Items = append(out.Items, itemOut(item))
	}
	for _, split := range l.Splits {
		out.Splits = append(out.Splits, splitOut{
			splitIn{split.Account, split.Reference, split.Amount, split.Percent, split.OnHold},
			split.At(), split.Held, split.Free(), split.Transferred,
		})
	}
	return out
}

func newPayerOut(p pay.Payer) payerOut {
	return payerOut{
		Name: p.Name, Email: p.Email, Phone: p.Phone, Reference: p.Reference, TaxNumber: p.TaxNumber,
		Billing: addressIn(p.Billing), Shipping: addressIn(p.Shipping), Account: accountIn(p.Account),
	}
}

// withPayments is a link with its payments, for single reads and events.
func withPayments(out linkOut, payments []pay.Payment) linkOut {
	out.Payments = newPaymentsOut(payments)
	return out
}

func captureWord(manual bool) string {
	if manual {
		return "manual"
	}
	return "automatic"
}

// optional is null for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
