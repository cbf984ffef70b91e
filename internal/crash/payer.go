package main

import (
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"paylink/internal/pay"
)

// try is one way in which a payer pays; approve is what is said to the bank.
type try struct {
	method  pay.MethodID
	field   string
	value   string
	approve bool
}

var (
	visa        = try{pay.MethodCard, "card.card", "4242424242424242", true}
	declined    = try{pay.MethodCard, "card.card", "4000000000000002", true}
	challenge   = try{pay.MethodCard, "card.card", "4000000000003220", true}
	lostAnswer  = try{pay.MethodCard, "card.card", "4000000000000119", true}
	contested   = try{pay.MethodCard, "card.card", "4000000000000259", true} // and disputed soon after
	bank        = try{pay.MethodBankRedirect, "bank_redirect.bank", "test_bank_a", true}
	bankRefused = try{pay.MethodBankRedirect, "bank_redirect.bank", "test_bank_a", false}
	transfer    = try{pay.MethodBankTransfer, "", "", true}
)

// What a page is about, as a reader would see it.
var (
	payForm   = regexp.MustCompile(`<form method="post" action="([^"]+/pay)"`)
	hidden    = regexp.MustCompile(`<input type="hidden" name="(version|retry)" value="([^"]*)"`)
	toBank    = regexp.MustCompile(`<a class="button" href="([^"]*/sandbox/[^"]+)"`)
	isPaid    = regexp.MustCompile(`Paid\. Thank you!`)
	isOver    = regexp.MustCompile(`Amount reserved\. Thank you!|This was paid already|This has been paid|This request was canceled|Make this transfer`)
	isWaiting = regexp.MustCompile(`Your payment is on its way|We are checking your payment`)
)

// reload is how often a payer looks at a waiting page.
const reload = time.Second

// payer is one browser without JavaScript.
type payer struct {
	*shopper
	client *http.Client
	page   string // the path of the link's page
}

// pay opens the link's page and does what it asks for until there is nothing
// more to do. When the answer to a form is lost, the payer opens the page again.
func (s *shopper) pay(f *fact, tries []try) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	p := &payer{s, &http.Client{
		Transport: s.load.client.Transport, Timeout: requestTime, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, "/l/" + f.token}
	path, sent := p.page, 0
	for {
		text, err := p.open(path)
		if err != nil {
			return err
		}
		now := tries[min(max(sent-1, 0), len(tries)-1)]
		switch {
		case isPaid.MatchString(text):
			f.note(func() { f.paid = true })
			return nil
		case isOver.MatchString(text):
			return nil
		case toBank.MatchString(text):
			path = p.send(html.UnescapeString(toBank.FindStringSubmatch(text)[1]), url.Values{"do": {yesNo(now.approve)}})
		case payForm.MatchString(text):
			if sent > 20 {
				return fmt.Errorf("link %s still asks to be paid after %d tries", f.id, sent)
			}
			now = tries[min(sent, len(tries)-1)]
			sent++
			path = p.send(payForm.FindStringSubmatch(text)[1], p.fill(text, now))
			if strings.Contains(path, "/sandbox/") {
				path = p.send(path, url.Values{"do": {yesNo(now.approve)}})
			}
			if id := paymentOf(path); id != "" {
				f.note(func() { s.begun(f, id) })
			}
		case isWaiting.MatchString(text):
			path = p.page
			if err := sleep(s.load.ctx, reload); err != nil {
				return fmt.Errorf("a payer of link %s waited to the end: %w", f.id, err)
			}
		default:
			return fmt.Errorf("link %s shows a page nobody expects:\n%s", f.id, text)
		}
	}
}

// begun notes a payment that the payer was sent to.
func (s *shopper) begun(f *fact, id pay.PaymentID) {
	if !slices.Contains(f.payments, id) {
		f.payments = append(f.payments, id)
		s.load.begun.Add(1)
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// fill fills in the form of a page.
func (p *payer) fill(text string, t try) url.Values {
	form := url.Values{"method": {string(t.method)}}
	for _, m := range hidden.FindAllStringSubmatch(text, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	if t.field != "" {
		form.Set(t.field, t.value)
	}
	return form
}

// open gets a page until it comes.
func (p *payer) open(path string) (text string, err error) {
	for {
		req, err := http.NewRequest(http.MethodGet, p.load.cluster.base(p.draw)+path, nil)
		if err != nil {
			return "", err
		}
		if r, err := p.load.do(p.client, req); err == nil && r.status < 500 {
			return string(r.body), nil
		}
		if err := sleep(p.load.ctx, retryAfter); err != nil {
			return "", fmt.Errorf("%s was not shown to the end: %w", path, err)
		}
	}
}

// send sends a form once and says which page comes next: where the answer
// leads to, or the link's page when the answer is lost or leads nowhere.
func (p *payer) send(to string, form url.Values) (next string) {
	u, err := url.Parse(to)
	if err != nil {
		return p.page
	}
	req, err := http.NewRequest(http.MethodPost, p.load.cluster.base(p.draw)+u.RequestURI(), strings.NewReader(form.Encode()))
	if err != nil {
		return p.page
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	r, err := p.load.do(p.client, req)
	if err != nil || r.status != http.StatusSeeOther {
		return p.page
	}
	if u, err = url.Parse(r.header.Get("Location")); err != nil {
		return p.page
	}
	return u.RequestURI()
}

// paymentOf is the payment that a page's address names.
func paymentOf(path string) pay.PaymentID {
	u, err := url.Parse(path)
	if err != nil {
		return ""
	}
	return pay.PaymentID(u.Query().Get("payment"))
}
