package events_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/events"
	"github.com/magewright/magewright/tools/localaws/principal"
)

const (
	topic    = "arn:aws:sns:us-east-1:000000000000:t"
	function = "arn:aws:lambda:us-east-1:000000000000:function:f"
)

type topics struct {
	messages chan string
	answer   chan error
}

func (f topics) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	f.messages <- *in.Message
	return &awssns.PublishOutput{}, <-f.answer
}

type functions chan string

func (f functions) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	f <- principal.FromContext(ctx).ARN + " " + string(in.Payload)
	return &awslambda.InvokeOutput{}, nil
}

func start(t *testing.T, d events.Deps) (*events.Service, *clock.Manual) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	s := events.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}, d)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, now
}

func functionsOnly(f functions) events.Deps { return events.Deps{Deps: delivery.Deps{Functions: f}} }

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func putRule(t *testing.T, s *events.Service, pattern string, targets ...types.Target) {
	t.Helper()
	if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: &pattern}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: targets}); err != nil {
		t.Fatal(err)
	}
}

func TestEventsReachTheirTargets(t *testing.T) {
	t.Parallel()
	calls := make(functions, 1)
	s, _ := start(t, functionsOnly(calls))
	putRule(t, s, `{"source":["app"],"detail":{"state":["FAILED"]}}`, types.Target{Id: aws.String("1"), Arn: aws.String(function)})
	out, err := s.PutEvents(t.Context(), &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: aws.String("app"), DetailType: aws.String("Change"), Detail: aws.String(`{"state":"SUCCEEDED"}`)},
		{Source: aws.String("app"), DetailType: aws.String("Change"), Detail: aws.String(`{"state":"FAILED","n":1.0,"s":"<&"}`), Resources: []string{"arn:p"}},
		{Source: aws.String("app"), DetailType: aws.String("Change"), Detail: aws.String(`[]`)},
		{Source: aws.String("aws.codepipeline"), DetailType: aws.String("Change"), Detail: aws.String(`{}`)},
		{DetailType: aws.String("Change"), Detail: aws.String(`{}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, e := range out.Entries {
		codes = append(codes, aws.ToString(e.ErrorCode))
	}
	if want := []string{"", "", "MalformedDetail", "NotAuthorizedForSourceException", "InvalidArgument"}; !slices.Equal(codes, want) || out.FailedEntryCount != 3 {
		t.Errorf("entries %v, %d failed", codes, out.FailedEntryCount)
	}
	want := `events.amazonaws.com {"account":"000000000000","detail":{"n":1.0,"s":"<&","state":"FAILED"},"detail-type":"Change","id":"` + *out.Entries[1].EventId +
		`","region":"us-east-1","resources":["arn:p"],"source":"app","time":"2026-07-01T12:00:00Z","version":"0"}`
	if got := <-calls; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	ctx := principal.Service(t.Context(), "codepipeline.amazonaws.com", account.DefaultID)
	if out, err := s.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{Source: aws.String("aws.codepipeline"), DetailType: aws.String("Change"), Detail: aws.String(`{}`)}}}); err != nil || out.FailedEntryCount != 0 {
		t.Errorf("a service's own event: %+v, %v", out, err)
	}
	// Everybody who may assume a role gives the session its name.
	for _, session := range []string{"EventBridge", "codepipeline.amazonaws.com"} {
		ctx := principal.NewContext(t.Context(), principal.Principal{
			ARN: "arn:aws:sts::000000000000:assumed-role/developer/" + session, UserID: "AROA:" + session, Account: account.DefaultID,
			AccessKeyID: "ASIA", Role: "arn:aws:iam::000000000000:role/developer",
		})
		out, err := s.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{Source: aws.String("aws.codepipeline"), DetailType: aws.String("Change"), Detail: aws.String(`{}`)}}})
		if err != nil || aws.ToString(out.Entries[0].ErrorCode) != "NotAuthorizedForSourceException" {
			t.Errorf("a service's event from the session %s: %+v, %v", session, out, err)
		}
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	transform := func(template string, paths map[string]string) types.Target {
		return types.Target{InputTransformer: &types.InputTransformer{InputTemplate: &template, InputPathsMap: paths}}
	}
	paths := map[string]string{"state": "$.detail.state", "first": "$.detail.list[0]['a b']", "detail": "$.detail", "none": "$.detail.none", "n": "$.detail.n"}
	for _, tt := range []struct {
		name   string
		target types.Target
		want   string
	}{
		{"constant", types.Target{Input: aws.String(`{"a":1}`)}, `{"a":1}`},
		{"path", types.Target{InputPath: aws.String("$.detail.list")}, `[{"a b":"c"}]`},
		{"path to nothing", types.Target{InputPath: aws.String("$.detail.none")}, `null`},
		{"string", transform(`"It <state>: <first>, <n>, <none>."`, paths), `"It FAI\"LED: c, 7, ."`},
		{"object", transform(`{"s": <state>, "d": <detail>, "none": <none>, "n": <n>, "t": "<n> < 8"}`, paths), `{"s": "FAI\"LED", "d": {"list":[{"a b":"c"}],"n":7,"state":"FAI\"LED"}, "none": null, "n": 7, "t": "7 < 8"}`},
		{"lines", transform("\"one <state>\"\n\"two\"", paths), "\"one FAI\\\"LED\"\n\"two\""},
		{"reserved", transform(`"<aws.events.rule-name> <aws.events.event.ingestion-time>"`, nil), `"r 2026-07-01T12:00:00Z"`},
	} {
		f := topics{make(chan string, 1), make(chan error, 1)}
		f.answer <- nil
		s, _ := start(t, events.Deps{Deps: delivery.Deps{Topics: f}})
		tt.target.Id, tt.target.Arn = aws.String("1"), aws.String(topic)
		putRule(t, s, `{"source":["app"]}`, tt.target)
		if _, err := s.PutEvents(t.Context(), &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
			{Source: aws.String("app"), DetailType: aws.String("Change"), Detail: aws.String(`{"state":"FAI\"LED","n":7,"list":[{"a b":"c"}]}`)},
		}}); err != nil {
			t.Fatal(err)
		}
		if got := <-f.messages; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	f := topics{make(chan string), make(chan error)}
	s, now := start(t, events.Deps{Deps: delivery.Deps{Topics: f}})
	putRule(t, s, `{"source":["app"]}`, types.Target{Id: aws.String("1"), Arn: aws.String(topic)})
	put := func() {
		if _, err := s.PutEvents(t.Context(), &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{Source: aws.String("app"), DetailType: aws.String("x"), Detail: aws.String(`{}`)}}}); err != nil {
			t.Error(err)
		}
	}
	put()
	<-f.messages
	f.answer <- errors.New("broken")
	for _, wait := range []time.Duration{time.Second, 2 * time.Second} {
		now.BlockUntil(1)
		now.Advance(wait)
		<-f.messages
		if wait == time.Second {
			f.answer <- errors.New("still broken")
		}
	}
	f.answer <- nil
	put()
	<-f.messages
	// A refusal is final, so Close finds no delivery that waits.
	f.answer <- &snstypes.NotFoundException{}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, _ := start(t, functionsOnly(make(functions)))
	putRule(t, s, `{"source":["app"]}`, types.Target{Id: aws.String("1"), Arn: aws.String(function)})
	for name, tt := range map[string]types.Target{
		"stream":       {Arn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/q")},
		"no queues":    {Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:q")},
		"a group":      {Arn: aws.String(function), SqsParameters: &types.SqsParameters{MessageGroupId: aws.String("g")}},
		"no topics":    {Arn: aws.String(topic)},
		"dead letters": {Arn: aws.String(function), DeadLetterConfig: &types.DeadLetterConfig{}},
		"two inputs":   {Arn: aws.String(function), Input: aws.String(`{}`), InputPath: aws.String("$")},
		"bad input":    {Arn: aws.String(function), Input: aws.String(`{`)},
		"bad path":     {Arn: aws.String(function), InputPath: aws.String("detail")},
		"undefined":    {Arn: aws.String(function), InputTransformer: &types.InputTransformer{InputTemplate: aws.String(`"<x>"`)}},
		"not JSON":     {Arn: aws.String(function), InputTransformer: &types.InputTransformer{InputTemplate: aws.String(`hello`)}},
	} {
		tt.Id = aws.String("x")
		if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{tt}}); code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, expression := range []string{"rate(1 minutes)", "at(2027-01-01T00:00:00)", "cron(* * * * * *)"} {
		if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: aws.String("s"), ScheduleExpression: &expression}); code(err) != "ValidationException" {
			t.Errorf("the schedule %s: %v", expression, err)
		}
	}
	if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: aws.String("s"), EventPattern: aws.String(`{"a":"b"}`)}); code(err) != "InvalidEventPatternException" {
		t.Errorf("a bad pattern: %v", err)
	}
	if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: aws.String("s"), EventBusName: aws.String("other"), EventPattern: aws.String(`{"a":["b"]}`)}); code(err) != "ResourceNotFoundException" {
		t.Errorf("another bus: %v", err)
	}
	if _, err := s.DeleteRule(t.Context(), &awseventbridge.DeleteRuleInput{Name: aws.String("r")}); code(err) != "ValidationException" {
		t.Errorf("deleting with targets: %v", err)
	}
	if out, err := s.RemoveTargets(t.Context(), &awseventbridge.RemoveTargetsInput{Rule: aws.String("r"), Ids: []string{"1", "2"}}); err != nil || out.FailedEntryCount != 1 {
		t.Errorf("removing targets: %+v, %v", out, err)
	}
	if _, err := s.DeleteRule(t.Context(), &awseventbridge.DeleteRuleInput{Name: aws.String("r")}); err != nil {
		t.Error(err)
	}
	if _, err := s.DescribeRule(t.Context(), &awseventbridge.DescribeRuleInput{Name: aws.String("r")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("a deleted rule: %v", err)
	}
}

