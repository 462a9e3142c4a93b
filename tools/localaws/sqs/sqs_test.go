package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/sqs"
)

const prefix = "arn:aws:sqs:us-east-1:000000000000:"

// metrics adds up the sums of metrics by queue and name.
type metrics struct {
	mu   sync.Mutex
	sums map[string]float64
	last map[string]float64 // the latest maximum
}

func (m *metrics) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range in.MetricData {
		key := *d.Dimensions[0].Value + " " + *d.MetricName
		m.sums[key] += *d.StatisticValues.Sum
		m.last[key] = *d.StatisticValues.Maximum
	}
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

// sum returns what has come of a queue and name. The service may still send.
func (m *metrics) sum(key string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sums[key]
}

// A world is a service with a clock that the test steps.
type world struct {
	*sqs.Service
	t       *testing.T
	now     *clock.Manual
	metrics *metrics
}

func start(t *testing.T) world {
	t.Helper()
	return startWith(t, sqs.Deps{})
}

// startMeasured starts a service that has metrics, and so more timers.
func startMeasured(t *testing.T) world {
	t.Helper()
	m := &metrics{sums: map[string]float64{}, last: map[string]float64{}}
	w := startWith(t, sqs.Deps{Metrics: m})
	w.metrics = m
	return w
}

func startWith(t *testing.T, d sqs.Deps) world {
	t.Helper()
	w := world{t: t, now: clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))}
	w.Service = sqs.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: w.now}, d)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w world) create(name string, attributes map[string]string) *string {
	w.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		attributes = maps.Clone(attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes["FifoQueue"] = "true"
	}
	out, err := w.CreateQueue(w.t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.QueueUrl
}

func (w world) send(queue *string, bodies ...string) {
	w.t.Helper()
	for _, body := range bodies {
		in := &awssqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body)}
		if strings.HasSuffix(*queue, ".fifo") {
			// The group is the first character.
			in.MessageGroupId = aws.String(body[:1])
		}
		if _, err := w.SendMessage(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w world) receive(queue *string) []types.Message {
	w.t.Helper()
	out, err := w.ReceiveMessage(w.t.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: queue, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Messages
}

func (w world) delete(queue *string, m types.Message) {
	w.t.Helper()
	if _, err := w.DeleteMessage(w.t.Context(), &awssqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
		w.t.Error(err)
	}
}

// counts returns the numbers of messages that are visible, in flight and delayed.
func (w world) counts(queue *string) string {
	w.t.Helper()
	out, err := w.GetQueueAttributes(w.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		w.t.Fatal(err)
	}
	a := out.Attributes
	return a["ApproximateNumberOfMessages"] + " " + a["ApproximateNumberOfMessagesNotVisible"] + " " + a["ApproximateNumberOfMessagesDelayed"]
}

func bodies(messages []types.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return strings.Join(all, " ")
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", map[string]string{"VisibilityTimeout": "60"})
	w.send(q, "a", "b")
	got := w.receive(q)
	if bodies(got) != "a b" || w.counts(q) != "0 2 0" {
		t.Fatalf("received %s, %s", bodies(got), w.counts(q))
	}
	w.delete(q, got[0])
	if again := w.receive(q); len(again) > 0 {
		t.Errorf("received %s while it was hidden", bodies(again))
	}
	w.now.Advance(60 * time.Second)
	again := w.receive(q)
	if bodies(again) != "b" || again[0].Attributes["ApproximateReceiveCount"] != "2" || *again[0].MessageId != *got[1].MessageId {
		t.Fatalf("received %s %v", bodies(again), again)
	}
	if first := again[0].Attributes["ApproximateFirstReceiveTimestamp"]; first != "1782907200000" {
		t.Errorf("first received at %s", first)
	}
	// The older handle deletes nothing, and the message can be given back early.
	w.delete(q, got[1])
	change := &awssqs.ChangeMessageVisibilityInput{QueueUrl: q, ReceiptHandle: again[0].ReceiptHandle}
	if _, err := w.ChangeMessageVisibility(t.Context(), change); err != nil {
		t.Error(err)
	}
	if w.counts(q) != "1 0 0" {
		t.Errorf("given back: %s", w.counts(q))
	}
	if _, err := w.ChangeMessageVisibility(t.Context(), change); code(err) != "MessageNotInflight" {
		t.Errorf("changing a visible message: %v", err)
	}
	last := w.receive(q)
	change.ReceiptHandle, change.VisibilityTimeout = last[0].ReceiptHandle, 43200
	w.now.Advance(time.Second)
	if _, err := w.ChangeMessageVisibility(t.Context(), change); code(err) != "InvalidParameterValue" || !strings.Contains(err.Error(), "beyond the limit") {
		t.Errorf("more than twelve hours: %v", err)
	}
	w.now.Advance(59 * time.Second)
	// It is visible, and nobody has received it since.
	w.delete(q, last[0])
	if w.counts(q) != "0 0 0" {
		t.Errorf("deleted: %s", w.counts(q))
	}
	w.delete(q, last[0])
	for _, handle := range []string{"", "x", *w.create("other", nil)} {
		want := "ReceiptHandleIsInvalid"
		if handle == "" {
			want = "MissingParameter"
		}
		if _, err := w.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: &handle}); code(err) != want {
			t.Errorf("handle %q: %v", handle, err)
		}
	}
}

