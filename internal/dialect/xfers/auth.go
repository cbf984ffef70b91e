package xfers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// prefixes begin the keys of each mode (sheet 2).
var prefixes = map[pay.Mode]string{pay.Test: "test_", pay.Live: "live_"}

const maxCredential = 500 // characters of a key or secret

// Authenticate checks Basic with the API key and its secret. All that can be
// wrong with them has one answer.
func (d *xfers) Authenticate(r *http.Request) (pay.Caller, error) {
	key, secret, ok := r.BasicAuth()
	if !ok || key == "" || len(key) > maxCredential || len(secret) > maxCredential {
		return pay.Caller{}, pay.ErrUnauthorized
	}
	grants, err := d.core.Grants(r.Context(), name, key)
	if err != nil {
		return pay.Caller{}, err
	}
	grant, ok := choose(grants, key, secret)
	if !ok {
		return pay.Caller{}, pay.ErrUnauthorized
	}
	return grant.Caller(name, web.RequestID(r)), nil
}

// choose is the first grant with this secret in the mode that the key says. An
// unknown key costs a comparison as well.
func choose(grants []core.Grant, key, secret string) (core.Grant, bool) {
	given := sha256.Sum256([]byte(secret))
	found := -1
	for i, g := range append(grants[:len(grants):len(grants)], core.Grant{}) {
		want := sha256.Sum256([]byte(g.Secret))
		same := subtle.ConstantTimeCompare(given[:], want[:]) == 1
		prefix, known := prefixes[g.Tenant.Mode]
		if same && g.Secret != "" && known && strings.HasPrefix(key, prefix) && found < 0 {
			found = i
		}
	}
	if found < 0 {
		return core.Grant{}, false
	}
	return grants[found], true
}

// HasCredential knows the keys by how they begin.
func (d *xfers) HasCredential(r *http.Request) bool {
	key, _, ok := r.BasicAuth()
	return ok && (strings.HasPrefix(key, prefixes[pay.Test]) || strings.HasPrefix(key, prefixes[pay.Live]))
}
