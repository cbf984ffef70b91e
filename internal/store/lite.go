package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// batch is how many waiting transactions one flush commits at most.
const batch = 64

// lite is SQLite with one writer: it takes all transactions that wait, runs
// each under a savepoint of its own, commits them in one flush and answers
// each caller after the flush. Reads never wait for it.
type lite struct {
	write, read *sql.DB
	reads       *statements
	conn        *sql.Conn   // the writing one; the writer's alone
	writes      *statements // on conn
	queue       chan *waiting
	stop        chan struct{}
	done        sync.WaitGroup
	once        sync.Once
}

type waiting struct {
	ctx    context.Context
	fn     func(runner) error
	err    error
	answer chan error
}

var errClosed = errors.New("the store is closed")

func newLite(write, read *sql.DB) *lite {
	l := &lite{
		write: write, read: read, reads: newStatements(read),
		queue: make(chan *waiting, 4*batch), stop: make(chan struct{}),
	}
	l.done.Add(1)
	go l.writer()
	return l
}

func (l *lite) reader() runner { return l.reads }

func (l *lite) close() {
	l.once.Do(func() { close(l.stop) })
	l.done.Wait()
	if l.writes != nil {
		l.writes.close()
		l.conn.Close()
	}
	l.reads.close()
	l.read.Close()
	l.write.Close()
}

func (l *lite) inTx(ctx context.Context, _ bool, fn func(runner) error) error {
	w := &waiting{ctx: ctx, fn: fn, answer: make(chan error, 1)}
	select {
	case l.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return errClosed
	}
	// From here the writer decides: a commit is never called off (its fate
	// would be unknown), so the caller waits for the answer.
	select {
	case err := <-w.answer:
		return err
	case <-l.stop:
		l.done.Wait()
		select {
		case err := <-w.answer:
			return err
		default:
			return errClosed
		}
	}
}

func (l *lite) writer() {
	defer l.done.Done()
	for {
		select {
		case <-l.stop:
			return
		case first := <-l.queue:
			group := append(make([]*waiting, 0, batch), first)
		more:
			for len(group) < batch {
				select {
				case w := <-l.queue:
					group = append(group, w)
				default:
					break more
				}
			}
			l.commit(group)
		}
	}
}

// commit runs a group in one transaction and answers each after the flush.
func (l *lite) commit(group []*waiting) {
	err := l.flush(group)
	for _, w := range group {
		if err != nil && w.err == nil {
			w.err = err
		}
		w.answer <- w.err
	}
}

func (l *lite) flush(group []*waiting) error {
	ctx := context.Background()
	if l.writes == nil {
		conn, err := l.write.Conn(ctx)
		if err != nil {
			return err
		}
		l.conn, l.writes = conn, newStatements(conn)
	}
	if _, err := l.writes.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, w := range group {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		if err := runOne(ctx, l.writes, w); err != nil {
			l.writes.exec(ctx, "ROLLBACK") // the first error tells
			return err
		}
	}
	if _, err := l.writes.exec(ctx, "COMMIT"); err != nil {
		l.writes.exec(ctx, "ROLLBACK") // the first error tells
		return err
	}
	return nil
}

// runOne runs one caller's transaction under a savepoint. Its own error is the
// caller's; the returned one ends the whole group.
func runOne(ctx context.Context, stmts *statements, w *waiting) error {
	if _, err := stmts.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	w.err = guarded(w.fn, unbroken{stmts})
	if w.err != nil {
		if _, err := stmts.exec(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	_, err := stmts.exec(ctx, "RELEASE one")
	return err
}

// unbroken runs statements to their end although the caller has gone: SQLite
// answers an interrupted write by rolling back the whole group.
type unbroken struct{ *statements }

func (u unbroken) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return u.statements.exec(context.WithoutCancel(ctx), query, args...)
}

func (u unbroken) later(ctx context.Context, heard func(int64) error, query string, args ...any) error {
	return u.statements.later(context.WithoutCancel(ctx), heard, query, args...)
}

func (u unbroken) query(ctx context.Context, query string, args ...any) (rows, error) {
	return u.statements.query(context.WithoutCancel(ctx), query, args...)
}

// guarded turns a panic of one caller into that caller's error: the others of
// the group must not pay for it.
func guarded(fn func(runner) error, r runner) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	return fn(r)
}

type panicError struct{ value any }

func (e *panicError) Error() string { return "panic in a transaction" }

var _ engine = (*lite)(nil)

// statements runs queries through prepared statements: preparing is most of
// what a small statement costs.
type statements struct {
	db interface {
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}
	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

func newStatements(db interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}) *statements {
	return &statements{db: db, prepared: map[string]*sql.Stmt{}}
}

func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.prepared[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err == nil {
		s.prepared[query] = stmt
	}
	return stmt, err
}

func (s *statements) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := s.get(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *statements) query(ctx context.Context, query string, args ...any) (rows, error) {
	stmt, err := s.get(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return liteRows{r}, nil
}

// later does not wait: there is no way to the database that could be saved.
func (s *statements) later(ctx context.Context, heard func(int64) error, query string, args ...any) error {
	return atOnce(ctx, s, heard, query, args)
}

func (s *statements) close() {
	for _, stmt := range s.prepared {
		stmt.Close()
	}
}

// liteRows closes without an error, as pgx does: Err has told by then.
type liteRows struct{ *sql.Rows }

func (r liteRows) Close() { r.Rows.Close() }
