package pay

import (
	"fmt"
	"time"
)

// Report is what is known for certain of an operation: an answer of the
// processor or verified evidence. Amounts are totals of the attempt.
type Report struct {
	State        AttemptState // processing, requires_action, authorized, captured, failed, canceled, voided, unknown
	ProcessorRef string
	Authorized   int64
	Captured     int64
	Currency     Currency // empty: not said
	Action       *Action
	Failure      *Failure
	Instrument   string
}

// attemptEvents names the event of each state an attempt comes to.
var attemptEvents = map[AttemptState]EventKind{
	AttemptRequiresAction: EventAttemptAction, AttemptProcessing: EventAttemptProcessing,
	AttemptUnknown: EventAttemptUnknown, AttemptAuthorized: EventAttemptAuthorized,
	AttemptCaptured: EventAttemptCaptured, AttemptFailed: EventAttemptFailed,
	AttemptCanceled: EventAttemptCanceled, AttemptVoided: EventAttemptVoided,
	AttemptAuthExpired: EventAttemptExpired, AttemptReview: EventAttemptReview,
}

// Settle writes down a report about an attempt. A report of what is known
// already changes nothing, so it may come any number of times and in any
// order (A3). One that disagrees with our record takes the attempt to review
// (5.7) and the error is nil: the fact is stored.
func (t *Tab) Settle(id AttemptID, r Report) error {
	p, a := t.Attempt(id)
	if a == nil {
		return ErrNotFound
	}
	if err := t.Clock(); err != nil {
		return err
	}
	if a.ProcessorRef == "" {
		a.ProcessorRef = r.ProcessorRef
	}
	if t.stale(a, r) {
		return nil
	}
	if !agrees(a, r) {
		return t.review(p, a)
	}
	path := steps(a.State, r.State)
	if path == nil {
		if r.State == AttemptAuthorized || r.State == AttemptCaptured {
			return t.review(p, a)
		}
		return ErrState("an attempt that is %s cannot become %s", a.State, r.State)
	}
	wasFinal := !a.State.Live() || a.Superseded || p.State != PaymentOpen
	for i, to := range path {
		t.moveAttempt(p, a, to, r, i == len(path)-1)
	}
	return t.derive(p, a, wasFinal)
}

// stale reports that r tells nothing new.
func (t *Tab) stale(a *Attempt, r Report) bool {
	if r.State == a.State {
		return r.State != AttemptRequiresAction || a.Action != nil
	}
	if a.State == AttemptCaptured && (r.State == AttemptProcessing || r.State == AttemptRequiresAction || r.State == AttemptUnknown || r.State == AttemptAuthorized) {
		return true
	}
	done := a.State == AttemptFailed || a.State == AttemptCanceled || a.State == AttemptVoided || a.State == AttemptAuthExpired || a.State == AttemptReview
	bringsMoney := r.State == AttemptAuthorized || r.State == AttemptCaptured
	return done && !bringsMoney && a.State != AttemptReview
}

// agrees compares evidence with our record: currency, bound payment, amounts.
func agrees(a *Attempt, r Report) bool {
	return (r.Currency == "" || r.Currency == a.Currency) &&
		(r.ProcessorRef == "" || r.ProcessorRef == a.ProcessorRef) &&
		r.Authorized <= a.Requested && r.Captured <= a.Requested &&
		(r.State != AttemptCaptured || r.Captured > 0) && (r.State != AttemptAuthorized || r.Authorized > 0)
}

// steps is the shortest legal path of attempt states; nil when there is none.
func steps(from, to AttemptState) []AttemptState {
	if follows(attemptMoves, from, to) {
		return []AttemptState{to}
	}
	if from == AttemptCreated || from == AttemptRequiresAction {
		if follows(attemptMoves, AttemptProcessing, to) {
			return []AttemptState{AttemptProcessing, to}
		}
	}
	return nil
}

func (t *Tab) review(p *Payment, a *Attempt) error {
	path := steps(a.State, AttemptReview)
	if path == nil {
		return ErrState("an attempt that is %s cannot be reviewed", a.State)
	}
	for _, to := range path {
		t.moveAttempt(p, a, to, Report{}, false)
	}
	return nil
}

