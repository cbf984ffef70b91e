package main

import (
	"bytes"
	"fmt"
	"net/http"

	"paylink/internal/pay"
)

// held is the link's payment with money that is held; empty when there is none.
func (s *shopper) held(f *fact) (pay.PaymentID, error) {
	out, err := s.read(f)
	for _, p := range out.Payments {
		for _, a := range p.Attempts {
			if a.State == pay.AttemptAuthorized {
				return p.ID, err
			}
		}
	}
	return "", err
}

// capture takes what is held, all of it or a part, in up to three captures. The
// last of them may release the rest, or leave it held.
func (s *shopper) capture(f *fact) error {
	left := f.amount
	for part, parts := 0, 1+s.draw.IntN(3); part < parts && left > 0; part++ {
		minor := left
		if part < parts-1 || s.draw.IntN(3) == 0 {
			minor = 1 + s.draw.Int64N(left)
		}
		final := part == parts-1 && s.draw.IntN(4) > 0
		if taken, err := s.capturePart(f, part, minor, final); err != nil || !taken {
			return err
		}
		left -= minor
	}
	return nil
}

// capturePart makes one capture. The same key goes with every try.
func (s *shopper) capturePart(f *fact, part int, minor int64, final bool) (taken bool, err error) {
	id, err := s.held(f)
	if err != nil || id == "" {
		return false, err
	}
	r, err := s.whenIdle("/v1/payments/"+string(id)+"/capture", fmt.Sprintf("take-%s-%d", f.key, part), fmt.Sprintf(`{"amount": %d, "final": %t}`, minor, final))
	if err != nil {
		return false, err
	}
	if r.status != http.StatusOK {
		return false, s.refusedHeld(f, id, "capture", r)
	}
	f.note(func() { f.taken, f.captured = id, f.captured+minor })
	return true, nil
}

// whenIdle insists, also for as long as an earlier capture is under way.
func (s *shopper) whenIdle(path, key, body string) (reply, error) {
	for {
		r, err := s.insist(http.MethodPost, path, key, body)
		if err != nil || r.status != http.StatusConflict || !bytes.Contains(r.body, []byte("under way")) {
			return r, err
		}
		if err := sleep(s.load.ctx, reload); err != nil {
			return r, fmt.Errorf("%s was under way to the end: %w", path, err)
		}
	}
}

// captureSome takes a part and leaves the rest held.
func (s *shopper) captureSome(f *fact) error {
	_, err := s.capturePart(f, 0, max(1, f.amount/2), false)
	return err
}

// refusedHeld is right only when what was held went to review in between.
func (s *shopper) refusedHeld(f *fact, id pay.PaymentID, what string, r reply) error {
	now, err := s.held(f)
	if err == nil && now == id {
		s.load.differ("payment %s was held, and its %s was refused: %d %s", id, what, r.status, r.body)
	}
	return err
}

// void releases what is held, or what is left of it.
func (s *shopper) void(f *fact) error {
	id, err := s.held(f)
	if err != nil || id == "" {
		return err
	}
	r, err := s.whenIdle("/v1/payments/"+string(id)+"/void", "void-"+f.key, "")
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return s.refusedHeld(f, id, "void", r)
	}
	f.note(func() { f.voided = id })
	return nil
}

// refund gives back what was paid, in up to three parts, all of it or not. The
// same key goes with every try of a part.
func (s *shopper) refund(f *fact) error {
	id, left, err := s.counting(f)
	if err != nil || id == "" {
		return err
	}
	for part := range 1 + s.draw.IntN(3) {
		minor := left
		if s.draw.IntN(3) > 0 {
			minor = 1 + s.draw.Int64N(left)
		}
		r, err := s.insist(http.MethodPost, "/v1/payments/"+string(id)+"/refunds", fmt.Sprintf("back-%s-%d", f.key, part), fmt.Sprintf(`{"amount": %d}`, minor))
		if err != nil {
			return err
		}
		if r.status != http.StatusOK {
			s.load.differ("payment %s has %d to be given back, and a refund of %d was refused: %d %s", id, left, minor, r.status, r.body)
			return nil
		}
		f.note(func() { f.refunded += minor })
		if left -= minor; left == 0 {
			return nil
		}
	}
	return nil
}

// counting is the link's payment whose money counts, and how much; empty when there is none.
func (s *shopper) counting(f *fact) (pay.PaymentID, int64, error) {
	out, err := s.read(f)
	for _, p := range out.Payments {
		if p.State == pay.PaymentApplied {
			return p.ID, p.Captured, err
		}
	}
	return "", 0, err
}
