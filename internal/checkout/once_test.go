package checkout

import (
	"net/url"
	"regexp"
	"testing"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Every form has a number of its own, and sends it on: sent twice it is told
// from two forms.
func TestFormIsNumbered(t *testing.T) {
	f := &fakeCore{pv: testView(), answer: testPayment(pay.PaymentOpen, pay.AttemptProcessing)}
	s := newSite(f, dialect.Return{})
	number := regexp.MustCompile(`name="once" value="([a-z2-7]{26})"`)
	first, second := number.FindStringSubmatch(s.get(t, "/l/"+token).Body.String()), number.FindStringSubmatch(s.get(t, "/l/"+token).Body.String())
	if first == nil || second == nil || first[1] == second[1] {
		t.Fatalf("numbers: %v %v", first, second)
	}
	s.post("/l/"+token+"/pay", url.Values{"method": {"card"}, "version": {"3"}, "once": {first[1]}})
	if len(f.started) != 1 || f.started[0].Once != first[1] {
		t.Errorf("started: %+v", f.started)
	}
}
