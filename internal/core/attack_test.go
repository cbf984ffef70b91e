package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/method"
	"paylink/internal/method/bankredirect"
	"paylink/internal/method/banktransfer"
	bycard "paylink/internal/method/card"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// odd is a processor that answers as a test tells it, right or wrong.
type odd struct {
	answer func(ctx context.Context, o processor.Order, asked bool) (processor.Outcome, error)
}

func (odd) Name() string { return "odd" }

func (odd) Capabilities(pay.MethodID) (processor.Capabilities, bool) {
	return processor.Capabilities{Manual: true, Modes: []pay.Mode{pay.Test}}, true
}

func (d odd) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.answer(ctx, o, true)
}

func (d odd) do(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.answer(ctx, o, false)
}

func (d odd) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o)
}
func (d odd) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o)
}
func (d odd) Void(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o)
}
func (d odd) Refund(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.do(ctx, o)
}

func (odd) Settlements(context.Context, pay.Tenant, string) ([]processor.Settled, string, error) {
	return nil, "", nil
}

func (odd) Charges(context.Context, pay.Tenant, string) ([]processor.Charge, string, error) {
	return nil, "", nil
}

func (odd) VerifyCallback(_ pay.Tenant, _ http.Header, raw []byte) (e processor.Evidence, err error) {
	return e, json.Unmarshal(raw, &e)
}

// oddWorld is a world whose only processor is an odd one.
type oddWorld struct {
	*coretest.World
	mu     sync.Mutex
	alarms map[string]int
}

func (w *oddWorld) alarm(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarms[kind]++
}

func withOdd(t *testing.T, w *coretest.World, answer func(ctx context.Context, o processor.Order, asked bool) (processor.Outcome, error)) *oddWorld {
	t.Helper()
	return withDriver(t, w, odd{answer})
}

// withDriver gives the world another processor.
func withDriver(t *testing.T, w *coretest.World, d processor.Driver) *oddWorld {
	t.Helper()
	keys, err := core.OpenKeys(context.Background(), w.Store, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	odds := &oddWorld{World: w, alarms: map[string]int{}}
	w.Core = core.New(core.Options{
		Store: w.Store, Keys: keys, Processors: []processor.Driver{d},
		Methods: []method.Method{bycard.Method, bankredirect.Method, banktransfer.Method},
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)), PublicURL: "http://pay.test", CheckURL: w.Egress.CheckURL,
		Metrics: core.Metrics{Alarm: odds.alarm},
	})
	return odds
}

func paidIn(o processor.Order, ref string) processor.Outcome {
	return processor.Outcome{Result: processor.Succeeded, ProcessorRef: ref, Authorized: o.Amount.Minor, Captured: o.Amount.Minor, Currency: o.Amount.Currency}
}

// One processor payment is claimed for two attempts: the second is a matter
// for a person, and nothing is asked about for ever (A4, P5).
func TestOneProcessorPaymentForTwo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			return paidIn(o, "same"), nil
		})
		first, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil || first.State != pay.PaymentApplied {
			t.Fatalf("first: %+v %v", first, err)
		}
		second, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil || second.State != pay.PaymentOpen || second.Last().State != pay.AttemptReview {
			t.Fatalf("second: %+v %v", second, err)
		}
		if w.alarms["review"] != 1 {
			t.Errorf("%d alarms", w.alarms["review"])
		}
	})
}

// An unanswered question goes to a person after 72 h (INVARIANTS 4, P3).
func TestUnknownIsReviewedAtLast(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), func(context.Context, processor.Order, bool) (processor.Outcome, error) {
			return processor.Outcome{}, errors.New("no answer")
		})
		l := w.Link(t, nil)
		if _, err := w.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			w.Clock.Add(time.Hour)
			work(t, w.World)
		}
		wantAttempt(t, w.World, l.ID, pay.AttemptReview)
		if w.alarms["operation_unresolved"] != 1 || w.alarms["review"] != 1 {
			t.Errorf("alarms: %d, %d", w.alarms["operation_unresolved"], w.alarms["review"])
		}
	})
}

