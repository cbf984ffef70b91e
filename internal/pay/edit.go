package pay

import (
	"reflect"
	"time"
)

// Edit changes a link in place: same id, same page. change sets what the
// merchant may set; what is ours it cannot touch. An edit that changes nothing
// writes nothing. The version rises, so a payer who looks at an older one is
// asked again.
// Errors: invalid_state when the link is completed or canceled, or when what is
// owed changes while money is on its way or has come (DECISIONS 8); Invalid.
func (t *Tab) Edit(change func(l *Link) error) error {
	if err := t.Clock(); err != nil {
		return err
	}
	old := t.Link
	if old.State == LinkCompleted || old.State == LinkCanceled {
		return ErrState("the link is %s", old.State)
	}
	next := old
	if err := change(&next); err != nil {
		return err
	}
	next.ours(old)
	next.StartsAt, next.ExpiresAt = next.StartsAt.Truncate(time.Microsecond), next.ExpiresAt.Truncate(time.Microsecond)
	if reflect.DeepEqual(next, old) {
		return nil
	}
	if owes(next) != owes(old) || !reflect.DeepEqual(next.Price, old.Price) || !reflect.DeepEqual(next.Splits, old.Splits) {
		if err := t.untouched(); err != nil {
			return err
		}
	}
	if err := next.Validate(time.Time{}); err != nil { // a past end is a way to close for a while
		return err
	}
	to := next.window(t.Now)
	if to != old.State && !follows(linkReopens, old.State, to) {
		return ErrState("the link is %s", old.State)
	}
	if to == LinkScheduled && old.State != LinkScheduled && t.live() {
		return ErrState("a payment is under way")
	}
	next.State = to
	next.Version++
	t.Link = next
	t.event(EventLinkUpdated, "payment_link", string(old.ID), string(old.State), string(to), "")
	return nil
}

// owed is the part of a link that no payment may see change, beside its price.
type owed struct {
	Use        Use
	AcceptLate bool
}

func owes(l Link) owed { return owed{l.Use, l.AcceptLate} }

// untouched reports that no payment is under way and none has counted.
func (t *Tab) untouched() error {
	if t.live() {
		return ErrState("a payment is under way: amount, currency and splits cannot change now")
	}
	if t.Link.Applied > 0 || t.Link.UseCount > 0 {
		return ErrState("a payment was made: amount, currency and splits cannot change any more")
	}
	return nil
}

func (t *Tab) live() bool {
	for _, p := range t.Payments {
		if p.Live() {
			return true
		}
	}
	return false
}

// ours puts back what only the platform sets.
func (l *Link) ours(old Link) {
	token := l.Token
	changed := *l
	*l = old
	l.Token, l.Reference, l.Description = token, changed.Reference, changed.Description
	l.Price, l.Use, l.StartsAt, l.ExpiresAt, l.AcceptLate = changed.Price, changed.Use, changed.StartsAt, changed.ExpiresAt, changed.AcceptLate
	l.Methods, l.Payer, l.Page, l.Splits = changed.Methods, changed.Payer, changed.Page, changed.Splits
	l.Metadata, l.Echo, l.Slug = changed.Metadata, changed.Echo, changed.Slug
}

// window is the state that an edited window puts the link in; pausing stays.
func (l Link) window(now time.Time) LinkState {
	switch {
	case !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt):
		return LinkExpired
	case l.State == LinkPaused:
		return LinkPaused
	case l.StartsAt.After(now):
		return LinkScheduled
	}
	return LinkActive
}
