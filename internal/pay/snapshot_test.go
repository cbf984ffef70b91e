package pay

import "testing"

// Whoever begins and gives up payments cannot make the events of a link grow:
// a snapshot leaves out what came to nothing long ago, unless it is about that.
func TestSnapshotsStaySmall(t *testing.T) {
	p := newPlay(t, func(l *Link) { l.Use.Parts = true })
	_, kept := p.begin(Begin{Amount: 50})
	p.captured(kept, 50)
	_, first := p.begin(Begin{Amount: 100})
	p.told(first, Report{State: AttemptFailed, Failure: &Failure{Code: FailCanceled}})
	for range 2 * maxNothing {
		_, a := p.begin(Begin{Amount: 100})
		p.told(a, Report{State: AttemptFailed, Failure: &Failure{Code: FailCanceled}})
	}
	newest := func() Snapshot { return p.Events[len(p.Events)-1].Snapshot }
	if n := len(newest().Payments); n != 1+maxNothing {
		t.Errorf("%d payments, want the paid one and the %d newest", n, maxNothing)
	}
	if newest().Payments[0].Last().ID != kept || newest().Payments[maxNothing].Last().ID != p.Payments[len(p.Payments)-1].Last().ID {
		t.Error("the paid one or the newest is left out")
	}
	p.captured(first, 100)
	if s := newest(); len(s.Payments) != 2+maxNothing || s.Payments[1].Last().ID != first {
		t.Errorf("%d payments after the late success", len(s.Payments))
	}
}
