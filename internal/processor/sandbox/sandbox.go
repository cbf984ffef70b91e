// Package sandbox is a processor that moves no money: it plays banks and cards
// in test mode, remembers what it played in a journal of its own, and keeps
// every promise of processortest. It never serves live mode and never stores a
// card number.
package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// Name is the driver's name.
const Name = "sandbox"

const (
	minSecret = 16  // bytes; less could be guessed
	dueBatch  = 100 // payments confirmed by one Due
	holdFor   = 7 * 24 * time.Hour
)

// Options are what a sandbox needs to know.
type Options struct {
	PublicURL     string // where Handler is reached from outside: "https://pay.example"
	Secret        []byte // at least 16 bytes; refs and callback secrets are derived from it
	Now           func() time.Time
	HoldFor       time.Duration // an authorization runs out after this; 0: 7 days
	TransferDelay time.Duration // a bank transfer arrives by itself after this; 0: only by the page
}

// Callback hears of what became known after Start answered. It logs its own
// errors: the platform learns of a lost callback by Query.
type Callback func(ctx context.Context, t pay.Tenant, header http.Header, raw []byte) error

// Driver is the sandbox.
type Driver struct {
	journal  processor.SandboxJournal
	opts     Options
	callback Callback
}

var _ processor.Driver = (*Driver)(nil)

// New makes a sandbox that remembers in j. It refuses a short secret and a
// public URL that is not absolute http or https.
func New(j processor.SandboxJournal, opts Options) (*Driver, error) {
	if j == nil {
		return nil, errors.New("sandbox: needs a journal")
	}
	if len(opts.Secret) < minSecret {
		return nil, fmt.Errorf("sandbox: the secret must have at least %d bytes", minSecret)
	}
	if !webURL(opts.PublicURL) {
		return nil, errors.New("sandbox: the public URL must be absolute http or https")
	}
	opts.PublicURL = strings.TrimRight(opts.PublicURL, "/")
	opts.Secret = append([]byte(nil), opts.Secret...)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.HoldFor == 0 {
		opts.HoldFor = holdFor
	}
	return &Driver{journal: j, opts: opts}, nil
}

// SetCallback says who hears of later news; call it before Handler or Due is used.
func (d *Driver) SetCallback(f func(ctx context.Context, t pay.Tenant, header http.Header, raw []byte) error) {
	d.callback = f
}

// Name is "sandbox".
func (d *Driver) Name() string { return Name }

// Capabilities knows card, bank_redirect and bank_transfer, in test mode.
func (d *Driver) Capabilities(m pay.MethodID) (processor.Capabilities, bool) {
	c := processor.Capabilities{Modes: []pay.Mode{pay.Test}}
	switch m {
	case pay.MethodCard:
		c.Manual, c.Captures = true, true
		return c, true
	case pay.MethodBankRedirect, pay.MethodBankTransfer:
		return c, true
	}
	return processor.Capabilities{}, false
}

// Start plays the scenario that the order's card, or its method, names. The
// same key again gives the present state of the first payment.
// Errors: idempotency_key_reused; for the card that loses its answer, one that
// leaves the outcome unknown although the money was taken.
func (d *Driver) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if out, no := refuse(o); no {
		return out, nil
	}
	now := d.now()
	line, replay, err := d.journal.Act(ctx, o.Tenant, d.ref(o), o.Key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		if p.Ref != "" {
			return processor.SandboxLine{}, pay.ErrKeyReused
		}
		*p = d.begin(o, now)
		return lineOf(o, p.Ref, resultOf(p.State), now), nil
	})
	if err != nil {
		return processor.Outcome{}, fmt.Errorf("sandbox: starting: %w", err)
	}
	out, p, err := d.told(ctx, o, line)
	if err == nil && !replay && scenarios[p.Scenario].lost {
		return processor.Outcome{}, errLost
	}
	return out, err
}

var errLost = errors.New("sandbox: the answer got lost")

