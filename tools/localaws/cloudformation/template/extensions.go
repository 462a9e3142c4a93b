package template

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// LanguageExtensions is one of the transforms that the embedded AWS has. It adds
// Fn::ForEach, Fn::Length, Fn::ToJsonString and defaults of Fn::FindInMap, and
// allows functions in DeletionPolicy and UpdateReplacePolicy.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html.
const LanguageExtensions = "AWS::LanguageExtensions"

const (
	forEach      = "Fn::ForEach::"
	length       = "Fn::Length"
	toJSONString = "Fn::ToJsonString"
)

// maxProduced limits the rounds of a template's loops and the members that they
// produce. Nested loops could otherwise produce any number from a short template.
const maxProduced = 20000

// readTransform reads the section Transform: a transform or a list of transforms. Each
// is a name, or an object with the name and parameters.
func (t *Template) readTransform(v any) error {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for _, e := range list {
		name, ok := e.(string)
		if call, isCall := e.(map[string]any); isCall {
			name, ok = call["Name"].(string)
			ok = ok && (name == Include || call["Parameters"] == nil)
		}
		if !ok || !slices.Contains([]string{LanguageExtensions, Serverless, Include}, name) {
			return errorf("the embedded AWS does not support transforms and macros: Transform %s", render(v))
		}
		if name == Include {
			t.includes = append(t.includes, e)
		}
		if !slices.Contains(t.Transforms, name) {
			t.Transforms = append(t.Transforms, name)
		}
	}
	return nil
}

// transformErrorf returns an error about what the transform refuses.
func transformErrorf(format string, args ...any) error {
	return errorf("Transform "+LanguageExtensions+" failed with: "+format, args...)
}

// Expand applies the template's transform. The scope has the values of the
// parameters. The result is a template without loops; it equals the receiver if
// that has no transform.
func (t *Template) Expand(s *Scope) (*Template, error) {
	if len(t.Transforms) == 0 {
		return t, nil
	}
	original, sections := t, t.raw
	var err error
	if slices.Contains(t.Transforms, Include) {
		if sections, err = t.include(s); err != nil {
			return nil, err
		}
		delete(sections, "Transform")
		// The other transforms see the files as parts of the template.
		t = &Template{Text: t.Text, Transforms: slices.DeleteFunc(slices.Clone(t.Transforms), func(name string) bool { return name == Include })}
		if err := t.declarations(sections); err != nil {
			return nil, err
		}
	}
	if t.extended {
		if sections, err = t.extend(s); err != nil {
			return nil, err
		}
	}
	if t.isServerless() {
		if sections, err = expandServerless(sections, s.known()); err != nil {
			return nil, err
		}
	}
	expanded := &Template{Text: original.Text, Transforms: original.Transforms, Original: original, extended: original.extended}
	text, err := json.MarshalIndent(sections, "", "  ")
	if err != nil {
		return nil, transformErrorf("Error parsing the template")
	}
	expanded.Processed = string(text)
	if err := expanded.sections(sections); err != nil {
		return nil, err
	}
	return expanded, expanded.check()
}

// known returns the values that SAM knows: the parameters, the partition and the region.
func (s *Scope) known() map[string]any {
	all := maps.Clone(s.Parameters)
	if all == nil {
		all = map[string]any{}
	}
	for _, name := range []string{"AWS::Partition", "AWS::Region"} {
		if v, ok := s.Pseudo[name]; ok {
			all[name] = v
		}
	}
	return all
}

// extend applies the language extensions and returns the sections.
func (t *Template) extend(s *Scope) (map[string]any, error) {
	loops := map[string]bool{}
	for _, section := range []string{"Conditions", "Resources", "Outputs"} {
		if err := t.checkLoops(t.raw[section], loops); err != nil {
			return nil, err
		}
	}
	values := *s
	values.Template, values.Resource, values.Import = t, nil, nil
	e := &expansion{scope: &values}
	sections := map[string]any{}
	for name, v := range t.raw {
		switch name {
		case "Transform":
		case "Conditions", "Resources", "Outputs":
			expanded, err := e.expand(v, nil, true)
			if err != nil {
				return nil, err
			}
			sections[name] = expanded
		default:
			if strings.Contains(render(v), `"`+forEach) || uses(v, length) || uses(v, toJSONString) {
				return nil, transformErrorf("the functions of the transform are not supported in the section %s", name)
			}
			sections[name] = v
		}
	}
	return sections, e.policies(sections)
}

