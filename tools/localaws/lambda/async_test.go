package lambda_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/lambda"
)

const topic = "arn:aws:sns:us-east-1:000000000000:failures"

// send invokes function f asynchronously.
func (f *fixture) send(t *testing.T, payload string) {
	t.Helper()
	out, err := f.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: name, Payload: []byte(payload), InvocationType: lambdatypes.InvocationTypeEvent})
	if err != nil || out.StatusCode != http.StatusAccepted || len(out.Payload) > 0 {
		t.Fatalf("Invoke: %+v, %v", out, err)
	}
}

// While a function has an event, the clock is busy from the moment that the event is
// accepted: nobody who waits for what the function does sees time pass too fast.
func TestAcceptedEventIsWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	gate := filepath.Join(t.TempDir(), "gate")
	f.send(t, `{"do":"wait","text":`+strconv.Quote(gate)+`}`)
	if !f.clock.IsBusy() {
		t.Error("an event was accepted, and the clock may run faster")
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lambda.AwaitEvents(f.Service)
	if f.clock.IsBusy() {
		t.Error("the event has been processed, and the clock is still busy")
	}
	// Between its attempts nothing happens.
	f.send(t, `{"do":"fail"}`)
	f.clock.BlockUntil(1)
	if f.clock.IsBusy() {
		t.Error("the event waits for its second attempt, and the clock is busy")
	}
}

func TestFailedEventIsRetriedTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) {
		in.DeadLetterConfig = &lambdatypes.DeadLetterConfig{TargetArn: aws.String(topic)}
	})
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(topic)}},
	}); err != nil {
		t.Fatal(err)
	}
	f.send(t, `{"do":"fail"}`)
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute} {
		f.clock.BlockUntil(1)
		f.clock.Advance(wait - time.Second)
		f.clock.BlockUntil(1) // not yet
		f.clock.Advance(time.Second)
	}
	lambda.AwaitEvents(f.Service)
	f.Flush(t.Context())
	if got := f.values("AWS/Lambda Errors{FunctionName=f}"); len(got) != 3 {
		t.Errorf("invoked %d times", len(got))
	}
	if len(f.topics) != 2 {
		t.Fatalf("sent %d messages, want one to the destination and a dead letter", len(f.topics))
	}
	var record struct {
		RequestContext struct {
			FunctionArn, Condition string
			ApproximateInvokeCount int
		}
		RequestPayload, ResponsePayload json.RawMessage
		ResponseContext                 struct{ FunctionError string }
	}
	if err := json.Unmarshal([]byte(*f.topics[0].Message), &record); err != nil {
		t.Fatal(err)
	}
	c := record.RequestContext
	if c.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" || c.Condition != "RetriesExhausted" || c.ApproximateInvokeCount != 3 ||
		string(record.RequestPayload) != `{"do":"fail"}` || !strings.Contains(string(record.ResponsePayload), "no luck") || record.ResponseContext.FunctionError != "Unhandled" {
		t.Errorf("record %s", *f.topics[0].Message)
	}
	if dead := f.topics[1]; *dead.Message != `{"do":"fail"}` || *dead.MessageAttributes["ErrorMessage"].StringValue != "no luck" || *dead.MessageAttributes["ErrorCode"].StringValue != "200" {
		t.Errorf("dead letter %+v", dead)
	}
	for metric, want := range map[string][]float64{"AsyncEventsReceived": {1}, "AsyncEventAge": {0, 60_000, 180_000}, "AsyncEventsDropped": {1}} {
		got := f.values("AWS/Lambda " + metric + "{FunctionName=f}")
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", metric, got, want)
		}
	}
}

// Only synchronous invocations have a client context.
func TestEventsHaveNoClientContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, DestinationConfig: &lambdatypes.DestinationConfig{OnSuccess: &lambdatypes.OnSuccess{Destination: aws.String(topic)}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Invoke(t.Context(), &awslambda.InvokeInput{
		FunctionName: name, Payload: []byte(`{"do":"context"}`), InvocationType: lambdatypes.InvocationTypeEvent,
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))),
	}); err != nil {
		t.Fatal(err)
	}
	lambda.AwaitEvents(f.Service)
	if len(f.topics) != 1 || !strings.Contains(*f.topics[0].Message, `"client":null`) {
		t.Errorf("sent %+v", f.topics)
	}
}

// A function whose reserved concurrency is zero is not tried, and its events do
// not wait.
func TestEventForNoConcurrency(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) {
		in.DeadLetterConfig = &lambdatypes.DeadLetterConfig{TargetArn: aws.String(topic)}
	})
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(topic)}},
	}); err != nil {
		t.Fatal(err)
	}
	f.send(t, `{"a":1}`)
	lambda.AwaitEvents(f.Service)
	if len(f.topics) != 2 || !strings.HasSuffix(*f.topics[0].Message, `"condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"a":1}}`) {
		t.Fatalf("sent %+v", f.topics)
	}
	if dead := f.topics[1].MessageAttributes; dead["ErrorCode"].StringValue != nil || !strings.HasPrefix(*dead["ErrorMessage"].StringValue, "Function not invoked.") {
		t.Errorf("dead letter %+v", dead)
	}
}

