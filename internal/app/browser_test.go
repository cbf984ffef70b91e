package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"paylink/internal/config"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const (
	goodCard      = "4242424242424242"
	declinedCard  = "4000000000000002"
	challengeCard = "4000000000003220"
)

// The main job as people do it: the program as it is built, a link by the
// API, a payer in a real browser with and without scripts, and a merchant who
// checks every signature with a few lines of their own.
func TestBrowser(t *testing.T) {
	chromium := os.Getenv("TEST_CHROMIUM")
	if chromium == "" {
		t.Log("TEST_CHROMIUM is not set: paying in a browser needs Chromium")
		return
	}
	program, browser := buildProgram(t), openBrowser(t, chromium)
	storetest.Each(t, func(t *testing.T, o store.Options) {
		shop := newShop(t)
		base := runProgram(t, program, settingsFor(t, o), provisionOf(shop.server.URL))
		for name, scripts := range map[string]bool{"without scripts": false, "with scripts": true} {
			t.Run(name, func(t *testing.T) {
				b := openTab(t, browser, scripts)
				payAfterDecline(t, b, base, shop)
				payAtBank(t, b, base, shop, "bank_redirect", "test_bank_b")
				payAtBank(t, b, base, shop, "card", challengeCard)
				if !scripts {
					payCart(t, b, base, shop)
				}
				b.check(base)
			})
		}
	})
}

// payAfterDecline pays with a card that is declined and then with a good one.
func payAfterDecline(t *testing.T, b *tab, base string, shop *shop) {
	t.Helper()
	id, address := newLink(t, base, bookLink)
	b.open(address)
	b.reads("Corner Shop", "Two field guides", "$10.50", "Test mode")
	b.choose(declinedCard)
	b.press("Pay $10.50")
	b.reads("did not go through", "Nothing was charged", "Pay $10.50")
	b.choose(goodCard)
	b.press("Pay $10.50")
	b.reads("Paid. Thank you!", "Visa •••• 4242", "$10.50", "it is your receipt")
	b.open(address) // and stays the receipt
	b.reads("Paid. Thank you!")
	sold(t, base, id, shop, []string{
		"payment_link.created", "payment.created", "attempt.created", "attempt.processing", "attempt.failed", "payment.failed",
		"payment.reopened", "attempt.created", "attempt.processing", "attempt.captured", "payment.succeeded", "payment_link.completed",
	})
}

// payAtBank pays by a method that asks the payer elsewhere.
func payAtBank(t *testing.T, b *tab, base string, shop *shop, method, choice string) {
	t.Helper()
	id, address := newLink(t, base, bookLink)
	b.open(address)
	b.choose(method)
	b.choose(choice)
	b.press("Pay $10.50")
	b.reads("stands in for a bank", "10.50 USD")
	b.choosePress("yes")
	b.reads("Paid. Thank you!", "$10.50")
	sold(t, base, id, shop, []string{
		"payment_link.created", "payment.created", "attempt.created", "attempt.requires_action", "attempt.processing",
		"attempt.captured", "payment.succeeded", "payment_link.completed",
	})
}

// sold checks what the merchant knows of a paid link: by asking, by the feed,
// and by what was told.
func sold(t *testing.T, base, id string, shop *shop, want []string) {
	t.Helper()
	_, link := call(t, "GET", base+"/v1/payment_links/"+id, testKey, nil)
	if link["state"] != "completed" || link["money_status"] != "paid" {
		t.Errorf("the link: %v", link)
	}
	_, list := call(t, "GET", base+"/v1/payments?link_id="+id+"&state=applied", testKey, nil)
	if payments := list["data"].([]any); len(payments) != 1 {
		t.Errorf("%d payments were applied", len(payments))
	}
	var feed []string
	eventually(t, "the feed", func() bool {
		feed = feed[:0]
		_, list := call(t, "GET", base+"/v1/events?limit=100", testKey, nil)
		for _, item := range list["data"].([]any) {
			if event := item.(map[string]any); event["link_id"] == id {
				feed = append(feed, event["type"].(string))
			}
		}
		return len(feed) >= len(want)
	})
	if !slices.Equal(feed, want) {
		t.Errorf("the feed:\n%v\nwant\n%v", feed, want)
	}
	eventually(t, "the webhooks", func() bool { return len(shop.heard(id)) >= len(want) })
	if told := shop.heard(id); !slices.Equal(told, want) {
		t.Errorf("told:\n%v\nwant\n%v", told, want)
	}
}

