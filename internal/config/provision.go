package config

import (
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const maxProvision = 1 << 20 // bytes of a provision file

// ProvisionFile is what `paylink provision FILE` makes exist. Applying it twice
// changes nothing.
type ProvisionFile struct {
	Merchants []ProvisionMerchant `yaml:"merchants"`
}

// ProvisionMerchant is one merchant in one mode.
type ProvisionMerchant struct {
	ID       string             `yaml:"id"`
	Name     string             `yaml:"name"`
	Country  string             `yaml:"country"` // ISO 3166-1 alpha-2; may be empty
	Mode     string             `yaml:"mode"`
	Keys     []ProvisionKey     `yaml:"keys"`
	Webhooks []ProvisionWebhook `yaml:"webhooks"`
	Settings ProvisionSettings  `yaml:"settings"`
}

// ProvisionKey is one credential in the words of its API. Lookup, Secret and
// External say the same in ours.
type ProvisionKey struct {
	API string `yaml:"api"`

	NativeSecret string `yaml:"secret"`                 // native
	ClientID     string `yaml:"client_id"`              // pinelabs
	ClientSecret string `yaml:"client_secret"`          // pinelabs
	ClientKey    string `yaml:"client_key"`             // portone
	SecretKey    string `yaml:"secret_key"`             // portone
	SubMerchant  string `yaml:"sub_merchant_key"`       // portone; on an entry that a master's pair acts for
	MerchantID   string `yaml:"merchant_id"`            // payengine
	PrivateKey   string `yaml:"private_key"`            // payengine
	APIKey       string `yaml:"api_key"`                // xfers, payroc
	APISecret    string `yaml:"api_secret"`             // xfers
	TerminalID   string `yaml:"processing_terminal_id"` // payroc
}

// ProvisionWebhook is one webhook endpoint.
type ProvisionWebhook struct {
	API    string   `yaml:"api"`
	URL    string   `yaml:"url"`
	Secret string   `yaml:"secret"` // empty: generated, or the credential's where the API signs with it
	Kinds  []string `yaml:"kinds"`  // native and pinelabs only; empty: all, or what the API tells by itself
}

// ProvisionSettings are a merchant's settings. What a fact sheet calls a
// merchant setting stands under the dialect's name.
type ProvisionSettings struct {
	TimeZone     string            `yaml:"time_zone"`
	ReturnHosts  []string          `yaml:"return_hosts"`
	EmbedOrigins []string          `yaml:"embed_origins"`
	Pinelabs     map[string]string `yaml:"pinelabs"`
	Portone      map[string]string `yaml:"portone"`
	Payengine    map[string]string `yaml:"payengine"`
	Xfers        map[string]string `yaml:"xfers"`
	Payroc       map[string]string `yaml:"payroc"`
}

// Dialects are the settings by dialect, without the empty ones; nil when all are.
func (s ProvisionSettings) Dialects() map[string]map[string]string {
	var all map[string]map[string]string
	for name, values := range map[string]map[string]string{
		"pinelabs": s.Pinelabs, "portone": s.Portone, "payengine": s.Payengine, "xfers": s.Xfers, "payroc": s.Payroc,
	} {
		if len(values) > 0 {
			if all == nil {
				all = map[string]map[string]string{}
			}
			all[name] = values
		}
	}
	return all
}

// Lookup is the name by which a request's credential is found: for an API whose
// credential is one value, that value. Empty when it is to be generated.
func (k ProvisionKey) Lookup() string { return k.value(keyMembers[k.API].lookup) }

// Secret is the credential's secret; empty when it is to be generated.
func (k ProvisionKey) Secret() string { return k.value(keyMembers[k.API].secret) }

// External is what the API calls the merchant (PayEngine, a sub-merchant of
// PortOne) or terminal (Payroc).
func (k ProvisionKey) External() string { return k.value(keyMembers[k.API].external) }

// keyMembers says which members a credential of each API has. Where lookup and
// secret are the same member, the credential is one value.
var keyMembers = map[string]struct {
	lookup, secret, external string
	externalOptional         bool
}{
	"native":    {lookup: "secret", secret: "secret"},
	"pinelabs":  {lookup: "client_id", secret: "client_secret"},
	"portone":   {lookup: "client_key", secret: "secret_key", external: "sub_merchant_key", externalOptional: true},
	"payengine": {lookup: "private_key", secret: "private_key", external: "merchant_id"},
	"xfers":     {lookup: "api_key", secret: "api_secret"},
	"payroc":    {lookup: "api_key", secret: "api_key", external: "processing_terminal_id"},
}

// members are the credential's own members, in the order of the struct.
func (k ProvisionKey) members() []member {
	return []member{
		{"secret", k.NativeSecret}, {"client_id", k.ClientID}, {"client_secret", k.ClientSecret}, {"client_key", k.ClientKey},
		{"secret_key", k.SecretKey}, {"merchant_id", k.MerchantID}, {"private_key", k.PrivateKey}, {"api_key", k.APIKey},
		{"api_secret", k.APISecret}, {"processing_terminal_id", k.TerminalID}, {"sub_merchant_key", k.SubMerchant},
	}
}

type member struct{ name, value string }

func (k ProvisionKey) value(name string) string {
	for _, m := range k.members() {
		if m.name == name {
			return m.value
		}
	}
	return ""
}

// ReadProvision reads and checks a provision file. An error of the form names
// line and member; one of the content is a *pay.Error that names every path at
// fault ("merchants[0].keys[1].client_id"). No error repeats a value: it may be
// a secret.
func ReadProvision(r io.Reader) (ProvisionFile, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxProvision+1))
	if err != nil {
		return ProvisionFile{}, fmt.Errorf("reading the provision file: %w", err)
	}
	if len(text) > maxProvision {
		return ProvisionFile{}, errors.New("the provision file is larger than 1 MiB")
	}
	var file ProvisionFile
	if err := decode(text, &file); err != nil {
		return ProvisionFile{}, err
	}
	if err := file.check(); err != nil {
		return ProvisionFile{}, err
	}
	return file, nil
}

