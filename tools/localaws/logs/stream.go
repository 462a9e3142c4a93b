package logs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// CreateLogStream creates an empty stream in a log group.
func (s *Service) CreateLogStream(_ context.Context, in *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error) {
	name := aws.ToString(in.LogStreamName)
	if name == "" || len(name) > 512 || strings.ContainsAny(name, ":*") {
		return nil, invalid("1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if _, exists := g.streams[name]; exists {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
	}
	g.streams[name] = &stream{name: name, created: s.now()}
	return &awslogs.CreateLogStreamOutput{}, nil
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(_ context.Context, in *awslogs.DeleteLogStreamInput) (*awslogs.DeleteLogStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	delete(g.streams, st.name)
	return &awslogs.DeleteLogStreamOutput{}, nil
}

// last returns the time of a stream's last event, or 0.
func (st *stream) last() int64 {
	if len(st.events) == 0 {
		return 0
	}
	return st.events[len(st.events)-1].at
}

// DescribeLogStreams lists the streams of a group by name or last event.
func (s *Service) DescribeLogStreams(_ context.Context, in *awslogs.DescribeLogStreamsInput) (*awslogs.DescribeLogStreamsOutput, error) {
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	limit, err := limit(in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	offset := 0
	if in.NextToken != nil {
		if offset, err = strconv.Atoi(*in.NextToken); err != nil || offset < 0 {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupIdentifier, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	streams := slices.SortedFunc(maps.Values(g.streams), func(x, y *stream) int {
		order := cmp.Compare(x.name, y.name)
		if byTime {
			order = cmp.Or(cmp.Compare(x.last(), y.last()), order)
		}
		if aws.ToBool(in.Descending) {
			return -order
		}
		return order
	})
	streams = slices.DeleteFunc(streams, func(st *stream) bool { return !strings.HasPrefix(st.name, aws.ToString(in.LogStreamNamePrefix)) })
	out := &awslogs.DescribeLogStreamsOutput{}
	streams = streams[min(offset, len(streams)):]
	if len(streams) > limit {
		streams = streams[:limit]
		out.NextToken = aws.String(strconv.Itoa(offset + limit))
	}
	for _, st := range streams {
		shown := types.LogStream{
			LogStreamName: aws.String(st.name), CreationTime: aws.Int64(st.created),
			Arn: aws.String(s.arn(g.name) + ":log-stream:" + st.name),
		}
		if len(st.events) > 0 {
			shown.FirstEventTimestamp, shown.LastEventTimestamp = aws.Int64(st.events[0].at), aws.Int64(st.last())
			shown.LastIngestionTime = aws.Int64(st.ingested)
		}
		out.LogStreams = append(out.LogStreams, shown)
	}
	return out, nil
}

// Limits from
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html.
const (
	maxBatch  = 10_000
	maxUpload = 1 << 20
	tooOld    = 14 * 24 * time.Hour
	tooNew    = 2 * time.Hour
	maxSpan   = 24 * time.Hour
)

// PutLogEvents adds events to a stream. They must be sorted by time. It leaves
// out events that are too old or too far in the future, and names them in its answer.
func (s *Service) PutLogEvents(_ context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	if len(in.LogEvents) == 0 || len(in.LogEvents) > maxBatch {
		return nil, invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length between 1 and %d", maxBatch)
	}
	bytes := 0
	for i, e := range in.LogEvents {
		if e.Timestamp == nil || aws.ToString(e.Message) == "" {
			return nil, invalid("log event %d has no timestamp or no message", i)
		}
		if i > 0 && *e.Timestamp < *in.LogEvents[i-1].Timestamp {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		bytes += len(*e.Message) + overhead
	}
	if bytes > maxUpload {
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d", bytes, maxUpload)
	}
	if *in.LogEvents[len(in.LogEvents)-1].Timestamp-*in.LogEvents[0].Timestamp > maxSpan.Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	now := s.now()
	first, end := 0, len(in.LogEvents)
	for first < end && *in.LogEvents[first].Timestamp < now-tooOld.Milliseconds() {
		first++
	}
	for end > first && *in.LogEvents[end-1].Timestamp > now+tooNew.Milliseconds() {
		end--
	}
	out := &awslogs.PutLogEventsOutput{NextSequenceToken: aws.String(strconv.FormatInt(s.sequence, 10))}
	if first > 0 || end < len(in.LogEvents) {
		out.RejectedLogEventsInfo = &types.RejectedLogEventsInfo{}
		if first > 0 {
			out.RejectedLogEventsInfo.TooOldLogEventEndIndex = aws.Int32(int32(first)) // #nosec G115 -- at most 10000
		}
		if end < len(in.LogEvents) {
			out.RejectedLogEventsInfo.TooNewLogEventStartIndex = aws.Int32(int32(end)) // #nosec G115 -- at most 10000
		}
	}
	accepted := slices.Clone(in.LogEvents[first:end])
	for _, e := range accepted {
		s.sequence++
		st.add(event{at: *e.Timestamp, ingested: now, sequence: s.sequence, message: *e.Message})
	}
	st.ingested = now
	g.expire(st, s.account.Clock.Now())
	if len(accepted) > 0 {
		for _, observe := range s.observers {
			observe(g.name, st.name, accepted)
		}
		// After Close, nothing is sent any more.
		if s.life.Err() == nil {
			s.filter(g, st.name, accepted, s.sequence-int64(len(accepted))+1)
		}
	}
	return out, nil
}

// add inserts an event, sorted by time, and drops the oldest events beyond the limit.
func (st *stream) add(e event) {
	i := len(st.events)
	if i > 0 && st.events[i-1].at > e.at {
		i, _ = slices.BinarySearchFunc(st.events, e.at+1, func(e event, at int64) int { return cmp.Compare(e.at, at) })
	}
	st.events = slices.Insert(st.events, i, e)
	st.bytes += e.size()
	excess, bytes := max(0, len(st.events)-maxEvents), st.bytes
	for _, old := range st.events[:excess] {
		bytes -= old.size()
	}
	for bytes > maxBytes {
		bytes -= st.events[excess].size()
		excess++
	}
	if excess > 0 {
		// Drop many at a time, so that a full stream isn't copied for each event.
		st.drop(min(len(st.events)-1, max(excess, len(st.events)/8)))
	}
}

// A cursor is a place between two events of a stream.
type cursor struct{ at, sequence int64 }

func (c cursor) compare(e event) int {
	return cmp.Or(cmp.Compare(c.at, e.at), cmp.Compare(c.sequence, e.sequence))
}

func (c cursor) token(direction string) *string {
	return aws.String(fmt.Sprintf("%s/%d/%d", direction, c.at, c.sequence))
}

// GetLogEvents returns a page of a stream's events, beginning at the end unless
// StartFromHead is set. Reading past either end returns the same token again.
func (s *Service) GetLogEvents(_ context.Context, in *awslogs.GetLogEventsInput) (*awslogs.GetLogEventsOutput, error) {
	limit, err := limit(in.Limit, 10_000, 10_000)
	if err != nil {
		return nil, err
	}
	direction, from := "", cursor{}
	if in.NextToken != nil {
		if n, err := fmt.Sscanf(strings.ReplaceAll(*in.NextToken, "/", " "), "%1s %d %d", &direction, &from.at, &from.sequence); err != nil || n != 3 || direction != "f" && direction != "b" {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupIdentifier, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	g.expire(st, s.account.Clock.Now())
	events := st.between(in.StartTime, in.EndTime)
	switch {
	case direction == "f":
		i, _ := slices.BinarySearchFunc(events, from, func(e event, c cursor) int { return cmp.Or(-c.compare(e), -1) })
		events = events[i:]
		events = events[:min(limit, len(events))]
	case direction == "b":
		i, _ := slices.BinarySearchFunc(events, from, func(e event, c cursor) int { return -c.compare(e) })
		events = events[max(0, i-limit):i]
	case aws.ToBool(in.StartFromHead):
		events = events[:min(limit, len(events))]
	default:
		events = events[max(0, len(events)-limit):]
	}
	out := &awslogs.GetLogEventsOutput{}
	back, forth := from, from
	if len(events) > 0 {
		e := events[0]
		back = cursor{e.at, e.sequence}
		e = events[len(events)-1]
		forth = cursor{e.at, e.sequence}
	}
	out.NextBackwardToken, out.NextForwardToken = back.token("b"), forth.token("f")
	for _, e := range events {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: aws.Int64(e.at), IngestionTime: aws.Int64(e.ingested), Message: aws.String(e.message)})
	}
	return out, nil
}

// between returns the events from start up to, but not including, end.
func (st *stream) between(start, end *int64) []event {
	byTime := func(e event, at int64) int { return cmp.Compare(e.at, at) }
	events := st.events
	if end != nil {
		i, _ := slices.BinarySearchFunc(events, *end, byTime)
		events = events[:i]
	}
	if start != nil {
		i, _ := slices.BinarySearchFunc(events, *start, byTime)
		events = events[i:]
	}
	return events
}

// FilterLogEvents searches the streams of a group. The result is sorted by time.
func (s *Service) FilterLogEvents(_ context.Context, in *awslogs.FilterLogEventsInput) (*awslogs.FilterLogEventsOutput, error) {
	matches, err := compile(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	limit, err := limit(in.Limit, 10_000, 10_000)
	if err != nil {
		return nil, err
	}
	if in.StartFromHead != nil && !*in.StartFromHead {
		return nil, invalid("the embedded CloudWatch Logs searches from the head only")
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("logStreamNamePrefix and logStreamNames are mutually exclusive")
	}
	var from cursor
	if in.NextToken != nil {
		if _, err := fmt.Sscanf(*in.NextToken, "f/%d/%d", &from.at, &from.sequence); err != nil {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupIdentifier, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	type found struct {
		event
		stream string
	}
	var all []found
	for _, name := range in.LogStreamNames {
		if _, err := g.stream(&name); err != nil {
			return nil, err
		}
	}
	end := in.EndTime
	if end != nil {
		// The end is inclusive, unlike in GetLogEvents.
		end = aws.Int64(*end + 1)
	}
	for _, st := range g.streams {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, st.name) || !strings.HasPrefix(st.name, aws.ToString(in.LogStreamNamePrefix)) {
			continue
		}
		g.expire(st, s.account.Clock.Now())
		for _, e := range st.between(in.StartTime, end) {
			if (in.NextToken == nil || from.compare(e) < 0) && matches(e.message) {
				all = append(all, found{e, st.name})
			}
		}
	}
	slices.SortFunc(all, func(x, y found) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.sequence, y.sequence)) })
	out := &awslogs.FilterLogEventsOutput{}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = cursor{all[limit-1].at, all[limit-1].sequence}.token("f")
	}
	for _, e := range all {
		out.Events = append(out.Events, types.FilteredLogEvent{
			EventId: aws.String(fmt.Sprintf("%028d%028d", e.at, e.sequence)), LogStreamName: aws.String(e.stream),
			Timestamp: aws.Int64(e.at), IngestionTime: aws.Int64(e.ingested), Message: aws.String(e.message),
		})
	}
	return out, nil
}
