package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type reviewCmd struct {
	List   reviewListCmd   `cmd:"" help:"List attempts that wait for a decision, oldest first."`
	Decide reviewDecideCmd `cmd:"" help:"Write down what became of an attempt at its processor. Nothing is taken by it; what does not count is given back."`
}

// reviewOut is a review for machines; its members are named as in the API.
type reviewOut struct {
	ID        pay.AttemptID `json:"id"`
	LinkID    pay.LinkID    `json:"link_id"`
	PaymentID pay.PaymentID `json:"payment_id"`
	Processor string        `json:"processor"`
	Reference string        `json:"processor_reference,omitempty"`
	Requested int64         `json:"amount_requested"` // minor units
	Currency  pay.Currency  `json:"currency"`
	Since     time.Time     `json:"in_review_since"`
}

type reviewListCmd struct{ tenant }

// Run lists all reviews, asking for page after page.
func (c reviewListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []reviewOut{}, []table.Row{}
	for after, more := "", true; more; more = after != "" {
		var page []core.Review
		if page, after, err = a.Core.Reviews(rt.ctx, who, after, 100); err != nil {
			return err
		}
		for _, v := range page {
			list = append(list, reviewOut{v.ID, v.Link, v.Payment, v.Processor, v.ProcessorRef, v.Requested, v.Currency, v.UpdatedAt})
			rows = append(rows, table.Row{v.ID, v.Link, pay.Money{Minor: v.Requested, Currency: v.Currency}, v.Processor, v.ProcessorRef, when(v.UpdatedAt)})
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("nothing waits for a decision", table.Row{"attempt", "link", "asked for", "processor", "reference", "since"}, rows)
}

type reviewDecideCmd struct {
	tenant
	ID        string `arg:"" help:"Of the attempt: att_…"`
	Outcome   string `name:"outcome" required:"" enum:"captured,voided,failed" placeholder:"captured|voided|failed" help:"The processor took the money; held and released it; took nothing."`
	Amount    string `name:"amount" placeholder:"10.50" help:"What was captured, in whole units (default: all that was asked for)."`
	Reference string `name:"reference" placeholder:"NAME" help:"What the processor calls the payment. Needed for captured where review list has none."`
	Reason    string `name:"reason" required:"" help:"How you know. Kept with the decision."`
}

// Run decides a review.
func (c reviewDecideCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	d := pay.Decision{Attempt: pay.AttemptID(c.ID), Outcome: pay.AttemptState(c.Outcome), ProcessorRef: c.Reference, Reason: c.Reason}
	if c.Amount != "" {
		v, err := a.Core.Review(rt.ctx, who, d.Attempt)
		if err != nil {
			return missing(err, "attempt", c.ID)
		}
		money, err := pay.ParseMajor(c.Amount, v.Currency)
		if err != nil {
			return err
		}
		if d.Amount = money.Minor; d.Amount == 0 {
			return fmt.Errorf("--amount must be greater than zero")
		}
	}
	p, err := a.Core.DecideReview(rt.ctx, who, core.DecideReview{Decision: d})
	if err != nil {
		return missing(err, "attempt", c.ID)
	}
	if rt.cli.JSON {
		return rt.printPayment(p)
	}
	_, err = fmt.Fprintf(rt.out, "%s is %s, and its payment %s is %s\n", c.ID, c.Outcome, p.ID, p.State)
	return err
}
