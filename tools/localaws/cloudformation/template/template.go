// Package template reads CloudFormation templates in JSON or YAML. It makes the
// checks that CloudFormation makes before it touches any resource, and resolves
// parameters, conditions, rules and intrinsic functions.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html.
package template

import (
	"regexp"
	"slices"
	"strings"
)

// A Template is a parsed and checked template.
type Template struct {
	Text        string // verbatim
	Processed   string // after the transform; empty if there is none
	Transforms  []string
	Original    *Template // as it was before the transform; nil if there is none
	Description string
	Metadata    map[string]any
	Parameters  map[string]Parameter
	Mappings    map[string]map[string]map[string]any
	Conditions  map[string]any
	Rules       map[string]Rule
	Resources   map[string]Resource
	Outputs     map[string]Output

	raw      map[string]any // the sections, until the transform is applied
	includes []any          // the calls of AWS::Include at the top
	extended bool           // has the functions of AWS::LanguageExtensions
}

// A Rule checks parameters against one another.
type Rule struct {
	Condition  any // nil if the rule always applies
	Assertions []Assertion
}

// An Assertion is one condition of a rule that must hold.
type Assertion struct {
	Assert      any
	Description string
}

// A Resource is a resource as the template has it, with unresolved functions.
type Resource struct {
	Type                string
	Condition           string
	DependsOn           []string
	DeletionPolicy      string // Delete if the template names none
	UpdateReplacePolicy string // as DeletionPolicy
	Properties          map[string]any
	Metadata            map[string]any
	UpdatePolicy        map[string]any
	CreationPolicy      map[string]any
	// Snapshot is set if a policy asks for a snapshot before a deletion. The policies
	// themselves are then Delete: the embedded AWS has nothing to take one of.
	Snapshot bool
}

// An Output is an output as the template has it, with unresolved functions.
type Output struct {
	Description string
	Condition   string
	Value       any
	Export      any // the export's name, nil if there is none
}

// The policies for a resource that leaves the stack.
const (
	Delete               = "Delete"
	Retain               = "Retain"
	RetainExceptOnCreate = "RetainExceptOnCreate"
	snapshot             = "Snapshot"
)

// maxResources is CloudFormation's quota.
const maxResources = 500

var alphanumeric = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

