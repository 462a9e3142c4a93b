// Package mapping renders the mapping templates of REST APIs. It has a part of the
// Velocity Template Language: text, references and comments, but no directives.
//
// The references are
//
//	$input.body                    $input.json('$.a.b[0]')     $input.path('$.a.b[0]')
//	$input.params('name')          $input.params().path.name   (and querystring, header)
//	$context.name                  $stageVariables.name
//	$util.escapeJavaScript(x)      $util.parseJson(x)
//	$util.urlEncode(x)             $util.urlDecode(x)
//	$util.base64Encode(x)          $util.base64Decode(x)
//
// where x is a reference or a string, with braces or without: ${context.name}. A
// member of a JSON value may follow, as in $input.path('$.a').b.
//
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html.
package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Values are what the references of a template stand for.
type Values struct {
	Body []byte
	// Parameters of the request, by the name of their place: path, querystring and
	// header.
	Parameters     map[string]map[string]string
	Context        func(name string) string
	StageVariables map[string]string
}

// A Template is a mapping template.
type Template struct{ nodes []node }

// A node is text or a reference.
type node struct {
	text      string
	reference *reference
}

// A reference is a root such as input with what is asked of it, and the members of
// the result.
type reference struct {
	root, name string
	args       []argument
	path       []step // of $input.json and $input.path
	members    []step
}

// An argument is a string or a reference.
type argument struct {
	text      string
	reference *reference
}

// A step goes from a JSON value to one of its members.
type step struct {
	member string
	index  int // if member is empty
}

// parser reads a template.
type parser struct {
	text string
	at   int
}

// Parse reads a template. The error says what of it is not supported.
func Parse(text string) (*Template, error) {
	p := &parser{text: text}
	t := &Template{}
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			t.nodes = append(t.nodes, node{text: plain.String()})
			plain.Reset()
		}
	}
	for p.at < len(p.text) {
		switch rest := p.text[p.at:]; {
		case strings.HasPrefix(rest, "##"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			p.at += end + 1
		case rest[0] == '#' && len(rest) > 1 && (isLetter(rest[1]) || rest[1] == '*' || rest[1] == '{'):
			return nil, fmt.Errorf("it has the directive %s", word(rest))
		case rest[0] == '$' && len(rest) > 1 && (isLetter(rest[1]) || rest[1] == '{' || rest[1] == '!'):
			flush()
			r, err := p.reference()
			if err != nil {
				return nil, err
			}
			t.nodes = append(t.nodes, node{reference: r})
		default:
			plain.WriteByte(rest[0])
			p.at++
		}
	}
	flush()
	return t, nil
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' }

func isWord(b byte) bool { return isLetter(b) || b >= '0' && b <= '9' || b == '-' }

// word returns the first word of a text, with the character before it.
func word(text string) string {
	i := 1
	for i < len(text) && isWord(text[i]) {
		i++
	}
	return text[:i]
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) take(b byte) bool {
	if p.peek() != b {
		return false
	}
	p.at++
	return true
}

// identifier reads a name.
func (p *parser) identifier() string {
	begin := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	return p.text[begin:p.at]
}

// reference reads a reference that begins here.
func (p *parser) reference() (*reference, error) {
	begin := p.at
	p.at++
	p.take('!')
	braces := p.take('{')
	r := &reference{root: p.identifier()}
	if err := p.body(r); err != nil {
		return nil, fmt.Errorf("%s: %w", p.text[begin:p.at], err)
	}
	if braces && !p.take('}') {
		return nil, fmt.Errorf("%s: the brace is not closed", p.text[begin:p.at])
	}
	return r, nil
}

// functions has the names of the functions with one argument, by root.
var functions = map[string][]string{
	"input": {"json", "path"},
	"util":  {"escapeJavaScript", "parseJson", "urlEncode", "urlDecode", "base64Encode", "base64Decode"},
}

// body reads what follows the root of a reference.
func (p *parser) body(r *reference) error {
	switch r.root {
	case "context", "stageVariables":
		var names []string
		for p.peek() == '.' && p.at+1 < len(p.text) && isWord(p.text[p.at+1]) {
			p.at++
			names = append(names, p.identifier())
		}
		if len(names) == 0 || p.peek() == '(' {
			return errors.New("only its members are supported")
		}
		r.name = strings.Join(names, ".")
		return nil
	case "input", "util":
	default:
		return errors.New("there is no such variable")
	}
	if !p.take('.') {
		return errors.New("only its members are supported")
	}
	r.name = p.identifier()
	switch {
	case r.root == "input" && r.name == "body":
		return nil
	case r.root == "input" && r.name == "params":
		return p.params(r)
	case !slices.Contains(functions[r.root], r.name):
		return errors.New("there is no such function")
	}
	args, err := p.arguments()
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return errors.New("it needs one argument")
	}
	r.args = args
	if r.root == "input" {
		if args[0].reference != nil {
			return errors.New("its path must be a string")
		}
		if r.path, err = parsePath(args[0].text); err != nil {
			return err
		}
	}
	if r.name == "path" || r.name == "parseJson" {
		r.members, err = p.members()
	}
	return err
}

