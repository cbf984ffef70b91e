package checkout

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// cartView is the part of the form in which the payer chooses.
type cartView struct {
	update string // where the form goes that asks for the total only
	shown  string // the total that the page says, minor units; empty: it says none
	items  []cartItemView
	code   *inputView // nil: there are no codes
}

// cartItemView is one thing that the payer has a say about.
type cartItemView struct {
	inputView
	addOn   bool   // taken or not
	checked bool   // with addOn
	price   string // with addOn
}

// itemInput is the form's name for the item at index i of a cart.
func itemInput(i int) string { return "item-" + strconv.Itoa(i) }

// codeInput is the form's name for the discount code.
const codeInput = "code"

// choose reads what the payer chose, and says in the remarks what is wrong with it.
func (say *remarks) choose(r *http.Request, l pay.Link) {
	cart := l.Price.Cart
	say.choice.Quantities = map[string]int64{}
	for i, item := range cart.Items {
		name := itemInput(i)
		raw := strings.TrimSpace(r.PostForm.Get(name))
		switch {
		case item.Adjustable():
			if !r.PostForm.Has(name) {
				continue
			}
			say.values[name] = raw
			n, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				say.errors[name] = "Enter a whole number."
				continue
			}
			say.choice.Quantities[item.Code] = n
		case item.Optional && raw != "":
			say.choice.Quantities[item.Code] = item.Quantity
		}
	}
	say.choice.Code = strings.TrimSpace(r.PostForm.Get(codeInput))
	say.values[codeInput] = say.choice.Code
	if len(say.errors) == 0 {
		_, err := l.Quote(pay.Ask{Choice: say.choice})
		say.blame(l, err)
	}
}

// blame says what is wrong with a choice beside the inputs it is wrong in.
func (say *remarks) blame(l pay.Link, err error) {
	var e *pay.Error
	if !errors.As(err, &e) {
		return
	}
	for _, f := range e.Fields {
		switch code, ofItem := strings.CutPrefix(f.Path, "items."); {
		case f.Path == codeInput:
			say.errors[codeInput] = "This code is not known here."
		case !ofItem:
			say.errors["cart"] = "What you chose cannot be paid: it comes to too little or too much."
			say.notice = say.errors["cart"] + " Nothing was charged."
		default:
			for i, item := range l.Price.Cart.Items {
				if item.Code == code {
					say.errors[itemInput(i)] = fieldText(f)
				}
			}
		}
	}
}

// total shows the page again with what the payer's choice comes to. It changes
// nothing; guesses at codes are limited as payments are.
func (s *Checkout) total(w http.ResponseWriter, r *http.Request) error {
	if err := s.form(w, r); err != nil {
		return err
	}
	pv, err := s.open(r, false)
	if err != nil {
		return err
	}
	_, say := command(r, pv)
	for name := range say.errors {
		if name != codeInput && name != "cart" && !strings.HasPrefix(name, "item-") {
			delete(say.errors, name) // not asked for yet
		}
	}
	if say.choice.Code != "" {
		if limited, err := s.limit(w, r, pv, say); limited {
			return err
		}
	}
	status := http.StatusOK
	if len(say.errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return s.render(w, r, status, pv, say)
}

// quoted is what the page says that a choice comes to; nil when it comes to
// nothing that can be paid. The price of a link that is no cart has none.
func quoted(l pay.Link, say remarks) *pay.Quote {
	if len(l.Price.Cart.Items) == 0 {
		return nil
	}
	for name := range say.errors {
		if name == codeInput || name == "cart" || strings.HasPrefix(name, "item-") {
			return nil
		}
	}
	q, err := l.Quote(pay.Ask{Choice: say.choice})
	if err != nil {
		return nil
	}
	return &q
}

func newCart(w words, pv core.PayView, say remarks) *cartView {
	l := pv.Link
	if !l.Price.Cart.Adjustable() {
		return nil
	}
	v := &cartView{update: base(l.Token) + "/total"}
	if q := quoted(l, say); q != nil {
		v.shown = strconv.FormatInt(q.Total, 10)
	}
	for i, item := range l.Price.Cart.Items {
		name := itemInput(i)
		in := cartItemView{inputView: inputView{id: name, name: name, label: item.Name, wrong: say.errors[name], value: say.values[name]}}
		if item.Name == "" {
			in.label = item.Code
		}
		switch {
		case item.Adjustable():
			in.help = w.money(item.Unit) + " each, from " + strconv.FormatInt(item.Min, 10) + " to " + strconv.FormatInt(item.Max, 10)
			if item.Optional && item.Min > 0 {
				in.help += ", or 0 for none"
			}
			if _, sent := say.values[name]; !sent {
				in.value = strconv.FormatInt(item.Quantity, 10)
			}
		case item.Optional:
			in.addOn, in.checked, in.help = true, say.choice.Quantities[item.Code] > 0, times(item.Quantity)
			if minor, ok := pay.MulMinor(item.Unit, item.Quantity); ok {
				in.price = w.money(minor)
			}
		default:
			continue
		}
		v.items = append(v.items, in)
	}
	if len(l.Price.Cart.Codes) > 0 {
		v.code = &inputView{id: codeInput, name: codeInput, label: "Discount code", value: say.values[codeInput], wrong: say.errors[codeInput]}
	}
	return v
}

// cartLines explain what a choice comes to, but for the total itself.
func cartLines(money func(int64) string, q pay.Quote) (lines []line) {
	for _, one := range q.Lines {
		label := one.Item.Name
		if label == "" {
			label = one.Item.Code
		}
		lines = append(lines, line{label: label, detail: times(one.Quantity), value: money(one.Minor)})
	}
	if q.Discount > 0 {
		lines = append(lines, line{label: "Discount", detail: q.Choice.Code, value: money(-q.Discount)})
	}
	if q.Shipping > 0 {
		lines = append(lines, line{label: "Shipping", value: money(q.Shipping)})
	}
	return lines
}

// cart words a price that is added up.
func (v *view) cart(w words, say remarks) {
	l := w.link
	if l.Price.Cart.Adjustable() && v.screen != asking {
		return // what another payer would owe is nothing to say here
	}
	v.label, v.amount = "Total", "–"
	q := quoted(l, say)
	if q == nil {
		return
	}
	v.lines = append(v.lines, cartLines(w.money, *q)...)
	v.lines = append(v.lines, line{label: "Total", value: w.money(q.Total), total: true})
	if q.Tax > 0 {
		v.lines = append(v.lines, line{label: "Includes tax", value: w.money(q.Tax)})
	}
	v.amount = w.money(q.Total)
	if l.Use.Parts && l.Applied > 0 {
		v.label, v.amount = "Still to pay", w.money(l.AmountDue().Minor)
		v.lines = append(v.lines, line{label: "Paid so far", value: w.money(l.Applied)})
	}
}

// bought explains a payment's amount by what was chosen when it was made.
func (w words) bought(a pay.Attempt) []line {
	if len(w.link.Price.Cart.Items) == 0 || w.link.Use.Parts {
		return nil
	}
	var ask pay.Ask
	if a.Choice != nil {
		ask.Choice = *a.Choice
	}
	q, err := w.link.Quote(ask)
	if err != nil || q.Total != a.Requested {
		return nil // the cart was edited since
	}
	return cartLines(w.money, q)
}

// shownTotal is the total that the page said; -1, which no total is, when it said none.
func shownTotal(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.PostForm.Get("total"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
