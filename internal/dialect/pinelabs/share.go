package pinelabs

import (
	"net/http"
	"slices"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// resendLimit is how often a link may be sent again [X].
var resendLimit = core.ShareLimit{Count: 5, Within: 15 * time.Minute}

// active are the statuses in which a link may be sent again (sheet 6.2).
var active = []string{statusCreated, statusClicked, statusInitiated, statusPartial}

// sharesOf is the wish to send a link to the payer on file; none without a contact.
func sharesOf(l pay.Link, cause pay.ShareCause) []pay.Share {
	to := pay.Recipient{Name: l.Payer.Name, Email: l.Payer.Email, Phone: l.Payer.Phone}
	if to.Email == "" && to.Phone == "" {
		return nil
	}
	return []pay.Share{{Cause: cause, Recipients: []pay.Recipient{to}}}
}

// resend asks to send the link to its payer again. It changes nothing of the
// link, which is the answer: a client fails on an empty one.
func (d *pinelabs) resend(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	view, err := d.find(r, who)
	if err != nil {
		return err
	}
	if s := linkStatus(view.Link, view.Payments); !slices.Contains(active, s) {
		return pay.ErrState("the notification of a payment link that is %s cannot be sent again", s)
	}
	shares := sharesOf(view.Link, pay.ShareResent)
	if len(shares) == 0 {
		return invalid("customer", "no_contact", "has neither email_id nor mobile_number")
	}
	if _, err := d.core.ShareLink(r.Context(), who, core.ShareLink{Link: view.Link.ID, Share: shares[0], Limit: resendLimit}); err != nil {
		return err
	}
	return d.answer(w, view)
}
