package pay

import (
	"slices"
	"strconv"
	"time"
)

// Tab is a link with what hangs off it, held under one lock while it changes.
// Its methods are the only moves there are: each checks the rules, changes the
// facts and notes the events, ledger entries and operations that go with them.
// On an error the tab is not to be stored.
type Tab struct {
	Link     Link
	Payments []Payment // all of them, or on a link without a total the ones concerned
	Slots    []string  // taken by payments that are not on the tab
	Barred   bool      // what is stored of the link breaks a rule: no attempt may begin (V2)

	Events     []Event      // new, in order
	Entries    []Entry      // new
	Lines      []Settlement // of its settlements, those concerned; what changed is told by Was
	Operations []Operation  // new, to be run after the commit

	Now       time.Time // of the whole change
	Actor     string
	RequestID string
}

// event notes that an entity came to be in state to. Call it after the change:
// the snapshot it takes must be the facts as they are stored.
func (t *Tab) event(kind EventKind, entity, id, from, to string, about PaymentID) {
	t.Link.Seq++
	t.Link.UpdatedAt = t.Now
	t.Events = append(t.Events, Event{
		Tenant: t.Link.Tenant, ID: EventID(NewID("evt", t.Now)), Kind: kind, Link: t.Link.ID, Seq: t.Link.Seq,
		Entity: entity, EntityID: id, From: from, To: to, At: t.Now, Actor: t.Actor, RequestID: t.RequestID,
		Snapshot: t.snapshot(about),
	})
	if entity != "split" {
		t.tellSplits(about)
	}
}

// maxNothing is how many payments that came to nothing a snapshot has, the
// newest: whoever has the link may begin and give up as many as he likes.
const maxNothing = 20

// snapshot has every payment that counts for what the event is about: of a link
// with a total all of them, else that one alone.
func (t *Tab) snapshot(about PaymentID) Snapshot {
	s := Snapshot{Schema: SnapshotSchema, Link: t.Link, Payments: []Payment{}}
	_, whole := t.Link.Total()
	skip := -maxNothing
	for i := range t.Payments {
		if t.Payments[i].nothing() {
			skip++
		}
	}
	for _, p := range t.Payments {
		wanted := whole
		if whole && p.nothing() {
			wanted, skip = skip <= 0, skip-1
		}
		if wanted || p.ID == about {
			p.Attempts = slices.Clone(p.Attempts)
			p.Refunds = slices.Clone(p.Refunds)
			p.Disputes = slices.Clone(p.Disputes)
			s.Payments = append(s.Payments, p)
		}
	}
	return s
}

// Open notes the creation of the link, whose State is empty until now.
func (t *Tab) Open() {
	state := LinkActive
	if t.Link.StartsAt.After(t.Now) {
		state = LinkScheduled
	}
	t.Link.State = state
	t.event(EventLinkCreated, "payment_link", string(t.Link.ID), "", string(state), "")
}

func (t *Tab) moveLink(to LinkState, kind EventKind) error {
	from := t.Link.State
	if !follows(linkMoves, from, to) {
		return ErrState("the link is %s", from)
	}
	t.Link.State = to
	t.event(kind, "payment_link", string(t.Link.ID), string(from), string(to), "")
	return nil
}

// Clock writes down what time alone has done: start and expiry (5.3). It is
// the first step of every change, so that no rule is checked on a stale state.
func (t *Tab) Clock() error {
	if t.Link.State == LinkScheduled && t.Link.At(t.Now) == LinkActive {
		return t.moveLink(LinkActive, EventLinkActivated)
	}
	if t.Link.At(t.Now) == LinkExpired && t.Link.State != LinkExpired {
		return t.moveLink(LinkExpired, EventLinkExpired)
	}
	return nil
}

// Pause keeps new payers out; live attempts may still finish and count.
// Errors: invalid_state unless active.
func (t *Tab) Pause() error { return t.moveLink(LinkPaused, EventLinkPaused) }

// Resume undoes Pause. Errors: invalid_state unless paused.
func (t *Tab) Resume() error {
	if t.Link.State != LinkPaused {
		return ErrState("the link is %s", t.Link.State)
	}
	return t.moveLink(LinkActive, EventLinkResumed)
}

