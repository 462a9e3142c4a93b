package lambda_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/sqs"
)

const queues = "arn:aws:sqs:us-east-1:000000000000:"

// A worker is function f and the queue "orders" with the dead-letter queue "dead".
type worker struct {
	*fixture
	t      testing.TB
	queues *sqs.Service
}

// visibility is the queue's visibility timeout. It is not shorter than the
// function's timeout.
const visibility = 600 * time.Second

func newWorker(t testing.TB, with ...func(*lambda.Deps)) worker {
	t.Helper()
	// The queues are made with the clock of the fixture.
	late := &struct{ *sqs.Service }{}
	w := worker{t: t, fixture: newFixture(t, append(with, func(d *lambda.Deps) { d.Queues = late })...)}
	w.queues = sqs.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: w.clock}, sqs.Deps{})
	late.Service = w.queues
	w.queue("dead", nil)
	w.queue("orders", map[string]string{
		"VisibilityTimeout": fmt.Sprint(int(visibility.Seconds())),
		"RedrivePolicy":     `{"deadLetterTargetArn":"` + queues + `dead","maxReceiveCount":2}`,
	})
	w.create(t)
	return w
}

func (w worker) queue(name string, attributes map[string]string) {
	w.t.Helper()
	if _, err := w.queues.CreateQueue(w.t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes}); err != nil {
		w.t.Fatal(err)
	}
}

func url(queue string) *string { return aws.String("http://127.0.0.1:4566/000000000000/" + queue) }

