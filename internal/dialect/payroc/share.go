package payroc

import (
	"net/http"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

const (
	byEmail       = "email"
	maxRecipients = 20
	maxMessage    = 2000
)

// wireShare is a sharing event as it is sent and as it is answered (sheet 6.6).
type wireShare struct {
	Method     string      `json:"sharingMethod"`
	ID         string      `json:"sharingEventId"`
	At         string      `json:"dateTime"`
	Copy       bool        `json:"merchantCopy"`
	Message    string      `json:"message,omitempty"`
	Recipients []recipient `json:"recipients"`
}

type recipient struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

func newWireShare(s pay.Share) wireShare {
	out := wireShare{
		Method: byEmail, ID: string(s.ID), At: s.At.UTC().Format(time.RFC3339), Copy: s.MerchantCopy, Message: s.Message, Recipients: []recipient{},
	}
	for _, to := range s.Recipients {
		out.Recipients = append(out.Recipients, recipient{to.Name, to.Email})
	}
	return out
}

// readShare is the share that a body asks for.
// Errors: Invalid, naming every member at fault.
func readShare(body []byte) (s pay.Share, err error) {
	tree, err := readTree(body)
	if err != nil {
		return s, err
	}
	of, ok := tree.(map[string]any)
	if !ok {
		return s, invalid("body", codeFormat, "must be a JSON object")
	}
	var bad pay.Faults
	o := object{of: of, bad: &bad}
	o.one("sharingMethod", true, byEmail)
	s.Cause = pay.ShareAsked
	if wanted := o.flag("merchantCopy"); wanted != nil {
		s.MerchantCopy = *wanted
	}
	s.Message = o.text("message", false, 0, maxMessage, true)
	for i, v := range o.list("recipients", true, maxRecipients) {
		to, ok := o.item("recipients", i, v)
		if !ok {
			continue
		}
		one := pay.Recipient{Name: to.text("name", true, 1, maxReference, false), Email: to.text("email", true, minEmail, maxEmail, false)}
		if one.Email != "" && !pay.ValidEmail(one.Email) {
			to.fault("email", codeFormat, "must be an e-mail address")
		}
		s.Recipients = append(s.Recipients, one)
	}
	return s, bad.Err()
}

// share stores the wish to send a link, with a message for each recipient.
func (d *payroc) share(w http.ResponseWriter, r *http.Request) error {
	call, view, err := d.atLink(r)
	if err != nil {
		return err
	}
	key, print, body, err := keyed(r, "application/json")
	if err != nil {
		return err
	}
	share, refuse := readShare(body)
	if status := linkStatus(view.Link, view.Payments); refuse == nil && status != statusActive {
		refuse = pay.ErrState("a payment link that is %s cannot be shared", status)
	}
	share, err = d.core.ShareLink(r.Context(), call.who, core.ShareLink{
		Key: key, Fingerprint: print, Link: view.Link.ID, Share: share, Refuse: refuse,
	})
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, newWireShare(share))
}

// shares is the history of a link, newest first, in every status (sheet 6.7).
func (d *payroc) shares(w http.ResponseWriter, r *http.Request) error {
	call, view, err := d.atLink(r)
	if err != nil {
		return err
	}
	var bad pay.Faults
	q := query{r.URL.Query(), &bad}
	s, to := sieve{window: q.window()}, q.recipient()
	if err := bad.Err(); err != nil {
		return err
	}
	all, err := d.core.Shares(r.Context(), call.who, view.Link.ID, core.Recipient{})
	if err != nil {
		return err
	}
	for _, one := range all {
		if !s.take(string(one.ID), sentTo(one, to), func() any { return newWireShare(one) }) {
			break
		}
	}
	if err := s.err(); err != nil {
		return err
	}
	return d.show(w, r, s.window, s.page)
}

// sentTo reports whether one recipient has both the name and the address.
func sentTo(s pay.Share, to core.Recipient) bool {
	if to == (core.Recipient{}) {
		return true
	}
	for _, has := range s.Recipients {
		if (to.Name == "" || strings.EqualFold(has.Name, to.Name)) && (to.Email == "" || strings.EqualFold(has.Email, to.Email)) {
			return true
		}
	}
	return false
}
