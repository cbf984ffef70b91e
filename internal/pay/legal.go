package pay

import "slices"

// standing are the events that change something of an entity and not its
// state, each with the states in which that can be.
var standing = map[EventKind][]string{
	EventLinkUpdated:       {string(LinkScheduled), string(LinkActive), string(LinkPaused), string(LinkExpired)},
	EventPaymentCaptured:   {string(PaymentApplied)},
	EventAttemptPart:       {string(AttemptAuthorized)},
	EventAttemptSuperseded: liveStates(),
	EventSplitHeld:         {string(SplitHeld)},
	EventSplitTransferred:  {string(SplitAllocated), string(SplitHeld), string(SplitReleased)},                                                // a part
	EventSplitReleased:     {string(SplitPlanned), string(SplitHeld), string(SplitReleased), string(SplitTransferred), string(SplitReversed)}, // a part, or what is still to come
	EventSplitCanceled:     {string(SplitReleased), string(SplitTransferred), string(SplitReversed)},                                          // what is still to come
}

func liveStates() (list []string) {
	for s := range attemptMoves {
		if s.Live() {
			list = append(list, string(s))
		}
	}
	return list
}

// Legal reports whether the event tells of a move that a table lists, or of a
// change without a move in a state where there can be one (INVARIANTS 3, 4).
func (e Event) Legal() bool {
	if e.From == e.To {
		return slices.Contains(standing[e.Kind], e.To)
	}
	switch e.Entity {
	case "payment_link":
		if e.Kind == EventLinkUpdated {
			return listed(linkReopens, e)
		}
		return listed(linkMoves, e)
	case "payment":
		return listed(paymentMoves, e)
	case "attempt":
		return listed(attemptMoves, e)
	case "refund":
		return listed(refundMoves, e)
	case "dispute":
		return listed(disputeMoves, e)
	case "split":
		return listed(splitMoves, e)
	case "settlement":
		return listed(settlementMoves, e)
	}
	return false
}

func listed[S ~string](table map[S][]S, e Event) bool { return follows(table, S(e.From), S(e.To)) }
