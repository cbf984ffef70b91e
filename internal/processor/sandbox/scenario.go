package sandbox

import (
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// scenario is the part the sandbox plays.
type scenario struct {
	instrument string        // masked
	failure    string        // fails at once with this code
	waits      bool          // for the payer, or for a transfer
	lost       bool          // takes the money, and the answer gets lost
	hold       time.Duration // an authorization runs out after this; 0: as others do
	refusal    string        // failure code when the payer or the bank says no
	disputed   bool          // the payer's bank takes the money back soon after
}

var scenarios = map[string]scenario{
	"visa":            {instrument: "visa •••• 4242"},
	"mastercard":      {instrument: "mastercard •••• 4444"},
	"decline":         {instrument: "visa •••• 0002", failure: pay.FailDeclined},
	"funds":           {instrument: "visa •••• 9995", failure: pay.FailFunds},
	"expired":         {instrument: "visa •••• 0069", failure: pay.FailExpiredCard},
	"challenge":       {instrument: "visa •••• 3220", waits: true, refusal: pay.FailAuth},
	"short_hold":      {instrument: "visa •••• 0770", hold: 30 * time.Second},
	"processor_error": {instrument: "visa •••• 0119", lost: true},
	"disputed":        {instrument: "visa •••• 0259", disputed: true},
	"unlisted_card":   {failure: pay.FailDeclined},
	"bank":            {instrument: "test bank", waits: true, refusal: pay.FailDeclined},
	"transfer":        {instrument: "test bank transfer", waits: true, refusal: pay.FailDeclined},
}

// published are the card numbers made known for tests, and what each plays.
var published = map[string]string{
	"4242424242424242": "visa",
	"5555555555554444": "mastercard",
	"4000000000000002": "decline",
	"4000000000009995": "funds",
	"4000000000000069": "expired",
	"4000000000003220": "challenge",
	"4000000000000119": "processor_error",
	"4000000000000770": "short_hold",
	"4000000000000259": "disputed",
}

func scenarioOf(o processor.Order) string {
	switch o.Method {
	case pay.MethodBankRedirect:
		return "bank"
	case pay.MethodBankTransfer:
		return "transfer"
	}
	if name, ok := published[o.Fields["card"]]; ok {
		return name
	}
	return "unlisted_card"
}

func refusalOf(name string) string { return scenarios[name].refusal }

// begin is the payment an order makes, as its scenario has it.
func (d *Driver) begin(o processor.Order, now time.Time) processor.SandboxPayment {
	name := scenarioOf(o)
	p := processor.SandboxPayment{
		Ref: d.ref(o), Tenant: o.Tenant, Method: o.Method, Currency: o.Amount.Currency, Amount: o.Amount.Minor,
		State: processor.SandboxWaiting, ReturnURL: o.ReturnURL, StartKey: o.Key, Scenario: name, CreatedAt: now,
	}
	switch s := scenarios[name]; {
	case s.failure != "":
		fail(&p, s.failure)
	case !s.waits:
		d.approve(&p, o.Kind == pay.OpAuthorize)
	case name == "transfer" && d.opts.TransferDelay > 0:
		p.DueAt = now.Add(d.opts.TransferDelay)
	}
	return p
}

func (d *Driver) approve(p *processor.SandboxPayment, manual bool) {
	p.State, p.Authorized, p.DueAt = processor.SandboxAuthorized, p.Amount, time.Time{}
	if !manual {
		p.State, p.Captured = processor.SandboxCaptured, p.Amount
		d.contest(p)
		return
	}
	hold := scenarios[p.Scenario].hold
	if hold == 0 {
		hold = d.opts.HoldFor
	}
	p.HoldUntil = d.now().Add(hold)
}

func fail(p *processor.SandboxPayment, code string) {
	p.State, p.Failure, p.DueAt = processor.SandboxFailed, code, time.Time{}
	p.Authorized, p.Captured = 0, 0
}

// action is the step that p waits for.
func (d *Driver) action(p processor.SandboxPayment) *pay.Action {
	if p.Scenario != "transfer" {
		return &pay.Action{RedirectURL: d.pageURL(p)}
	}
	return &pay.Action{Instructions: []pay.Line{
		{Label: "Account name", Value: "Paylink sandbox (test, no real account)"},
		{Label: "Account number", Value: "ZZ00 TEST 0000 0000 0001"},
		{Label: "Reference", Value: shortRef(p.Ref)},
		{Label: "Amount", Value: pay.Money{Minor: p.Amount, Currency: p.Currency}.String()},
		{Label: "Simulate the transfer", Value: d.pageURL(p)},
	}}
}
