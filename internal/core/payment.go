package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"paylink/internal/auth"
	"paylink/internal/method"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// PayView is what the payer's page needs.
type PayView struct {
	Merchant pay.Merchant
	Link     pay.Link
	Payments []pay.Payment
	Methods  []method.Method // offered, in order
	Focus    *pay.Payment    // the one the page is about; nil before the first
}

// OpenPage reads a link by the token of its address. viewed notes the first
// opening, which is telemetry and decides nothing.
// Errors: pay.ErrNotFound.
func (c *Core) OpenPage(ctx context.Context, token string, viewed bool) (v PayView, err error) {
	tab, merchant, err := c.store.TabByToken(ctx, auth.LookupHash("token", token))
	if err != nil {
		return v, err
	}
	if viewed && tab.Link.FirstViewedAt.IsZero() {
		err = c.store.InTx(ctx, func(tx *store.Tx) error { return tx.MarkViewed(ctx, tab.Link.Tenant, tab.Link.ID) })
		if err != nil {
			return v, err
		}
	}
	tab.Link.State = tab.Link.At(c.store.Now())
	v.Merchant, v.Link, v.Payments, v.Methods = merchant, tab.Link, tab.Payments, c.offered(tab.Link)
	v.Focus = focus(tab.Payments)
	return v, nil
}

