package sqs

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/localaws/call"
)

const (
	maxWait       = 20    // seconds of a long poll
	maxVisibility = 43200 // seconds
	maxFlying     = 120000
)

// number returns the value of a request's number, or the queue's own if the
// request has none.
func number(given int32, own int) int {
	switch given {
	case 0:
		return own
	case call.Zero:
		return 0
	}
	return int(given)
}

// ReceiveMessage receives messages of a queue. It waits for one as long as the
// request says, or the queue. It ends early if the client goes away.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html.
func (s *Service) ReceiveMessage(ctx context.Context, in *awssqs.ReceiveMessageInput) (*awssqs.ReceiveMessageOutput, error) {
	most := int(in.MaxNumberOfMessages)
	if most == 0 {
		most = 1
	}
	wait, visibility := number(in.WaitTimeSeconds, 0), number(in.VisibilityTimeout, 0)
	switch {
	case in.ReceiveRequestAttemptId != nil:
		return nil, unsupported("ReceiveRequestAttemptId")
	case most < 1 || most > maxBatch:
		return nil, badValue("MaxNumberOfMessages", strconv.Itoa(most), "Must be between 1 and 10, if provided.")
	case wait < 0 || wait > maxWait:
		return nil, badValue("WaitTimeSeconds", strconv.Itoa(wait), "Must be >= 0 and <= 20, if provided.")
	case visibility < 0 || visibility > maxVisibility:
		return nil, badValue("VisibilityTimeout", strconv.Itoa(visibility), "Must be >= 0 and <= 43200, if provided.")
	}
	out := &awssqs.ReceiveMessageOutput{}
	var deadline time.Time
	for {
		var changed chan struct{}
		var pause time.Duration
		err := s.on(in.QueueUrl, func(q *queue) error {
			now := s.account.Clock.Now()
			if deadline.IsZero() {
				deadline = now.Add(time.Duration(number(in.WaitTimeSeconds, q.wait)) * time.Second)
			}
			if q.flying >= maxFlying {
				return &types.OverLimit{Message: aws.String("The maximum number of in flight messages is reached: " + strconv.Itoa(maxFlying))}
			}
			visible := time.Duration(number(in.VisibilityTimeout, q.visibility)) * time.Second
			for _, m := range q.take(now, most, visible, func(m *message) bool { return s.bury(q, m, now) }) {
				out.Messages = append(out.Messages, q.shown(m, in))
			}
			changed, pause = q.changed, deadline.Sub(now)
			if at, ok := q.next(); ok {
				pause = min(pause, at.Sub(now))
			}
			switch {
			case len(out.Messages) > 0:
				s.meter.add(q, now, receivedMessages, float64(len(out.Messages)))
				pause = 0
			case !now.Before(deadline):
				s.meter.add(q, now, emptyReceives, 1)
				pause = 0
			}
			return nil
		})
		if err != nil || pause <= 0 {
			return out, err
		}
		if err := s.pause(ctx, changed, pause); err != nil {
			return out, err
		}
	}
}

// pause waits until a queue has changed or a time has passed.
func (s *Service) pause(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	timer := s.account.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C():
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.Done():
		return ended()
	}
	return nil
}

// Await waits until a message of a queue can be received, or until a time if that
// is not zero. Unlike a long poll, it needs no timer as long as the queue is empty,
// and so costs nothing however fast the clock runs.
func (s *Service) Await(ctx context.Context, queueARN string, until time.Time) error {
	for {
		s.mu.Lock()
		q := s.byARN(queueARN)
		if q == nil {
			s.mu.Unlock()
			return noQueue()
		}
		now := s.account.Clock.Now()
		if q.available(now) || !until.IsZero() && !now.Before(until) {
			s.mu.Unlock()
			return nil
		}
		changed := q.changed
		at, timed := q.next()
		if !until.IsZero() && (!timed || until.Before(at)) {
			at, timed = until, true
		}
		s.mu.Unlock()
		if timed {
			if err := s.pause(ctx, changed, at.Sub(now)); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.life.Done():
			return ended()
		}
	}
}

// Available reports whether a message of a queue can be received now.
func (s *Service) Available(queueARN string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.byARN(queueARN)
	return q != nil && q.available(s.account.Clock.Now())
}

// bury moves a message to the dead-letter queue of q. It returns false if that
// queue no longer exists. s is locked.
//
// A message of a standard queue keeps the time at which it was sent. In a FIFO
// queue, it gets a new one.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html.
func (s *Service) bury(q *queue, m *message, now time.Time) bool {
	target := s.byARN(q.redrive.target)
	if target == nil {
		return false
	}
	q.remove(m)
	m.source = q.arn
	if target.fifo {
		m.sent = now
	}
	target.add(m, now, 0)
	s.meter.active(target, now)
	return true
}

// shown returns a received message as a request wants it.
func (q *queue) shown(m *message, in *awssqs.ReceiveMessageInput) types.Message {
	out := types.Message{MessageId: aws.String(m.id), ReceiptHandle: aws.String(q.handle(m)), Body: aws.String(m.body), MD5OfBody: sum(m.body)}
	names := in.MessageSystemAttributeNames
	for _, name := range in.AttributeNames { //nolint:staticcheck // older clients send it
		names = append(names, types.MessageSystemAttributeName(name))
	}
	if len(names) > 0 {
		all := q.system(m)
		if !slices.Contains(names, types.MessageSystemAttributeNameAll) {
			maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(names, types.MessageSystemAttributeName(name)) })
		}
		out.Attributes = all
	}
	wanted := map[string]types.MessageAttributeValue{}
	for name, value := range m.attributes {
		if slices.ContainsFunc(in.MessageAttributeNames, func(pattern string) bool { return covers(pattern, name) }) {
			wanted[name] = value
		}
	}
	if len(wanted) > 0 {
		out.MessageAttributes, out.MD5OfMessageAttributes = wanted, digest(wanted)
	}
	return out
}

