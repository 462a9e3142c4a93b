package expression

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// The errors of updates that depend on the item.
const (
	errOperand = Error("An operand in the update expression has an incorrect data type")
	errMissing = Error("The provided expression refers to an attribute that does not exist in the item")
	errPath    = Error("The document path provided in the update expression is invalid for update")
)

// A Change is what an update expression says.
type Change struct {
	sets    []assignment
	adds    []addition
	deletes []addition
	removes []Path
	touched Selection
}

// An assignment is a part of SET.
type assignment struct {
	path Path
	from operand
}

// An addition is a part of ADD or DELETE.
type addition struct {
	path  Path
	value value.Value
}

// ParseUpdate reads an update.
func ParseUpdate(text string, s *Substitutions) (*Change, error) {
	p, err := newParser(Update, text, s)
	if err != nil {
		return nil, err
	}
	c := &Change{}
	sections := map[string]func() error{
		"SET":    func() error { return p.assignment(c) },
		"REMOVE": func() error { return p.removal(c) },
		"ADD":    func() error { return p.addition(c, "ADD", &c.adds) },
		"DELETE": func() error { return p.addition(c, "DELETE", &c.deletes) },
	}
	done := map[string]bool{}
	for p.peek().kind != endOfText {
		keyword := strings.ToUpper(p.peek().text)
		section := sections[keyword]
		if section == nil {
			return nil, p.syntax()
		}
		p.next()
		if done[keyword] {
			return nil, p.use.invalid("The %q section can only be used once in an update expression;", keyword)
		}
		done[keyword] = true
		for {
			if err := p.operator(); err != nil {
				return nil, err
			}
			if err := section(); err != nil {
				return nil, err
			}
			if !p.accept(",") {
				break
			}
		}
	}
	return c, nil
}

func (p *parser) assignment(c *Change) error {
	path, err := p.path()
	if err != nil {
		return err
	}
	if err := p.expect("="); err != nil {
		return err
	}
	from, err := p.operand()
	if err != nil {
		return err
	}
	if t := p.peek(); t.is("+") || t.is("-") {
		p.next()
		if err := p.operator(); err != nil {
			return err
		}
		right, err := p.operand()
		if err != nil {
			return err
		}
		for _, o := range []operand{from, right} {
			if l, ok := o.(literal); ok && l.Kind() != value.Number {
				return p.operandType(t.text, l)
			}
		}
		from = arithmetic{t.text, from, right}
	}
	c.sets = append(c.sets, assignment{path, from})
	return c.touched.add(Update, path)
}

func (p *parser) removal(c *Change) error {
	path, err := p.path()
	if err != nil {
		return err
	}
	c.removes = append(c.removes, path)
	return c.touched.add(Update, path)
}

