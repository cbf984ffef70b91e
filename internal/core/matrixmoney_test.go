package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// disputes of all of a payment. What cannot be is a difference that a person
// closes, with the alarm dispute_mismatch.
var disputeStage = stage{
	states: "open:op won:wo lost:lo accepted:ac",
	with:   func(*pay.Link) {},
	beside: "differences",
	bring: func(m *matrix, s *scene, state string) {
		m.begin(s, pay.AttemptCaptured)
		m.on(s, func(_ *store.Tx, tab *store.Held) error {
			return tab.Disputed(s.attempt, disputeOf(s, pay.DisputeState(state), 1050).DisputeReport)
		})
		v := view(m.t, m.World, s.Link)
		s.entity, s.subject = "dispute", string(v.Payments[0].Disputes[0].ID)
	},
}

func disputeOf(s *scene, to pay.DisputeState, minor int64) processor.Dispute {
	return processor.Dispute{PaymentRef: "ref_" + string(s.attempt), DisputeReport: pay.DisputeReport{
		ProcessorRef: "dp_" + string(s.attempt), State: to, Amount: pay.Money{Minor: minor, Currency: "USD"}, Reason: "duplicate",
	}}
}

// disputed tells of a dispute by a callback.
func disputed(to pay.DisputeState, minor int64) act {
	return func(m *matrix, s *scene) error {
		d := disputeOf(s, to, minor)
		raw, err := json.Marshal(processor.Evidence{EventID: m.key("dispute"), Dispute: &d})
		m.must("evidence", err)
		alarms := m.alarms["dispute_mismatch"]
		if err := m.Callback(context.Background(), "odd", s.Tenant, nil, raw); err != nil {
			return err
		}
		if m.alarms["dispute_mismatch"] > alarms {
			return pay.ErrState("it became a difference")
		}
		return nil
	}
}

var disputeCauses = []cause{
	//op wo lo ac
	{".  .  .  .", "opened", disputed(pay.DisputeOpen, 1050), nil, nil},
	{"wo .  !  !", "won", disputed(pay.DisputeWon, 1050), nil, nil},
	{"lo !  .  !", "lost", disputed(pay.DisputeLost, 1050), nil, nil},
	{"ac !  !  .", "accepted", disputed(pay.DisputeAccepted, 1050), nil, nil},
	{"!  !  !  !", "won, another sum", disputed(pay.DisputeWon, 1049), nil, nil},
	{"!  !  !  !", "no state of a dispute", disputed("reopened", 1050), nil, nil},
}

// TestDisputeMatrix: every state of a dispute and every cause.
func TestDisputeMatrix(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) { newMatrix(t, o).play(disputeStage, disputeCauses) })
}

// splitStage are splits that get 5.00 of each payment of 10.50, on a link that is
// paid any number of times. On planned ones a payment waits for its payer.
var splitStage = stage{
	states: "planned:pl allocated:al held:he released:re transferred:tr reversed:rv canceled:ca",
	with: func(l *pay.Link) {
		l.Use.Max, l.Splits = 0, []pay.Split{{Account: "partner", Amount: 500, OnHold: true}}
	},
	bring: func(m *matrix, s *scene, state string) {
		s.entity, s.subject = "split", "split:0"
		to := pay.SplitState(state)
		if to == pay.SplitAllocated || to == pay.SplitTransferred || to == pay.SplitReversed {
			m.must("not on hold", edit(func(l *pay.Link) { l.Splits = []pay.Split{{Account: "partner", Amount: 500}} })(m, s))
		}
		if to == pay.SplitPlanned {
			m.begin(s, pay.AttemptRequiresAction)
			return
		}
		m.begin(s, pay.AttemptCaptured)
		switch to {
		case pay.SplitReleased:
			m.must("released", moveSplit(0, false)(m, s))
		case pay.SplitCanceled:
			m.must("canceled", moveSplit(0, true)(m, s))
		case pay.SplitTransferred, pay.SplitReversed:
			m.must("transferred", transferSplit(0)(m, s))
		}
		if to == pay.SplitReversed {
			m.must("refunded", granted(refundOf(600))(m, s))
		}
	},
}

func moveSplit(minor int64, cancel bool) act {
	return func(m *matrix, s *scene) error {
		_, err := m.MoveSplit(context.Background(), m.Shop, core.MoveSplit{Link: s.ID, Amount: minor, Cancel: cancel})
		return err
	}
}

func holdSplit(m *matrix, s *scene) error {
	_, err := m.HoldSplit(context.Background(), m.Shop, core.MoveSplit{Link: s.ID})
	return err
}

func transferSplit(minor int64) act {
	return func(m *matrix, s *scene) error {
		_, err := m.TransferSplit(context.Background(), m.Shop, core.MoveSplit{Link: s.ID, Amount: minor})
		return err
	}
}

