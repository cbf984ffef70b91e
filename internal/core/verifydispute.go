package core

import (
	"paylink/internal/pay"
	"paylink/internal/store"
)

// disputeProof gathers a link's disputes, to hold them against its payments and
// the ledger.
type disputeProof struct {
	disputes map[pay.DisputeID]pay.Dispute
	away     int64 // of money that counts, by the ledger
	loss     int64 // what payers had back twice, by the refunds and disputes
}

// disputed proves the disputes of one payment: each attempt's sum, and the rows.
func (p *linkProof) disputed(r store.StoredPayment) error {
	sums := map[pay.AttemptID]int64{}
	for _, d := range r.Payment.Disputes {
		p.disputes[d.ID] = d
		if d.State.Counts() {
			sums[d.Attempt] += d.Amount
		}
		if spent := d.Reversed + d.Loss; spent > d.Amount || min(d.Reversed, d.Loss) < 0 || spent > 0 && !d.State.Against() {
			return p.breach("M8", "dispute %s about %d is %s, took %d of the shares and lost %d", d.ID, d.Amount, d.State, d.Reversed, d.Loss)
		}
		p.loss += d.Loss
	}
	for _, a := range r.Attempts {
		if a.Disputed != sums[a.ID] || a.Disputed > a.Captured {
			return p.breach("M4", "attempt %s captured %d and has %d disputed, its disputes sum to %d", a.ID, a.Captured, a.Disputed, sums[a.ID])
		}
	}
	for _, f := range r.Payment.Refunds {
		p.loss += f.Loss
	}
	return nil
}

// disputeRows proves that the rows of a payment's disputes are what its newest
// event tells (E5).
func (p *linkProof) disputeRows(r store.StoredPayment) error {
	if len(r.Disputes) != len(r.Payment.Disputes) {
		return p.breach("E5", "payment %s has %d disputes, its newest event tells of %d", r.ID, len(r.Disputes), len(r.Payment.Disputes))
	}
	for _, row := range r.Disputes {
		if d := row.Drift(); d != "" {
			return p.breach("E5", "dispute %s: %s", row.ID, d)
		}
		if !store.SameDispute(row, p.disputes[row.ID]) {
			return p.breach("E5", "dispute %s is not as its newest event tells", row.ID)
		}
	}
	return nil
}

// reversedBy is what disputes took of an attempt's shares.
func (p *linkProof) reversedBy(a pay.AttemptID) (minor int64) {
	for _, d := range p.disputes {
		if d.Attempt == a {
			minor += d.Reversed
		}
	}
	return minor
}

// disputeMovement proves M8 and M9 of a movement about a dispute: the money
// goes once, and comes back or is taken from those who had it.
func (p *linkProof) disputeMovement(kind, id string, m movement, c pay.Currency) error {
	d, ok := p.disputes[pay.DisputeID(id)]
	shares := m.by["merchant"] + m.by["split"] + m.by["held"]
	sign := map[string]int64{"dispute": -1, "dispute_reversal": 1}[kind]
	switch {
	case !ok || kind == "dispute_reversal" && d.State != pay.DisputeWon || kind == "dispute_loss" && !d.State.Against():
		return p.breach("M9", "movement %s is of a dispute that is %q", m.name, d.State)
	case kind == "dispute_loss":
		if m.by["disputed"] != -d.Amount || shares != d.Reversed+d.Loss {
			return p.breach("M8", "movement %s takes %d, %d of it from the shares; the dispute is about %d and took %d", m.name, -m.by["disputed"], shares, d.Amount, d.Reversed+d.Loss)
		}
		return nil
	case m.by["processor"] != sign*d.Amount:
		return p.breach("M9", "movement %s is of %d, the dispute of %d", m.name, m.by["processor"], d.Amount)
	}
	if !d.Surplus {
		p.away -= sign * d.Amount
	}
	p.posted[m.name] = pay.Money{Minor: sign * d.Amount, Currency: c}
	return nil
}

// everyDispute proves that the ledger has all that disputes moved (M9), and
// that no more surplus went back than there was (M8).
func (p *linkProof) everyDispute() error {
	for id, d := range p.disputes {
		want := []string{"dispute:"}
		switch {
		case d.State == pay.DisputeWon:
			want = append(want, "dispute_reversal:")
		case d.State.Against():
			want = append(want, "dispute_loss:")
		}
		for _, kind := range want {
			if !p.moved[kind+string(id)] {
				return p.breach("M9", "dispute %s about %d is %s, the ledger has no movement %s", id, d.Amount, d.State, kind+string(id))
			}
		}
	}
	if over := p.accounts["surplus"]; over > 0 {
		return p.breach("M8", "%d more of the surplus went back than there was", over)
	}
	return nil
}
