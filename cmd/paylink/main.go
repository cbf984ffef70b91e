// Command paylink is the whole product: the server, and the tools around it.
// It only reads arguments and prints; what it does is in internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/pay"
)

// cli is the command line: settings that every command shares, and the commands.
type cli struct {
	config.Settings `group:"Settings of the installation, of which most concern serve alone:"`

	JSON bool `name:"json" help:"Print JSON for machines."`

	Serve      serveCmd      `cmd:"" help:"Serve: the API, the payer's pages and all background work."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to this program, and stop."`
	Provision  provisionCmd  `cmd:"" help:"Make merchants, credentials and webhook endpoints exist as a file says."`
	Link       linkCmd       `cmd:"" help:"Create, edit, list, show, pause, resume and cancel payment links."`
	Payment    paymentCmd    `cmd:"" help:"List and show payments; capture, void and refund them."`
	Split      splitCmd      `cmd:"" help:"List the splits of a payment link; release, hold, transfer and cancel them."`
	Review     reviewCmd     `cmd:"" help:"List what waits for a person's decision, and decide it."`
	Dispute    disputeCmd    `cmd:"" help:"List and show disputes."`
	Difference differenceCmd `cmd:"" help:"List what does not agree with a processor's books or with a rule, and close it."`
	Key        keyCmd        `cmd:"" help:"Create, list and revoke API keys."`
	Event      eventCmd      `cmd:"" help:"List what happened."`
	Webhook    webhookCmd    `cmd:"" help:"List webhook endpoints, deliver again, listen to events."`
	Settlement settlementCmd `cmd:"" help:"Import what processors settled, list it, print the balance."`
	Payout     payoutCmd     `cmd:"" help:"Note what you were paid of the settled balance; list payouts and transfers."`
	Verify     verifyCmd     `cmd:"" help:"Prove on the stored data that no rule of money, states, events or deliveries is broken."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// runtime is what commands are given.
type runtime struct {
	ctx  context.Context
	cli  *cli
	log  *slog.Logger
	kong *kong.Context
	out  io.Writer // what was asked for; the log goes to standard error
}

// open opens the installation that the settings name. One that is not there is
// refused: a mistyped directory must not be made, and then be proved clean.
func (rt *runtime) open() (*app.App, func(), error) {
	if app.Missing(rt.cli.Settings) {
		return nil, nil, fmt.Errorf("there is nothing in the data directory %s: name another with --data; `paylink serve` begins one", rt.cli.Data)
	}
	return rt.begin()
}

// begin opens the installation and makes it where there is none.
func (rt *runtime) begin() (*app.App, func(), error) {
	a, err := app.Open(rt.ctx, rt.cli.Settings, rt.log)
	if err != nil {
		return nil, nil, err
	}
	return a, func() {
		if err := a.Stop(context.WithoutCancel(rt.ctx)); err != nil {
			rt.log.Error("closing", "err", err)
		}
	}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes: what was asked could not be done, or could not be understood.
const (
	exitFailed = 1
	exitUsage  = 2
)

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c cli
	helped := false
	parser, err := kong.New(&c, kong.Name("paylink"), kong.Description("Payment links: make one, send it, be paid once, be told."),
		kong.Writers(out, errOut), kong.Exit(func(int) { helped = true }))
	if err != nil {
		fmt.Fprintln(errOut, "paylink: "+err.Error())
		return exitFailed
	}
	k, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errOut, "paylink: "+err.Error()+" (see paylink --help)")
		return exitUsage
	}
	if err := k.Run(&runtime{ctx: ctx, cli: &c, log: logger(errOut, c.LogFormat), kong: k, out: out}); err != nil {
		fmt.Fprintln(errOut, "paylink: "+explain(err))
		return exitFailed
	}
	return 0
}

func logger(w io.Writer, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// explain words an error for a person at a terminal.
func explain(err error) string {
	var e *pay.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if len(e.Fields) == 1 {
		return e.Fields[0].Path + " " + e.Fields[0].Detail
	}
	text := e.Detail
	for _, f := range e.Fields {
		text += fmt.Sprintf("\n  %s %s", f.Path, f.Detail)
	}
	return text
}
