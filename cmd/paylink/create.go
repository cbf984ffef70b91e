package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/app"
	"paylink/internal/pay"
)

type linkCreateCmd struct {
	tenant
	From        string        `name:"from" placeholder:"FILE" help:"What to ask for, as the API's body of POST /v1/payment_links, in JSON or YAML; - is the standard input. The options below replace what it says."`
	Amount      string        `name:"amount" placeholder:"10.50" help:"In whole units of the currency; no more digits than it has."`
	Currency    string        `name:"currency" placeholder:"USD" help:"ISO 4217."`
	Description string        `name:"description" help:"What is paid for; the payer sees it."`
	Reference   string        `name:"reference" help:"Your own name for it."`
	Expires     time.Duration `name:"expires" placeholder:"48h" help:"How long it may be paid (default: for ever)."`
	Uses        *int64        `name:"uses" placeholder:"1" help:"How often it may be paid; 0: any number of times (default: 1)."`
	Parts       bool          `name:"parts" help:"Let the amount be paid in parts."`
	Manual      bool          `name:"manual" help:"Hold the money; a later call takes it."`
	keyed
}

// Validate refuses a command that says too little.
func (c linkCreateCmd) Validate() error {
	if err := c.keyed.Validate(); err != nil {
		return err
	}
	if c.From == "" && (c.Amount == "" || c.Currency == "") {
		return errors.New("--amount and --currency are required, unless --from names a file")
	}
	return nil
}

// Run makes a link.
func (c linkCreateCmd) Run(rt *runtime) error {
	text, err := c.read()
	if err != nil {
		return err
	}
	body, err := c.body(text, time.Now())
	if err != nil {
		return err
	}
	cmd, err := app.ReadLink(body, pay.Mode(c.Mode))
	if err != nil {
		return err
	}
	if c.Expires > 0 { // counted from now, and the same command all the same when it is given again
		if body, err = c.body(text, time.Time{}); err != nil {
			return err
		}
		cmd.Fingerprint = fingerprint("link create", string(body))
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	cmd.Key = c.key()
	made, err := a.Core.CreateLink(rt.ctx, who, cmd)
	if err != nil {
		return again(err, cmd.Key)
	}
	if rt.cli.JSON {
		return rt.printJSON(newLinkOut(a, made.Link))
	}
	_, err = fmt.Fprintf(rt.out, "%s asks for %s\n%s\n", made.Link.ID, price(made.Link), a.Core.PayURL(made.Link))
	return err
}

// maxFile is the largest file of one link, in bytes: the API's limit of a body.
const maxFile = 256 << 10

// body is the link in the words of the API: text, with what the options say in
// place of its own.
func (c linkCreateCmd) body(text []byte, now time.Time) ([]byte, error) {
	members := map[string]jsontext.Value{}
	if json.Unmarshal(text, &members) != nil {
		return text, nil // what is wrong with it is the reader's to say
	}
	options, err := c.options(members, now)
	if err != nil || len(options) == 0 {
		return text, err
	}
	if options["amount"] != nil {
		delete(members, "open_amount")
		delete(members, "cart")
	}
	for name, value := range options {
		if members[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(members, json.Deterministic(true))
}

// read is what the file asks for, in JSON.
func (c linkCreateCmd) read() ([]byte, error) {
	in := io.Reader(os.Stdin)
	switch c.From {
	case "":
		return []byte("{}"), nil
	case "-":
	default:
		file, err := os.Open(c.From)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("must be at most 256 KiB")
	}
	if err == nil {
		text, err = app.JSONOf(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--from %s: %w", c.From, err)
	}
	return text, nil
}

// options are the members that the command line gives, beside those of the file.
func (c linkCreateCmd) options(file map[string]jsontext.Value, now time.Time) (to map[string]any, err error) {
	to = map[string]any{}
	var currency pay.Currency
	if c.Currency != "" {
		currency = pay.Currency(strings.ToUpper(c.Currency))
		to["currency"] = currency
	} else if json.Unmarshal(file["currency"], &currency) != nil && c.Amount != "" {
		return nil, errors.New("--amount needs a currency: give --currency, or name it in the file")
	}
	if c.Amount != "" {
		money, err := pay.ParseMajor(c.Amount, currency)
		if err != nil {
			return nil, err
		}
		to["amount"] = money.Minor
	}
	if c.Description != "" {
		to["description"] = c.Description
	}
	if c.Reference != "" {
		to["reference"] = c.Reference
	}
	switch {
	case c.Expires < 0:
		return nil, errors.New("--expires must not be negative")
	case c.Expires > 0:
		to["expires_at"] = now.Add(c.Expires).UTC()
	}
	if c.Uses != nil {
		to["max_uses"] = *c.Uses
		if *c.Uses == 0 {
			to["max_uses"] = nil
		}
	}
	if parts := file["part_payments"]; c.Parts && (parts == nil || parts.Kind() == 'n') {
		to["part_payments"] = map[string]any{}
	}
	if c.Manual {
		to["capture"] = "manual"
	}
	return to, nil
}
