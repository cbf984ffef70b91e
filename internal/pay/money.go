package pay

import (
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// MaxMinor is the largest amount, in minor units (M2).
const MaxMinor = 999_999_999_999

// Money is an amount of one currency in its ISO 4217 minor unit: 1050 USD is
// ten dollars fifty, 1050 JPY is 1050 yen. Never a float, at rest or in motion.
// The zero Money has no currency and is not valid.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Valid reports whether m has a known currency and 0 ≤ minor ≤ MaxMinor.
func (m Money) Valid() bool {
	return m.Currency.Known() && m.Minor >= 0 && m.Minor <= MaxMinor
}

// Major is m as a decimal string with all digits of its currency: "10.50".
func (m Money) Major() string {
	digits := max(m.Currency.Digits(), 0) // an unknown currency prints as it is stored
	s := strconv.FormatInt(m.Minor, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if digits == 0 {
		return sign + s
	}
	if len(s) <= digits {
		s = strings.Repeat("0", digits-len(s)+1) + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}

func (m Money) String() string { return m.Major() + " " + string(m.Currency) }

// ParseMajor reads a decimal string of major units exactly. It refuses a sign,
// an exponent, a separator, an empty side of the point and more digits than
// the currency has: it never rounds (M2).
func ParseMajor(s string, c Currency) (Money, error) {
	bad := func(code, detail string) (Money, error) {
		var f Faults
		f.Add("amount", code, detail)
		return Money{}, f.Err()
	}
	if !c.Known() {
		return bad("unknown_currency", "must have a known ISO 4217 currency")
	}
	whole, frac, point := strings.Cut(s, ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" || point && frac == "" || strings.Trim(frac, "0123456789") != "" {
		return bad("not_a_number", "must be digits with at most one decimal point")
	}
	if len(frac) > c.Digits() {
		return bad("too_precise", "has more decimals than the currency")
	}
	digits := strings.TrimLeft(whole, "0") + frac + strings.Repeat("0", c.Digits()-len(frac))
	if len(digits) > 12 {
		return bad("too_large", "must be at most 999999999999 minor units")
	}
	minor, err := strconv.ParseInt("0"+digits, 10, 64)
	if err != nil {
		return bad("not_a_number", "must be digits with at most one decimal point")
	}
	return Money{minor, c}, nil
}

// AddMinor is a + b; ok is false when the sum leaves 0 … MaxMinor.
func AddMinor(a, b int64) (sum int64, ok bool) {
	if a < 0 || b < 0 || a > MaxMinor || b > MaxMinor || a+b > MaxMinor {
		return 0, false
	}
	return a + b, true
}

// MulMinor is a × n; ok is false when the product leaves 0 … MaxMinor.
func MulMinor(a, n int64) (product int64, ok bool) {
	if a < 0 || n < 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(a), uint64(n))
	if hi != 0 || lo > MaxMinor {
		return 0, false
	}
	return int64(lo), true
}

// Allocate shares total by weights with the largest remainder, ties to the
// lowest index (M8). The shares sum to total. Weights are not negative and
// not all zero; total is not negative.
func Allocate(total int64, weights []int64) []int64 {
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, big.NewInt(w))
	}
	shares := make([]int64, len(weights))
	rests := make([]*big.Int, len(weights))
	left := total
	for i, w := range weights {
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(big.NewInt(total), big.NewInt(w)), sum, new(big.Int))
		shares[i], rests[i] = q.Int64(), r
		left -= shares[i]
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rests[b].Cmp(rests[a]) })
	for _, i := range order[:left] {
		shares[i]++
	}
	return shares
}
