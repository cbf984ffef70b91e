package pinelabs

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

var now = time.Date(2026, 11, 21, 9, 30, 15, 207_000_000, time.UTC)

// seed is the provider's published request; only expire_by was moved.
func seed(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/seed.json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "{{expire_by}}", "2026-12-28T13:26:06.909140Z")
}

// parse is what the create handler does before it asks core.
func parse(body string) (pay.Link, error) { return parseAt(body, now) }

func parseAt(body string, now time.Time) (pay.Link, error) {
	var in linkIn
	r := httptest.NewRequest("POST", "/api/pay/v1/paymentlink", strings.NewReader(body))
	if err := web.Decode(r, &in); err != nil {
		return pay.Link{}, err
	}
	return in.link(now)
}

func createOf(d *pinelabs, l pay.Link) core.CreateLink {
	return core.CreateLink{Fingerprint: "f", Link: l, WireID: d.NewWireID, ReuseRef: true}
}

func message(t testing.TB, err error) (status int, out errorOut) {
	t.Helper()
	w := httptest.NewRecorder()
	(&pinelabs{}).Fail(w, httptest.NewRequest("POST", "/api/pay/v1/paymentlink", nil), err)
	if e := json.Unmarshal(w.Body.Bytes(), &out); e != nil {
		t.Fatal(e)
	}
	return w.Code, out
}

