package core

import (
	"context"
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
	found, err := c.store.Located(ctx, "key:native", auth.LookupHash("native", parsed.ID))
	if err != nil {
		return who, err
	}
	cred, known := only(found)
	if !c.keys.Equal(parsed.Secret, cred.Hash) || parseErr != nil || !known || cred.Mode != parsed.Mode || parsed.Kind != auth.SecretKey {
		return who, pay.ErrUnauthorized
	}
	return pay.Caller{Tenant: cred.Tenant, Credential: cred.ID, Dialect: "native", RequestID: requestID}, nil
}

// only is the one credential that was found; ok is false when there is none or
// another besides, and when it is revoked.
func only(found []store.Credential) (cred store.Credential, ok bool) {
	if len(found) != 1 || !found[0].RevokedAt.IsZero() {
		return cred, false
	}
	return found[0], true
}

// Grants are what a dialect's credential may act for; empty when unknown.
func (c *Core) Grants(ctx context.Context, dialect, lookup string) (grants []Grant, err error) {
	return c.grants(ctx, dialect, auth.LookupHash(dialect, lookup))
}

func (c *Core) grants(ctx context.Context, dialect, hash string) (grants []Grant, err error) {
	found, err := c.store.Located(ctx, "key:"+dialect, hash)
	for _, cred := range found {
		if cred.RevokedAt.IsZero() {
			grants = append(grants, Grant{cred.Tenant, cred.ID, cred.External, cred.Secret, hash})
		}
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
	cred, err := c.tokenCredential(ctx, dialect, token)
	if err != nil {
		return who, err
	}
	return pay.Caller{Tenant: cred.Tenant, Credential: cred.ID, Dialect: dialect, Account: cred.External, Scope: cred.Lookup, RequestID: requestID}, nil
}

func (c *Core) tokenCredential(ctx context.Context, dialect, token string) (cred store.Credential, err error) {
	found, err := c.store.Located(ctx, "bearer:"+dialect, auth.LookupHash("bearer", token))
	if err != nil {
		return cred, err
	}
	cred, ok := only(found)
	if !ok {
		return cred, pay.ErrUnauthorized
	}
	return cred, nil
}

// TokenGrants are all grants of the credential that a token was issued to.
// Errors: pay.ErrUnauthorized.
func (c *Core) TokenGrants(ctx context.Context, dialect, token string) ([]Grant, error) {
	cred, err := c.tokenCredential(ctx, dialect, token)
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
