package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"paylink/internal/pay"
)

// fact is one link as its merchant and payers were told of it.
type fact struct {
	key    string // idempotency key of its creation, and its reference
	amount int64  // minor units
	manual bool

	mu       sync.Mutex
	id       pay.LinkID // empty: no answer came yet
	token    string
	answer   []byte // the first answer to its creation
	canceled bool
	paid     bool            // a page said so to a payer
	payments []pay.PaymentID // that payers were sent to
	captured int64           // minor units, in all acknowledged captures
	taken    pay.PaymentID   // captures of it were acknowledged
	voided   pay.PaymentID   // likewise a void
	refunded int64           // minor units, in all acknowledged refunds

	verdicts map[pay.DisputeID]pay.DisputeState // of disputes, acknowledged
}

func (f *fact) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// load is the shoppers. They come at a steady rate however the server is: one
// that is dead or slow meets more of them at once, not fewer.
type load struct {
	cluster *cluster
	client  *http.Client
	seed    uint64
	every   time.Duration   // a shopper comes
	ctx     context.Context // ends when nobody waits for an answer any more
	cancel  context.CancelFunc
	enough  chan struct{} // closed: nobody comes any more
	inside  sync.WaitGroup

	requests, acknowledged, lost, busy, begun atomic.Int64

	mu    sync.Mutex
	facts []*fact
	wrong []string // answers that should never be
	err   error    // of the first shopper that gave up
}

const (
	// requestTime bounds one request. It is longer than any the server gives itself.
	requestTime = 60 * time.Second
	// maxInside is how many shoppers there are at once at most.
	maxInside = 100
)

