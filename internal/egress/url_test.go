package egress

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// stranger is a client without exempt networks.
func stranger() *Client {
	return newClient(nil, (&names{}).lookup, noOwn, nil)
}

func TestCheckURLStoredForm(t *testing.T) {
	long := "https://shop.example/" + strings.Repeat("a", maxURL-len("https://shop.example/"))
	for raw, want := range map[string]string{
		"https://shop.example":                  "https://shop.example/",
		"HTTPS://Shop.Example:443/Hook?a=B":     "https://shop.example/Hook?a=B",
		"https://shop.example:8443/h":           "https://shop.example:8443/h",
		"https://xn--bcher-kva.example/%C3%BC":  "https://xn--bcher-kva.example/%C3%BC",
		"https://1.1.1.1/":                      "https://1.1.1.1/",
		"https://[::ffff:1.1.1.1]/":             "https://1.1.1.1/",
		"https://[2606:4700:0:0::1111]:8443":    "https://[2606:4700::1111]:8443/",
		"https://my_shop.example/?redirect=//x": "https://my_shop.example/?redirect=//x",
		"https://shop.example?":                 "https://shop.example/?",
		long:                                    long,
	} {
		for _, live := range []bool{true, false} {
			got, err := stranger().CheckURL(raw, live)
			if err != nil || got != want {
				t.Errorf("CheckURL(%q, %t) = %q, %v; want %q", raw, live, got, err, want)
			}
		}
	}
}

func TestCheckURLByMode(t *testing.T) {
	for _, raw := range []string{"http://shop.example/", "http://shop.example:443/", "https://shop.example:80/"} {
		if _, err := stranger().CheckURL(raw, true); err == nil {
			t.Errorf("%s passes in live mode", raw)
		}
		if _, err := stranger().CheckURL(raw, false); err != nil {
			t.Errorf("%s is refused in test mode: %v", raw, err)
		}
	}
	exempt := newClient(loopback, (&names{}).lookup, noOwn, nil)
	for _, raw := range []string{"http://127.0.0.1:3000/", "http://localhost:3000/hook", "http://hooks:9/", "https://127.9.9.9/"} {
		if _, err := exempt.CheckURL(raw, false); err != nil {
			t.Errorf("%s is refused though its network is exempt: %v", raw, err)
		}
		if _, err := exempt.CheckURL(raw, true); err == nil {
			t.Errorf("%s passes in live mode by the exemption of test mode", raw)
		}
	}
	for _, raw := range []string{"http://10.0.0.1/", "http://[::1]/", "http://1.1.1.1:3000/", "http://127.0.0.1:0/"} {
		if _, err := exempt.CheckURL(raw, false); err == nil {
			t.Errorf("%s passes by the exemption of another network", raw)
		}
	}
}

func TestCheckURLInvalid(t *testing.T) {
	for _, raw := range []string{
		"", " ", "shop.example", "//shop.example/", "https:shop.example", "https:/shop.example", "https:///x", "https://",
		"ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "javascript:alert(1)",
		"https://user@shop.example/", "https://user:pw@shop.example/", "https://@shop.example/", "https://:@shop.example/",
		"https://shop.example@10.0.0.1/", "https://shop.example/#x", "https://shop.example/#", "https://shop.example#@10.0.0.1/",
		"https://shop.example\\@10.0.0.1/", "https:\\\\shop.example/", "https://shop.example/a b", "https://shop.example/\r\nHost: x",
		"https://shop.example/\x00", "https://shop.example/\x7f", "https://shop.example/?q=\t", " https://shop.example/",
		"https://bücher.example/", "https://①②⑦.0.0.1/", "https://shop。example/", "https://shop.example/ü",
		"https://sh%6fp.example/", "https://%31%32%37.0.0.1/", "https://shop.example%2f@x/", "https://[fe80::1%25eth0]/", "https://[::1",
		"https://shop.example./", "https://shop..example/", "https://.shop.example/", "https://-shop.example/", "https://shop-.example/",
		"https://sh*p.example/", "https://shop,example/", "https://" + strings.Repeat("a", 64) + ".example/",
		"https://" + strings.Repeat("a.", 127) + "example/",
		"https://shop.example:/", "https://shop.example:0/", "https://shop.example:0443/", "https://shop.example:+443/",
		"https://shop.example:65979/", "https://shop.example:https/", "https://shop.example:443:443/",
		"https://shop.example:22/", "https://shop.example:8080/", "https://1.1.1.1:6379/", "https://[2606:4700::1111]:25/",
		"https://shop.example/" + strings.Repeat("a", maxURL), "https://shop.example/" + strings.Repeat("\"", 1000),
		// Addresses in disguise.
		"https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0x7f.1/", "https://0X7F.1/", "https://017700000001/",
		"https://0177.0.0.1/", "https://0177.1/", "https://127.1/", "https://127.0.1/", "https://127.0.0.01/", "https://127.0.0.1./",
		"https://256.1.1.1/", "https://1.1.1.1.1/", "https://0/", "https://0x/", "https://shop.0x/", "https://shop.123/", "https://[127.0.0.1]/",
	} {
		for _, live := range []bool{true, false} {
			_, err := stranger().CheckURL(raw, live)
			if err == nil {
				t.Errorf("CheckURL(%q, %t) passes", raw, live)
				continue
			}
			wantKind(t, err, Invalid)
		}
	}
}

