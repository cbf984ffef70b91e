package core_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// attempts are attempts on a link of one use whose money is first held.
var attempts = stage{
	states: "created:cr requires_action:ra processing:pr unknown:un authorized:au captured:ca failed:fa canceled:cn voided:vo auth_expired:ax review:re",
	with:   manual,
	bring: func(m *matrix, s *scene, state string) {
		path := map[pay.AttemptState][]pay.AttemptState{
			pay.AttemptCreated: {}, pay.AttemptCaptured: {pay.AttemptAuthorized, pay.AttemptCaptured},
			pay.AttemptVoided: {pay.AttemptAuthorized, pay.AttemptVoided}, pay.AttemptAuthExpired: {pay.AttemptAuthorized, pay.AttemptAuthExpired},
		}
		to := pay.AttemptState(state)
		if path[to] == nil {
			path[to] = []pay.AttemptState{to}
		}
		m.begin(s, path[to]...)
		s.entity, s.subject = "attempt", string(s.attempt)
	},
}

// nothing are the marks of what no attempt minds.
const nothing = ".  .  .  .  .  .  .  .  .  .  ."

// attemptWords are all that a processor can say about an attempt. From voided
// money goes to a person; of a call that came to nothing the attempt stays. The
// capture of one that is captured names no operation, as a person's word.
var attemptWords = []word{
	//    cr ra pr un au ca fa cn vo ax re
	says("un un un .  .  .  .  .  .  .  .", pay.OpAuthorize, processor.Unknown, pay.AttemptUnknown),
	says("au au au au .  .  au au re au .", pay.OpAuthorize, processor.Succeeded, pay.AttemptAuthorized),
	says("fa fa fa fa !  !  .  .  .  .  .", pay.OpAuthorize, processor.Failed, pay.AttemptFailed),
	says("ax ax ax ax ax !  .  .  .  .  .", pay.OpAuthorize, processor.Expired, pay.AttemptAuthExpired),
	says("ra .  ra ra .  .  .  .  .  .  .", pay.OpAuthorize, processor.NeedsAction, pay.AttemptRequiresAction),
	says("pr pr .  .  .  .  .  .  .  .  .", pay.OpAuthorize, processor.Pending, pay.AttemptProcessing),
	says("un un un .  .  .  .  .  .  .  .", pay.OpSale, processor.Unknown, pay.AttemptUnknown),
	says("ca ca ca ca ca .  ca ca re ca .", pay.OpSale, processor.Succeeded, pay.AttemptCaptured),
	says("re re re re re .  re re re re .", pay.OpSale, processor.Succeeded, pay.AttemptCaptured).in("EUR"),
	says("fa fa fa fa !  !  .  .  .  .  .", pay.OpSale, processor.Failed, pay.AttemptFailed),
	says("ax ax ax ax ax !  .  .  .  .  .", pay.OpSale, processor.Expired, pay.AttemptAuthExpired),
	says("ra .  ra ra .  .  .  .  .  .  .", pay.OpSale, processor.NeedsAction, pay.AttemptRequiresAction),
	says("pr pr .  .  .  .  .  .  .  .  .", pay.OpSale, processor.Pending, pay.AttemptProcessing),
	says("ca ca ca ca ca .  ca ca re ca .", pay.OpCapture, processor.Succeeded, pay.AttemptCaptured),            // ca: more than there was
	says("au au au au au .  au au re ca .", pay.OpCapture, processor.Succeeded, pay.AttemptAuthorized).ofPart(), // likewise; ax: the rest is gone
	says("cn cn .  .  vo !  .  .  .  .  .", pay.OpVoid, processor.Succeeded, pay.AttemptCanceled),
	says(nothing, pay.OpCapture, processor.Unknown, ""),
	says(nothing, pay.OpCapture, processor.Failed, ""),
	says(nothing, pay.OpCapture, processor.Expired, ""),
	says(nothing, pay.OpCapture, processor.NeedsAction, ""),
	says(nothing, pay.OpCapture, processor.Pending, ""),
	says(nothing, pay.OpVoid, processor.Unknown, ""),
	says(nothing, pay.OpVoid, processor.Failed, ""),
	says(nothing, pay.OpVoid, processor.Expired, ""),
	says(nothing, pay.OpVoid, processor.NeedsAction, ""),
	says(nothing, pay.OpVoid, processor.Pending, ""),
}

