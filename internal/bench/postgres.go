package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql, to watch the feed
)

// databases are the product's and the reference's: the second is a copy of the
// first, made when both had the merchant and two links.
type databases struct {
	ours, theirs *url.URL
	drop         func()
}

// createOnPostgres holds durable creation over HTTP against pgbench, which runs
// the statements that one creation was seen to run, with as many clients.
func createOnPostgres(b *bench) error {
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		return fmt.Errorf("TEST_POSTGRES is not set: run through scripts/with-services")
	}
	d, err := makeDatabases(b.ctx, server)
	if err != nil {
		return err
	}
	defer d.drop()
	seen, err := b.watchCreation(d.ours)
	if err != nil {
		return err
	}
	if err := command(b.ctx, server, "CREATE DATABASE "+name(d.theirs)+" TEMPLATE "+name(d.ours)); err != nil {
		return err
	}
	reference, err := b.newPgbench(d.theirs, seen)
	if err != nil {
		return err
	}
	dir, err := b.newDir("postgres")
	if err != nil {
		return err
	}
	p, err := b.startServer(dir, d.ours.String(), "")
	if err != nil {
		return err
	}
	defer p.stop()
	books, err := sql.Open("pgx", d.ours.String())
	if err != nil {
		return err
	}
	defer books.Close()
	settle := func() error { return settled(b.ctx, books) }
	rates, err := b.alternate(func() (float64, error) { return quiet(b.createFor, p, settle) }, reference.run)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("link creation over HTTP, PostgreSQL, %d clients", b.clients)
	b.table.addRate(what, "pgbench, the same SQL", rates, 0.8)
	return b.profile(p, "create-postgres", func() error { _, err := b.createFor(p); return err })
}

func makeDatabases(ctx context.Context, server string) (d databases, err error) {
	if d.ours, err = url.Parse(server); err != nil {
		return d, fmt.Errorf("TEST_POSTGRES is not a URL")
	}
	theirs := *d.ours
	d.theirs = &theirs
	stamp := strconv.FormatInt(time.Now().UnixNano(), 36)
	d.ours.Path, d.theirs.Path = "/bench_"+stamp, "/bench_ref_"+stamp
	d.drop = func() {
		for _, u := range []*url.URL{d.ours, d.theirs} {
			if err := command(context.WithoutCancel(ctx), server, "DROP DATABASE IF EXISTS "+name(u)+" WITH (FORCE)"); err != nil {
				fmt.Fprintln(os.Stderr, "bench: dropping a database:", err)
			}
		}
	}
	return d, command(ctx, server, "CREATE DATABASE "+name(d.ours))
}

func name(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

func command(ctx context.Context, server, text string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, text)
	return err
}

// creation is what one creation ran, and the values in it that differ from
// creation to creation and are unique.
type creation struct {
	statements           []statement
	id, tokenHash, idKey string
}

// watchCreation runs the product in this process, without its background work,
// and notes the statements of one creation. One before it warms it up.
func (b *bench) watchCreation(database *url.URL) (seen creation, err error) {
	wire, err := newTap(database.Host)
	if err != nil {
		return seen, err
	}
	defer wire.close()
	dir, err := b.newDir("tap")
	if err != nil {
		return seen, err
	}
	through := *database
	through.Host = wire.listener.Addr().(*net.TCPAddr).String()
	w, err := openWorld(b.ctx, dir, through.String())
	if err != nil {
		return seen, err
	}
	defer w.close()
	if _, err := w.create("watched-1"); err != nil {
		return seen, err
	}
	wire.take()
	seen.idKey = "watched-2"
	link, err := w.create(seen.idKey)
	if err != nil {
		return seen, err
	}
	seen.statements, seen.id, seen.tokenHash = wire.take(), link.id, link.tokenHash()
	return seen, nil
}