func TestSeedIsAccepted(t *testing.T) {
	l, err := parse(seed(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Metadata["OfferData"]) != 511 || !l.Use.Parts || l.Use.MinPart != 100 || l.Use.Max != 1 || l.Use.Manual || !l.AcceptLate {
		t.Errorf("%+v", l.Use)
	}
	if !slices.Equal(l.Methods.Allowed, []pay.MethodID{pay.MethodCard, pay.MethodUPI}) {
		t.Errorf("methods %v", l.Methods.Allowed)
	}
	if l.Price.Amount != 50000 || l.Price.Currency != "INR" || l.Price.Breakdown.Discount != 50000 || l.Price.Breakdown.Items[0].Code != "xyz" {
		t.Errorf("price %+v", l.Price)
	}
	want := pay.Split{Account: "111302", Reference: "5206071124-aa-mpLhF3-cc-l", Amount: 50000, OnHold: true}
	if len(l.Splits) != 1 || l.Splits[0] != want {
		t.Errorf("splits %+v", l.Splits)
	}
	p := l.Payer
	if p.Name != "Kevin Bob" || p.Phone != "+919876543210" || p.Email != "kevin.bob@example.com" || p.TaxNumber != "27AAEPM1234C1Z5" ||
		p.Account.Number != "500000004545" || len(p.Billing.Lines) != 3 || p.Shipping.Postcode != "51524036" {
		t.Errorf("payer %+v", p)
	}
	if l.Page.SuccessURL != "https://sample-callback-url" || l.Page.FailureURL != "https://sample-failure-callback-url" {
		t.Errorf("page %+v", l.Page)
	}
	if !l.ExpiresAt.Equal(time.Date(2026, 12, 28, 13, 26, 6, 909_140_000, time.UTC)) {
		t.Errorf("expires %v", l.ExpiresAt)
	}
	for _, secret := range []string{"kevin", "Kevin", "98765", "4545", "Westminster"} {
		if strings.Contains(l.Echo, secret) {
			t.Errorf("personal data in echo: %s", secret)
		}
	}
}

func TestSeedComesBack(t *testing.T) {
	l, err := parse(seed(t))
	if err != nil {
		t.Fatal(err)
	}
	l.WireID, l.State, l.CreatedAt, l.UpdatedAt = "pl-v1-261121093015-aa-8YvTq3", pay.LinkActive, now, now
	out := newLinkOut(l, nil, "https://pay.example/l/x")
	got, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var sent, back map[string]any
	if json.Unmarshal([]byte(seed(t)), &sent) != nil || json.Unmarshal(got, &back) != nil {
		t.Fatal("not JSON")
	}
	for _, field := range []string{
		"amount", "description", "allowed_payment_methods", "failure_callback_url", "merchant_payment_link_reference",
		"customer", "product_details", "cart_coupon_discount_amount", "merchant_metadata", "callback_url", "part_payment", "cart_details", "expire_by",
	} {
		a, _ := json.Marshal(sent[field])
		b, _ := json.Marshal(back[field])
		if string(a) != strings.ReplaceAll(string(b), "06.90914Z", "06.909140Z") {
			t.Errorf("%s: sent %s, back %s", field, a, b)
		}
	}
	if out.Account.Bank.Number != "XXXXXXXX4545" || out.Status != "CREATED" || out.OrderID != "v1-261121093015-aa-8YvTq3" {
		t.Errorf("%s", got)
	}
	s := out.Splits.Details[0]
	if s.Status != "HOLD" || s.SettlementID != "v1-261121093015-aa-8YvTq3-ss-a" || s.UpdatedAt != "2026-11-21T09:30:15.207Z" {
		t.Errorf("split %+v", s)
	}
}

// base is a good request; with replaces or adds members.
func with(members string) string {
	base := map[string]json.RawMessage{
		"amount":                          json.RawMessage(`{"value":50000,"currency":"INR"}`),
		"merchant_payment_link_reference": json.RawMessage(`"A-1"`),
	}
	var more map[string]json.RawMessage
	if err := json.Unmarshal([]byte("{"+members+"}"), &more); err != nil {
		panic(err)
	}
	for k, v := range more {
		base[k] = v
	}
	body, _ := json.Marshal(base)
	return string(body)
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 257)
	pairs := `"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1","g":"1","h":"1","i":"1","j":"1"`
	for _, c := range []struct{ body, field string }{
		{`[]`, "body"}, {`"x"`, "body"}, {`7`, "body"},
		{with(`"amount":null`), "amount"}, {with(`"amount":500`), "amount"}, {with(`"amount":{"currency":"INR"}`), "amount.value"},
		{with(`"amount":{"value":"500","currency":"INR"}`), "amount.value"}, {with(`"amount":{"value":100.5,"currency":"INR"}`), "amount.value"},
		{with(`"amount":{"value":99,"currency":"INR"}`), "amount.value"}, {with(`"amount":{"value":0,"currency":"INR"}`), "amount.value"},
		{with(`"amount":{"value":-500,"currency":"INR"}`), "amount.value"}, {with(`"amount":{"value":100000001,"currency":"INR"}`), "amount.value"},
		{with(`"amount":{"value":9223372036854775808,"currency":"INR"}`), "amount.value"},
		{with(`"amount":{"value":500}`), "amount.currency"}, {with(`"amount":{"value":500,"currency":"USD"}`), "amount.currency"},
		{with(`"amount":{"value":500,"currency":"inr"}`), "amount.currency"}, {with(`"is_mcc_transaction":true,"amount":{"value":500,"currency":"XXX"}`), "amount.currency"},
		{with(`"merchant_payment_link_reference":null`), "merchant_payment_link_reference"}, {with(`"merchant_payment_link_reference":""`), "merchant_payment_link_reference"},
		{with(`"merchant_payment_link_reference":"` + long[:51] + `"`), "merchant_payment_link_reference"}, {with(`"merchant_payment_link_reference":"a b"`), "merchant_payment_link_reference"},
		{with(`"merchant_payment_link_reference":"ä"`), "merchant_payment_link_reference"}, {with(`"merchant_payment_link_reference":"a\n"`), "merchant_payment_link_reference"},
		{with(`"description":"` + strings.Repeat("ü", 1001) + `"`), "description"},
		{with(`"expire_by":"soon"`), "expire_by"}, {with(`"expire_by":"2026-11-21T09:30:15Z"`), "expire_by"}, {with(`"expire_by":"2027-05-20T09:30:16Z"`), "expire_by"},
		{with(`"allowed_payment_methods":["CARD","CASH"]`), "allowed_payment_methods"}, {with(`"allowed_payment_methods":7`), "allowed_payment_methods"},
		{with(`"pre_auth":"yes"`), "pre_auth"}, {with(`"is_mcc_transaction":1`), "is_mcc_transaction"}, {with(`"part_payment":"True"`), "part_payment"},
		{with(`"pre_auth":true,"part_payment":true`), "part_payment"}, {with(`"pre_auth":"true","allowed_payment_methods":["UPI"]`), "allowed_payment_methods"},
		{with(`"merchant_metadata":[]`), "merchant_metadata"}, {with(`"merchant_metadata":{` + pairs + `,"k":"1"}`), "merchant_metadata"},
		{with(`"merchant_metadata":{"a":"` + long + `"}`), "merchant_metadata"}, {with(`"merchant_metadata":{"` + long + `":"a"}`), "merchant_metadata"},
		{with(`"merchant_metadata":{"OfferData":"` + strings.Repeat("x", 4097) + `"}`), "merchant_metadata"},
		{with(`"callback_url":"/back"`), "callback_url"}, {with(`"callback_url":"ftp://a.example"`), "callback_url"}, {with(`"callback_url":"javascript:alert(1)"`), "callback_url"},
		{with(`"failure_callback_url":"https://"`), "failure_callback_url"}, {with(`"failure_callback_url":"https://a@b.example"`), "failure_callback_url"},
		{with(`"customer":{"email_id":"nobody"}`), "customer.email_id"}, {with(`"customer":{"first_name":""}`), "customer.first_name"},
		{with(`"customer":{"mobile_number":"123456789"}`), "customer.mobile_number"}, {with(`"customer":{"customer_id":"12345678901234567890"}`), "customer.customer_id"},
		{with(`"customer":{"country_code":"+12345"}`), "customer.country_code"}, {with(`"customer":{"billing_address":{"pincode":"12"}}`), "customer.billing_address.pincode"},
		{with(`"account_details":{}`), "account_details.bank_details.account_number"}, {with(`"account_details":{"bank_details":{"ifsc_code":"X"}}`), "account_details.bank_details.account_number"},
		{with(`"product_details":[{"product_amount":{"value":5,"currency":"USD"}}]`), "product_details.product_amount.currency"},
		{with(`"cart_coupon_discount_amount":{"value":-1,"currency":"INR"}`), "cart_coupon_discount_amount.value"},
		{with(`"split_info":{"split_type":"PERCENTAGE"}`), "split_info.split_type"},
		{with(`"split_info":{"split_type":"AMOUNT","split_details":[{"split_merchant_id":"1","amount":{"value":30000,"currency":"INR"}},{"split_merchant_id":"2","amount":{"value":20001,"currency":"INR"}}]}`), "split_info.split_details"},
	} {
		_, err := parse(c.body)
		if err == nil {
			t.Errorf("accepted %.120s", c.body)
			continue
		}
		status, out := message(t, err)
		if status != http.StatusBadRequest || out.Code != "INVALID_REQUEST" || out.Details == nil || out.Details.Reason != c.field {
			t.Errorf("%.120s: %d %+v %+v", c.body, status, out, out.Details)
		}
	}
	if _, err := parse(`{"amount":`); pay.KindOf(err) != pay.Invalid {
		t.Errorf("cut off: %v", err)
	}
}

