package expression

import (
	"maps"
	"slices"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// A Selection is a set of paths. The parts of an item that they lead to can be
// taken out of it.
type Selection struct{ root *branch }

// A branch is what a selection has below a value. Without anything below, the
// value itself is selected.
type branch struct {
	path    Path // of the selected value, for messages
	names   map[string]*branch
	indexes map[int]*branch
}

func (b *branch) leaf() bool { return len(b.names) == 0 && len(b.indexes) == 0 }

// ParseProjection reads a projection.
func ParseProjection(text string, s *Substitutions) (*Selection, error) {
	p, err := newParser(Projection, text, s)
	if err != nil {
		return nil, err
	}
	var selected Selection
	for {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		if err := selected.add(Projection, path); err != nil {
			return nil, err
		}
		if !p.accept(",") {
			return &selected, p.finish()
		}
	}
}

// Select returns the selection of whole attributes.
func Select(attributes ...string) *Selection {
	root := &branch{names: map[string]*branch{}}
	for _, name := range attributes {
		root.names[name] = &branch{path: Path{{name: name, index: -1}}}
	}
	return &Selection{root}
}

// add adds a path. It refuses one that overlaps with an earlier one, and one
// that takes a value for a map that an earlier one takes for a list.
func (s *Selection) add(use Use, path Path) error {
	if s.root == nil {
		s.root = &branch{names: map[string]*branch{}}
	}
	b, fresh := s.root, false
	for i, step := range path {
		if i > 0 && !fresh && b.leaf() {
			return overlap(use, "overlap", b.path, path)
		}
		if i > 0 && (step.index < 0 && len(b.indexes) > 0 || step.index >= 0 && len(b.names) > 0) {
			return overlap(use, "conflict", b.any(), path)
		}
		next := b.next(step)
		fresh = next == nil
		if fresh {
			next = &branch{}
			b.set(step, next)
		}
		b = next
	}
	if !fresh {
		return overlap(use, "overlap", b.any(), path)
	}
	b.path = path
	return nil
}

func (b *branch) next(step part) *branch {
	if step.index < 0 {
		return b.names[step.name]
	}
	return b.indexes[step.index]
}

func (b *branch) set(step part, next *branch) {
	if step.index < 0 {
		if b.names == nil {
			b.names = map[string]*branch{}
		}
		b.names[step.name] = next
		return
	}
	if b.indexes == nil {
		b.indexes = map[int]*branch{}
	}
	b.indexes[step.index] = next
}

// any returns the first path below a branch.
func (b *branch) any() Path {
	for !b.leaf() {
		if len(b.names) > 0 {
			b = b.names[slices.Min(slices.Collect(maps.Keys(b.names)))]
		} else {
			b = b.indexes[slices.Min(slices.Collect(maps.Keys(b.indexes)))]
		}
	}
	return b.path
}

func overlap(use Use, how string, one, two Path) error {
	return use.invalid("Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", how, one, two)
}

// Of returns the selected parts of an item. A list has the selected elements
// only, in their order. A nil Selection selects everything.
func (s *Selection) Of(item value.Item) value.Item {
	if s == nil {
		return item
	}
	out, _ := s.root.ofItem(item)
	return out
}

func (b *branch) ofItem(item value.Item) (value.Item, bool) {
	out := value.Item{}
	for name, below := range b.names {
		if v, ok := item[name]; ok {
			if selected, ok := below.of(v); ok {
				out[name] = selected
			}
		}
	}
	return out, len(out) > 0
}

func (b *branch) of(v value.Value) (value.Value, bool) {
	switch {
	case b.leaf():
		return v, true
	case len(b.names) > 0:
		if v.Kind() != value.Map {
			return value.Value{}, false
		}
		item, ok := b.ofItem(v.Item())
		return value.NewMap(item), ok
	case v.Kind() != value.List:
		return value.Value{}, false
	}
	var elements []value.Value
	for _, index := range slices.Sorted(maps.Keys(b.indexes)) {
		if index >= len(v.Elements()) {
			break
		}
		if selected, ok := b.indexes[index].of(v.Elements()[index]); ok {
			elements = append(elements, selected)
		}
	}
	return value.NewList(elements), len(elements) > 0
}

// Attributes returns the names of the attributes that a selection leads into.
func (s *Selection) Attributes() []string { return slices.Sorted(maps.Keys(s.root.names)) }
