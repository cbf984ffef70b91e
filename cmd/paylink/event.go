package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/pay"
)

type eventCmd struct {
	List eventListCmd `cmd:"" help:"List events, oldest first."`
}

type eventListCmd struct {
	tenant
	Link  string `name:"link" placeholder:"ID" help:"Only those of this link."`
	Since string `name:"since" placeholder:"CURSOR" help:"Begin after this cursor of /v1/events (default: with the first event)."`
	Count int    `name:"count" default:"20" help:"At most so many; 0: all."`
}

// Run lists events of the feed, or of one link, asking for page after page.
func (c eventListCmd) Run(rt *runtime) error {
	if c.Link != "" && c.Since != "" {
		return fmt.Errorf("--since is a place in the feed of all links and cannot be given together with --link")
	}
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	read := func(cursor string, limit int) ([]pay.Event, string, error) {
		return a.Core.Events(rt.ctx, who, cursor, limit)
	}
	if c.Link != "" {
		read = func(cursor string, limit int) ([]pay.Event, string, error) {
			return a.Core.LinkEvents(rt.ctx, who, pay.LinkID(c.Link), cursor, limit)
		}
	}
	list, rows := []jsonText{}, []table.Row{}
	for cursor, limit := c.Since, 100; ; {
		if c.Count > 0 {
			limit = min(c.Count-len(list), 100)
		}
		events, next, err := read(cursor, limit)
		if err != nil {
			return missing(err, "payment link", c.Link)
		}
		for _, e := range events {
			text, err := a.Word(e)
			if err != nil {
				return err
			}
			list = append(list, text)
			rows = append(rows, table.Row{when(e.At), e.Link, e.Seq, e.Kind, e.EntityID, change(e), e.Actor, short(e.Reason)})
		}
		if cursor = next; len(events) < limit || c.Count > 0 && len(list) >= c.Count {
			break
		}
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no events", table.Row{"at", "link", "no.", "event", "of", "change", "by", "reason"}, rows)
}
