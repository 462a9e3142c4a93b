package promote

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/stagetest"
)

// workload is how many messages arrive every ten seconds, in the first minutes.
const (
	workload = 20
	lasting  = 8
)

// A worker that nobody can call is judged by what it does with its messages. Our
// own requests, which are invocations, all succeed.
func TestABadWorkerIsStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx := t.Context()
	s.outputs.FunctionURL = ""
	s.probes = stagetest.Must[probe.Steps](t)(probe.Parse([]byte("- {invoke: {}, probe: true}"))).Probes()
	queues := sqs.NewFromConfig(s.AWS)
	made := stagetest.Must[*sqs.CreateQueueOutput](t)(queues.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String("orders"), Attributes: map[string]string{"VisibilityTimeout": "600"},
	}))
	stagetest.Must[*lambda.CreateEventSourceMappingOutput](t)(s.Functions.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("service:live"), BatchSize: aws.Int32(1), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:orders"),
	}))
	for second := int32(0); second < lasting*60; second += 10 {
		for range workload / 10 {
			in := &sqs.SendMessageBatchInput{QueueUrl: made.QueueUrl}
			for _, id := range strings.Split("0123456789", "") {
				in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("an order"), DelaySeconds: second})
			}
			stagetest.Must[*sqs.SendMessageBatchOutput](t)(queues.SendMessageBatch(ctx, in))
		}
	}

	version := s.Publish(t, stagetest.Newer, map[string]string{"FAULT": "messages"})
	s.Gate(t, version, 100) // no rate is above
	info := s.shift(t, version, stagetest.Canary)
	if info.Status != types.DeploymentStatusStopped || info.ErrorInformation.Code != types.ErrorCodeManualStop {
		t.Fatalf("the deployment is %s, %+v", info.Status, info.ErrorInformation)
	}
	r := s.saved(t)
	if r.Judgement.Verdict != canary.Fail || r.Failed > 0 || r.Sent == 0 {
		t.Errorf("the record is %+v", r)
	}
	// What the bad version has failed, the old one processes.
	s.Stage.Clock().NewTimer(time.Hour)
	s.Stage.Clock().NewTimer(time.Second)
	left := stagetest.Must[*sqs.GetQueueAttributesOutput](t)(queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	}))
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		if left.Attributes[name] != "0" {
			t.Errorf("%s is %s", name, left.Attributes[name])
		}
	}
}
