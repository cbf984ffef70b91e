package api

import (
	"net/http"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// payoutOut is money that left the settled balance: a payout to the merchant,
// or a transfer to the account of a split.
type payoutOut struct {
	ID        pay.PayoutID `json:"id"`
	Object    string       `json:"object"`
	Type      string       `json:"type"`
	Amount    int64        `json:"amount"`
	Currency  pay.Currency `json:"currency"`
	LinkID    *pay.LinkID  `json:"link_id"`
	Split     *int         `json:"split"`
	Account   *string      `json:"account"`
	Reference *string      `json:"reference"`
	CreatedAt time.Time    `json:"created_at"`
}

func newPayoutOut(p pay.Payout) payoutOut {
	out := payoutOut{
		ID: p.ID, Object: "payout", Type: p.Kind(), Amount: p.Amount.Minor, Currency: p.Amount.Currency, LinkID: optional(p.Link),
		Account: optional(p.Account), Reference: optional(p.Reference), CreatedAt: p.CreatedAt,
	}
	if p.Link != "" {
		out.Split = &p.Split
	}
	return out
}

// paidIn is what the bodies of payouts and transfers have in common.
type paidIn struct {
	Amount    *int64 `json:"amount"`
	Reference string `json:"reference"`
}

// check finds every field that is not of the right form.
func (in paidIn) check(bad *pay.Faults) (amount int64) {
	if in.Amount != nil {
		amount = *in.Amount
		minor(bad, "amount", amount, 1)
	}
	text(bad, "reference", in.Reference, maxReference)
	return amount
}

type payoutIn struct {
	Currency pay.Currency `json:"currency"`
	paidIn
}

func (a *API) createPayout(w http.ResponseWriter, r request) error {
	key, print, err := requiredKey(r)
	if err != nil {
		return err
	}
	var in payoutIn
	if err := web.DecodeStrict(r.Request, &in); err != nil {
		return err
	}
	var bad pay.Faults
	amount := in.check(&bad)
	if err := bad.Err(); err != nil {
		return err
	}
	p, err := a.core.CreatePayout(r.Context(), r.who, core.CreatePayout{
		Key: key, Fingerprint: print, Replayed: replayed(w),
		Wish: pay.PayoutWish{Currency: in.Currency, Amount: amount, Reference: in.Reference},
	})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, newPayoutOut(p))
}

func (a *API) getPayout(w http.ResponseWriter, r request) error {
	p, err := a.core.Payout(r.Context(), r.who, pay.PayoutID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPayoutOut(p))
}

func (a *API) listPayouts(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.PayoutFilter{Kind: q.oneOf("type", "payout", "transfer"), Link: pay.LinkID(q.text("link_id")), After: q.cursor(), Limit: q.limit()}
	if err := q.err(); err != nil {
		return err
	}
	payouts, next, err := a.core.Payouts(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]payoutOut, 0, len(payouts))
	for _, p := range payouts {
		out = append(out, newPayoutOut(p))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

func (a *API) holdSplit(w http.ResponseWriter, r request) error {
	cmd, err := splitMove(w, r)
	if err != nil {
		return err
	}
	if err := decodeOptional(r, &struct{}{}); err != nil {
		return err
	}
	view, err := a.core.HoldSplit(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return a.linkView(w, view)
}

func (a *API) transferSplit(w http.ResponseWriter, r request) error {
	cmd, err := splitMove(w, r)
	if err != nil {
		return err
	}
	var in paidIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	var bad pay.Faults
	cmd.Amount = in.check(&bad)
	if err := bad.Err(); err != nil {
		return err
	}
	cmd.Reference = in.Reference
	view, err := a.core.TransferSplit(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return a.linkView(w, view)
}

// splitMove is which split a request is about, with its required key.
func splitMove(w http.ResponseWriter, r request) (cmd core.MoveSplit, err error) {
	cmd.Replayed = replayed(w)
	if cmd.Key, cmd.Fingerprint, err = requiredKey(r); err != nil {
		return cmd, err
	}
	cmd.Link = pay.LinkID(r.PathValue("id"))
	cmd.Index, err = splitIndex(r)
	return cmd, err
}
