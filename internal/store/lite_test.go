package store

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"paylink/internal/pay"
)

var nobody = pay.Tenant{Merchant: "shop", Mode: pay.Test}

func openLite(t *testing.T) (*Store, *lite) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "paylink.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return s, s.engine.(*lite)
}

// add is a transaction that writes one setting and then ends as it is told.
func add(name string, end func() error) func(*Tx) error {
	return func(tx *Tx) error {
		if _, err := tx.AddSetting(context.Background(), nobody, name, []byte(name)); err != nil {
			return err
		}
		return end()
	}
}

func has(t *testing.T, s *Store, name string) bool {
	t.Helper()
	value, err := s.Setting(context.Background(), nobody, name)
	if err != nil && !errors.Is(err, pay.ErrNotFound) {
		t.Fatal(err)
	}
	return string(value) == name && err == nil
}

// group runs transactions so that one flush takes them all: they gather while
// the writer is held by another. It returns what each was answered.
func group(t *testing.T, s *Store, l *lite, ctxs []context.Context, fns []func(*Tx) error) []error {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.InTx(context.Background(), func(*Tx) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	answers := make([]chan error, len(fns))
	for i, fn := range fns {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- s.InTx(ctxs[i], fn) }()
		for len(l.queue) != i+1 { // in this order
			runtime.Gosched()
		}
	}
	close(release)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	errs := make([]error, len(fns))
	for i := range answers {
		errs[i] = <-answers[i]
	}
	return errs
}

func same(n int) (ctxs []context.Context) {
	for range n {
		ctxs = append(ctxs, context.Background())
	}
	return ctxs
}

// TestOneFailureStaysAlone: in a group that is committed together, the ones
// that fail or panic are undone, and the others are kept.
func TestOneFailureStaysAlone(t *testing.T) {
	s, l := openLite(t)
	wrong := errors.New("wrong")
	good := func() error { return nil }
	errs := group(t, s, l, same(6), []func(*Tx) error{
		add("a", good),
		add("b", func() error { return wrong }),
		add("c", func() error { panic("at the worst time") }),
		add("a", good), // there is one: no error, nothing new
		func(tx *Tx) error {
			_, err := tx.exec(context.Background(), `INSERT INTO nowhere VALUES (1)`)
			return err
		},
		add("d", good),
	})
	var panicked *panicError
	if errs[0] != nil || !errors.Is(errs[1], wrong) || !errors.As(errs[2], &panicked) || errs[3] != nil || errs[4] == nil || errs[5] != nil {
		t.Fatalf("answers: %v", errs)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
		if has(t, s, name) != want {
			t.Errorf("%s is stored: %v", name, !want)
		}
	}
}

// TestAnswerComesAfterTheFlush: nobody of a group is answered, and no reader
// sees anything of it, before all of it is on disk.
func TestAnswerComesAfterTheFlush(t *testing.T) {
	s, l := openLite(t)
	var answered atomic.Int64
	early := func() error {
		if answered.Load() > 0 || has(t, s, "a") {
			t.Error("a transaction is known before its group was flushed")
		}
		return nil
	}
	fns := []func(*Tx) error{add("a", early), add("b", early), add("c", early)}
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan struct{}, 4)
	go func() {
		s.InTx(context.Background(), func(*Tx) error { close(held); <-release; return nil }) // it only holds the writer
		done <- struct{}{}
	}()
	<-held
	for i, fn := range fns {
		go func() {
			if err := s.InTx(context.Background(), fn); err != nil {
				t.Error(err)
			}
			answered.Add(1)
			done <- struct{}{}
		}()
		for len(l.queue) != i+1 {
			runtime.Gosched()
		}
	}
	close(release)
	for range 4 {
		<-done
	}
	if !has(t, s, "a") || !has(t, s, "c") {
		t.Error("what was answered is not stored")
	}
}

// TestFailedFlushFailsAll: when the flush itself fails, nobody is told that
// his transaction was kept.
func TestFailedFlushFailsAll(t *testing.T) {
	s, l := openLite(t)
	good := func() error { return nil }
	errs := group(t, s, l, same(3), []func(*Tx) error{
		add("a", good),
		func(tx *Tx) error { _, err := tx.exec(context.Background(), `ROLLBACK`); return err }, // as a full disk would
		add("b", good),
	})
	if errs[0] == nil || errs[1] == nil || errs[2] == nil || has(t, s, "a") || has(t, s, "b") {
		t.Fatalf("answers: %v", errs)
	}
	if err := s.InTx(context.Background(), add("c", good)); err != nil || !has(t, s, "c") {
		t.Fatalf("the next: %v", err)
	}
}

// TestLeavingCallerDisturbsNobody: a caller who goes away in the middle of a
// statement neither ends the group nor leaves half of his own behind.
func TestLeavingCallerDisturbsNobody(t *testing.T) {
	s, l := openLite(t)
	ctx, cancel := context.WithCancel(context.Background())
	const rows = 30_000
	errs := group(t, s, l, []context.Context{context.Background(), ctx, context.Background()}, []func(*Tx) error{
		add("a", func() error { return nil }),
		func(tx *Tx) error {
			time.AfterFunc(10*time.Millisecond, cancel)
			_, err := tx.exec(ctx, `INSERT INTO settings SELECT 'many', 'test', n, x'00' FROM
				(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000) SELECT n FROM c)`)
			return err
		},
		add("b", func() error { return nil }),
	})
	cancel()
	if errs[0] != nil || errs[2] != nil || !has(t, s, "a") || !has(t, s, "b") {
		t.Fatalf("answers: %v", errs)
	}
	var n int64
	if err := s.one(context.Background(), `SELECT count(*) FROM settings WHERE merchant = 'many'`, nil, &n); err != nil || n != rows && n != 0 || (n == rows) != (errs[1] == nil) {
		t.Fatalf("%d rows, %v; answered %v", n, err, errs[1])
	}
}

// TestLeftBeforeItsTurn: who gave up while waiting has nothing written.
func TestLeftBeforeItsTurn(t *testing.T) {
	s, l := openLite(t)
	gone, cancel := context.WithCancel(context.Background())
	last := func() error { return nil }
	errs := group(t, s, l, []context.Context{context.Background(), gone}, []func(*Tx) error{
		add("a", func() error { cancel(); return nil }),
		add("b", last),
	})
	if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || !has(t, s, "a") || has(t, s, "b") {
		t.Fatalf("answers: %v", errs)
	}
}

// TestCloseAnswersAll: closing leaves nobody waiting, and what was answered
// without an error is stored.
func TestCloseAnswersAll(t *testing.T) {
	s, l := openLite(t)
	answers := make(chan error, 100)
	for i := range 100 {
		go func() {
			answers <- s.InTx(context.Background(), add(string(rune('0'+i)), func() error { return nil }))
		}()
	}
	for range 10 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	for range 90 {
		if err := <-answers; err != nil && !errors.Is(err, errClosed) {
			t.Fatal(err)
		}
	}
	if err := s.InTx(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, errClosed) {
		t.Fatalf("after the end: %v", err)
	}
}
