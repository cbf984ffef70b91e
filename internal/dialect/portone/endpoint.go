package portone

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// The types of webhook endpoints.
const (
	typePayment = "payment_status"
	typeLink    = "payment_link_status"
	typeRefund  = "refund_status"
)

// endpointTypes are the kinds of event that an endpoint of a type hears of. The
// last three are kept and never fire: their kinds have no word here.
var endpointTypes = []struct {
	name  string
	kinds []pay.EventKind
}{
	{typePayment, []pay.EventKind{
		pay.EventPaymentSucceeded, pay.EventPaymentSurplus, pay.EventAttemptAction, pay.EventAttemptProcessing, pay.EventAttemptUnknown,
		pay.EventAttemptReview, pay.EventAttemptFailed, pay.EventAttemptCanceled, pay.EventAttemptVoided, pay.EventAttemptExpired,
	}},
	{typeLink, []pay.EventKind{
		pay.EventAttemptCreated, pay.EventLinkCompleted, pay.EventLinkExpired, pay.EventLinkCanceled, pay.EventPaymentFailed, pay.EventPaymentCanceled,
	}},
	{typeRefund, []pay.EventKind{pay.EventRefundSucceeded}},
	{"subscription_status", []pay.EventKind{pay.EventSplitReleased}},
	{"payout_status", []pay.EventKind{pay.EventPaymentSettled}},
	{"onboarding_status", []pay.EventKind{pay.EventSplitCanceled}},
}

// kindsOf are the kinds of a type; nil for an unknown one.
func kindsOf(name string) []pay.EventKind {
	for _, t := range endpointTypes {
		if t.name == name {
			return t.kinds
		}
	}
	return nil
}

// typeOf is the type that tells of a kind; empty for none.
func typeOf(k pay.EventKind) string {
	for _, t := range endpointTypes {
		if slices.Contains(t.kinds, k) {
			return t.name
		}
	}
	return ""
}

// typesOf are the types of an endpoint. One of the provision file hears of all.
func typesOf(e pay.Endpoint) (names []string) {
	for _, t := range endpointTypes {
		if slices.Equal(e.Kinds, t.kinds) || len(e.Kinds) == 0 && slices.Contains([]string{typePayment, typeLink, typeRefund}, t.name) {
			names = append(names, t.name)
		}
	}
	return names
}

type endpointIn struct {
	Name        string `json:"name"`
	URL         string `json:"url"`
	Type        string `json:"type"`
	Environment string `json:"environment"`
}

type endpointOut struct {
	Name      string `json:"name"`
	UUID      string `json:"uuid"`
	URL       string `json:"url"`
	Enabled   bool   `json:"enabled"`
	CreatedAt string `json:"created_at"`
	Type      string `json:"type"`
}

func newEndpointOut(e pay.Endpoint, kind string) endpointOut {
	return endpointOut{e.Label, uuidOf(string(e.ID)), e.URL, e.Enabled, wireTime(e.CreatedAt), kind}
}

// uuidOf gives a name of ours the form of a UUID (version 8: made by a hash).
func uuidOf(id string) string {
	sum := sha256.Sum256([]byte(name + ":" + id))
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// addEndpoint makes a webhook endpoint. It is signed with the secret of the
// pair that made it.
func (d *portone) addEndpoint(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	var in endpointIn
	if err := decode(r, &in); err != nil {
		return err
	}
	for _, f := range []pair{{"name", in.Name}, {"url", in.URL}, {"type", in.Type}, {"environment", in.Environment}} {
		if f.value == "" {
			return invalid(f.key, "is a required field")
		}
	}
	kinds := kindsOf(in.Type)
	switch {
	case kinds == nil:
		return invalid("type", "must be a webhook type")
	case len(in.Name) > maxID || !pay.CleanText(in.Name, false) || pay.HasCardNumber(in.Name):
		return invalid("name", "must be plain text of at most 255 bytes")
	}
	grant, err := c.in(in.Environment)
	if err != nil {
		return err
	}
	e, err := d.core.CreateEndpoint(r.Context(), who(grant, r), core.NewEndpoint{URL: in.URL, Label: in.Name, Kinds: kinds, Secret: c.secret})
	var refused *pay.Error
	if errors.As(err, &refused) && len(refused.Fields) > 0 {
		return invalid("url", "is not allowed: "+refused.Fields[0].Detail)
	}
	if err != nil {
		return err
	}
	return envelope(w, newEndpointOut(e, in.Type), "Webhook added successfully!")
}

func (d *portone) endpoints(w http.ResponseWriter, r *http.Request) error {
	c, err := d.callerOf(r)
	if err != nil {
		return err
	}
	env := r.URL.Query().Get("environment")
	if env == "" {
		return invalid("environment", "is a required field")
	}
	grant, err := c.in(env)
	if err != nil {
		return err
	}
	list, err := d.core.Endpoints(r.Context(), who(grant, r))
	if err != nil {
		return err
	}
	out := []endpointOut{}
	for _, e := range list {
		if e.Dialect != name || e.Link != "" {
			continue
		}
		for _, kind := range typesOf(e) {
			out = append(out, newEndpointOut(e, kind))
		}
	}
	return envelope(w, out, "Webhook fetched successfully!")
}
