package dialecttest

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// Stage is what others do in a conversation: the payer, the merchant by the
// native API, an operator, the payer's bank, and time.
type Stage struct {
	World   *coretest.World
	Dialect string                 // whose names of links the steps take
	Tell    func(pay.Event) string // what a merchant hears of an event, in short; "" is nothing
	unsure  *core.Core             // the same application, whose processor answers what cannot be
}

// step does one thing to a link. p is its newest payment, without an id when
// there is none.
type step func(s *Stage, r *http.Request, l pay.Link, p pay.Payment) error

var steps = map[string]step{
	"pay": (*Stage).pay, "capture": (*Stage).capture, "void": (*Stage).void, "refund": (*Stage).refund, "settle": (*Stage).settle,
	"decide": (*Stage).decide, "dispute": (*Stage).dispute, "end_dispute": (*Stage).endDispute,
}

// Set adds the steps to mux:
//
//	POST /stage/new/{currency}/{amount}        a link made by the native API; ?manual=true, ?max=2
//	POST /stage/links/{link}/pay?card=         also ?amount=, and ?unsure=true: the processor's answer goes to review
//	POST /stage/links/{link}/capture?amount=   ?keep=true: the rest stays held; ?unsure=true as above
//	POST /stage/links/{link}/void
//	POST /stage/links/{link}/refund?amount=
//	POST /stage/links/{link}/settle
//	POST /stage/links/{link}/decide?outcome=   of a review; ?amount= with captured
//	POST /stage/links/{link}/dispute?amount=   the payer's bank takes it back
//	POST /stage/links/{link}/end_dispute?outcome=
//	POST /stage/time/{by}                      the clock goes on, and the workers do what is due
//	GET  /stage/links/{link}/told              what the merchant has heard
//
// Every step on a link answers with where its money is then. Refused ones
// answer as the dialect words the error.
func (s *Stage) Set(t *testing.T, mux *web.Mux) {
	s.unsure = newUnsure(t, s.World)
	mux.Route("POST /stage/new/{currency}/{amount}", s.create)
	mux.Route("POST /stage/links/{link}/{step}", func(w http.ResponseWriter, r *http.Request) error {
		v, err := s.find(r)
		if err != nil {
			return err
		}
		var p pay.Payment
		if n := len(v.Payments); n > 0 {
			p = v.Payments[n-1]
		}
		do, ok := steps[r.PathValue("step")]
		if !ok {
			return pay.ErrNotFound
		}
		if err := do(s, r, v.Link, p); err != nil {
			return err
		}
		if v, err = s.find(r); err != nil {
			return err
		}
		return web.JSON(w, http.StatusOK, standing(v))
	})
	mux.Route("POST /stage/time/{by}", func(w http.ResponseWriter, r *http.Request) error {
		by, err := time.ParseDuration(r.PathValue("by"))
		if err != nil {
			return err
		}
		s.World.Clock.Add(by)
		return s.work(r.Context())
	})
	mux.Route("GET /stage/links/{link}/told", s.told)
}

// stands is where the money of a link is.
type stands struct {
	Link     pay.LinkState    `json:"link"`
	Money    pay.MoneyStatus  `json:"money"`
	Payment  pay.PaymentState `json:"payment"`
	Attempt  pay.AttemptState `json:"attempt"`
	Captured int64            `json:"captured"` // minor units, of the newest payment
	ID       pay.PaymentID    `json:"id"`
}

func standing(v core.LinkView) (out stands) {
	out = stands{Link: v.Link.State, Money: v.Link.MoneyStatus()}
	if n := len(v.Payments); n > 0 {
		p := v.Payments[n-1]
		out.Payment, out.ID, out.Attempt, out.Captured = p.State, p.ID, p.Last().State, p.Captured()
	}
	return out
}

// find is the link that the path names, whose ever it is: by the dialect's name
// of it, or by ours.
func (s *Stage) find(r *http.Request) (core.LinkView, error) {
	tenants, err := s.World.Tenants(r.Context())
	if err != nil {
		return core.LinkView{}, err
	}
	for _, t := range tenants {
		id := r.PathValue("link")
		if v, err := s.World.LinkByWireID(r.Context(), pay.Caller{Tenant: t, Dialect: s.Dialect}, id); err == nil {
			return v, nil
		}
		if v, err := s.World.Core.Link(r.Context(), merchant(t), pay.LinkID(id)); err == nil {
			return v, nil
		}
	}
	return core.LinkView{}, pay.ErrNotFound
}

// merchant calls the native API.
func merchant(t pay.Tenant) pay.Caller {
	return pay.Caller{Tenant: t, Dialect: "native", Credential: "stage", RequestID: "req_stage"}
}

