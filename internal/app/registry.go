package app

import (
	"paylink/internal/core"
	"paylink/internal/dialect"
	"paylink/internal/dialect/payengine"
	"paylink/internal/dialect/payroc"
	"paylink/internal/dialect/pinelabs"
	"paylink/internal/dialect/portone"
	"paylink/internal/dialect/xfers"
	"paylink/internal/method"
	"paylink/internal/method/bankredirect"
	"paylink/internal/method/banktransfer"
	"paylink/internal/method/card"
)

// The families: a new member is one line here. Processors join in app.go,
// where their settings are.

// dialects are the providers' APIs that are spoken beside the native one.
var dialects = []func(c *core.Core, publicURL string) dialect.Dialect{
	pinelabs.New,
	payroc.New,
	payengine.New,
	portone.New,
	xfers.New,
}

// methods are the ways to pay, in the order in which the page shows them.
var methods = []method.Method{
	card.Method,
	bankredirect.Method,
	banktransfer.Method,
}
