package portone

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const (
	tokenLife = 6 * time.Hour    // of the tokens we give out
	iatSkew   = 60 * time.Second // how far iat may be ahead; exp has none
	maxToken  = 4 << 10          // characters of a JWT
)

// header is the first of two names of a header that is there: clients of the
// older name still send the second.
func header(r *http.Request, rest string) string {
	if v := r.Header.Get("X-Portone-" + rest); v != "" {
		return v
	}
	return r.Header.Get("X-Chaipay-" + rest)
}

func clientKey(r *http.Request) string { return header(r, "Client-Key") }

// caller is a pair of key and secret that proved itself, with what it acts for.
type caller struct {
	key    string
	secret string
	grants []core.Grant // of all merchants and both environments
	sub    string       // the sub-merchant the request is for; empty: the key's own merchant
}

// own are the grants of the merchant that the request is for.
func (c caller) own() []core.Grant {
	return slices.DeleteFunc(slices.Clone(c.grants), func(g core.Grant) bool { return g.External != c.sub })
}

// reach are the grants under which a link may be named by its own reference: a
// master may leave the sub-merchant out.
func (c caller) reach() []core.Grant {
	if c.sub == "" {
		return c.grants
	}
	return c.own()
}

// modes are the values of "environment".
var modes = map[string]pay.Mode{"sandbox": pay.Test, "live": pay.Live}

func environment(m pay.Mode) string {
	if m == pay.Live {
		return "live"
	}
	return "sandbox"
}

// in is the merchant's grant in an environment.
// Errors: INVALID_ENVIRONMENT, also when the pair does not serve it.
func (c caller) in(env string) (core.Grant, error) {
	mode, ok := modes[env]
	if !ok {
		return core.Grant{}, refuse("INVALID_ENVIRONMENT", "environment must be live or sandbox")
	}
	for _, g := range c.own() {
		if g.Tenant.Mode == mode {
			return g, nil
		}
	}
	return core.Grant{}, refuse("INVALID_ENVIRONMENT", "environment "+env+" is not enabled for this merchant")
}

// who acts under a grant. It sees all PortOne links of the merchant, whichever
// pair made them.
func who(g core.Grant, r *http.Request) pay.Caller { return g.Caller(name, web.RequestID(r)) }

func seesAll(g core.Grant, r *http.Request) pay.Caller {
	c := who(g, r)
	c.Account = ""
	return c
}

// authenticate checks key and token.
// Errors: those of sheet 2.
func (d *portone) authenticate(r *http.Request) (caller, error) {
	key := clientKey(r)
	grants, err := d.core.Grants(r.Context(), name, key)
	if err != nil {
		return caller{}, err
	}
	token, ok := bearer(r)
	good, secret := d.verify(token, key, grants)
	if !ok || key == "" || len(good) == 0 {
		return caller{}, errToken
	}
	c := caller{key: key, secret: secret, grants: good, sub: header(r, "SubMerchant-Key")}
	if len(c.own()) == 0 {
		return caller{}, refuse("MERCHANT_NOT_ASSOCIATED_WITH_MASTER_MERCHANT", "The sub-merchant is not associated with this merchant")
	}
	return c, nil
}

// bearer is the token of "Authorization: Bearer …": the word and one space.
func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	return strings.CutPrefix(values[0], "Bearer ")
}

// verify gives the grants whose secret signed a token that is good now. An
// unknown key costs a comparison as well.
func (d *portone) verify(token, key string, grants []core.Grant) (good []core.Grant, secret string) {
	text, signature, claims, ok := parseToken(token)
	ok = ok && claims.good(key, d.core.Now())
	for _, g := range append(grants[:len(grants):len(grants)], core.Grant{}) {
		same := subtle.ConstantTimeCompare(signature, mac(g.Secret, text)) == 1
		if same && ok && g.Secret != "" {
			good, secret = append(good, g), g.Secret
		}
	}
	return good, secret
}

// claims of a JWT. Times are seconds since 1970; some clients send a fraction.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	IssuedAt  number `json:"iat"`
	ExpiresAt number `json:"exp"`
	NotBefore number `json:"nbf"`
}

func (c claims) good(key string, now time.Time) bool {
	issued, ok1 := seconds(c.IssuedAt)
	expires, ok2 := seconds(c.ExpiresAt)
	begins, ok3 := seconds(c.NotBefore)
	at := now.Unix()
	return ok1 && ok2 && ok3 && (c.Issuer == "PORTONE" || c.Issuer == "CHAIPAY") && c.Subject == key &&
		c.ExpiresAt != "" && at < expires && issued <= at+int64(iatSkew/time.Second) && begins <= at+int64(iatSkew/time.Second)
}

func seconds(n number) (int64, bool) {
	whole, _, _ := strings.Cut(string(n), ".")
	return number(whole).whole()
}

