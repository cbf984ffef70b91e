package pay

import "time"

// A link on which so many payments fail within so short a time is being used
// to try stolen cards: it is paused until its merchant resumes it (A15).
const (
	guardWindow = 10 * time.Minute
	guardLimit  = 30
)

// declined counts a failed payment. Call it before the event of the failure:
// the count is part of the link.
func (l *Link) declined(a *Attempt, now time.Time) {
	if a.Failure != nil && (a.Failure.Code == FailCanceled || a.Failure.Code == FailTimeout) {
		return // the payer's own doing
	}
	if now.Sub(l.DeclinesSince) > guardWindow {
		l.Declines, l.DeclinesSince = 0, now
	}
	l.Declines++
}

// guard pauses a link whose declines are too many. Resuming begins a new count.
func (t *Tab) guard() error {
	if t.Link.Declines < guardLimit || t.Link.State != LinkActive {
		return nil
	}
	t.Link.Declines, t.Link.DeclinesSince = 0, time.Time{}
	return t.moveLink(LinkPaused, EventLinkPaused)
}
