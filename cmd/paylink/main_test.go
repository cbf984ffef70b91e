package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// shell runs commands against one data directory.
type shell struct {
	t    *testing.T
	args []string
}

// newShell makes an installation with one merchant, whose webhooks go to hook.
func newShell(t *testing.T, hook string) shell {
	t.Helper()
	s := shell{t, []string{"--data", t.TempDir(), "--allow-private-webhooks", "127.0.0.0/8"}}
	file := filepath.Join(t.TempDir(), "shop.yaml")
	text := "merchants:\n  - id: shop\n    name: Corner Shop\n    mode: test\n    webhooks:\n      - {api: native, url: \"" + hook + "\", secret: " + hookSecret + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("provision", file)
	return s
}

const (
	hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	nowhere    = "https://shop.example/hooks"
)

func (s shell) run(args ...string) (code int, out, errOut string) {
	s.t.Helper()
	var o, e bytes.Buffer
	code = run(s.t.Context(), append(append([]string{}, s.args...), args...), &o, &e)
	return code, o.String(), e.String()
}

func (s shell) must(args ...string) string {
	s.t.Helper()
	code, out, errOut := s.run(args...)
	if code != 0 {
		s.t.Fatalf("%v: code %d: %s", args, code, errOut)
	}
	return out
}

// refused runs a command that must fail on one line.
func (s shell) refused(code int, says string, args ...string) {
	s.t.Helper()
	got, out, errOut := s.run(args...)
	if got != code || out != "" || !strings.Contains(errOut, says) || strings.Count(errOut, "\n") != 1 || !strings.HasPrefix(errOut, "paylink: ") {
		s.t.Errorf("%v: code %d, out %q, error %q; want code %d and one line that says %q", args, got, out, errOut, code, says)
	}
}

// parsed runs a command with --json.
func parsed[T any](s shell, args ...string) (v T) {
	s.t.Helper()
	out := s.must(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		s.t.Fatalf("%v: %v in %s", args, err, out)
	}
	return v
}

func TestLinkCommands(t *testing.T) {
	s := newShell(t, nowhere)
	made := parsed[linkOut](s, "link", "create", "--amount", "10.50", "--currency", "usd", "--description", "Two field guides", "--reference", "R-1", "--expires", "48h")
	if made.Amount != 1050 || made.Currency != "USD" || made.State != "active" || !strings.Contains(made.URL, "/l/") || made.MaxUses != 1 || made.ExpiresAt.IsZero() {
		t.Errorf("made: %+v", made)
	}
	if out := s.must("link", "create", "--amount", "3", "--currency", "JPY", "--uses", "0"); !strings.Contains(out, "asks for 3 JPY\nhttp://127.0.0.1:8080/l/") {
		t.Errorf("made: %s", out)
	}
	if list := parsed[[]linkOut](s, "link", "list"); len(list) != 2 || list[1].ID != made.ID {
		t.Errorf("list: %+v", list)
	}
	if list := parsed[[]linkOut](s, "link", "list", "--count", "1"); len(list) != 1 || list[0].Currency != "JPY" {
		t.Errorf("the newest: %+v", list)
	}
	if out := s.must("link", "list", "--reference", "R-1"); !strings.Contains(out, string(made.ID)) || !strings.Contains(out, "10.50 USD") || strings.Contains(out, "JPY") {
		t.Errorf("table: %s", out)
	}
	if out := s.must("link", "list", "--state", "paused"); out != "no payment links\n" {
		t.Errorf("none: %q", out)
	}
	if out := s.must("link", "show", string(made.ID)); !strings.Contains(out, made.URL) || !strings.Contains(out, "no payments") {
		t.Errorf("show: %s", out)
	}
	if out := s.must("link", "cancel", string(made.ID)); out != string(made.ID)+" is canceled\n" {
		t.Errorf("cancel: %q", out)
	}
	if shown := parsed[linkOut](s, "link", "show", string(made.ID)); shown.State != "canceled" || shown.Payments == nil {
		t.Errorf("after: %+v", shown)
	}
	s.refused(exitFailed, "the link is canceled", "link", "cancel", string(made.ID))
}

