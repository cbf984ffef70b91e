package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"paylink/internal/core"
)

type verifyCmd struct{}

// Run proves the rules on stored data. A breach is an error, and told in JSON
// too when that was asked for.
func (verifyCmd) Run(rt *runtime) error {
	a, done, err := rt.open()
	if err != nil {
		return err
	}
	defer done()
	show, hide := bar(rt.out, terminal(rt.out) && !rt.cli.JSON)
	begin := time.Now()
	report, err := a.Core.Verify(rt.ctx, show)
	hide()
	took := time.Since(begin)
	if rt.cli.JSON {
		var breach *core.Breach
		if errors.As(err, &breach) {
			return errors.Join(rt.printJSON(map[string]any{"clean": false, "breach": breach}), err)
		}
		if err != nil {
			return err
		}
		return rt.printJSON(map[string]any{"clean": true, "checked": report, "seconds": took.Seconds()})
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(rt.out, "clean: %d links, %d payments, %d attempts, %d events, %d ledger lines, %d deliveries and %d locators of %d merchants, in %s\n",
		report.Links, report.Payments, report.Attempts, report.Events, report.Entries, report.Deliveries, report.Locators, report.Merchants, took.Round(time.Millisecond))
	return err
}

// bar is a progress bar over events: show moves it, hide takes it away.
func bar(out io.Writer, on bool) (show func(done, total int64), hide func()) {
	if !on {
		return func(int64, int64) {}, func() {}
	}
	w := progress.NewWriter()
	w.SetOutputWriter(out)
	w.SetUpdateFrequency(100 * time.Millisecond)
	w.SetTrackerPosition(progress.PositionRight)
	tracker := &progress.Tracker{Message: "events"}
	w.AppendTracker(tracker)
	ended := make(chan struct{})
	go func() { defer close(ended); w.Render() }()
	return func(done, total int64) {
			tracker.UpdateTotal(total)
			tracker.SetValue(done)
		}, func() {
			w.Stop()
			<-ended
		}
}
