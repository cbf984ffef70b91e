// Command paylink is the whole product: the server, and the tools around it.
// It only reads arguments and prints; what it does is in internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
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
	config.Settings
	JSON bool `name:"json" help:"Print JSON for machines."`

	Serve     serveCmd     `cmd:"" help:"Serve: the API, the payer's pages and all background work."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database's schema up to this program, and stop."`
	Provision provisionCmd `cmd:"" help:"Make merchants, credentials and webhook endpoints exist as a file says."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// runtime is what commands are given.
type runtime struct {
	ctx  context.Context
	cli  *cli
	log  *slog.Logger
	kong *kong.Context
}

// open opens the installation that the settings name.
func (rt *runtime) open() (*app.App, func(), error) {
	a, err := app.Open(rt.ctx, rt.cli.Settings, rt.log)
	if err != nil {
		return nil, nil, err
	}
	return a, func() { a.Stop(context.WithoutCancel(rt.ctx)) }, nil
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("paylink"), kong.Description("Payment links: make one, send it, be paid once, be told."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := k.Run(&runtime{ctx: ctx, cli: &c, log: logger(c.LogFormat), kong: k})
	if err != nil {
		fmt.Fprintln(os.Stderr, "paylink: "+explain(err))
		stop()
		os.Exit(1)
	}
}

func logger(format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// explain words an error for a person at a terminal.
func explain(err error) string {
	var e *pay.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Detail
	for _, f := range e.Fields {
		text += fmt.Sprintf("\n  %s %s", f.Path, f.Detail)
	}
	return text
}
