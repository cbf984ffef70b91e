package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"paylink/internal/pay"
)

const sample = `merchants:
  - id: shop
    name: Corner Shop
    country: TH
    mode: test
    keys:
      - {api: native, secret: paylink_test_sk_abcdefghijklmnop}
      - {api: native}
      - {api: pinelabs, client_id: 4c2f, client_secret: 9d1a}
      - {api: portone, client_key: ck, secret_key: "sk"}
      - {api: portone, client_key: master, secret_key: "sk", sub_merchant_key: sub}
      - {api: payengine, merchant_id: 1cc7, private_key: abc}
      - {api: xfers, api_key: test_a, api_secret: b}
      - {api: payroc, api_key: k, processing_terminal_id: 0001234}
    webhooks:
      - {api: xfers, url: "https://shop.example/hooks", secret: s}
      - {api: native, url: "http://127.0.0.1:9/", kinds: [payment.succeeded]}
      - {api: pinelabs, url: "https://shop.example/hooks", kinds: [payment_link.canceled]}
    settings:
      time_zone: Asia/Bangkok
      return_hosts: [shop.example]
      embed_origins: ["https://shop.example"]
      pinelabs: {merchant_id: 111302}
  - {id: shop, name: Corner Shop, mode: live}
`

func TestReadProvision(t *testing.T) {
	f, err := ReadProvision(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Merchants[0]
	var got [][4]string
	for _, k := range m.Keys {
		got = append(got, [4]string{k.API, k.Lookup(), k.Secret(), k.External()})
	}
	want := [][4]string{
		{"native", "paylink_test_sk_abcdefghijklmnop", "paylink_test_sk_abcdefghijklmnop", ""},
		{"native", "", "", ""},
		{"pinelabs", "4c2f", "9d1a", ""},
		{"portone", "ck", "sk", ""},
		{"portone", "master", "sk", "sub"},
		{"payengine", "abc", "abc", "1cc7"},
		{"xfers", "test_a", "b", ""},
		{"payroc", "k", "k", "0001234"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the keys are %q, want %q", got, want)
	}
	if d := m.Settings.Dialects(); !reflect.DeepEqual(d, map[string]map[string]string{"pinelabs": {"merchant_id": "111302"}}) {
		t.Errorf("the dialects' settings are %v", d)
	}
	if len(m.Webhooks) != 3 || m.Webhooks[1].Kinds[0] != "payment.succeeded" || m.Webhooks[2].Kinds[0] != "payment_link.canceled" || m.Settings.TimeZone != "Asia/Bangkok" || len(f.Merchants) != 2 {
		t.Errorf("the file is %+v", f)
	}
}

func TestReadProvisionForm(t *testing.T) {
	for text, want := range map[string]string{
		"merchants:\n  - id: a\n    nmae: SECRET\n":                                 `line 3: unknown member "nmae"`,
		"merchants:\n  - id: a\n    keys:\n      - {api: native, sceret: SECRET}\n": `line 4: unknown member "sceret"`,
		"merchant: []\n": `line 1: unknown member "merchant"`,
		"merchants:\n  - id: a\n    id: SECRET\n": `line 3`,
		"merchants: SECRET\n":                     `line 1`,
		"merchants:\n  - id: [SECRET]\n":          `line 2`,
		"merchants: [SECRET\n":                    `line 1`,
		"merchants:\n\t- SECRET\n":                `line`,
	} {
		_, err := ReadProvision(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
	if _, err := ReadProvision(strings.NewReader(strings.Repeat("#", maxProvision+1))); err == nil {
		t.Error("a file without end is read")
	}
}

func TestReadProvisionContent(t *testing.T) {
	merchant := func(rest string) string {
		return "merchants:\n  - {id: a, name: A, mode: test, " + rest + "}\n"
	}
	for text, want := range map[string]string{
		"merchants: [{id: A, name: A, mode: test}]":                                                                           "merchants[0].id",
		"merchants: [{id: a, mode: test}]":                                                                                    "merchants[0].name",
		"merchants: [{id: a, name: A}]":                                                                                       "merchants[0].mode",
		"merchants: [{id: a, name: A, mode: real}]":                                                                           "merchants[0].mode",
		"merchants: [{id: a, name: A, mode: test}, {id: a, name: A, mode: test}]":                                             "merchants[1].id",
		merchant(`country: tha`):                                                                                              "merchants[0].country",
		merchant(`keys: [{api: fax}]`):                                                                                        "merchants[0].keys[0].api",
		merchant(`keys: [{api: native, client_id: SECRET}]`):                                                                  "merchants[0].keys[0].client_id",
		merchant(`keys: [{api: native, secret: SECRET}]`):                                                                     "merchants[0].keys[0].secret",
		merchant(`keys: [{api: native, secret: paylink_live_sk_SECRETSECRETSECRET}]`):                                         "merchants[0].keys[0].secret",
		merchant(`keys: [{api: xfers}, {api: pinelabs, client_secret: SECRET}]`):                                              "merchants[0].keys[1].client_id",
		merchant(`keys: [{api: payroc, api_key: SECRET}]`):                                                                    "merchants[0].keys[0].processing_terminal_id",
		merchant(`keys: [{api: portone, client_key: "a b", secret_key: c}]`):                                                  "merchants[0].keys[0].client_key",
		merchant(`keys: [{api: portone, secret_key: c, sub_merchant_key: s}]`):                                                "merchants[0].keys[0].client_key",
		merchant(`keys: [{api: xfers, api_key: test_c, api_secret: d, sub_merchant_key: SECRET}]`):                            "merchants[0].keys[0].sub_merchant_key",
		merchant(`keys: [{api: xfers, api_key: test_a, api_secret: SECRET}, {api: xfers, api_key: test_a, api_secret: b}]`):   "merchants[0].keys[1].api_secret",
		merchant(`keys: [{api: xfers, api_key: live_SECRET, api_secret: b}]`):                                                 "merchants[0].keys[0].api_key",
		merchant(`keys: [{api: xfers, api_key: sandbox_SECRET, api_secret: b}]`):                                              "merchants[0].keys[0].api_key",
		`merchants: [{id: a, name: A, mode: live, keys: [{api: xfers, api_key: test_SECRET, api_secret: 0123456789abcdef}]}]`: "merchants[0].keys[0].api_key",
		merchant(`webhooks: [{api: native, url: "shop.example"}]`):                                                            "merchants[0].webhooks[0].url",
		merchant(`webhooks: [{api: fax, url: "https://shop.example/"}]`):                                                      "merchants[0].webhooks[0].api",
		merchant(`webhooks: [{api: native, url: "https://a/", kinds: [fax]}]`):                                                "merchants[0].webhooks[0].kinds[0]",
		merchant(`webhooks: [{api: xfers, url: "https://a/", kinds: [a]}]`):                                                   "merchants[0].webhooks[0].kinds",
		merchant(`settings: {time_zone: Mars/Olympus}`):                                                                       "merchants[0].settings.time_zone",
		merchant(`settings: {return_hosts: ["https://a"]}`):                                                                   "merchants[0].settings.return_hosts[0]",
		merchant(`settings: {embed_origins: ["https://a/"]}`):                                                                 "merchants[0].settings.embed_origins[0]",
		merchant(`settings: {xfers: {"A b": c}}`):                                                                             "merchants[0].settings.xfers",
		`merchants: [{id: a, name: A, mode: live, keys: [{api: xfers, api_key: live_a, api_secret: SECRET}]}]`:                "merchants[0].keys[0].api_secret",
		`merchants: [{id: a, name: A, mode: live, webhooks: [{api: native, url: "http://a/"}]}]`:                              "merchants[0].webhooks[0].url",
		`merchants: [{id: a, name: A, mode: live, webhooks: [{api: native, url: "https://a/", secret: SECRET}]}]`:             "merchants[0].webhooks[0].secret",
	} {
		_, err := ReadProvision(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want+" ") || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
		if pay.KindOf(err) != pay.Invalid {
			t.Errorf("%s is no Invalid error", text)
		}
	}
}

func TestSharedCredential(t *testing.T) {
	_, err := ReadProvision(strings.NewReader(`merchants:
  - {id: a, name: A, mode: test, keys: [{api: payengine, merchant_id: "1", private_key: k}, {api: payengine, merchant_id: "2", private_key: k}]}
  - {id: b, name: B, mode: test, keys: [{api: payengine, merchant_id: "3", private_key: k}]}
`))
	if err != nil {
		t.Error(err)
	}
}

// What YAML would take for a number or a truth value keeps its spelling.
func TestSpellings(t *testing.T) {
	for _, want := range []string{"0012", "12e4", "0x1F", "1_000", "1.10", "true", "no", ".inf", "+5", "12345678901234567890123", "2026-11-21"} {
		f, err := ReadProvision(strings.NewReader("merchants:\n  - {id: a, name: A, mode: test, keys: [{api: pinelabs, client_id: " + want + ", client_secret: x}], settings: {xfers: {v: " + want + "}}}\n"))
		if err != nil {
			t.Errorf("%s: %v", want, err)
		} else if m := f.Merchants[0]; m.Keys[0].ClientID != want || m.Settings.Xfers["v"] != want {
			t.Errorf("%s became %s and %s", want, m.Keys[0].ClientID, m.Settings.Xfers["v"])
		}
	}
}

func FuzzReadProvision(f *testing.F) {
	f.Add(sample)
	f.Add("merchants:\n  - &a {id: a}\n  - *a\n")
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ReadProvision(strings.NewReader(text))
		if err != nil {
			var e *pay.Error
			if !errors.As(err, &e) && !strings.HasPrefix(err.Error(), "the provision file") {
				t.Fatalf("%q gives %v", text, err)
			}
			return
		}
		for _, m := range file.Merchants {
			if m.ID == "" || !pay.Mode(m.Mode).Valid() {
				t.Fatalf("%q gives %+v", text, m)
			}
		}
	})
}