// tab is a payer's browser window. It keeps what the browser complained of and
// which origins it asked.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	asked      map[string]bool
}

// tabTime is how long a payer may be at it.
const tabTime = time.Minute

func openBrowser(t *testing.T, chromium string) context.Context {
	t.Helper()
	// chromedp makes a user data directory of its own for each browser.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return ctx
}

// openTab opens a window and makes sure that scripts run in it, or do not.
func openTab(t *testing.T, browser context.Context, scripts bool) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, tabTime)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, asked: map[string]bool{}}
	if !scripts {
		b.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return chromedp.Void{}, err
		})
	}
	b.open(`data:text/html,<title>no</title><script>document.title="yes"</script>`)
	if ran, err := chromedp.Run(ctx, chromedp.Title()); err != nil || (ran == "yes") != scripts {
		t.Fatalf("scripts ran: %q, wanted: %v, %v", ran, scripts, err)
	}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	return b
}

// watch notes what happens in the window.
func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text))
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console "+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, "exception: "+e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil {
			b.asked[u.Scheme+"://"+u.Host] = true
		}
	}
}

// check demands that the browser had nothing to complain of, such as the
// content security policy, and asked nobody but the server at base.
func (b *tab) check(base string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser says: %s", c)
	}
	if len(b.asked) != 1 || !b.asked[base] {
		b.t.Errorf("the browser asked %v", b.asked)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// choose clicks the choice with a value, which must be visible.
func (b *tab) choose(value string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(`input[type=radio][value="`+value+`"]`), chromedp.NodeVisible))
}

// press clicks the button with these words and waits for the page it leads to.
func (b *tab) press(words string) {
	b.t.Helper()
	b.leave(chromedp.Search(`//button[normalize-space()="` + words + `"]`))
}

// choosePress clicks the button that says value to the server.
func (b *tab) choosePress(value string) {
	b.t.Helper()
	b.leave(chromedp.Search(`//button[@value="` + value + `"]`))
}

func (b *tab) leave(button chromedp.Search) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(button, chromedp.NodeVisible)); err != nil {
		b.t.Fatalf("pressing %s: %v", button, err)
	}
}

// reads demands that the payer can read each of the words on the page.
func (b *tab) reads(words ...string) {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.t.Fatalf("the page lacks %q:\n%s", w, text)
		}
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "paylink")
	if out, err := exec.Command("go", "build", "-o", program, "paylink/cmd/paylink").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return program
}

// runProgram serves until the test ends, and demands that it then stops well.
func runProgram(t *testing.T, program string, s config.Settings, provision string) (base string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "provision.yaml")
	if err := os.WriteFile(file, []byte(provision), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Listen = freeAddress(t)
	args := []string{
		"serve", "--listen", s.Listen, "--data", s.Data, "--provision", file,
		"--allow-private-webhooks", "127.0.0.0/8", "--limit", "submit=off",
	}
	if s.Database != "" {
		args = append(args, "--database", s.Database, "--key-file", s.KeyFile)
	}
	var out strings.Builder
	serve := exec.Command(program, args...)
	serve.Stdout, serve.Stderr = &out, &out
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stopping: %v", err)
		}
		if err := serve.Wait(); err != nil {
			t.Errorf("the program ended badly: %v\n%s", err, out.String())
		}
	})
	base = s.BaseURL()
	eventually(t, "readiness", func() bool {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return base
}
