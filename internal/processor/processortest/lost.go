package processortest

import (
	"context"
	"reflect"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// moves are the calls on a payment that is there.
func (s Subject) moves() map[pay.OperationKind]func(context.Context, processor.Order) (processor.Outcome, error) {
	return map[pay.OperationKind]func(context.Context, processor.Order) (processor.Outcome, error){
		pay.OpCapture: s.Driver.Capture, pay.OpVoid: s.Driver.Void, pay.OpRefund: s.Driver.Refund,
	}
}

// neverSeen: what was asked about before it arrived is done once when it does,
// or never, as the answer said.
func (s Subject) neverSeen(t *testing.T) {
	for kind, send := range s.moves() {
		begun := pay.OpSale
		if kind != pay.OpRefund {
			begun = pay.OpAuthorize
		}
		if begun == pay.OpAuthorize && !s.Manual {
			continue
		}
		_, paid := s.begin(t, string(kind), begun)
		o := s.order(t, string(kind)+" late", kind, 1000)
		o.ProcessorRef, o.Final = paid.ProcessorRef, true
		for range 2 { // asking changes nothing
			out, err := s.Driver.Query(t.Context(), o)
			if err != nil || out.Result != processor.Unseen && out.Result != processor.Unknown {
				t.Fatalf("query of a %s that never was: %+v, %v", kind, out, err)
			}
		}
		for range 3 {
			want(t, "late "+string(kind), processor.Succeeded, func() (processor.Outcome, error) { return send(t.Context(), o) })
		}
		want(t, "query of a late "+string(kind), processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Query(t.Context(), o) })
	}
}

// sentAgain: an operation that is repeated after the payment has moved on is
// still what it was, moves nothing, and is told with the totals of now.
func (s Subject) sentAgain(t *testing.T) {
	start, paid := s.begin(t, "a", pay.OpSale)
	back := s.order(t, "r", pay.OpRefund, 400)
	back.ProcessorRef = paid.ProcessorRef
	rest := s.order(t, "rest", pay.OpRefund, 600)
	rest.ProcessorRef = paid.ProcessorRef
	refund := func(o processor.Order) call {
		return func() (processor.Outcome, error) { return s.Driver.Refund(t.Context(), o) }
	}
	want(t, "refund", processor.Succeeded, refund(back))
	want(t, "refund of the rest", processor.Succeeded, refund(rest))
	want(t, "the first refund again", processor.Succeeded, refund(back))
	again := want(t, "start again", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Start(t.Context(), start) })
	if !reflect.DeepEqual(again, paid) {
		t.Errorf("a start that is repeated after a refund says %+v, first %+v", again, paid)
	}
	if !s.Manual {
		return
	}
	start, held := s.begin(t, "m", pay.OpAuthorize)
	take := s.order(t, "c", pay.OpCapture, 700)
	take.ProcessorRef, take.Final = held.ProcessorRef, true
	want(t, "capture", processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Capture(t.Context(), take) })
	for name, f := range map[string]func(context.Context, processor.Order) (processor.Outcome, error){"start": s.Driver.Start, "query": s.Driver.Query} {
		out := want(t, name+" after a capture", processor.Succeeded, func() (processor.Outcome, error) { return f(t.Context(), start) })
		if out.Authorized != 1000 || out.Captured != 700 {
			t.Errorf("%s after a capture of 700 of 1000: %+v", name, out)
		}
	}
}

// voidedTwice: two who release the same money both have it released.
func (s Subject) voidedTwice(t *testing.T) {
	_, held := s.begin(t, "a", pay.OpAuthorize)
	for _, name := range []string{"v1", "v2"} {
		o := s.order(t, name, pay.OpVoid, 1000)
		o.ProcessorRef = held.ProcessorRef
		want(t, name, processor.Succeeded, func() (processor.Outcome, error) { return s.Driver.Void(t.Context(), o) })
	}
}

// sameNews: the same callback has the same id and says the same.
func (s Subject) sameNews(t *testing.T) {
	header, raw := s.Callback(t)
	first, err := s.Driver.VerifyCallback(s.Tenant, header, raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Driver.VerifyCallback(s.Tenant, header, raw)
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("first %+v, then %+v, %v", first, again, err)
	}
	out, err := s.Driver.Query(t.Context(), processor.Order{Tenant: s.Tenant, Key: first.Key, Kind: pay.OpSale})
	if err != nil || out.Result != first.Outcome.Result || out.Captured != first.Outcome.Captured || out.ProcessorRef != first.Outcome.ProcessorRef {
		t.Errorf("the callback proves %+v, the query says %+v, %v", first.Outcome, out, err)
	}
}
