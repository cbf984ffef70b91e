package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"paylink/internal/pay"
)

// Merchant reads a tenant. Errors: pay.ErrNotFound.
func (q queries) Merchant(ctx context.Context, t pay.Tenant) (m pay.Merchant, err error) {
	row := merchantRow{m: &m}
	err = q.one(ctx, `SELECT `+merchantColumns+` FROM merchants WHERE merchant = $1 AND mode = $2`, []any{t.Merchant, t.Mode}, row.columns()...)
	if err != nil {
		return m, err
	}
	return m, row.finish(t)
}

const merchantColumns = `name, country, settings, demo, created_at`

// merchantRow is a merchant while its columns are read.
type merchantRow struct {
	m             *pay.Merchant
	settings      string
	demo, created int64
}

func (r *merchantRow) columns() []any {
	return []any{&r.m.Name, &r.m.Country, &r.settings, &r.demo, &r.created}
}

func (r *merchantRow) finish(t pay.Tenant) error {
	r.m.Tenant, r.m.Demo, r.m.CreatedAt = t, r.demo == 1, fromUS(r.created)
	return json.Unmarshal([]byte(r.settings), &r.m.Settings)
}

// Tenants names every merchant and mode.
func (q queries) Tenants(ctx context.Context) (list []pay.Tenant, err error) {
	err = q.each(ctx, `SELECT merchant, mode FROM merchants ORDER BY merchant, mode`, nil, func(r rows) error {
		var t pay.Tenant
		err := r.Scan(&t.Merchant, &t.Mode)
		list = append(list, t)
		return err
	})
	return list, err
}

// PutMerchant makes a tenant exist with exactly these values.
func (tx *Tx) PutMerchant(ctx context.Context, m pay.Merchant) error {
	settings, err := text(m.Settings)
	if err != nil {
		return err
	}
	demo := 0
	if m.Demo {
		demo = 1
	}
	_, err = tx.exec(ctx, `
		INSERT INTO merchants (merchant, mode, name, country, settings, demo, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (merchant, mode) DO UPDATE SET name = excluded.name, country = excluded.country, settings = excluded.settings`,
		m.Merchant, m.Mode, m.Name, m.Country, settings, demo, us(tx.now))
	return err
}

// Locator is one find: whose a token, slug or key is.
type Locator struct {
	pay.Tenant
	Ref string // a link's or credential's id
}

// Locate finds the tenants a value belongs to; expired finds are left out.
func (s *Store) Locate(ctx context.Context, kind, hash string) (list []Locator, err error) {
	// The time is compared here: a parameter that the WHERE of an index speaks of
	// makes SQLite plan the statement anew at each call.
	now := us(s.Now())
	err = s.each(ctx, `SELECT merchant, mode, ref, expires_at FROM locators WHERE kind = $1 AND hash = $2 ORDER BY merchant, mode, ref`,
		[]any{kind, hash}, func(r rows) error {
			var l Locator
			var expires int64
			err := r.Scan(&l.Merchant, &l.Mode, &l.Ref, &expires)
			if expires == 0 || expires > now {
				list = append(list, l)
			}
			return err
		})
	return list, err
}

