// Command crash kills the server with SIGKILL under load, or stops it for a
// while with SIGSTOP, again and again, while its processor fails in every way
// that processors do. Then it compares what callers and payers were told with
// what is kept: the database, the sandbox processor's journal and the merchant's
// webhooks. Nothing may be lost and nothing doubled. It is a program of
// development: it never reaches beyond this machine, and the product never
// imports it.
//
// An answer that a kill cut off promises nothing: what was asked for may be done
// or not, but not twice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"paylink/internal/store"
)

// plan is one run.
type plan struct {
	binary   string // the program under test
	dir      string // of its data, keys and logs
	postgres string // URL of an empty database; empty: SQLite
	servers  int    // on one database
	kills    int
	pauses   int           // how often a server is stopped, to go on after pause
	pause    time.Duration // longer than a lease: others take over what it was at
	payments int           // that are begun at least
	faults   string        // of the sandbox, as --sandbox-faults has them; empty: none
	between  time.Duration // kills and pauses are this far apart on average; 0: spread over the payments
	rate     int           // shoppers that come in a second
	seed     uint64
}

// usualFaults are the rates, in percent, that the project promises to bear.
const usualFaults = "after=10,before=10,callbacks=5,amounts=1"

// A question that stays without an answer is asked again after 2 s, 5 s, 15 s,
// 1 min, 5 min and 15 min. One in ten stays so, so that with 2,000 payments
// the last answer takes minutes, and seldom a quarter of an hour.
const (
	// Of thousands of calls one may stay without an answer seven times, and is then
	// asked about hourly (P3).
	finishTime = 150 * time.Minute // after the last kill, until every shopper has an answer
	settleTime = 150 * time.Minute // until operations are final and deliveries made
	settlePoll = 100 * time.Millisecond
)

func main() {
	var p plan
	engine := flag.String("engine", "sqlite", "sqlite or postgres (a fresh database on the server TEST_POSTGRES)")
	seconds := flag.Float64("seconds", 0, "between two kills or pauses, on average (default: 1, or so that they are spread over the payments)")
	flag.IntVar(&p.kills, "kills", 5, "how often to kill a server")
	flag.IntVar(&p.pauses, "pauses", 0, "how often to stop a server (SIGSTOP) and let it go on after a while")
	flag.DurationVar(&p.pause, "pause", time.Minute, "how long a pause is")
	flag.IntVar(&p.payments, "payments", 0, "go on until so many payments were begun")
	flag.StringVar(&p.faults, "faults", usualFaults, "what the test processor does wrong, in percent; none for nothing")
	flag.IntVar(&p.servers, "servers", 0, "servers on one database (default 1 on sqlite, 2 on postgres)")
	flag.IntVar(&p.rate, "rate", 40, "shoppers that come in a second, each with a link")
	flag.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano()), "for what shoppers do; moments differ from run to run all the same")
	flag.StringVar(&p.dir, "dir", "", "keep data and logs there (default: a directory that is removed)")
	flag.Parse()
	p.between = time.Duration(*seconds * float64(time.Second))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := crash(ctx, *engine, p); err != nil {
		fmt.Fprintln(os.Stderr, "crash: "+err.Error())
		stop()
		os.Exit(1)
	}
}

