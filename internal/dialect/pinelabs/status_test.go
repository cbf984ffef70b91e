package pinelabs

import (
	"strconv"
	"testing"

	"paylink/internal/pay"
)

// situation is what became of the money of a link, whatever its state.
type situation struct {
	name string
	make func(l *pay.Link) []pay.Payment
	// want is "LINK ORDER" by state: scheduled, active, paused, completed, expired, canceled.
	want [6]string
}

var states = [6]pay.LinkState{pay.LinkScheduled, pay.LinkActive, pay.LinkPaused, pay.LinkCompleted, pay.LinkExpired, pay.LinkCanceled}

// tried are payments whose last attempts are in these states.
func tried(attempts ...pay.AttemptState) func(l *pay.Link) []pay.Payment {
	return func(*pay.Link) []pay.Payment {
		_, payments := order(pay.LinkActive, 0, attempts...)
		return payments
	}
}

// sums are tried, with sums on the link.
func sums(applied, released, refunded int64, parts bool, attempts ...pay.AttemptState) func(l *pay.Link) []pay.Payment {
	return func(l *pay.Link) []pay.Payment {
		l.Applied, l.Released, l.Refunded, l.Use.Parts = applied, released, refunded, parts
		return tried(attempts...)(l)
	}
}

func held(l *pay.Link) []pay.Payment {
	payments := tried(pay.AttemptAuthorized)(l)
	l.Use.Manual, payments[0].Attempts[0].Manual = true, true
	return payments
}

// partly is a hold of which a part was captured by the native API, in a state
// that came after; refunded has gone back since.
func partly(state pay.AttemptState, refunded int64) func(l *pay.Link) []pay.Payment {
	return func(l *pay.Link) []pay.Payment {
		payments := held(l)
		a := &payments[0].Attempts[0]
		l.Applied, l.UseCount, l.Refunded = 100000, 1, refunded
		payments[0].State, a.State, a.Authorized, a.Captured, a.Shares = pay.PaymentApplied, state, 240000, 100000, []int64{100000}
		return payments
	}
}

