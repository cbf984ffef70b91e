package checkout

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"paylink/internal/core"
	"paylink/internal/page"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// maxForm is the size of a form in bytes; ours are far smaller.
const maxForm = 64 << 10

// form reads the body of a form that one of our pages sent.
// Errors: Forbidden when another site sent it, Invalid.
func (s *Checkout) form(w http.ResponseWriter, r *http.Request) error {
	if err := s.crossing.Check(r); err != nil && !bare(r) {
		return &pay.Error{Kind: pay.Forbidden, Code: "cross_origin", Detail: "the form came from another site", Err: err}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &pay.Error{Kind: pay.Invalid, Code: "invalid_form", Detail: "the form could not be read", Err: err}
	}
	return nil
}

// bare reports whether a browser told nothing of where the form came from:
// with no-referrer one that has no Fetch Metadata (an old one, or any over
// plain http) sends "Origin: null". The page knows no session, so such a form
// can do no more than anybody who knows the token.
func bare(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null"
}

// pay begins a payment and leads on: to the bank, to the merchant when all is
// done, or back to the page.
func (s *Checkout) pay(w http.ResponseWriter, r *http.Request) error {
	if err := s.form(w, r); err != nil {
		return err
	}
	pv, err := s.open(r, false)
	if err != nil {
		return err
	}
	token := r.PathValue("token")
	cmd, say := command(r, pv)
	if len(say.errors) > 0 {
		return s.render(w, r, http.StatusUnprocessableEntity, pv, say)
	}
	if limited, err := s.limit(w, r, pv, say); limited {
		return err
	}
	cmd.Token, cmd.From, cmd.RequestID = token, web.ClientIP(r), web.RequestID(r)
	p, err := s.core.StartPayment(r.Context(), cmd)
	if err != nil {
		return s.refused(w, r, err, say)
	}
	s.remember(w, token, p.ID)
	to, err := s.next(r, pv.Link, p)
	if err != nil {
		return err
	}
	return seeOther(w, to)
}

// limit answers a form that comes too often from one address.
func (s *Checkout) limit(w http.ResponseWriter, r *http.Request, pv core.PayView, say remarks) (limited bool, err error) {
	if s.opts.SubmitLimit == nil {
		return false, nil
	}
	wait, ok := s.opts.SubmitLimit.Allow(r.PathValue("token") + "|" + web.ClientIP(r))
	if ok {
		return false, nil
	}
	w.Header().Set("Retry-After", strconv.Itoa(max(wait, 1)))
	say.notice = "There were too many tries in a short time. Nothing was charged by this one. Please wait a minute and try again."
	say.errors, say.choice.Code = map[string]string{}, "" // a guess at a code is not answered
	return true, s.render(w, r, http.StatusTooManyRequests, pv, say)
}

// next is where a browser goes after a payment was begun. A form may lead by
// redirect only to origins that the page it stood on had named, so a bank at
// another origin is reached from a page with a visible button.
func (s *Checkout) next(r *http.Request, l pay.Link, p pay.Payment) (string, error) {
	here := base(r.PathValue("token")) + "?payment=" + url.QueryEscape(string(p.ID))
	a := p.Last()
	if a == nil {
		return here, nil
	}
	if a.State == pay.AttemptRequiresAction && a.Action != nil && s.ours(a.Action.RedirectURL) {
		return a.Action.RedirectURL, nil
	}
	if p.State != pay.PaymentApplied {
		return here, nil
	}
	back, err := s.wayBack(r.Context(), l, p)
	if err != nil || back == nil || len(back.fields) > 0 || !named(l, back.url) {
		return here, nil // paid all the same: the page says so and words the way back again
	}
	return back.url, nil
}

// named reports whether the link's page, as it stood, let a form lead to raw.
func named(l pay.Link, raw string) bool {
	o := page.Origin(raw)
	for _, known := range []string{l.Page.SuccessURL, l.Page.FailureURL, l.Page.PendingURL, l.Page.BackURL} {
		if o != "" && o == page.Origin(known) {
			return true
		}
	}
	return false
}

// ours reports whether raw leads to our own origin.
func (s *Checkout) ours(raw string) bool {
	if strings.HasPrefix(raw, "/") {
		return !strings.HasPrefix(raw, "//") && !strings.ContainsAny(raw, "\\\r\n\t")
	}
	return s.origin != "" && page.Origin(raw) == s.origin && page.SafeURL(raw)
}

