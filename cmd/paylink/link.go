package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/app"
	"paylink/internal/core"
	"paylink/internal/pay"
)

type linkCmd struct {
	Create linkCreateCmd `cmd:"" help:"Make a payment link and print its address."`
	Edit   linkEditCmd   `cmd:"" help:"Change a payment link in place."`
	List   linkListCmd   `cmd:"" help:"List payment links, newest first."`
	Show   linkShowCmd   `cmd:"" help:"Show one payment link with its payments."`
	Cancel linkCancelCmd `cmd:"" help:"Close a payment link."`

	Versions linkVersionsCmd `cmd:"" help:"List the versions of a payment link and what each changed."`
}

// linkOut is a link for machines; its members are named as in the API.
type linkOut struct {
	ID          pay.LinkID      `json:"id"`
	URL         string          `json:"url"`
	Mode        pay.Mode        `json:"mode"`
	State       pay.LinkState   `json:"state"`
	MoneyStatus pay.MoneyStatus `json:"money_status"`
	Amount      int64           `json:"amount"` // minor units, as all of these; 0 where the payer's choice decides
	Currency    pay.Currency    `json:"currency"`
	AmountDue   int64           `json:"amount_due"`
	AmountPaid  int64           `json:"amount_paid"`
	UseCount    int64           `json:"use_count"`
	MaxUses     int64           `json:"max_uses"` // 0: no cap
	Description string          `json:"description"`
	Reference   string          `json:"reference"`
	ExpiresAt   time.Time       `json:"expires_at,omitzero"`
	CreatedAt   time.Time       `json:"created_at"`
	Payments    []paymentOut    `json:"payments,omitzero"`
}

type paymentOut struct {
	ID        pay.PaymentID    `json:"id"`
	State     pay.PaymentState `json:"state"`
	Requested int64            `json:"requested"`
	Captured  int64            `json:"captured"`
	Method    pay.MethodID     `json:"method"`
	Attempts  int              `json:"attempts"`
	CreatedAt time.Time        `json:"created_at"`
}

func newLinkOut(a *app.App, l pay.Link) linkOut {
	amount, _ := l.Price.Fixed()
	return linkOut{
		ID: l.ID, URL: a.Core.PayURL(l), Mode: l.Mode, State: l.State, MoneyStatus: l.MoneyStatus(), Amount: amount, Currency: l.Price.Currency,
		AmountDue: l.AmountDue().Minor, AmountPaid: l.Applied, UseCount: l.UseCount, MaxUses: l.Use.Max, Description: l.Description,
		Reference: l.Reference, ExpiresAt: l.ExpiresAt, CreatedAt: l.CreatedAt,
	}
}

// price is what a link asks for, for a person.
func price(l pay.Link) string {
	minor, fixed := l.Price.Fixed()
	if !fixed {
		return "open " + string(l.Price.Currency)
	}
	return pay.Money{Minor: minor, Currency: l.Price.Currency}.String()
}

type linkCreateCmd struct {
	tenant
	Amount      string        `name:"amount" required:"" placeholder:"10.50" help:"In whole units of the currency; no more digits than it has."`
	Currency    string        `name:"currency" required:"" placeholder:"USD" help:"ISO 4217."`
	Description string        `name:"description" help:"What is paid for; the payer sees it."`
	Reference   string        `name:"reference" help:"Your own name for it."`
	Expires     time.Duration `name:"expires" placeholder:"48h" help:"How long it may be paid (default: for ever)."`
	Uses        int64         `name:"uses" default:"1" help:"How often it may be paid; 0: any number of times."`
	Parts       bool          `name:"parts" help:"Let the amount be paid in parts."`
	Manual      bool          `name:"manual" help:"Hold the money; a later call takes it."`
}

