package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/pay"
)

const maxIdempotencyKey = 255 // characters (I1)

// Fingerprint tells one request from another under an idempotency key (I2): hex
// SHA-256 over method, route, path values and the body in canonical JSON. Order
// of members and white space make no difference; a body that is not JSON counts
// byte by byte.
func Fingerprint(method, route string, pathValues []string, body []byte) string {
	h := sha256.New()
	part := func(kind byte, b []byte) {
		head := binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(b)))
		h.Write(head)
		h.Write(b)
	}
	part('m', []byte(method))
	part('r', []byte(route))
	for _, value := range pathValues {
		part('p', []byte(value))
	}
	canonical := jsontext.Value(bytes.Clone(body))
	// Whole numbers stay as written: as floats, two large ones could be one.
	if err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false)); err == nil {
		part('j', canonical)
	} else {
		part('b', body)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// IdempotencyKey is the Idempotency-Key header, "" when there is none: 1–255
// visible ASCII characters, bare or in double quotes (I1).
// Errors: Invalid.
func IdempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	var bad pay.Faults
	key, ok := values[0], len(values) == 1
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	for _, c := range []byte(key) {
		ok = ok && c > 0x20 && c < 0x7f && c != '"'
	}
	if !ok || key == "" || len(key) > maxIdempotencyKey {
		bad.Add("Idempotency-Key", "invalid", "must be one header of 1 to 255 visible ASCII characters, bare or in double quotes")
	}
	if err := bad.Err(); err != nil {
		return "", err
	}
	return key, nil
}
