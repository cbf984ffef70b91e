package pay

import (
	"cmp"
	"slices"
)

// SplitState is how far the money of a split is.
type SplitState string

// The states of a split. Its sums make them: see Split.Stands.
const (
	SplitPlanned     SplitState = "planned"     // nothing came yet
	SplitAllocated   SplitState = "allocated"   // what came is free for the account, and was never on hold
	SplitHeld        SplitState = "held"        // some of what came is on hold
	SplitReleased    SplitState = "released"    // it was let go of, and is not all transferred
	SplitTransferred SplitState = "transferred" // all that is free was paid to the account
	SplitReversed    SplitState = "reversed"    // a refund took back what had been paid: the account owes it
	SplitCanceled    SplitState = "canceled"    // what was held went to the merchant after all
)

// splitMoves is the whole life of a split. On a link that is paid more than
// once money comes after money was transferred, and goes the same way again.
var splitMoves = map[SplitState][]SplitState{
	SplitPlanned:     {SplitAllocated, SplitHeld, SplitReleased, SplitCanceled}, // released: by a program that kept no states
	SplitAllocated:   {SplitHeld, SplitTransferred, SplitReversed},
	SplitHeld:        {SplitReleased, SplitTransferred, SplitReversed, SplitCanceled},
	SplitReleased:    {SplitHeld, SplitTransferred, SplitReversed, SplitCanceled},
	SplitTransferred: {SplitAllocated, SplitHeld, SplitReleased, SplitReversed},
	SplitReversed:    {SplitAllocated, SplitHeld, SplitReleased, SplitTransferred},
}

// Free is what the account is still to be paid, in minor units. Less than zero
// is what it owes: it was paid what refunds took back.
func (s Split) Free() int64 { return s.Given - s.Transferred }

// At is where the split is, as its newest event tells.
func (s Split) At() SplitState { return cmp.Or(s.State, SplitPlanned) }

// Stands is where its sums say that the split is. One that refunds left
// nothing of stays where it was.
func (s Split) Stands() SplitState {
	switch {
	case s.Free() < 0:
		return SplitReversed
	case s.Held > 0:
		return SplitHeld
	case s.Free() > 0 && s.Released > 0:
		return SplitReleased
	case s.Free() > 0:
		return SplitAllocated
	case s.Transferred > 0:
		return SplitTransferred
	case s.Canceled:
		return SplitCanceled
	}
	return s.At()
}

// HoldSplit puts on hold again what is free of a split and was not
// transferred, and with it what is still to come.
// Errors: ErrNotFound, invalid_state.
func (t *Tab) HoldSplit(index int) error {
	s, err := t.split(index)
	if err != nil {
		return err
	}
	minor := s.Free()
	switch {
	case s.Canceled:
		return ErrState("the split was canceled")
	case minor <= 0:
		return ErrState("nothing of the split is free that was not transferred")
	}
	s.OnHold, s.Held, s.Given, s.Released = true, s.Held+minor, s.Given-minor, max(s.Released-minor, 0)
	t.keepSplit(index, s, EventSplitHeld)
	t.post("hold:"+t.lastEvent(), t.Link.Price.Currency, splitID(index), leg{heldID(index), -minor})
	return nil
}

// TransferSplit writes down that free money of a split was paid to its
// account: minor units, or 0 for all of it. purse is the tenant's, held by the
// same transaction.
// Errors: ErrNotFound, invalid_state, Invalid (amount), ErrBalance.
func (t *Tab) TransferSplit(index int, minor int64, reference string, purse Purse) (Payout, error) {
	s, err := t.split(index)
	if err != nil {
		return Payout{}, err
	}
	free := s.Free()
	if free <= 0 {
		return Payout{}, ErrState("nothing of the split is free that was not transferred")
	}
	if minor == 0 {
		minor = min(free, MaxMinor)
	}
	var bad Faults
	switch {
	case minor < 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case minor > free:
		bad.Add("amount", "too_large", "must be at most what is free and not transferred: "+Money{free, t.Link.Price.Currency}.String())
	}
	if err := bad.Err(); err != nil {
		return Payout{}, err
	}
	p := Payout{
		Tenant: t.Link.Tenant, ID: PayoutID(NewID("tr", t.Now)), Link: t.Link.ID, Split: index, Account: s.Account,
		Amount: Money{minor, t.Link.Price.Currency}, Reference: reference, Actor: t.Actor, CreatedAt: t.Now,
	}
	if err := p.take(purse, purse.Available()); err != nil {
		return Payout{}, err
	}
	s.Transferred += minor
	t.keepSplit(index, s, EventSplitTransferred)
	t.post(p.Movement(), p.Amount.Currency, accountSettled, leg{splitID(index), minor})
	return p, nil
}

// split finds a split. Errors: ErrNotFound.
func (t *Tab) split(index int) (Split, error) {
	if index < 0 || index >= len(t.Link.Splits) {
		return Split{}, ErrNotFound
	}
	return t.Link.Splits[index], nil
}

// tellSplits notes an event for each split that a change of the sums has taken
// to another state. Event calls it, so that none is forgotten.
func (t *Tab) tellSplits(about PaymentID) {
	for i, s := range t.Link.Splits {
		from, to := s.At(), s.Stands()
		if from == to {
			continue
		}
		t.Link.Splits = slices.Clone(t.Link.Splits) // earlier snapshots keep theirs
		t.Link.Splits[i].State = to
		t.event(EventKind("split."+string(to)), "split", splitID(i), string(from), string(to), about)
	}
}
