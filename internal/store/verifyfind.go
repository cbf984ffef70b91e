package store

import (
	"context"
	"errors"

	"paylink/internal/pay"
)

// Found is a row that a proof tripped over.
type Found struct {
	pay.Tenant
	Link pay.LinkID
	Seq  int64
	Ref  string // an endpoint's, event's or locator's name
}

func (s *Snapshot) find(ctx context.Context, query string, args ...any) (f Found, found bool, err error) {
	err = s.one(ctx, query, args, &f.Merchant, &f.Mode, &f.Link, &f.Seq, &f.Ref)
	if errors.Is(err, pay.ErrNotFound) {
		return f, false, nil
	}
	return f, err == nil, err
}

// Undelivered finds an event that has no delivery to an endpoint which wants
// it and was there settle microseconds before (W1).
func (s *Snapshot) Undelivered(ctx context.Context, t pay.Tenant, settle int64) (Found, bool, error) {
	return s.find(ctx, `
		SELECT e.merchant, e.mode, e.link, e.seq, w.id
		FROM webhook_endpoints w CROSS JOIN events e CROSS JOIN links l
		WHERE w.merchant = $1 AND w.mode = $2 AND e.merchant = w.merchant AND e.mode = w.mode AND e.at > w.created_at + $3
			AND l.merchant = e.merchant AND l.mode = e.mode AND l.id = e.link
			AND `+endpointWants("w", "e.link", "e.kind", "l.dialect")+`
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.merchant = e.merchant AND d.mode = e.mode AND d.endpoint = w.id AND d.link = e.link AND d.seq = e.seq)
		LIMIT 1`, t.Merchant, t.Mode, settle)
}

// StrayDelivery finds a delivery of an event that is not there.
func (s *Snapshot) StrayDelivery(ctx context.Context, t pay.Tenant) (Found, bool, error) {
	return s.find(ctx, `
		SELECT d.merchant, d.mode, d.link, d.seq, d.event FROM deliveries d
		WHERE d.merchant = $1 AND d.mode = $2 AND NOT EXISTS (SELECT 1 FROM events e
			WHERE e.merchant = d.merchant AND e.mode = d.mode AND e.link = d.link AND e.seq = d.seq AND e.id = d.event AND e.kind = d.kind)
		LIMIT 1`, t.Merchant, t.Mode)
}

// StrayLocator finds a locator whose link or credential is not there.
func (s *Snapshot) StrayLocator(ctx context.Context) (Found, bool, error) {
	return s.find(ctx, `
		SELECT o.merchant, o.mode, '', 0, o.kind || ' → ' || o.ref FROM locators o
		WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.merchant = o.merchant AND l.mode = o.mode AND l.id = o.ref)
			AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.merchant = o.merchant AND c.mode = o.mode AND c.id = o.ref)
		LIMIT 1`)
}

// TokensOf says which links the hashes of payers' tokens find.
func (s *Snapshot) TokensOf(ctx context.Context, hashes []string) (found map[string][]LinkName, err error) {
	args := make([]any, len(hashes))
	for i, h := range hashes {
		args[i] = h
	}
	found = map[string][]LinkName{}
	err = s.each(ctx, `SELECT hash, merchant, mode, ref FROM locators WHERE kind = 'token' AND hash IN (`+placeholders(1, len(hashes))+`)`, args, func(r rows) error {
		var hash string
		var n LinkName
		err := r.Scan(&hash, &n.Merchant, &n.Mode, &n.ID)
		found[hash] = append(found[hash], n)
		return err
	})
	return found, err
}
