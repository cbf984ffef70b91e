package xfers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// callbacks are the statuses that an event may bring about and be told for. A
// link that expires while a payer pays ends with that payment.
var callbacks = map[pay.EventKind][]string{
	pay.EventLinkCompleted:   {statusPaid},
	pay.EventPaymentSettled:  {statusCompleted},
	pay.EventLinkCanceled:    {statusCancelled},
	pay.EventLinkExpired:     {statusExpired, statusFailed},
	pay.EventPaymentFailed:   {statusExpired, statusFailed},
	pay.EventPaymentCanceled: {statusExpired, statusFailed},
}

// tells reports whether the merchant hears of a status: of paid and completed
// always, of others when a setting says so (sheet 8).
func tells(m pay.Merchant, status string) bool {
	if status == statusPaid || status == statusCompleted {
		return true
	}
	for wish := range strings.SplitSeq(m.Settings.Dialects[name][settingCallbacks], ",") {
		if strings.TrimSpace(wish) == status {
			return true
		}
	}
	return false
}

// Word is the link as a read would have answered right after the event.
func (d *xfers) Word(e pay.Event, m pay.Merchant, baseURL string) (dialect.Message, bool) {
	out := d.newLinkOut(strings.TrimRight(baseURL, "/"), e.Snapshot.Link, e.Snapshot.Payments)
	status := out.Attributes.Status
	if !slices.Contains(callbacks[e.Kind], status) || !tells(m, status) {
		return dialect.Message{}, false
	}
	body, err := web.Encode(dataOut{out})
	if err != nil {
		return dialect.Message{}, false
	}
	return dialect.Message{ID: string(e.ID), ContentType: "application/json", Body: body}, true
}

var errSecret = errors.New("xfers: the endpoint has no signing secret")

// Sign is lower-case hex HMAC-SHA256 of the raw body, with the newest secret,
// under both names that the provider's pages have had.
func (d *xfers) Sign(msg dialect.Message, secrets []string, _ time.Time) (http.Header, error) {
	if len(secrets) == 0 || secrets[0] == "" {
		return nil, errSecret
	}
	mac := hmac.New(sha256.New, []byte(secrets[0]))
	mac.Write(msg.Body)
	signature := hex.EncodeToString(mac.Sum(nil))
	h := http.Header{}
	h.Set("Xfers-Signature", signature)
	h.Set("X-Xfers-Signature", signature)
	return h, nil
}

const tries = 20 // of one callback, in all

// Schedule waits 5 minutes, then 10, 15 and so on. Nothing of a link is told
// before what came earlier has arrived or is used up.
func (d *xfers) Schedule() dialect.Schedule {
	s := dialect.Schedule{Timeout: 15 * time.Second, Patience: dialect.Forever}
	for n := 1; n < tries; n++ {
		s.Waits = append(s.Waits, time.Duration(n)*5*time.Minute)
	}
	return s
}
