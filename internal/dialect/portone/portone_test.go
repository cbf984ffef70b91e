package portone

import (
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// The published vectors.
func TestSignatures(t *testing.T) {
	b := signedRequest(testKey, "1234.5", "THB", "https://shop.example/pay?r=failed&o=1002", "ORD 1002/A+b~c*d", "https://shop.example/pay?r=done&o=1002")
	for name, c := range map[string]struct {
		pairs   []pair
		encoder int
		want    string
	}{
		"S1 a":                               {signedRequest(testKey, "2500", "THB", "https://shop.example/pay/failed", "ORD-1001", "https://shop.example/pay/done"), 0, "kf0LY5pQd9AOBhEG7aWKZFcdpyGz+vyJMNUpFFkXy+Y="},
		"S1 b":                               {b, 0, "3PSPxSFK4t5Z66VFe9/Td+VYinECWhkfrKjgUDnTGb0="},
		"S1 b as Node writes it":             {b, 1, "Qk4GQ3CQxv+++/Yy7LNyl5Ga+9NriAeImJ15RcqBXb4="},
		"S1 b as encodeURIComponent does it": {b, 4, "Mqk3BmTfoEcuLgMXZc11pQDxU+nH1d9TxriOZh62IIc="},
		"S1 c":                               {signedRequest(testKey, "140000", "VND", "https://shop.example/pay/failed", "ORD-1003", "https://shop.example/pay/done"), 0, "PUkjpEkMei2nJTIHjavRMemFjDd56wJCQsZxNL6DH8I="},
		"S2":                                 {signedReturn("SIM-58213", "3FkQ6Zt1RjKwMxCvBnUoPiLyThS_1", "3FkQ7m2XcVbN8rTzLpWsYdHuGaE", "Success"), 0, "jiqgRVeyrX4NVwHDoFMWRtxlu4JavbA6eUjk8btbdn8="},
		"S3": {signedPayment(paymentOut{
			Amount: "2500", ChannelKey: "GBPRIMEPAY", ChannelOrderRef: "SIM-58213", CountryCode: "TH", Currency: "THB",
			MerchantOrderRef: "3FkQ6Zt1RjKwMxCvBnUoPiLyThS_1", MethodName: "GBPRIMEPAY_CREDIT_CARD", OrderRef: "3FkQ7m2XcVbN8rTzLpWsYdHuGaE", Status: "Success",
		}), 0, "MvdPpCk9yuc5RogYtDprL8HLriJ8A9BBFj3QAFH+u5A="},
		"S4": {signedLink(linkEvent{
			Amount: "2500", CountryCode: "TH", Currency: "THB", LinkRef: "3FkPzA9dUqWeRtYbVcXmNsLkJhG", MerchantOrderRef: "ORD-1001", Status: "Success",
		}), 0, "noj2be7YxL8x3pjQy9TSTdeEPMnTGcvi+F/tg8UQ8Kk="},
	} {
		if got := sign(testSecret, c.pairs); c.encoder == 0 && got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		if !signed(testSecret, c.want, c.pairs) {
			t.Errorf("%s is not accepted; we sign %s", name, message(c.pairs, c.encoder))
		}
		if signed(otherSecret, c.want, c.pairs) || signed(testSecret, strings.TrimRight(c.want, "="), c.pairs) || signed(testSecret, c.want[:20]+"\n"+c.want[20:], c.pairs) {
			t.Errorf("%s: a wrong one is accepted", name)
		}
	}
	// The table of encoders, by the characters that they differ in.
	odd := []pair{{"k", " *~!'()/"}}
	for i, want := range []string{"k=+%2A~%21%27%28%29%2F", "k=+*%7E%21%27%28%29%2F", "k=+%2A%7E%21%27%28%29%2F", "k=%20%2A~%21%27%28%29%2F", "k=%20*~!'()%2F"} {
		if got := message(odd, i); got != want {
			t.Errorf("encoder %d writes %s, want %s", i, got, want)
		}
	}
}

const sheetToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJQT1JUT05FIiwic3ViIjoiUXZMbVR6UmJLc1duUGRYYSIsImlhdCI6MTc5NTIxOTIwMCwiZXhwIjoxNzk1MjE5MzAwfQ.n2xkD4yP1VzlT0pAzCpw1Upvb8HntJ6PZsqahC8cCXk"

func TestToken(t *testing.T) {
	text, signature, c, ok := parseToken(sheetToken)
	if !ok || string(signature) != string(mac(testSecret, text)) {
		t.Fatal("the sheet's token is not taken")
	}
	at := time.Unix(1795219200, 0)
	for _, one := range []struct {
		from time.Duration
		key  string
		good bool
	}{{0, testKey, true}, {99 * time.Second, testKey, true}, {100 * time.Second, testKey, false}, {-60 * time.Second, testKey, true}, {-61 * time.Second, testKey, false}, {0, otherKey, false}, {0, "", false}} {
		if c.good(one.key, at.Add(one.from)) != one.good {
			t.Errorf("%+v", one)
		}
	}
	for claims, good := range map[string]bool{
		`{"exp":1795219300.5,"iat":1795219200.25,"sub":"` + testKey + `","iss":"CHAIPAY"}`: true,
		`{"exp":1796219200,"sub":"` + testKey + `","iss":"PORTONE"}`:                       true, // no longest life
		`{"iat":1795219200,"sub":"` + testKey + `","iss":"PORTONE"}`:                       false,
		`{"exp":"1795219300","sub":"` + testKey + `","iss":"PORTONE"}`:                     false,
		`{"exp":1795219300,"sub":"` + testKey + `","iss":"OTHER"}`:                         false,
		`{"exp":1795219300,"sub":"` + testKey + `","iss":"PORTONE","nbf":1795219290}`:      false,
		`{"exp":1,"exp":1795219300,"sub":"` + testKey + `","iss":"PORTONE"}`:               false,
		`[]`: false,
	} {
		_, _, c, ok := parseToken(jwt(`{"alg":"HS256"}`, claims))
		if (ok && c.good(testKey, at)) != good {
			t.Errorf("%s", claims)
		}
	}
	for _, head := range []string{`{"alg":"none"}`, `{"alg":"HS384"}`, `{"alg":"RS256"}`, `{"alg":"hs256"}`, `{}`, `{"alg":"HS256","crit":["x"]}`, `5`} {
		if _, _, _, ok := parseToken(jwt(head, `{}`)); ok {
			t.Errorf("%s is taken", head)
		}
	}
	for _, token := range []string{"", ".", "..", sheetToken + "=", sheetToken + ".", sheetToken[1:], strings.Replace(sheetToken, ".", "..", 1), strings.Repeat("a", maxToken+1)} {
		if _, _, _, ok := parseToken(token); ok {
			t.Errorf("%.40s is taken", token)
		}
	}
	if _, _, c, ok := parseToken(newToken(testKey, testSecret, at)); !ok || !c.good(testKey, at.Add(tokenLife-time.Second)) || c.good(testKey, at.Add(tokenLife)) {
		t.Error("our own token is not what it says")
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{
		"2500": "2500", "111.12": "111.12", "100.00": "100", "2500.50": "2500.5", "0": "0", "-0": "0", "0.10": "0.1", "1e3": "1000", "2.5E+2": "250",
		"12.5e-1": "1.25", "-5.0": "-5", "1e-3": "0.001", "10": "10", "140000.0": "140000", "0e5": "0",
	} {
		if got, ok := shortest(text); !ok || got != want {
			t.Errorf("%s is %q %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", ".5", "5.", "1e", "e5", "1e99", "1e+-5", "0e++0", "1e", "1e+", "+1", "01", "0x1", "1_0", "NaN", "Infinity", `"5"`, "1.2.3", "１", strings.Repeat("1", 65)} {
		if got, ok := shortest(text); ok {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestRefs(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	token := pay.NewToken()
	ref := (&portone{}).NewWireID("", token, at)
	if len(ref) != ksuidText || linkToken(ref) != token || linkToken(ref[1:]) != "" || linkToken(strings.Repeat("z", ksuidText)) != "" || linkToken(ref[:26]+"-") != "" {
		t.Errorf("%s leads to %s, want %s", ref, linkToken(ref), token)
	}
	if later := (&portone{}).NewWireID("", token, at.Add(time.Second)); later <= ref {
		t.Error("references do not rise with time")
	}
	for n := range uint32(40) {
		id := pay.NewLinkID(at)
		if got, m, ok := refTo(refOf(at, id, n)); !ok || got != id || m != n {
			t.Errorf("%s %d comes back as %s %d %v", id, n, got, m, ok)
		}
	}
}

// A KSUID of its makers' documentation.
func TestKSUID(t *testing.T) {
	content, _ := new(big.Int).SetString("b5a1cd34b5f99d1154fb6853345c9735", 16)
	if got := ksuid(time.Unix(107608047+ksuidEpoch, 0), content.Bytes()); got != "0ujtsYcgvSTl8PAuAdqWYSMnLOv" {
		t.Error(got)
	}
}

func TestMethods(t *testing.T) {
	for key, want := range map[string]pay.MethodID{
		"GBPRIMEPAY_CREDIT_CARD": pay.MethodCard, "STRIPE_CARD": pay.MethodCard, "ZALOPAY_CREDITCARD": pay.MethodCard, "NAPAS_ATM_CARD": pay.MethodCard,
		"PORTONE_TOSS_CREDIT_CARD": pay.MethodCard, "CARD": pay.MethodCard, "gbprimepay_credit_card": pay.MethodCard,
		"GBPRIMEPAY_KPLUS_BANK": pay.MethodBankRedirect, "XENDIT_VIRTUAL_ACCOUNT": pay.MethodBankTransfer, "ESPAY_BNI_VA": pay.MethodBankTransfer,
		"APPOTAPAY_VA_WOORI": pay.MethodBankTransfer, "KOMOJU_BANK_TRANSFER": pay.MethodBankTransfer, "TAZAPAY_INSTANT_BANK_TRANSFER": pay.MethodBankTransfer,
		"ASIAPAY_FPX": pay.MethodBankRedirect, "GBPRIMEPAY_TRUEMONEY_WALLET": pay.MethodWallet, "LINEPAY_WALLET": pay.MethodWallet,
		"CHILLPAY_ALIPAY": pay.MethodWallet, "ATOME_BNPL": pay.MethodBNPL, "OMISE_INSTALLMENT": pay.MethodCreditEMI, "TAZAPAY_UPI": pay.MethodUPI,
		"CHILLPAY_QRCODE": pay.MethodOther, "PS_PROMPTPAY": pay.MethodOther, "BBL_PROMPTPAY": pay.MethodOther, "anything": pay.MethodOther,
	} {
		if got := methodOf(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %v, want %s", key, got, want)
		}
	}
	got := methodsOf([]channel{{"A", "A_WALLET"}, {"B", "B_CREDIT_CARD"}, {"C", "C_ALL"}})
	if !slices.Equal(got, []pay.MethodID{pay.MethodWallet, pay.MethodCard, pay.MethodBankRedirect, pay.MethodBankTransfer}) || methodsOf(nil) != nil {
		t.Errorf("%v", got)
	}
}

// Every state of ours has a word, whatever is under way.
func TestStates(t *testing.T) {
	live := pay.Payment{State: pay.PaymentOpen, Attempts: []pay.Attempt{{State: pay.AttemptProcessing}}}
	dead := pay.Payment{State: pay.PaymentFailed, Attempts: []pay.Attempt{{State: pay.AttemptFailed}}}
	for state, want := range map[pay.LinkState][3]string{
		pay.LinkScheduled: {"Created", "Processing", "Processing"}, pay.LinkActive: {"Created", "Processing", "Processing"},
		pay.LinkPaused: {"Created", "Processing", "Processing"}, pay.LinkCompleted: {"Success", "Success", "Success"},
		pay.LinkExpired: {"Expired", "Expired", "Processing"}, pay.LinkCanceled: {"Cancelled", "Cancelled", "Cancelled"},
	} {
		l := pay.Link{State: state}
		if got := [3]string{linkStatus(l, nil), linkStatus(l, []pay.Payment{dead}), linkStatus(l, []pay.Payment{dead, live})}; got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
	if len(linkStates) != 6 || len(attemptStates) != 11 {
		t.Error("a state has no word")
	}
	for _, c := range []struct {
		link    pay.LinkState
		payment pay.PaymentState
		attempt pay.Attempt
		status  string
		code    string
	}{
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptCreated}, "Initiated", ""},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptRequiresAction, Action: &pay.Action{RedirectURL: "https://bank.example"}}, "Initiated", ""},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptRequiresAction, Action: &pay.Action{Instructions: []pay.Line{{Label: "To", Value: "1"}}}}, "Pending", "1000"},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptProcessing}, "Pending", "1000"},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptUnknown}, "Pending", "1000"},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptReview}, "Pending", "1000"},
		{pay.LinkActive, pay.PaymentOpen, pay.Attempt{State: pay.AttemptAuthorized}, "Pending", "1000"},
		{pay.LinkCompleted, pay.PaymentApplied, pay.Attempt{State: pay.AttemptCaptured}, "Success", "2000"},
		{pay.LinkCanceled, pay.PaymentSurplus, pay.Attempt{State: pay.AttemptCaptured}, "Failed", "4071"},
		{pay.LinkExpired, pay.PaymentSurplus, pay.Attempt{State: pay.AttemptCaptured}, "Expired", "4072"},
		{pay.LinkActive, pay.PaymentCanceled, pay.Attempt{State: pay.AttemptCanceled}, "Failed", "4071"},
		{pay.LinkActive, pay.PaymentCanceled, pay.Attempt{State: pay.AttemptVoided}, "Failed", "4071"},
		{pay.LinkActive, pay.PaymentFailed, pay.Attempt{State: pay.AttemptAuthExpired}, "Expired", "4072"},
		{pay.LinkActive, pay.PaymentFailed, pay.Attempt{State: pay.AttemptFailed}, "Failed", "6001"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailDeclined, pay.MethodCard), "Failed", "6014"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailDeclined, pay.MethodBankRedirect), "Failed", "6001"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailFunds, pay.MethodCard), "Failed", "6002"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailExpiredCard, pay.MethodCard), "Failed", "6013"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailAuth, pay.MethodCard), "Failed", "8002"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailCanceled, pay.MethodCard), "Failed", "4071"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailTimeout, pay.MethodCard), "Expired", "4082"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailWrongAccount, pay.MethodCard), "Failed", "6001"},
		{pay.LinkActive, pay.PaymentFailed, failedBy(pay.FailProcessor, pay.MethodCard), "Failed", "4080"},
	} {
		a := attempt{c.attempt, pay.Payment{State: c.payment}, 0}
		if v := a.verdict(pay.Link{State: c.link}); v.status != c.status || v.code != c.code || (v.code == "") != (v.reason == "") {
			t.Errorf("%s in %s: %+v", c.attempt.State, c.payment, v)
		}
	}
}

