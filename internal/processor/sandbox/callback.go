package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// SignatureHeader holds "t=<unix seconds>,v1=<hex HMAC-SHA256>".
const SignatureHeader = "Sandbox-Signature"

const (
	maxCallback = 64 << 10 // bytes
	maxSkew     = 300 * time.Second
)

// news is the body of a callback.
type news struct {
	ID         string          `json:"id"`
	Merchant   pay.MerchantID  `json:"merchant"`
	Mode       pay.Mode        `json:"mode"`
	Key        pay.OperationID `json:"key"`
	Ref        string          `json:"ref"`
	Result     string          `json:"result"`            // "succeeded" or "failed"
	Dispute    *disputeNews    `json:"dispute,omitempty"` // in place of Key and Result
	Authorized int64           `json:"authorized"`
	HoldUntil  time.Time       `json:"hold_until,omitzero"` // of an authorization
	Captured   int64           `json:"captured"`
	Currency   pay.Currency    `json:"currency"`
	Failure    string          `json:"failure,omitempty"`
	Instrument string          `json:"instrument,omitempty"`
}

// report tells the platform what became of p since it was started.
func (d *Driver) report(ctx context.Context, p processor.SandboxPayment) error {
	out := d.started(p)
	n := news{
		ID: "sbxe_" + hex.EncodeToString(d.mac("event", p.Tenant, []byte(p.Ref))[:16]), Merchant: p.Tenant.Merchant, Mode: p.Tenant.Mode,
		Key: p.StartKey, Ref: p.Ref, Result: resultOf(p.State), Authorized: out.Authorized, HoldUntil: out.HoldUntil,
		Captured: out.Captured, Currency: out.Currency, Instrument: out.Instrument,
	}
	if out.Failure != nil {
		n.Result, n.Failure = "failed", out.Failure.Code
	}
	return d.tell(ctx, p.Tenant, n)
}

// tell signs news and gives it to the platform.
func (d *Driver) tell(ctx context.Context, t pay.Tenant, n news) error {
	if d.callback == nil {
		return nil
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("sandbox: wording a callback: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set(SignatureHeader, sign(d.mac("callback", t, nil), d.opts.Now(), raw))
	if err := d.callback(ctx, t, header, raw); err != nil {
		return fmt.Errorf("sandbox: reporting: %w", err)
	}
	return nil
}

// VerifyCallback checks that raw was signed with t's secret within 300 s of
// now and speaks of t.
// Errors: pay.ErrUnauthorized, whatever is wrong.
func (d *Driver) VerifyCallback(t pay.Tenant, header http.Header, raw []byte) (processor.Evidence, error) {
	values := header.Values(SignatureHeader)
	if t.Mode != pay.Test || len(values) != 1 || len(raw) > maxCallback {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	at, ok := signedAt(values[0])
	skew := d.opts.Now().Sub(at)
	if !ok || skew > maxSkew || skew < -maxSkew {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	if !hmac.Equal([]byte(values[0]), []byte(sign(d.mac("callback", t, nil), at, raw))) {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	return evidence(t, raw)
}

// evidence reads a body whose signature was good.
func evidence(t pay.Tenant, raw []byte) (processor.Evidence, error) {
	var n news
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&n) != nil || n.Merchant != t.Merchant || n.Mode != t.Mode || n.ID == "" || n.Ref == "" {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	if _, err := dec.Token(); err != io.EOF {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	if n.Dispute != nil {
		return n.evidence(), nil
	}
	if n.Key == "" {
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	out := processor.Outcome{
		ProcessorRef: n.Ref, Authorized: n.Authorized, HoldUntil: n.HoldUntil, Captured: n.Captured, Currency: n.Currency, Instrument: n.Instrument,
	}
	switch n.Result {
	case "succeeded":
		out.Result = processor.Succeeded
	case "failed":
		out.Result, out.Failure = processor.Failed, &pay.Failure{Code: n.Failure}
	default:
		return processor.Evidence{}, pay.ErrUnauthorized
	}
	return processor.Evidence{EventID: n.ID, Key: n.Key, Outcome: out}, nil
}

// sign is the value of SignatureHeader for raw.
func sign(secret []byte, at time.Time, raw []byte) string {
	h := hmac.New(sha256.New, secret)
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Write([]byte(stamp + "."))
	h.Write(raw)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// signedAt is the time in the value of SignatureHeader.
func signedAt(value string) (time.Time, bool) {
	stamp, _, ok := strings.Cut(value, ",")
	digits, is := strings.CutPrefix(stamp, "t=")
	if !ok || !is || len(digits) > 12 {
		return time.Time{}, false
	}
	secs, err := strconv.ParseInt(digits, 10, 64)
	return time.Unix(secs, 0), err == nil
}
