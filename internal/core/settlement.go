package core

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
	"paylink/internal/store"
)

// RowResult is what became of one row of a settlement report.
type RowResult struct {
	Row       int    // the line of the file, 1 for its first
	Reference string // as the row has it
	Movement  string // empty while it is not known
	Result    string // see the constants
	Detail    string // with the figures, of a mismatch
}

// The results of a row. All but settled write nothing.
const (
	RowSettled  = "settled"  // or reversed
	RowRepeated = "repeated" // it was known already
	RowUnknown  = "unknown"  // no movement is called so
	RowMismatch = "mismatch" // the books say otherwise: a person must look
	RowInvalid  = "invalid"  // the row cannot be read
)

// ImportSettlements reads a processor's settlement report, a CSV file whose
// form is in report.go, and settles what it names. Each row is a transaction
// of its own and safe to repeat, so the same file twice changes nothing, and
// one that was cut off is imported again.
// Errors: Invalid (file), beside the results of the rows before.
func (c *Core) ImportSettlements(ctx context.Context, who pay.Caller, file io.Reader) (results []RowResult, err error) {
	err = readReport(file, c.store.Now(), func(row settledRow, bad string) error {
		r := RowResult{Row: row.number, Reference: row.Reference, Result: RowInvalid, Detail: bad}
		if bad == "" {
			if r, err = c.settleRow(ctx, who, row); err != nil {
				return err
			}
		}
		results = append(results, r)
		return nil
	})
	return results, err
}

// FetchSettlements asks every processor what it has settled, and settles that.
func (c *Core) FetchSettlements(ctx context.Context, who pay.Caller) (results []RowResult, err error) {
	for _, d := range c.processors {
		for after := ""; ; {
			list, next, err := d.Settlements(ctx, who.Tenant, after)
			if err != nil {
				return results, err
			}
			for _, s := range list {
				if s.At.IsZero() {
					s.At = c.store.Now()
				}
				r, err := c.settleRow(ctx, who, settledRow{number: len(results) + 1, processor: d.Name(), Settled: s})
				if err != nil {
					return results, err
				}
				results = append(results, r)
			}
			if next == "" {
				break
			}
			after = next
		}
	}
	return results, nil
}

// settleRow settles what one row names.
func (c *Core) settleRow(ctx context.Context, who pay.Caller, row settledRow) (RowResult, error) {
	r := RowResult{Row: row.number, Reference: row.Reference}
	told := pay.Told{Processor: row.processor, Amount: row.Amount, Fee: row.Fee, Reference: row.Reference, At: row.At}
	changed, err := false, error(nil)
	switch _, known := c.driver(row.processor); {
	case known != nil:
		err = pay.ErrNotFound
	case row.Kind.Lone():
		told.Movement = string(row.Kind) + ":" + row.processor + ":" + row.Reference
		if row.Kind == processor.SettledFee {
			told.Amount.Minor = -told.Amount.Minor
		}
		changed, err = c.settleLone(ctx, who, told)
	default:
		if told.Movement, err = c.movement(ctx, who.Tenant, row); err == nil {
			if strings.HasPrefix(told.Movement, "refund:") || strings.HasPrefix(told.Movement, "dispute:") {
				told.Amount.Minor = -told.Amount.Minor
			}
			changed, err = c.settleLine(ctx, who, told, row.Kind == processor.SettledReversal)
		}
	}
	r.Movement = told.Movement
	switch {
	case errors.Is(err, pay.ErrNotFound):
		r.Result, r.Detail = RowUnknown, "no movement of "+row.processor+" is called so"
	case pay.KindOf(err) == pay.Conflict:
		var e *pay.Error
		errors.As(err, &e)
		r.Result, r.Detail = RowMismatch, e.Detail
		c.metrics.Alarm("settlement_mismatch")
	case err != nil:
		return r, err
	case changed:
		r.Result = RowSettled
	default:
		r.Result = RowRepeated
	}
	return r, nil
}

// movement finds what a row names, which must be of the row's kind.
// Errors: pay.ErrNotFound.
func (c *Core) movement(ctx context.Context, t pay.Tenant, row settledRow) (string, error) {
	name, err := c.named(ctx, t, row)
	kind, _, _ := strings.Cut(name, ":")
	if err == nil && row.Kind != processor.SettledReversal && kind != string(row.Kind) {
		err = pay.ErrNotFound
	}
	return name, err
}

