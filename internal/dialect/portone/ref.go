package portone

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

// ksuidEpoch is second 0 of the time in a KSUID.
const ksuidEpoch = 1_400_000_000

const (
	ksuidBytes = 20 // four of time, sixteen of content
	ksuidText  = 27
	base62     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ksuid is a time and 16 bytes as 27 characters of 0-9A-Za-z, which rise with
// the time.
func ksuid(at time.Time, content []byte) string {
	var raw [ksuidBytes]byte
	binary.BigEndian.PutUint32(raw[:4], uint32(max(at.Unix()-ksuidEpoch, 0)))
	copy(raw[4:], content)
	n, base, digit := new(big.Int).SetBytes(raw[:]), big.NewInt(62), new(big.Int)
	text := make([]byte, ksuidText)
	for i := ksuidText - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = base62[digit.Int64()]
	}
	return string(text)
}

// ksuidContent is the way back to the 16 bytes; nil when s is no KSUID.
func ksuidContent(s string) []byte {
	if len(s) != ksuidText {
		return nil
	}
	n, base := new(big.Int), big.NewInt(62)
	for _, c := range []byte(s) {
		digit := strings.IndexByte(base62, c)
		if digit < 0 {
			return nil
		}
		n.Add(n.Mul(n, base), big.NewInt(int64(digit)))
	}
	if n.BitLen() > 8*ksuidBytes {
		return nil
	}
	return n.FillBytes(make([]byte, ksuidBytes))[4:]
}

// linkToken is the payer's token inside a payment_link_ref; empty when there is none.
func linkToken(ref string) string { return pay.TokenOf(ksuidContent(ref)) }

// Names that hang off a link: 0 is what its attempts share, 1, 2, … is an
// attempt, and the last two are its addresses.
const (
	shared          = 0
	billingAddress  = 1<<32 - 2
	shippingAddress = 1<<32 - 1
)

// refOf is our own name of the n-th thing of a link: a KSUID that leads back to
// link and number, so that nothing need be stored to find it. Nothing in it is
// secret.
func refOf(at time.Time, id pay.LinkID, n uint32) string {
	number, _ := strconv.ParseUint(string(id), 36, 64) // ten digits, below 2^52; anything else is refused on the way back
	content := binary.BigEndian.AppendUint64(nil, number)[1:]
	content = binary.BigEndian.AppendUint32(content, n)
	sum := sha256.Sum256([]byte(name + ":" + string(id) + ":" + strconv.FormatUint(uint64(n), 10)))
	return ksuid(at, append(content, sum[:]...)[:16])
}

// refTo is the link and number that a name of refOf leads to. The caller
// compares the whole name with what refOf makes of them.
func refTo(ref string) (id pay.LinkID, n uint32, ok bool) {
	content := ksuidContent(ref)
	if content == nil {
		return "", 0, false
	}
	s := strings.ToUpper(strconv.FormatUint(binary.BigEndian.Uint64(append([]byte{0}, content...)), 36))
	s = strings.Repeat("0", max(10-len(s), 0)) + s
	if !pay.ValidLinkID(s) {
		return "", 0, false
	}
	return pay.LinkID(s), binary.BigEndian.Uint32(content[7:]), true
}
