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
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
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

// TestEventSourceOfARole holds that Lambda polls a queue and a stream only if the
// function's role may, and that SNS sends to a queue only if its policy allows it.
func TestEventSourceOfARole(t *testing.T) {
	t.Parallel()
	cfg := clientsOf(serve(t, clock.NewElastic(60)))
	ctx, functions, queues, tables := t.Context(), lambda.NewFromConfig(cfg), sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	role := makeRole(t, cfg, "idle", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, "")
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	architecture, _ := localaws.HostContext()["architecture"].(string)
	if _, err := functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: &role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(architecture)}, Code: &lambdatypes.FunctionCode{ZipFile: zip},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	table, err := tables.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("items"), BillingMode: dynamodbtypes.BillingModePayPerRequest,
		KeySchema:            []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: dynamodbtypes.KeyTypeHash}},
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: dynamodbtypes.ScalarAttributeTypeS}},
		StreamSpecification:  &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: dynamodbtypes.StreamViewTypeKeysOnly},
	})
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]*lambda.CreateEventSourceMappingInput{
		"The provided execution role does not have permissions to call": {EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:orders")},
		"Cannot access stream": {EventSourceArn: table.TableDescription.LatestStreamArn, StartingPosition: lambdatypes.EventSourcePositionLatest},
	}
	for want, in := range sources {
		in.FunctionName = aws.String("f")
		if _, err := functions.CreateEventSourceMapping(ctx, in); !strings.HasPrefix(refused(err), "InvalidParameterValueException: "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("idle"), PolicyName: aws.String("poll"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Resource":"arn:aws:sqs:*:*:orders"},
		{"Effect":"Allow","Action":["dynamodb:DescribeStream","dynamodb:GetRecords","dynamodb:GetShardIterator","dynamodb:ListStreams"],"Resource":"arn:aws:dynamodb:*:*:table/items/stream/*"}]}`,
	)}); err != nil {
		t.Fatal(err)
	}
	for _, in := range sources {
		if _, err := functions.CreateEventSourceMapping(ctx, in); err != nil {
			t.Error(err)
		}
	}

	inbox, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("inbox")})
	if err != nil {
		t.Fatal(err)
	}
	topics := sns.NewFromConfig(cfg)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("news")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:inbox"), Attributes: map[string]string{"RawMessageDelivery": "true"},
	}); err != nil {
		t.Fatal(err)
	}
	receive := func(wait int32) (bodies []string) {
		out, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: inbox.QueueUrl, WaitTimeSeconds: wait, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
		}
		return bodies
	}
	for i, source := range []string{"arn:aws:sns:us-east-1:000000000000:other", *topic.TopicArn} {
		if _, err := queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: inbox.QueueUrl, Attributes: map[string]string{
			"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"` + source + `"}}}}`,
		}}); err != nil {
			t.Fatal(err)
		}
		if _, err := topics.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String(strings.Repeat("x", i+1))}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(receive([]int32{1, 20}[i]), " "); got != []string{"", "xx"}[i] {
			t.Errorf("with a policy for %s: %q", source, got)
		}
	}
}

// TestDeliveriesOfAStack deploys a bus, a rule and a schedule, and receives what they
// send to a queue. The queue's policy and the schedule's role allow it.
func TestDeliveriesOfAStack(t *testing.T) {
	t.Parallel()
	s := startStepped(t)
	ctx, stacks, queues := t.Context(), cloudformation.NewFromConfig(s.aws), sqs.NewFromConfig(s.aws)
	const template = `{"Resources":{
		"Bus":{"Type":"AWS::Events::EventBus","Properties":{"Name":"orders"}},
		"Open":{"Type":"AWS::Events::EventBusPolicy","Properties":{"EventBusName":{"Ref":"Bus"},"StatementId":"all","Statement":{"Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":{"Fn::GetAtt":["Bus","Arn"]}}}},
		"Queue":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"inbox"}},
		"Policy":{"Type":"AWS::SQS::QueuePolicy","Properties":{"Queues":[{"Ref":"Queue"}],"PolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":{"Fn::GetAtt":["Queue","Arn"]},"Condition":{"ArnEquals":{"aws:SourceArn":{"Fn::GetAtt":["Rule","Arn"]}}}}}}},
		"Rule":{"Type":"AWS::Events::Rule","Properties":{"EventBusName":{"Ref":"Bus"},"EventPattern":{"source":["shop"]},"Targets":[{"Id":"q","Arn":{"Fn::GetAtt":["Queue","Arn"]},"InputPath":"$.detail"}]}},
		"Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole"}},
			"Policies":[{"PolicyName":"send","PolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":{"Fn::GetAtt":["Queue","Arn"]}}}}]}},
		"Group":{"Type":"AWS::Scheduler::ScheduleGroup","Properties":{"Name":"jobs"}},
		"Nightly":{"Type":"AWS::Scheduler::Schedule","Properties":{"GroupName":{"Ref":"Group"},"FlexibleTimeWindow":{"Mode":"OFF"},"ScheduleExpression":"rate(1 day)","StartDate":"2200-01-01T00:00:00Z",
			"Target":{"Arn":{"Fn::GetAtt":["Queue","Arn"]},"RoleArn":{"Fn::GetAtt":["Role","Arn"]},"Input":"tick"}}}
	},"Outputs":{"Rule":{"Value":{"Ref":"Rule"}},"Nightly":{"Value":{"Ref":"Nightly"}}}}`
	if _, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(template), Capabilities: []cftypes.Capability{cftypes.CapabilityCapabilityIam}}); err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
			if status != cftypes.StackStatusCreateComplete {
				events, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String("s")})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events.StackEvents {
					t.Log(*e.LogicalResourceId, e.ResourceStatus, aws.ToString(e.ResourceStatusReason))
				}
				t.Fatal(status)
			}
			for _, o := range out.Stacks[0].Outputs {
				outputs[*o.OutputKey] = *o.OutputValue
			}
			break
		}
		pause(t)
	}
	if !strings.HasPrefix(outputs["Rule"], "orders|s-Rule-") {
		t.Errorf("the rule is %s", outputs["Rule"])
	}
	put, err := eventbridge.NewFromConfig(s.aws).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{EventBusName: aws.String("orders"), Source: aws.String("shop"), DetailType: aws.String("Paid"), Detail: aws.String(`{"id":1}`)},
	}})
	if err != nil || put.FailedEntryCount > 0 {
		t.Fatalf("%+v, %v", put, err)
	}
	// The schedule begins now.
	schedules := scheduler.NewFromConfig(s.aws)
	got, err := schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: aws.String("jobs"), Name: aws.String(outputs["Nightly"])})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schedules.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		GroupName: got.GroupName, Name: got.Name, FlexibleTimeWindow: got.FlexibleTimeWindow, ScheduleExpression: got.ScheduleExpression, Target: got.Target,
	}); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]bool{}
	for len(bodies) < 2 {
		out, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(s.URL + "/000000000000/inbox"), MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			bodies[*m.Body] = true
		}
		pause(t)
	}
	if !bodies["tick"] || !bodies[`{"id":1}`] {
		t.Errorf("received %v", bodies)
	}
	if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("s")}); err != nil {
			break
		}
		pause(t)
	}
	if buses, err := eventbridge.NewFromConfig(s.aws).ListEventBuses(ctx, &eventbridge.ListEventBusesInput{}); err != nil || len(buses.EventBuses) != 1 {
		t.Errorf("%+v, %v", buses, err)
	}
}
