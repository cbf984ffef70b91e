// Package web is the HTTP plumbing that every edge shares: handlers that return
// errors, numbered requests, strict decoding, limits and the native form of an
// error. It never reads or changes a payment fact, never believes a forwarded
// header of a peer it was not told to trust, and never logs a body, a header or
// the path of a request (a payer's token is in some).
package web

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"paylink/internal/pay"
)

// Handler answers a request, or returns the error to be worded.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Fail words an error in the shape of one edge.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// Handle runs h and has fail word its error. A panic becomes an Internal error.
// When the answer had begun already the connection is cut instead, so that half
// an answer is never taken for a whole one.
func Handle(h Handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if in := infoOf(r); in != nil {
			in.route = r.Pattern
		}
		began := &recorder{ResponseWriter: w}
		err := run(h, began, r)
		if err == nil {
			return
		}
		note(r, err)
		if began.status != 0 {
			panic(http.ErrAbortHandler)
		}
		fail(w, r, err)
	})
}

// run is h with its panics as errors.
func run(h Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = panicError(p)
		}
	}()
	return h(w, r)
}

// JSON answers v with status. The whole of it is made before the first byte is
// sent. Members of maps are in order, so the same v is the same bytes.
func JSON(w http.ResponseWriter, status int, v any) error {
	return JSONAs(w, status, "application/json", v)
}

// Encode is v in JSON, as JSON answers it.
func Encode(v any) ([]byte, error) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, &pay.Error{Kind: pay.Internal, Code: "internal_error", Err: err}
	}
	return body, nil
}

// JSONAs is JSON under another content type.
func JSONAs(w http.ResponseWriter, status int, contentType string, v any) error {
	body, err := Encode(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader has gone: nothing is left to tell it
	return nil
}

// recorder remembers whether and how the answer began.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // an interim answer is none yet
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

const maxBearer = 512 // bytes of a token that are looked at

// Bearer is the token in "Authorization: Bearer …"; empty without one, with two
// such headers, and when it is longer than any token is.
func Bearer(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxBearer {
		return ""
	}
	return token
}
