package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// verifyGoal is how long a million events may take.
const verifyGoal = 60 * time.Second

// verifyRuns is how often each installation is verified.
const verifyRuns = 3

// verifyOnSQLite measures `paylink verify` on a filled SQLite installation.
func verifyOnSQLite(b *bench) error { return b.verify("SQLite", "") }

// verifyOnPostgres is the same on PostgreSQL.
func verifyOnPostgres(b *bench) error {
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		return fmt.Errorf("TEST_POSTGRES is not set: run through scripts/with-services")
	}
	database, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("TEST_POSTGRES is not a URL")
	}
	database.Path = fmt.Sprintf("/bench_verify_%d", time.Now().UnixNano())
	if err := command(b.ctx, server, "CREATE DATABASE "+name(database)); err != nil {
		return err
	}
	defer func() {
		if err := command(b.ctx, server, "DROP DATABASE "+name(database)+" WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "bench: dropping a database:", err)
		}
	}()
	return b.verify("PostgreSQL", database.String())
}

// verify fills an installation with lives of links and runs the program's own
// command on it, as an operator does.
func (b *bench) verify(engine, database string) error {
	dir, err := b.newDir("verify")
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := b.fill(dir, database); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "  filled %s in %s\n", engine, time.Since(begin).Round(time.Second))
	var rates, memory []float64
	var last verified
	for range verifyRuns {
		if last, err = b.runVerify(dir, database); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "  %d events of %d links in %.1f s, %.1f s of processor time, %.0f MB\n",
			last.Checked.Events, last.Checked.Links, last.Seconds, last.processor.Seconds(), last.peakMB)
		rates, memory = append(rates, float64(last.Checked.Events)/last.Seconds), append(memory, last.peakMB)
	}
	rate := median(rates)
	million := time.Duration(1e6 / rate * float64(time.Second))
	b.table.add(row{
		what:      fmt.Sprintf("verify, %s, %d events of %d links", engine, last.Checked.Events, last.Checked.Links),
		measured:  fmt.Sprintf("%.0f events/s, %.0f MB", rate, median(memory)),
		reference: fmt.Sprintf("a million in %.0f s", million.Seconds()), ratio: "–",
		goal: fmt.Sprintf("≤ %.0f s", verifyGoal.Seconds()), reached: million <= verifyGoal,
	})
	return nil
}

// fill makes the installation in a world of its own, which is closed again.
func (b *bench) fill(dir, database string) error {
	w, err := openWorld(b.ctx, dir, database)
	if err != nil {
		return err
	}
	defer runtime.GC() // the command that is measured shares the machine
	defer w.close()
	return w.liveLinks(b.ctx, int64(b.events))
}

// verified is what the command tells, and what the kernel tells of it.
type verified struct {
	Clean   bool
	Checked struct{ Events, Links int64 }
	Seconds float64

	processor time.Duration
	peakMB    float64
}

func (b *bench) runVerify(dir, database string) (v verified, err error) {
	args := []string{"verify", "--json", "--data", dir, "--key-file", filepath.Join(dir, "key")}
	if database != "" {
		args = append(args, "--database", database)
	}
	c := exec.CommandContext(b.ctx, b.program, args...)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return v, fmt.Errorf("verify: %w: %s", err, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, err
	}
	if !v.Clean {
		return v, fmt.Errorf("verify: %s", text)
	}
	v.processor = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		v.peakMB = float64(usage.Maxrss) * 1024 / 1e6
	}
	return v, nil
}
