package types

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// rule is AWS::Events::Rule. The physical id of a rule on another bus than the default
// one is BUS|NAME, as on AWS.
func rule(d Deps) definition {
	e := rules{d}
	return definition{Type: resource.Type{
		Name:       "AWS::Events::Rule",
		Properties: []string{"Description", "EventBusName", "EventPattern", "Name", "RoleArn", "ScheduleExpression", "State", "Tags", "Targets"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			return e.put(ctx, r, nameOf(r, "Name", 64))
		},
		Update: e.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			bus, name := ruleNames(r.PhysicalID)
			targets, err := targetsIn(r.Properties)
			if err != nil {
				return err
			}
			if err := e.removeTargets(ctx, bus, name, idsOf(targets)); err != nil && handlerCode(err) != "NotFound" {
				return err
			}
			_, err = d.Events.DeleteRule(ctx, &awseventbridge.DeleteRuleInput{Name: name, EventBusName: bus})
			return err
		},
	}}
}

type rules struct{ Deps }

// ruleNames returns the bus and the name in a rule's physical id. The bus is nil if it
// is the default one.
func ruleNames(id string) (bus, name *string) {
	if b, n, ok := strings.Cut(id, "|"); ok {
		return &b, &n
	}
	return nil, &id
}

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
	// The bus may be given by its ARN.
	bus := aws.ToString(in.EventBusName)
	bus = bus[strings.LastIndexByte(bus, '/')+1:]
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
	id, path := *name, *name
	if bus != "" && bus != "default" {
		id, path = bus+"|"+*name, bus+"/"+*name
	}
	result := &resource.Result{PhysicalID: id, Attributes: map[string]any{
		"Arn": e.Account.ARN("events", "rule/"+path), "RuleName": *name,
	}}
	if len(targets) == 0 {
		return result, nil
	}
	out, err := e.Events.PutTargets(ctx, &awseventbridge.PutTargetsInput{Rule: name, EventBusName: in.EventBusName, Targets: targets})
	if err == nil && len(out.FailedEntries) > 0 {
		f := out.FailedEntries[0]
		err = failure(r, "GeneralServiceException", "Target %s: %s (%s)",
			aws.ToString(f.TargetId), aws.ToString(f.ErrorMessage), aws.ToString(f.ErrorCode))
	}
	return result, err
}

func (e rules) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	bus, name := ruleNames(r.PhysicalID)
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
	if err := e.removeTargets(ctx, bus, name, gone); err != nil {
		return nil, err
	}
	arn := aws.String(e.Account.ARN("events", "rule/"+strings.ReplaceAll(r.PhysicalID, "|", "/")))
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

