package template

import (
	"slices"
	"strings"
)

// An Active resource is one that exists under the conditions. The branches that
// the conditions exclude are removed from it.
type Active struct {
	Resource
	Needs []string // logical ids of the active resources it depends on
}

// Active returns the resources that exist under the scope's conditions.
func (s *Scope) Active() (map[string]Active, error) {
	conditions, err := s.Conditions()
	if err != nil {
		return nil, err
	}
	active := map[string]Active{}
	for name, r := range s.Template.Resources {
		if r.Condition != "" && !conditions[r.Condition] {
			continue
		}
		for _, section := range []*map[string]any{&r.Properties, &r.Metadata, &r.UpdatePolicy, &r.CreationPolicy} {
			if *section == nil {
				continue
			}
			pruned, err := s.Prune(*section)
			if err != nil {
				return nil, err
			}
			m, ok := pruned.(map[string]any)
			if !ok && pruned != nil {
				return nil, formatErrorf("[/Resources/%s] Properties must be an object", name)
			}
			*section = m
		}
		active[name] = Active{Resource: r}
	}
	for _, name := range sortedKeys(active) {
		a := active[name]
		for _, need := range s.Template.needs(name, a.Resource) {
			if _, ok := active[need]; ok {
				a.Needs = append(a.Needs, need)
			}
		}
		if err := unresolvedIn(active, s.Template, a.functions(), "Resources"); err != nil {
			return nil, err
		}
		active[name] = a
	}
	return active, nil
}

// ActiveOutputs returns the outputs that exist under the scope's conditions.
func (s *Scope) ActiveOutputs(active map[string]Active) (map[string]Output, error) {
	conditions, err := s.Conditions()
	if err != nil {
		return nil, err
	}
	outputs := map[string]Output{}
	for _, name := range sortedKeys(s.Template.Outputs) {
		o := s.Template.Outputs[name]
		if o.Condition != "" && !conditions[o.Condition] {
			continue
		}
		if o.Value, err = s.Prune(o.Value); err != nil {
			return nil, err
		}
		if err := unresolvedIn(active, s.Template, []any{o.Value}, "Outputs"); err != nil {
			return nil, err
		}
		outputs[name] = o
	}
	return outputs, nil
}

// unresolvedIn refuses references to resources that a condition excludes.
func unresolvedIn(active map[string]Active, t *Template, v any, block string) error {
	var missing []string
	for _, ref := range References(v) {
		_, declared := t.Resources[ref.Name]
		if _, exists := active[ref.Name]; declared && !exists {
			missing = append(missing, ref.Name)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case block == "Outputs":
		// AWS's text differs from the one for a resource that does not exist.
		return errorf("Unresolved resource dependencies [%s] in the Outputs block of the template", strings.Join(slices.Compact(missing), ", "))
	}
	return unresolved(missing, block)
}