func refundOf(minor int64) act {
	return func(m *matrix, s *scene) error {
		_, _, err := m.Refund(context.Background(), m.Shop, core.RefundPayment{
			Key: m.key(fmt.Sprint("refund", minor)), Wish: pay.RefundWish{Payment: s.payment, Amount: minor},
		})
		return err
	}
}

// payAgain is another payment, of a payer who is waited for no longer.
func payAgain(m *matrix, s *scene) error {
	m.begin(s, pay.AttemptProcessing)
	m.order(s, paid)
	return paid.tell(m, s)
}

var splitCauses = []cause{
	//pl al he re tr rv ca
	{"!  he !  he !  !  !", "hold", holdSplit, nil, nil},
	{"!  !  re !  !  !  !", "release", moveSplit(0, false), nil, nil},
	{"!  !  he !  !  !  !", "release of a part", moveSplit(100, false), nil, nil},
	{"!  !  ca !  !  !  !", "cancel", moveSplit(0, true), nil, nil},
	{"!  tr !  tr !  !  !", "transfer", transferSplit(0), nil, nil},
	{"!  al !  re !  !  !", "transfer of a part", transferSplit(100), nil, nil},
	{"!  *  *  *  rv *  *", "refund", granted(refundOf(400)), nil, nil},
	{"he *  *  *  al al *", "another payment", payAgain, nil, nil},
}

// TestSplitMatrix: every state of a split and every cause.
func TestSplitMatrix(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		m := newMatrix(t, o)
		purse := &scene{Link: m.Link(t, func(l *pay.Link) { l.Price.Amount = 1_000_000 })} // that transfers come out of
		m.on(purse, func(_ *store.Tx, tab *store.Held) error {
			_, a, err := tab.Begin(pay.Begin{Method: pay.MethodCard, Processor: "odd"})
			if err != nil {
				return err
			}
			return tab.Settle(a.ID, pay.Report{State: pay.AttemptCaptured, Authorized: 1_000_000, Captured: 1_000_000})
		})
		_, err := m.SimulateSettlement(context.Background(), m.Shop, purse.ID)
		m.must("a balance", err)
		m.play(splitStage, splitCauses)
	})
}

// lineStage are the settlement lines of a capture.
var lineStage = stage{
	states: "expected:ex missing:mi settled:se reversed:re",
	with:   func(*pay.Link) {},
	bring: func(m *matrix, s *scene, state string) {
		m.begin(s, pay.AttemptCaptured)
		s.entity, s.subject = "settlement", string(s.payment)
		switch pay.SettlementState(state) {
		case pay.LineMissing:
			m.must("missing", miss(m, s))
		case pay.LineSettled:
			m.must("settled", reported("capture", "10.50", "")(m, s))
		case pay.LineReversed:
			m.must("settled", reported("capture", "10.50", "")(m, s))
			m.must("reversed", reported("reversal", "10.50", "")(m, s))
		}
	},
}

// reported imports a report of one row about the capture. It is refused where
// the row is a mismatch.
func reported(kind, amount, fee string) act {
	return func(m *matrix, s *scene) error {
		file := fmt.Sprintf("type,processor,reference,amount,currency,fee\n%s,odd,%s,%s,USD,%s\n", kind, s.attempt, amount, fee)
		rows, err := m.ImportSettlements(context.Background(), m.Shop, strings.NewReader(file))
		switch {
		case err != nil:
			return err
		case len(rows) != 1 || rows[0].Result == core.RowUnknown || rows[0].Result == core.RowInvalid:
			return fmt.Errorf("the rows are %+v", rows)
		case rows[0].Result == core.RowMismatch:
			return pay.ErrState("%s", rows[0].Detail)
		}
		return nil
	}
}

func miss(m *matrix, _ *scene) error {
	_, err := m.MissSettlements(context.Background(), m.Shop, m.Clock.Now().Add(time.Millisecond))
	return err
}

func simulate(m *matrix, s *scene) error {
	_, err := m.SimulateSettlement(context.Background(), m.Shop, s.ID)
	return err
}

var lineCauses = []cause{
	//ex mi se re
	{"se se .  !", "settled", reported("capture", "10.50", ""), nil, nil},
	{"se se !  !", "settled with a fee", reported("capture", "10.50", "0.11"), nil, nil},
	{"!  !  !  !", "settled, another sum", reported("capture", "10.49", ""), nil, nil},
	{"!  !  re .", "reversed", reported("reversal", "10.50", ""), nil, nil},
	{"mi .  .  .", "not settled in time", miss, nil, nil},
	{"se se !  .", "simulated", simulate, nil, nil},
}

// TestSettlementMatrix: every state of a settlement line and every cause.
func TestSettlementMatrix(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) { newMatrix(t, o).play(lineStage, lineCauses) })
}