// decode reads one YAML document. All values are text to us: a terminal number
// such as 0012 or a key such as 12e4 keeps its spelling without quotes.
func decode(text []byte, file *ProvisionFile) (err error) {
	defer func() {
		if recover() != nil { // the parser trips over some ill-formed files
			err = errors.New("the provision file is not valid YAML")
		}
	}()
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return yamlError(err)
	}
	if len(tree.Docs) > 1 {
		return errors.New("the provision file must be one YAML document")
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return nil
	}
	ast.Walk(asText{}, tree.Docs[0].Body)
	if err := yaml.NodeToValue(tree.Docs[0].Body, file, yaml.Strict()); err != nil {
		return yamlError(err)
	}
	return nil
}

// asText turns every number and truth value of a tree into its text.
type asText struct{}

// Visit is called for each node before what is below it.
func (v asText) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		n.Value = textOf(n.Value)
	case *ast.AnchorNode:
		n.Value = textOf(n.Value)
	case *ast.SequenceNode:
		for i := range n.Values {
			n.Values[i] = textOf(n.Values[i])
		}
	}
	return v
}

func textOf(n ast.Node) ast.Node {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return ast.String(n.GetToken())
	}
	return n
}

// yamlError words an error of the parser, which would quote the file, in our words.
func yamlError(err error) error {
	var (
		of        yaml.Error
		unknown   *yaml.UnknownFieldError
		duplicate *yaml.DuplicateKeyError
		syntax    *yaml.SyntaxError
	)
	if !errors.As(err, &of) || of.GetToken() == nil || of.GetToken().Position == nil {
		return errors.New("the provision file is not valid YAML")
	}
	line := of.GetToken().Position.Line
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("the provision file, line %d: unknown member %q", line, cut(of.GetToken().Value))
	case errors.As(err, &duplicate):
		return fmt.Errorf("the provision file, line %d: member %q is there twice", line, cut(of.GetToken().Value))
	case errors.As(err, &syntax):
		return fmt.Errorf("the provision file, line %d: not valid YAML", line)
	}
	return fmt.Errorf("the provision file, line %d: a value of another kind is needed", line)
}

// cut keeps a name in a message short.
func cut(name string) string {
	if len(name) > 40 {
		return name[:40] + "…"
	}
	return name
}
