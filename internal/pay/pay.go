// Package pay is the language of the house: money, links, payments, attempts,
// refunds, events and errors, and the rules that hold between them. It is pure:
// it never reads a clock, never does I/O and imports the standard library only.
//
// The rules are numbered in docs/invariants.md; a comment such as "M5" names one.
package pay

import (
	"crypto/rand"
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

// Mode says whether money is real. Test and live have separate keys and data.
type Mode string

// The two modes.
const (
	Test Mode = "test"
	Live Mode = "live"
)

// Valid reports whether m is one of the two modes.
func (m Mode) Valid() bool { return m == Test || m == Live }

// Ids have types so that one cannot stand where another belongs.
type (
	MerchantID   string // [a-z0-9-]{1,40}, chosen by the operator
	LinkID       string // ten of A–Z 0–9, rising with time; a name, not a secret
	PaymentID    string // "pay_…"
	AttemptID    string // "att_…"
	RefundID     string // "ref_…"
	DisputeID    string // "dsp_…"
	OperationID  string // "op_…"; the processor's idempotency key (P1)
	EventID      string // "evt_…"; the webhook-id (W3)
	EndpointID   string // "we_…"
	PayoutID     string // "po_…", of a transfer "tr_…"
	ShareID      string // ten of A–Z 0–9, like a link's
	CredentialID string // "key_…"
	MethodID     string // "card", "bank_redirect", "bank_transfer"; see methods.go
)

// Tenant names whose data is meant; every row, lock and job carries one.
type Tenant struct {
	Merchant MerchantID
	Mode     Mode
}

// Merchant is a tenant account in one mode.
type Merchant struct {
	Tenant
	Name      string
	Country   string // ISO 3166-1 alpha-2, may be empty
	Settings  Settings
	Demo      bool // made by the first start without configuration
	CreatedAt time.Time
}

// Settings are what a merchant may set for all of its links.
type Settings struct {
	TimeZone     string                       `json:"time_zone,omitempty"`     // IANA name, default UTC
	ReturnHosts  []string                     `json:"return_hosts,omitempty"`  // hosts a return URL may name; empty: any
	EmbedOrigins []string                     `json:"embed_origins,omitempty"` // origins that may frame the page
	Dialects     map[string]map[string]string `json:"dialects,omitempty"`      // what a fact sheet calls a merchant setting
}

// Caller is who asks: one credential, acting for one tenant.
type Caller struct {
	Tenant
	Credential CredentialID
	Dialect    string // the API spoken
	Account    string // whom the dialect says it acts for: a terminal, a sub-merchant; may be empty
	Scope      string // what its idempotency keys are unique within; empty: the credential
	RequestID  string // the request's number, for logs and events
}

// Actor is how the caller stands in an event.
func (c Caller) Actor() string {
	if c.Credential == "" {
		return ActorOperator
	}
	return "key:" + string(c.Credential)
}

// Actors of changes that no caller asked for.
const (
	ActorPayer     = "payer"
	ActorProcessor = "processor"
	ActorClock     = "clock"
	ActorOperator  = "operator" // at the command line of the installation
)

const base36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// linkEpoch keeps six base-36 digits of seconds enough until 2094.
var linkEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewLinkID is six base-36 digits of the seconds since 2026 and four random
// ones. It may collide within a second; the caller retries.
func NewLinkID(now time.Time) LinkID {
	secs := max(int64(now.Sub(linkEpoch)/time.Second), 0)
	s := strings.ToUpper(strconv.FormatInt(secs, 36))
	s = strings.Repeat("0", max(6-len(s), 0)) + s
	return LinkID(s[len(s)-6:] + randomOf(base36, 4))
}

// ValidLinkID reports whether s has the form of a link id.
func ValidLinkID(s string) bool {
	return len(s) == 10 && strings.Trim(s, base36) == ""
}

// tokenText writes 16 bytes as 26 characters of a–z and 2–7.
var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken is what the payer's URL carries: 128 random bits. Only its holder
// can open the page.
func NewToken() string {
	var bits [16]byte
	rand.Read(bits[:])
	return tokenText.EncodeToString(bits[:])
}

// TokenBits are the 16 bytes behind a token, for dialects whose ids are
// written another way; TokenOf is the way back. Both are nil or empty when
// what they are given is neither.
func TokenBits(token string) []byte {
	bits, err := tokenText.DecodeString(token)
	if err != nil || len(bits) != 16 {
		return nil
	}
	return bits
}

// TokenOf is the token of 16 bytes.
func TokenOf(bits []byte) string {
	if len(bits) != 16 {
		return ""
	}
	return tokenText.EncodeToString(bits)
}

// NewID is prefix, 12 hexadecimal digits of milliseconds and 16 random
// base-36 characters: it rises with time, which keeps index pages few.
func NewID(prefix string, now time.Time) string {
	ms := strconv.FormatInt(now.UnixMilli(), 16)
	return prefix + "_" + strings.Repeat("0", max(12-len(ms), 0)) + ms + strings.ToLower(randomOf(base36, 16))
}

// randomOf draws n characters of alphabet, each equally likely.
func randomOf(alphabet string, n int) string {
	limit := byte(256 - 256%len(alphabet)) // bytes at or above it would favour the first letters
	out := make([]byte, 0, n)
	buf := make([]byte, 2*n)
	for len(out) < n {
		rand.Read(buf) // never fails since Go 1.24
		for _, b := range buf {
			if b < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
