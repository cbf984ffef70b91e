// Package api is the native REST API under /v1, and with it the dialect named
// "native": its routes, errors, webhooks and return links. It translates between
// the wire and our words and answers for their form; the rules of money belong
// to core. It never stores anything and never shows a secret twice.
//
// docs/openapi.yaml describes every route; a test compares the two.
package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// Name is what the native API is called among the dialects.
const Name = "native"

// Options are the settings of the API.
type Options struct {
	PublicURL string // where payers and callers reach us, without a slash at the end
	Version   string // of the program, for the description
	Log       *slog.Logger
	Limits    Limits
}

// Limits are rates; zero is the default of THREATS 12, less than zero is off.
type Limits struct {
	PerKey          int // requests per second of one key: 100
	PerKeyBurst     int // requests of one key at once: 200
	MissesPerMinute int // failed authentications per minute of one address: 60
}

// API is the native API. It is a dialect.Dialect.
type API struct {
	core    *core.Core
	o       Options
	perKey  *web.Limiter
	misses  *web.Limiter
	doc     document
	routes  []dialect.Route
	docPage []byte
}

var _ dialect.Dialect = (*API)(nil)

// New makes the API over c. It panics when the embedded description cannot be
// read, or a limit cannot be made: both are faults of the build.
func New(c *core.Core, opts Options) *API {
	opts.PublicURL = strings.TrimRight(opts.PublicURL, "/")
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	l := opts.Limits
	misses := orDefault(l.MissesPerMinute, 60)
	a := &API{
		core: c, o: opts,
		perKey: must(web.NewLimiter(orDefault(l.PerKey, 100), time.Second, orDefault(l.PerKeyBurst, 200))),
		misses: must(web.NewLimiter(misses, time.Minute, misses)),
		doc:    must(readDocument(opts)),
	}
	a.docPage = must(a.doc.page())
	a.routes = a.allRoutes()
	return a
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name is part of dialect.Dialect.
func (*API) Name() string { return Name }

// Routes are all patterns of the native API.
func (a *API) Routes() []dialect.Route { return a.routes }

const createRoute = "POST /v1/payment_links"

func (a *API) allRoutes() []dialect.Route {
	return []dialect.Route{
		a.route(createRoute, a.createLink),
		a.route("GET /v1/payment_links", a.listLinks),
		a.route("GET /v1/payment_links/{id}", a.getLink),
		a.route("PATCH /v1/payment_links/{id}", a.editLink),
		a.route("GET /v1/payment_links/{id}/versions", a.listVersions),
		a.route("POST /v1/payment_links/{id}/splits/{index}/release", a.releaseSplit),
		a.route("POST /v1/payment_links/{id}/splits/{index}/cancel", a.cancelSplit),
		a.route("POST /v1/payment_links/{id}/splits/{index}/hold", a.holdSplit),
		a.route("POST /v1/payment_links/{id}/splits/{index}/transfer", a.transferSplit),
		a.route("POST /v1/payment_links/{id}/cancel", a.moveLink((*pay.Tab).Cancel)),
		a.route("POST /v1/payment_links/{id}/pause", a.moveLink((*pay.Tab).Pause)),
		a.route("POST /v1/payment_links/{id}/resume", a.moveLink((*pay.Tab).Resume)),
		a.route("GET /v1/payments", a.listPayments),
		a.route("GET /v1/payments/{id}", a.getPayment),
		a.route("POST /v1/payments/{id}/capture", a.capture),
		a.route("POST /v1/payments/{id}/void", a.void),
		a.route("POST /v1/payments/{id}/refunds", a.refund),
		a.route("POST /v1/payments/{id}/disputes", a.openDispute),
		a.route("GET /v1/disputes", a.listDisputes),
		a.route("GET /v1/disputes/{id}", a.getDispute),
		a.route("POST /v1/disputes/{id}/decide", a.decideDispute),
		a.route("GET /v1/reviews", a.listReviews),
		a.route("POST /v1/reviews/{id}/decide", a.decideReview),
		a.route("GET /v1/differences", a.listDifferences),
		a.route("POST /v1/differences/{id}/close", a.closeDifference),
		a.route("GET /v1/events", a.listEvents),
		a.route("POST /v1/webhook_endpoints", a.createEndpoint),
		a.route("GET /v1/webhook_endpoints", a.listEndpoints),
		a.route("GET /v1/webhook_endpoints/{id}", a.getEndpoint),
		a.route("POST /v1/webhook_endpoints/{id}/rotate_secret", a.rotateSecret),
		a.route("POST /v1/webhook_endpoints/{id}/disable", a.enableEndpoint(false)),
		a.route("POST /v1/webhook_endpoints/{id}/enable", a.enableEndpoint(true)),
		a.route("GET /v1/deliveries", a.listDeliveries),
		a.route("POST /v1/deliveries/{id}/replay", a.replayOne),
		a.route("POST /v1/deliveries/replay", a.replayRange),
		a.route("GET /v1/settlements", a.listSettlements),
		a.route("GET /v1/balance", a.balance),
		a.route("POST /v1/payouts", a.createPayout),
		a.route("GET /v1/payouts", a.listPayouts),
		a.route("GET /v1/payouts/{id}", a.getPayout),
		a.route("GET /v1/account", a.account),
		{Pattern: "POST /v1/callbacks/{processor}/{merchant}/{mode}", Handle: a.callback},
		{Pattern: "GET /v1/openapi.json", Handle: a.openAPI},
		{Pattern: "GET /docs", Handle: a.docs},
	}
}

// request is an authenticated request on its way through a handler.
type request struct {
	*http.Request
	who     pay.Caller
	pattern string
}

// fingerprint tells the request from others under its idempotency key.
func (r request) fingerprint() (string, error) {
	body, err := web.Body(r.Request)
	if err != nil {
		return "", err
	}
	values := []string{r.PathValue("id")}
	if index := r.PathValue("index"); index != "" {
		values = append(values, index)
	}
	return fingerprint(r.pattern, values, body), nil
}

func fingerprint(pattern string, values []string, body []byte) string {
	method, route, _ := strings.Cut(pattern, " ")
	return web.Fingerprint(method, route, values, body)
}

// route is one endpoint for callers with a key.
func (a *API) route(pattern string, h func(w http.ResponseWriter, r request) error) dialect.Route {
	return dialect.Route{Pattern: pattern, Handle: func(w http.ResponseWriter, r *http.Request) error {
		who, err := a.Authenticate(r)
		if err != nil {
			return err
		}
		if after, ok := a.perKey.Allow(string(who.Credential)); !ok {
			return tooMany(after)
		}
		return h(w, request{r, who, pattern})
	}}
}

func tooMany(after int) error {
	return &pay.Error{Kind: pay.TooMany, Code: "rate_limited", Detail: "too many requests; wait before the next", RetryAfter: after}
}

// Authenticate knows the caller by the secret key in "Authorization: Bearer …".
// Errors: pay.ErrUnauthorized; rate_limited when an address fails too often.
func (a *API) Authenticate(r *http.Request) (pay.Caller, error) {
	if key := web.Bearer(r); key != "" {
		who, err := a.core.AuthenticateKey(r.Context(), key, web.RequestID(r))
		if err == nil || pay.KindOf(err) != pay.Unauthorized {
			return who, err
		}
	}
	if after, ok := a.misses.Allow(web.ClientIP(r)); !ok {
		return pay.Caller{}, tooMany(after)
	}
	return pay.Caller{}, pay.ErrUnauthorized
}

// HasCredential is part of dialect.Dialect: our keys tell their make.
func (a *API) HasCredential(r *http.Request) bool {
	return strings.HasPrefix(web.Bearer(r), "paylink_")
}

// Fail words err as application/problem+json (RFC 9457).
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if web.Status(err) == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="paylink"`)
	}
	web.Problem(w, r, err)
}

// NewWireID is empty: a native link is called by its id.
func (*API) NewWireID(pay.LinkID, string, time.Time) string { return "" }

// PayURL is the plain address of a page.
func (*API) PayURL(base string, l pay.Link) string { return dialect.PlainPayURL(base, l) }

// Pages is empty: the plain addresses are served for all.
func (*API) Pages() []dialect.Page { return nil }
