package api

import (
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// maybe is a member of a change: one that is left out stays as it is, and null
// empties it.
type maybe[T any] struct {
	given bool
	value T
}

// UnmarshalJSONFrom reads the value by the rules of the whole body.
func (m *maybe[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	m.given = true
	return json.UnmarshalDecode(d, &m.value)
}

func (m maybe[T]) put(to *T) {
	if m.given {
		*to = m.value
	}
}

// editIn is the body of PATCH /v1/payment_links/{id}. A member replaces the
// whole of what it names.
type editIn struct {
	Amount      maybe[*int64]            `json:"amount"`
	Currency    maybe[pay.Currency]      `json:"currency"`
	OpenAmount  maybe[*openIn]           `json:"open_amount"`
	Cart        maybe[*cartIn]           `json:"cart"`
	Items       maybe[[]itemIn]          `json:"items"`
	Discount    maybe[int64]             `json:"discount"`
	Shipping    maybe[int64]             `json:"shipping"`
	Tax         maybe[int64]             `json:"tax"`
	Description maybe[string]            `json:"description"`
	Reference   maybe[string]            `json:"reference"`
	StartsAt    maybe[time.Time]         `json:"starts_at"`
	ExpiresAt   maybe[time.Time]         `json:"expires_at"`
	Methods     maybe[methodsIn]         `json:"methods"`
	Payer       maybe[payerIn]           `json:"payer"`
	Page        maybe[pageIn]            `json:"page"`
	Metadata    maybe[map[string]string] `json:"metadata"`
	Splits      maybe[[]splitIn]         `json:"splits"`
}

// check looks at what pay.Link leaves to the edge.
func (in editIn) check() error {
	var bad pay.Faults
	kinds := 0
	for _, given := range []bool{in.Amount.value != nil, in.OpenAmount.value != nil, in.Cart.value != nil} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		bad.Add("amount", "not_both", "give only one of amount, open_amount and cart")
	}
	if in.Cart.value != nil && len(in.Cart.value.Items) == 0 {
		bad.Add("cart.items", "required", "must have at least one item")
	}
	checkSplits(&bad, in.Splits.value)
	in.Payer.value.check(&bad)
	text(&bad, "page.display_name", in.Page.value.DisplayName, maxName)
	checkMetadata(&bad, in.Metadata.value)
	return bad.Err()
}

// apply makes the change. It may run twice.
func (in editIn) apply(l *pay.Link, _ []pay.Payment) error {
	in.price(&l.Price)
	in.Description.put(&l.Description)
	in.Reference.put(&l.Reference)
	in.StartsAt.put(&l.StartsAt)
	in.ExpiresAt.put(&l.ExpiresAt)
	l.StartsAt, l.ExpiresAt = moment(l.StartsAt), moment(l.ExpiresAt)
	if m := in.Methods; m.given {
		l.Methods = pay.Methods{Allowed: orNil(m.value.Allowed), Blocked: orNil(m.value.Blocked)}
	}
	if in.Payer.given {
		echo := l.Payer.Echo
		l.Payer = in.Payer.value.payer()
		l.Payer.Echo = echo
	}
	if in.Page.given {
		page, next := l.Page, in.Page.value.page()
		page.DisplayName, page.SuccessURL, page.FailureURL, page.PendingURL, page.BackURL = next.DisplayName, next.SuccessURL, next.FailureURL, next.PendingURL, next.BackURL
		l.Page = page
	}
	if in.Metadata.given {
		if l.Metadata = maps.Clone(in.Metadata.value); len(l.Metadata) == 0 {
			l.Metadata = nil
		}
	}
	if in.Splits.given {
		l.Splits = splitsOf(in.Splits.value)
	}
	return nil
}

// price changes one kind of price into another where that is asked for.
func (in editIn) price(p *pay.Price) {
	as := linkIn{Amount: in.Amount.value, OpenAmount: in.OpenAmount.value, Cart: in.Cart.value}
	switch next := as.price(); {
	case in.Amount.value != nil:
		p.Amount, p.Open, p.Min, p.Max, p.Suggested, p.Cart = next.Amount, false, 0, 0, 0, pay.Cart{}
	case in.OpenAmount.value != nil:
		p.Amount, p.Open, p.Min, p.Max, p.Suggested, p.Cart = 0, true, next.Min, next.Max, next.Suggested, pay.Cart{}
	case in.Cart.value != nil:
		p.Amount, p.Open, p.Min, p.Max, p.Suggested, p.Cart = 0, false, 0, 0, 0, next.Cart
	default:
		if in.Amount.given {
			p.Amount = 0
		}
		if in.OpenAmount.given {
			p.Open, p.Min, p.Max, p.Suggested = false, 0, 0, 0
		}
		if in.Cart.given {
			p.Cart = pay.Cart{}
		}
	}
	in.Currency.put(&p.Currency)
	if in.Items.given {
		p.Breakdown.Items = linkIn{Items: in.Items.value}.price().Breakdown.Items
	}
	in.Discount.put(&p.Breakdown.Discount)
	in.Shipping.put(&p.Breakdown.Shipping)
	in.Tax.put(&p.Breakdown.Tax)
}

// orNil is how an empty list is stored: an edit from nothing to nothing is none.
func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (a *API) editLink(w http.ResponseWriter, r request) error {
	key, err := web.IdempotencyKey(r.Request)
	if err != nil {
		return err
	}
	print, err := r.fingerprint()
	if err != nil {
		return err
	}
	var in editIn
	if err := decodeOptional(r, &in); err != nil {
		return err
	}
	view, err := a.core.EditLink(r.Context(), r.who, core.EditLink{
		Key: key, Fingerprint: print, Link: pay.LinkID(r.PathValue("id")), Change: in.apply, Refuse: in.check(), Replayed: replayed(w),
	})
	if err != nil {
		return err
	}
	return a.linkView(w, view)
}

// versionOut is one version of a link.
type versionOut struct {
	Object    string      `json:"object"`
	Version   int64       `json:"version"`
	CreatedAt time.Time   `json:"created_at"`
	Actor     string      `json:"actor"`
	Changes   []changeOut `json:"changes"`
}

type changeOut struct {
	Field string  `json:"field"`
	From  *string `json:"from"`
	To    *string `json:"to"`
}

func (a *API) listVersions(w http.ResponseWriter, r request) error {
	q := newQuery(r.Request)
	after, limit := q.cursor(), q.limit()
	if err := q.err(); err != nil {
		return err
	}
	versions, next, err := a.core.LinkVersions(r.Context(), r.who, pay.LinkID(r.PathValue("id")), after, limit)
	if err != nil {
		return err
	}
	out := make([]versionOut, 0, len(versions))
	for _, v := range versions {
		changes := make([]changeOut, 0, len(v.Changes))
		for _, c := range v.Changes {
			changes = append(changes, changeOut{c.Field, optional(c.From), optional(c.To)})
		}
		out = append(out, versionOut{"payment_link_version", v.Number, v.At.UTC(), v.Actor, changes})
	}
	return web.JSON(w, http.StatusOK, newList(out, next))
}

// splitIndex is the place of a split on its link, 0 for the first.
func splitIndex(r request) (int, error) {
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil {
		return 0, pay.ErrNotFound
	}
	return index, nil
}

func (a *API) releaseSplit(w http.ResponseWriter, r request) error {
	return a.moveSplit(w, r, core.MoveSplit{})
}

func (a *API) cancelSplit(w http.ResponseWriter, r request) error {
	return a.moveSplit(w, r, core.MoveSplit{Cancel: true})
}

// moveSplit fills in cmd from the request: the same amount may be let go of
// many times, so a key is required.
func (a *API) moveSplit(w http.ResponseWriter, r request, cmd core.MoveSplit) (err error) {
	if cmd.Key, cmd.Fingerprint, err = requiredKey(r); err != nil {
		return err
	}
	cmd.Link, cmd.Replayed = pay.LinkID(r.PathValue("id")), replayed(w)
	if cmd.Index, err = splitIndex(r); err != nil {
		return err
	}
	if cmd.Cancel {
		err = decodeOptional(r, &struct{}{})
	} else {
		cmd.Amount, err = optionalAmount(r)
	}
	if err != nil {
		return err
	}
	view, err := a.core.MoveSplit(r.Context(), r.who, cmd)
	if err != nil {
		return err
	}
	return a.linkView(w, view)
}
