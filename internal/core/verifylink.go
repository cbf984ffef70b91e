package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// linkProof gathers what is stored of one link: first its events, then its
// payments, then its ledger, and at last what they must have in common. It
// keeps a few hundred bytes of each payment, not the rows.
type linkProof struct {
	row store.StoredLink

	seq, atUS int64
	hash      string
	personal  []byte                       // of the newest event
	snapshot  []byte                       // of the link, by the newest event
	states    map[string]string            // of each entity, by its newest event
	bodies    map[string][sha256.Size]byte // of each payment, by its newest event

	slots                  map[string]pay.PaymentID
	applied, open, openSum int64
	payments               int
	captures               map[string]pay.Capture // by movement
	refunds                map[pay.RefundID]pay.Refund
	drift                  error // the first row that its events do not tell of

	ledgerProof
	disputeProof
	surplusRefunds []pay.RefundID
}

func newLinkProof(l store.StoredLink) *linkProof {
	return &linkProof{
		row: l, states: map[string]string{}, bodies: map[string][sha256.Size]byte{}, slots: map[string]pay.PaymentID{},
		captures: map[string]pay.Capture{}, refunds: map[pay.RefundID]pay.Refund{},
		ledgerProof: newLedgerProof(), disputeProof: disputeProof{disputes: map[pay.DisputeID]pay.Dispute{}},
	}
}

func (p *linkProof) breach(rule, format string, args ...any) error {
	return &Breach{rule, row(p.row.Link.Tenant, string(p.row.Link.ID)), fmt.Sprintf(format, args...)}
}

// linkRows are the rows of the link to come: a store.Walk.
type linkRows interface {
	Events(ctx context.Context, link pay.LinkID, fn func(store.StoredEvent) error) error
	Payments(ctx context.Context, link pay.LinkID, fn func(store.StoredPayment) error) error
	Entries(ctx context.Context, link pay.LinkID, fn func(store.StoredEntry) error) error
	Lines(ctx context.Context, link pay.LinkID, fn func(pay.Settlement) error) error
	Payouts(ctx context.Context, link pay.LinkID, fn func(pay.Payout) error) error
}

// rows proves all rows of the link, each for itself and against the others.
func (p *linkProof) rows(ctx context.Context, rows linkRows) error {
	link := p.row.Link.ID
	if err := rows.Events(ctx, link, p.event); err != nil {
		return err
	}
	if err := rows.Payments(ctx, link, p.payment); err != nil {
		return err
	}
	if err := rows.Entries(ctx, link, p.entry); err != nil {
		return err
	}
	if err := p.endMovement(); err != nil {
		return err
	}
	if err := p.everyMovement(); err != nil {
		return err
	}
	if err := rows.Lines(ctx, link, p.line); err != nil {
		return err
	}
	if err := rows.Payouts(ctx, link, p.payout); err != nil {
		return err
	}
	return p.finish()
}

// record is what an event's record says, its snapshot as bytes.
type record struct {
	ID       pay.EventID   `json:"id"`
	Kind     pay.EventKind `json:"kind"`
	Link     pay.LinkID    `json:"link"`
	Seq      int64         `json:"seq"`
	Entity   string        `json:"entity"`
	EntityID string        `json:"entity_id"`
	From     string        `json:"from"`
	To       string        `json:"to"`
	At       time.Time     `json:"at"`
	Personal string        `json:"personal"`
	Snapshot struct {
		Link     jsontext.Value   `json:"link"`
		Payments []jsontext.Value `json:"payments"`
	} `json:"snapshot"`
}

// stated is an entity in a snapshot: who it is and where it stands.
type stated struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

type statedPayment struct {
	stated
	Attempts []stated `json:"attempts"`
	Refunds  []stated `json:"refunds"`
	Disputes []stated `json:"disputes"`
}

// totals are the sums in a link's snapshot.
type totals struct {
	stated
	Seq      int64 `json:"seq"`
	Applied  int64 `json:"applied"`
	Released int64 `json:"released"`
	Refunded int64 `json:"refunded"`
	Disputed int64 `json:"disputed"`
	Settled  int64 `json:"settled"`
}

