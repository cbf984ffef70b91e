package pinelabs

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"regexp"
	"strings"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// tokenLife must not be shorter: the official MCP client keeps a token for
// 3000 s without looking at the answer (sheet 2).
const tokenLife = time.Hour

const maxCredential = 200 // characters of a client id or secret

// tokenIn is the body of POST /api/auth/v1/token.
type tokenIn struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	GrantType    string `json:"grant_type"`
}

// tokenOut has both forms of the end: clients read either one.
type tokenOut struct {
	AccessToken string `json:"access_token"`
	ExpiresAt   string `json:"expires_at"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

func (in tokenIn) check() error {
	var bad pay.Faults
	if in.ClientID == "" || len(in.ClientID) > maxCredential {
		bad.Add("client_id", "required", "is required")
	}
	if in.ClientSecret == "" || len(in.ClientSecret) > maxCredential {
		bad.Add("client_secret", "required", "is required")
	}
	if in.GrantType != "client_credentials" {
		bad.Add("grant_type", "invalid", "must be client_credentials")
	}
	return bad.Err()
}

// token trades a client id and secret for a bearer token. Tokens issued before
// stay good: some clients ask for one before every call.
func (d *pinelabs) token(w http.ResponseWriter, r *http.Request) error {
	var in tokenIn
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	grants, err := d.core.Grants(r.Context(), name, in.ClientID)
	if err != nil {
		return err
	}
	grant, ok := choose(grants, in.ClientSecret)
	if !ok {
		return pay.ErrUnauthorized
	}
	token, expires, err := d.core.IssueToken(r.Context(), grant, name, tokenLife)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, tokenOut{
		AccessToken: token,
		ExpiresAt:   expires.UTC().Format("2006-01-02T15:04:05.000000Z"),
		ExpiresIn:   int64(tokenLife / time.Second),
	})
}

// choose is the first grant with this secret. An unknown id costs a comparison
// as well.
func choose(grants []core.Grant, secret string) (core.Grant, bool) {
	given := sha256.Sum256([]byte(secret))
	found := -1
	for i, g := range append(grants[:len(grants):len(grants)], core.Grant{}) {
		want := sha256.Sum256([]byte(g.Secret))
		same := subtle.ConstantTimeCompare(given[:], want[:]) == 1
		if same && g.Secret != "" && found < 0 {
			found = i
		}
	}
	if found < 0 {
		return core.Grant{}, false
	}
	return grants[found], true
}

// Authenticate asks core for the caller of a bearer token. The headers
// Merchant-ID, Request-ID and Request-Timestamp decide nothing (sheet 3).
func (d *pinelabs) Authenticate(r *http.Request) (pay.Caller, error) {
	token := bearer(r)
	if token == "" {
		return pay.Caller{}, pay.ErrUnauthorized
	}
	return d.core.AuthenticateToken(r.Context(), name, token, web.RequestID(r))
}

// bearer is the token in "Authorization: Bearer …", "" without one.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// ourToken is the form of the tokens that core issues: 32 bytes in base64url.
var ourToken = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// HasCredential knows our tokens, and the provider's header beside any Bearer.
func (d *pinelabs) HasCredential(r *http.Request) bool {
	token := bearer(r)
	return ourToken.MatchString(token) || token != "" && r.Header.Get("Request-Timestamp") != ""
}
