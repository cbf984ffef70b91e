package pay

import "testing"

// TestAttemptNumbers: attempts of a link that is paid once are counted through,
// whichever payment they belong to; where anyone may pay any number of times
// they are not.
func TestAttemptNumbers(t *testing.T) {
	p := newPlay(t, func(*Link) {})
	id, first := p.begin(Begin{})
	for want := int64(2); want < 6; want++ {
		p.told(p.last(), Report{State: AttemptFailed})
		retry := Begin{}
		if want%2 == 0 {
			retry.Retry = id
		}
		p.begin(retry)
		if _, a := p.Attempt(p.last()); a.Number != want {
			t.Fatalf("attempt %d has number %d", want, a.Number)
		}
	}
	if _, a := p.Attempt(first); a.Number != 1 {
		t.Errorf("the first has number %d", a.Number)
	}
	p = newPlay(t, func(l *Link) { l.Use.Max = 0 })
	p.begin(Begin{})
	if _, a := p.Attempt(p.last()); a.Number != 0 {
		t.Errorf("on a link without a sum: %d", a.Number)
	}
}

// last is the attempt begun last.
func (p play) last() (id AttemptID) {
	newest := int64(-1)
	for _, one := range p.Payments {
		for _, a := range one.Attempts {
			if a.Number > newest {
				id, newest = a.ID, a.Number
			}
		}
	}
	return id
}
