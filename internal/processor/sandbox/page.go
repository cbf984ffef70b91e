package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

const maxForm = 4 << 10 // bytes

// style stands in the page; the content security policy names its hash.
const style = `body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}` +
	`.test{background:#fff3c4;border:2px solid #8a6d00;padding:.5rem 1rem}dt{font-weight:600}dd{margin:0 0 .5rem}` +
	`button{font:inherit;padding:.6rem 1.2rem;margin:0 .5rem .5rem 0;min-height:2.75rem}`

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Test: {{.Title}}</title><style>` + style + `</style></head>
<body><main><p class="test"><strong>Test mode.</strong> This page stands in for a bank. No money moves.</p>
<h1>{{.Title}}</h1><p>{{.Text}}</p>
<dl><dt>Amount</dt><dd>{{.Amount}}</dd><dt>Reference</dt><dd>{{.Reference}}</dd></dl>
{{if .Yes}}<form method="post"><button name="do" value="yes">{{.Yes}}</button>{{if .No}}<button name="do" value="no">{{.No}}</button>{{end}}</form>
{{else if .Return}}<p><a href="{{.Return}}">Back to the payment page</a></p>{{end}}</main></body></html>
`))

// view is what the page says.
type view struct{ Title, Text, Amount, Reference, Yes, No, Return string }

// Handler serves /sandbox/{merchant}/{mode}/{ref}: the pages of the bank that
// the sandbox plays. GET shows and changes nothing; POST decides. Who has the
// address may decide: its ref cannot be guessed, so no other proof is asked.
func (d *Driver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/{merchant}/{mode}/{ref}", d.show)
	mux.HandleFunc("POST /sandbox/{merchant}/{mode}/{ref}", d.answer)
	return mux
}

// asked is the payment a request names; it answers the request when there is none.
func (d *Driver) asked(w http.ResponseWriter, r *http.Request) (processor.SandboxPayment, bool) {
	head(w, "")
	t := pay.Tenant{Merchant: pay.MerchantID(r.PathValue("merchant")), Mode: pay.Mode(r.PathValue("mode"))}
	if t.Mode != pay.Test {
		http.Error(w, "not found", http.StatusNotFound)
		return processor.SandboxPayment{}, false
	}
	p, ok, err := d.journal.Payment(r.Context(), t, r.PathValue("ref"))
	switch {
	case err != nil:
		http.Error(w, "the sandbox does not answer now; try again", http.StatusServiceUnavailable)
	case !ok || !scenarios[p.Scenario].waits:
		http.Error(w, "not found", http.StatusNotFound)
	default:
		return p, true
	}
	return p, false
}

func (d *Driver) show(w http.ResponseWriter, r *http.Request) {
	p, ok := d.asked(w, r)
	if !ok {
		return
	}
	head(w, p.ReturnURL)
	var b bytes.Buffer
	if err := page.Execute(&b, viewOf(p)); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes()) //nolint:errcheck // the payer has gone
}

func (d *Driver) answer(w http.ResponseWriter, r *http.Request) {
	p, ok := d.asked(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	do := r.PostForm.Get("do")
	if do != "yes" && (do != "no" || p.Scenario == "transfer") {
		http.Error(w, "the answer is not one of the page's", http.StatusBadRequest)
		return
	}
	decided, err := d.decide(r.Context(), p.Tenant, p.Ref, "page:", do == "yes")
	switch {
	case err == nil:
		// A callback that fails is the callback's to log: the platform asks
		// again by itself, and the payer goes back either way.
		_ = d.report(r.Context(), decided)
	case !errors.Is(err, errDecided):
		http.Error(w, "the sandbox does not answer now; try again", http.StatusServiceUnavailable)
		return
	}
	back := p.ReturnURL
	if back == "" {
		back = d.pageURL(p)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// head sets the headers of every answer. Browsers hold form-action against the
// redirect after a form too, so the return URL's origin is in it.
func head(w http.ResponseWriter, returnURL string) {
	action := "'self'"
	if u, err := url.Parse(returnURL); err == nil && u.Host != "" {
		action += " " + u.Scheme + "://" + u.Host
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash+"; form-action "+action+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
}

func viewOf(p processor.SandboxPayment) view {
	v := view{Amount: pay.Money{Minor: p.Amount, Currency: p.Currency}.String(), Reference: shortRef(p.Ref), Return: p.ReturnURL}
	switch p.Scenario {
	case "challenge":
		v.Title, v.Text, v.Yes, v.No = "Card check (3-D Secure)", "Your bank would ask here whether it is you.", "Pass the check", "Fail the check"
	case "transfer":
		v.Title, v.Text, v.Yes = "Bank transfer", "Your bank would send the money within days.", "Simulate transfer arrived"
	default:
		v.Title, v.Text, v.Yes, v.No = "Test bank", "Your bank would ask here whether to pay.", "Approve payment", "Refuse payment"
	}
	if p.State != processor.SandboxWaiting {
		v.Text, v.Yes, v.No = "This payment is "+string(p.State)+". There is nothing more to do here.", "", ""
	}
	return v
}

func (d *Driver) pageURL(p processor.SandboxPayment) string {
	return d.opts.PublicURL + "/sandbox/" + url.PathEscape(string(p.Tenant.Merchant)) + "/" + string(p.Tenant.Mode) + "/" + p.Ref
}

// shortRef is what a payer would write on a transfer. It is an excerpt of the
// ref that leaves 152 of its 192 bits unknown.
func shortRef(ref string) string {
	short := strings.ToUpper(strings.TrimPrefix(ref, "sbx_"))
	return "TEST-" + short[:min(8, len(short))]
}
