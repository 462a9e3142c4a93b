package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// alarm is AWS::CloudWatch::Alarm, without anomaly detection.
func alarm(d Deps) definition {
	a := alarms{d}
	put := func(ctx context.Context, r *resource.Request, name *string) error {
		in := &awscloudwatch.PutMetricAlarmInput{}
		if err := decode(r, in, "Tags"); err != nil {
			return err
		}
		tags, err := tagsOf(r)
		if err != nil {
			return err
		}
		in.AlarmName = name
		// Later, only the calls for tags change them.
		if r.PhysicalID == "" {
			in.Tags = tagList(tags, cloudwatchTag)
		}
		_, err = d.Alarms.PutMetricAlarm(ctx, in)
		return err
	}
	return definition{
		required: []string{"ComparisonOperator", "EvaluationPeriods"},
		Type: resource.Type{
			Name: "AWS::CloudWatch::Alarm",
			Properties: []string{
				"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator", "DatapointsToAlarm",
				"Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic",
				"InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Tags",
				"Threshold", "TreatMissingData", "Unit",
			},
			Create: a.create(put),
			Update: a.update(put),
			Delete: a.remove,
		},
	}
}

// compositeAlarm is AWS::CloudWatch::CompositeAlarm, without suppression of
// actions.
func compositeAlarm(d Deps) definition {
	a := alarms{d}
	put := func(ctx context.Context, r *resource.Request, name *string) error {
		in := &awscloudwatch.PutCompositeAlarmInput{}
		if err := decode(r, in, "Tags"); err != nil {
			return err
		}
		tags, err := tagsOf(r)
		if err != nil {
			return err
		}
		in.AlarmName = name
		if r.PhysicalID == "" {
			in.Tags = tagList(tags, cloudwatchTag)
		}
		_, err = d.Alarms.PutCompositeAlarm(ctx, in)
		return err
	}
	return definition{
		required: []string{"AlarmRule"},
		Type: resource.Type{
			Name: "AWS::CloudWatch::CompositeAlarm",
			Properties: []string{
				"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule", "InsufficientDataActions",
				"OKActions", "Tags",
			},
			Create: a.create(put),
			Update: a.update(put),
			Delete: a.remove,
		},
	}
}

type alarms struct{ Deps }

// A putAlarm makes or replaces the alarm of a name.
type putAlarm func(ctx context.Context, r *resource.Request, name *string) error

func cloudwatchTag(k, v *string) cloudwatchtypes.Tag { return cloudwatchtypes.Tag{Key: k, Value: v} }

func (a alarms) create(put putAlarm) func(context.Context, *resource.Request) (*resource.Result, error) {
	return func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		name := nameOf(r, "AlarmName", 255)
		// The API would overwrite an alarm that belongs to someone else.
		there, err := a.Alarms.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
			AlarmNames: []string{*name},
			AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm, cloudwatchtypes.AlarmTypeCompositeAlarm},
		})
		if err != nil {
			return nil, err
		}
		if len(there.MetricAlarms)+len(there.CompositeAlarms) > 0 {
			return nil, failure(r, "AlreadyExists", "%s already exists", *name)
		}
		if err := put(ctx, r, name); err != nil {
			return nil, err
		}
		return a.result(*name), nil
	}
}

func (a alarms) update(put putAlarm) func(context.Context, *resource.Request) (*resource.Result, error) {
	return func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		if err := put(ctx, r, aws.String(r.PhysicalID)); err != nil {
			return nil, err
		}
		arn := aws.String(a.Account.ARN("cloudwatch", "alarm:"+r.PhysicalID))
		return a.result(r.PhysicalID), retag(r,
			func(tags map[string]string) error {
				_, err := a.Alarms.TagResource(ctx, &awscloudwatch.TagResourceInput{ResourceARN: arn, Tags: tagList(tags, cloudwatchTag)})
				return err
			},
			func(keys []string) error {
				_, err := a.Alarms.UntagResource(ctx, &awscloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: keys})
				return err
			})
	}
}

func (a alarms) remove(ctx context.Context, r *resource.Request) error {
	_, err := a.Alarms.DeleteAlarms(ctx, &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{r.PhysicalID}})
	return err
}

func (a alarms) result(name string) *resource.Result {
	return &resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": a.Account.ARN("cloudwatch", "alarm:"+name)}}
}

// dashboard is AWS::CloudWatch::Dashboard.
func dashboard(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awscloudwatch.PutDashboardInput{}
		if err := decode(r, in); err != nil {
			return nil, err
		}
		in.DashboardName = nameOf(r, "DashboardName", 255)
		if r.PhysicalID != "" {
			in.DashboardName = aws.String(r.PhysicalID)
		}
		if _, err := d.Alarms.PutDashboard(ctx, in); err != nil {
			return nil, err
		}
		return &resource.Result{PhysicalID: *in.DashboardName}, nil
	}
	return definition{
		required: []string{"DashboardBody"},
		Type: resource.Type{
			Name:       "AWS::CloudWatch::Dashboard",
			Properties: []string{"DashboardBody", "DashboardName"},
			Create:     put,
			Update:     put,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Alarms.DeleteDashboards(ctx, &awscloudwatch.DeleteDashboardsInput{DashboardNames: []string{r.PhysicalID}})
				return err
			},
		},
	}
}