func TestDelays(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", map[string]string{"DelaySeconds": "10"})
	for body, delay := range map[string]int32{"queue": 0, "own": 5, "none": call.Zero} {
		if _, err := w.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: q, MessageBody: &body, DelaySeconds: delay}); err != nil {
			t.Fatal(err)
		}
	}
	if w.counts(q) != "1 0 2" {
		t.Errorf("counts %s", w.counts(q))
	}
	for _, want := range []string{"none", "own", "queue"} {
		if got := bodies(w.receive(q)); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
		w.now.Advance(5 * time.Second)
	}
}

func TestLongPolls(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", map[string]string{"ReceiveMessageWaitTimeSeconds": "20"})
	poll := func(in awssqs.ReceiveMessageInput) <-chan string {
		done := make(chan string)
		in.QueueUrl = q
		go func() {
			out, err := w.ReceiveMessage(t.Context(), &in)
			if err != nil {
				done <- code(err)
				return
			}
			done <- bodies(out.Messages)
		}()
		return done
	}
	waiting := func() { w.now.BlockUntil(1) }
	got := poll(awssqs.ReceiveMessageInput{})
	waiting()
	w.send(q, "sent")
	if b := <-got; b != "sent" {
		t.Errorf("got %q", b)
	}
	got = poll(awssqs.ReceiveMessageInput{})
	waiting()
	w.now.Advance(20 * time.Second)
	if b := <-got; b != "" {
		t.Errorf("got %q", b)
	}
	// A delayed message ends the poll when it becomes visible.
	if _, err := w.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("late"), DelaySeconds: 7}); err != nil {
		t.Fatal(err)
	}
	got = poll(awssqs.ReceiveMessageInput{WaitTimeSeconds: 15, VisibilityTimeout: call.Zero})
	waiting()
	w.now.Advance(7 * time.Second)
	if b := <-got; b != "late" {
		t.Errorf("got %q", b)
	}
	if b := <-poll(awssqs.ReceiveMessageInput{WaitTimeSeconds: call.Zero}); b != "late" {
		t.Errorf("a message that was received for no time: %q", b)
	}
	if b := <-poll(awssqs.ReceiveMessageInput{WaitTimeSeconds: call.Zero}); b != "" {
		t.Errorf("a short poll of an empty queue: %q", b)
	}
	got = poll(awssqs.ReceiveMessageInput{})
	waiting()
	if _, err := w.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: q}); err != nil {
		t.Fatal(err)
	}
	if b := <-got; b != "QueueDoesNotExist" {
		t.Errorf("polling a queue that is deleted: %q", b)
	}
}