// Query says what became of the operation with o.Key. A start that the sandbox
// never saw is sealed first, so that "failed" stays true when it arrives late;
// anything else that it never saw is unseen, for its key makes it happen once.
func (d *Driver) Query(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	if o.Tenant.Mode != pay.Test || o.Key == "" {
		return refused("the sandbox knows test mode and operations with a key only"), nil
	}
	seen, ok, err := d.journal.Line(ctx, o.Tenant, o.Key)
	if err != nil {
		return processor.Outcome{}, fmt.Errorf("sandbox: asking: %w", err)
	}
	if !ok && !begins(o.Kind) {
		return d.unseen(ctx, o)
	}
	if !ok {
		if seen, err = d.seal(ctx, o); err != nil {
			return processor.Outcome{}, fmt.Errorf("sandbox: asking: %w", err)
		}
	}
	if o.Kind == "" {
		o.Kind = pay.OperationKind(seen.Kind)
	}
	o.Amount.Minor = seen.Amount // a query need not repeat the amount
	out, _, err := d.told(ctx, o, seen)
	return out, err
}

var errNoPayment = errors.New("sandbox: no such payment")

// unseen answers for an operation on a payment that the sandbox knows, or not.
func (d *Driver) unseen(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	_, ok, err := d.journal.Payment(ctx, o.Tenant, o.ProcessorRef)
	switch {
	case err != nil:
		return processor.Outcome{}, fmt.Errorf("sandbox: asking: %w", err)
	case !ok || o.Kind == "":
		return refused("the sandbox knows no such payment"), nil
	}
	return processor.Outcome{Result: processor.Unseen}, nil
}

// seal writes down that the start with o.Key failed without being seen.
func (d *Driver) seal(ctx context.Context, o processor.Order) (processor.SandboxLine, error) {
	now := d.now()
	sealed, _, err := d.journal.Act(ctx, o.Tenant, d.ref(o), o.Key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		if p.Ref == "" {
			*p = d.begin(o, now)
			fail(p, pay.FailProcessor)
		}
		return lineOf(o, p.Ref, "failed", now), nil
	})
	return sealed, err
}

// Capture takes all or a part of what is held.
func (d *Driver) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.act(ctx, o, pay.OpCapture, func(p *processor.SandboxPayment) bool {
		if p.State != processor.SandboxAuthorized || d.over(*p) || o.Amount.Minor <= 0 || o.Amount.Minor > p.Authorized-p.Captured {
			return false
		}
		p.Captured += o.Amount.Minor
		d.contest(p)
		if o.Final || p.Captured == p.Authorized {
			p.State = processor.SandboxCaptured
		}
		return true
	})
}

// Void releases what is left of a hold, or calls off a payment the payer has
// not made yet.
func (d *Driver) Void(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.act(ctx, o, pay.OpVoid, func(p *processor.SandboxPayment) bool {
		switch {
		case p.State == processor.SandboxWaiting:
			p.State, p.DueAt = processor.SandboxCanceled, time.Time{}
		case p.State == processor.SandboxAuthorized && p.Captured > 0:
			p.State = processor.SandboxCaptured
		case p.State == processor.SandboxAuthorized:
			p.State = processor.SandboxVoided
		case p.State == processor.SandboxCanceled || p.State == processor.SandboxVoided: // by another call
		default:
			return false
		}
		return true
	})
}

// Refund gives back at most what was captured and is not given back yet, nor
// away by a dispute.
func (d *Driver) Refund(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return d.act(ctx, o, pay.OpRefund, func(p *processor.SandboxPayment) bool {
		if o.Amount.Minor <= 0 || o.Amount.Minor > p.Captured-p.Refunded-disputed(*p) {
			return false
		}
		p.Refunded += o.Amount.Minor
		return true
	})
}

// act does one operation on a payment that was started before; move reports
// whether it was possible and changes nothing when it was not.
func (d *Driver) act(ctx context.Context, o processor.Order, kind pay.OperationKind, move func(p *processor.SandboxPayment) bool) (processor.Outcome, error) {
	if o.Tenant.Mode != pay.Test || o.Key == "" || o.ProcessorRef == "" {
		return refused("the sandbox serves test mode, and operations with a key on a payment it knows"), nil
	}
	o.Kind = kind
	now := d.now()
	done, _, err := d.journal.Act(ctx, o.Tenant, o.ProcessorRef, o.Key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		if p.Ref == "" {
			return processor.SandboxLine{}, errNoPayment
		}
		result := "failed"
		if (kind == pay.OpVoid || o.Amount.Currency == p.Currency) && move(p) {
			result, p.ChangedAt = "succeeded", now
		}
		return lineOf(o, p.Ref, result, now), nil
	})
	if errors.Is(err, errNoPayment) {
		return refused("the sandbox knows no such payment"), nil
	}
	if err != nil {
		return processor.Outcome{}, fmt.Errorf("sandbox: %s: %w", kind, err)
	}
	out, _, err := d.told(ctx, o, done)
	return out, err
}

