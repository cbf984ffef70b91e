package core

import (
	"context"
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
// data is not among them. Errors: pay.ErrNotFound.
func (c *Core) LinkVersions(ctx context.Context, who pay.Caller, id pay.LinkID) (list []LinkVersion, err error) {
	if _, err := c.Link(ctx, who, id); err != nil {
		return nil, err
	}
	events, err := c.store.LinkVersions(ctx, who.Tenant, id)
	for i, e := range events {
		v := LinkVersion{Number: e.Snapshot.Link.Version, At: e.At, Actor: e.Actor}
		if i > 0 {
			v.Changes = pay.Differences(events[i-1].Snapshot.Link, e.Snapshot.Link)
		}
		list = append(list, v)
	}
	return list, err
}
