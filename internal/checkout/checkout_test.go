package checkout

import (
	"bytes"
	"compress/gzip"
	"context"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	qrcode "github.com/piglig/go-qr"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/method"
	"paylink/internal/pay"
)

const token = "abcdefghijklmnopqrstuvwxyz"

var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// fakeCore has one link and does what the test says.
type fakeCore struct {
	pv        core.PayView
	views     int
	started   []core.StartPayment
	abandoned []pay.PaymentID
	answer    pay.Payment
	err       error
}

func (f *fakeCore) OpenPage(_ context.Context, tok string, viewed bool) (core.PayView, error) {
	if tok != token {
		return core.PayView{}, pay.ErrNotFound
	}
	if viewed {
		f.views++
	}
	return f.pv, nil
}

func (f *fakeCore) StartPayment(_ context.Context, cmd core.StartPayment) (pay.Payment, error) {
	f.started = append(f.started, cmd)
	return f.answer, f.err
}

func (f *fakeCore) AbandonPayment(_ context.Context, _ string, id pay.PaymentID, _ string) (pay.Payment, error) {
	f.abandoned = append(f.abandoned, id)
	return f.answer, f.err
}

func (f *fakeCore) DialectSecret(context.Context, pay.Tenant, string) (string, error) {
	return "s3cret", nil
}

func (f *fakeCore) SlugToken(context.Context, string) (string, error) { return "", pay.ErrNotFound }

// fakeMethod asks for one choice, or for nothing.
type fakeMethod struct {
	id     pay.MethodID
	name   string
	fields []method.Field
}

func (m fakeMethod) ID() pay.MethodID                        { return m.id }
func (m fakeMethod) Name() string                            { return m.name }
func (m fakeMethod) Offered(pay.Link) bool                   { return true }
func (m fakeMethod) Fields(pay.Mode) []method.Field          { return m.fields }
func (m fakeMethod) Check(pay.Mode, map[string]string) error { return nil }
func (m fakeMethod) Confirmation() (c method.Confirmation)   { return c }
func (m fakeMethod) Grace() time.Duration                    { return 0 }

// fakeDialect words the way back as the test says.
type fakeDialect struct {
	dialect.Dialect
	back dialect.Return
}

func (fakeDialect) PayURL(base string, l pay.Link) string { return dialect.PlainPayURL(base, l) }

func (fakeDialect) Pages() []dialect.Page { return nil }

func (d fakeDialect) Return(_ pay.Link, p pay.Payment, secret string, _ time.Time) (dialect.Return, bool) {
	return d.back, secret == "s3cret" && (p.State == pay.PaymentApplied || p.State == pay.PaymentFailed || p.Last().State == pay.AttemptRequiresAction) && d.back.URL != ""
}

func testLink() pay.Link {
	return pay.Link{
		Tenant: pay.Tenant{Merchant: "shop", Mode: pay.Test}, ID: "00ABCD1234", Dialect: "native", Token: token,
		Reference: "INV-2026-118", Version: 3, State: pay.LinkActive, Description: "Oak table <script>alert(1)</script>",
		Price: pay.Price{Currency: "USD", Amount: 124950}, Use: pay.Use{Max: 1}, ExpiresAt: now.Add(48 * time.Hour), CreatedAt: now,
	}
}

func testView() core.PayView {
	cards := method.Field{Name: "card", Label: "Test card", Choices: []method.Choice{{Value: "success", Label: "Succeeds"}, {Value: "decline", Label: "Declined"}}}
	return core.PayView{
		Merchant: pay.Merchant{Name: "Corner Shop"}, Link: testLink(),
		Methods: []method.Method{
			fakeMethod{"card", "Card", []method.Field{cards}},
			fakeMethod{"bank_redirect", "Bank", nil},
		},
	}
}

func testPayment(state pay.PaymentState, at pay.AttemptState) pay.Payment {
	return pay.Payment{
		ID: "pay_1", Link: "00ABCD1234", State: state, Requested: pay.Money{Minor: 124950, Currency: "USD"}, CreatedAt: now, UpdatedAt: now,
		Attempts: []pay.Attempt{{ID: "att_1", Payment: "pay_1", State: at, Currency: "USD", Requested: 124950, Instrument: "visa •••• 4242", UpdatedAt: now}},
	}
}

