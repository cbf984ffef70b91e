package pay

// RefundWish is what a merchant asks to give back.
type RefundWish struct {
	Payment   PaymentID
	Amount    int64  // minor units; 0: all that is left
	Reason    string // the merchant's own words
	Reference string // unique within the payment where it is not empty
	Echo      string
	surplus   bool // of money that does not count: the platform's own wish
}

// Refund reserves money of a payment to be given back and prepares the call.
// What is reserved cannot be refunded a second time; only a failed refund
// frees it (INVARIANTS 4, 5.8).
// Errors: invalid_state when nothing was captured, Invalid (amount).
func (t *Tab) Refund(w RefundWish) (*Refund, error) {
	p := t.payment(w.Payment)
	if p == nil {
		return nil, ErrNotFound
	}
	for i := range p.Refunds {
		if r := &p.Refunds[i]; w.Reference != "" && r.Reference == w.Reference {
			return r, nil // asked for before
		}
	}
	a := p.counting()
	if p.State != PaymentApplied || a == nil {
		return nil, ErrState("the payment has no money to give back")
	}
	left := p.left(a)
	if w.Amount == 0 {
		w.Amount = left
	}
	if HasCardNumber(w.Reason) {
		return nil, ErrCard("reason")
	}
	var bad Faults
	switch {
	case w.Amount < 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case w.Amount > left:
		bad.Add("amount", "too_large", "must be at most what is left of the payment: "+Money{left, a.Currency}.String())
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	if w.Amount == 0 {
		return nil, ErrState("the payment was given back already")
	}
	return t.refund(p, a, w), nil
}

// RefundLink is Refund for a link that asks for one sum, whose money may have
// come in several payments: it gives back w.Amount minor units, the oldest
// payment first, whatever w.Payment says. A reference that any payment knows
// makes nothing new.
// Errors: invalid_state when no payment counts, Invalid (amount).
func (t *Tab) RefundLink(w RefundWish) error {
	if len(RefundsOf(t.Payments, w.Reference)) > 0 {
		return nil
	}
	left := map[PaymentID]int64{}
	sum := int64(0)
	for i := range t.Payments {
		p := &t.Payments[i]
		if a := p.counting(); p.State == PaymentApplied && a != nil {
			left[p.ID] = p.left(a)
			sum += left[p.ID]
		}
	}
	if _, whole := t.Link.Total(); !whole || sum == 0 {
		return ErrState("the link has no money to give back")
	}
	var bad Faults
	switch {
	case w.Amount <= 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case w.Amount > sum:
		bad.Add("amount", "too_large", "must be at most what is left of the payments")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	for i := range t.Payments {
		p := &t.Payments[i]
		part := w
		if part.Amount = min(w.Amount, left[p.ID]); part.Amount > 0 {
			t.refund(p, p.counting(), part)
			w.Amount -= part.Amount
		}
	}
	return nil
}

// RefundsOf are the refunds with a reference, which is not empty.
func RefundsOf(payments []Payment, reference string) (list []Refund) {
	for _, p := range payments {
		for _, r := range p.Refunds {
			if reference != "" && r.Reference == reference {
				list = append(list, r)
			}
		}
	}
	return list
}

// left is what of an attempt counts and is not given back or about to be, nor
// away by a dispute that is open or was lost (5.8). Refunds and a dispute may
// come to more than there was: a processor's word is not refused.
func (p *Payment) left(a *Attempt) int64 {
	left := a.counted()
	for _, r := range p.Refunds {
		if r.Attempt == a.ID && !r.Surplus && r.State != RefundFailed {
			left -= r.Amount
		}
	}
	for _, d := range p.Disputes {
		if d.Attempt == a.ID && !d.Surplus && d.State.Counts() {
			left -= d.Amount
		}
	}
	return max(left, 0)
}

// refund notes a refund and prepares the call that makes it.
func (t *Tab) refund(p *Payment, a *Attempt, w RefundWish) *Refund {
	a.Refunding += w.Amount
	a.UpdatedAt, p.UpdatedAt = t.Now, t.Now
	p.Refunds = append(p.Refunds, Refund{
		ID: RefundID(NewID("ref", t.Now)), Payment: p.ID, Attempt: a.ID, State: RefundRequested, Amount: w.Amount,
		Reason: w.Reason, Surplus: w.surplus, Reference: w.Reference, Echo: w.Echo, CreatedAt: t.Now, UpdatedAt: t.Now,
	})
	r := &p.Refunds[len(p.Refunds)-1]
	t.event(EventRefundRequested, "refund", string(r.ID), "", string(RefundRequested), p.ID)
	t.prepare(a, OpRefund, w.Amount).Refund = r.ID
	return r
}

// reverse takes a refund out of what the splits and the merchant were given,
// in proportion to what each still has, so that none falls below zero and the
// last refund takes the rest exactly (M8).
func (a *Attempt) reverse(minor int64) []int64 {
	left := make([]int64, len(a.Shares))
	if len(a.Reversed) != len(a.Shares) {
		a.Reversed = make([]int64, len(a.Shares))
	}
	for i := range left {
		left[i] = a.Shares[i] - a.Reversed[i]
	}
	taken := Allocate(minor, left)
	reversed := make([]int64, len(taken))
	for i := range taken {
		reversed[i] = a.Reversed[i] + taken[i]
	}
	a.Reversed = reversed
	return taken
}
