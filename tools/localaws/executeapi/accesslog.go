package executeapi

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// ExecutionLogs is what the names of groups of execution logs begin with.
const ExecutionLogs = "API-Gateway-Execution-Logs_"

// flushInterval is how long metrics and log lines are collected before they are sent.
const flushInterval = 50 * time.Millisecond

var variable = regexp.MustCompile(`\$context(?:\.[A-Za-z0-9_]+)+`)

// Format returns a line of an access log: the format with the values of its
// variables, such as $context.requestId. A variable without a value is "-".
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html.
func Format(format string, value func(name string) string) string {
	return variable.ReplaceAllStringFunc(format, func(name string) string {
		if v := value(strings.TrimPrefix(name, "$context.")); v != "" {
			return v
		}
		return "-"
	})
}

// LogGroup returns the name of the log group with an ARN.
func (g *Gateway) LogGroup(arn string) (string, bool) {
	name, ok := strings.CutPrefix(strings.TrimSuffix(arn, ":*"), g.Account.ARN("logs", "log-group:"))
	return name, ok && name != "" && !strings.Contains(name, ":")
}

// access collects lines of access logs and execution logs.
type access struct {
	mu      sync.Mutex
	pending map[stream][]logstypes.InputLogEvent

	sending sync.Mutex
	exists  map[stream]bool
}

// A stream is a log stream for the access log or the execution log of a stage.
type stream struct{ group, name string }

// Log adds lines to a stream of a log group.
func (g *Gateway) Log(group, name string, at time.Time, lines ...string) {
	g.access.mu.Lock()
	if g.access.pending == nil {
		g.access.pending = map[stream][]logstypes.InputLogEvent{}
	}
	st := stream{group, name}
	for _, line := range lines {
		g.access.pending[st] = append(g.access.pending[st], logstypes.InputLogEvent{Message: aws.String(line), Timestamp: aws.Int64(at.UnixMilli())})
	}
	g.access.mu.Unlock()
	g.signal()
}

func (g *Gateway) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// flushOften sends lines and metrics a moment after they have come.
func (g *Gateway) flushOften() {
	for {
		select {
		case <-g.life.Done():
			return
		case <-g.wake:
		}
		timer := g.Wall.NewTimer(flushInterval)
		select {
		case <-g.life.Done():
			timer.Stop()
			return
		case <-timer.C():
			g.Flush(g.life)
		}
	}
}

// Flush sends all lines of access logs and all metrics.
func (g *Gateway) Flush(ctx context.Context) {
	// The last of them are sent while the service shuts down.
	ctx = context.WithoutCancel(ctx)
	g.flushLogs(ctx)
	g.flushMetrics(ctx)
}

// flushLogs sends the lines. Lines that can't be sent are lost, as on AWS.
func (g *Gateway) flushLogs(ctx context.Context) {
	a := &g.access
	a.sending.Lock()
	defer a.sending.Unlock()
	a.mu.Lock()
	pending := a.pending
	a.pending = nil
	a.mu.Unlock()
	for st, lines := range pending {
		for len(lines) > 0 {
			// 10,000 lines fit into one request. Their size is limited to a megabyte,
			// which 100 lines of any length that API Gateway writes don't exceed.
			batch := lines[:min(len(lines), 100)]
			lines = lines[len(batch):]
			if err := g.put(ctx, st, batch); err != nil {
				g.Account.Log.Warn("writing an access log", "group", st.group, "lines", len(batch), "error", err)
			}
		}
	}
}

func (g *Gateway) put(ctx context.Context, st stream, lines []logstypes.InputLogEvent) error {
	in := &awslogs.PutLogEventsInput{LogGroupName: &st.group, LogStreamName: &st.name, LogEvents: lines}
	if g.access.exists[st] {
		_, err := g.deps.Logs.PutLogEvents(ctx, in)
		if _, gone := errors.AsType[*logstypes.ResourceNotFoundException](err); !gone {
			return err
		}
	}
	// API Gateway makes the groups of execution logs; those of access logs exist.
	if strings.HasPrefix(st.group, ExecutionLogs) {
		_, err := g.deps.Logs.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: &st.group})
		if _, there := errors.AsType[*logstypes.ResourceAlreadyExistsException](err); err != nil && !there {
			return err
		}
	}
	_, err := g.deps.Logs.CreateLogStream(ctx, &awslogs.CreateLogStreamInput{LogGroupName: &st.group, LogStreamName: &st.name})
	if _, there := errors.AsType[*logstypes.ResourceAlreadyExistsException](err); err != nil && !there {
		return err
	}
	if g.access.exists == nil {
		g.access.exists = map[stream]bool{}
	}
	g.access.exists[st] = true
	_, err = g.deps.Logs.PutLogEvents(ctx, in)
	return err
}