// crash prepares a run, makes it and prints what came of it.
// Errors: also when anything differs.
func crash(ctx context.Context, engine string, p plan) (err error) {
	if p.kills < 0 || p.pauses < 0 || p.pause <= 0 || p.payments < 0 || p.between < 0 || p.rate <= 0 || p.servers < 0 {
		return errors.New("-kills, -pauses, -pause, -payments, -seconds, -rate and -servers must be greater than zero")
	}
	if p.faults == "none" {
		p.faults = ""
	}
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "crash"); err != nil {
			return err
		}
		defer os.RemoveAll(p.dir)
	}
	if p.binary, err = build(ctx, p.dir); err != nil {
		return err
	}
	servers := 1
	if engine == "postgres" {
		servers = 2
		if os.Getenv("TEST_POSTGRES") == "" {
			return errors.New("-engine postgres needs TEST_POSTGRES: run it through scripts/with-services")
		}
		var drop func() error
		if p.postgres, drop, err = newDatabase(ctx, os.Getenv("TEST_POSTGRES")); err != nil {
			return fmt.Errorf("making a database on TEST_POSTGRES: %w", err)
		}
		defer func() { err = errors.Join(err, drop()) }()
	} else if engine != "sqlite" {
		return fmt.Errorf("-engine %s: must be sqlite or postgres", engine)
	}
	if p.servers == 0 {
		p.servers = servers
	}
	fmt.Printf("engine %s, %d payments, %d kills, %d pauses of %s, %d servers, faults %q, seed %d\n", engine, p.payments, p.kills, p.pauses, p.pause, p.servers, p.faults, p.seed)
	r, err := run(ctx, p)
	r.print(os.Stdout)
	if err != nil {
		return err
	}
	for _, d := range r.differences {
		fmt.Println("DIFFERENCE " + d)
	}
	if n := len(r.differences); n > 0 {
		return fmt.Errorf("%d differences, with seed %d", n, p.seed)
	}
	fmt.Println("nothing lost, nothing doubled")
	return nil
}

// run makes one run. Its error says that the run could not be made to the end,
// which is a failure of the server too when it would not start or stop.
func run(ctx context.Context, p plan) (r result, err error) {
	begin := time.Now()
	merchant, err := newSink()
	if err != nil {
		return r, err
	}
	defer merchant.close()
	c, err := newCluster(p, merchant.url)
	if err != nil {
		return r, err
	}
	defer c.abandon()
	if err := c.start(ctx); err != nil {
		return r, err
	}
	l := startLoad(ctx, c, p)
	defer l.close()
	clerk, err := startOperator(ctx, c, l)
	if err != nil {
		return r, err
	}
	defer clerk.stop()
	err = c.trouble(ctx, p, rand.New(rand.NewPCG(p.seed, 0)))
	if err = errors.Join(err, l.reach(p.payments), l.finish(finishTime)); err != nil {
		return r, err
	}
	left := time.Since(begin)
	if err := settle(ctx, clerk.app.Store); err != nil {
		return r, err
	}
	settled := time.Since(begin)
	if err := errors.Join(clerk.stop(), c.stop()); err != nil {
		return r, err
	}
	r, err = compare(ctx, c, l, merchant)
	r.count("reviews decided", clerk.decided)
	r.count("kills", p.kills)
	r.count("pauses", p.pauses)
	r.count("seconds until the last shopper left", int(left.Seconds()))
	r.count("seconds until all was settled", int(settled.Seconds()))
	if err := c.verify(ctx); err != nil {
		r.differ("%v", err)
	}
	return r, err
}

// settle waits until nothing is left to be done, in the background or by the
// operator.
func settle(ctx context.Context, st *store.Store) error {
	for deadline := time.Now().Add(settleTime); ; {
		left, done, err := quiet(ctx, st)
		if err != nil || done {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s there is still to do: %+v", settleTime, left)
		}
		if err := sleep(ctx, settlePoll); err != nil {
			return err
		}
	}
}

// quiet reports that nothing is to be done. The backlog is looked at before
// and after the reviews, for each can make the other.
func quiet(ctx context.Context, st *store.Store) (left store.Backlog, done bool, err error) {
	if left, err = st.Backlog(ctx); err != nil || !left.Empty() {
		return left, false, err
	}
	reviews, err := st.Reviews(ctx, tenant, "", 1)
	if err != nil || len(reviews) > 0 {
		return left, false, err
	}
	left, err = st.Backlog(ctx)
	return left, err == nil && left.Empty(), err
}

// onDatabase is the URL server with another database.
func onDatabase(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + filepath.Base(name)
	return u.String(), nil
}