// checkLoops verifies that each loop has a name of its own.
func (t *Template) checkLoops(v any, seen map[string]bool) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := t.checkLoops(e, seen); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if name, loop := strings.CutPrefix(key, forEach); loop {
				_, resource := t.Resources[name]
				if !alphanumeric.MatchString(name) || seen[name] || resource {
					return transformErrorf("the name of the loop %s must be alphanumeric and unique", key)
				}
				seen[name] = true
			}
			if err := t.checkLoops(v[key], seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// An expansion applies the transform to one template.
type expansion struct {
	scope    *Scope
	produced int
}

// expand returns a value without loops. The items are the present ones of the
// loops around it, by identifier. Top is set for a section, whose keys are
// logical ids.
func (e *expansion) expand(v any, items map[string]string, top bool) (any, error) {
	switch v := v.(type) {
	case string:
		return fill(v, items), nil
	case []any:
		list := make([]any, 0, len(v))
		for _, member := range v {
			expanded, err := e.expand(member, items, false)
			if err != nil {
				return nil, err
			}
			list = append(list, expanded)
		}
		return list, nil
	case map[string]any:
		if name, arg, ok := function(v); ok && !strings.HasPrefix(name, forEach) {
			return e.call(name, arg, items)
		}
		expanded := make(map[string]any, len(v))
		return expanded, e.members(v, items, top, expanded)
	}
	return v, nil
}

// members adds the members of an object to the expanded one.
func (e *expansion) members(m map[string]any, items map[string]string, top bool, into map[string]any) error {
	for _, key := range sortedKeys(m) {
		if strings.HasPrefix(key, forEach) {
			if err := e.loop(key, m[key], items, top, into); err != nil {
				return err
			}
			continue
		}
		v, err := e.expand(m[key], items, false)
		if err != nil {
			return err
		}
		name := fill(key, items)
		if _, twice := into[name]; twice {
			return transformErrorf("the key %s is there twice", name)
		}
		into[name] = v
		if items == nil {
			continue
		}
		if err := e.produce(); err != nil {
			return err
		}
	}
	return nil
}

// produce counts what the loops do.
func (e *expansion) produce() error {
	if e.produced++; e.produced > maxProduced {
		return transformErrorf("the loops produce more than %d members", maxProduced)
	}
	return nil
}

// loop adds what a loop produces.
func (e *expansion) loop(key string, arg any, items map[string]string, top bool, into map[string]any) error {
	args, ok := arg.([]any)
	if !ok || len(args) != 3 {
		return transformErrorf("Fn::ForEach layout is incorrect")
	}
	identifier, _ := args[0].(string)
	fragment, isMap := args[2].(map[string]any)
	if !alphanumeric.MatchString(identifier) || !isMap || isText(args[1]) {
		return transformErrorf("Fn::ForEach layout is incorrect")
	}
	for outputKey := range fragment {
		if !strings.HasPrefix(outputKey, forEach) && !strings.Contains(outputKey, "{"+identifier+"}") {
			return transformErrorf("the key %s of %s must contain ${%s} or &{%[3]s}", outputKey, key, identifier)
		}
	}
	collection, err := e.collection(args[1], items)
	if err != nil {
		return err
	}
	for _, item := range collection {
		if err := e.produce(); err != nil {
			return err
		}
		inner := maps.Clone(items)
		if inner == nil {
			inner = map[string]string{}
		}
		inner[identifier] = item
		if top {
			for outputKey := range fragment {
				if name := fill(outputKey, inner); !strings.HasPrefix(outputKey, forEach) && !alphanumeric.MatchString(name) {
					return transformErrorf("LogicalId '%s' should be alphanumeric", name)
				}
			}
		}
		if err := e.members(fragment, inner, top, into); err != nil {
			return err
		}
	}
	return nil
}

// collection returns what a loop iterates over. It may depend on parameters and
// mappings, but not on resources.
func (e *expansion) collection(v any, items map[string]string) ([]string, error) {
	const unresolved = "Could not find a collection or could not be resolved for Fn::ForEach"
	resolved, err := e.value(v, items)
	list, ok := resolved.([]any)
	if err != nil || !ok {
		return nil, transformErrorf(unresolved)
	}
	var all []string
	for _, member := range list {
		// A member may itself be a list, such as a parameter.
		inner, isList := member.([]any)
		if !isList {
			inner = []any{member}
		}
		for _, m := range inner {
			text, ok := scalar(m)
			if !ok {
				return nil, transformErrorf(unresolved)
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all, nil
}

// value resolves a value from the parameters and mappings alone.
func (e *expansion) value(v any, items map[string]string) (any, error) {
	expanded, err := e.expand(v, items, false)
	if err != nil {
		return nil, err
	}
	return e.scope.Resolve(expanded)
}

// call expands a function. What is known then is known for good: references to
// the items of loops, and what is computed of texts alone.
func (e *expansion) call(name string, arg any, items map[string]string) (any, error) {
	if text, ok := arg.(string); ok && name == "Ref" {
		if item, ok := items[text]; ok {
			return item, nil
		}
	}
	if name == length {
		return e.length(arg, items)
	}
	expanded, err := e.expand(arg, items, false)
	if err != nil {
		return nil, err
	}
	if name == "Ref" || name == "Fn::GetAtt" {
		if expanded, err = e.names(name, expanded); err != nil {
			return nil, err
		}
	}
	call := map[string]any{name: expanded}
	text, plain := expanded.(string)
	switch name {
	case "Fn::Sub":
		// Outside loops, the template's text is kept.
		plain = plain && items != nil && !strings.Contains(text, "${")
	case toJSONString:
		if _, ok := expanded.([]any); !ok {
			if _, ok := expanded.(map[string]any); !ok {
				return nil, transformErrorf("Fn::ToJsonString layout is incorrect")
			}
		}
		plain = !containsCall(expanded)
	case "Fn::Join":
		plain = items != nil && !containsCall(expanded)
	case "Fn::FindInMap":
		plain = !containsCall(expanded)
	default:
		plain = false
	}
	if !plain {
		return call, nil
	}
	if name == "Fn::Sub" {
		return text, nil
	}
	if v, err := e.scope.Resolve(call); err == nil && v != nil {
		return v, nil
	}
	return call, nil
}

// names resolves the functions in the name of a resource or an attribute.
func (e *expansion) names(name string, arg any) (any, error) {
	if !containsCall(arg) {
		return arg, nil
	}
	v, err := e.scope.Resolve(arg)
	if err != nil {
		return nil, transformErrorf("%s layout is incorrect", name)
	}
	return v, nil
}

func (e *expansion) length(arg any, items map[string]string) (any, error) {
	if list, ok := arg.([]any); ok {
		return float64(len(list)), nil
	}
	v, err := e.value(arg, items)
	if _, isError := errors.AsType[*Error](err); isError {
		return nil, transformErrorf("The Fn::Length value could not be resolved for properties")
	}
	list, ok := v.([]any)
	if err != nil || !ok {
		return nil, transformErrorf("Fn::Length layout is incorrect")
	}
	return float64(len(list)), nil
}

// containsCall reports whether a value contains a function.
func containsCall(v any) bool {
	found := false
	collect(v, func(string, any) { found = true })
	return found
}

// policies resolves the functions in DeletionPolicy and UpdateReplacePolicy.
func (e *expansion) policies(sections map[string]any) error {
	resources, _ := sections["Resources"].(map[string]any)
	conditions, _ := sections["Conditions"].(map[string]any)
	scope := *e.scope
	expanded := *e.scope.Template
	expanded.Conditions = conditions
	scope.Template, scope.conditions = &expanded, nil
	for _, name := range sortedKeys(resources) {
		r, _ := resources[name].(map[string]any)
		for _, attribute := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
			if !isFunction(r[attribute]) {
				continue
			}
			v, err := scope.Resolve(r[attribute])
			if err != nil {
				return transformErrorf("Unsupported expression for %s in resource %s", attribute, name)
			}
			if v == nil {
				return transformErrorf("AWS::NoValue is not supported for DeletionPolicy or UpdateReplacePolicy")
			}
			if _, ok := v.(string); !ok {
				return transformErrorf("Every %s member must be a string", attribute)
			}
			r[attribute] = v
		}
	}
	return nil
}

// fill replaces ${Identifier} and &{Identifier} in a text. The second form drops
// what is not alphanumeric.
func fill(text string, items map[string]string) string {
	if len(items) == 0 || !strings.Contains(text, "{") {
		return text
	}
	var pairs []string
	for _, identifier := range sortedKeys(items) {
		pairs = append(pairs,
			"${"+identifier+"}", items[identifier],
			"&{"+identifier+"}", strings.Map(alphanumerical, items[identifier]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func alphanumerical(r rune) rune {
	if alphanumeric.MatchString(string(r)) {
		return r
	}
	return -1
}

// declare reads what a template declares before its transform is applied, for
// those who only want to know what it requires: the types of its resources,
// those in loops included.
func (t *Template) declare(v any) {
	m, _ := v.(map[string]any)
	for key, member := range m {
		if strings.HasPrefix(key, forEach) {
			if args, ok := member.([]any); ok && len(args) == 3 {
				t.declare(args[2])
			}
			continue
		}
		r, _ := member.(map[string]any)
		if typ, ok := r["Type"].(string); ok {
			properties, _ := r["Properties"].(map[string]any)
			t.Resources[key] = Resource{Type: typ, Properties: properties}
		}
	}
}

// toJSON is Fn::ToJsonString of a resolved value.
func toJSON(v any) (any, error) {
	if unknownWithin(v) {
		return Unknown{}, nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, transformErrorf("Fn::ToJsonString layout is incorrect")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// unknownWithin reports whether any part of a value is not known yet.
func unknownWithin(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, unknownWithin)
	case map[string]any:
		for _, member := range v {
			if unknownWithin(member) {
				return true
			}
		}
	}
	return false
}
