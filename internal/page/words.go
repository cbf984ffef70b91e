package page

import (
	"strings"
	"time"

	"github.com/bojanz/currency"
	"golang.org/x/text/language"

	"paylink/internal/pay"
)

// Locale is how a reader's country writes numbers.
type Locale struct{ money *currency.Formatter }

// maxAcceptLanguage is what is read of the header, in bytes.
const maxAcceptLanguage = 256

// LocaleOf is the first locale an Accept-Language header names, or English.
func LocaleOf(acceptLanguage string) Locale {
	id := "en"
	if len(acceptLanguage) <= maxAcceptLanguage {
		if tags, _, err := language.ParseAcceptLanguage(acceptLanguage); err == nil && len(tags) > 0 {
			base, _, region := tags[0].Raw()
			id = base.String()
			if region.String() != "ZZ" {
				id += "-" + region.String()
			}
		}
	}
	if id == "und" || id == "mul" {
		id = "en"
	}
	return Locale{currency.NewFormatter(currency.NewLocale(id))}
}

// Money words m in the reader's way; a currency the tables of words lack is
// shown by its code.
func (l Locale) Money(m pay.Money) string {
	if l.money == nil {
		l = LocaleOf("")
	}
	amount, err := currency.NewAmountFromInt64(m.Minor, string(m.Currency))
	if digits, ok := currency.GetDigits(string(m.Currency)); err != nil || !ok || int(digits) != m.Currency.Digits() {
		return m.Major() + " " + string(m.Currency)
	}
	return l.money.Format(amount)
}

// Time words t to the minute, in the zone with an IANA name; UTC when the
// name is empty or unknown.
func Time(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	t = t.In(loc)
	name := t.Format("MST")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		name = "UTC" + name
	}
	return t.Format("2 January 2006, 15:04 ") + name
}
