// Package resource is the contract between the CloudFormation engine and the
// resource types it manages, in the terms of CloudFormation's resource type
// schema: a physical id, attributes, and create-only properties.
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
// Properties arrive resolved: no intrinsic functions are left, and each value
// is a string, bool, float64, []any or map[string]any as in the template.
type Type struct {
	Name string // such as AWS::SNS::Topic

	// Properties names every property that the type honours. The engine
	// refuses a template that uses another one.
	Properties []string

	// CreateOnly names the properties whose change requires a replacement.
	CreateOnly []string

	// Create makes the resource and returns its physical id and attributes.
	// A result next to an error is what was made all the same: it is deleted
	// when the operation is rolled back.
	// If it fails when the resource exists already, it returns the resource
	// with the error, so that a rollback can delete it.
	Create func(context.Context, *Request) (*Result, error)
	// Update changes the resource in place. If it is nil, every change
	// requires a replacement. A result with another physical id says that the
	// resource was replaced: the old one is deleted later.
	Update func(context.Context, *Request) (*Result, error)
	// Delete removes the resource. A resource that is gone is no error.
	Delete func(context.Context, *Request) error
}

// A Request asks for one resource to be created, updated or deleted.
type Request struct {
	StackID   string // ARN of the stack
	StackName string
	LogicalID string
	// PhysicalID is the resource's id, empty on Create.
	PhysicalID string
	// Properties are the wanted ones; on Delete, those the resource has.
	Properties map[string]any
	// OldProperties are those before an Update.
	OldProperties map[string]any
	// UpdatePolicy is the resource's UpdatePolicy attribute, resolved.
	UpdatePolicy map[string]any
	// Tags are the stack's tags.
	Tags map[string]string
	// Token identifies the request, as in "(RequestToken: ...)".
	Token string
}

// A Result is what a resource is after it was created or updated.
type Result struct {
	PhysicalID string         // what Ref returns
	Attributes map[string]any // what Fn::GetAtt returns, by attribute name
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

// Unsupported returns an error that names each property of a resource which
// the type does not honour, or nil.
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
