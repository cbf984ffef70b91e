package store

import (
	"context"
	"strings"

	"paylink/internal/pay"
)

const payoutColumns = `merchant, mode, id, link, split, account, currency, number, amount, available, reference, actor, created_at`

func (q queries) payouts(ctx context.Context, rest string, args []any) (list []pay.Payout, err error) {
	err = q.each(ctx, `SELECT `+payoutColumns+` FROM payouts WHERE `+rest, args, func(r rows) error {
		var p pay.Payout
		var created int64
		err := r.Scan(&p.Merchant, &p.Mode, &p.ID, &p.Link, &p.Split, &p.Account, &p.Amount.Currency, &p.Number, &p.Amount.Minor, &p.Available,
			&p.Reference, &p.Actor, &created)
		p.CreatedAt = fromUS(created)
		list = append(list, p)
		return err
	})
	return list, err
}

// Payout reads one payout or transfer. Errors: pay.ErrNotFound.
func (q queries) Payout(ctx context.Context, t pay.Tenant, id pay.PayoutID) (p pay.Payout, err error) {
	list, err := q.payouts(ctx, `merchant = $1 AND mode = $2 AND id = $3`, []any{t.Merchant, t.Mode, id})
	if err == nil && len(list) == 0 {
		err = pay.ErrNotFound
	}
	if err != nil {
		return p, err
	}
	return list[0], nil
}

// PayoutFilter chooses payouts and transfers; zero members do not filter.
type PayoutFilter struct {
	Kind       string // "payout" or "transfer"
	Link       pay.LinkID
	BeforeTime int64 // keyset, microseconds
	BeforeID   string
	Limit      int
}

// Payouts lists payouts and transfers, newest first.
func (q queries) Payouts(ctx context.Context, t pay.Tenant, f PayoutFilter) ([]pay.Payout, error) {
	w := newWhere(t)
	w.and(f.Kind == "payout", "link = ''")
	w.and(f.Kind == "transfer", "link <> ''")
	w.and(f.Link != "", "link = ?", f.Link)
	w.and(f.BeforeID != "", "(created_at, id) < (?, ?)", f.BeforeTime, f.BeforeID)
	return q.payouts(ctx, w.sql()+` ORDER BY created_at DESC, id DESC LIMIT `+w.add(f.Limit), w.args)
}

// TakePurse takes a tenant's purse of one currency for this transaction and
// reads what is in it. Others who pay out wait, and then see what this
// transaction did; who moves money otherwise does not wait. Who takes a link
// too takes it before.
func (tx *Tx) TakePurse(ctx context.Context, t pay.Tenant, c pay.Currency) (p pay.Purse, err error) {
	err = tx.one(ctx, `
		INSERT INTO purses (merchant, mode, currency, number) VALUES ($1, $2, $3, 1)
		ON CONFLICT (merchant, mode, currency) DO UPDATE SET number = purses.number + 1 RETURNING number`,
		[]any{t.Merchant, t.Mode, c}, &p.Number)
	if err != nil {
		return p, err
	}
	p.Currency = c
	// A statement of its own: it sees what was committed while this one waited.
	err = tx.balances(ctx, ` AND currency = $3 AND account <> 'merchant' AND account <> 'fees' AND account NOT LIKE 'processor:%'`, `0, 0`,
		[]any{t.Merchant, t.Mode, c}, func(b pay.Balance) { p.Balance = b })
	return p, err
}

// AddPayout stores a payout or transfer. The entries of a transfer are its
// link's, and come with its tab; those of a payout belong to no link.
func (tx *Tx) AddPayout(ctx context.Context, p pay.Payout, entries ...pay.Entry) error {
	_, err := tx.exec(ctx, `INSERT INTO payouts (`+payoutColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		p.Merchant, p.Mode, p.ID, p.Link, p.Split, p.Account, p.Amount.Currency, p.Number, p.Amount.Minor, p.Available,
		p.Reference, p.Actor, us(p.CreatedAt))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := tx.insertEntry(ctx, pay.Link{Tenant: p.Tenant}, e); err != nil {
			return err
		}
	}
	return nil
}

