package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"paylink/internal/pay"
)

const linkColumns = `merchant, mode, id, body, sealed, first_viewed_at, last_hash`

// linkRow is a link as its row holds it, with the hash of its last event.
type linkRow struct {
	link     pay.Link
	lastHash string
}

// scanLink reads the columns of a link and those after them into also.
func (q queries) scanLink(r rows, also ...any) (linkRow, error) {
	var row linkRow
	var body string
	var sealed []byte
	var viewed int64
	l := &row.link
	columns := []any{&l.Merchant, &l.Mode, &l.ID, &body, &sealed, &viewed, &row.lastHash}
	if err := r.Scan(append(columns, also...)...); err != nil {
		return row, err
	}
	t := l.Tenant
	if err := json.Unmarshal([]byte(body), l); err != nil {
		return row, err
	}
	l.Tenant = t
	var secret sealedLink
	if err := q.open(t, "links", string(l.ID), sealed, &secret); err != nil {
		return row, err
	}
	l.Token, l.Payer, l.FirstViewedAt = secret.Token, secret.Payer, fromUS(viewed)
	return row, nil
}

func (q queries) link(ctx context.Context, where, suffix string, args ...any) (row linkRow, err error) {
	found := false
	err = q.each(ctx, `SELECT `+linkColumns+` FROM links WHERE `+where+suffix, args, func(r rows) error {
		found = true
		row, err = q.scanLink(r)
		return err
	})
	if err == nil && !found {
		err = pay.ErrNotFound
	}
	return row, err
}

// Link reads one link. Errors: pay.ErrNotFound.
func (q queries) Link(ctx context.Context, t pay.Tenant, id pay.LinkID) (pay.Link, error) {
	row, err := q.link(ctx, `merchant = $1 AND mode = $2 AND id = $3`, "", t.Merchant, t.Mode, id)
	return row.link, err
}

// LinkByWireID reads the link a dialect calls wireID. Errors: pay.ErrNotFound.
func (q queries) LinkByWireID(ctx context.Context, t pay.Tenant, dialect, wireID string) (pay.Link, error) {
	row, err := q.link(ctx, `merchant = $1 AND mode = $2 AND dialect = $3 AND wire_id = $4`, "", t.Merchant, t.Mode, dialect, wireID)
	return row.link, err
}

// LinkByUniqueRef reads the link with a unique reference. Errors: pay.ErrNotFound.
func (q queries) LinkByUniqueRef(ctx context.Context, t pay.Tenant, dialect, ref string) (pay.Link, error) {
	row, err := q.link(ctx, `merchant = $1 AND mode = $2 AND dialect = $3 AND unique_ref = $4`, "", t.Merchant, t.Mode, dialect, ref)
	return row.link, err
}

// linkValues are the columns of l in the order of InsertLink.
func (tx *Tx) linkValues(l pay.Link, lastHash string) ([]any, error) {
	body, err := text(l)
	if err != nil {
		return nil, err
	}
	sealed, err := tx.seal(l.Tenant, "links", string(l.ID), sealedLink{l.Token, l.Payer})
	if err != nil {
		return nil, err
	}
	var total any
	if n, ok := l.Total(); ok && len(l.Price.PerMethod) == 0 {
		total = n
	}
	search := strings.ToLower(l.Description + "\n" + l.Reference + "\n" + string(l.ID))
	return []any{l.Merchant, l.Mode, l.ID, l.Seq, l.State, l.Dialect, orNull(l.WireID), orNull(l.Reference), orNull(l.UniqueRef), search,
		l.Price.Currency, total, l.Applied, l.Released, l.UseCount, l.Use.Max, orNull(us(l.DueAt())), us(l.CreatedAt), us(l.FirstViewedAt),
		body, sealed, lastHash, l.Account}, nil
}

