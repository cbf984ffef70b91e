package app

import (
	"crypto/sha256"
	"net/http"

	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// rated is a dialect whose callers are held to the rates of THREATS 12 and A33,
// worded in the dialect's own way. The native API holds its callers itself.
type rated struct {
	dialect.Dialect
	requests *web.Limiter // of one credential, or of one address without any
	misses   *web.Limiter // failed authentications of one address
}

// Routes are the dialect's, each held to the rate of requests.
func (d rated) Routes() []dialect.Route {
	routes := d.Dialect.Routes()
	for i := range routes {
		handle := routes[i].Handle
		routes[i].Handle = func(w http.ResponseWriter, r *http.Request) error {
			if after, ok := d.requests.Allow(d.Name() + " " + credential(r)); !ok {
				return tooMany(after)
			}
			return handle(w, r)
		}
	}
	return routes
}

// Fail words err; who fails to authenticate too often is told to wait.
func (d rated) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if pay.KindOf(err) == pay.Unauthorized {
		if after, ok := d.misses.Allow(web.ClientIP(r)); !ok {
			err = tooMany(after)
		}
	}
	d.Dialect.Fail(w, r, err)
}

func tooMany(after int) error {
	return &pay.Error{Kind: pay.TooMany, Code: "rate_limited", Detail: "too many requests; wait before the next", RetryAfter: after}
}

// credential stands for what r was sent with, unread; without any, for where
// it came from.
func credential(r *http.Request) string {
	for _, name := range []string{"Authorization", "X-Api-Key"} {
		if value := r.Header.Get(name); value != "" {
			sum := sha256.Sum256([]byte(value))
			return string(sum[:16])
		}
	}
	return web.ClientIP(r)
}
