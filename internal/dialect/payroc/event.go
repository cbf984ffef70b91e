package payroc

import (
	"errors"
	"net/http"
	"time"

	"paylink/internal/dialect"
	"paylink/internal/pay"
)

// Word tells of nothing: the provider has no event about links or payments,
// its clients read them again (sheet 12).
func (d *payroc) Word(pay.Event, pay.Merchant, string) (dialect.Message, bool) {
	return dialect.Message{}, false
}

var errNoWebhooks = errors.New("payroc: there are no webhooks in this dialect")

// Sign has nothing to sign.
func (d *payroc) Sign(dialect.Message, []string, time.Time) (http.Header, error) {
	return nil, errNoWebhooks
}

// Schedule is that of nothing to deliver.
func (d *payroc) Schedule() dialect.Schedule { return dialect.Schedule{Timeout: time.Second} }

// Return is never: a payroc link has no way back, our own page is its end.
func (d *payroc) Return(pay.Link, pay.Payment, string, time.Time) (dialect.Return, bool) {
	return dialect.Return{}, false
}
