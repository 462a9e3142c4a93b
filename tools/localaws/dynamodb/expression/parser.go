package expression

import (
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// A parser reads one expression.
type parser struct {
	use       Use
	text      string
	tokens    []token
	at        int
	subst     *Substitutions
	operators int
}

func newParser(use Use, text string, s *Substitutions) (*parser, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, use.invalid("The expression can not be empty;")
	case len(text) > maxLength:
		return nil, use.invalid("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	return &parser{use: use, text: text, tokens: scan(text), subst: s}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endOfText {
		p.at++
	}
	return t
}

// accept takes the next token if it is a symbol or keyword.
func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.syntax()
	}
	return nil
}

// syntax returns the error for the next token, with the text from the token
// before it to the one behind it.
func (p *parser) syntax() error {
	t := p.peek()
	from, to := t.start, t.end
	if p.at > 0 {
		from = p.tokens[p.at-1].start
	}
	if p.at+1 < len(p.tokens) {
		to = p.tokens[p.at+1].end
	}
	return p.use.invalid("Syntax error; token: %q, near: %q", t.text, p.text[from:to])
}

// operator counts an operator or function against the limit.
func (p *parser) operator() error {
	p.operators++
	if p.operators > maxOperators {
		return p.use.invalid("The expression contains too many operators; operator count: %d", p.operators)
	}
	return nil
}

// finish reports whatever is behind the expression.
func (p *parser) finish() error {
	if p.peek().kind != endOfText {
		return p.syntax()
	}
	return nil
}

