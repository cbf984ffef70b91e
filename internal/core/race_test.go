package core_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// eachPair runs f on each engine, with two nodes on one database.
func eachPair(t *testing.T, f func(t *testing.T, nodes [2]*coretest.World)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, o store.Options) {
		f(t, [2]*coretest.World{coretest.New(t, o), coretest.New(t, o)})
	})
}

// rounds is how often a race is run.
func rounds(quick, soak int) int {
	if os.Getenv("SOAK") == "1" {
		return soak
	}
	return quick
}

// atOnce runs f n times at the same moment, every other time on the other node.
func atOnce(nodes [2]*coretest.World, n int, f func(i int, w *coretest.World)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i, nodes[i%2])
		})
	}
	close(start)
	wg.Wait()
}

// card pays from an address of its own: one payer's open payments are few.
func card(w *coretest.World, l pay.Link, i int) (pay.Payment, error) {
	return w.StartPayment(context.Background(), core.StartPayment{
		Token: l.Token, Method: pay.MethodCard, Fields: map[string]string{"card": goodCard}, From: fmt.Sprintf("192.0.2.%d", i),
	})
}

// runAll lets the workers of both nodes run until nothing is left to do.
func runAll(t *testing.T, nodes [2]*coretest.World) {
	t.Helper()
	for range 20 {
		idle := true
		for _, w := range nodes {
			w.Clock.Add(21 * time.Second) // whoever had a lease is thought dead
			jobs, err := w.ClaimOperations(context.Background(), 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range jobs {
				idle = false
				if err := w.RunOperation(context.Background(), j); err != nil {
					t.Error(err)
				}
			}
		}
		if idle {
			return
		}
	}
	t.Fatal("operations are left however often they are run")
}

// taken is what the processor kept of a link's payments, by its own journal
// and the ids of our calls: it does not matter what we wrote down.
func taken(t *testing.T, w *coretest.World, payments []pay.Payment) (minor int64) {
	t.Helper()
	ctx := context.Background()
	asked := map[pay.OperationID]bool{}
	for _, p := range payments {
		for _, a := range p.Attempts {
			ops, err := w.Store.OperationsOf(ctx, w.Shop.Tenant, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range ops {
				asked[o.ID] = true
			}
		}
	}
	lines, err := w.Store.SandboxLines(ctx, w.Shop.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for _, line := range lines {
		ours[line.Ref] = ours[line.Ref] || asked[line.Key]
	}
	for _, line := range lines {
		switch {
		case line.Result != "succeeded" || !ours[line.Ref]:
		case line.Kind == string(pay.OpRefund):
			minor -= line.Amount
		case line.Kind == string(pay.OpSale) || line.Kind == string(pay.OpCapture) || line.Kind == "decide":
			minor += line.Amount
		}
	}
	return minor
}

func view(t *testing.T, w *coretest.World, l pay.Link) core.LinkView {
	t.Helper()
	v, err := w.Core.Link(context.Background(), w.Shop, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// inState are the payments in a state.
func inState(list []pay.Payment, s pay.PaymentState) (found []pay.Payment) {
	for _, p := range list {
		if p.State == s {
			found = append(found, p)
		}
	}
	return found
}

func TestSixteenCancels(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		l := nodes[0].Link(t, nil)
		won := make(chan int, 16)
		atOnce(nodes, 16, func(i int, w *coretest.World) {
			if _, err := w.CancelLink(context.Background(), w.Shop, l.ID); err == nil {
				won <- i
			} else if !errors.Is(err, pay.ErrState("")) {
				t.Error(err)
			}
		})
		if len(won) != 1 {
			t.Errorf("%d cancels won", len(won))
		}
		if got := kinds(t, nodes[1], l); !slices.Equal(got, []pay.EventKind{pay.EventLinkCreated, pay.EventLinkCanceled}) {
			t.Errorf("events: %v", got)
		}
	})
}

func TestSixteenEqualKeys(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		cmd := core.CreateLink{Key: "k1", Fingerprint: "a", Link: pay.Link{Price: pay.Price{Currency: "USD", Amount: 500}, Use: pay.Use{Max: 1}}}
		made := make(chan core.Created, 16)
		atOnce(nodes, 16, func(_ int, w *coretest.World) {
			if c, err := w.CreateLink(context.Background(), w.Shop, cmd); err == nil {
				made <- c
			} else if !errors.Is(err, pay.ErrKeyBusy) {
				t.Error(err)
			}
		})
		close(made)
		firsts, ids := 0, map[pay.LinkID]bool{}
		for c := range made {
			ids[c.Link.ID] = true
			if c.First {
				firsts++
			}
		}
		list, _, err := nodes[1].Links(context.Background(), nodes[1].Shop, core.LinkFilter{})
		if err != nil || firsts != 1 || len(ids) != 1 || len(list) != 1 {
			t.Errorf("%d were first, %d ids were given, %d links are there, %v", firsts, len(ids), len(list), err)
		}
	})
}

// TestHundredPayers: of all who pay one link at once, one has paid it, and
// nobody else's money is kept.
func TestHundredPayers(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		l := nodes[0].Link(t, nil)
		atOnce(nodes, 100, func(i int, w *coretest.World) {
			if _, err := card(w, l, i); err != nil && pay.KindOf(err) != pay.Conflict {
				t.Error(err)
			}
		})
		runAll(t, nodes)
		v := view(t, nodes[1], l)
		if v.Link.State != pay.LinkCompleted || v.Link.Applied != 1050 || v.Link.UseCount != 1 || len(inState(v.Payments, pay.PaymentApplied)) != 1 {
			t.Errorf("the link is %s with %d applied in %d uses", v.Link.State, v.Link.Applied, v.Link.UseCount)
		}
		if kept := taken(t, nodes[0], v.Payments); kept != 1050 {
			t.Errorf("the processor kept %d", kept)
		}
		kinds(t, nodes[0], l)
	})
}

