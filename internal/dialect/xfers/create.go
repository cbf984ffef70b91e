package xfers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// Limits of the texts, in characters; the provider publishes none (sheet 4.1).
const (
	maxText        = 255
	maxDescription = 1000
	maxPhone       = 20
)

const defaultLife = 24 * time.Hour // of a link without expiredAt

// linkIn is data.attributes of POST /api/v4/payment_links.
// Source: docs/dialects/xfers.md, "Create"; checked 2026-11-21.
type linkIn struct {
	Amount      amount  `json:"amount"`
	Reference   text    `json:"referenceId"` // also the idempotency key
	Description text    `json:"description"`
	Name        text    `json:"customerName"`
	Email       text    `json:"customerEmail"`
	Phone       text    `json:"customerPhoneNumber"`
	ExpiredAt   text    `json:"expiredAt"`
	Options     options `json:"paymentMethodOptions"`

	minor   int64     // of Amount, once checked
	expires time.Time // of ExpiredAt, once checked; zero: not given
}

// options is an object with one member that counts.
type options struct {
	DisplayName text
	wrong       bool
}

// UnmarshalJSON takes null as absent.
func (o *options) UnmarshalJSON(b []byte) error {
	var in struct {
		DisplayName text `json:"displayName"`
	}
	o.wrong = web.DecodeBytes(b, &in) != nil
	o.DisplayName = in.DisplayName
	return nil
}

// attributes decodes data.attributes of the body into v.
func attributes(r *http.Request, v any) error {
	body, err := web.Body(r)
	if err != nil {
		return err
	}
	path := "body"
	for _, next := range []string{"data", "attributes"} {
		var in map[string]json.RawMessage
		if err := web.DecodeBytes(body, &in); err != nil {
			return err
		}
		if body, path = in[next], next; len(body) == 0 || body[0] != '{' {
			return invalid(path, "wrong_type", "must be an object")
		}
	}
	return web.DecodeBytes(body, v)
}

var phone = regexp.MustCompile(`^\+?[0-9]+$`)

// check notes what is wrong with the request at any time, and reads amount and
// expiry. Errors: Invalid, with the names that this wire has in its messages.
func (in *linkIn) check() error {
	var bad pay.Faults
	in.checkAmount(&bad)
	in.Reference.check(&bad, "reference_id", maxText, true)
	in.Description.check(&bad, "description", maxDescription, false)
	in.Name.check(&bad, "customer_name", maxText, true)
	if in.Email.check(&bad, "customer_email", maxText, true) && !pay.ValidEmail(in.Email.value) {
		bad.Add("customer_email", "invalid", "must be an e-mail address")
	}
	if in.Phone.check(&bad, "customer_phone_number", maxPhone, true) && !phone.MatchString(in.Phone.value) {
		bad.Add("customer_phone_number", "invalid", "must be digits, with a leading + or without")
	}
	if in.ExpiredAt.check(&bad, "expired_at", maxText, false) && in.ExpiredAt.given {
		ok := false
		if in.expires, ok = parseTime(in.ExpiredAt.value); !ok {
			bad.Add("expired_at", "not_a_time", wantTime)
		}
	}
	if in.Options.wrong {
		bad.Add("payment_method_options", "wrong_type", "must be an object")
	}
	in.Options.DisplayName.check(&bad, "display_name", maxText, false)
	return bad.Err()
}

// check notes what is wrong with a text and reports whether nothing is.
func (t text) check(bad *pay.Faults, path string, most int, required bool) bool {
	lines := most == maxDescription
	switch {
	case t.wrong:
		bad.Add(path, "wrong_type", "must be a string")
	case !t.given && required:
		bad.Add(path, "required", "is required")
	case required && strings.TrimSpace(t.value) == "":
		bad.Add(path, "required", "must not be blank")
	case utf8.RuneCountInString(t.value) > most:
		bad.Add(path, "too_long", fmt.Sprintf("must be at most %d characters", most))
	case !pay.CleanText(t.value, lines):
		bad.Add(path, "bad_characters", "must not have control or direction characters")
	default:
		return true
	}
	return false
}

func (in *linkIn) checkAmount(bad *pay.Faults) {
	problem := ""
	switch {
	case in.Amount.wrong:
		problem = wantNumber
	case !in.Amount.given:
		problem = "is required"
	default:
		in.minor, problem = parseAmount(in.Amount.value)
	}
	switch problem {
	case "":
	case wantLess:
		bad.Add("amount", codeBounds, problem)
	default:
		bad.Add("amount", "invalid", problem)
	}
}

// The merchant settings of this dialect.
const (
	settingMinimum   = "minimum_amount" // rupiah in major units
	settingMaximum   = "maximum_amount"
	settingCallbacks = "callbacks" // further statuses to tell of: "expired,cancelled,failed"
)

// bounds are the least and most a merchant's link may ask for; zero is no bound.
type bounds struct{ least, most int64 }

func boundsOf(m pay.Merchant) (b bounds, err error) {
	for key, minor := range map[string]*int64{settingMinimum: &b.least, settingMaximum: &b.most} {
		value := m.Settings.Dialects[name][key]
		if value == "" {
			continue
		}
		var problem string
		if *minor, problem = parseAmount(value); problem != "" {
			return b, fmt.Errorf("the setting xfers.%s of merchant %s %s", key, m.Merchant, problem)
		}
	}
	return b, nil
}

// refuse is what is wrong with a request by now: an earlier one of the same
// content may have been right. Errors: Invalid.
func (in *linkIn) refuse(now time.Time, b bounds) error {
	var bad pay.Faults
	switch {
	case b.least > 0 && in.minor < b.least:
		bad.Add("amount", codeBounds, "must be at least "+wireAmount(b.least))
	case b.most > 0 && in.minor > b.most:
		bad.Add("amount", codeBounds, "must be at most "+wireAmount(b.most))
	}
	if !in.expires.IsZero() && !in.expires.After(now) {
		bad.Add("expired_at", "past", "must be in the future")
	}
	return bad.Err()
}

// link says the request in our words.
func (in *linkIn) link(now time.Time) pay.Link {
	expires := in.expires
	if expires.IsZero() {
		expires = now.UTC().Add(defaultLife).Truncate(time.Second)
	}
	return pay.Link{
		Dialect: name, Reference: in.Reference.value, UniqueRef: in.Reference.value, Description: in.Description.value,
		Price: pay.Price{Currency: currency, Amount: in.minor}, Use: pay.Use{Max: 1}, ExpiresAt: expires,
		Payer: pay.Payer{Name: in.Name.value, Email: in.Email.value, Phone: in.Phone.value},
		Page:  pay.Page{DisplayName: in.Options.DisplayName.value},
	}
}

// fingerprint tells one content from another under a referenceId: by what the
// attributes mean, not by how they are written, and without what we fill in.
func (in *linkIn) fingerprint() string {
	expires := ""
	if !in.expires.IsZero() {
		expires = wireTime(in.expires)
	}
	var content []byte
	for _, value := range []string{
		wireAmount(in.minor), in.Reference.value, in.Description.value, in.Name.value, in.Email.value, in.Phone.value, expires,
		in.Options.DisplayName.value,
	} {
		content = fmt.Appendf(content, "%q,", value)
	}
	return web.Fingerprint(http.MethodPost, "/api/v4/payment_links", nil, content)
}