// name reads an attribute's name or its placeholder.
func (p *parser) name() (string, error) {
	t := p.peek()
	switch t.kind {
	case word:
		if reserved[strings.ToUpper(t.text)] {
			return "", p.use.invalid("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		p.next()
		return t.text, nil
	case nameHolder:
		name, ok := p.subst.names[t.text]
		if !ok {
			return "", p.use.invalid("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.subst.usedNames[t.text] = true
		p.next()
		return name, nil
	default:
		return "", p.syntax()
	}
}

// path reads name(.name|[index])*.
func (p *parser) path() (Path, error) {
	first, err := p.name()
	if err != nil {
		return nil, err
	}
	path := Path{{name: first, index: -1}}
	for {
		switch {
		case p.accept("."):
			name, err := p.name()
			if err != nil {
				return nil, err
			}
			path = append(path, part{name: name, index: -1})
		case p.accept("["):
			t := p.peek()
			if t.kind != integer {
				return nil, p.syntax()
			}
			index, err := strconv.ParseInt(t.text, 10, 32)
			if err != nil {
				return nil, p.use.invalid("List index is not within the allowable range; index: [%s]", t.text)
			}
			p.next()
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			path = append(path, part{index: int(index)})
		default:
			if len(path) > maxPath {
				return nil, p.use.invalid("The document path has too many nesting elements; nesting levels: %d", len(path))
			}
			return path, nil
		}
	}
}

// maxPath is how many parts a path may have.
const maxPath = 32

// value reads a value's placeholder.
func (p *parser) value() (value.Value, error) {
	t := p.peek()
	if t.kind != valueHolder {
		return value.Value{}, p.syntax()
	}
	v, ok := p.subst.values[t.text]
	if !ok {
		return value.Value{}, p.use.invalid("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.subst.usedValues[t.text] = true
	p.next()
	return v, nil
}

// An operand is a part of an expression that has a value: a Path, a literal, or
// a call.
type operand interface {
	// of returns the operand's value for an item. It reports false if there is none.
	of(item value.Item) (value.Value, bool)
}

func (p Path) of(item value.Item) (value.Value, bool) { return p.get(item) }

// A literal is a value that the request contains.
type literal struct{ value.Value }

func (l literal) of(value.Item) (value.Value, bool) { return l.Value, true }

// A function is described by how many operands it takes and where it may stand.
type function struct {
	operands   int
	conditions bool // it is a condition itself
	updates    bool // it may stand in an update
}

var functions = map[string]function{
	"attribute_exists":     {operands: 1, conditions: true},
	"attribute_not_exists": {operands: 1, conditions: true},
	"attribute_type":       {operands: 2, conditions: true},
	"begins_with":          {operands: 2, conditions: true},
	"contains":             {operands: 2, conditions: true},
	"size":                 {operands: 1},
	"if_not_exists":        {operands: 2, updates: true},
	"list_append":          {operands: 2, updates: true},
}

// call reads a function's name and its operands.
func (p *parser) call() (string, []operand, error) {
	name := p.next().text
	p.next() // the bracket
	f, ok := functions[name]
	if !ok {
		return "", nil, p.use.invalid("Invalid function name; function: %s", name)
	}
	if err := p.operator(); err != nil {
		return "", nil, err
	}
	var operands []operand
	for {
		o, err := p.operand()
		if err != nil {
			return "", nil, err
		}
		operands = append(operands, o)
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return "", nil, err
	}
	switch {
	case f.updates && p.use != Update:
		return "", nil, p.use.invalid("The function is not allowed in a %s; function: %s", p.use.name(), name)
	case !f.updates && p.use == Update:
		return "", nil, p.use.invalid("The function is not allowed in an update expression; function: %s", name)
	case len(operands) != f.operands:
		return "", nil, p.use.invalid("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(operands))
	}
	return name, operands, nil
}

// name returns what messages call a use.
func (u Use) name() string {
	switch u {
	case Filter:
		return "filter expression"
	case KeyCondition:
		return "key condition expression"
	default:
		return "condition expression"
	}
}

// calls reports whether the next tokens are a function's name and a bracket.
func (p *parser) calls() bool {
	return p.peek().kind == word && p.at+1 < len(p.tokens) && p.tokens[p.at+1].is("(")
}

// operand reads a path, a value, or a function that has a value.
func (p *parser) operand() (operand, error) {
	switch {
	case p.accept("("):
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		return o, p.expect(")")
	case p.calls():
		name, operands, err := p.call()
		if err != nil {
			return nil, err
		}
		return p.valueOf(name, operands)
	case p.peek().kind == valueHolder:
		v, err := p.value()
		return literal{v}, err
	default:
		return p.path()
	}
}

// valueOf returns a function as an operand.
func (p *parser) valueOf(name string, operands []operand) (operand, error) {
	switch name {
	case "size":
		if l, ok := operands[0].(literal); ok {
			if _, sized := sizeOf(l.Value); !sized {
				return nil, p.operandType(name, l)
			}
		}
		return size{operands[0]}, nil
	case "if_not_exists":
		path, ok := operands[0].(Path)
		if !ok {
			return nil, p.needsPath(name)
		}
		return ifNotExists{path, operands[1]}, nil
	case "list_append":
		for _, o := range operands {
			if l, ok := o.(literal); ok && l.Kind() != value.List {
				return nil, p.operandType(name, l)
			}
		}
		return listAppend{operands[0], operands[1]}, nil
	default:
		return nil, p.use.invalid("The function is not allowed to be used this way in an expression; function: %s", name)
	}
}

func (p *parser) operandType(name string, l literal) error {
	return p.use.invalid("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", name, l.Kind())
}

func (p *parser) needsPath(name string) error {
	return p.use.invalid("Operator or function requires a document path; operator or function: %s", name)
}

// A size is the function of this name.
type size struct{ operand operand }

func (s size) of(item value.Item) (value.Value, bool) {
	v, ok := s.operand.of(item)
	if !ok {
		return value.Value{}, false
	}
	n, ok := sizeOf(v)
	if !ok {
		return value.Value{}, false
	}
	number, err := value.ParseNumber(strconv.Itoa(n))
	return number, err == nil
}

// sizeOf returns the result of the function size, which numbers, booleans and
// null have none of.
func sizeOf(v value.Value) (int, bool) {
	switch v.Kind() {
	case value.String:
		return v.CharacterCount(), true
	case value.Binary:
		return len(v.Text()), true
	case value.Map:
		return len(v.Item()), true
	case value.Number, value.Bool, value.Null:
		return 0, false
	default:
		return len(v.Elements()), true
	}
}