// params reads $input.params('name') or $input.params().place.name.
func (p *parser) params(r *reference) error {
	args, err := p.arguments()
	if err != nil {
		return err
	}
	r.args = args
	if len(args) == 1 {
		return nil
	}
	if len(args) > 1 {
		return errors.New("it has one argument at most")
	}
	if r.members, err = p.members(); err != nil {
		return err
	}
	if len(r.members) != 2 || !slices.Contains([]string{"path", "querystring", "header"}, r.members[0].member) {
		return errors.New("only a parameter in path, querystring or header is supported")
	}
	return nil
}

// arguments reads arguments in parentheses.
func (p *parser) arguments() ([]argument, error) {
	if !p.take('(') {
		return nil, errors.New("it needs arguments")
	}
	var args []argument
	for {
		p.space()
		if p.take(')') {
			return args, nil
		}
		if len(args) > 0 {
			if !p.take(',') {
				return nil, errors.New("a comma is missing")
			}
			p.space()
		}
		switch quote := p.peek(); quote {
		case '\'', '"':
			p.at++
			end := strings.IndexByte(p.text[p.at:], quote)
			if end < 0 {
				return nil, errors.New("a string is not closed")
			}
			text := p.text[p.at : p.at+end]
			if quote == '"' && hasReference(text) {
				return nil, errors.New("a reference in a string in double quotes is not supported")
			}
			args = append(args, argument{text: text})
			p.at += end + 1
		case '$':
			r, err := p.reference()
			if err != nil {
				return nil, err
			}
			args = append(args, argument{reference: r})
		default:
			return nil, errors.New("an argument is neither a string nor a reference")
		}
	}
}

// hasReference reports whether a string has a reference, which a JSONPath is not.
func hasReference(text string) bool {
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			return false
		}
		text = text[i+1:]
		if isLetter(text[0]) || text[0] == '{' || text[0] == '!' {
			return true
		}
	}
}

func (p *parser) space() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' || p.peek() == '\r' {
		p.at++
	}
}

// members reads members of a value: .name, .get('name') or [0].
func (p *parser) members() ([]step, error) {
	var steps []step
	for {
		switch {
		case p.peek() == '.' && p.at+1 < len(p.text) && isLetter(p.text[p.at+1]):
			p.at++
			name := p.identifier()
			if p.peek() != '(' {
				steps = append(steps, step{member: name})
				continue
			}
			args, err := p.arguments()
			if err != nil {
				return nil, err
			}
			if name != "get" || len(args) != 1 || args[0].reference != nil {
				return nil, fmt.Errorf("the method %s is not supported", name)
			}
			steps = append(steps, step{member: args[0].text})
		case p.peek() == '[':
			end := strings.IndexByte(p.text[p.at:], ']')
			if end < 0 {
				return steps, nil
			}
			n, err := strconv.Atoi(p.text[p.at+1 : p.at+end])
			// A list may follow a reference.
			if err != nil || n < 0 {
				return steps, nil
			}
			steps = append(steps, step{index: n})
			p.at += end + 1
		default:
			return steps, nil
		}
	}
}

