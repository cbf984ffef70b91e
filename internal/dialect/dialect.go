// Package dialect is what a provider dialect is: pure translation between a
// provider's wire and our words. A dialect words four things: requests,
// answers, webhooks and the payer's way back. It never stores anything and
// never changes a payment fact by itself: core does.
package dialect

import (
	"math"
	"net/http"
	"time"

	"paylink/internal/pay"
)

// Dialect is one API we speak. The native API is one as well, named "native".
type Dialect interface {
	Name() string
	// Routes are the dialect's own, with the provider's bare paths. Patterns
	// name their methods: another method on a known path and an unknown path
	// are given to Fail, as web.ErrMethod and pay.ErrNotFound.
	Routes() []Route
	// HasCredential reports whether r carries a credential in the dialect's
	// form, valid or not. It decides who words an unknown path that several
	// dialects could own, and never who may do anything; the closer it looks
	// at the form, the better: a Bearer token alone is many dialects' form.
	HasCredential(r *http.Request) bool
	// Authenticate says who is calling. It takes what the wire names
	// (merchant, terminal, environment) and returns one caller.
	// Errors: pay.ErrUnauthorized.
	Authenticate(r *http.Request) (pay.Caller, error)
	// Fail words an error, also for an unknown path (pay.ErrNotFound).
	Fail(w http.ResponseWriter, r *http.Request, err error)
	// NewWireID is what the dialect calls a new link.
	NewWireID(id pay.LinkID, token string, now time.Time) string
	// PayURL is the address of a link's page in the provider's form; base is
	// our public URL. It is what answers, messages and the QR code say.
	PayURL(base string, l pay.Link) string
	// Pages are the addresses of that form beside /l/{token} and /p/{slug}.
	Pages() []Page

	// Word is the message that tells of an event; ok is false when the
	// dialect has no word for it. It is pure: same event, same bytes.
	Word(e pay.Event, m pay.Merchant, baseURL string) (msg Message, ok bool)
	// Sign makes the headers of one try. secrets are live ones, newest first.
	Sign(msg Message, secrets []string, at time.Time) (http.Header, error)
	// Schedule is how deliveries are tried.
	Schedule() Schedule
	// Return is the payer's way back after p; ok is false when our own page
	// is the end of the way. secret is the merchant's in this dialect.
	Return(l pay.Link, p pay.Payment, secret string, now time.Time) (back Return, ok bool)
}

// Subscriber is a dialect whose endpoints hear other messages when they
// subscribe to kinds of events than when they do not. It replaces Word then.
type Subscriber interface {
	WordFor(kinds []pay.EventKind, e pay.Event, m pay.Merchant, baseURL string) (msg Message, ok bool)
}

// Route is one endpoint: a net/http pattern and a handler that may fail.
type Route struct {
	Pattern string // "POST /api/pay/v1/paymentlink"
	Handle  func(w http.ResponseWriter, r *http.Request) error
	// After lets the pattern overlap with others without being the narrower
	// one, which net/http refuses: it is asked when no other fits.
	After bool
}

// Page is an address of the payer's page in the provider's form.
type Page struct {
	Pattern string // "GET /x/{id}"
	// Token is the link's token that the address carries; empty: none.
	Token func(r *http.Request) string
}

// PlainPayURL is the address of a page without a form of a provider's own.
func PlainPayURL(base string, l pay.Link) string {
	if l.Slug != "" {
		return base + "/p/" + l.Slug
	}
	return base + "/l/" + l.Token
}

// Message is one webhook as it leaves.
type Message struct {
	ID          string // the receiver's key against repeats
	ContentType string
	Body        []byte
	// Seal is set where the signature is a part of the body: it is the body for
	// a receiver with this secret. It is asked once, at the first try.
	Seal func(secret string) []byte
}

// Schedule replaces INVARIANTS W4 for a dialect's endpoints.
type Schedule struct {
	Timeout time.Duration   // of one try
	Waits   []time.Duration // before try 2, 3, …; after the last the delivery is exhausted
	// Patience is how long an event may fail before the next of its link is
	// tried (W2); zero is the usual ten minutes.
	Patience time.Duration
}

// Forever is the patience that lasts until an event has arrived or is used up.
const Forever time.Duration = math.MaxInt64

// Return is how the payer's browser goes back to the merchant.
type Return struct {
	URL    string
	Fields []pay.Line // set: a form POST with these; empty: a plain link
}
