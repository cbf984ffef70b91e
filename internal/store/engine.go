// Package store keeps the facts, on SQLite or PostgreSQL. It holds every SQL
// statement, one text for both; it never decides what may happen. Reads are on
// Store and Tx, writes on Tx alone, so nothing is written outside a transaction.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file has every difference between the two engines.

//go:embed migrations/*.sql
var migrationFiles embed.FS

// minSQLite is the first release without the WAL-reset fault (THREATS A49).
const minSQLite = "3.51.3"

// rows is what a query gives, on both engines.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// runner runs statements: a transaction, or outside one for reads.
type runner interface {
	exec(ctx context.Context, query string, args ...any) (int64, error)
	query(ctx context.Context, query string, args ...any) (rows, error)
	// later runs a write that nobody waits for: at once, or together with others
	// before the next statement that is waited for, at the latest before the
	// commit. heard is told how many rows it changed; its error ends the
	// transaction.
	later(ctx context.Context, heard func(n int64) error, query string, args ...any) error
}

// errUnheard ends a transaction in which a write that nobody waited for did not
// do what had been taken for granted. The same transaction may succeed when it
// runs again and every write is waited for.
var errUnheard = errors.New("a write did something else than was expected of it")

// atOnce is later without waiting.
func atOnce(ctx context.Context, r runner, heard func(n int64) error, query string, args []any) error {
	n, err := r.exec(ctx, query, args...)
	if err != nil {
		return err
	}
	return heard(n)
}

// engine is a database.
type engine interface {
	reader() runner
	// inTx runs fn in a transaction and commits it durably before it returns.
	// fn may run twice. With wait every write is waited for.
	// Errors: errUnheard, never with wait.
	inTx(ctx context.Context, wait bool, fn func(runner) error) error
	// inSnapshot runs fn, which only reads, on the state of one moment.
	inSnapshot(ctx context.Context, fn func(runner) error) error
	// now is the database's clock; zero when it has none of its own.
	now(ctx context.Context) (time.Time, error)
	// notify tells every listener on the database, naming who tells.
	notify(ctx context.Context, from string) error
	// listen calls heard for each notify, and with "" when it has begun to
	// listen; it returns when ctx ends or the connection breaks.
	listen(ctx context.Context, heard func(from string)) error
	// risks is Store.Risks.
	risks(ctx context.Context) ([]string, error)
	migrate(ctx context.Context) error
	lockRow() string // appended to a SELECT that takes rows for an update
	close()
}

func isDuplicate(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// readError is the error of a read. PostgreSQL refuses to look for a text that it
// cannot hold, a NUL or what is no UTF-8, where SQLite finds no row: so do both.
func readError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "22021" {
		return nil
	}
	return err
}

// isTransient reports an error after which the same transaction may succeed:
// serialization failure or deadlock.
func isTransient(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// newest is the number of the last migration in this binary.
func newest() (n int64) {
	files, _ := fs.Glob(migrationFiles, "migrations/*.sql")
	for _, f := range files {
		if v, err := goose.NumericComponent(f); err == nil {
			n = max(n, v)
		}
	}
	return n
}

// migrateWith applies what is missing. A database newer than the binary is refused.
func migrateWith(ctx context.Context, dialect goose.Dialect, db *sql.DB, opts ...goose.ProviderOption) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, db, files, opts...)
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if have > newest() {
		return fmt.Errorf("the database has schema %d, newer than this program's %d: run a newer paylink", have, newest())
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

// ---- PostgreSQL

type postgres struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, url string) (*postgres, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not valid: it must look like postgres://USER:PASSWORD@HOST:PORT/DATABASE") // err quotes it
	}
	cfg.MaxConns = max(cfg.MaxConns, 16)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &postgres{pool}
	if err := p.check(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return p, nil
}

// check refuses a server that is too old.
func (p *postgres) check(ctx context.Context) error {
	var version int
	err := p.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version)
	switch {
	case err != nil:
		return unreachable(err)
	case version < 150000:
		return errors.New("PostgreSQL 15 or later is needed")
	}
	return nil
}

// unreachable words why there is no connection on one line, without the URL:
// its password must not reach a log.
func unreachable(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return fmt.Errorf("PostgreSQL refuses the connection: %s", pg.Message)
		}
		reason := strings.Split(strings.TrimSpace(connect.Unwrap().Error()), "\n")
		return fmt.Errorf("PostgreSQL cannot be reached: %s", strings.TrimSpace(reason[len(reason)-1]))
	}
	return fmt.Errorf("PostgreSQL cannot be reached: %w", err)
}

// durable are the settings without which a commit may not outlive a crash, and
// what they must not be.
var durable = []struct{ name, bad string }{{"fsync", "off"}, {"synchronous_commit", "off"}, {"full_page_writes", "off"}}

