// Command bench measures what the product promises as ratios: each figure beside
// a reference that is measured in the same run, on the same machine and file
// system, in alternating rounds. It prints a Markdown table. It never asserts:
// a goal that is missed is a "no" in the table, not a failure.
//
//	make bench
//	scripts/with-services go run ./internal/bench -quick -only sqlite,page
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run: how long and how much, and where things are.
type bench struct {
	ctx      context.Context
	rounds   int           // of each rate
	length   time.Duration // of a round
	clients  int           // at once
	links    int           // stored beside the ones asked for
	events   int           // that verify goes through
	profiles string        // directory for CPU profiles; empty: none
	dir      string        // of this run; removed at the end
	program  string        // the built server
	table    table
}

// sections are the measurements, in the order of the table.
var sections = []struct {
	name string
	run  func(*bench) error
}{
	{"sqlite", createOnSQLite},
	{"postgres", createOnPostgres},
	{"page", checkoutPage},
	{"scale", manyLinks},
	{"webhook", firstAttempt},
	{"view", firstView},
	{"footprint", footprint},
	{"verify", verifyOnSQLite},
	{"verify-postgres", verifyOnPostgres},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		exit(serveBare(os.Args[2:]))
		return
	}
	b := &bench{}
	quick := flag.Bool("quick", false, "shorter rounds, 10,000 links and 20,000 events: to try things, not to quote")
	only := flag.String("only", "", "sections to run, by comma (default: all): "+names())
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of each rate")
	flag.DurationVar(&b.length, "length", 5*time.Second, "length of a round")
	flag.IntVar(&b.clients, "clients", 32, "clients at once")
	flag.IntVar(&b.links, "links", 100_000, "links stored beside the ones asked for; the full volume is 1000000")
	flag.IntVar(&b.events, "events", 100_000, "events that verify goes through, on each engine; the full volume is 1000000, and filling takes minutes")
	flag.StringVar(&b.profiles, "profiles", "", "directory for a CPU profile of the server under each load")
	flag.Parse()
	if *quick {
		b.rounds, b.length, b.links, b.events = 3, time.Second, 10_000, 20_000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b.ctx = ctx
	exit(b.run(*only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() string {
	var list []string
	for _, s := range sections {
		list = append(list, s.name)
	}
	return strings.Join(list, ",")
}

// run measures the chosen sections and prints the table, also of a run that
// ended early.
func (b *bench) run(only string) (err error) {
	if b.dir, err = os.MkdirTemp("", "paylink-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.program, err = build(b.ctx, b.dir); err != nil {
		return err
	}
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d rounds of %s, %d clients, %d links\n", b.rounds, b.length, b.clients, b.links)
	for _, s := range sections {
		if only != "" && !strings.Contains(","+only+",", ","+s.name+",") {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", s.name)
		if e := s.run(b); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, e))
		}
	}
	fmt.Print(b.table.markdown())
	return err
}

// newDir makes a directory of this run.
func (b *bench) newDir(name string) (string, error) {
	return os.MkdirTemp(b.dir, filepath.Base(name)+"-")
}