// attemptCauses are what a payer, a merchant and time can do to an attempt. The
// link of one that was captured is completed.
var attemptCauses = []cause{
	//cr ra pr un au ca fa cn vo ax re
	{"!  !  !  !  !  !  *  *  *  *  !", "another payer", another, nil, nil},
	{"!  !  !  !  !  !  *  *  *  *  !", "the payer tries again", again, nil, nil},
	{"!  ra !  !  !  !  *  *  *  *  !", "another payer after a silence", after(15*time.Minute, another), nil, nil},
	{"!  cn !  !  !  !  !  !  !  !  !", "the payer gives up", granted(abandon), nil, nil},
	{"!  *  !  !  !  !  !  !  !  !  !", "the payer gives up, and the processor does not", abandon, nil, nil},
	{"!  !  !  !  ca !  !  !  !  !  !", "capture", granted(capture(0, false)), nil, nil},
	{"!  !  !  !  ca !  !  !  !  !  !", "capture of less", granted(capture(500, false)), nil, nil},
	{"!  !  !  !  au !  !  !  !  !  !", "capture of a part", granted(capture(500, true)), nil, nil},
	{"!  !  !  !  vo !  !  !  !  !  !", "void", granted(void), nil, nil},
	{"!  !  !  !  !  *  !  !  !  !  !", "refund", granted(refund), nil, nil},
	{"*  *  *  *  *  !  *  *  *  *  *", "cancel", onLink((*core.Core).CancelLink), nil, nil},
	{"*  *  *  *  *  !  *  *  *  *  *", "pause", onLink((*core.Core).PauseLink), nil, nil},
	{"!  !  !  !  !  !  !  !  !  !  !", "resume", onLink((*core.Core).ResumeLink), nil, nil},
	{"*  *  *  *  *  !  *  *  *  *  *", "another text", edit(func(l *pay.Link) { l.Description = "Three field guides" }), nil, nil},
	{"!  !  !  !  !  !  *  *  *  *  !", "another amount", edit(func(l *pay.Link) { l.Price.Amount = 900 }), nil, nil},
	{"!  !  !  !  !  !  !  !  !  !  ca", "decided: captured", decide(pay.AttemptCaptured), nil, nil},
	{"!  !  !  !  !  !  !  !  !  !  vo", "decided: voided", decide(pay.AttemptVoided), nil, nil},
	{"!  !  !  !  !  !  !  !  !  !  fa", "decided: failed", decide(pay.AttemptFailed), nil, nil},
	{"*  *  *  *  *  .  *  *  *  *  *", "the link ends", after(time.Hour, due), nil, forAnHour},
	{"*  *  *  *  *  .  *  *  *  *  *", "its grace is over", after(91*time.Minute, due), nil, forAnHour},
	{"fa fa fa fa !  !  *  *  *  *  *", "failed, as the link ends", wait(time.Hour), &word{kind: pay.OpAuthorize, result: processor.Failed, to: "failed"}, forAnHour},
	{".  .  .  .  ax .  .  .  .  .  .", "the hold runs out", askHold(processor.Expired), nil, nil},
	{nothing, "the hold does not run out", askHold(processor.Succeeded), nil, nil},
	{nothing, "nobody knows of the hold", askHold(processor.Unknown), nil, nil},
	{"re re re re .  .  .  .  .  .  .", "unknown for 73 hours", wait(73 * time.Hour), &word{kind: pay.OpAuthorize, result: processor.Unknown}, nil},
	{"re re re re .  .  .  .  .  .  .", "unknown for 73 hours", wait(73 * time.Hour), &word{kind: pay.OpAuthorize, result: processor.Unknown, answer: true}, nil},
	{"re re re re .  .  .  .  .  .  .", "pending for 73 hours", wait(73 * time.Hour), &word{kind: pay.OpAuthorize, result: processor.Pending}, nil},
}

