package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"paylink/internal/config"
	"paylink/internal/pay"
	"paylink/internal/processor"
)

const (
	maxClockAhead  = 60 * time.Second // between our clock and the database's
	minDistinctKey = 12               // different bytes of a wrapping key of 32; one drawn by chance has some 30
)

// refusal is why a node does not serve live mode: one line for each fault.
type refusal []string

func (r refusal) Error() string {
	return "there is a live merchant, and live mode does not start like this:\n  " + strings.Join(r, "\n  ")
}

// refuse fails when there is a live merchant, or is about to be, and anything
// speaks against serving real money (THREATS 13).
func (a *App) refuse(ctx context.Context, aboutToBe bool) error {
	live := aboutToBe
	if !live {
		tenants, err := a.Store.Tenants(ctx)
		if err != nil {
			return err
		}
		live = slices.ContainsFunc(tenants, func(t pay.Tenant) bool { return t.Mode == pay.Live })
	}
	if !live {
		return nil
	}
	risks, err := a.Store.Risks(ctx)
	if err != nil {
		return err
	}
	faults, err := settingFaults(a.settings)
	if err != nil {
		return err
	}
	faults = append(faults, risks...)
	faults = append(faults, clockFault(a.Store.ClockAhead())...)
	if a.weakKey {
		faults = append(faults, "the wrapping key is a sample or was not drawn by chance: make one with `openssl rand -hex 32`")
	}
	faults = append(faults, sandboxFaults([]processor.Driver{a.Sandbox})...)
	if len(faults) == 0 {
		return nil
	}
	return refusal(faults)
}

// settingFaults are those of the command line and of the data directory.
func settingFaults(s config.Settings) (faults []string, err error) {
	limits, err := s.Limits()
	if err != nil {
		return nil, err
	}
	if limits.Off() {
		faults = append(faults, "a rate limit is off: take --limit NAME=off away")
	}
	if len(s.SandboxFaults) > 0 {
		faults = append(faults, "the test processor is told to fail: take --sandbox-faults away")
	}
	if !isHTTPS(s.BaseURL()) {
		faults = append(faults, fmt.Sprintf("the public URL is %s: give --public-url with https://", s.BaseURL()))
	}
	if s.MetricsListen != "" && !isLoopback(s.MetricsListen) {
		faults = append(faults, fmt.Sprintf("--metrics-listen %s can be reached by others: it must be on 127.0.0.1 or ::1", s.MetricsListen))
	}
	info, err := os.Stat(s.Data)
	switch {
	case errors.Is(err, os.ErrNotExist): // PostgreSQL and a key from elsewhere need none
	case err != nil:
		return nil, fmt.Errorf("looking at the data directory: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		faults = append(faults, fmt.Sprintf("the data directory %s may be read or written by others: chmod 0700 it", s.Data))
	}
	return faults, nil
}

func clockFault(ahead time.Duration) []string {
	if ahead.Abs() <= maxClockAhead {
		return nil
	}
	return []string{fmt.Sprintf("this machine's clock and the database's differ by %s: set both by NTP", ahead.Abs().Round(time.Second))}
}

// sandboxFaults names a test processor that would take part in live mode.
func sandboxFaults(drivers []processor.Driver) (faults []string) {
	for _, d := range drivers {
		for _, m := range methods {
			if c, ok := d.Capabilities(m.ID()); ok && d.Name() == "sandbox" && slices.Contains(c.Modes, pay.Live) {
				return []string{"the sandbox processor is attached to live mode: it moves no money"}
			}
		}
	}
	return nil
}

// weak reports whether a key has too few different bytes to be a random one.
func weak(key []byte) bool {
	distinct := map[byte]bool{}
	for _, b := range key {
		distinct[b] = true
	}
	return len(distinct) < minDistinctKey
}

func isHTTPS(base string) bool {
	u, err := url.Parse(base)
	return err == nil && u.Scheme == "https"
}

// isLoopback reports whether an address to listen on is reached from this
// machine alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
