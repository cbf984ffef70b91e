package web

import (
	"net/http"

	"paylink/internal/pay"
)

// Mux is a ServeMux whose refusals one edge words: an unknown path and a known
// path with another method.
type Mux struct {
	*http.ServeMux
	after *http.ServeMux // asked when the first has nothing
	fail  Fail
}

// NewMux makes an empty one that has fail word what it refuses.
func NewMux(fail Fail) *Mux { return &Mux{http.NewServeMux(), http.NewServeMux(), fail} }

// Route adds a handler whose errors fail words as well.
func (m *Mux) Route(pattern string, h Handler) { m.Handle(pattern, Handle(h, m.fail)) }

// RouteAfter is Route for a pattern that overlaps with another without being
// the narrower of the two: where both fit, the other has it.
func (m *Mux) RouteAfter(pattern string, h Handler) { m.after.Handle(pattern, Handle(h, m.fail)) }

// Match says what the mux has for r: nil when there is a handler, ErrMethod
// when only another method would have one, else pay.ErrNotFound.
func (m *Mux) Match(r *http.Request) error {
	_, _, err := m.match(r)
	return err
}

// match is Match, with the mux that has the handler or the methods that would do.
func (m *Mux) match(r *http.Request) (found *http.ServeMux, allow string, err error) {
	err = pay.ErrNotFound
	for _, mux := range []*http.ServeMux{m.ServeMux, m.after} {
		refuse, pattern := mux.Handler(r)
		if pattern != "" {
			return mux, "", nil
		}
		// The mux tells why only by the answer it would give.
		var why refusal
		refuse.ServeHTTP(&why, r)
		if why.status == http.StatusMethodNotAllowed && allow == "" {
			allow, err = why.header.Get("Allow"), ErrMethod
		}
	}
	return nil, allow, err
}

// ServeHTTP answers r, also when nothing matches.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux, allow, err := m.match(r)
	if err == nil {
		mux.ServeHTTP(w, r)
		return
	}
	if allow != "" {
		w.Header().Set("Allow", allow)
	}
	Handle(func(http.ResponseWriter, *http.Request) error { return err }, m.fail).ServeHTTP(w, r)
}

// refusal is an answer that nobody gets.
type refusal struct {
	header http.Header
	status int
}

func (f *refusal) Header() http.Header {
	if f.header == nil {
		f.header = http.Header{}
	}
	return f.header
}

func (f *refusal) Write(b []byte) (int, error) { return len(b), nil }

func (f *refusal) WriteHeader(status int) { f.status = status }
