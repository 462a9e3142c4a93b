package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/eventpattern"
)

// input returns what a target receives for an event.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html.
func (r *rule) input(t types.Target, event map[string]any, ingested string) (string, error) {
	switch {
	case t.Input != nil:
		return *t.Input, nil
	case t.InputPath != nil:
		value, _, err := lookup(event, *t.InputPath)
		if err != nil {
			return "", err
		}
		return compact(value)
	case t.InputTransformer == nil:
		return compact(event)
	}
	values := map[string]any{
		"aws.events.rule-arn": r.arn, "aws.events.rule-name": r.name, "aws.events.event.ingestion-time": ingested,
		"aws.events.event.json": event,
	}
	whole := map[string]any{}
	for key, value := range event {
		if key != "detail" {
			whole[key] = value
		}
	}
	values["aws.events.event"] = whole
	for name, path := range t.InputTransformer.InputPathsMap {
		value, found, err := lookup(event, path)
		if err != nil {
			return "", err
		}
		if found {
			values[name] = value
		}
	}
	return fill(aws.ToString(t.InputTransformer.InputTemplate), values)
}

var placeholder = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)

// fill replaces the placeholders of a template. Inside a JSON string it inserts
// text, elsewhere JSON. A placeholder without a value becomes empty text or null.
func fill(template string, values map[string]any) (string, error) {
	var out strings.Builder
	inString, from := false, 0
	for i := 0; i < len(template); i++ {
		switch {
		case inString && template[i] == '\\':
			i++
		case template[i] == '"':
			inString = !inString
		case template[i] == '<':
			m := placeholder.FindStringSubmatchIndex(template[i:])
			if m == nil || m[0] != 0 {
				continue
			}
			value, ok := values[template[i+m[2]:i+m[3]]]
			text, err := compact(value)
			if err != nil {
				return "", err
			}
			if inString {
				if text, err = quoted(value, ok); err != nil {
					return "", err
				}
			}
			out.WriteString(template[from:i] + text)
			from = i + m[1]
			i = from - 1
		}
	}
	out.WriteString(template[from:])
	return out.String(), nil
}

// quoted returns a value in the form that it has inside a JSON string.
func quoted(value any, ok bool) (string, error) {
	if !ok {
		return "", nil
	}
	text, isText := value.(string)
	if !isText {
		var err error
		if text, err = compact(value); err != nil {
			return "", err
		}
	}
	escaped, err := compact(text)
	if err != nil {
		return "", err
	}
	return escaped[1 : len(escaped)-1], nil
}

// checkInput refuses a target whose input can't be built.
func checkInput(t types.Target) error {
	given := 0
	for _, is := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if is {
			given++
		}
	}
	id := aws.ToString(t.Id)
	if given > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", id)
	}
	if t.Input != nil {
		if _, err := eventpattern.ParseJSON(*t.Input); err != nil {
			return invalid("JSON syntax error in input for target %s: %v", id, err)
		}
	}
	if t.InputPath != nil {
		if _, err := steps(*t.InputPath); err != nil {
			return invalid("InputPath for target %s: %v", id, err)
		}
	}
	if t.InputTransformer == nil {
		return nil
	}
	template := aws.ToString(t.InputTransformer.InputTemplate)
	probe := map[string]any{}
	for name, path := range t.InputTransformer.InputPathsMap {
		if strings.HasPrefix(name, "aws.") || !placeholder.MatchString("<"+name+">") {
			return invalid("Invalid InputPathsMap for target %s: %s", id, name)
		}
		if _, err := steps(path); err != nil {
			return invalid("Invalid InputPathsMap for target %s: %v", id, err)
		}
		probe[name] = ""
	}
	reserved := []string{"aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event", "aws.events.event.json"}
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		if _, ok := probe[m[1]]; !ok && !slices.Contains(reserved, m[1]) {
			return invalid("Invalid InputTemplate for target %s : the placeholder <%s> is not defined", id, m[1])
		}
	}
	filled, err := fill(template, probe)
	if err != nil {
		return err
	}
	if _, err := eventpattern.ParseJSON(filled); err == nil {
		return nil
	}
	// A template may also consist of several lines with JSON on each.
	for line := range strings.Lines(filled) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := eventpattern.ParseJSON(line); err != nil {
			return invalid("Invalid InputTemplate for target %s : %v", id, err)
		}
	}
	if strings.TrimSpace(filled) == "" {
		return invalid("Invalid InputTemplate for target %s : it is empty", id)
	}
	return nil
}

// steps reads a JSON path of names and indexes: $.detail.list[0]['a name'].
func steps(path string) ([]any, error) {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("the path %q does not begin with $", path)
	}
	var all []any
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "['"):
			name, after, closed := strings.Cut(rest[2:], "']")
			if !closed || name == "" {
				return nil, fmt.Errorf("the path %q has an unclosed bracket", path)
			}
			all, rest = append(all, name), after
		case strings.HasPrefix(rest, "["):
			digits, after, closed := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(digits)
			if !closed || err != nil || n < 0 {
				return nil, fmt.Errorf("the path %q has an index that the embedded EventBridge does not support", path)
			}
			all, rest = append(all, n), after
		case strings.HasPrefix(rest, "."):
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if name := rest[:end]; name == "" || name == "*" {
				return nil, fmt.Errorf("the path %q has a step that the embedded EventBridge does not support", path)
			}
			all, rest = append(all, rest[:end]), rest[end:]
		default:
			return nil, fmt.Errorf("the path %q is invalid at %q", path, rest)
		}
	}
	return all, nil
}

// lookup follows a path; found is false if it leads nowhere.
func lookup(value any, path string) (result any, found bool, err error) {
	all, err := steps(path)
	if err != nil {
		return nil, false, err
	}
	for _, step := range all {
		switch at := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			next, ok := object[at]
			if !ok {
				return nil, false, nil
			}
			value = next
		case int:
			list, _ := value.([]any)
			if at >= len(list) {
				return nil, false, nil
			}
			value = list[at]
		}
	}
	return value, true, nil
}

// compact encodes a value as JSON without HTML escapes.
func compact(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
