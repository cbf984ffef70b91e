package pinelabs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Return is a form POST with a signature (sheet 8). Only a final result goes
// back: what is undecided stays with our page, and so does a part of a price,
// because receivers take PROCESSED for the whole order.
func (d *pinelabs) Return(l pay.Link, p pay.Payment, secret string, _ time.Time) (dialect.Return, bool) {
	status := returnStatus(l, p)
	url := l.Page.SuccessURL
	if (status == orderFailed || status == orderCancelled) && l.Page.FailureURL != "" {
		url = l.Page.FailureURL
	}
	key, err := hex.DecodeString(secret)
	if status == "" || url == "" || err != nil || len(key) == 0 {
		return dialect.Return{}, false
	}
	fields := []pay.Line{{Label: "order_id", Value: orderID(l)}, {Label: "status", Value: status}}
	if status == orderFailed {
		code, message := failureWords(p.Last().Failure)
		fields = append(fields, pay.Line{Label: "error_code", Value: code}, pay.Line{Label: "error_message", Value: message})
	}
	fields = append(fields, pay.Line{Label: "signature", Value: signReturn(fields, key)})
	return dialect.Return{URL: url, Fields: fields}, true
}

// returnStatus is the order status the payer goes back with; "" while there is
// none to tell.
func returnStatus(l pay.Link, p pay.Payment) string {
	last := p.Last()
	switch {
	case last == nil:
		return ""
	case p.State == pay.PaymentApplied && l.AmountDue().Minor == 0:
		return orderProcessed
	case p.State == pay.PaymentOpen && last.Manual && last.State == pay.AttemptAuthorized:
		return orderAuthorized
	case p.State == pay.PaymentCanceled,
		p.State == pay.PaymentFailed && last.Failure != nil && last.Failure.Code == pay.FailCanceled:
		return orderCancelled
	case p.State == pay.PaymentFailed:
		return orderFailed
	}
	return ""
}

// signReturn is upper-case hex HMAC-SHA256 over the raw fields by name.
func signReturn(fields []pay.Line, key []byte) string {
	pairs := make([]string, 0, len(fields))
	for _, f := range fields {
		pairs = append(pairs, f.Label+"="+f.Value)
	}
	slices.Sort(pairs)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join(pairs, "&")))
	return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
}
