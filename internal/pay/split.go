package pay

import (
	"fmt"
	"slices"
)

// wholePercent is 100 % in the unit of Split.Percent.
const wholePercent = 10_000

// weights are how whole minor units are shared: one weight for each split and,
// last, what is left for the merchant itself (DECISIONS 10). ok is false when
// the splits ask for more than there is.
func (l Link) weights(whole int64) (weights []int64, ok bool) {
	rest := whole * wholePercent
	for _, s := range l.Splits {
		w := s.Amount*wholePercent + s.Percent*whole
		weights = append(weights, w)
		if rest -= w; rest < 0 {
			return nil, false
		}
	}
	return append(weights, rest), true
}

// shared is what each split and, last, the merchant get of whole minor units
// that came by one price: amounts in proportion to the fixed price they are
// part of, percentages as they are (M8).
func (l Link) shared(whole int64) []int64 {
	base, fixed := l.Price.Fixed()
	if !fixed {
		base = 1 // percentages alone
	}
	weights, ok := l.weights(base)
	if !ok || base == 0 {
		return append(make([]int64, len(l.Splits)), whole)
	}
	return Allocate(whole, weights)
}

// shares allocates minor units that an attempt brought. Whatever comes in
// pieces, the parts of a price or the captures of an authorization, is shared
// by what the whole has not given yet, so that none drifts, none is taken back
// and the last piece fills all exactly.
func (t *Tab) shares(a *Attempt, minor int64) []int64 {
	if !t.Link.Use.Parts {
		return piece(minor, t.Link.shared(a.Requested), a.Shares)
	}
	var given [][]int64
	for _, p := range t.Payments {
		for _, a := range p.Attempts {
			given = append(given, a.Shares)
		}
	}
	total, _ := t.Link.Total()
	return piece(minor, t.Link.shared(total), given...)
}

// added is the sum of two lists of shares; the first may be nil.
func added(a, b []int64) []int64 {
	sum := slices.Clone(b)
	for i, share := range a {
		sum[i] += share
	}
	return sum
}

func piece(minor int64, left []int64, given ...[]int64) []int64 {
	for _, shares := range given {
		for i, share := range shares {
			left[i] -= share
		}
	}
	return Allocate(minor, left)
}

func (l Link) validateSplits(bad *Faults) {
	if len(l.Splits) > maxSplits {
		bad.Add("splits", "too_many", "must be at most 100")
		return
	}
	base, fixed := l.Price.Fixed()
	if base = min(max(base, 0), MaxMinor); !fixed {
		base = 1
	}
	fits := true
	for i, s := range l.Splits {
		at := fmt.Sprintf("splits[%d].", i)
		switch {
		case s.Amount < 0:
			bad.Add(at+"amount", "too_small", "must not be negative")
		case s.Amount > MaxMinor:
			bad.Add(at+"amount", "too_large", "must be at most 999999999999")
		}
		switch {
		case s.Percent < 0 || s.Percent > wholePercent:
			bad.Add(at+"percent", "out_of_range", "must be from 1 to 10000, in hundredths of a percent")
		case s.Percent > 0 && s.Amount > 0:
			bad.Add(at+"percent", "not_both", "cannot be given together with amount")
		}
		fits = fits && s.Amount >= 0 && s.Amount <= MaxMinor && s.Percent >= 0 && s.Percent <= wholePercent && (s.Amount == 0 || fixed)
	}
	if fits {
		_, fits = l.weights(base)
	}
	if !fits {
		bad.Add("splits", "too_large", "must not add up to more than a fixed amount, or to more than 100 percent")
	}
}

// ReleaseSplit lets go minor units of a split that is on hold. 0 is all that is
// held, and all that is still to come: the hold ends.
// Errors: ErrNotFound, invalid_state, Invalid (amount).
func (t *Tab) ReleaseSplit(index int, minor int64) error {
	s, err := t.heldSplit(index)
	if err != nil {
		return err
	}
	if minor < 0 || minor > s.Held {
		var bad Faults
		bad.Add("amount", "too_large", "must be at most what is held: "+Money{s.Held, t.Link.Price.Currency}.String())
		return bad.Err()
	}
	ends := minor == 0
	if ends {
		minor = s.Held
	}
	s.Held, s.Given, s.Released = s.Held-minor, s.Given+minor, s.Released+minor
	s.OnHold = !ends && (s.Held > 0 || t.Link.State != LinkCompleted)
	t.keepSplit(index, s, EventSplitReleased)
	t.post("release:"+t.lastEvent(), t.Link.Price.Currency, heldID(index), leg{splitID(index), -minor})
	return nil
}

// CancelSplit gives what is held of a split to the merchant after all, and
// what is still to come.
// Errors: ErrNotFound, invalid_state.
func (t *Tab) CancelSplit(index int) error {
	s, err := t.heldSplit(index)
	if err != nil {
		return err
	}
	minor := s.Held
	s.OnHold, s.Canceled, s.Held, s.Kept = false, true, 0, s.Kept+minor
	t.keepSplit(index, s, EventSplitCanceled)
	t.post("unsplit:"+t.lastEvent(), t.Link.Price.Currency, heldID(index), leg{accountMerchant, -minor})
	return nil
}

func (t *Tab) heldSplit(index int) (Split, error) {
	s, err := t.split(index)
	if err != nil {
		return s, err
	}
	if !s.OnHold {
		return s, ErrState("the split is not on hold")
	}
	if t.Link.Applied == 0 {
		return s, ErrState("nothing was paid yet")
	}
	return s, nil
}

// keepSplit stores what the merchant did to a split and tells of it, also
// where it stays in its state.
func (t *Tab) keepSplit(index int, s Split, kind EventKind) {
	from := s.At()
	s.State, s.UpdatedAt = s.Stands(), t.Now
	splits := append([]Split(nil), t.Link.Splits...) // earlier snapshots keep theirs
	splits[index] = s
	t.Link.Splits = splits
	t.event(kind, "split", splitID(index), string(from), string(s.State), "")
}

// lastEvent is the id of the event that the change before made.
func (t *Tab) lastEvent() string { return string(t.Events[len(t.Events)-1].ID) }