// A capture or void of which nobody can tell goes to a person after 72 h too:
// nothing else can be done to the hold until it is known (P3).
func TestUnknownOfAHoldIsReviewedAtLast(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, string(o.Attempt))
			if out.Captured = 0; o.Kind != pay.OpAuthorize {
				return processor.Outcome{}, errors.New("no answer")
			}
			return out, nil
		})
		var held [2]pay.Payment
		for i := range held {
			var err error
			if held[i], err = w.Card(w.Link(t, func(l *pay.Link) { l.Use.Manual = true }), goodCard); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Capture(ctx, w.Shop, core.CapturePayment{Payment: held[0].ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Void(ctx, w.Shop, core.VoidPayment{Payment: held[1].ID}); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			w.Clock.Add(time.Hour)
			work(t, w.World)
		}
		for i, outcome := range []pay.AttemptState{pay.AttemptCaptured, pay.AttemptVoided} {
			wantAttempt(t, w.World, held[i].Link, pay.AttemptReview)
			d := pay.Decision{Attempt: held[i].Last().ID, Outcome: outcome, Reason: "looked it up"}
			if _, err := w.DecideReview(ctx, w.Shop, core.DecideReview{Decision: d}); err != nil {
				t.Errorf("%s: %v", outcome, err)
			}
		}
		proven(t, w.World)
	})
}

// Another worker took the operation over and was told "failed"; the first call
// comes back late with the money. It is not lost.
func TestSuccessOfAFencedCallCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var w *oddWorld
		w = withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, asked bool) (processor.Outcome, error) {
			if asked {
				return processor.Outcome{Result: processor.Failed}, nil // not found
			}
			w.Clock.Add(21 * time.Second) // the lease ends while we wait
			work(t, w.World)
			return paidIn(o, "late"), nil
		})
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("payment: %+v %v", p, err)
		}
	})
}

// A processor that never answers does not keep a worker for ever.
func TestSilentProcessorIsLeft(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := withOdd(t, coretest.New(t, o), func(ctx context.Context, _ processor.Order, _ bool) (processor.Outcome, error) {
			if _, bounded := ctx.Deadline(); !bounded {
				return processor.Outcome{Result: processor.Failed}, nil
			}
			return processor.Outcome{}, errors.New("no answer")
		})
		l := w.Link(t, nil)
		if _, err := w.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Minute)
		work(t, w.World)
		wantAttempt(t, w.World, l.ID, pay.AttemptUnknown)
	})
}

// The second of two captures under way is refused: both could take money, and
// the books would know of one.
func TestOneCaptureAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		var w *oddWorld
		var second error
		var id pay.PaymentID
		w = withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
			out := paidIn(o, "one")
			if o.Kind == pay.OpAuthorize {
				out.Captured = 0
			} else if second == nil {
				second = errors.New("asked")
				_, second = w.Capture(ctx, w.Shop, core.CapturePayment{Key: "k2", Fingerprint: "b", Payment: id, Amount: 500})
			}
			out.Authorized = 1050
			return out, nil
		})
		l := w.Link(t, manual)
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		id = p.ID
		p, err = w.Capture(ctx, w.Shop, core.CapturePayment{Key: "k1", Fingerprint: "a", Payment: id, Amount: 400})
		if err != nil || p.State != pay.PaymentApplied || p.Captured() != 400 {
			t.Fatalf("first: %+v %v", p, err)
		}
		if pay.KindOf(second) != pay.Conflict {
			t.Errorf("second: %v", second)
		}
	})
}

