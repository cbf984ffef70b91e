package api

import (
	"net/http"
	"time"

	"paylink/internal/pay"
	"paylink/internal/web"
)

type accountOut struct {
	ID           pay.MerchantID   `json:"id"`
	Object       string           `json:"object"`
	Mode         pay.Mode         `json:"mode"`
	Name         string           `json:"name"`
	Country      *string          `json:"country"`
	TimeZone     string           `json:"time_zone"`
	ReturnHosts  []string         `json:"return_hosts"`
	EmbedOrigins []string         `json:"embed_origins"`
	KeyID        pay.CredentialID `json:"key_id"`
	CreatedAt    time.Time        `json:"created_at"`
}

func (a *API) account(w http.ResponseWriter, r request) error {
	m, err := a.core.Merchant(r.Context(), r.who.Tenant)
	if err != nil {
		return err
	}
	zone := m.Settings.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return web.JSON(w, http.StatusOK, accountOut{
		ID: m.Merchant, Object: "account", Mode: m.Mode, Name: m.Name, Country: optional(m.Country), TimeZone: zone,
		ReturnHosts: m.Settings.ReturnHosts, EmbedOrigins: m.Settings.EmbedOrigins,
		KeyID: r.who.Credential, CreatedAt: m.CreatedAt.UTC(),
	})
}

// callback takes what a processor tells. Core verifies it on the raw bytes
// before anything is parsed.
func (a *API) callback(w http.ResponseWriter, r *http.Request) error {
	t := pay.Tenant{Merchant: pay.MerchantID(r.PathValue("merchant")), Mode: pay.Mode(r.PathValue("mode"))}
	if !t.Mode.Valid() {
		return pay.ErrNotFound
	}
	raw, err := web.Body(r)
	if err != nil {
		return err
	}
	if err := a.core.Callback(r.Context(), r.PathValue("processor"), t, r.Header, raw); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
