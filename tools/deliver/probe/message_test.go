package probe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

// A working clock lets a worker work in each pause, which then is over at once.
type working struct {
	*clock.Manual

	work func()
}

func (w working) NewTimer(d time.Duration) clock.Timer {
	w.work()
	w.Advance(d)
	return w.Manual.NewTimer(0)
}

// queues makes a queue with a dead-letter queue and returns their URLs.
func queues(t *testing.T, client *sqs.Client, suffix string) (url, dead *string) {
	t.Helper()
	attributes := map[string]string{}
	if suffix != "" {
		attributes["FifoQueue"] = "true"
	}
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead" + suffix), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	dead = made.QueueUrl
	attributes["RedrivePolicy"] = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead` + suffix + `","maxReceiveCount":"1"}`
	made, err = client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders" + suffix), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return made.QueueUrl, dead
}

// TestMessages holds that a message succeeds when a worker has worked it off, and not
// when it stays in the queue or is dropped.
func TestMessages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step, suffix string
		drops, idles bool
		body, says   string
	}{
		"text":       {step: `message: {queue: "${output.Orders}", body: "${commit}"}`, body: "c0ffee"},
		"JSON":       {step: `message: {queue: "${output.Orders}", json: {of: "${commit}"}}`, body: `{"of":"c0ffee"}`},
		"first in":   {step: `message: {queue: "${output.Orders}", body: a}`, suffix: ".fifo", body: "a"},
		"idle":       {step: `{message: {queue: "${output.Orders}", body: a}, within: 5s}`, idles: true, says: "after 5s there are still 1 messages in the queue"},
		"by default": {step: `message: {queue: "${output.Orders}", body: a}`, idles: true, says: "after 30s there are still"},
		"dropped":    {step: `message: {queue: "${output.Orders}", body: a}`, drops: true, says: "/dead has 2 messages, and had 1 before"},
		"no output":  {step: `message: {queue: "${output.Order}", body: a}`, says: `the stage's stack has no output Order; did you mean "output.Orders"?`},
		"no queue":   {step: `message: {queue: "${output.Orders}2", body: a}`, says: "looking for queue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := localawstest.Start(t)
			client := sqs.NewFromConfig(cfg)
			url, dead := queues(t, client, tt.suffix)
			drop := func(body *string) {
				in := &sqs.SendMessageInput{QueueUrl: dead, MessageBody: body}
				if tt.suffix != "" {
					in.MessageGroupId, in.MessageDeduplicationId = aws.String("a"), body
				}
				if _, err := client.SendMessage(t.Context(), in); err != nil {
					t.Error(err)
				}
			}
			drop(aws.String("before"))
			got := ""
			session := &probe.Session{AWS: cfg, Values: map[string]any{"commit": "c0ffee", "output.Orders": *url}, Clock: working{clock.NewManual(clock.System().Now()), func() {
				if tt.idles {
					return
				}
				received, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url})
				if err != nil || len(received.Messages) != 1 {
					t.Errorf("received %+v, %v", received, err)
					return
				}
				got = aws.ToString(received.Messages[0].Body)
				if tt.drops {
					drop(received.Messages[0].Body)
				}
				if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: received.Messages[0].ReceiptHandle}); err != nil {
					t.Error(err)
				}
			}}}
			results, err := do(t.Context(), session, steps(t, "- "+tt.step))
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v, want %q", err, tt.says)
				}
				return
			}
			if err != nil || len(results) != 1 || results[0].Method != "SEND" || results[0].Took != time.Second || got != tt.body {
				t.Errorf("%+v, %v; the worker got %q, want %q", results, err, got, tt.body)
			}
		})
	}
}

// TestEvents holds that an event arrives at the target of a rule.
func TestEvents(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	client := sqs.NewFromConfig(cfg)
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("events"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	bus := eventbridge.NewFromConfig(cfg)
	if _, err := bus.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("all"), EventPattern: aws.String(`{"source":["shop"],"detail-type":["taken"]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("all"), Targets: []eventtypes.Target{
		{Id: aws.String("1"), Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:events")},
	}}); err != nil {
		t.Fatal(err)
	}
	session := &probe.Session{AWS: cfg, Values: map[string]any{"commit": "c0ffee"}, Clock: clock.System()}
	results, err := do(t.Context(), session, steps(t, `- event: {source: shop, type: taken, detail: {of: "${commit}"}}`))
	if err != nil || len(results) != 1 || results[0].Method != "EVENT" {
		t.Fatalf("%+v, %v", results, err)
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 20})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"detail":{"of":"c0ffee"}`) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := do(t.Context(), session, steps(t, "- event: {bus: nobody, source: shop, type: taken}")); err == nil || !strings.Contains(err.Error(), "event taken") {
		t.Errorf("to a bus that is not there: %v", err)
	}
}
