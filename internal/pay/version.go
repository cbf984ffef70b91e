package pay

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Difference is one thing that an edit changed, in words for a person. From or
// To is empty where there was nothing, or is nothing any more.
type Difference struct{ Field, From, To string }

// Differences are what changed from one version of a link to the next, what is
// new last. Of the payer they say only that something changed: personal
// data is for the sealed part alone.
func Differences(from, to Link) (list []Difference) {
	old, now := facts(from), facts(to)
	for _, f := range old {
		if value := now.get(f.name); value != f.value {
			list = append(list, Difference{f.name, f.value, value})
		}
	}
	for _, f := range now {
		if f.value != "" && !slices.ContainsFunc(old, func(o fact) bool { return o.name == f.name }) {
			list = append(list, Difference{f.name, "", f.value})
		}
	}
	if !reflect.DeepEqual(from.Payer, to.Payer) {
		list = append(list, Difference{Field: "payer"})
	}
	return list
}

type fact struct{ name, value string }

type factList []fact

func (list *factList) add(name, value string) { *list = append(*list, fact{name, value}) }

func (list factList) get(name string) string {
	for _, f := range list {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// facts are what a merchant sets on a link, named as in the native API.
func facts(l Link) (list factList) {
	list.add("description", l.Description)
	list.add("reference", l.Reference)
	list.price(l.Price)
	list.add("starts_at", moment(l.StartsAt))
	list.add("expires_at", moment(l.ExpiresAt))
	list.add("accept_late", yes(l.AcceptLate))
	list.add("max_uses", number(l.Use.Max))
	list.add("part_payments", yes(l.Use.Parts))
	list.add("part_payments.minimum_first", number(l.Use.MinFirst))
	list.add("part_payments.minimum_part", number(l.Use.MinPart))
	list.add("manual_capture", yes(l.Use.Manual))
	list.add("methods.allowed", words(l.Methods.Allowed))
	list.add("methods.blocked", words(l.Methods.Blocked))
	list.page(l.Page)
	for i, s := range l.Splits {
		share := Money{s.Amount, l.Price.Currency}.String()
		if s.Percent > 0 {
			share = percent(s.Percent)
		}
		list.add(fmt.Sprintf("splits[%d]", i), joined(s.Account, s.Reference, share, when(s.OnHold, "on hold")))
	}
	for _, k := range slices.Sorted(maps.Keys(l.Metadata)) {
		list.add("metadata."+k, l.Metadata[k])
	}
	list.add("slug", l.Slug)
	return list
}

func (list *factList) price(p Price) {
	money := func(minor int64) string {
		if minor == 0 {
			return ""
		}
		return Money{minor, p.Currency}.String()
	}
	list.add("currency", string(p.Currency))
	list.add("amount", money(p.Amount))
	list.add("open_amount", when(p.Open, "the payer names it"))
	list.add("open_amount.minimum", money(p.Min))
	list.add("open_amount.maximum", money(p.Max))
	list.add("open_amount.suggested", money(p.Suggested))
	for _, m := range slices.Sorted(maps.Keys(p.PerMethod)) {
		list.add("method_prices."+string(m), joined(money(p.PerMethod[m].Amount), p.PerMethod[m].Note))
	}
	for i, item := range p.Breakdown.Items {
		list.add(fmt.Sprintf("items[%d]", i), joined(item.Code, item.Name, number(item.Quantity), money(item.Amount)))
	}
	list.add("promo", p.Breakdown.Promo)
	list.add("discount", money(p.Breakdown.Discount))
	list.add("shipping", money(p.Breakdown.Shipping))
	list.add("tax", money(p.Breakdown.Tax))
	for _, item := range p.Cart.Items {
		limits := ""
		if item.Max > 0 {
			limits = fmt.Sprintf("%d to %d", item.Min, item.Max)
		}
		list.add("cart.items."+item.Code, joined(item.Name, fmt.Sprintf("%d × %s", item.Quantity, Money{item.Unit, p.Currency}), limits, when(item.Optional, "optional")))
	}
	list.add("cart.discount", money(p.Cart.Discount))
	for _, code := range p.Cart.Codes {
		list.add("cart.codes."+code.Code, joined(money(code.Minor), percent(code.BP)))
	}
	list.add("cart.shipping", money(p.Cart.Shipping))
	list.add("cart.tax", percent(p.Cart.TaxBP))
}

func (list *factList) page(p Page) {
	list.add("page.display_name", p.DisplayName)
	list.add("page.success_url", p.SuccessURL)
	list.add("page.failure_url", p.FailureURL)
	list.add("page.pending_url", p.PendingURL)
	list.add("page.back_url", p.BackURL)
	list.add("page.pay_label", p.PayLabel)
	list.add("page.logo_url", p.LogoURL)
	list.add("page.hide_items", yes(p.HideItems))
	list.add("page.show_address", yes(p.ShowAddress))
	list.add("page.consent", yes(p.Consent))
	list.add("page.captcha", yes(p.Captcha))
	list.add("page.embed", yes(p.Embed))
}

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func yes(is bool) string { return when(is, "yes") }

func number(n int64) string { return when(n != 0, strconv.FormatInt(n, 10)) }

func percent(bp int64) string { return when(bp != 0, fmt.Sprintf("%d.%02d %%", bp/100, bp%100)) }

func moment(t time.Time) string { return when(!t.IsZero(), t.UTC().Format(time.RFC3339)) }

func words(ids []MethodID) string {
	list := make([]string, 0, len(ids))
	for _, id := range ids {
		list = append(list, string(id))
	}
	return strings.Join(list, ", ")
}

func joined(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}
