package portone

import (
	"slices"
	"strings"

	"paylink/internal/pay"
)

// channel is a pair of provider and method that a merchant chose. Both are free
// text: what we cannot serve is left out of the page (sheet 9).
type channel struct {
	Channel string `json:"payment_channel"`
	Method  string `json:"payment_method"`
}

// methodWords say what the words of a method's key mean, which begin and end at
// an underscore or the end. The first row with such a word counts.
var methodWords = []struct {
	ids   []pay.MethodID
	words string
}{
	{[]pay.MethodID{pay.MethodCard, pay.MethodBankRedirect, pay.MethodBankTransfer, pay.MethodWallet}, "ALL"},
	{[]pay.MethodID{pay.MethodCreditEMI}, "INSTALLMENT"},
	{[]pay.MethodID{pay.MethodCard}, "CREDIT_CARD CREDITCARD ATM_CARD ATMCARD CARD UNIONPAY"},
	{[]pay.MethodID{pay.MethodBNPL}, "BNPL ATOME AKULAKU KREDIVO PAIDY KLARNA AFTERPAY PACE TENDOPAY REEPAY"},
	{[]pay.MethodID{pay.MethodBankTransfer}, "BANK_TRANSFER BANK_TRANSFERTH VIRTUAL_ACCOUNT VA ATM PAYTO PAY_EASY"},
	{[]pay.MethodID{pay.MethodUPI}, "UPI"},
	{[]pay.MethodID{pay.MethodBankRedirect}, "BANK FPX OBW DIRECT_DEBIT DIRECTDEBIT NET_BANKING NETPAY CLICK EPAY IDEAL BANCONTACT SOFORT EPS " +
		"PRZELEWY24 MYBANK POLI BLIK BAY BBL KBANK SCB BDO BPI RCBC LANDBANK METROBANK UNIONBANK"},
	{[]pay.MethodID{pay.MethodWallet}, "WALLET LINEPAY LINE_PAY LINEPAYTH ALIPAY WECHAT WECHATPAY SHOPEEPAY TRUEMONEY TRUE_MONEY MOMOPAY VIETTELPAY VNPAY " +
		"ZALOPAY GRABPAY GRABPAYMY GRABPAYPH BOOST TOUCHNGO OVO DANA LINKAJA SAKUKU GCASH PAYMAYA PAYPAL PAYPAY MERPAY RAKUTEN RAKUTEN_PAY AU AU_PAY " +
		"JKOPAY APPLEPAY GOOGLEPAY SAMSUNGPAY AMAZONPAY AMAZON_PAY KAKAOPAY NAVERPAY PAYCO TOSSPAY DOCOMO APPLE_GOOGLE_PAY CASH_APP_PAY MOBILE_MONEY MPESA"},
}

// methodOf is what a method's key means to us. Its first word is the provider's
// name and tells nothing: ZALOPAY_CREDITCARD is a card.
func methodOf(key string) []pay.MethodID {
	key = strings.ToUpper(key)
	if _, rest, ok := strings.Cut(key, "_"); ok {
		key = rest
	}
	for _, row := range methodWords {
		for word := range strings.FieldsSeq(row.words) {
			if strings.Contains("_"+key+"_", "_"+word+"_") {
				return row.ids
			}
		}
	}
	return []pay.MethodID{pay.MethodOther}
}

// methodsOf are our methods for the chosen pairs, in their order; none: all.
func methodsOf(chosen []channel) (ids []pay.MethodID) {
	for _, c := range chosen {
		for _, id := range methodOf(c.Method) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// wireMethods are the ends of method keys for payments by a method that the
// merchant did not choose by a pair.
var wireMethods = map[pay.MethodID]string{
	pay.MethodCard: "CREDIT_CARD", pay.MethodBankRedirect: "BANK", pay.MethodBankTransfer: "BANK_TRANSFER", pay.MethodWallet: "WALLET",
}

// channelOf is the pair that an attempt went by: the first chosen one that
// means its method, else our processor's. Signed values hold plain characters
// only, because merchants' verifiers encode others differently (sheet 3).
func channelOf(chosen []channel, a pay.Attempt) channel {
	for _, c := range chosen {
		if slices.Contains(methodOf(c.Method), a.Method) && plain(c.Channel) && plain(c.Method) {
			return c
		}
	}
	by := strings.ToUpper(a.Processor)
	method := wireMethods[a.Method]
	if method == "" {
		method = strings.ToUpper(string(a.Method))
	}
	return channel{by, by + "_" + method}
}

func plain(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}
