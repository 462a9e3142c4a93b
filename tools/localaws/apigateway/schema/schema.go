// Package schema validates bodies of requests by the models of REST APIs, which are
// JSON Schemas of draft 4.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
// and https://datatracker.ietf.org/doc/html/draft-fge-json-schema-validation-00.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Schema is a JSON Schema.
type Schema struct{ root any }

// known lists the keywords that have a meaning here, and those that have none for
// validation.
var known = []string{
	"$schema", "$ref", "id", "title", "description", "default", "example", "definitions", "format",
	"type", "enum", "allOf", "anyOf", "oneOf", "not", "properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties",
	"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
}

// Parse reads a schema. It returns an error for a keyword that it does not know, as
// values would otherwise be valid that are not on AWS.
func Parse(text string) (*Schema, error) {
	root, err := parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return &Schema{root}, check(root, "#")
}

func parse(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	return v, d.Decode(&v)
}

// check looks for keywords that are not known.
func check(v any, at string) error {
	s, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("reading the schema: %s is not an object", at)
	}
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		value := s[keyword]
		if !slices.Contains(known, keyword) {
			return fmt.Errorf("reading the schema: the embedded AWS does not support the keyword %s at %s", keyword, at)
		}
		switch keyword {
		case "properties", "patternProperties", "definitions":
			members, _ := value.(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(members)) {
				if err := check(members[name], at+"/"+keyword+"/"+name); err != nil {
					return err
				}
			}
		case "allOf", "anyOf", "oneOf":
			list, _ := value.([]any)
			for _, one := range list {
				if err := check(one, at+"/"+keyword); err != nil {
					return err
				}
			}
		case "not":
			if err := check(value, at+"/not"); err != nil {
				return err
			}
		case "pattern":
			text, _ := value.(string)
			if _, err := regexp.Compile(text); err != nil {
				return fmt.Errorf("reading the schema: the pattern at %s: %w", at, err)
			}
		}
	}
	return nil
}

// A validator validates one body.
type validator struct {
	root  any
	model func(name string) *Schema
	depth int
}

// maxDepth ends schemas that refer to themselves without a value between.
const maxDepth = 100

// Validate reports why a body is not valid. model returns the schema of the model that
// a reference such as https://apigateway.amazonaws.com/restapis/ID/models/NAME names.
func (s *Schema) Validate(body []byte, model func(name string) *Schema) error {
	value, err := parse(body)
	if err != nil {
		return errors.New("the body is not JSON")
	}
	v := &validator{root: s.root, model: model}
	return v.validate(s.root, value, "")
}

func (v *validator) validate(schema, value any, at string) error {
	s, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if v.depth++; v.depth > maxDepth {
		return errors.New("the schema is too deep")
	}
	defer func() { v.depth-- }()
	if ref, ok := s["$ref"].(string); ok {
		return v.reference(ref, value, at)
	}
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		if err := v.keyword(s, keyword, value, at); err != nil {
			return err
		}
	}
	return nil
}

// reference validates by another schema: a part of this one, or a model.
func (v *validator) reference(ref string, value any, at string) error {
	if _, name, ok := strings.Cut(ref, "/models/"); ok {
		other := v.model(name)
		if other == nil {
			return fmt.Errorf("the model %s does not exist", name)
		}
		next := &validator{root: other.root, model: v.model, depth: v.depth}
		return next.validate(other.root, value, at)
	}
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return fmt.Errorf("the reference %s is not supported", ref)
	}
	target := v.root
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if part == "" {
			continue
		}
		members, _ := target.(map[string]any)
		if target, ok = members[part]; !ok {
			return fmt.Errorf("the reference %s leads nowhere", ref)
		}
	}
	return v.validate(target, value, at)
}

func (v *validator) keyword(s map[string]any, keyword string, value any, at string) error {
	wanted := s[keyword]
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", "#"+at, fmt.Sprintf(format, args...))
	}
	switch keyword {
	case "type":
		if !isType(wanted, value) {
			return fail("it is not of type %v", wanted)
		}
	case "enum":
		list, _ := wanted.([]any)
		if !slices.ContainsFunc(list, func(one any) bool { return equal(one, value) }) {
			return fail("it is not one of the values")
		}
	case "allOf", "anyOf", "oneOf":
		list, _ := wanted.([]any)
		valid := 0
		for _, one := range list {
			if v.validate(one, value, at) == nil {
				valid++
			}
		}
		if keyword == "allOf" && valid < len(list) || keyword == "anyOf" && valid == 0 || keyword == "oneOf" && valid != 1 {
			return fail("%d of %s are valid", valid, keyword)
		}
	case "not":
		if v.validate(wanted, value, at) == nil {
			return fail("it is what it must not be")
		}
	}
	switch value := value.(type) {
	case map[string]any:
		return v.object(s, keyword, value, at, fail)
	case []any:
		return v.list(s, keyword, value, at, fail)
	case string:
		return text(keyword, wanted, value, fail)
	case json.Number:
		return number(s, keyword, wanted, value, fail)
	}
	return nil
}

