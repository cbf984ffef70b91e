package core

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// Provision makes merchants, credentials and webhook endpoints exist with
// exactly these values; applying it twice changes nothing.
type Provision struct{ Merchants []ProvisionMerchant }

// ProvisionMerchant is one merchant in one mode.
type ProvisionMerchant struct {
	ID, Name, Country string
	Mode              pay.Mode
	Settings          pay.Settings
	Demo              bool
	Keys              []ProvisionKey
	Webhooks          []ProvisionWebhook
}

// ProvisionKey is one credential. An empty Secret is made and shown once.
type ProvisionKey struct {
	API      string // a dialect's name
	Lookup   string // what the wire names it by; empty on native: in the key itself
	Secret   string
	External string // the dialect's own name of the tenant
}

// ProvisionWebhook is one endpoint.
type ProvisionWebhook struct {
	API, URL, Secret string
	Kinds            []pay.EventKind
}

// MadeSecret is a secret that was made, to be shown once.
type MadeSecret struct {
	Merchant pay.MerchantID
	Mode     pay.Mode
	API      string
	Name     string // "key", "client_id", "client_secret", "webhook secret"
	Value    string
}

// Provision applies a provision in one transaction and returns what was made.
// Errors: Invalid, naming the entry; credential_conflict.
func (c *Core) Provision(ctx context.Context, p Provision) (made []MadeSecret, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		made = nil
		for i, m := range p.Merchants {
			t := pay.Tenant{Merchant: pay.MerchantID(m.ID), Mode: m.Mode}
			if err := tx.PutMerchant(ctx, pay.Merchant{Tenant: t, Name: m.Name, Country: m.Country, Settings: m.Settings, Demo: m.Demo}); err != nil {
				return err
			}
			for j, k := range m.Keys {
				secrets, err := c.provisionKey(ctx, tx, t, k)
				if err != nil {
					return fmt.Errorf("merchants[%d].keys[%d]: %w", i, j, err)
				}
				made = append(made, secrets...)
			}
			for j, w := range m.Webhooks {
				secrets, err := c.provisionWebhook(ctx, tx, t, w)
				if err != nil {
					return fmt.Errorf("merchants[%d].webhooks[%d]: %w", i, j, err)
				}
				made = append(made, secrets...)
			}
		}
		return nil
	})
	return made, err
}

func (c *Core) provisionKey(ctx context.Context, tx *store.Tx, t pay.Tenant, k ProvisionKey) (made []MadeSecret, err error) {
	have, err := tx.Credentials(ctx, t, k.API)
	if err != nil {
		return nil, err
	}
	if k.Secret == "" && len(have) > 0 && (k.Lookup == "" || have[0].Lookup == auth.LookupHash(k.API, k.Lookup)) {
		return nil, nil // made by an earlier run
	}
	if k.Secret == "" {
		k, made = c.makeKey(t, k)
	}
	cred := store.Credential{
		Tenant: t, ID: pay.CredentialID(pay.NewID("key", tx.Now())), Dialect: k.API, External: k.External,
		Lookup: auth.LookupHash(k.API, k.Lookup), Hash: c.keys.Hash(k.Secret), Last4: k.Secret[max(len(k.Secret)-4, 0):],
		Secret: k.Secret, // recomputed with: signatures of returns and webhooks
	}
	if k.API == "native" {
		if cred, err = c.nativeCredential(t, k.Secret, tx.Now()); err != nil {
			return nil, err
		}
	}
	for _, old := range have {
		if old.Lookup == cred.Lookup && old.External == cred.External {
			if !auth.Equal(old.Hash, cred.Hash) {
				return nil, &pay.Error{Kind: pay.Conflict, Code: "credential_conflict", Detail: "the credential exists with another secret"}
			}
			return nil, nil
		}
	}
	return made, tx.InsertCredential(ctx, cred)
}

// nativeCredential is the credential of a native key, which is kept as a hash.
// Errors: pay.ErrUnauthorized when it cannot be a key, wrong_mode, wrong_kind.
func (c *Core) nativeCredential(t pay.Tenant, key string, now time.Time) (store.Credential, error) {
	parsed, err := auth.ParseKey(key)
	if err != nil {
		return store.Credential{}, err
	}
	if parsed.Mode != t.Mode {
		return store.Credential{}, &pay.Error{Kind: pay.Invalid, Code: "wrong_mode", Detail: "the key's mode is not the entry's"}
	}
	if parsed.Kind != auth.SecretKey {
		return store.Credential{}, &pay.Error{Kind: pay.Invalid, Code: "wrong_kind", Detail: "only secret keys (sk) are known yet: another kind would have all their rights"}
	}
	return store.Credential{
		Tenant: t, ID: pay.CredentialID(pay.NewID("key", now)), Dialect: "native",
		Lookup: auth.LookupHash("native", parsed.ID), Hash: c.keys.Hash(parsed.Secret), Last4: key[len(key)-4:],
	}, nil
}

