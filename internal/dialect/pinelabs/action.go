package pinelabs

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// wrapped is how orders, refunds and splits are answered; links are flat (sheet 4).
type wrapped struct {
	Data orderOut `json:"data"`
}

// findOrder reads who calls and the link behind the order that the path names.
func (d *pinelabs) findOrder(r *http.Request) (who pay.Caller, v core.LinkView, err error) {
	if who, err = d.Authenticate(r); err != nil {
		return who, v, err
	}
	id := r.PathValue("id")
	if !wireName.MatchString(id) {
		return who, v, pay.ErrNotFound
	}
	v, err = d.core.LinkByWireID(r.Context(), who, "pl-"+id)
	return who, v, err
}

func (d *pinelabs) answerOrder(w http.ResponseWriter, r *http.Request, who pay.Caller, v core.LinkView) error {
	m, err := d.core.Merchant(r.Context(), who.Tenant)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, wrapped{newOrderOut(v.Link, v.Payments, m)})
}

// readOrder answers with an order, or with the refund order of that id.
func (d *pinelabs) readOrder(w http.ResponseWriter, r *http.Request) error {
	parent, _, isRefund := strings.Cut(r.PathValue("id"), refundMark)
	if !isRefund {
		who, view, err := d.findOrder(r)
		if err != nil {
			return err
		}
		return d.answerOrder(w, r, who, view)
	}
	id := r.PathValue("id")
	r.SetPathValue("id", parent)
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	m, err := d.core.Merchant(r.Context(), who.Tenant)
	if err != nil {
		return err
	}
	for _, g := range refundsOf(view.Payments) {
		if g.id(view.Link) == id {
			return web.JSON(w, http.StatusOK, wrapped{newRefundOut(view.Link, view.Payments, g, m)})
		}
	}
	return pay.ErrNotFound
}

func (d *pinelabs) readOrderByReference(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	ref := r.PathValue("ref")
	if !wireName.MatchString(ref) {
		return pay.ErrNotFound
	}
	view, err := d.core.LinkByUniqueRef(r.Context(), who, ref)
	if err != nil {
		return err
	}
	return d.answerOrder(w, r, who, view)
}

// captureIn is the body of PUT …/orders/{id}/capture.
type captureIn struct {
	Reference string  `json:"merchant_capture_reference"`
	Amount    *amount `json:"capture_amount"` // absent: all that is held
}

func (in captureIn) check(c pay.Currency) error {
	var bad pay.Faults
	if !wireName.MatchString(in.Reference) {
		bad.Add("merchant_capture_reference", "invalid", "must be 1 to 50 letters, digits, hyphens or underscores")
	}
	checkAmount(&bad, "capture_amount", in.Amount, c)
	if in.Amount != nil && in.Amount.minor() == 0 {
		bad.Add("capture_amount.value", "too_small", "must be greater than zero")
	}
	return bad.Err()
}

// capture takes money that is held, once; the rest is released. A reference
// that was used before does nothing more.
func (d *pinelabs) capture(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	var in captureIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	if err := in.check(view.Link.Price.Currency); err != nil {
		return err
	}
	payment, ok := captured(view, in)
	if !ok {
		return pay.ErrState("an order that is %s cannot be captured", orderStatus(view.Link, view.Payments))
	}
	_, err = d.core.Capture(r.Context(), who, core.CapturePayment{
		Key: "capture:" + string(payment) + ":" + in.Reference, Fingerprint: strconv.FormatInt(in.Amount.minor(), 10),
		Payment: payment, Amount: in.Amount.minor(), Reference: in.Reference,
	})
	if errors.Is(err, pay.ErrKeyReused) {
		return errDuplicateCapture
	}
	if err != nil {
		return beyond(err, "capture_amount.value must be at most what is held")
	}
	if view, err = d.core.Link(r.Context(), who, view.Link.ID); err != nil {
		return err
	}
	return d.answerOrder(w, r, who, view)
}

// captured is the payment a capture is about: the one that is held, or that
// this very call took before.
func captured(v core.LinkView, in captureIn) (pay.PaymentID, bool) {
	for _, p := range v.Payments {
		a := p.Last()
		if a == nil || !a.Manual {
			continue
		}
		held := p.State == pay.PaymentOpen && a.State == pay.AttemptAuthorized && v.Link.State != pay.LinkCanceled
		if held || slices.ContainsFunc(a.Captures, func(c pay.Capture) bool { return c.Reference == in.Reference }) {
			return p.ID, true
		}
	}
	return "", false
}

// cancelOrder releases money that is held and closes the link: sheet 7.1.
func (d *pinelabs) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	view, err = d.core.CancelLinkWhen(r.Context(), who, view.Link.ID, func(now core.LinkView) error {
		if s := orderStatus(now.Link, now.Payments); s != orderAuthorized {
			return pay.ErrState("an order that is %s cannot be cancelled", s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.answerOrder(w, r, who, view)
}

// releaseIn is the body of PATCH …/settlementId/{split}/release.
type releaseIn struct {
	Amount *amount `json:"release_amount"` // absent: all that is held
}

// releaseSplit lets a share on hold go to its partner, in part or whole.
func (d *pinelabs) releaseSplit(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	index, err := splitIndex(view.Link, r.PathValue("split"))
	if err != nil {
		return err
	}
	var in releaseIn
	body, err := web.Body(r)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if err := web.Decode(r, &in); err != nil {
			return err
		}
	}
	var bad pay.Faults
	checkAmount(&bad, "release_amount", in.Amount, view.Link.Price.Currency)
	if in.Amount != nil && in.Amount.minor() == 0 {
		bad.Add("release_amount.value", "too_small", "must be greater than zero")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	if view, err = d.core.ReleaseSplit(r.Context(), who, view.Link.ID, index, in.Amount.minor()); err != nil {
		return beyond(err, "release_amount.value must be at most what is on hold")
	}
	return d.answerOrder(w, r, who, view)
}

// cancelSplit gives a share on hold to the merchant after all.
func (d *pinelabs) cancelSplit(w http.ResponseWriter, r *http.Request) error {
	who, view, err := d.findOrder(r)
	if err != nil {
		return err
	}
	index, err := splitIndex(view.Link, r.PathValue("split"))
	if err != nil {
		return err
	}
	if view, err = d.core.CancelSplit(r.Context(), who, view.Link.ID, index); err != nil {
		return err
	}
	return d.answerOrder(w, r, who, view)
}

func splitIndex(l pay.Link, id string) (int, error) {
	for i := range l.Splits {
		if splitID(l, i) == id {
			return i, nil
		}
	}
	return 0, pay.ErrNotFound
}
