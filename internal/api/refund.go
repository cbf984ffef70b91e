package api

import (
	"net/http"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

type refundIn struct {
	Amount *int64 `json:"amount"`
	Reason string `json:"reason"`
}

// check finds every field that is not of the right form.
func (in refundIn) check() error {
	var bad pay.Faults
	if in.Amount != nil {
		minor(&bad, "amount", *in.Amount, 1)
	}
	text(&bad, "reason", in.Reason, maxReference)
	return bad.Err()
}

func (a *API) refund(w http.ResponseWriter, r request) error {
	key, print, err := requiredKey(r)
	if err != nil {
		return err
	}
	var in refundIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	cmd := core.RefundPayment{Key: key, Fingerprint: print, Replayed: replayed(w), Wish: pay.RefundWish{Payment: pay.PaymentID(r.PathValue("id")), Reason: in.Reason}}
	if in.Amount != nil {
		cmd.Wish.Amount = *in.Amount
	}
	p, _, err := a.core.Refund(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, newPaymentOut(p))
}