type site struct {
	*fakeCore
	handler http.Handler
	s       *Checkout
}

func newSite(f *fakeCore, back dialect.Return) site {
	s := newCheckout(f, map[string]dialect.Dialect{"native": fakeDialect{back: back}},
		Options{PublicURL: "https://pay.shop.example", Now: func() time.Time { return now.Add(10 * time.Second) }})
	mux := http.NewServeMux()
	for _, route := range s.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handle(w, r); err != nil {
				panic(err)
			}
		})
	}
	return site{f, mux, s}
}

func (s site) get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return s.do(httptest.NewRequest("GET", path, nil), header...)
}

func (s site) do(r *http.Request, header ...string) *httptest.ResponseRecorder {
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s site) post(path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r, header...)
}

// TestStill makes sure that a payer can stop the page from loading itself.
func TestStill(t *testing.T) {
	p := testPayment(pay.PaymentOpen, pay.AttemptProcessing)
	f := &fakeCore{pv: testView()}
	f.pv.Focus = &p
	s := newSite(f, dialect.Return{})
	if body := s.get(t, "/l/"+token).Body.String(); !strings.Contains(body, `href="/l/`+token+`?still"`) {
		t.Errorf("no way to stop:\n%s", body)
	}
	if body := s.get(t, "/l/"+token+"?still").Body.String(); strings.Contains(body, "http-equiv") || !strings.Contains(body, "Check again") {
		t.Errorf("it does not stop:\n%s", body)
	}
}

func TestFrames(t *testing.T) {
	f := &fakeCore{pv: testView()}
	policy := func() string {
		h := newSite(f, dialect.Return{}).get(t, "/l/"+token).Header()
		return h.Get("X-Frame-Options") + " " + h.Get("Content-Security-Policy")
	}
	if p := policy(); !strings.Contains(p, "DENY") || !strings.Contains(p, "frame-ancestors 'none'") {
		t.Error("anybody may frame the page: " + p)
	}
	f.pv.Link.Page.Embed = true
	f.pv.Merchant.Settings.EmbedOrigins = []string{"https://shop.example"}
	f.pv.Link.Page.SuccessURL = "https://www.shop.example/done?x=1"
	if p := policy(); strings.Contains(p, "DENY") || !strings.Contains(p, "frame-ancestors https://shop.example https://www.shop.example;") {
		t.Error("the merchant may not frame the page: " + p)
	}
}

func TestOtherPayersStayPrivate(t *testing.T) {
	f := &fakeCore{pv: testView()}
	p := testPayment(pay.PaymentApplied, pay.AttemptCaptured)
	f.pv.Link.Use, f.pv.Focus = pay.Use{Max: 0}, &p
	s := newSite(f, dialect.Return{})
	if body := s.get(t, "/l/"+token).Body.String(); strings.Contains(body, "4242") || !strings.Contains(body, "Pay $1,249.50") {
		t.Error("a stranger sees another payer's payment, or no form")
	}
	if body := s.get(t, "/l/"+token, "Cookie", "paylink_payment=pay_1").Body.String(); !strings.Contains(body, "4242") || !strings.Contains(body, "?new=1") {
		t.Error("the payer does not see the receipt with a way to pay again")
	}
	if body := s.get(t, "/l/"+token+"?new=1", "Cookie", "paylink_payment=pay_1").Body.String(); strings.Contains(body, "4242") {
		t.Error("a new payment still shows the old one")
	}
}

