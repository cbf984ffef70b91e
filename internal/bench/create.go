package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver of the product, for the reference
)

// createRequest makes a creation as a careful caller sends it: with a reference
// of its own and an idempotency key. run keeps the keys of rounds apart.
func createRequest(host, run string, n int64) []byte {
	own := run + "-" + strconv.FormatInt(n, 10)
	return request("POST", "/v1/payment_links", host,
		"Authorization: Bearer "+apiKey+"\r\nIdempotency-Key: "+own+"\r\n",
		`{"amount":1050,"currency":"USD","description":"Two field guides","reference":"`+own+`"}`)
}

// createFor creates links for the length of a round and gives the rate.
func (b *bench) createFor(p *process) (float64, error) {
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	return p.noting("creations", b.length, func() (float64, error) {
		return closedLoop(b.ctx, p.address, b.clients, b.length, 201, func(n int64) []byte { return createRequest(p.address, run, n) })
	})
}

// createOnSQLite holds durable creation over HTTP against single durable
// commits of one small row: what one caller after another could reach.
func createOnSQLite(b *bench) error {
	dir, err := b.newDir("create")
	if err != nil {
		return err
	}
	p, err := b.startServer(dir, "", "")
	if err != nil {
		return err
	}
	defer p.stop()
	commits, err := openCommits(dir)
	if err != nil {
		return err
	}
	defer commits.db.Close()
	books, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "paylink.db")+"?_pragma=query_only(ON)")
	if err != nil {
		return err
	}
	defer books.Close()
	settle := func() error { return settled(b.ctx, books) }
	d, err := b.alternate(
		func() (float64, error) { return quiet(b.createFor, p, settle) },
		func() (float64, error) { return commits.runFor(b.ctx, b.length) })
	if err != nil {
		return err
	}
	what := fmt.Sprintf("link creation over HTTP, SQLite, %d clients", b.clients)
	b.table.addRate(what, "single one-row commits", d, 1.5)
	return b.profile(p, "create-sqlite", func() error { _, err := b.createFor(p); return err })
}

// quiet runs a round and then waits for the background work it left, so that
// the reference, which comes next, does not share the machine with it.
func quiet(round func(*process) (float64, error), p *process, settle func() error) (float64, error) {
	rate, err := round(p)
	if err != nil {
		return 0, err
	}
	return rate, settle()
}

const settleTime = 2 * time.Minute

// settled waits until every event has its place in the feed.
func settled(ctx context.Context, db *sql.DB) error {
	for begin := time.Now(); time.Since(begin) < settleTime; time.Sleep(200 * time.Millisecond) {
		var waiting int64
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE position IS NULL`).Scan(&waiting); err != nil {
			return err
		}
		if waiting == 0 {
			return nil
		}
	}
	return fmt.Errorf("events had no place in the feed after %s", settleTime)
}

// commits is the reference: an SQLite file with the product's settings and one
// connection that commits one row at a time.
type commits struct {
	db     *sql.DB
	insert *sql.Stmt
}

func openCommits(dir string) (*commits, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "commits.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := &commits{db: db}
	if _, err = db.Exec(`CREATE TABLE facts (id INTEGER PRIMARY KEY, fact TEXT NOT NULL)`); err == nil {
		c.insert, err = db.Prepare(`INSERT INTO facts (fact) VALUES ($1)`)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return c, nil
}

// runFor commits rows for a time and gives the rate.
func (c *commits) runFor(ctx context.Context, length time.Duration) (float64, error) {
	count, begin := 0, time.Now()
	for ; time.Since(begin) < length; count++ {
		if _, err := c.insert.ExecContext(ctx, "a payment link of 10.50 USD for two field guides"); err != nil {
			return 0, err
		}
	}
	return float64(count) / time.Since(begin).Seconds(), nil
}
