package store

import "context"

// Backlog is what the background work of all tenants still has to do.
type Backlog struct {
	Operations int64 // not final, and to be asked about again; what waits for a hold to run out is not among them
	Deliveries int64 // pending
	Callbacks  int64 // stored, without effect yet
	Events     int64 // without a place in the feed
	Sandbox    int64 // test transfers still to arrive
}

// Empty reports that nothing is to be done.
func (b Backlog) Empty() bool { return b == Backlog{} }

// Backlog counts what is still to be done, due or not.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	err = s.one(ctx, `SELECT
		(SELECT count(*) FROM operations WHERE due_at IS NOT NULL AND kind <> 'query'),
		(SELECT count(*) FROM deliveries WHERE state = 'pending'),
		(SELECT count(*) FROM callbacks WHERE done_at = 0),
		(SELECT count(*) FROM events WHERE position IS NULL),
		(SELECT count(*) FROM sandbox_payments WHERE due_at IS NOT NULL)`, nil,
		&b.Operations, &b.Deliveries, &b.Callbacks, &b.Events, &b.Sandbox)
	return b, err
}
