package store

import (
	"context"
	"strconv"

	"paylink/internal/pay"
)

// Finder makes the keyed hash by which a personal value is found again.
type Finder func(label, value string) string

// InsertShare stores a share with its messages.
func (tx *Tx) InsertShare(ctx context.Context, t pay.Tenant, s pay.Share, find Finder) error {
	sealed, err := tx.seal(t, "shares", string(s.ID), s)
	if err != nil {
		return err
	}
	if err := tx.put(ctx, `INSERT INTO shares (merchant, mode, id, link, cause, at, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.Merchant, t.Mode, s.ID, s.Link, s.Cause, us(s.At), sealed); err != nil {
		return err
	}
	for _, m := range s.Messages() {
		if sealed, err = tx.seal(t, "messages", messageName(m), m); err != nil {
			return err
		}
		if err := tx.put(ctx, `
			INSERT INTO messages (merchant, mode, share, number, link, channel, state, due_at, name_index, address_index, sealed, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			t.Merchant, t.Mode, m.Share, m.Number, s.Link, m.Channel, m.State, us(m.DueAt), find("name", m.Name), find("recipient", m.Address), sealed, us(tx.now)); err != nil {
			return err
		}
	}
	return nil
}

func messageName(m pay.Message) string {
	return string(m.Share) + "." + strconv.FormatInt(m.Number, 10)
}

// Share reads one share. Errors: pay.ErrNotFound.
func (q queries) Share(ctx context.Context, t pay.Tenant, id pay.ShareID) (s pay.Share, err error) {
	var sealed []byte
	if err := q.one(ctx, `SELECT sealed FROM shares WHERE merchant = $1 AND mode = $2 AND id = $3`, []any{t.Merchant, t.Mode, id}, &sealed); err != nil {
		return s, err
	}
	return s, q.open(t, "shares", string(id), sealed, &s)
}

// ShareFilter chooses shares of a link by one recipient; empty members do not filter.
type ShareFilter struct{ Name, Address string } // keyed hashes

// sentTo is the condition that a message of a row went to a recipient; column
// of messages names the row of table on.
func (w *where) sentTo(on, column string, f ShareFilter) {
	if f == (ShareFilter{}) {
		return
	}
	clause := "EXISTS (SELECT 1 FROM messages m WHERE m.merchant = " + on + ".merchant AND m.mode = " + on + ".mode AND m." + column + " = " + on + ".id"
	if f.Name != "" {
		clause += " AND m.name_index = " + w.add(f.Name)
	}
	if f.Address != "" {
		clause += " AND m.address_index = " + w.add(f.Address)
	}
	w.clauses = append(w.clauses, clause+")")
}

// maxShares bounds how many shares of one link are read.
const maxShares = 10_000

// Shares lists the shares of a link, newest first.
func (q queries) Shares(ctx context.Context, t pay.Tenant, link pay.LinkID, f ShareFilter) (list []pay.Share, err error) {
	w := newWhere(t)
	w.and(true, "link = ?", link)
	w.sentTo("shares", "share", f)
	err = q.each(ctx, `SELECT id, sealed FROM shares WHERE `+w.sql()+` ORDER BY at DESC, id DESC LIMIT `+w.add(maxShares), w.args, func(r rows) error {
		var s pay.Share
		var id pay.ShareID
		var sealed []byte
		if err := r.Scan(&id, &sealed); err != nil {
			return err
		}
		if err := q.open(t, "shares", string(id), sealed, &s); err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	return list, err
}
