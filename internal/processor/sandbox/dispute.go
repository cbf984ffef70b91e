package sandbox

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

const (
	respondWithin = 7 * 24 * time.Hour
	disputePrefix = "dispute:" // of a journal key; the dispute's ref follows, and its end: "dispute:sbxd_…:won"
	toldPrefix    = "told:"    // of a journal key: the platform has heard of what scenario opened
)

var _ processor.Disputer = (*Driver)(nil)

// disputeNews is the part of a callback that tells of a dispute.
type disputeNews struct {
	ID        string           `json:"id"`
	State     pay.DisputeState `json:"state"`
	Amount    int64            `json:"amount"`
	Reason    string           `json:"reason"`
	RespondBy time.Time        `json:"respond_by"`
}

// disputed is what disputes have taken of p and not given back.
func disputed(p processor.SandboxPayment) (minor int64) {
	for _, d := range p.Disputes {
		if d.State.Counts() {
			minor += d.Amount
		}
	}
	return minor
}

// OpenDispute implements processor.Disputer.
func (d *Driver) OpenDispute(ctx context.Context, t pay.Tenant, w processor.DisputeWish) (processor.Evidence, error) {
	if t.Mode != pay.Test {
		return processor.Evidence{}, pay.ErrNotFound
	}
	now := d.now()
	ref := "sbxd_" + hex.EncodeToString(d.mac("dispute", t, []byte(w.PaymentRef+"\x00"+w.Key))[:16])
	line, _, err := d.journal.Act(ctx, t, w.PaymentRef, pay.OperationID(disputePrefix+ref), func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		if p.Ref == "" {
			return processor.SandboxLine{}, pay.ErrNotFound
		}
		left := p.Captured - disputed(*p)
		amount := w.Amount
		if amount == 0 {
			amount = left - p.Refunded
		}
		if amount <= 0 || amount > left {
			return processor.SandboxLine{}, pay.ErrState("the payment has %s that can be disputed", pay.Money{Minor: left, Currency: p.Currency})
		}
		p.Disputes = append(slices.Clip(p.Disputes), processor.SandboxDispute{
			Ref: ref, State: pay.DisputeOpen, Amount: amount, Reason: w.Reason, RespondBy: now.Add(respondWithin),
		})
		p.ChangedAt = now
		return processor.SandboxLine{Key: pay.OperationID(disputePrefix + ref), Ref: p.Ref, Kind: "dispute", Amount: amount, Result: "succeeded", At: now}, nil
	})
	if err != nil {
		return processor.Evidence{}, err
	}
	if w.Amount != 0 && line.Amount != w.Amount {
		return processor.Evidence{}, pay.ErrKeyReused
	}
	return d.disputeEvidence(ctx, t, w.PaymentRef, ref)
}

// DecideDispute implements processor.Disputer.
func (d *Driver) DecideDispute(ctx context.Context, t pay.Tenant, paymentRef, ref string, to pay.DisputeState) (processor.Evidence, error) {
	if t.Mode != pay.Test {
		return processor.Evidence{}, pay.ErrNotFound
	}
	now := d.now()
	key := pay.OperationID(disputePrefix + ref + ":" + string(to))
	_, _, err := d.journal.Act(ctx, t, paymentRef, key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		i := slices.IndexFunc(p.Disputes, func(x processor.SandboxDispute) bool { return x.Ref == ref })
		if i < 0 {
			return processor.SandboxLine{}, pay.ErrNotFound
		}
		if have := p.Disputes[i].State; have != pay.DisputeOpen || to == pay.DisputeOpen {
			return processor.SandboxLine{}, pay.ErrState("the dispute is %s", have)
		}
		p.Disputes = slices.Clone(p.Disputes)
		p.Disputes[i].State, p.ChangedAt = to, now
		return processor.SandboxLine{Key: key, Ref: p.Ref, Kind: "dispute_" + string(to), Amount: p.Disputes[i].Amount, Result: "succeeded", At: now}, nil
	})
	if err != nil {
		return processor.Evidence{}, err
	}
	return d.disputeEvidence(ctx, t, paymentRef, ref)
}

