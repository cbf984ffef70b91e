package app

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"paylink/internal/checkout"
	"paylink/internal/dialect"
	"paylink/internal/page"
	"paylink/internal/web"
)

// spoken is one API with a mux of its own: patterns of different providers may
// overlap, and one mux would not take them.
type spoken struct {
	dialect.Dialect
	mux      *web.Mux
	origin   string     // of its own host; empty: it has none
	prefixes [][]string // literal beginnings of its routes, in segments
}

func newSpoken(d dialect.Dialect) *spoken {
	s := &spoken{Dialect: d, mux: web.NewMux(d.Fail)}
	for _, route := range d.Routes() {
		if route.After {
			s.mux.RouteAfter(route.Pattern, route.Handle)
		} else {
			s.mux.Route(route.Pattern, route.Handle)
		}
		_, path, _ := strings.Cut(route.Pattern, " ")
		literal, _, _ := strings.Cut(path, "{")
		s.prefixes = append(s.prefixes, segments(literal))
	}
	return s
}

// owns is how many leading segments of a path are those of a route.
func (s *spoken) owns(path []string) (most int) {
	for _, prefix := range s.prefixes {
		n := 0
		for n < len(prefix) && n < len(path) && prefix[n] == path[n] {
			n++
		}
		most = max(most, n)
	}
	return most
}

// maxSegments of a path are looked at when nobody knows it.
const maxSegments = 16

func segments(path string) []string {
	return strings.SplitN(strings.Trim(path, "/"), "/", maxSegments)
}

// router puts every address in its place: the native API and the pages, and
// each dialect at its provider's bare paths, under /{dialect}/ and on a host
// name of its own.
type router struct {
	native *spoken
	others []*spoken          // in the order of the registry
	common *web.Mux           // pages, health and /{dialect}/, on every host
	hosts  map[string]*spoken // dialects with a host name of their own
}

// newRouter knows the dialects; ownHosts are host names by dialect, reached by
// scheme and port of our public URL.
func newRouter(native dialect.Dialect, others []dialect.Dialect, ownHosts map[string]string, public string) *router {
	rt := &router{native: newSpoken(native), common: web.NewMux(native.Fail), hosts: map[string]*spoken{}}
	for _, d := range others {
		s := newSpoken(d)
		rt.others = append(rt.others, s)
		prefix := "/" + d.Name()
		own := http.StripPrefix(prefix, s.mux)
		rt.common.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
			web.SetWay(r, prefix)
			own.ServeHTTP(w, r)
		})
		if host := ownHosts[d.Name()]; host != "" {
			rt.hosts[host] = s
			s.origin = originOf(host, public)
		}
	}
	return rt
}

// originOf is a host under the scheme and port of our public URL.
func originOf(host, public string) string {
	u, err := url.Parse(public)
	if err != nil || u.Scheme == "" {
		return "https://" + host
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return u.Scheme + "://" + host
}

// router adds what is not an API.
func (a *App) router(native dialect.Dialect, others []dialect.Dialect, pages *checkout.Checkout) http.Handler {
	rt := newRouter(native, others, a.settings.DialectHost, a.settings.BaseURL())
	for _, route := range pages.Routes() {
		rt.common.Route(route.Pattern, route.Handle)
	}
	rt.common.Handle("/sandbox/", a.Sandbox.Handler())
	rt.common.HandleFunc("GET /{$}", a.home)
	rt.common.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	rt.common.HandleFunc("GET /readyz", a.ready)
	rt.common.Route("POST "+page.ReportPath, a.takeReports)
	return rt
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.find(r).ServeHTTP(w, r) }

// find is the mux that answers r. A dialect's own host knows that dialect and
// the pages. Elsewhere the native API comes first: where a provider's bare path
// is native too, its callers use prefix or host name.
func (rt *router) find(r *http.Request) *web.Mux {
	own := rt.hosts[hostname(r)]
	first := cmp.Or(own, rt.native)
	if first.mux.Match(r) == nil {
		web.SetWay(r, first.origin)
		return first.mux
	}
	misused := rt.common.Match(r)
	if misused == nil {
		return rt.common
	}
	if own != nil {
		web.SetWay(r, own.origin)
		return own.mux
	}
	var known, otherMethod []*spoken
	for _, s := range rt.others {
		switch err := s.mux.Match(r); {
		case err == nil:
			known = append(known, s)
		case errors.Is(err, web.ErrMethod):
			otherMethod = append(otherMethod, s)
		}
	}
	switch {
	case len(known) > 0:
		return cmp.Or(claimant(known, r), known[0]).mux
	case errors.Is(rt.native.mux.Match(r), web.ErrMethod):
		return rt.native.mux
	case errors.Is(misused, web.ErrMethod):
		return rt.common
	case len(otherMethod) > 0:
		return cmp.Or(claimant(otherMethod, r), otherMethod[0]).mux
	}
	return rt.owner(r).mux
}

// owner words a path that nobody knows (DECISIONS 21): the API that owns the
// longest matching literal prefix; where several share it, the one whose form
// of credential is present; else the native API.
func (rt *router) owner(r *http.Request) *spoken {
	path := segments(r.URL.Path)
	all := append([]*spoken{rt.native}, rt.others...)
	longest := 0
	for _, s := range all {
		longest = max(longest, s.owns(path))
	}
	if longest == 0 {
		return rt.native
	}
	owners := slices.DeleteFunc(all, func(s *spoken) bool { return s.owns(path) < longest })
	if len(owners) == 1 {
		return owners[0]
	}
	return cmp.Or(claimant(owners, r), rt.native)
}

// claimant is the first whose form of credential r carries; nil when none's.
func claimant(list []*spoken, r *http.Request) *spoken {
	for _, s := range list {
		if s.HasCredential(r) {
			return s
		}
	}
	return nil
}

// hostname is the host that r asks for, in the spelling of --dialect-host.
func hostname(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
}

func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if err := a.Core.Ready(r.Context()); err != nil {
		a.log.Error("not ready", "err", err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}
