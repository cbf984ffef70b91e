package store

import (
	"context"
	"strings"
	"time"

	"paylink/internal/pay"
)

// LinkScan chooses links of one dialect by creation; zero members do not filter.
type LinkScan struct {
	Dialect   string
	Account   string
	Reference string
	Single    *bool     // may be paid once, or more often
	From, To  time.Time // of creation; To is exclusive
	Sent      ShareFilter
	Oldest    bool      // oldest first; else newest first
	After     time.Time // keyset: what comes after (After, AfterID) in that order
	AfterID   pay.LinkID
	Limit     int
}

func (f LinkScan) where(t pay.Tenant) *where {
	w := newWhere(t)
	w.and(f.Dialect != "", "dialect = ?", f.Dialect)
	w.and(f.Account != "", "account = ?", f.Account)
	w.and(f.Reference != "", "reference = ?", f.Reference)
	w.and(!f.From.IsZero(), "created_at >= ?", us(f.From))
	w.and(!f.To.IsZero(), "created_at < ?", us(f.To))
	w.and(f.Single != nil && *f.Single, "max_uses = 1")
	w.and(f.Single != nil && !*f.Single, "max_uses <> 1")
	w.sentTo("links", "link", f.Sent)
	w.and(f.AfterID != "" && f.Oldest, "(created_at, id) > (?, ?)", us(f.After), f.AfterID)
	w.and(f.AfterID != "" && !f.Oldest, "(created_at, id) < (?, ?)", us(f.After), f.AfterID)
	return w
}

// ScanLinks reads links in order of creation.
func (q queries) ScanLinks(ctx context.Context, t pay.Tenant, f LinkScan) (links []pay.Link, err error) {
	w, order := f.where(t), "DESC"
	if f.Oldest {
		order = "ASC"
	}
	err = q.each(ctx, `SELECT `+linkColumns+` FROM links WHERE `+w.sql()+` ORDER BY `+few("created_at", f.Reference != "")+` `+order+`, id `+order+` LIMIT `+w.add(f.Limit), w.args, func(r rows) error {
		row, err := q.scanLink(r)
		links = append(links, row.link)
		return err
	})
	return links, err
}

// CountLinks is how many links ScanLinks would read without a limit.
func (q queries) CountLinks(ctx context.Context, t pay.Tenant, f LinkScan) (n int64, err error) {
	f.AfterID = ""
	w := f.where(t)
	return n, q.one(ctx, `SELECT count(*) FROM links WHERE `+w.sql(), w.args, &n)
}

// PaymentsOf reads the payments of several links, each link's in order.
func (q queries) PaymentsOf(ctx context.Context, t pay.Tenant, links []pay.LinkID) (map[pay.LinkID][]pay.Payment, error) {
	of := map[pay.LinkID][]pay.Payment{}
	if len(links) == 0 {
		return of, nil
	}
	w := newWhere(t)
	marks := make([]string, len(links))
	for i, id := range links {
		marks[i] = w.add(id)
	}
	list, err := q.payments(ctx, `SELECT body FROM payments WHERE `+w.sql()+` AND link IN (`+strings.Join(marks, ", ")+`) ORDER BY link, number`, w.args)
	for _, p := range list {
		of[p.Link] = append(of[p.Link], p)
	}
	return of, err
}
