package core

import (
	"context"
	"errors"
	"time"

	"paylink/internal/auth"
	"paylink/internal/pay"
	"paylink/internal/store"
)

// CreateLink asks for a link. Link holds what the caller may set; the rest is
// filled in here.
type CreateLink struct {
	Key         string // idempotency key, may be empty
	Fingerprint string // of the request, made by the edge
	Link        pay.Link
	WireID      func(id pay.LinkID, token string, now time.Time) string // nil: none
	ReuseRef    bool                                                    // a repeated UniqueRef gives the existing link whatever the content
	Claims      []Claim                                                 // names that no other link may have
	Shares      []pay.Share                                             // wishes to send it, stored with it
	Hooks       []Hook                                                  // endpoints that hear of this link only
	Refuse      error                                                   // what the edge found wrong; told unless Key has an answer already
}

// Claim is a name that only one link may have in the whole installation, and
// the error when another has it.
type Claim struct {
	Kind  string // "slug:test"
	Value string
	Taken error
}

// Hook is a webhook endpoint for one link.
type Hook struct {
	URL    string
	Kinds  []pay.EventKind
	Secret string
}

// Created is the answer to CreateLink.
type Created struct {
	Link     pay.Link
	First    bool // made by this call
	Replayed bool // the answer of an earlier call with the same key
}

// idAttempts bounds how often a taken id is drawn anew.
const idAttempts = 8

// errIDTaken makes CreateLink draw another id.
var errIDTaken = errors.New("the id is taken")

// CreateLink opens a payment link for the caller's merchant.
// Errors: Invalid with every field at fault, pay.ErrKeyReused, pay.ErrReference,
// card_data_not_accepted.
func (c *Core) CreateLink(ctx context.Context, who pay.Caller, cmd CreateLink) (out Created, err error) {
	for range idAttempts {
		if out, err = c.createLink(ctx, who, cmd); !errors.Is(err, errIDTaken) {
			break
		}
	}
	return out, err
}

func (c *Core) createLink(ctx context.Context, who pay.Caller, cmd CreateLink) (out Created, err error) {
	now := c.store.Now()
	tab := pay.Tab{Link: cmd.Link, Now: now, Actor: who.Actor(), RequestID: who.RequestID}
	l := &tab.Link
	l.Tenant, l.Dialect, l.Account, l.ID, l.Token = who.Tenant, who.Dialect, who.Account, pay.NewLinkID(now), pay.NewToken()
	l.Version, l.CreatedAt, l.UpdatedAt, l.RefPrint = 1, now, now, ""
	if l.UniqueRef != "" {
		l.RefPrint = cmd.Fingerprint
	}
	l.StartsAt, l.ExpiresAt = l.StartsAt.Truncate(time.Microsecond), l.ExpiresAt.Truncate(time.Microsecond) // as stored
	if cmd.WireID != nil {
		l.WireID = cmd.WireID(l.ID, l.Token, now)
	}
	invalid := cmd.Refuse
	if invalid == nil {
		invalid = l.Validate(now)
	}
	if invalid == nil {
		invalid = c.checkReturns(ctx, l)
	}
	if invalid == nil {
		tab.Open()
	}
	if invalid == nil {
		invalid = c.prepareShares(l, cmd.Shares, now)
	}
	use := keyUse(who, cmd.Key, cmd.Fingerprint, l.ID)
	use.Seq = 1
	var first store.KeyUse
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		out = Created{First: true}
		var fresh bool
		if first, fresh, err = useKey(ctx, tx, use); err != nil {
			return err
		}
		if !fresh {
			out = Created{Replayed: true}
			return nil
		}
		if invalid != nil {
			return invalid
		}
		return c.insertLink(ctx, tx, &tab, cmd, use, &out)
	})
	if err != nil {
		return out, err
	}
	if out.Replayed {
		e, err := c.store.Event(ctx, who.Tenant, first.Link, first.Seq)
		out.Link = e.Snapshot.Link
		return out, err
	}
	if out.First {
		out.Link = tab.Link
	}
	return out, nil
}

// insertLink stores the tab, or finds the link whose unique reference it repeats.
func (c *Core) insertLink(ctx context.Context, tx *store.Tx, tab *pay.Tab, cmd CreateLink, use store.KeyUse, out *Created) error {
	l := tab.Link
	stored, err := tx.CreateTab(ctx, tab)
	if err != nil {
		return err
	}
	if !stored {
		if l.UniqueRef == "" {
			return errIDTaken
		}
		old, err := tx.LinkByUniqueRef(ctx, l.Tenant, l.Dialect, l.UniqueRef)
		if errors.Is(err, pay.ErrNotFound) {
			return errIDTaken
		}
		if err != nil {
			return err
		}
		if !cmd.ReuseRef && old.RefPrint != l.RefPrint {
			return pay.ErrReference
		}
		use.Link, use.Seq = old.ID, old.Seq
		old.State = old.At(tx.Now())
		*out = Created{Link: old}
		return tx.PointKey(ctx, use)
	}
	if err := tx.AddLocator(ctx, "token", auth.LookupHash("token", l.Token), locator(l), time.Time{}); err != nil {
		return err
	}
	if err := c.claim(ctx, tx, l, cmd.Claims); err != nil {
		return err
	}
	for _, s := range cmd.Shares {
		if err := tx.InsertShare(ctx, l.Tenant, s, c.find); err != nil {
			return err
		}
	}
	return c.putHooks(ctx, tx, l, cmd.Hooks)
}

