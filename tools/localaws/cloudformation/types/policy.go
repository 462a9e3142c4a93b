package types

import (
	"context"
	"slices"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// policyOf is a type that gives one policy to the topics or queues in a list.
// initial returns the policy that such a resource has without the type.
func policyOf(name, list string, initial func(id string) string, set func(ctx context.Context, id, policy string) error) definition {
	p := sharedPolicy{list: list, initial: initial, set: set}
	return definition{
		required: []string{"PolicyDocument", list},
		Type: resource.Type{
			Name:       name,
			Properties: []string{"PolicyDocument", list},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				id := generatedName(r, 128)
				return &resource.Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}, p.put(ctx, r)
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if err := p.put(ctx, r); err != nil {
					return nil, err
				}
				kept, err := stringsIn(r.Properties, list)
				if err != nil {
					return nil, err
				}
				result := &resource.Result{PhysicalID: r.PhysicalID, Attributes: map[string]any{"Id": r.PhysicalID}}
				return result, p.reset(ctx, r.OldProperties, kept)
			},
			Delete: func(ctx context.Context, r *resource.Request) error { return p.reset(ctx, r.Properties, nil) },
		},
	}
}

type sharedPolicy struct {
	list    string // the property that lists the resources
	initial func(id string) string
	set     func(ctx context.Context, id, policy string) error
}

func (p sharedPolicy) put(ctx context.Context, r *resource.Request) error {
	text, err := document(r.Properties, "PolicyDocument")
	if err != nil {
		return err
	}
	ids, err := stringsIn(r.Properties, p.list)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.set(ctx, id, *text); err != nil {
			return err
		}
	}
	return nil
}

// reset restores the initial policy of the resources that the properties name,
// except for those in kept.
func (p sharedPolicy) reset(ctx context.Context, properties map[string]any, kept []string) error {
	ids, err := stringsIn(properties, p.list)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.Contains(kept, id) {
			continue
		}
		if err := p.set(ctx, id, p.initial(id)); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	return nil
}
