package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// logGroup is AWS::Logs::LogGroup. Unlike on AWS, its key can't be changed.
func logGroup(d Deps) definition {
	l := logGroups{d}
	return definition{Type: resource.Type{
		Name:       "AWS::Logs::LogGroup",
		Properties: []string{"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"},
		Create:     l.create,
		Update:     l.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Logs.DeleteLogGroup(ctx, &awslogs.DeleteLogGroupInput{LogGroupName: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

type logGroups struct{ Deps }

func (l logGroups) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awslogs.CreateLogGroupInput{}
	if err := decode(r, in, "RetentionInDays", "Tags"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.LogGroupName, in.Tags = nameOf(r, "LogGroupName", 512), tags
	if _, err := l.Logs.CreateLogGroup(ctx, in); err != nil {
		return nil, err
	}
	return l.result(*in.LogGroupName), l.setRetention(ctx, r, in.LogGroupName)
}

func (l logGroups) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if changed(r, "LogGroupClass") {
		return nil, failure(r, "NotUpdatable", "LogGroupClass of log group %s cannot be changed after it is created.", r.PhysicalID)
	}
	if changed(r, "KmsKeyId") {
		return nil, failure(r, "NotUpdatable", "The embedded AWS cannot change KmsKeyId of log group %s.", r.PhysicalID)
	}
	name := aws.String(r.PhysicalID)
	if err := l.setRetention(ctx, r, name); err != nil {
		return nil, err
	}
	arn := aws.String(l.Account.ARN("logs", "log-group:"+r.PhysicalID))
	return l.result(r.PhysicalID), retag(r,
		func(tags map[string]string) error {
			_, err := l.Logs.TagResource(ctx, &awslogs.TagResourceInput{ResourceArn: arn, Tags: tags})
			return err
		},
		func(keys []string) error {
			_, err := l.Logs.UntagResource(ctx, &awslogs.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

func (l logGroups) setRetention(ctx context.Context, r *resource.Request, name *string) error {
	const property = "RetentionInDays"
	if !changed(r, property) {
		return nil
	}
	if _, ok := r.Properties[property]; !ok {
		_, err := l.Logs.DeleteRetentionPolicy(ctx, &awslogs.DeleteRetentionPolicyInput{LogGroupName: name})
		return err
	}
	in := &awslogs.PutRetentionPolicyInput{LogGroupName: name}
	if err := decodeProperty(r.Properties, property, &in.RetentionInDays); err != nil {
		return err
	}
	_, err := l.Logs.PutRetentionPolicy(ctx, in)
	return err
}

func (l logGroups) result(name string) *resource.Result {
	return &resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": l.Account.ARN("logs", "log-group:"+name+":*")}}
}
