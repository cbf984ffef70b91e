package portone

import (
	"net/url"

	"paylink/internal/pay"
)

type address struct {
	City        string `json:"city"`
	CountryCode string `json:"country_code"`
	CountryName string `json:"country_name"`
	Locale      string `json:"locale"`
	Line1       string `json:"line_1"`
	Line2       string `json:"line_2"`
	PostalCode  string `json:"postal_code"`
	State       string `json:"state"`
}

func (a address) ours() pay.Address {
	var lines []string
	for _, l := range []string{a.Line1, a.Line2} {
		if l != "" {
			lines = append(lines, l)
		}
	}
	country := a.CountryName
	if country == "" {
		country = a.CountryCode
	}
	return pay.Address{Lines: lines, City: a.City, Region: a.State, Postcode: a.PostalCode, Country: country}
}

func (a address) texts() []string {
	return []string{a.City, a.CountryName, a.Locale, a.Line1, a.Line2, a.State}
}

type billing struct {
	Name    string  `json:"billing_name"`
	Surname string  `json:"billing_surname"`
	Email   string  `json:"billing_email"`
	Phone   string  `json:"billing_phone"`
	Address address `json:"billing_address"`
}

type shipping struct {
	Name    string  `json:"shipping_name"`
	Surname string  `json:"shipping_surname"`
	Email   string  `json:"shipping_email"`
	Phone   string  `json:"shipping_phone"`
	Address address `json:"shipping_address"`
}

type customer struct {
	Name  string `json:"name"`
	Email string `json:"email_address"`
	Phone string `json:"phone_number"`
}

// people are the three parts of a request, empty where it has none.
func (in *linkIn) people() (b billing, s shipping, c customer) {
	if in.Billing != nil {
		b = *in.Billing
	}
	if in.Shipping != nil {
		s = *in.Shipping
	}
	if in.Customer != nil {
		c = *in.Customer
	}
	return b, s, c
}

// buyer is who pays, as webhooks and the way back name them: the customer, and
// where nothing is said of one, who is billed.
func (in *linkIn) buyer() customer {
	b, _, c := in.people()
	return customer{first(c.Name, fullName(b.Name, b.Surname)), first(c.Email, b.Email), first(c.Phone, b.Phone)}
}

func fullName(given, family string) string {
	if given == "" || family == "" {
		return given + family
	}
	return given + " " + family
}

// maxPhone is the most characters a phone has with us; a longer one only comes back.
const maxPhone = 40

// payer is who is asked to pay. Addresses that are none only come back, for
// the provider does not look at them.
func (in *linkIn) payer() pay.Payer {
	b, s, _ := in.people()
	who := in.buyer()
	p := pay.Payer{Name: who.Name, Billing: b.Address.ours(), Shipping: s.Address.ours()}
	if pay.ValidEmail(who.Email) {
		p.Email = who.Email
	}
	if len(who.Phone) <= maxPhone && pay.CleanText(who.Phone, false) {
		p.Phone = who.Phone
	}
	return p
}

// recipient is who gets the notices, by the wished channels that there is an
// address for; ok is false when there is none.
func (in *linkIn) recipient() (r pay.Recipient, ok bool) {
	p := in.payer()
	r.Name = p.Name
	if in.NotifyEmail {
		r.Email = p.Email
	}
	if in.NotifyPhone {
		r.Phone = p.Phone
	}
	return r, r.Email != "" || r.Phone != ""
}

func (in *linkIn) personalTexts() (texts []pair) {
	b, s, c := in.people()
	for field, list := range map[string][]string{
		"billing_details":  append(b.Address.texts(), b.Name, b.Surname),
		"shipping_details": append(s.Address.texts(), s.Name, s.Surname),
		"customer_details": {c.Name},
	} {
		for _, t := range list {
			texts = append(texts, pair{field, t})
		}
	}
	return texts
}

// webURL reports whether a server of ours may be asked to send there.
func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && len(s) <= maxURL
}
