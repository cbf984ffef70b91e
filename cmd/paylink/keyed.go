package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"paylink/internal/pay"
)

// keyed is a command that has its effect at most once per idempotency key.
type keyed struct {
	Key string `name:"key" placeholder:"KEY" help:"Idempotency key: the same command with the same key acts once (default: a new one, which is told when it may be needed)."`
}

// maxKey is the length of an idempotency key, as in the API.
const maxKey = 255

// Validate holds the key to the form that the API has for it.
func (k keyed) Validate() error {
	for _, c := range []byte(k.Key) {
		if c <= 0x20 || c >= 0x7f || c == '"' {
			return fmt.Errorf("--key must be visible ASCII characters without quotes")
		}
	}
	if len(k.Key) > maxKey {
		return fmt.Errorf("--key must be at most %d characters", maxKey)
	}
	return nil
}

func (k keyed) key() string {
	if k.Key != "" {
		return k.Key
	}
	return "cli-" + pay.NewToken()
}

// fingerprint tells a command from others under its key.
func fingerprint(words ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", words))
	return hex.EncodeToString(sum[:])
}

// again adds to an error how to be sure, where it leaves open whether the
// command had its effect.
func again(err error, key string) error {
	switch pay.KindOf(err) {
	case pay.Internal, pay.Unavailable, pay.KeyBusy, pay.TooMany:
		return fmt.Errorf("%s\nIt may be done or under way all the same. Give the same command with --key %s to learn what became of it; it is not done twice", explain(err), key)
	}
	return err
}