func TestAccepted(t *testing.T) {
	for _, body := range []string{
		with(`"expire_by":"2027-05-20T09:30:15Z"`), with(`"amount":{"value":100,"currency":"INR"}`), with(`"amount":{"value":100000000,"currency":"INR"}`),
		with(`"is_mcc_transaction":"true","amount":{"value":500,"currency":"USD"}`), with(`"customer":null,"split_info":null,"pre_auth":null,"merchant_metadata":null,"expire_by":null`),
		with(`"unknown":{"deep":[1]},"customer":{"unknown":1}`), with(`"merchant_metadata":{"OfferData":"` + strings.Repeat("x", 4096) + `","gone":null}`),
		with(`"account_details":{"bank_details":{"account_number":"0123","ifsc_code":"","bank_name":""}}`), with(`"callback_url":"http://localhost:8080/x?y=1"`),
		with(`"cart_details":{"cart_items":[{"item_id":7,"item_name":"Chair","item_original_unit_price":"250","item_quantity":2}]}`),
	} {
		if _, err := parse(body); err != nil {
			t.Errorf("%.120s: %v", body, err)
		}
	}
}

func TestMethods(t *testing.T) {
	for _, c := range []struct {
		members string
		ids     []pay.MethodID
		wire    []string
	}{
		{`"allowed_payment_methods":["UPI","CARD","UPI"]`, []pay.MethodID{pay.MethodUPI, pay.MethodCard}, []string{"UPI", "CARD"}},
		{`"allowed_payment_methods":" card , netbanking,"`, []pay.MethodID{pay.MethodCard, pay.MethodBankRedirect}, []string{"CARD", "NETBANKING"}},
		{`"allowed_payment_methods":["BNPL"]`, []pay.MethodID{pay.MethodBNPL}, []string{"BNPL"}},
		{`"pre_auth":"true","allowed_payment_methods":["UPI","POINTS","CARD"]`, []pay.MethodID{pay.MethodPoints, pay.MethodCard}, []string{"UPI", "POINTS", "CARD"}},
		{`"pre_auth":true`, []pay.MethodID{pay.MethodCard, pay.MethodPoints}, []string{"CARD", "POINTS"}},
	} {
		l, err := parse(with(c.members))
		if err != nil {
			t.Errorf("%s: %v", c.members, err)
			continue
		}
		if out := newLinkOut(l, nil, ""); !slices.Equal(l.Methods.Allowed, c.ids) || !slices.Equal(out.Methods, c.wire) {
			t.Errorf("%s: %v %v", c.members, l.Methods.Allowed, out.Methods)
		}
	}
	l, err := parse(with(`"allowed_payment_methods":[]`))
	if out := newLinkOut(l, nil, ""); err != nil || len(l.Methods.Allowed) != 8 || len(out.Methods) != 7 {
		t.Errorf("all: %v %v %v", l.Methods.Allowed, out.Methods, err)
	}
}

