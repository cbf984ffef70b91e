package store_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// TestPatienceOfADialect: an endpoint of a dialect with a patience of its own
// waits that long for a failing event, and one of another as long as most.
func TestPatienceOfADialect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		nodes, c := nodes(t, o, 1)
		s := nodes[0]
		s.UsePatience(map[string]time.Duration{"short": time.Minute, "patient": math.MaxInt64})
		links := map[string]pay.LinkID{}
		for _, dialect := range []string{"short", "usual", "patient"} {
			err := s.InTx(ctx, func(tx *store.Tx) error {
				return tx.PutEndpoint(ctx, pay.Endpoint{Tenant: tenant, ID: pay.EndpointID("we_" + dialect), Dialect: dialect, URL: "https://shop.example/", Enabled: true})
			})
			if err != nil {
				t.Fatal(err)
			}
			l := newLink(t, s, func(l *pay.Link) { l.Dialect = dialect })
			links[dialect] = l.ID
			if err := change(s, l.ID, func(h *store.Held) error { return h.Pause() }); err != nil {
				t.Fatal(err)
			}
		}
		at := func(dialect string, seq int) string { return fmt.Sprint("we_", dialect, " ", links[dialect], " ", seq) }
		due := func(what string, names ...string) []pay.Delivery {
			t.Helper()
			got, list := claim(t, s)
			want(t, what, got, names...)
			return list
		}
		end := func(wait time.Duration, list ...pay.Delivery) {
			t.Helper()
			for _, d := range list {
				if err := finish(s, d, wait); err != nil {
					t.Fatal(err)
				}
			}
		}
		end(1000*time.Hour, due("heads", at("short", 1), at("usual", 1), at("patient", 1))...)
		c.add(time.Minute + time.Microsecond)
		end(0, due("after a minute", at("short", 2))...)
		c.add(patience)
		end(0, due("after ten", at("usual", 2))...)
		c.add(999 * time.Hour)
		due("after weeks")
		c.add(time.Hour)
		for _, d := range due("its time has come again", at("short", 1), at("usual", 1), at("patient", 1)) {
			end(0, d)
		}
		end(0, due("once the first has arrived", at("patient", 2))...)
	})
}
