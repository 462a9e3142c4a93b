package dev

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
)

// tailEach is the time between two looks at the logs.
const tailEach = 300 * time.Millisecond

// tail prints what the functions log until ctx ends.
func (l *loop) tail(ctx context.Context, services localaws.Services) {
	t := newTail(services)
	for clock.Sleep(ctx, l.clock, tailEach) == nil {
		for _, line := range t.news(ctx) {
			fmt.Fprintln(l.out, line)
		}
	}
}

// A tail remembers what it has read of the functions' logs. Like the console, it asks the
// services directly, so that its own requests don't fill the console's list of the newest
// requests.
type tail struct {
	services localaws.Services
	begin    map[string]int64           // milliseconds of the newest event, by group
	seen     map[string]map[string]bool // the ids of the events of that moment or later, by group
}

func newTail(services localaws.Services) *tail {
	return &tail{services: services, begin: map[string]int64{}, seen: map[string]map[string]bool{}}
}

// news returns the new lines, each with its function. What can't be read now is read the next
// time: a function that was never invoked has no group.
func (t *tail) news(ctx context.Context) []string {
	var lines []string
	in := &lambda.ListFunctionsInput{}
	for {
		page, err := t.services.Functions.ListFunctions(ctx, in)
		if err != nil {
			return lines
		}
		for _, f := range page.Functions {
			group := "/aws/lambda/" + aws.ToString(f.FunctionName)
			if f.LoggingConfig != nil && f.LoggingConfig.LogGroup != nil {
				group = *f.LoggingConfig.LogGroup
			}
			for _, message := range t.group(ctx, group) {
				lines = append(lines, short(aws.ToString(f.FunctionName))+"  "+message)
			}
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return lines
		}
	}
}

// group returns the new lines in a group.
func (t *tail) group(ctx context.Context, group string) []string {
	var messages []string
	begin, before, latest := t.begin[group], t.seen[group], map[string]bool{}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: &begin}
	for {
		page, err := t.services.Logs.FilterLogEvents(ctx, in)
		if err != nil {
			maps.Copy(latest, before) // the ids that could not be read again
			break
		}
		for _, e := range page.Events {
			id := aws.ToString(e.EventId)
			latest[id] = true
			if before[id] {
				continue
			}
			t.begin[group] = max(t.begin[group], aws.ToInt64(e.Timestamp))
			message := strings.TrimRight(aws.ToString(e.Message), "\n")
			if !boring(message) {
				messages = append(messages, message)
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	t.seen[group] = latest
	return messages
}

// random matches what CloudFormation appends to a name.
var random = regexp.MustCompile(`-[A-Z0-9]{8,}$`)

// short returns the name that a function has in its stack. If the template gives no name,
// CloudFormation calls it STACK-LOGICALID-RANDOM.
func short(name string) string {
	if !random.MatchString(name) {
		return name
	}
	name = random.ReplaceAllString(name, "")
	return name[strings.LastIndexByte(name, '-')+1:]
}

// boring reports whether nobody needs a line: Lambda's own lines, and metrics in the embedded
// metric format.
func boring(message string) bool {
	if strings.HasPrefix(message, "{") && strings.Contains(message, `"CloudWatchMetrics"`) {
		return true
	}
	for _, prefix := range []string{"START RequestId:", "END RequestId:", "INIT_START "} {
		if strings.HasPrefix(message, prefix) {
			return true
		}
	}
	return false
}
