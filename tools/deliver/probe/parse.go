package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/internal/suggest"
)

// Parse reads a list of steps. At least one of them must be a probe. Errors name the line of
// [File].
func Parse(data []byte) (Steps, error) { return ParseFile(File, data) }

// ParseFile reads steps. Errors name the line of the file.
func ParseFile(file string, data []byte) (Steps, error) {
	steps, err := parse(data)
	if err != nil {
		if place, ok := errors.AsType[*placed](err); ok {
			return nil, fmt.Errorf("%s:%d: %w", file, place.line, place.err)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return steps, nil
}

// A placed error knows to which line it belongs.
type placed struct {
	line int
	err  error
}

func (p *placed) Error() string { return p.err.Error() }

func fail(n *yaml.Node, format string, args ...any) error {
	return &placed{n.Line, fmt.Errorf(format, args...)}
}

func parse(data []byte) (Steps, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" {
		return nil, errors.New("it has no steps")
	}
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("it has more than one YAML document"), err)
	}
	list := document.Content[0]
	if err := plain(list); err != nil {
		return nil, err
	}
	if list.Kind != yaml.SequenceNode {
		return nil, fail(list, "it must be a list of steps: begin each one with -")
	}
	if len(list.Content) == 0 {
		return nil, errors.New("it has no steps")
	}
	steps, known := Steps{}, slices.Clone(Builtins)
	for _, n := range list.Content {
		s, err := parseStep(n, known)
		if err != nil {
			return nil, err
		}
		known = append(known, slices.Sorted(maps.Keys(s.Capture))...)
		steps = append(steps, s)
	}
	if len(steps.Probes()) == 0 {
		return nil, errors.New("no step is a probe, so nothing could be sent while traffic shifts: mark a step that may be sent many times with probe: true")
	}
	return steps, nil
}

// plain refuses a node that stands for another one, so that whoever reads a step sees all of
// it.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return fail(n, "*%s is an alias for another node: write the value itself", n.Value)
	}
	for _, child := range n.Content {
		if err := plain(child); err != nil {
			return err
		}
	}
	return nil
}

// keys maps the names of keys to the functions that read their nodes.
type keys map[string]func(n *yaml.Node) error

// read reads a mapping and returns the nodes of its keys.
func (k keys) read(n *yaml.Node, what string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fail(n, "%s is not a mapping of keys to values", what)
	}
	given := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		reader, known := k[key.Value]
		if !known {
			return nil, fail(key, "unknown key %q in %s%s", key.Value, what, suggest.DidYouMean(key.Value, slices.Sorted(maps.Keys(k))))
		}
		if given[key.Value] != nil {
			return nil, fail(key, "%s is there twice in %s", key.Value, what)
		}
		given[key.Value] = key
		if err := reader(value); err != nil {
			return nil, err
		}
	}
	return given, nil
}

// each reads a mapping whose keys can be any text.
func each(n *yaml.Node, what string, read func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fail(n, "%s is not a mapping of keys to values", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fail(key, "a key of %s is not a text", what)
		}
		if seen[key.Value] {
			return fail(key, "%s is there twice in %s", key.Value, what)
		}
		seen[key.Value] = true
		if err := read(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// scalar reads a node with a value of a certain kind into a variable of that type.
func scalar[T any](into *T, kind string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Decode(into) != nil {
			return fail(n, "it must be %s%s", kind, found(n))
		}
		return nil
	}
}

func found(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return ""
	}
	return fmt.Sprintf(", not %q", n.Value)
}

// A stepParser reads one step. Known are the names of the values that the step may use.
type stepParser struct {
	step  Step
	known []string
	probe *bool
	// requested says that the request has placeholders. If the request were sent alone, they
	// would have no values.
	requested bool
}

func parseStep(n *yaml.Node, known []string) (Step, error) {
	if n.ShortTag() == "!!null" {
		return Step{}, fail(n, "the step is empty")
	}
	p := stepParser{known: known}
	s := &p.step
	given, err := keys{
		"name":     scalar(&s.Name, "a text"),
		"method":   p.method,
		"path":     p.text(&s.Path),
		"headers":  p.headers,
		"body":     p.text(&s.Body),
		"json":     p.json(&s.JSON),
		"status":   p.status,
		"token":    scalar(&s.Token, "true or false"),
		"invoke":   p.json(&s.Invoke),
		"function": scalar(&s.Function, "the name of a function"),
		"message":  p.message,
		"event":    p.event,
		"test":     p.test,
		"exercise": p.exercise,
		"expect":   p.expect,
		"capture":  p.capture,
		"within":   p.within,
		"probe":    func(n *yaml.Node) error { p.probe = new(bool); return scalar(p.probe, "true or false")(n) },
	}.read(n, "the step")
	if err != nil {
		return Step{}, err
	}
	if err := p.kind(n, given); err != nil {
		return Step{}, err
	}
	if err := p.mayBeProbe(given); err != nil {
		return Step{}, err
	}
	if s.Name == "" {
		s.Name = s.subject()
	}
	return *s, nil
}

