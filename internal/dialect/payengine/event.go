package payengine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// eventOut is the body of every webhook, in this order (sheet 7).
type eventOut struct {
	UID   string `json:"event_uid"`
	Event string `json:"event"`
	Data  any    `json:"data"`
}

// linkEvents are the events of links. The provider has none for completion:
// who listens to links only hears of it as an update.
var linkEvents = map[pay.EventKind]string{
	pay.EventLinkCreated:   "PAYMENTLINK_CREATED",
	pay.EventLinkUpdated:   "PAYMENTLINK_UPDATED",
	pay.EventLinkCompleted: "PAYMENTLINK_UPDATED",
	pay.EventLinkCanceled:  "PAYMENTLINK_CANCELLED",
}

// linkEvent is the data of PAYMENTLINK_CREATED and PAYMENTLINK_UPDATED.
type linkEvent struct {
	ID          string          `json:"payment_link_id"`
	PaymentURL  string          `json:"payment_url"`
	URL         string          `json:"payment_link_url"`
	QRCode      string          `json:"qr_code_url"`
	Status      string          `json:"payment_link_status"`
	MerchantID  string          `json:"merchant_id"`
	StartDate   *string         `json:"start_date"` // instants, in UTC
	EndDate     *string         `json:"end_date"`
	Amount      *string         `json:"amount"`
	CardAmount  *string         `json:"cc_amount,omitempty"`
	BankAmount  *string         `json:"ach_amount,omitempty"`
	Description *string         `json:"description"`
	InternalID  *string         `json:"internal_transaction_id"`
	Metadata    json.RawMessage `json:"metadata"`
}

// canceledEvent is the data of PAYMENTLINK_CANCELLED.
type canceledEvent struct {
	ID string `json:"payment_link_id"`
}

// Word tells of changes of links and of transactions; other kinds have no word.
func (d *payengine) Word(e pay.Event, _ pay.Merchant, baseURL string) (dialect.Message, bool) {
	sum := sha256.Sum256([]byte(e.ID))
	out := eventOut{UID: hex.EncodeToString(sum[:16]), Event: linkEvents[e.Kind]}
	l := e.Snapshot.Link
	switch {
	case e.Kind == pay.EventLinkCanceled:
		out.Data = canceledEvent{l.WireID}
	case out.Event != "":
		out.Data = d.linkEvent(l, strings.TrimRight(baseURL, "/"))
	default:
		var ok bool
		if out.Event, out.Data, ok = transactionEvent(e); !ok {
			return dialect.Message{}, false
		}
	}
	body, err := encode(out)
	return dialect.Message{ID: out.UID, ContentType: "application/json", Body: body}, err == nil
}

func (d *payengine) linkEvent(l pay.Link, base string) linkEvent {
	e, p, url := kept(l), pricesOf(l), d.PayURL(base, l)
	out := linkEvent{
		ID: l.WireID, PaymentURL: url, URL: url, QRCode: url + qrPath, Status: linkStatus[l.State], MerchantID: l.Account,
		Amount: p.amount, CardAmount: p.card, BankAmount: p.bank,
		Description: optional(l.Description), InternalID: optional(e.InternalID), Metadata: e.Metadata,
	}
	if !l.StartsAt.IsZero() {
		out.StartDate = optional(stamp(l.StartsAt))
	}
	if !l.ExpiresAt.IsZero() {
		out.EndDate = optional(stamp(lastMoment(l)))
	}
	return out
}

var errSecret = errors.New("payengine: the endpoint has no secret")

// signatureHeader carries "t=<unix seconds>,s=<hex>": without a blank after the
// comma, because the provider's own verifier does not trim.
const signatureHeader = "X-PF-Signature"

// Sign makes exactly one signature, with the newest secret: receivers take the
// last one of several.
func (d *payengine) Sign(msg dialect.Message, secrets []string, at time.Time) (http.Header, error) {
	if len(secrets) == 0 || secrets[0] == "" {
		return nil, errSecret
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secrets[0]))
	mac.Write([]byte(stamp + "."))
	mac.Write(msg.Body)
	h := http.Header{}
	h.Set(signatureHeader, "t="+stamp+",s="+hex.EncodeToString(mac.Sum(nil)))
	return h, nil
}

// Schedule has the provider's 3 s; it publishes no waits, so those are ours.
// The order of events is not promised, so none waits for another.
func (d *payengine) Schedule() dialect.Schedule {
	return dialect.Schedule{
		Timeout: 3 * time.Second,
		Waits: []time.Duration{
			10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
		},
	}
}
