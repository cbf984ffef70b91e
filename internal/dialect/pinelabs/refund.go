package pinelabs

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// refundIn is the body of POST /api/pay/v1/refunds/{order_id} (sheet 10.2).
type refundIn struct {
	Reference string     `json:"merchant_order_reference"` // the idempotency key
	Amount    *amount    `json:"order_amount"`
	Other     *amount    `json:"refund_amount"` // as a plugin calls it
	Metadata  pairs      `json:"merchant_metadata"`
	Splits    *splitInfo `json:"split_info"`
	Products  []product  `json:"products"`
}

// refundEcho is the part of a refund that only comes back: Refund.Echo holds it.
type refundEcho struct {
	Metadata map[string]string `json:"merchant_metadata,omitempty"`
	Splits   *splitInfo        `json:"split_info,omitzero"`
	Products []product         `json:"products,omitempty"`
}

// wish checks the request against sheet 10.2. Errors: Invalid, card_data_not_accepted.
func (in refundIn) wish(c pay.Currency) (pay.RefundWish, error) {
	var bad pay.Faults
	if !wireName.MatchString(in.Reference) {
		bad.Add("merchant_order_reference", "invalid", "must be 1 to 50 letters, digits, hyphens or underscores")
	}
	path, a := "order_amount", in.Amount
	if a == nil && in.Other != nil {
		path, a = "refund_amount", in.Other
	}
	if a == nil {
		bad.Add(path, "required", "is required")
	}
	checkAmount(&bad, path, a, c)
	if a.minor() < minAmount {
		bad.Add(path+".value", "too_small", "must be at least 100")
	}
	back := refundEcho{Metadata: in.Metadata.check(&bad), Splits: in.Splits, Products: in.Products}
	for _, p := range in.Products {
		p.check(&bad, "products", c)
	}
	if in.Splits != nil {
		for _, s := range in.Splits.Details {
			checkAmount(&bad, "split_info.split_details.amount", s.Amount, c)
		}
	}
	if err := bad.Err(); err != nil {
		return pay.RefundWish{}, err
	}
	for key, value := range back.Metadata {
		if pay.HasCardNumber(value) {
			return pay.RefundWish{}, pay.ErrCard("metadata." + key)
		}
	}
	kept, err := json.Marshal(back)
	return pay.RefundWish{Amount: a.minor(), Reason: "asked for by the merchant", Reference: in.Reference, Echo: string(kept)}, err
}

// refund gives money of an order back, over all its payments. A reference that
// was used before gives the refund it made.
func (d *pinelabs) refund(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	var in refundIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	wish, err := in.wish(view.Link.Price.Currency)
	if err != nil {
		return err
	}
	view, made, err := d.core.RefundLink(r.Context(), who, core.RefundLink{Link: view.Link.ID, Wish: wish, Allow: func(now core.LinkView) error {
		if settled(now.Link) {
			return nil
		}
		return pay.ErrState("an order that is %s cannot be refunded", orderStatus(now.Link, now.Payments))
	}})
	if err != nil {
		return beyond(err, "order_amount.value must be at most what is left of the order")
	}
	status := http.StatusOK
	if made {
		status = http.StatusCreated
	}
	for _, g := range refundsOf(view.Payments) {
		if g.reference != wish.Reference {
			continue
		}
		if g.amount() != wish.Amount {
			return errDuplicateRefund
		}
		m, err := d.core.Merchant(r.Context(), who.Tenant)
		if err != nil {
			return err
		}
		return web.JSON(w, status, wrapped{newRefundOut(view.Link, view.Payments, g, m)})
	}
	return pay.ErrNotFound
}

// beyond words a refusal of core that an amount is too large as sheet 10.2: 422.
func beyond(err error, detail string) error {
	var e *pay.Error
	if errors.As(err, &e) && e.Kind == pay.Invalid && len(e.Fields) > 0 && e.Fields[0].Code == codeLarge {
		return overLimit(detail)
	}
	return err
}

// refundGroup is one refund order: what one reference gave back, of one payment
// or, where a price came in parts, of several.
type refundGroup struct {
	reference string
	refunds   []pay.Refund
}