func TestExpiry(t *testing.T) {
	for s, want := range map[string]string{
		"2026-12-01T08:29Z": "2026-12-01T08:29:00Z", "2026-12-01T08:29": "2026-12-01T08:29:00Z", "2026-12-01T08:29:30": "2026-12-01T08:29:30Z",
		"2026-12-01T08:29:30.5Z": "2026-12-01T08:29:30.5Z", "2026-12-01T08:29:30.123456789123Z": "2026-12-01T08:29:30.123456Z",
		"2026-12-01T08:29:30+05:30": "2026-12-01T02:59:30Z", "2026-12-01T08:29+0530": "2026-12-01T02:59:00Z", "2026-12-01T08:29:30-05": "2026-12-01T13:29:30Z",
		"": "", "2026-12-01": "", "2026-12-01 08:29Z": "", "2026-13-01T08:29Z": "", "2026-12-01T25:29Z": "", "2026-12-01T08:29:30Zx": "", "1764577800": "",
	} {
		got, ok := parseExpiry(s)
		if text := wireTimeExact(got); ok != (want != "") || ok && text != want {
			t.Errorf("%q: %s %v, want %q", s, text, ok, want)
		}
	}
	l, err := parse(with(``))
	if err != nil || !l.ExpiresAt.Equal(now.Add(180*24*time.Hour)) {
		t.Errorf("default %v %v", l.ExpiresAt, err)
	}
}

