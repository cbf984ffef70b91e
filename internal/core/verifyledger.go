package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// ledgerProof gathers the ledger and the settlement lines of one link, or of
// what belongs to none, to hold them against each other and the payments.
type ledgerProof struct {
	movement     movement
	moved        map[string]bool
	accounts     map[string]int64 // by account
	ledger, back int64            // captures that count and refunds of them, by the ledger
	surplus      map[pay.AttemptID]int64

	net     []int64                  // of each split, and the merchant last: shares less what was taken back
	counted map[string]pay.PaymentID // captures that count, by movement
	told    map[string]pay.EventKind // events of splits and settlements, by id

	posted     map[string]pay.Money        // captures and refunds that no line was seen of
	funds      map[string]pay.Money        // what each movement put on the settled balance, likewise
	lineStates map[string]string           // by the newest event
	settledAt  map[pay.PaymentID]time.Time // by the payments
	settling   map[pay.PaymentID]settling  // by the lines
	settled    int64                       // of payments, by the lines
	out        payoutProof
}

// settling is how far the captures of a payment that count are settled.
type settling struct {
	last time.Time
	open bool // one is not
}

func newLedgerProof() ledgerProof {
	return ledgerProof{
		moved: map[string]bool{}, accounts: map[string]int64{}, surplus: map[pay.AttemptID]int64{}, counted: map[string]pay.PaymentID{},
		told: map[string]pay.EventKind{}, posted: map[string]pay.Money{}, funds: map[string]pay.Money{}, lineStates: map[string]string{},
		settledAt: map[pay.PaymentID]time.Time{}, settling: map[pay.PaymentID]settling{}, out: newPayoutProof(),
	}
}

// movement is the ledger's lines of one movement, as sums by kind of account.
type movement struct {
	name string
	sums map[pay.Currency]int64
	by   map[string]int64
}

// movesOn are the kinds of account that each kind of movement is between.
var movesOn = map[string][]string{
	"capture": {"processor", "merchant", "split", "held", "surplus"}, "refund": {"processor", "merchant", "split", "held", "surplus"},
	"dispute": {"processor", "disputed"}, "dispute_reversal": {"processor", "disputed"},
	"dispute_loss": {"disputed", "merchant", "split", "held", "surplus"}, "release": {"held", "split"}, "unsplit": {"held", "merchant"},
	"hold": {"held", "split"}, "payout": {"settled", "merchant"}, "transfer": {"settled", "split"},
	"settle": {"processor", "settled"}, "reverse": {"processor", "settled"}, "fee": {"settled", "fees"}, "adjustment": {"settled", "merchant"},
}

func (p *linkProof) entry(e store.StoredEntry) error {
	if e.Movement != p.movement.name {
		if err := p.endMovement(); err != nil {
			return err
		}
		p.movement = movement{name: e.Movement, sums: map[pay.Currency]int64{}, by: map[string]int64{}}
	}
	kind, _, _ := strings.Cut(e.Movement, ":")
	account, _, _ := strings.Cut(e.Account, ":")
	if !slices.Contains(movesOn[kind], account) {
		return p.breach("M9", "movement %s is of no known kind, or has nothing to do with %s", e.Movement, e.Account)
	}
	p.movement.sums[e.Currency] += e.Amount
	p.movement.by[account] += e.Amount
	p.accounts[e.Account] += e.Amount
	if kind == "transfer" && account == "split" {
		p.out.transferred[e.Account] += e.Amount
	}
	return nil
}