// belongs has the additional keys of each kind of step.
var belongs = map[string][]string{
	"method":   {"path", "headers", "body", "json", "status", "token", "expect", "capture", "within", "probe"},
	"invoke":   {"function", "expect", "capture", "within", "probe"},
	"message":  {"within"},
	"event":    {},
	"test":     {},
	"exercise": {},
}

// kinds are the keys of which a step has exactly one.
var kinds = slices.Sorted(maps.Keys(belongs))

// kind checks that a step is of exactly one kind and has the keys that this kind needs.
func (p *stepParser) kind(n *yaml.Node, given map[string]*yaml.Node) error {
	kind := ""
	for _, k := range kinds {
		switch {
		case given[k] == nil:
		case kind != "":
			return fail(given[k], "a step has %s or %s, not both", kind, k)
		default:
			kind = k
		}
	}
	if kind == "" {
		return fail(n, "the step does nothing: it needs one of %s", strings.Join(kinds, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key != "name" && key != kind && !slices.Contains(belongs[kind], key) {
			return fail(given[key], "%s has no meaning in a step with %s", key, kind)
		}
	}
	s := &p.step
	switch {
	case kind == "method" && given["path"] == nil:
		return fail(n, "the request has no path")
	case kind == "method" && given["status"] == nil:
		return fail(n, "the request has no status; add the status that a working version answers with")
	case s.Expect.Error && kind != "invoke":
		return fail(given["expect"], "error is for invocations; use status for a request")
	case len(s.Expect.Headers) > 0 && kind == "invoke":
		return fail(given["expect"], "the answer to an invocation has no headers")
	case given["body"] != nil && given["json"] != nil:
		return fail(given["json"], "a request can have body or json, but not both")
	}
	return nil
}

// mayBeProbe decides whether the step is a probe. If the step does not say so, it is one if
// it changes nothing and needs no other step.
func (p *stepParser) mayBeProbe(given map[string]*yaml.Node) error {
	s := &p.step
	if p.probe == nil {
		s.Probe = s.Safe() && !p.requested
		return nil
	}
	if s.Probe = *p.probe; s.Probe && p.requested {
		return fail(given["probe"], "a probe is sent without the other steps: its request can't have ${...}")
	}
	return nil
}

// uses notes the placeholders in what is sent.
func (p *stepParser) uses(n *yaml.Node, text string) error {
	found := names(text)
	p.requested = p.requested || len(found) > 0
	return p.refers(n, found)
}

func (p *stepParser) refers(n *yaml.Node, found []string) error {
	if err := unknown(found, p.known); err != nil {
		return fail(n, "%w", err)
	}
	return nil
}

func (p *stepParser) text(into *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := scalar(into, "a text")(n); err != nil {
			return err
		}
		if into == &p.step.Path && strings.Contains(*into, "://") {
			return fail(n, "path %q is not below the stage's URL", *into)
		}
		return p.uses(n, *into)
	}
}

func (p *stepParser) method(n *yaml.Node) error {
	methods := append(slices.Clone(safe), "POST", "PUT", "PATCH", "DELETE")
	if err := scalar(&p.step.Method, "a text")(n); err != nil {
		return err
	}
	if !slices.Contains(methods, p.step.Method) {
		return fail(n, "method %q is not one of %s%s", p.step.Method, strings.Join(methods, ", "), suggest.DidYouMean(p.step.Method, methods))
	}
	return nil
}

func (p *stepParser) headers(n *yaml.Node) error {
	p.step.Headers = map[string]string{}
	return each(n, "headers", func(key, value *yaml.Node) error {
		if !headerName.MatchString(key.Value) {
			return fail(key, "%q is not the name of a header", key.Value)
		}
		var text string
		if err := p.text(&text)(value); err != nil {
			return err
		}
		p.step.Headers[key.Value] = text
		return nil
	})
}

// headerName matches a token of RFC 9110.
var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

func (p *stepParser) status(n *yaml.Node) error {
	if err := scalar(&p.step.Status, "a number")(n); err != nil {
		return err
	}
	if p.step.Status < 200 || p.step.Status > 499 {
		return fail(n, "status is %d; a working version answers with 200 to 499", p.step.Status)
	}
	return nil
}

func (p *stepParser) exercise(n *yaml.Node) error {
	if err := scalar(&p.step.Exercise, "a text")(n); err != nil {
		return err
	}
	if exercises := []string{Ledger}; !slices.Contains(exercises, p.step.Exercise) {
		return fail(n, "there is no exercise %q%s; there is %s", p.step.Exercise, suggest.DidYouMean(p.step.Exercise, exercises), strings.Join(exercises, ", "))
	}
	return nil
}

func (p *stepParser) within(n *yaml.Node) error {
	var text string
	if err := scalar(&text, "a text")(n); err != nil {
		return err
	}
	const most = 15 * time.Minute
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		return fail(n, "within %q is not a time above 0 and up to %v; write it like 30s or 2m", text, most)
	}
	p.step.Within = d
	return nil
}