func TestDeadLetterQueues(t *testing.T) {
	t.Parallel()
	w := startMeasured(t)
	dead := w.create("dead", map[string]string{"RedrivePolicy": ""})
	policy := `{"deadLetterTargetArn":"` + prefix + `dead","maxReceiveCount":"2"}`
	q := w.create("orders", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": policy})
	w.send(q, "poison")
	for range 2 {
		if got := bodies(w.receive(q)); got != "poison" {
			t.Fatalf("received %q", got)
		}
		w.now.Advance(time.Second)
	}
	// Only the next receive moves it.
	if w.counts(q) != "1 0 0" || bodies(w.receive(q)) != "" || w.counts(q) != "0 0 0" {
		t.Errorf("the message stays: %s", w.counts(q))
	}
	moved := w.receive(dead)
	if bodies(moved) != "poison" {
		t.Fatalf("the dead-letter queue has %q", bodies(moved))
	}
	a := moved[0].Attributes
	if a["DeadLetterQueueSourceArn"] != prefix+"orders" || a["ApproximateReceiveCount"] != "3" || a["SentTimestamp"] != "1782907200000" {
		t.Errorf("attributes %v", a)
	}
	sources, err := w.ListDeadLetterSourceQueues(t.Context(), &awssqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})
	if err != nil || !slices.Equal(sources.QueueUrls, []string{*q}) {
		t.Errorf("sources %v, %v", sources, err)
	}
	w.Flush(t.Context())
	// What moves to a dead-letter queue was not sent to it.
	if got := w.metrics.sum("dead NumberOfMessagesSent"); got != 0 {
		t.Errorf("%v messages were sent to the dead-letter queue", got)
	}
	for text, want := range map[string]string{
		`{"deadLetterTargetArn":"` + prefix + `none","maxReceiveCount":2}`:    "Dead letter target does not exist",
		`{"deadLetterTargetArn":"` + prefix + `dead","maxReceiveCount":1001}`: "valid values are from 1 to 1000",
		`{"deadLetterTargetArn":"` + prefix + `dead"}`:                        "maxReceiveCount",
		`[`: "not a valid JSON map",
	} {
		_, err := w.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"RedrivePolicy": text}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	// The dead-letter queue can refuse others.
	w.create("closed", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + prefix + `x"]}`})
	_, err = w.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"RedrivePolicy": strings.Replace(policy, ":dead", ":closed", 1)}})
	if err == nil || !strings.Contains(err.Error(), "does not permit") {
		t.Errorf("a dead-letter queue of others: %v", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", map[string]string{"MessageRetentionPeriod": "100"})
	w.send(q, "a")
	w.now.Advance(50 * time.Second)
	w.send(q, "b")
	w.now.Advance(50 * time.Second)
	if got := bodies(w.receive(q)); got != "b" {
		t.Errorf("received %q", got)
	}
	w.send(q, "c")
	if _, err := w.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"MessageRetentionPeriod": "60"}}); err != nil {
		t.Fatal(err)
	}
	w.now.Advance(20 * time.Second)
	if w.counts(q) != "1 0 0" {
		t.Errorf("counts %s", w.counts(q))
	}
	if _, err := w.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: q}); err != nil || w.counts(q) != "0 0 0" {
		t.Errorf("purged: %v, %s", err, w.counts(q))
	}
	if _, err := w.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: q}); code(err) != "PurgeQueueInProgress" {
		t.Errorf("purged twice: %v", err)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", map[string]string{"MaximumMessageSize": "1024"})
	entry := func(id, body string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
	}
	out, err := w.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: q, Entries: []types.SendMessageBatchRequestEntry{
		entry("1", "a"), entry("2", strings.Repeat("x", 1025)), entry("3", "b"),
	}})
	if err != nil || len(out.Successful) != 2 || *out.Successful[1].Id != "3" || len(out.Failed) != 1 ||
		*out.Failed[0].Id != "2" || *out.Failed[0].Code != "InvalidParameterValue" || !out.Failed[0].SenderFault {
		t.Fatalf("%+v, %v", out, err)
	}
	many := make([]types.SendMessageBatchRequestEntry, 11)
	for i := range many {
		many[i] = entry(fmt.Sprint(i), "x")
	}
	for want, entries := range map[string][]types.SendMessageBatchRequestEntry{
		"EmptyBatchRequest":            nil,
		"TooManyEntriesInBatchRequest": many,
		"BatchEntryIdsNotDistinct":     {entry("1", "a"), entry("1", "b")},
		"InvalidBatchEntryId":          {entry("a.b", "a")},
		"BatchRequestTooLong":          {entry("1", strings.Repeat("x", 1<<19)), entry("2", strings.Repeat("x", 1<<19+1))},
	} {
		if _, err := w.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: q, Entries: entries}); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	got := w.receive(q)
	changed, err := w.ChangeMessageVisibilityBatch(t.Context(), &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: q, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("1"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 100}, {Id: aws.String("2"), ReceiptHandle: aws.String("x")},
	}})
	if err != nil || len(changed.Successful) != 1 || *changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("%+v, %v", changed, err)
	}
	deleted, err := w.DeleteMessageBatch(t.Context(), &awssqs.DeleteMessageBatchInput{QueueUrl: q, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("1"), ReceiptHandle: got[0].ReceiptHandle}, {Id: aws.String("2"), ReceiptHandle: got[1].ReceiptHandle},
	}})
	if err != nil || len(deleted.Successful) != 2 || w.counts(q) != "0 0 0" {
		t.Errorf("%+v, %v", deleted, err)
	}
}

