package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// apiKey is the native key of the merchant that every measurement uses.
const apiKey = "paylink_test_sk_bench0123456789abcdef"

// provision is the file that makes the merchant. hook, when not empty, is where
// its webhooks go.
func provision(hook string) string {
	text := "merchants:\n  - id: bench\n    name: Corner Shop\n    country: DE\n    mode: test\n" +
		"    keys:\n      - {api: native, secret: " + apiKey + "}\n"
	if hook != "" {
		text += "    webhooks:\n      - {api: native, url: \"" + hook + "\"}\n"
	}
	return text
}

// build makes the server's binary as make build does.
func build(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "paylink")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/paylink")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, text)
	}
	return out, nil
}

// process is a server in a process of its own, the product or a reference.
type process struct {
	cmd     *exec.Cmd
	address string // host:port
	private string // of /metrics and /debug/pprof; empty for a reference
	log     *bytes.Buffer
	started time.Time
}

// startServer runs the product with its data in dir. database empty is SQLite.
// Rate limits are off: one caller stands for many.
func (b *bench) startServer(dir, database, hook string) (*process, error) {
	files := map[string]string{"provision.yaml": provision(hook), "key": wrappingKey + "\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	address, private := freeAddress(), freeAddress()
	args := []string{
		"serve", "--listen", address, "--metrics-listen", private, "--data", dir, "--key-file", filepath.Join(dir, "key"),
		"--provision", filepath.Join(dir, "provision.yaml"), "--allow-private-webhooks", "127.0.0.0/8",
		"--limit", "requests=off", "--limit", "submit=off", "--limit", "misses=off",
	}
	if database != "" {
		args = append(args, "--database", database)
	}
	return startProcess(b.program, args, address, private)
}

// startProcess runs a program and waits for its first answer.
func startProcess(program string, args []string, address, private string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), address: address, private: private, log: &bytes.Buffer{}}
	p.cmd.Stderr = &head{Buffer: p.log}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(p.started) < 30*time.Second {
		if resp, err := http.Get("http://" + address + "/healthz"); err == nil {
			resp.Body.Close()
			return p, nil
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("%s did not answer: %s", filepath.Base(program), p.log)
}

// head keeps the beginning of a log: the rest is one line per request.
type head struct{ *bytes.Buffer }

const maxLog = 4 << 10

func (h *head) Write(p []byte) (int, error) {
	if h.Len() < maxLog {
		h.Buffer.Write(p)
	}
	return len(p), nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt) // it has ended by itself
	p.cmd.Wait()                       // likewise
}

// residentMB is the memory of the process in the kernel's books, in MB.
func (p *process) residentMB() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, errors.New("the kernel does not tell the resident size")
}

// clockTick is the unit of times in /proc on Linux, whatever the machine.
const clockTick = 10 * time.Millisecond

// cpu is the processor time that the process has used.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The second member is the program's name, in parentheses; user and system
	// time are the 14th and 15th.
	members := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(members) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(members[11])
	system, _ := strconv.Atoi(members[12])
	return time.Duration(user+system) * clockTick
}

// noting runs a round and says what processor time each answer took of the
// server: a figure that other work on the machine hardly changes.
func (p *process) noting(what string, length time.Duration, round func() (float64, error)) (float64, error) {
	before := p.cpu()
	rate, err := round()
	if answers := rate * length.Seconds(); err == nil && answers > 0 {
		fmt.Fprintf(os.Stderr, "  %s: %d µs of the server's processor each\n", what, int64(float64((p.cpu()-before).Microseconds())/answers))
	}
	return rate, err
}

// profile writes a CPU profile of the server while load runs, when profiles
// are asked for.
func (b *bench) profile(p *process, name string, load func() error) error {
	if b.profiles == "" {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- load() }()
	seconds := max(1, int(b.length.Seconds())-1)
	resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.private, seconds))
	if err != nil {
		return errors.Join(err, <-done)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.profiles, name+".pprof"), text, 0o644)
	}
	return errors.Join(err, <-done)
}

// freeAddress is an address of this machine that nobody listens on now.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}
