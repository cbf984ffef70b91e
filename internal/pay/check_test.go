package pay

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// goodLink breaks no rule.
func goodLink() Link {
	return Link{
		Tenant: Tenant{"shop", Test}, ID: "0ABCDEFGHI", Dialect: "native", Description: "Two field guides",
		Price: Price{Currency: "USD", Amount: 1050}, Use: Use{Max: 1}, ExpiresAt: noon.Add(time.Hour),
	}
}

// faults are "path code" of every field at fault, sorted.
func faults(err error) (list []string) {
	var e *Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			list = append(list, f.Path+" "+f.Code)
		}
	}
	slices.Sort(list)
	return list
}

// long is n characters of two bytes each: limits count characters, not bytes.
func long(n int) string { return strings.Repeat("é", n) }

// linkFaults are changes to a good link, each with the faults that follow.
var linkFaults = []struct {
	fault string // empty: nothing is wrong
	with  func(l *Link)
}{
	{"", func(l *Link) {}},
	{"amount too_small", func(l *Link) { l.Price.Amount = 0 }},
	{"amount too_small", func(l *Link) { l.Price.Amount = -1 }},
	{"", func(l *Link) { l.Price.Amount = MaxMinor }},
	{"amount too_large", func(l *Link) { l.Price.Amount = MaxMinor + 1 }},
	{"currency unknown_currency", func(l *Link) { l.Price.Currency = "XXX" }},
	{"currency unknown_currency", func(l *Link) { l.Price.Currency = "HRK" }}, // past
	{"currency unknown_currency", func(l *Link) { l.Price.Currency = "usd" }},
	{"", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Min: 100, Max: 200, Suggested: 150} }},
	{"open_amount.minimum too_small", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Min: -1} }},
	{"open_amount.maximum too_large", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Max: MaxMinor + 1} }},
	{"open_amount.maximum too_small", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Min: 2, Max: 1} }},
	{"open_amount.suggested out_of_range", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Min: 100, Suggested: 99} }},
	{"open_amount.suggested out_of_range", func(l *Link) { l.Price = Price{Currency: "USD", Open: true, Max: 100, Suggested: 101} }},
	{"method_prices.card.amount too_small", func(l *Link) { l.Price.PerMethod = map[MethodID]MethodCost{MethodCard: {Amount: 0}} }},
	{"discount too_small", func(l *Link) { l.Price.Breakdown.Discount = -1 }},
	{"shipping too_large", func(l *Link) { l.Price.Breakdown.Shipping = MaxMinor + 1 }},
	{"tax too_small", func(l *Link) { l.Price.Breakdown.Tax = -1 }},
	{"items too_many", func(l *Link) { l.Price.Breakdown.Items = make([]Item, maxItems+1) }},
	{"items[1].amount too_small", func(l *Link) { l.Price.Breakdown.Items = []Item{{}, {Amount: -1}} }},
	{"items[0].quantity too_small", func(l *Link) { l.Price.Breakdown.Items = []Item{{Quantity: -1}} }},
	{"items[0].name too_long", func(l *Link) { l.Price.Breakdown.Items = []Item{{Name: long(maxName + 1)}} }},
	{"items[0].code bad_characters", func(l *Link) { l.Price.Breakdown.Items = []Item{{Code: "a\nb"}} }},
	{"", func(l *Link) { l.Splits = []Split{{Account: "a", Amount: 50}, {Account: "b", Amount: 1000}} }},
	{"splits too_large", func(l *Link) { l.Splits = []Split{{Account: "a", Amount: 51}, {Account: "b", Amount: 1000}} }},
	{"splits[0].amount too_small splits too_large", func(l *Link) { l.Splits = []Split{{Account: "a", Amount: -1}} }},
	{"splits too_many", func(l *Link) { l.Splits = make([]Split, maxSplits+1) }},
	{"splits too_large", func(l *Link) {
		l.Price = Price{Currency: "USD", Open: true}
		l.Splits = []Split{{Account: "a", Amount: 1}}
	}},
	{"max_uses out_of_range", func(l *Link) { l.Use.Max = -1 }},
	{"max_uses out_of_range", func(l *Link) { l.Use.Max = 1_000_001 }},
	{"", func(l *Link) { l.Use = Use{Max: 1, Parts: true, MinFirst: 1050} }},
	{"part_payments not_with_max_uses", func(l *Link) { l.Use = Use{Max: 2, Parts: true} }},
	{"part_payments not_with_manual_capture", func(l *Link) { l.Use = Use{Parts: true, Manual: true} }},
	{"part_payments not_with_open_amount", func(l *Link) { l.Price, l.Use = Price{Currency: "USD", Open: true}, Use{Parts: true} }},
	{"part_payments not_with_method_prices", func(l *Link) {
		l.Use, l.Price.PerMethod = Use{Parts: true}, map[MethodID]MethodCost{MethodCard: {Amount: 1}}
	}},
	{"part_payments.minimum_first out_of_range", func(l *Link) { l.Use = Use{Parts: true, MinFirst: 1051} }},
	{"part_payments.minimum_first out_of_range", func(l *Link) { l.Use = Use{Parts: true, MinFirst: -1} }},
	{"", func(l *Link) { l.Use = Use{Max: 1, Parts: true, MinPart: 1050} }},
	{"part_payments.minimum_part out_of_range", func(l *Link) { l.Use = Use{Parts: true, MinPart: 1051} }},
	{"part_payments.minimum_part out_of_range", func(l *Link) { l.Use = Use{Parts: true, MinPart: -1} }},
	{"part_payments required", func(l *Link) { l.Use = Use{Max: 1, MinPart: 100} }},
	{"part_payments required", func(l *Link) { l.Use = Use{Max: 1, MinFirst: 100} }},
	{"expires_at in_the_past", func(l *Link) { l.ExpiresAt = noon }}, // exclusive
	{"", func(l *Link) { l.ExpiresAt = noon.Add(time.Microsecond) }},
	{"starts_at too_late", func(l *Link) { l.StartsAt = l.ExpiresAt }},
	{"methods.allowed unknown_method", func(l *Link) { l.Methods.Allowed = []MethodID{MethodCard, "barter"} }},
	{"methods.blocked unknown_method", func(l *Link) { l.Methods.Blocked = []MethodID{"barter"} }},
	{"", func(l *Link) { l.Description = long(maxText) }},
	{"description too_long", func(l *Link) { l.Description = long(maxText + 1) }},
	{"", func(l *Link) { l.Description = "two\nlines" }},
	{"description bad_characters", func(l *Link) { l.Description = "a\x00b" }},
	{"description bad_characters", func(l *Link) { l.Description = "a\u202eb" }}, // turns what follows around
	{"description bad_characters", func(l *Link) { l.Description = "a\xffb" }},
	{"reference too_long", func(l *Link) { l.Reference = long(maxRef + 1) }},
	{"reference bad_characters", func(l *Link) { l.Reference = "two\nlines" }},
	{"unique_reference too_long", func(l *Link) { l.UniqueRef = long(maxRef + 1) }},
	{"page.display_name too_long", func(l *Link) { l.Page.DisplayName = long(maxPerson + 1) }},
	{"page.success_url invalid_url", func(l *Link) { l.Page.SuccessURL = "javascript:alert(1)" }},
	{"page.failure_url invalid_url", func(l *Link) { l.Page.FailureURL = "//shop.example/" }},
	{"page.pending_url invalid_url", func(l *Link) { l.Page.PendingURL = "https://a@shop.example/" }},
	{"page.back_url invalid_url", func(l *Link) { l.Page.BackURL = "shop.example" }},
	{"payer.name too_long", func(l *Link) { l.Payer.Name = long(maxPerson + 1) }},
	{"payer.email invalid_email", func(l *Link) { l.Payer.Email = "Ann <ann@example.com>" }},
	{"payer.phone too_long", func(l *Link) { l.Payer.Phone = long(41) }},
	{"payer.reference bad_characters", func(l *Link) { l.Payer.Reference = "\x1b" }},
	{"payer.tax_number too_long", func(l *Link) { l.Payer.TaxNumber = long(61) }},
	{"metadata too_many", func(l *Link) {
		l.Metadata = map[string]string{}
		for i := range maxMetadata + 1 {
			l.Metadata[fmt.Sprint(i)] = ""
		}
	}},
	{"metadata too_long", func(l *Link) { l.Metadata = map[string]string{"k": long(maxMetaText + 1)} }},
	{"metadata bad_characters", func(l *Link) { l.Metadata = map[string]string{"k\n": ""} }},
}