func (t *Tab) moveAttempt(p *Payment, a *Attempt, to AttemptState, r Report, last bool) {
	from := a.State
	a.State, a.UpdatedAt, p.UpdatedAt = to, t.Now, t.Now
	if last {
		a.Authorized, a.Captured = max(a.Authorized, r.Authorized), max(a.Captured, r.Captured)
		a.Authorized = max(a.Authorized, a.Captured)
		a.Action, a.Failure = r.Action, r.Failure
		if r.Instrument != "" {
			a.Instrument = r.Instrument
		}
		if to == AttemptRequiresAction {
			a.Silence = t.Now
		}
	}
	t.event(attemptEvents[to], "attempt", string(a.ID), string(from), string(to), p.ID)
}

// derive brings the payment, the ledger and the link after an attempt moved.
func (t *Tab) derive(p *Payment, a *Attempt, late bool) error {
	switch a.State {
	case AttemptCaptured:
		return t.captured(p, a)
	case AttemptAuthorized:
		if late && !t.fits(p, a, a.Authorized) || a.Authorized < a.Requested && !t.Link.Use.Parts {
			t.prepare(a, OpVoid, a.Authorized) // 5.5c, 5.9
		}
	case AttemptFailed:
		if p.State == PaymentOpen && !p.Live() {
			t.movePayment(p, PaymentFailed, EventPaymentFailed)
		}
	case AttemptCanceled, AttemptVoided, AttemptAuthExpired:
		if p.State == PaymentOpen && !p.Live() {
			t.movePayment(p, PaymentCanceled, EventPaymentCanceled)
		}
	}
	return nil
}

// captured decides whether money in hand counts: applied, or surplus that goes
// back (5.4–5.6, 5.9).
func (t *Tab) captured(p *Payment, a *Attempt) error {
	partial := a.Captured < a.Requested && !t.Link.Use.Parts && !a.Manual
	if partial || !t.fits(p, a, a.Captured) {
		return t.surplus(p, a)
	}
	t.makeRoom(p, a.Captured)
	if p.Slot == "" {
		slot, ok := t.freeSlot(p.ID)
		if !ok {
			return t.surplus(p, a)
		}
		p.Slot = slot
	}
	t.Link.Applied += a.Captured
	if _, whole := t.Link.Total(); whole && a.Manual && a.Captured < a.Requested {
		t.Link.Released += a.Requested - a.Captured
	}
	if !t.Link.Use.Parts {
		t.Link.UseCount++
	}
	t.post("capture:"+string(a.ID), a, a.Captured, t.shares(a.Captured))
	if !t.movePayment(p, PaymentApplied, EventPaymentSucceeded) {
		return ErrState("a payment that is %s cannot be applied", p.State)
	}
	return t.complete(p)
}

// fits reports whether minor more may be applied, reservations of others left
// aside: money in hand beats a reservation.
func (t *Tab) fits(p *Payment, a *Attempt, minor int64) bool {
	if p.State == PaymentApplied || p.State == PaymentSurplus {
		return false
	}
	switch t.Link.State {
	case LinkActive, LinkPaused:
	case LinkExpired:
		inTime := a.CreatedAt.Before(t.Link.ExpiresAt) && t.Now.Before(t.Link.ExpiresAt.Add(time.Duration(a.GraceS)*time.Second))
		if !inTime && !t.Link.AcceptLate {
			return false
		}
	default:
		return false
	}
	if t.Link.Use.Parts {
		return t.Link.Applied+minor <= t.Link.Price.Amount-t.Link.Released
	}
	return t.Link.Use.Max == 0 || t.Link.UseCount < t.Link.Use.Max
}

// makeRoom supersedes live payments that would now be too much.
func (t *Tab) makeRoom(p *Payment, minor int64) {
	for i := len(t.Payments) - 1; i >= 0; i-- {
		other := &t.Payments[i]
		if other.ID == p.ID || other.State != PaymentOpen {
			continue
		}
		_, slot := t.freeSlot(p.ID)
		room := p.Slot != "" || slot
		if t.Link.Use.Parts {
			room = room && t.Link.Applied+minor+t.reserved(p.ID) <= t.Link.Price.Amount
		}
		if room {
			return
		}
		t.supersede(other)
	}
}

