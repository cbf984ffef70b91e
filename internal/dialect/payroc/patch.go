package payroc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"paylink/internal/pay"
)

// op is one operation of a JSON Patch (RFC 6902).
type op struct {
	index int
	kind  string // "add", "remove", "replace", "move", "copy", "test"
	path  []string
	from  []string // move and copy
	value any      // add, replace and test
}

const (
	maxOps  = 100
	maxCopy = 1000 // values within the one that an operation brings: copies of copies would grow without end
)

// readPatch reads the operations and gathers all that is wrong with their form.
func readPatch(body []byte) ([]op, error) {
	tree, err := readTree(body)
	if err != nil {
		return nil, err
	}
	list, ok := tree.([]any)
	if !ok {
		return nil, invalid("body", codeFormat, "must be a JSON array of operations")
	}
	if len(list) > maxOps {
		return nil, invalid("body", codeLength, fmt.Sprintf("must have at most %d operations", maxOps))
	}
	var bad pay.Faults
	ops := make([]op, 0, len(list))
	for i, v := range list {
		if o, ok := (object{bad: &bad}).item("", i, v); ok {
			ops = append(ops, readOp(o, i))
		}
	}
	return ops, bad.Err()
}

func readOp(o object, index int) op {
	out := op{index: index, kind: o.one("op", true, "add", "remove", "replace", "move", "copy", "test")}
	out.path = readPointer(o, "path")
	switch out.kind {
	case "move", "copy":
		out.from = readPointer(o, "from")
	case "add", "replace", "test":
		var there bool
		if out.value, there = o.of["value"]; !there {
			o.fault("value", codeRequired, "must be there")
		}
	}
	return out
}

