// Package eventpattern decides which events a pattern matches. Rules of
// EventBridge and the filters of Lambda's event source mappings have patterns of
// this form.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html.
package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// A Pattern is a compiled pattern.
type Pattern struct {
	fields map[string]node
	or     []Pattern // alternatives; one of them must match as well
}

// A node is what a field must match: either an object, or one of several values.
type node struct {
	object *Pattern
	leaf   []matcher
}

// A matcher accepts or refuses one value of a field. absent stands for a
// missing field.
type matcher func(value any) bool

type absentType struct{}

var absent any = absentType{}

// An Error says why a text is no pattern.
type Error struct{ Reason string }

func (e *Error) Error() string { return "Event pattern is not valid. Reason: " + e.Reason }

func invalid(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// ParseJSON reads one JSON document and keeps numbers as they are written.
func ParseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON document")
	}
	return v, nil
}

// Compile reads a pattern. Its error is an [Error].
func Compile(text string) (*Pattern, error) {
	v, err := ParseJSON(text)
	if err != nil {
		return nil, invalid("%v", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("Filter is not an object")
	}
	return compileObject(object, "$", 0)
}

func compileObject(object map[string]any, path string, depth int) (*Pattern, error) {
	if len(object) == 0 {
		return nil, invalid("Empty objects are not allowed at %s", path)
	}
	if depth > 32 {
		return nil, invalid("%s is nested too deeply", path)
	}
	p := &Pattern{fields: map[string]node{}}
	for key, value := range object {
		here := path + "." + key
		switch v := value.(type) {
		case map[string]any:
			nested, err := compileObject(v, here, depth+1)
			if err != nil {
				return nil, err
			}
			p.fields[key] = node{object: nested}
		case []any:
			if len(v) == 0 {
				return nil, invalid("Empty arrays are not allowed at %s", here)
			}
			if key == "$or" {
				for _, alternative := range v {
					o, ok := alternative.(map[string]any)
					if !ok {
						return nil, invalid("$or requires objects at %s", here)
					}
					nested, err := compileObject(o, here, depth+1)
					if err != nil {
						return nil, err
					}
					p.or = append(p.or, *nested)
				}
				continue
			}
			var leaf []matcher
			for _, element := range v {
				m, err := compileMatcher(element, here)
				if err != nil {
					return nil, err
				}
				leaf = append(leaf, m)
			}
			p.fields[key] = node{leaf: leaf}
		default:
			return nil, invalid("%q must be an object or an array at %s", key, path)
		}
	}
	return p, nil
}

// compileMatcher reads one element of a field's array of matchers.
func compileMatcher(element any, path string) (matcher, error) {
	filter, ok := element.(map[string]any)
	if !ok {
		return exactly(element, path)
	}
	if len(filter) != 1 {
		return nil, invalid("Only one key allowed in match expression at %s", path)
	}
	for kind, operand := range filter {
		switch kind {
		case "prefix", "suffix", "equals-ignore-case":
			return affix(kind, operand, path)
		case "exists":
			wanted, ok := operand.(bool)
			if !ok {
				return nil, invalid("exists requires true or false at %s", path)
			}
			return func(value any) bool { return (value != absent) == wanted }, nil
		case "numeric":
			return numeric(operand, path)
		case "anything-but":
			return anythingBut(operand, path)
		case "wildcard":
			return wildcard(operand, path)
		case "cidr":
			return cidr(operand, path)
		default:
			return nil, invalid("the embedded AWS does not support the match type %s at %s", kind, path)
		}
	}
	panic("unreachable: the map has one key")
}

// exactly matches a string, a boolean, null, or a number by its value.
func exactly(wanted any, path string) (matcher, error) {
	switch w := wanted.(type) {
	case string, bool, nil:
		return func(value any) bool { return value == w }, nil
	case json.Number:
		n, ok := number(w)
		if !ok {
			return nil, invalid("%s is not a number at %s", w, path)
		}
		return func(value any) bool {
			v, ok := number(value)
			return ok && v.Cmp(n) == 0
		}, nil
	default:
		return nil, invalid("Match value must be String, number, true, false, or null at %s", path)
	}
}

// number reads a JSON number whose magnitude is within EventBridge's range.
func number(value any) (*big.Rat, bool) {
	n, ok := value.(json.Number)
	if !ok || len(n) > 64 {
		return nil, false
	}
	if f, err := n.Float64(); err != nil || f < -5e9 || f > 5e9 || f != 0 && f < 1e-9 && f > -1e-9 {
		// A large exponent could make the exact value huge.
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

func affix(kind string, operand any, path string) (matcher, error) {
	fold := kind == "equals-ignore-case"
	if nested, ok := operand.(map[string]any); ok && !fold && len(nested) == 1 {
		operand, fold = nested["equals-ignore-case"], true
	}
	wanted, ok := operand.(string)
	if !ok {
		return nil, invalid("%s match pattern must be a string at %s", kind, path)
	}
	return func(value any) bool {
		text, ok := value.(string)
		if !ok {
			return false
		}
		switch {
		case kind == "prefix" && fold:
			return len(text) >= len(wanted) && strings.EqualFold(text[:len(wanted)], wanted)
		case kind == "prefix":
			return strings.HasPrefix(text, wanted)
		case kind == "suffix" && fold:
			return len(text) >= len(wanted) && strings.EqualFold(text[len(text)-len(wanted):], wanted)
		case kind == "suffix":
			return strings.HasSuffix(text, wanted)
		default:
			return strings.EqualFold(text, wanted)
		}
	}, nil
}

// wildcard matches a text in which * stands for any number of characters. A backslash
// makes * and backslash ordinary.
func wildcard(operand any, path string) (matcher, error) {
	pattern, ok := operand.(string)
	if !ok {
		return nil, invalid("wildcard match pattern must be a string at %s", path)
	}
	parts := []string{""}
	for i := 0; i < len(pattern); i++ {
		last := &parts[len(parts)-1]
		switch c := pattern[i]; c {
		case '\\':
			if i++; i == len(pattern) || pattern[i] != '*' && pattern[i] != '\\' {
				return nil, invalid("Invalid escape character at pos %d at %s", i-1, path)
			}
			*last += string(pattern[i])
		case '*':
			if i > 0 && pattern[i-1] == '*' {
				return nil, invalid("Consecutive wildcard characters at pos %d at %s", i-1, path)
			}
			parts = append(parts, "")
		default:
			*last += string(c)
		}
	}
	return func(value any) bool {
		text, ok := value.(string)
		return ok && matchParts(text, parts)
	}, nil
}

// matchParts reports whether a text consists of the parts, with anything between them.
func matchParts(text string, parts []string) bool {
	text, ok := strings.CutPrefix(text, parts[0])
	if len(parts) == 1 {
		return ok && text == ""
	}
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

// cidr matches an IP address within a network.
func cidr(operand any, path string) (matcher, error) {
	text, _ := operand.(string)
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, invalid("Malformed CIDR, one '/' required, at %s", path)
	}
	return func(value any) bool {
		text, _ := value.(string)
		address, err := netip.ParseAddr(text)
		return err == nil && network.Contains(address)
	}, nil
}

// numeric matches one comparison, or two that define a range.
func numeric(operand any, path string) (matcher, error) {
	list, ok := operand.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, invalid("Value of numeric must be an array of an operator and a number, or two of each, at %s", path)
	}
	var tests []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		operator, _ := list[i].(string)
		bound, ok := number(list[i+1])
		if !ok {
			return nil, invalid("Value of %s must be numeric, from -5.0e9 to 5.0e9, at %s", operator, path)
		}
		if len(list) == 4 && !slices.Contains([][]string{{">", ">="}, {"<", "<="}}[i/2], operator) {
			return nil, invalid("Bad numeric range operator: %s at %s", operator, path)
		}
		switch operator {
		case "=":
			tests = append(tests, func(v *big.Rat) bool { return v.Cmp(bound) == 0 })
		case "<":
			tests = append(tests, func(v *big.Rat) bool { return v.Cmp(bound) < 0 })
		case "<=":
			tests = append(tests, func(v *big.Rat) bool { return v.Cmp(bound) <= 0 })
		case ">":
			tests = append(tests, func(v *big.Rat) bool { return v.Cmp(bound) > 0 })
		case ">=":
			tests = append(tests, func(v *big.Rat) bool { return v.Cmp(bound) >= 0 })
		default:
			return nil, invalid("Unrecognized numeric range operator: %s at %s", operator, path)
		}
	}
	return func(value any) bool {
		v, ok := number(value)
		return ok && !slices.ContainsFunc(tests, func(test func(*big.Rat) bool) bool { return !test(v) })
	}, nil
}

// anythingBut matches a value that exists and that no part of the operand matches.
func anythingBut(operand any, path string) (matcher, error) {
	var refused []matcher
	var elements []any
	switch o := operand.(type) {
	case map[string]any:
		if len(o) != 1 {
			return nil, invalid("Only one key allowed in match expression at %s", path)
		}
		for kind, value := range o {
			if kind != "prefix" && kind != "suffix" && kind != "equals-ignore-case" && kind != "wildcard" {
				return nil, invalid("the embedded AWS does not support anything-but of %s at %s", kind, path)
			}
			values, ok := value.([]any)
			if !ok {
				values = []any{value}
			}
			for _, v := range values {
				elements = append(elements, map[string]any{kind: v})
			}
		}
	case []any:
		elements = o
	default:
		elements = []any{o}
	}
	if len(elements) == 0 {
		return nil, invalid("Empty arrays are not allowed at %s", path)
	}
	for _, element := range elements {
		m, err := compileMatcher(element, path)
		if err != nil {
			return nil, err
		}
		refused = append(refused, m)
	}
	return func(value any) bool {
		return value != absent && !slices.ContainsFunc(refused, func(m matcher) bool { return m(value) })
	}, nil
}

// Matches reports whether an event matches the pattern.
func (p *Pattern) Matches(event map[string]any) bool {
	for key, n := range p.fields {
		value, ok := event[key]
		if !ok {
			value = absent
		}
		if !n.matches(value) {
			return false
		}
	}
	return len(p.or) == 0 || slices.ContainsFunc(p.or, func(alternative Pattern) bool { return alternative.Matches(event) })
}

// matches tries a value, or each element of an array.
func (n node) matches(value any) bool {
	if list, ok := value.([]any); ok {
		if len(list) == 0 {
			return n.matches(absent)
		}
		return slices.ContainsFunc(list, n.matches)
	}
	if n.object != nil {
		object, ok := value.(map[string]any)
		if !ok && value != absent {
			return false
		}
		return n.object.Matches(object)
	}
	if _, ok := value.(map[string]any); ok {
		// Values are only compared at leaves.
		value = absent
	}
	return slices.ContainsFunc(n.leaf, func(m matcher) bool { return m(value) })
}