func failedBy(code string, m pay.MethodID) pay.Attempt {
	return pay.Attempt{State: pay.AttemptFailed, Method: m, Failure: &pay.Failure{Code: code}}
}

// The page has no line for a code that stands for none.
func TestPromo(t *testing.T) {
	for code, want := range map[string]string{"TET": "TET", "NA": "", "": ""} {
		in := linkIn{Amount: "1", Currency: "THB", Merchant: &merchantIn{Promo: code}}
		if p, err := in.price(); err != nil || p.Breakdown.Promo != want {
			t.Errorf("%s: %+v %v", code, p, err)
		}
	}
}

// Attempts stand in the order of time, whichever payment they are of.
func TestAttemptsOf(t *testing.T) {
	at := func(n int) pay.Attempt { return pay.Attempt{CreatedAt: time.Unix(int64(n), 0)} }
	list := attemptsOf([]pay.Payment{{Number: 1, Attempts: []pay.Attempt{at(1), at(2)}}, {Number: 2, Attempts: []pay.Attempt{at(3)}}})
	var order []int64
	for _, a := range list {
		order = append(order, a.CreatedAt.Unix())
	}
	if !slices.Equal(order, []int64{3, 2, 1}) {
		t.Errorf("%v", order)
	}
}

// What is a change of status in the words of this wire, and what is a step.
func TestChanges(t *testing.T) {
	asked := &pay.Action{RedirectURL: "https://bank.example"}
	for name, c := range map[string]struct {
		kind pay.EventKind
		from pay.AttemptState
		a    pay.Attempt
		want bool
	}{
		"a payer is sent to the bank":   {pay.EventAttemptAction, pay.AttemptProcessing, pay.Attempt{State: pay.AttemptRequiresAction, Action: asked}, false},
		"a payer is to make a transfer": {pay.EventAttemptAction, pay.AttemptProcessing, pay.Attempt{State: pay.AttemptRequiresAction, Action: &pay.Action{Instructions: []pay.Line{{Label: "To"}}}}, true},
		"the processor is asked":        {pay.EventAttemptProcessing, pay.AttemptCreated, pay.Attempt{State: pay.AttemptProcessing}, false},
		"the bank is at it":             {pay.EventAttemptProcessing, pay.AttemptRequiresAction, pay.Attempt{State: pay.AttemptProcessing}, true},
		"the bank has done it":          {pay.EventAttemptProcessing, pay.AttemptRequiresAction, pay.Attempt{State: pay.AttemptProcessing, Action: asked}, false},
		"no answer":                     {pay.EventAttemptUnknown, pay.AttemptProcessing, pay.Attempt{State: pay.AttemptUnknown}, true},
		"another answer":                {pay.EventAttemptReview, pay.AttemptProcessing, pay.Attempt{State: pay.AttemptReview}, true},
		"no answer for days":            {pay.EventAttemptReview, pay.AttemptUnknown, pay.Attempt{State: pay.AttemptReview}, false},
	} {
		e := pay.Event{Kind: c.kind, From: string(c.from), EntityID: "att_1"}
		c.a.ID = "att_1"
		e.Snapshot.Payments = []pay.Payment{{State: pay.PaymentOpen, Attempts: []pay.Attempt{c.a}}}
		if _, ok := (&portone{}).Word(e, pay.Merchant{}, ""); ok != c.want {
			t.Errorf("%s: told %v", name, ok)
		}
	}
}