// Cancel closes the link at the merchant's wish and asks for the void of every
// live attempt; one that succeeds all the same is a late success (5.8).
// Errors: invalid_state when the link is completed or canceled.
func (t *Tab) Cancel() error {
	if err := t.moveLink(LinkCanceled, EventLinkCanceled); err != nil {
		return err
	}
	t.voidLive("")
	return nil
}

// voidLive asks for the void of every live attempt but those of keep.
func (t *Tab) voidLive(keep PaymentID) {
	for i := range t.Payments {
		if p := &t.Payments[i]; p.ID != keep {
			for j := range p.Attempts {
				if a := &p.Attempts[j]; a.State.Live() {
					t.prepare(a, OpVoid, a.Requested-a.Captured)
				}
			}
		}
	}
}

// prepare notes an operation to be run after the commit.
func (t *Tab) prepare(a *Attempt, kind OperationKind, minor int64) *Operation {
	t.Operations = append(t.Operations, Operation{
		ID: OperationID(NewID("op", t.Now)), Link: t.Link.ID, Payment: a.Payment, Attempt: a.ID, Kind: kind,
		State: OpPrepared, Processor: a.Processor, Amount: Money{minor, a.Currency}, CreatedAt: t.Now, UpdatedAt: t.Now,
	})
	return &t.Operations[len(t.Operations)-1]
}

// Begin is what a payer asks for.
type Begin struct {
	Method    MethodID
	Processor string
	Amount    int64 // open price or a part, minor units; else ignored (M7)
	Choice    Choice
	Shown     int64 // adjustable cart: the total that the payer saw, minor units
	Retry     PaymentID
	GraceS    int64
	From      string
	Fields    map[string]string
	Consent   bool
}

// silence is how long a payer may be silent in requires_action before another
// may take the reservation (5.2).
const silence = 15 * time.Minute

// maxParts is how many reservations a part-paid link may hold.
const maxParts = 32

// maxPaidParts is how many parts a link is paid in at most: the last one is all
// that is left. A tab must have room for all of them.
const maxPaidParts = 500

// maxReservations is how many a payer's address may hold on one link (A52).
const maxReservations = 3

// Begin starts an attempt: it reserves what the payer is to pay and prepares
// the call to the processor (5.1). The link must be locked.
// Errors: invalid_state, total_changed, and those of Link.Quote.
func (t *Tab) Begin(b Begin) (*Payment, *Attempt, error) {
	if err := t.Clock(); err != nil {
		return nil, nil, err
	}
	if t.Link.State != LinkActive {
		return nil, nil, ErrState("the link is %s", t.Link.State)
	}
	if t.Barred {
		return nil, nil, ErrState("the link takes no payments until somebody has looked at its books")
	}
	if !t.Link.Allows(b.Method) {
		return nil, nil, ErrState("the link does not offer this method")
	}
	t.takeOver(b)
	q, err := t.requested(b)
	if err != nil {
		return nil, nil, err
	}
	if b.From != "" && t.reservationsOf(b.From) >= maxReservations {
		return nil, nil, &Error{Kind: TooMany, Code: "too_many_open_payments", Detail: "too many payments were begun and not ended", RetryAfter: int(silence / time.Second)}
	}
	p, err := t.reserve(b, q.Total)
	if err != nil {
		return nil, nil, err
	}
	p.Attempts = append(p.Attempts, Attempt{
		ID: AttemptID(NewID("att", t.Now)), Payment: p.ID, Number: t.nextAttempt(), State: AttemptCreated, Processor: b.Processor, Method: b.Method,
		Currency: t.Link.Price.Currency, Requested: q.Total, Manual: t.Link.Use.Manual, GraceS: b.GraceS, From: b.From, Consent: b.Consent,
		CreatedAt: t.Now, UpdatedAt: t.Now,
	})
	a := p.Last()
	if t.Link.Price.Cart.Adjustable() {
		a.Choice = &q.Choice
	}
	p.Method, p.UpdatedAt = b.Method, t.Now
	t.event(EventAttemptCreated, "attempt", string(a.ID), "", string(AttemptCreated), p.ID)
	kind := OpSale
	if a.Manual {
		kind = OpAuthorize
	}
	t.prepare(a, kind, q.Total).Fields = b.Fields
	return p, a, nil
}

