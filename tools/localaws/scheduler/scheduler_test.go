package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/scheduler"
)

const (
	function = "arn:aws:lambda:us-east-1:000000000000:function:f"
	queue    = "arn:aws:sqs:us-east-1:000000000000:q"
	role     = "arn:aws:iam::000000000000:role/r"
)

// A world has everything that schedules send to.
type world struct {
	sent   chan string
	fail   error // of functions
	counts chan string
}

func (w *world) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	w.sent <- principal.FromContext(ctx).Role + " " + string(in.Payload)
	return &awslambda.InvokeOutput{}, w.fail
}

func (w *world) SendMessage(_ context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	text := (*in.QueueUrl)[strings.LastIndexByte(*in.QueueUrl, '/')+1:] + " " + *in.MessageBody
	for _, name := range []string{"ERROR_CODE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS"} {
		if v, ok := in.MessageAttributes[name]; ok {
			text += " " + *v.StringValue
		}
	}
	w.sent <- text
	return &awssqs.SendMessageOutput{}, nil
}

func (w *world) PutEvents(_ context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	e := in.Entries[0]
	w.sent <- *e.Source + " " + *e.DetailType + " " + *e.Detail
	return &awseventbridge.PutEventsOutput{}, nil
}

// As refuses the role "other".
func (w *world) As(ctx context.Context, role, _ string) (context.Context, error) {
	if strings.HasSuffix(role, "/other") {
		return nil, errors.New("not trusted")
	}
	return principal.NewContext(ctx, principal.Principal{Role: role}), nil
}

func (w *world) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	for _, d := range in.MetricData {
		if d.Dimensions != nil {
			w.counts <- *d.MetricName
		}
	}
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

func start(t *testing.T) (*scheduler.Service, *world, *clock.Manual) {
	t.Helper()
	w := &world{sent: make(chan string, 100), counts: make(chan string, 500)}
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	s := scheduler.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}, scheduler.Deps{
		Deps: delivery.Deps{Functions: w, Queues: w, Buses: w, Roles: w}, Metrics: w,
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, w, now
}

