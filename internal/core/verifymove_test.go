package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// forge rewrites a link's events with everything that hangs on them: each record
// is changed, and the chain of hashes made anew. Only what the records say can
// tell.
func forge(t *testing.T, w *coretest.World, o store.Options, l pay.Link, change func(seq int64, record string) string) {
	t.Helper()
	events, err := w.Store.LinkEvents(context.Background(), l.Tenant, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	last := ""
	for _, e := range events {
		record := change(e.Seq, string(e.Record))
		hash := pay.ChainHash(last, []byte(record))
		statements = append(statements, fmt.Sprintf(`UPDATE events SET record = '%s', prev_hash = '%s', hash = '%s' WHERE link = '%s' AND seq = %d`,
			strings.ReplaceAll(record, "'", "''"), last, hash, l.ID, e.Seq))
		last = hash
	}
	storetest.Tamper(t, o, append(statements, fmt.Sprintf(`UPDATE links SET last_hash = '%s' WHERE id = '%s'`, last, l.ID))...)
}

// A move that no table lists is found although everything else about it is in
// order: every hash, every state before and after, every snapshot.
func TestVerifyFindsIllegalMoves(t *testing.T) {
	replace := strings.NewReplacer
	for _, c := range []struct {
		name, rule, says string
		change           func(seq int64, record string) string
	}{
		{"an attempt", "4", `event 4 (attempt.processing) takes %s from "created" to "failed": a move that no table lists`, func(seq int64, record string) string {
			if seq < 4 || seq > 5 {
				return record
			}
			return replace(`"to":"processing"`, `"to":"failed"`, `"from":"processing"`, `"from":"failed"`, `"state":"processing"`, `"state":"failed"`).Replace(record)
		}},
		{"the link", "3", `(payment_link.completed) takes %s from "scheduled" to "completed": a move that no table lists`, func(_ int64, record string) string {
			return replace(`"to":"active"`, `"to":"scheduled"`, `"from":"active"`, `"from":"scheduled"`, `"state":"active"`, `"state":"scheduled"`).Replace(record)
		}},
		{"nothing", "E1", `(payment.succeeded) changes nothing: %s stays "open"`, func(_ int64, record string) string {
			return strings.ReplaceAll(record, `"from":"open","to":"applied"`, `"from":"open","to":"open"`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) {
				w := coretest.New(t, o)
				l := w.Link(t, nil)
				p, err := w.Card(l, goodCard)
				if err != nil {
					t.Fatal(err)
				}
				proven(t, w)
				forge(t, w, o, l, c.change)
				_, err = w.Verify(context.Background(), quiet)
				subject := map[string]string{"an attempt": string(p.Last().ID), "the link": string(l.ID), "nothing": string(p.ID)}[c.name]
				var breach *core.Breach
				if !errors.As(err, &breach) || breach.Rule != c.rule || !strings.Contains(breach.What, fmt.Sprintf(c.says, subject)) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