// told is the outcome of the operation of l, as the payment stands now.
// Errors: idempotency_key_reused when l is of another operation than o.
func (d *Driver) told(ctx context.Context, o processor.Order, l processor.SandboxLine) (processor.Outcome, processor.SandboxPayment, error) {
	p, ok, err := d.journal.Payment(ctx, o.Tenant, l.Ref)
	if err != nil {
		return processor.Outcome{}, p, fmt.Errorf("sandbox: reading a payment: %w", err)
	}
	if !ok || !same(o, l, p) {
		return processor.Outcome{}, p, pay.ErrKeyReused
	}
	if begins(o.Kind) {
		return d.started(p), p, nil
	}
	out := amounts(p)
	out.Result = processor.Succeeded
	if l.Result != "succeeded" {
		out.Result = processor.Failed
		out.Failure = &pay.Failure{Code: pay.FailProcessor, Text: "the payment does not allow it"}
	}
	return out, p, nil
}

// same reports whether l, which stands for an operation on p, is of order o.
// A sealed line may know less than the order.
func same(o processor.Order, l processor.SandboxLine, p processor.SandboxPayment) bool {
	if l.Kind != string(o.Kind) {
		return false
	}
	if o.Kind != pay.OpVoid && l.Amount != 0 && l.Amount != o.Amount.Minor {
		return false
	}
	if o.Kind != pay.OpVoid && l.Result != "failed" && o.Amount.Currency != "" && o.Amount.Currency != p.Currency {
		return false
	}
	if begins(o.Kind) {
		return o.Method == "" || p.Method == "" || o.Method == p.Method
	}
	return o.ProcessorRef == "" || o.ProcessorRef == l.Ref
}

func begins(k pay.OperationKind) bool { return k == pay.OpAuthorize || k == pay.OpSale }

// started is what became of the operation that began p.
func (d *Driver) started(p processor.SandboxPayment) processor.Outcome {
	out := amounts(p)
	switch p.State {
	case processor.SandboxWaiting:
		out.Result, out.Action = processor.NeedsAction, d.action(p)
	case processor.SandboxAuthorized, processor.SandboxCaptured:
		if out.Result = processor.Succeeded; d.over(p) {
			out.Result = processor.Expired
		}
	case processor.SandboxVoided: // held no more
		out.Result = processor.Expired
	case processor.SandboxCanceled:
		out.Result, out.Failure = processor.Failed, &pay.Failure{Code: pay.FailCanceled}
	case processor.SandboxFailed:
		out.Result, out.Failure = processor.Failed, &pay.Failure{Code: p.Failure, Text: "sandbox scenario " + p.Scenario}
	}
	return out
}

func amounts(p processor.SandboxPayment) processor.Outcome {
	return processor.Outcome{
		ProcessorRef: p.Ref, Authorized: p.Authorized, Captured: p.Captured, HoldUntil: p.HoldUntil,
		Currency: p.Currency, Instrument: scenarios[p.Scenario].instrument,
	}
}

// Due confirms the bank transfers whose time has come, at most 100, and
// reports how many it confirmed; and it opens the disputes of scenarios. Call it every second or so.
func (d *Driver) Due(ctx context.Context) (n int, err error) {
	due, err := d.journal.DuePayments(ctx, d.now(), dueBatch)
	if err != nil {
		return 0, fmt.Errorf("sandbox: looking for transfers: %w", err)
	}
	var errs []error
	for _, p := range due {
		if scenarios[p.Scenario].disputed {
			errs = append(errs, d.dispute(ctx, p))
			continue
		}
		p, err := d.decide(ctx, p.Tenant, p.Ref, "due:", true)
		if err == nil {
			n++
			err = d.report(ctx, p)
		}
		switch {
		case err == nil:
		case !errors.Is(err, errDecided): // decided on the page a moment ago
			errs = append(errs, err)
		}
	}
	return n, errors.Join(errs...)
}

