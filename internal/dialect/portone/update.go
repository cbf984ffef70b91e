package portone

import (
	"encoding/json"
	"net/http"
	"slices"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// changeable are the members that an update may change (sheet 5.4); others are
// ignored.
var changeable = []string{
	"country_code", "amount", "currency", "billing_details", "shipping_details", "order_details", "success_url", "failure_url", "pending_url",
	"merchant_details", "expiry_date", "reminder_time", "reminder_time_unit", "scheduled_date", "description", "mobile_redirect_url",
	"show_shipping_details", "show_back_button", "show_items", "show_saved_cards", "default_guest_checkout", "is_checkout_embed",
	"notify_by_email", "notify_by_phone", "is_billing_shipping_same", "notes", "custom_txn_webhook_urls",
	"user_configured_field1", "user_configured_field2", "user_configured_field3", "user_configured_field4", "user_configured_field5",
	"customer_details", "use_merchant_configured_dcc_rate", "merchant_dcc_rate",
}

// patch is the body of an update: only what is present changes, objects and
// arrays as a whole.
type patch map[string]json.RawMessage

// onto is a link's request with the patch laid over it.
// Errors: Invalid, naming the field.
func (p patch) onto(in linkIn) (out linkIn, err error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil {
		return out, err
	}
	for field, value := range p {
		if slices.Contains(changeable, field) {
			members[field] = value
		}
	}
	if raw, err = json.Marshal(members); err != nil {
		return out, err
	}
	if err := wireFault(web.DecodeBytes(raw, &out), "INVALID_REQUEST_DATA", ""); err != nil {
		return out, err
	}
	return out, out.required()
}

// update changes a link that nobody is paying at the moment. All of it counts
// or none; the token is the only guard, for there is no signature.
func (d *portone) update(w http.ResponseWriter, r *http.Request) error {
	c, err := d.authenticate(r)
	if err != nil {
		return err
	}
	var change patch
	if err := decode(r, &change); err != nil {
		return err
	}
	if change == nil {
		return refuse("INVALID_REQUEST_DATA", "the body must be a JSON object")
	}
	v, g, err := d.find(r, c, r.PathValue("ref"))
	if err != nil {
		return err
	}
	if err := open(v.Link, v.Payments); err != nil {
		return err
	}
	cmd := core.EditLink{Link: v.Link.ID, Change: func(l *pay.Link, payments []pay.Payment) error {
		if err := open(*l, payments); err != nil {
			return err
		}
		in, err := change.onto(kept(*l))
		if err != nil {
			return err
		}
		next, err := in.link(d.core.Now(), l.CreatedAt)
		if err != nil {
			return err
		}
		l.Description, l.Price, l.ExpiresAt, l.Payer = next.Description, next.Price, next.ExpiresAt, next.Payer
		l.Page, l.Metadata, l.Echo = next.Page, next.Metadata, next.Echo
		return nil
	}}
	if raw, ok := change["custom_txn_webhook_urls"]; ok {
		var in linkIn
		if err := web.DecodeBytes(raw, &in.Receivers); err != nil {
			return invalid("custom_txn_webhook_urls", "must be an array of strings")
		}
		cmd.Hooks = in.hooks(c.secret)
	}
	if v, err = d.core.EditLink(r.Context(), seesAll(g, r), cmd); err != nil {
		return err
	}
	return envelope(w, d.newLinkOut(v, true), "Payment link updated successfully")
}