func TestRefusals(t *testing.T) {
	s := newShell(t, nowhere)
	s.refused(exitUsage, "--nonsense", "link", "list", "--nonsense")
	s.refused(exitUsage, "--mode", "link", "list", "--mode", "real")
	s.refused(exitUsage, "--amount", "link", "create", "--currency", "USD")
	s.refused(exitUsage, "nonsense", "nonsense")
	s.refused(exitFailed, `no payment link "0000000000"`, "link", "show", "0000000000")
	s.refused(exitFailed, `no payment link "0000000000"`, "link", "cancel", "0000000000")
	s.refused(exitFailed, `no credential "key_none"`, "key", "revoke", "key_none")
	s.refused(exitFailed, `"we_none"`, "webhook", "replay", "we_none")
	s.refused(exitFailed, `no merchant "nobody"`, "key", "list", "--merchant", "nobody")
	s.refused(exitFailed, "no merchant in live mode", "key", "create", "--mode", "live")
	s.refused(exitFailed, "test mode only", "webhook", "listen", "--mode", "live", "--forward", "http://127.0.0.1:1/")
	s.refused(exitFailed, "more decimals than the currency", "link", "create", "--amount", "10.501", "--currency", "USD")
	nowhere := shell{t, []string{"--data", filepath.Join(t.TempDir(), "mistyped")}}
	nowhere.refused(exitFailed, "nothing in the data directory", "verify")
	if _, err := os.Stat(nowhere.args[1]); !os.IsNotExist(err) {
		t.Errorf("verify made a data directory: %v", err)
	}
	if code, out, errOut := s.run("--help"); code != 0 || !strings.Contains(out, "verify") || errOut != "" {
		t.Errorf("help: %d %q %q", code, out, errOut)
	}
}

// Every command has its place in docs/commands.md.
func TestCommandsAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		words, found := strings.Fields(leaf.FullPath())[1:], false // without the program's name
		for line := range strings.Lines(string(text)) {
			last := "`" + words[len(words)-1]
			named := strings.Contains(line, last) || strings.Contains(line, "`"+strings.Join(words, " "))
			found = found || strings.HasPrefix(line, "| `"+words[0]) && named
		}
		if !found {
			t.Errorf("%v is not in docs/commands.md", words)
		}
	}
}

func TestKeyCommands(t *testing.T) {
	s := newShell(t, nowhere)
	made := parsed[map[string]string](s, "key", "create")
	if !strings.HasPrefix(made["key"], "paylink_test_sk_") || made["merchant"] != "shop" {
		t.Fatalf("made: %v", made)
	}
	if out := s.must("key", "create"); strings.Count(out, "paylink_test_sk_") != 1 || !strings.Contains(out, "not shown again") {
		t.Errorf("made: %s", out)
	}
	list := parsed[[]keyOut](s, "key", "list")
	if len(list) != 2 || string(list[0].ID) != made["id"] || list[0].RevokedAt != nil || !strings.HasSuffix(made["key"], list[0].Last4) {
		t.Errorf("list: %+v", list)
	}
	s.must("key", "revoke", made["id"])
	if list := parsed[[]keyOut](s, "key", "list"); list[0].RevokedAt == nil || list[1].RevokedAt != nil {
		t.Errorf("after: %+v", list)
	}
	if out := s.must("key", "list"); strings.Contains(out, "paylink_test_sk_") || !strings.Contains(out, made["id"]) {
		t.Errorf("table: %s", out)
	}
	s.refused(exitFailed, "no credential", "key", "revoke", made["id"])
}

func TestVerifyCommand(t *testing.T) {
	s := newShell(t, nowhere)
	s.must("link", "create", "--amount", "1", "--currency", "EUR")
	if out := s.must("verify"); !strings.HasPrefix(out, "clean: 1 links, 0 payments, 0 attempts, 1 events") || strings.ContainsRune(out, 0x1b) {
		t.Errorf("clean: %q", out)
	}
	if got := parsed[struct {
		Clean   bool
		Checked struct{ Events int64 }
	}](s, "verify"); !got.Clean || got.Checked.Events != 1 {
		t.Errorf("clean: %+v", got)
	}
	storetest.Tamper(t, store.Options{Path: filepath.Join(s.args[1], "paylink.db")}, `UPDATE links SET applied = 7`)
	s.refused(exitFailed, "M11 is broken: merchant shop (test) link ", "verify")
	code, out, _ := s.run("--json", "verify")
	var got struct {
		Clean  bool
		Breach struct{ Rule, Row, What string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed || got.Clean || got.Breach.Rule != "M11" || !strings.Contains(got.Breach.What, "applied is 7") {
		t.Errorf("broken: %d %s %v", code, out, err)
	}
}

// hook is a server that keeps the types of the events it is told of, and
// checks their signatures.
func hook(t *testing.T, secret func() string) (url string, types chan string) {
	t.Helper()
	types = make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var event struct{ Type string }
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		check, keyErr := standardwebhooks.NewWebhook(secret())
		if keyErr != nil {
			t.Error(keyErr)
		} else if err := check.Verify(body, r.Header); err != nil {
			t.Errorf("the signature: %v", err)
		}
		if err != nil {
			t.Error(err)
		}
		types <- event.Type
	}))
	t.Cleanup(server.Close)
	return server.URL, types
}

