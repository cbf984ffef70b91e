package api

import (
	"net/http"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// settlementOut is one line of what processors settle. Amount is signed, in
// minor units: what the balance gains.
type settlementOut struct {
	Movement   string              `json:"movement"`
	Object     string              `json:"object"`
	Type       string              `json:"type"`
	State      pay.SettlementState `json:"state"`
	Amount     int64               `json:"amount"`
	Currency   pay.Currency        `json:"currency"`
	Processor  string              `json:"processor"`
	LinkID     *pay.LinkID         `json:"link_id"`
	PaymentID  *pay.PaymentID      `json:"payment_id"`
	Reference  *string             `json:"reference"`
	SettledAt  *time.Time          `json:"settled_at"`
	ExpectedAt time.Time           `json:"expected_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
}

func newSettlementOut(s pay.Settlement) settlementOut {
	kind, _, _ := strings.Cut(s.Movement, ":")
	return settlementOut{
		Movement: s.Movement, Object: "settlement", Type: kind, State: s.State, Amount: s.Amount.Minor, Currency: s.Amount.Currency,
		Processor: s.Processor, LinkID: optional(s.Link), PaymentID: optional(s.Payment), Reference: optional(s.Reference),
		SettledAt: optional(s.SettledAt), ExpectedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func (a *API) listSettlements(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	f := core.SettlementFilter{
		Link: pay.LinkID(q.text("link_id")), After: q.cursor(), Limit: q.limit(),
		State: pay.SettlementState(q.oneOf("state", "expected", "settled", "missing", "reversed")),
	}
	if err := q.err(); err != nil {
		return err
	}
	lines, next, err := a.core.Settlements(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	out := make([]settlementOut, 0, len(lines))
	for _, s := range lines {
		out = append(out, newSettlementOut(s))
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

// balanceOut is the account's balance; one member of data for each currency.
type balanceOut struct {
	Object string        `json:"object"`
	Data   []currencyOut `json:"data"`
}

type currencyOut struct {
	Currency    pay.Currency `json:"currency"`
	Pending     int64        `json:"pending"`
	Available   int64        `json:"available"`
	Held        int64        `json:"held"`
	Owed        int64        `json:"owed"`
	Payable     int64        `json:"payable"`
	Transferred int64        `json:"transferred"`
	PaidOut     int64        `json:"paid_out"`
}

func (a *API) balance(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	if err := q.err(); err != nil {
		return err
	}
	list, err := a.core.Balances(r.Context(), r.who)
	if err != nil {
		return err
	}
	out := balanceOut{Object: "balance", Data: make([]currencyOut, 0, len(list))}
	for _, b := range list {
		out.Data = append(out.Data, currencyOut{b.Currency, b.Pending, b.Available(), b.Held, b.Owed, b.Payable(), b.Transferred, b.PaidOut})
	}
	return web.JSON(w, http.StatusOK, out)
}
