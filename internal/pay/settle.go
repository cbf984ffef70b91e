package pay

import (
	"slices"
	"time"
)

// Report is what is known for certain of an operation: an answer of the
// processor or verified evidence. Amounts are totals of the attempt.
type Report struct {
	State        AttemptState // processing, requires_action, authorized, captured, failed, canceled, voided, auth_expired, unknown
	Operation    OperationID  // that it is about; empty for a person's word
	ProcessorRef string
	Authorized   int64
	Captured     int64 // after the capture it tells of; with State authorized more is to come
	Taken        int64 // by that capture alone; 0: not said
	Partial      bool  // the processor approved less than was asked for, and means it (5.9)
	HoldUntil    time.Time
	Currency     Currency // empty: not said
	Action       *Action
	Failure      *Failure
	Instrument   string
	CaptureRef   string // the merchant's own name of the capture
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
	if a.Captured > 0 && a.Captured >= r.Captured && (r.State == AttemptVoided || r.State == AttemptAuthExpired) {
		r = Report{State: AttemptCaptured, Captured: a.Captured} // only what is left was released
	}
	if a.State == AttemptAuthExpired && r.Taken > 0 {
		r.State, r.Partial = AttemptCaptured, true // the capture came before the end, and the rest is gone
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
	n := news{about: r.Operation, held: a.State == AttemptAuthorized && p.inTime(a)}
	for i, to := range path {
		n.taken = t.moveAttempt(p, a, to, r, i == len(path)-1)
	}
	return t.derive(p, a, n)
}

// Review leaves an attempt to a person: nobody can be asked any more what
// became of it, or what is known cannot be (P3, P5).
// Errors: ErrNotFound; invalid_state when its money was taken already.
func (t *Tab) Review(id AttemptID) error {
	p, a := t.Attempt(id)
	if a == nil {
		return ErrNotFound
	}
	if err := t.Clock(); err != nil || a.State == AttemptReview {
		return err
	}
	return t.review(p, a)
}

// stale reports that r tells nothing new, or nothing that may still count: a
// review is ended by a person or a written policy, never by another report.
func (t *Tab) stale(a *Attempt, r Report) bool {
	if a.State == AttemptReview {
		return true
	}
	switch r.State {
	case AttemptFailed, AttemptCanceled, AttemptVoided, AttemptAuthExpired:
		if r.Captured > a.Captured {
			return false // its end once more, and money that is not known of
		}
	}
	known := func(c Capture) bool { // by a person's word, too, who names no operation
		return c.Operation == r.Operation || c.Operation == "" && r.Captured <= a.Captured
	}
	if r.Taken > 0 && slices.ContainsFunc(a.Captures, known) {
		return true
	}
	if r.State == a.State {
		return (r.State != AttemptRequiresAction || a.Action != nil) && r.Taken == 0
	}
	switch r.State {
	case AttemptProcessing, AttemptRequiresAction, AttemptUnknown: // of before the money was held, or no answer yet
		if a.State == AttemptAuthorized || a.State == AttemptUnknown && r.State == AttemptProcessing {
			return true
		}
	}
	if a.State == AttemptCaptured && r.Taken == 0 { // of a capture that is news no word is left out
		switch r.State {
		case AttemptProcessing, AttemptRequiresAction, AttemptUnknown, AttemptAuthorized:
			return true
		case AttemptVoided, AttemptAuthExpired:
			return a.Captured < a.Authorized // what was left of it
		}
	}
	bringsMoney := r.State == AttemptAuthorized || r.State == AttemptCaptured
	return !a.State.Live() && a.State != AttemptCaptured && !bringsMoney
}

// agrees compares evidence with our record: currency, bound payment, amounts.
// Less than was asked for is only ever a capture of a part, or an approval that
// says so.
func agrees(a *Attempt, r Report) bool {
	if r.Currency != "" && r.Currency != a.Currency || r.ProcessorRef != "" && r.ProcessorRef != a.ProcessorRef {
		return false
	}
	if max(r.Authorized, r.Captured) > a.Requested || r.Taken > 0 && r.Captured != a.Captured+r.Taken {
		return false
	}
	asked := a.Requested
	if a.Authorized > 0 {
		asked = a.Authorized
	}
	if r.Partial || a.Manual && a.State == AttemptAuthorized {
		asked = 1
	}
	switch r.State {
	case AttemptAuthorized:
		return max(r.Authorized, a.Authorized) >= asked
	case AttemptCaptured:
		return r.Captured >= max(asked, a.Captured)
	}
	return r.Captured <= a.Captured
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
	switch from {
	case AttemptCreated, AttemptRequiresAction, AttemptProcessing, AttemptUnknown:
		if to == AttemptAuthExpired { // what was held is held no more, and we hear of both at once
			return append(steps(from, AttemptAuthorized), to)
		}
	}
	return nil
}

// Unresolved gives an attempt to a person when nobody could learn what became
// of an operation of a kind (P3): where that was to begin it, and where it was
// to take or release what is held or to ask whether it is held still, for
// nothing else may be done to it until that is known. One that waits for its
// payer goes on waiting.
func (t *Tab) Unresolved(id AttemptID, kind OperationKind) error {
	p, a := t.Attempt(id)
	if a == nil {
		return ErrNotFound
	}
	switch {
	case a.State == AttemptUnknown || a.State == AttemptProcessing:
	case a.State == AttemptAuthorized && (kind == OpCapture || kind == OpVoid || kind == OpQuery):
	default:
		return nil
	}
	return t.review(p, a)
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

// moveAttempt takes an attempt one step on; with the last step it takes over
// what r says. taken tells that there is a new capture.
func (t *Tab) moveAttempt(p *Payment, a *Attempt, to AttemptState, r Report, last bool) (taken bool) {
	from, kind := a.State, attemptEvents[to]
	a.State, a.UpdatedAt, p.UpdatedAt = to, t.Now, t.Now
	if to == AttemptAuthorized {
		a.Authorized = max(a.Authorized, r.Authorized)
	}
	if last {
		if taken = r.Captured > a.Captured; taken {
			a.Captures = append(slices.Clip(a.Captures), Capture{
				Amount: r.Captured - a.Captured, Reference: r.CaptureRef, Operation: r.Operation, At: t.Now,
			})
			a.Captured = r.Captured
		}
		a.Authorized = max(a.Authorized, r.Authorized, a.Captured)
		a.Action, a.Failure = r.Action, r.Failure
		if r.Instrument != "" {
			a.Instrument = r.Instrument
		}
		switch to {
		case AttemptRequiresAction:
			a.Silence = t.Now
		case AttemptAuthorized:
			if from == AttemptAuthorized {
				kind = EventAttemptPart
			} else {
				a.HoldUntil = r.HoldUntil
			}
		}
	}
	t.event(kind, "attempt", string(a.ID), string(from), string(to), p.ID)
	return taken
}

// news is what derive must know of a move beside the attempt itself.
type news struct {
	about OperationID
	taken bool // there is a new capture
	held  bool // the money was held, in time and with a reservation
}

// derive brings the payment, the ledger and the link after an attempt moved.
func (t *Tab) derive(p *Payment, a *Attempt, n news) error {
	switch a.State {
	case AttemptCaptured:
		return t.captured(p, a, n)
	case AttemptRequiresAction:
		if a.Superseded || !t.fits(p, a, a.Requested, false) {
			t.prepare(a, OpVoid, a.Requested) // called off before the processor had it: asked again (5.2, 5.8)
		}
	case AttemptAuthorized:
		if a.Captured > 0 {
			return t.captured(p, a, n)
		}
		t.watch(a, n.about)
		if !t.fits(p, a, a.Authorized, false) || a.Authorized < a.Requested && !t.Link.Use.Parts {
			t.prepare(a, OpVoid, a.Authorized) // 5.5c, 5.9
		}
	case AttemptFailed:
		if p.State == PaymentOpen && !p.Live() {
			t.Link.declined(a, t.Now)
			t.movePayment(p, PaymentFailed, EventPaymentFailed)
			return t.guard()
		}
	case AttemptCanceled, AttemptVoided, AttemptAuthExpired:
		if p.State == PaymentOpen && !p.Live() {
			t.movePayment(p, PaymentCanceled, EventPaymentCanceled)
		}
	}
	return nil
}

// inTime reports that an attempt which holds money held it in time, and has its
// reservation still or counts already.
func (p *Payment) inTime(a *Attempt) bool {
	return (p.State == PaymentOpen || p.Holding()) && !a.Superseded
}

// watch prepares a question about a hold for when it runs out.
func (t *Tab) watch(a *Attempt, about OperationID) {
	if !a.HoldUntil.IsZero() {
		o := t.prepare(a, OpQuery, a.Authorized)
		o.About, o.DueAt = about, a.HoldUntil
	}
}

// captured counts money that is new, and closes the attempt when no more of
// what it held will come.
func (t *Tab) captured(p *Payment, a *Attempt, n news) error {
	if n.taken {
		if err := t.count(p, a, n.held); err != nil {
			return err
		}
	}
	counts := p.State == PaymentApplied && a.Shares != nil
	if a.State != AttemptCaptured || !counts || t.Link.State == LinkCanceled || t.Link.State == LinkCompleted {
		return nil
	}
	if !n.taken {
		t.release(a)
	}
	return t.complete(p)
}

// release writes down that the rest of what a link asks for will not come: an
// authorization is over, and not all of it was captured.
func (t *Tab) release(a *Attempt) {
	if _, whole := t.Link.Total(); whole && a.Manual && a.State == AttemptCaptured {
		t.Link.Released += a.Requested - a.counted()
	}
}

// count decides whether the newest capture counts: applied, or surplus that
// goes back (5.4–5.6, 5.9).
func (t *Tab) count(p *Payment, a *Attempt, held bool) error {
	minor := a.Captures[len(a.Captures)-1].Amount
	partial := a.Captured < a.Requested && !t.Link.Use.Parts && !a.Manual
	if partial || !t.fits(p, a, minor, held) {
		return t.surplus(p, a)
	}
	t.makeRoom(p, minor)
	if p.Slot == "" && !t.Link.Use.Parts {
		slot, ok := t.freeSlot(p.ID)
		if !ok {
			return t.surplus(p, a)
		}
		p.Slot = slot
	}
	t.Link.Applied += minor
	shares := t.shares(a, minor)
	t.postCapture(a, shares)
	a.Shares = added(a.Shares, shares)
	t.release(a)
	if p.State == PaymentApplied {
		p.SettledAt = time.Time{} // until this capture is settled too
		t.event(EventPaymentCaptured, "payment", string(p.ID), string(p.State), string(p.State), p.ID)
		return nil
	}
	if !t.Link.Use.Parts {
		t.Link.UseCount++
	}
	if !t.movePayment(p, PaymentApplied, EventPaymentSucceeded) {
		return ErrState("a payment that is %s cannot be applied", p.State)
	}
	t.callOff(p, a.ID)
	return nil
}

// fits reports whether minor more may be applied, reservations of others left
// aside: money in hand beats a reservation. What was held in time is in time
// whenever the merchant takes it.
func (t *Tab) fits(p *Payment, a *Attempt, minor int64, held bool) bool {
	more := p.State == PaymentApplied && a.Shares != nil // of what counts already
	if p.State == PaymentApplied && !more || p.State == PaymentSurplus || !t.Link.Priced(*a) {
		return false
	}
	switch t.Link.State {
	case LinkActive, LinkPaused:
	case LinkExpired:
		inTime := a.CreatedAt.Before(t.Link.ExpiresAt) && t.Now.Before(t.Link.ExpiresAt.Add(time.Duration(a.GraceS)*time.Second))
		if !inTime && !held && !t.Link.AcceptLate {
			return false
		}
	default:
		return false
	}
	if t.Link.Use.Parts {
		total, _ := t.Link.Total()
		return t.Link.Applied+minor <= total-t.Link.Released
	}
	return more || t.Link.Use.Max == 0 || t.Link.UseCount < t.Link.Use.Max
}

// makeRoom supersedes live payments that would now be too much.
func (t *Tab) makeRoom(p *Payment, minor int64) {
	total, _ := t.Link.Total()
	for i := len(t.Payments) - 1; i >= 0; i-- {
		other := &t.Payments[i]
		if other.ID == p.ID || other.State != PaymentOpen {
			continue
		}
		_, slot := t.freeSlot(p.ID)
		room := p.Slot != "" || slot
		if t.Link.Use.Parts {
			room = t.Link.Applied+minor+t.reserved(p.ID) <= total
		}
		if room {
			return
		}
		t.supersede(other)
	}
}

// surplus notes that the newest capture does not count and prepares its full
// return, all in one transaction (5.6).
func (t *Tab) surplus(p *Payment, a *Attempt) error {
	a.Captures = slices.Clone(a.Captures) // earlier snapshots keep theirs
	c := &a.Captures[len(a.Captures)-1]
	c.Surplus = true
	t.postCapture(a, nil)
	if a.State == AttemptAuthorized {
		t.prepare(a, OpVoid, a.Authorized-a.Captured)
	}
	if p.State != PaymentApplied { // an applied payment stays what it is: only this attempt is too much
		t.movePayment(p, PaymentSurplus, EventPaymentSurplus)
	}
	t.refund(p, a, RefundWish{Amount: c.Amount, Reason: "surplus", surplus: true})
	return nil
}

// complete closes the link when nothing more is due; what is live is voided,
// holds that came too late to have a reservation included (M4).
func (t *Tab) complete(p *Payment) error {
	total, whole := t.Link.Total()
	done := whole && t.Link.Use.Parts && t.Link.Applied+t.Link.Released >= total ||
		!t.Link.Use.Parts && t.Link.Use.Max > 0 && t.Link.UseCount >= t.Link.Use.Max
	if !done || slices.ContainsFunc(t.Payments, func(p Payment) bool { return p.Holding() }) {
		return nil
	}
	for i := range t.Payments {
		if other := &t.Payments[i]; other.ID != p.ID {
			t.supersede(other)
		}
	}
	return t.moveLink(LinkCompleted, EventLinkCompleted)
}

// Refunded writes down what became of a refund. What is known already, or came
// late, changes nothing. Errors: ErrNotFound, invalid_state when it ended otherwise.
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
	ended := r.State.Ended()
	if ended && to != r.State && to.Ended() {
		return ErrState("a refund that is %s cannot become %s", r.State, to) // the processor contradicts itself
	}
	if r.State == to || ended || to == RefundSent && r.State != RefundRequested {
		return nil
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
		r.State, r.UpdatedAt, a.UpdatedAt, p.UpdatedAt = next, t.Now, t.Now, t.Now
		switch next {
		case RefundSucceeded:
			a.Refunding -= r.Amount
			a.Refunded += r.Amount
			t.postRefund(p, a, r)
		case RefundFailed:
			a.Refunding -= r.Amount
		}
		t.event(EventKind("refund."+string(next)), "refund", string(r.ID), string(from), string(next), p.ID)
	}
	if r.State == RefundFailed && r.Surplus && p.undisputed(a.ID, r.CreatedAt) {
		t.returnAgain(p, a) // refused for a dispute of which we heard the end before
	}
	return nil
}
