package egress

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	maxURL   = 2048 // bytes, as given and as stored
	maxHost  = 253  // RFC 1035
	maxLabel = 63   // RFC 1035
)

// insideNames are the ends of names that never lead to the public internet.
// The guard on addresses is what protects; this answers early and clearly.
var insideNames = []string{
	"localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "in-addr.arpa", "ip6.arpa", "onion",
}

// CheckURL checks a URL a merchant chose for us to call and returns the form to
// store: lower case, no default port, plain addresses. Live mode takes https to
// ports 443 and 8443; test mode takes http and port 80 too, and anything on the
// networks an operator named. A name is not looked up: Do does that each time.
// Errors: Invalid; Blocked when the host is an address we do not call, or a
// name of the inside.
func (c *Client) CheckURL(raw string, live bool) (string, error) {
	u, err := parseURL(raw)
	if err != nil {
		return "", err
	}
	if live && u.Scheme != "https" {
		return "", invalid("the URL must begin with https://")
	}
	port, err := portOf(u)
	if err != nil {
		return "", err
	}
	host, err := c.lane(live).guard.checkHost(u, port)
	if err != nil {
		return "", err
	}
	u.Host = host
	if port != defaultPort(u.Scheme) {
		u.Host += ":" + strconv.Itoa(int(port))
	}
	if u.Path == "" {
		u.Path = "/"
	}
	stored := u.String()
	if len(stored) > maxURL {
		return "", invalid("the URL is too long")
	}
	return stored, nil
}

// parseURL parses an absolute http or https URL of plain characters.
func parseURL(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > maxURL {
		return nil, invalid("the URL must have 1 to 2048 bytes")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || c == '\\' || c == '#' {
			return nil, invalid("the URL must be plain ASCII without spaces, backslashes and a fragment")
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "":
		return nil, invalid("the URL could not be understood")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, invalid("the URL must begin with https://")
	case u.User != nil:
		return nil, invalid("the URL must not have a user name or password")
	case u.Host == "":
		return nil, invalid("the URL must have a host")
	}
	return u, nil
}

// checkHost refuses hosts that may not be called at port, and returns the one
// spelling of the others.
func (g guard) checkHost(u *url.URL, port uint16) (string, error) {
	host := strings.ToLower(u.Hostname())
	bracketed := strings.HasPrefix(u.Host, "[")
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" && a.Is6() == bracketed {
		a = a.Unmap()
		if !g.exempt(a) && !slices.Contains(g.ports, port) {
			return "", g.wrongPort()
		}
		if err := g.check(netip.AddrPortFrom(a, port)); err != nil {
			return "", err
		}
		if a.Is6() {
			return "[" + a.String() + "]", nil
		}
		return a.String(), nil
	}
	if bracketed || !isName(host) {
		return "", invalid("the URL must have a plain host: a name, or an address in its usual form")
	}
	if len(g.allow) > 0 {
		return host, nil // the name may lead to an exempt network; dial will see, and check the port
	}
	if isInside(host) {
		return "", errBlocked
	}
	if !slices.Contains(g.ports, port) {
		return "", g.wrongPort()
	}
	return host, nil
}

// wrongPort names the ports that are not wrong.
func (g guard) wrongPort() *Error {
	var list []string
	for _, p := range g.ports {
		list = append(list, strconv.Itoa(int(p)))
	}
	return invalid("the URL has a port that is not allowed; these are: " + strings.Join(list, ", "))
}

// isName tells whether s, in lower case, is the name of a host. A name that
// ends in a number is an address in disguise (0x7f.1, 2130706433, 127.1).
func isName(s string) bool {
	if len(s) > maxHost {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || strings.Trim(label, nameBytes) != "" {
			return false
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != "" && !isHex(last)
}

const nameBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// isHex tells whether s is a number as 0x7f is one; a bare 0x is a zero.
func isHex(s string) bool {
	digits, ok := strings.CutPrefix(s, "0x")
	return ok && strings.Trim(digits, "0123456789abcdef") == ""
}

// isInside tells whether a name is one of a private network.
func isInside(host string) bool {
	return !strings.Contains(host, ".") || slices.ContainsFunc(insideNames, func(end string) bool {
		return host == end || strings.HasSuffix(host, "."+end)
	})
}

func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" && !strings.HasSuffix(u.Host, ":") {
		return defaultPort(u.Scheme), nil
	}
	return parsePort(u.Port())
}

// parsePort takes 1 to 65535 in their one spelling.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, invalid("the URL has a port that is not a number from 1 to 65535")
	}
	return uint16(n), nil
}

func defaultPort(scheme string) uint16 {
	if scheme == "http" {
		return 80
	}
	return 443
}
