package executeapi

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Methods are the HTTP methods that a method or a route can have. ANY stands for all.
var Methods = []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

// A Path is the path of a route or a resource, with variables such as {id} and
// {proxy+}.
type Path struct {
	Text     string
	segments []segment
}

// A segment is a part of a path between slashes. It is a literal, or a variable for
// one segment or, if it is greedy, for all that follow.
type segment struct {
	text     string // or the name of the variable
	variable bool
	greedy   bool
}

var variableName = regexp.MustCompile(`^\{([a-zA-Z0-9._:-]+)(\+?)\}$`)

// ParsePath reads a path that begins with a slash.
func ParsePath(text string) (Path, error) {
	p := Path{Text: text}
	parts := strings.Split(strings.TrimPrefix(text, "/"), "/")
	seen := map[string]bool{}
	for i, part := range parts {
		s := segment{text: part}
		if m := variableName.FindStringSubmatch(part); m != nil {
			s = segment{text: m[1], variable: true, greedy: m[2] != ""}
			if seen[s.text] || s.greedy && i < len(parts)-1 {
				return Path{}, errors.New("a variable has a name of its own, and a greedy one is the last")
			}
			seen[s.text] = true
		} else if strings.ContainsAny(part, "{}") {
			return Path{}, errors.New("a variable is a whole segment of the path")
		}
		p.segments = append(p.segments, s)
	}
	return p, nil
}

// Same reports whether two paths match the same requests.
func (p Path) Same(other Path) bool {
	return slices.EqualFunc(p.segments, other.segments, func(a, b segment) bool {
		return a.variable == b.variable && a.greedy == b.greedy && (a.variable || a.text == b.text)
	})
}

// Match returns the variables of a request's path, which is in segments without
// escapes.
func (p Path) Match(path []string) (map[string]string, bool) {
	var variables map[string]string
	for i, s := range p.segments {
		if i >= len(path) || !s.variable && s.text != path[i] {
			return nil, false
		}
		if !s.variable {
			continue
		}
		value := path[i]
		if s.greedy {
			value = strings.Join(path[i:], "/")
		}
		// A variable does not match nothing.
		if value == "" {
			return nil, false
		}
		if variables == nil {
			variables = map[string]string{}
		}
		variables[s.text] = value
		if s.greedy {
			return variables, true
		}
	}
	return variables, len(path) == len(p.segments)
}

// rank says how early a segment is tried.
func (s segment) rank() int {
	switch {
	case s.greedy:
		return 2
	case s.variable:
		return 1
	default:
		return 0
	}
}

// Compare orders paths, the most specific first: full matches before those with a
// greedy variable, and literals before variables.
func (p Path) Compare(other Path) int {
	if c := cmp.Compare(p.class(), other.class()); c != 0 {
		return c
	}
	for i := range min(len(p.segments), len(other.segments)) {
		if c := cmp.Compare(p.segments[i].rank(), other.segments[i].rank()); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(other.segments), len(p.segments))
}

// class is 1 for a path with a greedy variable.
func (p Path) class() int {
	if slices.ContainsFunc(p.segments, func(s segment) bool { return s.greedy }) {
		return 1
	}
	return 0
}

// Split returns the segments of a request's path without their escapes.
func Split(escaped string) []string {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, part := range parts {
		// url.URL.EscapedPath only returns what can be unescaped.
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = text
		}
	}
	return parts
}
