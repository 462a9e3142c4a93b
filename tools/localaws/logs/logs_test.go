package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/logs"
)

const name = "/aws/lambda/f"

func start(t *testing.T, streams ...string) (*logs.Service, *clock.Manual) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	s := logs.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now})
	if _, err := s.CreateLogGroup(t.Context(), &awslogs.CreateLogGroupInput{LogGroupName: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range streams {
		if _, err := s.CreateLogStream(t.Context(), &awslogs.CreateLogStreamInput{LogGroupName: aws.String(name), LogStreamName: &stream}); err != nil {
			t.Fatal(err)
		}
	}
	return s, now
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func put(t *testing.T, s *logs.Service, stream string, at time.Time, messages ...string) *awslogs.PutLogEventsOutput {
	t.Helper()
	in := &awslogs.PutLogEventsInput{LogGroupName: aws.String(name), LogStreamName: &stream}
	for _, m := range messages {
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Message: &m, Timestamp: aws.Int64(at.UnixMilli())})
	}
	out, err := s.PutLogEvents(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func messages(events []types.OutputLogEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, *e.Message)
	}
	return strings.Join(all, " ")
}

func TestReadingForthAndBack(t *testing.T) {
	t.Parallel()
	s, now := start(t, "s")
	for i := range 5 {
		// Some of them have the same time.
		put(t, s, "s", now.Now().Add(time.Duration(i/2)*time.Second), fmt.Sprint(i))
	}
	get := func(in awslogs.GetLogEventsInput) *awslogs.GetLogEventsOutput {
		in.LogGroupIdentifier, in.LogStreamName, in.Limit = aws.String("arn:aws:logs:us-east-1:000000000000:log-group:"+name+":*"), aws.String("s"), aws.Int32(2)
		out, err := s.GetLogEvents(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	page := get(awslogs.GetLogEventsInput{StartFromHead: aws.Bool(true)})
	for _, want := range []string{"0 1", "2 3", "4", ""} {
		if got := messages(page.Events); got != want {
			t.Errorf("forth: %q, want %q", got, want)
		}
		next := get(awslogs.GetLogEventsInput{NextToken: page.NextForwardToken})
		if want == "" && *next.NextForwardToken != *page.NextForwardToken {
			t.Error("the token at the end changed")
		}
		page = next
	}
	put(t, s, "s", now.Now().Add(3*time.Second), "new")
	if got := messages(get(awslogs.GetLogEventsInput{NextToken: page.NextForwardToken}).Events); got != "new" {
		t.Errorf("after the end: %q", got)
	}
	page = get(awslogs.GetLogEventsInput{})
	for _, want := range []string{"4 new", "2 3", "0 1", ""} {
		if got := messages(page.Events); got != want {
			t.Errorf("back: %q, want %q", got, want)
		}
		page = get(awslogs.GetLogEventsInput{NextToken: page.NextBackwardToken})
	}
	second := now.Now().Add(time.Second).UnixMilli()
	if got := messages(get(awslogs.GetLogEventsInput{StartTime: &second, EndTime: aws.Int64(second + 1)}).Events); got != "2 3" {
		t.Errorf("between: %q", got)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	s, now := start(t, "a", "b")
	put(t, s, "b", now.Now().Add(time.Second), "ERROR two", "INFO fine")
	put(t, s, "a", now.Now(), "ERROR one", "WARN low disk")
	for _, tt := range []struct{ pattern, want string }{
		{"", "ERROR one|WARN low disk|ERROR two|INFO fine"},
		{"ERROR", "ERROR one|ERROR two"},
		{"error", ""},
		{"ERROR two", "ERROR two"},
		{"?WARN ?INFO", "WARN low disk|INFO fine"},
		{`"low disk"`, "WARN low disk"},
		{"ERROR -two", "ERROR one"},
		{"-ERROR", "WARN low disk|INFO fine"},
		{`{ $.level = "ERROR" }`, "InvalidParameterException"},
		{"[a, b]", "InvalidParameterException"},
		{"%ERR.*%", "InvalidParameterException"},
		{`"open`, "InvalidParameterException"},
		{"?a b", "InvalidParameterException"},
		{"a -", "InvalidParameterException"},
	} {
		for _, limit := range []int32{1, 10_000} {
			var got []string
			in := &awslogs.FilterLogEventsInput{LogGroupName: aws.String(name), FilterPattern: &tt.pattern, Limit: &limit}
			for {
				out, err := s.FilterLogEvents(t.Context(), in)
				if err != nil {
					got = append(got, code(err))
					break
				}
				for _, e := range out.Events {
					got = append(got, *e.Message)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if strings.Join(got, "|") != tt.want {
				t.Errorf("%q by %d: %q, want %q", tt.pattern, limit, strings.Join(got, "|"), tt.want)
			}
		}
	}
}

func TestPutRefusesAndRejects(t *testing.T) {
	t.Parallel()
	s, now := start(t, "s")
	at := func(d time.Duration) *int64 { return aws.Int64(now.Now().Add(d).UnixMilli()) }
	m := aws.String("m")
	try := func(group, stream string, events ...types.InputLogEvent) string {
		_, err := s.PutLogEvents(t.Context(), &awslogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
		return code(err)
	}
	ok := types.InputLogEvent{Message: m, Timestamp: at(0)}
	for _, tt := range []struct{ got, want string }{
		{try(name, "s", ok), ""},
		{try(name, "s"), "InvalidParameterException"},
		{try(name, "s", ok, types.InputLogEvent{Message: m, Timestamp: at(-1)}), "InvalidParameterException"},
		{try(name, "s", types.InputLogEvent{Timestamp: at(0)}), "InvalidParameterException"},
		{try(name, "s", types.InputLogEvent{Message: m, Timestamp: at(-25 * time.Hour)}, ok), "InvalidParameterException"},
		{try(name, "s", types.InputLogEvent{Message: aws.String(strings.Repeat("x", 1<<20)), Timestamp: at(0)}), "InvalidParameterException"},
		{try("none", "s", ok), "ResourceNotFoundException"},
		{try(name, "none", ok), "ResourceNotFoundException"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if out := put(t, s, "s", now.Now().Add(3*time.Hour), "future"); *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 0 {
		t.Errorf("rejected %+v", out.RejectedLogEventsInfo)
	}
	if out := put(t, s, "s", now.Now().AddDate(0, 0, -15), "past"); *out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 1 {
		t.Errorf("rejected %+v", out.RejectedLogEventsInfo)
	}
}

func TestRetentionAndBound(t *testing.T) {
	t.Parallel()
	s, now := start(t, "s")
	if _, err := s.PutRetentionPolicy(t.Context(), &awslogs.PutRetentionPolicyInput{LogGroupName: aws.String(name), RetentionInDays: aws.Int32(2)}); code(err) != "InvalidParameterException" {
		t.Errorf("2 days: %v", err)
	}
	if _, err := s.PutRetentionPolicy(t.Context(), &awslogs.PutRetentionPolicyInput{LogGroupName: aws.String(name), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Error(err)
	}
	put(t, s, "s", now.Now(), "old")
	now.Advance(23 * time.Hour)
	put(t, s, "s", now.Now(), "new")
	read := func() string {
		out, err := s.GetLogEvents(t.Context(), &awslogs.GetLogEventsInput{LogGroupName: aws.String(name), LogStreamName: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		return messages(out.Events)
	}
	if got := read(); got != "old new" {
		t.Errorf("within the retention: %q", got)
	}
	now.Advance(2 * time.Hour)
	if got := read(); got != "new" {
		t.Errorf("past the retention: %q", got)
	}
	big := strings.Repeat("x", 1<<19)
	// Together these are 20 MiB.
	for range 40 {
		put(t, s, "s", now.Now(), big)
	}
	groups, err := s.DescribeLogGroups(t.Context(), &awslogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/")})
	if err != nil || *groups.LogGroups[0].StoredBytes > 9<<20 || *groups.LogGroups[0].StoredBytes < 6<<20 {
		t.Errorf("stored %d bytes, %v", *groups.LogGroups[0].StoredBytes, err)
	}
	if arn := *groups.LogGroups[0].Arn; !strings.HasSuffix(arn, ":*") || *groups.LogGroups[0].LogGroupArn+":*" != arn {
		t.Errorf("ARNs %s and %s", arn, *groups.LogGroups[0].LogGroupArn)
	}
}

func TestStreamsAndTags(t *testing.T) {
	t.Parallel()
	s, now := start(t, "a", "b", "c")
	ctx := t.Context()
	var observed []string
	s.Observe(func(group, stream string, events []types.InputLogEvent) {
		observed = append(observed, group+" "+stream+" "+*events[0].Message)
	})
	put(t, s, "b", now.Now(), "1")
	put(t, s, "a", now.Now().Add(time.Second), "2")
	if strings.Join(observed, ",") != name+" b 1,"+name+" a 2" {
		t.Errorf("observed %q", observed)
	}
	var order []string
	pages := &awslogs.DescribeLogStreamsInput{LogGroupName: aws.String(name), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true), Limit: aws.Int32(2)}
	for {
		out, err := s.DescribeLogStreams(ctx, pages)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range out.LogStreams {
			order = append(order, *st.LogStreamName)
		}
		if pages.NextToken = out.NextToken; out.NextToken == nil {
			break
		}
	}
	if strings.Join(order, "") != "abc" {
		t.Errorf("order %v", order)
	}
	for _, arn := range []string{"arn:aws:logs:us-east-1:000000000000:log-group:" + name, "arn:aws:logs:us-east-1:000000000000:log-group:" + name + ":*"} {
		if _, err := s.TagResource(ctx, &awslogs.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "b"}}); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
	if _, err := s.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: aws.String(name)}); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("creating again: %v", err)
	}
	if _, err := s.DeleteLogGroup(ctx, &awslogs.DeleteLogGroupInput{LogGroupName: aws.String(name)}); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteLogGroup(ctx, &awslogs.DeleteLogGroupInput{LogGroupName: aws.String(name)}); code(err) != "ResourceNotFoundException" {
		t.Errorf("deleting twice: %v", err)
	}
}
