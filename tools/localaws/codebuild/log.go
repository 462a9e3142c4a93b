package codebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// Limits, in bytes, of the part of a build's log that is kept for Follow, and
// of a line. CloudWatch Logs has the whole log.
const (
	followed    = 1 << 20
	longestLine = 64 << 10
)

// A buildLog is a build's log. CloudWatch Logs has all of it, and memory its end.
type buildLog struct {
	logs          Logs // nil if the project's logs are disabled
	clock         clock.Clock
	group, stream string
	broken        func(error) // called with the reason when CloudWatch Logs gets no more lines

	mu      sync.Mutex
	changed *sync.Cond // signals changes of pending and closed
	watch   chan struct{}
	lines   []string
	first   int // the number of lines[0]
	size    int
	pending []logstypes.InputLogEvent
	closed  bool
	pumped  chan struct{} // closed when nothing is pending and nothing will be; nil before open
}

func newBuildLog(s *Service, b *build) *buildLog {
	l := &buildLog{
		logs:   s.deps.Logs,
		clock:  s.account.Clock,
		group:  "/aws/codebuild/" + *b.project.Name,
		stream: b.uuid,
		watch:  make(chan struct{}),
		broken: func(err error) {
			s.account.Log.Warn("writing a build's log", "build", *b.api.Id, "error", err)
		},
	}
	l.changed = sync.NewCond(&l.mu)
	if c := b.project.LogsConfig; c != nil && c.CloudWatchLogs != nil {
		if c.CloudWatchLogs.Status == cbtypes.LogsConfigStatusTypeDisabled {
			l.logs = nil
		}
		if group := aws.ToString(c.CloudWatchLogs.GroupName); group != "" {
			l.group = group
		}
		if stream := aws.ToString(c.CloudWatchLogs.StreamName); stream != "" {
			l.stream = stream + "/" + b.uuid
		}
	}
	return l
}

// location returns the API's description of the log.
func (l *buildLog) location(a account.Account) *cbtypes.LogsLocation {
	status := cbtypes.LogsConfigStatusTypeEnabled
	if l.logs == nil {
		status = cbtypes.LogsConfigStatusTypeDisabled
		return &cbtypes.LogsLocation{CloudWatchLogs: &cbtypes.CloudWatchLogsConfig{Status: status}}
	}
	return &cbtypes.LogsLocation{
		CloudWatchLogs:    &cbtypes.CloudWatchLogsConfig{Status: status, GroupName: aws.String(l.group)},
		CloudWatchLogsArn: aws.String(a.ARN("logs", "log-group:"+l.group+":log-stream:"+l.stream)),
		GroupName:         aws.String(l.group),
		StreamName:        aws.String(l.stream),
	}
}

// open creates the stream, and the group if necessary, and begins to fill the stream.
func (l *buildLog) open(ctx context.Context) error {
	if l.logs == nil {
		return nil
	}
	if _, err := l.logs.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: aws.String(l.group)}); err != nil {
		if _, exists := errors.AsType[*logstypes.ResourceAlreadyExistsException](err); !exists {
			return err
		}
	}
	if _, err := l.logs.CreateLogStream(ctx, &awslogs.CreateLogStreamInput{LogGroupName: aws.String(l.group), LogStreamName: aws.String(l.stream)}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pumped = make(chan struct{})
	go l.pump(context.WithoutCancel(ctx))
	return nil
}

// pump sends lines to CloudWatch Logs in batches of whatever has arrived.
func (l *buildLog) pump(ctx context.Context) {
	defer close(l.pumped)
	for {
		l.mu.Lock()
		for len(l.pending) == 0 && !l.closed {
			l.changed.Wait()
		}
		events := l.pending
		l.pending = nil
		l.mu.Unlock()
		if len(events) == 0 {
			return
		}
		for batch := range slices.Chunk(events, 1000) {
			_, err := l.logs.PutLogEvents(ctx, &awslogs.PutLogEventsInput{LogGroupName: aws.String(l.group), LogStreamName: aws.String(l.stream), LogEvents: batch})
			if err != nil {
				l.broken(err)
			}
		}
	}
}

// Write takes complete lines.
func (l *buildLog) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.add(strings.TrimSuffix(line, "\n"))
	}
	return len(p), nil
}

// say adds a line as CodeBuild's agent does.
func (l *buildLog) say(format string, args ...any) {
	l.add("[Container] " + l.clock.Now().UTC().Format("2006/01/02 15:04:05.000000") + " " + fmt.Sprintf(format, args...))
}

func (l *buildLog) add(line string) {
	if len(line) > longestLine {
		line = line[:longestLine]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	for l.size += len(line) + 1; l.size > followed && len(l.lines) > 1; l.first++ {
		l.size -= len(l.lines[0]) + 1
		l.lines = l.lines[1:]
	}
	if l.logs != nil {
		// CodeBuild's events end in a newline; an event can't be empty.
		l.pending = append(l.pending, logstypes.InputLogEvent{Message: aws.String(line + "\n"), Timestamp: aws.Int64(l.clock.Now().UnixMilli())})
		l.changed.Signal()
	}
	close(l.watch)
	l.watch = make(chan struct{})
}

// close returns once CloudWatch Logs has everything.
func (l *buildLog) close() {
	l.mu.Lock()
	l.closed = true
	l.changed.Signal()
	close(l.watch)
	pumped := l.pumped
	l.mu.Unlock()
	if pumped != nil {
		<-pumped
	}
}

// Follow returns the lines of a build's log from line number from onwards, and
// the number of the next line. It waits until there is a line, until the build
// writes no more (done), or until ctx ends. Only the last lines of a very long
// log are kept; earlier ones are left out.
func (s *Service) Follow(ctx context.Context, buildID string, from int) (lines []string, next int, done bool, err error) {
	s.mu.Lock()
	b, err := s.build(buildID)
	s.mu.Unlock()
	if err != nil {
		return nil, from, false, err
	}
	l := b.log
	for {
		l.mu.Lock()
		start := max(from, l.first) - l.first
		next = l.first + len(l.lines)
		if start < len(l.lines) {
			lines = slices.Clone(l.lines[start:])
		}
		done, watch := l.closed, l.watch
		l.mu.Unlock()
		if len(lines) > 0 || done {
			return lines, max(next, from), done, nil
		}
		select {
		case <-watch:
		case <-ctx.Done():
			return nil, from, false, ctx.Err()
		}
	}
}
