package lambda_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
	"github.com/magewright/magewright/tools/localaws/lambda"
)

// A streamWorker is a worker that can also read the stream of the table "items".
type streamWorker struct {
	worker
	tables *dynamodb.Service
	stream string // its ARN
	items  int
}

func newStreamWorker(t *testing.T) *streamWorker {
	late := &struct{ *dynamodb.Streams }{}
	w := &streamWorker{worker: newWorker(t, func(d *lambda.Deps) { d.Streams = late })}
	w.tables = dynamodb.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: w.clock}, dynamodb.Deps{})
	t.Cleanup(func() {
		if err := w.tables.Close(); err != nil {
			t.Error(err)
		}
	})
	late.Streams = w.tables.Streams()
	out, err := w.tables.CreateTable(t.Context(), &awsdynamodb.CreateTableInput{
		TableName: aws.String("items"), BillingMode: dynamodbtypes.BillingModePayPerRequest,
		KeySchema:            []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: dynamodbtypes.KeyTypeHash}},
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: dynamodbtypes.ScalarAttributeTypeS}},
		StreamSpecification:  &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: dynamodbtypes.StreamViewTypeNewAndOldImages},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.stream = *out.TableDescription.LatestStreamArn
	w.clock.Advance(time.Minute)
	return w
}

// write writes an item for each text.
func (w *streamWorker) write(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.items++
		if _, err := w.tables.PutItem(w.t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("items"), Item: map[string]dynamodbtypes.AttributeValue{
			"pk":   &dynamodbtypes.AttributeValueMemberS{Value: fmt.Sprint(w.items)},
			"text": &dynamodbtypes.AttributeValueMemberS{Value: text},
			"blob": &dynamodbtypes.AttributeValueMemberB{Value: []byte{0, 255}},
		}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *streamWorker) read(with ...func(*awslambda.CreateEventSourceMappingInput)) *string {
	w.t.Helper()
	return w.connect(append([]func(*awslambda.CreateEventSourceMappingInput){func(in *awslambda.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.StartingPosition = &w.stream, lambdatypes.EventSourcePositionTrimHorizon
	}}, with...)...)
}

func (w *streamWorker) advance(d time.Duration) string {
	w.t.Helper()
	w.clock.Advance(d)
	return fmt.Sprint(w.settle())
}

func TestStreamIsRead(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("echo")
	id := w.read()
	w.expect("batches", w.settle(), "[echo]")
	w.write("a", "b")
	if got := fmt.Sprint(w.settle()); got != "[a b echo]" && got != "[a,b echo]" {
		t.Errorf("batches %s", got)
	}
	_, text, _ := strings.Cut(w.log("/aws/lambda/f"), "event ")
	var event struct {
		Records []struct {
			EventID, EventName, EventVersion, EventSource, EventSourceARN, AWSRegion string
			Dynamodb                                                                 struct {
				ApproximateCreationDateTime    int64
				Keys, NewImage                 map[string]map[string]any
				SequenceNumber, StreamViewType string
				SizeBytes                      int
			}
		}
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.EventSource != "aws:dynamodb" || r.EventName != "INSERT" || r.EventSourceARN != w.stream || r.AWSRegion != "us-east-1" || r.EventVersion != "1.1" || r.EventID == "" ||
		r.Dynamodb.Keys["pk"]["S"] != "1" || r.Dynamodb.NewImage["blob"]["B"] != "AP8=" || r.Dynamodb.StreamViewType != "NEW_AND_OLD_IMAGES" ||
		r.Dynamodb.ApproximateCreationDateTime != begin.Add(time.Minute).Unix() {
		t.Errorf("record %+v", r)
	}
	got, err := w.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: id})
	if err != nil || *got.State != "Enabled" || *got.LastProcessingResult != "OK" || *got.BatchSize != 100 || got.StartingPosition != "TRIM_HORIZON" ||
		*got.MaximumRetryAttempts != -1 || *got.MaximumRecordAgeInSeconds != -1 || *got.ParallelizationFactor != 1 || got.DestinationConfig.OnFailure == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if ages := w.values("AWS/Lambda IteratorAge{FunctionName=f}"); len(ages) == 0 || ages[0] != 0 {
		t.Errorf("ages %v", ages)
	}
	// A mapping that is enabled again goes on where it was.
	for _, on := range []bool{false, true} {
		if _, err := w.UpdateEventSourceMapping(t.Context(), &awslambda.UpdateEventSourceMappingInput{UUID: id, Enabled: &on}); err != nil {
			t.Fatal(err)
		}
		if !on {
			w.write("c")
			w.settle()
		}
	}
	if got := fmt.Sprint(w.settle()); !strings.Contains(got, "c") || strings.Count(got, "echo") != 1 {
		t.Errorf("batches %s", got)
	}
}

func TestStreamIsReadFromItsEnd(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("old")
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.StartingPosition = lambdatypes.EventSourcePositionLatest
	})
	w.write("new")
	w.expect("batches", w.settle(), "[new]")
}

func TestStreamWithFiltersAndWindow(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = aws.Int32(3), aws.Int32(60)
		in.FilterCriteria = &lambdatypes.FilterCriteria{Filters: []lambdatypes.Filter{{Pattern: aws.String(`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"text":{"S":[{"prefix":"a"}]}}}}`)}}}
	})
	w.write("a1", "b", "a2")
	w.expect("batches", w.settle(), "[]")
	w.expect("batches", w.advance(59*time.Second), "[]")
	w.expect("batches", w.advance(time.Second), "[a1,a2]")
	w.write("a3", "a4", "c", "a5", "a6")
	w.expect("batches", w.settle(), "[a1,a2 a3,a4,a5]")
}

