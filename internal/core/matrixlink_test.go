package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// links are links of one use, made at the beginning of their pair and open for
// an hour, on which one payment was tried and failed: it may succeed late.
var links = stage{
	states: "scheduled:sc active:ac paused:pa completed:co expired:ex canceled:ca",
	with:   func(*pay.Link) {},
	bring: func(m *matrix, s *scene, state string) {
		m.begin(s, pay.AttemptFailed)
		payment, attempt := s.payment, s.attempt
		switch pay.LinkState(state) {
		case pay.LinkScheduled:
			m.must("later", edit(func(l *pay.Link) { l.StartsAt = l.ExpiresAt.Add(-30 * time.Minute) })(m, s))
		case pay.LinkPaused:
			m.on(s, func(_ *store.Tx, tab *store.Held) error { return tab.Pause() })
		case pay.LinkCompleted:
			m.begin(s, pay.AttemptCaptured)
		case pay.LinkExpired:
			m.Clock.Add(time.Hour)
			m.on(s, func(_ *store.Tx, tab *store.Held) error { return tab.Clock() })
		case pay.LinkCanceled:
			m.on(s, func(_ *store.Tx, tab *store.Held) error { return tab.Cancel() })
		}
		s.payment, s.attempt, s.entity, s.subject = payment, attempt, "payment_link", string(s.ID)
	},
}

var paid = word{kind: pay.OpSale, result: processor.Succeeded}

// linkCauses are what a merchant, a payer, money and time can do to a link.
var linkCauses = []cause{
	//sc ac pa co ex ca
	{"!  pa !  !  !  !", "pause", onLink((*core.Core).PauseLink), nil, forAnHour},
	{"!  !  ac !  !  !", "resume", onLink((*core.Core).ResumeLink), nil, forAnHour},
	{"ca ca ca !  ca !", "cancel", onLink((*core.Core).CancelLink), nil, forAnHour},
	{".  .  .  .  .  .", "a moment before it starts", at(30*time.Minute-1, due), nil, forAnHour},
	{"ac .  .  .  .  .", "it starts", at(30*time.Minute, due), nil, forAnHour},
	{"ex ex ex .  .  .", "it ends", at(time.Hour, due), nil, forAnHour},
	{"!  *  !  !  !  !", "a payer begins", another, nil, forAnHour},
	{"!  !  !  !  !  !", "a payer begins when it ends", at(time.Hour, another), nil, forAnHour},
	{"*  co co *  co *", "paid", nil, &paid, forAnHour},
	{"co co co *  co *", "paid in its grace", at(90*time.Minute-1, nil), &paid, forAnHour},
	{"ex ex ex *  *  *", "paid after its grace", at(90*time.Minute, nil), &paid, forAnHour},
	{".  .  .  .  .  .", "failed once more", nil, &word{kind: pay.OpSale, result: processor.Failed}, forAnHour},
	{"sc ac pa !  ex !", "another text", edit(func(l *pay.Link) { l.Description = "Three field guides" }), nil, forAnHour},
	{"sc ac pa !  ex !", "another amount", edit(func(l *pay.Link) { l.Price.Amount = 900 }), nil, forAnHour},
	{".  .  .  !  .  !", "an edit that changes nothing", edit(func(*pay.Link) {}), nil, forAnHour},
	{"sc ac pa !  ac !", "a later end", edit(func(l *pay.Link) { l.ExpiresAt = l.ExpiresAt.Add(2 * time.Hour) }), nil, forAnHour},
	{"sc sc pa !  sc !", "another window", edit(func(l *pay.Link) {
		l.StartsAt, l.ExpiresAt = l.ExpiresAt.Add(2*time.Hour), l.ExpiresAt.Add(3*time.Hour)
	}), nil, forAnHour},
	{"ex ex ex !  ex !", "an end that is over", edit(func(l *pay.Link) { l.StartsAt, l.ExpiresAt = time.Time{}, l.CreatedAt }), nil, forAnHour},
}