// Parse reads a template and checks its structure and its references.
// Errors are of type [*Error].
func Parse(text string) (*Template, error) {
	root, err := decode(text)
	if err != nil {
		return nil, err
	}
	sections, ok := root.(map[string]any)
	if !ok {
		return nil, formatErrorf("unsupported structure.")
	}
	t := &Template{Text: text}
	if v, ok := sections["Transform"]; ok {
		if err := t.readTransform(v); err != nil {
			return nil, err
		}
	}
	calls, err := readMacros(sections)
	if err != nil {
		return nil, err
	}
	if calls && !slices.Contains(t.Transforms, Include) {
		t.Transforms = append(t.Transforms, Include)
	}
	if len(t.Transforms) > 0 {
		return t, t.declarations(sections)
	}
	if err := t.sections(sections); err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// maxDescription is how many bytes the description of a template may have.
const maxDescription = 1024

var sectionNames = []string{
	"AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata",
	"Outputs", "Parameters", "Resources", "Rules", "Transform",
}

// declarations reads what is needed to apply the template's transform.
func (t *Template) declarations(sections map[string]any) error {
	t.raw, t.extended = sections, slices.Contains(t.Transforms, LanguageExtensions)
	if err := t.header(sections); err != nil {
		return err
	}
	if err := t.readParameters(sections); err != nil {
		return err
	}
	// Mappings may be in a file that is included.
	if !slices.Contains(t.Transforms, Include) {
		if err := t.readMappings(sections); err != nil {
			return err
		}
	}
	t.Resources = map[string]Resource{}
	t.declare(sections["Resources"])
	return nil
}

func (t *Template) sections(sections map[string]any) error {
	if err := t.header(sections); err != nil {
		return err
	}
	var err error
	if t.Conditions, err = object(sections, "Conditions"); err != nil {
		return err
	}
	for _, read := range []func(map[string]any) error{
		t.readParameters, t.readMappings, t.readRules, t.readResources, t.readOutputs,
	} {
		if err := read(sections); err != nil {
			return err
		}
	}
	return nil
}

// header checks the names of the sections and reads the simple ones.
func (t *Template) header(sections map[string]any) error {
	var unknown []string
	for name := range sections {
		if !slices.Contains(sectionNames, name) && (name != "Globals" || !t.isServerless()) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return errorf("Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	if v, ok := sections["AWSTemplateFormatVersion"]; ok && v != "2010-09-09" {
		return formatErrorf("unsupported value for AWSTemplateFormatVersion.")
	}
	if v, ok := sections["Description"]; ok {
		if t.Description, ok = v.(string); !ok {
			return formatErrorf("every Description member must be a string.")
		}
		if len(t.Description) > maxDescription {
			return formatErrorf("'Description' length is greater than %d.", maxDescription)
		}
	}
	var err error
	t.Metadata, err = object(sections, "Metadata")
	return err
}

func object(m map[string]any, section string) (map[string]any, error) {
	v, ok := m[section]
	if !ok {
		return nil, nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, formatErrorf("%s section must be an object.", section)
	}
	return o, nil
}

// members calls read for each member of a section, sorted by name.
func members(sections map[string]any, section string, read func(name string, m map[string]any) error) error {
	all, err := object(sections, section)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(all) {
		m, ok := all[name].(map[string]any)
		if !ok {
			return formatErrorf("[/%s/%s] Every %s member must be an object.", section, name, section)
		}
		if err := read(name, m); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) readMappings(sections map[string]any) error {
	t.Mappings = map[string]map[string]map[string]any{}
	return members(sections, "Mappings", func(name string, m map[string]any) error {
		top := map[string]map[string]any{}
		for key, v := range m {
			second, ok := v.(map[string]any)
			if !ok {
				return formatErrorf("Every Mappings attribute must be a String or a List.")
			}
			top[key] = second
		}
		t.Mappings[name] = top
		return nil
	})
}

func (t *Template) readRules(sections map[string]any) error {
	t.Rules = map[string]Rule{}
	return members(sections, "Rules", func(name string, m map[string]any) error {
		list, ok := m["Assertions"].([]any)
		if !ok {
			return formatErrorf("[/Rules/%s] Every Rules member must contain Assertions.", name)
		}
		rule := Rule{Condition: m["RuleCondition"]}
		for _, v := range list {
			a, ok := v.(map[string]any)
			if !ok || a["Assert"] == nil {
				return formatErrorf("[/Rules/%s] Every Assertions member must contain Assert.", name)
			}
			description, _ := a["AssertDescription"].(string)
			rule.Assertions = append(rule.Assertions, Assertion{Assert: a["Assert"], Description: description})
		}
		t.Rules[name] = rule
		return nil
	})
}

func (t *Template) readOutputs(sections map[string]any) error {
	t.Outputs = map[string]Output{}
	return members(sections, "Outputs", func(name string, m map[string]any) error {
		if !alphanumeric.MatchString(name) {
			return formatErrorf("Output name %s is non alphanumeric.", name)
		}
		var o Output
		for key, v := range m {
			ok := true
			switch key {
			case "Value":
				o.Value = v
			case "Description":
				o.Description, ok = v.(string)
			case "Condition":
				if o.Condition, ok = v.(string); !ok {
					return formatErrorf(conditionIsString)
				}
			case "Export":
				var export map[string]any
				export, ok = v.(map[string]any)
				o.Export = export["Name"]
				ok = ok && o.Export != nil && len(export) == 1
			default:
				return errorf("Invalid template output property '%s'", key)
			}
			if !ok {
				return formatErrorf("[/Outputs/%s/%s] has an invalid value.", name, key)
			}
		}
		if o.Value == nil {
			return formatErrorf("[/Outputs/%s] Every Outputs member must contain a Value object", name)
		}
		t.Outputs[name] = o
		return nil
	})
}

func (t *Template) readResources(sections map[string]any) error {
	t.Resources = map[string]Resource{}
	err := members(sections, "Resources", func(name string, m map[string]any) error {
		if !alphanumeric.MatchString(name) {
			return formatErrorf("Resource name %s is non alphanumeric.", name)
		}
		r, err := readResource(name, m)
		t.Resources[name] = r
		return err
	})
	if err != nil {
		return err
	}
	if len(t.Resources) == 0 {
		return formatErrorf("At least one Resources member must be defined.")
	}
	if len(t.Resources) > maxResources {
		return formatErrorf("Number of resources, %d, is greater than maximum allowed, %d", len(t.Resources), maxResources)
	}
	return nil
}

func readResource(name string, m map[string]any) (Resource, error) {
	r := Resource{DeletionPolicy: Delete, UpdateReplacePolicy: Delete}
	typ, ok := m["Type"].(string)
	if !ok || typ == "" {
		return r, formatErrorf("[/Resources/%s] Every Resources object must contain a Type member.", name)
	}
	r.Type = typ
	for key, v := range m {
		ok := true
		switch key {
		case "Type":
		case "Condition":
			if r.Condition, ok = v.(string); !ok {
				return r, formatErrorf(conditionIsString)
			}
		case "DependsOn":
			r.DependsOn, ok = dependsOn(v)
		case "DeletionPolicy":
			if r.DeletionPolicy, ok = v.(string); !ok {
				return r, formatErrorf("Every DeletionPolicy member must be a string.")
			}
		case "UpdateReplacePolicy":
			if r.UpdateReplacePolicy, ok = v.(string); !ok {
				return r, formatErrorf("Every UpdateReplacePolicy member must be a string.")
			}
		case "Properties":
			r.Properties, ok = v.(map[string]any)
		case "Metadata":
			r.Metadata, ok = v.(map[string]any)
		case "UpdatePolicy":
			r.UpdatePolicy, ok = v.(map[string]any)
		case "CreationPolicy":
			r.CreationPolicy, ok = v.(map[string]any)
		default:
			return r, errorf("Invalid template resource property '%s'", key)
		}
		if !ok {
			return r, formatErrorf("[/Resources/%s/%s] has an invalid value.", name, key)
		}
	}
	if !slices.Contains([]string{Delete, Retain, RetainExceptOnCreate, snapshot}, r.DeletionPolicy) {
		return r, templateErrorf("resource %s: the embedded AWS does not support DeletionPolicy %s", name, r.DeletionPolicy)
	}
	if !slices.Contains([]string{Delete, Retain, snapshot}, r.UpdateReplacePolicy) {
		return r, templateErrorf("resource %s: the embedded AWS does not support UpdateReplacePolicy %s", name, r.UpdateReplacePolicy)
	}
	for _, policy := range []*string{&r.DeletionPolicy, &r.UpdateReplacePolicy} {
		if *policy == snapshot {
			r.Snapshot, *policy = true, Delete
		}
	}
	return r, nil
}

func dependsOn(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	names := make([]string, 0, len(list))
	for _, e := range list {
		s, isString := e.(string)
		ok = ok && isString
		names = append(names, s)
	}
	return names, ok
}
