package app

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"time"

	"paylink/internal/page"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// Browsers report here what the policy of a page kept out (THREATS 8): a sign
// of a skimmer, or of a mistake of ours. Anyone can send such a report, so it is
// counted and logged, and nothing else comes of it.

const (
	maxReports   = 32 << 10 // bytes of one request
	maxReported  = 20       // reports of one request that are looked at
	reportsPer   = 10       // requests of one address in a minute
	reportsBurst = 20
	maxBlocked   = 200 // bytes of a blocked origin in the log
)

// directives are the names a report may have in log and metric.
var directives = []string{
	"base-uri", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src", "img-src", "object-src",
	"require-trusted-types-for", "script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types",
}

// blockedWords stand in a report where nothing was fetched.
var blockedWords = []string{"inline", "eval", "wasm-eval", "trusted-types-sink", "trusted-types-policy"}

// report is one entry of application/reports+json. The page's address, which
// has the payer's token, and samples of script are not even read.
type report struct {
	Type string `json:"type"`
	Body struct {
		Directive string `json:"effectiveDirective"`
		Blocked   string `json:"blockedURL"`
	} `json:"body"`
}

func newReportLimit() (*web.Limiter, error) {
	return web.NewLimiter(reportsPer, time.Minute, reportsBurst)
}

// takeReports answers POST /csp-reports.
func (a *App) takeReports(w http.ResponseWriter, r *http.Request) error {
	if after, ok := a.reportLimit.Allow(web.ClientIP(r)); !ok {
		return &pay.Error{Kind: pay.TooMany, Code: "rate_limited", Detail: "too many reports", RetryAfter: after}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/reports+json" {
		return badReport()
	}
	var list []report
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReports)).Decode(&list); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return &pay.Error{Kind: pay.Refused, Code: "body_too_large", Detail: "the body is larger than is allowed"}
		}
		return badReport()
	}
	for _, one := range list[:min(len(list), maxReported)] {
		if one.Type != "csp-violation" {
			continue
		}
		directive, blocked := one.words()
		a.metrics.reports.WithLabelValues(directive).Inc()
		a.log.Warn("a page's policy kept something out", "directive", directive, "blocked", blocked, "request_id", web.RequestID(r))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// words are what of a report may be kept: a known directive, and a known word
// or the origin of what was blocked.
func (r report) words() (directive, blocked string) {
	directive, blocked = "other", "other"
	if slices.Contains(directives, r.Body.Directive) {
		directive = r.Body.Directive
	}
	if slices.Contains(blockedWords, r.Body.Blocked) {
		blocked = r.Body.Blocked
	} else if origin := page.Origin(r.Body.Blocked); origin != "" && len(origin) <= maxBlocked {
		blocked = origin
	}
	return directive, blocked
}

func badReport() error {
	return &pay.Error{Kind: pay.Invalid, Code: "invalid_report", Detail: "must be application/reports+json"}
}
