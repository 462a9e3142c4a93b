package lambda

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// flushInterval is how long metrics and log lines are collected before they are sent.
const flushInterval = 50 * time.Millisecond

// The limits of one PutLogEvents request.
// See https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html.
const (
	maxBatch      = 1 << 20 // bytes
	maxEvents     = 10000
	eventOverhead = 26 // bytes
)

// A shipper sends log lines to CloudWatch Logs.
type shipper struct {
	service *Service
	wake    chan struct{}

	mu    sync.Mutex
	dirty map[*stream]struct{}
}

func newShipper(s *Service) *shipper {
	return &shipper{service: s, wake: make(chan struct{}, 1), dirty: map[*stream]struct{}{}}
}

// A stream is the log stream of an environment.
type stream struct {
	shipper     *shipper
	group, name string

	mu      sync.Mutex
	pending []logstypes.InputLogEvent
	size    int // of pending, in bytes

	sending sync.Mutex // held while a batch is sent, to keep the order
	exists  bool
}

func (l *shipper) stream(group, name string) *stream {
	return &stream{shipper: l, group: group, name: name}
}

// append adds a line. The pending lines are limited: append blocks a writer
// that is faster than CloudWatch Logs.
func (st *stream) append(at time.Time, text string) {
	st.mu.Lock()
	first := len(st.pending) == 0
	st.pending = append(st.pending, logstypes.InputLogEvent{Message: aws.String(text), Timestamp: aws.Int64(at.UnixMilli())})
	st.size += len(text) + eventOverhead
	full := st.size >= maxBatch-maxLine-eventOverhead || len(st.pending) >= maxEvents
	st.mu.Unlock()
	if full {
		st.shipper.send(st.shipper.service.life, st)
	} else if first {
		st.shipper.mu.Lock()
		st.shipper.dirty[st] = struct{}{}
		st.shipper.mu.Unlock()
		signal(st.shipper.wake)
	}
}

// flush sends the pending lines of all streams.
func (l *shipper) flush(ctx context.Context) {
	l.mu.Lock()
	dirty := l.dirty
	l.dirty = map[*stream]struct{}{}
	l.mu.Unlock()
	for st := range dirty {
		l.send(ctx, st)
	}
}

// send sends the pending lines of a stream. As on Lambda, lines that can't be
// sent are lost.
func (l *shipper) send(ctx context.Context, st *stream) {
	// The last lines are sent while the service shuts down.
	ctx = context.WithoutCancel(ctx)
	st.sending.Lock()
	defer st.sending.Unlock()
	st.mu.Lock()
	batch := st.pending
	st.pending, st.size = nil, 0
	st.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	put := func() error {
		if err := l.create(ctx, st); err != nil {
			return err
		}
		_, err := l.service.deps.Logs.PutLogEvents(ctx, &awslogs.PutLogEventsInput{
			LogGroupName: aws.String(st.group), LogStreamName: aws.String(st.name), LogEvents: batch,
		})
		return err
	}
	err := put()
	if _, gone := errors.AsType[*logstypes.ResourceNotFoundException](err); gone && st.exists {
		// The stream was deleted in the meantime. Lambda creates it again.
		st.exists = false
		err = put()
	}
	if err != nil {
		l.service.account.Log.Warn("writing a function's log", "group", st.group, "stream", st.name, "lines", len(batch), "error", err)
	}
}

// create creates the stream and its group if they don't exist.
func (l *shipper) create(ctx context.Context, st *stream) error {
	if st.exists {
		return nil
	}
	_, err := l.service.deps.Logs.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: aws.String(st.group)})
	if err := ignoreExisting(err); err != nil {
		return err
	}
	_, err = l.service.deps.Logs.CreateLogStream(ctx, &awslogs.CreateLogStreamInput{
		LogGroupName: aws.String(st.group), LogStreamName: aws.String(st.name),
	})
	if err := ignoreExisting(err); err != nil {
		return err
	}
	st.exists = true
	return nil
}

func ignoreExisting(err error) error {
	if _, exists := errors.AsType[*logstypes.ResourceAlreadyExistsException](err); exists {
		return nil
	}
	return err
}