// startLoad lets shoppers come.
func startLoad(ctx context.Context, c *cluster, p plan) *load {
	l := &load{cluster: c, seed: p.seed, every: time.Second / time.Duration(p.rate), enough: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(ctx)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxInside
	l.client = &http.Client{Transport: transport, Timeout: requestTime}
	l.inside.Go(l.arrive)
	return l
}

// arrive lets a shopper in at every tick. Each has dice of its own.
func (l *load) arrive() {
	ticker := time.NewTicker(l.every)
	defer ticker.Stop()
	places := make(chan struct{}, maxInside)
	for number := uint64(1); ; number++ {
		select {
		case <-l.enough:
			return
		case <-l.ctx.Done():
			return
		case <-ticker.C:
		}
		places <- struct{}{}
		s := &shopper{load: l, number: number, draw: rand.New(rand.NewPCG(l.seed, number))}
		l.inside.Go(func() {
			defer func() { <-places }()
			s.live()
		})
	}
}

// reach waits until so many payments were begun.
func (l *load) reach(payments int) error {
	for l.begun.Load() < int64(payments) {
		if err := sleep(l.ctx, settlePoll); err != nil {
			return err
		}
	}
	return nil
}

// finish lets every shopper come to an end, for at most so long.
func (l *load) finish(most time.Duration) error {
	close(l.enough)
	timer := time.AfterFunc(most, l.cancel)
	l.inside.Wait()
	timer.Stop()
	return l.err
}

// close ends what is still asked.
func (l *load) close() {
	l.cancel()
	l.client.CloseIdleConnections()
}

func (l *load) differ(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// shopper is a merchant and a payer in one, for one link.
type shopper struct {
	load   *load
	number uint64
	draw   *rand.Rand
}

// live lives a link's life.
func (s *shopper) live() {
	if err := s.life(); err != nil {
		s.load.mu.Lock()
		defer s.load.mu.Unlock()
		if s.load.err == nil {
			s.load.err = fmt.Errorf("shopper %d: %w", s.number, err)
		}
	}
}

// fate is what becomes of a link.
type fate struct {
	weight int
	manual bool
	play   func(s *shopper, f *fact) error
}

var fates = []fate{
	{10, false, func(*shopper, *fact) error { return nil }}, // nobody looks at it
	{10, false, (*shopper).cancel},
	{25, false, pays(visa)},
	{10, false, pays(declined, visa)},
	{5, false, pays(lostAnswer)},
	{5, false, pays(bank)},
	{5, false, pays(bankRefused, visa)},
	{5, false, pays(challenge)},
	{5, false, pays(transfer)},
	{10, false, together(pays(visa), pays(declined, visa))}, // two payers, one link
	{5, false, together(pays(visa), (*shopper).cancelSoon)},
	{10, false, together(pays(bank), (*shopper).cancelSoon)},
	{5, true, together(pays(visa), (*shopper).cancelSoon)},
	{10, false, inTurn(pays(visa), (*shopper).refund)},
	{5, false, inTurn(pays(bank), (*shopper).refund)},
	{10, true, inTurn(pays(visa), (*shopper).capture)},
	{5, true, inTurn(pays(visa), (*shopper).capture, (*shopper).refund)},
	{5, true, inTurn(pays(visa), (*shopper).void)},
	{5, true, inTurn(pays(visa), (*shopper).captureSome, (*shopper).void)},
	{5, true, inTurn(pays(visa), (*shopper).captureSome, (*shopper).cancel)},
	{5, true, inTurn(pays(visa), (*shopper).cancel)},
	{5, false, inTurn(pays(contested), (*shopper).judge)},
	{5, false, inTurn(together(pays(contested), (*shopper).cancelSoon), (*shopper).judge)},
	{3, true, inTurn(pays(contested), (*shopper).capture, (*shopper).judge)},
}

func pays(tries ...try) func(*shopper, *fact) error {
	return func(s *shopper, f *fact) error { return s.pay(f, tries) }
}

func inTurn(steps ...func(*shopper, *fact) error) func(*shopper, *fact) error {
	return func(s *shopper, f *fact) error {
		for _, step := range steps {
			if err := step(s, f); err != nil {
				return err
			}
		}
		return nil
	}
}

// together does all at once; each has dice of its own.
func together(steps ...func(*shopper, *fact) error) func(*shopper, *fact) error {
	return func(s *shopper, f *fact) error {
		var all sync.WaitGroup
		errs := make([]error, len(steps))
		for i, step := range steps {
			other := &shopper{load: s.load, number: s.number, draw: rand.New(rand.NewPCG(s.draw.Uint64(), uint64(i)))}
			all.Go(func() { errs[i] = step(other, f) })
		}
		all.Wait()
		return errors.Join(errs...)
	}
}

func (s *shopper) life() error {
	total := 0
	for _, f := range fates {
		total += f.weight
	}
	n := s.draw.IntN(total)
	for _, chosen := range fates {
		if n -= chosen.weight; n >= 0 {
			continue
		}
		f, err := s.create(chosen.manual)
		if err != nil {
			return err
		}
		return chosen.play(s, f)
	}
	return nil
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// do makes one request. Its error says that no whole answer came: what was
// asked for may be done or not.
func (l *load) do(client *http.Client, req *http.Request) (r reply, err error) {
	l.requests.Add(1)
	resp, err := client.Do(req.WithContext(l.ctx))
	if err != nil {
		l.lost.Add(1)
		return r, err
	}
	defer resp.Body.Close()
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		l.lost.Add(1)
		return r, err
	}
	r.status, r.header = resp.StatusCode, resp.Header
	switch {
	case r.status < 400:
		l.acknowledged.Add(1)
	case r.status == http.StatusServiceUnavailable:
		l.busy.Add(1) // it promises nothing, as an answer that is lost
	case r.status >= 500:
		l.differ("%s %s answered %d: %.300s", req.Method, req.URL.Path, r.status, r.body)
	}
	return r, nil
}

// retryAfter is how long to wait before the same is asked again.
const retryAfter = 50 * time.Millisecond

// insist makes an API request until it has a definite answer: the same
// request, with the same key, as often as it takes.
func (s *shopper) insist(method, path, key, body string) (reply, error) {
	for {
		req, err := http.NewRequest(method, s.load.cluster.base(s.draw)+path, strings.NewReader(body))
		if err != nil {
			return reply{}, err
		}
		req.Header.Set("Authorization", "Bearer "+apiKey)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		r, err := s.load.do(s.load.client, req)
		busy := r.status == http.StatusConflict && bytes.Contains(r.body, []byte("idempotency_in_progress"))
		if err == nil && r.status < 500 && !busy {
			return r, nil
		}
		if err := sleep(s.load.ctx, retryAfter); err != nil {
			return reply{}, fmt.Errorf("%s %s got no answer to the end: %w", method, path, err)
		}
	}
}

// linkOut is what a shopper reads of a link.
type linkOut struct {
	ID       pay.LinkID    `json:"id"`
	URL      string        `json:"url"`
	State    pay.LinkState `json:"state"`
	Payments []struct {
		ID       pay.PaymentID    `json:"id"`
		State    pay.PaymentState `json:"state"`
		Captured int64            `json:"amount_captured"`
		Refunded int64            `json:"amount_refunded"`
		Attempts []struct {
			State pay.AttemptState `json:"state"`
		} `json:"attempts"`
	} `json:"payments"`
}

// create makes a link. Often it asks again although it was answered.
func (s *shopper) create(manual bool) (*fact, error) {
	f := &fact{key: fmt.Sprintf("crash-%d", s.number), amount: 100 + s.draw.Int64N(100_000), manual: manual}
	s.load.mu.Lock()
	s.load.facts = append(s.load.facts, f)
	s.load.mu.Unlock()
	capture := "automatic"
	if manual {
		capture = "manual"
	}
	body := fmt.Sprintf(`{"amount": %d, "currency": "EUR", "description": "Two field guides", "reference": %q, "capture": %q}`, f.amount, f.key, capture)
	for range 1 + s.draw.IntN(3)/2 {
		r, err := s.insist(http.MethodPost, "/v1/payment_links", f.key, body)
		if err != nil {
			return nil, err
		}
		if r.status != http.StatusCreated {
			return nil, fmt.Errorf("creating a link: %d %s", r.status, r.body)
		}
		if f.answer != nil && !bytes.Equal(f.answer, r.body) {
			s.load.differ("key %s was answered with %s and then with %s", f.key, f.answer, r.body)
		}
		f.answer = r.body
	}
	var out linkOut
	if err := json.Unmarshal(f.answer, &out); err != nil {
		return nil, err
	}
	f.id, f.token = out.ID, out.URL[strings.LastIndex(out.URL, "/")+1:]
	return f, nil
}

// read reads the link as it stands.
func (s *shopper) read(f *fact) (out linkOut, err error) {
	r, err := s.insist(http.MethodGet, "/v1/payment_links/"+string(f.id), "", "")
	if err != nil {
		return out, err
	}
	if r.status != http.StatusOK {
		return out, fmt.Errorf("reading link %s: %d %s", f.id, r.status, r.body)
	}
	return out, json.Unmarshal(r.body, &out)
}

// cancel withdraws the link. A refusal is right when the link is paid, or when
// the answer to an earlier try was lost.
func (s *shopper) cancel(f *fact) error {
	r, err := s.insist(http.MethodPost, "/v1/payment_links/"+string(f.id)+"/cancel", "", "")
	if err != nil {
		return err
	}
	if r.status == http.StatusOK {
		f.note(func() { f.canceled = true })
		return nil
	}
	out, err := s.read(f)
	if err == nil && out.State != pay.LinkCanceled && out.State != pay.LinkCompleted {
		s.load.differ("link %s is %s, and its cancel was refused: %d %s", f.id, out.State, r.status, r.body)
	}
	return err
}

// cancelSoon cancels while a payer is on the way, or just before or after.
func (s *shopper) cancelSoon(f *fact) error {
	if err := sleep(s.load.ctx, upTo(s.draw, 100*time.Millisecond)); err != nil {
		return err
	}
	return s.cancel(f)
}
