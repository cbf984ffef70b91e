package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// The page of documentation: one page, made once from the description, without
// scripts.
var (
	//go:embed docs.css
	docsCSS string
	//go:embed docs.html
	docsHTML string

	docsTemplate = template.Must(template.New("docs").Funcs(template.FuncMap{"prose": prose}).Parse(docsHTML))
	docsPolicy   = "default-src 'none'; style-src '" + styleHash(docsCSS) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func styleHash(css string) string {
	sum := sha256.Sum256([]byte(css))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// What the page shows.
type (
	docsModel struct {
		CSS                           template.CSS
		Title, Version, Server, Intro string
		Groups                        []docsGroup
		Errors                        []docsError
		Schemas                       []docsSchema
	}
	docsGroup struct {
		Name, Text string
		Operations []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary, Text string
		Open                            bool // needs no key
		Params, Body                    []docsField
		BodyName                        string
		Request, Answer                 string // examples
		Answers                         []docsAnswer
	}
	docsAnswer struct{ Status, Text, Schema string }
	docsError  struct{ Code, Status, Text string }
	docsSchema struct {
		Name, Text, Example string
		Fields              []docsField
	}
	docsField struct {
		Name, Type, Link, Text string
		Required               bool
	}
)

// page makes the page of documentation.
func (d document) page() ([]byte, error) {
	m := docsModel{
		CSS: template.CSS(docsCSS), Title: words(d.root, "info", "title"), // our own file
		Version: words(d.root, "info", "version"), Intro: words(d.root, "info", "description"),
	}
	if servers, ok := member(d.root, "servers").([]any); ok && len(servers) > 0 {
		m.Server = words(servers[0], "url")
	}
	tags, _ := member(d.root, "tags").([]any)
	for _, tag := range tags {
		name := words(tag, "name")
		m.Groups = append(m.Groups, docsGroup{name, words(tag, "description"), d.operations(name)})
	}
	faults, _ := member(d.root, "x-errors").([]any)
	for _, f := range faults {
		m.Errors = append(m.Errors, docsError{words(f, "code"), fmt.Sprint(member(f, "status")), words(f, "meaning")})
	}
	schemas, _ := member(d.root, "components", "schemas").(yaml.MapSlice)
	for _, item := range schemas {
		m.Schemas = append(m.Schemas, docsSchema{
			Name: fmt.Sprint(item.Key), Text: words(item.Value, "description"),
			Fields: d.fields(item.Value, "", 0), Example: pretty(member(item.Value, "example")),
		})
	}
	var out bytes.Buffer
	err := docsTemplate.Execute(&out, m)
	return out.Bytes(), err
}

func (d document) operations(tag string) []docsOperation {
	var found []docsOperation
	paths, _ := member(d.root, "paths").(yaml.MapSlice)
	for _, path := range paths {
		methods, _ := path.Value.(yaml.MapSlice)
		for _, op := range methods {
			tags, _ := member(op.Value, "tags").([]any)
			if len(tags) == 0 || tags[0] != tag {
				continue
			}
			found = append(found, d.operation(fmt.Sprint(path.Key), fmt.Sprint(op.Key), op.Value))
		}
	}
	return found
}

func (d document) operation(path, method string, op any) docsOperation {
	out := docsOperation{
		ID: words(op, "operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: words(op, "summary"), Text: words(op, "description"),
	}
	if security, ok := member(op, "security").([]any); ok && len(security) == 0 {
		out.Open = true
	}
	params, _ := member(op, "parameters").([]any)
	for _, p := range params {
		p = d.deref(p)
		field := d.field(words(p, "name")+" ("+words(p, "in")+")", member(p, "schema"))
		field.Text = strings.TrimSpace(words(p, "description") + "\n\n" + field.Text)
		field.Required = member(p, "required") == true
		out.Params = append(out.Params, field)
	}
	body := member(op, "requestBody", "content", "application/json")
	out.Body = d.fields(d.deref(member(body, "schema")), "", 0)
	out.BodyName = refName(member(body, "schema"))
	out.Request = pretty(firstExample(body))
	answers, _ := member(op, "responses").(yaml.MapSlice)
	for _, answer := range answers {
		v := d.deref(answer.Value)
		content := member(v, "content", "application/json")
		out.Answers = append(out.Answers, docsAnswer{fmt.Sprint(answer.Key), words(v, "description"), refName(member(content, "schema"))})
		if out.Answer == "" {
			out.Answer = pretty(firstExample(content))
		}
	}
	return out
}

// firstExample is the example of a body, or the first of its examples.
func firstExample(content any) any {
	if example := member(content, "example"); example != nil {
		return example
	}
	examples, _ := member(content, "examples").(yaml.MapSlice)
	if len(examples) == 0 {
		return nil
	}
	return member(examples[0].Value, "value")
}

const maxFieldDepth = 3 // objects within objects that a table spells out

// fields are the members of an object, those of members without a name of
// their own included.
func (d document) fields(schema any, prefix string, depth int) []docsField {
	var out []docsField
	required, _ := member(schema, "required").([]any)
	properties, _ := member(schema, "properties").(yaml.MapSlice)
	for _, p := range properties {
		name := fmt.Sprint(p.Key)
		field := d.field(prefix+name, p.Value)
		for _, r := range required {
			field.Required = field.Required || r == name
		}
		out = append(out, field)
		if depth+1 < maxFieldDepth {
			inner := p.Value
			within := prefix + name + "."
			if items := member(inner, "items"); items != nil {
				inner, within = items, prefix+name+"[]."
			}
			out = append(out, d.fields(inner, within, depth+1)...)
		}
	}
	return out
}

func (d document) field(name string, schema any) docsField {
	out := docsField{Name: name, Text: words(schema, "description"), Type: d.typeName(schema), Link: refName(schema)}
	if out.Link == "" {
		out.Link = refName(member(schema, "items"))
	}
	if values, ok := member(schema, "enum").([]any); ok {
		var list []string
		for _, v := range values {
			list = append(list, fmt.Sprintf("`%v`", v))
		}
		out.Text = strings.TrimSpace(out.Text + " One of " + strings.Join(list, ", ") + ".")
	}
	if v := member(schema, "default"); v != nil {
		out.Text = strings.TrimSpace(out.Text + fmt.Sprintf(" Default: `%v`.", v))
	}
	return out
}

func (d document) typeName(schema any) string {
	if name := refName(schema); name != "" {
		return name
	}
	var names []string
	switch t := member(schema, "type").(type) {
	case string:
		names = []string{t}
	case []any:
		for _, v := range t {
			names = append(names, fmt.Sprint(v))
		}
	}
	if options, ok := member(schema, "oneOf").([]any); ok {
		for _, option := range options {
			names = append(names, d.typeName(option))
		}
	}
	name := strings.Join(names, " or ")
	if items := member(schema, "items"); items != nil {
		name += " of " + d.typeName(items)
	}
	if format := words(schema, "format"); format != "" {
		name += " (" + format + ")"
	}
	return name
}

// deref follows a reference within the document.
func (d document) deref(v any) any {
	ref := words(v, "$ref")
	if ref == "" {
		return v
	}
	return member(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

func refName(v any) string {
	_, name, _ := strings.Cut(words(v, "$ref"), "#/components/schemas/")
	return name
}

func pretty(v any) string {
	if v == nil {
		return ""
	}
	var out bytes.Buffer
	if err := encode(jsontext.NewEncoder(&out, jsontext.Multiline(true), jsontext.WithIndent("  ")), v); err != nil {
		return ""
	}
	return strings.TrimSpace(out.String())
}

// prose is a text of the description as HTML: blank lines part paragraphs,
// lines that begin with "- " are a list, `text` is code and **text** is bold.
// All else is escaped.
func prose(text string) template.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		block = strings.TrimSpace(block)
		switch {
		case block == "":
		case strings.HasPrefix(block, "- "):
			b.WriteString("<ul>")
			for item := range strings.SplitSeq(block[2:], "\n- ") {
				b.WriteString("<li>" + code(item) + "</li>")
			}
			b.WriteString("</ul>")
		default:
			b.WriteString("<p>" + code(block) + "</p>")
		}
	}
	return template.HTML(b.String()) // every part went through code
}

func code(text string) string {
	parts := strings.Split(html.EscapeString(text), "`")
	for i := 1; i+1 < len(parts); i += 2 {
		parts[i] = "<code>" + parts[i] + "</code>"
	}
	for i := 0; i < len(parts); i += 2 {
		parts[i] = bold(parts[i])
	}
	return strings.Join(parts, "")
}

// bold wraps what stands between two pairs of stars.
func bold(text string) string {
	before, rest, open := strings.Cut(text, "**")
	inner, after, closed := strings.Cut(rest, "**")
	if !open || !closed {
		return text
	}
	return before + "<strong>" + inner + "</strong>" + bold(after)
}