// blockedAddresses are of every range that THREATS 10 names.
var blockedAddresses = []string{
	"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
	"169.254.169.254", "100.64.0.1", "100.100.100.200", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "168.63.129.16",
	"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:7f00:1",
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::",
	"fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1", "2001:2::1",
}

func TestCheckURLBlocked(t *testing.T) {
	var raws []string
	for _, a := range blockedAddresses {
		host := a
		if strings.Contains(a, ":") {
			host = "[" + a + "]"
		}
		raws = append(raws, "https://"+host+"/", "https://"+host+":8443/latest/meta-data")
	}
	raws = append(raws, "https://localhost/", "https://LOCALHOST/", "https://a.localhost/", "https://db/", "https://db.local/",
		"https://metadata.google.internal/", "https://db.prod.internal/", "https://printer.home.arpa/", "https://1.0.0.127.in-addr.arpa/")
	for _, raw := range raws {
		for _, live := range []bool{true, false} {
			_, err := stranger().CheckURL(raw, live)
			if err == nil {
				t.Errorf("CheckURL(%q, %t) passes", raw, live)
				continue
			}
			wantKind(t, err, Blocked)
		}
	}
}

func TestCheckURLOwnAddress(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("1.2.3.4"), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2606:4700::77"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	c := newClient(nil, (&names{}).lookup, own, nil)
	for _, raw := range []string{"https://1.2.3.4/", "https://[2606:4700::77]/", "https://[::ffff:1.2.3.4]/"} {
		_, err := c.CheckURL(raw, true)
		wantKind(t, err, Blocked)
	}
	if _, err := c.CheckURL("https://1.2.3.5/", true); err != nil {
		t.Errorf("a neighbour is refused: %v", err)
	}
	broken := newClient(nil, (&names{}).lookup, func() ([]net.Addr, error) { return nil, net.ErrClosed }, nil)
	_, err := broken.CheckURL("https://1.2.3.5/", true)
	wantKind(t, err, Blocked)
}

// A prefix in its mapped spelling, or with stray bits, is the network it means.
func TestExemptSpellings(t *testing.T) {
	for _, s := range []string{"10.0.0.0/8", "10.1.2.3/8", "::ffff:10.0.0.0/104"} {
		c := newClient([]netip.Prefix{netip.MustParsePrefix(s), {}}, (&names{}).lookup, noOwn, nil)
		for _, raw := range []string{"http://10.200.0.1:81/", "http://[::ffff:10.200.0.1]:81/"} {
			if _, err := c.CheckURL(raw, false); err != nil {
				t.Errorf("%s with %s exempt: %v", raw, s, err)
			}
		}
		_, err := c.CheckURL("http://11.0.0.1:81/", false)
		wantKind(t, err, Invalid)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://shop.example:8443/a/../b?c=d", "http://1.1.1.1/%2e", "https://[::ffff:1.1.1.1]", "https://0x7f.1/", "https://a@b/",
		"https://shop.example//x;y=z?q", "https://shop.example/\"<>^`{|}", "https://[2606:4700::1]/", "https://shop.example/%zz",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	c := stranger()
	f.Fuzz(func(t *testing.T, raw string, live bool) {
		stored, err := c.CheckURL(raw, live)
		if err != nil {
			return
		}
		if again, err := c.CheckURL(stored, live); err != nil || again != stored {
			t.Fatalf("%q became %q, which becomes %q, %v", raw, stored, again, err)
		}
		u, err := url.Parse(stored)
		if err != nil || u.User != nil || u.Fragment != "" || len(stored) > maxURL {
			t.Fatalf("%q became %q: %v", raw, stored, err)
		}
		if u.Scheme != "https" && (live || u.Scheme != "http") {
			t.Fatalf("%q has scheme %q", stored, u.Scheme)
		}
		if p := u.Port(); p != "" && p != "8443" && (live || (p != "80" && p != "443")) {
			t.Fatalf("%q has port %q", stored, p)
		}
		if strings.Trim(u.Host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != "" {
			t.Fatalf("%q has host %q", stored, u.Host)
		}
		if ip := net.ParseIP(u.Hostname()); ip != nil && (!ip.IsGlobalUnicast() || ip.IsPrivate()) {
			t.Fatalf("%q is not public", stored)
		}
	})
}