// requested is what this payer pays: the record's word, never the browser's,
// except where the link leaves a choice to the payer (M7, DECISIONS 10). Where
// the choice decides, the payer must have seen the total that it comes to.
// Errors: those of Quote, ErrTotal.
func (t *Tab) requested(b Begin) (Quote, error) {
	q, err := t.Link.Quote(Ask{b.Method, b.Amount, b.Choice, t.reserved("")})
	if err == nil && t.Link.Use.Parts && q.Total < t.Link.AmountDue().Minor && t.parts() >= maxPaidParts-1 {
		var bad Faults
		bad.Add("amount", "too_small", "must be all that is left: the link was paid in as many parts as it may be")
		err = bad.Err()
	}
	if err == nil && t.Link.Price.Cart.Adjustable() && b.Shown != q.Total {
		return q, ErrTotal
	}
	return q, err
}

// reserved is what live reservations hold, but for payment not.
func (t *Tab) reserved(not PaymentID) (minor int64) {
	for _, p := range t.Payments {
		if p.State == PaymentOpen && p.ID != not {
			minor += p.Requested.Minor
		}
	}
	return minor
}

// parts are the payments that count or may come to.
func (t *Tab) parts() (n int) {
	for _, p := range t.Payments {
		if p.State == PaymentOpen || p.State == PaymentApplied {
			n++
		}
	}
	return n
}

func (t *Tab) reservationsOf(from string) (n int) {
	for _, p := range t.Payments {
		if p.State == PaymentOpen && p.Last() != nil && p.Last().From == from {
			n++
		}
	}
	return n
}

// reserve finds the payment's slot: M5 and M6 in one place.
func (t *Tab) reserve(b Begin, requested int64) (*Payment, error) {
	retry := t.payment(b.Retry)
	if retry != nil && retry.State != PaymentFailed {
		retry = nil
	}
	p := Payment{
		ID: PaymentID(NewID("pay", t.Now)), Link: t.Link.ID, Number: t.nextNumber(), State: PaymentOpen,
		Attempts: []Attempt{}, CreatedAt: t.Now,
	}
	kind, from := EventPaymentCreated, PaymentState("")
	if retry != nil {
		p, kind, from = *retry, EventPaymentReopened, PaymentFailed
	}
	p.State, p.Requested, p.Method, p.UpdatedAt = PaymentOpen, Money{requested, t.Link.Price.Currency}, b.Method, t.Now
	slot, ok := t.freeSlot(p.ID)
	if !ok {
		return nil, ErrTaken
	}
	p.Slot = slot
	if retry != nil {
		*retry = p
	} else {
		t.Payments = append(t.Payments, p)
	}
	t.event(kind, "payment", string(p.ID), string(from), string(PaymentOpen), p.ID)
	return t.payment(p.ID), nil
}

// freeSlot is the smallest free number below the cap; an uncapped link uses
// the payment's own id, as does a part that was paid, so that the unique index
// never stands in the way.
func (t *Tab) freeSlot(id PaymentID) (slot string, ok bool) {
	limit := t.Link.Use.Max
	if t.Link.Use.Parts {
		limit = maxParts
	}
	if limit == 0 {
		return string(id), true
	}
	taken := map[string]bool{}
	for _, slot := range t.Slots {
		taken[slot] = true
	}
	for _, p := range t.Payments {
		if p.Slot != "" && p.Slot != string(p.ID) {
			taken[p.Slot] = true
		}
	}
	if int64(len(taken)) >= limit {
		return "", false
	}
	for n := range limit {
		if slot := strconv.FormatInt(n, 10); !taken[slot] {
			return slot, true
		}
	}
	return "", false
}

func (t *Tab) nextNumber() (n int64) {
	for _, p := range t.Payments {
		n = max(n, p.Number)
	}
	return n + 1
}

// nextAttempt is the number of the attempt that is about to begin. Where a link
// may be paid any number of times not all of its payments are here to count.
func (t *Tab) nextAttempt() (n int64) {
	if _, one := t.Link.Total(); !one {
		return 0
	}
	for _, p := range t.Payments {
		for _, a := range p.Attempts {
			n = max(n, a.Number)
		}
	}
	return n + 1
}

// takeOver supersedes reservations whose payer has been silent too long, when
// the newcomer would not find a place otherwise (5.2).
func (t *Tab) takeOver(b Begin) {
	_, free := t.freeSlot("")
	if t.Link.Use.Parts {
		free = free && t.Link.AmountDue().Minor-t.reserved("") >= max(b.Amount, 1)
	}
	if free {
		return
	}
	for i := range t.Payments {
		p := &t.Payments[i]
		if a := p.Last(); p.State == PaymentOpen && a != nil && a.State == AttemptRequiresAction && t.Now.Sub(a.Silence) >= silence {
			t.supersede(p)
		}
	}
}