func (v *validator) object(s map[string]any, keyword string, value map[string]any, at string, fail func(string, ...any) error) error {
	wanted := s[keyword]
	switch keyword {
	case "required":
		list, _ := wanted.([]any)
		for _, name := range list {
			text, _ := name.(string)
			if _, ok := value[text]; !ok {
				return fail("it has no %s", text)
			}
		}
	case "properties":
		properties, _ := wanted.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if member, ok := value[name]; ok {
				if err := v.validate(properties[name], member, at+"/"+name); err != nil {
					return err
				}
			}
		}
	case "patternProperties", "additionalProperties":
		return v.others(s, keyword, value, at, fail)
	case "minProperties":
		if n := integer(wanted); len(value) < n {
			return fail("it has fewer than %d members", n)
		}
	case "maxProperties":
		if n := integer(wanted); len(value) > n {
			return fail("it has more than %d members", n)
		}
	}
	return nil
}

// others validates the members that properties does not name.
func (v *validator) others(s map[string]any, keyword string, value map[string]any, at string, fail func(string, ...any) error) error {
	properties, _ := s["properties"].(map[string]any)
	patterns, _ := s["patternProperties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(value)) {
		matched := false
		for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
			if ok, err := regexp.MatchString(pattern, name); err != nil || !ok {
				continue
			}
			matched = true
			if keyword == "patternProperties" {
				if err := v.validate(patterns[pattern], value[name], at+"/"+name); err != nil {
					return err
				}
			}
		}
		if _, named := properties[name]; named || matched || keyword == "patternProperties" {
			continue
		}
		if s["additionalProperties"] == false {
			return fail("it has the member %s, which is not allowed", name)
		}
		if err := v.validate(s["additionalProperties"], value[name], at+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) list(s map[string]any, keyword string, value []any, at string, fail func(string, ...any) error) error {
	wanted := s[keyword]
	switch keyword {
	case "items":
		each, many := wanted.([]any)
		for i, item := range value {
			schema := wanted
			if many {
				schema = s["additionalItems"]
				if i < len(each) {
					schema = each[i]
				}
				if schema == false {
					return fail("it has more than %d items", len(each))
				}
			}
			if err := v.validate(schema, item, fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
	case "minItems":
		if n := integer(wanted); len(value) < n {
			return fail("it has fewer than %d items", n)
		}
	case "maxItems":
		if n := integer(wanted); len(value) > n {
			return fail("it has more than %d items", n)
		}
	case "uniqueItems":
		for i := range value {
			if wanted == true && slices.ContainsFunc(value[:i], func(other any) bool { return equal(other, value[i]) }) {
				return fail("two items are the same")
			}
		}
	}
	return nil
}

func text(keyword string, wanted any, value string, fail func(string, ...any) error) error {
	switch keyword {
	case "minLength":
		if n := integer(wanted); utf8.RuneCountInString(value) < n {
			return fail("it is shorter than %d characters", n)
		}
	case "maxLength":
		if n := integer(wanted); utf8.RuneCountInString(value) > n {
			return fail("it is longer than %d characters", n)
		}
	case "pattern":
		pattern, _ := wanted.(string)
		if ok, err := regexp.MatchString(pattern, value); err != nil || !ok {
			return fail("it does not match %s", pattern)
		}
	}
	return nil
}

func number(s map[string]any, keyword string, wanted any, value json.Number, fail func(string, ...any) error) error {
	limit := rational(wanted)
	n := rational(value)
	if limit == nil || n == nil {
		return nil
	}
	c := n.Cmp(limit)
	switch keyword {
	case "minimum":
		if c < 0 || c == 0 && s["exclusiveMinimum"] == true {
			return fail("it is less than %v", wanted)
		}
	case "maximum":
		if c > 0 || c == 0 && s["exclusiveMaximum"] == true {
			return fail("it is more than %v", wanted)
		}
	case "multipleOf":
		if limit.Sign() > 0 && !new(big.Rat).Quo(n, limit).IsInt() {
			return fail("it is not a multiple of %v", wanted)
		}
	}
	return nil
}

// maxExponent limits the size of numbers. A number such as 1e999999999 would take
// all memory as a rational.
const maxExponent = 400

// rational returns a number, or nil for anything else.
func rational(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(n.String()), "e"); ok {
		e, ok := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10)
		if !ok || e.CmpAbs(big.NewInt(maxExponent)) > 0 {
			return nil
		}
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

func integer(v any) int {
	if r := rational(v); r != nil && r.IsInt() && r.Num().IsInt64() {
		return int(r.Num().Int64())
	}
	return 0
}

// isType reports whether a value is of a type, or of one of some types.
func isType(wanted, value any) bool {
	if list, ok := wanted.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return isType(one, value) })
	}
	switch value := value.(type) {
	case nil:
		return wanted == "null"
	case bool:
		return wanted == "boolean"
	case string:
		return wanted == "string"
	case []any:
		return wanted == "array"
	case map[string]any:
		return wanted == "object"
	case json.Number:
		r := rational(value)
		return wanted == "number" || wanted == "integer" && r != nil && r.IsInt()
	}
	return false
}

// equal compares JSON values.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		other, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, y := rational(a), rational(other)
		return x != nil && y != nil && x.Cmp(y) == 0 || a == other
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, equal)
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, other, equal)
	}
	if _, list := b.([]any); list {
		return false
	}
	if _, object := b.(map[string]any); object {
		return false
	}
	return a == b
}