// seeOther answers a form; what follows is a GET.
func seeOther(w http.ResponseWriter, to string) error {
	page.SetHeaders(w.Header())
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// refused shows the page afresh, with what stood in the way of a payment.
func (s *Checkout) refused(w http.ResponseWriter, r *http.Request, cause error, say remarks) error {
	status, notice := statusOf(cause), noticeOf(cause)
	if status >= http.StatusInternalServerError {
		s.log(r, cause)
	}
	pv, err := s.open(r, false)
	if err != nil {
		return err
	}
	say.notice = notice
	var e *pay.Error
	if errors.As(cause, &e) {
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
		}
		if e.Kind == pay.Invalid {
			say.errors = map[string]string{}
			for _, f := range e.Fields {
				say.errors[inputName(f.Path, r.PostForm.Get("method"))] = fieldText(f)
			}
		}
	}
	return s.render(w, r, status, pv, say)
}

// abandon gives up a payment that waits for the payer, who wants another way.
func (s *Checkout) abandon(w http.ResponseWriter, r *http.Request) error {
	if err := s.form(w, r); err != nil {
		return err
	}
	if _, err := s.open(r, false); err != nil {
		return err
	}
	token := r.PathValue("token")
	_, err := s.core.AbandonPayment(r.Context(), token, pay.PaymentID(r.PathValue("id")), web.RequestID(r))
	if err != nil {
		return s.refused(w, r, err, remarks{})
	}
	s.remember(w, token, "")
	return seeOther(w, base(token)+"?new=1")
}

// command reads the form into a command. What it finds wrong by itself it
// says in the remarks, which also keep what the payer chose.
func command(r *http.Request, pv core.PayView) (core.StartPayment, remarks) {
	say := remarks{form: true, errors: map[string]string{}, values: map[string]string{}}
	cmd := core.StartPayment{
		Method:  pay.MethodID(r.PostForm.Get("method")),
		Retry:   pay.PaymentID(r.PostForm.Get("retry")),
		Fields:  map[string]string{},
		Once:    r.PostForm.Get("once"),
		Consent: pv.Link.Page.Consent && r.PostForm.Get("consent") == "yes",
	}
	say.values["method"] = string(cmd.Method)
	version, err := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	if err != nil || version < 1 {
		version = pv.Link.Version
		if r.PostForm.Has("version") {
			say.errors["version"] = "Please check the details again."
		}
	}
	cmd.Version = version
	if pv.Link.Price.Cart.Adjustable() && version == pv.Link.Version {
		say.choose(r, pv.Link)
		cmd.Choice, cmd.Shown = say.choice, shownTotal(r)
	}
	if asksAmount(pv.Link) {
		raw := strings.TrimSpace(r.PostForm.Get("amount"))
		say.values["amount"] = raw
		m, err := pay.ParseMajor(point(raw, pv.Link.Price.Currency), pv.Link.Price.Currency)
		if err != nil || m.Minor == 0 {
			say.errors["amount"] = "Enter an amount such as " + example(pv.Link.Price.Currency) + "."
		}
		cmd.Amount = m.Minor
	}
	known := false
	for _, m := range pv.Methods {
		if m.ID() != cmd.Method {
			continue
		}
		known = true
		for _, f := range m.Fields(pv.Link.Mode) {
			name := string(cmd.Method) + "." + f.Name
			value := r.PostForm.Get(name)
			if value == "" {
				value = r.PostForm.Get(f.Name)
			}
			cmd.Fields[f.Name] = strings.TrimSpace(value)
			if len(f.Choices) > 0 {
				say.values[name] = value // what is typed is not sent back
			}
		}
	}
	if !known && len(pv.Methods) > 0 {
		say.errors["method"] = "Choose a way to pay."
	}
	return cmd, say
}

// point turns a single decimal comma into a point; a comma that might part
// thousands is left, to be refused.
func point(s string, c pay.Currency) string {
	whole, frac, comma := strings.Cut(s, ",")
	if comma && !strings.ContainsAny(frac, ",.") && !strings.Contains(whole, ".") && len(frac) > 0 && len(frac) <= min(c.Digits(), 2) {
		return whole + "." + frac
	}
	return s
}

func example(c pay.Currency) string {
	n := int64(25)
	for range c.Digits() {
		n *= 10
	}
	return pay.Money{Minor: n, Currency: c}.Major()
}

// inputName is the form's name for a field at fault, which core names by path.
func inputName(path, method string) string {
	path = strings.TrimPrefix(path, "fields.")
	if path == "amount" || path == "method" || path == "version" || strings.HasPrefix(path, method+".") {
		return path
	}
	return method + "." + path
}