func FuzzCreate(f *testing.F) {
	f.Add(seed(f))
	f.Add(with(`"pre_auth":"true","customer":{"mobile_number":"9012345678"},"cart_details":{"cart_items":[{"item_quantity":"3","item_discounted_unit_price":{"value":5}}]}`))
	f.Add(`{"amount":{"value":1e2,"currency":"INR"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		l, err := parse(body)
		if err != nil {
			if kind := pay.KindOf(err); kind != pay.Invalid && kind != pay.Refused {
				t.Fatalf("%v: %v", kind, err)
			}
			return
		}
		if l.Price.Amount < minAmount || l.Price.Amount > maxAmount || !l.ExpiresAt.After(now) || l.UniqueRef == "" || len(l.Methods.Allowed) == 0 {
			t.Fatalf("%+v", l)
		}
		if err := web.JSON(httptest.NewRecorder(), 200, newLinkOut(l, nil, "")); err != nil {
			t.Fatal(err)
		}
		if _, ok := (&pinelabs{}).Word(pay.Event{Kind: pay.EventLinkCanceled, Snapshot: pay.Snapshot{Link: l}}, pay.Merchant{}, ""); !ok {
			t.Fatal("no word")
		}
	})
}

func FuzzExpiry(f *testing.F) {
	for _, s := range []string{"2026-12-01T08:29Z", "2026-12-01T08:29:30.123+05:30", "2026-12-01T08:29-05", "9999-12-31T23:59"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, ok := parseExpiry(s)
		if !ok || first.Year() < 0 || first.Year() > 9999 {
			return
		}
		if again, ok := parseExpiry(wireTimeExact(first)); !ok || !again.Equal(first) {
			t.Fatalf("%q: %v, then %v %v", s, first, again, ok)
		}
	})
}

func TestWireID(t *testing.T) {
	d := &pinelabs{}
	id := d.NewWireID("0ABCDE1234", "token", now)
	if id != d.NewWireID("0ABCDE1234", "other", now) || id == d.NewWireID("0ABCDE1235", "token", now) {
		t.Error("the id must come of the link's id alone")
	}
	if !strings.HasPrefix(id, "pl-v1-261121093015-aa-") || len(id) != len("pl-v1-261121093015-aa-8YvTq3") || !wireName.MatchString(id) {
		t.Error(id)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{pay.ErrUnauthorized, 401, "UNAUTHORIZED"}, {pay.ErrNotFound, 404, "PAYMENT_LINK_NOT_FOUND"}, {web.ErrMethod, 405, "INVALID_REQUEST"},
		{pay.ErrState("no"), 422, "INVALID_REQUEST"}, {pay.ErrTaken, 422, "INVALID_REQUEST"}, {errDuplicate, 422, "DUPLICATE_REQUEST"}, {pay.ErrKeyBusy, 429, "API_RATE_LIMIT"},
		{&pay.Error{Kind: pay.TooMany, Code: "rate", RetryAfter: 7}, 429, "API_RATE_LIMIT"}, {errors.New("secret words"), 500, "INTERNAL_ERROR"},
		{&pay.Error{Kind: pay.Refused, Code: "card_data", Detail: "must not hold card data"}, 400, "INVALID_REQUEST"},
		{&pay.Error{Kind: pay.Refused, Code: "body_too_large", Detail: "too large"}, 413, "INVALID_REQUEST"},
		{&pay.Error{Kind: pay.Unavailable, Code: "x"}, 503, "INTERNAL_ERROR"},
	} {
		status, out := message(t, c.err)
		if status != c.status || out.Code != c.code || out.Message == "" || strings.Contains(out.Message, "secret") {
			t.Errorf("%v: %d %+v", c.err, status, out)
		}
	}
	if _, out := message(t, invalid("payer.email", "x", "is bad")); out.Message != "customer.email is bad" {
		t.Error(out.Message)
	}
	if _, out := message(t, invalid("amount.currency", codeCurrency, "x")); out.Message != "Currency is invalid" {
		t.Error(out.Message)
	}
}

func TestRoutesFitOneMux(t *testing.T) {
	d := New(nil, "https://pay.example")
	mux := web.NewMux(d.Fail)
	for _, r := range d.Routes() {
		mux.Route(r.Pattern, r.Handle)
	}
	for path, status := range map[string]int{
		"GET /api/auth/v1/token": 405, "GET /api/pay/v1/paymentlink": 405, "DELETE /api/pay/v1/paymentlink/pl-1": 405,
		"PUT /api/pay/v1/paymentlink/ref/a": 405, "GET /api/pay/v1/paymentlink/pl-1/cancel": 405, "GET /api/pay/v1/paymentlink/a/b/c": 404,
		"GET /api/pay/v1/paymentlink/pl-1": 401, "PUT /api/pay/v1/paymentlink/pl-1/cancel": 401, "POST /api/pay/v1/paymentlink": 401,
	} {
		method, url, _ := strings.Cut(path, " ")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, url, nil))
		if w.Code != status || !strings.HasPrefix(w.Body.String(), `{"code":"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

var _ dialect.Dialect = (*pinelabs)(nil)