// AddLocator makes a value findable, until a time when that is not zero.
func (tx *Tx) AddLocator(ctx context.Context, kind, hash string, l Locator, until time.Time) error {
	return tx.put(ctx, `INSERT INTO locators (kind, hash, merchant, mode, ref, expires_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		kind, hash, l.Merchant, l.Mode, l.Ref, us(until))
}

// Claim takes a name that only one in the whole installation may have. ours is
// false when another has it; having it already is no error.
func (tx *Tx) Claim(ctx context.Context, kind, hash string, l Locator) (ours bool, err error) {
	ours, err = tx.putOne(ctx, `INSERT INTO locators (kind, hash, merchant, mode, ref, expires_at, sole) VALUES ($1, $2, $3, $4, $5, 0, 1) ON CONFLICT DO NOTHING`,
		kind, hash, l.Merchant, l.Mode, l.Ref)
	if err != nil || ours {
		return ours, err
	}
	var owner Locator
	err = tx.one(ctx, `SELECT merchant, mode, ref FROM locators WHERE kind = $1 AND hash = $2 AND sole = 1`, []any{kind, hash}, &owner.Merchant, &owner.Mode, &owner.Ref)
	return owner == l, err
}

// DropLocator makes a value of a link or credential unfindable for good.
func (tx *Tx) DropLocator(ctx context.Context, kind, hash string, l Locator) error {
	_, err := tx.exec(ctx, `DELETE FROM locators WHERE kind = $1 AND hash = $2 AND merchant = $3 AND mode = $4 AND ref = $5`,
		kind, hash, l.Merchant, l.Mode, l.Ref)
	return err
}

// Prune forgets expired locators, and idempotency keys older than keep whose
// link has no operation that is still asked about (I6).
func (tx *Tx) Prune(ctx context.Context, keep time.Duration) error {
	if _, err := tx.exec(ctx, `DELETE FROM locators WHERE expires_at > 0 AND expires_at < $1`, us(tx.now)); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `
		DELETE FROM idempotency WHERE created_at < $1
			AND (merchant, mode, link) NOT IN (SELECT merchant, mode, link FROM operations WHERE due_at IS NOT NULL)`, us(tx.now.Add(-keep)))
	return err
}

// Credential is one grant of a credential to a tenant. Hash is of the secret;
// Secret itself is kept, sealed, only where it must be recomputed with.
type Credential struct {
	pay.Tenant
	ID        pay.CredentialID
	Dialect   string
	Lookup    string // what the wire names it by, hashed
	External  string // the dialect's own name of the tenant
	Hash      string
	Secret    string
	Last4     string
	CreatedAt time.Time
	RevokedAt time.Time
}

const credentialColumns = `merchant, mode, id, dialect, lookup, external, secret_hash, sealed, last4, created_at, revoked_at`

func (q queries) credentials(ctx context.Context, where string, args ...any) (list []Credential, err error) {
	err = q.each(ctx, `SELECT `+credentialColumns+` FROM credentials WHERE `+where, args, func(r rows) error {
		c, err := q.scanCredential(r)
		list = append(list, c)
		return err
	})
	return list, err
}

// scanCredential reads the columns of a credential and those after them into also.
func (q queries) scanCredential(r rows, also ...any) (c Credential, err error) {
	var sealed []byte
	var created, revoked int64
	columns := []any{&c.Merchant, &c.Mode, &c.ID, &c.Dialect, &c.Lookup, &c.External, &c.Hash, &sealed, &c.Last4, &created, &revoked}
	if err := r.Scan(append(columns, also...)...); err != nil {
		return c, err
	}
	c.CreatedAt, c.RevokedAt = fromUS(created), fromUS(revoked)
	if sealed != nil {
		err = q.open(c.Tenant, "credentials", string(c.ID), sealed, &c.Secret)
	}
	return c, err
}

// columnsOf names columns as those of one table among several.
func columnsOf(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// Located finds the credentials that a value belongs to, with those that are
// revoked; expired finds are left out.
func (s *Store) Located(ctx context.Context, kind, hash string) (list []Credential, err error) {
	now := us(s.Now())
	err = s.each(ctx, `SELECT `+columnsOf("c", credentialColumns)+`, l.expires_at
		FROM locators l JOIN credentials c ON c.merchant = l.merchant AND c.mode = l.mode AND c.id = l.ref
		WHERE l.kind = $1 AND l.hash = $2 ORDER BY c.merchant, c.mode, c.id`, []any{kind, hash}, func(r rows) error {
		var expires int64
		c, err := s.scanCredential(r, &expires)
		if expires == 0 || expires > now { // see Locate
			list = append(list, c)
		}
		return err
	})
	return list, err
}

// Credentials lists a tenant's, oldest first; dialect empty means all.
func (q queries) Credentials(ctx context.Context, t pay.Tenant, dialect string) ([]Credential, error) {
	return q.credentials(ctx, `merchant = $1 AND mode = $2 AND ($3 = '' OR dialect = $3) ORDER BY created_at, id`, t.Merchant, t.Mode, dialect)
}

// InsertCredential stores a grant and makes it findable.
func (tx *Tx) InsertCredential(ctx context.Context, c Credential) error {
	var sealed []byte
	if c.Secret != "" {
		var err error
		if sealed, err = tx.seal(c.Tenant, "credentials", string(c.ID), c.Secret); err != nil {
			return err
		}
	}
	_, err := tx.exec(ctx, `INSERT INTO credentials (`+credentialColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
		c.Merchant, c.Mode, c.ID, c.Dialect, c.Lookup, c.External, c.Hash, sealed, c.Last4, us(tx.now))
	if err != nil {
		return err
	}
	return tx.AddLocator(ctx, "key:"+c.Dialect, c.Lookup, Locator{c.Tenant, string(c.ID)}, time.Time{})
}

// RevokeCredential ends a credential for good. Errors: pay.ErrNotFound.
func (tx *Tx) RevokeCredential(ctx context.Context, t pay.Tenant, id pay.CredentialID) error {
	n, err := tx.exec(ctx, `UPDATE credentials SET revoked_at = $4 WHERE merchant = $1 AND mode = $2 AND id = $3 AND revoked_at = 0`,
		t.Merchant, t.Mode, id, us(tx.now))
	if err == nil && n != 1 {
		return pay.ErrNotFound
	}
	return err
}

// KeyUse is what an idempotency key stands for: the event its answer is worded from.
type KeyUse struct {
	Tenant      pay.Tenant
	Credential  pay.CredentialID
	Dialect     string
	Key         string
	Fingerprint string
	Link        pay.LinkID
	Seq         int64
	Ref         string    // what was made besides: a payment, a refund
	TakenAt     time.Time // when it was used first; read only
}

// TakeKey notes the use of an idempotency key. When it was used before, it
// returns that use and fresh is false. Errors: pay.ErrKeyReused.
func (tx *Tx) TakeKey(ctx context.Context, u KeyUse) (first KeyUse, fresh bool, err error) {
	fresh, err = tx.putOne(ctx, `
		INSERT INTO idempotency (merchant, mode, credential, dialect, key, fingerprint, link, seq, ref, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		u.Tenant.Merchant, u.Tenant.Mode, u.Credential, u.Dialect, u.Key, u.Fingerprint, u.Link, u.Seq, u.Ref, us(tx.now))
	if err != nil || fresh {
		return u, fresh, err
	}
	first, err = tx.FindKey(ctx, u)
	return first, false, err
}

// PointKey lets a key that was taken stand for another event and another thing
// made: those that its request turned out to come to. Without a key it does nothing.
func (tx *Tx) PointKey(ctx context.Context, u KeyUse) error {
	if u.Key == "" {
		return nil
	}
	_, err := tx.exec(ctx, `UPDATE idempotency SET link = $6, seq = $7, ref = $8 WHERE merchant = $1 AND mode = $2 AND credential = $3 AND dialect = $4 AND key = $5`,
		u.Tenant.Merchant, u.Tenant.Mode, u.Credential, u.Dialect, u.Key, u.Link, u.Seq, u.Ref)
	return err
}

// FindKey reads the first use of a key. Errors: pay.ErrNotFound, pay.ErrKeyReused.
func (q queries) FindKey(ctx context.Context, u KeyUse) (KeyUse, error) {
	first := u
	var taken int64
	err := q.one(ctx, `SELECT fingerprint, link, seq, ref, created_at FROM idempotency WHERE merchant = $1 AND mode = $2 AND credential = $3 AND dialect = $4 AND key = $5`,
		[]any{u.Tenant.Merchant, u.Tenant.Mode, u.Credential, u.Dialect, u.Key}, &first.Fingerprint, &first.Link, &first.Seq, &first.Ref, &taken)
	first.TakenAt = fromUS(taken)
	if err == nil && first.Fingerprint != u.Fingerprint {
		return first, pay.ErrKeyReused
	}
	return first, err
}

// NumberedAtOnce is how many events one call of Number takes at most.
const NumberedAtOnce = 1000

// Number gives the tenant's committed events their places in the feed. It
// holds the feed's row, so one numbers at a time; writers never wait for it.
func (s *Store) Number(ctx context.Context, t pay.Tenant) (numbered int64, err error) {
	var waits int64
	if err := s.one(ctx, `SELECT count(*) FROM (SELECT 1 FROM events WHERE merchant = $1 AND mode = $2 AND position IS NULL LIMIT 1) AS w`, []any{t.Merchant, t.Mode}, &waits); err != nil || waits == 0 {
		return 0, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.exec(ctx, `INSERT INTO leases (merchant, mode, name, holder, until) VALUES ($1, $2, 'feed', '', 0) ON CONFLICT DO NOTHING`, t.Merchant, t.Mode); err != nil {
			return err
		}
		var last int64
		if err := tx.one(ctx, `SELECT until FROM leases WHERE merchant = $1 AND mode = $2 AND name = 'feed'`+tx.lock, []any{t.Merchant, t.Mode}, &last); err != nil {
			return err
		}
		next, err := tx.unnumbered(ctx, t)
		if err != nil {
			return err
		}
		// One by one: a join that PostgreSQL plans without knowing how many events
		// there are may read all of them for each.
		for i, e := range next {
			if err := tx.put(ctx, `UPDATE events SET position = $5 WHERE merchant = $1 AND mode = $2 AND link = $3 AND seq = $4`,
				t.Merchant, t.Mode, e.link, e.seq, last+int64(i)+1); err != nil {
				return err
			}
		}
		numbered = int64(len(next))
		return tx.put(ctx, `UPDATE leases SET until = $3 WHERE merchant = $1 AND mode = $2 AND name = 'feed'`, t.Merchant, t.Mode, last+numbered)
	})
	return numbered, err
}

type linkSeq struct {
	link pay.LinkID
	seq  int64
}

// unnumbered are the tenant's next events without a place: every link's in its
// own order, across links by time.
func (q queries) unnumbered(ctx context.Context, t pay.Tenant) (list []linkSeq, err error) {
	err = q.each(ctx, `SELECT link, seq FROM events WHERE merchant = $1 AND mode = $2 AND position IS NULL ORDER BY at, link, seq LIMIT $3`,
		[]any{t.Merchant, t.Mode, NumberedAtOnce}, func(r rows) error {
			var e linkSeq
			err := r.Scan(&e.link, &e.seq)
			list = append(list, e)
			return err
		})
	return list, err
}

// FeedEnd is the position of the newest numbered event; 0 when there is none.
func (q queries) FeedEnd(ctx context.Context, t pay.Tenant) (last int64, err error) {
	err = q.one(ctx, `SELECT coalesce(max(position), 0) FROM events WHERE merchant = $1 AND mode = $2 AND position IS NOT NULL`, []any{t.Merchant, t.Mode}, &last)
	return last, err
}
