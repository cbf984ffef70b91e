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

// Word tells of five kinds of event; the others have no word here.
func (d *pinelabs) Word(e pay.Event, m pay.Merchant, _ string) (dialect.Message, bool) {
	l, payments := e.Snapshot.Link, e.Snapshot.Payments
	var out eventOut
	switch e.Kind {
	case pay.EventAttemptFailed:
		out.Type = "PAYMENT_FAILED"
	case pay.EventAttemptAuthorized:
		if !l.Use.Manual {
			return dialect.Message{}, false // on its way to a capture by itself
		}
		out.Type = "ORDER_AUTHORIZED"
	case pay.EventPaymentSucceeded:
		out.Type = "ORDER_PROCESSED"
		if l.AmountDue().Minor > 0 {
			out.Type = "payment_link.partially_processed"
		}
	case pay.EventLinkCompleted:
		out.Type = "payment_link.processed"
	case pay.EventLinkCanceled:
		out.Type = "ORDER_CANCELLED"
	default:
		return dialect.Message{}, false
	}
	if out.Type[0] == 'p' {
		due := l.AmountDue()
		out.Event = out.Type
		out.Data = linkEvent{
			l.WireID, l.UniqueRef, linkStatus(l, payments),
			amountOf(l.Price.Amount, l.Price.Currency), amountOf(due.Minor, due.Currency), orderID(l),
		}
	} else {
		out.Data = newOrderOut(l, payments, m)
	}
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
