package checkout

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/page"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// paymentCookie names the payment this browser began on a link, so that a
// payer who comes back from a bank sees theirs and not another's.
const paymentCookie = "paylink_payment"

// returnCookie names the payment whose payer has not been led back yet.
const returnCookie = "paylink_return"

const cookieLife = 24 * time.Hour

// show is the page in every state of the link. It changes nothing but the
// time of the first view, and not even that for a HEAD or a prefetch.
func (s *Checkout) show(w http.ResponseWriter, r *http.Request) error {
	pv, err := s.open(r, r.Method == http.MethodGet && !prefetch(r))
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, pv, remarks{})
}

// prefetch reports whether a browser fetches ahead of the payer.
func prefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		v := strings.ToLower(r.Header.Get(name))
		if strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || strings.Contains(v, "preview") {
			return true
		}
	}
	return false
}

// maxToken is longer than any token of ours.
const maxToken = 64

// open finds the link of the address. Unknown tokens of one address are
// limited and look alike, whatever is wrong with them.
// Errors: pay.ErrNotFound, TooMany.
func (s *Checkout) open(r *http.Request, viewed bool) (core.PayView, error) {
	token := r.PathValue("token")
	if len(token) <= maxToken {
		pv, err := s.core.OpenPage(r.Context(), token, viewed)
		if pay.KindOf(err) != pay.NotFound || err == nil {
			return pv, err
		}
	}
	if s.opts.MissLimit != nil {
		if wait, ok := s.opts.MissLimit.Allow(web.ClientIP(r)); !ok {
			return core.PayView{}, tooMany(wait)
		}
	}
	return core.PayView{}, pay.ErrNotFound
}

func tooMany(wait int) error {
	return &pay.Error{Kind: pay.TooMany, Code: "rate_limited", Detail: "too many requests", RetryAfter: wait}
}

// remarks are what one answer says beyond the record.
type remarks struct {
	notice string            // at the top of the page
	form   bool              // show the form again, with errors and values
	errors map[string]string // by name of the input
	values map[string]string // what the payer chose, by name of the input
	choice pay.Choice        // of an adjustable cart
}

// render shows the page of a link as it stands.
func (s *Checkout) render(w http.ResponseWriter, r *http.Request, status int, pv core.PayView, say remarks) error {
	p, own := focus(r, pv)
	v := s.view(pv, p, own, page.LocaleOf(r.Header.Get("Accept-Language")), say)
	if r.URL.Query().Has("still") {
		v.refreshS = 0 // the payer wants to read in peace
	}
	var origins []string
	if v.leads() && p != nil {
		back, err := s.wayBack(r.Context(), pv.Link, *p)
		if err != nil {
			return err
		}
		v.back = back
		v.autoReturn = back != nil && len(back.fields) > 0 && (v.screen == paid || v.screen == authorized) && arriving(r, *p)
	}
	l := pv.Link
	origins = append(origins, l.Page.SuccessURL, l.Page.FailureURL, l.Page.PendingURL, l.Page.BackURL)
	if v.back != nil {
		origins = append(origins, v.back.url)
	}
	if v.action != nil {
		origins = append(origins, v.action.url)
	}
	page.SetHeaders(w.Header(), origins...)
	if l.Page.Embed {
		page.AllowFrames(w.Header(), append(slices.Clip(pv.Merchant.Settings.EmbedOrigins), l.Page.SuccessURL, l.Page.FailureURL, l.Page.PendingURL, l.Page.BackURL)...)
	}
	w.Header().Add("Vary", "Accept-Language")
	shell := page.Shell{Title: v.title(), Style: style, Test: pv.Link.Mode == pay.Test, RefreshS: v.refreshS}
	if v.autoReturn {
		s.setCookie(w, l.Token, returnCookie, "") // once: a receipt opened later stays
		shell.Script = returnScript
	}
	return page.Write(r.Context(), w, r, status, linkPage(shell, v))
}

// focus is the payment the page is about. own is true when this browser is
// known to have begun it: by the address or the cookie. Where many payers use
// one link, a payment is shown to its own payer only; where there is one sum
// to pay, what failed or was given up yields to what counts.
func focus(r *http.Request, pv core.PayView) (p *pay.Payment, own bool) {
	_, one := pv.Link.Total()
	one = one && pv.Link.Slug == "" // whoever knows a slug may look at its page, so it shows a payment to its payer only
	if p := begun(r, pv); p != nil {
		over := p.State == pay.PaymentFailed || p.State == pay.PaymentCanceled
		if !one || !over || pv.Focus == nil || pv.Focus.ID == p.ID && pv.Link.State != pay.LinkCompleted {
			return p, true
		}
	}
	if one && pv.Link.State == pay.LinkCompleted && (pv.Focus == nil || pv.Focus.State != pay.PaymentOpen) {
		for i := range slices.Backward(pv.Payments) {
			if pv.Payments[i].State == pay.PaymentApplied {
				return &pv.Payments[i], false // paid: the page is the receipt, whatever was tried besides
			}
		}
	}
	if one || strings.HasSuffix(r.URL.Path, "/return") {
		return pv.Focus, false
	}
	return nil, false
}

// begun is the payment this browser says it began; nil when it says none.
func begun(r *http.Request, pv core.PayView) *pay.Payment {
	query := r.URL.Query()
	if id := query.Get("payment"); id != "" {
		if p := find(pv, id); p != nil {
			return p
		}
	}
	if c, err := r.Cookie(paymentCookie); err == nil && !query.Has("new") {
		return find(pv, c.Value)
	}
	return nil
}

func find(pv core.PayView, id string) *pay.Payment {
	if pv.Focus != nil && string(pv.Focus.ID) == id {
		return pv.Focus
	}
	for i := range pv.Payments {
		if string(pv.Payments[i].ID) == id {
			return &pv.Payments[i]
		}
	}
	return nil
}

// arriving reports whether the payer has just paid p, and is not looking at
// the receipt again.
func arriving(r *http.Request, p pay.Payment) bool {
	if r.URL.Query().Get("payment") == string(p.ID) {
		return true // the script takes it out of the address
	}
	c, err := r.Cookie(returnCookie)
	return err == nil && c.Value == string(p.ID)
}

// remember keeps in the browser which payment it began; "" forgets.
func (s *Checkout) remember(w http.ResponseWriter, token string, id pay.PaymentID) {
	s.setCookie(w, token, paymentCookie, string(id))
	s.setCookie(w, token, returnCookie, string(id))
}

func (s *Checkout) setCookie(w http.ResponseWriter, token, name, value string) {
	c := &http.Cookie{
		Name: name, Value: value, Path: base(token), MaxAge: int(cookieLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.origin, "https:"),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// wayBack is the payer's way to the merchant after p, as the link's dialect
// words it; nil when our page is the end.
func (s *Checkout) wayBack(ctx context.Context, l pay.Link, p pay.Payment) (*wayBack, error) {
	d, ok := s.dialects[l.Dialect]
	if !ok {
		return nil, nil
	}
	secret, err := s.core.DialectSecret(ctx, l.Tenant, l.Dialect)
	if err != nil {
		return nil, err
	}
	back, ok := d.Return(l, p, secret, s.opts.Now())
	if !ok || !page.SafeURL(back.URL) {
		return nil, nil
	}
	return &wayBack{url: back.URL, fields: back.Fields}, nil
}
