package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// scheduled is AWS::Scheduler::Schedule.
func scheduled(d Deps) definition {
	result := func(name string, arn *string) *resource.Result {
		return &resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": *arn}}
	}
	group := func(r *resource.Request) *string {
		if name := stringOf(r.Properties, "GroupName"); name != "" {
			return &name
		}
		return nil
	}
	return definition{required: []string{"FlexibleTimeWindow", "ScheduleExpression", "Target"}, Type: resource.Type{
		Name: "AWS::Scheduler::Schedule",
		Properties: []string{
			"Description", "EndDate", "FlexibleTimeWindow", "GroupName", "Name", "ScheduleExpression",
			"ScheduleExpressionTimezone", "StartDate", "State", "Target",
		},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awsscheduler.CreateScheduleInput{}
			if err := decode(r, in); err != nil {
				return nil, err
			}
			in.Name = nameOf(r, "Name", 64)
			out, err := d.Schedules.CreateSchedule(ctx, in)
			if err != nil {
				return nil, err
			}
			return result(*in.Name, out.ScheduleArn), nil
		},
		Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			if changed(r, "GroupName") {
				return nil, failure(r, "NotUpdatable", "The embedded AWS cannot move schedule %s to another group.", r.PhysicalID)
			}
			in := &awsscheduler.UpdateScheduleInput{}
			if err := decode(r, in); err != nil {
				return nil, err
			}
			in.Name = aws.String(r.PhysicalID)
			out, err := d.Schedules.UpdateSchedule(ctx, in)
			if err != nil {
				return nil, err
			}
			return result(r.PhysicalID, out.ScheduleArn), nil
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Schedules.DeleteSchedule(ctx, &awsscheduler.DeleteScheduleInput{Name: aws.String(r.PhysicalID), GroupName: group(r)})
			return err
		},
	}}
}

// scheduleGroup is AWS::Scheduler::ScheduleGroup.
func scheduleGroup(d Deps) definition {
	tag := func(k, v *string) schedulertypes.Tag { return schedulertypes.Tag{Key: k, Value: v} }
	result := func(ctx context.Context, name string) (*resource.Result, error) {
		out, err := d.Schedules.GetScheduleGroup(ctx, &awsscheduler.GetScheduleGroupInput{Name: &name})
		if err != nil {
			return nil, err
		}
		const format = "2006-01-02T15:04:05Z"
		return &resource.Result{PhysicalID: name, Attributes: map[string]any{
			"Arn": *out.Arn, "State": string(out.State),
			"CreationDate": out.CreationDate.UTC().Format(format), "LastModificationDate": out.LastModificationDate.UTC().Format(format),
		}}, nil
	}
	return definition{Type: resource.Type{
		Name:       "AWS::Scheduler::ScheduleGroup",
		Properties: []string{"Name", "Tags"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			tags, err := tagsOf(r)
			if err != nil {
				return nil, err
			}
			in := &awsscheduler.CreateScheduleGroupInput{Name: nameOf(r, "Name", 64), Tags: tagList(tags, tag)}
			if _, err := d.Schedules.CreateScheduleGroup(ctx, in); err != nil {
				return nil, err
			}
			return result(ctx, *in.Name)
		},
		Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			made, err := result(ctx, r.PhysicalID)
			if err != nil {
				return nil, err
			}
			arn := aws.String(d.Account.ARN("scheduler", "schedule-group/"+r.PhysicalID))
			return made, retag(r,
				func(tags map[string]string) error {
					_, err := d.Schedules.TagResource(ctx, &awsscheduler.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, tag)})
					return err
				},
				func(keys []string) error {
					_, err := d.Schedules.UntagResource(ctx, &awsscheduler.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
					return err
				})
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Schedules.DeleteScheduleGroup(ctx, &awsscheduler.DeleteScheduleGroupInput{Name: aws.String(r.PhysicalID)})
			return err
		},
	}}
}