// parseToken takes a JWT apart; ok is false unless it is one of HS256. What is
// signed is the text before the last point.
func parseToken(token string) (text string, signature []byte, c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return "", nil, claims{}, false
	}
	var head struct {
		Algorithm string `json:"alg"`
		Critical  any    `json:"crit"` // names what must be understood, and we understand none
	}
	var raw [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return "", nil, claims{}, false
		}
		raw[i] = b
	}
	if web.DecodeBytes(raw[0], &head) != nil || web.DecodeBytes(raw[1], &c) != nil || head.Algorithm != "HS256" || head.Critical != nil {
		return "", nil, claims{}, false
	}
	return parts[0] + "." + parts[1], raw[2], c, true
}

// newToken is a JWT for a pair, as its merchant would make it.
func newToken(key, secret string, now time.Time) string {
	enc := base64.RawURLEncoding
	iat := now.Unix()
	body := `{"iss":"PORTONE","sub":` + strconv.Quote(key) + `,"iat":` + strconv.FormatInt(iat, 10) +
		`,"exp":` + strconv.FormatInt(iat+int64(tokenLife/time.Second), 10) + `}`
	text := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(body))
	return text + "." + enc.EncodeToString(mac(secret, text))
}

// Authenticate is the caller in the pair's first environment; the calls that
// name one choose by themselves.
func (d *portone) Authenticate(r *http.Request) (pay.Caller, error) {
	c, err := d.authenticate(r)
	if err != nil {
		return pay.Caller{}, err
	}
	return who(c.own()[0], r), nil
}

// HasCredential knows the header that every client sends.
func (d *portone) HasCredential(r *http.Request) bool { return clientKey(r) != "" }

// tokenIn is the body of POST /api/merchant/auth-token.
type tokenIn struct {
	Key       string `json:"portone_key"`
	Secret    string `json:"portone_secret"`
	OldKey    string `json:"chaipay_key"`
	OldSecret string `json:"chaipay_secret"`
}

// authToken trades key and secret for a token (sheet 2.1). Nothing is stored.
func (d *portone) authToken(w http.ResponseWriter, r *http.Request) error {
	var in tokenIn
	if err := decodePlain(r, &in); err != nil {
		return err
	}
	key, secret := first(in.Key, in.OldKey), first(in.Secret, in.OldSecret)
	if err := needs(pair{"portone_key", key}, pair{"portone_secret", secret}); err != nil {
		return err
	}
	grants, err := d.core.Grants(r.Context(), name, key)
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		return refuse("MERCHANT_NOT_FOUND", "Merchant not found")
	}
	same := 0
	for _, g := range grants {
		same |= subtle.ConstantTimeCompare(mac(key, secret), mac(key, g.Secret)) // of equal length
	}
	if same != 1 {
		return refuse("INVALID_UNAUTHORISED_PORTONE_SECRET_ERROR", "The PortOne secret is invalid")
	}
	type content struct {
		ExpiresIn int64  `json:"expires_in"` // seconds
		Token     string `json:"token"`
	}
	return envelope(w, content{int64(tokenLife / time.Second), newToken(key, secret, d.core.Now())}, "Auth Token generated successfully!")
}

// signatureIn is the body of POST /api/merchant/generate-signature.
type signatureIn struct {
	Key        string `json:"portone_key"`
	OldKey     string `json:"chaipay_key"`
	Currency   string `json:"currency"`
	Amount     number `json:"amount"`
	OrderID    string `json:"merchant_order_id"`
	SuccessURL string `json:"success_url"`
	FailureURL string `json:"failure_url"`
}

// generateSignature makes the signature of a create (sheet 2.2).
func (d *portone) generateSignature(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	var in signatureIn
	if err := decodePlain(r, &in); err != nil {
		return err
	}
	in.Key = first(in.Key, in.OldKey)
	if err := needs(
		pair{"portone_key", in.Key}, pair{"currency", in.Currency}, pair{"amount", string(in.Amount)},
		pair{"merchant_order_id", in.OrderID}, pair{"success_url", in.SuccessURL}, pair{"failure_url", in.FailureURL},
	); err != nil {
		return err
	}
	if in.Key != c.key {
		if others, err := d.core.Grants(r.Context(), name, in.Key); err != nil {
			return err
		} else if len(others) == 0 {
			return refuse("MERCHANT_NOT_FOUND", "Merchant not found")
		}
		return errOtherKey
	}
	type content struct {
		Signature string `json:"signature"`
	}
	signature := sign(c.secret, signedRequest(c.key, string(in.Amount), in.Currency, in.FailureURL, in.OrderID, in.SuccessURL))
	return envelope(w, content{signature}, "Signature generated successfully!")
}

// needs refuses an empty value of the two calls that word it this way.
func needs(fields ...pair) error {
	for _, f := range fields {
		if f.value == "" {
			return refuse("INVALID_REQUEST", "Invalid Request, err : "+f.key+" is a required field")
		}
	}
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