func TestThrottledEventGrowsTooOld(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) {
		in.DeadLetterConfig = &lambdatypes.DeadLetterConfig{TargetArn: aws.String(topic)}
	})
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, MaximumEventAgeInSeconds: aws.Int32(60),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(topic)}},
	}); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(t.TempDir(), "gate")
	var busy sync.WaitGroup
	busy.Go(func() {
		if _, err := f.tryInvoke(t.Context(), `{"do":"wait","text":`+strconv.Quote(gate)+`}`); err != nil {
			t.Error(err)
		}
	})
	lambda.AwaitExecutions(f.Service, 1)
	f.send(t, `{}`)
	// These waits add up to 31 s. Another 32 s would exceed the event's age limit.
	for _, wait := range []time.Duration{1, 2, 4, 8, 16} {
		f.clock.BlockUntil(1)
		f.clock.Advance(wait * time.Second)
	}
	lambda.AwaitEvents(f.Service)
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.Wait()
	if len(f.topics) != 2 || !strings.Contains(*f.topics[0].Message, `"condition":"EventAgeExceeded","approximateInvokeCount":0`) {
		t.Fatalf("sent %v", f.topics)
	}
	if dead := f.topics[1].MessageAttributes; *dead["ErrorCode"].StringValue != "429" || *dead["ErrorMessage"].StringValue != "Rate Exceeded." {
		t.Errorf("dead letter %+v", dead)
	}
}

func TestSuccessGoesToAFunction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.FunctionName = aws.String("next") })
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName:      name,
		DestinationConfig: &lambdatypes.DestinationConfig{OnSuccess: &lambdatypes.OnSuccess{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:next")}},
	}); err != nil {
		t.Fatal(err)
	}
	f.send(t, `{"a":1}`)
	lambda.AwaitEvents(f.Service)
	f.Flush(t.Context())
	if got := f.values("AWS/Lambda Invocations{FunctionName=next}"); len(got) != 1 {
		t.Errorf("the destination was invoked %d times", len(got))
	}
}

func TestEventInvokeConfigs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	get := &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: name}
	if _, err := f.GetFunctionEventInvokeConfig(t.Context(), get); err == nil || !strings.Contains(err.Error(), "The function arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST doesn't have an EventInvokeConfig") {
		t.Errorf("GetFunctionEventInvokeConfig: %v", err)
	}
	if _, err := f.UpdateFunctionEventInvokeConfig(t.Context(), &awslambda.UpdateFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(1)}); err == nil {
		t.Error("updated what doesn't exist")
	}
	for _, unknown := range []string{"g", "f:9", "f:alias"} {
		if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String(unknown), MaximumRetryAttempts: aws.Int32(1)}); err == nil || !strings.Contains(err.Error(), "The function doesn't exist.") {
			t.Errorf("PutFunctionEventInvokeConfig of %s: %v", unknown, err)
		}
		if _, err := f.DeleteFunctionEventInvokeConfig(t.Context(), &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: aws.String(unknown)}); err == nil || !strings.Contains(err.Error(), "doesn't have an EventInvokeConfig") {
			t.Errorf("DeleteFunctionEventInvokeConfig of %s: %v", unknown, err)
		}
	}
	if _, err := f.ListFunctionEventInvokeConfigs(t.Context(), &awslambda.ListFunctionEventInvokeConfigsInput{FunctionName: aws.String("g")}); err == nil || !strings.Contains(err.Error(), "The function doesn't exist.") {
		t.Errorf("ListFunctionEventInvokeConfigs: %v", err)
	}
	for text, in := range map[string]*awslambda.PutFunctionEventInvokeConfigInput{
		"'maximumRetryAttempts'":                            {MaximumRetryAttempts: aws.Int32(3)},
		"'maximumEventAgeInSeconds'":                        {MaximumEventAgeInSeconds: aws.Int32(59)},
		"The embedded AWS does not support the destination": {DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:000000000000:q.fifo")}}},
		"You must specify at least one of error ha":         {},
		"You can't specify the function as a desti":         {DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST")}}},
		"The destination ARN arn:aws:lambda:us-ea":          {DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:none")}}},
	} {
		in.FunctionName = name
		if _, err := f.PutFunctionEventInvokeConfig(t.Context(), in); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	if _, err := f.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateFunctionEventInvokeConfig(t.Context(), &awslambda.UpdateFunctionEventInvokeConfigInput{FunctionName: name, MaximumEventAgeInSeconds: aws.Int32(60)}); err != nil {
		t.Fatal(err)
	}
	out, err := f.GetFunctionEventInvokeConfig(t.Context(), get)
	if err != nil || *out.MaximumRetryAttempts != 1 || *out.MaximumEventAgeInSeconds != 60 {
		t.Errorf("GetFunctionEventInvokeConfig: %+v, %v", out, err)
	}
	if _, err := f.DeleteFunctionEventInvokeConfig(t.Context(), &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name}); err != nil {
		t.Error(err)
	}
	if out, err := f.ListFunctionEventInvokeConfigs(t.Context(), &awslambda.ListFunctionEventInvokeConfigsInput{FunctionName: name}); err != nil || len(out.FunctionEventInvokeConfigs) != 0 {
		t.Errorf("ListFunctionEventInvokeConfigs: %+v, %v", out, err)
	}
}
