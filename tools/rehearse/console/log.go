package console

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/magewright/magewright/tools/rehearse/results"
)

// Lines are the next lines of a log.
type Lines struct {
	From  int    `json:"from"` // how many lines the page already has before these
	Lines []Line `json:"lines"`
	Token string `json:"token"` // needed to get the lines after these
}

// A Line is a line of a log, or several lines if they belong to one event.
type Line struct {
	At   int64  `json:"at"` // milliseconds since 1970, in AWS's time
	Text string `json:"text"`
}

// log returns the source of a log stream's lines. A page that already has some gets the
// others. The lines can't be counted, because the endpoint only keeps the end of a long log.
func (c *Console) log(t topic) source {
	token, read := aws.String(t.Token), t.From
	if t.Token == "" {
		token = nil
	}
	return func(ctx context.Context) (any, error) {
		out := Lines{From: read}
		for len(out.Lines) < maxLines {
			got, err := c.aws.Logs.GetLogEvents(ctx, &awslogs.GetLogEventsInput{
				LogGroupName: &t.Name, LogStreamName: &t.ID, StartFromHead: aws.Bool(true), NextToken: token,
			})
			if err != nil {
				return nil, nil //nolint:nilerr,nilnil // the stream begins with the first line
			}
			if len(got.Events) == 0 {
				break
			}
			for _, e := range got.Events {
				out.Lines = append(out.Lines, Line{aws.ToInt64(e.Timestamp), strings.TrimRight(aws.ToString(e.Message), "\r\n")})
			}
			token = got.NextForwardToken
		}
		if out.Lines == nil {
			return nil, nil //nolint:nilnil // nothing is new
		}
		read += len(out.Lines)
		out.Token = aws.ToString(token)
		return out, nil
	}
}

// maxLines is approximately the largest number of lines in one event.
const maxLines = 10_000

// firstError returns the first error in the log of an action that failed, as a rehearsal
// prints it. The log is read once.
func (c *Console) firstError(ctx context.Context, action string, at Stream) *First {
	if known, ok := c.firsts.Load(action); ok {
		return known.(*First) //nolint:forcetypeassert // nothing else is stored
	}
	var lines []string
	for next := c.log(topic{Name: at.Group, ID: at.Stream}); ; {
		more, err := next(ctx)
		if err != nil || more == nil {
			break
		}
		for _, l := range more.(Lines).Lines { //nolint:forcetypeassert // a log has nothing else
			lines = append(lines, l.Text)
		}
	}
	said := strings.Split(strings.TrimRight(results.FirstError(strings.Join(lines, "\n")), "\n"), "\n")
	i := slices.Index(lines, said[0])
	if i < 0 || said[0] == "" {
		return nil
	}
	first := &First{Line: i + 1, Text: strings.Join(said, "\n")}
	c.firsts.Store(action, first)
	return first
}
