// Package dialecttest plays conversations: files of requests and the answers
// they must get, against any http.Handler. It never starts a server and knows
// no dialect.
//
// A conversation is a txtar file. After the comment its files come in pairs:
// a request, then the answer to it.
//
//	-- create --
//	POST /api/pay/v1/paymentlink
//	Authorization: Bearer {{token}}
//
//	{"amount":{"value":50000,"currency":"INR"}}
//	-- created --
//	201
//	Content-Type: application/json
//	{"payment_link_id":"{{id}}","created_at":"…","status":"CREATED"}
//
// In an answer "…" stands for anything within one value and {{name}} takes the
// value it stands for, so that later requests and answers can use it. Header
// lines after the status are checked, others are not. Space between JSON
// tokens does not matter. With -update the answers are written anew, keeping
// the placeholders that still fit.
package dialecttest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers of conversations anew")

// Hook sees each pair as it was on the wire, such as to check it against an
// API description. Both bodies can be read.
type Hook func(t *testing.T, request *http.Request, answer *http.Response)

// Each runs f for every conversation in testdata, as a subtest.
func Each(t *testing.T, f func(t *testing.T, file string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no conversations in testdata: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { f(t, file) })
	}
}

// Play talks to h as file says and fails t where an answer differs. vars are
// known from the start; Play adds what the answers teach, in a copy.
func Play(t *testing.T, h http.Handler, file string, vars map[string]string, hooks ...Hook) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := split(string(text))
	if len(a.files)%2 != 0 {
		t.Fatalf("%s: a request has no answer", file)
	}
	known := maps.Clone(vars)
	if known == nil {
		known = map[string]string{}
	}
	for i := 0; i < len(a.files); i += 2 {
		request, answer := a.files[i], &a.files[i+1]
		r, body, err := newRequest(request.data, known)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, request.name, err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, hook := range hooks {
			r.Body = io.NopCloser(bytes.NewReader(body))
			hook(t, r, w.Result())
		}
		want := parseAnswer(answer.data)
		problem := want.match(w, known)
		switch {
		case problem == "":
		case *update:
			answer.data = want.rewrite(w, known)
		default:
			t.Fatalf("%s: %s: %s", file, answer.name, problem)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(a.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// newRequest reads "METHOD path", header lines, an empty line and a body.
func newRequest(text string, known map[string]string) (*http.Request, []byte, error) {
	for name, value := range known {
		text = strings.ReplaceAll(text, "{{"+name+"}}", value)
	}
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, ok := strings.Cut(lines[0], " ")
	if !ok {
		return nil, nil, errString("the first line must be a method and a path")
	}
	body = strings.TrimSuffix(body, "\n")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, nil, errString("a header line has no colon")
		}
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if missing := placeholder.FindString(text); strings.HasPrefix(missing, "{{") {
		return nil, nil, errString("nothing is known of " + missing)
	}
	return r, []byte(body), nil
}

type errString string

func (e errString) Error() string { return string(e) }

// answer is what a conversation expects.
type answer struct {
	status  string
	headers []string // "Name: value"
	body    string
}

var headerLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: `)

func parseAnswer(text string) answer {
	status, rest, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	a := answer{status: strings.TrimSpace(status)}
	for {
		line, after, _ := strings.Cut(rest, "\n")
		if !headerLine.MatchString(line) {
			break
		}
		a.headers, rest = append(a.headers, line), after
	}
	a.body = strings.TrimSpace(rest)
	return a
}

// match says how the answer differs, or notes in known what it taught.
func (a answer) match(w *httptest.ResponseRecorder, known map[string]string) (problem string) {
	learned := maps.Clone(known)
	if got := strconv.Itoa(w.Code); got != a.status {
		return "status " + got + ", want " + a.status + "\n" + w.Body.String()
	}
	for _, h := range a.headers {
		name, want, _ := strings.Cut(h, ": ")
		if got := w.Header().Get(name); !fits(want, got, learned) {
			return "header " + name + " is " + strconv.Quote(got) + ", want " + strconv.Quote(want)
		}
	}
	if !fits(compact(a.body), compact(w.Body.String()), learned) {
		return "got\n" + indent(w.Body.String()) + "\nwant\n" + a.body
	}
	maps.Copy(known, learned)
	return ""
}

// rewrite is the answer as it came, with the placeholders of a that still fit
// and with what is known by its name.
func (a answer) rewrite(w *httptest.ResponseRecorder, known map[string]string) string {
	var old []string
	for line := range strings.Lines(a.body) {
		if placeholder.MatchString(line) {
			old = append(old, strings.TrimSuffix(line, "\n"))
		}
	}
	out := strconv.Itoa(w.Code) + "\n"
	for _, h := range a.headers {
		name, want, _ := strings.Cut(h, ": ")
		if got := w.Header().Get(name); !fits(want, got, known) {
			h = name + ": " + got
		}
		out += h + "\n"
	}
	for line := range strings.Lines(indent(w.Body.String())) {
		line = strings.TrimSuffix(line, "\n")
		for _, o := range old {
			if fits(strings.Trim(o, " ,"), strings.Trim(line, " ,"), known) {
				space := line[:len(line)-len(strings.TrimLeft(line, " "))]
				comma := line[len(strings.TrimRight(line, ",")):]
				line = space + strings.Trim(o, " ,") + comma
				break
			}
		}
		out += named(line, known) + "\n"
	}
	return out
}

// named has the names in place of what they stand for. Short values may stand
// there by chance.
func named(line string, known map[string]string) string {
	names := slices.SortedFunc(maps.Keys(known), func(a, b string) int {
		return cmp.Or(len(known[b])-len(known[a]), strings.Compare(a, b))
	})
	for _, name := range names {
		if value := known[name]; len(value) >= 8 {
			line = strings.ReplaceAll(line, value, "{{"+name+"}}")
		}
	}
	return line
}

var placeholder = regexp.MustCompile(`…|\{\{([a-z_0-9]+)\}\}`)

// fits matches got against want and notes what the names in want stand for.
func fits(want, got string, known map[string]string) bool {
	var pattern strings.Builder
	var names []string
	pattern.WriteString(`(?s)^`)
	last := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[last:at[0]]))
		last = at[1]
		if at[2] < 0 {
			pattern.WriteString(`[^"]*?`)
			continue
		}
		name := want[at[2]:at[3]]
		if value, ok := known[name]; ok {
			pattern.WriteString(regexp.QuoteMeta(value))
			continue
		}
		names = append(names, name)
		pattern.WriteString(`([^"]*?)`)
	}
	pattern.WriteString(regexp.QuoteMeta(want[last:]) + `$`)
	found := regexp.MustCompile(pattern.String()).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range names {
		known[name] = found[i+1]
	}
	return true
}

// compact drops the space between JSON tokens; text that is not JSON but for
// its placeholders is handled alike.
func compact(s string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range strings.TrimSpace(s) {
		if !quoted && strings.ContainsRune(" \t\r\n", c) {
			continue
		}
		b.WriteRune(c)
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		}
	}
	return b.String()
}

func indent(s string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(strings.TrimSpace(s)), "", "  ") != nil {
		return strings.TrimSpace(s)
	}
	return b.String()
}
