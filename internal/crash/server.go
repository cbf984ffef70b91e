package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"paylink/internal/app"
	"paylink/internal/config"
	"paylink/internal/pay"
)

// What the server is provisioned with.
const (
	apiKey     = "paylink_test_sk_crash0123456789abcdef"
	hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

var tenant = pay.Tenant{Merchant: "shop", Mode: pay.Test}

const (
	startTime = 30 * time.Second // until a started server answers
	stopTime  = 30 * time.Second // until a server that was told to stop has ended
	startPoll = 10 * time.Millisecond
)

// build makes the program under test, as it is shipped, in dir.
func build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "paylink")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "paylink/cmd/paylink")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building paylink: %w\n%s", err, out)
	}
	return binary, nil
}

// cluster is all servers of one installation.
type cluster struct {
	binary   string
	settings config.Settings
	flags    []string // the same settings as arguments; each node adds its address
	nodes    []*node
}

// newCluster prepares an installation in p.dir whose merchant's webhooks go to hook.
func newCluster(p plan, hook string) (*cluster, error) {
	provision := filepath.Join(p.dir, "provision.yaml")
	text := fmt.Sprintf(`
merchants:
  - id: %s
    name: Corner Shop
    country: DE
    mode: test
    keys: [{api: native, secret: %s}]
    webhooks: [{api: native, url: "%s", secret: "%s"}]
`, tenant.Merchant, apiKey, hook, hookSecret)
	key := filepath.Join(p.dir, "wrapping.key")
	if err := errors.Join(
		os.WriteFile(provision, []byte(text), 0o600),
		os.WriteFile(key, []byte(strings.Repeat("ab", 32)), 0o600),
	); err != nil {
		return nil, err
	}
	c := &cluster{binary: p.binary}
	for i := range p.servers {
		listen, err := freeAddress()
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, &node{
			binary: p.binary, listen: listen, log: filepath.Join(p.dir, fmt.Sprintf("server%d.log", i)), faults: p.faults, seed: p.seed + uint64(i)<<32,
		})
	}
	c.settings = config.Settings{
		Listen: c.nodes[0].listen, PublicURL: "http://" + c.nodes[0].listen, Data: filepath.Join(p.dir, "data"), Database: p.postgres,
		KeyFile: key, LogFormat: "text", AllowPrivateWebhooks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Limit: map[string]string{"requests": "off", "submit": "off", "misses": "off"},
	}
	c.flags = []string{"--data", c.settings.Data, "--key-file", key}
	if p.postgres != "" {
		c.flags = append(c.flags, "--database", p.postgres)
	}
	for _, n := range c.nodes {
		n.args = append([]string{"serve", "--listen", n.listen, "--public-url", c.settings.PublicURL, "--provision", provision,
			"--allow-private-webhooks", "127.0.0.0/8", "--limit", "requests=off,submit=off,misses=off"}, c.flags...)
	}
	return c, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// base is the address of one of the servers, which may be dead.
func (c *cluster) base(draw *rand.Rand) string {
	return "http://" + c.nodes[draw.IntN(len(c.nodes))].listen
}

// start starts every server.
func (c *cluster) start(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop tells every server to stop, and waits for it.
func (c *cluster) stop() (err error) {
	for _, n := range c.nodes {
		err = errors.Join(err, n.stop())
	}
	return err
}

// abandon makes sure that nothing is left running.
func (c *cluster) abandon() {
	for _, n := range c.nodes {
		if n.cmd != nil {
			n.kill() // it may have ended
		}
	}
}

// verify runs the server's own check of the stopped installation.
func (c *cluster) verify(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, c.binary, append([]string{"verify"}, c.flags...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("paylink verify: %w\n%s", err, out)
	}
	return nil
}

// open opens the installation beside the servers, to look at what is kept.
func (c *cluster) open(ctx context.Context) (*app.App, error) {
	return app.Open(ctx, c.settings, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// node is one server process after another on one address.
type node struct {
	binary, listen, log string
	args                []string
	faults              string // of each process; they fail in different orders
	seed                uint64
	cmd                 *exec.Cmd
	ended               chan error // the process's end; buffered
}

// spawn starts a process and does not wait for it to serve.
func (n *node) spawn(ctx context.Context) error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := n.args
	if n.faults != "" {
		n.seed++
		args = append(args[:len(args):len(args)], "--sandbox-faults", fmt.Sprintf("%s,seed=%d", n.faults, n.seed))
	}
	n.cmd = exec.CommandContext(ctx, n.binary, args...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	cmd, ended := n.cmd, make(chan error, 1)
	n.ended = ended
	go func() { ended <- cmd.Wait() }() // kill and stop wait for it
	return nil
}

// start starts a process and waits until it serves.
func (n *node) start(ctx context.Context) error {
	if err := n.spawn(ctx); err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); {
		if resp, err := client.Get("http://" + n.listen + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-n.ended:
			n.cmd = nil
			return fmt.Errorf("the server ended while it started: %v; its log:\n%s", err, n.tail())
		case <-time.After(startPoll):
		}
	}
	return fmt.Errorf("the server did not answer within %s; its log:\n%s", startTime, n.tail())
}

// kill ends the process as a power cut would.
// Errors: when it had ended by itself.
func (n *node) kill() error {
	select {
	case err := <-n.ended:
		n.cmd = nil
		return fmt.Errorf("the server ended by itself: %v; its log:\n%s", err, n.tail())
	default:
	}
	if err := n.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing the server: %w", err)
	}
	<-n.ended
	n.cmd = nil
	return nil
}

// stop ends the process as an operator would.
func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	select {
	case err := <-n.ended:
		n.cmd = nil
		if err != nil {
			return fmt.Errorf("the server stopped with %v; its log:\n%s", err, n.tail())
		}
		return nil
	case <-time.After(stopTime):
		return fmt.Errorf("the server did not stop within %s", stopTime)
	}
}

// tail is the end of the log.
func (n *node) tail() string {
	const most = 4000 // bytes
	raw, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-most):])
}

// newDatabase makes a PostgreSQL database on server; drop removes it.
func newDatabase(ctx context.Context, server string) (url string, drop func() error, err error) {
	cfg, err := pgx.ParseConfig(server)
	if err != nil {
		return "", nil, err
	}
	name := strings.ToLower(pay.NewID("crash", time.Now()))
	run := func(ctx context.Context, statement string) error {
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, statement)
		return err
	}
	if err := run(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	url, err = onDatabase(server, name)
	return url, func() error { return run(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)") }, err
}

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// upTo is a random time below most.
func upTo(draw *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(draw.Int64N(int64(most) + 1))
}
