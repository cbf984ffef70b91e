package store_test

import (
	"errors"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// whileHeld runs hold, and other beside it from where hold calls between: time
// enough to go on if nothing keeps it waiting. It returns when both have ended.
func whileHeld(t *testing.T, hold func(between func()) error, other func() error) {
	t.Helper()
	ended := make(chan error, 1)
	err := hold(func() {
		go func() { ended <- other() }()
		time.Sleep(50 * time.Millisecond)
	})
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
}

// Who holds a link keeps others waiting, and they find it as it was left (5.1).
func TestHeldLinkIsWaitedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 2)
		l, found := newLink(t, list[0], nil), int64(0)
		whileHeld(t, func(between func()) error {
			return change(list[0], l.ID, func(h *store.Held) error {
				between()
				return h.Pause()
			})
		}, func() error {
			return change(list[1], l.ID, func(h *store.Held) error {
				found = h.Link.Seq
				return nil
			})
		})
		if found != l.Seq+1 {
			t.Errorf("found at event %d, not %d", found, l.Seq+1)
		}
	})
}

// So does who holds an endpoint.
func TestHeldEndpointIsWaitedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 2)
		endpoint(t, list[0], "we_a")
		edit := func(s *store.Store, with func(e *pay.Endpoint)) error {
			return s.InTx(ctx, func(tx *store.Tx) error {
				e, err := tx.HoldEndpoint(ctx, tenant, "we_a")
				if err != nil {
					return err
				}
				with(&e)
				return tx.PutEndpoint(ctx, e)
			})
		}
		whileHeld(t, func(between func()) error {
			return edit(list[0], func(e *pay.Endpoint) {
				between()
				e.URL = "https://shop.example/new"
			})
		}, func() error {
			return edit(list[1], func(e *pay.Endpoint) { e.Enabled = false })
		})
		if e, err := list[0].Endpoint(ctx, tenant, "we_a"); err != nil || e.Enabled || e.URL != "https://shop.example/new" {
			t.Errorf("both edits came to %+v %v", e, err)
		}
	})
}

// And what the sandbox does to one payment it does one after the other.
func TestSandboxActsInTurn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 2)
		act := func(s *store.Store, key pay.OperationID, with func(p *processor.SandboxPayment)) error {
			_, _, err := store.Sandbox{Store: s}.Act(ctx, tenant, "ref_1", key, func(p *processor.SandboxPayment) (processor.SandboxLine, error) {
				with(p)
				return processor.SandboxLine{Key: key, Ref: "ref_1"}, nil
			})
			return err
		}
		if err := act(list[0], "op_1", func(p *processor.SandboxPayment) { p.Captured = 100 }); err != nil {
			t.Fatal(err)
		}
		found := int64(0)
		whileHeld(t, func(between func()) error {
			return act(list[0], "op_2", func(p *processor.SandboxPayment) {
				between()
				p.Captured += 100
			})
		}, func() error {
			return act(list[1], "op_3", func(p *processor.SandboxPayment) { found = p.Captured })
		})
		if found != 200 {
			t.Errorf("found %d captured", found)
		}
	})
}

// A link that has changed since it was read is not written over, whatever lock
// was taken (5.1).
func TestChangedLinkIsNotWrittenOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		list, _ := nodes(t, o, 1)
		l := newLink(t, list[0], nil)
		err := list[0].InTx(ctx, func(tx *store.Tx) error {
			var held [2]*store.Held
			for i := range held {
				h, err := tx.HoldTab(ctx, tenant, l.ID)
				if err != nil {
					return err
				}
				held[i] = h
			}
			for _, h := range held {
				if err := h.Pause(); err != nil {
					return err
				}
				if err := tx.Save(ctx, h); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, pay.ErrLinkChanged) {
			t.Errorf("the second change: %v", err)
		}
	})
}