func (w worker) put(queue string, bodies ...string) {
	w.t.Helper()
	for _, body := range bodies {
		in := &awssqs.SendMessageInput{QueueUrl: url(queue), MessageBody: aws.String(body)}
		if strings.HasSuffix(queue, ".fifo") {
			in.MessageGroupId, in.MessageDeduplicationId = aws.String(body[:1]), aws.String(fmt.Sprint(body, w.clock.Now().Unix()))
		}
		if _, err := w.queues.SendMessage(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w worker) connect(with ...func(*awslambda.CreateEventSourceMappingInput)) *string {
	w.t.Helper()
	in := &awslambda.CreateEventSourceMappingInput{FunctionName: name, EventSourceArn: aws.String(queues + "orders")}
	for _, change := range with {
		change(in)
	}
	out, err := w.CreateEventSourceMapping(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.UUID
}

// settle waits until all messages are processed, and returns the batches so far, sorted.
func (w worker) settle() []string {
	w.t.Helper()
	if err := w.Settle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.Flush(w.t.Context())
	var batches []string
	for line := range strings.Lines(w.log("/aws/lambda/f")) {
		if rest, ok := strings.CutPrefix(line, "batch "); ok {
			batches = append(batches, strings.TrimSpace(strings.ReplaceAll(rest, " by $LATEST", "")))
		}
	}
	// Each environment has a log of its own, so their order is not known.
	slices.Sort(batches)
	return batches
}

// left returns how many messages of a queue are visible and in flight.
func (w worker) left(queue string) string {
	w.t.Helper()
	out, err := w.queues.GetQueueAttributes(w.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: url(queue), AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + " " + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func (w worker) expect(what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestMappingProcessesMessages(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.put("orders", "a", "b")
	if _, err := w.queues.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url("orders"), MessageBody: aws.String("echo"), MessageAttributes: map[string]sqstypes.MessageAttributeValue{
		"kind": {DataType: aws.String("String"), StringValue: aws.String("new")},
	}}); err != nil {
		t.Fatal(err)
	}
	id := w.connect()
	w.expect("batches", w.settle(), "[a,b,echo]")
	w.expect("left", w.left("orders"), "0 0")
	_, text, _ := strings.Cut(w.log("/aws/lambda/f"), "event ")
	var event struct {
		Records []struct {
			MessageID, Body, EventSource, EventSourceARN, AWSRegion, MD5OfBody, ReceiptHandle string
			Attributes                                                                        map[string]string
			MessageAttributes                                                                 map[string]struct {
				StringValue, DataType string
				StringListValues      []string
			}
		}
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[2]
	if r.EventSource != "aws:sqs" || r.EventSourceARN != queues+"orders" || r.AWSRegion != "us-east-1" || r.ReceiptHandle == "" || len(r.MD5OfBody) != 32 ||
		r.Attributes["ApproximateReceiveCount"] != "1" || r.MessageAttributes["kind"].StringValue != "new" || r.MessageAttributes["kind"].StringListValues == nil {
		t.Errorf("record %+v", r)
	}
	got, err := w.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: id})
	if err != nil || *got.State != "Enabled" || *got.LastProcessingResult != "OK" || *got.BatchSize != 10 || *got.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:f" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A batch that fails comes again after the visibility timeout, until its messages
// have been received often enough for the dead-letter queue.
func TestMappingLeavesFailuresToTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	id := w.connect()
	w.put("orders", "fail")
	w.expect("batches", w.settle(), "[fail]")
	w.expect("left", w.left("orders"), "0 1")
	w.clock.Advance(visibility - time.Second)
	w.expect("batches", w.settle(), "[fail]")
	w.clock.Advance(time.Second)
	w.expect("batches", w.settle(), "[fail fail]")
	got, err := w.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: id})
	if err != nil || *got.LastProcessingResult != "PROBLEM: Function call failed" {
		t.Errorf("%+v, %v", got, err)
	}
	w.clock.Advance(visibility)
	w.expect("batches", w.settle(), "[fail fail]")
	w.expect("left", w.left("orders")+", dead "+w.left("dead"), "0 0, dead 1 0")
}

func TestMappingWithPartialResponses(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	partial := func(in *awslambda.CreateEventSourceMappingInput) {
		in.FunctionResponseTypes = []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
	}
	w.put("orders", "a", "bad", "b")
	w.connect(partial)
	w.expect("batches", w.settle(), "[a,bad,b]")
	w.expect("left", w.left("orders"), "0 1")
	// Each answer is to a queue of its own.
	for i, tt := range []struct{ answer, left string }{
		{`null`, "0 0"}, {`{}`, "0 0"}, {`{"batchItemFailures":null}`, "0 0"}, {`{"batchItemFailures":[]}`, "0 0"},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, "0 1"}, {`{"batchItemFailures":[{"itemIdentifier":null}]}`, "0 1"},
		{`{"batchItemFailures":[{"id":"x"}]}`, "0 1"}, {`{"batchItemFailures":[{"itemIdentifier":"unknown"}]}`, "0 1"}, {`{"batchItemFailures":"x"}`, "0 1"},
	} {
		queue := fmt.Sprint("answers", i)
		w.queue(queue, map[string]string{"VisibilityTimeout": "600"})
		w.put(queue, "answer "+tt.answer)
		w.connect(partial, func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(queues + queue) })
		w.settle()
		w.expect(tt.answer, w.left(queue), tt.left)
	}
}

func TestMappingWithFilters(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.put("orders", `{"kind":"new"}`, `{"kind":"old"}`, "text", "other")
	w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.FilterCriteria = &lambdatypes.FilterCriteria{Filters: []lambdatypes.Filter{
			{Pattern: aws.String(`{"body":{"kind":[{"anything-but":"old"}]}}`)}, {Pattern: aws.String(`{"body":["text"]}`)},
		}}
	})
	w.expect("batches", w.settle(), `[{"kind":"new"},text]`)
	// What does not pass is gone.
	w.expect("left", w.left("orders"), "0 0")
}

func TestMappingWithWindow(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = aws.Int32(25), aws.Int32(60)
	})
	var bodies []string
	for i := range 12 {
		bodies = append(bodies, fmt.Sprint(i))
	}
	w.put("orders", bodies...)
	w.expect("batches", w.settle(), "[]")
	w.clock.Advance(59 * time.Second)
	w.expect("batches", w.settle(), "[]")
	w.clock.Advance(time.Second)
	w.expect("batches", w.settle(), "["+strings.Join(bodies, ",")+"]")
	// A batch that is full does not wait.
	for range 25 {
		w.put("orders", "x")
	}
	if got := w.settle(); len(got) != 2 {
		t.Errorf("batches %v", got)
	}
}

