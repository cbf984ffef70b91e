package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse runs kong over arguments as the command line does.
func parse(t *testing.T, args ...string) (Settings, error) {
	t.Helper()
	var cli struct{ Settings }
	p, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(args)
	return cli.Settings, err
}

func TestDefaults(t *testing.T) {
	s, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if s.Listen != "127.0.0.1:8080" || s.Data != "./paylink-data" || s.LogFormat != "text" || s.MetricsListen != "" {
		t.Errorf("the defaults are %+v", s)
	}
	limits, err := s.Limits()
	want := Limits{
		Requests: Rate{Count: 100, Per: time.Second, Burst: 200},
		Submit:   Rate{Count: 5, Per: time.Minute, Burst: 5},
		Misses:   Rate{Count: 60, Per: time.Minute, Burst: 60},
	}
	if err != nil || limits != want || limits.Off() {
		t.Errorf("the limits are %+v, %v", limits, err)
	}
}

func TestFlagsOverEnvironment(t *testing.T) {
	t.Setenv("PAYLINK_LISTEN", "127.0.0.1:1")
	t.Setenv("PAYLINK_DATA", "/srv/a")
	t.Setenv("PAYLINK_LIMIT", "requests=1/s,misses=off")
	t.Setenv("PAYLINK_DIALECT_HOST", "payroc=a.example,xfers=b.example")
	t.Setenv("PAYLINK_ALLOW_PRIVATE_WEBHOOKS", "127.0.0.0/8,::1/128")
	s, err := parse(t, "--listen", "127.0.0.1:2", "--log-format", "json")
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "127.0.0.1:2" || s.Data != "/srv/a" || s.LogFormat != "json" || len(s.AllowPrivateWebhooks) != 2 ||
		s.DialectHost["xfers"] != "b.example" || s.DialectHost["payroc"] != "a.example" {
		t.Errorf("the settings are %+v", s)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if limits, err := s.Limits(); err != nil || !limits.Off() || limits.Requests != (Rate{Count: 1, Per: time.Second, Burst: 1}) {
		t.Errorf("the limits are %+v, %v", limits, err)
	}
	s, err = parse(t, "--dialect-host", "payroc=c.example", "--dialect-host", "xfers=d.example", "--limit", "submit=7/h:9", "--limit", "requests=off")
	if err != nil || s.DialectHost["payroc"] != "c.example" || s.DialectHost["xfers"] != "d.example" || s.Limit["submit"] != "7/h:9" || s.Limit["requests"] != "off" {
		t.Errorf("the settings are %+v, %v", s, err)
	}
}

func TestCheckNamesTheFlag(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "8080"}, {"--listen", "127.0.0.1:99999"}, {"--public-url", "shop.example"}, {"--public-url", "ftp://shop.example"},
		{"--public-url", "https://a@shop.example"}, {"--public-url", "https://shop.example/?a"}, {"--metrics-listen", "x"},
		{"--metrics-listen", "127.0.0.1:8080"}, {"--dialect-host", "payroc=https://x"}, {"--dialect-host", "payroc=X.example"},
		{"--limit", "requests=0/s"}, {"--limit", "requests=1/d"}, {"--limit", "requests=1/s:"}, {"--limit", "requests=-1/s"},
		{"--limit", "requests=01/s"}, {"--limit", "request=1/s"}, {"--limit", "submit=on"},
		{"--sandbox-faults", "after=101"}, {"--sandbox-faults", "after=-1"}, {"--sandbox-faults", "after=60,before=60"},
		{"--sandbox-faults", "all=1"}, {"--sandbox-faults", "amounts="}, {"--sandbox-faults", "seed=x"},
	} {
		s, err := parse(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for _, args := range [][]string{{"--log-format", "xml"}, {"--allow-private-webhooks", "127.0.0.1"}, {"--nonsense"}} {
		if _, err := parse(t, args...); err == nil {
			t.Errorf("%v pass", args)
		}
	}
}

func TestVerifyEvery(t *testing.T) {
	for value, want := range map[string]time.Duration{"1h": time.Hour, "30m": 30 * time.Minute, "off": 0} {
		s, err := parse(t, "--verify-every", value)
		if err != nil || s.Check() != nil {
			t.Errorf("%q: %v, %v", value, err, s.Check())
		}
		if every, on, err := s.Proofs(); err != nil || every != want || on != (want > 0) {
			t.Errorf("%q: every %s, %v, %v", value, every, on, err)
		}
	}
	for _, value := range []string{"1", "59s", "721h", "never", "-1h"} {
		s, err := parse(t, "--verify-every="+value)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), "--verify-every") {
			t.Errorf("%q passes: %v", value, err)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for want, s := range map[string]Settings{
		"http://127.0.0.1:8080":     {Listen: "127.0.0.1:8080"},
		"http://localhost:80":       {Listen: ":80"},
		"http://localhost:81":       {Listen: "0.0.0.0:81"},
		"http://localhost:82":       {Listen: "[::]:82"},
		"http://[::1]:83":           {Listen: "[::1]:83"},
		"https://pay.shop.example":  {Listen: ":1", PublicURL: "https://pay.shop.example/"},
		"https://shop.example/pays": {Listen: ":1", PublicURL: "https://shop.example/pays"},
	} {
		if got := s.BaseURL(); got != want {
			t.Errorf("the base URL is %s, want %s", got, want)
		}
	}
}

func TestHelpSaysEveryLimit(t *testing.T) {
	flag, _ := reflect.TypeFor[Settings]().FieldByName("Limit")
	for _, l := range limitTable {
		if want := l.name + "=" + l.fallback; !strings.Contains(flag.Tag.Get("help"), want) {
			t.Errorf("the help of --limit lacks %s", want)
		}
	}
}

func TestFaults(t *testing.T) {
	s, err := parse(t)
	if f, bad := s.Faults(); err != nil || bad != nil || f.On() {
		t.Errorf("the default is %+v, %v, %v", f, err, bad)
	}
	s, err = parse(t, "--sandbox-faults", "after=10,before=20,callbacks=5,amounts=1,seed=7")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := s.Faults(); err != nil || !f.On() || f != (Faults{After: 10, Before: 20, Callbacks: 5, Amounts: 1, Seed: 7}) {
		t.Errorf("the faults are %+v, %v", f, err)
	}
}