// event proves E2 and E4 of the next event.
func (p *linkProof) event(e store.StoredEvent) error {
	var r record
	p.seq++
	switch {
	case e.Seq != p.seq:
		return p.breach("E2", "event %d follows event %d", e.Seq, p.seq-1)
	case e.AtUS < p.atUS:
		return p.breach("E2", "event %d is %d µs earlier than the event before", e.Seq, p.atUS-e.AtUS)
	case e.PrevHash != p.hash:
		return p.breach("E4", "event %d follows hash %.12s, the event before has %.12s", e.Seq, e.PrevHash, p.hash)
	case pay.ChainHash(e.PrevHash, e.Record) != e.Hash:
		return p.breach("E4", "event %d has hash %.12s, its record %.12s", e.Seq, e.Hash, pay.ChainHash(e.PrevHash, e.Record))
	case e.Broken != nil:
		return p.breach("E4", "event %d: %v", e.Seq, e.Broken)
	}
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return p.breach("E4", "event %d: its record cannot be read: %v", e.Seq, err)
	}
	switch {
	case r.ID != e.ID || r.Kind != e.Kind || r.Link != e.Link || r.Seq != e.Seq || r.At.UnixMicro() != e.AtUS:
		return p.breach("E4", "event %d: its columns and its record differ", e.Seq)
	case pay.PersonalDigest(e.Salt, e.Personal) != r.Personal:
		return p.breach("E4", "event %d: its personal part is not the one that was hashed", e.Seq)
	}
	p.atUS, p.hash, p.personal, p.snapshot = e.AtUS, e.Hash, e.Personal, r.Snapshot.Link
	if r.Entity == "split" || r.Entity == "settlement" {
		p.told[string(r.ID)] = r.Kind
		p.lineStates[r.EntityID] = r.To
	}
	if err := p.splitEvent(r); err != nil {
		return err
	}
	return p.change(r)
}

// stateless are entities whose state stands nowhere but in their events.
var stateless = map[string]bool{"split": true, "settlement": true}

// change proves E1 of one event: it changes one entity, from where that stood,
// by a move that is listed (INVARIANTS 3, 4), and nothing else in its snapshot
// stands where no event has left it.
func (p *linkProof) change(r record) error {
	legal := pay.Event{Kind: r.Kind, Entity: r.Entity, From: r.From, To: r.To}.Legal()
	if r.From == r.To && !legal {
		return p.breach("E1", "event %d (%s) changes nothing: %s stays %q", r.Seq, r.Kind, r.EntityID, r.To)
	}
	if !stateless[r.Entity] {
		if was := p.states[r.EntityID]; was != r.From {
			return p.breach("E1", "event %d takes %s from %q, which was %q", r.Seq, r.EntityID, r.From, was)
		}
		p.states[r.EntityID] = r.To
	}
	if !legal {
		return p.breach(moveRule(r.Entity), "event %d (%s) takes %s from %q to %q: a move that no table lists", r.Seq, r.Kind, r.EntityID, r.From, r.To)
	}
	var link totals
	if err := json.Unmarshal(r.Snapshot.Link, &link); err != nil || link.Seq != r.Seq {
		return p.breach("E5", "event %d: its snapshot is of event %d (%v)", r.Seq, link.Seq, err)
	}
	entities := []stated{link.stated}
	for _, raw := range r.Snapshot.Payments {
		var payment statedPayment
		if err := json.Unmarshal(raw, &payment); err != nil {
			return p.breach("E5", "event %d: its snapshot cannot be read: %v", r.Seq, err)
		}
		p.bodies[payment.ID] = sha256.Sum256(raw)
		entities = append(append(append(entities, payment.stated), payment.Attempts...), payment.Refunds...)
		entities = append(entities, payment.Disputes...)
	}
	for _, e := range entities {
		if have := p.states[e.ID]; have != e.State {
			return p.breach("E1", "event %d: its snapshot has %s %q, no event made it so: the newest left it %q", r.Seq, e.ID, e.State, have)
		}
	}
	return nil
}