// endMovement proves M8 and M9 of a whole movement.
func (p *linkProof) endMovement() error {
	m := p.movement
	if p.movement = (movement{}); m.name == "" {
		return nil
	}
	currency := pay.Currency("")
	for c, sum := range m.sums {
		if currency = c; sum != 0 {
			return p.breach("M9", "movement %s sums to %d %s, not to zero", m.name, sum, c)
		}
	}
	if p.moved[m.name] = true; len(m.sums) > 1 {
		return p.breach("M9", "movement %s is in %d currencies", m.name, len(m.sums))
	}
	shares := -m.by["merchant"] - m.by["split"] - m.by["held"]
	kind, id, _ := strings.Cut(m.name, ":")
	switch kind {
	case "capture":
		c, ok := p.captures[m.name]
		if !ok {
			return p.breach("M9", "movement %s is of a capture that is not there", m.name)
		}
		if m.by["processor"] != c.Amount || c.Surplus != (m.by["surplus"] != 0) {
			return p.breach("M8", "movement %s shares out %d of %d, %d of it surplus; the capture is %d", m.name, shares, m.by["processor"], -m.by["surplus"], c.Amount)
		}
		p.ledger += shares
		if c.Surplus {
			attempt, _, _ := strings.Cut(id, ":")
			p.surplus[pay.AttemptID(attempt)] += c.Amount
		}
		p.posted[m.name] = pay.Money{Minor: c.Amount, Currency: currency}
	case "refund":
		f := p.refunds[pay.RefundID(id)]
		if f.State != pay.RefundSucceeded || m.by["processor"] != -f.Amount {
			return p.breach("M9", "movement %s gives back %d, the refund is %d and %q", m.name, -m.by["processor"], f.Amount, f.State)
		}
		if lost := -shares; f.Surplus && lost != f.Loss {
			return p.breach("M8", "movement %s of surplus takes %d from the merchant, who lost %d by it", m.name, lost, f.Loss)
		} else if !f.Surplus {
			p.back += lost
		}
		p.posted[m.name] = pay.Money{Minor: -f.Amount, Currency: currency}
	case "dispute", "dispute_reversal", "dispute_loss":
		return p.disputeMovement(kind, id, m, currency)
	case "release", "unsplit", "hold":
		if p.told[id] != splitMovements[kind] {
			return p.breach("M9", "movement %s is of no event of a split", m.name)
		}
	case "payout", "transfer":
		p.out.moved[m.name] = pay.Money{Minor: -m.by["settled"], Currency: currency}
	default:
		p.funds[m.name] = pay.Money{Minor: m.by["settled"], Currency: currency}
	}
	return nil
}

// everyMovement proves that all money that moved is in the ledger (M9).
func (p *linkProof) everyMovement() error {
	for movement, c := range p.captures {
		if !p.moved[movement] {
			return p.breach("M9", "%s took %d, the ledger has no such movement", movement, c.Amount)
		}
	}
	for id, f := range p.refunds {
		if f.State == pay.RefundSucceeded && !p.moved["refund:"+string(id)] {
			return p.breach("M9", "refund %s gave back %d, the ledger has no such movement", id, f.Amount)
		}
	}
	return p.everyDispute()
}

// taken proves that an attempt's captures are what it captured (M4).
func (p *linkProof) taken(a pay.Attempt) error {
	sum := int64(0)
	for i, c := range a.Captures {
		sum += c.Amount
		p.captures[pay.CaptureOf(a.ID, i+1)] = c
	}
	if sum != a.Captured {
		return p.breach("M4", "attempt %s captured %d, its captures sum to %d", a.ID, a.Captured, sum)
	}
	return nil
}

// shared proves M7 and M8 of an attempt whose money counts and was shared out.
func (p *linkProof) shared(of pay.PaymentID, a pay.Attempt, refunds []pay.Refund) error {
	if a.Shares == nil {
		return nil
	}
	if !p.row.Link.Priced(a) {
		return p.breach("M7", "attempt %s counts and was for %d %s, which is not what the link asks for", a.ID, a.Requested, a.Currency)
	}
	counts := int64(0)
	for i, c := range a.Captures {
		if !c.Surplus {
			counts += c.Amount
			p.counted[pay.CaptureOf(a.ID, i+1)] = of
		}
	}
	if p.net == nil {
		p.net = make([]int64, len(p.row.Link.Splits)+1)
	}
	if len(a.Shares) != len(p.net) {
		return p.breach("M8", "attempt %s has %d shares, the link has %d splits", a.ID, len(a.Shares), len(p.net)-1)
	}
	var shares, reversed int64
	for i, share := range a.Shares {
		shares += share
		p.net[i] += share
		if i < len(a.Reversed) {
			reversed += a.Reversed[i]
			p.net[i] -= a.Reversed[i]
			if a.Reversed[i] < 0 || a.Reversed[i] > share {
				return p.breach("M8", "attempt %s reversed %d of share %d, which is %d", a.ID, a.Reversed[i], i, share)
			}
		}
	}
	back := int64(0)
	for _, f := range refunds {
		if f.Attempt == a.ID && !f.Surplus && f.State == pay.RefundSucceeded {
			back += f.Amount - f.Loss
		}
	}
	if back += p.reversedBy(a.ID); shares != counts || reversed != back {
		return p.breach("M8", "attempt %s captured %d that count and gave back %d, its shares sum to %d and %d", a.ID, counts, back, shares, reversed)
	}
	return nil
}

