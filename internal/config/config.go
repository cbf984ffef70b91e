// Package config is what an operator may set: the settings of the server, the
// named limits and the provision file. It checks form only, and never opens a
// file, a connection or a database.
package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

// Version is the release; the build sets it.
var Version = "dev"

// KeyVariable is the environment variable that may hold the wrapping key itself
// in place of --key-file. It has no flag: every user of the machine can read
// the arguments of a process.
const KeyVariable = "PAYLINK_KEY"

// Settings are what `paylink serve` is told: flag over environment over default.
// Kong reads the tags; `paylink serve --help` is their documentation.
type Settings struct {
	Listen               string            `name:"listen" env:"PAYLINK_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to serve on (default: ${default})."`
	Data                 string            `name:"data" env:"PAYLINK_DATA" default:"./paylink-data" placeholder:"DIR" help:"Directory that holds the SQLite database and its key; serve, migrate and provision make it (default: ${default})."`
	Database             string            `name:"database" env:"PAYLINK_DATABASE" placeholder:"URL" help:"PostgreSQL database, postgres://… (default: SQLite in the data directory)."`
	PublicURL            string            `name:"public-url" env:"PAYLINK_PUBLIC_URL" placeholder:"URL" help:"What links in answers and messages begin with (default: http:// and the listen address)."`
	Provision            string            `name:"provision" env:"PAYLINK_PROVISION" placeholder:"FILE" help:"YAML file of merchants, credentials and webhook endpoints to make exist at start."`
	KeyFile              string            `name:"key-file" env:"PAYLINK_KEY_FILE" placeholder:"FILE" help:"File with the wrapping key, 32 bytes in hexadecimal or base64, mode 0600 (default: made in the data directory; PostgreSQL needs this or PAYLINK_KEY)."`
	DialectHost          map[string]string `name:"dialect-host" env:"PAYLINK_DIALECT_HOST" mapsep:"," placeholder:"DIALECT=HOST" help:"Host name on which a provider's API is served at its own paths: payroc=pay.example.com. May be repeated."`
	AllowPrivateWebhooks []netip.Prefix    `name:"allow-private-webhooks" env:"PAYLINK_ALLOW_PRIVATE_WEBHOOKS" placeholder:"CIDR" help:"Private networks that webhooks in test mode may go to: 127.0.0.0/8,::1/128 (default: none)."`
	Limit                map[string]string `name:"limit" env:"PAYLINK_LIMIT" mapsep:"," placeholder:"NAME=VALUE" help:"A rate, and how many may come at once, or off: requests=100/s:200 of one API key; submit=5/min:5, payments started on one link from one address; misses=60/min:60, requests of one address for links that do not exist (default: these). May be repeated."`
	VerifyEvery          string            `name:"verify-every" env:"PAYLINK_VERIFY_EVERY" default:"1h" placeholder:"TIME|off" help:"How often serve proves its stored data as paylink verify does, on one node: 1h, 30m, at least 1m, or off (default: ${default})."`
	LogFormat            string            `name:"log-format" env:"PAYLINK_LOG_FORMAT" default:"text" enum:"text,json" placeholder:"text|json" help:"Form of the log on standard error (default: ${default})."`
	SandboxFaults        map[string]string `name:"sandbox-faults" env:"PAYLINK_SANDBOX_FAULTS" mapsep:"," placeholder:"NAME=PERCENT" help:"What the test processor does wrong on purpose, to test an installation: after=10,before=10 (calls without an answer, carried out or not), callbacks=5 (come late, twice, out of order), amounts=1 (told wrong); seed=N draws others. Refused in live mode (default: nothing)."`
	MetricsListen        string            `name:"metrics-listen" env:"PAYLINK_METRICS_LISTEN" placeholder:"HOST:PORT" help:"Address for /metrics and /debug/pprof; keep it private; in live mode on loopback only (default: not served)."`
}

// Check names every setting at fault, by its flag.
func (s Settings) Check() error {
	var bad pay.Faults
	if !isAddress(s.Listen) {
		bad.Add("--listen", "invalid", "must be HOST:PORT")
	}
	if s.MetricsListen != "" && !isAddress(s.MetricsListen) {
		bad.Add("--metrics-listen", "invalid", "must be HOST:PORT")
	}
	if s.MetricsListen != "" && s.MetricsListen == s.Listen {
		bad.Add("--metrics-listen", "invalid", "must differ from --listen")
	}
	if s.PublicURL != "" && !isBase(s.PublicURL) {
		bad.Add("--public-url", "invalid", "must be an http:// or https:// URL without user, query and fragment")
	}
	for dialect, host := range s.DialectHost {
		if !isName(dialect) || !isHost(host) {
			bad.Add("--dialect-host", "invalid", "must be DIALECT=HOST with a host name in lower case")
		}
	}
	if _, err := s.Limits(); err != nil {
		if err := bad.Merge("", err); err != nil {
			return err
		}
	}
	if _, err := s.Faults(); err != nil {
		if err := bad.Merge("", err); err != nil {
			return err
		}
	}
	if _, _, err := s.Proofs(); err != nil {
		bad.Add("--verify-every", "invalid", "must be a time of at least 1m and at most 720h, or off")
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		bad.Add("--log-format", "invalid", "must be text or json")
	}
	return bad.Err()
}

// Proofs is how often stored data is proved; on is false when never.
func (s Settings) Proofs() (every time.Duration, on bool, err error) {
	switch s.VerifyEvery {
	case "off":
		return 0, false, nil
	case "":
		return time.Hour, true, nil
	}
	every, err = time.ParseDuration(s.VerifyEvery)
	if err == nil && (every < time.Minute || every > 720*time.Hour) {
		err = errors.New("out of range")
	}
	return every, true, err
}

// BaseURL is what absolute URLs begin with, without a slash at the end.
func (s Settings) BaseURL() string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return "http://" + s.Listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost" // "every address" is not one that a browser can open
	}
	return "http://" + net.JoinHostPort(host, port)
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isBase reports whether s is a URL that paths can be put behind.
func isBase(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		u.Opaque == "" && !strings.ContainsAny(s, "?# \t\n")
}

// isHost reports whether s is a host name or address in lower case, without a port.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// isName reports whether s is a name of ours: lower case, digits, _ and -.
func isName(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