// useKey takes an idempotency key, or finds what its first use made: then fresh
// is false. A request that is refused takes none, for its transaction is undone,
// but it may repeat one that was valid. An empty key is always fresh.
func useKey(ctx context.Context, tx *store.Tx, use store.KeyUse) (first store.KeyUse, fresh bool, err error) {
	if use.Key == "" {
		return use, true, nil
	}
	return tx.TakeKey(ctx, use)
}

// keyUse is what an idempotency key of the caller stands for.
func keyUse(who pay.Caller, key, fingerprint string, id pay.LinkID) store.KeyUse {
	scope := who.Credential
	if who.Scope != "" {
		scope = pay.CredentialID(who.Scope)
	}
	return store.KeyUse{Tenant: who.Tenant, Credential: scope, Dialect: who.Dialect, Key: key, Fingerprint: fingerprint, Link: id}
}

func locator(l pay.Link) store.Locator { return store.Locator{Tenant: l.Tenant, Ref: string(l.ID)} }

// claim takes names for a link; one that it has already is no error.
func (c *Core) claim(ctx context.Context, tx *store.Tx, l pay.Link, claims []Claim) error {
	for _, name := range claims {
		ours, err := tx.Claim(ctx, name.Kind, auth.LookupHash(name.Kind, name.Value), locator(l))
		if err != nil {
			return err
		}
		if !ours {
			return name.Taken
		}
	}
	return nil
}

