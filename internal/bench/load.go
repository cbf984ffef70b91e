package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// caller is one client on one connection. It writes bytes made beforehand and
// reads no more of an answer than it must: the load shares the machine with the
// server, and what it costs is taken from both sides of a ratio.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

const answerTime = 30 * time.Second

func dial(address string) (*caller, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// do sends a request and reads the answer. wire is the answer's size with its
// head; body is good until the next call.
func (c *caller) do(request []byte) (status int, body []byte, wire int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, nil, 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, 0, err
	}
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, 0, err
		}
		wire += len(line)
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if first {
			if len(line) < len("HTTP/1.1 200") {
				return 0, nil, 0, fmt.Errorf("not HTTP: %q", line)
			}
			status, err = strconv.Atoi(string(line[9:12]))
		} else if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			length, err = strconv.Atoi(string(value))
		} else if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			chunked = true
		}
		if err != nil {
			return 0, nil, 0, err
		}
	}
	if chunked {
		body, err = io.ReadAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			_, err = c.in.ReadSlice('\n') // the empty line after the last chunk
		}
		return status, body, wire + len(body), err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, wire + length, err
}

// request makes the bytes of a request; header is whole lines.
func request(method, path, host, header, body string) []byte {
	text := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + header
	if body != "" {
		text += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return []byte(text + "\r\n" + body)
}

// closedLoop has clients ask as fast as they are answered, for a time, and
// gives answers per second. next makes the request with a number of its own.
func closedLoop(ctx context.Context, address string, clients int, length time.Duration, want int, next func(n int64) []byte) (float64, error) {
	var asked, answered atomic.Int64
	begin := time.Now()
	err := each(clients, address, func(c *caller) error {
		for time.Since(begin) < length && ctx.Err() == nil {
			status, body, _, err := c.do(next(asked.Add(1)))
			if err != nil {
				return err
			}
			if status != want {
				return fmt.Errorf("answered with %d: %s", status, body)
			}
			answered.Add(1)
		}
		return ctx.Err()
	})
	return float64(answered.Load()) / time.Since(begin).Seconds(), err
}

// openLoop sends rate requests per second whether or not earlier ones were
// answered, with at most clients under way, and gives the time of each from when
// it was due: a slow answer makes those behind it late too.
func openLoop(ctx context.Context, address string, clients int, rate float64, length time.Duration, want int, next func(n int64) []byte) ([]time.Duration, error) {
	total := int64(rate * length.Seconds())
	times := make([]time.Duration, total)
	var taken atomic.Int64
	begin := time.Now()
	err := each(clients, address, func(c *caller) error {
		for n := taken.Add(1) - 1; n < total; n = taken.Add(1) - 1 {
			if err := ctx.Err(); err != nil {
				return err
			}
			due := begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			text := next(n + 1)
			time.Sleep(time.Until(due))
			status, body, _, err := c.do(text)
			if err != nil {
				return err
			}
			if status != want {
				return fmt.Errorf("answered with %d: %s", status, body)
			}
			times[n] = time.Since(due)
		}
		return nil
	})
	return times, err
}

// each runs f on so many connections at once.
func each(clients int, address string, f func(*caller) error) error {
	errs := make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c, err := dial(address)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.conn.Close()
			errs[i] = f(c)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one tells as much as all
		}
	}
	return nil
}

// once makes one request on a connection of its own.
func once(address string, text []byte) (status int, body []byte, wire int, err error) {
	c, err := dial(address)
	if err != nil {
		return 0, nil, 0, err
	}
	defer c.conn.Close()
	return c.do(text)
}
