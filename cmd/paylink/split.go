package main

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/app"
	"paylink/internal/core"
	"paylink/internal/pay"
)

type splitCmd struct {
	List     splitListCmd     `cmd:"" help:"List the splits of a payment link and what each has."`
	Release  splitReleaseCmd  `cmd:"" help:"Let go of a split on hold, in part or whole."`
	Hold     splitHoldCmd     `cmd:"" help:"Put on hold again what is free of a split and was not transferred."`
	Transfer splitTransferCmd `cmd:"" help:"Note that free money of a split was paid to its account, out of the settled balance."`
	Cancel   splitCancelCmd   `cmd:"" help:"Give a split on hold to the merchant after all."`
}

// splitOut is a split for machines. Amounts are minor units, refunds taken off.
type splitOut struct {
	Index     int    `json:"index"`
	Account   string `json:"account"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
	Percent   int64  `json:"percent"` // hundredths of a percent
	OnHold    bool   `json:"on_hold"`
	Canceled  bool   `json:"canceled"`
	Held      int64  `json:"amount_held"`
	Given     int64  `json:"amount_given"` // free for the account
	Kept      int64  `json:"amount_kept"`  // the merchant's after all

	State       pay.SplitState `json:"state"`
	Transferred int64          `json:"amount_transferred"` // of what was given, paid to the account
}

func (rt *runtime) printSplits(l pay.Link) error {
	list, rows := []splitOut{}, []table.Row{}
	major := func(minor int64) string { return pay.Money{Minor: minor, Currency: l.Price.Currency}.Major() }
	for i, s := range l.Splits {
		list = append(list, splitOut{i, s.Account, s.Reference, s.Amount, s.Percent, s.OnHold, s.Canceled, s.Held, s.Given, s.Kept, s.At(), s.Transferred})
		share := major(s.Amount) + " " + string(l.Price.Currency)
		if s.Percent > 0 {
			share = fmt.Sprintf("%d.%02d %%", s.Percent/100, s.Percent%100)
		}
		rows = append(rows, table.Row{i, s.Account, share, s.At(), major(s.Held), major(s.Given), major(s.Transferred), major(s.Kept)})
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no splits", table.Row{"split", "account", "share", "state", "held", "given", "transferred", "kept"}, rows)
}

type splitListCmd struct {
	tenant
	Link string `arg:"" help:"Of the link: ten letters and digits."`
}

// Run lists splits.
func (c splitListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.Link(rt.ctx, who, pay.LinkID(c.Link))
	if err != nil {
		return missing(err, "payment link", c.Link)
	}
	return rt.printSplits(v.Link)
}

// splitPlace names one split of a link.
type splitPlace struct {
	tenant
	Link  string `arg:"" help:"Of the link: ten letters and digits."`
	Index int    `arg:"" name:"split" help:"Its place on the link, 0 for the first."`
	keyed
}

type splitReleaseCmd struct {
	splitPlace
	Amount string `name:"amount" placeholder:"10.50" help:"In whole units (default: all that is held, and the hold ends)."`
}

// Run lets go of a split.
func (c splitReleaseCmd) Run(rt *runtime) error {
	return c.move(rt, func(a *app.App, who pay.Caller) (core.MoveSplit, error) {
		minor, err := c.minor(rt, a, who, c.Amount)
		return core.MoveSplit{Fingerprint: fingerprint("split release", c.Link, fmt.Sprint(c.Index), c.Amount), Amount: minor}, err
	}, (*core.Core).MoveSplit)
}

// minor is an amount of the split's in minor units; 0 where it is left out.
func (c splitPlace) minor(rt *runtime, a *app.App, who pay.Caller, amount string) (int64, error) {
	if amount == "" {
		return 0, nil
	}
	v, err := a.Core.Link(rt.ctx, who, pay.LinkID(c.Link))
	if err != nil {
		return 0, err
	}
	money, err := pay.ParseMajor(amount, v.Link.Price.Currency)
	if err == nil && money.Minor == 0 {
		err = fmt.Errorf("--amount must be greater than zero")
	}
	return money.Minor, err
}

type splitHoldCmd struct{ splitPlace }

// Run puts a split on hold again.
func (c splitHoldCmd) Run(rt *runtime) error {
	return c.move(rt, func(*app.App, pay.Caller) (core.MoveSplit, error) {
		return core.MoveSplit{Fingerprint: fingerprint("split hold", c.Link, fmt.Sprint(c.Index))}, nil
	}, (*core.Core).HoldSplit)
}

type splitTransferCmd struct {
	splitPlace
	Amount    string `name:"amount" placeholder:"10.50" help:"In whole units (default: all that is free)."`
	Reference string `name:"reference" help:"Your own name of it."`
}

// Run notes that a split was paid.
func (c splitTransferCmd) Run(rt *runtime) error {
	return c.move(rt, func(a *app.App, who pay.Caller) (core.MoveSplit, error) {
		minor, err := c.minor(rt, a, who, c.Amount)
		print := fingerprint("split transfer", c.Link, fmt.Sprint(c.Index), c.Amount, c.Reference)
		return core.MoveSplit{Fingerprint: print, Amount: minor, Reference: c.Reference}, err
	}, (*core.Core).TransferSplit)
}

type splitCancelCmd struct{ splitPlace }

// Run gives a split to the merchant.
func (c splitCancelCmd) Run(rt *runtime) error {
	return c.move(rt, func(*app.App, pay.Caller) (core.MoveSplit, error) {
		return core.MoveSplit{Fingerprint: fingerprint("split cancel", c.Link, fmt.Sprint(c.Index)), Cancel: true}, nil
	}, (*core.Core).MoveSplit)
}

// splitMove is what core does to a split.
type splitMove func(*core.Core, context.Context, pay.Caller, core.MoveSplit) (core.LinkView, error)

func (c splitPlace) move(rt *runtime, what func(*app.App, pay.Caller) (core.MoveSplit, error), do splitMove) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.Link(rt.ctx, who, pay.LinkID(c.Link))
	if err != nil {
		return missing(err, "payment link", c.Link)
	}
	switch n := len(v.Link.Splits); {
	case n == 0:
		return fmt.Errorf("payment link %s has no splits", c.Link)
	case c.Index < 0 || c.Index >= n:
		return fmt.Errorf("the split must be from 0 to %d: the link has %d", n-1, n)
	}
	move, err := what(a, who)
	if err != nil {
		return err
	}
	move.Key, move.Link, move.Index = c.key(), pay.LinkID(c.Link), c.Index
	if v, err = do(a.Core, rt.ctx, who, move); err != nil {
		return again(err, move.Key)
	}
	return rt.printSplits(v.Link)
}