// decided is the kind of a line that ends the waiting of a payment.
const decided = "decide"

var errDecided = errors.New("sandbox: decided already")

// decide ends the waiting of a payment. A decision that the same side made
// before comes back unchanged, to be reported again: the inbox knows it by its id.
// Errors: errDecided when the payment ended in another way.
func (d *Driver) decide(ctx context.Context, t pay.Tenant, ref, by string, yes bool) (processor.SandboxPayment, error) {
	p, ok, err := d.journal.Payment(ctx, t, ref)
	if err != nil || !ok {
		return p, errors.Join(err, errNoPayment)
	}
	begun, ok, err := d.journal.Line(ctx, t, p.StartKey)
	if err != nil || !ok {
		return p, errors.Join(err, errNoPayment)
	}
	now := d.now()
	_, _, err = d.journal.Act(ctx, t, ref, pay.OperationID(by+ref), func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		if p.State != processor.SandboxWaiting {
			return processor.SandboxLine{}, errDecided
		}
		result := "failed"
		p.ChangedAt = now
		if yes {
			result = "succeeded"
			d.approve(p, pay.OperationKind(begun.Kind) == pay.OpAuthorize)
		} else {
			fail(p, refusalOf(p.Scenario))
		}
		return processor.SandboxLine{Key: pay.OperationID(by + ref), Ref: ref, Kind: decided, Amount: p.Amount, Result: result, At: now}, nil
	})
	if err != nil {
		return p, err
	}
	if p, ok, err = d.journal.Payment(ctx, t, ref); err != nil || !ok {
		return p, errors.Join(err, errNoPayment)
	}
	return p, nil
}

// over reports that a hold has run out.
func (d *Driver) over(p processor.SandboxPayment) bool {
	return p.State == processor.SandboxAuthorized && !p.HoldUntil.IsZero() && !d.now().Before(p.HoldUntil)
}

// now has the precision the store keeps.
func (d *Driver) now() time.Time { return d.opts.Now().UTC().Truncate(time.Microsecond) }

// ref is the payment that an operation begins: 192 bits that cannot be guessed
// from the key, and the same each time.
func (d *Driver) ref(o processor.Order) string {
	sum := d.mac("ref", o.Tenant, []byte(o.Key))
	return "sbx_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:24]))
}

// mac is HMAC-SHA256 with the secret over purpose, tenant and data. None of
// the first three can hold the NUL that parts them.
func (d *Driver) mac(purpose string, t pay.Tenant, data []byte) []byte {
	h := hmac.New(sha256.New, d.opts.Secret)
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00", purpose, t.Merchant, t.Mode)
	h.Write(data)
	return h.Sum(nil)
}

// refuse turns down orders to start that the sandbox can never serve.
func refuse(o processor.Order) (processor.Outcome, bool) {
	switch {
	case o.Tenant.Mode != pay.Test:
		return refused("the sandbox serves test mode only"), true
	case o.Key == "" || o.Amount.Minor <= 0 || !o.Amount.Valid():
		return refused("the order has no key or no valid amount"), true
	case o.ReturnURL != "" && !webURL(o.ReturnURL):
		return refused("the return URL is not http or https"), true
	case o.Kind != pay.OpSale && (o.Kind != pay.OpAuthorize || o.Method != pay.MethodCard):
		return refused("the method cannot do this"), true
	case o.Method != pay.MethodCard && o.Method != pay.MethodBankRedirect && o.Method != pay.MethodBankTransfer:
		return refused("the sandbox does not serve this method"), true
	}
	return processor.Outcome{}, false
}

func refused(text string) processor.Outcome {
	return processor.Outcome{Result: processor.Failed, Failure: &pay.Failure{Code: pay.FailProcessor, Text: text}}
}

func lineOf(o processor.Order, ref, result string, now time.Time) processor.SandboxLine {
	return processor.SandboxLine{Key: o.Key, Ref: ref, Kind: string(o.Kind), Amount: o.Amount.Minor, Result: result, At: now}
}

func resultOf(s processor.SandboxState) string {
	switch s {
	case processor.SandboxWaiting:
		return "waiting"
	case processor.SandboxFailed:
		return "failed"
	}
	return "succeeded"
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && !strings.ContainsAny(u.Host, ";,'\"*")
}
