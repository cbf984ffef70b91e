package auth

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const maxKeyFile = 1 << 10 // bytes

// ReadOrMakeKeyFile reads the wrapping key from a file: 32 bytes in hexadecimal
// or base64. With create, a missing file is made, with mode 0600; when several
// processes do so at once, all get the key of the first. A file that its group
// or others may read is refused.
func ReadOrMakeKeyFile(path string, create bool) ([]byte, error) {
	key, err := readKeyFile(path)
	if !create || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeKeyFile(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	return readKeyFile(path)
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the key file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the key file %s is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("the key file %s may be read or written by others: set its mode to 0600", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	key, err := ParseWrappingKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return key, nil
}

// makeKeyFile writes a new key beside path first and links it there then, so
// that no reader ever finds half a key, nor a second writer overwrites one.
func makeKeyFile(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(NewSecret(WrappingKeyLen) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ParseWrappingKey reads a wrapping key: 32 bytes in hexadecimal or base64.
func ParseWrappingKey(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(s); err == nil && len(key) == WrappingKeyLen {
			return key, nil
		}
	}
	return nil, errors.New("a wrapping key must be 32 bytes in hexadecimal or base64")
}