func (p *parser) addition(c *Change, keyword string, to *[]addition) error {
	path, err := p.path()
	if err != nil {
		return err
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	if v.Kind().Element() == value.None && (keyword == "DELETE" || v.Kind() != value.Number) {
		return p.use.invalid("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND", keyword, longNames[v.Kind()], keyword)
	}
	*to = append(*to, addition{path, v})
	return c.touched.add(Update, path)
}

// longNames are the types in the messages about ADD and DELETE.
var longNames = map[value.Kind]string{
	value.String: "STRING", value.Number: "NUMBER", value.Binary: "BINARY", value.Bool: "BOOLEAN", value.Null: "NULL", value.List: "LIST", value.Map: "MAP",
}

// Attributes returns the names of the attributes that an update changes or may change.
func (c *Change) Attributes() []string {
	if c.touched.root == nil {
		return nil
	}
	return c.touched.Attributes()
}

// Touched returns the selection of what an update changes.
func (c *Change) Touched() *Selection {
	if c.touched.root == nil {
		return Select()
	}
	return &c.touched
}

// Apply returns the item as the update leaves it. All operands have the values
// from before the update. It returns an error, with DynamoDB's text, if the item
// does not fit the update.
func (c *Change) Apply(item value.Item) (value.Item, error) {
	values := make([]value.Value, len(c.sets))
	for i, set := range c.sets {
		v, err := evaluate(set.from, item)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	updated := maps.Clone(item)
	if updated == nil {
		updated = value.Item{}
	}
	// Elements past the end of a list are appended in the order of their indexes.
	order := make([]int, len(c.sets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return comparePaths(c.sets[a].path, c.sets[b].path) })
	for _, i := range order {
		if err := c.sets[i].path.put(updated, values[i]); err != nil {
			return nil, err
		}
	}
	for _, a := range c.adds {
		if err := a.add(updated); err != nil {
			return nil, err
		}
	}
	for _, a := range c.deletes {
		if err := a.remove(updated); err != nil {
			return nil, err
		}
	}
	// The last elements are removed first, so that the others keep their places.
	removes := slices.Clone(c.removes)
	slices.SortStableFunc(removes, func(a, b Path) int { return comparePaths(b, a) })
	for _, path := range removes {
		if err := path.remove(updated); err != nil {
			return nil, err
		}
	}
	return updated, nil
}

// comparePaths orders paths by their indexes.
func comparePaths(a, b Path) int {
	return slices.CompareFunc(a, b, func(x, y part) int { return cmp.Or(cmp.Compare(x.name, y.name), cmp.Compare(x.index, y.index)) })
}

// evaluate returns an operand's value, or an error if there is none.
func evaluate(o operand, item value.Item) (value.Value, error) {
	switch o := o.(type) {
	case arithmetic:
		return o.evaluate(item)
	case listAppend:
		return o.evaluate(item)
	case ifNotExists:
		if v, ok := o.path.get(item); ok {
			return v, nil
		}
		return evaluate(o.otherwise, item)
	default:
		v, ok := o.of(item)
		if !ok {
			return value.Value{}, errMissing
		}
		return v, nil
	}
}

type arithmetic struct {
	operator    string
	left, right operand
}

func (a arithmetic) evaluate(item value.Item) (value.Value, error) {
	left, err := evaluate(a.left, item)
	if err != nil {
		return value.Value{}, err
	}
	right, err := evaluate(a.right, item)
	if err != nil {
		return value.Value{}, err
	}
	if left.Kind() != value.Number || right.Kind() != value.Number {
		return value.Value{}, errOperand
	}
	if a.operator == "-" {
		return value.Subtract(left, right)
	}
	return value.Add(left, right)
}

func (a arithmetic) of(item value.Item) (value.Value, bool) { return succeeded(a.evaluate(item)) }

type listAppend struct{ left, right operand }

func (l listAppend) evaluate(item value.Item) (value.Value, error) {
	left, err := evaluate(l.left, item)
	if err != nil {
		return value.Value{}, err
	}
	right, err := evaluate(l.right, item)
	if err != nil {
		return value.Value{}, err
	}
	if left.Kind() != value.List || right.Kind() != value.List {
		return value.Value{}, errOperand
	}
	return value.NewList(slices.Concat(left.Elements(), right.Elements())), nil
}

func (l listAppend) of(item value.Item) (value.Value, bool) { return succeeded(l.evaluate(item)) }

type ifNotExists struct {
	path      Path
	otherwise operand
}

func (i ifNotExists) of(item value.Item) (value.Value, bool) { return succeeded(evaluate(i, item)) }

func succeeded(v value.Value, err error) (value.Value, bool) { return v, err == nil }

// change replaces the value at a path. f gets the present value, or false, and
// returns the new one, or false to remove it. Containers on the way are copied,
// because other attributes may share them. A container that is missing makes
// the path invalid.
func (p Path) change(item value.Item, f func(value.Value, bool) (value.Value, bool, error)) error {
	v, ok := item[p[0].name]
	changed, keep, err := changeBelow(p[1:], v, ok, f)
	if err != nil {
		return err
	}
	if keep {
		item[p[0].name] = changed
	} else {
		delete(item, p[0].name)
	}
	return nil
}

func changeBelow(rest Path, v value.Value, ok bool, f func(value.Value, bool) (value.Value, bool, error)) (value.Value, bool, error) {
	if len(rest) == 0 {
		return f(v, ok)
	}
	step := rest[0]
	if !ok || step.index < 0 && v.Kind() != value.Map || step.index >= 0 && v.Kind() != value.List {
		return value.Value{}, false, errPath
	}
	inner, has := step.of(v)
	changed, keep, err := changeBelow(rest[1:], inner, has, f)
	if err != nil {
		return value.Value{}, false, err
	}
	if step.index < 0 {
		item := maps.Clone(v.Item())
		if item == nil {
			item = value.Item{}
		}
		if keep {
			item[step.name] = changed
		} else {
			delete(item, step.name)
		}
		return value.NewMap(item), true, nil
	}
	list := slices.Clone(v.Elements())
	switch {
	case keep && has:
		list[step.index] = changed
	case keep:
		list = append(list, changed)
	case has:
		list = slices.Delete(list, step.index, step.index+1)
	}
	return value.NewList(list), true, nil
}

func (p Path) put(item value.Item, v value.Value) error {
	return p.change(item, func(value.Value, bool) (value.Value, bool, error) { return v, true, nil })
}

func (p Path) remove(item value.Item) error {
	return p.change(item, func(value.Value, bool) (value.Value, bool, error) { return value.Value{}, false, nil })
}

// add adds a number or the elements of a set.
func (a addition) add(item value.Item) error {
	return a.path.change(item, func(v value.Value, ok bool) (value.Value, bool, error) {
		switch {
		case !ok:
			return a.value, true, nil
		case v.Kind() != a.value.Kind():
			return value.Value{}, false, errOperand
		case v.Kind() == value.Number:
			total, err := value.Add(v, a.value)
			return total, true, err
		default:
			return value.NewSet(v.Kind(), slices.Concat(v.Elements(), a.value.Elements())), true, nil
		}
	})
}

// remove removes the elements of a set. A set that is then empty disappears.
func (a addition) remove(item value.Item) error {
	return a.path.change(item, func(v value.Value, ok bool) (value.Value, bool, error) {
		switch {
		case !ok:
			return value.Value{}, false, nil
		case v.Kind() != a.value.Kind():
			return value.Value{}, false, errOperand
		}
		var left []value.Value
		for _, e := range v.Elements() {
			if !a.value.Has(e) {
				left = append(left, e)
			}
		}
		return value.NewSet(v.Kind(), left), len(left) > 0, nil
	})
}