// Balances sums the ledger of a tenant by currency.
func (q queries) Balances(ctx context.Context, t pay.Tenant) (list []pay.Balance, err error) {
	paid := sumWhen(`account = 'settled'`, `-transferred`) + `, ` + sumWhen(`account = 'settled'`, `-paid`)
	err = q.balances(ctx, "", paid, []any{t.Merchant, t.Mode}, func(b pay.Balance) { list = append(list, b) })
	return list, err
}

// sumWhen sums an expression over the accounts that a condition is true of.
func sumWhen(when, minor string) string {
	return `cast(sum(CASE WHEN ` + when + ` THEN ` + minor + ` ELSE 0 END) AS BIGINT)`
}

// balances sums the entries of a tenant that a condition lets through; paid are
// the columns of what was transferred and paid out. What the account of one
// split owes makes no other's share smaller.
func (q queries) balances(ctx context.Context, and, paid string, args []any, each func(pay.Balance)) error {
	columns := []string{
		sumWhen(`account LIKE 'processor:%'`, `minor`), sumWhen(`account = 'settled'`, `minor`), sumWhen(`account LIKE 'held:%'`, `-minor`),
		sumWhen(`account LIKE 'split:%' AND minor < 0`, `-minor`), sumWhen(`account = 'surplus'`, `-minor`), paid,
	}
	return q.each(ctx, `
		SELECT currency, `+strings.Join(columns, ", ")+` FROM (
			SELECT currency, link, account, sum(amount) AS minor,
				sum(CASE WHEN movement LIKE 'transfer:%' THEN amount ELSE 0 END) AS transferred,
				sum(CASE WHEN movement LIKE 'payout:%' THEN amount ELSE 0 END) AS paid
			FROM entries WHERE merchant = $1 AND mode = $2`+and+` GROUP BY currency, link, account) AS accounts
		GROUP BY currency ORDER BY currency`, args, func(r rows) error {
		var b pay.Balance
		err := r.Scan(&b.Currency, &b.Pending, &b.Settled, &b.Held, &b.Owed, &b.Surplus, &b.Transferred, &b.PaidOut)
		each(b)
		return err
	})
}

// Payouts gives fn the payouts of no link, or the transfers of the link to
// come, by id.
func (w *Walk) Payouts(ctx context.Context, link pay.LinkID, fn func(pay.Payout) error) error {
	return w.payouts.of(ctx, link, fn)
}

func (s *Snapshot) payoutPage(t pay.Tenant) func(context.Context, place) ([]pay.Payout, error) {
	return func(ctx context.Context, after place) ([]pay.Payout, error) {
		return s.payouts(ctx, `merchant = $1 AND mode = $2 AND (link, id) > ($3, $4) ORDER BY link, id LIMIT `+pageLimit,
			[]any{t.Merchant, t.Mode, after.link, after.tail})
	}
}

// Paid is what a tenant has paid out in one currency, beside what it ever had.
type Paid struct {
	Currency pay.Currency
	Count    int64 // payouts and transfers
	Last     int64 // the newest's number
	Purse    int64 // the number that its purse is at
	Paid     int64 // minor units
	Had      int64 // all that ever came onto the settled balance
}

// Paid sums payouts and transfers by currency.
func (s *Snapshot) Paid(ctx context.Context, t pay.Tenant) (list []Paid, err error) {
	err = s.each(ctx, `
		SELECT p.currency, count(*), max(p.number), cast(sum(p.amount) AS BIGINT),
			coalesce((SELECT number FROM purses WHERE merchant = $1 AND mode = $2 AND currency = p.currency), 0),
			coalesce((SELECT cast(sum(amount) AS BIGINT) FROM entries WHERE merchant = $1 AND mode = $2 AND currency = p.currency
				AND account = 'settled' AND amount > 0), 0)
		FROM payouts p WHERE p.merchant = $1 AND p.mode = $2 GROUP BY p.currency ORDER BY p.currency`,
		[]any{t.Merchant, t.Mode}, func(r rows) error {
			var p Paid
			err := r.Scan(&p.Currency, &p.Count, &p.Last, &p.Paid, &p.Purse, &p.Had)
			list = append(list, p)
			return err
		})
	return list, err
}
