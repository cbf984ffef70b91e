package portone

import (
	"net/url"
	"strings"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Return is a redirect with a signature (sheet 7.2). An attempt whose payer has
// a step to take has no result to tell yet.
func (d *portone) Return(l pay.Link, p pay.Payment, secret string, _ time.Time) (dialect.Return, bool) {
	a, ok := lastOf(p)
	if !ok || secret == "" {
		return dialect.Return{}, false
	}
	to := ""
	switch a.verdict(l).status {
	case attemptSuccess:
		to = l.Page.SuccessURL
	case attemptFailed, attemptExpired:
		to = l.Page.FailureURL
	case attemptPending:
		to = first(l.Page.PendingURL, l.Page.SuccessURL)
	}
	if to == "" {
		return dialect.Return{}, false
	}
	return dialect.Return{URL: appendQuery(to, d.returnPairs(l, a, secret))}, true
}

// returnPairs are the parameters of the way back.
func (d *portone) returnPairs(l pay.Link, a attempt, secret string) []pair {
	o, in := d.newPaymentOut(d.publicURL, l, a), kept(l)
	return []pair{
		{"order_ref", o.OrderRef}, {"channel_order_ref", o.ChannelOrderRef}, {"merchant_order_ref", o.MerchantOrderRef},
		{"link_order_ref", o.LinkOrderRef}, {"status", o.Status}, {"status_code", o.Code}, {"status_reason", o.Reason},
		{"amount", string(o.Amount)}, {"currency", o.Currency},
		{"status_channel_reason", ""}, {"message", o.UserMessage}, // the processor's own words are not for who tries stolen cards
		{"buyer_name", o.BuyerName}, {"buyer_email", o.BuyerEmail}, {"buyer_phone", o.BuyerPhone}, {"buyer_address1", o.BuyerAddress1},
		{"buyer_address2", o.BuyerAddress2}, {"buyer_city", o.BuyerCity}, {"buyer_country", o.BuyerCountry},
		{"channel_key", o.ChannelKey}, {"channel_name", o.ChannelName}, {"method_key", o.MethodKey}, {"method_name", o.MethodName},
		{"description", o.Description}, {"lang", "en"}, {"merchant_brand_name", o.MerchantName}, {"merchant_logo", in.Merchant.Logo},
		{"payment_source", o.Source}, {"support_email", ""}, {"support_phone", ""},
		{"signature_hash", sign(secret, signedReturn(o.ChannelOrderRef, o.MerchantOrderRef, o.OrderRef, o.Status))},
	}
}

// appendQuery adds parameters to a merchant's URL, whose own text stays byte
// for byte, also where a name is then there twice.
func appendQuery(to string, pairs []pair) string {
	query := make([]string, len(pairs))
	for i, p := range pairs {
		query[i] = p.key + "=" + url.QueryEscape(p.value)
	}
	sep := "?"
	switch {
	case strings.HasSuffix(to, "?"), strings.HasSuffix(to, "&"):
		sep = ""
	case strings.Contains(to, "?"):
		sep = "&"
	}
	return to + sep + strings.Join(query, "&")
}
