package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"paylink/internal/dialect"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// eventOut is an event, in a webhook and in the feed alike.
type eventOut struct {
	ID        pay.EventID   `json:"id"`
	Object    string        `json:"object"`
	Type      pay.EventKind `json:"type"`
	Schema    int           `json:"schema"`
	Mode      pay.Mode      `json:"mode"`
	CreatedAt time.Time     `json:"created_at"`
	LinkID    pay.LinkID    `json:"link_id"`
	Sequence  int64         `json:"sequence"`
	Entity    entityOut     `json:"entity"`
	Reason    *string       `json:"reason"`
	Data      eventData     `json:"data"`
}

type entityOut struct {
	Type string  `json:"type"`
	ID   string  `json:"id"`
	From *string `json:"from"`
	To   string  `json:"to"`
}

type eventData struct {
	PaymentLink linkOut      `json:"payment_link"`
	Payments    []paymentOut `json:"payments"`
}

// eventBody is the one form of an event: same event, same bytes.
func eventBody(e pay.Event, baseURL string) ([]byte, error) {
	l := e.Snapshot.Link
	l.Tenant = e.Tenant // not a part of snapshots
	return json.Marshal(eventOut{
		ID: e.ID, Object: "event", Type: e.Kind, Schema: e.Snapshot.Schema, Mode: e.Mode, CreatedAt: e.At.UTC(),
		LinkID: e.Link, Sequence: e.Seq,
		Entity: entityOut{e.Entity, e.EntityID, optional(e.From), e.To}, Reason: optional(e.Reason),
		Data: eventData{
			PaymentLink: newLinkOut(l, dialect.PlainPayURL(strings.TrimRight(baseURL, "/"), l)),
			Payments:    newPaymentsOut(e.Snapshot.Payments),
		},
	}, json.Deterministic(true))
}

// Word tells of every event.
func (*API) Word(e pay.Event, _ pay.Merchant, baseURL string) (dialect.Message, bool) {
	body, err := eventBody(e, baseURL)
	if err != nil {
		return dialect.Message{}, false // a text that is not UTF-8: no edge lets one in
	}
	return dialect.Message{ID: string(e.ID), ContentType: "application/json", Body: body}, true
}

// Sign makes the headers of Standard Webhooks 1.0.0, with one signature for
// each secret so that receivers can change over.
func (*API) Sign(msg dialect.Message, secrets []string, at time.Time) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, errors.New("signing a webhook: the endpoint has no live secret")
	}
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		hook, err := signer(secret)
		if err != nil {
			return nil, fmt.Errorf("signing a webhook: %w", err)
		}
		signature, err := hook.Sign(msg.ID, at, msg.Body)
		if err != nil {
			return nil, fmt.Errorf("signing a webhook: %w", err)
		}
		signatures = append(signatures, signature)
	}
	// The names are in lower case as the standard has them; HTTP does not mind.
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, msg.ID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return header, nil
}

// signer takes a secret in the standard's form, or any other text as it is.
func signer(secret string) (*standardwebhooks.Webhook, error) {
	switch {
	case strings.TrimPrefix(secret, "whsec_") == "":
		return nil, errors.New("a secret is empty")
	case strings.HasPrefix(secret, "whsec_"):
		if hook, err := standardwebhooks.NewWebhook(secret); err == nil {
			return hook, nil
		}
		return nil, errors.New("a secret is not base64") // the library's error would show it
	}
	return standardwebhooks.NewWebhookRaw([]byte(secret))
}

// Schedule is INVARIANTS W4, with the patience of W2.
func (*API) Schedule() dialect.Schedule {
	return dialect.Schedule{
		Timeout: 15 * time.Second,
		Waits: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		},
		Patience: 10 * time.Minute,
	}
}

// eventFeed is a page of the feed, oldest first. Its cursor is always there:
// it is where the next call goes on, now or later.
type eventFeed struct {
	Object     string           `json:"object"`
	Data       []jsontext.Value `json:"data"`
	NextCursor string           `json:"next_cursor"`
}

func (a *API) listEvents(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	after, limit := q.cursor(), q.limit()
	if err := q.err(); err != nil {
		return err
	}
	events, next, err := a.core.Events(r.Context(), r.who, after, limit)
	if err != nil {
		return err
	}
	feed := eventFeed{Object: "list", Data: make([]jsontext.Value, 0, len(events)), NextCursor: next}
	for _, e := range events {
		body, err := eventBody(e, a.o.PublicURL)
		if err != nil {
			return fmt.Errorf("wording event %s: %w", e.ID, err)
		}
		feed.Data = append(feed.Data, body)
	}
	return web.JSON(w, http.StatusOK, feed)
}
