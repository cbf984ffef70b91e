package main

import (
	"fmt"
	"io"
	"time"

	"paylink/internal/config"
	"paylink/internal/core"
)

type serveCmd struct{}

// Run serves until it is told to stop.
func (serveCmd) Run(rt *runtime) error {
	begin := time.Now()
	a, done, err := rt.begin()
	if err != nil {
		return err
	}
	made, demo, err := a.Prepare(rt.ctx)
	if err != nil {
		done()
		return err
	}
	printMade(rt.out, made) // now, or a failure to listen would lose them for good
	return a.Serve(rt.ctx, func() {
		rt.log.Info("serving", "listen", rt.cli.Listen, "public_url", rt.cli.BaseURL(), "version", config.Version, "start_ms", time.Since(begin).Milliseconds())
		if demo {
			printDemo(rt.out, rt.cli.BaseURL(), made)
		}
	})
}

// printMade shows secrets that were made; they are not shown again.
func printMade(out io.Writer, made []core.MadeSecret) {
	if len(made) == 0 {
		return
	}
	fmt.Fprintln(out, "These secrets were made now and are not shown again:")
	for _, m := range made {
		fmt.Fprintf(out, "  %s (%s) %s %s: %s\n", m.Merchant, m.Mode, m.API, m.Name, m.Value)
	}
}

// printDemo shows the way from nothing to a paid link, and to being told of it.
func printDemo(out io.Writer, base string, made []core.MadeSecret) {
	for _, m := range made {
		if m.API != "native" {
			continue
		}
		fmt.Fprintf(out, `
Create a payment link:

  curl -s %[1]s/v1/payment_links -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
    -d '{"amount": 1050, "currency": "USD", "description": "Two field guides"}'

The answer has the link's "url": open it in a browser and pay with a test card.

Be told of the payment by signed webhooks to your server:

  curl -s %[1]s/v1/webhook_endpoints -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
    -d '{"url": "https://shop.example/hooks"}'

A server on this machine is told when paylink serve runs with --allow-private-webhooks 127.0.0.0/8,::1/128.
Without any server, see what has happened:

  curl -s %[1]s/v1/events -H 'Authorization: Bearer %[2]s'

The API is described at %[1]s/docs; another key comes from: paylink key create

`, base, m.Value)
	}
}
