package template

import (
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Include is the transform that inserts files from S3 into a template, either at its
// top or where a Fn::Transform is.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html.
const Include = "AWS::Include"

const transformFunction = "Fn::Transform"

func includeErrorf(format string, args ...any) error {
	return errorf("Transform "+Include+" failed with: "+format, args...)
}

// macros returns the names of the macros that a value calls with Fn::Transform.
func macros(v any) []any {
	var calls []any
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			calls = append(calls, macros(e)...)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if key == transformFunction {
				calls = append(calls, v[key])
				continue
			}
			calls = append(calls, macros(v[key])...)
		}
	}
	return calls
}

// readMacros refuses calls of macros other than AWS::Include. It reports whether there
// are any calls.
func readMacros(sections map[string]any) (bool, error) {
	calls := macros(sections)
	for _, call := range calls {
		m, ok := call.(map[string]any)
		if !ok || m["Name"] != Include {
			return false, errorf("the embedded AWS does not support transforms and macros: %s %s", transformFunction, render(call))
		}
	}
	if len(macros(sections["Parameters"])) > 0 {
		return false, includeErrorf("%s is not supported in the section Parameters", transformFunction)
	}
	return len(calls) > 0, nil
}

// include returns the sections with the files that they include. Those within the
// sections come first.
func (t *Template) include(s *Scope) (map[string]any, error) {
	values := *s
	values.Template, values.Resource, values.Import = t, nil, nil
	included, err := values.included(t.raw)
	if err != nil {
		return nil, err
	}
	sections, ok := included.(map[string]any)
	if !ok {
		return nil, includeErrorf("the result is not a template")
	}
	for _, call := range t.includes {
		snippet, err := values.snippet(call)
		if err != nil {
			return nil, err
		}
		members, ok := snippet.(map[string]any)
		if !ok {
			return nil, includeErrorf("what a template includes at its top must be an object")
		}
		for _, section := range sortedKeys(members) {
			have, isMap := sections[section].(map[string]any)
			more, isMapToo := members[section].(map[string]any)
			if sections[section] == nil {
				sections[section] = members[section]
				continue
			}
			if !isMap || !isMapToo {
				return nil, includeErrorf("the section %s is both in the template and in what it includes", section)
			}
			if sections[section], err = joined(have, more); err != nil {
				return nil, err
			}
		}
	}
	return sections, nil
}

// joined returns the members of two objects that have no member in common.
func joined(a, b map[string]any) (map[string]any, error) {
	all := maps.Clone(a)
	for _, name := range sortedKeys(b) {
		if _, twice := all[name]; twice {
			return nil, includeErrorf("the key %s is both in the template and in what it includes", name)
		}
		all[name] = b[name]
	}
	return all, nil
}

// included returns a value with the files that it includes.
func (s *Scope) included(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			var err error
			if list[i], err = s.included(e); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		rest := make(map[string]any, len(v))
		for _, key := range sortedKeys(v) {
			if key == transformFunction {
				continue
			}
			var err error
			if rest[key], err = s.included(v[key]); err != nil {
				return nil, err
			}
		}
		call, ok := v[transformFunction]
		if !ok {
			return rest, nil
		}
		snippet, err := s.snippet(call)
		if err != nil || len(rest) == 0 {
			return snippet, err
		}
		members, ok := snippet.(map[string]any)
		if !ok {
			return nil, includeErrorf("what stands beside other members must be an object")
		}
		return joined(rest, members)
	}
	return v, nil
}

// snippet fetches what one call of the transform includes.
func (s *Scope) snippet(call any) (any, error) {
	m, _ := call.(map[string]any)
	parameters, _ := m["Parameters"].(map[string]any)
	resolved, err := s.Resolve(parameters["Location"])
	if err != nil {
		return nil, err
	}
	location, ok := resolved.(string)
	if !ok {
		return nil, includeErrorf("The value of parameter Location under transform Include must resolve to a string, number, boolean or a list of any of these.")
	}
	if !strings.HasPrefix(location, "s3://") || s.Include == nil {
		return nil, includeErrorf("The location parameter is not a valid S3 uri: %s. Upload the file first, for example with aws cloudformation package", location)
	}
	text, err := s.Include(location)
	if err != nil {
		return nil, includeErrorf("%s: %v", location, err)
	}
	v, err := decode(text)
	if err != nil {
		return nil, includeErrorf("The specified S3 object's content should be valid Yaml/JSON: %s: %v", location, err)
	}
	switch {
	case len(macros(v)) > 0:
		return nil, includeErrorf("%s includes another file, which the embedded AWS does not support", location)
	case shortForms(text):
		return nil, includeErrorf("%s has short forms of functions, such as !Ref, which are not supported in what a template includes: write {Ref: ...}", location)
	}
	return v, nil
}

// shortForms reports whether a YAML text has functions in their short form.
func shortForms(text string) bool {
	var doc yaml.Node
	if strings.HasPrefix(strings.TrimSpace(text), "{") || yaml.Unmarshal([]byte(text), &doc) != nil {
		return false
	}
	var found func(n *yaml.Node) bool
	found = func(n *yaml.Node) bool {
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			return true
		}
		for _, c := range n.Content {
			if found(c) {
				return true
			}
		}
		return false
	}
	return found(&doc)
}
