package payroc

import (
	"net/http"
	"regexp"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// tokenLife is what the provider's answers say (sheet 2).
const tokenLife = time.Hour

const maxAPIKey = 500 // characters

// tokenOut is the answer of POST /authorize.
type tokenOut struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
	TokenType   string `json:"token_type"`
}

// authorize trades an API key for a bearer token. A body is never read: some
// clients send none and some an empty credential. Earlier tokens stay good.
func (d *payroc) authorize(w http.ResponseWriter, r *http.Request) error {
	key := r.Header.Get("X-Api-Key")
	if key == "" || len(key) > maxAPIKey {
		return pay.ErrUnauthorized
	}
	grants, err := d.core.Grants(r.Context(), name, key)
	if err != nil {
		return err
	}
	grant, ok := core.Choose(grants, key)
	if !ok {
		return pay.ErrUnauthorized
	}
	token, _, err := d.core.IssueToken(r.Context(), grant, name, tokenLife)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, tokenOut{
		AccessToken: token, ExpiresIn: int64(tokenLife / time.Second), Scope: "payment-links payments", TokenType: "Bearer",
	})
}

// Authenticate says who calls: for the terminal that the path names, or for
// the first of the key's where it names none.
func (d *payroc) Authenticate(r *http.Request) (pay.Caller, error) {
	grants, err := d.grants(r)
	if err != nil {
		return pay.Caller{}, err
	}
	if terminal := r.PathValue("terminal"); terminal != "" {
		grants = ofTerminal(grants, terminal)
	}
	if len(grants) == 0 {
		return pay.Caller{}, pay.ErrNotFound
	}
	return caller(grants[0], r), nil
}

// grants are the terminals that the bearer token acts for.
func (d *payroc) grants(r *http.Request) ([]core.Grant, error) {
	token := web.Bearer(r)
	if token == "" {
		return nil, pay.ErrUnauthorized
	}
	grants, err := d.core.TokenGrants(r.Context(), name, token)
	if err == nil && len(grants) == 0 {
		err = pay.ErrUnauthorized
	}
	return grants, err
}

func ofTerminal(grants []core.Grant, terminal string) (list []core.Grant) {
	for _, g := range grants {
		if g.External == terminal {
			list = append(list, g)
		}
	}
	return list
}

// caller is who acts under a grant. Idempotency keys are unique within the
// account: all of the merchant's keys and terminals together (sheet 10).
func caller(g core.Grant, r *http.Request) pay.Caller {
	who := g.Caller(name, web.RequestID(r))
	who.Scope = name
	return who
}

// ourToken is the form of the tokens that core issues: 32 bytes in base64url.
var ourToken = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// HasCredential knows an API key, our tokens, and any Bearer that the
// provider's own clients send.
func (d *payroc) HasCredential(r *http.Request) bool {
	token := web.Bearer(r)
	return r.Header.Get("X-Api-Key") != "" || ourToken.MatchString(token) || token != "" && r.Header.Get("X-Fern-Language") != ""
}