// TestUsesAtOnce: a link for five is paid by five of thirty, on both nodes.
func TestUsesAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		l := nodes[0].Link(t, func(l *pay.Link) { l.Use.Max = 5 })
		for try := 0; try < 6 && view(t, nodes[0], l).Link.State == pay.LinkActive; try++ {
			atOnce(nodes, 30, func(i int, w *coretest.World) {
				if _, err := card(w, l, i); err != nil && pay.KindOf(err) != pay.Conflict {
					t.Error(err)
				}
			})
			runAll(t, nodes)
		}
		v := view(t, nodes[1], l)
		if v.Link.State != pay.LinkCompleted || v.Link.Applied != 5*1050 || v.Link.UseCount != 5 || len(inState(v.Payments, pay.PaymentApplied)) != 5 {
			t.Errorf("the link is %s with %d applied in %d uses", v.Link.State, v.Link.Applied, v.Link.UseCount)
		}
		if kept := taken(t, nodes[0], v.Payments); kept != 5*1050 {
			t.Errorf("the processor kept %d", kept)
		}
	})
}

// TestCancelAgainstPay: the first commit wins. A link that was canceled keeps
// no money, one that was paid was not canceled (5.8).
func TestCancelAgainstPay(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		ends := map[pay.LinkState]int{}
		for round := range rounds(24, 800) {
			manual := round%4 == 3
			l := nodes[0].Link(t, func(l *pay.Link) { l.Use.Manual = manual })
			var cancelErr error
			atOnce(nodes, 2, func(i int, w *coretest.World) {
				if i == round%2 {
					for range round % 16 { // now early, now late in the payment's course
						view(t, w, l)
					}
					_, cancelErr = w.CancelLink(context.Background(), w.Shop, l.ID)
				} else if _, err := card(w, l, 7); err != nil && pay.KindOf(err) != pay.Conflict {
					t.Error(err)
				}
			})
			runAll(t, nodes)
			v := view(t, nodes[0], l)
			ends[v.Link.State]++
			kept, applied := taken(t, nodes[0], v.Payments), len(inState(v.Payments, pay.PaymentApplied))
			switch v.Link.State {
			case pay.LinkCanceled:
				if cancelErr != nil || kept != 0 || applied != 0 || v.Link.Applied != 0 {
					t.Fatalf("canceled (%v): %d kept, %d applied", cancelErr, kept, v.Link.Applied)
				}
				for _, p := range inState(v.Payments, pay.PaymentSurplus) {
					if len(p.Refunds) != 1 || p.Refunds[0].State != pay.RefundSucceeded || p.Refunds[0].Amount != 1050 {
						t.Fatalf("surplus without its refund: %+v", p.Refunds)
					}
				}
				for _, p := range v.Payments {
					if a := p.Last(); a.State == pay.AttemptAuthorized {
						t.Fatalf("a canceled link still holds %d", a.Authorized)
					}
				}
			case pay.LinkCompleted:
				if pay.KindOf(cancelErr) != pay.Conflict || kept != 1050 || applied != 1 || v.Link.Applied != 1050 {
					t.Fatalf("completed (%v): %d kept, %d applied", cancelErr, kept, v.Link.Applied)
				}
			default:
				t.Fatalf("the link is %s", v.Link.State)
			}
			kinds(t, nodes[0], l)
		}
		t.Log(ends)
	})
}

