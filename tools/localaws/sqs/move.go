package sqs

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
)

// The states of a task that moves the messages of a dead-letter queue back.
const (
	moveRunning    = "RUNNING"
	moveCompleted  = "COMPLETED"
	moveCancelling = "CANCELLING"
	moveCancelled  = "CANCELLED"
	moveFailed     = "FAILED"
)

// A moveTask moves messages. It is guarded by Service.mu.
type moveTask struct {
	id, source, target string // ARNs; target is empty for the queues that the messages came from
	rate               int    // messages a second; 0 for all at once
	status, failure    string
	total, moved       int
	started            time.Time
}

// handle returns the handle that cancels the task.
func (t *moveTask) handle() *string {
	return aws.String(base64.StdEncoding.EncodeToString([]byte(`{"taskId":"` + t.id + `","sourceArn":"` + t.source + `"}`)))
}

func noResource(text string) error {
	return &types.ResourceNotFoundException{Message: aws.String(text)}
}

// StartMessageMoveTask begins to move the messages of a dead-letter queue to
// another queue, or back to those that they came from.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html.
func (s *Service) StartMessageMoveTask(_ context.Context, in *awssqs.StartMessageMoveTaskInput) (*awssqs.StartMessageMoveTaskOutput, error) {
	t := &moveTask{id: uuid.NewString(), source: aws.ToString(in.SourceArn), target: aws.ToString(in.DestinationArn), status: moveRunning}
	if in.MaxNumberOfMessagesPerSecond != nil {
		const most = 500
		if t.rate = int(*in.MaxNumberOfMessagesPerSecond); t.rate < 1 || t.rate > most {
			return nil, badValue("MaxNumberOfMessagesPerSecond", strconv.Itoa(t.rate), "Must be between 1 and 500, if provided.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.byARN(t.source)
	switch {
	case s.life.Err() != nil:
		return nil, ended()
	case t.source == "":
		return nil, missing("SourceArn")
	case q == nil:
		return nil, noResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	case len(s.sources(q)) == 0:
		return nil, invalid("Source queue must be configured as a Dead Letter Queue.")
	case t.target != "" && s.byARN(t.target) == nil:
		return nil, noResource("The resource that you specified for the DestinationArn parameter doesn't exist.")
	case t.target == t.source:
		return nil, invalid("Source queue arn and destination queue arn must be different.")
	case slices.ContainsFunc(s.moves, func(other *moveTask) bool {
		return other.source == t.source && (other.status == moveRunning || other.status == moveCancelling)
	}):
		return nil, &types.UnsupportedOperation{Message: aws.String("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")}
	}
	t.started = s.account.Clock.Now()
	q.settle(t.started)
	t.total, _, _ = q.count()
	s.moves = append(s.moves, t)
	s.background.Go(func() { s.move(t) })
	return &awssqs.StartMessageMoveTaskOutput{TaskHandle: t.handle()}, nil
}

// move moves messages once a second until there are none left that can be received.
func (s *Service) move(t *moveTask) {
	for {
		s.mu.Lock()
		again, err := s.moveSome(t)
		switch {
		case t.status == moveCancelling:
			t.status, again = moveCancelled, false
		case err != nil:
			t.status, t.failure, again = moveFailed, err.Error(), false
		case !again:
			t.status = moveCompleted
		}
		s.mu.Unlock()
		if !again || clock.Sleep(s.life, s.account.Clock, time.Second) != nil {
			return
		}
	}
}

// moveSome moves the messages of one second. It returns false if none are left. s
// is locked.
func (s *Service) moveSome(t *moveTask) (again bool, err error) {
	q := s.byARN(t.source)
	if t.status == moveCancelling || q == nil {
		return false, nil
	}
	now := s.account.Clock.Now()
	q.settle(now)
	var moving []*message
	q.receivable(func(m *message) bool {
		moving = append(moving, m)
		return t.rate == 0 || len(moving) < t.rate
	})
	for _, m := range moving {
		to := t.target
		if to == "" {
			to = m.source
		}
		target := s.byARN(to)
		switch {
		case to == "":
			return false, errors.New("CouldNotDetermineMessageSource")
		case target == nil:
			return false, errors.New("AWS.SimpleQueueService.NonExistentQueue")
		case target.fifo != q.fifo:
			return false, errors.New("UnsupportedDestinationQueueType")
		}
		q.remove(m)
		// It is a new message.
		m.id, m.sent, m.receives, m.first, m.source = uuid.NewString(), now, 0, time.Time{}, ""
		target.add(m, now, 0)
		t.moved++
		s.meter.add(target, now, sentMessages, 1)
		s.meter.active(q, now)
	}
	return q.available(now), nil
}

// CancelMessageMoveTask ends a task. Messages that it has moved stay where they are.
func (s *Service) CancelMessageMoveTask(_ context.Context, in *awssqs.CancelMessageMoveTaskInput) (*awssqs.CancelMessageMoveTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.moves {
		if *t.handle() == aws.ToString(in.TaskHandle) && t.status == moveRunning {
			t.status = moveCancelling
			return &awssqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: int64(t.moved)}, nil
		}
	}
	return nil, noResource("Task does not exist.")
}

// QueueOf returns the ARN of the queue whose messages a task moves, by the handle
// of the task.
func (s *Service) QueueOf(handle string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.moves {
		if *t.handle() == handle {
			return t.source, nil
		}
	}
	return "", noResource("Task does not exist.")
}

// ListMessageMoveTasks lists the latest tasks of a dead-letter queue, newest first.
func (s *Service) ListMessageMoveTasks(_ context.Context, in *awssqs.ListMessageMoveTasksInput) (*awssqs.ListMessageMoveTasksOutput, error) {
	most := 1
	if in.MaxResults != nil {
		if most = int(*in.MaxResults); most < 1 || most > maxBatch {
			return nil, badValue("MaxResults", strconv.Itoa(most), "Must be between 1 and 10, if provided.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byARN(aws.ToString(in.SourceArn)) == nil {
		return nil, noResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	out := &awssqs.ListMessageMoveTasksOutput{}
	for _, t := range slices.Backward(s.moves) {
		if t.source != *in.SourceArn || len(out.Results) == most {
			continue
		}
		r := types.ListMessageMoveTasksResultEntry{
			ApproximateNumberOfMessagesMoved: int64(t.moved), ApproximateNumberOfMessagesToMove: aws.Int64(int64(t.total)),
			SourceArn: aws.String(t.source), StartedTimestamp: t.started.UnixMilli(), Status: aws.String(t.status),
		}
		if t.target != "" {
			r.DestinationArn = aws.String(t.target)
		}
		if t.rate > 0 {
			r.MaxNumberOfMessagesPerSecond = aws.Int32(int32(t.rate)) // #nosec G115 -- it is at most 500
		}
		if t.failure != "" {
			r.FailureReason = aws.String(t.failure)
		}
		// Only a task that runs can be cancelled.
		if t.status == moveRunning {
			r.TaskHandle = t.handle()
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}
