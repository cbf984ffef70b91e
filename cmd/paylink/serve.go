package main

import (
	"fmt"
	"time"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/core"
)

type serveCmd struct{}

// Run serves until it is told to stop.
func (serveCmd) Run(rt *runtime) error {
	begin := time.Now()
	a, err := app.Open(rt.ctx, rt.cli.Settings, rt.log)
	if err != nil {
		return err
	}
	made, demo, err := a.Prepare(rt.ctx)
	if err != nil {
		a.Stop(rt.ctx) //nolint:errcheck // nothing runs yet
		return err
	}
	return a.Serve(rt.ctx, func() {
		rt.log.Info("serving", "listen", rt.cli.Listen, "public_url", rt.cli.BaseURL(), "version", config.Version, "start_ms", time.Since(begin).Milliseconds())
		printMade(made)
		if demo {
			printDemo(rt.cli.BaseURL(), made)
		}
	})
}

// printMade shows secrets that were made; they are not shown again.
func printMade(made []core.MadeSecret) {
	if len(made) == 0 {
		return
	}
	fmt.Println("These secrets were made now and are not shown again:")
	for _, m := range made {
		fmt.Printf("  %s (%s) %s %s: %s\n", m.Merchant, m.Mode, m.API, m.Name, m.Value)
	}
}

// printDemo shows the way from nothing to a paid link.
func printDemo(base string, made []core.MadeSecret) {
	for _, m := range made {
		if m.API != "native" {
			continue
		}
		fmt.Printf(`
Create a payment link:

  curl -s %[1]s/v1/payment_links -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
    -d '{"amount": 1050, "currency": "USD", "description": "Two field guides"}'

Open its "url" in a browser and pay with a test card. To be told of it, name your server
(a private network needs --allow-private-webhooks, such as 127.0.0.0/8):

  curl -s %[1]s/v1/webhook_endpoints -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
    -d '{"url": "https://shop.example/hooks"}'

or ask: curl -s %[1]s/v1/events -H 'Authorization: Bearer %[2]s'
The API is described at %[1]s/docs

`, base, m.Value)
	}
}