// focus is the payment a page is about: one that is live, else the newest.
func focus(list []pay.Payment) *pay.Payment {
	for i := range list {
		if list[i].Live() {
			return &list[i]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

// SlugToken is the token of the page at /p/{slug}, upper and lower case alike.
// Where test and live have the same slug, it is the live one's.
// Errors: pay.ErrNotFound.
func (c *Core) SlugToken(ctx context.Context, slug string) (string, error) {
	for _, m := range []pay.Mode{pay.Live, pay.Test} {
		claim := SlugClaim(m, slug)
		found, err := c.store.Locate(ctx, claim.Kind, auth.LookupHash(claim.Kind, claim.Value))
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			l, err := c.store.Link(ctx, found[0].Tenant, pay.LinkID(found[0].Ref))
			return l.Token, err
		}
	}
	return "", pay.ErrNotFound
}

// SlugClaim takes a slug for a link: unique per installation and mode, case
// folded, never given to another (DECISIONS 4).
func SlugClaim(m pay.Mode, slug string) Claim {
	return Claim{
		Kind: "slug:" + string(m), Value: strings.ToLower(slug),
		Taken: &pay.Error{Kind: pay.Conflict, Code: "slug_taken", Detail: "another link has this slug", Fields: []pay.Field{{Path: "slug", Code: "taken", Detail: "is taken"}}},
	}
}

func (c *Core) locateToken(ctx context.Context, token string) (store.LinkName, error) {
	found, err := c.store.Locate(ctx, "token", auth.LookupHash("token", token))
	if err != nil {
		return store.LinkName{}, err
	}
	if len(found) != 1 {
		return store.LinkName{}, pay.ErrNotFound
	}
	return store.LinkName{Tenant: found[0].Tenant, ID: pay.LinkID(found[0].Ref)}, nil
}

// offered are the methods a link's page may show, in the order that the link
// names them: the link's lists, the method's own rules, and a processor that serves it.
func (c *Core) offered(l pay.Link) (list []method.Method) {
	for _, m := range c.methods {
		if l.Allows(m.ID()) && m.Offered(l) && c.processorFor(l, m.ID()) != nil {
			list = append(list, m)
		}
	}
	if order := l.Methods.Allowed; len(order) > 0 {
		slices.SortStableFunc(list, func(a, b method.Method) int { return slices.Index(order, a.ID()) - slices.Index(order, b.ID()) })
	}
	return list
}

func (c *Core) processorFor(l pay.Link, m pay.MethodID) processor.Driver {
	for _, p := range c.processors {
		caps, ok := p.Capabilities(m)
		if !ok || l.Use.Manual && !caps.Manual || caps.Currency != nil && !caps.Currency(l.Price.Currency) {
			continue
		}
		for _, mode := range caps.Modes {
			if mode == l.Mode {
				return p
			}
		}
	}
	return nil
}

func (c *Core) driver(name string) (processor.Driver, error) {
	for _, p := range c.processors {
		if p.Name() == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("processor %q is not part of this installation", name)
}

// StartPayment is what the payer submits.
type StartPayment struct {
	Token     string
	Method    pay.MethodID
	Amount    int64             // open price or a part, minor units; 0: all that is due
	Choice    pay.Choice        // of an adjustable cart
	Shown     int64             // adjustable cart: the total that the payer saw, minor units
	Fields    map[string]string // what the method asked for
	Retry     pay.PaymentID     // a failed payment to try again, may be empty
	From      string            // the payer's address
	RequestID string
	Version   int64  // the link's version on the payer's screen; 0: not said
	Consent   bool   // the payer lets the merchant keep the payment details
	Once      string // the form's own number, as pay.NewToken makes it: sent twice it begins one payment; may be empty
}

// startTimeout bounds one call to a processor; it stays below the lease, so
// that nobody asks about an operation while its first call is on the way.
const startTimeout = 15 * time.Second

// StartPayment reserves, asks the processor and writes down the answer. The
// result is in the payment's last attempt.
// Errors: pay.ErrNotFound, invalid_state, link_taken, link_changed,
// pay.ErrTotal when Shown is not what Choice comes to, Invalid.
func (c *Core) StartPayment(ctx context.Context, cmd StartPayment) (pay.Payment, error) {
	name, err := c.locateToken(ctx, cmd.Token)
	if err != nil {
		return pay.Payment{}, err
	}
	l, err := c.store.Link(ctx, name.Tenant, name.ID)
	if err != nil {
		return pay.Payment{}, err
	}
	b, err := c.begin(l, cmd)
	if err != nil {
		return pay.Payment{}, err
	}
	var id pay.PaymentID
	once := store.KeyUse{Tenant: name.Tenant, Credential: pay.CredentialID(name.ID), Dialect: "page", Link: name.ID}
	if pay.TokenBits(cmd.Once) != nil {
		once.Key = cmd.Once
	}
	held, err := c.change(ctx, name.Tenant, name.ID, pay.ActorPayer, cmd.RequestID, func(tx *store.Tx, tab *store.Held) error {
		first, err := tx.FindKey(ctx, once)
		if id = pay.PaymentID(first.Ref); err == nil {
			return nil // the form was sent twice
		} else if !errors.Is(err, pay.ErrNotFound) {
			return err
		}
		if cmd.Version != 0 && cmd.Version != tab.Link.Version {
			return pay.ErrState("the link was changed since the page was opened")
		}
		if tab.Barred, err = tx.Barred(ctx, name.Tenant, name.ID); err != nil {
			return err
		}
		p, _, err := tab.Begin(b)
		if err != nil {
			return err
		}
		if id = p.ID; once.Key != "" {
			once.Ref = string(id)
			_, _, err = tx.TakeKey(ctx, once)
		}
		return err
	}, cmd.Retry)
	if err != nil {
		return pay.Payment{}, err
	}
	c.runNow(ctx, name.Tenant, held.Operations)
	return c.store.Payment(ctx, name.Tenant, id)
}

// begin checks what can be checked before anything is written.
func (c *Core) begin(l pay.Link, cmd StartPayment) (b pay.Begin, err error) {
	var bad pay.Faults
	var chosen method.Method
	for _, m := range c.offered(l) {
		if m.ID() == cmd.Method {
			chosen = m
		}
	}
	if chosen == nil {
		bad.Add("method", "not_offered", "must be one of the offered methods")
		return b, bad.Err()
	}
	if err := chosen.Check(l.Mode, cmd.Fields); err != nil {
		return b, err
	}
	fields := map[string]string{}
	for _, f := range chosen.Fields(l.Mode) {
		fields[f.Name] = cmd.Fields[f.Name]
	}
	return pay.Begin{
		Method: cmd.Method, Processor: c.processorFor(l, cmd.Method).Name(), Amount: cmd.Amount, Retry: cmd.Retry, Choice: cmd.Choice, Shown: cmd.Shown,
		GraceS: int64(chosen.Grace() / time.Second), From: c.keys.BlindIndex("address", cmd.From), Fields: fields,
		Consent: l.Page.Consent && cmd.Consent,
	}, nil
}

// AbandonPayment gives up a payment that waits for the payer, so that another
// way can be chosen. Errors: pay.ErrNotFound, invalid_state.
func (c *Core) AbandonPayment(ctx context.Context, token string, id pay.PaymentID, requestID string) (pay.Payment, error) {
	name, err := c.locateToken(ctx, token)
	if err != nil {
		return pay.Payment{}, err
	}
	held, err := c.change(ctx, name.Tenant, name.ID, pay.ActorPayer, requestID, func(tx *store.Tx, tab *store.Held) error {
		if err := idle(ctx, tx, &tab.Tab, id); pay.KindOf(err) == pay.Conflict {
			return nil // it is called off already
		} else if err != nil {
			return err
		}
		return tab.Abandon(id)
	}, id)
	if err != nil {
		return pay.Payment{}, err
	}
	c.runNow(ctx, name.Tenant, held.Operations)
	return c.store.Payment(ctx, name.Tenant, id)
}

// CapturePayment takes money that is held.
type CapturePayment struct {
	Key         string
	Fingerprint string
	Payment     pay.PaymentID
	Amount      int64  // minor units; 0: all that is left
	Keep        bool   // the rest stays held for another capture; else it is released
	Reference   string // the merchant's own name of this capture, kept with the attempt; may be empty
	Replayed    func() // called when the answer is that of an earlier request; may be nil
}

// captureRef is the field of an operation that holds CapturePayment.Reference.
const captureRef = "capture_reference"

// VoidPayment releases money that is held.
type VoidPayment struct {
	Key         string
	Fingerprint string
	Payment     pay.PaymentID
	Replayed    func() // called when the answer is that of an earlier request; may be nil
}

// Capture takes money that is held, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, Invalid (amount, final), pay.ErrKeyReused.
func (c *Core) Capture(ctx context.Context, who pay.Caller, cmd CapturePayment) (pay.Payment, error) {
	p, _, err := c.act(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Payment, func(tx *store.Tx, tab *pay.Tab) (string, error) {
		if err := idle(ctx, tx, tab, cmd.Payment); err != nil {
			return "", err
		}
		if cmd.Keep {
			if err := c.capturesAgain(tab, cmd.Payment); err != nil {
				return "", err
			}
		}
		err := tab.Capture(cmd.Payment, cmd.Amount, cmd.Keep)
		if err == nil && cmd.Reference != "" {
			tab.Operations[len(tab.Operations)-1].Fields = map[string]string{captureRef: cmd.Reference}
		}
		return "", err
	})
	return p, err
}

// capturesAgain refuses to keep the rest of a hold where the processor allows
// one capture only.
func (c *Core) capturesAgain(tab *pay.Tab, id pay.PaymentID) error {
	for _, p := range tab.Payments {
		if a := p.Last(); p.ID == id && a != nil {
			d, err := c.driver(a.Processor)
			if err != nil {
				return err
			}
			if caps, _ := d.Capabilities(a.Method); caps.Captures {
				return nil
			}
		}
	}
	var bad pay.Faults
	bad.Add("final", "not_supported", "must be true: the processor allows one capture of a payment")
	return bad.Err()
}

// Void releases what is left of money that is held, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, pay.ErrKeyReused.
func (c *Core) Void(ctx context.Context, who pay.Caller, cmd VoidPayment) (pay.Payment, error) {
	p, _, err := c.act(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Payment, func(tx *store.Tx, tab *pay.Tab) (string, error) {
		if err := idle(ctx, tx, tab, cmd.Payment); err != nil {
			return "", err
		}
		return "", tab.Void(cmd.Payment)
	})
	return p, err
}

// idle refuses a second capture or void while one is under way: both could
// move money, and the books would know of one.
func idle(ctx context.Context, tx *store.Tx, tab *pay.Tab, id pay.PaymentID) error {
	for _, p := range tab.Payments {
		if p.ID != id || p.Last() == nil {
			continue
		}
		ops, err := tx.OperationsOf(ctx, tab.Link.Tenant, p.Last().ID)
		if err != nil {
			return err
		}
		for _, o := range ops {
			if !o.State.Final() && (o.Kind == pay.OpCapture || o.Kind == pay.OpVoid) {
				return pay.ErrState("a %s of the payment is under way", o.Kind)
			}
		}
	}
	return nil
}

// Payment reads a payment of the caller. Errors: pay.ErrNotFound.
func (c *Core) Payment(ctx context.Context, who pay.Caller, id pay.PaymentID) (pay.Payment, error) {
	p, err := c.store.Payment(ctx, who.Tenant, id)
	if err != nil || who.Dialect == "native" {
		return p, err
	}
	l, err := c.store.Link(ctx, who.Tenant, p.Link)
	if err == nil && !sees(who, l) {
		err = pay.ErrNotFound
	}
	return p, err
}

// PaymentFilter chooses payments; zero members do not filter.
type PaymentFilter struct {
	Link  pay.LinkID
	State pay.PaymentState
	After string
	Limit int
}

// Payments lists the tenant's payments, newest first.
// Errors: Invalid (cursor).
func (c *Core) Payments(ctx context.Context, who pay.Caller, f PaymentFilter) (list []pay.Payment, next string, err error) {
	us, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Payments(ctx, who.Tenant, store.PaymentFilter{Link: f.Link, State: f.State, BeforeTime: us, BeforeID: ids[0], Limit: size + 1})
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].CreatedAt, string(list[size-1].ID))
	}
	return list, next, err
}

