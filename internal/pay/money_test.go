package pay

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMajor(t *testing.T) {
	for _, c := range []struct {
		money Money
		text  string
	}{
		{Money{1050, "USD"}, "10.50"},
		{Money{0, "USD"}, "0.00"},
		{Money{7, "EUR"}, "0.07"},
		{Money{MaxMinor, "INR"}, "9999999999.99"},
		{Money{1050, "JPY"}, "1050"},
		{Money{0, "KRW"}, "0"},
		{Money{MaxMinor, "JPY"}, "999999999999"},
		{Money{1, "BHD"}, "0.001"},
		{Money{12345, "KWD"}, "12.345"},
		{Money{MaxMinor, "TND"}, "999999999.999"},
		{Money{-5, "USD"}, "-0.05"},
		{Money{-1050, "JPY"}, "-1050"},
		{Money{12, "???"}, "12"},
	} {
		if got := c.money.Major(); got != c.text {
			t.Errorf("%d %s is %q, want %q", c.money.Minor, c.money.Currency, got, c.text)
		}
	}
}

func TestParseMajor(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency Currency
		minor    int64
		code     string // of the fault; empty: none
	}{
		{"10.50", "USD", 1050, ""},
		{"10.5", "USD", 1050, ""},
		{"10", "USD", 1000, ""},
		{"0", "USD", 0, ""},
		{"00010.50", "USD", 1050, ""},
		{"1050", "JPY", 1050, ""},
		{"1.234", "BHD", 1234, ""},
		{"9999999999.99", "USD", MaxMinor, ""},
		{"999999999999", "JPY", MaxMinor, ""},
		{"999999999.999", "KWD", MaxMinor, ""},
		{"10000000000", "USD", 0, "too_large"},
		{"1000000000000", "JPY", 0, "too_large"},
		{"1000000000.000", "KWD", 0, "too_large"},
		{strings.Repeat("9", 400), "USD", 0, "too_large"},
		{"10.500", "USD", 0, "too_precise"}, // zeros too: never rounded
		{"10.0", "JPY", 0, "too_precise"},
		{"1.2345", "BHD", 0, "too_precise"},
		{"-1", "USD", 0, "not_a_number"},
		{"+1", "USD", 0, "not_a_number"},
		{"1e3", "USD", 0, "not_a_number"},
		{"1E3", "USD", 0, "not_a_number"},
		{"1,000", "USD", 0, "not_a_number"},
		{"1_000", "USD", 0, "not_a_number"},
		{"1 000", "USD", 0, "not_a_number"},
		{" 1", "USD", 0, "not_a_number"},
		{"1\n", "USD", 0, "not_a_number"},
		{"", "USD", 0, "not_a_number"},
		{".", "USD", 0, "not_a_number"},
		{".5", "USD", 0, "not_a_number"},
		{"5.", "USD", 0, "not_a_number"},
		{"1.2.3", "USD", 0, "not_a_number"},
		{"1.-2", "USD", 0, "not_a_number"},
		{"0x10", "USD", 0, "not_a_number"},
		{"١", "USD", 0, "not_a_number"}, // an Arabic-Indic one
		{"NaN", "USD", 0, "not_a_number"},
		{"1", "usd", 0, "unknown_currency"},
		{"1", "XXX", 0, "unknown_currency"},
		{"1", "", 0, "unknown_currency"},
	} {
		got, err := ParseMajor(c.text, c.currency)
		if code := fieldCode(err); code != c.code {
			t.Errorf("%.20q %s: fault %q, want %q", c.text, c.currency, code, c.code)
		} else if code == "" && got != (Money{c.minor, c.currency}) {
			t.Errorf("%q %s is %v, want %d", c.text, c.currency, got, c.minor)
		}
	}
}

