package types

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// rule is AWS::Events::Rule with an event pattern, on the default event bus.
// Other buses and schedules are not supported.
func rule(d Deps) definition {
	e := rules{d}
	return definition{required: []string{"EventPattern"}, Type: resource.Type{
		Name:       "AWS::Events::Rule",
		Properties: []string{"Description", "EventPattern", "Name", "RoleArn", "State", "Tags", "Targets"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			return e.put(ctx, r, nameOf(r, "Name", 64))
		},
		Update: e.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			name := aws.String(r.PhysicalID)
			targets, err := targetsIn(r.Properties)
			if err != nil {
				return err
			}
			if err := e.removeTargets(ctx, name, idsOf(targets)); err != nil && handlerCode(err) != "NotFound" {
				return err
			}
			_, err = d.Events.DeleteRule(ctx, &awseventbridge.DeleteRuleInput{Name: name})
			return err
		},
	}}
}

type rules struct{ Deps }

func eventsTag(k, v *string) eventbridgetypes.Tag { return eventbridgetypes.Tag{Key: k, Value: v} }

func (e rules) put(ctx context.Context, r *resource.Request, name *string) (*resource.Result, error) {
	in := &awseventbridge.PutRuleInput{}
	err := decode(r, in, "EventPattern", "Tags", "Targets")
	if err != nil {
		return nil, err
	}
	if in.EventPattern, err = document(r.Properties, "EventPattern"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Name = name
	// PutRule ignores the tags for a rule that already exists.
	if r.PhysicalID == "" {
		in.Tags = tagList(tags, eventsTag)
	}
	targets, err := targetsIn(r.Properties)
	if err != nil {
		return nil, err
	}
	if _, err := e.Events.PutRule(ctx, in); err != nil {
		return nil, err
	}
	result := &resource.Result{PhysicalID: *name, Attributes: map[string]any{
		"Arn": e.Account.ARN("events", "rule/"+*name), "RuleName": *name,
	}}
	if len(targets) == 0 {
		return result, nil
	}
	out, err := e.Events.PutTargets(ctx, &awseventbridge.PutTargetsInput{Rule: name, Targets: targets})
	if err == nil && len(out.FailedEntries) > 0 {
		f := out.FailedEntries[0]
		err = failure(r, "GeneralServiceException", "Target %s: %s (%s)",
			aws.ToString(f.TargetId), aws.ToString(f.ErrorMessage), aws.ToString(f.ErrorCode))
	}
	return result, err
}

func (e rules) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := aws.String(r.PhysicalID)
	result, err := e.put(ctx, r, name)
	if err != nil {
		return nil, err
	}
	wanted, err := targetsIn(r.Properties)
	if err != nil {
		return nil, err
	}
	old, err := targetsIn(r.OldProperties)
	if err != nil {
		return nil, err
	}
	kept := idsOf(wanted)
	gone := slices.DeleteFunc(idsOf(old), func(id string) bool { return slices.Contains(kept, id) })
	if err := e.removeTargets(ctx, name, gone); err != nil {
		return nil, err
	}
	arn := aws.String(e.Account.ARN("events", "rule/"+r.PhysicalID))
	return result, retag(r,
		func(tags map[string]string) error {
			_, err := e.Events.TagResource(ctx, &awseventbridge.TagResourceInput{ResourceARN: arn, Tags: tagList(tags, eventsTag)})
			return err
		},
		func(keys []string) error {
			_, err := e.Events.UntagResource(ctx, &awseventbridge.UntagResourceInput{ResourceARN: arn, TagKeys: keys})
			return err
		})
}

func (e rules) removeTargets(ctx context.Context, name *string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := e.Events.RemoveTargets(ctx, &awseventbridge.RemoveTargetsInput{Rule: name, Ids: ids})
	return err
}

func targetsIn(properties map[string]any) ([]eventbridgetypes.Target, error) {
	var targets []eventbridgetypes.Target
	err := decodeProperty(properties, "Targets", &targets)
	return targets, err
}

func idsOf(targets []eventbridgetypes.Target) []string {
	var ids []string
	for _, t := range targets {
		ids = append(ids, aws.ToString(t.Id))
	}
	return ids
}