// Callback takes a processor's own word: verified on raw bytes, stored, then
// processed; at most one effect, any number of times (P4). Once it is stored it is
// taken: if it cannot have its effect now, the inbox sees to that.
// Errors: pay.ErrNotFound for an unknown processor, pay.ErrUnauthorized.
func (c *Core) Callback(ctx context.Context, name string, t pay.Tenant, header http.Header, raw []byte) error {
	d, err := c.driver(name)
	if err != nil {
		return pay.ErrNotFound
	}
	ev, err := d.VerifyCallback(t, header, raw)
	if err != nil {
		return err
	}
	return c.takeEvidence(ctx, t, name, ev)
}

// takeEvidence keeps evidence and lets it have its effect, unless it came before.
// Errors: only of keeping it.
func (c *Core) takeEvidence(ctx context.Context, t pay.Tenant, name string, ev processor.Evidence) error {
	kept, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	fresh := false
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		fresh, err = tx.KeepCallback(ctx, t, name, ev.EventID, ev.Key, kept)
		return err
	})
	if err != nil || !fresh {
		return err
	}
	if err := c.useEvidence(ctx, t, name, ev); err != nil {
		c.log.Error("a callback could not have its effect yet", "processor", name, "merchant", t.Merchant, "event", ev.EventID, "err", err)
	}
	return nil
}

// useEvidence lets stored evidence have its effect.
func (c *Core) useEvidence(ctx context.Context, t pay.Tenant, name string, ev processor.Evidence) error {
	if ev.Dispute != nil {
		return c.useDispute(ctx, t, name, ev)
	}
	job, err := c.store.Operation(ctx, t, ev.Key)
	if errors.Is(err, pay.ErrNotFound) || err == nil && job.Processor != name {
		c.metrics.Alarm("callback_unknown")
		c.log.Warn("a callback names no operation of ours", "processor", name, "merchant", t.Merchant, "event", ev.EventID)
	} else if err != nil {
		return err
	} else {
		job.Fence = 0
		if err := c.record(ctx, job, ev.Outcome, false); err != nil {
			return err
		}
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.CallbackDone(ctx, t, name, ev.EventID) })
}
