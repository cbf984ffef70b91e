package xfers

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

const currency pay.Currency = "IDR" // of every link

// text is a string of a request. What is of another type does not break off the
// reading, so that one answer names every fault.
type text struct {
	value        string
	given, wrong bool
}

// UnmarshalJSON takes null as absent.
func (t *text) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	t.given = true
	t.wrong = json.Unmarshal(b, &t.value) != nil
	return nil
}

// amount is rupiah in major units: a number, or one as text. It is kept as it
// is written: a float would not be exact.
type amount struct{ text }

// UnmarshalJSON takes null as absent.
func (a *amount) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		a.given, a.value = true, string(b)
		return nil
	}
	return a.text.UnmarshalJSON(b)
}

// What an amount must be.
const (
	wantNumber   = "must be a number"
	wantPositive = "must be greater than 0"
	wantCents    = "must have at most 2 decimals"
	wantLess     = "must be less than 10000000000"
)

var number = regexp.MustCompile(`^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$`)

// parseAmount reads a decimal number exactly, in the forms JSON has for one.
// problem is what is wrong with it; "" is nothing.
func parseAmount(s string) (minor int64, problem string) {
	m := number.FindStringSubmatch(s)
	if m == nil {
		return 0, wantNumber
	}
	digits, frac := strings.TrimLeft(m[2]+m[3], "0"), len(m[3])
	exponent, _ := strconv.Atoi(m[4]) // empty is 0, and three digits always fit
	zeros := exponent - frac + currency.Digits()
	if digits == "" || m[1] != "" {
		return 0, wantPositive
	}
	whole := strings.TrimRight(digits, "0")
	zeros += len(digits) - len(whole)
	switch {
	case zeros < 0:
		return 0, wantCents
	case len(whole)+zeros > len(strconv.Itoa(pay.MaxMinor)):
		return 0, wantLess
	}
	minor, err := strconv.ParseInt(whole+strings.Repeat("0", zeros), 10, 64)
	if err != nil {
		return 0, wantNumber
	}
	return minor, ""
}

// wireAmount has at least one decimal and none too many (sheet 6).
func wireAmount(minor int64) string {
	s := strings.TrimRight(pay.Money{Minor: minor, Currency: currency}.Major(), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

// jakarta is the zone of every time on this wire; it has no summer time.
var jakarta = time.FixedZone("WIB", 7*60*60)

func wireTime(t time.Time) string { return t.In(jakarta).Format("2006-01-02 15:04:05 -0700") }

var moment = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.\d{1,20})? ?(Z|[+-]\d{2}:?\d{2})?$`)

const wantTime = "must be an ISO 8601 time such as 2026-12-06T16:00:00+07:00"

// parseTime reads ISO 8601 with T or a blank, a fraction that is dropped, and
// an offset or none (Jakarta): all forms of sheet 6.
func parseTime(s string) (time.Time, bool) {
	m := moment.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	zone := strings.Replace(m[3], ":", "", 1)
	if zone == "" {
		zone = "+0700"
	}
	t, err := time.Parse("2006-01-02 15:04:05 Z0700", m[1]+" "+m[2]+" "+zone)
	return t.UTC(), err == nil
}
