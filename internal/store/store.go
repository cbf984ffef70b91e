package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"paylink/internal/pay"
)

// Sealer keeps personal data and secrets unreadable at rest. ad ties a sealed
// value to its row: moved elsewhere it does not open.
type Sealer interface {
	Seal(plain, ad []byte) ([]byte, error)
	Open(sealed, ad []byte) ([]byte, error)
}

// Store is one database.
type Store struct {
	queries
	engine   engine
	clock    *clock
	injected bool                     // the clock is a test's
	node     string                   // what this node calls itself to the others
	wake     func()                   // see UseWake
	written  chan struct{}            // a commit left work; see Neighbors
	patience map[string]time.Duration // by dialect; see UsePatience
}

// queries are the reads, shared by Store and Tx.
type queries struct {
	r      runner
	sealer *sealerBox
}

// sealerBox lets the sealer be set after the keyset was read from this store.
type sealerBox struct{ Sealer }

// Options of Open.
type Options struct {
	URL   string           // postgres://…; empty: SQLite at Path
	Path  string           // of the SQLite file
	Clock func() time.Time // of a test; default: the local clock, kept to the database's
}

// Open reaches the database. It applies no migration: see Migrate.
func Open(ctx context.Context, o Options) (*Store, error) {
	var e engine
	var err error
	if o.URL != "" {
		e, err = openPostgres(ctx, o.URL)
	} else {
		e, err = openSQLite(ctx, o.Path)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{
		queries: queries{r: e.reader(), sealer: &sealerBox{}}, engine: e, injected: o.Clock != nil,
		node: pay.NewID("node", time.Now()), wake: func() {}, written: make(chan struct{}, 1),
	}
	if s.injected {
		s.clock = newClock(o.Clock, monotonic())
		return s, nil
	}
	s.clock = newClock(time.Now, monotonic())
	if err := s.clock.start(ctx, e); err != nil {
		e.close()
		return nil, err
	}
	return s, nil
}

// UseSealer gives the store the keyset; needed before any fact is read or written.
func (s *Store) UseSealer(sealer Sealer) { s.sealer.Sealer = sealer }

// Migrate brings the schema up to this binary, under a lock.
// Errors: when the database is newer than the binary.
func (s *Store) Migrate(ctx context.Context) error { return s.engine.migrate(ctx) }

// Close ends the store after the transactions that run.
func (s *Store) Close() { s.engine.close() }

// Now is the clock's time in UTC, at the precision the store keeps.
func (s *Store) Now() time.Time { return s.clock.now().UTC().Truncate(time.Microsecond) }

// Risks names what about the database could lose an acknowledged payment, each
// as a sentence; live mode refuses to run with any (THREATS 13).
func (s *Store) Risks(ctx context.Context) ([]string, error) { return s.engine.risks(ctx) }

// Ping fails when the database does not answer.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Setting(ctx, pay.Tenant{}, "ping")
	if errors.Is(err, pay.ErrNotFound) {
		return nil
	}
	return err
}

// Tx is a transaction.
type Tx struct {
	queries
	now  time.Time
	lock string
	work bool // it leaves something to do for the workers of any node
}

// Now is the one reading of the clock for the whole transaction.
func (tx *Tx) Now() time.Time { return tx.now }

func (tx *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return tx.r.exec(ctx, query, args...)
}

// put runs a write that is not waited for, whatever number of rows it changes.
func (tx *Tx) put(ctx context.Context, query string, args ...any) error {
	return tx.r.later(ctx, func(int64) error { return nil }, query, args...)
}

// putOne runs a write that changes one row, or rarely none. It says that it did
// before that is known; when it did not, the transaction starts again and is
// told the truth.
func (tx *Tx) putOne(ctx context.Context, query string, args ...any) (done bool, err error) {
	done, answered := true, false
	err = tx.r.later(ctx, func(n int64) error {
		if done = n == 1; answered && !done {
			return errUnheard
		}
		return nil
	}, query, args...)
	answered = true
	return done, err
}

// txAttempts bounds how often a transaction is tried after a serialization
// failure or a deadlock.
const txAttempts = 10

// InTx runs fn in one durable transaction. fn may run twice and does nothing
// but read and write through tx.
func (s *Store) InTx(ctx context.Context, fn func(*Tx) error) error {
	now, wait := s.Now(), false
	for attempt := 1; ; attempt++ {
		var tx *Tx
		err := s.engine.inTx(ctx, wait, func(r runner) error {
			tx = &Tx{queries: queries{r: r, sealer: s.sealer}, now: now, lock: s.engine.lockRow()}
			return fn(tx)
		})
		if err == nil && tx.work {
			s.work()
		}
		wait = wait || errors.Is(err, errUnheard)
		if again := isTransient(err) || errors.Is(err, errUnheard); !again || attempt == txAttempts {
			return err
		}
	}
}

// us is a time as stored: microseconds since 1970, 0 when not set.
func us(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromUS(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// orNull stores the zero value as NULL, so that partial unique indexes skip it.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// text is v as JSON.
func text(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// ad names the row a sealed value belongs to.
func ad(t pay.Tenant, table, id string) []byte {
	return []byte(string(t.Merchant) + "\x00" + string(t.Mode) + "\x00" + table + "\x00" + id)
}

func (q queries) seal(t pay.Tenant, table, id string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return q.sealer.Seal(plain, ad(t, table, id))
}

func (q queries) open(t pay.Tenant, table, id string, sealed []byte, v any) error {
	plain, err := q.sealer.Open(sealed, ad(t, table, id))
	if err != nil {
		return fmt.Errorf("opening %s %s: %w", table, id, err)
	}
	return json.Unmarshal(plain, v)
}

// one scans the only row. Errors: pay.ErrNotFound.
func (q queries) one(ctx context.Context, query string, args []any, dest ...any) error {
	rows, err := q.r.query(ctx, query, args...)
	if err != nil {
		return cmp.Or(readError(err), error(pay.ErrNotFound))
	}
	defer rows.Close()
	if !rows.Next() {
		return cmp.Or(readError(rows.Err()), error(pay.ErrNotFound))
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Err()
}

// each scans every row through scan.
func (q queries) each(ctx context.Context, query string, args []any, scan func(rows) error) error {
	rows, err := q.r.query(ctx, query, args...)
	if err != nil {
		return readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return readError(rows.Err())
}

// Setting reads a value of the installation (empty tenant) or of a tenant.
func (q queries) Setting(ctx context.Context, t pay.Tenant, name string) (value []byte, err error) {
	err = q.one(ctx, `SELECT value FROM settings WHERE merchant = $1 AND mode = $2 AND name = $3`, []any{t.Merchant, t.Mode, name}, &value)
	return value, err
}

// AddSetting stores a value unless there is one; added says which.
func (tx *Tx) AddSetting(ctx context.Context, t pay.Tenant, name string, value []byte) (added bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO settings (merchant, mode, name, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, t.Merchant, t.Mode, name, value)
	return n == 1, err
}

// sealedLink is what a link's row keeps sealed.
type sealedLink struct {
	Token string    `json:"token"`
	Payer pay.Payer `json:"payer,omitzero"`
}
