package app

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to spoil a database

	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// What keeps the program from starting is said on one line, without a secret,
// and ends it with 1 or 2.
func TestProgramRefuses(t *testing.T) {
	program := buildProgram(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("merchants:\n  - {id: shop, colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "PAYLINK_KEY=7c0d5b1c4f5e6a7980b1c2d3e4f506172839a4b5c6d7e8f90a1b2c3d4e5f6071"
	for _, c := range []struct {
		name, says string
		code       int
		env        string
		args       []string
	}{
		{"a wrong flag", "unknown flag --nonsense", 2, "", []string{"serve", "--nonsense"}},
		{"a wrong command", "unexpected argument frob", 2, "", []string{"frob"}},
		{"a wrong value", "--listen must be HOST:PORT", 1, "", []string{"serve", "--listen", "nowhere"}},
		{"a wrong limit", "--limit", 1, "", []string{"serve", "--limit", "sun=1/s"}},
		{"the port in use", "is in use", 1, "", []string{"serve", "--data", filepath.Join(dir, "a"), "--listen", taken.Addr().String()}},
		{"the metrics' port in use", "is in use", 1, "", []string{"serve", "--data", filepath.Join(dir, "a"), "--listen", "127.0.0.1:0", "--metrics-listen", taken.Addr().String()}},
		{"a file for a directory", "data directory cannot be made", 1, "", []string{"serve", "--data", filepath.Join(file, "data")}},
		{"a read-only directory", "data directory cannot be written to", 1, "", []string{"serve", "--data", "/proc/self"}}, // also for root
		{"no provision file", "reading the provision file", 1, "", []string{"serve", "--data", filepath.Join(dir, "b"), "--provision", filepath.Join(dir, "none")}},
		{"a wrong provision file", `line 2: unknown member "colour"`, 1, "", []string{"serve", "--data", filepath.Join(dir, "b"), "--provision", file}},
		{"no key for PostgreSQL", "--key-file", 1, "", []string{"serve", "--database", "postgres://u:secretword@127.0.0.1:1/x"}},
		{"a short key", "32 bytes", 1, "PAYLINK_KEY=abcd", []string{"serve", "--database", "postgres://u:secretword@127.0.0.1:1/x"}},
		{"no server there", "PostgreSQL cannot be reached", 1, key, []string{"serve", "--database", "postgres://u:secretword@127.0.0.1:1/x?sslmode=disable"}},
		{"a server with TLS not there", "PostgreSQL cannot be reached", 1, key, []string{"serve", "--database", "postgres://u:secretword@127.0.0.1:1/x"}},
		{"a wrong database URL", "database URL is not valid", 1, key, []string{"serve", "--database", "postgres://u:secretword@127.0.0.1:port/x"}},
		{"another database's URL", "database URL is not valid", 1, key, []string{"serve", "--database", "mysql://u:secretword@127.0.0.1:1/x"}},
		{"a newer database", "run a newer paylink", 1, "", []string{"serve", "--data", newerDatabase(t)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, c.args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PAYLINK_KEY=")
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			var said bytes.Buffer
			cmd.Stderr = &said
			err := cmd.Run()
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.ExitCode() != c.code {
				t.Errorf("ended with %v, want %d", err, c.code)
			}
			text := said.String()
			if !strings.HasPrefix(text, "paylink: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, c.says) {
				t.Errorf("said %q, want one line with %q", text, c.says)
			}
			if strings.Contains(text, "secretword") {
				t.Errorf("said the password: %s", text)
			}
		})
	}
}

// newerDatabase is a data directory of a release to come.
func newerDatabase(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "paylink.db")
	s, err := store.Open(ctx, store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Migrate(ctx)
	s.Close()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	return dir
}

// SIGTERM while a request is under way: no new connection is taken, the request
// gets its answer, and the program ends with 0.
func TestProgramStopsGracefully(t *testing.T) {
	program := buildProgram(t)
	address := freeAddress(t)
	file := filepath.Join(t.TempDir(), "provision.yaml")
	if err := os.WriteFile(file, []byte(provisionOf("https://shop.example")), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(program, "serve", "--listen", address, "--data", t.TempDir(), "--provision", file)
	var said bytes.Buffer
	serve.Stderr = &said
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer serve.Process.Kill() // it has ended, unless the test failed
	var conn net.Conn
	eventually(t, "listening", func() (ok bool) {
		var err error
		conn, err = net.Dial("tcp", address)
		return err == nil
	})
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/payment_links HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		address, testKey, len(bookLink))
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the request was not begun: %q %v", line, err) // else: its handler waits for the body
	}
	if _, err := answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, bookLink[:10]) // the answer tells
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no new connections", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(conn, bookLink[10:]) // the answer tells
	resp, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatalf("the request under way got no answer: %v\n%s", err, said.String())
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("the request under way: %d %s %v", resp.StatusCode, body, err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("the program ended with %v\n%s", err, said.String())
	}
}

// A node that stops hands back what it had claimed: the next one goes on at
// once, and not when the lease ends.
func TestStopHandsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var mu sync.Mutex
		slow, heard := true, 0
		hold := make(chan struct{})
		receiver := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			heard++
			wait := slow
			mu.Unlock()
			if wait {
				select {
				case <-hold:
				case <-r.Context().Done():
				}
			}
		})}
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return heard
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go receiver.Serve(l) // ends with Close
		defer receiver.Close()
		defer close(hold)

		s, provision := settingsFor(t, o), provisionOf("http://"+l.Addr().String())
		one := start(t, s, provision)
		one.stopTime = 100 * time.Millisecond
		newLink(t, one.base, bookLink)
		eventually(t, "the delivery is under way", func() bool { return count() == 1 })
		one.stop()
		mu.Lock()
		slow = false
		mu.Unlock()
		began := time.Now()
		start(t, s, provision)
		eventually(t, "the next node delivers", func() bool { return count() == 2 })
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("the next node waited %s: a lease is 20 s", took)
		}
	})
}