// The expected digests are those in AWS's examples of the API.
func TestMessageAttributes(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders", nil)
	attributes := map[string]types.MessageAttributeValue{
		"my.kind": {DataType: aws.String("String"), StringValue: aws.String("new")},
		"my.size": {DataType: aws.String("Number.int"), StringValue: aws.String("12")},
		"raw":     {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1}},
	}
	sent, err := w.SendMessage(t.Context(), &awssqs.SendMessageInput{
		QueueUrl: q, MessageBody: aws.String("This is a test message"), MessageAttributes: attributes,
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")}},
	})
	if err != nil || *sent.MD5OfMessageBody != "fafb00f5732ab283681e124bf8747ed1" || sent.MD5OfMessageSystemAttributes == nil {
		t.Fatalf("%+v, %v", sent, err)
	}
	out, err := w.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: q, MessageAttributeNames: []string{"my.*"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"AWSTraceHeader"}})
	if err != nil {
		t.Fatal(err)
	}
	delete(attributes, "raw")
	if diff := cmp.Diff(attributes, out.Messages[0].MessageAttributes, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
	if *out.Messages[0].MD5OfMessageAttributes == *sent.MD5OfMessageAttributes {
		t.Error("the digest covers attributes that were not received")
	}
	if got := out.Messages[0].Attributes; !maps.Equal(got, map[string]string{"AWSTraceHeader": "Root=1"}) {
		t.Errorf("system attributes %v", got)
	}
	for name, v := range map[string]types.MessageAttributeValue{
		"AWS.x": {DataType: aws.String("String"), StringValue: aws.String("x")},
		"a b":   {DataType: aws.String("String"), StringValue: aws.String("x")},
		"type":  {DataType: aws.String("Text"), StringValue: aws.String("x")},
		"n":     {DataType: aws.String("Number"), StringValue: aws.String("x")},
		"empty": {DataType: aws.String("String")},
	} {
		_, err := w.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{name: v}})
		if code(err) != "InvalidParameterValue" {
			t.Errorf("attribute %s: %v", name, err)
		}
	}
}

