package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"time"

	"paylink/internal/pay"
)

// The limits of THREATS 12. Those of the server itself (header read 5 s, idle
// 60 s, 32 KiB of headers) are set where it is started.
const (
	DefaultMaxBody = 256 << 10 // bytes of a request's body
	CeilingMaxBody = 1 << 20   // what a setting may raise it to
	maxURL         = 8 << 10   // bytes of path and query
	maxHeaders     = 32 << 10  // bytes of all headers, names and separators counted
	bodyTime       = 15 * time.Second
	handlerTime    = 30 * time.Second
)

const hsts = "max-age=63072000; includeSubDomains" // two years, in seconds

// EdgeOptions are the settings of Edge; the zero value is the defaults.
type EdgeOptions struct {
	MaxBody int64          // bytes; 0 is DefaultMaxBody, never above CeilingMaxBody
	Trusted []netip.Prefix // proxies whose X-Forwarded-For counts
	// HTTPS says that the public URL is https: browsers are told to come by
	// nothing else from then on. Over http they ignore that, and a machine of
	// development must never say it.
	HTTPS bool
	// Observe hears of every request after its answer: for metrics. Route is
	// the pattern that matched, "" when none did.
	Observe func(route, method string, status int, took time.Duration)
}

// info is what Edge knows of a request: its trace.
type info struct {
	id string
	ip netip.Addr
	// route is the pattern that matched; a handler below a prefix sees another
	// request than Edge, so Handle leaves it here.
	route string
	err   error // what the handler failed with, for the log line
}

type infoKey struct{}

func infoOf(r *http.Request) *info {
	in, _ := r.Context().Value(infoKey{}).(*info)
	return in
}

// RequestID is the request's number, "req_…"; "" outside of Edge.
func RequestID(r *http.Request) string {
	if in := infoOf(r); in != nil {
		return in.id
	}
	return ""
}

// note keeps what a handler failed with for the request's log line.
func note(r *http.Request, err error) {
	if in := infoOf(r); in != nil {
		in.err = err
	}
}

// Edge stands before all handlers: it numbers the request (Request-Id), limits
// its size and time, catches panics, and writes one log line per request.
func Edge(log *slog.Logger, next http.Handler, o EdgeOptions) http.Handler {
	maxBody := o.MaxBody
	if maxBody <= 0 {
		maxBody = DefaultMaxBody
	}
	maxBody = min(maxBody, CeilingMaxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		in := &info{id: pay.NewID("req", begin), ip: clientAddr(r, o.Trusted)}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), infoKey{}, in), handlerTime)
		defer cancel()
		r = r.WithContext(ctx)
		out := &recorder{ResponseWriter: w}
		out.Header().Set("Request-Id", in.id)
		if o.HTTPS {
			out.Header().Set("Strict-Transport-Security", hsts)
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &timedBody{ReadCloser: http.MaxBytesReader(w, r.Body, maxBody), control: http.NewResponseController(w)}
			if r.ContentLength > maxBody {
				w.Header().Set("Connection", "close")
				r.Body = tooLarge{r.Body, maxBody} // whoever reads it words the refusal in its own way
			}
		}
		aborted := serve(out, r, next)
		took := time.Since(begin)
		if in.route == "" {
			in.route = r.Pattern
		}
		logRequest(log, r, out, in, took)
		if o.Observe != nil {
			o.Observe(in.route, r.Method, out.status, took)
		}
		if aborted {
			panic(http.ErrAbortHandler) // net/http cuts the connection, silently
		}
	})
}

// serve checks the envelope and runs next. It reports whether the answer broke
// off half-way.
func serve(w *recorder, r *http.Request, next http.Handler) (aborted bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p != http.ErrAbortHandler {
			note(r, panicError(p))
		}
		if w.status != 0 || p == http.ErrAbortHandler {
			aborted = true
			return
		}
		Problem(w, r, infoOf(r).err)
	}()
	if err := envelope(r); err != nil {
		note(r, err)
		w.Header().Set("Connection", "close")
		Problem(w, r, err)
		return false
	}
	next.ServeHTTP(w, r)
	return false
}

// envelope refuses what is too large before anything of it is used.
func envelope(r *http.Request) error {
	if len(r.RequestURI) > maxURL {
		return &pay.Error{Kind: pay.Refused, Code: codeURL, Detail: "the address is longer than 8 KiB"}
	}
	size := 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + 4
		}
	}
	if size > maxHeaders {
		return &pay.Error{Kind: pay.Refused, Code: codeHeaders, Detail: "the headers are larger than 32 KiB"}
	}
	return nil
}

// tooLarge is a body of which nothing is read.
type tooLarge struct {
	io.ReadCloser
	limit int64
}

func (b tooLarge) Read([]byte) (int, error) { return 0, &http.MaxBytesError{Limit: b.limit} }

// panicError is a panic as an error for the log; the caller sees nothing of it.
func panicError(p any) error {
	return &pay.Error{Kind: pay.Internal, Code: "internal_error", Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}

// callerID is the form of the number a caller may give its request. It finds
// the line in the log and decides nothing.
var callerID = regexp.MustCompile(`^[A-Za-z0-9-]{1,50}$`)

// logRequest writes the request's one line. The route's pattern stands for the
// path: paths carry tokens.
func logRequest(log *slog.Logger, r *http.Request, w *recorder, in *info, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request_id", in.id), slog.String("method", r.Method), slog.String("route", in.route),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", took),
	}
	if id := r.Header.Get("Request-Id"); callerID.MatchString(id) && !pay.HasCardNumber(id) {
		attrs = append(attrs, slog.String("caller_request_id", id))
	}
	if in.err != nil {
		var e *pay.Error
		if errors.As(in.err, &e) {
			attrs = append(attrs, slog.String("code", e.Code))
		}
		if Status(in.err) >= 500 {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", in.err.Error()))
		}
	}
	log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// timedBody gives a body bodyTime from its first byte asked for to its end.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	started bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if !b.started {
		b.started = true
		_ = b.control.SetReadDeadline(time.Now().Add(bodyTime)) // not every connection has deadlines: a test's has none
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{}) // or the handler's context would end with it
	}
	return n, err
}