// callback is what the processor sent.
type callback struct {
	header http.Header
	raw    []byte
}

// TestEvidenceInAnyOrder: the processor's word comes twice, our own question
// and the clock cut in, in every order and on either node: the end is the same.
func TestEvidenceInAnyOrder(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		ctx := context.Background()
		var sent []callback
		for _, w := range nodes {
			w.Sandbox.SetCallback(func(_ context.Context, _ pay.Tenant, header http.Header, raw []byte) error {
				sent = append(sent, callback{header, raw})
				return nil
			})
		}
		var first map[pay.EventKind]int
		for round, order := range permutations([]int{0, 1, 2, 3}) {
			l := nodes[0].Link(t, func(l *pay.Link) { l.ExpiresAt = nodes[0].Clock.Now().Add(30 * time.Minute) })
			if _, err := nodes[0].StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: "192.0.2.1"}); err != nil {
				t.Fatal(err)
			}
			for _, w := range nodes {
				w.Clock.Add(61 * time.Minute) // it expired; the transfer is within its grace
			}
			sent = nil
			if n, err := nodes[round%2].Sandbox.Due(ctx); n != 1 || len(sent) != 1 || err != nil {
				t.Fatalf("%d confirmed, %d told, %v", n, len(sent), err)
			}
			for i, step := range order {
				w := nodes[(round+i)%2]
				var err error
				switch step {
				case 0, 1:
					err = w.Callback(ctx, "sandbox", w.Shop.Tenant, sent[0].header, sent[0].raw)
				case 2:
					work(t, w)
				case 3:
					_, err = w.DueLinks(ctx, 100)
				}
				if err != nil {
					t.Fatalf("step %d of %v: %v", i, order, err)
				}
			}
			v := view(t, nodes[0], l)
			if v.Link.State != pay.LinkCompleted || v.Link.Applied != 1050 || v.Link.UseCount != 1 || taken(t, nodes[0], v.Payments) != 1050 {
				t.Fatalf("%v: the link is %s with %d applied", order, v.Link.State, v.Link.Applied)
			}
			counts := map[pay.EventKind]int{}
			for _, k := range kinds(t, nodes[1], l) {
				counts[k]++
			}
			if first == nil {
				first = counts
			}
			if !maps.Equal(counts, first) {
				t.Fatalf("%v: events %v, before %v", order, counts, first)
			}
		}
	})
}

// TestCallbackManyTimesAtOnce: one effect, however many come and wherever.
func TestCallbackManyTimesAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, nodes [2]*coretest.World) {
		ctx := context.Background()
		var sent []callback
		nodes[0].Sandbox.SetCallback(func(_ context.Context, _ pay.Tenant, header http.Header, raw []byte) error {
			sent = append(sent, callback{header, raw})
			return nil
		})
		l := nodes[0].Link(t, func(l *pay.Link) { l.Use.Max = 3 })
		for i := range 3 {
			if _, err := nodes[i%2].StartPayment(ctx, core.StartPayment{Token: l.Token, Method: pay.MethodBankTransfer, From: fmt.Sprint("192.0.2.", i)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range nodes {
			w.Clock.Add(61 * time.Minute)
		}
		if n, err := nodes[0].Sandbox.Due(ctx); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		atOnce(nodes, 24, func(i int, w *coretest.World) {
			c := sent[i%3]
			if err := w.Callback(ctx, "sandbox", w.Shop.Tenant, c.header, c.raw); err != nil {
				t.Error(err)
			}
		})
		v := view(t, nodes[0], l)
		if v.Link.State != pay.LinkCompleted || v.Link.UseCount != 3 || v.Link.Applied != 3*1050 || len(inState(v.Payments, pay.PaymentApplied)) != 3 {
			t.Fatalf("the link is %s with %d applied in %d uses", v.Link.State, v.Link.Applied, v.Link.UseCount)
		}
		captured := 0
		for _, k := range kinds(t, nodes[1], l) {
			if k == pay.EventAttemptCaptured {
				captured++
			}
		}
		if captured != 3 {
			t.Errorf("%d captures were told", captured)
		}
	})
}

func permutations(list []int) (all [][]int) {
	if len(list) < 2 {
		return [][]int{slices.Clone(list)}
	}
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]int{list[i]}, p...))
		}
	}
	return all
}
