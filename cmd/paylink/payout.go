package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type payoutCmd struct {
	Create payoutCreateCmd `cmd:"" help:"Note that settled money of your own was paid to you. Nothing is moved by it."`
	List   payoutListCmd   `cmd:"" help:"List payouts, and transfers to the accounts of splits, newest first."`
	Show   payoutShowCmd   `cmd:"" help:"Show a payout or transfer."`
}

// payoutOut is a payout or transfer for machines; its members are named as in the API.
type payoutOut struct {
	ID        pay.PayoutID `json:"id"`
	Type      string       `json:"type"`
	Amount    int64        `json:"amount"` // minor units
	Currency  pay.Currency `json:"currency"`
	LinkID    pay.LinkID   `json:"link_id,omitempty"`
	Split     int          `json:"split"` // of a transfer
	Account   string       `json:"account,omitempty"`
	Reference string       `json:"reference,omitempty"`
	Actor     string       `json:"actor"`
	CreatedAt time.Time    `json:"created_at"`
}

func (rt *runtime) printPayouts(payouts ...pay.Payout) error {
	list, rows := []payoutOut{}, []table.Row{}
	for _, p := range payouts {
		list = append(list, payoutOut{p.ID, p.Kind(), p.Amount.Minor, p.Amount.Currency, p.Link, p.Split, p.Account, p.Reference, p.Actor, p.CreatedAt})
		rows = append(rows, table.Row{p.ID, p.Amount, p.Account, p.Link, p.Reference, when(p.CreatedAt)})
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("nothing was paid out yet", table.Row{"id", "amount", "account", "link", "reference", "at"}, rows)
}

type payoutCreateCmd struct {
	tenant
	Currency  string `name:"currency" required:"" placeholder:"USD" help:"ISO 4217."`
	Amount    string `name:"amount" placeholder:"10.50" help:"In whole units (default: all that is payable)."`
	Reference string `name:"reference" help:"Your own name of it."`
	keyed
}

// Run makes a payout.
func (c payoutCreateCmd) Run(rt *runtime) error {
	wish := pay.PayoutWish{Currency: pay.Currency(strings.ToUpper(c.Currency)), Reference: c.Reference}
	if c.Amount != "" {
		money, err := pay.ParseMajor(c.Amount, wish.Currency)
		if err != nil {
			return err
		}
		if wish.Amount = money.Minor; wish.Amount == 0 {
			return fmt.Errorf("--amount must be greater than zero")
		}
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	key := c.key()
	p, err := a.Core.CreatePayout(rt.ctx, who, core.CreatePayout{
		Key: key, Fingerprint: fingerprint("payout create", string(wish.Currency), c.Amount, c.Reference), Wish: wish,
	})
	if err != nil {
		return again(err, key)
	}
	return rt.printPayouts(p)
}

type payoutListCmd struct {
	tenant
	Type  string `name:"type" enum:",payout,transfer" default:"" placeholder:"TYPE" help:"Only payouts to you, or only transfers to the accounts of splits."`
	Link  string `name:"link" placeholder:"ID" help:"Only transfers of this link."`
	Count int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists payouts, asking for page after page.
func (c payoutListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	var all []pay.Payout
	f := core.PayoutFilter{Kind: c.Type, Link: pay.LinkID(c.Link), Limit: 100}
	for more := true; more; more = f.After != "" {
		page, next, err := a.Core.Payouts(rt.ctx, who, f)
		if err != nil {
			return err
		}
		all, f.After = append(all, page...), next
		if c.Count > 0 && len(all) >= c.Count {
			all = all[:c.Count]
			break
		}
	}
	return rt.printPayouts(all...)
}

type payoutShowCmd struct {
	tenant
	ID string `arg:"" help:"Of the payout or transfer: po_… or tr_…"`
}

// Run shows a payout.
func (c payoutShowCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	p, err := a.Core.Payout(rt.ctx, who, pay.PayoutID(c.ID))
	if err != nil {
		return missing(err, "payout", c.ID)
	}
	return rt.printPayouts(p)
}
