package web

import (
	"net/http"
	"net/netip"
	"strings"
)

const maxForwards = 32 // entries of X-Forwarded-For that are looked at

// ClientIP is the address of who asks, "" when it is not known. A forwarded
// address counts only when a trusted proxy told it (A42).
func ClientIP(r *http.Request) string {
	addr := clientAddr(r, nil)
	if in := infoOf(r); in != nil {
		addr = in.ip
	}
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// clientAddr walks X-Forwarded-For from the right for as long as the one who
// said it is trusted.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(port.Addr())
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := 0; i < maxForwards && i < len(said) && within(addr, trusted); i++ {
		next, err := netip.ParseAddr(strings.TrimSpace(said[len(said)-1-i]))
		if err != nil {
			break
		}
		addr = plain(next)
	}
	return addr
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
