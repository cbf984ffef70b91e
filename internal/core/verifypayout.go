package core

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"

	"paylink/internal/pay"
)

// payoutProof gathers what of one link, or of none, left the settled balance,
// and what became of its splits.
type payoutProof struct {
	moved       map[string]pay.Money      // payouts and transfers by the ledger, that no row was seen of
	transferred map[string]int64          // by account, by the ledger
	states      map[string]pay.SplitState // of splits, by the newest event
	sent        map[string]int64          // of splits, transferred by the newest event
	told        int                       // events of transfers
	paid        map[string]int64          // by account, by the rows
}

func newPayoutProof() payoutProof {
	return payoutProof{moved: map[string]pay.Money{}, transferred: map[string]int64{}, states: map[string]pay.SplitState{}, sent: map[string]int64{}, paid: map[string]int64{}}
}

// splitMovements are the events that movements of splits belong to.
var splitMovements = map[string]pay.EventKind{
	"release": pay.EventSplitReleased, "unsplit": pay.EventSplitCanceled, "hold": pay.EventSplitHeld,
}

// splitEvent proves E1 of an event of a split. Programs of before told no
// states: a split of theirs has none in the snapshot.
func (p *linkProof) splitEvent(r record) error {
	if r.Entity != "split" {
		return nil
	}
	was, known := p.out.states[r.EntityID]
	if known && r.From != string(was) {
		return p.breach("E1", "event %d takes %s from %q, which was %q", r.Seq, r.EntityID, r.From, was)
	}
	var link struct {
		Splits []pay.Split `json:"splits"`
	}
	if err := json.Unmarshal(r.Snapshot.Link, &link); err != nil {
		return p.breach("E5", "event %d: its snapshot cannot be read: %v", r.Seq, err)
	}
	for i, s := range link.Splits {
		if r.EntityID != splitName(i) || s.State == "" {
			continue
		}
		if s.Transferred != p.out.sent[r.EntityID] { // else a refund left nothing to transfer
			p.out.sent[r.EntityID], p.out.told = s.Transferred, p.out.told+1
		}
		if p.out.states[r.EntityID] = s.State; string(s.State) != r.To {
			return p.breach("E1", "event %d leaves %s %q, its snapshot has it %q", r.Seq, r.EntityID, r.To, s.State)
		}
	}
	return nil
}

func splitName(i int) string { return "split:" + strconv.Itoa(i) }

// splitStands proves that a split is where its events left it and its sums
// are, and that the ledger paid its account what it says.
func (p *linkProof) splitStands(i int, s pay.Split) error {
	if told := p.out.states[splitName(i)]; s.State != told {
		return p.breach("E1", "split %d is %q, its newest event left it %q", i, s.State, told)
	}
	if s.State != "" && s.State != s.Stands() {
		return p.breach("E1", "split %d is %q, its sums make it %q", i, s.State, s.Stands())
	}
	if paid, rows := p.out.transferred[splitName(i)], p.out.paid[splitName(i)]; paid != s.Transferred || rows != s.Transferred {
		return p.breach("M10", "split %d was transferred %d, the ledger has %d, the transfers sum to %d", i, s.Transferred, paid, rows)
	}
	return nil
}

// payout proves M10 of a payout or transfer: the ledger moved so much, and no
// more than could be paid out when it was decided.
func (p *linkProof) payout(o pay.Payout) error {
	if have := p.out.moved[o.Movement()]; have != o.Amount {
		return p.breach("M10", "%s %s is of %s, the ledger moved %s", o.Kind(), o.ID, o.Amount, have)
	}
	if delete(p.out.moved, o.Movement()); o.Amount.Minor > o.Available {
		return p.breach("M10", "%s %s is of %s, and %d could be paid out", o.Kind(), o.ID, o.Amount, o.Available)
	}
	if o.Link == "" {
		return nil
	}
	p.out.told--
	p.out.paid[splitName(o.Split)] += o.Amount.Minor
	if l := p.row.Link; o.Split < 0 || o.Split >= len(l.Splits) || o.Account != l.Splits[o.Split].Account {
		return p.breach("M10", "transfer %s is to account %s, which split %d is not of", o.ID, o.Account, o.Split)
	}
	return nil
}

// everyPayout proves that nothing left the balance that no row says so of
// (M10), and that each transfer was told of (E1).
func (p *linkProof) everyPayout() error {
	for name, amount := range p.out.moved {
		return p.breach("M10", "movement %s took %s off the balance, and no payout says so", name, amount)
	}
	if p.out.told != 0 {
		return p.breach("E1", "%d more events tell of transfers than there are", p.out.told)
	}
	return nil
}

// paid proves M10 of all that a tenant paid out: each was decided alone, none
// is lost, and together they are no more than ever was on the balance.
func (v *verifier) paid(ctx context.Context, t pay.Tenant) error {
	list, err := v.snapshot.Paid(ctx, t)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Count != p.Last || p.Count != p.Purse {
			return &Breach{"M10", row(t), fmt.Sprintf("%d payouts in %s, the newest is number %d, the purse is at %d", p.Count, p.Currency, p.Last, p.Purse)}
		}
		if p.Paid > p.Had {
			return &Breach{"M10", row(t), fmt.Sprintf("%d %s were paid out, %d ever were on the balance", p.Paid, p.Currency, p.Had)}
		}
	}
	return nil
}