// InsertLink stores a new link. stored is false when its id, wire id or unique
// reference is taken.
func (tx *Tx) InsertLink(ctx context.Context, l pay.Link, lastHash string) (stored bool, err error) {
	values, err := tx.linkValues(l, lastHash)
	if err != nil {
		return false, err
	}
	return tx.putOne(ctx, `
		INSERT INTO links (merchant, mode, id, seq, state, dialect, wire_id, reference, unique_ref, search,
			currency, total, applied, released, use_count, max_uses, due_at, created_at, first_viewed_at, body, sealed, last_hash, account)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		ON CONFLICT DO NOTHING`, values...)
}

// updateLink stores l over the row whose last event was number wasSeq.
// Errors: pay.ErrLinkChanged when another writer came first.
func (tx *Tx) updateLink(ctx context.Context, l pay.Link, lastHash string, wasSeq int64) error {
	v, err := tx.linkValues(l, lastHash)
	if err != nil {
		return err
	}
	done, err := tx.putOne(ctx, `
		UPDATE links SET seq = $4, state = $5, reference = $6, search = $7, currency = $8, total = $9, applied = $10,
			released = $11, use_count = $12, max_uses = $13, due_at = $14, body = $15, sealed = $16, last_hash = $17
		WHERE merchant = $1 AND mode = $2 AND id = $3 AND seq = $18`,
		v[0], v[1], v[2], v[3], v[4], v[7], v[9], v[10], v[11], v[12], v[13], v[14], v[15], v[16], v[19], v[20], v[21], wasSeq)
	if err == nil && !done {
		return pay.ErrLinkChanged
	}
	return err
}

// MarkViewed notes the first opening of the page; telemetry only (DECISIONS 13).
func (tx *Tx) MarkViewed(ctx context.Context, t pay.Tenant, id pay.LinkID) error {
	_, err := tx.exec(ctx, `UPDATE links SET first_viewed_at = $4 WHERE merchant = $1 AND mode = $2 AND id = $3 AND first_viewed_at = 0`,
		t.Merchant, t.Mode, id, us(tx.now))
	return err
}

// LinkFilter chooses links; zero members do not filter.
type LinkFilter struct {
	Dialect     string
	State       pay.LinkState // as the clock has made it
	Reference   string
	Text        string // part of description, reference or id, in any case
	CreatedFrom time.Time
	CreatedTo   time.Time // exclusive
	BeforeTime  time.Time // keyset: older than (BeforeTime, BeforeID)
	BeforeID    string
	Limit       int
}

// Links lists links, newest first.
func (q queries) Links(ctx context.Context, t pay.Tenant, now time.Time, f LinkFilter) (links []pay.Link, err error) {
	where := newWhere(t)
	where.and(f.Dialect != "", "dialect = ?", f.Dialect)
	where.and(f.Reference != "", "reference = ?", f.Reference)
	where.and(f.Text != "", `search LIKE ? ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(f.Text))+"%")
	where.and(!f.CreatedFrom.IsZero(), "created_at >= ?", us(f.CreatedFrom))
	where.and(!f.CreatedTo.IsZero(), "created_at < ?", us(f.CreatedTo))
	where.and(f.BeforeID != "", "(created_at, id) < (?, ?)", us(f.BeforeTime), f.BeforeID)
	where.state(f.State, now)
	err = q.each(ctx, `SELECT `+linkColumns+` FROM links WHERE `+where.sql()+` ORDER BY `+few("created_at", f.Reference != "")+` DESC, id DESC LIMIT `+where.add(f.Limit), where.args, func(r rows) error {
		row, err := q.scanLink(r)
		links = append(links, row.link)
		return err
	})
	return links, err
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// DueLinks names links whose state the clock has changed, without a lock: the
// change itself takes the link's row.
func (s *Store) DueLinks(ctx context.Context, limit int) (due []LinkName, err error) {
	err = s.each(ctx, `SELECT merchant, mode, id FROM links WHERE due_at <= $1 ORDER BY due_at LIMIT $2`, []any{us(s.Now()), limit}, func(r rows) error {
		var n LinkName
		err := r.Scan(&n.Merchant, &n.Mode, &n.ID)
		due = append(due, n)
		return err
	})
	return due, err
}

// LinkName is a link's full name.
type LinkName struct {
	pay.Tenant
	ID pay.LinkID
}
