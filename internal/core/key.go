package core

import (
	"context"
	"strconv"
	"time"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// KeyInfo is what may be told of a credential: never its secret.
type KeyInfo struct {
	ID        pay.CredentialID
	API       string // the dialect it speaks
	Last4     string // of the secret
	External  string // the dialect's own name of the tenant
	CreatedAt time.Time
	RevokedAt time.Time // zero: it is good
}

// CreateKey makes another native key for the caller's tenant. Its secret is
// in the answer and nowhere else. Errors: pay.ErrNotFound (no such tenant).
func (c *Core) CreateKey(ctx context.Context, who pay.Caller) (id pay.CredentialID, key string, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Merchant(ctx, who.Tenant); err != nil {
			return err
		}
		made, _ := c.makeKey(who.Tenant, ProvisionKey{API: "native"})
		cred, err := c.nativeCredential(who.Tenant, made.Secret, tx.Now())
		if err != nil {
			return err
		}
		id, key = cred.ID, made.Secret
		return tx.InsertCredential(ctx, cred)
	})
	return id, key, err
}

// Keys lists the tenant's credentials in every dialect, oldest first.
func (c *Core) Keys(ctx context.Context, who pay.Caller) (list []KeyInfo, err error) {
	found, err := c.store.Credentials(ctx, who.Tenant, "")
	for _, k := range found {
		list = append(list, KeyInfo{k.ID, k.Dialect, k.Last4, k.External, k.CreatedAt, k.RevokedAt})
	}
	return list, err
}

// RevokeKey ends a credential of the tenant for good, and every token that it
// was given. Errors: pay.ErrNotFound, also when it was revoked before.
func (c *Core) RevokeKey(ctx context.Context, who pay.Caller, id pay.CredentialID) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.RevokeCredential(ctx, who.Tenant, id) })
}

// Tenants names every merchant and mode.
func (c *Core) Tenants(ctx context.Context) ([]pay.Tenant, error) { return c.store.Tenants(ctx) }

// FeedEnd is the cursor after the newest event of the tenant's feed.
func (c *Core) FeedEnd(ctx context.Context, who pay.Caller) (string, error) {
	for {
		if n, err := c.store.Number(ctx, who.Tenant); err != nil {
			return "", err
		} else if n == 0 {
			break
		}
	}
	last, err := c.store.FeedEnd(ctx, who.Tenant)
	return strconv.FormatInt(last, 36), err
}
