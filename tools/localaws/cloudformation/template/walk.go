package template

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A Reference is the target of Ref, Fn::GetAtt or Fn::Sub: a parameter, a
// pseudo parameter or a resource. For Fn::GetAtt it includes the attribute.
type Reference struct {
	Name      string
	Attribute string // empty for Ref
}

// String returns the reference as change sets show it.
func (r Reference) String() string {
	if r.Attribute == "" {
		return r.Name
	}
	return r.Name + "." + r.Attribute
}

// References returns what a value refers to, sorted by name, without
// duplicates.
func References(v any) []Reference {
	found := map[Reference]bool{}
	collect(v, func(name string, arg any) {
		switch name {
		case "Ref":
			if s, ok := arg.(string); ok {
				found[Reference{Name: s}] = true
			}
		case "Fn::GetAtt":
			if r, ok := attributeReference(arg); ok {
				found[r] = true
			}
		case "Fn::Sub":
			for _, r := range subReferences(arg) {
				found[r] = true
			}
		}
	})
	return slices.SortedFunc(maps.Keys(found), func(a, b Reference) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Attribute, b.Attribute))
	})
}

// attributeReference reads the argument of Fn::GetAtt: [name, attribute] or
// "name.attribute". The attribute may be a function, which then stands for any
// attribute.
func attributeReference(arg any) (Reference, bool) {
	switch arg := arg.(type) {
	case string:
		name, attribute, ok := strings.Cut(arg, ".")
		return Reference{Name: name, Attribute: attribute}, ok && name != "" && attribute != ""
	case []any:
		if len(arg) != 2 {
			return Reference{}, false
		}
		name, ok := arg[0].(string)
		attribute, isText := arg[1].(string)
		if !isText {
			attribute = "*"
		}
		return Reference{Name: name, Attribute: attribute}, ok && name != "" && attribute != ""
	}
	return Reference{}, false
}

func subReferences(arg any) []Reference {
	text, variables, ok := subArguments(arg)
	if !ok {
		return nil
	}
	var refs []Reference
	for _, part := range subParts(text) {
		if _, local := variables[part.name]; part.name == "" || local {
			continue
		}
		name, attribute, _ := strings.Cut(part.name, ".")
		refs = append(refs, Reference{Name: name, Attribute: attribute})
	}
	return refs
}

// collect calls visit for each function in a value, outermost first.
func collect(v any, visit func(name string, arg any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collect(e, visit)
		}
	case map[string]any:
		if name, arg, ok := function(v); ok {
			visit(name, arg)
		}
		for _, e := range v {
			collect(e, visit)
		}
	}
}

// function returns the function that a map represents.
func function(m map[string]any) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, arg := range m {
		if name == "Ref" || strings.HasPrefix(name, "Fn::") {
			return name, arg, true
		}
	}
	return "", nil, false
}

// A part of a Fn::Sub text is either literal text or the name in a ${name}.
type part struct{ literal, name string }

func subParts(text string) []part {
	var parts []part
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return append(parts, part{literal: text})
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return append(parts, part{literal: text})
		}
		parts = append(parts, part{literal: before})
		if literal, escaped := strings.CutPrefix(name, "!"); escaped {
			parts = append(parts, part{literal: "${" + literal + "}"})
		} else {
			parts = append(parts, part{name: strings.TrimSpace(name)})
		}
		text = after
	}
}

func subArguments(arg any) (text string, variables map[string]any, ok bool) {
	switch arg := arg.(type) {
	case string:
		return arg, nil, true
	case []any:
		if len(arg) != 2 {
			return "", nil, false
		}
		text, isText := arg[0].(string)
		variables, isMap := arg[1].(map[string]any)
		return text, variables, isText && isMap
	}
	return "", nil, false
}

// scalar returns the text of a string, number or bool.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case float64:
		return formatNumber(v), true
	}
	return "", false
}

// render returns a value as JSON, for messages.
func render(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