// parsePath reads a JSONPath: $, members and indices.
func parsePath(text string) ([]step, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("the JSONPath %s does not begin with $", text)
	}
	var steps []step
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "['") || strings.HasPrefix(rest, `["`):
			end := strings.Index(rest[2:], rest[1:2]+"]")
			if end < 0 {
				return nil, fmt.Errorf("the JSONPath %s is not valid", text)
			}
			steps = append(steps, step{member: rest[2 : 2+end]})
			rest = rest[2+end+2:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("the JSONPath %s is not valid", text)
			}
			n, err := strconv.Atoi(rest[1:end])
			if err != nil || n < 0 {
				return nil, fmt.Errorf("the JSONPath %s has something else than members and indices", text)
			}
			steps = append(steps, step{index: n})
			rest = rest[end+1:]
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			name := rest[1 : 1+end]
			if name == "" || strings.ContainsAny(name, "*?@()") {
				return nil, fmt.Errorf("the JSONPath %s has something else than members and indices", text)
			}
			steps = append(steps, step{member: name})
			rest = rest[1+end:]
		default:
			return nil, fmt.Errorf("the JSONPath %s is not valid", text)
		}
	}
	return steps, nil
}

// Render returns the text of the template.
func (t *Template) Render(v Values) (string, error) {
	var b strings.Builder
	for _, n := range t.nodes {
		if n.reference == nil {
			b.WriteString(n.text)
			continue
		}
		value, err := n.reference.value(&v)
		if err != nil {
			return "", err
		}
		b.WriteString(Text(value))
	}
	return b.String(), nil
}

// value returns what a reference stands for.
func (r *reference) value(v *Values) (any, error) {
	switch r.root {
	case "context":
		return v.Context(r.name), nil
	case "stageVariables":
		return v.StageVariables[r.name], nil
	case "util":
		return r.util(v)
	}
	switch r.name {
	case "body":
		return string(v.Body), nil
	case "params":
		return r.parameter(v)
	}
	body, err := parse(v.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the body as JSON: %w", err)
	}
	value, ok := walk(body, r.path)
	if r.name == "path" {
		value, _ = walk(value, r.members)
		return value, nil
	}
	if !ok {
		return `""`, nil
	}
	return compact(value)
}

func (r *reference) parameter(v *Values) (any, error) {
	if len(r.members) == 2 {
		return v.Parameters[r.members[0].member][r.members[1].member], nil
	}
	name, err := r.args[0].value(v)
	if err != nil {
		return nil, err
	}
	for _, place := range []string{"path", "querystring", "header"} {
		if value, ok := v.Parameters[place][Text(name)]; ok {
			return value, nil
		}
	}
	return "", nil
}

func (a argument) value(v *Values) (any, error) {
	if a.reference == nil {
		return a.text, nil
	}
	return a.reference.value(v)
}

func (r *reference) util(v *Values) (any, error) {
	given, err := r.args[0].value(v)
	if err != nil {
		return nil, err
	}
	text := Text(given)
	switch r.name {
	case "escapeJavaScript":
		return escapeJavaScript(text), nil
	case "urlEncode":
		return url.QueryEscape(text), nil
	case "urlDecode":
		return url.QueryUnescape(text)
	case "base64Encode":
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case "base64Decode":
		b, err := base64.StdEncoding.DecodeString(text)
		return string(b), err
	default:
		value, err := parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("parsing JSON: %w", err)
		}
		value, _ = walk(value, r.members)
		return value, nil
	}
}

// parse reads JSON and keeps numbers as they are written. An empty text is an empty
// object.
func parse(b []byte) (any, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	return v, d.Decode(&v)
}

// walk goes along steps. It returns false where there is no such member.
func walk(v any, steps []step) (any, bool) {
	for _, s := range steps {
		switch of := v.(type) {
		case map[string]any:
			next, ok := of[s.member]
			if !ok || s.member == "" {
				return nil, false
			}
			v = next
		case []any:
			if s.member != "" || s.index >= len(of) {
				return nil, false
			}
			v = of[s.index]
		default:
			return nil, false
		}
	}
	return v, true
}

// Text returns a value as a template shows it. An object is shown in Java's form,
// as API Gateway does.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+"="+Text(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	text, err := compact(v)
	if err != nil {
		// It comes from JSON, so it can be written as JSON.
		panic(err)
	}
	return text
}

func compact(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// escapeJavaScript escapes a text for a string of JavaScript.
func escapeJavaScript(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '\'', '"', '\\', '/':
			b.WriteRune('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			if r < ' ' || r > '~' && r < 0x10000 {
				fmt.Fprintf(&b, `\u%04X`, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