// A batch that fails is tried again and holds up the others.
func TestStreamRetries(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("fail")
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumRetryAttempts = aws.Int32(1), aws.Int32(2)
		in.DestinationConfig = &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(queues + "dead")}}
	})
	w.write("a")
	w.expect("batches", w.settle(), "[fail]")
	w.expect("batches", w.advance(time.Second), "[fail fail]")
	w.expect("batches", w.advance(2*time.Second), "[a fail fail fail]")
	out, err := w.queues.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url("dead")})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	var m struct {
		RequestContext struct {
			FunctionARN, Condition string
			ApproximateInvokeCount int
		}
		ResponseContext struct{ FunctionError string }
		Batch           struct {
			BatchSize                               int
			StreamARN, ShardID, StartSequenceNumber string
			EndSequenceNumber                       string
			ApproximateArrivalOfFirstRecord         string
		} `json:"DDBStreamBatchInfo"`
	}
	if err := json.Unmarshal([]byte(*out.Messages[0].Body), &m); err != nil || m.RequestContext.Condition != "RetryAttemptsExhausted" || m.RequestContext.ApproximateInvokeCount != 3 ||
		m.RequestContext.FunctionARN != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" || m.ResponseContext.FunctionError != "Unhandled" ||
		m.Batch.BatchSize != 1 || m.Batch.StreamARN != w.stream || m.Batch.StartSequenceNumber != m.Batch.EndSequenceNumber || m.Batch.ShardID == "" {
		t.Errorf("%s: %v", *out.Messages[0].Body, err)
	}
}

func TestStreamBisects(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("a", "b", "fail", "c")
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts, in.BisectBatchOnFunctionError = aws.Int32(0), aws.Bool(true)
	})
	w.expect("batches", w.settle(), "[a,b a,b,fail,c c fail fail,c]")
}

func TestStreamWithPartialResponses(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("a", "bad", "b")
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts = aws.Int32(1)
		in.FunctionResponseTypes = []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
	})
	w.expect("batches", w.settle(), "[a,bad,b]")
	w.expect("batches", w.advance(time.Second), "[a,bad,b bad,b]")
}

func TestStreamRecordsGrowOld(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	w.write("fail")
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumRecordAgeInSeconds = aws.Int32(1), aws.Int32(60)
		in.DestinationConfig = &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(queues + "dead")}}
	})
	w.write("a")
	w.expect("batches", w.settle(), "[fail]")
	w.expect("batches", w.advance(time.Second), "[fail fail]")
	// Both are too old by then.
	w.expect("batches", w.advance(time.Hour), "[fail fail]")
	w.expect("dead", w.left("dead"), "2 0")
}

// Changes of different items are processed at the same time.
func TestStreamWithParallelizationFactor(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	for range 20 {
		w.write("fail", "x")
	}
	w.read(func(in *awslambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.ParallelizationFactor, in.MaximumRetryAttempts = aws.Int32(1), aws.Int32(10), aws.Int32(1)
	})
	for range 25 {
		w.settle()
		w.clock.Advance(time.Second)
	}
	got := w.settle()
	counts := map[string]int{}
	for _, batch := range got {
		counts[batch]++
	}
	if counts["x"] != 20 || counts["fail"] != 40 {
		t.Errorf("batches %v", counts)
	}
	if at := w.values("AWS/Lambda ConcurrentExecutions{FunctionName=f}"); len(at) == 0 {
		t.Error("nothing was measured")
	}
}

func TestStreamMappingRefusals(t *testing.T) {
	t.Parallel()
	w := newStreamWorker(t)
	for _, tt := range []struct {
		change func(*awslambda.CreateEventSourceMappingInput)
		want   string
	}{
		{func(in *awslambda.CreateEventSourceMappingInput) { in.StartingPosition = "" }, "Value null at 'startingPosition'"},
		{func(in *awslambda.CreateEventSourceMappingInput) { in.StartingPosition = "AT_TIMESTAMP" }, "Unsupported starting position for arn type: " + w.stream},
		{func(in *awslambda.CreateEventSourceMappingInput) { in.TumblingWindowInSeconds = aws.Int32(30) }, "TumblingWindowInSeconds of an event source mapping is not supported"},
		{func(in *awslambda.CreateEventSourceMappingInput) { in.MaximumRecordAgeInSeconds = aws.Int32(59) }, "must be -1, or between 60 and 604800"},
		{func(in *awslambda.CreateEventSourceMappingInput) { in.ParallelizationFactor = aws.Int32(11) }, "Value '11' at 'parallelizationFactor'"},
		{func(in *awslambda.CreateEventSourceMappingInput) {
			in.ScalingConfig = &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(2)}
		}, "Unsupported ScalingConfig parameter"},
		{func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(w.stream + "1") }, "Stream not found"},
		{func(in *awslambda.CreateEventSourceMappingInput) {
			in.DestinationConfig = &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:s3:::bucket")}}
		}, "The destination arn:aws:s3:::bucket of an event source mapping is not supported"},
		{func(in *awslambda.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")
		}, "An event source of kinesis is not supported"},
	} {
		in := &awslambda.CreateEventSourceMappingInput{FunctionName: name, EventSourceArn: &w.stream, StartingPosition: lambdatypes.EventSourcePositionLatest}
		tt.change(in)
		if _, err := w.CreateEventSourceMapping(t.Context(), in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
