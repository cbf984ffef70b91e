// Package processortest holds the promises that every processor driver keeps.
// It never reaches the network: the driver under test does as its test says.
package processortest

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// Subject is a driver and what its test must provide.
type Subject struct {
	Driver processor.Driver
	Tenant pay.Tenant // in test mode
	Method pay.MethodID
	Fields map[string]string // of a payment that succeeds at once
	Manual bool              // whether Method can be authorized only
	// Callback makes one genuine callback for Tenant.
	Callback func(t *testing.T) (header http.Header, raw []byte)
	// Dispute makes a genuine callback of a dispute in a state about a payment;
	// for one payment it is always about the same dispute. nil: it tells of none.
	Dispute func(t *testing.T, ref string, state pay.DisputeState, minor int64) (header http.Header, raw []byte)
	// Sign signs raw as the processor would for tenant, with another secret
	// when secret is not nil.
	Sign func(tenant pay.Tenant, secret, raw []byte) http.Header
	// SignatureHeader is the header that proves a callback.
	SignatureHeader string
}

// Run checks every promise. Keys are unique per call of order within a test name.
func Run(t *testing.T, s Subject) {
	t.Run("start once", s.startOnce)
	t.Run("start at once, many times", s.startTogether)
	t.Run("query", s.query)
	t.Run("key reused", s.keyReused)
	t.Run("asked about before it arrived", s.neverSeen)
	t.Run("sent again", s.sentAgain)
	t.Run("same news", s.sameNews)
	t.Run("refund", s.refund)
	t.Run("refunds at once", s.refundTogether)
	t.Run("unknown payment", s.unknownPayment)
	t.Run("settlements", s.settlements)
	t.Run("charges", s.charges)
	if s.Manual {
		t.Run("capture", s.capture)
		t.Run("void", s.void)
		t.Run("voided twice", s.voidedTwice)
	}
	if s.Dispute != nil {
		t.Run("disputes", s.disputes)
	}
	t.Run("forged callbacks", s.forged)
}

func (s Subject) order(t *testing.T, name string, kind pay.OperationKind, minor int64) processor.Order {
	return processor.Order{
		Tenant: s.Tenant, Key: pay.OperationID("op_" + t.Name() + "_" + name), Kind: kind, Link: "0ABCDEF123", Attempt: "att_1",
		Method: s.Method, Amount: pay.Money{Minor: minor, Currency: "EUR"}, Fields: s.Fields,
		ReturnURL: "https://pay.example/l/x", Description: "a test",
	}
}

type call func() (processor.Outcome, error)

// want makes the call and checks its result.
func want(t *testing.T, what string, result processor.Result, f call) processor.Outcome {
	t.Helper()
	out, err := f()
	if err != nil || out.Result != result {
		t.Fatalf("%s: got result %d, error %v; want %d", what, out.Result, err, result)
	}
	if result == processor.Failed && out.Failure == nil {
		t.Fatalf("%s: failed without saying why", what)
	}
	return out
}

// begin starts a payment of 1000 that succeeds.
func (s Subject) begin(t *testing.T, name string, kind pay.OperationKind) (processor.Order, processor.Outcome) {
	t.Helper()
	o := s.order(t, name, kind, 1000)
	out := want(t, "start", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Start(t.Context(), o) })
	captured := int64(1000)
	if kind == pay.OpAuthorize {
		captured = 0
	}
	if out.ProcessorRef == "" || out.Authorized != 1000 || out.Captured != captured || out.Currency != "EUR" {
		t.Fatalf("start: got %+v", out)
	}
	return o, out
}

func (s Subject) startOnce(t *testing.T) {
	o, first := s.begin(t, "a", pay.OpSale)
	again := want(t, "again", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Start(t.Context(), o) })
	if !reflect.DeepEqual(first, again) {
		t.Errorf("the second start says %+v, the first %+v", again, first)
	}
	if _, other := s.begin(t, "b", pay.OpSale); other.ProcessorRef == first.ProcessorRef {
		t.Error("two keys made one payment")
	}
}

