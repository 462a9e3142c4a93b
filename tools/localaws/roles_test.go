package localaws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/magewright/magewright/tools/internal/clock"
)

// TestStackWithARole holds that CloudFormation has only the permissions of the
// role that it is given, and that the role must trust it.
func TestStackWithARole(t *testing.T) {
	t.Parallel()
	cfg := clientsOf(serve(t, clock.NewElastic(60)))
	stacks, ctx := cloudformation.NewFromConfig(cfg), t.Context()
	role := makeRole(t, cfg, "deployer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		`{"Effect":"Allow","Action":["ssm:PutParameter","ssm:DeleteParameter","ssm:AddTagsToResource","ssm:GetParameters"],"Resource":"arn:aws:ssm:*:*:parameter/app/*"}`)
	untrusted := makeRole(t, cfg, "untrusted", trusted, "")
	create := func(name, parameter, role string) error {
		_, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, RoleARN: &role, TemplateBody: aws.String(
			`{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"` + parameter + `","Type":"String","Value":"x"}}}}`)})
		return err
	}
	if got := refused(create("untrusted", "/app/x", untrusted)); got != "ValidationError: Role "+untrusted+" is invalid or cannot be assumed" {
		t.Errorf("a role that does not trust CloudFormation: %s", got)
	}
	for name, test := range map[string]struct {
		parameter string
		status    cftypes.StackStatus
		reason    string
	}{
		"allowed": {"/app/x", cftypes.StackStatusCreateComplete, ""},
		"refused": {"/other/x", cftypes.StackStatusRollbackComplete, "assumed-role/deployer/AWSCloudFormation is not authorized to perform: ssm:PutParameter on resource: arn:aws:ssm:us-east-1:000000000000:parameter/other/x because no identity-based policy allows"},
	} {
		if err := create(name, test.parameter, role); err != nil {
			t.Fatal(err)
		}
		for {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
			if err != nil {
				t.Fatal(err)
			}
			if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
				if status != test.status {
					t.Errorf("%s ended in %s", name, status)
				}
				break
			}
			pause(t)
		}
		events, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		reasons := ""
		for _, e := range events.StackEvents {
			reasons += aws.ToString(e.ResourceStatusReason) + "\n"
		}
		if !strings.Contains(reasons, test.reason) {
			t.Errorf("%s: the reasons are\n%s", name, reasons)
		}
	}
}

// TestTopicPolicy holds that an alarm reaches only a topic whose policy allows it.
func TestTopicPolicy(t *testing.T) {
	t.Parallel()
	s := startStepped(t)
	ctx, topics, alarms := t.Context(), sns.NewFromConfig(s.aws), cloudwatch.NewFromConfig(s.aws)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alarms")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("a"), Namespace: aws.String("N"), MetricName: aws.String("M"), Statistic: cwtypes.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
		AlarmActions: []string{*topic.TopicArn}, OKActions: []string{*topic.TopicArn},
	}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ policy, state, want string }{
		{"", "ALARM", "Successfully executed action"},
		{`{"Statement":[{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:other"}}}]}`, "OK", "Failed to execute action"},
		{`{"Statement":[{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"}}}]}`, "ALARM", "Successfully executed action"},
	} {
		if test.policy != "" {
			if _, err := topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: topic.TopicArn, AttributeName: aws.String("Policy"), AttributeValue: &test.policy}); err != nil {
				t.Fatal(err)
			}
		}
		s.clock.Advance(time.Second)
		began := s.clock.Now()
		if _, err := alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: cwtypes.StateValue(test.state), StateReason: aws.String("test")}); err != nil {
			t.Fatal(err)
		}
		for {
			out, err := alarms.DescribeAlarmHistory(ctx, &cloudwatch.DescribeAlarmHistoryInput{
				AlarmName: aws.String("a"), HistoryItemType: cwtypes.HistoryItemTypeAction, StartDate: aws.Time(began), EndDate: aws.Time(began.Add(time.Hour)),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.AlarmHistoryItems) > 0 {
				if got := *out.AlarmHistoryItems[0].HistorySummary; !strings.HasPrefix(got, test.want) {
					t.Errorf("%s: %s %s", test.policy, got, aws.ToString(out.AlarmHistoryItems[0].HistoryData))
				}
				break
			}
			pause(t)
		}
	}
}
