package main

import (
	"encoding/json"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/app"
	"paylink/internal/core"
	"paylink/internal/pay"
)

type paymentCmd struct {
	List    paymentListCmd    `cmd:"" help:"List payments, newest first."`
	Show    paymentShowCmd    `cmd:"" help:"Show one payment with its attempts and refunds."`
	Capture paymentCaptureCmd `cmd:"" help:"Take money that is held."`
	Void    paymentVoidCmd    `cmd:"" help:"Release money that is held."`
	Refund  paymentRefundCmd  `cmd:"" help:"Give money back."`
}

// jsonText is JSON that is printed as it is: a payment as the API tells it.
type jsonText = json.RawMessage

func (rt *runtime) printPayment(p pay.Payment) error {
	text, err := app.WordPayment(p)
	if err != nil {
		return err
	}
	return rt.printJSON(jsonText(text))
}

type paymentListCmd struct {
	tenant
	Link  string `name:"link" placeholder:"ID" help:"Only those of this link."`
	State string `name:"state" enum:",open,applied,surplus,failed,canceled" default:"" placeholder:"STATE" help:"Only those that are open, applied, surplus, failed or canceled."`
	Count int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists payments, asking for page after page.
func (c paymentListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	list, rows := []jsonText{}, []table.Row{}
	f := core.PaymentFilter{Link: pay.LinkID(c.Link), State: pay.PaymentState(c.State), Limit: 100}
	for more := true; more; more = f.After != "" {
		if c.Count > 0 {
			f.Limit = min(c.Count-len(list), 100)
		}
		page, next, err := a.Core.Payments(rt.ctx, who, f)
		if err != nil {
			return err
		}
		for _, p := range page {
			text, err := app.WordPayment(p)
			if err != nil {
				return err
			}
			list = append(list, text)
			rows = append(rows, table.Row{p.ID, p.Link, p.State, p.Requested, taken(p), givenBack(p), p.Method, when(p.CreatedAt)})
		}
		if f.After = next; c.Count > 0 && len(list) >= c.Count {
			break
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no payments", table.Row{"payment", "link", "state", "amount", "captured", "refunded", "method", "made"}, rows)
}

// taken and givenBack are sums of a payment in whole units; empty where there
// are none.
func taken(p pay.Payment) string { return major(p.Captured(), p) }

func givenBack(p pay.Payment) string {
	sum := int64(0)
	for _, a := range p.Attempts {
		sum += a.Refunded
	}
	return major(sum, p)
}

func major(minor int64, p pay.Payment) string {
	if minor == 0 {
		return ""
	}
	return pay.Money{Minor: minor, Currency: p.Requested.Currency}.Major()
}

// paymentID names the payment that a command is about.
type paymentID struct {
	ID string `arg:"" help:"Of the payment: pay_…"`
}

// of reads the payment.
func (c paymentID) of(rt *runtime, a *app.App, who pay.Caller) (pay.Payment, error) {
	p, err := a.Core.Payment(rt.ctx, who, pay.PaymentID(c.ID))
	return p, missing(err, "payment", c.ID)
}

// amountOf is what an option says of a payment's money; 0 where it says nothing.
func amountOf(option string, p pay.Payment) (int64, error) {
	if option == "" {
		return 0, nil
	}
	money, err := pay.ParseMajor(option, p.Requested.Currency)
	if err == nil && money.Minor == 0 {
		err = fmt.Errorf("--amount must be greater than zero")
	}
	return money.Minor, err
}

type paymentShowCmd struct {
	tenant
	paymentID
}

// Run shows a payment.
func (c paymentShowCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	p, err := c.of(rt, a, who)
	if err != nil {
		return err
	}
	if rt.cli.JSON {
		return rt.printPayment(p)
	}
	fmt.Fprintln(rt.out, p.ID)
	for _, f := range []struct{ name, value string }{
		{"link", string(p.Link)}, {"state", string(p.State)}, {"amount", p.Requested.String()}, {"captured", taken(p)},
		{"refunded", givenBack(p)}, {"made", when(p.CreatedAt)},
	} {
		if f.value != "" {
			fmt.Fprintf(rt.out, "  %-12s %s\n", f.name, f.value)
		}
	}
	rows := []table.Row{}
	for _, at := range p.Attempts {
		failure := ""
		if at.Failure != nil {
			failure = at.Failure.Code
		}
		rows = append(rows, table.Row{at.ID, at.State, at.Method, major(at.Authorized, p), major(at.Captured, p), at.Processor, at.ProcessorRef, failure})
	}
	fmt.Fprintln(rt.out)
	if err := rt.printTable("no attempts", table.Row{"attempt", "state", "method", "authorized", "captured", "processor", "reference", "failure"}, rows); err != nil {
		return err
	}
	if len(p.Refunds) == 0 {
		return nil
	}
	rows = []table.Row{}
	for _, r := range p.Refunds {
		rows = append(rows, table.Row{r.ID, r.State, major(r.Amount, p), short(r.Reason), when(r.CreatedAt)})
	}
	fmt.Fprintln(rt.out)
	return rt.printTable("", table.Row{"refund", "state", "amount", "reason", "made"}, rows)
}

type paymentCaptureCmd struct {
	tenant
	paymentID
	Amount string `name:"amount" placeholder:"10.50" help:"In whole units (default: all that is held)."`
	Keep   bool   `name:"keep" help:"Keep the rest held for further captures (default: release it)."`
	keyed
}

// Run takes money that is held.
func (c paymentCaptureCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	p, err := c.of(rt, a, who)
	if err != nil {
		return err
	}
	minor, err := amountOf(c.Amount, p)
	if err != nil {
		return err
	}
	before, key := p.Captured(), c.key()
	p, err = a.Core.Capture(rt.ctx, who, core.CapturePayment{
		Key: key, Fingerprint: fingerprint("payment capture", c.ID, c.Amount, fmt.Sprint(c.Keep)), Payment: p.ID, Amount: minor, Keep: c.Keep,
	})
	if err != nil {
		return again(err, key)
	}
	if rt.cli.JSON {
		return rt.printPayment(p)
	}
	switch now := p.Captured(); {
	case now == 0:
		return rt.underWay(p, "captured")
	case now == before:
		_, err = fmt.Fprintf(rt.out, "%s of %s captured as before: `paylink payment show %s` tells more\n", major(now, p), p.Requested, p.ID)
	default:
		_, err = fmt.Fprintf(rt.out, "%s of %s captured\n", major(now, p), p.Requested)
	}
	return err
}

// underWay tells of what the processor has not done yet, or would not do.
func (rt *runtime) underWay(p pay.Payment, verb string) error {
	_, err := fmt.Fprintf(rt.out, "not %s yet: `paylink payment show %s` tells what became of it\n", verb, p.ID)
	return err
}

type paymentVoidCmd struct {
	tenant
	paymentID
	keyed
}

// Run releases money that is held.
func (c paymentVoidCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	key := c.key()
	p, err := a.Core.Void(rt.ctx, who, core.VoidPayment{Key: key, Fingerprint: fingerprint("payment void", c.ID), Payment: pay.PaymentID(c.ID)})
	if err != nil {
		return missing(again(err, key), "payment", c.ID)
	}
	if rt.cli.JSON {
		return rt.printPayment(p)
	}
	if p.Live() {
		return rt.underWay(p, "released")
	}
	_, err = fmt.Fprintf(rt.out, "%s is released\n", p.ID)
	return err
}

type paymentRefundCmd struct {
	tenant
	paymentID
	Amount string `name:"amount" placeholder:"10.50" help:"In whole units (default: all that is left)."`
	Reason string `name:"reason" help:"Your own words, kept with the refund."`
	keyed
}

// Run gives money back.
func (c paymentRefundCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	p, err := c.of(rt, a, who)
	if err != nil {
		return err
	}
	minor, err := amountOf(c.Amount, p)
	if err != nil {
		return err
	}
	key := c.key()
	p, r, err := a.Core.Refund(rt.ctx, who, core.RefundPayment{
		Key: key, Fingerprint: fingerprint("payment refund", c.ID, c.Amount, c.Reason),
		Wish: pay.RefundWish{Payment: p.ID, Amount: minor, Reason: c.Reason},
	})
	if err != nil {
		return again(err, key)
	}
	if rt.cli.JSON {
		return rt.printPayment(p)
	}
	switch r.State {
	case pay.RefundSucceeded:
		_, err = fmt.Fprintf(rt.out, "%s of %s given back: %s\n", major(r.Amount, p), p.Requested, r.ID)
	case pay.RefundFailed:
		err = fmt.Errorf("the processor refused refund %s: nothing was given back", r.ID)
	default:
		err = rt.underWay(p, "given back")
	}
	return err
}