func (s Subject) startTogether(t *testing.T) {
	o := s.order(t, "a", pay.OpSale, 1000)
	refs := together(func(int) string {
		out, err := s.Driver.Start(t.Context(), o)
		return fmt.Sprint(out.ProcessorRef, out.Captured, err)
	})
	if len(refs) != 1 {
		t.Errorf("one key, started at once, gave %v", refs)
	}
}

// together makes 16 calls at once and counts their answers.
func together(f func(i int) string) map[string]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for i := range 16 {
		wg.Go(func() {
			answer := f(i)
			mu.Lock()
			defer mu.Unlock()
			got[answer]++
		})
	}
	wg.Wait()
	return got
}

func (s Subject) query(t *testing.T) {
	o, first := s.begin(t, "a", pay.OpSale)
	asked := want(t, "query", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Query(t.Context(), o) })
	if !reflect.DeepEqual(first, asked) {
		t.Errorf("the query says %+v, the start said %+v", asked, first)
	}
	// What a query calls failed stays failed, even when the call comes late.
	late := s.order(t, "late", pay.OpSale, 1000)
	out, err := s.Driver.Query(t.Context(), late)
	if err != nil || out.Result != processor.Failed && out.Result != processor.Unknown {
		t.Fatalf("query of what never was: %+v, %v", out, err)
	}
	if out.Result == processor.Failed {
		want(t, "late start", processor.Failed, func() (processor.Outcome, error) { return s.Driver.Start(t.Context(), late) })
	}
}

func (s Subject) keyReused(t *testing.T) {
	o, _ := s.begin(t, "a", pay.OpSale)
	for name, change := range map[string]func(*processor.Order){
		"amount":   func(o *processor.Order) { o.Amount.Minor++ },
		"currency": func(o *processor.Order) { o.Amount.Currency = "USD" },
	} {
		other := o
		change(&other)
		if out, err := s.Driver.Start(t.Context(), other); !errors.Is(err, pay.ErrKeyReused) {
			t.Errorf("same key, other %s: %+v, %v", name, out, err)
		}
	}
}

func (s Subject) refund(t *testing.T) {
	_, paid := s.begin(t, "a", pay.OpSale)
	give := func(name string, minor int64) call {
		o := s.order(t, name, pay.OpRefund, minor)
		o.ProcessorRef = paid.ProcessorRef
		return func() (processor.Outcome, error) { return s.Driver.Refund(t.Context(), o) }
	}
	want(t, "above captured", processor.Failed, give("r0", 1001))
	want(t, "none", processor.Failed, give("rz", 0))
	want(t, "part", processor.Succeeded, give("r1", 400))
	want(t, "part again", processor.Succeeded, give("r1", 400))
	want(t, "above the rest", processor.Failed, give("r2", 601))
	want(t, "rest", processor.Succeeded, give("r3", 600))
	want(t, "one more", processor.Failed, give("r4", 1))
	o := s.order(t, "r3", pay.OpRefund, 600)
	o.ProcessorRef = paid.ProcessorRef
	want(t, "query of a refund", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Query(t.Context(), o) })
}

func (s Subject) refundTogether(t *testing.T) {
	_, paid := s.begin(t, "a", pay.OpSale)
	got := together(func(i int) string {
		o := s.order(t, fmt.Sprint("r", i), pay.OpRefund, 300)
		o.ProcessorRef = paid.ProcessorRef
		out, err := s.Driver.Refund(t.Context(), o)
		return fmt.Sprint(out.Result == processor.Succeeded, err)
	})
	if got["true <nil>"] != 3 || got["false <nil>"] != 13 {
		t.Errorf("16 refunds of 300 out of 1000: %v", got)
	}
}

func (s Subject) unknownPayment(t *testing.T) {
	for name, f := range map[string]func(processor.Order) (processor.Outcome, error){
		"capture": func(o processor.Order) (processor.Outcome, error) { return s.Driver.Capture(t.Context(), o) },
		"void":    func(o processor.Order) (processor.Outcome, error) { return s.Driver.Void(t.Context(), o) },
		"refund":  func(o processor.Order) (processor.Outcome, error) { return s.Driver.Refund(t.Context(), o) },
	} {
		_, paid := s.begin(t, name, pay.OpSale)
		o := s.order(t, name+" other", pay.OperationKind(name), 1)
		o.ProcessorRef = paid.ProcessorRef
		o.Tenant.Merchant += "x"
		if out, err := f(o); err == nil && out.Result != processor.Failed {
			t.Errorf("%s of another tenant's payment: %+v", name, out)
		}
	}
}

