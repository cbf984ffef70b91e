package main

import (
	"fmt"
	"slices"

	"paylink/internal/app"
	"paylink/internal/pay"
)

// tenant says whose data a command is about.
type tenant struct {
	Merchant string `name:"merchant" placeholder:"ID" help:"Whose (default: the only merchant, or demo)."`
	Mode     string `name:"mode" default:"test" enum:"test,live" placeholder:"test|live" help:"Test or live data (default: test)."`
}

// demo is the merchant that a first start makes.
const demo = "demo"

// open opens the installation for a tenant of it.
func (f tenant) open(rt *runtime) (*app.App, pay.Caller, func(), error) {
	a, done, err := rt.open()
	if err != nil {
		return nil, pay.Caller{}, nil, err
	}
	who, err := f.caller(rt, a)
	if err != nil {
		done()
		return nil, who, nil, err
	}
	return a, who, done, nil
}

// caller is the operator, acting for the merchant that was named or is meant.
func (f tenant) caller(rt *runtime, a *app.App) (pay.Caller, error) {
	all, err := a.Core.Tenants(rt.ctx)
	if err != nil {
		return pay.Caller{}, err
	}
	var ids []pay.MerchantID
	for _, t := range all {
		if t.Mode == pay.Mode(f.Mode) {
			ids = append(ids, t.Merchant)
		}
	}
	id := pay.MerchantID(f.Merchant)
	switch {
	case id != "" && !slices.Contains(ids, id):
		return pay.Caller{}, fmt.Errorf("there is no merchant %q in %s mode", id, f.Mode)
	case id != "":
	case len(ids) == 0:
		return pay.Caller{}, fmt.Errorf("there is no merchant in %s mode: `paylink serve` makes one for a first try, `paylink provision` yours", f.Mode)
	case len(ids) == 1:
		id = ids[0]
	case slices.Contains(ids, demo):
		id = demo
	default:
		return pay.Caller{}, fmt.Errorf("there are %d merchants: name one with --merchant", len(ids))
	}
	return pay.Caller{Tenant: pay.Tenant{Merchant: id, Mode: pay.Mode(f.Mode)}, Dialect: "native"}, nil
}
