package core

import (
	"context"
	"errors"
	"time"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// Grant is one tenant a credential acts for.
type Grant struct {
	Tenant     pay.Tenant
	Credential pay.CredentialID
	External   string // the dialect's own name of the tenant
	Secret     string // opened; to compare in constant time
	Scope      string // the same for all grants of one credential
}

// Caller is who acts under the grant.
func (g Grant) Caller(dialect, requestID string) pay.Caller {
	return pay.Caller{Tenant: g.Tenant, Credential: g.Credential, Dialect: dialect, Account: g.External, Scope: g.Scope, RequestID: requestID}
}

// AuthenticateKey says whose native API key this is. An unknown key costs the
// same work as a known one. Errors: pay.ErrUnauthorized.
func (c *Core) AuthenticateKey(ctx context.Context, key, requestID string) (who pay.Caller, err error) {
	parsed, parseErr := auth.ParseKey(key)
	found, err := c.store.Locate(ctx, "key:native", auth.LookupHash("native", parsed.ID))
	if err != nil {
		return who, err
	}
	hash, t, id := "", pay.Tenant{}, pay.CredentialID("")
	if len(found) == 1 {
		cred, err := c.store.Credential(ctx, found[0].Tenant, pay.CredentialID(found[0].Ref))
		if ignoreMissing(err) != nil {
			return who, err
		}
		hash, t, id = cred.Hash, cred.Tenant, cred.ID
	}
	if !c.keys.Equal(parsed.Secret, hash) || parseErr != nil || id == "" || t.Mode != parsed.Mode || parsed.Kind != auth.SecretKey {
		return who, pay.ErrUnauthorized
	}
	return pay.Caller{Tenant: t, Credential: id, Dialect: "native", RequestID: requestID}, nil
}

// Grants are what a dialect's credential may act for; empty when unknown.
func (c *Core) Grants(ctx context.Context, dialect, lookup string) (grants []Grant, err error) {
	return c.grants(ctx, dialect, auth.LookupHash(dialect, lookup))
}

func (c *Core) grants(ctx context.Context, dialect, hash string) (grants []Grant, err error) {
	found, err := c.store.Locate(ctx, "key:"+dialect, hash)
	for _, f := range found {
		cred, err := c.store.Credential(ctx, f.Tenant, pay.CredentialID(f.Ref))
		if errors.Is(err, pay.ErrNotFound) {
			continue // revoked
		}
		if err != nil {
			return nil, err
		}
		grants = append(grants, Grant{cred.Tenant, cred.ID, cred.External, cred.Secret, hash})
	}
	return grants, err
}

// Choose is the first grant with this secret. A credential that is unknown, and
// so has no grants, costs a comparison as well.
func Choose(grants []Grant, secret string) (chosen Grant, ok bool) {
	for _, g := range append(grants[:len(grants):len(grants)], Grant{}) {
		if auth.Equal(g.Secret, secret) && g.Secret != "" && !ok {
			chosen, ok = g, true
		}
	}
	return chosen, ok
}

// maxTokenLife bounds short-lived tokens (THREATS 5).
const maxTokenLife = time.Hour

// IssueToken makes a bearer token for a grant; earlier ones stay good.
func (c *Core) IssueToken(ctx context.Context, g Grant, dialect string, life time.Duration) (token string, expires time.Time, err error) {
	token = auth.NewBearer()
	expires = c.store.Now().Add(min(life, maxTokenLife))
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.AddLocator(ctx, "bearer:"+dialect, auth.LookupHash("bearer", token), store.Locator{Tenant: g.Tenant, Ref: string(g.Credential)}, expires)
	})
	return token, expires, err
}

// AuthenticateToken says whose bearer token this is; it dies with its credential.
// Errors: pay.ErrUnauthorized.
func (c *Core) AuthenticateToken(ctx context.Context, dialect, token, requestID string) (who pay.Caller, err error) {
	found, err := c.store.Locate(ctx, "bearer:"+dialect, auth.LookupHash("bearer", token))
	if err != nil {
		return who, err
	}
	if len(found) != 1 {
		return who, pay.ErrUnauthorized
	}
	cred, err := c.store.Credential(ctx, found[0].Tenant, pay.CredentialID(found[0].Ref))
	if errors.Is(err, pay.ErrNotFound) {
		return who, pay.ErrUnauthorized
	}
	return pay.Caller{Tenant: cred.Tenant, Credential: cred.ID, Dialect: dialect, Account: cred.External, Scope: cred.Lookup, RequestID: requestID}, err
}

// TokenGrants are all grants of the credential that a token was issued to.
// Errors: pay.ErrUnauthorized.
func (c *Core) TokenGrants(ctx context.Context, dialect, token string) ([]Grant, error) {
	found, err := c.store.Locate(ctx, "bearer:"+dialect, auth.LookupHash("bearer", token))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, pay.ErrUnauthorized
	}
	cred, err := c.store.Credential(ctx, found[0].Tenant, pay.CredentialID(found[0].Ref))
	if errors.Is(err, pay.ErrNotFound) {
		return nil, pay.ErrUnauthorized
	}
	if err != nil {
		return nil, err
	}
	return c.grants(ctx, dialect, cred.Lookup)
}

// DialectSecret is the secret of a tenant's first credential in a dialect; ""
// when it has none.
func (c *Core) DialectSecret(ctx context.Context, t pay.Tenant, dialect string) (string, error) {
	list, err := c.store.Credentials(ctx, t, dialect)
	for _, cred := range list {
		if cred.RevokedAt.IsZero() {
			return cred.Secret, err
		}
	}
	return "", err
}