// number is a parameter in minor units; 0 when it is not there.
func number(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	return n
}

func says(r *http.Request, name string) bool { return r.URL.Query().Get(name) == "true" }

// core is the application that a step is done with.
func (s *Stage) core(r *http.Request) *core.Core {
	if says(r, "unsure") {
		return s.unsure
	}
	return s.World.Core
}

func (s *Stage) create(w http.ResponseWriter, r *http.Request) error {
	minor, err := strconv.ParseInt(r.PathValue("amount"), 10, 64)
	if err != nil {
		return err
	}
	made, err := s.World.CreateLink(r.Context(), merchant(s.World.Shop.Tenant), core.CreateLink{Fingerprint: "stage", Link: pay.Link{
		Price: pay.Price{Currency: pay.Currency(r.PathValue("currency")), Amount: minor},
		Use:   pay.Use{Max: max(number(r, "max"), 1), Manual: says(r, "manual")}, Description: "Made by the native API",
	}})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]any{"link": made.Link.ID})
}

func (s *Stage) pay(r *http.Request, l pay.Link, _ pay.Payment) error {
	_, err := s.core(r).StartPayment(r.Context(), core.StartPayment{
		Token: l.Token, Method: pay.MethodCard, Amount: number(r, "amount"), Fields: map[string]string{"card": r.URL.Query().Get("card")}, From: "192.0.2.7",
	})
	return err
}

func (s *Stage) capture(r *http.Request, l pay.Link, p pay.Payment) error {
	_, err := s.core(r).Capture(r.Context(), merchant(l.Tenant), core.CapturePayment{
		Payment: p.ID, Amount: number(r, "amount"), Keep: says(r, "keep"), Reference: r.URL.Query().Get("reference"),
	})
	return err
}

func (s *Stage) void(r *http.Request, l pay.Link, p pay.Payment) error {
	_, err := s.World.Void(r.Context(), merchant(l.Tenant), core.VoidPayment{Payment: p.ID})
	return err
}

func (s *Stage) refund(r *http.Request, l pay.Link, p pay.Payment) error {
	_, _, err := s.World.Refund(r.Context(), merchant(l.Tenant), core.RefundPayment{
		Wish: pay.RefundWish{Payment: p.ID, Amount: number(r, "amount"), Reason: "damaged"},
	})
	if err != nil {
		return err
	}
	return s.work(r.Context())
}

func (s *Stage) settle(r *http.Request, l pay.Link, _ pay.Payment) error {
	_, err := s.World.SimulateSettlement(r.Context(), merchant(l.Tenant), l.ID)
	return err
}

func (s *Stage) decide(r *http.Request, l pay.Link, p pay.Payment) error {
	for _, a := range p.Attempts {
		if a.State != pay.AttemptReview {
			continue
		}
		_, err := s.World.DecideReview(r.Context(), merchant(l.Tenant), core.DecideReview{Decision: pay.Decision{
			Attempt: a.ID, Outcome: pay.AttemptState(r.URL.Query().Get("outcome")), Amount: number(r, "amount"), Reason: "looked it up",
		}})
		return err
	}
	return pay.ErrState("nothing of the payment is in review")
}

func (s *Stage) dispute(r *http.Request, l pay.Link, p pay.Payment) error {
	_, err := s.World.SimulateDispute(r.Context(), merchant(l.Tenant), core.SimulateDispute{Payment: p.ID, Amount: number(r, "amount")})
	return err
}

func (s *Stage) endDispute(r *http.Request, l pay.Link, p pay.Payment) error {
	if len(p.Disputes) == 0 {
		return pay.ErrState("nothing of the payment is disputed")
	}
	_, err := s.World.SimulateDecision(r.Context(), merchant(l.Tenant), p.Disputes[0].ID, pay.DisputeState(r.URL.Query().Get("outcome")))
	return err
}

// work lets the processor and the workers do what is due.
func (s *Stage) work(ctx context.Context) error {
	if _, err := s.World.DueLinks(ctx, 100); err != nil {
		return err
	}
	if _, err := s.World.Sandbox.Due(ctx); err != nil {
		return err
	}
	jobs, err := s.World.ClaimOperations(ctx, 100)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.World.RunOperation(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) told(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r)
	if err != nil {
		return err
	}
	list := []string{}
	for seq := int64(1); seq <= v.Link.Seq; seq++ {
		e, err := s.World.Store.Event(r.Context(), v.Link.Tenant, v.Link.ID, seq)
		if err != nil {
			return err
		}
		if said := s.Tell(e); said != "" {
			list = append(list, said)
		}
	}
	return web.JSON(w, http.StatusOK, map[string]any{"told": list})
}
