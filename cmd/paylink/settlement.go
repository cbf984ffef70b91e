package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type settlementCmd struct {
	Import  settlementImportCmd  `cmd:"" help:"Settle what a processor's report names: CSV with the columns type, processor, reference, amount, currency and, if wanted, fee and settled_at."`
	Fetch   settlementFetchCmd   `cmd:"" help:"Ask the processors what they settled, and settle it."`
	List    settlementListCmd    `cmd:"" help:"List settlement lines, newest first."`
	Missing settlementMissingCmd `cmd:"" help:"Note as missing what should have been settled by now."`
	Balance settlementBalanceCmd `cmd:"" help:"Print the balance: what is pending, available, held, owed to splits and payable to you, and what was paid."`
}

// rowOut is what became of one row, for machines.
type rowOut struct {
	Row       int    `json:"row"`
	Reference string `json:"reference"`
	Movement  string `json:"movement"`
	Result    string `json:"result"`
	Detail    string `json:"detail,omitempty"`
}

// printRows prints what became of a report: every row for a machine; counts,
// and the rows to look at, for a person. Rows to look at are an error.
func (rt *runtime) printRows(results []core.RowResult) error {
	list, rows, count := []rowOut{}, []table.Row{}, map[string]int{}
	for _, r := range results {
		list = append(list, rowOut(r))
		if count[r.Result]++; r.Result != core.RowSettled && r.Result != core.RowRepeated {
			rows = append(rows, table.Row{r.Row, r.Result, r.Reference, r.Detail})
		}
	}
	if rt.cli.JSON {
		if err := rt.printJSON(list); err != nil {
			return err
		}
	} else {
		_, err := fmt.Fprintf(rt.out, "%d settled, %d repeated, %d unknown, %d mismatched, %d invalid\n",
			count[core.RowSettled], count[core.RowRepeated], count[core.RowUnknown], count[core.RowMismatch], count[core.RowInvalid])
		if err == nil && len(rows) > 0 {
			err = rt.printTable("", table.Row{"row", "result", "reference", "why"}, rows)
		}
		if err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		return fmt.Errorf("%d of %d rows were not settled", len(rows), len(results))
	}
	return nil
}

type settlementImportCmd struct {
	tenant
	File string `arg:"" help:"CSV file; - is the standard input."`
}

// Run imports a report. The rows before a fault are settled and printed.
func (c settlementImportCmd) Run(rt *runtime) error {
	file := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		file = f
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	results, err := a.Core.ImportSettlements(rt.ctx, who, file)
	if err != nil && len(results) == 0 {
		return err
	}
	if told := rt.printRows(results); err == nil {
		err = told
	}
	return err
}

type settlementFetchCmd struct{ tenant }

// Run asks the processors.
func (c settlementFetchCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	results, err := a.Core.FetchSettlements(rt.ctx, who)
	if told := rt.printRows(results); err == nil {
		err = told
	}
	return err
}

// settlementOut is a line for machines; its members are named as in the API.
type settlementOut struct {
	Movement  string              `json:"movement"`
	State     pay.SettlementState `json:"state"`
	Amount    int64               `json:"amount"` // minor units, signed
	Currency  pay.Currency        `json:"currency"`
	Processor string              `json:"processor"`
	LinkID    pay.LinkID          `json:"link_id,omitempty"`
	PaymentID pay.PaymentID       `json:"payment_id,omitempty"`
	Reference string              `json:"reference,omitempty"`
	SettledAt time.Time           `json:"settled_at,omitzero"`
}

type settlementListCmd struct {
	tenant
	State string `name:"state" enum:",expected,settled,missing,reversed" default:"" placeholder:"STATE" help:"Only those that are expected, settled, missing or reversed."`
	Link  string `name:"link" placeholder:"ID" help:"Only those of this link."`
	Count int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists lines, asking for page after page.
func (c settlementListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []settlementOut{}, []table.Row{}
	f := core.SettlementFilter{State: pay.SettlementState(c.State), Link: pay.LinkID(c.Link), Limit: 100}
	for more := true; more; more = f.After != "" {
		if c.Count > 0 {
			f.Limit = min(c.Count-len(list), 100)
		}
		page, next, err := a.Core.Settlements(rt.ctx, who, f)
		if err != nil {
			return err
		}
		for _, s := range page {
			list = append(list, settlementOut{s.Movement, s.State, s.Amount.Minor, s.Amount.Currency, s.Processor, s.Link, s.Payment, s.Reference, s.SettledAt})
			rows = append(rows, table.Row{s.Movement, s.State, s.Amount, s.Processor, s.Link, when(s.SettledAt)})
		}
		if f.After = next; c.Count > 0 && len(list) >= c.Count {
			break
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no settlement lines", table.Row{"movement", "state", "amount", "processor", "link", "settled"}, rows)
}

type settlementMissingCmd struct {
	tenant
	After time.Duration `name:"after" default:"336h" help:"How long a settlement may take (default: 336h, two weeks)."`
}

// Run notes what is missing.
func (c settlementMissingCmd) Run(rt *runtime) error {
	if c.After <= 0 {
		return fmt.Errorf("--after must be more than nothing")
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	n, err := a.Core.MissSettlements(rt.ctx, who, a.Core.Now().Add(-c.After))
	if err != nil {
		return err
	}
	if rt.cli.JSON {
		return rt.printJSON(map[string]int{"missing": n})
	}
	_, err = fmt.Fprintf(rt.out, "%d lines are missing\n", n)
	return err
}

type settlementBalanceCmd struct{ tenant }

// balanceOut is the balance of one currency, for machines.
type balanceOut struct {
	Currency  pay.Currency `json:"currency"`
	Pending   int64        `json:"pending"` // minor units, as all of these
	Available int64        `json:"available"`
	Held      int64        `json:"held"`

	Owed        int64 `json:"owed"`
	Payable     int64 `json:"payable"`
	Transferred int64 `json:"transferred"`
	PaidOut     int64 `json:"paid_out"`
}

// Run prints the balance.
func (c settlementBalanceCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	all, err := a.Core.Balances(rt.ctx, who)
	if err != nil {
		return err
	}
	list, rows := []balanceOut{}, []table.Row{}
	for _, b := range all {
		list = append(list, balanceOut{b.Currency, b.Pending, b.Available(), b.Held, b.Owed, b.Payable(), b.Transferred, b.PaidOut})
		major := func(minor int64) string { return pay.Money{Minor: minor, Currency: b.Currency}.Major() }
		rows = append(rows, table.Row{b.Currency, major(b.Pending), major(b.Available()), major(b.Held), major(b.Owed), major(b.Payable()), major(b.Transferred), major(b.PaidOut)})
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("nothing has moved yet", table.Row{"currency", "pending", "available", "held", "owed", "payable", "transferred", "paid out"}, rows)
}
