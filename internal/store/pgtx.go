package store

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// inTx is read committed: every rule over several rows takes the link's row
// first, and a unique index is the second barrier (docs/adr/0003).
func (p *postgres) inTx(ctx context.Context, wait bool, fn func(runner) error) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // one that is still inside a transaction is closed, which ends it
	t := &pgTx{pgRunner: pgRunner{conn}, wait: wait, waiting: &pgx.Batch{}}
	t.waiting.Queue("BEGIN")
	return t.end(ctx, fn(t))
}

type pgConn interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

type pgRunner struct{ conn pgConn }

func (r pgRunner) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := r.conn.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (r pgRunner) query(ctx context.Context, query string, args ...any) (rows, error) {
	return r.conn.Query(ctx, query, args...)
}

func (r pgRunner) later(ctx context.Context, heard func(int64) error, query string, args ...any) error {
	return atOnce(ctx, r, heard, query, args)
}

// pgTx is a transaction whose writes wait for each other, to be sent in one go:
// a round trip costs more than most of them.
type pgTx struct {
	pgRunner
	wait    bool // for every write
	waiting *pgx.Batch
	begun   bool
	failed  error // of what waited; the transaction is lost
}

func (t *pgTx) later(ctx context.Context, heard func(int64) error, query string, args ...any) error {
	if t.wait {
		return atOnce(ctx, t, heard, query, args)
	}
	t.waiting.Queue(query, args...).Exec(func(tag pgconn.CommandTag) error { return heard(tag.RowsAffected()) })
	return nil
}

// send runs what waits.
func (t *pgTx) send(ctx context.Context) error {
	if t.failed != nil || t.waiting.Len() == 0 {
		return t.failed
	}
	batch := t.waiting
	t.waiting, t.begun = &pgx.Batch{}, true
	t.failed = t.conn.SendBatch(ctx, batch).Close()
	var pg *pgconn.PgError
	if !t.wait && errors.As(t.failed, &pg) {
		t.failed = errors.Join(errUnheard, t.failed) // who would have known what it means was not there to hear it
	}
	return t.failed
}

// end commits what fn did, or undoes it when err is what became of it. Also an
// err may rest on what was taken for granted, so what waits is run first.
func (t *pgTx) end(ctx context.Context, err error) error {
	if !t.begun && t.waiting.Len() == 1 {
		return err // nothing was asked of the database
	}
	if err = cmp.Or(t.send(ctx), err); err != nil {
		t.conn.Exec(ctx, "ROLLBACK") // the first error tells
		return err
	}
	tag, err := t.conn.Exec(ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	return err
}

func (t *pgTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.send(ctx); err != nil {
		return 0, err
	}
	return t.pgRunner.exec(ctx, query, args...)
}

func (t *pgTx) query(ctx context.Context, query string, args ...any) (rows, error) {
	if err := t.send(ctx); err != nil {
		return nil, err
	}
	return t.pgRunner.query(ctx, query, args...)
}
