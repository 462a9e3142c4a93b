package readiness

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A cfnTemplate holds those parts of a CloudFormation template that the checks read.
type cfnTemplate struct {
	Resources  map[string]cfnResource `json:"Resources"`
	Parameters map[string]any         `json:"Parameters"`
	Mappings   map[string]any         `json:"Mappings"`
	Conditions map[string]any         `json:"Conditions"`
	Transform  any                    `json:"Transform"`
}

// A cfnResource is one resource. Metadata is left out, because it changes nothing.
type cfnResource struct {
	Type                string         `json:"Type"`
	Properties          map[string]any `json:"Properties"`
	Condition           string         `json:"Condition"`
	DependsOn           any            `json:"DependsOn"`
	DeletionPolicy      string         `json:"DeletionPolicy"`
	UpdateReplacePolicy string         `json:"UpdateReplacePolicy"`
	UpdatePolicy        map[string]any `json:"UpdatePolicy"`
	CreationPolicy      map[string]any `json:"CreationPolicy"`
}

func parseTemplate(data json.RawMessage) (cfnTemplate, error) {
	var t cfnTemplate
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("reading a template: %w", err)
	}
	if len(t.Resources) == 0 {
		return t, fmt.Errorf("reading a template: it has no resources")
	}
	return t, nil
}

// ids returns the logical ids, sorted.
func (t cfnTemplate) ids() []string { return slices.Sorted(maps.Keys(t.Resources)) }

// ofType returns the logical ids of the resources of a type, sorted.
func (t cfnTemplate) ofType(name string) []string {
	return slices.DeleteFunc(t.ids(), func(id string) bool { return t.Resources[id].Type != name })
}

// describe names a resource so that a reader can find it.
func (t cfnTemplate) describe(id string) string {
	return fmt.Sprintf("%s (%s)", id, t.Resources[id].Type)
}

// cfnText writes a value as a single text. References become ${ID} or
// ${ID.Attribute}, joined texts are joined, and anything else becomes JSON.
func cfnText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		if text, ok := cfnIntrinsic(v); ok {
			return text
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

func cfnIntrinsic(v map[string]any) (string, bool) {
	if len(v) != 1 {
		return "", false
	}
	if ref, ok := v["Ref"].(string); ok {
		return "${" + ref + "}", true
	}
	if sub, ok := v["Fn::Sub"].(string); ok {
		return sub, true
	}
	switch att := v["Fn::GetAtt"].(type) {
	case string:
		return "${" + att + "}", true
	case []any:
		if len(att) == 2 {
			return "${" + cfnText(att[0]) + "." + cfnText(att[1]) + "}", true
		}
	}
	if join, ok := v["Fn::Join"].([]any); ok && len(join) == 2 {
		parts, ok := join[1].([]any)
		if !ok {
			return "", false
		}
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = cfnText(part)
		}
		return strings.Join(texts, cfnText(join[0])), true
	}
	return "", false
}

// cfnTarget returns the logical id in a Ref or GetAtt, or "".
func cfnTarget(v any) string {
	text := cfnText(v)
	inner, ok := strings.CutPrefix(text, "${")
	inner, closed := strings.CutSuffix(inner, "}")
	if !ok || !closed || strings.ContainsAny(inner, "${}") {
		return ""
	}
	id, _, _ := strings.Cut(inner, ".")
	return id
}

// refersTo reports whether a value refers to a resource anywhere in it.
func refersTo(v any, id string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "${"+id+"}") || strings.Contains(v, "${"+id+".")
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return refersTo(e, id) })
	case map[string]any:
		if cfnTarget(v) == id {
			return true
		}
		for _, e := range v {
			if refersTo(e, id) {
				return true
			}
		}
	}
	return false
}

// cfnList returns a value as a list. IAM accepts a single value instead of a list.
func cfnList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// cfnAt returns the value at a path of keys, or nil.
func cfnAt(v any, path ...string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// A templateDiff describes the effect of deploying one template over another.
type templateDiff struct {
	before, after           cfnTemplate
	added, removed, changed []string // logical ids, sorted
	// replaced says for each replaced resource why it is replaced.
	replaced map[string]string
}

// compared returns the number of resources compared.
func (d templateDiff) compared() int {
	return len(d.after.Resources) + len(d.removed)
}

func diffTemplates(before, after cfnTemplate) templateDiff {
	d := templateDiff{before: before, after: after, replaced: map[string]string{}}
	for _, id := range after.ids() {
		old, ok := before.Resources[id]
		switch {
		case !ok:
			d.added = append(d.added, id)
		case !reflect.DeepEqual(old, after.Resources[id]):
			d.changed = append(d.changed, id)
		}
	}
	for _, id := range before.ids() {
		if _, ok := after.Resources[id]; !ok {
			d.removed = append(d.removed, id)
		}
	}
	for _, id := range d.changed {
		if why := replaces(before.Resources[id], after.Resources[id]); why != "" {
			d.replaced[id] = why
		}
	}
	d.spread()
	return d
}

func replaces(old, fresh cfnResource) string {
	if old.Type != fresh.Type {
		return "its type was " + old.Type
	}
	for _, name := range fixed(fresh.Type) {
		if !reflect.DeepEqual(old.Properties[name], fresh.Properties[name]) {
			return name + " changes"
		}
	}
	return ""
}

// spread marks further resources as replaced: those with a create-only property
// that refers to a replaced resource. It repeats this until nothing is added.
func (d templateDiff) spread() {
	for again := true; again; {
		again = false
		for _, id := range d.after.ids() {
			resource := d.after.Resources[id]
			if d.replaced[id] != "" || slices.Contains(d.added, id) {
				continue
			}
			for _, name := range fixed(resource.Type) {
				for _, other := range slices.Sorted(maps.Keys(d.replaced)) {
					if d.replaced[id] == "" && refersTo(resource.Properties[name], other) {
						d.replaced[id], again = name+" names "+other+", which is replaced", true
					}
				}
			}
		}
	}
}

// sections returns the parts of the template, besides its resources, that
// differ. Resources can depend on them.
func (d templateDiff) sections() []string {
	var names []string
	for name, pair := range map[string][2]map[string]any{
		"Parameters": {d.before.Parameters, d.after.Parameters},
		"Mappings":   {d.before.Mappings, d.after.Mappings},
		"Conditions": {d.before.Conditions, d.after.Conditions},
	} {
		if len(pair[0])+len(pair[1]) > 0 && !reflect.DeepEqual(pair[0], pair[1]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