// Kinds tell which type an event is of, so no two types may share one.
func TestEndpointTypes(t *testing.T) {
	seen := map[pay.EventKind]string{}
	for _, typ := range endpointTypes {
		for _, k := range typ.kinds {
			if seen[k] != "" || !slices.Contains(pay.EventKinds, k) {
				t.Errorf("%s is of %s and %s", k, seen[k], typ.name)
			}
			seen[k] = typ.name
		}
		if got := typesOf(pay.Endpoint{Kinds: typ.kinds}); !slices.Equal(got, []string{typ.name}) {
			t.Errorf("%s: %v", typ.name, got)
		}
	}
	if got := typesOf(pay.Endpoint{}); len(got) != 3 {
		t.Errorf("an endpoint of the provision file has %v", got)
	}
}

// The table of notices (sheet 6.5).
func TestShares(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	yes, no := true, false
	at := now.Add(24 * time.Hour)
	reach := &customer{Name: "An", Email: "an@customer.example", Phone: "+84900000001"}
	for name, c := range map[string]struct {
		in   linkIn
		want string
	}{
		"none wanted":             {linkIn{Customer: reach, SendNow: &yes}, ""},
		"at once":                 {linkIn{Customer: reach, NotifyEmail: true, SendNow: &yes, ScheduledDate: wireTime(at)}, "created 0s an@customer.example "},
		"scheduled":               {linkIn{Customer: reach, NotifyPhone: true, SendNow: &no, ScheduledDate: wireTime(at)}, "scheduled 24h0m0s  +84900000001"},
		"scheduled, flag absent":  {linkIn{Customer: reach, NotifyPhone: true, ScheduledDate: wireTime(at)}, "scheduled 24h0m0s  +84900000001"},
		"neither said":            {linkIn{Customer: reach, NotifyEmail: true, NotifyPhone: true}, "created 0s an@customer.example +84900000001"},
		"not by itself":           {linkIn{Customer: reach, NotifyEmail: true, SendNow: &no}, ""},
		"who is billed":           {linkIn{Billing: &billing{Email: "b@customer.example"}, NotifyEmail: true}, "created 0s b@customer.example "},
		"no address":              {linkIn{NotifyEmail: true, NotifyPhone: true}, ""},
		"an address that is none": {linkIn{Customer: &customer{Email: "an at home"}, NotifyEmail: true}, ""},
		"a reminder":              {linkIn{Customer: reach, NotifyEmail: true, ReminderTime: "2", ReminderUnit: "days"}, "created 0s an@customer.example , reminder 120h0m0s an@customer.example "},
		"a reminder too late":     {linkIn{Customer: reach, NotifyEmail: true, ReminderTime: "8", ReminderUnit: "day"}, "created 0s an@customer.example "},
	} {
		var got []string
		for _, s := range c.in.shares(now, now.Add(7*24*time.Hour)) {
			r := s.Recipients[0]
			got = append(got, string(s.Cause)+" "+s.DueAt.Sub(now).String()+" "+r.Email+" "+r.Phone)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

// A grant of another environment or sub-merchant is not the caller's.
func TestCallerIn(t *testing.T) {
	test, live := pay.Tenant{Merchant: "a", Mode: pay.Test}, pay.Tenant{Merchant: "a", Mode: pay.Live}
	c := caller{grants: []core.Grant{{Tenant: test}, {Tenant: live}, {Tenant: pay.Tenant{Merchant: "b", Mode: pay.Test}, External: subKey}}}
	if g, err := c.in("live"); err != nil || g.Tenant != live {
		t.Error(g, err)
	}
	c.sub = subKey
	if g, err := c.in("sandbox"); err != nil || g.Tenant.Merchant != "b" {
		t.Error(g, err)
	}
	if _, err := c.in("live"); err == nil {
		t.Error("a sub-merchant without a live account has one")
	}
}

func FuzzBody(f *testing.F) {
	f.Add(`{"portone_key":"k","merchant_details":{"name":"n"},"amount":1.50,"currency":"THB","order_details":[{"price":1,"quantity":1}]}`)
	f.Add(`{"amount":"1"}`)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body string) {
		var in linkIn
		r := httptest.NewRequest("POST", "/api/paymentLink", strings.NewReader(body))
		if decode(r, &in) != nil || in.required() != nil {
			return
		}
		l, err := in.link(now, now)
		if err != nil {
			if status, out := wordError(err); status < 400 || status > 401 || out.Code == "" || out.Reason == "" || out.Message == "" {
				t.Fatalf("%v is worded %d %+v", err, status, out)
			}
			return
		}
		if l.Price.Amount <= 0 || l.Price.Amount > pay.MaxMinor {
			t.Fatalf("the amount is %d", l.Price.Amount)
		}
		if back := kept(l); back.Amount != in.Amount || back.OrderID != in.OrderID {
			t.Fatalf("%+v is kept as %+v", in, back)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"2500", "1234.50", "1e3", "12.5e-1", "-0.0", "9e30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		short, ok := shortest(s)
		if !ok {
			return
		}
		want, ok1 := new(big.Rat).SetString(s)
		got, ok2 := new(big.Rat).SetString(short)
		if !ok1 || !ok2 || want.Cmp(got) != 0 || strings.ContainsAny(short, "eE+") {
			t.Fatalf("%q became %q", s, short)
		}
		if again, ok := shortest(short); len(short) <= maxNumber && (!ok || again != short) {
			t.Fatalf("%q became %q", short, again)
		}
	})
}

func FuzzTime(f *testing.F) {
	f.Add("2026-12-01T00:00:00.000Z")
	f.Add("2026-12-01T00:00:00+07:00")
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseTime(s)
		if !ok {
			return
		}
		if again, ok := parseTime(wireTime(at)); at.Year() > 0 && at.Year() < 10000 && (!ok || !again.Equal(at)) {
			t.Fatalf("%q is %v, then %v", s, at, again)
		}
	})
}

func FuzzSignature(f *testing.F) {
	f.Add(sheetToken, "kf0LY5pQd9AOBhEG7aWKZFcdpyGz+vyJMNUpFFkXy+Y=")
	f.Fuzz(func(t *testing.T, token, signature string) {
		text, given, _, ok := parseToken(token)
		if ok && token != sheetToken && string(given) == string(mac(testSecret, text)) {
			t.Fatalf("a token was forged: %s", token)
		}
		pairs := signedReturn(token, "b", "c", "d")
		if signed(testSecret, signature, pairs) {
			t.Fatalf("a signature was forged: %s", signature)
		}
		if !signed(testSecret, sign(testSecret, pairs), pairs) {
			t.Fatal("our own signature is not taken")
		}
	})
}
