package web

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"paylink/internal/pay"
)

type person struct {
	Name string `json:"name"`
}

type order struct {
	Amount int64             `json:"amount"`
	At     time.Time         `json:"at"`
	Items  []person          `json:"items"`
	Meta   map[string]string `json:"meta"`
	Who    *person           `json:"who"`
}

func post(body string) *http.Request {
	return httptest.NewRequest("POST", "/", strings.NewReader(body))
}

func TestDecodeStrict(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"good":         {`{"amount":5,"items":[{"name":"x"}],"meta":{"a":"b"}}`, ""},
		"empty":        {" \n", "body_required"},
		"null member":  {`{"who":null}`, ""},
		"unknown":      {`{"amount":5,"amout":6}`, "amout unknown_field"},
		"case":         {`{"Amount":5}`, "Amount unknown_field"},
		"duplicate":    {`{"amount":5,"amount":6}`, "amount duplicate_field"},
		"deep unknown": {`{"items":[{"name":"x"},{"nam":"secret"}]}`, "items[1].nam unknown_field"},
		"trailing":     {`{"amount":5} {}`, "malformed_json"},
		"trailing b":   {`{"amount":5}x`, "malformed_json"},
		"text":         {`{"amount":"5"}`, "amount wrong_type"},
		"fraction":     {`{"amount":5.0}`, "amount wrong_type"},
		"exponent":     {`{"amount":1e3}`, "amount wrong_type"},
		"huge":         {`{"amount":99999999999999999999}`, "amount out_of_range"},
		"time":         {`{"at":"yesterday"}`, "at wrong_type"},
		"array":        {`[]`, "body wrong_type"},
		"half":         {`{"amount":`, "malformed_json"},
		"not UTF-8":    {"{\"who\":{\"name\":\"\xff\"}}", "malformed_json"},
		"NUL":          {`{"who":{"name":"a\u0000"}}`, "who.name bad_character"},
		"deep":         {strings.Repeat(`[`, 33) + strings.Repeat(`]`, 33), "too_deep"},
		"items":        {`{"items":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "items too_many_items"},
		"long":         {`{"who":{"name":"` + strings.Repeat("a", 16<<10+1) + `"}}`, "who.name too_long"},
		"odd name":     {`{"<script>":1}`, "? unknown_field"},
		"card name":    {`{"4242424242424242":1}`, "? unknown_field"},
	} {
		t.Run(name, func(t *testing.T) {
			var v order
			if got := said(DecodeStrict(post(c.body), &v)); !strings.HasSuffix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
	var many strings.Builder
	for i := range maxKeys + 1 {
		many.WriteString(`"k` + strings.Repeat("x", i) + `":"",`)
	}
	var v order
	err := DecodeStrict(post(`{"meta":{`+strings.TrimSuffix(many.String(), ",")+`}}`), &v)
	if got := said(err); got != "meta too_many_members" {
		t.Errorf("said %q of too many members", got)
	}
}

// said is an error as "code" or "field code".
func said(err error) string {
	var e *pay.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return "other: " + err.Error()
	case len(e.Fields) > 0 && e.Code == "invalid_request":
		return e.Fields[0].Path + " " + e.Fields[0].Code
	}
	return e.Code
}

func TestDecodeIgnoresUnknown(t *testing.T) {
	var v order
	if err := Decode(post(`{"amount":5,"other":[1]}`), &v); err != nil || v.Amount != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if got := said(Decode(post(`{"amount":5,"other":{"a":1,"a":2}}`), &v)); got != "other.a duplicate_field" {
		t.Errorf("said %q", got)
	}
}

func TestBodyIsReadOnce(t *testing.T) {
	r := post(`{"amount":5}`)
	first, err := Body(r)
	if err != nil {
		t.Fatal(err)
	}
	var v order
	if err := DecodeStrict(r, &v); err != nil || v.Amount != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if second, err := Body(r); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%q, %v", second, err)
	}
}

func TestFingerprint(t *testing.T) {
	base := Fingerprint("POST", "/v1/a", []string{"x"}, []byte(`{"a":1,"b":[2,3]}`))
	if got := Fingerprint("POST", "/v1/a", []string{"x"}, []byte("{ \"b\":[2,3],\n\"a\":1 }")); got != base {
		t.Error("order or white space made a difference")
	}
	for name, got := range map[string]string{
		"method": Fingerprint("PUT", "/v1/a", []string{"x"}, []byte(`{"a":1,"b":[2,3]}`)),
		"route":  Fingerprint("POST", "/v1/b", []string{"x"}, []byte(`{"a":1,"b":[2,3]}`)),
		"values": Fingerprint("POST", "/v1/a", []string{"x", ""}, []byte(`{"a":1,"b":[2,3]}`)),
		"body":   Fingerprint("POST", "/v1/a", []string{"x"}, []byte(`{"a":1,"b":[3,2]}`)),
		"no":     Fingerprint("POST", "/v1/a", []string{"x"}, nil),
		"bytes":  Fingerprint("POST", "/v1/a", []string{"x"}, []byte(`{"a":1`)),
	} {
		if got == base {
			t.Errorf("%s makes no difference", name)
		}
	}
	large := Fingerprint("POST", "/", nil, []byte(`{"a":9007199254740993}`))
	if large == Fingerprint("POST", "/", nil, []byte(`{"a":9007199254740992}`)) {
		t.Error("two large numbers are one")
	}
}

func TestIdempotencyKey(t *testing.T) {
	for value, want := range map[string]string{
		"abc": "abc", `"abc"`: "abc", "a-b_c/1": "a-b_c/1", strings.Repeat("k", 255): strings.Repeat("k", 255),
		"": "!", `""`: "!", `"`: "!", "a b": "!", "é": "!", "a\tb": "!", strings.Repeat("k", 256): "!", `a"b`: "!",
	} {
		r := post("")
		r.Header["Idempotency-Key"] = []string{value}
		got, err := IdempotencyKey(r)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	}
	r := post("")
	if key, err := IdempotencyKey(r); key != "" || err != nil {
		t.Errorf("no header is %q, %v", key, err)
	}
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	if _, err := IdempotencyKey(r); err == nil {
		t.Error("two headers are accepted")
	}
}

func TestStatuses(t *testing.T) {
	for kind := pay.Internal; kind <= pay.Unavailable; kind++ {
		if statusOf[kind] == 0 || titleOf[kind] == "" {
			t.Errorf("kind %d has no status or title", kind)
		}
	}
	w := httptest.NewRecorder()
	Problem(w, post(""), pay.ErrKeyBusy)
	if w.Code != 409 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	Problem(w, post(""), errors.New("the password is hunter2"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var bad pay.Faults
	bad.Add("amount", "too_small", "must be greater than zero")
	w = httptest.NewRecorder()
	Problem(w, post(""), bad.Err())
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != 400 || p.Errors[0].Field != "amount" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestEdge(t *testing.T) {
	var lines bytes.Buffer
	mux := http.NewServeMux()
	mux.Handle("POST /echo/{token}", Handle(func(w http.ResponseWriter, r *http.Request) error {
		body, err := Body(r)
		if err != nil {
			return err
		}
		return JSON(w, 200, map[string]string{"body": string(body), "id": RequestID(r), "ip": ClientIP(r)})
	}, Problem))
	mux.Handle("GET /panic", Handle(func(http.ResponseWriter, *http.Request) error { panic("secret text") }, Problem))
	mux.HandleFunc("GET /bare", func(http.ResponseWriter, *http.Request) { panic("bare") })
	mux.Handle("GET /half", Handle(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "half")
		return errors.New("broke")
	}, Problem))
	outer := http.NewServeMux()
	outer.Handle("/", http.StripPrefix("", mux))
	seen := 0
	h := Edge(slog.New(slog.NewJSONHandler(&lines, nil)), outer, EdgeOptions{
		MaxBody: 100, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Observe: func(string, string, int, time.Duration) { seen++ },
	})
	server := httptest.NewServer(h)
	defer server.Close()
	call := func(method, path, body string) (int, string, http.Header) {
		req, err := http.NewRequest(method, server.URL+path, struct{ io.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "6.6.6.6, 9.9.9.9")
		res, err := server.Client().Do(req)
		if err != nil {
			return 0, "", nil
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return 0, "", nil
		}
		return res.StatusCode, string(b), res.Header
	}
	status, body, header := call("POST", "/echo/tokenvalue", "hello")
	if id := header.Get("Request-Id"); status != 200 || !strings.HasPrefix(id, "req_") || !strings.Contains(body, id) || !strings.Contains(body, `"ip":"9.9.9.9"`) {
		t.Errorf("%d %s %v", status, body, header)
	}
	if status, body, _ = call("POST", "/echo/x", strings.Repeat("a", 101)); status != 413 || !strings.Contains(body, "body_too_large") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ = call("GET", "/panic?"+strings.Repeat("a", maxURL), ""); status != 414 {
		t.Errorf("a long address is %d", status)
	}
	for _, path := range []string{"/panic", "/bare"} {
		if status, body, _ = call("GET", path, ""); status != 500 || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body, _ = call("GET", "/half", ""); status == 200 {
		t.Errorf("half an answer counts: %d %s", status, body)
	}
	server.Close()
	if log := lines.String(); strings.Contains(log, "tokenvalue") || !strings.Contains(log, `"route":"POST /echo/{token}"`) || strings.Count(log, "\n") != seen || seen != 6 {
		t.Errorf("%d seen; log:\n%s", seen, log)
	}
}

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct{ remote, said, want string }{
		{"1.2.3.4:5", "9.9.9.9", "1.2.3.4"},
		{"10.0.0.1:5", "9.9.9.9", "9.9.9.9"},
		{"10.0.0.1:5", "8.8.8.8, 9.9.9.9, 10.0.0.2", "9.9.9.9"},
		{"10.0.0.1:5", "nonsense", "10.0.0.1"},
		{"[::ffff:1.2.3.4]:5", "", "1.2.3.4"},
		{"10.0.0.1:5", "", "10.0.0.1"},
	} {
		r := post("")
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.said)
		if got := clientAddr(r, trusted).String(); got != c.want {
			t.Errorf("%v is %s", c, got)
		}
	}
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := NewLimiter(10, time.Second, 20)
		if err != nil {
			t.Fatal(err)
		}
		pass := func() (n int) {
			for range 100 {
				if after, ok := l.Allow("k"); ok {
					n++
				} else if after < 1 {
					t.Error("no time to wait")
				}
			}
			return n
		}
		if n := pass(); n != 20 {
			t.Errorf("%d pass at once, want 20", n)
		}
		time.Sleep(time.Second)
		if n := pass(); n != 10 {
			t.Errorf("%d pass after a second, want 10", n)
		}
		if _, ok := l.Allow("other"); !ok {
			t.Error("one key limits another")
		}
	})
	if l, err := NewLimiter(0, time.Second, 5); l != nil || err != nil {
		t.Errorf("%v, %v", l, err)
	} else if _, ok := l.Allow("k"); !ok {
		t.Error("off refuses")
	}
}

func TestLimiterMemory(t *testing.T) {
	m := &memory{}
	for i := range 3*limiterKeys + 7 {
		m.put(strings.Repeat("k", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), 1)
	}
	if n := len(m.young) + len(m.old); n > 2*limiterKeys {
		t.Errorf("%d keys are kept", n)
	}
}

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{"Bearer abc"}, "abc"}, {[]string{"bearer  abc "}, "abc"}, {nil, ""}, {[]string{"Bearer"}, ""}, {[]string{"Basic abc"}, ""},
		{[]string{"Bearer abc", "Bearer abc"}, ""}, {[]string{"Bearer " + strings.Repeat("a", maxBearer+1)}, ""},
	} {
		if got := Bearer(&http.Request{Header: http.Header{"Authorization": c.headers}}); got != c.want {
			t.Errorf("%.40q: %q", c.headers, got)
		}
	}
}

// TestDecodeStrictNamesAll names every member at fault, so that a caller mends
// all of them at once.
func TestDecodeStrictNamesAll(t *testing.T) {
	var v struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
		Note     string `json:"note"`
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"zeta":1,"amount":"ten","currency":"USD","note":7,"alpha":{}}`))
	var e *pay.Error
	if err := DecodeStrict(r, &v); !errors.As(err, &e) {
		t.Fatal(err)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Path+" "+f.Code)
	}
	want := "alpha unknown_field, amount wrong_type, note wrong_type, zeta unknown_field"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
}
