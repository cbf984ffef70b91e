package portone

import (
	"strconv"
	"strings"

	"paylink/internal/pay"
)

// number is a JSON number by its text, in the shortest form that is the same
// number: no exponent, no zeros at the end. Empty: absent or null. It is never
// a float.
type number string

const (
	maxNumber   = 64 // characters of a number as sent
	maxExponent = 30 // to either side
)

// UnmarshalJSON refuses everything but a JSON number and null.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = ""
		return nil
	}
	short, ok := shortest(string(b))
	if !ok {
		var bad pay.Faults
		bad.Add("", "wrong_type", "must be a number")
		return bad.Err()
	}
	*n = number(short)
	return nil
}

// MarshalJSON writes the number, and 0 for an absent one.
func (n number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("0"), nil
	}
	return []byte(n), nil
}

// shortest rewrites a JSON number; ok is false for any other text, and for one
// too long to be meant.
func shortest(s string) (short string, ok bool) {
	if s == "" || len(s) > maxNumber {
		return "", false
	}
	rest, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := rest, 0
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		places := strings.TrimPrefix(rest[at+1:], "+")
		n, err := strconv.Atoi(places)
		if err != nil || places[0] == '+' || rest[at+1] == '+' && places[0] == '-' || n > maxExponent || n < -maxExponent {
			return "", false
		}
		mantissa, exponent = rest[:at], n
	}
	whole, frac, point := strings.Cut(mantissa, ".")
	if whole == "" || point && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return "", false
	}
	if len(whole) > 1 && whole[0] == '0' {
		return "", false
	}
	whole, frac = shift(whole, frac, exponent)
	whole, frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if whole == "" {
		whole = "0"
	}
	if short = whole; frac != "" {
		short += "." + frac
	}
	if negative && short != "0" {
		short = "-" + short
	}
	return short, true
}

// shift moves the decimal point by places, to the right where positive.
func shift(whole, frac string, places int) (string, string) {
	if places >= 0 {
		frac += strings.Repeat("0", max(places-len(frac), 0))
		return whole + frac[:places], frac[places:]
	}
	whole = strings.Repeat("0", max(-places-len(whole), 0)) + whole
	at := len(whole) + places
	return whole[:at], whole[at:] + frac
}

// positive reports n > 0.
func (n number) positive() bool { return n != "" && n != "0" && n[0] != '-' }

// minor is n in minor units of c; fits is false when n is negative, too large
// or has more decimals than the currency. An absent number is 0.
func (n number) minor(c pay.Currency) (minor int64, fits bool) {
	if n == "" {
		return 0, true
	}
	m, err := pay.ParseMajor(string(n), c)
	return m.Minor, err == nil
}

// whole is n as an integer; ok is false when it is none or larger than fits.
func (n number) whole() (i int64, ok bool) {
	if n == "" {
		return 0, true
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// major is minor units of c as the wire writes them.
func major(minor int64, c pay.Currency) number {
	s := pay.Money{Minor: minor, Currency: c}.Major()
	if short, ok := shortest(s); ok {
		return number(short)
	}
	return number(s)
}
