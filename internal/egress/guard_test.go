package egress

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

const public = "93.184.216.34" // never dialled: a blocked neighbour refuses the name first

// The dialer checks what it was given once more, whoever resolved it.
func TestControl(t *testing.T) {
	n := &names{}
	for _, live := range []bool{true, false} {
		g := stranger().lane(live).guard
		for _, a := range blockedAddresses {
			at := netip.AddrPortFrom(netip.MustParseAddr(a), 443).String()
			wantKind(t, g.control("tcp4", at, nil), Blocked)
			wantKind(t, g.control("tcp6", at, nil), Blocked)
		}
		if err := g.control("tcp4", public+":443", nil); err != nil {
			t.Errorf("a public address is refused: %v", err)
		}
		for _, at := range []string{public + ":22", public, "shop.example:443", "/var/run/docker.sock", "[fe80::1%eth0]:443"} {
			wantKind(t, g.control("tcp4", at, nil), Blocked)
		}
		for _, network := range []string{"udp4", "unix", "tcp", ""} {
			wantKind(t, g.control(network, public+":443", nil), Blocked)
		}
	}
	wantKind(t, client(t, n, nil).live.guard.control("tcp4", "127.0.0.1:443", nil), Blocked)
	for _, at := range []string{"127.0.0.1:1234", "[::ffff:127.0.0.1]:1234"} {
		if err := client(t, n, nil).test.guard.control("tcp4", at, nil); err != nil {
			t.Errorf("the exempt address %s is refused: %v", at, err)
		}
	}
}

// The dialer's own check stands without the first one.
func TestDialOneChecks(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came through") })
	conn, err := stranger().test.guard.dialOne(t.Context(), "tcp", netip.MustParseAddrPort(strings.TrimPrefix(s, "http://")), 1)
	if err == nil {
		conn.Close()
	}
	wantKind(t, failure(t.Context(), err), Blocked)
}

func TestNamesToBlockedAddresses(t *testing.T) {
	for _, a := range blockedAddresses {
		n := &names{answers: map[string][][]string{
			"alone.example.": {{a}},
			"mixed.example.": {{public, a}}, // one bad address among good ones
		}}
		c := newClient(nil, n.lookup, noOwn, nil)
		for _, host := range []string{"alone.example", "mixed.example"} {
			for _, live := range []bool{true, false} {
				_, err := c.Do(t.Context(), Request{URL: "https://" + host + "/", Live: live})
				wantKind(t, err, Blocked)
			}
		}
	}
}

func TestNamesWithoutAddresses(t *testing.T) {
	many := make([]string, maxAddresses+1)
	for i := range many {
		many[i] = "127.0.0.1"
	}
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came through") })
	n := &names{answers: map[string][][]string{"none.example.": {{}}, "many.example.": {many}}}
	for _, host := range []string{"none.example", "many.example", "unknown.example"} {
		_, err := client(t, n, nil).Do(t.Context(), Request{URL: "http://" + host + ":" + port(t, url) + "/"})
		wantKind(t, err, Network)
	}
}

// A name that leads to an exempt network has any port; another name does not.
func TestPortOfNames(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := &names{answers: map[string][][]string{"in.example.": {{"127.0.0.1"}}, "out.example.": {{public}}}}
	c := client(t, n, nil)
	if _, err := c.Do(t.Context(), Request{URL: "http://in.example:" + port(t, url) + "/"}); err != nil {
		t.Errorf("exempt: %v", err)
	}
	_, err := c.Do(t.Context(), Request{URL: "http://out.example:" + port(t, url) + "/"})
	wantKind(t, err, Blocked)
}

// The name's owner answers anew for each question: with a server of theirs
// first, with the inside then. We ask once and dial that answer.
func TestRebinding(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := &names{answers: map[string][][]string{"evil.example.": {{"127.0.0.1"}, {"10.0.0.1"}}}}
	c := client(t, n, nil)
	r := Request{URL: "http://evil.example:" + port(t, url) + "/"}
	for range 3 { // the kept connection is to the address that was checked
		if _, err := c.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if len(n.asked) != 1 || n.asked[0] != "evil.example." {
		t.Fatalf("asked for %q, want one question for the whole name", n.asked)
	}
	c.Close()
	_, err := c.Do(t.Context(), r)
	wantKind(t, err, Blocked)
}

// The first address is dead, the second one answers.
func TestNextAddress(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := &names{answers: map[string][][]string{"two.example.": {{"127.0.0.77", "127.0.0.1"}}}}
	if _, err := client(t, n, nil).Do(t.Context(), Request{URL: "http://two.example:" + port(t, url) + "/"}); err != nil {
		t.Fatal(err)
	}
}

// A connection opened in test mode, by its exemption, is not there for live mode.
func TestModesShareNoConnection(t *testing.T) {
	n := &names{answers: map[string][][]string{"example.com.": {{"127.0.0.1"}}}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	c := client(t, n, s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	if _, err := c.Do(t.Context(), Request{URL: "https://example.com:" + port(t, s.URL) + "/"}); err != nil {
		t.Fatal(err)
	}
	// CheckURL would refuse the port; the transports are what is on trial.
	req, err := http.NewRequest("GET", "https://example.com:"+port(t, s.URL)+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.live.transport.RoundTrip(req)
	if err == nil {
		res.Body.Close()
	}
	wantKind(t, failure(t.Context(), err), Blocked)
}