// putHooks makes endpoints exist that hear of one link only.
func (c *Core) putHooks(ctx context.Context, tx *store.Tx, l pay.Link, hooks []Hook) error {
	for _, h := range hooks {
		secrets := []pay.Secret{{Value: h.Secret}}
		e := pay.Endpoint{
			Tenant: l.Tenant, ID: pay.EndpointID(pay.NewID("we", tx.Now())), Dialect: l.Dialect, URL: h.URL, Kinds: h.Kinds, Link: l.ID,
			Enabled: true, Secrets: secrets, CreatedAt: tx.Now(),
		}
		if err := tx.PutEndpoint(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// checkReturns holds the return addresses against the merchant's list.
func (c *Core) checkReturns(ctx context.Context, l *pay.Link) error {
	if l.Page == (pay.Page{}) || l.Page == (pay.Page{DisplayName: l.Page.DisplayName}) {
		return nil
	}
	m, err := c.store.Merchant(ctx, l.Tenant)
	if err != nil {
		return err
	}
	return l.Page.CheckHosts(m.Settings.ReturnHosts)
}

// LinkView is a link with its payments.
type LinkView struct {
	Link     pay.Link // State is as the clock has made it
	Payments []pay.Payment
}

// Link reads a link of the caller. A dialect sees only its own.
// Errors: pay.ErrNotFound.
func (c *Core) Link(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	tab, err := c.store.Tab(ctx, who.Tenant, id)
	if err == nil && !sees(who, tab.Link) {
		err = pay.ErrNotFound
	}
	if err != nil {
		return LinkView{}, err
	}
	tab.Link.State = tab.Link.At(c.store.Now())
	return LinkView{tab.Link, tab.Payments}, nil
}

func sees(who pay.Caller, l pay.Link) bool {
	return who.Dialect == "native" || who.Dialect == l.Dialect
}

// LinkByWireID reads the link that the caller's dialect calls wireID.
func (c *Core) LinkByWireID(ctx context.Context, who pay.Caller, wireID string) (LinkView, error) {
	l, err := c.store.LinkByWireID(ctx, who.Tenant, who.Dialect, wireID)
	if err != nil {
		return LinkView{}, err
	}
	return c.Link(ctx, who, l.ID)
}

// LinkByUniqueRef reads the link with a unique reference in the caller's dialect.
func (c *Core) LinkByUniqueRef(ctx context.Context, who pay.Caller, ref string) (LinkView, error) {
	l, err := c.store.LinkByUniqueRef(ctx, who.Tenant, who.Dialect, ref)
	if err != nil {
		return LinkView{}, err
	}
	return c.Link(ctx, who, l.ID)
}

// LinkByClaim reads the caller's link that has a name which is unique in the
// whole installation. Errors: pay.ErrNotFound.
func (c *Core) LinkByClaim(ctx context.Context, who pay.Caller, name Claim) (LinkView, error) {
	found, err := c.store.Locate(ctx, name.Kind, auth.LookupHash(name.Kind, name.Value))
	if err != nil {
		return LinkView{}, err
	}
	if len(found) != 1 || found[0].Tenant != who.Tenant {
		return LinkView{}, pay.ErrNotFound
	}
	return c.Link(ctx, who, pay.LinkID(found[0].Ref))
}

// ClaimTenant is whose link has a name that is unique in the whole
// installation: for credentials that act for many tenants, to ask on as one of
// them. Errors: pay.ErrNotFound.
func (c *Core) ClaimTenant(ctx context.Context, name Claim) (pay.Tenant, error) {
	found, err := c.store.Locate(ctx, name.Kind, auth.LookupHash(name.Kind, name.Value))
	if err != nil {
		return pay.Tenant{}, err
	}
	if len(found) != 1 {
		return pay.Tenant{}, pay.ErrNotFound
	}
	return found[0].Tenant, nil
}

// TokenClaim is the name that every link has: its token.
func TokenClaim(token string) Claim { return Claim{Kind: "token", Value: token} }

// LinkFilter chooses links; zero members do not filter.
type LinkFilter struct {
	State       pay.LinkState
	Reference   string
	Text        string
	CreatedFrom time.Time
	CreatedTo   time.Time // exclusive
	After       string    // cursor
	Limit       int       // 1…100
}

// Links lists the caller's links, newest first; next is empty at the end.
// Errors: Invalid (cursor).
func (c *Core) Links(ctx context.Context, who pay.Caller, f LinkFilter) (links []pay.Link, next string, err error) {
	us, ids, err := parseCursor(f.After, 1)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.Limit)
	sf := store.LinkFilter{
		State: f.State, Reference: f.Reference, Text: f.Text, CreatedFrom: f.CreatedFrom, CreatedTo: f.CreatedTo,
		BeforeTime: time.UnixMicro(us), BeforeID: ids[0], Limit: size + 1,
	}
	if who.Dialect != "native" {
		sf.Dialect = who.Dialect
	}
	now := c.store.Now()
	links, err = c.store.Links(ctx, who.Tenant, now, sf)
	if err != nil {
		return nil, "", err
	}
	if len(links) > size {
		links = links[:size]
		next = cursor(links[size-1].CreatedAt, string(links[size-1].ID))
	}
	for i := range links {
		links[i].State = links[i].At(now)
	}
	return links, next, nil
}

// MoveLink is what a merchant does to a link as a whole.
type MoveLink struct {
	Key         string // idempotency key, may be empty
	Fingerprint string
	Replayed    func() // called when the answer is an earlier one again; may be nil
	Link        pay.LinkID
	Move        func(*pay.Tab) error // Cancel, Pause or Resume of a pay.Tab
}

// MoveLink cancels, pauses or resumes a link, at most once per key.
// Errors: pay.ErrNotFound, invalid_state, pay.ErrKeyReused.
func (c *Core) MoveLink(ctx context.Context, who pay.Caller, cmd MoveLink) (LinkView, error) {
	return c.once(ctx, who, keyed{cmd.Key, cmd.Fingerprint, cmd.Replayed}, cmd.Link, func(_ *store.Tx, tab *store.Held) error {
		if err := tab.Clock(); err != nil {
			return err
		}
		return cmd.Move(&tab.Tab)
	})
}

// CancelLink closes a link. Errors: pay.ErrNotFound, invalid_state.
func (c *Core) CancelLink(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	return c.MoveLink(ctx, who, MoveLink{Link: id, Move: (*pay.Tab).Cancel})
}

// PauseLink keeps payers out for a while. Errors: pay.ErrNotFound, invalid_state.
func (c *Core) PauseLink(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	return c.MoveLink(ctx, who, MoveLink{Link: id, Move: (*pay.Tab).Pause})
}

// ResumeLink undoes PauseLink. Errors: pay.ErrNotFound, invalid_state.
func (c *Core) ResumeLink(ctx context.Context, who pay.Caller, id pay.LinkID) (LinkView, error) {
	return c.MoveLink(ctx, who, MoveLink{Link: id, Move: (*pay.Tab).Resume})
}

// DueLinks writes down what the clock did to links: start and expiry. It
// returns how many it looked at; the caller comes again while that is limit.
// While the clock cannot be believed nothing is due (INVARIANTS 5.10).
func (c *Core) DueLinks(ctx context.Context, limit int) (int, error) {
	if c.store.ClockParted() {
		return 0, nil
	}
	due, err := c.store.DueLinks(ctx, limit)
	for _, n := range due {
		_, moveErr := c.change(ctx, n.Tenant, n.ID, pay.ActorClock, "", func(_ *store.Tx, tab *store.Held) error { return tab.Clock() })
		if moveErr != nil && !errors.Is(moveErr, pay.ErrLinkChanged) {
			err = errors.Join(err, moveErr)
		}
	}
	return len(due), err
}

// Prune forgets expired tokens and idempotency keys older than keep.
func (c *Core) Prune(ctx context.Context, keep time.Duration) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.Prune(ctx, keep) })
}
