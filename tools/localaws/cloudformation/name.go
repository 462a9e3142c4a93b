package cloudformation

import "github.com/magewright/magewright/tools/localaws/cloudformation/template"

// named identifies a resource that a template names.
type named struct{ typ, name string }

// identity returns what identifies a resource, if its template names it.
func (s *Service) identity(r *record) (named, bool) {
	name, ok := r.values()[s.typeOf(r.typ).Identifier].(string)
	return named{r.typ, name}, ok && name != ""
}

// reserve claims the name of a resource until release is called, with the lock
// held. It returns an error if a stack already has a resource of that type and
// name.
func (op *operation) reserve(r *record) (release func(), err error) {
	s := op.service
	id, ok := s.identity(r)
	if !ok {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner, taken := s.owner(id); taken {
		return func() {}, &template.Error{Text: id.name + " already exists in stack " + owner}
	}
	s.names[id] = op.stack.id
	return func() { delete(s.names, id) }, nil
}

// owner returns the stack that has, or is just creating, a named resource. The
// caller holds the service's lock.
func (s *Service) owner(id named) (string, bool) {
	if stack, creating := s.names[id]; creating {
		return stack, true
	}
	for _, st := range s.stacks {
		for _, r := range st.owned {
			if r.typ != id.typ {
				continue
			}
			if other, ok := s.identity(r); ok && other == id {
				return st.id, true
			}
		}
	}
	return "", false
}
