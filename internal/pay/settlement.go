package pay

import (
	"slices"
	"strings"
	"time"
)

// SettlementState is how far one line of a settlement is.
type SettlementState string

// The states of a settlement line.
const (
	LineExpected SettlementState = "expected" // the money moved; the processor has not settled it
	LineSettled  SettlementState = "settled"  // it is the merchant's to use
	LineMissing  SettlementState = "missing"  // it should have been settled by now
	LineReversed SettlementState = "reversed" // the processor took it back
)

var settlementMoves = map[SettlementState][]SettlementState{
	"":           {LineExpected, LineSettled}, // settled: what only a report tells of
	LineExpected: {LineSettled, LineMissing},
	LineMissing:  {LineSettled},
	LineSettled:  {LineReversed},
}

// Settlement is one line of what a processor settles. It names exactly one
// movement, and no other line names that (M10).
type Settlement struct {
	Tenant
	Movement  string    // "capture:att_…", "refund:ref_…", "dispute:dsp_…", "fee:…", "adjustment:…"
	Link      LinkID    // empty for what belongs to no link
	Payment   PaymentID // empty likewise
	Processor string
	State     SettlementState
	Amount    Money  // Minor is signed: what the balance gains
	Reference string // what the processor's report calls it
	CreatedAt time.Time
	SettledAt time.Time // by the processor's word
	UpdatedAt time.Time

	Was SettlementState // as it is stored; empty when it is new
}

// Told is what a report says of one movement.
type Told struct {
	Movement  string
	Processor string
	Amount    Money // signed, before the fee
	Fee       int64 // minor units that the processor kept of it
	Reference string
	At        time.Time
}

// ErrMismatch says that a report and the books disagree; nothing was changed.
func ErrMismatch(what string, have, told Money) *Error {
	return &Error{Kind: Conflict, Code: "settlement_mismatch", Detail: what + ": the books have " + have.String() + ", the report says " + told.String()}
}

// expect notes that a movement of an attempt is to be settled.
func (t *Tab) expect(movement string, a *Attempt, minor int64) {
	t.Lines = append(t.Lines, Settlement{
		Tenant: t.Link.Tenant, Movement: movement, Link: t.Link.ID, Payment: a.Payment, Processor: a.Processor, State: LineExpected,
		Amount: Money{minor, a.Currency}, CreatedAt: t.Now, UpdatedAt: t.Now,
	})
}

func (t *Tab) line(movement string) *Settlement {
	for i := range t.Lines {
		if t.Lines[i].Movement == movement {
			return &t.Lines[i]
		}
	}
	return nil
}

// FeeOf is the movement that a processor's fee for another movement is. Both of
// a dispute's are called by its id, so the second keeps its kind.
func FeeOf(movement string) string {
	kind, id, _ := strings.Cut(movement, ":")
	if kind == "dispute_reversal" {
		return "fee:" + movement
	}
	return "fee:" + id
}

// SettleLine writes down that a processor settled a movement: what it owed us
// is now ours to use, but for its fee. Told the same again it changes nothing.
// The line and its fee's must be among t.Lines.
// Errors: ErrNotFound, settlement_mismatch, invalid_state.
func (t *Tab) SettleLine(told Told) (changed bool, err error) {
	line := t.line(told.Movement)
	if line == nil {
		return false, ErrNotFound
	}
	if err := agree(*line, t.line(FeeOf(told.Movement)), told); err != nil || line.State == LineSettled {
		return false, err
	}
	p := t.payment(line.Payment)
	if p == nil {
		return false, ErrNotFound
	}
	if !follows(settlementMoves, line.State, LineSettled) {
		return false, ErrState("a settlement line that is %s cannot be settled", line.State)
	}
	line.Reference, line.SettledAt = told.Reference, told.At
	if counted(p, line) > 0 {
		t.Link.Settled += line.Amount.Minor
	}
	t.moveLine(p, line, LineSettled)
	t.post("settle:"+line.Movement, line.Amount.Currency, processorAccount(line.Processor), leg{accountSettled, line.Amount.Minor})
	if told.Fee > 0 {
		fee := *line
		fee.Movement, fee.State, fee.Was, fee.CreatedAt = FeeOf(line.Movement), "", "", t.Now
		fee.Amount.Minor = -told.Fee
		t.moveLine(p, &fee, LineSettled)
		t.Lines = append(t.Lines, fee)
		t.post(fee.Movement, fee.Amount.Currency, accountFees, leg{accountSettled, -told.Fee})
	}
	return true, nil
}

// agree holds what is told against the line and, once it is settled, its fee.
func agree(line Settlement, fee *Settlement, told Told) error {
	switch {
	case told.Processor != line.Processor:
		return &Error{Kind: Conflict, Code: "settlement_mismatch", Detail: "it was taken by " + line.Processor + ", not by the processor that reports it"}
	case told.Amount != line.Amount:
		return ErrMismatch("amount", line.Amount, told.Amount)
	case line.State != LineSettled:
		return nil
	}
	kept := Money{0, line.Amount.Currency}
	if fee != nil {
		kept.Minor = -fee.Amount.Minor
	}
	if kept.Minor != told.Fee {
		return ErrMismatch("fee", kept, Money{told.Fee, told.Amount.Currency})
	}
	return nil
}

