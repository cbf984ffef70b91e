package main

import (
	"context"
	"fmt"
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
	Pause  linkPauseCmd  `cmd:"" help:"Keep payers out of a payment link for a while."`
	Resume linkResumeCmd `cmd:"" help:"Let payers in again."`
	Cancel linkCancelCmd `cmd:"" help:"Close a payment link for good."`

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
	Payments    []jsonText      `json:"payments,omitzero"`
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
	switch {
	case l.Price.Open:
		return "an open amount in " + string(l.Price.Currency)
	case !fixed:
		return "a cart in " + string(l.Price.Currency)
	}
	return pay.Money{Minor: minor, Currency: l.Price.Currency}.String()
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

// linkMove is a command that takes nothing but a link.
type linkMove struct {
	tenant
	ID string `arg:"" help:"Of the link: ten letters and digits."`
}

type (
	linkCancelCmd struct{ linkMove }
	linkPauseCmd  struct{ linkMove }
	linkResumeCmd struct{ linkMove }
)

// Run cancels a link. What is under way on it is called off by the server.
func (c linkCancelCmd) Run(rt *runtime) error { return c.move(rt, (*core.Core).CancelLink) }

// Run keeps payers out until the link is resumed.
func (c linkPauseCmd) Run(rt *runtime) error { return c.move(rt, (*core.Core).PauseLink) }

// Run lets payers in again.
func (c linkResumeCmd) Run(rt *runtime) error { return c.move(rt, (*core.Core).ResumeLink) }

func (c linkMove) move(rt *runtime, do func(*core.Core, context.Context, pay.Caller, pay.LinkID) (core.LinkView, error)) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := do(a.Core, rt.ctx, who, pay.LinkID(c.ID))
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
	out.Payments = []jsonText{}
	for _, p := range v.Payments {
		text, err := app.WordPayment(p)
		if err != nil {
			return err
		}
		out.Payments = append(out.Payments, text)
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
