// Package checkout is the payer's page: what is asked, the ways to pay it, how
// it stands, and the receipt. It shows amounts from the record only, and never
// changes anything on a GET or HEAD but the time of the first view.
package checkout

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	_ "embed" // style and script

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/page"
	"paylink/internal/pay"
	"paylink/internal/web"
)

//go:embed assets/checkout.css
var checkoutCSS []byte

//go:embed assets/return.js
var returnJS []byte

var (
	style        = page.NewAsset("checkout", "css", page.BaseCSS, checkoutCSS)
	returnScript = page.NewAsset("return", "js", returnJS)
)

// Options are what the pages need besides the use cases.
type Options struct {
	PublicURL   string // what our own addresses begin with
	Log         *slog.Logger
	SubmitLimit *web.Limiter     // payments begun, per link and address; nil: no limit
	MissLimit   *web.Limiter     // unknown tokens, per address; nil: no limit
	Now         func() time.Time // nil: the clock
}

// backend is the part of core that the pages use.
type backend interface {
	OpenPage(ctx context.Context, token string, viewed bool) (core.PayView, error)
	StartPayment(ctx context.Context, cmd core.StartPayment) (pay.Payment, error)
	AbandonPayment(ctx context.Context, token string, id pay.PaymentID, requestID string) (pay.Payment, error)
	DialectSecret(ctx context.Context, t pay.Tenant, dialect string) (string, error)
	SlugToken(ctx context.Context, slug string) (string, error)
}

// Checkout serves the payer's pages.
type Checkout struct {
	core     backend
	dialects map[string]dialect.Dialect
	opts     Options
	crossing *http.CrossOriginProtection
	origin   string // of PublicURL
}

// New makes the pages. dialects are all that links were ever made in, by name.
func New(c *core.Core, dialects map[string]dialect.Dialect, opts Options) *Checkout {
	return newCheckout(c, dialects, opts)
}

func newCheckout(c backend, dialects map[string]dialect.Dialect, opts Options) *Checkout {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = func() time.Time { return time.Now().UTC() }
	}
	s := &Checkout{core: c, dialects: dialects, opts: opts, crossing: http.NewCrossOriginProtection(), origin: page.Origin(opts.PublicURL)}
	if s.origin != "" {
		if err := s.crossing.AddTrustedOrigin(s.origin); err != nil {
			opts.Log.Warn("checkout: the public URL is no origin that can be trusted", "error", err)
		}
	}
	return s
}

// Routes are the pages and their assets. Their handlers word errors
// themselves, as pages, and return nil.
func (s *Checkout) Routes() []dialect.Route {
	routes := []dialect.Route{
		{Pattern: "GET /l/{token}", Handle: s.page(s.show)},
		{Pattern: "GET /l/{token}/return", Handle: s.page(s.show)},
		{Pattern: "GET /l/{token}/qr.svg", Handle: s.page(s.qrSVG)},
		{Pattern: "GET /l/{token}/qr.png", Handle: s.page(s.qrPNG)},
		{Pattern: "POST /l/{token}/pay", Handle: s.page(s.pay)},
		{Pattern: "POST /l/{token}/total", Handle: s.page(s.total)},
		{Pattern: "POST /l/{token}/payments/{id}/abandon", Handle: s.page(s.abandon)},
	}
	bySlug := func(show func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
		return s.page(s.at(s.slugToken, show))
	}
	routes = append(routes,
		dialect.Route{Pattern: "GET /p/{slug}", Handle: bySlug(s.show)},
		dialect.Route{Pattern: "GET /p/{slug}/qr.svg", Handle: bySlug(s.qrSVG)},
		dialect.Route{Pattern: "GET /p/{slug}/qr.png", Handle: bySlug(s.qrPNG)})
	for _, d := range s.dialects {
		for _, p := range d.Pages() {
			token := func(r *http.Request) (string, error) { return p.Token(r), nil }
			routes = append(routes, dialect.Route{Pattern: p.Pattern, Handle: s.page(s.at(token, s.show))})
		}
	}
	for _, a := range []*page.Asset{style, returnScript, page.Icon} {
		routes = append(routes, dialect.Route{Pattern: "GET " + a.Path, Handle: func(w http.ResponseWriter, r *http.Request) error {
			a.ServeHTTP(w, r)
			return nil
		}})
	}
	return routes
}

// at lets show answer at an address that carries the token in another form.
func (s *Checkout) at(token func(*http.Request) (string, error), show func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := token(r)
		if err != nil && pay.KindOf(err) != pay.NotFound {
			return err
		}
		r.SetPathValue("token", found) // an empty one is counted as a miss
		return show(w, r)
	}
}

func (s *Checkout) slugToken(r *http.Request) (string, error) {
	return s.core.SlugToken(r.Context(), r.PathValue("slug"))
}

// payURL is the address that the link's dialect gave out: what the QR code says.
func (s *Checkout) payURL(l pay.Link) string {
	public := strings.TrimRight(s.opts.PublicURL, "/")
	if d, ok := s.dialects[l.Dialect]; ok {
		return d.PayURL(public, l)
	}
	return dialect.PlainPayURL(public, l)
}

// page words the error of a handler as a page.
func (s *Checkout) page(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := handle(w, r); err != nil {
			s.Fail(w, r, err)
		}
		return nil
	}
}

// base is the address of a link's page, within our origin.
func base(token string) string { return "/l/" + url.PathEscape(token) }