// readPointer reads a JSON Pointer (RFC 6901). A missing slash at its beginning
// is forgiven, as the provider does.
func readPointer(o object, name string) []string {
	s, ok := o.of[name].(string)
	if !ok {
		o.fault(name, codeRequired, "must be a JSON pointer")
		return nil
	}
	if s == "" {
		return nil
	}
	tokens := strings.Split(strings.TrimPrefix(s, "/"), "/")
	for i, token := range tokens {
		plain := strings.NewReplacer("~0", "", "~1", "").Replace(token)
		if strings.Contains(plain, "~") {
			o.fault(name, codeFormat, "must be a JSON pointer")
			return nil
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens
}

// changeable says what a patch may touch: whether on a multi-use link, whether
// on a single-use one. "#" stands for a place in an array. What is not listed
// is not of the schema.
var changeable = map[string]struct{ multi, single bool }{
	"": {}, "type": {}, "paymentLinkId": {}, "merchantReference": {}, "paymentMethods": {}, "paymentMethods/#": {}, "status": {}, "createdOn": {},
	"assets": {}, "assets/paymentUrl": {}, "assets/paymentButton": {}, "order": {}, "order/orderId": {}, "order/charge": {}, "order/charge/type": {},

	"expiresOn":    {true, true},
	"customLabels": {true, true}, "customLabels/#": {true, true}, "customLabels/#/element": {true, true}, "customLabels/#/label": {true, true},
	"credentialOnFile": {true, true}, "credentialOnFile/tokenize": {true, true}, "credentialOnFile/mitAgreement": {true, true},

	"authType":              {false, true},
	"order/charge/amount":   {false, true},
	"order/charge/currency": {false, true},
	"order/description":     {false, true},
}

// place is a pointer as changeable writes it.
func place(path []string) string {
	tokens := slices.Clone(path)
	for i, token := range tokens {
		if _, err := strconv.ParseUint(token, 10, 16); i > 0 && (err == nil || token == "-") {
			tokens[i] = "#"
		}
	}
	return strings.Join(tokens, "/")
}

// parameter is a pointer as errors name members.
func parameter(path []string) string {
	if len(path) == 0 {
		return "body"
	}
	s := path[0]
	for _, token := range path[1:] {
		if _, err := strconv.ParseUint(token, 10, 16); err == nil || token == "-" {
			s += "[" + token + "]"
		} else {
			s += "." + token
		}
	}
	return s
}

// patch applies operations to a link, whose present words are now: all of them
// or none. One whose path names nothing of the schema is passed over (sheet 14.1).
// Errors: invalid_state, patch_test_failed, Invalid, capabilities_missing.
func (c call) patch(l *pay.Link, payments []pay.Payment, ops []op, now wireLink) error {
	if now.Status == statusCompleted || now.Status == statusDeactivated {
		return pay.ErrState("a payment link that is %s cannot be updated", now.Status)
	}
	if now.Type == typeSingle && slices.ContainsFunc(payments, pay.Payment.Live) {
		return pay.ErrState("a payment is under way") // its payer comes back to the address that would stop working
	}
	ops, err := allowed(ops, now)
	if err != nil {
		return err
	}
	if len(ops) == 0 {
		return nil
	}
	tree, err := treeOf(now)
	if err != nil {
		return err
	}
	for _, o := range ops {
		if tree, err = o.apply(tree); err != nil {
			return err
		}
	}
	var bad pay.Faults
	next := readLink(tree, &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	if err := c.lacks(next); err != nil && next.AuthType != now.AuthType {
		return err
	}
	return next.fill(l, c.zone)
}

// allowed drops the operations that touch nothing of the schema, and gathers
// those that touch what cannot change.
func allowed(ops []op, now wireLink) (left []op, err error) {
	var bad pay.Faults
	lock := func(path []string) {
		at := place(path)
		may := changeable[at]
		ok := may.multi
		if now.Type == typeSingle {
			ok = may.single && (at != "order/charge/amount" || now.Order.Charge.Type == chargePreset)
		}
		if !ok {
			bad.Add(parameter(path), codeLocked, "cannot be updated on this payment link")
		}
	}
	for _, o := range ops {
		_, known := changeable[place(o.path)]
		if o.kind != "test" {
			if !known {
				continue
			}
			lock(o.path)
			if o.kind == "move" {
				lock(o.from)
			}
		}
		left = append(left, o)
	}
	return left, bad.Err()
}

var errTest = &pay.Error{Kind: pay.Conflict, Code: "patch_test_failed", Detail: "a test operation failed, so nothing was changed"}

// apply does one operation. The tree is this patch's own; a value of the
// request is never taken into it, because the patch may be applied again.
func (o op) apply(tree any) (any, error) {
	lost := func(name string) error {
		return invalid(fmt.Sprintf("[%d].%s", o.index, name), codeValue, "must be a place that is there")
	}
	value := o.value
	switch o.kind {
	case "test":
		if have, ok := lookup(tree, o.path); !ok || !equal(have, o.value) {
			return tree, errTest
		}
		return tree, nil
	case "move", "copy":
		var ok bool
		if value, ok = lookup(tree, o.from); !ok {
			return tree, lost("from")
		}
	}
	value, copied := clone(value, 0)
	if copied > maxCopy {
		return tree, invalid("body", codeLength, fmt.Sprintf("must not have an operation with more than %d values", maxCopy))
	}
	var ok bool
	if o.kind == "move" {
		if tree, ok = change(tree, o.from, remove); !ok {
			return tree, lost("from")
		}
	}
	edit := remove
	switch o.kind {
	case "add", "move", "copy":
		edit = func(in any, name string) (any, bool) { return add(in, name, value) }
	case "replace":
		edit = func(in any, name string) (any, bool) { return replace(in, name, value) }
	}
	if tree, ok = change(tree, o.path, edit); !ok {
		return tree, lost("path")
	}
	return tree, nil
}

// lookup is the value at a path.
func lookup(tree any, path []string) (any, bool) {
	for _, name := range path {
		child, ok := childOf(tree, name)
		if !ok {
			return nil, false
		}
		tree = child
	}
	return tree, true
}

func childOf(in any, name string) (any, bool) {
	switch in := in.(type) {
	case map[string]any:
		v, ok := in[name]
		return v, ok
	case []any:
		if i, ok := indexOf(name, len(in)-1); ok {
			return in[i], true
		}
	}
	return nil, false
}

// indexOf is a place in an array: digits without a zero before them, at most last.
func indexOf(name string, last int) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i <= last && strconv.Itoa(i) == name
}

// change edits the container that a path ends in and gives back the whole.
func change(tree any, path []string, edit func(in any, name string) (any, bool)) (any, bool) {
	if len(path) == 0 {
		return tree, false
	}
	if len(path) == 1 {
		return edit(tree, path[0])
	}
	child, ok := childOf(tree, path[0])
	if !ok {
		return tree, false
	}
	if child, ok = change(child, path[1:], edit); !ok {
		return tree, false
	}
	return replace(tree, path[0], child)
}

func add(in any, name string, value any) (any, bool) {
	switch in := in.(type) {
	case map[string]any:
		in[name] = value
		return in, true
	case []any:
		if name == "-" {
			return append(in, value), true
		}
		if i, ok := indexOf(name, len(in)); ok {
			return slices.Insert(in, i, value), true
		}
	}
	return in, false
}

func remove(in any, name string) (any, bool) {
	if _, ok := childOf(in, name); !ok {
		return in, false
	}
	switch in := in.(type) {
	case map[string]any:
		delete(in, name)
	case []any:
		i, _ := strconv.Atoi(name)
		return slices.Delete(in, i, i+1), true
	}
	return in, true
}

func replace(in any, name string, value any) (any, bool) {
	if _, ok := childOf(in, name); !ok {
		return in, false
	}
	switch in := in.(type) {
	case map[string]any:
		in[name] = value
	case []any:
		i, _ := strconv.Atoi(name)
		in[i] = value
	}
	return in, true
}

// clone copies a value and adds to count what it copied.
func clone(v any, count int) (any, int) {
	count++
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, child := range v {
			out[name], count = clone(child, count)
		}
		return out, count
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i], count = clone(child, count)
		}
		return out, count
	}
	return v, count
}

// equal compares as RFC 6902 does: members in any order, numbers by value.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if other, ok := b[name]; !ok || !equal(v, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && plainNumber(a.String()) == plainNumber(b.String())
	}
	return a == b
}

// plainNumber writes a JSON number in one way: sign, digits without zeros at
// either end, and the power of ten of the last digit.
func plainNumber(s string) string {
	s, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	power, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil && exponent != "" {
		return s + "e" + exponent // beyond every number of ours
	}
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "-", rest
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	power -= int64(len(fraction))
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	power += int64(len(digits) - len(short))
	return sign + short + "e" + strconv.FormatInt(power, 10)
}