// TestUnknownOutcomeOffersNoForm makes sure that a payer whose payment may
// have gone through is not asked for another.
func TestUnknownOutcomeOffersNoForm(t *testing.T) {
	p := testPayment(pay.PaymentOpen, pay.AttemptUnknown)
	f := &fakeCore{pv: testView(), err: io.ErrUnexpectedEOF}
	f.pv.Focus = &p
	w := newSite(f, dialect.Return{}).post("/l/"+token+"/pay", url.Values{"method": {"card"}, "version": {"3"}}, "Cookie", "paylink_payment=pay_0")
	if body := w.Body.String(); w.Code != 500 || strings.Contains(body, "<button") || !strings.Contains(body, "do not pay again") {
		t.Errorf("%d:\n%s", w.Code, body)
	}
}

func TestPaidIsTheReceipt(t *testing.T) {
	f := &fakeCore{pv: testView()}
	given := testPayment(pay.PaymentCanceled, pay.AttemptCanceled)
	given.ID = "pay_2"
	f.pv.Link.State, f.pv.Payments, f.pv.Focus = pay.LinkCompleted, []pay.Payment{testPayment(pay.PaymentApplied, pay.AttemptCaptured), given}, &given
	s := newSite(f, dialect.Return{})
	for _, query := range []string{"", "?payment=pay_2"} {
		if body := s.get(t, "/l/"+token+query).Body.String(); !strings.Contains(body, "Paid. Thank you!") {
			t.Errorf("%q shows no receipt", query)
		}
	}
}

func TestReturnCookieLeadsBackOnce(t *testing.T) {
	p := testPayment(pay.PaymentApplied, pay.AttemptCaptured)
	f := &fakeCore{pv: testView()}
	f.pv.Link.State, f.pv.Focus = pay.LinkCompleted, &p
	s := newSite(f, dialect.Return{URL: "https://shop.example/cb", Fields: []pay.Line{{Label: "a", Value: "b"}}})
	w := s.get(t, "/l/"+token, "Cookie", "paylink_return=pay_1")
	if !strings.Contains(w.Body.String(), `data-auto="yes"`) || !strings.Contains(w.Header().Get("Set-Cookie"), "paylink_return=;") {
		t.Errorf("%v", w.Header())
	}
}

func TestHeadersAndSize(t *testing.T) {
	f := &fakeCore{pv: testView()}
	f.pv.Link.Page = pay.Page{SuccessURL: "https://shop.example/thanks?x=1", FailureURL: "https://shop.example/no", BackURL: "https://evil.example;script-src/"}
	s := newSite(f, dialect.Return{})
	w := s.get(t, "/l/"+token, "Accept-Encoding", "gzip, br")
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; frame-src 'none'; form-action 'self' https://shop.example; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; report-to csp",
		"Reporting-Endpoints":          `csp="/csp-reports"`,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin-allow-popups",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		"Content-Encoding":             "gzip",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(w.Header().Get("Permissions-Policy"), "payment=(self)") {
		t.Error("Permissions-Policy")
	}
	css := s.get(t, style.Path, "Accept-Encoding", "gzip")
	if css.Code != 200 || !strings.Contains(css.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("style: %d %v", css.Code, css.Header())
	}
	total := w.Body.Len() + css.Body.Len()
	t.Logf("first view: page %d + style %d bytes compressed", w.Body.Len(), css.Body.Len())
	if total > 14<<10 {
		t.Errorf("first view is %d bytes", total)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || !bytes.Contains(body, []byte("</html>")) {
		t.Errorf("the compressed page does not open: %v", err)
	}
}

