package core

import (
	"context"
	"time"

	"paylink/internal/store"
)

// Turn is a kind of work that comes again, one node at a time. When it is due
// next is in the database, so that a restart neither repeats nor forgets it.
type Turn struct {
	Name  string
	every time.Duration
	alone bool // one for the installation, not one for each tenant
	run   func(ctx context.Context, t store.Turn) error
}

// soonAgain is when what failed comes again, or sooner where it comes often.
const soonAgain = 15 * time.Minute

// Sweeps compare the books with the processors (P6): what is not final every
// 15 minutes, their full lists once a day.
func (c *Core) Sweeps() []Turn {
	return []Turn{
		{Name: "sweep", every: 15 * time.Minute, run: func(ctx context.Context, t store.Turn) error { return c.sweep(ctx, t.Tenant, t.Due) }},
		{Name: "compare", every: 24 * time.Hour, run: func(ctx context.Context, t store.Turn) error { return c.compare(ctx, t.Tenant) }},
	}
}

// Proofs run Prove at an interval (V2).
func (c *Core) Proofs(every time.Duration) Turn {
	return Turn{Name: "verify", every: every, alone: true, run: func(ctx context.Context, _ store.Turn) error {
		_, err := c.Prove(ctx)
		return err
	}}
}

// ClaimTurns leases those that are due.
func (c *Core) ClaimTurns(ctx context.Context, t Turn, n int) ([]store.Turn, error) {
	return c.store.ClaimTurns(ctx, t.Name, t.every, t.alone, n)
}

// RunTurn does a claimed turn and says when it is due again: at its pace, or
// soon when it failed.
func (c *Core) RunTurn(ctx context.Context, t Turn, claimed store.Turn) error {
	err := t.run(ctx, claimed)
	due := claimed.Began.Add(t.every)
	if err != nil {
		due = c.store.Now().Add(min(t.every, soonAgain))
	}
	if failed := c.finishTurn(context.WithoutCancel(ctx), claimed, due); err == nil {
		err = failed
	}
	return err
}

// RenewTurn keeps a claim; ReleaseTurn hands it back.
func (c *Core) RenewTurn(ctx context.Context, claimed store.Turn) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.RenewTurn(ctx, claimed) })
}

// ReleaseTurn hands back what was claimed and not run.
func (c *Core) ReleaseTurn(ctx context.Context, claimed store.Turn) error {
	return c.finishTurn(ctx, claimed, claimed.Due)
}

func (c *Core) finishTurn(ctx context.Context, claimed store.Turn, due time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.FinishTurn(ctx, claimed, due) })
}