var situations = []situation{
	{"nothing tried", tried(), [6]string{"CREATED CREATED", "CREATED CREATED", "CREATED CREATED", "PROCESSED CREATED", "EXPIRED FAILED", "CANCELLED CANCELLED"}},
	{"opened", func(l *pay.Link) []pay.Payment { l.FirstViewedAt = now; return nil }, [6]string{"CLICKED CREATED", "CLICKED CREATED", "CLICKED CREATED", "PROCESSED CREATED", "EXPIRED FAILED", "CANCELLED CANCELLED"}},
	{"begun", tried(pay.AttemptCreated), underWay},
	{"asked for a step", tried(pay.AttemptRequiresAction), underWay},
	{"processing", tried(pay.AttemptProcessing), underWay},
	{"unknown", tried(pay.AttemptUnknown), underWay},
	{"in review", tried(pay.AttemptReview), underWay},
	{"authorized on its way", tried(pay.AttemptAuthorized), underWay},
	{"failed, then again", tried(pay.AttemptFailed, pay.AttemptProcessing), underWay},
	{"held", held, [6]string{"PAYMENT_INITIATED AUTHORIZED", "PAYMENT_INITIATED AUTHORIZED", "PAYMENT_INITIATED AUTHORIZED", "PAYMENT_INITIATED AUTHORIZED", "PAYMENT_INITIATED AUTHORIZED", "CANCELLED CANCELLED"}},
	{"failed", tried(pay.AttemptFailed), over},
	{"canceled", tried(pay.AttemptCanceled), over},
	{"voided", tried(pay.AttemptVoided), over},
	{"hold ran out", tried(pay.AttemptAuthExpired), over},
	{"surplus", func(l *pay.Link) []pay.Payment {
		payments := tried(pay.AttemptCaptured)(l)
		payments[0].State = pay.PaymentSurplus
		return payments
	}, over},
	{"a part paid", sums(100000, 0, 0, true, pay.AttemptCaptured), [6]string{"PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PROCESSED PENDING", "EXPIRED FAILED", "CANCELLED CANCELLED"}},
	{"the next part under way", sums(100000, 0, 0, true, pay.AttemptCaptured, pay.AttemptProcessing), [6]string{"PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "CANCELLED CANCELLED"}},
	{"a part given back", sums(100000, 0, 100000, true, pay.AttemptCaptured), [6]string{"PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PARTIAL_PROCESSED PENDING", "PROCESSED PENDING", "EXPIRED FULLY_REFUNDED", "CANCELLED FULLY_REFUNDED"}},
	{"paid", sums(240000, 0, 0, false, pay.AttemptCaptured), all("PROCESSED PROCESSED")},
	{"paid in parts", sums(240000, 0, 0, true, pay.AttemptCaptured), all("PROCESSED PROCESSED")},
	{"captured in part", sums(200000, 40000, 0, false, pay.AttemptCaptured), all("PROCESSED PARTIALLY_CAPTURED")},
	{"given back in part", sums(240000, 0, 1000, false, pay.AttemptCaptured), all("PROCESSED PARTIALLY_REFUNDED")},
	{"given back", sums(240000, 0, 240000, false, pay.AttemptCaptured), all("PROCESSED FULLY_REFUNDED")},
	{"disputed", func(l *pay.Link) []pay.Payment {
		l.Disputed = 240000
		return sums(240000, 0, 0, false, pay.AttemptCaptured)(l)
	}, all("PROCESSED PROCESSED")},
	{"captured in part, the rest held", partly(pay.AttemptAuthorized, 0), all("PROCESSED PARTIALLY_CAPTURED")},
	{"captured in part and given back, the rest held", partly(pay.AttemptAuthorized, 100000), all("PROCESSED PARTIALLY_CAPTURED")},
	{"captured in part, the rest in review", partly(pay.AttemptReview, 0), all("PROCESSED PARTIALLY_CAPTURED")},
	{"captured in part, the rest released by a cancel", partly(pay.AttemptCaptured, 0), all("PROCESSED PARTIALLY_CAPTURED")},
	{"captured in part, released and given back in part", partly(pay.AttemptCaptured, 1000), all("PROCESSED PARTIALLY_REFUNDED")},
	{"captured in part, released and given back", partly(pay.AttemptCaptured, 100000), all("PROCESSED FULLY_REFUNDED")},
	{"captured in part and given back", sums(200000, 40000, 200000, false, pay.AttemptCaptured), all("PROCESSED FULLY_REFUNDED")},
}

var (
	underWay = [6]string{"PAYMENT_INITIATED PENDING", "PAYMENT_INITIATED PENDING", "PAYMENT_INITIATED PENDING", "PAYMENT_INITIATED PENDING", "PAYMENT_INITIATED PENDING", "CANCELLED CANCELLED"}
	over     = [6]string{"CLICKED ATTEMPTED", "CLICKED ATTEMPTED", "CLICKED ATTEMPTED", "PROCESSED ATTEMPTED", "EXPIRED FAILED", "CANCELLED CANCELLED"}
)

func all(s string) [6]string { return [6]string{s, s, s, s, s, s} }

// TestStatus holds the two functions of sheet 6.1 and 10.1 against every state
// of a link and everything that can have become of its money.
func TestStatus(t *testing.T) {
	for _, s := range situations {
		for i, state := range states {
			l, _ := order(state, 0)
			payments := s.make(&l)
			if got := linkStatus(l, payments) + " " + orderStatus(l, payments); got != s.want[i] {
				t.Errorf("%s, %s: %s, want %s", s.name, state, got, s.want[i])
			}
		}
	}
}

// Every state of an attempt has a status of a payment.
func TestPaymentStatus(t *testing.T) {
	for state, want := range map[pay.AttemptState]string{
		pay.AttemptCreated: "PENDING", pay.AttemptRequiresAction: "PENDING", pay.AttemptProcessing: "PENDING", pay.AttemptUnknown: "PENDING", pay.AttemptReview: "PENDING",
		pay.AttemptAuthorized: "AUTHORIZED", pay.AttemptCaptured: "PROCESSED", pay.AttemptFailed: "FAILED",
		pay.AttemptCanceled: "CANCELLED", pay.AttemptVoided: "CANCELLED", pay.AttemptAuthExpired: "CANCELLED",
	} {
		if got := paymentStatus(state); got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
}

// What is held is asked for whole until it is over; each capture stands beside
// it, by our own name where the merchant gave none.
func TestPaymentOfPieces(t *testing.T) {
	a := pay.Attempt{
		State: pay.AttemptAuthorized, Manual: true, Currency: "INR", Requested: 240000, Authorized: 240000, Captured: 150000, Shares: []int64{150000},
		Captures: []pay.Capture{{Amount: 100000, Reference: "C-1", Operation: "op_1"}, {Amount: 50000, Operation: "op_2"}, {Amount: 7, Surplus: true}},
	}
	for state, want := range map[pay.AttemptState]string{
		pay.AttemptAuthorized: "AUTHORIZED 240000", pay.AttemptReview: "PENDING 240000", pay.AttemptCaptured: "PROCESSED 150000",
	} {
		a.State = state
		out := newPaymentOut(pay.Link{}, pay.Payment{State: pay.PaymentApplied}, a, 0)
		if got := out.Status + " " + strconv.FormatInt(out.Amount.minor(), 10); got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
		if len(out.Captures) != 2 || out.Captures[0].Reference != "C-1" || out.Captures[1].Reference != "op_2" || out.Captures[1].Amount.minor() != 50000 {
			t.Errorf("%s: %+v", state, out.Captures)
		}
	}
}

// Receivers of PAYMENT_FAILED look for the reason in the payment.
func TestErrorDetail(t *testing.T) {
	for state, want := range map[pay.AttemptState]string{
		pay.AttemptFailed: "Declined by bank", pay.AttemptCanceled: "Payment cancelled", pay.AttemptVoided: "", pay.AttemptCaptured: "",
		pay.AttemptAuthExpired: "The authorization has expired",
	} {
		got := ""
		if out := newPaymentOut(pay.Link{}, pay.Payment{}, pay.Attempt{State: state}, 0); out.Error != nil {
			got = out.Error.Message
		}
		if got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}