// splits proves M8 of every split: what it holds, was given and gave up is its
// shares, and what the ledger has of it.
func (p *linkProof) splits() error {
	if p.net == nil {
		p.net = make([]int64, len(p.row.Link.Splits)+1)
	}
	own := p.net[len(p.net)-1]
	for i, s := range p.row.Link.Splits {
		held, given := -p.accounts["held:"+strconv.Itoa(i)], s.Transferred-p.accounts["split:"+strconv.Itoa(i)]
		if err := p.splitStands(i, s); err != nil {
			return err
		}
		if s.Held != held || s.Given != given || s.Held+s.Given+s.Kept != p.net[i] || min(s.Held, s.Given, s.Kept) < 0 {
			return p.breach("M8", "split %d holds %d, was given %d and gave up %d of %d; the ledger has %d and %d", i, s.Held, s.Given, s.Kept, p.net[i], held, given)
		}
		own += s.Kept
	}
	own -= p.loss
	if have := -p.accounts["merchant"]; have != own {
		return p.breach("M8", "the merchant's shares sum to %d, the ledger has %d", own, have)
	}
	return nil
}

// line proves M10 of one settlement line: its movement moved so much, and what
// is settled of it is on the balance, once.
func (p *linkProof) line(l pay.Settlement) error {
	kind, id, _ := strings.Cut(l.Movement, ":")
	was := l.State == pay.LineSettled || l.State == pay.LineReversed
	if p.row.Link.ID != "" && l.Amount.Currency != p.row.Link.Price.Currency {
		return p.breach("M3", "settlement line %s is in %s", l.Movement, l.Amount.Currency)
	}
	key, funds := l.Movement, l.Movement
	switch kind {
	case "capture", "refund", "dispute", "dispute_reversal":
		if have := p.posted[l.Movement]; have != l.Amount {
			return p.breach("M10", "settlement line %s is of %s, the ledger moved %s", l.Movement, l.Amount, have)
		}
		delete(p.posted, l.Movement)
		funds = "settle:" + l.Movement
	default:
		if !was {
			return p.breach("M10", "settlement line %s is %s, and is settled as it comes", l.Movement, l.State)
		}
	}
	for name, want := range map[string]bool{funds: was, "reverse:" + l.Movement: l.State == pay.LineReversed} {
		have, ok := p.funds[name]
		if delete(p.funds, name); strings.HasPrefix(name, "reverse:") {
			have.Minor = -have.Minor
		}
		if ok != want || ok && have != l.Amount {
			return p.breach("M10", "settlement line %s is %s with %s, movement %s of the ledger has %s", l.Movement, l.State, l.Amount, name, have)
		}
	}
	if of, counts := p.counted[l.Movement]; counts {
		if !strings.Contains(id, ":") {
			key = string(of) // a first capture's settlement is told as the payment's
		}
		s := p.settling[of]
		if l.State == pay.LineSettled {
			p.settled += l.Amount.Minor
			s.last = latest(s.last, l.SettledAt)
		} else {
			s.open = true
		}
		p.settling[of] = s
	}
	if want := cmp.Or(p.lineStates[key], string(pay.LineExpected)); p.row.Link.ID != "" && want != string(l.State) {
		return p.breach("E1", "settlement line %s is %q, its newest event left it %q", l.Movement, l.State, want)
	}
	return nil
}

// everyLine proves that each movement has its line, and that nothing was
// settled of which there is none (M10).
func (p *linkProof) everyLine() error {
	for name, amount := range p.posted {
		return p.breach("M10", "movement %s of %s has no settlement line", name, amount)
	}
	for name, amount := range p.funds {
		return p.breach("M10", "movement %s put %s on the balance, and no settlement line says so", name, amount)
	}
	for of, s := range p.settling {
		want := s.last
		if s.open {
			want = time.Time{}
		}
		if at := p.settledAt[of]; !at.Equal(want) {
			return p.breach("M10", "payment %s was settled at %v, by its lines at %v", of, at, want)
		}
		delete(p.settledAt, of)
	}
	for id, at := range p.settledAt {
		return p.breach("M10", "payment %s was settled at %v, and no settlement line says so", id, at)
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// surplusReturns proves that money that does not count was asked to go back
// (5.6), and goes back once: only what was not given back is asked for again.
func (p *linkProof) surplusReturns() error {
	asked, back := map[pay.AttemptID]int64{}, map[pay.AttemptID]int64{}
	for id, f := range p.refunds {
		if f.Surplus {
			if asked[f.Attempt] += f.Amount; f.State != pay.RefundFailed {
				back[f.Attempt] += f.Amount
			}
			p.surplusRefunds = append(p.surplusRefunds, id)
		}
	}
	for id, minor := range p.surplus {
		if asked[id] < minor || back[id] > minor {
			return p.breach("5.6", "attempt %s took %d too much, refunds of it sum to %d, %d of it made or under way", id, minor, asked[id], back[id])
		}
	}
	return nil
}
