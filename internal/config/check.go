package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a small image has no zones of its own

	"paylink/internal/pay"
)

const (
	maxMerchants   = 10_000
	maxPerMerchant = 100 // keys, webhooks, hosts, origins, values: each
	maxText        = 500 // characters of any value
	minLiveSecret  = 16  // characters of a secret that guards real money (THREATS 13)
)

// checker gathers what is wrong and what has been seen.
type checker struct {
	bad     pay.Faults
	tenants map[string]bool
	secrets map[string]string // by API and lookup
}

func (f ProvisionFile) check() error {
	c := checker{tenants: map[string]bool{}, secrets: map[string]string{}}
	if len(f.Merchants) > maxMerchants {
		c.bad.Add("merchants", "too_many", fmt.Sprintf("must have at most %d entries", maxMerchants))
		return c.bad.Err()
	}
	for i, m := range f.Merchants {
		c.merchant(fmt.Sprintf("merchants[%d].", i), m)
	}
	return c.bad.Err()
}

func (c *checker) merchant(at string, m ProvisionMerchant) {
	if m.ID == "" || len(m.ID) > 40 || strings.Trim(m.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		c.bad.Add(at+"id", "invalid", "must be 1 to 40 of a-z, 0-9 and -")
	}
	if !pay.Mode(m.Mode).Valid() {
		c.bad.Add(at+"mode", "invalid", "must be test or live")
	}
	if tenant := m.ID + "/" + m.Mode; c.tenants[tenant] {
		c.bad.Add(at+"id", "duplicate", "is there twice in the same mode")
	} else {
		c.tenants[tenant] = true
	}
	if m.Name == "" || len(m.Name) > maxText {
		c.bad.Add(at+"name", "invalid", "must have 1 to 500 bytes")
	}
	if m.Country != "" && (len(m.Country) != 2 || strings.Trim(m.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		c.bad.Add(at+"country", "invalid", "must be two capitals of ISO 3166-1")
	}
	if len(m.Keys) > maxPerMerchant || len(m.Webhooks) > maxPerMerchant {
		c.bad.Add(strings.TrimSuffix(at, "."), "too_many", fmt.Sprintf("must have at most %d keys and as many webhooks", maxPerMerchant))
		return
	}
	for i, k := range m.Keys {
		c.key(fmt.Sprintf("%skeys[%d].", at, i), pay.Mode(m.Mode), k)
	}
	for i, w := range m.Webhooks {
		c.webhook(fmt.Sprintf("%swebhooks[%d].", at, i), pay.Mode(m.Mode), w)
	}
	c.settings(at+"settings.", m.Settings)
}

func (c *checker) key(at string, mode pay.Mode, k ProvisionKey) {
	own, ok := keyMembers[k.API]
	if !ok {
		c.bad.Add(at+"api", "invalid", "must be "+apis())
		return
	}
	for _, m := range k.members() {
		belongs := m.name == own.lookup || m.name == own.secret || m.name == own.external
		isSecret := m.name == own.secret
		switch {
		case m.value == "" && belongs && !isSecret && !(m.name == own.external && own.externalOptional):
			c.bad.Add(at+m.name, "required", "is needed")
		case m.value == "":
		case !belongs:
			c.bad.Add(at+m.name, "unknown", "is not a member of a key of this API")
		case len(m.value) > maxText || !visible(m.value):
			c.bad.Add(at+m.name, "invalid", "must be at most 500 visible ASCII characters")
		case isSecret && mode == pay.Live && len(m.value) < minLiveSecret:
			c.bad.Add(at+m.name, "too_short", "must have at least 16 characters in live mode")
		}
	}
	if k.API == "native" && k.NativeSecret != "" {
		rest, ok := strings.CutPrefix(k.NativeSecret, "paylink_"+string(mode)+"_sk_")
		if !ok || len(rest) < minLiveSecret || len(k.NativeSecret) > 255 {
			c.bad.Add(at+"secret", "invalid", "must be paylink_<mode>_sk_ and at least 16 characters, 255 in all")
		}
	}
	if k.API == "xfers" && k.APIKey != "" && !strings.HasPrefix(k.APIKey, string(mode)+"_") { // the key alone tells the mode
		c.bad.Add(at+"api_key", "invalid", "must begin with test_ or live_, as the merchant's mode is")
	}
	c.sameSecret(at+own.secret, k)
}

// sameSecret lets one credential serve several entries, but with one secret.
func (c *checker) sameSecret(path string, k ProvisionKey) {
	if k.Lookup() == "" || k.Secret() == "" {
		return
	}
	id := k.API + "/" + k.Lookup()
	if known, ok := c.secrets[id]; ok && known != k.Secret() {
		c.bad.Add(path, "conflict", "differs from that of the same credential in another entry")
	}
	c.secrets[id] = k.Secret()
}

func (c *checker) webhook(at string, mode pay.Mode, w ProvisionWebhook) {
	if _, ok := keyMembers[w.API]; !ok {
		c.bad.Add(at+"api", "invalid", "must be "+apis())
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || w.URL == "" || len(w.URL) > 2048 || !visible(w.URL) || u.Host == "" || u.User != nil ||
		u.Scheme != "https" && u.Scheme != "http":
		c.bad.Add(at+"url", "invalid", "must be an http:// or https:// URL without a user")
	case mode == pay.Live && u.Scheme != "https":
		c.bad.Add(at+"url", "invalid", "must begin with https:// in live mode")
	}
	switch {
	case w.Secret != "" && (len(w.Secret) > maxText || !visible(w.Secret)):
		c.bad.Add(at+"secret", "invalid", "must be at most 500 visible ASCII characters")
	case w.Secret != "" && mode == pay.Live && len(w.Secret) < minLiveSecret:
		c.bad.Add(at+"secret", "too_short", "must have at least 16 characters in live mode")
	}
	if w.API != "native" && w.API != "pinelabs" && len(w.Kinds) > 0 {
		c.bad.Add(at+"kinds", "unknown", "is for native and pinelabs endpoints only")
	}
	for i, kind := range w.Kinds {
		if !slices.Contains(pay.EventKinds, pay.EventKind(kind)) {
			c.bad.Add(fmt.Sprintf("%skinds[%d]", at, i), "invalid", "must be the name of an event")
		}
	}
}

func (c *checker) settings(at string, s ProvisionSettings) {
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
			c.bad.Add(at+"time_zone", "invalid", "must be an IANA time zone")
		}
	}
	if len(s.ReturnHosts) > maxPerMerchant || len(s.EmbedOrigins) > maxPerMerchant {
		c.bad.Add(strings.TrimSuffix(at, "."), "too_many", fmt.Sprintf("must have at most %d hosts and as many origins", maxPerMerchant))
		return
	}
	for i, host := range s.ReturnHosts {
		if !isHost(host) {
			c.bad.Add(fmt.Sprintf("%sreturn_hosts[%d]", at, i), "invalid", "must be a host name in lower case")
		}
	}
	for i, origin := range s.EmbedOrigins {
		if !isOrigin(origin) {
			c.bad.Add(fmt.Sprintf("%sembed_origins[%d]", at, i), "invalid", "must be https://HOST or http://HOST, with a port if wished")
		}
	}
	for dialect, values := range s.Dialects() {
		if len(values) > maxPerMerchant {
			c.bad.Add(at+dialect, "too_many", fmt.Sprintf("must have at most %d members", maxPerMerchant))
			continue
		}
		for name, value := range values {
			if !isName(name) {
				c.bad.Add(at+dialect, "invalid", "has a member whose name is not made of a-z, 0-9, _ and -")
			} else if len(value) > maxText {
				c.bad.Add(at+dialect+"."+name, "too_long", "must have at most 500 bytes")
			}
		}
	}
}

// isOrigin reports whether s is scheme and host alone, in the spelling that a
// browser sends.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && isHost(strings.Trim(u.Hostname(), "[]")) &&
		s == u.Scheme+"://"+u.Host && !strings.HasSuffix(u.Host, ":")
}

// apis are the names of all APIs, for messages.
func apis() string {
	var names []string
	for name := range keyMembers {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// visible reports whether s is visible ASCII throughout.
func visible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
