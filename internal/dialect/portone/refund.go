package portone

import (
	"encoding/json"
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// refundIn is the body of POST /api/refund/{order_ref}.
type refundIn struct {
	Amount      number `json:"amount"` // ignored for a full refund
	Channel     string `json:"channel"`
	Description string `json:"description"`
	Environment string `json:"environment"`
	Type        string `json:"refund_type"`
	Reason      string `json:"refund_reason"`
}

const (
	refundFull    = "full"
	refundPartial = "partial"
	maxReason     = 500 // characters; ours
)

type refundOut struct {
	Left    number         `json:"amountToRefund"`
	Details []refundDetail `json:"refundDetails"`
}

type refundDetail struct {
	Date       string `json:"refund_date"`
	ID         string `json:"refund_id"`
	ChannelID  string `json:"psp_refund_id"`
	Amount     number `json:"amount"`
	Currency   string `json:"currency"`
	Status     string `json:"refund_status"`
	Type       string `json:"refund_type"`
	Reason     string `json:"refund_reason"`
	MerchantID string `json:"merchant_id"`
}

// refundStates are those of ours in the words of this wire.
var refundStates = map[pay.RefundState]string{
	pay.RefundRequested: "PENDING", pay.RefundSent: "PENDING", pay.RefundUnknown: "PENDING", pay.RefundSucceeded: "SUCCESS", pay.RefundFailed: "FAILED",
}

// refundSum is what became of an attempt's money since.
type refundSum struct {
	left   int64  // minor units that can still be given back
	status string // of the newest refund; empty: there is none
	done   bool   // nothing is left, and nothing is on its way
}

func refundsOf(a attempt) (s refundSum) {
	if a.State != pay.AttemptCaptured {
		return s
	}
	if a.payment.State == pay.PaymentApplied {
		s.left = max(a.Captured-a.Refunding-a.Refunded-a.Disputed, 0)
	}
	for _, r := range a.payment.Refunds {
		if r.Attempt == a.ID {
			s.status = refundStates[r.State]
		}
	}
	s.done = a.Captured > 0 && a.Refunded == a.Captured
	return s
}

// refundEcho is what only comes back with a refund.
type refundEcho struct {
	Type        string `json:"refund_type"`
	Description string `json:"description"`
}

// refundType is as asked for, else whether all of it went back.
func refundType(r pay.Refund, a pay.Attempt) string {
	var echo refundEcho
	if json.Unmarshal([]byte(r.Echo), &echo) == nil && echo.Type != "" {
		return echo.Type
	}
	if r.Amount == a.Captured {
		return refundFull
	}
	return refundPartial
}

// refund gives money of an attempt back.
func (d *portone) refund(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	var in refundIn
	if err := decode(r, &in); err != nil {
		return err
	}
	v, g, a, err := d.findAttempt(r, c, r.PathValue("ref"))
	if err != nil {
		return err
	}
	wish, err := in.wish(v.Link, a)
	if err != nil {
		return err
	}
	p, _, err := d.core.Refund(r.Context(), seesAll(g, r), core.RefundPayment{Wish: wish})
	switch pay.KindOf(err) {
	case pay.Conflict:
		return errNoRefund
	case pay.Invalid: // another refund or a dispute was first
		return errTooMuch
	}
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newRefundOut(v.Link, attempt{p.Attempts[a.index], p, a.index}))
}

// wish checks a refund and says it in our words.
func (in refundIn) wish(l pay.Link, a attempt) (w pay.RefundWish, err error) {
	if in.Environment != "" && in.Environment != environment(l.Mode) {
		return w, refuse("INVALID_ENVIRONMENT", "environment is not that of the transaction")
	}
	if in.Type == "" {
		if in.Type = refundFull; in.Amount != "" {
			in.Type = refundPartial
		}
	}
	if len([]rune(in.Reason)) > maxReason || len([]rune(in.Description)) > maxReason {
		return w, invalid("refund_reason", "and description must be at most 500 characters")
	}
	if pay.HasCardNumber(in.Reason) || pay.HasCardNumber(in.Description) {
		return w, invalid("refund_reason", "must not hold a card number")
	}
	if refundsOf(a).left == 0 {
		return w, errNoRefund
	}
	w = pay.RefundWish{Payment: a.payment.ID, Reason: in.Reason}
	switch in.Type {
	case refundFull:
	case refundPartial:
		if !in.Amount.positive() {
			return w, refuse("INVALID_AMOUNT", "amount must be greater than zero")
		}
		if w.Amount, err = amountOf("amount", in.Amount, a.Currency); err != nil {
			return w, err
		}
		if w.Amount > refundsOf(a).left {
			return w, errTooMuch
		}
	default:
		return w, invalid("refund_type", "must be full or partial")
	}
	echo, err := json.Marshal(refundEcho{in.Type, in.Description})
	w.Echo = string(echo)
	return w, err
}

func newRefundOut(l pay.Link, a attempt) refundOut {
	out := refundOut{Left: major(refundsOf(a).left, a.Currency), Details: []refundDetail{}}
	for _, r := range a.payment.Refunds {
		if r.Attempt == a.ID {
			out.Details = append(out.Details, refundDetail{
				Date: wireTime(r.CreatedAt), ID: string(r.ID), Amount: major(r.Amount, a.Currency), Currency: string(a.Currency),
				Status: refundStates[r.State], Type: refundType(r, a.Attempt), Reason: r.Reason, MerchantID: kept(l).Key,
			})
		}
	}
	return out
}

// refundOf is the refund that an event tells of.
func refundOf(e pay.Event) (a attempt, refund pay.Refund, ok bool) {
	for _, p := range e.Snapshot.Payments {
		for _, r := range p.Refunds {
			for i, one := range p.Attempts {
				if string(r.ID) == e.EntityID && r.Attempt == one.ID {
					return attempt{one, p, i}, r, true
				}
			}
		}
	}
	return a, refund, false
}

func newRefundEvent(l pay.Link, a attempt, r pay.Refund) refundEvent {
	in := kept(l)
	by := channelOf(in.Methods, a.Attempt)
	var echo refundEcho
	if json.Unmarshal([]byte(r.Echo), &echo) != nil {
		echo = refundEcho{} // a refund that the platform made by itself has none
	}
	return refundEvent{
		Date: textTime(r.UpdatedAt.Truncate(time.Microsecond)), ID: string(r.ID), Amount: major(r.Amount, a.Currency), Currency: string(a.Currency),
		Status: refundStates[r.State], Type: refundType(r, a.Attempt), Reason: r.Reason, MerchantID: in.Key, Description: echo.Description,
		OrderRef: a.orderRef(l), Channel: by.Channel, Method: by.Method,
	}
}
