package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"paylink/internal/pay"
)

// heardTime is how long it may take until the platform knows of a dispute.
const heardTime = 5 * time.Minute

// judge waits until the payer's bank has taken the money of a link back, and has
// it decide about that, or leaves it open. Money that was given back before is
// not disputed.
func (s *shopper) judge(f *fact) error {
	for deadline := time.Now().Add(heardTime); ; {
		open, err := s.disputes(f)
		if err != nil {
			return err
		}
		for _, id := range open {
			if err := s.decide(f, id); err != nil {
				return err
			}
		}
		out, err := s.read(f)
		if err != nil || len(open) > 0 {
			return err
		}
		left := int64(0)
		for _, p := range out.Payments {
			left += p.Captured - p.Refunded
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			s.load.differ("%d of link %s were disputed, and nobody heard of it", left, f.id)
			return nil
		}
		if err := sleep(s.load.ctx, reload); err != nil {
			return fmt.Errorf("the dispute about link %s was not told to the end: %w", f.id, err)
		}
	}
}

// disputes are those of a link that are open.
func (s *shopper) disputes(f *fact) (open []pay.DisputeID, err error) {
	r, err := s.insist(http.MethodGet, "/v1/disputes?state=open&link_id="+string(f.id), "", "")
	if err != nil {
		return nil, err
	}
	var page struct {
		Data []struct {
			ID pay.DisputeID `json:"id"`
		} `json:"data"`
	}
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("listing disputes: %d %s", r.status, r.body)
	}
	err = json.Unmarshal(r.body, &page)
	for _, d := range page.Data {
		open = append(open, d.ID)
	}
	return open, err
}

// decide ends a dispute, three times in four. The same goes with every try.
func (s *shopper) decide(f *fact, id pay.DisputeID) error {
	to := []pay.DisputeState{pay.DisputeWon, pay.DisputeLost, pay.DisputeAccepted, pay.DisputeOpen}[s.draw.IntN(4)]
	if to == pay.DisputeOpen {
		return nil
	}
	r, err := s.insist(http.MethodPost, "/v1/disputes/"+string(id)+"/decide", "judge-"+string(id), fmt.Sprintf(`{"outcome": %q}`, to))
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		s.load.differ("the decision of dispute %s as %s was refused: %d %s", id, to, r.status, r.body)
		return nil
	}
	f.note(func() {
		if f.verdicts == nil {
			f.verdicts = map[pay.DisputeID]pay.DisputeState{}
		}
		f.verdicts[id] = to
	})
	return nil
}

// verdicts: disputes ended as it was acknowledged.
func (r *result) verdicts(tab pay.Tab, f *fact) {
	kept := map[pay.DisputeID]pay.DisputeState{}
	for _, p := range tab.Payments {
		for _, d := range p.Disputes {
			kept[d.ID] = d.State
		}
	}
	for id, to := range f.verdicts {
		if kept[id] != to {
			r.differ("dispute %s was acknowledged as %s and is %q", id, to, kept[id])
		}
	}
}

// returned reports whether surplus whose refund was refused went back by
// another, or is away by a dispute.
func returned(p pay.Payment, f pay.Refund) bool {
	a := p.Attempt(f.Attempt)
	if a == nil || !f.Surplus || f.State != pay.RefundFailed {
		return false
	}
	open := int64(0)
	for _, d := range p.Disputes {
		if d.Attempt == a.ID && d.State == pay.DisputeOpen {
			open += d.Amount
		}
	}
	return p.Unreturned(a) <= open
}
