package payroc

import (
	"context"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// call is one request of an authenticated caller.
type call struct {
	who      pay.Caller
	zone     *time.Location    // of the dates on the wire
	settings map[string]string // the merchant's, in this dialect
}

// atTerminal is a call below a terminal. The order of the checks is that of
// sheet 10: token, path, Accept.
func (d *payroc) atTerminal(r *http.Request) (call, error) {
	who, err := d.Authenticate(r)
	if err != nil {
		return call{}, err
	}
	if !accepts(r) {
		return call{}, errAccept
	}
	return d.callOf(r.Context(), who)
}

// atLink is a call on one link, which is looked for among all terminals of the
// token.
func (d *payroc) atLink(r *http.Request) (c call, view core.LinkView, err error) {
	grants, err := d.grants(r)
	if err != nil {
		return c, view, err
	}
	id := r.PathValue("id")
	if !pay.ValidLinkID(id) {
		return c, view, pay.ErrNotFound
	}
	grant, view, err := d.findLink(r, grants, id)
	if err != nil {
		return c, view, err
	}
	if !accepts(r) {
		return c, view, errAccept
	}
	c, err = d.callOf(r.Context(), caller(grant, r))
	return c, view, err
}

// findLink reads a link of any of the grants. Errors: pay.ErrNotFound.
func (d *payroc) findLink(r *http.Request, grants []core.Grant, id string) (core.Grant, core.LinkView, error) {
	var asked []pay.Tenant
	for _, g := range grants {
		if slices.Contains(asked, g.Tenant) {
			continue
		}
		asked = append(asked, g.Tenant)
		view, err := d.core.LinkByWireID(r.Context(), caller(g, r), id)
		if err != nil && pay.KindOf(err) != pay.NotFound {
			return g, view, err
		}
		for _, owner := range grants {
			if err == nil && owner.Tenant == g.Tenant && owner.External == view.Link.Account {
				return owner, view, nil
			}
		}
	}
	return core.Grant{}, core.LinkView{}, pay.ErrNotFound
}

// callOf adds what the merchant has set.
func (d *payroc) callOf(ctx context.Context, who pay.Caller) (call, error) {
	m, err := d.core.Merchant(ctx, who.Tenant)
	if err != nil {
		return call{}, err
	}
	zone, err := time.LoadLocation(m.Settings.TimeZone) // "" is UTC
	if err != nil {
		return call{}, err
	}
	return call{who: who, zone: zone, settings: m.Settings.Dialects[name]}, nil
}

// The merchant settings of this dialect (sheet 5). Features are on unless they
// are "off".
const (
	settingLinks   = "payment_links"
	settingPreAuth = "pre_authorization"
	settingBank    = "bank_transfer"
	settingLogo    = "logo_url" // of the terminal
)

// lacks is the error when a link needs a feature that the terminal has not.
func (c call) lacks(w wireLink) error {
	lacking := func(feature string) bool { return c.settings[feature] == "off" }
	if lacking(settingLinks) || lacking(settingPreAuth) && w.AuthType == authHold || lacking(settingBank) && slices.Contains(w.Methods, methodBank) {
		return errCapabilities
	}
	return nil
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// keyed checks the envelope of a request that writes: its content type, then
// its idempotency key. print is what the key stands for.
func keyed(r *http.Request, types ...string) (key, print string, body []byte, err error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, media) {
		return "", "", nil, errContentType
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 || len(keys) == 1 && keys[0] == "" {
		return "", "", nil, errKeyMissing
	}
	key = strings.ToLower(keys[0])
	if len(keys) > 1 || !uuid4.MatchString(key) {
		return "", "", nil, invalid("Idempotency-Key", codeFormat, "must be a UUID of version 4")
	}
	if body, err = web.Body(r); err != nil {
		return "", "", nil, err
	}
	_, route, _ := strings.Cut(r.Pattern, " ")
	return key, web.Fingerprint(r.Method, route, []string{r.PathValue("terminal"), r.PathValue("id")}, body), body, nil
}

// accepts reports whether the Accept header lets us answer in JSON.
func accepts(r *http.Request) bool {
	all := r.Header.Values("Accept")
	if len(all) == 0 || len(all) == 1 && strings.TrimSpace(all[0]) == "" {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(all, ","), ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		switch media {
		case "*/*", "application/*", "application/json", "application/problem+json":
			return true
		}
	}
	return false
}