func (s Subject) capture(t *testing.T) {
	_, held := s.begin(t, "a", pay.OpAuthorize)
	take := func(name string, minor int64, final bool) call {
		o := s.order(t, name, pay.OpCapture, minor)
		o.ProcessorRef, o.Final = held.ProcessorRef, final
		return func() (processor.Outcome, error) { return s.Driver.Capture(t.Context(), o) }
	}
	want(t, "above held", processor.Failed, take("c0", 1001, true))
	first := want(t, "part", processor.Succeeded, take("c1", 700, true))
	again := want(t, "part again", processor.Succeeded, take("c1", 700, true))
	if first.Captured != 700 || again.Captured != 700 {
		t.Errorf("captured %d, then %d; want 700", first.Captured, again.Captured)
	}
	want(t, "after the final one", processor.Failed, take("c2", 1, true))
	o := s.order(t, "v", pay.OpVoid, 1000)
	o.ProcessorRef = held.ProcessorRef
	want(t, "void of what was taken", processor.Failed, func() (processor.Outcome, error) { return s.Driver.Void(t.Context(), o) })
}

func (s Subject) void(t *testing.T) {
	_, held := s.begin(t, "a", pay.OpAuthorize)
	o := s.order(t, "v", pay.OpVoid, 1000)
	o.ProcessorRef = held.ProcessorRef
	for range 2 {
		want(t, "void", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Void(t.Context(), o) })
	}
	c := s.order(t, "c", pay.OpCapture, 1000)
	c.ProcessorRef = held.ProcessorRef
	want(t, "capture after void", processor.Failed, func() (processor.Outcome, error) { return s.Driver.Capture(t.Context(), c) })
}

// forged is THREATS A1: nothing but the tenant's own signature over the bytes
// as they came is believed.
func (s Subject) forged(t *testing.T) {
	header, raw := s.Callback(t)
	if ev, err := s.Driver.VerifyCallback(s.Tenant, header, raw); err != nil || ev.EventID == "" || ev.Key == "" || ev.Outcome.ProcessorRef == "" {
		t.Fatalf("a genuine callback: %+v, %v", ev, err)
	}
	cut := header.Clone()
	cut.Set(s.SignatureHeader, header.Get(s.SignatureHeader)[:len(header.Get(s.SignatureHeader))-1])
	twice := header.Clone()
	twice.Add(s.SignatureHeader, header.Get(s.SignatureHeader))
	empty := header.Clone()
	empty.Set(s.SignatureHeader, "")
	other, live := s.Tenant, s.Tenant
	other.Merchant += "x"
	live.Mode = pay.Live
	for name, c := range map[string]struct {
		tenant pay.Tenant
		header http.Header
		raw    []byte
	}{
		"no signature":          {s.Tenant, http.Header{}, raw},
		"no header at all":      {s.Tenant, nil, raw},
		"empty signature":       {s.Tenant, empty, raw},
		"empty key":             {s.Tenant, s.Sign(s.Tenant, []byte{}, raw), raw},
		"default key":           {s.Tenant, s.Sign(s.Tenant, []byte("secret"), raw), raw},
		"other tenant's secret": {s.Tenant, s.Sign(other, nil, raw), raw},
		"sent to another":       {other, header, raw},
		"other tenant's body":   {other, s.Sign(other, nil, raw), raw},
		"test secret in live":   {live, header, raw},
		"signed for live":       {live, s.Sign(live, nil, raw), raw},
		"cut signature":         {s.Tenant, cut, raw},
		"two signatures":        {s.Tenant, twice, raw},
		"changed body":          {s.Tenant, header, append([]byte(" "), raw...)},
		"no body":               {s.Tenant, header, nil},
	} {
		ev, err := s.Driver.VerifyCallback(c.tenant, c.header, c.raw)
		if !errors.Is(err, pay.ErrUnauthorized) || !reflect.DeepEqual(ev, processor.Evidence{}) {
			t.Errorf("%s: %+v, %v; want unauthorized and nothing else", name, ev, err)
		}
	}
}
