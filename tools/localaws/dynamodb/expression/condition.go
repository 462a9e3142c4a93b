package expression

import (
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// A node is a condition, or a part of one.
type node interface {
	// matches reports whether an item meets the condition.
	matches(item value.Item) bool
}

// A Test is a condition that items meet or don't.
type Test struct {
	root node
}

// Matches reports whether an item meets the condition. A nil Test is met by every item.
func (t *Test) Matches(item value.Item) bool { return t == nil || t.root.matches(item) }

// ParseTest reads a condition or a filter.
func ParseTest(use Use, text string, s *Substitutions) (*Test, error) {
	p, err := newParser(use, text, s)
	if err != nil {
		return nil, err
	}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	return &Test{root}, nil
}

// Attributes returns the names of the attributes that a condition refers to.
func (t *Test) Attributes() []string {
	var names []string
	walk(t.root, func(o operand) {
		if path, ok := o.(Path); ok {
			names = append(names, path.Attribute())
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// walk calls f for each operand of a condition.
func walk(n node, f func(operand)) {
	visit := func(operands ...operand) {
		for _, o := range operands {
			if s, ok := o.(size); ok {
				o = s.operand
			}
			f(o)
		}
	}
	switch n := n.(type) {
	case both:
		walk(n.left, f)
		walk(n.right, f)
	case either:
		walk(n.left, f)
		walk(n.right, f)
	case not:
		walk(n.inner, f)
	case comparison:
		visit(n.left, n.right)
	case between:
		visit(n.operand, n.low, n.high)
	case in:
		visit(append([]operand{n.operand}, n.list...)...)
	case predicate:
		visit(n.operands...)
	}
}

// whole reads a condition that is the whole text.
func (p *parser) whole() (node, error) {
	n, o, err := p.disjunction()
	if err == nil && n == nil && o != nil {
		err = p.syntax()
	}
	if err == nil {
		err = p.finish()
	}
	return n, err
}

// Each of the following functions reads a condition or, if brackets turn out to
// hold one, an operand.

func (p *parser) disjunction() (node, operand, error) {
	return p.chain("OR", p.conjunction, func(l, r node) node { return either{l, r} })
}

func (p *parser) conjunction() (node, operand, error) {
	return p.chain("AND", p.negation, func(l, r node) node { return both{l, r} })
}

func (p *parser) chain(keyword string, part func() (node, operand, error), join func(l, r node) node) (node, operand, error) {
	left, o, err := part()
	if err != nil || o != nil {
		return nil, o, err
	}
	for p.accept(keyword) {
		if err := p.operator(); err != nil {
			return nil, nil, err
		}
		right, o, err := part()
		if err != nil {
			return nil, nil, err
		}
		if o != nil {
			return nil, nil, p.syntax()
		}
		left = join(left, right)
	}
	return left, nil, nil
}

func (p *parser) negation() (node, operand, error) {
	if !p.accept("NOT") {
		return p.primary()
	}
	if err := p.operator(); err != nil {
		return nil, nil, err
	}
	inner, o, err := p.negation()
	if err != nil {
		return nil, nil, err
	}
	if o != nil {
		return nil, nil, p.syntax()
	}
	return not{inner}, nil, nil
}

// primary reads a condition without AND, OR and NOT.
func (p *parser) primary() (node, operand, error) {
	switch {
	case p.peek().is("("):
		redundant := p.at+1 < len(p.tokens) && p.tokens[p.at+1].is("(")
		start := p.at
		p.next()
		n, o, err := p.disjunction()
		if err != nil {
			return nil, nil, err
		}
		inner := p.at
		if err := p.expect(")"); err != nil {
			return nil, nil, err
		}
		if o != nil {
			return p.compare(o)
		}
		// The bracket behind the first one closes just before this one.
		if redundant && p.closes(start+1) == inner-1 {
			return nil, nil, p.use.invalid("The expression has redundant parentheses;")
		}
		return n, nil, nil
	case p.calls():
		name, operands, err := p.call()
		if err != nil {
			return nil, nil, err
		}
		if functions[name].conditions {
			n, err := p.predicate(name, operands)
			return n, nil, err
		}
		o, err := p.valueOf(name, operands)
		if err != nil {
			return nil, nil, err
		}
		return p.compare(o)
	default:
		o, err := p.operand()
		if err != nil {
			return nil, nil, err
		}
		return p.compare(o)
	}
}

// closes returns the index of the token that closes the bracket at an index.
func (p *parser) closes(open int) int {
	depth := 0
	for i := open; i < len(p.tokens); i++ {
		switch {
		case p.tokens[i].is("("):
			depth++
		case p.tokens[i].is(")"):
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

// compare reads what follows an operand. If a bracket follows, the operand
// stands in brackets.
func (p *parser) compare(left operand) (node, operand, error) {
	t := p.peek()
	switch {
	case t.is(")"):
		return nil, left, nil
	case t.kind == symbol && slices.Contains(comparators, t.text):
		p.next()
		if err := p.operator(); err != nil {
			return nil, nil, err
		}
		right, err := p.operand()
		if err != nil {
			return nil, nil, err
		}
		if err := p.distinct(t.text, left, right); err != nil {
			return nil, nil, err
		}
		if t.text != "=" && t.text != "<>" {
			if err := p.ordered(t.text, left, right); err != nil {
				return nil, nil, err
			}
		}
		return comparison{t.text, left, right}, nil, nil
	case p.accept("BETWEEN"):
		n, err := p.between(left)
		return n, nil, err
	case p.accept("IN"):
		n, err := p.in(left)
		return n, nil, err
	default:
		return nil, nil, p.syntax()
	}
}

// distinct refuses a comparison of a path with itself.
func (p *parser) distinct(name string, first operand, others ...operand) error {
	path, ok := first.(Path)
	if !ok {
		return nil
	}
	for _, o := range others {
		if other, ok := o.(Path); ok && slices.Equal(path, other) {
			return p.use.invalid("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", name, path)
		}
	}
	return nil
}

// ordered refuses values of types that have no order.
func (p *parser) ordered(name string, operands ...operand) error {
	for _, o := range operands {
		if l, ok := o.(literal); ok && !l.Kind().Scalar() {
			return p.operandType(name, l)
		}
	}
	return nil
}

func (p *parser) between(left operand) (node, error) {
	if err := p.operator(); err != nil {
		return nil, err
	}
	low, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.distinct("BETWEEN", left, low, high); err != nil {
		return nil, err
	}
	if err := p.ordered("BETWEEN", left, low, high); err != nil {
		return nil, err
	}
	l, isLow := low.(literal)
	h, isHigh := high.(literal)
	if isLow && isHigh {
		bounds := "lower bound operand: AttributeValue: " + l.Describe() + ", upper bound operand: AttributeValue: " + h.Describe()
		if l.Kind() != h.Kind() {
			return nil, p.use.invalid("The BETWEEN operator requires same data type for lower and upper bounds; %s", bounds)
		}
		if value.Compare(l.Value, h.Value) > 0 {
			return nil, p.use.invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; %s", bounds)
		}
	}
	return between{left, low, high}, nil
}

func (p *parser) in(left operand) (node, error) {
	if err := p.operator(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []operand
	for {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(list) > maxOperands {
		return nil, p.use.invalid("The IN operator is provided with too many operands; number of operands: %d", len(list))
	}
	if err := p.distinct("IN", left, list...); err != nil {
		return nil, err
	}
	return in{left, list}, nil
}

// predicate checks the operands of a function that is a condition.
func (p *parser) predicate(name string, operands []operand) (node, error) {
	_, isPath := operands[0].(Path)
	switch name {
	case "attribute_exists", "attribute_not_exists", "attribute_type":
		if !isPath {
			return nil, p.needsPath(name)
		}
	}
	switch name {
	case "attribute_type":
		l, ok := operands[1].(literal)
		if !ok {
			return nil, p.use.invalid("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", name, "{PATH}")
		}
		if l.Kind() != value.String {
			return nil, p.operandType(name, l)
		}
		if value.KindOf(l.Text()) == value.None {
			return nil, p.use.invalid("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", l.Text())
		}
	case "begins_with":
		for _, o := range operands {
			if l, ok := o.(literal); ok && l.Kind() != value.String && l.Kind() != value.Binary {
				return nil, p.operandType(name, l)
			}
		}
	}
	if len(operands) == 2 {
		if err := p.distinct(name, operands[0], operands[1]); err != nil {
			return nil, err
		}
	}
	return predicate{name, operands}, nil
}

type both struct{ left, right node }

func (b both) matches(item value.Item) bool { return b.left.matches(item) && b.right.matches(item) }

type either struct{ left, right node }

func (e either) matches(item value.Item) bool { return e.left.matches(item) || e.right.matches(item) }

type not struct{ inner node }

func (n not) matches(item value.Item) bool { return !n.inner.matches(item) }

type comparison struct {
	operator    string
	left, right operand
}

func (c comparison) matches(item value.Item) bool {
	l, okLeft := c.left.of(item)
	r, okRight := c.right.of(item)
	equal := okLeft && okRight && value.Equal(l, r)
	switch c.operator {
	case "=":
		return equal
	case "<>":
		// What does not exist is unlike everything.
		return !equal
	}
	if !okLeft || !okRight || l.Kind() != r.Kind() || !l.Kind().Scalar() {
		return false
	}
	return holds(c.operator, value.Compare(l, r))
}

// holds reports whether two values that compare as sign meet an operator.
func holds(operator string, sign int) bool {
	switch operator {
	case "=":
		return sign == 0
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	default:
		return sign >= 0
	}
}

type between struct{ operand, low, high operand }

func (b between) matches(item value.Item) bool {
	return comparison{">=", b.operand, b.low}.matches(item) && comparison{"<=", b.operand, b.high}.matches(item)
}

type in struct {
	operand operand
	list    []operand
}

func (i in) matches(item value.Item) bool {
	return slices.ContainsFunc(i.list, func(o operand) bool { return comparison{"=", i.operand, o}.matches(item) })
}

// A predicate is a function that is a condition.
type predicate struct {
	name     string
	operands []operand
}

func (f predicate) matches(item value.Item) bool {
	v, ok := f.operands[0].of(item)
	switch f.name {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	}
	argument, known := f.operands[1].of(item)
	if !ok || !known {
		return false
	}
	switch f.name {
	case "attribute_type":
		return v.Kind() == value.KindOf(argument.Text())
	case "begins_with":
		return v.Kind() == argument.Kind() && (v.Kind() == value.String || v.Kind() == value.Binary) && strings.HasPrefix(v.Text(), argument.Text())
	default: // contains
		if v.Kind() == value.String || v.Kind() == value.Binary {
			return v.Kind() == argument.Kind() && strings.Contains(v.Text(), argument.Text())
		}
		return v.Has(argument)
	}
}