// at lets it be a time after the link was made, unless it is later, and acts.
func at(d time.Duration, do act) act {
	return func(m *matrix, s *scene) error {
		m.Clock.Add(max(s.CreatedAt.Add(d).Sub(m.Clock.Now()), 0))
		if do == nil {
			return nil
		}
		return do(m, s)
	}
}

// TestLinkMatrix: every state of a link and every cause.
func TestLinkMatrix(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) { newMatrix(t, o).play(links, linkCauses) })
}

// refunds are refunds of all of a payment.
var refunds = stage{
	states: "requested:re sent:se unknown:un succeeded:su failed:fa",
	with:   func(*pay.Link) {},
	bring: func(m *matrix, s *scene, state string) {
		m.begin(s, pay.AttemptCaptured)
		m.on(s, func(_ *store.Tx, tab *store.Held) error {
			r, err := tab.Refund(pay.RefundWish{Payment: s.payment})
			if err != nil {
				return err
			}
			if s.refund = r.ID; pay.RefundState(state) != pay.RefundRequested {
				err = tab.Refunded(r.ID, pay.RefundState(state))
			}
			return err
		})
		s.entity, s.subject = "refund", string(s.refund)
	},
}

var refundWords = []word{
	//    re se un su fa
	says("un un .  .  .", pay.OpRefund, processor.Unknown, pay.RefundUnknown),
	says("su su su .  !", pay.OpRefund, processor.Succeeded, pay.RefundSucceeded),
	says("fa fa fa !  .", pay.OpRefund, processor.Failed, pay.RefundFailed),
	says("un un .  .  .", pay.OpRefund, processor.Expired, pay.RefundUnknown), // no word about money
	says("se .  .  .  .", pay.OpRefund, processor.NeedsAction, pay.RefundSent),
	says("se .  .  .  .", pay.OpRefund, processor.Pending, pay.RefundSent),
}

// TestRefundMatrix: every state of a refund and every cause.
func TestRefundMatrix(t *testing.T) {
	causes := append(spoken(refundWords), cause{marks: "! ! ! ! *", name: "another of the same money", do: granted(refund)})
	storetest.Each(t, func(t *testing.T, o store.Options) { newMatrix(t, o).play(refunds, causes) })
}

// TestOperationMatrix: what becomes of an operation in each state by each word of
// a processor. It has no events: what is final stays, and what is unknown ends
// by being known.
func TestOperationMatrix(t *testing.T) {
	brings := []struct {
		state pay.OperationState
		by    processor.Result
	}{
		{pay.OpPrepared, -1}, {pay.OpSent, processor.Pending}, {pay.OpUnknown, processor.Unknown}, {pay.OpSucceeded, processor.Succeeded}, {pay.OpFailed, processor.Failed},
	}
	const sent, unknown, succeeded, failed = pay.OpSent, pay.OpUnknown, pay.OpSucceeded, pay.OpFailed
	want := map[processor.Result][]pay.OperationState{
		processor.Unknown:     {unknown, unknown, unknown, succeeded, failed},
		processor.Pending:     {sent, sent, unknown, succeeded, failed},
		processor.NeedsAction: {sent, sent, unknown, succeeded, failed},
		processor.Succeeded:   {succeeded, succeeded, succeeded, succeeded, failed},
		processor.Failed:      {failed, failed, failed, succeeded, failed},
	}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		m, ctx := newMatrix(t, o), context.Background()
		for result, ends := range want {
			for i, from := range brings {
				s := &scene{Link: m.Link(t, manual)}
				m.begin(s, pay.AttemptAuthorized)
				m.order(s, word{kind: pay.OpVoid})
				for _, r := range []processor.Result{from.by, result} {
					if r >= 0 {
						m.must("a word", word{kind: pay.OpVoid, result: r}.tell(m, s))
					}
				}
				j, err := m.Store.Operation(ctx, s.Tenant, s.op.ID)
				if err != nil || j.State != ends[i] {
					t.Errorf("%s told %d: it is %s, want %s, %v", from.state, result, j.State, ends[i], err)
				}
			}
		}
		proven(t, m.World)
	})
}