func TestWebhookListen(t *testing.T) {
	s := newShell(t, nowhere)
	id := parsed[linkOut](s, "link", "create", "--amount", "1", "--currency", "EUR").ID
	s.must("link", "cancel", string(id))
	out := s.must("webhook", "listen", "--since", "0", "--count", "2")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "#1  payment_link.created") || !strings.Contains(lines[1], "active → canceled") {
		t.Errorf("lines: %s", out)
	}
	out = s.must("--json", "webhook", "listen", "--since", "0", "--count", "2")
	var last struct{ Type string }
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 2 || last.Type != "payment_link.canceled" {
		t.Errorf("JSON: %s %v", out, err)
	}
}

// Without a place to begin it tells what happens from now on, until it is stopped.
func TestWebhookListenFromNow(t *testing.T) {
	s := newShell(t, nowhere)
	create := func() string {
		return string(parsed[linkOut](s, "link", "create", "--amount", "1", "--currency", "EUR").ID)
	}
	old := create()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append(s.args, "webhook", "listen", "--every", "10ms"), in, io.Discard) }()
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		first <- lines.Text()
		io.Copy(io.Discard, out) // it ends with the test
	}()
	defer in.Close()
	for range 100 { // when it has begun to listen shows only in what it tells
		create()
		select {
		case line := <-first:
			if strings.Contains(line, old) || !strings.Contains(line, "payment_link.created") {
				t.Errorf("told: %s", line)
			}
			stop()
			if code := <-ended; code != 0 {
				t.Errorf("code %d", code)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Error("it told of nothing")
	stop()
	<-ended
}

func TestWebhookForward(t *testing.T) {
	s := newShell(t, nowhere)
	s.must("link", "create", "--amount", "1", "--currency", "EUR")
	var log bytes.Buffer
	url, types := hook(t, func() string { // the log said it before the first delivery
		_, rest, _ := strings.Cut(log.String(), "secret=")
		return strings.Trim(strings.Fields(rest)[0], `"`)
	})
	var out bytes.Buffer
	if code := run(t.Context(), append(s.args, "webhook", "listen", "--since", "0", "--count", "1", "--forward", url), &out, &log); code != 0 {
		t.Fatalf("code %d: %s", code, log.String())
	}
	if got := <-types; got != "payment_link.created" || !strings.Contains(out.String(), "→ 200") {
		t.Errorf("forwarded %s: %s", got, out.String())
	}
}

// A command works beside a running server, which makes the deliveries of what
// the command wrote.
func TestBesideServer(t *testing.T) {
	url, types := hook(t, func() string { return hookSecret })
	s := newShell(t, url)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan int, 1)
	go func() { served <- run(ctx, append(s.args, "serve", "--listen", "127.0.0.1:0"), io.Discard, io.Discard) }()
	defer func() {
		stop()
		if code := <-served; code != 0 {
			t.Errorf("serve: code %d", code)
		}
	}()
	told := func(want string) {
		t.Helper()
		select {
		case got := <-types:
			if got != want {
				t.Errorf("told %s, want %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody told of %s", want)
		}
	}
	id := parsed[linkOut](s, "link", "create", "--amount", "1", "--currency", "EUR").ID
	told("payment_link.created")
	s.must("link", "cancel", string(id))
	told("payment_link.canceled")
	list := parsed[[]endpointOut](s, "webhook", "list")
	if len(list) != 1 || list[0].URL != url+"/" && list[0].URL != url || !list[0].Enabled {
		t.Fatalf("endpoints: %+v", list)
	}
	for range 100 { // the answer of the last delivery may still be on its way into the database
		if out := s.must("webhook", "replay", string(list[0].ID)); out == "2 deliveries are due again\n" {
			break
		}
	}
	told("payment_link.created")
	told("payment_link.canceled")
	s.must("verify")
}

// A first start that cannot listen has made the demo merchant's keys all the
// same: they are printed, for the next start will not.
func TestServePrintsKeysBeforeItListens(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := shell{t, []string{"--data", t.TempDir(), "--listen", taken.Addr().String()}}
	code, out, errOut := s.run("serve")
	if code != exitFailed || !strings.Contains(errOut, "in use") || !strings.Contains(out, "paylink_test_sk_") || strings.Contains(out, "curl") {
		t.Errorf("code %d, out %q, error %q", code, out, errOut)
	}
}