// What was held in time may be captured when the merchant ships, also after
// the link has expired: it counts and does not go back.
func TestHoldOutlivesTheLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		l := w.Link(t, func(l *pay.Link) { l.Use.Manual, l.ExpiresAt = true, w.Clock.Now().Add(time.Hour) })
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(48 * time.Hour)
		p, err = w.Capture(context.Background(), w.Shop, core.CapturePayment{Key: "c", Fingerprint: "x", Payment: p.ID})
		if err != nil || p.State != pay.PaymentApplied || len(p.Refunds) != 0 {
			t.Fatalf("captured: %s, %d refunds, %v", p.State, len(p.Refunds), err)
		}
	})
}

// Money for an older price does not pay the new one.
func TestLateSuccessOfAnEditedPrice(t *testing.T) {
	for name, price := range map[string]pay.Price{
		"dearer": {Currency: "USD", Amount: 5000}, "cheaper": {Currency: "USD", Amount: 500}, "currency": {Currency: "JPY", Amount: 1050},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				ctx := context.Background()
				w := coretest.New(t, o)
				l := w.Link(t, nil)
				p, err := w.Card(l, declineCard)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.EditLink(ctx, w.Shop, core.EditLink{Link: l.ID, Change: func(l *pay.Link, _ []pay.Payment) error { l.Price = price; return nil }}); err != nil {
					t.Fatal(err)
				}
				err = w.Store.InTx(ctx, func(tx *store.Tx) error {
					held, err := tx.HoldTab(ctx, l.Tenant, l.ID)
					if err != nil {
						return err
					}
					if err := held.Settle(p.Last().ID, pay.Report{State: pay.AttemptCaptured, Authorized: 1050, Captured: 1050, Currency: "USD"}); err != nil {
						return err
					}
					return tx.Save(ctx, held)
				})
				if err != nil {
					t.Fatal(err)
				}
				p, err = w.Payment(ctx, w.Shop, p.ID)
				if err != nil || p.State != pay.PaymentSurplus || len(p.Refunds) != 1 {
					t.Errorf("payment: %s %v", p.State, err)
				}
			})
		})
	}
}

// A secret that was rotated while deliveries failed is the one that signs.
func TestRotationWhileDeliveriesFail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		e, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:1/hook"})
		if err != nil {
			t.Fatal(err)
		}
		var due []core.DueDelivery
		for range 8 {
			w.Link(t, nil)
		}
		if due, err = w.ClaimDeliveries(ctx, 64); err != nil || len(due) != 8 {
			t.Fatalf("due: %d %v", len(due), err)
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for _, d := range due {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := w.FinishDelivery(ctx, d.Delivery, core.DeliveryResult{State: pay.DeliveryPending, Status: 500, RetryAt: w.Clock.Now()}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 100 {
			made, err := w.RotateSecret(ctx, w.Shop, e.ID, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			now, err := w.Endpoint(ctx, w.Shop, e.ID)
			if err != nil || now.Secrets[0].Value != made.Secrets[0].Value {
				t.Errorf("the new secret is gone: %v", err)
				break
			}
		}
		close(stop)
		wg.Wait()
	})
}

// The money of one payer counts however many others are
// under way on the same link.
func TestSuccessAmongMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		p, err := w.StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Store.InTx(ctx, func(tx *store.Tx) error {
			for range 11 {
				held, err := tx.HoldTab(ctx, l.Tenant, l.ID)
				if err != nil {
					return err
				}
				for range 100 {
					if _, _, err := held.Begin(pay.Begin{Method: pay.MethodCard, Processor: "sandbox"}); err != nil {
						return err
					}
				}
				if err := tx.Save(ctx, held); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(2 * time.Hour)
		if n, err := w.Sandbox.Due(ctx); n != 1 || err != nil {
			t.Fatalf("due: %d %v", n, err)
		}
		if p, err = w.Payment(ctx, w.Shop, p.ID); err != nil || p.State != pay.PaymentApplied {
			t.Fatalf("payment: %s %v", p.State, err)
		}
	})
}

// Text that no database can hold is not found, on either engine.
func TestOddTextFindsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		for _, text := range []string{"\x00", "\xff"} {
			if _, err := w.Payment(ctx, w.Shop, pay.PaymentID(text)); !errors.Is(err, pay.ErrNotFound) {
				t.Errorf("payment %q: %v", text, err)
			}
			if _, err := w.Core.Link(ctx, w.Shop, pay.LinkID(text)); !errors.Is(err, pay.ErrNotFound) {
				t.Errorf("link %q: %v", text, err)
			}
			if _, _, err := w.Links(ctx, w.Shop, core.LinkFilter{Text: text}); err != nil {
				t.Errorf("links %q: %v", text, err)
			}
		}
	})
}

