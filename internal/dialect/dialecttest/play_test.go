package dialecttest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Count", "7")
	if r.Method == "POST" {
		w.WriteHeader(http.StatusCreated)
	}
	fmt.Fprintf(w, `{"id":"x-%s","path":%q,"at":12345}`, r.Header.Get("Name"), r.URL.Path)
}

const talk = `Learns an id and uses it.
-- make --
POST /things
Name: {{who}}

{"a":1}
-- made --
201
X-Count: 7
{ "id": "{{id}}", "path": "/things", "at": … }
-- read --
GET /things/{{id}}
-- got --
200
{"id":"x-","path":"/things/{{id}}","at":12345}
`

func TestPlay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "talk.txtar")
	if err := os.WriteFile(path, []byte(talk), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := 0
	Play(t, http.HandlerFunc(echo), path, map[string]string{"who": "ann"}, func(t *testing.T, r *http.Request, res *http.Response) {
		seen++
	})
	if seen != 2 {
		t.Errorf("the hook saw %d pairs, want 2", seen)
	}
}

func TestMatchRefuses(t *testing.T) {
	w := httptest.NewRecorder()
	echo(w, httptest.NewRequest("GET", "/a", nil))
	for _, text := range []string{
		"201\n{\"id\":\"x-\",\"path\":\"/a\",\"at\":12345}",
		"200\nX-Count: 8\n{\"id\":\"x-\",\"path\":\"/a\",\"at\":12345}",
		"200\n{\"id\":\"x-\",\"path\":\"/b\",\"at\":12345}",
		"200\n{\"id\":\"…\",\"at\":12345}",
		"200\n",
	} {
		if parseAnswer(text).match(w, map[string]string{}) == "" {
			t.Errorf("matched %q", text)
		}
	}
}

func TestRewriteKeepsPlaceholders(t *testing.T) {
	w := httptest.NewRecorder()
	echo(w, httptest.NewRequest("GET", "/new", nil))
	old := parseAnswer("200\nX-Count: 9\n{\n  \"id\": \"x-…\",\n  \"path\": \"/old\",\n  \"at\": …\n}")
	got := old.rewrite(w, map[string]string{})
	want := "200\nX-Count: 7\n{\n  \"id\": \"x-…\",\n  \"path\": \"/new\",\n  \"at\": …\n}\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	w = httptest.NewRecorder()
	echo(w, httptest.NewRequest("GET", "/orders/12345678/12345", nil))
	got = answer{}.rewrite(w, map[string]string{"order": "12345678", "short": "12345"})
	if want := `"path": "/orders/{{order}}/12345"`; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
}

func TestSplitRoundTrip(t *testing.T) {
	if got := split(talk).String(); got != talk {
		t.Errorf("got\n%s", got)
	}
	if a := split("only words\n"); len(a.files) != 0 || !strings.HasPrefix(a.comment, "only") {
		t.Errorf("%+v", a)
	}
}
