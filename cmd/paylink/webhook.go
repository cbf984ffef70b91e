package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/app"
	"paylink/internal/core"
	"paylink/internal/pay"
)

type webhookCmd struct {
	List   webhookListCmd   `cmd:"" help:"List webhook endpoints."`
	Replay webhookReplayCmd `cmd:"" help:"Have deliveries made again by the server."`
	Listen webhookListenCmd `cmd:"" help:"Print events as they happen, and forward them when asked."`
}

type webhookListCmd struct{ tenant }

// endpointOut is a webhook endpoint for machines.
type endpointOut struct {
	ID        pay.EndpointID  `json:"id"`
	API       string          `json:"api"`
	URL       string          `json:"url"`
	Events    []pay.EventKind `json:"events"` // empty: all
	Link      pay.LinkID      `json:"link,omitempty"`
	Enabled   bool            `json:"enabled"`
	Failures  int64           `json:"failures"` // since the last success
	CreatedAt time.Time       `json:"created_at"`
}

// Run lists endpoints.
func (c webhookListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	endpoints, err := a.Core.Endpoints(rt.ctx, who)
	if err != nil {
		return err
	}
	list, rows := []endpointOut{}, []table.Row{}
	for _, e := range endpoints {
		list = append(list, endpointOut{e.ID, e.Dialect, e.URL, append([]pay.EventKind{}, e.Kinds...), e.Link, e.Enabled, e.Failures, e.CreatedAt})
		state := "on"
		if !e.Enabled {
			state = "off"
		}
		rows = append(rows, table.Row{e.ID, e.Dialect, e.URL, state, e.Failures, when(e.CreatedAt)})
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no webhook endpoints", table.Row{"id", "api", "url", "state", "failures", "made"}, rows)
}

type webhookReplayCmd struct {
	tenant
	Target  string    `arg:"" help:"A delivery (we_….evt_…), or an endpoint (we_…) for all of a range."`
	From    time.Time `name:"from" placeholder:"TIME" help:"Of an endpoint: only events from then on, RFC 3339."`
	To      time.Time `name:"to" placeholder:"TIME" help:"Of an endpoint: only events before then, RFC 3339."`
	Missing bool      `name:"missing" help:"Of an endpoint: only what never arrived."`
}

// Run makes deliveries due; the server makes them.
func (c webhookReplayCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	r := core.Replay{Endpoint: pay.EndpointID(c.Target), From: c.From, To: c.To, Missing: c.Missing}
	if strings.Contains(c.Target, ".") {
		r = core.Replay{Delivery: c.Target}
	}
	n, err := a.Core.Replay(rt.ctx, who, r)
	if err != nil {
		return missing(err, "delivery or endpoint", c.Target)
	}
	if rt.cli.JSON {
		return rt.printJSON(map[string]int64{"replayed": n})
	}
	_, err = fmt.Fprintf(rt.out, "%d deliveries are due again\n", n)
	return err
}

type webhookListenCmd struct {
	tenant
	Forward string        `name:"forward" placeholder:"URL" help:"Send each event there too, signed as a webhook of the native API; test mode only."`
	Since   string        `name:"since" placeholder:"CURSOR" help:"Begin after this cursor of /v1/events; 0: with the first event (default: with the next)."`
	Count   int           `name:"count" help:"Stop after so many events (default: never)."`
	Every   time.Duration `name:"every" default:"1s" help:"How often to look."`
}

// Run prints events until it is stopped.
func (c webhookListenCmd) Run(rt *runtime) error {
	if c.Forward != "" && pay.Mode(c.Mode) != pay.Test {
		return fmt.Errorf("--forward works in test mode only: live events go to webhook endpoints")
	}
	if c.Every <= 0 {
		return fmt.Errorf("--every must be more than nothing")
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	cursor := c.Since
	if cursor == "" {
		if cursor, err = a.Core.FeedEnd(rt.ctx, who); err != nil {
			return err
		}
	}
	l := listener{rt: rt, app: a}
	if c.Forward != "" {
		if l.to, err = a.NewForwarder(c.Forward); err != nil {
			return err
		}
		defer l.to.Close()
		rt.log.Info("forwarding", "url", c.Forward, "secret", l.to.Secret)
	}
	return c.follow(rt.ctx, &l, who, cursor)
}

// follow reads the feed page by page until ctx ends.
func (c webhookListenCmd) follow(ctx context.Context, l *listener, who pay.Caller, cursor string) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	seen := 0
	for {
		events, next, err := l.app.Core.Events(ctx, who, cursor, 100)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := l.tell(ctx, e); err != nil {
				return err
			}
			if seen++; seen == c.Count {
				return nil
			}
		}
		cursor = next
		if len(events) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

type listener struct {
	rt  *runtime
	app *app.App
	to  *app.Forwarder // nil: nowhere
}

// tell prints one event and forwards it. A server that does not take it is no
// reason to stop.
func (l *listener) tell(ctx context.Context, e pay.Event) error {
	note := ""
	if l.to != nil {
		status, err := l.to.Send(ctx, e)
		note = fmt.Sprintf("  → %d", status)
		if err != nil {
			note = "  → " + err.Error()
		}
	}
	if l.rt.cli.JSON {
		body, err := l.app.Word(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(l.rt.out, "%s\n", body)
		return err
	}
	_, err := fmt.Fprintf(l.rt.out, "%s  %s #%d  %-26s %s  %s%s\n", when(e.At), e.Link, e.Seq, e.Kind, e.EntityID, change(e), note)
	return err
}

// change is the state that an event tells of, after the one before.
func change(e pay.Event) string {
	if e.From == "" || e.From == e.To {
		return e.To
	}
	return e.From + " → " + e.To
}
