package checkout

import (
	"strconv"
	"strings"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// formView is the form that begins a payment.
type formView struct {
	to      string
	version string
	once    string // its own number: sent twice it begins one payment
	retry   string
	cart    *cartView  // nil: there is nothing to choose
	amount  *inputView // nil: the amount is not the payer's to choose
	methods []methodView
	wrong   string // what is wrong with the choice of method
	button  string
	manual  bool
	consent bool   // ask whether the payment details may be kept
	account string // the bank account it must be paid from; empty: any
}

type methodView struct {
	id, name string
	price    string // when methods differ
	note     string
	checked  bool
	fields   []inputView
}

type inputView struct {
	id, name, label, help string
	value, wrong          string
	choices               []choiceView
}

type choiceView struct {
	id, value, label, detail string
	checked                  bool
}

// describedBy names the elements that explain the input, for screen readers.
func (i inputView) describedBy() string {
	switch {
	case i.help != "" && i.wrong != "":
		return i.id + "-help " + i.id + "-wrong"
	case i.wrong != "":
		return i.id + "-wrong"
	case i.help != "":
		return i.id + "-help"
	}
	return ""
}

// asksAmount reports whether the payer names the amount.
func asksAmount(l pay.Link) bool { return l.Price.Open || l.Use.Parts }

// accountOf names the bank account the payer is bound to by its bank and last
// digits. An address that can be guessed tells nothing of the payer.
func accountOf(l pay.Link) string {
	number := []rune(l.Payer.Account.Number)
	if len(number) == 0 || l.Slug != "" {
		return ""
	}
	return strings.TrimSpace(l.Payer.Account.Bank + " •••• " + string(number[max(0, len(number)-4):]))
}

func newForm(w words, pv core.PayView, p *pay.Payment, say remarks) *formView {
	l := pv.Link
	f := &formView{to: base(l.Token) + "/pay", version: strconv.FormatInt(l.Version, 10), once: pay.NewToken(), wrong: say.errors["method"], manual: l.Use.Manual, consent: l.Page.Consent, account: accountOf(l)}
	if p != nil && p.State == pay.PaymentFailed {
		f.retry = string(p.ID)
	}
	chosen := say.values["method"]
	if chosen == "" && len(pv.Methods) > 0 {
		chosen = string(pv.Methods[0].ID())
	}
	f.button = "Pay " + w.money(l.AmountDue().Minor)
	if f.cart = newCart(w, pv, say); f.cart != nil {
		f.button = "Pay"
		if q := quoted(l, say); q != nil {
			f.button = "Pay " + w.money(q.Total)
		}
	}
	if asksAmount(l) {
		f.amount, f.button = amountInput(w, say), "Pay"
	}
	for _, m := range pv.Methods {
		mv := methodView{id: string(m.ID()), name: m.Name(), checked: string(m.ID()) == chosen}
		if len(l.Price.PerMethod) > 0 && !asksAmount(l) {
			mv.note, mv.price = l.Price.PerMethod[m.ID()].Note, w.money(l.PriceFor(m.ID()))
			f.button = "Pay"
		}
		for _, field := range m.Fields(l.Mode) {
			name := mv.id + "." + field.Name
			in := inputView{id: mv.id + "-" + field.Name, name: name, label: field.Label, help: field.Help, wrong: say.errors[name]}
			for i, c := range field.Choices {
				selected := say.values[name]
				in.choices = append(in.choices, choiceView{
					id: in.id + "-" + strconv.Itoa(i), value: c.Value, label: c.Label, detail: c.Detail,
					checked: c.Value == selected || selected == "" && i == 0,
				})
			}
			mv.fields = append(mv.fields, in)
		}
		f.methods = append(f.methods, mv)
	}
	if len(f.methods) == 1 && f.methods[0].price != "" {
		f.button = "Pay " + f.methods[0].price
	}
	if l.Page.PayLabel != "" {
		f.button = l.Page.PayLabel
	}
	return f
}

func amountInput(w words, say remarks) *inputView {
	l := w.link
	in := &inputView{
		id: "amount", name: "amount", wrong: say.errors["amount"], value: say.values["amount"],
		label: "Amount in " + string(l.Price.Currency), help: "For example " + example(l.Price.Currency) + ".",
	}
	first := int64(0)
	switch {
	case l.Price.Open:
		first = l.Price.Suggested
		switch {
		case l.Price.Min > 0 && l.Price.Max > 0:
			in.help = "From " + w.money(l.Price.Min) + " to " + w.money(l.Price.Max) + "."
		case l.Price.Max > 0:
			in.help = "At most " + w.money(l.Price.Max) + "."
		case l.Price.Min > 0:
			in.help = "At least " + w.money(l.Price.Min) + "."
		}
	default:
		first = l.AmountDue().Minor
		in.help = "You can pay all of it, or a part."
		least := l.Use.MinPart
		if l.Applied == 0 {
			least = max(least, l.Use.MinFirst)
		}
		if least > 0 {
			in.help = "You can pay all of it, or a part of at least " + w.money(min(least, first)) + "."
		}
	}
	if in.value == "" && in.wrong == "" && first > 0 {
		in.value = pay.Money{Minor: first, Currency: l.Price.Currency}.Major()
	}
	return in
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
