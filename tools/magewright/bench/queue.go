package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// messages measures how fast a function processes the messages of a queue, with one and with
// ten in each invocation. The first figure, compared with the Runtime API alone, shows what
// the queue and the event source mapping take.
func (b *bench) messages(ctx context.Context, cfg aws.Config, function string) error {
	client, done := newClient()
	defer done()
	queues := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.HTTPClient = client })
	functions := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.HTTPClient = client })
	made, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &function})
	if err != nil {
		return err
	}
	attributes, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		return err
	}
	// The poller reads the queue with the function's role, which has the function's name.
	if _, err := iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &function, PolicyName: aws.String("poll"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes","sqs:ChangeMessageVisibility"],"Resource":"*"}]}`),
	}); err != nil {
		return err
	}
	mapping, err := functions.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: &function, EventSourceArn: aws.String(attributes.Attributes["QueueArn"]), Enabled: aws.Bool(false),
		ScalingConfig: &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(connections)},
	})
	if err != nil {
		return err
	}
	for _, of := range []struct {
		size int32
		note string
	}{{1, "one in each invocation"}, {10, "ten in each invocation"}} {
		// Whole batches.
		n := max(b.invocations/50, connections) * 10
		took, err := b.drain(ctx, queues, functions, made.QueueUrl, mapping.UUID, n, of.size)
		if err != nil {
			return fmt.Errorf("processing %d messages: %w", n, err)
		}
		b.add("messages from SQS to lambda, "+of.note, float64(n)/took, "/s", fmt.Sprintf("%d messages, %d invocations at once; %s", n, connections, loadAverage()))
	}
	return nil
}

// drainInterval is the time between two checks whether a queue is empty.
const drainInterval = time.Millisecond

// drain fills a queue with n messages, a multiple of ten, and returns how many seconds a
// mapping takes to empty it.
func (b *bench) drain(ctx context.Context, queues *sqs.Client, functions *lambda.Client, queue, mapping *string, n int, size int32) (seconds float64, err error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: queue}
	for i := range 10 {
		in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(`{"a":1}`)})
	}
	for range n / len(in.Entries) {
		if _, err := queues.SendMessageBatch(ctx, in); err != nil {
			return 0, err
		}
	}
	start := b.clock.Now()
	if _, err := functions.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: mapping, Enabled: aws.Bool(true), BatchSize: &size}); err != nil {
		return 0, err
	}
	for left := true; left; {
		if err := clock.Sleep(ctx, b.clock, drainInterval); err != nil {
			return 0, err
		}
		out, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		if err != nil {
			return 0, err
		}
		left = out.Attributes["ApproximateNumberOfMessages"] != "0" || out.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0"
	}
	took := clock.Since(b.clock, start).Seconds()
	_, err = functions.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: mapping, Enabled: aws.Bool(false)})
	return took, err
}
