package payroc

import (
	"encoding/json"
	"errors"
	"html"
	"slices"
	"strconv"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// The provider's limits, and ours where it names none (sheet 14.6).
const (
	minReference   = 1
	maxReference   = 48
	maxOrderID     = 24
	maxDescription = 1024
	maxLabel       = 50
	maxLabels      = 10
	maxAmount      = 9_999_999_999 // minor units
	minEmail       = 6
	maxEmail       = 128
	maxTerminal    = 50
)

// The words of the wire.
const (
	typeMulti  = "multiUse"
	typeSingle = "singleUse"

	authSale = "sale"
	authHold = "preAuthorization"

	methodCard = "card"
	methodBank = "bankTransfer"

	chargePreset = "preset"
	chargePrompt = "prompt"

	payButton   = "paymentButton"
	defaultText = "Pay Now"

	mitUnscheduled = "unscheduled"
)

// wireLink is a payment link as it is sent and as it is answered (sheet 5).
// A client may echo what is the server's; it is not read.
type wireLink struct {
	Type       string    `json:"type"`
	ID         string    `json:"paymentLinkId"`
	Reference  string    `json:"merchantReference"`
	Order      wireOrder `json:"order"`
	AuthType   string    `json:"authType"`
	Methods    []string  `json:"paymentMethods"`
	Labels     []label   `json:"customLabels,omitempty"`
	Assets     assets    `json:"assets"`
	Status     string    `json:"status"`
	CreatedOn  string    `json:"createdOn"`
	ExpiresOn  string    `json:"expiresOn,omitempty"` // the last day on which it can be paid
	Credential *cardKeep `json:"credentialOnFile,omitempty"`
}

type wireOrder struct {
	OrderID     string `json:"orderId,omitempty"`
	Description string `json:"description,omitempty"`
	Charge      charge `json:"charge"`
}

type charge struct {
	Type     string `json:"type"`
	Amount   int64  `json:"amount,omitzero"` // minor units; preset only
	Currency string `json:"currency"`
}

// label is a text of the page; only the pay button has one.
type label struct {
	Element string `json:"element"`
	Label   string `json:"label,omitempty"`
}

type assets struct {
	URL    string `json:"paymentUrl"`
	Button string `json:"paymentButton"`
}

// cardKeep asks that the payer's details be saved.
type cardKeep struct {
	Tokenize *bool  `json:"tokenize,omitempty"`
	MIT      string `json:"mitAgreement,omitempty"`
}

// echo is what only comes back.
type echo struct {
	OrderID    string    `json:"order_id,omitempty"`
	Labels     []label   `json:"labels,omitempty"`
	Credential *cardKeep `json:"credential,omitempty"`
}

// readLink takes from a tree what is the client's to say, and gathers all that
// is wrong with it.
func readLink(tree any, bad *pay.Faults) (w wireLink) {
	of, ok := tree.(map[string]any)
	if !ok {
		bad.Add("body", codeFormat, "must be a JSON object")
		return w
	}
	o := object{of: of, bad: bad}
	w.Type = o.one("type", true, typeMulti, typeSingle)
	w.Reference = o.text("merchantReference", true, minReference, maxReference, false)
	if order, ok := o.object("order", true); ok {
		w.Order = readOrder(order, w.Type == typeSingle)
	}
	w.AuthType = o.one("authType", true, authSale, authHold)
	w.Methods = readMethods(o, w.AuthType)
	w.Labels = readLabels(o)
	w.ExpiresOn = o.date("expiresOn", w.Type == typeSingle)
	if keep, ok := o.object("credentialOnFile", false); ok {
		w.Credential = &cardKeep{keep.flag("tokenize"), keep.one("mitAgreement", false, mitUnscheduled, "recurring", "installment")}
		if w.Credential.Tokenize != nil && w.Credential.MIT == "" {
			w.Credential.MIT = mitUnscheduled
		}
	}
	return w
}

func readOrder(o object, single bool) (out wireOrder) {
	if single {
		out.OrderID = o.text("orderId", true, 1, maxOrderID, false)
	}
	out.Description = o.text("description", false, 0, maxDescription, true)
	if pay.HasCardNumber(out.Description) {
		o.fault("description", "card_data_not_accepted", "must not hold a card number")
	}
	c, ok := o.object("charge", true)
	if !ok {
		return out
	}
	out.Charge.Type = c.one("type", true, chargePreset, chargePrompt)
	if out.Charge.Type == chargePreset {
		out.Charge.Amount = c.amount("amount", true)
	}
	if s := c.text("currency", true, 3, 3, false); s != "" {
		if !knownCurrency(s) {
			c.fault("currency", codeValue, "must be the ISO 4217 code of an accepted currency")
		}
		out.Charge.Currency = s
	}
	return out
}

func readMethods(o object, auth string) (out []string) {
	items := o.list("paymentMethods", true, 10)
	for i, v := range items {
		at := "paymentMethods[" + strconv.Itoa(i) + "]"
		s, ok := v.(string)
		switch {
		case !ok || s != methodCard && s != methodBank:
			o.fault(at, codeValue, "must be card or bankTransfer")
		case slices.Contains(out, s):
			o.fault(at, codeDuplicate, "must not be given twice")
		default:
			out = append(out, s)
		}
	}
	if auth == authHold && len(out) > 0 && !slices.Contains(out, methodCard) {
		o.fault("paymentMethods", codeValue, "must have card: nothing else can be pre-authorized")
	}
	return out
}

func readLabels(o object) (out []label) {
	for i, v := range o.list("customLabels", false, maxLabels) {
		item, ok := o.item("customLabels", i, v)
		if !ok {
			continue
		}
		item.one("element", false, payButton)
		text := item.text("label", false, 1, maxLabel, false)
		if pay.HasCardNumber(text) {
			item.fault("label", "card_data_not_accepted", "must not hold a card number")
		}
		out = append(out, label{payButton, text})
	}
	return out
}

// newLink is the link that a create asks for, or why it is refused.
func (c call) newLink(body []byte, now time.Time) (l pay.Link, refuse error) {
	tree, err := readTree(body)
	if err != nil {
		return l, err
	}
	var bad pay.Faults
	w := readLink(tree, &bad)
	if w.ExpiresOn != "" && w.ExpiresOn < dateOf(now, c.zone) {
		bad.Add("expiresOn", codeRange, "must not be in the past")
	}
	if err := bad.Err(); err != nil {
		return l, err
	}
	if err := c.lacks(w); err != nil {
		return l, err
	}
	l.Reference = w.Reference
	l.Page.LogoURL = c.settings[settingLogo]
	l.Price.Open = w.Order.Charge.Type == chargePrompt
	if w.Type == typeSingle {
		l.Use.Max = 1
	}
	for _, m := range w.Methods {
		l.Methods.Allowed = append(l.Methods.Allowed, methodID[m])
	}
	return l, w.fill(&l, c.zone)
}

var methodID = map[string]pay.MethodID{methodCard: pay.MethodCard, methodBank: pay.MethodBankTransfer}

// fill sets what a patch may change too.
func (w wireLink) fill(l *pay.Link, zone *time.Location) error {
	l.Description = w.Order.Description
	l.Price.Amount, l.Price.Currency = w.Order.Charge.Amount, pay.Currency(w.Order.Charge.Currency)
	l.Use.Manual = w.AuthType == authHold
	switch {
	case w.ExpiresOn == "":
		l.ExpiresAt = time.Time{}
	case l.ExpiresAt.IsZero() || w.ExpiresOn != lastDayOf(l.ExpiresAt, zone):
		l.ExpiresAt = endOf(w.ExpiresOn, zone)
	}
	l.Page.PayLabel = ""
	for _, one := range w.Labels { // the last one that says something
		if one.Label != "" {
			l.Page.PayLabel = one.Label
		}
	}
	l.Page.Consent = w.Credential != nil && w.Credential.Tokenize != nil && *w.Credential.Tokenize
	kept, err := json.Marshal(echo{w.Order.OrderID, w.Labels, w.Credential})
	l.Echo = string(kept)
	return err
}

// word says a link on this wire.
func (d *payroc) word(c call, v core.LinkView) wireLink {
	return newWireLink(v.Link, v.Payments, c.zone, d.PayURL(d.publicURL, v.Link))
}

// newWireLink says a link; url is the payer's.
func newWireLink(l pay.Link, payments []pay.Payment, zone *time.Location, url string) wireLink {
	kept := keptIn(l)
	w := wireLink{
		Type: typeMulti, ID: l.WireID, Reference: l.Reference, AuthType: authSale, Methods: []string{}, Labels: kept.Labels,
		Order:  wireOrder{kept.OrderID, l.Description, charge{chargePreset, l.Price.Amount, string(l.Price.Currency)}},
		Assets: assets{url, button(url, l.Page.PayLabel)}, Status: linkStatus(l, payments),
		CreatedOn: dateOf(l.CreatedAt, zone), Credential: kept.Credential,
	}
	if single(l) {
		w.Type = typeSingle
	}
	if l.Price.Open {
		w.Order.Charge.Type, w.Order.Charge.Amount = chargePrompt, 0
	}
	if l.Use.Manual {
		w.AuthType = authHold
	}
	for _, id := range l.Methods.Allowed {
		for wire, ours := range methodID {
			if id == ours {
				w.Methods = append(w.Methods, wire)
			}
		}
	}
	if !l.ExpiresAt.IsZero() {
		w.ExpiresOn = lastDayOf(l.ExpiresAt, zone)
	}
	return w
}

// keptIn reads back what fill wrote; nothing else writes it.
func keptIn(l pay.Link) (e echo) {
	_ = json.Unmarshal([]byte(l.Echo), &e)
	return e
}

// button is an HTML element that leads to the page.
func button(url, text string) string {
	if text == "" {
		text = defaultText
	}
	return `<a href="` + html.EscapeString(url) + `" target="_blank" style="display:inline-block;padding:12px 24px">` + html.EscapeString(text) + `</a>`
}

func single(l pay.Link) bool { return l.Use.Max == 1 }

// The statuses of a link (sheet 8).
const (
	statusActive      = "active"
	statusCompleted   = "completed"
	statusDeactivated = "deactivated"
	statusExpired     = "expired"
)

var statuses = []string{statusActive, statusCompleted, statusDeactivated, statusExpired}

// statusOf is the link's own part of its status. The wire has no word for a
// link that waits for its start or is paused: both may be paid later.
var statusOf = map[pay.LinkState]string{
	pay.LinkScheduled: statusActive,
	pay.LinkActive:    statusActive,
	pay.LinkPaused:    statusActive,
	pay.LinkCompleted: statusCompleted,
	pay.LinkExpired:   statusExpired,
	pay.LinkCanceled:  statusDeactivated,
}

// takenIn are the states of an attempt that has, or may have, the payer's
// money: a single use is used up by it (DECISIONS 12).
var takenIn = map[pay.AttemptState]bool{
	pay.AttemptProcessing: true, pay.AttemptUnknown: true, pay.AttemptAuthorized: true, pay.AttemptReview: true,
}

// linkStatus is the status of a link whose State is as the clock made it.
func linkStatus(l pay.Link, payments []pay.Payment) string {
	status := statusOf[l.State]
	if !single(l) || status == statusDeactivated {
		return status
	}
	for _, p := range payments {
		for _, a := range p.Attempts {
			if takenIn[a.State] && !a.Superseded {
				return statusCompleted
			}
		}
	}
	return status
}

func errIsRange(err error) bool { return errors.Is(err, strconv.ErrRange) }