// covers reports whether the name of an attribute is one that a request asks for.
func covers(pattern, name string) bool {
	if pattern == "All" || pattern == ".*" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, ".*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// system returns a message's system attributes. Times are in milliseconds.
func (q *queue) system(m *message) map[string]string {
	milliseconds := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	all := map[string]string{
		"SenderId": m.sender, "SentTimestamp": milliseconds(m.sent), "ApproximateReceiveCount": strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": milliseconds(m.first),
		"AWSTraceHeader":                   m.trace, "DeadLetterQueueSourceArn": m.source, "MessageGroupId": m.group,
	}
	if q.fifo {
		all["MessageDeduplicationId"], all["SequenceNumber"] = m.deduplication, *sequenceNumber(m.sequence)
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// holding returns the message that a receipt handle is for, as [queue.held] does.
func holding(q *queue, handle *string) (m *message, latest bool, err error) {
	if aws.ToString(handle) == "" {
		return nil, false, missing("ReceiptHandle")
	}
	m, latest, ok := q.held(*handle)
	if !ok {
		return nil, false, &types.ReceiptHandleIsInvalid{Message: aws.String("The input receipt handle is invalid.")}
	}
	return m, latest, nil
}

// discard deletes a message. If the message was received again since, the
// handle no longer deletes it. A FIFO queue also refuses a handle whose
// visibility timeout is over.
func (s *Service) discard(q *queue, handle *string) error {
	now := s.account.Clock.Now()
	q.settle(now)
	m, latest, err := holding(q, handle)
	if err != nil {
		return err
	}
	if q.fifo && m != nil && (!latest || m.index < 0) {
		return badValue("ReceiptHandle", *handle, "The receipt handle has expired.")
	}
	if m != nil && latest {
		q.remove(m)
	}
	s.meter.add(q, now, deletedMessages, 1)
	return nil
}

// DeleteMessage deletes a message that was received. Deleting one that is
// already gone is no error.
func (s *Service) DeleteMessage(_ context.Context, in *awssqs.DeleteMessageInput) (*awssqs.DeleteMessageOutput, error) {
	return &awssqs.DeleteMessageOutput{}, s.on(in.QueueUrl, func(q *queue) error { return s.discard(q, in.ReceiptHandle) })
}

// DeleteMessageBatch deletes up to ten messages.
func (s *Service) DeleteMessageBatch(_ context.Context, in *awssqs.DeleteMessageBatchInput) (*awssqs.DeleteMessageBatchOutput, error) {
	out := &awssqs.DeleteMessageBatchOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) (err error) {
		out.Failed, err = batch("DeleteMessageBatchRequestEntry", in.Entries, func(e types.DeleteMessageBatchRequestEntry) *string { return e.Id },
			func(e types.DeleteMessageBatchRequestEntry) error {
				err := s.discard(q, e.ReceiptHandle)
				if err == nil {
					out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
				}
				return err
			})
		return err
	})
}

// change sets how long a received message stays hidden from now on.
func (s *Service) change(q *queue, handle *string, seconds int32) error {
	now := s.account.Clock.Now()
	q.settle(now)
	if seconds < 0 || seconds > maxVisibility {
		return badValue("VisibilityTimeout", strconv.Itoa(int(seconds)), "Must be between 0 and 43200, if provided.")
	}
	m, latest, err := holding(q, handle)
	if err != nil {
		return err
	}
	if m == nil || !latest {
		return badValue("ReceiptHandle", *handle, "Message does not exist or is not available for visibility timeout change.")
	}
	if !m.flying {
		return &types.MessageNotInflight{Message: aws.String("The message referred to isn't in flight.")}
	}
	until := now.Add(time.Duration(seconds) * time.Second)
	if until.After(m.received.Add(maxVisibility * time.Second)) {
		return badValue("VisibilityTimeout", strconv.Itoa(int(seconds)), "Total VisibilityTimeout for the message is beyond the limit ["+strconv.Itoa(maxVisibility)+" seconds]")
	}
	q.hide(m, until)
	q.notify()
	return nil
}

// ChangeMessageVisibility sets how long a received message stays hidden.
func (s *Service) ChangeMessageVisibility(_ context.Context, in *awssqs.ChangeMessageVisibilityInput) (*awssqs.ChangeMessageVisibilityOutput, error) {
	return &awssqs.ChangeMessageVisibilityOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		return s.change(q, in.ReceiptHandle, in.VisibilityTimeout)
	})
}

// ChangeMessageVisibilityBatch sets how long up to ten messages stay hidden.
func (s *Service) ChangeMessageVisibilityBatch(_ context.Context, in *awssqs.ChangeMessageVisibilityBatchInput) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	out := &awssqs.ChangeMessageVisibilityBatchOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) (err error) {
		out.Failed, err = batch("ChangeMessageVisibilityBatchRequestEntry", in.Entries,
			func(e types.ChangeMessageVisibilityBatchRequestEntry) *string { return e.Id },
			func(e types.ChangeMessageVisibilityBatchRequestEntry) error {
				err := s.change(q, e.ReceiptHandle, e.VisibilityTimeout)
				if err == nil {
					out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
				}
				return err
			})
		return err
	})
}