func TestMappingWithMaximumConcurrency(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.ScalingConfig = aws.Int32(1), &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(2)}
	})
	gate := filepath.Join(t.TempDir(), "gate")
	for range 4 {
		w.put("orders", "wait "+gate)
	}
	lambda.AwaitExecutions(w.Service, 2)
	w.expect("left", w.left("orders"), "2 2")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.settle(); len(got) != 4 {
		t.Errorf("batches %v", got)
	}
	if got := w.values("AWS/Lambda ConcurrentExecutions{FunctionName=f}"); slices.Max(got) != 2 {
		t.Errorf("executions %v", got)
	}
}

// An alias splits batches between its versions, so that a canary covers workers.
func TestMappingOfAlias(t *testing.T) {
	t.Parallel()
	draw := 0.5
	w := newWorker(t, withRand(&draw))
	for range 2 {
		if _, err := w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: aws.String(fmt.Sprint(draw))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name}); err != nil {
			t.Fatal(err)
		}
		draw = 0.05
	}
	if _, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{
		FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}},
	}); err != nil {
		t.Fatal(err)
	}
	w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.FunctionName = aws.String("arn:aws:lambda:us-east-1:000000000000:function:f:live")
	})
	w.put("orders", "fail")
	w.expect("batches", w.settle(), "[fail by 2]")
	draw = 0.5
	w.put("orders", "a")
	if got := w.settle(); !slices.Contains(got, "a by 1") {
		t.Errorf("batches %v", got)
	}
	w.expect("errors of the new version", w.values("AWS/Lambda Errors{FunctionName=f,Resource=f:live,ExecutedVersion=2}"), "[1]")
	w.expect("errors of the old version", w.values("AWS/Lambda Errors{FunctionName=f,Resource=f:live,ExecutedVersion=1}"), "[0]")
}

func TestMappingOfFIFOQueue(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.queue("orders.fifo", map[string]string{"FifoQueue": "true", "VisibilityTimeout": "600"})
	w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.EventSourceArn = aws.String(queues + "orders.fifo")
	})
	w.put("orders.fifo", "fail")
	w.settle()
	// The rest of its group waits for it, and other groups don't.
	w.put("orders.fifo", "f2", "a1")
	w.expect("batches", w.settle(), "[a1 fail]")
	w.clock.Advance(visibility)
	w.expect("batches", w.settle(), "[a1 fail fail,f2]")
}

func TestMappingChanges(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	ctx := t.Context()
	id := w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
		in.Enabled, in.Tags = aws.Bool(false), map[string]string{"a": "1"}
	})
	w.put("orders", "a")
	w.expect("batches while disabled", w.settle(), "[]")
	out, err := w.UpdateEventSourceMapping(ctx, &awslambda.UpdateEventSourceMappingInput{UUID: id, Enabled: aws.Bool(true), BatchSize: aws.Int32(1)})
	if err != nil || *out.State != "Updating" {
		t.Fatalf("%+v, %v", out, err)
	}
	w.expect("batches", w.settle(), "[a]")
	arn := "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:" + *id
	if _, err := w.TagResource(ctx, &awslambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Error(err)
	}
	tags, err := w.ListTags(ctx, &awslambda.ListTagsInput{Resource: &arn})
	w.expect("tags", fmt.Sprint(tags.Tags, err), "map[a:1 b:2] <nil>")
	// Messages of a function that is gone stay in the queue, and are processed
	// when it is back.
	if _, err := w.DeleteFunction(ctx, &awslambda.DeleteFunctionInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	w.put("orders", "b")
	w.settle()
	list, err := w.ListEventSourceMappings(ctx, &awslambda.ListEventSourceMappingsInput{FunctionName: name})
	if err != nil || len(list.EventSourceMappings) != 1 || w.left("orders") == "0 0" {
		t.Errorf("%+v, %v, %s left", list, err, w.left("orders"))
	}
	w.create(t)
	w.clock.Advance(visibility)
	if got := w.settle(); !slices.Contains(got, "b") {
		t.Errorf("batches %v", got)
	}
	if _, err := w.DeleteEventSourceMapping(ctx, &awslambda.DeleteEventSourceMappingInput{UUID: id}); err != nil {
		t.Error(err)
	}
	w.put("orders", "c")
	w.settle()
	w.expect("left without a mapping", w.left("orders"), "1 0")
	if _, err := w.GetEventSourceMapping(ctx, &awslambda.GetEventSourceMappingInput{UUID: id}); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("a mapping that is gone: %v", err)
	}
}

