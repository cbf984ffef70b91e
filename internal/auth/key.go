// Package auth makes, seals and compares secrets: API keys, bearer tokens,
// webhook secrets, and the keyset and pepper that guard the ones we keep. It
// never stores anything and never decides who may do what: core does.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"strings"

	"paylink/internal/pay"
)

// Kinds of API key.
const (
	SecretKey     = "sk" // may do everything its merchant may
	RestrictedKey = "rk" // may do what its scopes name
	PublicKey     = "pk" // may read a link's public view and start a payment
)

const (
	keyProduct  = "paylink_"
	keyIDLen    = 12 // base62
	secretLen   = 43 // base62: 256 bits
	checksumLen = 6  // base62 of a CRC-32
	minOddKey   = 16 // characters after the kind, of a key an operator chose
	maxKey      = 255
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Key is an API key taken apart.
type Key struct {
	Mode pay.Mode
	Kind string // SecretKey, RestrictedKey or PublicKey
	// ID finds the key: its key id, or for a key of another shape, which only a
	// provision file can have named, a digest of all of it.
	ID string
	// Secret is the whole key. No character of it can change unnoticed.
	Secret string
}

// NewKey draws a secret key of a mode:
// paylink_test_sk_<key id>_<secret><checksum>. By the checksum a scanner for
// leaked secrets tells a real key from what only looks like one.
func NewKey(mode pay.Mode) string {
	body := keyProduct + string(mode) + "_" + SecretKey + "_" + random62(keyIDLen) + "_" + random62(secretLen)
	return body + checksum(body)
}

// ParseKey takes a key apart. It does not tell whether the key exists, and does
// not look at the checksum, which an operator's own key need not have.
// Errors: pay.ErrUnauthorized when s cannot be a key.
func ParseKey(s string) (Key, error) {
	rest, ok := strings.CutPrefix(s, keyProduct)
	if !ok || len(s) > maxKey {
		return Key{}, pay.ErrUnauthorized
	}
	mode, rest, _ := strings.Cut(rest, "_")
	kind, rest, _ := strings.Cut(rest, "_")
	k := Key{Mode: pay.Mode(mode), Kind: kind, Secret: s}
	if !k.Mode.Valid() || kind != SecretKey && kind != RestrictedKey && kind != PublicKey {
		return Key{}, pay.ErrUnauthorized
	}
	if id, ok := ownShape(rest); ok {
		k.ID = id
		return k, nil
	}
	if len(rest) < minOddKey || !visible(rest) {
		return Key{}, pay.ErrUnauthorized
	}
	sum := sha256.Sum256([]byte(s))
	k.ID = hex.EncodeToString(sum[:])
	return k, nil
}

// ownShape finds the key id in what follows the kind in a key that we made.
func ownShape(rest string) (id string, ok bool) {
	id, secret, _ := strings.Cut(rest, "_")
	return id, len(id) == keyIDLen && len(secret) == secretLen+checksumLen && is62(id) && is62(secret)
}

// LookupHash is what a locator keeps of a value: hexadecimal SHA-256. It has no
// key, so value must have enough random bits of its own (a token has 130); a
// value that an operator or merchant chose needs Keys.BlindIndex.
func LookupHash(kind, value string) string {
	sum := sha256.Sum256([]byte(kind + "\n" + value))
	return hex.EncodeToString(sum[:])
}

// Equal compares two secrets in a time that tells nothing of either.
func Equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// NewSecret is n random bytes in hexadecimal.
func NewSecret(n int) string { return hex.EncodeToString(randomBytes(n)) }

// NewBearer is a short-lived token: 256 random bits in base64url.
func NewBearer() string { return base64.RawURLEncoding.EncodeToString(randomBytes(32)) }

// NewWebhookSecret is a Standard Webhooks secret: "whsec_" and base64 of 32
// random bytes.
func NewWebhookSecret() string {
	return "whsec_" + base64.StdEncoding.EncodeToString(randomBytes(32))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return b
}

// random62 draws n base62 characters, each equally likely.
func random62(n int) string {
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range randomBytes(n) {
			if b < 248 && len(out) < n { // 248 = 4 × 62: those above would favour the first letters
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}

// checksum is the CRC-32 of body as six base62 characters.
func checksum(body string) string {
	var out [checksumLen]byte
	sum := crc32.ChecksumIEEE([]byte(body))
	for i := checksumLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

func is62(s string) bool { return strings.Trim(s, base62) == "" }

// visible reports whether s is visible ASCII throughout.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