func TestPay(t *testing.T) {
	ok := url.Values{"method": {"card"}, "card.card": {"decline"}, "version": {"3"}}
	redirect := testPayment(pay.PaymentOpen, pay.AttemptRequiresAction)
	redirect.Attempts[0].Action = &pay.Action{RedirectURL: "https://pay.shop.example/bank/1"}
	elsewhere := testPayment(pay.PaymentOpen, pay.AttemptRequiresAction)
	elsewhere.Attempts[0].Action = &pay.Action{RedirectURL: "https://bank.example/1"}
	for name, c := range map[string]struct {
		form   url.Values
		answer pay.Payment
		err    error
		back   dialect.Return
		status int
		to     string
		says   string
		starts int
	}{
		"begun":          {form: ok, answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing), status: 303, to: "/l/" + token + "?payment=pay_1", starts: 1},
		"own redirect":   {form: ok, answer: redirect, status: 303, to: "https://pay.shop.example/bank/1", starts: 1},
		"other redirect": {form: ok, answer: elsewhere, status: 303, to: "/l/" + token + "?payment=pay_1", starts: 1},
		"paid, returned": {form: ok, answer: testPayment(pay.PaymentApplied, pay.AttemptCaptured), back: dialect.Return{URL: "https://shop.example/ok?status=paid"}, status: 303, to: "https://shop.example/ok?status=paid", starts: 1},
		"paid, by form":  {form: ok, answer: testPayment(pay.PaymentApplied, pay.AttemptCaptured), back: dialect.Return{URL: "https://shop.example/ok", Fields: []pay.Line{{Label: "a", Value: "b"}}}, status: 303, to: "/l/" + token + "?payment=pay_1", starts: 1},
		"no method":      {form: url.Values{"method": {"gold"}}, status: 422, says: "Choose a way to pay"},
		"conflict":       {form: ok, err: pay.ErrState("version"), status: 409, says: "has changed", starts: 1},
		"taken":          {form: ok, err: pay.ErrTaken, status: 409, says: "Another payment is being made", starts: 1},
		"refused":        {form: ok, err: &pay.Error{Kind: pay.Refused, Code: "x", Detail: "secret reason"}, status: 422, says: "was not accepted", starts: 1},
		"invalid":        {form: ok, err: &pay.Error{Kind: pay.Invalid, Code: "x", Fields: []pay.Field{{Path: "fields.card", Code: "required"}}}, status: 422, says: "Please fill this in", starts: 1},
		"internal":       {form: ok, err: io.ErrUnexpectedEOF, status: 500, says: "could not finish", starts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeCore{pv: testView(), answer: c.answer, err: c.err}
			f.pv.Link.Page.SuccessURL = "https://shop.example/ok"
			w := newSite(f, c.back).post("/l/"+token+"/pay", c.form, "Sec-Fetch-Site", "same-origin")
			if w.Code != c.status || w.Header().Get("Location") != c.to || !strings.Contains(w.Body.String(), c.says) || len(f.started) != c.starts {
				t.Errorf("%d %q, %d started:\n%s", w.Code, w.Header().Get("Location"), len(f.started), w.Body)
			}
			if c.starts == 1 {
				cmd := f.started[0]
				if cmd.Version != 3 || cmd.Fields["card"] != "decline" || cmd.Method != "card" || cmd.Amount != 0 || cmd.From == "" {
					t.Errorf("command %+v", cmd)
				}
			}
			if strings.Contains(w.Body.String(), "secret reason") {
				t.Error("shows a detail for developers")
			}
			if f.views != 0 {
				t.Error("a POST is no view")
			}
		})
	}
}

func TestAmount(t *testing.T) {
	for raw, want := range map[string]int64{"10": 1000, "10.50": 1050, "10,5": 1050, " 7 ": 700, "1,000": 0, "1e3": 0, "-5": 0, "0": 0, "": 0, "10.555": 0} {
		f := &fakeCore{pv: testView(), answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing)}
		f.pv.Link.Price = pay.Price{Currency: "USD", Open: true}
		w := newSite(f, dialect.Return{}).post("/l/"+token+"/pay", url.Values{"method": {"card"}, "amount": {raw}, "version": {"3"}})
		switch {
		case want == 0 && (w.Code != 422 || len(f.started) != 0 || !strings.Contains(w.Body.String(), "Enter an amount such as 25.00")):
			t.Errorf("%q: %d", raw, w.Code)
		case want > 0 && (w.Code != 303 || f.started[0].Amount != want):
			t.Errorf("%q: %d %+v", raw, w.Code, f.started)
		}
	}
}

