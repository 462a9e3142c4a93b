package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A topic is something that a page watches.
type topic struct {
	Kind string `json:"kind"`
	// Name and ID identify it: a pipeline and an execution, or a log group and a stream.
	Name string `json:"name"`
	ID   string `json:"id"`
	// From is how many lines the page has already, or the number of its last request.
	From int `json:"from"`
	// Token came with a log's last lines.
	Token string `json:"token"`
	// Width is the width of a picture in pixels.
	Width int `json:"width"`
}

// A source returns what is new about a topic. It returns nil if nothing is.
type source func(ctx context.Context) (any, error)

// Limits of a page's request.
const (
	maxTopics = 8
	tick      = 200 * time.Millisecond
	// silence is the time after which a page is told that nothing has changed, so
	// that it notices when the connection is lost.
	silence = 5 * time.Second
)

// watch sends a page what it asks for, and each change of that, as server-sent events. See
// https://html.spec.whatwg.org/multipage/server-sent-events.html.
func (c *Console) watch(w http.ResponseWriter, r *http.Request) error {
	var topics []topic
	if err := json.Unmarshal([]byte(r.URL.Query().Get("topics")), &topics); err != nil || len(topics) == 0 || len(topics) > maxTopics {
		return &failure{http.StatusBadRequest, fmt.Sprintf("topics is a JSON array of 1 to %d objects", maxTopics)}
	}
	sources := make([]source, len(topics))
	for i, t := range topics {
		s, err := c.source(t)
		if err != nil {
			return err
		}
		sources[i] = s
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	c.send(r.Context(), w, sources)
	return nil
}

// send writes events until the client has gone.
func (c *Console) send(ctx context.Context, w http.ResponseWriter, sources []source) {
	flush := http.NewResponseController(w).Flush
	said := c.pace.Now()
	for {
		var events bytes.Buffer
		for i, next := range sources {
			value, err := next(ctx)
			if err != nil {
				value = map[string]string{"error": message(err)}
			}
			if value == nil {
				continue
			}
			encoded, err := json.Marshal(map[string]any{"topic": i, "value": value})
			if err != nil {
				continue // what sources return can be encoded
			}
			_, _ = fmt.Fprintf(&events, "data: %s\n\n", encoded) // a buffer never fails
		}
		now := c.pace.Now()
		if events.Len() == 0 && now.Sub(said) >= silence {
			events.WriteString(":\n\n")
		}
		if events.Len() > 0 {
			if _, err := io.Copy(w, &events); err != nil {
				return
			}
			if err := flush(); err != nil {
				return
			}
			said = now
		}
		if clock.Sleep(ctx, c.pace, tick) != nil {
			return
		}
	}
}

func message(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return err.Error()
}

// source returns the source of a topic.
func (c *Console) source(t topic) (source, error) {
	switch t.Kind {
	case "about":
		return c.changes(time.Minute, c.about), nil
	case "clock":
		return c.every(time.Second, c.readClock), nil
	case "pipelines":
		return c.changes(500*time.Millisecond, c.pipelines), nil
	case "pipeline":
		return c.changes(250*time.Millisecond, func(ctx context.Context) (any, error) { return c.pipeline(ctx, t.Name, t.ID) }), nil
	case "log":
		return c.log(t), nil
	case "requests":
		return c.requests(t.From), nil
	case "deployments":
		return c.changes(500*time.Millisecond, c.deployments), nil
	case "deployment":
		return c.changes(500*time.Millisecond, func(ctx context.Context) (any, error) { return c.shift(ctx, t.ID, t.Width) }), nil
	case "things":
		return c.changes(time.Second, c.things), nil
	case "thing":
		return c.changes(time.Second, func(ctx context.Context) (any, error) { return c.thing(ctx, t.Name, t.ID) }), nil
	}
	return nil, &failure{http.StatusBadRequest, fmt.Sprintf("there is no topic %q", t.Kind)}
}

// every asks again after an interval.
func (c *Console) every(interval time.Duration, read source) source {
	var asked time.Time
	return func(ctx context.Context) (any, error) {
		now := c.pace.Now()
		if !asked.IsZero() && now.Sub(asked) < interval {
			return nil, nil //nolint:nilnil // nothing is new
		}
		asked = now
		return read(ctx)
	}
}

// changes asks again after an interval, and returns what has changed.
func (c *Console) changes(interval time.Duration, read source) source {
	var before []byte
	return c.every(interval, func(ctx context.Context) (any, error) {
		value, err := read(ctx)
		if err != nil {
			value = map[string]string{"error": message(err)}
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(encoded, before) {
			return nil, nil //nolint:nilnil // nothing is new
		}
		before = encoded
		return json.RawMessage(encoded), nil
	})
}
