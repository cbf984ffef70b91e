package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// openapi.yaml is here because a package embeds only what is below it;
// docs/openapi.yaml is a link to it.
//
//go:embed openapi.yaml
var openapiYAML []byte

// document is the description of the API, as it is for this installation.
type document struct {
	root yaml.MapSlice // members in the order they are written in
	json []byte
}

// readDocument reads the description and puts the installation's address and
// version into it.
func readDocument(o Options) (document, error) {
	var d document
	if err := yaml.UnmarshalWithOptions(openapiYAML, &d.root, yaml.UseOrderedMap()); err != nil {
		return d, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	if info, ok := member(d.root, "info").(yaml.MapSlice); ok && o.Version != "" {
		set(info, "version", o.Version)
	}
	if servers, ok := member(d.root, "servers").([]any); ok && len(servers) > 0 && o.PublicURL != "" {
		if server, ok := servers[0].(yaml.MapSlice); ok {
			set(server, "url", o.PublicURL)
		}
	}
	var out bytes.Buffer
	if err := encode(jsontext.NewEncoder(&out, jsontext.Multiline(true), jsontext.WithIndent("  ")), d.root); err != nil {
		return d, fmt.Errorf("writing openapi.json: %w", err)
	}
	d.json = out.Bytes()
	return d, nil
}

// encode writes YAML as JSON and keeps the order of members.
func encode(e *jsontext.Encoder, v any) error {
	switch v := v.(type) {
	case yaml.MapSlice:
		if err := e.WriteToken(jsontext.BeginObject); err != nil {
			return err
		}
		for _, item := range v {
			if err := e.WriteToken(jsontext.String(fmt.Sprint(item.Key))); err != nil {
				return err
			}
			if err := encode(e, item.Value); err != nil {
				return err
			}
		}
		return e.WriteToken(jsontext.EndObject)
	case []any:
		if err := e.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
		for _, item := range v {
			if err := encode(e, item); err != nil {
				return err
			}
		}
		return e.WriteToken(jsontext.EndArray)
	}
	return json.MarshalEncode(e, v)
}

// member walks down by names; nil where there is nothing.
func member(v any, names ...string) any {
	for _, name := range names {
		object, ok := v.(yaml.MapSlice)
		if !ok {
			return nil
		}
		v = nil
		for _, item := range object {
			if item.Key == name {
				v = item.Value
			}
		}
	}
	return v
}

// words is a member that is a text, "" where there is none.
func words(v any, names ...string) string {
	s, _ := member(v, names...).(string)
	return s
}

func set(object yaml.MapSlice, name string, value any) {
	for i := range object {
		if object[i].Key == name {
			object[i].Value = value
		}
	}
}

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(a.doc.json) // a reader that has gone needs no answer
	return nil
}

func (a *API) docs(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(a.docPage)
	return nil
}
