package web

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"paylink/internal/pay"
)

// The limits on JSON of THREATS 12.
const (
	maxDepth  = 32       // arrays and objects within each other
	maxKeys   = 256      // members of one object
	maxItems  = 1000     // items of one array
	maxString = 16 << 10 // bytes of one string, as decoded
)

// Body reads the whole body. It can be called again and again.
// Errors: body_too_large; Invalid when the body broke off or came too slowly.
func Body(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if kept, ok := r.Body.(*keptBody); ok {
		return kept.all, nil
	}
	all, err := io.ReadAll(io.LimitReader(r.Body, CeilingMaxBody+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), len(all) > CeilingMaxBody:
		return nil, errBody
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &pay.Error{Kind: pay.Invalid, Code: "body_too_slow", Detail: "the body did not arrive in time", Err: err}
	case err != nil:
		return nil, &pay.Error{Kind: pay.Invalid, Code: "body_incomplete", Detail: "the body broke off", Err: err}
	}
	r.Body = &keptBody{Reader: bytes.NewReader(all), all: all}
	return all, nil
}

// keptBody is a body that was read, to be read again.
type keptBody struct {
	*bytes.Reader
	all []byte
}

func (*keptBody) Close() error { return nil }

// DecodeStrict reads a JSON body into v for the native API. It refuses unknown
// and duplicate members, members in another case, and anything after the value.
// Errors: Invalid, naming the field and never echoing its value; body_too_large.
func DecodeStrict(r *http.Request, v any) error {
	body, err := Body(r)
	if err != nil {
		return err
	}
	return DecodeStrictBytes(body, v)
}

// DecodeStrictBytes is DecodeStrict for a body already at hand.
func DecodeStrictBytes(body []byte, v any) error {
	strict := json.RejectUnknownMembers(true)
	if err := DecodeBytes(body, v, strict); err != nil {
		return everyFault(body, v, err, strict)
	}
	return nil
}

// everyFault is the faults of all members of a body whose first is known, each
// member tried by itself into a value like v. The caller mends all in one go.
func everyFault(body []byte, v any, first error, opts ...json.Options) error {
	var members map[string]jsontext.Value
	var bad pay.Faults
	if json.Unmarshal(body, &members) != nil {
		return first
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		alone, err := json.Marshal(map[string]jsontext.Value{name: members[name]})
		if err != nil {
			return first
		}
		fresh := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if other := bad.Merge("", DecodeBytes(alone, fresh, opts...)); other != nil {
			return first
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	return first
}

// Decode is DecodeStrict for dialects: unknown members are ignored.
func Decode(r *http.Request, v any) error {
	return decode(r, v)
}

func decode(r *http.Request, v any, opts ...json.Options) error {
	body, err := Body(r)
	if err != nil {
		return err
	}
	return DecodeBytes(body, v, opts...)
}

// DecodeBytes is Decode for a body already at hand.
func DecodeBytes(body []byte, v any, opts ...json.Options) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return &pay.Error{Kind: pay.Invalid, Code: "body_required", Detail: "the body must be a JSON object"}
	}
	if err := scan(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v, opts...); err != nil {
		return decodeError(err)
	}
	return nil
}

// scan holds a JSON text to the limits before any of it becomes a Go value.
func scan(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return decodeError(err)
		}
		if err := withinLimits(d, token); err != nil {
			return err
		}
	}
}

// withinLimits checks one token and the count of what it stands in.
func withinLimits(d *jsontext.Decoder, token jsontext.Token) error {
	// The pointer is made for faults only: for every token it would cost the
	// length of all names around it, many times the body.
	if d.StackDepth() > maxDepth {
		return fault(d.StackPointer(), "too_deep", "must not be nested deeper than 32 levels")
	}
	switch kind, length := d.StackIndex(d.StackDepth()); {
	case kind == '{' && length > 2*maxKeys:
		return fault(d.StackPointer().Parent(), "too_many_members", "must have at most 256 members")
	case kind == '[' && length > maxItems:
		return fault(d.StackPointer().Parent(), "too_many_items", "must have at most 1000 items")
	}
	if token.Kind() != '"' {
		return nil
	}
	switch s := token.String(); {
	case len(s) > maxString:
		return fault(d.StackPointer(), "too_long", "must be at most 16 KiB")
	case strings.IndexByte(s, 0) >= 0:
		return fault(d.StackPointer(), "bad_character", "must not contain a NUL character")
	}
	return nil
}

// decodeError says an error of the decoder in our words, without the value.
func decodeError(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	var known *pay.Error
	switch {
	case errors.As(err, &semantic):
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return fault(semantic.JSONPointer, "unknown_field", "is not a field of this request")
		case errors.As(semantic.Err, &known):
			var bad pay.Faults
			if other := bad.Merge(joinPath(fieldPath(semantic.JSONPointer)), known); other != nil {
				return other
			}
			return bad.Err()
		case errors.Is(err, strconv.ErrRange):
			return fault(semantic.JSONPointer, "out_of_range", "is out of range")
		}
		return fault(semantic.JSONPointer, "wrong_type", wanted(semantic.GoType))
	case errors.Is(err, jsontext.ErrDuplicateName):
		errors.As(err, &syntactic)
		return fault(syntactic.JSONPointer, "duplicate_field", "must not be given twice")
	case errors.As(err, &syntactic):
		return malformed(syntactic.JSONPointer)
	}
	return malformed("")
}

func malformed(at jsontext.Pointer) error {
	e := &pay.Error{Kind: pay.Invalid, Code: "malformed_json", Detail: "the body is not one well-formed JSON value in UTF-8"}
	if at != "" {
		e.Fields = []pay.Field{{Path: fieldPath(at), Code: "malformed_json", Detail: "is not well-formed"}}
	}
	return e
}

func fault(at jsontext.Pointer, code, detail string) error {
	var bad pay.Faults
	bad.Add(fieldPath(at), code, detail)
	return bad.Err()
}

// fieldPath is a JSON pointer the way we name fields: items[2].quantity. A name
// that no field of ours could have is not repeated.
func fieldPath(at jsontext.Pointer) string {
	var b strings.Builder
	for name := range at.Tokens() {
		if _, err := strconv.ParseUint(name, 10, 32); err == nil {
			b.WriteString("[" + name + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(safeName(name))
	}
	if b.Len() == 0 {
		return "body"
	}
	return b.String()
}

func joinPath(path string) string {
	if path == "body" {
		return ""
	}
	return path + "."
}

func safeName(name string) string {
	if name == "" || len(name) > 64 {
		return "?"
	}
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
		if !letter && (c < '0' || c > '9') {
			return "?"
		}
	}
	if digitRun(name) {
		return "?"
	}
	return name
}

// digitRun reports whether name could be a card number in a field's place.
func digitRun(name string) bool {
	digits := 0
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits >= 13
}

var timeType = reflect.TypeFor[time.Time]()

// wanted says what a field of Go type t must be.
func wanted(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "is not of the right type"
	}
	if t == timeType {
		return "must be an RFC 3339 time such as 2030-01-31T12:00:00Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be an integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be an integer that is not negative"
	case reflect.Slice, reflect.Array:
		return "must be an array"
	case reflect.Map, reflect.Struct:
		return "must be an object"
	}
	return "is not of the right type"
}