func TestValidateNamesTheField(t *testing.T) {
	for _, c := range linkFaults {
		l := goodLink()
		c.with(&l)
		err := l.Validate(noon)
		if err != nil && KindOf(err) != Invalid {
			t.Errorf("want %q: %v", c.fault, err)
		}
		// Two faults of one field are written one after the other in the table.
		want := strings.Fields(c.fault)
		pairs := []string{}
		for i := 0; i < len(want); i += 2 {
			pairs = append(pairs, want[i]+" "+want[i+1])
		}
		slices.Sort(pairs)
		if got := faults(err); !slices.Equal(got, pairs) {
			t.Errorf("faults %q, want %q", got, c.fault)
		}
	}
}

// TestValidateNamesEveryField: one answer has all that is wrong.
func TestValidateNamesEveryField(t *testing.T) {
	l := goodLink()
	l.Price = Price{Currency: "XXX", Breakdown: Breakdown{Discount: -1, Items: []Item{{Amount: -1, Name: "\x00"}}}}
	l.Use.Max, l.ExpiresAt, l.Description = -1, noon.Add(-time.Hour), strings.Repeat("a", maxText+1)
	l.Payer.Email, l.Page.SuccessURL, l.Methods.Allowed = "no", "ftp://a", []MethodID{"barter"}
	want := []string{
		"amount too_small", "currency unknown_currency", "description too_long", "discount too_small", "expires_at in_the_past",
		"items[0].amount too_small", "items[0].name bad_characters", "max_uses out_of_range", "methods.allowed unknown_method",
		"page.success_url invalid_url", "payer.email invalid_email",
	}
	if got := faults(l.Validate(noon)); !slices.Equal(got, want) {
		t.Fatalf("faults\n%q\nwant\n%q", got, want)
	}
}