// A public or restricted key does not act as a secret one.
func TestOnlySecretKeysAct(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		for _, kind := range []string{"pk", "rk"} {
			key := "paylink_test_" + kind + "_0123456789abcdefghij"
			_, err := w.Provision(ctx, core.Provision{Merchants: []core.ProvisionMerchant{{
				ID: "shop", Name: "Corner Shop", Mode: pay.Test, Keys: []core.ProvisionKey{{API: "native", Secret: key}},
			}}})
			if pay.KindOf(err) != pay.Invalid {
				t.Errorf("%s: %v", kind, err)
			}
			if _, err := w.AuthenticateKey(ctx, key, ""); !errors.Is(err, pay.ErrUnauthorized) {
				t.Errorf("%s acts: %v", kind, err)
			}
		}
	})
}

// An event that cannot be read holds up the webhooks of no other link.
func TestUnreadableEventHoldsUpNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		if _, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:1/hook"}); err != nil {
			t.Fatal(err)
		}
		broken := w.Link(t, nil)
		w.Clock.Add(time.Second)
		good := w.Link(t, nil)
		storetest.Tamper(t, o, `UPDATE events SET sealed = '' WHERE link = '`+string(broken.ID)+`'`)
		due, err := w.ClaimDeliveries(ctx, 64)
		if err == nil || len(due) != 1 || due[0].Delivery.Link != good.ID {
			t.Errorf("%d due, %v", len(due), err)
		}
	})
}

// A form that is sent twice, or sixteen times at once, begins one payment also
// where the link may be paid any number of times.
func TestOneFormIsOnePayment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		cmd := core.StartPayment{Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, Once: pay.NewToken()}
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := w.StartPayment(ctx, cmd); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || len(v.Payments) != 1 || v.Link.Applied != 1050 {
			t.Fatalf("%d payments, %d applied, %v", len(v.Payments), v.Link.Applied, err)
		}
		cmd.Once = pay.NewToken()
		if p, err := w.StartPayment(ctx, cmd); err != nil || p.ID == v.Payments[0].ID || p.State != pay.PaymentApplied {
			t.Errorf("another form: %+v %v", p, err)
		}
	})
}

// A surplus that cannot be given back, and a hold that cannot be released, are
// told to a person.
func TestStuckMoneyAlarms(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		for alarm, kind := range map[string]pay.OperationKind{"surplus_stuck": pay.OpSale, "hold_stuck": pay.OpAuthorize} {
			var w *oddWorld
			var l pay.Link
			w = withOdd(t, coretest.New(t, o), func(_ context.Context, o processor.Order, _ bool) (processor.Outcome, error) {
				switch o.Kind {
				case pay.OpVoid, pay.OpRefund:
					return processor.Outcome{Result: processor.Failed}, nil
				}
				if _, err := w.CancelLink(ctx, w.Shop, l.ID); err != nil { // while the call is on its way
					t.Error(err)
				}
				out := paidIn(o, string(o.Key))
				if o.Kind == pay.OpAuthorize {
					out.Captured = 0
				}
				return out, nil
			})
			l = w.Link(t, func(l *pay.Link) { l.Use.Manual = kind == pay.OpAuthorize })
			if _, err := w.Card(l, goodCard); err != nil {
				t.Fatal(err)
			}
			if w.alarms[alarm] != 1 {
				t.Errorf("%s: %v", alarm, w.alarms)
			}
		}
	})
}
