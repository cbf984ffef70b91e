package app

import (
	"html"
	"net/http"
)

// home says what answers here to whoever opens the bare address: it is nobody's
// page to pay on, and tells nothing of any merchant.
func (a *App) home(w http.ResponseWriter, _ *http.Request) {
	docs := html.EscapeString(a.settings.BaseURL() + "/docs")
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "public, max-age=300")
	w.Write([]byte(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>Paylink</title>
</head>
<body>
<main>
<h1>Paylink</h1>
<p>Payment links are made and paid here. To pay, open the whole address that you were sent.</p>
<p>To make payment links, read <a href="` + docs + `">the API’s documentation</a>.</p>
</main>
</body>
</html>
`))
}
