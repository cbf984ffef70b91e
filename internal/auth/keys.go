package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	tinkgcm "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// WrappingKeyLen is how many bytes the key around the keyset has.
const WrappingKeyLen = 32

const pepperLen = 32

// Keys are the opened keyset and pepper of one installation (DECISIONS 6).
// They are safe for use by many goroutines and must never be logged.
type Keys struct {
	handle *keyset.Handle
	aead   tink.AEAD
	pepper []byte
}

// wrapped is how Keys are kept: each part encrypted under the wrapping key.
type wrapped struct {
	Form   int    `json:"form"` // 1
	Keyset []byte `json:"keyset"`
	Pepper []byte `json:"pepper"`
}

// Associated data, so that one part cannot be put in the place of another.
var (
	keysetPlace = []byte("paylink keyset")
	pepperPlace = []byte("paylink pepper")
)

// NewKeys draws a new keyset and pepper.
func NewKeys() (*Keys, error) {
	// AES-256-GCM with a key derived for each message from a random 192-bit
	// nonce: no number of rows under one key is too large.
	handle, err := keyset.NewHandle(aead.XAES256GCM192BitNonceKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("making a keyset: %w", err)
	}
	return newKeys(handle, randomBytes(pepperLen))
}

func newKeys(handle *keyset.Handle, pepper []byte) (*Keys, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("using the keyset: %w", err)
	}
	return &Keys{handle: handle, aead: primitive, pepper: pepper}, nil
}

// Wrap encrypts k under a wrapping key of WrappingKeyLen bytes, for storing.
func Wrap(k *Keys, wrappingKey []byte) ([]byte, error) {
	outer, err := wrapper(wrappingKey)
	if err != nil {
		return nil, err
	}
	var sealed bytes.Buffer
	if err := k.handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&sealed), outer, keysetPlace); err != nil {
		return nil, fmt.Errorf("wrapping the keyset: %w", err)
	}
	pepper, err := outer.Encrypt(k.pepper, pepperPlace)
	if err != nil {
		return nil, fmt.Errorf("wrapping the pepper: %w", err)
	}
	return json.Marshal(wrapped{Form: 1, Keyset: sealed.Bytes(), Pepper: pepper})
}

// Unwrap opens what Wrap made. It fails when the wrapping key is another one or
// a bit of blob has changed.
func Unwrap(blob, wrappingKey []byte) (*Keys, error) {
	outer, err := wrapper(wrappingKey)
	if err != nil {
		return nil, err
	}
	var in wrapped
	if err := json.Unmarshal(blob, &in); err != nil || in.Form != 1 {
		return nil, errors.New("the stored keyset is not in a form this version knows")
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(in.Keyset)), outer, keysetPlace)
	if err != nil {
		return nil, errors.New("the stored keyset does not open: the wrapping key is not the one it was made with")
	}
	pepper, err := outer.Decrypt(in.Pepper, pepperPlace)
	if err != nil || len(pepper) != pepperLen {
		return nil, errors.New("the stored pepper does not open: the wrapping key is not the one it was made with")
	}
	return newKeys(handle, pepper)
}

func wrapper(wrappingKey []byte) (tink.AEAD, error) {
	if len(wrappingKey) != WrappingKeyLen {
		return nil, fmt.Errorf("a wrapping key must have %d bytes", WrappingKeyLen)
	}
	return tinkgcm.NewAESGCM(wrappingKey)
}

// Seal encrypts plain. ad says where the result belongs (tenant, table, column,
// row): it opens nowhere else.
func (k *Keys) Seal(plain, ad []byte) ([]byte, error) { return k.aead.Encrypt(plain, ad) }

// Open decrypts what Seal made for the same ad.
func (k *Keys) Open(sealed, ad []byte) ([]byte, error) { return k.aead.Decrypt(sealed, ad) }

// Hash is what is kept of a secret that need not be read again: its
// HMAC-SHA-256 under the pepper, in hexadecimal. Compare with Equal.
func (k *Keys) Hash(secret string) string { return k.mac("secret", secret) }

// Equal reports in constant time whether secret is the one that hash is of.
func (k *Keys) Equal(secret, hash string) bool { return Equal(k.Hash(secret), hash) }

// BlindIndex finds rows by a value that is only kept sealed: a keyed hash of it,
// in hexadecimal. The caller brings value into its one spelling first.
func (k *Keys) BlindIndex(kind, value string) string { return k.mac("index", kind+"\n"+value) }

func (k *Keys) mac(use, value string) string {
	h := hmac.New(sha256.New, k.pepper)
	h.Write([]byte(use + "\n" + value))
	return hex.EncodeToString(h.Sum(nil))
}