func TestCardNumbersAreRefused(t *testing.T) {
	const card = "4242 4242-4242 4242"
	for path, with := range map[string]func(l *Link){
		"description":             func(l *Link) { l.Description = "card " + card + "." },
		"page.display_name":       func(l *Link) { l.Page.DisplayName = card },
		"payer.name":              func(l *Link) { l.Payer.Name = "Ann " + card },
		"metadata.note":           func(l *Link) { l.Metadata = map[string]string{"note": card} },
		"items[0].name":           func(l *Link) { l.Price.Breakdown.Items = []Item{{Name: card}} },
		"method_prices.card.note": func(l *Link) { l.Price.PerMethod = map[MethodID]MethodCost{MethodCard: {Amount: 1, Note: card}} },
	} {
		l := goodLink()
		with(&l)
		err := l.Validate(noon)
		if KindOf(err) != Refused || !slices.Equal(faults(err), []string{path + " card_data_not_accepted"}) || strings.Contains(err.Error(), "4242") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for s, is := range map[string]bool{
		"4242424242424242": true, "a4242424242424242b": true, "4000056655665556": true, "378282246310005": true, "6011000990139424": true,
		"order 12 4242 4242 4242 4242": true, "4242 4242 4242 4242 12/30 123": true, // beside other digits
		"4242\u00a04242\u00a04242\u00a04242": true, "4242–4242–4242–4242": true, "4242\n4242\n4242\n4242": true,
		"2026-11-21 2026-11-27": false, // Luhn holds, and no issuer begins so
		"4242424242424241":      false, // Luhn
		"1111111111111117":      false, // no issuer begins so
		"424242424242":          false, // too short
		"42424242424242424242":  false, // too long
		"4242.4242.4242.4242":   false, // not a run
		"":                      false,
	} {
		if HasCardNumber(s) != is {
			t.Errorf("%q: a card is %v", s, !is)
		}
	}
	l := goodLink()
	l.Reference = "4242424242424242" // references keep their own format
	if err := l.Validate(noon); err != nil {
		t.Errorf("reference: %v", err)
	}
}

func TestCheckReturnURL(t *testing.T) {
	for raw, good := range map[string]bool{
		"https://shop.example/thanks?a=b": true,
		"https://shop.example:8443":       true,
		"http://shop.example/":            false, // test mode alone
		"ftp://shop.example/":             false,
		"javascript:alert(1)":             false,
		"data:text/html,x":                false,
		"https:shop.example":              false,
		"https:///path":                   false,
		"//shop.example/":                 false,
		"/path":                           false,
		"":                                false,
		"https://a:b@shop.example/":       false,
		"https://shop.example/#top":       false,
		"https://shop.example\\@evil/":    false,
		"https://shop.example/a b":        false,
		"https://shop.example/\r\nX: y":   false,
		"https://shöp.example/":           false,
		"https://shop.example/" + strings.Repeat("a", maxURL): false,
	} {
		if detail := CheckReturnURL(raw, Live); (detail == "") != good {
			t.Errorf("%.40q: %q", raw, detail)
		}
	}
	if detail := CheckReturnURL("http://127.0.0.1:3000/", Test); detail != "" {
		t.Errorf("http in test mode: %s", detail)
	}
}

func FuzzCheckReturnURL(f *testing.F) {
	for _, raw := range []string{"https://shop.example/a?b=c", "http://h", "https://a@b", "//x", "https://\\", "javascript:a", "https://[::1]:1/"} {
		f.Add(raw, false)
		f.Add(raw, true)
	}
	f.Fuzz(func(t *testing.T, raw string, live bool) {
		mode := Test
		if live {
			mode = Live
		}
		if CheckReturnURL(raw, mode) != "" {
			return
		}
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
			t.Fatalf("%q was let in: %v", raw, err)
		case u.Scheme != "https" && (live || u.Scheme != "http"):
			t.Fatalf("%q was let in with %s", raw, u.Scheme)
		case strings.ContainsAny(raw, "\\\r\n\x00 "):
			t.Fatalf("%q could break a header or a host", raw)
		}
	})
}

func TestReturnHostsAreListed(t *testing.T) {
	p := Page{SuccessURL: "https://shop.example/ok", FailureURL: "https://shop.example.evil.test/", BackURL: "https://sub.shop.example:8443/"}
	if err := p.CheckHosts(nil); err != nil {
		t.Errorf("no list: %v", err)
	}
	want := []string{"page.back_url host_not_listed", "page.failure_url host_not_listed"}
	if got := faults(p.CheckHosts([]string{"shop.example"})); !slices.Equal(got, want) {
		t.Errorf("faults %q", got)
	}
}
