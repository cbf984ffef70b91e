package pinelabs

import (
	"encoding/json"
	"regexp"
	"strings"

	"paylink/internal/pay"
)

var (
	mobileForm  = regexp.MustCompile(`^[0-9]{10,20}$`)
	countryForm = regexp.MustCompile(`^\+?[0-9]{1,4}$|^[0-9]{5}$`)
)

const (
	homeCountry  = "91" // of a mobile number without country_code
	maxPhone     = 15   // digits of an E.164 number
	maxCustomer  = 50
	maxStreet    = 100
	maxAccountNo = 50
)

// check holds the customer to sheet 5.3.
func (c *customer) check(bad *pay.Faults) {
	if c == nil {
		return
	}
	checkText(bad, "customer.email_id", c.Email, 1, maxCustomer)
	if c.Email != nil && !validEmail(*c.Email) {
		bad.Add("customer.email_id", "invalid_email", "must be an e-mail address")
	}
	checkFree(bad, "customer.first_name", c.FirstName, 1, maxCustomer)
	checkFree(bad, "customer.last_name", c.LastName, 1, maxCustomer)
	checkText(bad, "customer.customer_id", c.ID, 1, 19)
	if c.Mobile != nil && !mobileForm.MatchString(*c.Mobile) {
		bad.Add("customer.mobile_number", "invalid_phone", "must be 10 to 20 digits")
	}
	if c.Country != nil && *c.Country != "" && !countryForm.MatchString(*c.Country) {
		bad.Add("customer.country_code", "invalid", "must be at most 5 digits with an optional plus sign")
	}
	checkText(bad, "customer.merchant_customer_reference", c.Reference, 1, maxCustomer)
	checkText(bad, "customer.gstin", c.GSTIN, 0, maxCustomer)
	c.Billing.check(bad, "customer.billing_address.")
	c.Shipping.check(bad, "customer.shipping_address.")
}

func (a *address) check(bad *pay.Faults, path string) {
	if a == nil {
		return
	}
	checkFree(bad, path+"address1", a.Address1, 0, maxStreet)
	checkFree(bad, path+"address2", a.Address2, 0, maxStreet)
	checkFree(bad, path+"address3", a.Address3, 0, maxStreet)
	checkText(bad, path+"pincode", a.Pincode, 3, 11)
	checkFree(bad, path+"city", a.City, 0, maxCustomer)
	checkFree(bad, path+"state", a.State, 0, maxCustomer)
	checkFree(bad, path+"country", a.Country, 0, maxCustomer)
	checkFree(bad, path+"full_name", a.FullName, 0, maxStreet)
	checkFree(bad, path+"address_type", a.Type, 0, maxCustomer)
	checkFree(bad, path+"adddress_type", a.Misspelt, 0, maxCustomer)
	checkFree(bad, path+"address_category", a.Category, 0, maxCustomer)
}

// check holds the account to sheet 7.6: the number is what is compared.
func (a *accountDetails) check(bad *pay.Faults) {
	if a == nil {
		return
	}
	const path = "account_details.bank_details."
	if a.Bank == nil || a.Bank.Number == "" {
		bad.Add(path+"account_number", "required", "is required")
		return
	}
	checkText(bad, path+"account_number", &a.Bank.Number, 1, maxAccountNo)
	checkText(bad, path+"ifsc_code", a.Bank.IFSC, 0, maxAccountNo)
	checkFree(bad, path+"bank_name", a.Bank.Name, 0, maxStreet)
}

// payer is who is asked to pay, and in Echo the words they came in.
func (in linkIn) payer() (pay.Payer, error) {
	var p pay.Payer
	if in.Customer == nil && in.Account == nil {
		return p, nil
	}
	if c := in.Customer; c != nil {
		p = pay.Payer{
			Name:  strings.TrimSpace(text(c.FirstName) + " " + text(c.LastName)),
			Email: text(c.Email), Phone: c.phone(), Reference: text(c.Reference),
			TaxNumber: text(c.GSTIN), Billing: c.Billing.canonical(), Shipping: c.Shipping.canonical(),
		}
	}
	if in.Account != nil {
		b := in.Account.Bank
		p.Account = pay.BankAccount{Number: b.Number, BankCode: text(b.IFSC), Bank: text(b.Name)}
	}
	own, err := json.Marshal(personal{in.Customer, in.Account})
	p.Echo = string(own)
	return p, err
}

// phone is the mobile number in E.164, or as it came where it cannot be one.
func (c *customer) phone() string {
	if c.Mobile == nil {
		return ""
	}
	country := strings.TrimPrefix(text(c.Country), "+")
	if country == "" {
		country = homeCountry
	}
	if len(country)+len(*c.Mobile) > maxPhone || country[0] == '0' {
		return *c.Mobile
	}
	return "+" + country + *c.Mobile
}

func (a *address) canonical() (out pay.Address) {
	if a == nil {
		return out
	}
	for _, line := range []*string{a.FullName, a.Address1, a.Address2, a.Address3} {
		if text(line) != "" {
			out.Lines = append(out.Lines, *line)
		}
	}
	out.City, out.Region, out.Postcode, out.Country = text(a.City), text(a.State), text(a.Pincode), text(a.Country)
	return out
}
