package payroc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
	"paylink/internal/web"
)

// A body is read as a tree of map[string]any, []any, string, bool, json.Number
// and nil: so that every member at fault can be named at once, and so that a
// patch can work on it.

// readTree decodes a body within the limits of web.
// Errors: Invalid.
func readTree(body []byte) (tree any, err error) {
	var raw json.RawMessage
	if err := web.DecodeBytes(body, &raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, &pay.Error{Kind: pay.Invalid, Code: "malformed_json", Detail: "the body is not well-formed JSON", Err: err}
	}
	return tree, nil
}

// treeOf is the tree of what is about to be answered.
func treeOf(v any) (any, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return readTree(body)
}

// object reads the members of one object and gathers what is wrong with them.
// A member that is null is as one that is not there.
type object struct {
	at  string // path before the name: "order."
	of  map[string]any
	bad *pay.Faults
}

func (o object) fault(name, code, detail string) { o.bad.Add(o.at+name, code, detail) }

// member is a value and whether it is there.
func (o object) member(name string, required bool) (v any, ok bool) {
	v = o.of[name]
	if v == nil && required {
		o.fault(name, codeRequired, "must not be empty")
	}
	return v, v != nil
}

// text is a string of least to most characters; a required one that is empty is
// missing.
func (o object) text(name string, required bool, least, most int, lines bool) string {
	v, ok := o.member(name, required)
	if !ok {
		return ""
	}
	s, isText := v.(string)
	switch n := utf8.RuneCountInString(s); {
	case !isText:
		o.fault(name, codeFormat, "must be a string")
	case n == 0 && required:
		o.fault(name, codeRequired, "must not be empty")
	case n < least || n > most:
		o.fault(name, codeLength, fmt.Sprintf("must have %d to %d characters", least, most))
	case !pay.CleanText(s, lines):
		o.fault(name, codeFormat, "must not have control or direction characters")
	default:
		return s
	}
	return ""
}

// one is one of a list of words.
func (o object) one(name string, required bool, words ...string) string {
	v, ok := o.member(name, required)
	if !ok {
		return ""
	}
	s, isText := v.(string)
	for _, word := range words {
		if isText && s == word {
			return s
		}
	}
	switch {
	case isText && s == "" && required:
		o.fault(name, codeRequired, "must not be empty")
	case isText:
		o.fault(name, codeValue, "must be "+orList(words))
	default:
		o.fault(name, codeFormat, "must be a string")
	}
	return ""
}

func orList(words []string) string {
	s := ""
	for i, word := range words {
		switch {
		case i > 0 && i == len(words)-1:
			s += " or "
		case i > 0:
			s += ", "
		}
		s += word
	}
	return s
}

// object is a member that is an object itself.
func (o object) object(name string, required bool) (in object, ok bool) {
	in = object{at: o.at + name + ".", bad: o.bad}
	v, ok := o.member(name, required)
	if !ok {
		return in, false
	}
	if in.of, ok = v.(map[string]any); !ok {
		o.fault(name, codeFormat, "must be an object")
	}
	return in, ok
}

// item is one item of an array that must be an object.
func (o object) item(name string, i int, v any) (in object, ok bool) {
	at := name + "[" + strconv.Itoa(i) + "]"
	if in.of, ok = v.(map[string]any); !ok {
		o.fault(at, codeFormat, "must be an object")
	}
	in.at, in.bad = o.at+at+".", o.bad
	return in, ok
}

// list is an array of least to most items; none is missing.
func (o object) list(name string, required bool, most int) []any {
	v, ok := o.member(name, required)
	if !ok {
		return nil
	}
	items, isList := v.([]any)
	switch {
	case !isList:
		o.fault(name, codeFormat, "must be an array")
	case len(items) == 0 && required:
		o.fault(name, codeRequired, "must not be empty")
	case len(items) > most:
		o.fault(name, codeLength, fmt.Sprintf("must have at most %d items", most))
	default:
		return items
	}
	return nil
}

// flag is true or false; nil when it is not there.
func (o object) flag(name string) *bool {
	v, ok := o.member(name, false)
	if !ok {
		return nil
	}
	b, isFlag := v.(bool)
	if !isFlag {
		o.fault(name, codeFormat, "must be true or false")
		return nil
	}
	return &b
}

// amount is a whole number of minor units from 1 to maxAmount, read from its
// text: 10.0 and 1e1 are refused like "10".
func (o object) amount(name string, required bool) int64 {
	v, ok := o.member(name, required)
	if !ok {
		return 0
	}
	number, isNumber := v.(json.Number)
	minor, err := strconv.ParseInt(number.String(), 10, 64)
	switch {
	case !isNumber || err != nil && !errIsRange(err):
		o.fault(name, codeFormat, "must be an integer in the currency's smallest unit")
	case err != nil || minor < 1 || minor > maxAmount:
		o.fault(name, codeRange, fmt.Sprintf("must be from 1 to %d", int64(maxAmount)))
	default:
		return minor
	}
	return 0
}

const dateForm = "2006-01-02"

// The first and last day that the wire can name.
const (
	firstDay = "1970-01-01"
	lastDay  = "9999-12-31"
)

// date is a day, nothing more.
func (o object) date(name string, required bool) string {
	v, ok := o.member(name, required)
	if !ok {
		return ""
	}
	s, isText := v.(string)
	switch {
	case isText && s == "" && required:
		o.fault(name, codeRequired, "must not be empty")
	case !validDate(s):
		o.fault(name, codeFormat, "must be a date in the form YYYY-MM-DD")
	default:
		return s
	}
	return ""
}

func validDate(s string) bool {
	_, err := time.Parse(dateForm, s)
	return err == nil && len(s) == len(dateForm) && s >= firstDay && s <= lastDay
}

// dateOf is the day of t in a zone.
func dateOf(t time.Time, zone *time.Location) string { return t.In(zone).Format(dateForm) }

// startOf is when a valid day begins in a zone.
func startOf(date string, zone *time.Location) time.Time {
	t, _ := time.ParseInLocation(dateForm, date, zone)
	return t.UTC()
}

// endless is the last moment that can be written down.
var endless = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// endOf is when a valid day is over in a zone.
func endOf(date string, zone *time.Location) time.Time {
	t, _ := time.ParseInLocation(dateForm, date, zone)
	end := time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, zone).UTC()
	if end.After(endless) {
		return endless
	}
	return end
}

// lastDayOf is the day on which a link that ends at end can last be paid.
func lastDayOf(end time.Time, zone *time.Location) string {
	return dateOf(end.Add(-time.Nanosecond), zone)
}
