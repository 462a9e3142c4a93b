// Package ordered has a map that is sorted by key: a B-tree in memory.
package ordered

import (
	"slices"
	"strings"
)

// degree is the smallest number of children of an inner node other than the
// root. A node has at most twice as many.
const degree = 32

// A Map holds values by key, in the order of the keys' bytes. The zero Map is
// empty. It may not be changed while it is in use elsewhere.
type Map[V any] struct {
	root *node[V]
	size int
}

type entry[V any] struct {
	key   string
	value V
}

type node[V any] struct {
	entries  []entry[V]
	children []*node[V] // nil for a leaf, otherwise one more than there are entries
}

// Len returns the number of keys.
func (m *Map[V]) Len() int { return m.size }

// find returns the place of a key in a node.
func (n *node[V]) find(key string) (int, bool) {
	return slices.BinarySearchFunc(n.entries, key, func(e entry[V], k string) int { return strings.Compare(e.key, k) })
}

// Get returns the value of a key.
func (m *Map[V]) Get(key string) (V, bool) {
	for n := m.root; n != nil; {
		i, found := n.find(key)
		if found {
			return n.entries[i].value, true
		}
		if n.children == nil {
			break
		}
		n = n.children[i]
	}
	var none V
	return none, false
}

const maxEntries = 2*degree - 1

// Set sets the value of a key. It returns the value that the key had.
func (m *Map[V]) Set(key string, value V) (V, bool) {
	if m.root == nil {
		m.root = &node[V]{}
	}
	if len(m.root.entries) == maxEntries {
		m.root = &node[V]{children: []*node[V]{m.root}}
		m.root.split(0)
	}
	n := m.root
	for {
		i, found := n.find(key)
		if found {
			return n.replace(i, value), true
		}
		if n.children == nil {
			n.entries = slices.Insert(n.entries, i, entry[V]{key, value})
			m.size++
			var none V
			return none, false
		}
		if len(n.children[i].entries) == maxEntries {
			n.split(i)
			switch c := strings.Compare(key, n.entries[i].key); {
			case c == 0:
				return n.replace(i, value), true
			case c > 0:
				i++
			}
		}
		n = n.children[i]
	}
}

func (n *node[V]) replace(i int, value V) V {
	old := n.entries[i].value
	n.entries[i].value = value
	return old
}

// split divides the full child i in two.
func (n *node[V]) split(i int) {
	left := n.children[i]
	middle := left.entries[degree-1]
	right := &node[V]{entries: slices.Clone(left.entries[degree:])}
	if left.children != nil {
		right.children = slices.Clone(left.children[degree:])
		clear(left.children[degree:])
		left.children = left.children[:degree]
	}
	clear(left.entries[degree-1:])
	left.entries = left.entries[:degree-1]
	n.entries = slices.Insert(n.entries, i, middle)
	n.children = slices.Insert(n.children, i+1, right)
}

// Delete removes a key. It returns the value that the key had.
func (m *Map[V]) Delete(key string) (V, bool) {
	if m.root == nil {
		var none V
		return none, false
	}
	old, found := m.root.remove(key)
	if len(m.root.entries) == 0 && m.root.children != nil {
		m.root = m.root.children[0]
	}
	if found {
		m.size--
	}
	return old, found
}

// remove removes a key below a node that has more than the smallest number of
// entries, or is the root.
func (n *node[V]) remove(key string) (V, bool) {
	i, found := n.find(key)
	if n.children == nil {
		if !found {
			var none V
			return none, false
		}
		old := n.entries[i].value
		n.entries = slices.Delete(n.entries, i, i+1)
		return old, true
	}
	if !found {
		return n.children[n.enrich(i)].remove(key)
	}
	old := n.entries[i].value
	switch left, right := n.children[i], n.children[i+1]; {
	case len(left.entries) >= degree:
		n.entries[i] = left.last()
		left.remove(n.entries[i].key)
	case len(right.entries) >= degree:
		n.entries[i] = right.first()
		right.remove(n.entries[i].key)
	default:
		n.merge(i)
		left.remove(key)
	}
	return old, true
}

func (n *node[V]) first() entry[V] {
	for n.children != nil {
		n = n.children[0]
	}
	return n.entries[0]
}

func (n *node[V]) last() entry[V] {
	for n.children != nil {
		n = n.children[len(n.children)-1]
	}
	return n.entries[len(n.entries)-1]
}

// enrich makes sure that an entry can be removed from child i, and returns the
// index that the child then has.
func (n *node[V]) enrich(i int) int {
	child := n.children[i]
	if len(child.entries) >= degree {
		return i
	}
	if i > 0 && len(n.children[i-1].entries) >= degree {
		left := n.children[i-1]
		end := len(left.entries) - 1
		child.entries = slices.Insert(child.entries, 0, n.entries[i-1])
		n.entries[i-1] = left.entries[end]
		left.entries = slices.Delete(left.entries, end, end+1)
		if left.children != nil {
			child.children = slices.Insert(child.children, 0, left.children[end+1])
			left.children = slices.Delete(left.children, end+1, end+2)
		}
		return i
	}
	if i < len(n.entries) && len(n.children[i+1].entries) >= degree {
		right := n.children[i+1]
		child.entries = append(child.entries, n.entries[i])
		n.entries[i] = right.entries[0]
		right.entries = slices.Delete(right.entries, 0, 1)
		if right.children != nil {
			child.children = append(child.children, right.children[0])
			right.children = slices.Delete(right.children, 0, 1)
		}
		return i
	}
	if i == len(n.entries) {
		i--
	}
	n.merge(i)
	return i
}

// merge makes one child of child i, the entry behind it and the next child.
func (n *node[V]) merge(i int) {
	left, right := n.children[i], n.children[i+1]
	left.entries = append(append(left.entries, n.entries[i]), right.entries...)
	left.children = append(left.children, right.children...)
	n.entries = slices.Delete(n.entries, i, i+1)
	n.children = slices.Delete(n.children, i+1, i+2)
}

// Ascend calls f with the keys from a key on, which need not be in the map,
// until f returns false.
func (m *Map[V]) Ascend(from string, f func(key string, value V) bool) {
	if m.root != nil {
		m.root.ascend(from, f)
	}
}

func (n *node[V]) ascend(from string, f func(string, V) bool) bool {
	i, found := n.find(from)
	if !found && n.children != nil && !n.children[i].ascend(from, f) {
		return false
	}
	for ; i < len(n.entries); i++ {
		if !f(n.entries[i].key, n.entries[i].value) {
			return false
		}
		// All keys there are greater than from.
		if n.children != nil && !n.children[i+1].ascend("", f) {
			return false
		}
	}
	return true
}

// Descend calls f with the keys below a key, which need not be in the map, from
// the greatest to the smallest, until f returns false.
func (m *Map[V]) Descend(below string, f func(key string, value V) bool) {
	if m.root != nil {
		m.root.descend(below, true, f)
	}
}

// DescendLast calls f with all keys, from the greatest to the smallest, until f
// returns false.
func (m *Map[V]) DescendLast(f func(key string, value V) bool) {
	if m.root != nil {
		m.root.descend("", false, f)
	}
}

func (n *node[V]) descend(below string, limited bool, f func(string, V) bool) bool {
	i := len(n.entries)
	if limited {
		i, _ = n.find(below)
	}
	if n.children != nil && !n.children[i].descend(below, limited, f) {
		return false
	}
	for i--; i >= 0; i-- {
		if !f(n.entries[i].key, n.entries[i].value) {
			return false
		}
		if n.children != nil && !n.children[i].descend("", false, f) {
			return false
		}
	}
	return true
}
