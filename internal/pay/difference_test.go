package pay

import "testing"

// A link whose stored data breaks a rule begins no attempt (V2).
func TestBarredLinkBeginsNothing(t *testing.T) {
	for _, barred := range []bool{true, false} {
		tab := &Tab{Link: goodLink(), Now: noon, Actor: "test"}
		tab.Link.State = LinkActive
		tab.Barred = barred
		_, _, err := tab.Begin(Begin{Method: MethodCard, Processor: "x"})
		if (KindOf(err) == Conflict) != barred || barred && len(tab.Events)+len(tab.Operations) > 0 || !barred && err != nil {
			t.Errorf("barred %v: %v, %d events", barred, err, len(tab.Events))
		}
	}
}
