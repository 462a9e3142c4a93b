package localaws_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
)

// workerTemplates are the templates of a worker behind a queue, which the CDK has
// made of this project's constructs, by what is wrong with the worker. A test of
// infra/delivery keeps them.
const workerTemplates = "infra/delivery/testdata/worker.json"

// A worker is a stack that has a function behind a queue.
type worker struct {
	stepped
	t       *testing.T
	stacks  *cloudformation.Client
	queues  *sqs.Client
	bodies  map[string]string // of the templates
	outputs map[string]string
	sent    int
}

const workerStack = "shop-worker"

func startWorker(t *testing.T) *worker {
	t.Helper()
	w := &worker{stepped: startStepped(t), t: t, bodies: map[string]string{}, outputs: map[string]string{}}
	w.stacks, w.queues = cloudformation.NewFromConfig(w.aws), sqs.NewFromConfig(w.aws)
	testinput.Read(t, workerTemplates)
	text, err := os.ReadFile("../../" + workerTemplates)
	if err != nil {
		t.Fatal(err)
	}
	var templates map[string]json.RawMessage
	if err := json.Unmarshal(text, &templates); err != nil {
		t.Fatal(err)
	}
	for fault, template := range templates {
		w.bodies[fault] = string(template)
	}
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	objects, bucket := s3.NewFromConfig(w.aws, func(o *s3.Options) { o.UsePathStyle = true }), aws.String("packages")
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("worker.zip"), Body: bytes.NewReader(zip)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String(workerStack), TemplateBody: aws.String(w.bodies[""]), Parameters: w.parameters(),
		Capabilities: []cloudformationtypes.Capability{cloudformationtypes.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	for w.status() == cloudformationtypes.StackStatusCreateInProgress {
		pause(t)
	}
	if status := w.status(); status != cloudformationtypes.StackStatusCreateComplete {
		t.Fatalf("the stack is %s: %s", status, w.reasons())
	}
	return w
}

func (w *worker) parameters() []cloudformationtypes.Parameter {
	architecture, _ := localaws.HostContext()["architecture"].(string)
	return []cloudformationtypes.Parameter{{ParameterKey: aws.String("Architecture"), ParameterValue: &architecture}}
}

// status returns the status of the stack, and takes in its outputs.
func (w *worker) status() cloudformationtypes.StackStatus {
	w.t.Helper()
	out, err := w.stacks.DescribeStacks(w.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(workerStack)})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range out.Stacks[0].Outputs {
		w.outputs[*o.OutputKey] = *o.OutputValue
	}
	return out.Stacks[0].StackStatus
}

func (w *worker) reasons() string {
	w.t.Helper()
	out, err := w.stacks.DescribeStackEvents(w.t.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String(workerStack)})
	if err != nil {
		w.t.Fatal(err)
	}
	var reasons []string
	for _, e := range out.StackEvents {
		if e.ResourceStatusReason != nil {
			reasons = append(reasons, *e.LogicalResourceId+" "+string(e.ResourceStatus)+": "+*e.ResourceStatusReason)
		}
	}
	return strings.Join(reasons, "\n")
}

// send sends n batches of ten messages.
func (w *worker) send(n int) {
	w.t.Helper()
	for range n {
		in := &sqs.SendMessageBatchInput{QueueUrl: aws.String(w.outputs["OrdersUrl"])}
		for i := range 10 {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String("an order")})
		}
		if _, err := w.queues.SendMessageBatch(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
		w.sent += len(in.Entries)
	}
}

// pass lets time pass once all messages that can be processed are.
func (w *worker) pass(d time.Duration) {
	w.Flush(w.t.Context())
	w.clock.Advance(d)
	w.Flush(w.t.Context())
}

