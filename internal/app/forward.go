package app

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"paylink/internal/auth"
	"paylink/internal/egress"
	"paylink/internal/pay"
)

// Forwarder sends events to a server on a developer's machine as webhooks of
// the native API, signed with a secret of its own. It is no endpoint: nothing
// is stored, ordered or tried again.
type Forwarder struct {
	Secret string // what the deliveries are signed with
	app    *App
	url    string
	client *egress.Client
}

// forwardTime is how long a developer's server may take to answer.
const forwardTime = 15 * time.Second

// NewForwarder checks the address, which may be this machine's.
func (a *App) NewForwarder(url string) (*Forwarder, error) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	f := &Forwarder{Secret: auth.NewWebhookSecret(), app: a, client: egress.New(append(loopback, a.settings.AllowPrivateWebhooks...))}
	var err error
	if f.url, err = f.client.CheckURL(url, false); err != nil {
		f.client.Close()
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return f, nil
}

// Close ends the connections.
func (f *Forwarder) Close() { f.client.Close() }

// Send makes one delivery and returns the status it was answered with.
func (f *Forwarder) Send(ctx context.Context, e pay.Event) (status int, err error) {
	native := f.app.dialects["native"]
	msg, ok := native.Word(e, pay.Merchant{Tenant: e.Tenant}, f.app.settings.BaseURL())
	if !ok {
		return 0, fmt.Errorf("event %s has no words", e.ID)
	}
	header, err := native.Sign(msg, []string{f.Secret}, f.app.Store.Now())
	if err != nil {
		return 0, err
	}
	header = header.Clone()
	header.Set("Content-Type", msg.ContentType)
	answer, err := f.client.Do(ctx, egress.Request{Method: http.MethodPost, URL: f.url, Header: header, Body: msg.Body, Timeout: forwardTime, Keep: 1})
	return answer.Status, err
}

// Word is an event as the native API tells it, in JSON.
func (a *App) Word(e pay.Event) ([]byte, error) {
	msg, ok := a.dialects["native"].Word(e, pay.Merchant{Tenant: e.Tenant}, a.settings.BaseURL())
	if !ok {
		return nil, fmt.Errorf("event %s has no words", e.ID)
	}
	return msg.Body, nil
}