// fieldCode is the code of the only field at fault; "" when err is nil.
func fieldCode(err error) string {
	var e *Error
	if errors.As(err, &e) && len(e.Fields) == 1 {
		return e.Fields[0].Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// currencies are one of each number of decimals, and one that is no more.
var currencies = []Currency{"JPY", "USD", "BHD", "HRK"}

func TestMajorRoundTrip(t *testing.T) {
	property(t, func(t *rapid.T) {
		m := Money{rapid.Int64Range(0, MaxMinor).Draw(t, "minor"), rapid.SampledFrom(currencies).Draw(t, "currency")}
		if back, err := ParseMajor(m.Major(), m.Currency); err != nil || back != m {
			t.Fatalf("%v comes back as %v, %v", m, back, err)
		}
	})
}

func FuzzParseMajor(f *testing.F) {
	for _, s := range []string{"10.50", "0", "1e9", "-1", "999999999999", "1.0000", "", "٣"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		c := currencies[uint(n)%uint(len(currencies))]
		m, err := ParseMajor(s, c)
		if err != nil {
			if KindOf(err) != Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		// What was read is exactly what was written.
		value, ok := new(big.Rat).SetString(s)
		scale := new(big.Rat).SetFloat64(math.Pow10(c.Digits()))
		if !m.Valid() || !ok || value.Mul(value, scale).Cmp(new(big.Rat).SetInt64(m.Minor)) != 0 {
			t.Fatalf("%q became %v", s, m)
		}
	})
}

func TestCurrencies(t *testing.T) {
	for code, digits := range map[Currency]int{"JPY": 0, "BYR": 0, "USD": 2, "KWD": 3, "HRK": 2} {
		if !code.Known() || code.Digits() != digits {
			t.Errorf("%s: known %v, %d digits", code, code.Known(), code.Digits())
		}
	}
	for code, current := range map[Currency]bool{"USD": true, "ZWG": true, "HRK": false, "BYR": false, "usd": false, "USDX": false, "": false} {
		if code.Current() != current {
			t.Errorf("%q: current is %v", code, !current)
		}
	}
	for code := range currencyDigits {
		if len(code) != 3 || strings.ToUpper(string(code)) != string(code) {
			t.Errorf("%q is no code", code)
		}
	}
}

func TestMoneyValid(t *testing.T) {
	for m, valid := range map[Money]bool{
		{0, "USD"}: true, {MaxMinor, "USD"}: true, {MaxMinor + 1, "USD"}: false, {-1, "USD"}: false, {1, ""}: false, {1, "XXX"}: false,
	} {
		if m.Valid() != valid {
			t.Errorf("%v: valid is %v", m, !valid)
		}
	}
}

// TestCheckedSums holds AddMinor and MulMinor against numbers without end (M2).
func TestCheckedSums(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(-2, 3), rapid.Int64Range(MaxMinor-2, MaxMinor+2), rapid.Int64())
	property(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		inside := func(n *big.Int) bool { return n.Sign() >= 0 && n.Cmp(big.NewInt(MaxMinor)) <= 0 }
		A, B := big.NewInt(a), big.NewInt(b)
		sum := new(big.Int).Add(A, B)
		if got, ok := AddMinor(a, b); ok != (a >= 0 && b >= 0 && inside(sum)) || ok && got != sum.Int64() {
			t.Fatalf("%d + %d is %d, %v", a, b, got, ok)
		}
		product := new(big.Int).Mul(A, B)
		if got, ok := MulMinor(a, b); ok != (a >= 0 && b >= 0 && inside(product)) || ok && got != product.Int64() {
			t.Fatalf("%d × %d is %d, %v", a, b, got, ok)
		}
	})
}

func TestAllocate(t *testing.T) {
	for _, c := range []struct {
		total           int64
		weights, shares []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}}, // ties to the lowest index
		{101, []int64{1, 1, 1}, []int64{34, 34, 33}},
		{10, []int64{1, 2, 3}, []int64{2, 3, 5}}, // 1.67 3.33 5
		{1, []int64{0, 1}, []int64{0, 1}},
		{5, []int64{0, 0, 7}, []int64{0, 0, 5}},
		{0, []int64{3, 4}, []int64{0, 0}},
		{7, []int64{5}, []int64{7}},
		{MaxMinor, []int64{MaxMinor, MaxMinor}, []int64{MaxMinor/2 + 1, MaxMinor / 2}},
	} {
		if got := Allocate(c.total, c.weights); !slices.Equal(got, c.shares) {
			t.Errorf("%d by %v is %v, want %v", c.total, c.weights, got, c.shares)
		}
	}
}

// drawWeights are one to six weights, not all zero, small or large.
func drawWeights(t *rapid.T) []int64 {
	weight := rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, MaxMinor))
	return rapid.SliceOfN(weight, 1, 6).Filter(func(w []int64) bool {
		return slices.ContainsFunc(w, func(n int64) bool { return n > 0 })
	}).Draw(t, "weights")
}

func sumOf(list []int64) (sum int64) {
	for _, n := range list {
		sum += n
	}
	return sum
}

// TestAllocateIsLargestRemainder: the shares sum to the whole, each is its
// exact share rounded down or up, and none was rounded up before one with a
// larger rest, or an equal rest and a lower index (M8).
func TestAllocateIsLargestRemainder(t *testing.T) {
	property(t, func(t *rapid.T) {
		weights := drawWeights(t)
		total := rapid.Int64Range(0, MaxMinor).Draw(t, "total")
		shares := Allocate(total, weights)
		if sumOf(shares) != total {
			t.Fatalf("%d by %v is %v", total, weights, shares)
		}
		whole := big.NewInt(sumOf(weights))
		rests := make([]*big.Int, len(weights))
		up := make([]bool, len(weights))
		for i, w := range weights {
			floor, rest := new(big.Int).QuoRem(new(big.Int).Mul(big.NewInt(total), big.NewInt(w)), whole, new(big.Int))
			rests[i], up[i] = rest, shares[i] == floor.Int64()+1
			if !up[i] && shares[i] != floor.Int64() || up[i] && rest.Sign() == 0 {
				t.Fatalf("%d by %v is %v: share %d", total, weights, shares, i)
			}
		}
		for i := range weights {
			for j := range weights {
				if up[i] && !up[j] && (rests[i].Cmp(rests[j]) < 0 || rests[i].Cmp(rests[j]) == 0 && i > j) {
					t.Fatalf("%d by %v is %v: %d was rounded up before %d", total, weights, shares, i, j)
				}
			}
		}
	})
}
