package core

import (
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
)

func TestCursorComesBack(t *testing.T) {
	at := time.UnixMicro(1_795_000_000_123_456)
	for _, ids := range [][]string{{"pay_1"}, {"evt_1", "we_1"}} {
		us, parts, err := parseCursor(cursor(at, ids...), len(ids))
		if err != nil || us != at.UnixMicro() || !slices.Equal(parts, ids) {
			t.Errorf("%v comes back as %d %v, %v", ids, us, parts, err)
		}
	}
	if _, parts, err := parseCursor("", 2); err != nil || len(parts) != 2 {
		t.Errorf("no cursor: %v %v", parts, err)
	}
	for _, bad := range []string{"x", "~", "1~", "~a", "1~a~b", "!~a", strings.Repeat("z", 40) + "~a"} {
		if _, _, err := parseCursor(bad, 1); pay.KindOf(err) != pay.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("", 1)
	f.Add("k3~pay_1", 1)
	f.Add("-k3~evt_1~we_1", 2)
	f.Add("~~", 2)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 1 + int(uint(n)%2)
		us, parts, err := parseCursor(s, n)
		if err != nil {
			if pay.KindOf(err) != pay.Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if len(parts) != n || s != "" && parts[0] == "" {
			t.Fatalf("%q is %q", s, parts)
		}
		if s == "" {
			return
		}
		again, same, err := parseCursor(cursor(time.UnixMicro(us), parts...), n)
		if err != nil || again != us || !slices.Equal(same, parts) {
			t.Fatalf("%q comes back as %d %q, %v", s, again, same, err)
		}
	})
}