// moveRule is the section of INVARIANTS that lists an entity's moves.
func moveRule(entity string) string {
	if entity == "payment_link" {
		return "3"
	}
	return "4"
}

// payment proves the money of one payment and its slot.
func (p *linkProof) payment(r store.StoredPayment) error {
	p.payments++
	if holds := r.State == pay.PaymentOpen || r.State == pay.PaymentApplied; holds != (r.Slot != "") {
		return p.breach("5.1", "payment %s is %s and has slot %q", r.ID, r.State, r.Slot)
	}
	if other := p.slots[r.Slot]; r.Slot != "" && other != "" {
		return p.breach("5.1", "payments %s and %s both have slot %q", other, r.ID, r.Slot)
	}
	p.slots[r.Slot] = r.ID
	switch r.State {
	case pay.PaymentApplied:
		p.applied++
	case pay.PaymentOpen:
		p.open++
		p.openSum += r.Requested
	}
	for _, a := range r.Attempts {
		if err := p.attempt(a, r.Payment.Refunds); err != nil {
			return err
		}
	}
	if err := p.disputed(r); err != nil {
		return err
	}
	for _, a := range r.Payment.Attempts {
		if err := p.taken(a); err != nil {
			return err
		}
		if err := p.shared(r.ID, a, r.Payment.Refunds); err != nil {
			return err
		}
	}
	if !r.Payment.SettledAt.IsZero() {
		p.settledAt[r.ID] = r.Payment.SettledAt
	}
	for _, f := range r.Payment.Refunds {
		p.refunds[f.ID] = f
	}
	if p.drift == nil {
		p.drift = p.replayed(r)
	}
	return nil
}

// attempt proves M4, by its own figures and by the refunds they are made of.
func (p *linkProof) attempt(a store.StoredAttempt, refunds []pay.Refund) error {
	if a.Refunded < 0 || a.Refunding < 0 || a.Refunded+a.Refunding > a.Captured || a.Captured > a.Authorized || a.Authorized > a.Requested {
		return p.breach("M4", "attempt %s has refunded %d + refunding %d, captured %d, authorized %d, requested %d",
			a.ID, a.Refunded, a.Refunding, a.Captured, a.Authorized, a.Requested)
	}
	var refunded, refunding int64
	for _, f := range refunds {
		switch {
		case f.Attempt != a.ID || f.State == pay.RefundFailed:
		case f.State == pay.RefundSucceeded:
			refunded += f.Amount
		default:
			refunding += f.Amount
		}
	}
	if refunded != a.Refunded || refunding != a.Refunding {
		return p.breach("M4", "attempt %s has refunded %d and refunding %d, its refunds sum to %d and %d", a.ID, a.Refunded, a.Refunding, refunded, refunding)
	}
	return nil
}

// replayed proves that a payment's rows are what its events left (E1, E5).
func (p *linkProof) replayed(r store.StoredPayment) error {
	if have := p.states[string(r.ID)]; have != string(r.State) {
		return p.breach("E1", "payment %s is %q, its newest event left it %q", r.ID, r.State, have)
	}
	for _, a := range r.Attempts {
		if have := p.states[string(a.ID)]; have != string(a.State) {
			return p.breach("E1", "attempt %s is %q, its newest event left it %q", a.ID, a.State, have)
		}
	}
	for _, d := range r.Payment.Disputes {
		if have := p.states[string(d.ID)]; have != string(d.State) {
			return p.breach("E1", "dispute %s is %q, its newest event left it %q", d.ID, d.State, have)
		}
	}
	if p.bodies[string(r.ID)] != sha256.Sum256(r.Body) {
		return p.breach("E5", "payment %s is not as its newest event tells", r.ID)
	}
	if d := r.Drift(); d != "" {
		return p.breach("E5", "payment %s: %s", r.ID, d)
	}
	if len(r.Attempts) != len(r.Payment.Attempts) {
		return p.breach("E5", "payment %s has %d attempts, its newest event tells of %d", r.ID, len(r.Attempts), len(r.Payment.Attempts))
	}
	rows := map[pay.AttemptID]store.StoredAttempt{}
	for _, a := range r.Attempts {
		rows[a.ID] = a
	}
	for _, a := range r.Payment.Attempts {
		if !store.SameAttempt(rows[a.ID], a) {
			return p.breach("E5", "attempt %s is not as its newest event tells", a.ID)
		}
		if d := rows[a.ID].Drift(); d != "" {
			return p.breach("E5", "attempt %s: %s", a.ID, d)
		}
	}
	return p.disputeRows(r)
}