// ReverseLine writes down that a processor took a settlement back. Told the
// same again it changes nothing. Its fee stays paid.
// Errors: ErrNotFound, settlement_mismatch, invalid_state.
func (t *Tab) ReverseLine(told Told) (changed bool, err error) {
	line := t.line(told.Movement)
	if line == nil {
		return false, ErrNotFound
	}
	if line.Amount != told.Amount {
		return false, ErrMismatch("amount", line.Amount, told.Amount)
	}
	if line.State == LineReversed {
		return false, nil
	}
	p := t.payment(line.Payment)
	if p == nil {
		return false, ErrNotFound
	}
	if !follows(settlementMoves, line.State, LineReversed) {
		return false, ErrState("a settlement line that is %s cannot be reversed", line.State)
	}
	if counted(p, line) > 0 {
		t.Link.Settled -= line.Amount.Minor
	}
	t.moveLine(p, line, LineReversed)
	t.post("reverse:"+line.Movement, line.Amount.Currency, accountSettled, leg{processorAccount(line.Processor), line.Amount.Minor})
	return true, nil
}

// MissLine notes that a movement should have been settled by now.
// Errors: ErrNotFound, invalid_state unless it is expected.
func (t *Tab) MissLine(movement string) error {
	line := t.line(movement)
	if line == nil {
		return ErrNotFound
	}
	p := t.payment(line.Payment)
	if p == nil {
		return ErrNotFound
	}
	if !follows(settlementMoves, line.State, LineMissing) {
		return ErrState("a settlement line that is %s cannot be missing", line.State)
	}
	t.moveLine(p, line, LineMissing)
	return nil
}

// counted is which capture that counts a line is of: 1, 2, …; 0 for none.
func counted(p *Payment, line *Settlement) (n int) {
	a := p.counting()
	if a == nil {
		return 0
	}
	return 1 + slices.IndexFunc(numbered(a), func(movement string) bool { return movement == line.Movement })
}

// numbered are the movements of an attempt's captures; empty for surplus.
func numbered(a *Attempt) (movements []string) {
	for i, c := range a.Captures {
		movement := CaptureOf(a.ID, i+1)
		if c.Surplus {
			movement = ""
		}
		movements = append(movements, movement)
	}
	return movements
}

// settledAt is since when all captures of a payment that count are settled;
// zero while one is not.
func (t *Tab) settledAt(p *Payment) (at time.Time) {
	for _, movement := range numbered(p.counting()) {
		if movement == "" {
			continue
		}
		line := t.line(movement)
		if line == nil || line.State != LineSettled {
			return time.Time{}
		}
		if line.SettledAt.After(at) {
			at = line.SettledAt
		}
	}
	return at
}

// moveLine takes a line to another state and tells of it: as the payment's
// settlement where with it all of the payment is settled.
func (t *Tab) moveLine(p *Payment, line *Settlement, to SettlementState) {
	from := line.State
	line.State, line.UpdatedAt = to, t.Now
	kind, id := EventKind("settlement."+string(to)), line.Movement
	if n := counted(p, line); n > 0 {
		p.SettledAt, p.UpdatedAt = t.settledAt(p), t.Now
		if n == 1 {
			id = string(p.ID)
		}
		if !p.SettledAt.IsZero() {
			kind = EventPaymentSettled
		}
	}
	t.event(kind, "settlement", id, string(from), string(to), p.ID)
}

// SettleFunds settles all that is open of a payment, without a fee, as a bank
// in test mode does. The payment's lines must be among t.Lines.
// Errors: invalid_state unless it counts and was not settled before.
func (t *Tab) SettleFunds(id PaymentID) error {
	p := t.payment(id)
	if p == nil {
		return ErrNotFound
	}
	if p.State != PaymentApplied || !p.SettledAt.IsZero() {
		return ErrState("the payment has no money that is still to be settled")
	}
	for _, line := range t.Lines {
		if line.Payment != id || !follows(settlementMoves, line.State, LineSettled) {
			continue
		}
		if _, err := t.SettleLine(Told{Movement: line.Movement, Processor: line.Processor, Amount: line.Amount, At: t.Now}); err != nil {
			return err
		}
	}
	return nil
}

// LoneLine is a line that belongs to no link, with its entries: a fee that was
// charged apart, or an adjustment. told.Amount is what the balance gains.
func LoneLine(tenant Tenant, told Told, now time.Time) (Settlement, []Entry) {
	line := Settlement{
		Tenant: tenant, Movement: told.Movement, Processor: told.Processor, State: LineSettled, Amount: told.Amount, Reference: told.Reference,
		CreatedAt: now, SettledAt: told.At, UpdatedAt: now,
	}
	from := accountMerchant
	if strings.HasPrefix(told.Movement, "fee:") {
		from = accountFees
	}
	return line, entries(told.Movement, told.Amount.Currency, now, from, leg{accountSettled, told.Amount.Minor})
}

// Balance is what a merchant's ledger sums to in one currency, in minor units.
type Balance struct {
	Currency Currency
	Pending  int64 // taken and not settled
	Settled  int64 // settled, less fees and what was paid out
	Held     int64 // of splits on hold, whether it is settled or not
	Owed     int64 // of splits, free and not transferred, likewise
	Surplus  int64 // what is nobody's and goes back, likewise

	Transferred int64 // paid to the accounts of splits, ever
	PaidOut     int64 // paid to the merchant, ever
}

// Available is what may leave the balance: what is settled, less all that is on
// hold (M10). Less than zero only where more was settled back than came in.
func (b Balance) Available() int64 { return min(b.Settled, max(b.Settled-b.Held, 0)) }

// Payable is what the merchant itself may be paid: what is available, less what
// the accounts of splits are still to be paid and what payers are to get back.
func (b Balance) Payable() int64 { return max(b.Settled-b.Held-b.Owed-b.Surplus, 0) }