func TestFIFO(t *testing.T) {
	t.Parallel()
	w := start(t)
	q := w.create("orders.fifo", map[string]string{"ContentBasedDeduplication": "true"})
	w.send(q, "a1", "b1", "a2", "c1", "b2")
	// A duplicate is accepted and not delivered.
	w.send(q, "a1")
	receive := func(most int32) []types.Message {
		out, err := w.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: most, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Messages
	}
	first := receive(1)
	rest := receive(10)
	if bodies(first) != "a1" || bodies(rest) != "b1 c1 b2" {
		t.Fatalf("received %q, then %q", bodies(first), bodies(rest))
	}
	if a := first[0].Attributes; a["MessageGroupId"] != "a" || len(a["SequenceNumber"]) != 20 || len(a["MessageDeduplicationId"]) != 64 || a["SequenceNumber"] >= rest[0].Attributes["SequenceNumber"] {
		t.Errorf("attributes %v", a)
	}
	w.delete(q, first[0])
	if got := bodies(receive(10)); got != "a2" {
		t.Errorf("received %q after the first of its group was deleted", got)
	}
	// What is received again is in order, too, and its old handle is refused.
	w.now.Advance(30 * time.Second)
	if got := bodies(receive(10)); got != "b1 a2 c1 b2" {
		t.Errorf("received %q again", got)
	}
	if _, err := w.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: rest[0].ReceiptHandle}); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an old handle: %v", err)
	}
	w.now.Advance(5 * time.Minute)
	w.send(q, "a1")
	if w.counts(q) != "5 0 0" {
		t.Errorf("sent again after five minutes: %s", w.counts(q))
	}
	plain := w.create("plain.fifo", map[string]string{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
	for _, in := range []awssqs.SendMessageInput{
		{MessageGroupId: aws.String("a"), MessageDeduplicationId: aws.String("1")},
		{MessageGroupId: aws.String("b"), MessageDeduplicationId: aws.String("1")},
		{MessageGroupId: aws.String("b"), MessageDeduplicationId: aws.String("1")},
	} {
		in.QueueUrl, in.MessageBody = plain, aws.String("x")
		if _, err := w.SendMessage(t.Context(), &in); err != nil {
			t.Error(err)
		}
	}
	if w.counts(plain) != "2 0 0" {
		t.Errorf("deduplicated by group: %s", w.counts(plain))
	}
	for want, in := range map[string]awssqs.SendMessageInput{
		"must contain the parameter MessageGroupId": {},
		"ContentBasedDeduplication enabled":         {MessageGroupId: aws.String("a")},
		"not valid for this queue type":             {MessageGroupId: aws.String("a"), MessageDeduplicationId: aws.String("9"), DelaySeconds: 1},
	} {
		in.QueueUrl, in.MessageBody = plain, aws.String("x")
		if _, err := w.SendMessage(t.Context(), &in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := w.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("plain"), Attributes: map[string]string{"FifoQueue": "true"}}); code(err) != "InvalidParameterValue" {
		t.Errorf("a FIFO queue without the suffix: %v", err)
	}
}

func TestQueues(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	q := w.create("b", map[string]string{"VisibilityTimeout": "5"})
	for _, name := range []string{"a", "c", "x"} {
		w.create(name, nil)
	}
	if *q != "http://127.0.0.1:4566/000000000000/b" || *w.create("b", map[string]string{"VisibilityTimeout": "5", "DelaySeconds": "0"}) != *q {
		t.Errorf("the queue is at %s", *q)
	}
	if _, err := w.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("b"), Attributes: map[string]string{"VisibilityTimeout": "6"}}); code(err) != "QueueNameExists" {
		t.Errorf("other attributes: %v", err)
	}
	var names []string
	in := &awssqs.ListQueuesInput{MaxResults: aws.Int32(3)}
	for {
		out, err := w.ListQueues(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, out.QueueUrls...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(names) != 4 || !slices.IsSorted(names) {
		t.Errorf("queues %v", names)
	}
	found, err := w.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("b")})
	if err != nil || *found.QueueUrl != *q {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := w.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: q, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Error(err)
	}
	if _, err := w.UntagQueue(ctx, &awssqs.UntagQueueInput{QueueUrl: q, TagKeys: []string{"a"}}); err != nil {
		t.Error(err)
	}
	if out, err := w.ListQueueTags(ctx, &awssqs.ListQueueTagsInput{QueueUrl: q}); err != nil || !maps.Equal(out.Tags, map[string]string{"b": "2"}) {
		t.Errorf("%v, %v", out, err)
	}
	add := &awssqs.AddPermissionInput{QueueUrl: q, Label: aws.String("l"), AWSAccountIds: []string{"111122223333"}, Actions: []string{"SendMessage"}}
	if _, err := w.AddPermission(ctx, add); err != nil {
		t.Error(err)
	}
	if _, err := w.AddPermission(ctx, add); code(err) != "InvalidParameterValue" {
		t.Errorf("added twice: %v", err)
	}
	policy := func() string {
		out, err := w.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"Policy"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes["Policy"]
	}
	if p := policy(); !strings.Contains(p, `"Action":["SQS:SendMessage"]`) || !strings.Contains(p, "arn:aws:iam::111122223333:root") {
		t.Errorf("policy %s", p)
	}
	if _, err := w.RemovePermission(ctx, &awssqs.RemovePermissionInput{QueueUrl: q, Label: aws.String("l")}); err != nil || policy() != "" {
		t.Errorf("%v, policy %s", err, policy())
	}
	for _, bad := range []map[string]string{
		{"VisibilityTimeout": "43201"}, {"DelaySeconds": "x"}, {"Policy": "{}"}, {"RedriveAllowPolicy": `{"redrivePermission":"byQueue"}`},
		{"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}, {"Unknown": "1"}, {"ContentBasedDeduplication": "true"}, {"FifoQueue": "false"},
	} {
		if _, err := w.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("bad"), Attributes: bad}); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if _, err := w.DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: q}); err != nil {
		t.Error(err)
	}
	for _, gone := range []string{*q, "http://127.0.0.1:4566/111122223333/a"} {
		if _, err := w.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &gone, MessageBody: aws.String("x")}); code(err) != "QueueDoesNotExist" {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := startMeasured(t)
	q := w.create("orders", nil)
	w.send(q, "first", "second", "third")
	got := w.receive(q)
	w.delete(q, got[0])
	w.receive(q)
	w.now.Advance(25 * time.Second)
	w.Flush(t.Context())
	for name, want := range map[string]float64{
		"NumberOfMessagesSent": 3, "NumberOfMessagesReceived": 3, "NumberOfMessagesDeleted": 1, "NumberOfEmptyReceives": 1, "SentMessageSize": 16,
	} {
		if got := w.metrics.sum("orders " + name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	w.now.Advance(10 * time.Second)
	w.Flush(t.Context())
	for name, want := range map[string]float64{
		"ApproximateNumberOfMessagesVisible": 2, "ApproximateNumberOfMessagesNotVisible": 0, "ApproximateAgeOfOldestMessage": 35,
	} {
		w.metrics.mu.Lock()
		if got := w.metrics.last["orders "+name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
		w.metrics.mu.Unlock()
	}
}

func TestMessagesMoveBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	dead := w.create("dead", nil)
	policy := func(most int) map[string]string {
		return map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"%sdead","maxReceiveCount":%d}`, prefix, most)}
	}
	q := w.create("orders", policy(1))
	w.send(q, "a", "b", "c")
	w.receive(q)
	w.receive(q)
	if w.counts(dead) != "3 0 0" {
		t.Fatalf("the dead-letter queue has %s", w.counts(dead))
	}
	task := func() types.ListMessageMoveTasksResultEntry {
		out, err := w.ListMessageMoveTasks(ctx, &awssqs.ListMessageMoveTasksInput{SourceArn: aws.String(prefix + "dead")})
		if err != nil || len(out.Results) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Results[0]
	}
	in := &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(prefix + "dead"), MaxNumberOfMessagesPerSecond: aws.Int32(1)}
	if _, err := w.StartMessageMoveTask(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.now.BlockUntil(1)
	if got := task(); *got.Status != "RUNNING" || got.ApproximateNumberOfMessagesMoved != 1 || *got.ApproximateNumberOfMessagesToMove != 3 {
		t.Errorf("task %+v", got)
	}
	if _, err := w.StartMessageMoveTask(ctx, in); code(err) != "UnsupportedOperation" {
		t.Errorf("two tasks: %v", err)
	}
	// It is a new message, which is not moved to the dead-letter queue at once.
	if got := w.receive(q); bodies(got) != "a" || got[0].Attributes["ApproximateReceiveCount"] != "1" || got[0].Attributes["DeadLetterQueueSourceArn"] != "" {
		t.Errorf("moved back: %+v", got)
	}
	cancelled, err := w.CancelMessageMoveTask(ctx, &awssqs.CancelMessageMoveTaskInput{TaskHandle: task().TaskHandle})
	if err != nil || cancelled.ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("%+v, %v", cancelled, err)
	}
	w.now.Advance(time.Second)
	for *task().Status != "CANCELLED" {
		runtime.Gosched()
	}
	// What was sent to the dead-letter queue itself came from no queue.
	other := w.create("other", nil)
	in = &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(prefix + "dead"), DestinationArn: aws.String(prefix + "other")}
	if _, err := w.StartMessageMoveTask(ctx, in); err != nil {
		t.Fatal(err)
	}
	for *task().Status != "COMPLETED" {
		runtime.Gosched()
	}
	if w.counts(other) != "2 0 0" || w.counts(dead) != "0 0 0" {
		t.Errorf("%s moved, %s left", w.counts(other), w.counts(dead))
	}
	w.send(dead, "mine")
	in.DestinationArn = nil
	if _, err := w.StartMessageMoveTask(ctx, in); err != nil {
		t.Fatal(err)
	}
	for *task().Status == "RUNNING" {
		runtime.Gosched()
	}
	if got := task(); *got.Status != "FAILED" || *got.FailureReason != "CouldNotDetermineMessageSource" {
		t.Errorf("task %+v", got)
	}
	for want, in := range map[string]awssqs.StartMessageMoveTaskInput{
		"InvalidParameterValue":     {SourceArn: aws.String(prefix + "other")},
		"ResourceNotFoundException": {SourceArn: aws.String(prefix + "none")},
		"MissingParameter":          {},
	} {
		if _, err := w.StartMessageMoveTask(ctx, &in); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