// makeKey draws a credential in the form the dialect's clients expect.
func (c *Core) makeKey(t pay.Tenant, k ProvisionKey) (ProvisionKey, []MadeSecret) {
	one := func(name, value string) MadeSecret { return MadeSecret{t.Merchant, t.Mode, k.API, name, value} }
	if k.API == "native" {
		k.Secret = auth.NewKey(t.Mode)
		return k, []MadeSecret{one("key", k.Secret)}
	}
	if k.API == "payengine" || k.API == "payroc" { // one value names and proves
		k.Secret = auth.NewSecret(32)
		k.Lookup = k.Secret
		return k, []MadeSecret{one("key", k.Secret)}
	}
	var made []MadeSecret
	if k.Lookup == "" {
		id := auth.NewSecret(16)
		k.Lookup = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
		made = append(made, one("client_id", k.Lookup))
	}
	k.Secret = auth.NewSecret(16)
	return k, append(made, one("client_secret", k.Secret))
}

func (c *Core) provisionWebhook(ctx context.Context, tx *store.Tx, t pay.Tenant, w ProvisionWebhook) (made []MadeSecret, err error) {
	url, err := c.checkURL(w.URL, t.Mode == pay.Live)
	if err != nil {
		return nil, &pay.Error{Kind: pay.Invalid, Code: "invalid_url", Detail: err.Error(), Err: err}
	}
	have, err := tx.Endpoints(ctx, t)
	if err != nil {
		return nil, err
	}
	now := tx.Now()
	e := pay.Endpoint{Tenant: t, ID: pay.EndpointID(pay.NewID("we", now)), Dialect: w.API, URL: url, Kinds: w.Kinds, Enabled: true, CreatedAt: now}
	for _, old := range have {
		other := w.API == "pinelabs" && !slices.Equal(old.Kinds, w.Kinds) // there an address may have an endpoint for each subscription
		if old.Dialect == w.API && old.URL == url && !other {
			if w.Secret == "" || len(old.Secrets) > 0 && old.Secrets[0].Value == w.Secret {
				return nil, nil
			}
			e = old
		}
	}
	if w.Secret == "" {
		if w.Secret, err = c.webhookSecret(ctx, tx, t, w.API); err != nil {
			return nil, err
		}
		made = append(made, MadeSecret{t.Merchant, t.Mode, w.API, "webhook secret", w.Secret})
	}
	e.Secrets = []pay.Secret{{Value: w.Secret}}
	return made, tx.PutEndpoint(ctx, e)
}

// webhookSecret is a new one where endpoints have their own, else the credential's secret:
// its text, or that in Base64 where the dialect's receivers compute with it.
func (c *Core) webhookSecret(ctx context.Context, tx *store.Tx, t pay.Tenant, api string) (string, error) {
	switch api {
	case "native":
		return auth.NewWebhookSecret(), nil
	case "payengine": // each endpoint has a secret of its own
		return auth.NewSecret(32), nil
	}
	list, err := tx.Credentials(ctx, t, api)
	if err != nil {
		return "", err
	}
	for _, cred := range list {
		if cred.Secret != "" && api != "pinelabs" {
			return cred.Secret, nil
		}
		if cred.Secret != "" {
			return base64.StdEncoding.EncodeToString([]byte(cred.Secret)), nil
		}
	}
	return "", &pay.Error{Kind: pay.Invalid, Code: "no_credential", Detail: "a webhook without a secret needs a credential of the same api before it"}
}

// SettingKeys names the installation's keyset in the settings.
const SettingKeys = "keys"

// OpenKeys reads the keyset that is kept, wrapped, in the database, and makes
// it on first start. Two nodes that start at once end with the same one.
// Errors: when the wrapping key is not the one it was wrapped with.
func OpenKeys(ctx context.Context, s *store.Store, wrappingKey []byte) (*auth.Keys, error) {
	blob, err := s.Setting(ctx, pay.Tenant{}, SettingKeys)
	if errors.Is(err, pay.ErrNotFound) {
		fresh, err := auth.NewKeys()
		if err != nil {
			return nil, err
		}
		wrapped, err := auth.Wrap(fresh, wrappingKey)
		if err != nil {
			return nil, err
		}
		if err := s.InTx(ctx, func(tx *store.Tx) error {
			_, err := tx.AddSetting(ctx, pay.Tenant{}, SettingKeys, wrapped)
			return err
		}); err != nil {
			return nil, err
		}
		blob, err = s.Setting(ctx, pay.Tenant{}, SettingKeys)
		if err != nil {
			return nil, err
		}
		return auth.Unwrap(blob, wrappingKey)
	}
	if err != nil {
		return nil, err
	}
	return auth.Unwrap(blob, wrappingKey)
}

// Empty reports that no merchant exists yet: a first start.
func (c *Core) Empty(ctx context.Context) (bool, error) {
	tenants, err := c.store.Tenants(ctx)
	return len(tenants) == 0, err
}