// refundsOf are the refund orders of a link, in the order they were asked for.
// What goes back by itself, because it was too much, is no refund of the order.
func refundsOf(payments []pay.Payment) (groups []refundGroup) {
	for _, p := range payments {
		for _, r := range p.Refunds {
			if r.Reason == "surplus" {
				continue
			}
			reference := r.Reference
			if reference == "" {
				reference = string(r.ID)
			}
			at := slices.IndexFunc(groups, func(g refundGroup) bool { return g.reference == reference })
			if at < 0 {
				at = len(groups)
				groups = append(groups, refundGroup{reference: reference})
			}
			groups[at].refunds = append(groups[at].refunds, r)
		}
	}
	slices.SortStableFunc(groups, func(a, b refundGroup) int { return a.refunds[0].CreatedAt.Compare(b.refunds[0].CreatedAt) })
	return groups
}

func (g refundGroup) has(id pay.RefundID) bool {
	return slices.ContainsFunc(g.refunds, func(r pay.Refund) bool { return r.ID == id })
}

func (g refundGroup) amount() (minor int64) {
	for _, r := range g.refunds {
		minor += r.Amount
	}
	return minor
}

// status is PROCESSED when all came back, and FAILED when all is decided and
// some did not; each payment of the refund order then says its own.
func (g refundGroup) status() string {
	waiting, failed, begun := false, false, false
	for _, r := range g.refunds {
		waiting = waiting || r.State != pay.RefundSucceeded && r.State != pay.RefundFailed
		failed = failed || r.State == pay.RefundFailed
		begun = begun || r.State != pay.RefundRequested
	}
	switch {
	case !begun:
		return orderCreated
	case waiting:
		return orderPending
	case failed:
		return orderFailed
	}
	return orderProcessed
}

// refundMark stands between the id of an order and what names its refund.
const refundMark = "-rf-"

func (g refundGroup) id(l pay.Link) string {
	return orderID(l) + refundMark + sixOf(string(l.ID)+":"+g.reference)
}

func newRefundOut(l pay.Link, payments []pay.Payment, g refundGroup, m pay.Merchant) orderOut {
	e, p := kept(l)
	var back refundEcho
	_ = json.Unmarshal([]byte(g.refunds[0].Echo), &back) // only wish writes it; native refunds have none
	first := g.refunds[0]
	out := orderOut{
		ID: g.id(l), ParentID: orderID(l), Reference: g.reference, Type: "REFUND", Status: g.status(),
		LinkID: l.WireID, LinkReference: l.UniqueRef, MerchantID: merchantID(m), Amount: amountOf(g.amount(), l.Price.Currency),
		PreAuth: l.Use.Manual, PartPayment: l.Use.Parts, MCC: e.MCC, Methods: e.Methods, Notes: l.Description,
		Purchase: purchase{Customer: p.Customer, Metadata: back.Metadata, Splits: back.Splits},
		Payments: []paymentOut{}, Refunds: []orderOut{}, Metadata: back.Metadata, Products: back.Products,
		CreatedAt: wireTime(first.CreatedAt), Integration: "REDIRECT",
	}
	latest := first.UpdatedAt
	for i, r := range g.refunds {
		if r.UpdatedAt.After(latest) {
			latest = r.UpdatedAt
		}
		out.Payments = append(out.Payments, newRefundPayment(out.ID, i, r, payments))
	}
	out.UpdatedAt = wireTime(latest)
	return out
}

// newRefundPayment is one of our refunds as a payment of the refund order.
func newRefundPayment(order string, nth int, r pay.Refund, payments []pay.Payment) paymentOut {
	out := paymentOut{
		Reference: string(r.ID), Status: map[pay.RefundState]string{pay.RefundSucceeded: orderProcessed, pay.RefundFailed: orderFailed}[r.State],
		CreatedAt: wireTime(r.CreatedAt), UpdatedAt: wireTime(r.UpdatedAt),
	}
	if out.Status == "" {
		out.Status = orderPending
	}
	for _, p := range payments {
		for _, a := range p.Attempts {
			if a.ID != r.Attempt {
				continue
			}
			out.ID = order + "-" + methodLetter(a.Method) + "-" + letters(nth)
			out.Amount, out.Method, out.Option = amountOf(r.Amount, a.Currency), wireMethod(a.Method), optionOf(a)
			if a.ProcessorRef != "" {
				out.Acquirer = &acquirer{a.ProcessorRef, true}
			}
		}
	}
	return out
}