// finish proves what events, payments and ledger have in common with the row.
func (p *linkProof) finish() error {
	for _, prove := range []func() error{p.surplusReturns, p.splits, p.everyPayout, p.totals, p.everyLine, func() error { return p.drift }, p.replay} {
		if err := prove(); err != nil {
			return err
		}
	}
	return nil
}

// totals proves M5, M6 and M11.
func (p *linkProof) totals() error {
	r, use := p.row, p.row.Link.Use
	if total, ok := r.Link.Total(); ok && len(r.Link.Price.PerMethod) == 0 && r.Applied+r.Released+p.openSum > total {
		return p.breach("M5", "applied %d + released %d + reserved %d is more than the total of %d", r.Applied, r.Released, p.openSum, total)
	}
	if want := p.applied; !use.Parts && r.UseCount != want || use.Parts && r.UseCount != 0 {
		return p.breach("M6", "use_count is %d, %d payments are applied", r.UseCount, want)
	}
	if !use.Parts && r.MaxUses > 0 && r.UseCount+p.open > r.MaxUses {
		return p.breach("M6", "use_count %d + %d reservations is more than %d uses", r.UseCount, p.open, r.MaxUses)
	}
	var last totals
	if err := json.Unmarshal(p.snapshot, &last); err != nil {
		return p.breach("M11", "no event tells of the link")
	}
	if r.Applied != p.ledger || r.Applied != last.Applied || r.Released != last.Released {
		return p.breach("M11", "applied is %d, the ledger sums to %d, the newest event tells of %d; released is %d and %d",
			r.Applied, p.ledger, last.Applied, r.Released, last.Released)
	}
	if r.Link.Refunded != p.back || last.Refunded != p.back {
		return p.breach("M11", "refunded is %d, the ledger sums to %d, the newest event tells of %d", r.Link.Refunded, p.back, last.Refunded)
	}
	if r.Link.Disputed != p.away || last.Disputed != p.away {
		return p.breach("M11", "disputed is %d, the ledger sums to %d, the newest event tells of %d", r.Link.Disputed, p.away, last.Disputed)
	}
	if last.Settled != r.Link.Settled || p.settled != r.Link.Settled {
		return p.breach("M11", "settled is %d, settlement lines sum to %d, the newest event tells of %d", r.Link.Settled, p.settled, last.Settled)
	}
	return nil
}

// replay proves that the link's row is what its events left (E1, E4, E5).
func (p *linkProof) replay() error {
	r := p.row
	switch have := p.states[string(r.Link.ID)]; {
	case have != string(r.State):
		return p.breach("E1", "the link is %q, its newest event left it %q", r.State, have)
	case r.Seq != p.seq:
		return p.breach("E2", "the link has seen %d events, %d are stored", r.Seq, p.seq)
	case r.LastHash != p.hash:
		return p.breach("E4", "the link's last hash is %.12s, its newest event has %.12s", r.LastHash, p.hash)
	case !bytes.Equal(r.Body, p.snapshot):
		return p.breach("E5", "the link is not as its newest event tells")
	case r.Drift() != "":
		return p.breach("E5", "%s", r.Drift())
	case !bytes.Equal(r.Personal, p.personal):
		return p.breach("E5", "its personal part is not the one of its newest event")
	case len(p.bodies) != p.payments:
		return p.breach("E5", "%d payments are stored, events tell of %d", p.payments, len(p.bodies))
	}
	return nil
}
