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
const style = `:root{color-scheme:light dark;--bg:#f1f4f2;--card:#fff;--ink:#151c18;--soft:#525c56;--line:#d6ddd9;--main:#0f6b4f;--on:#fff;--warn:#6b4a00;--warn-bg:#fff3cf}` +
	`@media (prefers-color-scheme:dark){:root{--bg:#0e1311;--card:#171e1b;--ink:#eef3f0;--soft:#a7b3ad;--line:#2c3632;--main:#6fd3ae;--on:#06231a;--warn:#ffd978;--warn-bg:#352a08}}` +
	`*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;color:var(--ink);background:var(--bg);overflow-wrap:anywhere}` +
	`.test{margin:0;padding:.5rem 1rem;text-align:center;background:var(--warn-bg);color:var(--warn)}` +
	`main{max-width:30rem;margin:1rem auto;padding:0 1rem}.card{padding:1.5rem 1.25rem;border:1px solid var(--line);border-radius:1rem;background:var(--card)}` +
	`h1{margin:0;font-size:1.375rem;line-height:1.25}p{margin:.5rem 0 0}a{color:var(--main)}dl{margin:1.25rem 0 0;border-top:1px solid var(--line)}` +
	`dl div{display:flex;justify-content:space-between;gap:1rem;padding:.625rem 0;border-bottom:1px solid var(--line)}dt{color:var(--soft)}dd{margin:0;font-weight:600;text-align:end}` +
	`.go{display:flex;align-items:center;justify-content:center;width:100%;min-height:3.25rem;margin-top:.75rem;padding:.75rem 1rem;font:inherit;font-weight:650;text-decoration:none;border:2px solid var(--main);border-radius:.75rem;color:var(--main);background:transparent;cursor:pointer}` +
	`form{margin-top:1.25rem}.yes{background:var(--main);color:var(--on)}:focus-visible{outline:3px solid var(--main);outline-offset:2px}@media (min-width:40rem){main{margin-top:2.5rem}}`

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Test: {{.Title}}</title><style>` + style + `</style></head>
<body><p class="test"><strong>Test mode.</strong> This page stands in for a bank. No money moves.</p>
<main><div class="card"><h1>{{.Title}}</h1><p>{{.Text}}</p>
<dl><div><dt>Amount</dt><dd>{{.Amount}}</dd></div><div><dt>Reference</dt><dd>{{.Reference}}</dd></div></dl>
{{if .Yes}}<form method="post"><button class="go yes" name="do" value="yes">{{.Yes}}</button>{{if .No}}<button class="go" name="do" value="no">{{.No}}</button>{{end}}</form>
{{else if .Return}}<a class="go" href="{{.Return}}">Back to the payment page</a>{{end}}</div></main></body></html>
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
	w.Write(b.Bytes()) // the payer has gone
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
