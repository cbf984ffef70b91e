// Package page is the HTML shell that all our pages share: the frame, the
// style, assets, headers, and the wording of money and time. It never knows
// what a page is about and never reads anything but what it is given.
package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	_ "embed" // the style

	"github.com/a-h/templ"
)

// BaseCSS is the style of all pages; a page's own rules come after it.
//
//go:embed assets/base.css
var BaseCSS []byte

// Shell is the frame around a page.
type Shell struct {
	Title    string
	Style    *Asset
	Script   *Asset // nil: none; a page must work without
	Test     bool   // shows the test mode banner
	RefreshS int    // seconds until the browser asks again; 0: never
}

// refresh is the value of the meta element.
func (s Shell) refresh() string { return strconv.Itoa(s.RefreshS) }

// minGzip is the size below which compressing gains nothing.
const minGzip = 512

// gzips compress at the fastest level: the default took a third of the
// time of a page to make it a twentieth smaller.
var gzips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of theirs
	}
	return z
}}

// Write renders a page whole before the first byte leaves, so that a failure
// never shows half a page, and compresses it when the browser takes that.
func Write(ctx context.Context, w http.ResponseWriter, r *http.Request, status int, body templ.Component) error {
	var out bytes.Buffer
	if err := body.Render(ctx, &out); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if out.Len() >= minGzip && takesGzip(r) {
		packed, err := pack(out.Bytes())
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		out = *bytes.NewBuffer(packed)
	}
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	w.WriteHeader(status)
	w.Write(out.Bytes()) // the browser has gone
	return nil
}

// pack compresses body.
func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(&out)
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("compressing a page: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compressing a page: %w", err)
	}
	return out.Bytes(), nil
}

// takesGzip reports whether the browser names gzip without refusing it.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !ok || err == nil && q > 0
	}
	return false
}
