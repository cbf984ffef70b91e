package pay

import "strings"

// Currency is an ISO 4217 code in capitals.
type Currency string

// Digits is the number of decimals between major and minor unit: 0, 2 or 3.
func (c Currency) Digits() int { return int(currencyDigits[c]) - 1 }

// Known reports whether c is in the table, past codes included: an old link
// must still print.
func (c Currency) Known() bool { return currencyDigits[c] != 0 }

// Current reports whether new links may be made in c.
func (c Currency) Current() bool { return c.Known() && !strings.Contains(pastCurrencies, string(c)) }

// The ISO 4217 table by number of decimals. Funds with four decimals (CLF,
// UYW) are left out: no processor takes them.
const (
	noDecimals    = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals = "BHD IQD JOD KWD LYD OMR TND"
	twoDecimals   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
	// pastCurrencies were withdrawn; all had two decimals.
	pastCurrencies = "ANG BGN BYR CUC HRK LTL LVL MRO SLL STD VEF ZWL"
)

// currencyDigits holds decimals + 1, so that zero means unknown.
var currencyDigits = func() map[Currency]int8 {
	table := map[Currency]int8{}
	for list, digits := range map[string]int8{noDecimals: 0, twoDecimals: 2, pastCurrencies: 2, threeDecimals: 3} {
		for code := range strings.FieldsSeq(list) {
			table[Currency(code)] = digits + 1
		}
	}
	table["BYR"] = 1 // the old Belarusian rouble had no kopecks
	return table
}()
