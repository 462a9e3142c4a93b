// Package resource is the contract between the CloudFormation engine and the
// resource types that it manages. It uses the terms of CloudFormation's
// resource type schema: physical id, attributes and create-only properties.
// See https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html.
package resource

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

	// Identifier names the property with which a template names the resource, if
	// the name alone identifies it in the account. No two resources of a type may
	// have the same name.
	Identifier string

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
}

// A Request asks a type to create, update or delete one resource.
type Request struct {
	StackID   string // ARN of the stack
	StackName string
	LogicalID string
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

// Unsupported returns an error that names each unsupported property of a
// resource, or nil.
func (t Type) Unsupported(logicalID string, properties map[string]any) error {
	var unknown []string
	for name := range properties {
		if !slices.Contains(t.Properties, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("resource %s: the embedded AWS does not support %s of %s", logicalID, strings.Join(unknown, ", "), t.Name)
}
