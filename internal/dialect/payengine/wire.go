package payengine

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"paylink/internal/pay"
)

// amount is the text of an amount, which may come as a string or as a number:
// it never becomes a float.
type amount string

// UnmarshalJSON keeps the text as it was sent.
func (a *amount) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		*a = amount(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*a = amount(s)
	return nil
}

const maxAmount = 12 // characters of an amount as sent

// minor reads the amount in minor units of c, exactly; problem says what is
// wrong with it. Sheet 4.1, "Parsing amounts".
func (a amount) minor(c pay.Currency) (minor int64, problem string) {
	whole, frac, _ := strings.Cut(string(a), ".")
	switch {
	case len(a) > maxAmount:
		return 0, "must have at most 12 characters"
	case whole+frac == "" || strings.Trim(whole+frac, "0123456789") != "":
		return 0, "must be digits with at most one decimal point"
	case len(frac) > 2:
		return 0, "must have at most two decimals"
	}
	for len(frac) > c.Digits() && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if frac != "" {
		frac = "." + frac
	}
	m, err := pay.ParseMajor("0"+whole+frac, c)
	var bad *pay.Error
	if errors.As(err, &bad) {
		return 0, bad.Fields[0].Detail
	}
	return m.Minor, ""
}

// shortest is an amount as short as it can be sent: one that was sent in 12
// characters fits in them again.
func shortest(minor int64, c pay.Currency) *amount {
	a := amount(strings.TrimSuffix(strings.TrimRight(major(minor, c), "0"), "."))
	return &a
}

// flag is a boolean that may come as the text "true" or "false".
type flag bool

// UnmarshalJSON is not asked about null.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`:
		*f = false
	default:
		return errors.New("neither true nor false")
	}
	return nil
}

// object is a JSON object of any depth, kept as it was sent.
type object struct{ raw json.RawMessage }

// UnmarshalJSON takes objects only.
func (o *object) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return errors.New("not an object")
	}
	o.raw = bytes.Clone(b)
	return nil
}

// hasCard reports a card number among the texts, names and numbers within.
func (o object) hasCard() bool {
	d := json.NewDecoder(bytes.NewReader(o.raw))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch v := token.(type) {
		case string:
			if pay.HasCardNumber(v) {
				return true
			}
		case json.Number:
			if pay.HasCardNumber(v.String()) {
				return true
			}
		}
	}
}

// latest keeps times within what RFC 3339 can write in any zone.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// parseDate reads a day, which begins at midnight in zone, or an instant.
func parseDate(s string, zone *time.Location) (at time.Time, day, ok bool) {
	for _, layout := range []string{"20060102", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true, t.Year() >= 1970
		}
	}
	at, err := time.Parse(time.RFC3339, s)
	return at, false, err == nil && at.Year() >= 1970
}

// startOf is when a link with this start_date begins.
func startOf(s string, zone *time.Location) (time.Time, bool) {
	at, _, ok := parseDate(s, zone)
	return soonest(at, latest), ok
}

// endOf is when a link with this end_date ends, exclusive: a day counts whole.
func endOf(s string, zone *time.Location) (time.Time, bool) {
	at, day, ok := parseDate(s, zone)
	if day {
		at = time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, zone)
	}
	return soonest(at, latest), ok
}

// soonest is the earlier of two times, in UTC.
func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		a = b
	}
	return a.UTC()
}

// lastMoment is the end of a link as events tell it: of a day its last
// millisecond, of an instant itself.
func lastMoment(l pay.Link) time.Time {
	if _, day, _ := parseDate(kept(l).End, time.UTC); day {
		return l.ExpiresAt.Add(-time.Millisecond)
	}
	return l.ExpiresAt
}

// encode is v as JSON on one line. What was sent inside it stays as it was: a
// character that HTML knows is not written longer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