func (e rules) removeTargets(ctx context.Context, bus, name *string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := e.Events.RemoveTargets(ctx, &awseventbridge.RemoveTargetsInput{Rule: name, EventBusName: bus, Ids: ids})
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

// eventBus is AWS::Events::EventBus.
func eventBus(d Deps) definition {
	result := func(name string) *resource.Result {
		return &resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": d.Account.ARN("events", "event-bus/"+name), "Name": name}}
	}
	setPolicy := func(ctx context.Context, r *resource.Request, name *string) error {
		if !changed(r, "Policy") {
			return nil
		}
		text, err := document(r.Properties, "Policy")
		if err != nil {
			return err
		}
		if text == nil {
			_, err = d.Events.RemovePermission(ctx, &awseventbridge.RemovePermissionInput{EventBusName: name, RemoveAllPermissions: true})
			return err
		}
		_, err = d.Events.PutPermission(ctx, &awseventbridge.PutPermissionInput{EventBusName: name, Policy: text})
		return err
	}
	return definition{required: []string{"Name"}, Type: resource.Type{
		Name:       "AWS::Events::EventBus",
		Properties: []string{"Description", "Name", "Policy", "Tags"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awseventbridge.CreateEventBusInput{}
			if err := decode(r, in, "Policy", "Tags"); err != nil {
				return nil, err
			}
			tags, err := tagsOf(r)
			if err != nil {
				return nil, err
			}
			in.Tags = tagList(tags, eventsTag)
			if _, err := d.Events.CreateEventBus(ctx, in); err != nil {
				return nil, err
			}
			return result(*in.Name), setPolicy(ctx, r, in.Name)
		},
		Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			name, arn := aws.String(r.PhysicalID), aws.String(d.Account.ARN("events", "event-bus/"+r.PhysicalID))
			if changed(r, "Description") {
				in := &awseventbridge.UpdateEventBusInput{Name: name}
				if text := stringOf(r.Properties, "Description"); text != "" {
					in.Description = &text
				}
				if _, err := d.Events.UpdateEventBus(ctx, in); err != nil {
					return nil, err
				}
			}
			if err := setPolicy(ctx, r, name); err != nil {
				return nil, err
			}
			return result(r.PhysicalID), retag(r,
				func(tags map[string]string) error {
					_, err := d.Events.TagResource(ctx, &awseventbridge.TagResourceInput{ResourceARN: arn, Tags: tagList(tags, eventsTag)})
					return err
				},
				func(keys []string) error {
					_, err := d.Events.UntagResource(ctx, &awseventbridge.UntagResourceInput{ResourceARN: arn, TagKeys: keys})
					return err
				})
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Events.DeleteEventBus(ctx, &awseventbridge.DeleteEventBusInput{Name: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

// eventBusPolicy is AWS::Events::EventBusPolicy: one statement of the policy of a bus.
func eventBusPolicy(d Deps) definition {
	// The statements of a bus are changed one after another: each change writes them all.
	var mu sync.Mutex
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awseventbridge.PutPermissionInput{}
		if err := decode(r, in, "Statement"); err != nil {
			return nil, err
		}
		bus := in.EventBusName
		if bus == nil {
			bus = aws.String("default")
		}
		made := &resource.Result{PhysicalID: *bus + "|" + *in.StatementId}
		mu.Lock()
		defer mu.Unlock()
		statement, ok := r.Properties["Statement"].(map[string]any)
		if !ok {
			_, err := d.Events.PutPermission(ctx, in)
			return made, err
		}
		// PutPermission replaces a whole policy, so that the other statements are read first.
		old, err := d.Events.DescribeEventBus(ctx, &awseventbridge.DescribeEventBusInput{Name: bus})
		if err != nil {
			return nil, err
		}
		var policy struct {
			Version   string
			Statement []map[string]any
		}
		if old.Policy != nil {
			if err := json.Unmarshal([]byte(*old.Policy), &policy); err != nil {
				return nil, failure(r, "GeneralServiceException", "The policy of event bus %s is not a list of statements: %v", *bus, err)
			}
		}
		statement = maps.Clone(statement)
		statement["Sid"] = *in.StatementId
		policy.Version = "2012-10-17"
		policy.Statement = append(slices.DeleteFunc(policy.Statement, func(st map[string]any) bool { return st["Sid"] == *in.StatementId }), statement)
		text, err := json.Marshal(policy)
		if err != nil {
			return nil, err
		}
		_, err = d.Events.PutPermission(ctx, &awseventbridge.PutPermissionInput{EventBusName: in.EventBusName, Policy: aws.String(string(text))})
		return made, err
	}
	return definition{required: []string{"StatementId"}, Type: resource.Type{
		Name:       "AWS::Events::EventBusPolicy",
		Properties: []string{"Action", "Condition", "EventBusName", "Principal", "Statement", "StatementId"},
		Create:     put,
		Update:     put,
		Delete: func(ctx context.Context, r *resource.Request) error {
			mu.Lock()
			defer mu.Unlock()
			bus, id, _ := strings.Cut(r.PhysicalID, "|")
			_, err := d.Events.RemovePermission(ctx, &awseventbridge.RemovePermissionInput{EventBusName: &bus, StatementId: &id})
			return err
		},
	}}
}
