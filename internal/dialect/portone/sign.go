package portone

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"strings"
)

// pair is one signed key with its value.
type pair struct{ key, value string }

// The signed pairs of sheet 3, in the order of the keys.

func signedRequest(clientKey, amount, currency, failureURL, orderID, successURL string) []pair {
	return []pair{
		{"amount", amount}, {"client_key", clientKey}, {"currency", currency}, {"failure_url", failureURL},
		{"merchant_order_id", orderID}, {"success_url", successURL},
	}
}

func signedReturn(channelRef, attemptRef, orderRef, status string) []pair {
	return []pair{{"channel_order_ref", channelRef}, {"merchant_order_ref", attemptRef}, {"order_ref", orderRef}, {"status", status}}
}

func signedPayment(p paymentOut) []pair {
	return []pair{
		{"amount", string(p.Amount)}, {"channel_key", p.ChannelKey}, {"channel_order_ref", p.ChannelOrderRef}, {"country_code", p.CountryCode},
		{"currency", p.Currency}, {"merchant_order_ref", p.MerchantOrderRef}, {"method_name", p.MethodName}, {"order_ref", p.OrderRef},
		{"status", p.Status},
	}
}

func signedLink(l linkEvent) []pair {
	return []pair{
		{"amount", string(l.Amount)}, {"country_code", l.CountryCode}, {"currency", l.Currency}, {"link_ref", l.LinkRef},
		{"merchant_order_ref", l.MerchantOrderRef}, {"status", l.Status},
	}
}

// encoders write a value as the published samples do: the first is the
// canonical one, which we sign with; a merchant's request may use any.
var encoders = []func(string) string{
	url.QueryEscape, // Go Values.Encode, Python urlencode
	strings.NewReplacer("%2A", "*", "~", "%7E").Replace,                                                 // Node URLSearchParams, Java URLEncoder
	strings.NewReplacer("~", "%7E").Replace,                                                             // PHP http_build_query
	strings.NewReplacer("+", "%20").Replace,                                                             // C# EscapeDataString
	strings.NewReplacer("+", "%20", "%2A", "*", "%21", "!", "%27", "'", "%28", "(", "%29", ")").Replace, // JavaScript encodeURIComponent
}

// message is the text that is signed. Our keys are plain words and sorted.
func message(pairs []pair, encoder int) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		value := url.QueryEscape(p.value)
		if encoder > 0 {
			value = encoders[encoder](value)
		}
		parts[i] = p.key + "=" + value
	}
	return strings.Join(parts, "&")
}

// mac is HMAC-SHA256 with the text of the secret, never its decoded bytes.
func mac(secret, text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sign is the canonical signature.
func sign(secret string, pairs []pair) string {
	return base64.StdEncoding.EncodeToString(mac(secret, message(pairs, 0)))
}

// signed reports whether signature fits any of the published encodings. Every
// one is compared, in constant time.
func signed(secret, signature string, pairs []pair) bool {
	given, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil || len(given) != sha256.Size || strings.ContainsAny(signature, "\r\n") {
		return false
	}
	good := 0
	for encoder := range encoders {
		good |= subtle.ConstantTimeCompare(given, mac(secret, message(pairs, encoder)))
	}
	return good == 1
}
