package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type differenceCmd struct {
	List  differenceListCmd  `cmd:"" help:"List what does not agree, oldest first."`
	Close differenceCloseCmd `cmd:"" help:"Close a difference. A link that it kept from new payments takes them again."`
}

// differenceOut is a difference for machines; its members are named as in the API.
type differenceOut struct {
	ID        pay.DiscrepancyID `json:"id"`
	What      string            `json:"what"`
	Processor string            `json:"processor"`
	Reference string            `json:"reference"`
	LinkID    pay.LinkID        `json:"link_id,omitempty"`
	Ours      string            `json:"ours,omitempty"`
	Theirs    string            `json:"theirs,omitempty"`
	FoundAt   time.Time         `json:"found_at"`
	ClosedAt  time.Time         `json:"closed_at,omitzero"`
	ClosedBy  string            `json:"closed_by,omitempty"`
	Reason    string            `json:"reason,omitempty"`
}

func newDifferenceOut(d pay.Discrepancy) differenceOut {
	return differenceOut{d.ID, d.What, d.Processor, d.Reference, d.Link, d.Ours, d.Theirs, d.FoundAt, d.ClosedAt, d.ClosedBy, d.Reason}
}

type differenceListCmd struct {
	tenant
	All bool `name:"all" help:"Closed ones too."`
}

// Run lists all differences, asking for page after page.
func (c differenceListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []differenceOut{}, []table.Row{}
	f := core.DifferenceFilter{Open: !c.All, Limit: 100}
	for more := true; more; more = f.After != "" {
		var page []pay.Discrepancy
		if page, f.After, err = a.Core.Differences(rt.ctx, who, f); err != nil {
			return err
		}
		for _, d := range page {
			list = append(list, newDifferenceOut(d))
			rows = append(rows, table.Row{d.ID, d.Processor, d.Reference, d.What, d.Ours, d.Theirs, when(d.FoundAt), d.Reason})
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("everything agrees", table.Row{"id", "processor", "reference", "what", "ours", "theirs", "found", "closed because"}, rows)
}

type differenceCloseCmd struct {
	tenant
	ID     string `arg:"" help:"Of the difference: dif_…"`
	Reason string `name:"reason" required:"" help:"What was done. Kept with it."`
}

// Run closes a difference.
func (c differenceCloseCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	d, err := a.Core.CloseDifference(rt.ctx, who, pay.DiscrepancyID(c.ID), c.Reason)
	if err != nil {
		return missing(err, "difference", c.ID)
	}
	if rt.cli.JSON {
		return rt.printJSON(newDifferenceOut(d))
	}
	_, err = fmt.Fprintf(rt.out, "%s is closed\n", c.ID)
	return err
}
