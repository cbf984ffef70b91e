package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"paylink/internal/app"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// look is how often the operator looks for reviews.
const look = 500 * time.Millisecond

// operator is the person who ends reviews: looks an attempt up at the
// processor, whose dashboard is the sandbox's journal, and says through the API
// what happened there.
type operator struct {
	*shopper
	app     *app.App // beside the servers; nothing runs in it
	decided int

	halt  chan struct{}
	once  sync.Once
	owned sync.WaitGroup
	err   error
}

// startOperator lets the operator work until stop.
func startOperator(ctx context.Context, c *cluster, l *load) (*operator, error) {
	a, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	o := &operator{shopper: &shopper{load: l, draw: rand.New(rand.NewPCG(l.seed, 1<<63))}, app: a, halt: make(chan struct{})}
	o.owned.Go(o.work)
	return o, nil
}

// stop ends the work and tells what went wrong in it.
func (o *operator) stop() error {
	o.once.Do(func() {
		close(o.halt)
		o.owned.Wait()
		o.err = errors.Join(o.err, o.app.Stop(context.Background()))
	})
	return o.err
}

func (o *operator) work() {
	for {
		select {
		case <-o.halt:
			return
		case <-o.load.ctx.Done():
			return
		case <-time.After(look):
		}
		if o.err = o.round(); o.err != nil {
			o.err = fmt.Errorf("operator: %w", o.err)
			o.load.cancel() // shoppers would wait for ever
			return
		}
	}
}

// review is what the operator reads of one.
type review struct {
	ID    pay.AttemptID `json:"id"`
	Ref   string        `json:"processor_reference"`
	Since string        `json:"in_review_since"`
}

// round decides all reviews that there are.
func (o *operator) round() error {
	r, err := o.insist(http.MethodGet, "/v1/reviews?limit=100", "", "")
	if err != nil {
		return err
	}
	var page struct {
		Data []review `json:"data"`
	}
	if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
		return errors.Join(err, fmt.Errorf("listing reviews: %d %s", r.status, r.body))
	}
	for _, v := range page.Data {
		if err := o.decide(v); err != nil {
			return err
		}
	}
	return nil
}

// decide ends one review.
func (o *operator) decide(v review) error {
	p, err := o.end(v)
	if err != nil {
		return err
	}
	body := map[string]any{"reason": "the processor's journal has it as " + string(p.State)}
	switch p.State {
	case processor.SandboxCaptured:
		body["outcome"], body["amount"] = pay.AttemptCaptured, p.Captured
	case processor.SandboxVoided, processor.SandboxCanceled:
		body["outcome"] = pay.AttemptVoided
	default:
		body["outcome"] = pay.AttemptFailed
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := o.insist(http.MethodPost, "/v1/reviews/"+string(v.ID)+"/decide", "decide-"+string(v.ID)+"-"+v.Since, string(text))
	if err == nil && r.status != http.StatusOK {
		o.load.differ("the decision of attempt %s was refused: %d %s", v.ID, r.status, r.body)
	}
	o.decided++
	return err
}

// end looks a payment up at the processor. What could still be taken there is
// called off first, for a decision is the end of the matter.
func (o *operator) end(v review) (p processor.SandboxPayment, err error) {
	ctx, journal := o.load.ctx, store.Sandbox{Store: o.app.Store}
	for try := 0; ; try++ {
		p, _, err = journal.Payment(ctx, tenant, v.Ref)
		if err != nil || p.State != processor.SandboxWaiting && p.State != processor.SandboxAuthorized {
			return p, err
		}
		_, err = o.app.Sandbox.Void(ctx, processor.Order{
			Tenant: tenant, Key: pay.OperationID(fmt.Sprintf("operator:%s:%d", v.ID, try)), Kind: pay.OpVoid, ProcessorRef: v.Ref,
			Amount: pay.Money{Minor: p.Amount, Currency: p.Currency},
		})
		if err != nil {
			return p, err
		}
	}
}
