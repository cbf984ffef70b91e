package auth

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"paylink/internal/pay"
)

func TestNewKey(t *testing.T) {
	for _, mode := range []pay.Mode{pay.Test, pay.Live} {
		s := NewKey(mode)
		k, err := ParseKey(s)
		if err != nil || k.Mode != mode || k.Kind != SecretKey || len(k.ID) != keyIDLen || k.Secret != s {
			t.Fatalf("%s is %+v, %v", s, k, err)
		}
		if !hasChecksum(s) {
			t.Errorf("%s has no valid checksum", s)
		}
		for i := len("paylink_test_sk_"); i < len(s); i++ {
			other := []byte(s)
			other[i] = '0'
			if s[i] == '0' {
				other[i] = '1'
			}
			if hasChecksum(string(other)) {
				t.Errorf("%s, changed at %d, has a valid checksum", s, i)
			}
		}
	}
	if first, second := NewKey(pay.Test), NewKey(pay.Test); first == second {
		t.Error("two keys are the same")
	}
}

// hasChecksum reports whether s ends in the checksum of what is before it.
func hasChecksum(s string) bool {
	body := len(s) - checksumLen
	return checksum(s[:body]) == s[body:]
}

func TestParseKey(t *testing.T) {
	odd, err := ParseKey("paylink_test_sk_abcdefgh-ijklmnop")
	if err != nil || odd.Mode != pay.Test || len(odd.ID) != 64 {
		t.Errorf("a key of another shape is %+v, %v", odd, err)
	}
	other, err := ParseKey("paylink_test_sk_abcdefgh-ijklmnoq")
	if err != nil || other.ID == odd.ID {
		t.Errorf("two keys have the id %s, %v", other.ID, err)
	}
	for _, s := range []string{
		"", "paylink", "paylink_test_sk_", "paylink_test_sk_short", "paylink_demo_sk_abcdefghijklmnopq",
		"paylink_test_xx_abcdefghijklmnopq", "Paylink_test_sk_abcdefghijklmnopq", "paylink_test_sk_abcdefgh ijklmnop",
		"paylink_test_sk_abcdefgh\nijklmnop", "paylink_test_sk_äbcdefghijklmnop", "paylink_test_sk_" + strings.Repeat("a", 300),
	} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("%q is %+v", s, k)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(NewKey(pay.Test))
	f.Add("paylink_live_rk_abcdefghijklmnop")
	f.Add("paylink_test__")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			if k != (Key{}) {
				t.Fatalf("%q is refused and yet %+v", s, k)
			}
			return
		}
		if !k.Mode.Valid() || k.ID == "" || k.Secret != s || !strings.HasPrefix(s, "paylink_"+string(k.Mode)+"_"+k.Kind+"_") {
			t.Fatalf("%q is %+v", s, k)
		}
	})
}

func TestSecrets(t *testing.T) {
	if n := len(NewSecret(16)); n != 32 {
		t.Errorf("a secret of 16 bytes has %d characters", n)
	}
	if n := len(NewBearer()); n != 43 {
		t.Errorf("a bearer token has %d characters", n)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(NewWebhookSecret(), "whsec_"))
	if err != nil || len(raw) != 32 {
		t.Errorf("a webhook secret has %d bytes, %v", len(raw), err)
	}
	if LookupHash("token", "a") == LookupHash("slug", "a") || LookupHash("token", "a") == LookupHash("token", "b") {
		t.Error("a lookup hash does not depend on the kind alone")
	}
	if !Equal("a", "a") || Equal("a", "b") || Equal("a", "aa") || Equal("", "a") {
		t.Error("Equal is wrong")
	}
}

func TestKeys(t *testing.T) {
	k, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	wrapping := bytes.Repeat([]byte{7}, WrappingKeyLen)
	blob, err := Wrap(k, wrapping)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Unwrap(blob, wrapping)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal([]byte("plain"), []byte("shop/test/links/payer/1"))
	if err != nil || bytes.Contains(sealed, []byte("plain")) {
		t.Fatalf("sealed is %q, %v", sealed, err)
	}
	if plain, err := again.Open(sealed, []byte("shop/test/links/payer/1")); err != nil || string(plain) != "plain" {
		t.Errorf("opened is %q, %v", plain, err)
	}
	if _, err := again.Open(sealed, []byte("shop/test/links/payer/2")); err == nil {
		t.Error("it opens in another row")
	}
	if k.Hash("s") != again.Hash("s") || k.BlindIndex("email", "a") != again.BlindIndex("email", "a") {
		t.Error("the pepper changed on its way")
	}
	if !k.Equal("s", again.Hash("s")) || k.Equal("t", again.Hash("s")) {
		t.Error("Keys.Equal is wrong")
	}
	if k.Hash("email\na") == k.BlindIndex("email", "a") || k.BlindIndex("email", "a") == k.BlindIndex("phone", "a") {
		t.Error("hashes of different uses are the same")
	}
	other, err := NewKeys()
	if err != nil || other.Hash("s") == k.Hash("s") {
		t.Errorf("two installations hash alike, %v", err)
	}
	if _, err := other.Open(sealed, []byte("shop/test/links/payer/1")); err == nil {
		t.Error("another keyset opens it")
	}
}

func TestUnwrapRefuses(t *testing.T) {
	k, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	wrapping := bytes.Repeat([]byte{7}, WrappingKeyLen)
	blob, err := Wrap(k, wrapping)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(blob, k.pepper) {
		t.Error("the pepper is in the clear")
	}
	for name, in := range map[string][2][]byte{
		"other key": {blob, bytes.Repeat([]byte{8}, WrappingKeyLen)},
		"short key": {blob, wrapping[:16]},
		"empty":     {nil, wrapping},
		"cut":       {blob[:len(blob)/2], wrapping},
		"form":      {bytes.Replace(blob, []byte(`"form":1`), []byte(`"form":2`), 1), wrapping},
		"no pepper": {append(append([]byte{}, blob[:bytes.Index(blob, []byte(`,"pepper"`))]...), '}'), wrapping},
	} {
		if _, err := Unwrap(in[0], in[1]); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
	if _, err := Wrap(k, nil); err == nil {
		t.Error("it wraps under no key")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := ReadOrMakeKeyFile(path, false); err == nil {
		t.Fatal("a missing file is read")
	}
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := ReadOrMakeKeyFile(path, true)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != WrappingKeyLen || !bytes.Equal(key, keys[0]) {
			t.Fatal("processes that start at once have different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file's mode is %v, %v", info.Mode(), err)
	}
	if rest, _ := os.ReadDir(filepath.Dir(path)); len(rest) != 1 {
		t.Errorf("%d files are left in the directory", len(rest))
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadOrMakeKeyFile(path, true); err == nil {
		t.Error("a file that the group may read is accepted")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadOrMakeKeyFile(path, true); err == nil {
		t.Error("nonsense is a key")
	}
	if _, err := ReadOrMakeKeyFile(filepath.Dir(path), false); err == nil {
		t.Error("a directory is a key file")
	}
}

func TestParseWrappingKey(t *testing.T) {
	raw := randomBytes(WrappingKeyLen)
	for _, s := range []string{
		base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw) + "\n",
	} {
		if key, err := ParseWrappingKey(s); err != nil || !bytes.Equal(key, raw) {
			t.Errorf("%q is %x, %v", s, key, err)
		}
	}
	for _, s := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("00", 33)} {
		if _, err := ParseWrappingKey(s); err == nil {
			t.Errorf("%q is a key", s)
		}
	}
}
