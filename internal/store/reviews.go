package store

import (
	"context"
	"encoding/json"

	"paylink/internal/pay"
)

// LinkAttempt is an attempt with the link it belongs to.
type LinkAttempt struct {
	Link pay.LinkID
	pay.Attempt
}

// Reviews reads attempts that wait for a person, oldest first, after an id.
func (q queries) Reviews(ctx context.Context, t pay.Tenant, after pay.AttemptID, limit int) ([]LinkAttempt, error) {
	return q.attempts(ctx, `merchant = $1 AND mode = $2 AND state = 'review' AND id > $3 ORDER BY id LIMIT $4`, t.Merchant, t.Mode, after, limit)
}

// Attempt reads one attempt. Errors: pay.ErrNotFound.
func (q queries) Attempt(ctx context.Context, t pay.Tenant, id pay.AttemptID) (LinkAttempt, error) {
	list, err := q.attempts(ctx, `merchant = $1 AND mode = $2 AND id = $3`, t.Merchant, t.Mode, id)
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return LinkAttempt{}, err
	}
	return list[0], nil
}

func (q queries) attempts(ctx context.Context, where string, args ...any) (list []LinkAttempt, err error) {
	err = q.each(ctx, `SELECT link, body FROM attempts WHERE `+where, args, func(r rows) error {
		var a LinkAttempt
		var body string
		if err := r.Scan(&a.Link, &body); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(body), &a.Attempt)
		list = append(list, a)
		return err
	})
	return list, err
}

// LinkEventsFrom reads events of a link in order, from a place in its own
// sequence on.
func (q queries) LinkEventsFrom(ctx context.Context, t pay.Tenant, link pay.LinkID, from int64, limit int) ([]pay.Event, error) {
	return q.events(ctx, `merchant = $1 AND mode = $2 AND link = $3 AND seq >= $4 ORDER BY seq LIMIT $5`, t.Merchant, t.Mode, link, from, limit)
}

// LinkVersions reads the events that made each version of a link, in order,
// from a place in the link's own sequence on.
func (q queries) LinkVersions(ctx context.Context, t pay.Tenant, link pay.LinkID, from int64, limit int) ([]pay.Event, error) {
	return q.events(ctx, `merchant = $1 AND mode = $2 AND link = $3 AND kind IN ($4, $5) AND seq >= $6 ORDER BY seq LIMIT $7`,
		t.Merchant, t.Mode, link, pay.EventLinkCreated, pay.EventLinkUpdated, from, limit)
}
