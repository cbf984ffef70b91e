package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

// never is what --expires says for a link without an end.
const never = "never"

type linkEditCmd struct {
	tenant
	ID          string  `arg:"" help:"Of the link: ten letters and digits."`
	Amount      *string `name:"amount" placeholder:"10.50" help:"In whole units of the currency; no more digits than it has."`
	Currency    *string `name:"currency" placeholder:"USD" help:"ISO 4217; needs --amount."`
	Description *string `name:"description" help:"What is paid for; the payer sees it."`
	Reference   *string `name:"reference" help:"Your own name for it."`
	Expires     *string `name:"expires" placeholder:"48h|never" help:"How long it may be paid from now on; 0s closes it until it is edited again."`
}

// Run edits a link. What is not named stays.
func (c linkEditCmd) Run(rt *runtime) error {
	if c.Amount == nil && c.Currency == nil && c.Description == nil && c.Reference == nil && c.Expires == nil {
		return fmt.Errorf("nothing to change: name --amount, --description, --reference or --expires")
	}
	if c.Currency != nil && c.Amount == nil {
		return fmt.Errorf("--currency needs --amount: what is it to be in %s?", *c.Currency)
	}
	end, err := c.end(time.Now())
	if err != nil {
		return err
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.EditLink(rt.ctx, who, core.EditLink{Link: pay.LinkID(c.ID), Change: func(l *pay.Link, _ []pay.Payment) error {
		return c.change(l, end)
	}})
	if err != nil {
		return missing(err, "payment link", c.ID)
	}
	if rt.cli.JSON {
		return rt.printLink(a, v)
	}
	_, err = fmt.Fprintf(rt.out, "%s is at version %d and asks for %s\n", v.Link.ID, v.Link.Version, price(v.Link))
	return err
}

// end is when the link is to close; zero: never.
func (c linkEditCmd) end(now time.Time) (time.Time, error) {
	if c.Expires == nil || *c.Expires == never {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(*c.Expires)
	if err != nil || d < 0 {
		return time.Time{}, fmt.Errorf("--expires must be a duration such as 48h, or never")
	}
	return now.Add(d), nil
}

func (c linkEditCmd) change(l *pay.Link, end time.Time) error {
	if c.Amount != nil {
		currency := l.Price.Currency
		if c.Currency != nil {
			currency = pay.Currency(strings.ToUpper(*c.Currency))
		}
		money, err := pay.ParseMajor(*c.Amount, currency)
		if err != nil {
			return err
		}
		l.Price.Currency, l.Price.Amount = money.Currency, money.Minor
		l.Price.Open, l.Price.Min, l.Price.Max, l.Price.Suggested, l.Price.Cart = false, 0, 0, 0, pay.Cart{}
	}
	if c.Description != nil {
		l.Description = *c.Description
	}
	if c.Reference != nil {
		l.Reference = *c.Reference
	}
	if c.Expires != nil {
		l.ExpiresAt = end
	}
	return nil
}

type linkVersionsCmd struct {
	tenant
	ID string `arg:"" help:"Of the link: ten letters and digits."`
}

// versionOut is a version for machines; its members are named as in the API.
type versionOut struct {
	Version   int64       `json:"version"`
	CreatedAt time.Time   `json:"created_at"`
	Actor     string      `json:"actor"`
	Changes   []changeOut `json:"changes"`
}

type changeOut struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Run lists the versions, a line for each change.
func (c linkVersionsCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []versionOut{}, []table.Row{}
	for after, more := "", true; more; more = after != "" {
		var page []core.LinkVersion
		if page, after, err = a.Core.LinkVersions(rt.ctx, who, pay.LinkID(c.ID), after, 100); err != nil {
			return missing(err, "payment link", c.ID)
		}
		for _, v := range page {
			out := versionOut{v.Number, v.At, v.Actor, []changeOut{}}
			if len(v.Changes) == 0 {
				rows = append(rows, table.Row{v.Number, when(v.At), v.Actor, "", "", ""})
			}
			for _, d := range v.Changes {
				out.Changes = append(out.Changes, changeOut(d))
				rows = append(rows, table.Row{v.Number, when(v.At), v.Actor, d.Field, short(d.From), short(d.To)})
			}
			list = append(list, out)
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no versions", table.Row{"version", "made", "by", "changed", "from", "to"}, rows)
}