func TestOtherSites(t *testing.T) {
	form := url.Values{"method": {"card"}, "version": {"3"}}
	for _, path := range []string{"/l/" + token + "/pay", "/l/" + token + "/payments/pay_1/abandon"} {
		for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site", "Origin", "null"}} {
			f := &fakeCore{pv: testView(), answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing)}
			if w := newSite(f, dialect.Return{}).post(path, form, h...); w.Code != 403 || len(f.started)+len(f.abandoned) > 0 {
				t.Errorf("%s %v: %d", path, h, w.Code)
			}
		}
		for _, h := range [][]string{{}, {"Origin", "https://pay.shop.example"}, {"Origin", "null"}} {
			f := &fakeCore{pv: testView(), answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing)}
			if w := newSite(f, dialect.Return{}).post(path, form, h...); w.Code != 303 || len(f.started)+len(f.abandoned) != 1 {
				t.Errorf("%s %v: %d", path, h, w.Code)
			}
		}
	}
}

func TestLookingChangesNothing(t *testing.T) {
	f := &fakeCore{pv: testView()}
	s := newSite(f, dialect.Return{})
	if w := s.do(httptest.NewRequest("HEAD", "/l/"+token, nil)); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	s.get(t, "/l/"+token, "Sec-Purpose", "prefetch;prerender")
	s.get(t, "/l/"+token, "Purpose", "prefetch")
	s.get(t, "/l/"+token+"/qr.svg")
	if f.views != 0 {
		t.Errorf("%d views", f.views)
	}
}

func TestUnknownLinksLookAlike(t *testing.T) {
	s := newSite(&fakeCore{pv: testView()}, dialect.Return{})
	first := s.get(t, "/l/zzzzzzzzzzzzzzzzzzzzzzzzzz")
	for _, path := range []string{"/l/a", "/l/" + strings.Repeat("a", 300), "/l/%00", "/l/x/qr.png", "/l/x/return"} {
		if w := s.get(t, path); w.Code != 404 || w.Body.String() != first.Body.String() {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestWayBack(t *testing.T) {
	p := testPayment(pay.PaymentApplied, pay.AttemptCaptured)
	f := &fakeCore{pv: testView()}
	f.pv.Link.State, f.pv.Focus = pay.LinkCompleted, &p
	s := newSite(f, dialect.Return{URL: "https://shop.example/cb?x=1", Fields: []pay.Line{{Label: "order_id", Value: `a"b`}}})
	arriving, later := s.get(t, "/l/"+token+"?payment=pay_1"), s.get(t, "/l/"+token)
	for _, want := range []string{`action="https://shop.example/cb?x=1"`, `name="order_id" value="a&#34;b"`, "<button", returnScript.Path, returnScript.Integrity, `data-auto="yes"`} {
		if !strings.Contains(arriving.Body.String(), want) {
			t.Errorf("lacks %q:\n%s", want, arriving.Body)
		}
	}
	if strings.Contains(later.Body.String(), "<script") || !strings.Contains(later.Body.String(), "return-form") {
		t.Error("a receipt opened later must keep the button and not leave by itself")
	}
	if !strings.Contains(arriving.Header().Get("Content-Security-Policy"), "form-action 'self' https://shop.example;") {
		t.Error(arriving.Header().Get("Content-Security-Policy"))
	}
	s = newSite(f, dialect.Return{URL: "https://shop.example/ok?status=paid"})
	if body := s.get(t, "/l/"+token).Body.String(); !strings.Contains(body, `href="https://shop.example/ok?status=paid"`) {
		t.Error("no link back")
	}
	s = newSite(f, dialect.Return{URL: "javascript:alert(1)"})
	if body := s.get(t, "/l/"+token).Body.String(); strings.Contains(body, "javascript:") {
		t.Error("a link that runs code")
	}
}

func TestQR(t *testing.T) {
	s := newSite(&fakeCore{pv: testView()}, dialect.Return{})
	w := s.get(t, "/l/"+token+"/qr.png")
	img, err := png.Decode(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := qrcode.Decode(img); err != nil || said != "https://pay.shop.example/l/"+token {
		t.Errorf("the code says %q, %v", said, err)
	}
	w = s.get(t, "/l/"+token+"/qr.svg")
	if w.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(w.Body.String(), "<svg") || strings.Contains(w.Body.String(), "<script") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}