func (c *Core) named(ctx context.Context, t pay.Tenant, row settledRow) (string, error) {
	ref, refund := row.Reference, row.Kind == processor.SettledRefund
	switch {
	case row.Kind == processor.SettledDispute || row.Kind == processor.SettledDisputeReversal:
		if strings.HasPrefix(ref, "dsp_") {
			return string(row.Kind) + ":" + ref, nil
		}
		d, err := c.store.DisputeByRef(ctx, t, row.processor, ref)
		return string(row.Kind) + ":" + string(d.ID), err
	case strings.HasPrefix(ref, "dsp_"):
		return "dispute:" + ref, nil
	case strings.HasPrefix(ref, "op_"):
		o, err := c.store.Operation(ctx, t, pay.OperationID(ref))
		if err == nil && o.Processor != row.processor {
			err = pay.ErrNotFound
		}
		switch {
		case err != nil:
			return "", err
		case o.Kind == pay.OpRefund:
			return "refund:" + string(o.Refund), nil
		}
		return c.captureBy(ctx, t, o.Operation)
	case strings.HasPrefix(ref, "ref_"):
		return "refund:" + ref, nil
	case strings.HasPrefix(ref, "att_"):
		return pay.CaptureOf(pay.AttemptID(ref), 1), nil
	case refund:
		return "", pay.ErrNotFound
	}
	id, err := c.store.AttemptByRef(ctx, t, row.processor, ref)
	return pay.CaptureOf(id, 1), err
}

// captureBy is the capture that an operation made. Errors: pay.ErrNotFound.
func (c *Core) captureBy(ctx context.Context, t pay.Tenant, o pay.Operation) (string, error) {
	p, err := c.store.Payment(ctx, t, o.Payment)
	if err != nil {
		return "", err
	}
	if a := p.Attempt(o.Attempt); a != nil {
		for i, taken := range a.Captures {
			if taken.Operation == o.ID || taken.Operation == "" || o.Kind == pay.OpSale { // empty: the last, by a person's word
				return pay.CaptureOf(a.ID, i+1), nil
			}
		}
	}
	return "", pay.ErrNotFound
}

// settleLine settles or reverses the line of a link's movement.
// Errors: pay.ErrNotFound, settlement_mismatch, invalid_state.
func (c *Core) settleLine(ctx context.Context, who pay.Caller, told pay.Told, reverse bool) (changed bool, err error) {
	err = c.onLine(ctx, who, told.Movement, func(tab *store.Held) error {
		if reverse {
			changed, err = tab.ReverseLine(told)
		} else {
			changed, err = tab.SettleLine(told)
		}
		return err
	})
	return changed, err
}

// onLine runs do on the tab of the link that a movement belongs to, with the
// lines of its payment.
func (c *Core) onLine(ctx context.Context, who pay.Caller, movement string, do func(tab *store.Held) error) error {
	line, err := c.store.Settlement(ctx, who.Tenant, movement)
	if err != nil {
		return err
	}
	_, err = c.change(ctx, who.Tenant, line.Link, who.Actor(), who.RequestID, func(tx *store.Tx, tab *store.Held) error {
		lines, err := tx.SettlementsOf(ctx, who.Tenant, line.Link, line.Payment)
		if err != nil {
			return err
		}
		tab.Lines = lines
		return do(tab)
	}, line.Payment)
	return err
}

// settleLone settles what belongs to no link: its line comes with the report.
// Errors: settlement_mismatch.
func (c *Core) settleLone(ctx context.Context, who pay.Caller, told pay.Told) (added bool, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		line, entries := pay.LoneLine(who.Tenant, told, tx.Now())
		if added, err = tx.AddLoneSettlement(ctx, line, entries); err != nil || added {
			return err
		}
		have, err := tx.Settlement(ctx, who.Tenant, told.Movement)
		if err == nil && have.Amount != told.Amount {
			err = pay.ErrMismatch("amount", have.Amount, told.Amount)
		}
		return err
	})
	return added, err
}

// MissSettlements notes as missing what moved before a time and has not been
// settled since. It returns how many lines.
func (c *Core) MissSettlements(ctx context.Context, who pay.Caller, before time.Time) (missing int, err error) {
	for {
		late, err := c.store.Settlements(ctx, who.Tenant, store.SettlementFilter{State: pay.LineExpected, Until: before.UnixMicro(), Oldest: true, Limit: scanBatch})
		if err != nil || len(late) == 0 {
			return missing, err
		}
		for _, s := range late {
			err := c.onLine(ctx, who, s.Movement, func(tab *store.Held) error { return tab.MissLine(s.Movement) })
			if pay.KindOf(err) == pay.Conflict {
				continue // settled in the meantime
			}
			if err != nil {
				return missing, err
			}
			missing++
			c.metrics.Alarm("settlement_missing")
		}
	}
}

// SettlementFilter chooses settlement lines; zero members do not filter.
type SettlementFilter struct {
	Link  pay.LinkID
	State pay.SettlementState
	After string
	Limit int
}

// Settlements lists the tenant's settlement lines, newest first.
// Errors: Invalid (cursor).
func (c *Core) Settlements(ctx context.Context, who pay.Caller, f SettlementFilter) (list []pay.Settlement, next string, err error) {
	us, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	list, err = c.store.Settlements(ctx, who.Tenant, store.SettlementFilter{Link: f.Link, State: f.State, BeforeTime: us, BeforeID: ids[0], Limit: size + 1})
	if err == nil && len(list) > size {
		list = list[:size]
		next = cursor(list[size-1].CreatedAt, list[size-1].Movement)
	}
	return list, next, err
}

// Balances are the tenant's, one for each currency that ever moved.
func (c *Core) Balances(ctx context.Context, who pay.Caller) ([]pay.Balance, error) {
	return c.store.Balances(ctx, who.Tenant)
}
