package cloudformation

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// evaluateOutputs returns a deployment's outputs, sorted by name. An output
// that is not known yet has no value.
func (s *Service) evaluateOutputs(d *deployment, value func(string, string) (any, error), importer func(string) (any, error)) ([]types.Output, error) {
	scope := d.scope
	scope.Resource, scope.Import = value, importer
	var outputs []types.Output
	for _, name := range slices.Sorted(maps.Keys(d.outputs)) {
		o := d.outputs[name]
		output := types.Output{OutputKey: aws.String(name)}
		if o.Description != "" {
			output.Description = aws.String(o.Description)
		}
		v, err := scope.Resolve(o.Value)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case template.Unknown:
		case []any, map[string]any, nil:
			return nil, &template.Error{Text: "Template format error: The Value field of every Outputs member must evaluate to a String."}
		default:
			text, _ := shown(v).(string)
			output.OutputValue = aws.String(text)
		}
		if o.Export != nil {
			export, err := scope.Resolve(o.Export)
			if err != nil {
				return nil, err
			}
			text, ok := shown(export).(string)
			if !ok || text == "" {
				return nil, &template.Error{Text: "Template format error: Output " + name + " is malformed. The Name field of every Export member must be a non-empty string."}
			}
			output.ExportName = aws.String(text)
		}
		outputs = append(outputs, output)
	}
	return outputs, nil
}

func sameOutputs(a, b []types.Output) bool {
	return slices.EqualFunc(a, b, func(x, y types.Output) bool { return reflect.DeepEqual(x, y) })
}

// importer returns the function that resolves Fn::ImportValue. If st is not
// nil, each import counts as used by st from the moment it is resolved, so that
// the exporting stack can't remove it meanwhile. Its caller holds the service's lock.
func (s *Service) importer(st *stack) func(string) (any, error) {
	return func(name string) (any, error) {
		for _, other := range s.stacks {
			for _, o := range other.outputs {
				if o.ExportName != nil && *o.ExportName == name {
					if st != nil {
						st.imports[name] = true
					}
					return *o.OutputValue, nil
				}
			}
		}
		return nil, &template.Error{Text: "No export named " + name + " found."}
	}
}

// importers returns the names of the other stacks that use an export.
func (s *Service) importers(st *stack, export string) []string {
	var names []string
	for _, other := range s.stacks {
		if other != st && other.imports[export] {
			names = append(names, other.name)
		}
	}
	return names
}

// exportConflict says, in CloudFormation's words, why a stack's outputs can't
// be replaced with these. It is empty if they can. The caller holds the
// service's lock.
func (s *Service) exportConflict(st *stack, outputs []types.Output) string {
	wanted := map[string]string{}
	for _, o := range outputs {
		if o.ExportName == nil {
			continue
		}
		name := *o.ExportName
		if _, twice := wanted[name]; twice {
			return fmt.Sprintf("Duplicate Export names: [%s]", name)
		}
		wanted[name] = aws.ToString(o.OutputValue)
		for _, other := range s.stacks {
			if other != st && other.exports(name) {
				return fmt.Sprintf("Export with name %s is already exported by stack %s", name, other.name)
			}
		}
	}
	for _, o := range st.outputs {
		if o.ExportName == nil {
			continue
		}
		users := s.importers(st, *o.ExportName)
		if len(users) == 0 {
			continue
		}
		value, stays := wanted[*o.ExportName]
		verb := "deleted"
		if stays {
			if value == aws.ToString(o.OutputValue) {
				continue
			}
			verb = "updated"
		}
		return fmt.Sprintf("Export %s cannot be %s as it is in use by %s", *o.ExportName, verb, strings.Join(users, " and "))
	}
	return ""
}

// exports reports whether the stack exports a name.
func (st *stack) exports(name string) bool {
	return slices.ContainsFunc(st.outputs, func(o types.Output) bool { return o.ExportName != nil && *o.ExportName == name })
}
