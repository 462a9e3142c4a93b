package probe

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// workedOff is how long a message may take unless the step says otherwise.
const workedOff = 30 * time.Second

// queued are the attributes that count a queue's messages: those that wait, those that are
// being processed, and those that are delayed. On AWS the counts are approximate.
var queued = []sqstypes.QueueAttributeName{
	sqstypes.QueueAttributeNameApproximateNumberOfMessages,
	sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// A queue can be asked how many messages it and its dead-letter queue have.
type queue struct {
	client    *sqs.Client
	url, dead string // dead is "" if it has no dead-letter queue
}

func (q queue) count(ctx context.Context, url string) (int, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: queued})
	if err != nil {
		return 0, fmt.Errorf("counting the messages of %s: %w", url, err)
	}
	total := 0
	for _, name := range queued {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("counting the messages of %s: %s is %q", url, name, out.Attributes[string(name)])
		}
		total += n
	}
	return total, nil
}

// dropped counts the messages in the dead-letter queue.
func (q queue) dropped(ctx context.Context) (int, error) {
	if q.dead == "" {
		return 0, nil
	}
	return q.count(ctx, q.dead)
}

// openQueue finds a queue's dead-letter queue.
func openQueue(ctx context.Context, cfg aws.Config, url string) (queue, error) {
	q := queue{client: sqs.NewFromConfig(cfg), url: url}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameRedrivePolicy},
	})
	if err != nil {
		return q, fmt.Errorf("looking for queue %s: %w", url, err)
	}
	policy := out.Attributes[string(sqstypes.QueueAttributeNameRedrivePolicy)]
	if policy == "" {
		return q, nil
	}
	var redrive struct{ DeadLetterTargetArn string }
	if err := json.Unmarshal([]byte(policy), &redrive); err != nil {
		return q, fmt.Errorf("reading the redrive policy of %s: %w", url, err)
	}
	// arn:aws:sqs:region:account:name
	fields := strings.Split(redrive.DeadLetterTargetArn, ":")
	if len(fields) != 6 {
		return q, fmt.Errorf("reading the redrive policy of %s: %q is not the ARN of a queue", url, redrive.DeadLetterTargetArn)
	}
	dead, err := q.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &fields[5], QueueOwnerAWSAccountId: &fields[4]})
	if err != nil {
		return q, fmt.Errorf("looking for the dead-letter queue of %s: %w", url, err)
	}
	q.dead = aws.ToString(dead.QueueUrl)
	return q, nil
}

// message sends a message and waits until the queue is empty. The queue's dead-letter queue
// must not have more messages than before.
func (s *Session) message(ctx context.Context, step Step) (Result, error) {
	url, err := fillText(step.Message.Queue, s.Values)
	if err != nil {
		return Result{}, err
	}
	body, err := fillText(step.Message.Body, s.Values)
	if err == nil && step.Message.JSON != nil {
		var filled []byte
		filled, err = fillJSON(step.Message.JSON, s.Values)
		body = string(filled)
	}
	if err != nil {
		return Result{}, err
	}
	q, err := openQueue(ctx, s.AWS, url)
	if err != nil {
		return Result{}, err
	}
	before, err := q.dropped(ctx)
	if err != nil {
		return Result{}, err
	}
	start := s.Clock.Now()
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}
	if strings.HasSuffix(url, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = aws.String("smoke"), aws.String(rand.Text())
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return Result{}, fmt.Errorf("sending a message to %s: %w", url, err)
	}
	within := step.Within
	if within == 0 {
		within = workedOff
	}
	for {
		waiting, err := q.count(ctx, url)
		if err != nil {
			return Result{}, err
		}
		// A message is moved from one queue to the other. Asked in this order, it is always
		// counted in one of them.
		dropped, err := q.dropped(ctx)
		switch {
		case err != nil:
			return Result{}, err
		case dropped > before:
			return Result{}, fmt.Errorf("%s: the dead-letter queue %s has %d messages, and had %d before", step.subject(), q.dead, dropped, before)
		case waiting == 0:
			return Result{"SEND", http.StatusOK, nil, clock.Since(s.Clock, start)}, nil
		case clock.Since(s.Clock, start) > within:
			return Result{}, fmt.Errorf("%s: after %v there are still %d messages in the queue", step.subject(), within, waiting)
		}
		if err := clock.Sleep(ctx, s.Clock, pause); err != nil {
			return Result{}, err
		}
	}
}

// event puts an event on a bus.
func (s *Session) event(ctx context.Context, step Step) (Result, error) {
	bus, busErr := fillText(step.Event.Bus, s.Values)
	source, sourceErr := fillText(step.Event.Source, s.Values)
	kind, kindErr := fillText(step.Event.Type, s.Values)
	detail, detailErr := fillJSON(step.Event.Detail, s.Values)
	if err := errors.Join(busErr, sourceErr, kindErr, detailErr); err != nil {
		return Result{}, err
	}
	entry := eventtypes.PutEventsRequestEntry{Source: &source, DetailType: &kind, Detail: aws.String(string(detail))}
	if bus != "" {
		entry.EventBusName = &bus
	}
	start := s.Clock.Now()
	out, err := eventbridge.NewFromConfig(s.AWS).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{entry}})
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", step.subject(), err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return Result{}, fmt.Errorf("%s: EventBridge refuses it: %s: %s", step.subject(), *e.ErrorCode, aws.ToString(e.ErrorMessage))
		}
	}
	return Result{"EVENT", http.StatusOK, nil, clock.Since(s.Clock, start)}, nil
}
