package payengine

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const maxKey = 500 // characters of a private key

// publicKey begins the keys that browsers hold; they open nothing here.
const publicKey = "pk_"

// grants are the merchants of the partner whose private key r carries.
// Errors: pay.ErrUnauthorized.
func (d *payengine) grants(r *http.Request) ([]core.Grant, error) {
	for _, key := range keys(r) {
		grants, err := d.core.Grants(r.Context(), name, key)
		if err != nil {
			return nil, err
		}
		if own := withSecret(grants, key); len(own) > 0 {
			return own, nil
		}
	}
	return nil, pay.ErrUnauthorized
}

// keys are what the private key may be: the text behind Basic as issued, and
// the user name where a client has encoded it (sheet 2).
func keys(r *http.Request) (list []string) {
	issued := basic(r)
	user, _, encoded := decoded(issued)
	for _, key := range []string{issued, user} {
		if key != "" && len(key) <= maxKey && !strings.HasPrefix(key, publicKey) {
			list = append(list, key)
		}
		if !encoded {
			break
		}
	}
	return list
}

// basic is the text in "Authorization: Basic …", "" without one.
func basic(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	return strings.TrimSpace(value)
}

// decoded reads Base64 of "user:password"; ok is false when it is none.
func decoded(value string) (user, password string, ok bool) {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// withSecret are the grants with this secret. An unknown key costs a
// comparison as well.
func withSecret(grants []core.Grant, key string) (own []core.Grant) {
	given := sha256.Sum256([]byte(key))
	for _, g := range append(grants[:len(grants):len(grants)], core.Grant{}) {
		want := sha256.Sum256([]byte(g.Secret))
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 && g.Secret != "" {
			own = append(own, g)
		}
	}
	return own
}

// actsFor is the caller for one of the partner's merchants; another partner's
// is unknown.
func actsFor(grants []core.Grant, merchant string, r *http.Request) (pay.Caller, error) {
	for _, g := range grants {
		if g.External == merchant && merchant != "" {
			return g.Caller(name, web.RequestID(r)), nil
		}
	}
	return pay.Caller{}, errMerchant
}

// Authenticate says who calls: for the merchant that the path names, or for
// the first of the key's where it names none.
func (d *payengine) Authenticate(r *http.Request) (pay.Caller, error) {
	grants, err := d.grants(r)
	if err != nil {
		return pay.Caller{}, err
	}
	if merchant := r.PathValue("merchant_id"); merchant != "" {
		return actsFor(grants, merchant, r)
	}
	return grants[0].Caller(name, web.RequestID(r)), nil
}

// HasCredential knows a key as issued, and an encoded one without a password:
// with one it is another provider's form as well. A key that is read as Base64
// may have a colon in it too, but then it is no text.
func (d *payengine) HasCredential(r *http.Request) bool {
	issued := basic(r)
	user, password, encoded := decoded(issued)
	return issued != "" && !(encoded && password != "" && visible(user+password))
}

// visible reports whether s is visible ASCII throughout.
func visible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