// surplus notes money that does not count and prepares its full return, all
// in one transaction (5.6).
func (t *Tab) surplus(p *Payment, a *Attempt) error {
	minor := a.Captured - a.Refunding - a.Refunded
	t.post("capture:"+string(a.ID), a, minor, map[string]int64{"surplus": minor})
	if p.State != PaymentApplied { // an applied payment stays what it is: only this attempt is too much
		t.movePayment(p, PaymentSurplus, EventPaymentSurplus)
	}
	a.Refunding += minor
	refund := Refund{
		ID: RefundID(NewID("ref", t.Now)), Payment: p.ID, Attempt: a.ID, State: RefundRequested, Amount: minor,
		Reason: "surplus", CreatedAt: t.Now, UpdatedAt: t.Now,
	}
	p.Refunds = append(p.Refunds, refund)
	t.event(EventRefundRequested, "refund", string(refund.ID), "", string(RefundRequested), p.ID)
	t.prepare(a, OpRefund, minor).Refund = refund.ID
	return nil
}

// complete closes the link when nothing more is due; what is live is voided.
func (t *Tab) complete(p *Payment) error {
	total, whole := t.Link.Total()
	done := whole && t.Link.Use.Parts && t.Link.Applied+t.Link.Released >= total ||
		!t.Link.Use.Parts && t.Link.Use.Max > 0 && t.Link.UseCount >= t.Link.Use.Max
	if !done {
		return nil
	}
	for i := range t.Payments {
		if other := &t.Payments[i]; other.ID != p.ID && other.State == PaymentOpen {
			t.supersede(other)
		}
	}
	return t.moveLink(LinkCompleted, EventLinkCompleted)
}

// Refunded writes down what became of a refund.
func (t *Tab) Refunded(id RefundID, to RefundState) error {
	for i := range t.Payments {
		p := &t.Payments[i]
		for j := range p.Refunds {
			if p.Refunds[j].ID == id {
				return t.moveRefund(p, &p.Refunds[j], to)
			}
		}
	}
	return ErrNotFound
}

func (t *Tab) moveRefund(p *Payment, r *Refund, to RefundState) error {
	if r.State == to || !follows(refundMoves, r.State, to) && (r.State == RefundSucceeded || r.State == RefundFailed) {
		return nil // known already
	}
	path := []RefundState{to}
	if r.State == RefundRequested && to != RefundSent {
		path = []RefundState{RefundSent, to}
	}
	_, a := t.Attempt(r.Attempt)
	for _, next := range path {
		if !follows(refundMoves, r.State, next) {
			return ErrState("a refund that is %s cannot become %s", r.State, next)
		}
		from := r.State
		r.State, r.UpdatedAt, p.UpdatedAt = next, t.Now, t.Now
		switch next {
		case RefundSucceeded:
			a.Refunding -= r.Amount
			a.Refunded += r.Amount
			t.post("refund:"+string(r.ID), a, -r.Amount, map[string]int64{"surplus": -r.Amount})
		case RefundFailed:
			a.Refunding -= r.Amount
		}
		t.event(EventKind("refund."+string(next)), "refund", string(r.ID), string(from), string(next), p.ID)
	}
	return nil
}

// post writes a movement into the ledger: what the processor owes us against
// who it is for. Shares sum to minor (M9).
func (t *Tab) post(movement string, a *Attempt, minor int64, shares map[string]int64) {
	line := func(account string, amount int64) {
		t.Entries = append(t.Entries, Entry{
			Movement: movement, Line: len(t.Entries), Account: account, Amount: Money{amount, a.Currency}, At: t.Now,
		})
	}
	line("processor:"+a.Processor, minor)
	for i := -1; i < len(t.Link.Splits); i++ {
		account := "merchant"
		if i >= 0 {
			account = fmt.Sprintf("split:%d", i)
		}
		if share := shares[account]; share != 0 {
			line(account, -share)
		}
	}
	if share := shares["surplus"]; share != 0 {
		line("surplus", -share)
	}
}

// shares allocates a capture to the splits and the merchant, which is the
// implicit last one (M8, DECISIONS 10). Call it after Applied was raised.
func (t *Tab) shares(minor int64) map[string]int64 {
	weights, rest := []int64{}, t.Link.Price.Amount
	for _, s := range t.Link.Splits {
		weights = append(weights, s.Amount)
		rest -= s.Amount
	}
	if len(weights) == 0 || rest < 0 {
		return map[string]int64{"merchant": minor}
	}
	parts := AllocateNext(t.Link.Applied-minor, minor, append(weights, rest))
	shares := map[string]int64{"merchant": parts[len(weights)]}
	for i := range weights {
		shares[fmt.Sprintf("split:%d", i)] = parts[i]
	}
	return shares
}