// disputeEvidence is what can be said of a dispute now. Each of its states has
// an event id of its own.
func (d *Driver) disputeEvidence(ctx context.Context, t pay.Tenant, paymentRef, ref string) (processor.Evidence, error) {
	n, err := d.disputeNews(ctx, t, paymentRef, ref)
	if err != nil {
		return processor.Evidence{}, err
	}
	return n.evidence(), nil
}

func (d *Driver) disputeNews(ctx context.Context, t pay.Tenant, paymentRef, ref string) (news, error) {
	p, ok, err := d.journal.Payment(ctx, t, paymentRef)
	if err != nil {
		return news{}, fmt.Errorf("sandbox: reading a dispute: %w", err)
	}
	i := slices.IndexFunc(p.Disputes, func(x processor.SandboxDispute) bool { return x.Ref == ref })
	if !ok || i < 0 {
		return news{}, pay.ErrNotFound
	}
	x := p.Disputes[i]
	return news{
		ID:       "sbxe_" + hex.EncodeToString(d.mac("event", t, []byte(x.Ref+"\x00"+string(x.State)))[:16]),
		Merchant: t.Merchant, Mode: t.Mode, Ref: p.Ref, Currency: p.Currency,
		Dispute: &disputeNews{x.Ref, x.State, x.Amount, x.Reason, x.RespondBy},
	}, nil
}

// evidence is what a callback about a dispute proves.
func (n news) evidence() processor.Evidence {
	return processor.Evidence{EventID: n.ID, Dispute: &processor.Dispute{PaymentRef: n.Ref, DisputeReport: pay.DisputeReport{
		ProcessorRef: n.Dispute.ID, State: n.Dispute.State, Amount: pay.Money{Minor: n.Dispute.Amount, Currency: n.Currency},
		Reason: n.Dispute.Reason, RespondBy: n.Dispute.RespondBy,
	}}}
}

// contest lets the next Due take the money of p back, where its scenario has it so.
func (d *Driver) contest(p *processor.SandboxPayment) {
	if scenarios[p.Scenario].disputed && len(p.Disputes) == 0 {
		p.DueAt = d.now()
	}
}

// dispute opens what the payment's scenario wants, and tells of it until the
// platform has heard: nobody asks for a dispute.
func (d *Driver) dispute(ctx context.Context, p processor.SandboxPayment) error {
	ev, err := d.OpenDispute(ctx, p.Tenant, processor.DisputeWish{Key: p.Scenario, PaymentRef: p.Ref, Reason: "fraudulent"})
	if err == nil {
		var n news
		if n, err = d.disputeNews(ctx, p.Tenant, p.Ref, ev.Dispute.ProcessorRef); err == nil {
			err = d.tell(ctx, p.Tenant, n)
		}
	}
	if err != nil && pay.KindOf(err) != pay.Conflict { // given back in the meantime: there is nothing to dispute
		return err
	}
	now, key := d.now(), pay.OperationID(fmt.Sprint(toldPrefix, p.Ref, ":", p.DueAt.UnixMicro()))
	_, _, err = d.journal.Act(ctx, p.Tenant, p.Ref, key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
		p.DueAt = time.Time{}
		return processor.SandboxLine{Key: key, Ref: p.Ref, Kind: "told", Result: "succeeded", At: now}, nil
	})
	return err
}

// settledDispute is the settlement of a journal line about a dispute; empty
// where no money went or came back. is is false for other lines.
func settledDispute(l processor.SandboxLine, c pay.Currency) (list []processor.Settled, is bool) {
	ref, of := strings.CutPrefix(string(l.Key), disputePrefix)
	if !of {
		return nil, l.Kind == "told"
	}
	ref, end, _ := strings.Cut(ref, ":")
	kind := processor.SettledDispute
	switch pay.DisputeState(end) {
	case "":
	case pay.DisputeWon:
		kind = processor.SettledDisputeReversal
	default:
		return nil, true
	}
	return []processor.Settled{{Kind: kind, Reference: ref, Amount: pay.Money{Minor: l.Amount, Currency: c}, At: l.At}}, true
}
