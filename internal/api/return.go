package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Return leads the payer back to the merchant's page for what became of p, with
// link_id, status, ts (Unix seconds) and sig: hexadecimal HMAC-SHA256 with
// secret over "link_id.status.ts". Without a secret there is no sig, for anyone
// could make it. It is a hint, never proof: the API tells what was paid.
func (*API) Return(l pay.Link, p pay.Payment, secret string, now time.Time) (dialect.Return, bool) {
	target, status := outcome(l.Page, p)
	u, err := url.Parse(target)
	if target == "" || err != nil {
		return dialect.Return{}, false
	}
	ts := strconv.FormatInt(now.Unix(), 10)
	query := url.Values{"link_id": {string(l.ID)}, "status": {status}, "ts": {ts}}
	if secret != "" {
		query.Set("sig", returnSignature(secret, l.ID, status, ts))
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += query.Encode()
	return dialect.Return{URL: u.String()}, true
}

func returnSignature(secret string, id pay.LinkID, status, ts string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(string(id) + "." + status + "." + ts))
	return hex.EncodeToString(mac.Sum(nil))
}

// outcome is where the payer goes and what the merchant's page is told.
func outcome(page pay.Page, p pay.Payment) (target, status string) {
	switch p.State {
	case pay.PaymentApplied:
		return page.SuccessURL, "succeeded"
	case pay.PaymentSurplus: // the money goes back
		return page.FailureURL, "surplus"
	case pay.PaymentCanceled:
		return page.FailureURL, "canceled"
	case pay.PaymentFailed:
		return page.FailureURL, "failed"
	}
	if a := p.Last(); a != nil && a.State == pay.AttemptAuthorized && a.Manual {
		return page.SuccessURL, "authorized"
	}
	return page.PendingURL, "pending"
}