// Run makes a link.
func (c linkCreateCmd) Run(rt *runtime) error {
	money, err := pay.ParseMajor(c.Amount, pay.Currency(strings.ToUpper(c.Currency)))
	if err != nil {
		return err
	}
	if c.Expires < 0 {
		return fmt.Errorf("--expires must not be negative")
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	l := pay.Link{
		Price: pay.Price{Currency: money.Currency, Amount: money.Minor}, Description: c.Description, Reference: c.Reference,
		Use: pay.Use{Max: c.Uses, Parts: c.Parts, Manual: c.Manual},
	}
	if c.Expires > 0 {
		l.ExpiresAt = time.Now().Add(c.Expires)
	}
	made, err := a.Core.CreateLink(rt.ctx, who, core.CreateLink{Link: l})
	if err != nil {
		return err
	}
	if rt.cli.JSON {
		return rt.printJSON(newLinkOut(a, made.Link))
	}
	_, err = fmt.Fprintf(rt.out, "%s asks for %s\n%s\n", made.Link.ID, price(made.Link), a.Core.PayURL(made.Link))
	return err
}

type linkListCmd struct {
	tenant
	State     string `name:"state" enum:",scheduled,active,paused,completed,expired,canceled" default:"" placeholder:"STATE" help:"Only those that are scheduled, active, paused, completed, expired or canceled."`
	Reference string `name:"reference" help:"Only those with this reference."`
	Text      string `name:"text" help:"Only those with this in description, reference or id."`
	Count     int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists links, asking for page after page.
func (c linkListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []linkOut{}, []table.Row{}
	filter := core.LinkFilter{State: pay.LinkState(c.State), Reference: c.Reference, Text: c.Text, Limit: 100}
	for more := true; more; {
		links, next, err := a.Core.Links(rt.ctx, who, filter)
		if err != nil {
			return err
		}
		for _, l := range links {
			if c.Count > 0 && len(list) == c.Count {
				next = ""
				break
			}
			list = append(list, newLinkOut(a, l))
			rows = append(rows, table.Row{l.ID, l.State, price(l), l.MoneyStatus(), l.Reference, short(l.Description), when(l.CreatedAt)})
		}
		filter.After, more = next, next != ""
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no payment links", table.Row{"id", "state", "amount", "money", "reference", "description", "made"}, rows)
}

// short is a text that leaves room for others on the line.
func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

type linkShowCmd struct {
	tenant
	ID string `arg:"" help:"Of the link: ten letters and digits."`
}

// Run shows a link.
func (c linkShowCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.Link(rt.ctx, who, pay.LinkID(c.ID))
	if err != nil {
		return missing(err, "payment link", c.ID)
	}
	return rt.printLink(a, v)
}

type linkCancelCmd struct {
	tenant
	ID string `arg:"" help:"Of the link: ten letters and digits."`
}

// Run cancels a link. What is under way on it is called off by the server.
func (c linkCancelCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.CancelLink(rt.ctx, who, pay.LinkID(c.ID))
	if err != nil {
		return missing(err, "payment link", c.ID)
	}
	if rt.cli.JSON {
		return rt.printLink(a, v)
	}
	_, err = fmt.Fprintf(rt.out, "%s is %s\n", v.Link.ID, v.Link.State)
	return err
}

func (rt *runtime) printLink(a *app.App, v core.LinkView) error {
	out, rows := newLinkOut(a, v.Link), []table.Row{}
	out.Payments = []paymentOut{}
	for _, p := range v.Payments {
		out.Payments = append(out.Payments, paymentOut{p.ID, p.State, p.Requested.Minor, p.Captured(), p.Method, len(p.Attempts), p.CreatedAt})
		rows = append(rows, table.Row{p.ID, p.State, p.Requested.String(), p.Method, len(p.Attempts), when(p.CreatedAt)})
	}
	if rt.cli.JSON {
		return rt.printJSON(out)
	}
	l := v.Link
	fields := []struct{ name, value string }{
		{"address", out.URL}, {"state", string(l.State)}, {"amount", price(l)}, {"due", l.AmountDue().String()},
		{"money", string(out.MoneyStatus)}, {"description", l.Description}, {"reference", l.Reference}, {"expires", when(l.ExpiresAt)}, {"made", when(l.CreatedAt)},
	}
	fmt.Fprintln(rt.out, l.ID)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(rt.out, "  %-12s %s\n", f.name, f.value)
		}
	}
	fmt.Fprintln(rt.out)
	return rt.printTable("no payments", table.Row{"payment", "state", "amount", "method", "attempts", "made"}, rows)
}
