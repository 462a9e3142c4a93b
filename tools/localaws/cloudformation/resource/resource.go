// Package resource is the contract between the CloudFormation engine and the
// resource types that it manages. It uses the terms of CloudFormation's
// resource type schema: physical id, attributes and create-only properties.
// See https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html.
package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// A Type manages the resources of one CloudFormation type.
//
// It receives resolved properties: no intrinsic functions are left, and each
// value is a string, bool, float64, []any or map[string]any as in the template.
type Type struct {
	Name string // for example AWS::SNS::Topic

	// Properties names every property that the type supports. The engine
	// refuses a template that uses any other property.
	Properties []string

	// CreateOnly names the properties that can't be updated: changing one
	// replaces the resource.
	CreateOnly []string

	// Recorded is set if the embedded AWS only keeps what templates say about such
	// resources: they have ids and attributes, but nothing runs.
	Recorded bool

	// Instead says what the embedded AWS does instead of making the resource. It is nil,
	// or returns "", if the resource is made.
	Instead func(logicalID string) string

	// Partly says what of a resource the embedded AWS does not run. It is nil, or returns
	// "", if it runs everything.
	Partly func(properties map[string]any) string

	// Open is set if a resource may have any property.
	Open bool

	// Kept names other properties, which are accepted and have no effect.
	Kept []string

	// Attributes names the attributes of Fn::GetAtt, if Recorded.
	Attributes []string

	// Identifier names the property with which a template names the resource, if
	// the name alone identifies it in the account. No two resources of a type may
	// have the same name.
	Identifier string
	// Names are the properties that name a resource which has to exist, with its type.
	// A template that writes the name down, instead of referring to the resource, leaves
	// the order open.
	Names map[string]string

	// Foresee returns the result of Create for a recorded resource, as far as it is
	// known before anything is created. Unknown properties are template.Unknown.
	Foresee func(*Request) *Result

	// Examine returns why a resource can't be made, before anything is created.
	// Unknown properties are template.Unknown. It may be nil.
	Examine func(*Request) []string

	// Create makes the resource and returns its physical id and attributes. If
	// it fails after the resource exists, it returns the result along with the
	// error. A rollback of the operation can then delete the resource.
	Create func(context.Context, *Request) (*Result, error)
	// Update changes the resource in place. If it is nil, every change requires
	// a replacement. If the result has another physical id, the type has
	// replaced the resource; the engine deletes the old one later.
	Update func(context.Context, *Request) (*Result, error)
	// Delete removes the resource. Deleting a resource that is already gone is
	// no error.
	Delete func(context.Context, *Request) error
	// Read returns the live values of those properties in the request that can be
	// read, in the form that they have in the template. A value that is not there is
	// nil. If the resource is gone, the error is [ErrGone]. Read is nil if CloudFormation
	// can't tell whether such a resource has drifted.
	Read func(context.Context, *Request) (map[string]any, error)
}

// ErrGone is the error of Read for a resource that was deleted.
var ErrGone = errors.New("the resource does not exist")

// Find returns the type of a name. Custom resources have any name that begins with
// Custom::, and one type for those that have none of their own.
func (r Registry) Find(name string) (Type, bool) {
	t, ok := r[name]
	if !ok && strings.HasPrefix(name, "Custom::") {
		t, ok = r[CustomResource]
	}
	return t, ok
}

// CustomResource is the type of custom resources.
const CustomResource = "AWS::CloudFormation::CustomResource"

// A Request asks a type to create, update or delete one resource.
type Request struct {
	StackID   string // ARN of the stack
	StackName string
	LogicalID string
	Type      string // as in the template
	// PhysicalID is the resource's id. It is empty on Create.
	PhysicalID string
	// Properties are the wanted properties. On Delete, they are the present ones.
	Properties map[string]any
	// OldProperties are the properties before an Update.
	OldProperties map[string]any
	// Rollback is set on an Update that undoes an operation.
	Rollback bool
	// Uncertain is set on an Update after one that failed. The resource may be
	// neither what OldProperties say nor what it was before.
	Uncertain bool
	// UpdatePolicy is the resource's UpdatePolicy attribute, resolved.
	UpdatePolicy map[string]any
	// Tags are the stack's tags.
	Tags map[string]string
	// Token identifies the request, as in "(RequestToken: ...)".
	Token string
	// Others are the other resources of the stack, for Read only. What they attach to
	// the resource does not belong to its own properties.
	Others []Other
}

// An Other is a resource of the same stack.
type Other struct {
	Type       string
	Properties map[string]any
}

// A Result describes a resource after it was created or updated.
type Result struct {
	PhysicalID string         // the value of Ref
	Attributes map[string]any // the values of Fn::GetAtt by attribute name
}

// A Registry finds resource types by name.
type Registry map[string]Type

// Add registers types. Registering a name twice is a programming error.
func (r Registry) Add(types ...Type) {
	for _, t := range types {
		if _, dup := r[t.Name]; dup {
			panic("resource type registered twice: " + t.Name)
		}
		r[t.Name] = t
	}
}

// NotRehearsed says what is not rehearsed of a resource. It is empty if everything is.
func (t Type) NotRehearsed(logicalID string, properties map[string]any) string {
	if t.Instead != nil {
		if why := t.Instead(logicalID); why != "" {
			return NotRehearsed + why
		}
	}
	if t.Recorded {
		return NotRehearsed + "the embedded AWS records " + t.Name + " and does not run it"
	}
	if t.Partly != nil {
		if why := t.Partly(properties); why != "" {
			return NotRehearsed + why
		}
	}
	var kept []string
	for _, name := range t.Kept {
		if _, ok := properties[name]; ok {
			kept = append(kept, name)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return NotRehearsed + "in the embedded AWS, " + strings.Join(kept, ", ") + " of " + t.Name + " has no effect"
}

// NotRehearsed begins the status reason of each resource that the embedded AWS does
// not run, or not as the template says.
const NotRehearsed = "NOT REHEARSED: "

// Wrong returns what is wrong with the names of a resource's properties: those that
// the embedded AWS does not support, those that AWS does not have, and those that are
// missing.
func (t Type) Wrong(logicalID string, properties map[string]any) []string {
	known, ok := cfnschema.Lookup(t.Name)
	var unsupported, unknown, missing []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		switch {
		case t.Open, slices.Contains(t.Properties, name), slices.Contains(t.Kept, name):
		case ok && !slices.Contains(known.Properties, name):
			unknown = append(unknown, name)
		default:
			unsupported = append(unsupported, name)
		}
	}
	for _, name := range known.Required {
		if _, ok := properties[name]; !ok {
			missing = append(missing, "#: required key ["+name+"] not found")
		}
	}
	var wrong []string
	if len(unsupported) > 0 {
		wrong = append(wrong, fmt.Sprintf("resource %s: the embedded AWS does not support %s of %s", logicalID, strings.Join(unsupported, ", "), t.Name))
	}
	for _, name := range unknown {
		wrong = append(wrong, fmt.Sprintf("resource %s: Encountered unsupported property %s (%s has none in %s)", logicalID, name, t.Name, cfnschema.Source()))
	}
	if len(missing) > 0 {
		wrong = append(wrong, "Properties validation failed for resource "+logicalID+" with message: ["+strings.Join(missing, ", ")+"]")
	}
	return wrong
}