func TestMappingRefusals(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	w.queue("short", nil)
	w.queue("q.fifo", map[string]string{"FifoQueue": "true", "VisibilityTimeout": "600"})
	w.connect()
	from := func(queue string) func(*awslambda.CreateEventSourceMappingInput) {
		return func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(queues + queue) }
	}
	for want, change := range map[string]func(*awslambda.CreateEventSourceMappingInput){
		"already exists":   func(*awslambda.CreateEventSourceMappingInput) {},
		"NonExistentQueue": from("none"),
		"600 seconds":      from("short"),
		"An event source of kinesis is not supported by the embedded AWS": func(in *awslambda.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")
		},
		"Unrecognized event source": func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = nil },
		"Function not found":        func(in *awslambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("none") },
		"Unsupported BisectBatchOnFunctionError parameter": func(in *awslambda.CreateEventSourceMappingInput) {
			in.BisectBatchOnFunctionError = aws.Bool(true)
		},
		"ProvisionedPollerConfig of an event source mapping is not supported": func(in *awslambda.CreateEventSourceMappingInput) {
			in.ProvisionedPollerConfig = &lambdatypes.ProvisionedPollerConfig{}
		},
		"must be greater than 0 if maximum batch size": func(in *awslambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(11) },
		"less than or equal to 10000":                  func(in *awslambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(10001) },
		"maximumConcurrency": func(in *awslambda.CreateEventSourceMappingInput) {
			in.ScalingConfig = &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(1)}
		},
		"Invalid filter pattern definition": func(in *awslambda.CreateEventSourceMappingInput) {
			in.FilterCriteria = &lambdatypes.FilterCriteria{Filters: []lambdatypes.Filter{{Pattern: aws.String("{}")}}}
		},
		"window is not supported for FIFO": func(in *awslambda.CreateEventSourceMappingInput) {
			from("q.fifo")(in)
			in.MaximumBatchingWindowInSeconds = aws.Int32(1)
		},
		"at most 10": func(in *awslambda.CreateEventSourceMappingInput) {
			from("q.fifo")(in)
			in.BatchSize = aws.Int32(11)
		},
	} {
		in := &awslambda.CreateEventSourceMappingInput{FunctionName: name, EventSourceArn: aws.String(queues + "orders")}
		change(in)
		if _, err := w.CreateEventSourceMapping(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A failed event goes to a queue as to a topic.
func TestFailedEventGoesToQueues(t *testing.T) {
	t.Parallel()
	w := newWorker(t)
	if _, err := w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: name, DeadLetterConfig: &lambdatypes.DeadLetterConfig{TargetArn: aws.String(queues + "dead")},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(queues + "orders")}},
	}); err != nil {
		t.Fatal(err)
	}
	w.send(t, `{"do":"fail"}`)
	lambda.AwaitEvents(w.Service)
	for queue, want := range map[string]string{"dead": `{"do":"fail"}`, "orders": `"condition":"RetriesExhausted"`} {
		out, err := w.queues.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url(queue), MessageAttributeNames: []string{"All"}})
		if err != nil || len(out.Messages) != 1 || !strings.Contains(*out.Messages[0].Body, want) {
			t.Errorf("%s: %+v, %v", queue, out, err)
		}
		if queue == "dead" && *out.Messages[0].MessageAttributes["ErrorMessage"].StringValue != "no luck" {
			t.Errorf("attributes %+v", out.Messages[0].MessageAttributes)
		}
	}
}
