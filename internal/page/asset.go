package page

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"

	_ "embed" // the icon
)

//go:embed assets/icon.svg
var iconSVG []byte

// Icon is what a browser's tab shows.
var Icon = NewAsset("icon", "svg", iconSVG)

// Asset is a file of ours that never changes at its address: the address
// carries a digest of the content.
type Asset struct {
	Path      string // "/assets/checkout.1f0a5b2c9d3e.css"
	Integrity string // for the element that loads it
	kind      string
	body      []byte
	packed    []byte
}

// NewAsset joins parts into one asset; ext is "css", "js" or "svg".
func NewAsset(name, ext string, parts ...[]byte) *Asset {
	body := bytes.Join(parts, []byte("\n"))
	sum, strong := sha256.Sum256(body), sha512.Sum384(body)
	a := &Asset{
		Path:      "/assets/" + name + "." + hex.EncodeToString(sum[:6]) + "." + ext,
		Integrity: "sha384-" + base64.StdEncoding.EncodeToString(strong[:]),
		kind:      "text/css; charset=utf-8",
		body:      body,
	}
	switch ext {
	case "js":
		a.kind = "text/javascript; charset=utf-8"
	case "svg":
		a.kind = "image/svg+xml"
	}
	if packed, err := pack(body); err == nil && len(packed) < len(body) {
		a.packed = packed
	}
	return a
}

// ServeHTTP answers with the asset, to be kept for a year.
func (a *Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	body := a.body
	if a.packed != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the browser has gone
}
