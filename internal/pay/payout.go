package pay

import "time"

// Payout is money that left the settled balance: to the merchant, or as a
// transfer to the account of a split. We move none of it: it writes down that
// the processor, or whoever keeps the money, paid it. It is never changed.
type Payout struct {
	Tenant
	ID        PayoutID
	Link      LinkID // of a transfer; empty for the merchant's own
	Split     int    // of a transfer: its place on the link
	Account   string // of a transfer: whom it was paid to
	Amount    Money
	Reference string // the caller's own name of it
	Number    int64  // 1, 2, 3 … among all of the tenant in the currency
	Available int64  // minor units that it could have been at most, when it was decided (M10)
	Actor     string
	CreatedAt time.Time
}

// Movement is what the ledger calls it.
func (p Payout) Movement() string { return p.Kind() + ":" + string(p.ID) }

// Kind is "transfer" or "payout".
func (p Payout) Kind() string {
	if p.Link != "" {
		return "transfer"
	}
	return "payout"
}

// Purse is what a tenant's ledger sums to in one currency while nobody else
// pays out of it.
type Purse struct {
	Balance
	Number int64 // of the payout or transfer that is being made
}

// PayoutWish is what a merchant asks to be paid of its own money.
type PayoutWish struct {
	Currency  Currency
	Amount    int64 // minor units; 0: all that may be paid out
	Reference string
}

// Validate finds what is wrong with the wish, whatever there is to be paid out.
// Errors: Invalid (currency, amount).
func (w PayoutWish) Validate() error {
	var bad Faults
	if !w.Currency.Known() {
		bad.Add("currency", "unknown_currency", "must be an ISO 4217 code in capitals")
	}
	switch {
	case w.Amount < 0:
		bad.Add("amount", "too_small", "must be greater than zero")
	case w.Amount > MaxMinor:
		bad.Add("amount", "too_large", "must be at most 999999999999")
	}
	return bad.Err()
}

// ErrBalance says that there is less to be paid out than was asked for.
func ErrBalance(left Money) *Error {
	return &Error{Kind: Conflict, Code: "insufficient_balance", Detail: "at most " + left.String() + " can be paid out now"}
}

// NewPayout takes money for the merchant out of a purse, with the entries of
// the ledger that say so.
// Errors: Invalid (currency, amount), ErrBalance.
func NewPayout(tenant Tenant, id PayoutID, w PayoutWish, purse Purse, actor string, now time.Time) (Payout, []Entry, error) {
	if err := w.Validate(); err != nil {
		return Payout{}, nil, err
	}
	limit := purse.Payable()
	if w.Amount == 0 {
		w.Amount = min(limit, MaxMinor)
	}
	p := Payout{
		Tenant: tenant, ID: id, Amount: Money{w.Amount, w.Currency}, Reference: w.Reference, Actor: actor, CreatedAt: now,
	}
	if err := p.take(purse, limit); err != nil {
		return Payout{}, nil, err
	}
	return p, entries(p.Movement(), w.Currency, now, accountSettled, leg{accountMerchant, w.Amount}), nil
}

// take gives a payout its place and its limit (M10). Errors: ErrBalance.
func (p *Payout) take(purse Purse, limit int64) error {
	if p.Amount.Minor <= 0 || p.Amount.Minor > limit {
		return ErrBalance(Money{max(limit, 0), p.Amount.Currency})
	}
	p.Number, p.Available = purse.Number, limit
	return nil
}
