package page

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
)

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		accept string
		m      pay.Money
		want   string
	}{
		{"", pay.Money{Minor: 124950, Currency: "USD"}, "$1,249.50"},
		{"en-US,en;q=0.5", pay.Money{Minor: 5, Currency: "USD"}, "$0.05"},
		{"de-DE", pay.Money{Minor: 124950, Currency: "EUR"}, "1.249,50\u00a0€"},
		{"ja", pay.Money{Minor: 1050, Currency: "JPY"}, "¥1,050"},
		{"en", pay.Money{Minor: 1050, Currency: "KWD"}, "KWD\u00a01.050"},
		{"not a language;;;", pay.Money{Minor: 100, Currency: "USD"}, "$1.00"},
		{"*", pay.Money{Minor: 100, Currency: "USD"}, "$1.00"},
		{strings.Repeat("en,", 9999), pay.Money{Minor: 100, Currency: "USD"}, "$1.00"},
	} {
		if got := LocaleOf(c.accept).Money(c.m); strings.ReplaceAll(got, "￥", "¥") != c.want {
			t.Errorf("%.20q %v: %q, want %q", c.accept, c.m, got, c.want)
		}
	}
}

// TestMoneyDigits prints every currency with the number of decimals we reckon
// with, whatever the tables of words hold.
func TestMoneyDigits(t *testing.T) {
	for _, c := range strings.Fields("USD JPY KWD ISK UGX CLP MRU IDR LAK HUF TWD IQD RSD UYI XPF HRK") {
		m := pay.Money{Minor: 7, Currency: pay.Currency(c)}
		if got := LocaleOf("en").Money(m); !strings.Contains(got, m.Major()) {
			t.Errorf("%s: %q, want %s", c, got, m.Major())
		}
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 30, 59, 0, time.UTC)
	for zone, want := range map[string]string{
		"": "21 November 2026, 09:30 UTC", "No/Where": "21 November 2026, 09:30 UTC", "Asia/Bangkok": "21 November 2026, 16:30 UTC+07",
	} {
		if got := Time(at, zone); got != want {
			t.Errorf("%q: %q", zone, got)
		}
	}
}

func TestURLs(t *testing.T) {
	for raw, want := range map[string]bool{
		"https://shop.example/ok?a=b": true, "http://127.0.0.1:9/x": true, "shopapp://done": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "//evil.example": false,
		"https://u:p@shop.example": false, "https://shop.example/\nx": false, "": false, "vbscript:x": false, "https:\\evil": false,
	} {
		if SafeURL(raw) != want {
			t.Errorf("%q", raw)
		}
	}
	for raw, want := range map[string]string{
		"https://Shop.example:8443/a": "https://shop.example:8443", "shopapp://done": "", "https://a;b/": "", "https://*.example/": "", "https://a b/": "",
	} {
		if got := Origin(raw); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

func TestGzipRefused(t *testing.T) {
	for accept, want := range map[string]bool{"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "x-gzip": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		if takesGzip(r) != want {
			t.Errorf("%q", accept)
		}
	}
}
