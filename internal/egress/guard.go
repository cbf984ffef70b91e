package egress

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	maxAddresses = 64 // of one name; a name with more is refused
	maxDials     = 4  // addresses of one name that are tried
)

var (
	livePorts = []uint16{443, 8443}
	testPorts = []uint16{80, 443, 8443}

	// alsoDenied are addresses that look public and are not. 168.63.129.16 is
	// the inside of every Azure machine.
	alsoDenied = netip.MustParsePrefix("168.63.129.16/32")
)

type (
	lookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)
	ownFunc    func() ([]net.Addr, error)
)

// guard knows which addresses may be called, and connects to no others.
type guard struct {
	public *ssrf.Guardian // the special addresses and the ports
	ports  []uint16
	allow  []netip.Prefix // exempt from every rule
	lookup lookupFunc
	own    ownFunc
}

func newGuard(allow []netip.Prefix, ports []uint16, lookup lookupFunc, own ownFunc) guard {
	g := guard{
		public: ssrf.New(ssrf.WithPorts(ports...), ssrf.WithDeniedV4Prefixes(alsoDenied)),
		ports:  ports,
		lookup: lookup,
		own:    own,
	}
	for _, p := range allow {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			g.allow = append(g.allow, p.Masked())
		}
	}
	return g
}

// check refuses an address and port that may not be called. NAT64 and 6to4,
// which carry an IPv4 address inside, are refused whole.
// Errors: Blocked.
func (g guard) check(at netip.AddrPort) error {
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if g.exempt(at.Addr()) {
		return nil
	}
	if err := g.public.SafeAddrPort(at); err != nil {
		return errBlocked
	}
	// Asked anew each time: addresses come and go while we run.
	own, err := g.own()
	if err != nil {
		return errBlocked
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == at.Addr() {
			return errBlocked
		}
	}
	return nil
}

// exempt tells whether the operator named a network that a is in.
func (g guard) exempt(a netip.Addr) bool {
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// resolve looks the host up, once, and checks every address it has: a name with
// one bad address among good ones is refused.
// Errors: Blocked; those of the resolver.
func (g guard) resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	addrs := make([]netip.Addr, 1)
	literal, err := netip.ParseAddr(host)
	if addrs[0] = literal; err != nil {
		// With the dot at its end the name is whole: no search domain is added.
		if addrs, err = g.lookup(ctx, "ip", host+"."); err != nil {
			return nil, err
		}
	}
	if len(addrs) == 0 || len(addrs) > maxAddresses {
		return nil, &Error{Network, "the host's name has no addresses, or too many"}
	}
	found := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		at := netip.AddrPortFrom(a.Unmap(), port)
		if err := g.check(at); err != nil {
			return nil, err
		}
		found = append(found, at)
	}
	return found, nil
}

// control checks the address a socket is about to connect to.
// It is a net.Dialer's Control.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || (network != "tcp4" && network != "tcp6") {
		return errBlocked
	}
	return g.check(at)
}

// dial connects to the host of a host:port by addresses that it checked. The
// transport lets it outlive the request, so it has a time limit of its own.
func (g guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errBlocked
	}
	port, err := parsePort(service)
	if err != nil {
		return nil, err
	}
	found, err := g.resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	found = found[:min(len(found), maxDials)]
	for i, at := range found {
		var conn net.Conn
		if conn, err = g.dialOne(ctx, network, at, len(found)-i); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// dialOne connects to one address, with its fair part of the time that is left
// when as many addresses as waiting are to be tried.
func (g guard) dialOne(ctx context.Context, network string, at netip.AddrPort, waiting int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(waiting))
		defer cancel()
	}
	dialer := net.Dialer{Control: g.control}
	return dialer.DialContext(ctx, network, at.String())
}
