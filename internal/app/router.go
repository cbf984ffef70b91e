package app

import (
	"net/http"
	"strings"

	"paylink/internal/checkout"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// router puts every address in its place: the native API, the pages, and each
// dialect at its provider's bare paths, under /{dialect}/ and on a host name of
// its own.
func (a *App) router(native dialect.Dialect, pages *checkout.Checkout) http.Handler {
	mux := http.NewServeMux()
	handle(mux, native.Routes(), native.Fail)
	handle(mux, pages.Routes(), native.Fail)
	mux.Handle("/sandbox/", http.StripPrefix("", a.Sandbox.Handler()))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.ready)
	hosts := map[string]http.Handler{}
	for name, d := range a.dialects {
		if name == native.Name() {
			continue
		}
		own := http.NewServeMux()
		handle(own, d.Routes(), d.Fail)
		fallback(own, d)
		handle(mux, d.Routes(), d.Fail)
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, own))
		if host := a.settings.DialectHost[name]; host != "" {
			hosts[host] = own
		}
	}
	fallback(mux, native)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
		if own, ok := hosts[host]; ok && !strings.HasPrefix(r.URL.Path, "/l/") && !strings.HasPrefix(r.URL.Path, "/assets/") {
			own.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func handle(mux *http.ServeMux, routes []dialect.Route, fail web.Fail) {
	for _, route := range routes {
		mux.Handle(route.Pattern, web.Handle(route.Handle, fail))
	}
}

// fallback words an unknown path in the dialect's way.
func fallback(mux *http.ServeMux, d dialect.Dialect) {
	defer func() { _ = recover() }() // the dialect has a route for "/" itself
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { d.Fail(w, r, pay.ErrNotFound) })
}

func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if err := a.Core.Ready(r.Context()); err != nil {
		a.log.Error("not ready", "err", err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}