func (p *stepParser) capture(n *yaml.Node) error {
	p.step.Capture = map[string]string{}
	return each(n, "capture", func(key, value *yaml.Node) error {
		switch {
		case !variableName.MatchString(key.Value):
			return fail(key, "%q is not a name: use letters, digits and _", key.Value)
		case slices.Contains(Builtins, key.Value):
			return fail(key, "%s is taken: every step has it", key.Value)
		}
		pointer, err := p.pointer(value)
		p.step.Capture[key.Value] = pointer
		return err
	})
}

func (p *stepParser) pointer(n *yaml.Node) (string, error) {
	var pointer string
	if err := scalar(&pointer, "a JSON Pointer")(n); err != nil {
		return "", err
	}
	if err := checkPointer(pointer); err != nil {
		return "", fail(n, "%w", err)
	}
	return pointer, nil
}

// json reads JSON that is sent.
func (p *stepParser) json(into *json.RawMessage) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var err error
		if *into, err = rawJSON(n); err != nil {
			return err
		}
		return p.uses(n, string(*into))
	}
}

func (p *stepParser) expect(n *yaml.Node) error {
	e := &p.step.Expect
	_, err := keys{
		"headers": func(n *yaml.Node) error {
			e.Headers = map[string]Match{}
			return each(n, "the expected headers", func(key, value *yaml.Node) (err error) {
				if !headerName.MatchString(key.Value) {
					return fail(key, "%q is not the name of a header", key.Value)
				}
				e.Headers[key.Value], err = p.match(value, true)
				return err
			})
		},
		"body": func(n *yaml.Node) error {
			m, err := p.match(n, true)
			e.Body = &m
			return err
		},
		"json": func(n *yaml.Node) error {
			e.JSON = map[string]Match{}
			return each(n, "the expected json", func(key, value *yaml.Node) error {
				pointer, err := p.pointer(key)
				if err != nil {
					return err
				}
				e.JSON[pointer], err = p.match(value, false)
				return err
			})
		},
		"error": scalar(&e.Error, "true or false"),
	}.read(n, "expect")
	return err
}

// match reads what a value must be: either a value, or a mapping of equals, matches and
// exists. If only texts are possible, a number counts as a text.
func (p *stepParser) match(n *yaml.Node, texts bool) (Match, error) {
	var m Match
	equals := func(n *yaml.Node) (err error) {
		if texts {
			var text string
			if err := scalar(&text, "a text")(n); err != nil {
				return err
			}
			m.Equals, err = json.Marshal(text)
		} else {
			m.Equals, err = rawJSON(n)
		}
		if err != nil {
			return err
		}
		return p.refers(n, names(string(m.Equals)))
	}
	if n.Kind != yaml.MappingNode {
		return m, equals(n)
	}
	given, err := keys{
		"equals": equals,
		"matches": func(n *yaml.Node) error {
			var text string
			if err := scalar(&text, "a regular expression")(n); err != nil {
				return err
			}
			if len(names(text)) > 0 {
				return fail(n, "a regular expression can't have ${...}: use equals")
			}
			compiled, err := regexp.Compile(text)
			if err != nil {
				return fail(n, "%w", err)
			}
			m.Matches = compiled
			return nil
		},
		"exists": func(n *yaml.Node) error { m.Exists = new(bool); return scalar(m.Exists, "true or false")(n) },
	}.read(n, "what is expected")
	switch {
	case err != nil:
		return m, err
	case len(given) == 0:
		return m, fail(n, "nothing is expected: add equals, matches or exists")
	case m.Exists != nil && !*m.Exists && len(given) > 1:
		return m, fail(n, "a value that must not exist can't have equals or matches")
	}
	return m, nil
}

// rawJSON returns a node as JSON text.
func rawJSON(n *yaml.Node) (json.RawMessage, error) {
	value, err := asJSON(n)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fail(n, "%w", err)
	}
	return encoded, nil
}

// asJSON returns a node as the value that it has in JSON.
func asJSON(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, child := range n.Content {
			var err error
			if list[i], err = asJSON(child); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		object := map[string]any{}
		return object, each(n, "a JSON object", func(key, value *yaml.Node) (err error) {
			if placeholder.MatchString(key.Value) {
				return fail(key, "a key can't have ${...}")
			}
			object[key.Value], err = asJSON(value)
			return err
		})
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp": // JSON has no type for times
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		return b, decodeInto(n, &b)
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		var i int64 // such as 0x10 and 1_000
		if n.Decode(&i) == nil {
			return json.Number(strconv.FormatInt(i, 10)), nil
		}
		return nil, fail(n, "%s is not a number in JSON", n.Value)
	default:
		return nil, fail(n, "%s can't be written in JSON", tag)
	}
}

func decodeInto(n *yaml.Node, into *bool) error {
	if err := n.Decode(into); err != nil {
		return fail(n, "%w", err)
	}
	return nil
}

// subject describes the step if it has no name.
func (s Step) subject() string {
	switch {
	case s.Exercise != "":
		return s.Exercise
	case s.Invoke != nil:
		return strings.TrimSpace("invoke " + s.Function)
	case s.Message != nil:
		return "message to " + s.Message.Queue
	case s.Event != nil:
		return "event " + s.Event.Type
	case s.Test != "":
		return "go test " + s.Test
	}
	return s.Method + " /" + strings.TrimPrefix(s.Path, "/")
}
