package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"paylink/internal/core"
	"paylink/internal/pay"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make a key and print it, once."`
	List   keyListCmd   `cmd:"" help:"List credentials, without their secrets."`
	Revoke keyRevokeCmd `cmd:"" help:"End a credential for good."`
}

// keyOut is a credential for machines.
type keyOut struct {
	ID        pay.CredentialID `json:"id"`
	API       string           `json:"api"`
	Last4     string           `json:"last4"`
	External  string           `json:"external,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
	RevokedAt *time.Time       `json:"revoked_at"`
}

func newKeyOut(k core.KeyInfo) keyOut {
	out := keyOut{k.ID, k.API, k.Last4, k.External, k.CreatedAt, nil}
	if !k.RevokedAt.IsZero() {
		out.RevokedAt = &k.RevokedAt
	}
	return out
}

type keyCreateCmd struct{ tenant }

// Run makes a native key.
func (c keyCreateCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	id, key, err := a.Core.CreateKey(rt.ctx, who)
	if err != nil {
		return err
	}
	if rt.cli.JSON {
		return rt.printJSON(map[string]string{"id": string(id), "merchant": string(who.Merchant), "mode": string(who.Mode), "key": key})
	}
	_, err = fmt.Fprintf(rt.out, "%s of merchant %s (%s) was made. This is its secret; it is not shown again:\n%s\n", id, who.Merchant, who.Mode, key)
	return err
}

type keyListCmd struct{ tenant }

// Run lists credentials.
func (c keyListCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	keys, err := a.Core.Keys(rt.ctx, who)
	if err != nil {
		return err
	}
	list, rows := []keyOut{}, []table.Row{}
	for _, k := range keys {
		list = append(list, newKeyOut(k))
		rows = append(rows, table.Row{k.ID, k.API, "…" + k.Last4, when(k.CreatedAt), when(k.RevokedAt)})
	}
	if rt.cli.JSON {
		return rt.printJSON(list)
	}
	return rt.printTable("no credentials", table.Row{"id", "api", "secret", "made", "revoked"}, rows)
}

type keyRevokeCmd struct {
	tenant
	ID string `arg:"" help:"Of the credential: key_…"`
}

// Run revokes a credential.
func (c keyRevokeCmd) Run(rt *runtime) error {
	a, who, done, err := c.open(rt)
	if err != nil {
		return err
	}
	defer done()
	if err := a.Core.RevokeKey(rt.ctx, who, pay.CredentialID(c.ID)); err != nil {
		return missing(err, "credential", c.ID)
	}
	if rt.cli.JSON {
		return rt.printJSON(map[string]string{"id": c.ID, "state": "revoked"})
	}
	_, err = fmt.Fprintln(rt.out, c.ID+" is revoked")
	return err
}

// missing names what was not found.
func missing(err error, what, id string) error {
	if pay.KindOf(err) == pay.NotFound {
		return fmt.Errorf("there is no %s %q", what, id)
	}
	return err
}
