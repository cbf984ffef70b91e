package app

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paylink/internal/config"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const raceProvision = `
merchants:
  - id: shop
    name: Corner Shop
    mode: test
    keys:
      - {api: native, secret: ` + testKey + `}
`

var raceTenant = pay.Tenant{Merchant: "shop", Mode: pay.Test}

// arena is where races are run: one node on SQLite, two nodes on PostgreSQL.
type arena struct {
	t      *testing.T
	nodes  []*node
	client *http.Client
	seed   uint64
}

// eachArena runs races on each engine and proves all that is stored afterwards.
func eachArena(t *testing.T, f func(t *testing.T, a *arena)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, o store.Options) {
		t.Parallel() // one engine waits for its disk while the other computes
		a := &arena{t: t, seed: seed(t)}
		a.client = a.crowd()
		s := settingsFor(t, o)
		s.PublicURL = "http://" + balancer
		a.start(s)
		if o.URL != "" {
			a.start(s)
		}
		f(t, a)
		report, err := a.nodes[0].Core.Verify(context.Background(), func(int64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", report)
	})
}

func (a *arena) start(s config.Settings) {
	s.Listen = freeAddress(a.t)
	n := start(a.t, s, raceProvision)
	n.base = "http://" + s.Listen
	a.nodes = append(a.nodes, n)
}

// volume is how often a race is run: n times in a soak, else a part of it that
// is done in half a minute, with the race detector and on both engines.
func volume(n int) int {
	if os.Getenv("SOAK") == "1" {
		return n
	}
	return max(n/40, 1)
}

// seed is TEST_SEED, or else of the clock. It repeats amounts and waits; who
// comes first is up to the machine.
func seed(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("TEST_SEED"), 10, 64)
	if err != nil {
		n = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with TEST_SEED=%d", n)
	return n
}

// dice are those of one racer: they are not shared.
func (a *arena) dice(racer int) *rand.Rand { return rand.New(rand.NewPCG(a.seed, uint64(racer))) }

// balancer is the public name of all nodes; the first answers for it.
const balancer = "pay.test"

// crowd is a client whose every connection has an address of its own: those who
// ask at the same moment are different people, as the rules on one payer see it.
func (a *arena) crowd() *http.Client {
	var people atomic.Uint32
	tr := &http.Transport{MaxIdleConnsPerHost: 256, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == balancer+":80" {
			address = strings.TrimPrefix(a.nodes[0].base, "http://")
		}
		n := people.Add(1)
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1+byte(n>>16), byte(n>>8), byte(n))}}
		return d.DialContext(ctx, network, address)
	}}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// atOnce runs f n times at the same moment.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	wg.Wait()
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   string
	at     *url.URL // after all redirects
}

func (r reply) says(text string) bool { return strings.Contains(r.body, text) }

// paid reports that the payer's own form was the one that paid: one who was
// refused may read, below the refusal, that the link is paid.
func (r reply) paid() bool { return r.status == http.StatusOK && r.says(saysPaid) }

// ask makes a request of every other node. No race is a reason for a 5xx.
func (a *arena) ask(i int, method, path, body string, header http.Header) reply {
	req, err := http.NewRequest(method, a.nodes[i%len(a.nodes)].base+path, strings.NewReader(body))
	if err != nil {
		a.t.Error(err)
		return reply{}
	}
	req.Header = header
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Error(err)
		return reply{}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		a.t.Errorf("%s %s: %d %s %v", method, path, resp.StatusCode, raw, err)
	}
	return reply{resp.StatusCode, resp.Header, string(raw), resp.Request.URL}
}

// api asks as the merchant; key and body may be empty.
func (a *arena) api(i int, method, path, key, body string) reply {
	h := http.Header{"Authorization": {"Bearer " + testKey}, "Content-Type": {"application/json"}}
	if key != "" {
		h.Set("Idempotency-Key", key)
	}
	return a.ask(i, method, path, body, h)
}

// link makes a link to race for.
func (a *arena) link(body string) (id pay.LinkID, token string) {
	a.t.Helper()
	name, address := newLink(a.t, a.nodes[0].base, body)
	return pay.LinkID(name), address[strings.LastIndex(address, "/")+1:]
}

// What a payer reads.
const (
	saysPaid     = "Paid. Thank you!"
	saysReserved = "Amount reserved. Thank you!"
)

// sheet is a page that asks to be paid, in a payer's hands.
type sheet struct {
	shown int64 // what it says is to be paid, in minor units of two digits
	form  url.Values
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	amountShown = regexp.MustCompile(`<p class="amount[^>]*><bdi>([^<]+)<`)
	noDigit     = regexp.MustCompile(`\D`)
)

// read finds the form on a page; false when the page asks for nothing.
func read(page string) (s sheet, asks bool) {
	amount := amountShown.FindStringSubmatch(page)
	if amount == nil || !strings.Contains(page, `/pay"`) {
		return s, false
	}
	s.shown, _ = strconv.ParseInt(noDigit.ReplaceAllString(amount[1], ""), 10, 64)
	s.form = url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(page, -1) {
		s.form.Set(m[1], html.UnescapeString(m[2]))
	}
	return s, true
}

// open shows the link's page to a payer.
func (a *arena) open(i int, token string) (s sheet, asks bool) {
	return read(a.ask(i, http.MethodGet, "/l/"+token, "", http.Header{}).body)
}

// send sends a form and follows to the page that results.
func (a *arena) send(i int, path string, form url.Values) reply {
	return a.ask(i, http.MethodPost, path, form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// pay fills in the sheet's form and sends it.
func (a *arena) pay(i int, token string, s sheet, card string) reply {
	s.form.Set("method", string(pay.MethodCard))
	s.form.Set("card.card", card)
	return a.send(i, "/l/"+token+"/pay", s.form)
}

// linkSeen is a link as the API shows it.
type linkSeen struct {
	State       pay.LinkState   `json:"state"`
	MoneyStatus pay.MoneyStatus `json:"money_status"`
	AmountPaid  int64           `json:"amount_paid"`
	UseCount    int64           `json:"use_count"`
	Version     int64           `json:"version"`
	Payments    []paymentSeen   `json:"payments"`
}

type paymentSeen struct {
	ID       pay.PaymentID    `json:"id"`
	State    pay.PaymentState `json:"state"`
	Amount   int64            `json:"amount"`
	Captured int64            `json:"amount_captured"`
	Refunded int64            `json:"amount_refunded"`
	Refunds  []struct{}       `json:"refunds"`
}

// see reads the link over the API.
func (a *arena) see(i int, id pay.LinkID) (l linkSeen) {
	r := a.api(i, http.MethodGet, "/v1/payment_links/"+string(id), "", "")
	if err := json.Unmarshal([]byte(r.body), &l); err != nil {
		a.t.Errorf("reading link %s: %d %s", id, r.status, r.body)
	}
	return l
}
