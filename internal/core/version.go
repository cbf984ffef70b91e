package core

import (
	"context"
	"strconv"
	"time"

	"paylink/internal/pay"
)

// LinkVersion is one version of a link: who made it, and what it changed.
type LinkVersion struct {
	Number  int64
	At      time.Time
	Actor   string
	Changes []pay.Difference // against the version before; none for the first
}

// LinkVersions lists the versions of a link, the first one first. Personal
// data is not among them. Errors: pay.ErrNotFound, Invalid (cursor).
func (c *Core) LinkVersions(ctx context.Context, who pay.Caller, id pay.LinkID, after string, limit int) (list []LinkVersion, next string, err error) {
	_, ids, err := parseCursor(after, 1)
	if err != nil {
		return nil, "", err
	}
	last := int64(0) // the event that made the last version of the page before
	if after != "" {
		if last, err = strconv.ParseInt(ids[0], 36, 64); err != nil || last < 1 {
			return nil, "", badCursor()
		}
	}
	if _, err := c.Link(ctx, who, id); err != nil {
		return nil, "", err
	}
	size := pageSize(limit)
	events, err := c.store.LinkVersions(ctx, who.Tenant, id, last, size+2)
	if err != nil {
		return nil, "", err
	}
	for i, e := range events {
		if e.Seq == last {
			continue // only what the next one is held against
		}
		if len(list) == size {
			return list, cursor(events[i-1].At, strconv.FormatInt(events[i-1].Seq, 36)), nil
		}
		v := LinkVersion{Number: e.Snapshot.Link.Version, At: e.At, Actor: e.Actor}
		if i > 0 {
			v.Changes = pay.Differences(events[i-1].Snapshot.Link, e.Snapshot.Link)
		}
		list = append(list, v)
	}
	return list, "", nil
}

// LinkEvents reads the events of one link after a cursor, in order. next
// continues from what was given, also when it was nothing.
// Errors: pay.ErrNotFound, Invalid (cursor).
func (c *Core) LinkEvents(ctx context.Context, who pay.Caller, id pay.LinkID, after string, limit int) (events []pay.Event, next string, err error) {
	last := int64(0)
	if after != "" {
		if last, err = strconv.ParseInt(after, 36, 64); err != nil || last < 0 {
			return nil, "", badCursor()
		}
	}
	if _, err := c.Link(ctx, who, id); err != nil {
		return nil, "", err
	}
	events, err = c.store.LinkEventsFrom(ctx, who.Tenant, id, last+1, pageSize(limit))
	if len(events) > 0 {
		last = events[len(events)-1].Seq
	}
	return events, strconv.FormatInt(last, 36), err
}
