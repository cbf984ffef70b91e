package core

import (
	"context"
	"errors"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// keyed is the idempotency key of a command, with what it is to be told.
type keyed struct {
	key, print string
	replayed   func()
}

// A repeat waits so often and so long for the answer of the first request; then
// it is told to come again.
const (
	busyTries = 10
	busyWait  = 100 * time.Millisecond
)

// act does something to a payment at most once per key, which may be empty. do
// may say what it made; a repeat is told of that, and answered with the facts of
// the first answer. Errors: pay.ErrKeyBusy while the first answer is still out.
func (c *Core) act(ctx context.Context, who pay.Caller, k keyed, id pay.PaymentID, do func(*store.Tx, *pay.Tab) (made string, err error)) (p pay.Payment, made string, err error) {
	for range busyTries {
		if p, made, err = c.actNow(ctx, who, k, id, do); !errors.Is(err, pay.ErrKeyBusy) {
			break
		}
		select {
		case <-ctx.Done():
			return p, made, err
		case <-time.After(busyWait):
		}
	}
	return p, made, err
}

func (c *Core) actNow(ctx context.Context, who pay.Caller, k keyed, id pay.PaymentID, do func(*store.Tx, *pay.Tab) (made string, err error)) (p pay.Payment, made string, err error) {
	if p, err = c.Payment(ctx, who, id); err != nil {
		return p, "", err
	}
	use := keyUse(who, k.key, k.print, p.Link)
	first, fresh := store.KeyUse{}, true
	held, err := c.change(ctx, who.Tenant, p.Link, who.Actor(), who.RequestID, func(tx *store.Tx, tab *store.Held) error {
		use.Ref = ""
		if first, fresh, err = useKey(ctx, tx, use); err != nil {
			return err
		}
		if !fresh {
			use.Ref = first.Ref
			return busy(first, tx.Now())
		}
		first = store.KeyUse{}
		if use.Ref, err = do(tx, &tab.Tab); err != nil || use.Ref == "" {
			return err
		}
		return tx.PointKey(ctx, use)
	}, id)
	if err != nil {
		return p, "", err
	}
	if !fresh && k.replayed != nil {
		k.replayed()
	}
	if first.Seq > 0 {
		p, err = c.paymentAt(ctx, who.Tenant, p.Link, id, first.Seq)
		return p, use.Ref, err
	}
	c.runNow(ctx, who.Tenant, held.Operations)
	ctx = context.WithoutCancel(ctx) // the caller may have gone: what it is told when it asks again is kept
	if k.key != "" {
		if p, err = c.keepAnswer(ctx, use, id, held.Link.Seq); err == nil {
			return p, use.Ref, nil
		}
		c.log.Error("keeping an answer", "payment", id, "err", err) // a repeat is answered all the same, later
	}
	p, err = c.store.Payment(ctx, who.Tenant, id)
	return p, use.Ref, err
}

// keyLease is how long a request may hold its key without an answer. Whoever
// asks again after that is answered with the facts of then (I3, I5).
const keyLease = time.Minute

// answerless is the Seq of a key whose answer no event shows: the facts of any
// later time stand for it.
const answerless = -1

// busy refuses a repeat while the first request has no answer yet.
func busy(first store.KeyUse, now time.Time) error {
	if first.Seq == 0 && now.Sub(first.TakenAt) < keyLease {
		return pay.ErrKeyBusy
	}
	return nil
}

// keepAnswer lets a key stand for the facts as they are answered now, and gives
// them: the last event that shows the payment. Others may change the payment
// meanwhile, so the first answer too is worded from that event. before is an
// event that was there already.
func (c *Core) keepAnswer(ctx context.Context, use store.KeyUse, id pay.PaymentID, before int64) (p pay.Payment, err error) {
	l, err := c.store.Link(ctx, use.Tenant, use.Link)
	if err != nil {
		return p, err
	}
	for use.Seq = l.Seq; use.Seq >= max(before, 1); use.Seq-- {
		if p, err = c.paymentAt(ctx, use.Tenant, use.Link, id, use.Seq); !errors.Is(err, pay.ErrNotFound) {
			break // else an event about another payment
		}
	}
	if errors.Is(err, pay.ErrNotFound) {
		use.Seq = answerless
		p, err = c.store.Payment(ctx, use.Tenant, id)
	}
	if err != nil {
		return p, err
	}
	return p, c.store.InTx(ctx, func(tx *store.Tx) error { return tx.PointKey(ctx, use) })
}

// paymentAt is a payment as an event shows it. Errors: pay.ErrNotFound.
func (c *Core) paymentAt(ctx context.Context, t pay.Tenant, link pay.LinkID, id pay.PaymentID, seq int64) (pay.Payment, error) {
	e, err := c.store.Event(ctx, t, link, seq)
	if err != nil {
		return pay.Payment{}, err
	}
	if p := e.Snapshot.Payment(id); p != nil {
		return *p, nil
	}
	return pay.Payment{}, pay.ErrNotFound
}
