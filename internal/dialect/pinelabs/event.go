package pinelabs

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// eventOut has the name twice where the provider's newer pages and its older
// receivers differ (sheet 9.1).
type eventOut struct {
	Event string `json:"event,omitempty"`
	Type  string `json:"event_type"`
	Data  any    `json:"data"`
}

// linkEvent is the data of a payment_link.* event.
type linkEvent struct {
	LinkID        string `json:"payment_link_id"`
	LinkReference string `json:"merchant_payment_link_reference"`
	Status        string `json:"status"`
	Amount        amount `json:"amount"`
	AmountDue     amount `json:"amount_due"`
	OrderID       string `json:"order_id"`
}

// Word is what an endpoint hears that subscribes to nothing: the events of
// orders, and of links only that they are paid.
func (d *pinelabs) Word(e pay.Event, m pay.Merchant, _ string) (dialect.Message, bool) {
	l, payments := e.Snapshot.Link, e.Snapshot.Payments
	if e.Kind == pay.EventLinkCompleted {
		return newMessage(e, linkEventOf(l, payments, "payment_link.processed"))
	}
	if e.Kind == pay.EventRefundSucceeded || e.Kind == pay.EventRefundFailed {
		return refundEvent(e, m)
	}
	if kind := orderEvent(e); kind != "" {
		return newMessage(e, eventOut{Type: kind, Data: newOrderOut(l, payments, m).hook()})
	}
	return dialect.Message{}, false
}

// WordFor is what an endpoint hears that subscribes to kinds: the events of
// links among them (sheet 9.1), and nothing of orders.
func (d *pinelabs) WordFor(_ []pay.EventKind, e pay.Event, _ pay.Merchant, _ string) (dialect.Message, bool) {
	l := e.Snapshot.Link
	kind := map[pay.EventKind]string{
		pay.EventLinkCompleted:    "payment_link.processed",
		pay.EventLinkCanceled:     "payment_link.cancelled",
		pay.EventLinkExpired:      "payment_link.expired",
		pay.EventPaymentSucceeded: "payment_link.partially_processed",
	}[e.Kind]
	whole := e.Kind == pay.EventPaymentSucceeded && l.AmountDue().Minor == 0
	out := linkEventOf(l, e.Snapshot.Payments, kind)
	undecided := e.Kind == pay.EventLinkExpired && out.Data.(linkEvent).Status != statusExpired
	if kind == "" || whole || undecided {
		return dialect.Message{}, false
	}
	return newMessage(e, out)
}

// orderEvent is the name of an event of the order itself; "" is none.
func orderEvent(e pay.Event) string {
	l, status := e.Snapshot.Link, orderStatus(e.Snapshot.Link, e.Snapshot.Payments)
	switch e.Kind {
	case pay.EventAttemptFailed:
		return "PAYMENT_FAILED"
	case pay.EventAttemptCanceled, pay.EventAttemptExpired: // the payer gave up, or the hold ran out: another may be tried
		if status == orderAttempted || status == orderFailed || status == orderPending && l.Applied > 0 {
			return "PAYMENT_FAILED"
		}
	case pay.EventAttemptAuthorized:
		if l.Use.Manual { // else on its way to a capture by itself
			return "ORDER_AUTHORIZED"
		}
	case pay.EventPaymentSucceeded, pay.EventPaymentCaptured:
		if l.AmountDue().Minor == 0 {
			return "ORDER_PROCESSED"
		}
	case pay.EventLinkCanceled:
		return "ORDER_CANCELLED"
	case pay.EventLinkExpired, pay.EventPaymentFailed, pay.EventPaymentCanceled: // expired in payment: the last try is over, and no other may come
		if status == orderFailed && len(e.Snapshot.Payments) > 0 {
			return "ORDER_FAILED"
		}
	case pay.EventPaymentSettled:
		if settled(l) && l.Settled >= l.Applied {
			return "ORDER_SETTLED"
		}
	}
	return ""
}

// refundEvent tells of a refund order when the last of its refunds is decided.
func refundEvent(e pay.Event, m pay.Merchant) (dialect.Message, bool) {
	l, payments := e.Snapshot.Link, e.Snapshot.Payments
	for _, g := range refundsOf(payments) {
		if !g.has(pay.RefundID(e.EntityID)) {
			continue
		}
		switch out := newRefundOut(l, payments, g, m); out.Status {
		case orderProcessed:
			return newMessage(e, eventOut{Type: "REFUND_PROCESSED", Data: out.hook()})
		case orderFailed:
			return newMessage(e, eventOut{Type: "REFUND_FAILED", Data: out.hook()})
		}
	}
	return dialect.Message{}, false
}

func linkEventOf(l pay.Link, payments []pay.Payment, kind string) eventOut {
	due := l.AmountDue()
	return eventOut{kind, kind, linkEvent{
		l.WireID, l.UniqueRef, linkStatus(l, payments),
		amountOf(l.Price.Amount, l.Price.Currency), amountOf(due.Minor, due.Currency), orderID(l),
	}}
}

// newMessage has the event's id: the same on every try.
func newMessage(e pay.Event, out eventOut) (dialect.Message, bool) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(out) != nil {
		return dialect.Message{}, false
	}
	return dialect.Message{ID: string(e.ID), ContentType: "application/json", Body: bytes.TrimSpace(body.Bytes())}, true
}

var errSecret = errors.New("pinelabs: the webhook secret is not Base64")

// Sign makes exactly one signature, with the newest secret: receivers refuse a
// header with several (sheet 9).
func (d *pinelabs) Sign(msg dialect.Message, secrets []string, at time.Time) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, errSecret
	}
	key, err := base64.StdEncoding.DecodeString(secrets[0])
	if err != nil || len(key) == 0 {
		return nil, errSecret
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(msg.ID + "." + stamp + "."))
	mac.Write(msg.Body)
	h := http.Header{}
	h.Set("webhook-id", msg.ID)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h, nil
}

// Schedule is the longer of the two published ones. The order of events is not
// promised, so none waits for another.
func (d *pinelabs) Schedule() dialect.Schedule {
	return dialect.Schedule{
		Timeout: 5 * time.Second,
		Waits: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
		},
	}
}
