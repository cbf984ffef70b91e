package main

import (
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type disputeCmd struct {
	List disputeListCmd `cmd:"" help:"List disputes, newest first."`
	Show disputeShowCmd `cmd:"" help:"Show a dispute, with the processor's own words."`
}

// disputeOut is a dispute for machines; its members are named as in the API.
type disputeOut struct {
	ID        pay.DisputeID    `json:"id"`
	LinkID    pay.LinkID       `json:"link_id"`
	PaymentID pay.PaymentID    `json:"payment_id"`
	AttemptID pay.AttemptID    `json:"attempt_id"`
	State     pay.DisputeState `json:"state"`
	Amount    int64            `json:"amount"` // minor units
	Currency  pay.Currency     `json:"currency"`
	Reason    string           `json:"reason"`
	Processor string           `json:"processor"`
	Reference string           `json:"processor_reference"`
	Text      string           `json:"processor_text,omitempty"`
	Loss      int64            `json:"amount_lost_twice,omitempty"` // minor units that the payer had back already
	RespondBy time.Time        `json:"respond_by,omitzero"`
	CreatedAt time.Time        `json:"created_at"`
	UpdatedAt time.Time        `json:"updated_at"`
}

func newDisputeOut(v core.DisputeView) disputeOut {
	return disputeOut{
		v.ID, v.Link, v.Payment, v.Attempt, v.State, v.Amount, v.Currency, v.Reason, v.Processor, v.ProcessorRef, v.Text, v.Loss,
		v.RespondBy, v.CreatedAt, v.UpdatedAt,
	}
}

type disputeListCmd struct {
	tenant
	State string `name:"state" enum:",open,won,lost,accepted" default:"" placeholder:"STATE" help:"Only those that are open, won, lost or accepted."`
	Link  string `name:"link" placeholder:"ID" help:"Only those of this link."`
	Count int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists disputes, asking for page after page.
func (c disputeListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []disputeOut{}, []table.Row{}
	f := core.DisputeFilter{State: pay.DisputeState(c.State), Link: pay.LinkID(c.Link), Limit: 100}
	for more := true; more; more = f.After != "" {
		if c.Count > 0 {
			f.Limit = min(c.Count-len(list), 100)
		}
		page, next, err := a.Core.Disputes(rt.ctx, who, f)
		if err != nil {
			return err
		}
		for _, v := range page {
			list = append(list, newDisputeOut(v))
			rows = append(rows, table.Row{v.ID, v.State, pay.Money{Minor: v.Amount, Currency: v.Currency}, v.Reason, v.Link, v.ProcessorRef, when(v.RespondBy)})
		}
		if f.After = next; c.Count > 0 && len(list) >= c.Count {
			break
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no disputes", table.Row{"dispute", "state", "amount", "reason", "link", "reference", "respond by"}, rows)
}

type disputeShowCmd struct {
	tenant
	ID string `arg:"" help:"Of the dispute: dsp_…"`
}

// Run prints one dispute.
func (c disputeShowCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	v, err := a.Core.Dispute(rt.ctx, who, pay.DisputeID(c.ID))
	if err != nil {
		return missing(err, "dispute", c.ID)
	}
	if rt.cli.JSON {
		return rt.printJSON(newDisputeOut(v))
	}
	return rt.printTable("", table.Row{"", ""}, []table.Row{
		{"dispute", v.ID}, {"state", v.State}, {"amount", pay.Money{Minor: v.Amount, Currency: v.Currency}}, {"reason", v.Reason}, {"processor's words", v.Text},
		{"processor", v.Processor}, {"reference", v.ProcessorRef}, {"link", v.Link}, {"payment", v.Payment}, {"attempt", v.Attempt},
		{"respond by", when(v.RespondBy)}, {"opened", when(v.CreatedAt)}, {"changed", when(v.UpdatedAt)},
	})
}