func (p *postgres) risks(ctx context.Context) (list []string, err error) {
	for _, d := range durable {
		var value string
		if err := p.pool.QueryRow(ctx, `SELECT current_setting($1)`, d.name).Scan(&value); err != nil {
			return nil, fmt.Errorf("reading the server's settings: %w", err)
		}
		if value == d.bad {
			list = append(list, fmt.Sprintf("PostgreSQL runs with %s %s: acknowledged payments could be lost", d.name, value))
		}
	}
	return list, nil
}

func (p *postgres) reader() runner  { return pgRunner{p.pool} }
func (p *postgres) lockRow() string { return " FOR UPDATE" }
func (p *postgres) close()          { p.pool.Close() }

func (p *postgres) now(ctx context.Context) (now time.Time, err error) {
	err = p.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return now.UTC(), err
}

const (
	channel    = "paylink_work"
	listenTest = 30 * time.Second // of silence, after which the connection is tested
	connTime   = 5 * time.Second  // to connect, or to answer the test
)

func (p *postgres) notify(ctx context.Context, from string) error {
	_, err := p.pool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, from)
	return err
}

// listen has a connection of its own: one of the pool would be missed there.
func (p *postgres) listen(ctx context.Context, heard func(from string)) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // it is not used again
	heard("")
	for {
		quiet, cancel := context.WithTimeout(ctx, listenTest)
		told, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			heard(told.Payload)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		test, cancel := context.WithTimeout(ctx, connTime)
		err = conn.Ping(test)
		cancel()
		if err != nil {
			return err
		}
	}
}

func (p *postgres) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return nil, unreachable(err)
	}
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		conn.Close(ctx) // the first error tells
		return nil, err
	}
	return conn, nil
}

func (p *postgres) migrate(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(p.pool)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	return migrateWith(ctx, goose.DialectPostgres, db, goose.WithSessionLocker(locker))
}

// inSnapshot is a transaction that keeps the snapshot of its first statement.
func (p *postgres) inSnapshot(ctx context.Context, fn func(runner) error) error {
	return pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error { return fn(pgRunner{tx}) })
}

// ---- SQLite

func openSQLite(ctx context.Context, path string) (*lite, error) {
	// temp_store: what a savepoint may have to undo is noted in memory, not in a file.
	dsn := "file:" + strings.ReplaceAll(path, "?", "%3f") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(ON)&_pragma=cache_size(-16000)&_pragma=temp_store(MEMORY)"
	write, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	var version string
	if err := write.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
		write.Close()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if olderThan(version, minSQLite) {
		write.Close()
		return nil, fmt.Errorf("SQLite %s can corrupt a database in WAL mode: %s or later is needed", version, minSQLite)
	}
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(ON)")
	if err != nil {
		write.Close()
		return nil, err
	}
	read.SetMaxOpenConns(4)
	read.SetMaxIdleConns(4)
	return newLite(write, read), nil
}

func olderThan(version, least string) bool {
	var a, b [3]int
	fmt.Sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]) // zeros are older
	fmt.Sscanf(least, "%d.%d.%d", &b[0], &b[1], &b[2])
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func (l *lite) lockRow() string { return "" } // an immediate transaction holds the whole file

func (l *lite) now(context.Context) (time.Time, error) { return time.Time{}, nil }

func (l *lite) notify(context.Context, string) error { return nil } // the file has one node

func (l *lite) listen(ctx context.Context, _ func(string)) error {
	<-ctx.Done()
	return ctx.Err()
}

// fullSync is PRAGMA synchronous=FULL; EXTRA is 3.
const fullSync = 2

func (l *lite) risks(ctx context.Context) (list []string, err error) {
	err = l.inTx(ctx, true, func(r runner) error { // the writer's own connection is the one to ask
		list = nil
		rows, err := r.query(ctx, `PRAGMA synchronous`)
		if err != nil {
			return err
		}
		defer rows.Close()
		level := 0
		for rows.Next() {
			if err := rows.Scan(&level); err != nil {
				return err
			}
		}
		if level < fullSync {
			list = append(list, "SQLite runs with synchronous below FULL: acknowledged payments could be lost")
		}
		return rows.Err()
	})
	return list, err
}

// migrate may meet another process that does the same. Each migration is one
// transaction of the only writer, so who comes second fails and looks again:
// by then at least one more is done.
func (l *lite) migrate(ctx context.Context) (err error) {
	for range newest() + 2 { // goose makes a table of its own first
		if err = migrateWith(ctx, goose.DialectSQLite3, l.write); err == nil {
			return nil
		}
	}
	return err
}

// inSnapshot is a deferred transaction: it takes no lock, and reads the log as
// long as it was at its first statement.
func (l *lite) inSnapshot(ctx context.Context, fn func(runner) error) error {
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written
	stmts := newStatements(tx)
	defer stmts.close()
	return fn(stmts)
}