func create(t *testing.T, s *scheduler.Service, expression string, with ...func(*awsscheduler.CreateScheduleInput)) {
	t.Helper()
	in := input(expression)
	for _, change := range with {
		change(in)
	}
	if _, err := s.CreateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func input(expression string) *awsscheduler.CreateScheduleInput {
	return &awsscheduler.CreateScheduleInput{
		Name: aws.String("s"), ScheduleExpression: &expression, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String(function), RoleArn: aws.String(role), Input: aws.String(`{"at":"<aws.scheduler.scheduled-time>"}`)},
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return fmt.Sprint(err)
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	at := func(text string) string { return role + ` {"at":"2026-` + text + `Z"}` }
	utc := func(text string) *time.Time {
		parsed, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	for _, tt := range []struct {
		expression string
		change     func(*awsscheduler.CreateScheduleInput)
		hours      int
		want       []string
	}{
		{"at(2026-07-01T13:30:00)", nil, 3, []string{at("07-01T13:30:00")}},
		{"at(2026-07-01T15:30:00)", func(in *awsscheduler.CreateScheduleInput) {
			in.ScheduleExpressionTimezone = aws.String("Europe/Berlin")
		}, 3, []string{at("07-01T13:30:00")}},
		{"at(2026-07-01T11:00:00)", nil, 3, nil},
		// A rate is due when it begins.
		{"rate(1 hour)", nil, 2, []string{at("07-01T12:00:00"), at("07-01T13:00:00"), at("07-01T14:00:00")}},
		{"rate(1 hour)", func(in *awsscheduler.CreateScheduleInput) { in.StartDate = utc("2026-07-01 12:30:00") }, 2, []string{at("07-01T12:30:00"), at("07-01T13:30:00")}},
		{"rate(1 hour)", func(in *awsscheduler.CreateScheduleInput) { in.StartDate = utc("2026-07-01 10:45:00") }, 2, []string{at("07-01T12:45:00"), at("07-01T13:45:00")}},
		{"rate(1 hour)", func(in *awsscheduler.CreateScheduleInput) { in.EndDate = utc("2026-07-01 13:30:00") }, 4, []string{at("07-01T12:00:00"), at("07-01T13:00:00")}},
		{"cron(15 * * * ? *)", nil, 2, []string{at("07-01T12:15:00"), at("07-01T13:15:00")}},
		{"cron(15 * * * ? *)", func(in *awsscheduler.CreateScheduleInput) { in.StartDate = utc("2026-07-01 13:15:00") }, 2, []string{at("07-01T13:15:00")}},
		{"cron(15 * * * ? *)", func(in *awsscheduler.CreateScheduleInput) { in.State = types.ScheduleStateDisabled }, 2, nil},
	} {
		s, w, now := start(t)
		var changes []func(*awsscheduler.CreateScheduleInput)
		if tt.change != nil {
			changes = append(changes, tt.change)
		}
		create(t, s, tt.expression, changes...)
		now.Advance(time.Duration(tt.hours) * time.Hour)
		var got []string
		for range tt.want {
			got = append(got, <-w.sent)
		}
		slices.Sort(got)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, tt.want) || len(w.sent) > 0 {
			t.Errorf("%s: %q and %d more, want %q", tt.expression, got, len(w.sent), tt.want)
		}
	}
}

func TestAScheduleIsDeletedWhenItIsOver(t *testing.T) {
	t.Parallel()
	s, w, now := start(t)
	create(t, s, "at(2026-07-01T13:00:00)", func(in *awsscheduler.CreateScheduleInput) {
		in.ActionAfterCompletion = types.ActionAfterCompletionDelete
		in.Target = &types.Target{Arn: aws.String(queue), RoleArn: aws.String(role)}
	})
	now.Advance(time.Hour)
	got := <-w.sent
	for _, want := range []string{`"detail":"{}"`, `"detail-type":"Scheduled Event"`, `"source":"aws.scheduler"`, `"resources":["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"]`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	// Close waits for the end of the schedule.
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.GetSchedule(t.Context(), &awsscheduler.GetScheduleInput{Name: aws.String("s")}); code(err) != "ResourceNotFoundException: Schedule s does not exist." {
		t.Errorf("it is still there: %v", err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s, w, now := start(t)
	w.fail = errors.New("broken")
	create(t, s, "at(2026-07-01T13:00:00)", func(in *awsscheduler.CreateScheduleInput) {
		in.Target.Input = aws.String(`"x"`)
		in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(1)}
		in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(queue)}
	})
	now.Advance(time.Hour)
	if got := <-w.sent; got != role+` "x"` {
		t.Errorf("sent %s", got)
	}
	now.BlockUntil(1)
	now.Advance(time.Second)
	if got := <-w.sent; got != role+` "x"` {
		t.Errorf("sent %s", got)
	}
	if got := <-w.sent; got != `q "x" SDK_CLIENT_ERROR MaximumRetryAttempts 1` {
		t.Errorf("dead letter %s", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(w.counts)
	var counts []string
	for name := range w.counts {
		counts = append(counts, name)
	}
	if want := []string{"InvocationAttemptCount", "TargetErrorCount", "InvocationsSentToDeadLetterCount"}; !slices.Equal(counts, want) {
		t.Errorf("counted %v", counts)
	}
}

func TestEventsAndChanges(t *testing.T) {
	t.Parallel()
	s, w, now := start(t)
	create(t, s, "rate(1 day)", func(in *awsscheduler.CreateScheduleInput) {
		in.Target = &types.Target{
			Arn: aws.String("arn:aws:events:us-east-1:000000000000:event-bus/orders"), RoleArn: aws.String(role), Input: aws.String(`{"n":1}`),
			EventBridgeParameters: &types.EventBridgeParameters{Source: aws.String("shop"), DetailType: aws.String("Tick")},
		}
	})
	now.Advance(0)
	if got := <-w.sent; got != `shop Tick {"n":1}` {
		t.Errorf("sent %s", got)
	}
	in := input("at(2026-07-01T12:30:00)")
	if _, err := s.UpdateSchedule(t.Context(), &awsscheduler.UpdateScheduleInput{
		Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
	}); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Hour)
	if got := <-w.sent; got != role+` {"at":"2026-07-01T12:30:00Z"}` {
		t.Errorf("sent %s", got)
	}
	got, err := s.GetSchedule(t.Context(), &awsscheduler.GetScheduleInput{Name: in.Name})
	if err != nil || got.State != "ENABLED" || *got.ScheduleExpressionTimezone != "UTC" || *got.Target.RetryPolicy.MaximumRetryAttempts != 185 || *got.GroupName != "default" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s, _, _ := start(t)
	group := &awsscheduler.CreateScheduleGroupInput{Name: aws.String("jobs"), ClientToken: aws.String("t"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}
	out, err := s.CreateScheduleGroup(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.CreateScheduleGroup(t.Context(), group); err != nil || *again.ScheduleGroupArn != *out.ScheduleGroupArn {
		t.Errorf("the same token: %v, %v", again, err)
	}
	group.ClientToken = aws.String("u")
	if _, err := s.CreateScheduleGroup(t.Context(), group); code(err) != "ConflictException: Schedule group jobs already exists." {
		t.Errorf("another token: %v", err)
	}
	if _, err := s.TagResource(t.Context(), &awsscheduler.TagResourceInput{ResourceArn: out.ScheduleGroupArn, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}); err != nil {
		t.Error(err)
	}
	if _, err := s.UntagResource(t.Context(), &awsscheduler.UntagResourceInput{ResourceArn: out.ScheduleGroupArn, TagKeys: []string{"team"}}); err != nil {
		t.Error(err)
	}
	if tags, err := s.ListTagsForResource(t.Context(), &awsscheduler.ListTagsForResourceInput{ResourceArn: out.ScheduleGroupArn}); err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "x" {
		t.Errorf("%+v, %v", tags, err)
	}
	for _, name := range []string{"b", "a", "c"} {
		create(t, s, "rate(1 day)", func(in *awsscheduler.CreateScheduleInput) {
			in.Name, in.GroupName, in.State = &name, aws.String("jobs"), types.ScheduleStateDisabled
		})
	}
	page, err := s.ListSchedules(t.Context(), &awsscheduler.ListSchedulesInput{GroupName: aws.String("jobs"), MaxResults: aws.Int32(2)})
	if err != nil || len(page.Schedules) != 2 || *page.Schedules[0].Name != "a" || page.NextToken == nil {
		t.Fatalf("%+v, %v", page, err)
	}
	if rest, err := s.ListSchedules(t.Context(), &awsscheduler.ListSchedulesInput{NextToken: page.NextToken, State: types.ScheduleStateDisabled}); err != nil || len(rest.Schedules) != 1 || rest.NextToken != nil {
		t.Errorf("%+v, %v", rest, err)
	}
	if _, err := s.DeleteScheduleGroup(t.Context(), &awsscheduler.DeleteScheduleGroupInput{Name: aws.String("jobs")}); err != nil {
		t.Error(err)
	}
	if all, err := s.ListSchedules(t.Context(), &awsscheduler.ListSchedulesInput{}); err != nil || len(all.Schedules) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if groups, err := s.ListScheduleGroups(t.Context(), &awsscheduler.ListScheduleGroupsInput{}); err != nil || len(groups.ScheduleGroups) != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, _, _ := start(t)
	for want, change := range map[string]func(*awsscheduler.CreateScheduleInput){
		"ValidationException: Invalid Schedule Expression rate(0 days).":       func(in *awsscheduler.CreateScheduleInput) { in.ScheduleExpression = aws.String("rate(0 days)") },
		"ValidationException: Invalid Schedule Expression Timezone Mars/Base.": func(in *awsscheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Mars/Base") },
		"ResourceNotFoundException: Schedule group jobs does not exist.":       func(in *awsscheduler.CreateScheduleInput) { in.GroupName = aws.String("jobs") },
		"ValidationException: The execution role you provide must allow AWS EventBridge Scheduler to assume the role. (not trusted)": func(in *awsscheduler.CreateScheduleInput) {
			in.Target.RoleArn = aws.String("arn:aws:iam::000000000000:role/other")
		},
		"ValidationException: the embedded EventBridge Scheduler sends to Lambda functions": func(in *awsscheduler.CreateScheduleInput) {
			in.Target.Arn = aws.String("arn:aws:scheduler:::aws-sdk:sqs:sendMessage")
		},
		"ValidationException: MaximumWindowInMinutes must be given": func(in *awsscheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
		},
		"ValidationException: The Input of the target": func(in *awsscheduler.CreateScheduleInput) { in.Target.Input = aws.String("{") },
		"ValidationException: the embedded EventBridge Scheduler does not support KmsKeyArn": func(in *awsscheduler.CreateScheduleInput) {
			in.KmsKeyArn = aws.String("arn:aws:kms:us-east-1:000000000000:key/k")
		},
		"ValidationException: EventBridgeParameters are required": func(in *awsscheduler.CreateScheduleInput) {
			in.Target.Arn = aws.String("arn:aws:events:us-east-1:000000000000:event-bus/default")
		},
	} {
		in := input("rate(1 day)")
		change(in)
		if _, err := s.CreateSchedule(t.Context(), in); !strings.HasPrefix(code(err), want) {
			t.Errorf("%s\nwant %s", code(err), want)
		}
	}
}