// TestAttemptMatrix: every state of an attempt and every cause.
func TestAttemptMatrix(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		newMatrix(t, o).play(attempts, slices.Concat(spoken(attemptWords), attemptCauses))
	})
}

type act func(m *matrix, s *scene) error

func forAnHour(m *matrix, l *pay.Link) { l.ExpiresAt = m.Clock.Now().Add(time.Hour) }

// granted has the processor do what the next call asks it to.
func granted(do act) act {
	return func(m *matrix, s *scene) error {
		none, left := m.answer, true
		m.answer = func(o processor.Order) (processor.Outcome, error) {
			if !left {
				return none(o)
			}
			left = false
			return processor.Outcome{Result: processor.Succeeded}, nil
		}
		return do(m, s)
	}
}

func wait(d time.Duration) act {
	return func(m *matrix, _ *scene) error { m.Clock.Add(d); return nil }
}

func after(d time.Duration, do act) act {
	return func(m *matrix, s *scene) error { m.Clock.Add(d); return do(m, s) }
}

func due(m *matrix, _ *scene) error {
	_, err := m.DueLinks(context.Background(), 1000)
	return err
}

func another(m *matrix, s *scene) error {
	_, err := m.Card(s.Link, goodCard)
	return err
}

func again(m *matrix, s *scene) error {
	_, err := m.StartPayment(context.Background(), core.StartPayment{
		Token: s.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, Retry: s.payment,
	})
	return err
}

func abandon(m *matrix, s *scene) error {
	_, err := m.AbandonPayment(context.Background(), s.Token, s.payment, "req")
	return err
}

func capture(minor int64, keep bool) act {
	return func(m *matrix, s *scene) error {
		_, err := m.Capture(context.Background(), m.Shop, core.CapturePayment{Key: m.key("capture"), Payment: s.payment, Amount: minor, Keep: keep})
		return err
	}
}

func void(m *matrix, s *scene) error {
	_, err := m.Void(context.Background(), m.Shop, core.VoidPayment{Key: m.key("void"), Payment: s.payment})
	return err
}

func refund(m *matrix, s *scene) error {
	_, _, err := m.Refund(context.Background(), m.Shop, core.RefundPayment{Key: m.key("refund"), Wish: pay.RefundWish{Payment: s.payment}})
	return err
}

func onLink(do func(*core.Core, context.Context, pay.Caller, pay.LinkID) (core.LinkView, error)) act {
	return func(m *matrix, s *scene) error {
		_, err := do(m.Core, context.Background(), m.Shop, s.ID)
		return err
	}
}

func edit(change func(*pay.Link)) act {
	return func(m *matrix, s *scene) error {
		_, err := m.EditLink(context.Background(), m.Shop, core.EditLink{Link: s.ID, Change: func(l *pay.Link, _ []pay.Payment) error {
			change(l)
			return nil
		}})
		return err
	}
}

func decide(outcome pay.AttemptState) act {
	return func(m *matrix, s *scene) error {
		_, err := m.DecideReview(context.Background(), m.Shop, core.DecideReview{Decision: pay.Decision{Attempt: s.attempt, Outcome: outcome, Reason: "seen at the processor"}})
		return err
	}
}

// askHold runs the question that is asked when a hold's time is over.
func askHold(answer processor.Result) act {
	return func(m *matrix, s *scene) error {
		m.order(s, word{kind: pay.OpQuery})
		return word{kind: pay.OpQuery, result: answer, answer: true}.tell(m, s)
	}
}
