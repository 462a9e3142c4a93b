package probe

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// message reads a step that sends a message to a queue.
func (p *stepParser) message(n *yaml.Node) error {
	m := &Message{}
	given, err := keys{"queue": p.text(&m.Queue), "body": p.text(&m.Body), "json": p.json(&m.JSON)}.read(n, "message")
	switch {
	case err != nil:
		return err
	case m.Queue == "":
		return fail(n, "the message has no queue; add the queue's URL, such as ${output.QueueUrl}")
	case given["body"] != nil && given["json"] != nil:
		return fail(given["json"], "a message can have body or json, but not both")
	case m.Body == "" && m.JSON == nil:
		return fail(n, "the message is empty; SQS accepts no message without a body")
	}
	p.step.Message = m
	return nil
}

// event reads a step that puts an event on a bus.
func (p *stepParser) event(n *yaml.Node) error {
	e := &Event{}
	given, err := keys{
		"bus": p.text(&e.Bus), "source": p.text(&e.Source), "type": p.text(&e.Type), "detail": p.json(&e.Detail),
	}.read(n, "event")
	switch {
	case err != nil:
		return err
	case e.Source == "" || e.Type == "":
		return fail(n, "the event has no source or no type; the rules of EventBridge match both")
	case strings.HasPrefix(e.Source, "aws."):
		return fail(given["source"], "source %q is one of AWS's own, which EventBridge refuses", e.Source)
	case given["detail"] == nil:
		e.Detail = []byte("{}")
	case !strings.HasPrefix(string(e.Detail), "{"):
		return fail(given["detail"], "the detail of an event must be a mapping")
	}
	p.step.Event = e
	return nil
}

// test reads a step that runs Go tests.
func (p *stepParser) test(n *yaml.Node) error {
	if err := scalar(&p.step.Test, "a pattern of packages")(n); err != nil {
		return err
	}
	clean := path.Clean(p.step.Test)
	if !strings.HasPrefix(p.step.Test, "./") || clean == ".." || strings.HasPrefix(clean, "../") {
		return fail(n, "test %q is not below the project's root; write ./smoke/...", p.step.Test)
	}
	return nil
}