// queues records what is sent to queues.
type queues chan *awssqs.SendMessageInput

func (q queues) SendMessage(_ context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	q <- in
	return &awssqs.SendMessageOutput{}, nil
}

func TestQueuesReceiveEvents(t *testing.T) {
	t.Parallel()
	f, q := topics{make(chan string, 1), make(chan error, 1)}, make(queues, 3)
	s, _ := start(t, events.Deps{Deps: delivery.Deps{Topics: f, Queues: q}})
	const arn = "arn:aws:sqs:us-east-1:000000000000:"
	putRule(t, s, `{"source":["app"]}`,
		types.Target{Id: aws.String("1"), Arn: aws.String(arn + "q.fifo"), SqsParameters: &types.SqsParameters{MessageGroupId: aws.String("g")}, Input: aws.String(`{"a":1}`)},
		types.Target{Id: aws.String("2"), Arn: aws.String(topic), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(arn + "dead")}, Input: aws.String(`{}`)},
	)
	f.answer <- &snstypes.NotFoundException{}
	if _, err := s.PutEvents(t.Context(), &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: aws.String("app"), DetailType: aws.String("x"), Detail: aws.String(`{"b":2}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	got := map[string]*awssqs.SendMessageInput{}
	for range 2 {
		in := <-q
		got[*in.QueueUrl] = in
	}
	const url = "/000000000000/"
	if in := got[url+"q.fifo"]; in == nil || *in.MessageBody != `{"a":1}` || *in.MessageGroupId != "g" {
		t.Errorf("sent %+v", got)
	}
	// The topic refuses the event, which is final.
	dead := got[url+"dead"]
	if dead == nil || !strings.Contains(*dead.MessageBody, `"detail":{"b":2}`) || *dead.MessageAttributes["ERROR_CODE"].StringValue != "NotFound" ||
		*dead.MessageAttributes["RETRY_ATTEMPTS"].StringValue != "0" || *dead.MessageAttributes["TARGET_ARN"].StringValue != topic {
		t.Errorf("dead letter %+v", dead)
	}
	for name, tt := range map[string]types.Target{
		"no group":  {Arn: aws.String(arn + "q.fifo")},
		"bad queue": {Arn: aws.String(arn + "q"), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(topic)}},
	} {
		tt.Id = aws.String("x")
		if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{tt}}); code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	calls := make(functions, 10)
	s, now := start(t, functionsOnly(calls))
	for name, expression := range map[string]string{"rate": "rate(5 minutes)", "cron": "cron(30 12 * * ? *)"} {
		if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: &name, ScheduleExpression: &expression}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: &name, Targets: []types.Target{{Id: aws.String("1"), Arn: aws.String(function), Input: aws.String(`{"rule":"` + name + `"}`)}}}); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(n int) map[string]int {
		got := map[string]int{}
		for range n {
			_, input, _ := strings.Cut(<-calls, " ")
			got[input]++
		}
		return got
	}
	now.Advance(5 * time.Minute)
	if got := counts(1); got[`{"rule":"rate"}`] != 1 {
		t.Errorf("after 5 minutes: %v", got)
	}
	// What was due in the meantime is delivered late, as often as it was due.
	now.BlockUntil(2)
	now.Advance(25 * time.Minute)
	if got := counts(6); got[`{"rule":"rate"}`] != 5 || got[`{"rule":"cron"}`] != 1 {
		t.Errorf("after 30 minutes: %v", got)
	}
	if _, err := s.DisableRule(t.Context(), &awseventbridge.DisableRuleInput{Name: aws.String("rate")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: aws.String("cron"), Targets: []types.Target{{Id: aws.String("1"), Arn: aws.String(function)}}}); err != nil {
		t.Fatal(err)
	}
	now.BlockUntil(1)
	now.Advance(24 * time.Hour)
	got := <-calls
	for _, want := range []string{`"detail-type":"Scheduled Event"`, `"source":"aws.events"`, `"time":"2026-07-02T12:30:00Z"`, `"resources":["arn:aws:events:us-east-1:000000000000:rule/cron"]`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	out, err := s.DescribeRule(t.Context(), &awseventbridge.DescribeRuleInput{Name: aws.String("cron")})
	if err != nil || *out.ScheduleExpression != "cron(30 12 * * ? *)" || out.EventPattern != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestBuses(t *testing.T) {
	t.Parallel()
	calls := make(functions, 10)
	s, _ := start(t, functionsOnly(calls))
	for _, name := range []string{"orders", "audit"} {
		if _, err := s.CreateEventBus(t.Context(), &awseventbridge.CreateEventBusInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateEventBus(t.Context(), &awseventbridge.CreateEventBusInput{Name: aws.String("orders")}); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("a second one: %v", err)
	}
	const audit = "arn:aws:events:us-east-1:000000000000:event-bus/audit"
	put := func(bus, rule string, target types.Target) {
		target.Id = aws.String("1")
		if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: &rule, EventBusName: &bus, EventPattern: aws.String(`{"source":["app","aws.s3"]}`)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutTargets(t.Context(), &awseventbridge.PutTargetsInput{Rule: &rule, EventBusName: &bus, Targets: []types.Target{target}}); err != nil {
			t.Fatal(err)
		}
	}
	// An event goes from one bus to another, and never to the default one.
	put("orders", "forward", types.Target{Arn: aws.String(audit)})
	put(audit, "log", types.Target{Arn: aws.String(function)})
	put("default", "log", types.Target{Arn: aws.String(function), Input: aws.String(`"default"`)})
	out, err := s.PutEvents(t.Context(), &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: aws.String("orders"), Source: aws.String("app"), DetailType: aws.String("x"), Detail: aws.String(`{"n":1}`), Resources: []string{"arn:r"}},
		{EventBusName: aws.String("none"), Source: aws.String("app"), DetailType: aws.String("x"), Detail: aws.String(`{}`)},
	}})
	if err != nil || out.FailedEntryCount != 1 || *out.Entries[1].ErrorCode != "ResourceNotFoundException" {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := <-calls; !strings.Contains(got, `"detail":{"n":1}`) || !strings.Contains(got, `"resources":["arn:r"]`) {
		t.Errorf("forwarded: %s", got)
	}
	ctx := principal.Service(t.Context(), "s3.amazonaws.com", account.DefaultID)
	if out, err := s.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: aws.String("orders"), Source: aws.String("aws.s3"), DetailType: aws.String("x"), Detail: aws.String(`{}`)},
	}}); err != nil || out.FailedEntryCount != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := <-calls; !strings.Contains(got, `"source":"aws.s3"`) {
		t.Errorf("an event of AWS, forwarded: %s", got)
	}
	rules, err := s.ListRules(t.Context(), &awseventbridge.ListRulesInput{EventBusName: aws.String("audit")})
	if err != nil || len(rules.Rules) != 1 || *rules.Rules[0].Arn != "arn:aws:events:us-east-1:000000000000:rule/audit/log" {
		t.Errorf("%+v, %v", rules, err)
	}
	if _, err := s.PutRule(t.Context(), &awseventbridge.PutRuleInput{Name: aws.String("s"), EventBusName: aws.String("audit"), ScheduleExpression: aws.String("rate(1 minute)")}); code(err) != "ValidationException" {
		t.Errorf("a schedule on a bus: %v", err)
	}
	if _, err := s.DeleteEventBus(t.Context(), &awseventbridge.DeleteEventBusInput{Name: aws.String("audit")}); code(err) != "ValidationException" {
		t.Errorf("deleting a bus with rules: %v", err)
	}
	if _, err := s.PutPermission(t.Context(), &awseventbridge.PutPermissionInput{EventBusName: aws.String("audit"), StatementId: aws.String("a"), Action: aws.String("events:PutEvents"), Principal: aws.String("111122223333")}); err != nil {
		t.Fatal(err)
	}
	described, err := s.DescribeEventBus(t.Context(), &awseventbridge.DescribeEventBusInput{Name: aws.String(audit)})
	if err != nil || !strings.Contains(aws.ToString(described.Policy), `"arn:aws:iam::111122223333:root"`) {
		t.Errorf("%+v, %v", described, err)
	}
	if _, err := s.RemovePermission(t.Context(), &awseventbridge.RemovePermissionInput{EventBusName: aws.String("audit"), StatementId: aws.String("b")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("removing what is not there: %v", err)
	}
	if _, err := s.RemovePermission(t.Context(), &awseventbridge.RemovePermissionInput{EventBusName: aws.String("audit"), StatementId: aws.String("a")}); err != nil || s.PolicyOf(audit) != "" {
		t.Errorf("%q, %v", s.PolicyOf(audit), err)
	}
	buses, err := s.ListEventBuses(t.Context(), &awseventbridge.ListEventBusesInput{Limit: aws.Int32(2)})
	if err != nil || len(buses.EventBuses) != 2 || *buses.EventBuses[0].Name != "audit" || buses.NextToken == nil {
		t.Errorf("%+v, %v", buses, err)
	}
}