// supersede takes the reservation, if any, from a payment. Its attempts may
// still succeed: a late success. Their void is asked for.
func (t *Tab) supersede(p *Payment) {
	t.callOff(p, "")
	if p.State == PaymentOpen {
		t.movePayment(p, PaymentCanceled, EventPaymentCanceled)
	}
}

// callOff supersedes the live attempts of a payment but for keep, and asks for
// their void; a hold that came after it was superseded is asked for again.
func (t *Tab) callOff(p *Payment, keep AttemptID) {
	for i := range p.Attempts {
		a := &p.Attempts[i]
		if a.ID == keep || !a.State.Live() || a.Superseded && a.State != AttemptAuthorized {
			continue
		}
		if !a.Superseded {
			a.Superseded, a.UpdatedAt, p.UpdatedAt = true, t.Now, t.Now
			t.event(EventAttemptSuperseded, "attempt", string(a.ID), string(a.State), string(a.State), p.ID)
		}
		t.prepare(a, OpVoid, a.Requested-a.Captured)
	}
}

func (t *Tab) movePayment(p *Payment, to PaymentState, kind EventKind) bool {
	if !follows(paymentMoves, p.State, to) {
		return false
	}
	from := p.State
	p.State, p.UpdatedAt = to, t.Now
	switch {
	case to == PaymentApplied && t.Link.Use.Parts:
		p.Slot = string(p.ID) // a part that was paid is in nobody's way
	case to != PaymentOpen && to != PaymentApplied:
		p.Slot = ""
	}
	t.event(kind, "payment", string(p.ID), string(from), string(to), p.ID)
	return true
}

// Abandon is the payer's wish to pay in another way: the void of the attempt
// is asked for, and the reservation is given up when it is confirmed (5.2).
// Errors: invalid_state unless the attempt waits for the payer.
func (t *Tab) Abandon(id PaymentID) error {
	p := t.payment(id)
	if p == nil {
		return ErrNotFound
	}
	a := p.Last()
	if a == nil || a.State != AttemptRequiresAction {
		return ErrState("the payment is under way")
	}
	t.prepare(a, OpVoid, a.Requested)
	return nil
}

// Capture takes money that is held: minor units, or 0 for all that is left of
// it. keep leaves the rest held for another capture, else it is released.
// Errors: invalid_state, Invalid (amount).
func (t *Tab) Capture(id PaymentID, minor int64, keep bool) error {
	a, err := t.held(id)
	if err != nil {
		return err
	}
	left := a.Authorized - a.Captured
	if minor == 0 {
		minor = left
	}
	var bad Faults
	switch {
	case minor < 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case minor > left:
		bad.Add("amount", "too_large", "must be at most what is authorized and not captured: "+Money{left, a.Currency}.String())
	}
	if err := bad.Err(); err != nil {
		return err
	}
	t.prepare(a, OpCapture, minor).Final = !keep || minor == left
	return nil
}

// Void releases what is left of money that is held. Errors: invalid_state.
func (t *Tab) Void(id PaymentID) error {
	a, err := t.held(id)
	if err != nil {
		return err
	}
	t.prepare(a, OpVoid, a.Authorized-a.Captured)
	return nil
}

func (t *Tab) held(id PaymentID) (*Attempt, error) {
	p := t.payment(id)
	if p == nil {
		return nil, ErrNotFound
	}
	if a := p.Last(); a != nil && a.State == AttemptAuthorized {
		return a, nil
	}
	return nil, ErrState("the payment is not authorized")
}

func (t *Tab) payment(id PaymentID) *Payment {
	for i := range t.Payments {
		if t.Payments[i].ID == id {
			return &t.Payments[i]
		}
	}
	return nil
}

// Attempt finds an attempt and its payment; nil when it is not on the tab.
func (t *Tab) Attempt(id AttemptID) (*Payment, *Attempt) {
	for i := range t.Payments {
		if a := t.Payments[i].Attempt(id); a != nil {
			return &t.Payments[i], a
		}
	}
	return nil, nil
}