// left returns how many messages a queue has that are visible, and in flight.
func (w *worker) left(output string) string {
	w.t.Helper()
	out, err := w.queues.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(w.outputs[output]), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + " " + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// sum adds up a metric of all versions.
func (w *worker) sum(since time.Time, metric string) int {
	w.t.Helper()
	out, err := cloudwatch.NewFromConfig(w.aws).GetMetricStatistics(w.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/Lambda"), MetricName: &metric, StartTime: &since, EndTime: aws.Time(w.clock.Now().Add(time.Minute)), Period: aws.Int32(3600 * 24),
		Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	total := 0.0
	for _, d := range out.Datapoints {
		total += *d.Sum
	}
	return int(total)
}

// A worker has no requests: only its messages tell whether it works. A bad version
// fails some of those that its alias gives it, and the alarm on its own errors
// stops it. What it has failed is in the dead-letter queue, from where the good
// version gets it: no message is lost.
func TestABadWorkerIsStoppedByItsMessages(t *testing.T) {
	t.Parallel()
	w := startWorker(t)
	ctx := t.Context()
	begin := w.clock.Now().Truncate(24 * time.Hour)
	w.send(2)
	w.pass(time.Minute)
	if left := w.left("OrdersUrl"); left != "0 0" {
		t.Fatalf("the good version leaves %s", left)
	}

	if _, err := w.stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: aws.String(workerStack), TemplateBody: aws.String(w.bodies["fail"]), Parameters: w.parameters(),
		Capabilities: []cloudformationtypes.Capability{cloudformationtypes.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	for strings.HasSuffix(string(w.status()), "_IN_PROGRESS") {
		w.send(5)
		w.pass(10 * time.Second)
	}
	if status := w.status(); status != cloudformationtypes.StackStatusUpdateRollbackComplete || !strings.Contains(w.reasons(), "One or more alarms have been activated") {
		t.Errorf("the stack is %s: %s", status, w.reasons())
	}
	deployments := codedeploy.NewFromConfig(w.aws)
	resource, err := w.stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: aws.String(workerStack)})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]*string{}
	for _, r := range resource.StackResources {
		ids[*r.ResourceType] = r.PhysicalResourceId
	}
	listed, err := deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
		ApplicationName: ids["AWS::CodeDeploy::Application"], DeploymentGroupName: ids["AWS::CodeDeploy::DeploymentGroup"],
		IncludeOnlyStatuses: []deploytypes.DeploymentStatus{deploytypes.DeploymentStatusStopped},
	})
	if err != nil || len(listed.Deployments) != 1 {
		t.Fatalf("stopped deployments: %+v, %v", listed, err)
	}

	// Its failures come back after their visibility timeout, and then move.
	w.pass(10 * time.Minute)
	failed := w.sum(begin, "Errors")
	if got, want := w.left("DeadUrl"), fmt.Sprintf("%d 0", failed); failed == 0 || got != want || w.left("OrdersUrl") != "0 0" {
		t.Errorf("the dead-letter queue has %s, want %s; %s left", got, want, w.left("OrdersUrl"))
	}
	if _, err := w.queues.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: w.arn("DeadUrl")}); err != nil {
		t.Fatal(err)
	}
	for w.left("DeadUrl") != "0 0" {
		pause(t)
	}
	w.pass(time.Minute)
	if got := w.left("OrdersUrl") + ", " + w.left("DeadUrl"); got != "0 0, 0 0" || w.sum(begin, "Errors") != failed {
		t.Errorf("after the move %s are left, and %d have failed", got, w.sum(begin, "Errors"))
	}
	if done := w.sum(begin, "Invocations") - failed; done != w.sent {
		t.Errorf("%d of %d messages were processed", done, w.sent)
	}
	t.Logf("%d messages, of which the bad version failed %d", w.sent, failed)
}

// arn returns the ARN of a queue.
func (w *worker) arn(output string) *string {
	url := w.outputs[output]
	return aws.String("arn:aws:sqs:" + localaws.DefaultRegion + ":000000000000:" + url[strings.LastIndexByte(url, '/')+1:])
}

// A good version of the worker takes over all of its messages.
func TestAGoodWorkerTakesOver(t *testing.T) {
	t.Parallel()
	w := startWorker(t)
	good := strings.ReplaceAll(w.bodies["fail"], `"FAULT": "fail"`, `"FAULT": "none"`)
	if good == w.bodies["fail"] {
		t.Fatal("the template has no fault")
	}
	if _, err := w.stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: aws.String(workerStack), TemplateBody: &good, Parameters: w.parameters(),
		Capabilities: []cloudformationtypes.Capability{cloudformationtypes.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	for strings.HasSuffix(string(w.status()), "_IN_PROGRESS") {
		w.send(2)
		w.pass(10 * time.Second)
	}
	if status := w.status(); status != cloudformationtypes.StackStatusUpdateComplete || w.left("OrdersUrl") != "0 0" {
		t.Errorf("the stack is %s, and %s messages are left: %s", status, w.left("OrdersUrl"), w.reasons())
	}
}
