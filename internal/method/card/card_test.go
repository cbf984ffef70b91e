package card

import (
	"errors"
	"strings"
	"testing"

	"paylink/internal/pay"
)

func TestCheck(t *testing.T) {
	for _, c := range Method.Fields(pay.Test)[0].Choices {
		if err := Method.Check(pay.Test, map[string]string{"card": c.Value}); err != nil {
			t.Errorf("%s: %v", c.Label, err)
		}
		if err := Method.Check(pay.Live, map[string]string{"card": c.Value}); err == nil {
			t.Errorf("%s: accepted in live mode", c.Label)
		}
	}
	for _, values := range []map[string]string{
		{"card": "4111111111111111"}, {"card": "4242 4242 4242 4242"}, {"card": "4242424242424242", "cvv": "987"}, {"4111111111111111": ""},
	} {
		err := Method.Check(pay.Test, values)
		var e *pay.Error
		if !errors.As(err, &e) || e.Code != "card_data_not_accepted" || e.Kind != pay.Refused {
			t.Errorf("%d values: %v", len(values), err)
			continue
		}
		if s := err.Error(); strings.Contains(s, "4111") || strings.Contains(s, "987") || strings.Contains(s, "4242") || strings.Contains(s, "cvv") {
			t.Errorf("the error repeats what was sent: %s", s)
		}
	}
	if pay.KindOf(Method.Check(pay.Test, nil)) != pay.Invalid || Method.Check(pay.Live, nil) != nil || Method.Fields(pay.Live) != nil {
		t.Error("nothing filled in")
	}
}
