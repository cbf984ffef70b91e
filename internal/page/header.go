package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ReportPath is where browsers report what the policy of a page kept out.
const ReportPath = "/csp-reports"

// SetHeaders sets the headers of a page (THREATS 8). formOrigins are the
// addresses besides our own that a form of the page may lead to, directly or
// by a redirect; what is not http or https is left out.
func SetHeaders(h http.Header, formOrigins ...string) {
	action := "'self'"
	var seen []string
	for _, raw := range formOrigins {
		if o := Origin(raw); o != "" && !slices.Contains(seen, o) {
			seen = append(seen, o)
			action += " " + o
		}
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"font-src 'self'; connect-src 'self'; frame-src 'none'; form-action "+action+"; base-uri 'none'; "+
		"object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; report-to csp")
	h.Set("Reporting-Endpoints", `csp="`+ReportPath+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "payment=(self), camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// AllowFrames lets pages of these addresses' origins frame the page whose
// headers SetHeaders has set; without any, nobody may (DECISIONS 23).
func AllowFrames(h http.Header, addresses ...string) {
	var origins []string
	for _, raw := range addresses {
		if o := Origin(raw); o != "" && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	if len(origins) == 0 {
		return
	}
	policy := h.Get("Content-Security-Policy")
	h.Set("Content-Security-Policy", strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors "+strings.Join(origins, " "), 1))
	h.Del("X-Frame-Options")
}

// Origin is scheme and host of an http or https address, fit for a policy
// header; empty for anything else.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") != "" {
		return ""
	}
	return u.Scheme + "://" + host
}

// SafeURL reports whether raw may stand behind a link or a form: an absolute
// address whose scheme runs nothing in our page.
func SafeURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() || strings.ContainsAny(raw, "\r\n\t\\ \"<>") {
		return false
	}
	switch u.Scheme {
	case "https", "http":
		return u.Host != "" && u.User == nil
	case "javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "mailto", "tel", "sms":
		return false
	}
	return true // the scheme of an app, where the dialect lets a merchant name one
}
