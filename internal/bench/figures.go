package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// row is one line of the table: a figure, what it is held against, and whether
// the goal of the ratio or of the figure is reached.
type row struct {
	what, measured, reference, ratio, goal string
	reached                                bool
}

type table []row

func (t *table) add(r row) { *t = append(*t, r) }

// addRate adds a row whose goal is a least ratio of two rates.
func (t *table) addRate(what, reference string, d duel, least float64) {
	ratio := d.measured() / d.reference()
	t.add(row{
		what: what, measured: fmt.Sprintf("%.0f/s", d.measured()), reference: fmt.Sprintf("%s: %.0f/s", reference, d.reference()),
		ratio: fmt.Sprintf("%.2f", ratio), goal: fmt.Sprintf("≥ %.1f", least), reached: ratio >= least,
	})
}

// markdown is the table as docs/benchmarks.md shows it.
func (t table) markdown() string {
	var b strings.Builder
	b.WriteString("| what | measured | reference | ratio | goal | reached |\n|---|---|---|---|---|---|\n")
	for _, r := range t {
		reached := "no"
		if r.reached {
			reached = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.measured, r.reference, r.ratio, r.goal, reached)
	}
	return b.String()
}

// duel is the figures of two things measured in alternating rounds, so that
// what else the machine does falls on both.
type duel struct{ ours, theirs []float64 }

func (d duel) measured() float64  { return median(d.ours) }
func (d duel) reference() float64 { return median(d.theirs) }

// alternate runs rounds of ours and theirs in turn.
func (b *bench) alternate(ours, theirs func() (float64, error)) (d duel, err error) {
	for range b.rounds {
		for _, side := range []struct {
			run  func() (float64, error)
			into *[]float64
		}{{ours, &d.ours}, {theirs, &d.theirs}} {
			if err := b.ctx.Err(); err != nil {
				return d, err
			}
			figure, err := side.run()
			if err != nil {
				return d, err
			}
			*side.into = append(*side.into, figure)
		}
	}
	fmt.Fprintf(os.Stderr, "  ours %.2f, reference %.2f\n", d.ours, d.theirs)
	return d, nil
}

// median of figures; 0 of none.
func median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(figures))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// quantile is the time that the share p of times does not exceed; 0 of none.
func quantile(times []time.Duration, p float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(times))
	return s[min(int(p*float64(len(s))), len(s)-1)]
}

// ms is a time in milliseconds, for the table.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
